//! The grammar of `symbolon device-token`.

use clap::Subcommand;

use super::{PageArguments, TokenArguments};

/// Device tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum DeviceTokenCommand {
    /// List the device tokens of somebody that count, the newest first.
    List {
        /// An account's id or e-mail address; or, of somebody without an account here, `issuer|principal`.
        user: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageArguments,
    },
    /// Check a device token as the service would, and say why it does not count. It is read from standard input or a file,
    /// never from an argument.
    Verify {
        /// Where it is read from.
        #[command(flatten)]
        token: TokenArguments,
        /// The device that shows it.
        #[arg(long, value_name = "ID")]
        device_id: String,
    },
    /// End a device token, which gives its seat back.
    Revoke {
        /// The device token's id.
        device_token: String,
    },
}
