//! The grammar of `symbolon authorize`.

use std::path::PathBuf;

use clap::Args;

/// Which event to decide about.
#[derive(Clone, Debug, Args)]
pub struct AuthorizeArguments {
    /// The file that holds the event as JSON, or `-` for standard input: of a REST API's authorizer (`TOKEN` or `REQUEST`) or of
    /// an HTTP API's (payload 2.0).
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// Say besides how the answer came about.
    #[arg(long)]
    pub explain: bool,
}
