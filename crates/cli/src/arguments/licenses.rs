//! The grammar of `symbolon license`.

use clap::{Args, Subcommand};
use symbolon_domain::licenses::{License, Product};

use super::PageArguments;
use crate::settings::Duration;

/// Licences.
#[derive(Clone, Debug, Subcommand)]
pub enum LicenseCommand {
    /// Grant a licence: to an account, or to whoever has verified an address.
    Grant(GrantArguments),
    /// List licences, whatever has become of them, the newest first.
    List {
        /// Those that were granted to this account id or e-mail address only.
        #[arg(long)]
        subject: Option<String>,
        /// Which part of the list.
        #[command(flatten)]
        page: PageArguments,
    },
    /// End a licence before its time, and with it the device tokens that were given for it.
    Revoke {
        /// The licence's id.
        license: String,
    },
}

/// What to grant.
#[derive(Clone, Debug, Args)]
pub struct GrantArguments {
    /// To whom: an account's id, or an e-mail address, which needs no account yet.
    pub subject: String,
    /// For what: 1 to 64 visible ASCII characters.
    #[arg(long)]
    pub product: Product,
    /// For how long from now on, such as 30d.
    #[arg(long, value_name = "DURATION")]
    pub expires_in: Duration,
    /// On how many devices at a time; on any number when it is not said.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(License::MOST_SEATS)))]
    pub seats: Option<u32>,
    /// What its device tokens say besides; as often as there are entitlements.
    #[arg(long = "entitlement", value_name = "ENTITLEMENT")]
    pub entitlements: Vec<String>,
}
