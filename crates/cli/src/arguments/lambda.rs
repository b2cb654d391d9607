//! The grammar of `symbolon lambda`.

use clap::Subcommand;

/// The functions of AWS Lambda. Lambda starts the program without arguments and names one of these as the handler, which is the
/// same as to name it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum LambdaCommand {
    /// Answer requests of an API Gateway or a function URL as `symbolon serve` answers them.
    Api,
    /// Decide for an API Gateway who may call what.
    Authorizer,
    /// Deliver messages that wait, tend the signing keys, delete what has expired: on a schedule.
    Worker,
}
