//! The grammar of `symbolon api-key`.

use std::{net::IpAddr, path::PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use symbolon_domain::api_keys::{ApiKeyAddress, ApiKeyText};

use super::{PageArguments, TokenArguments};
use crate::settings::Duration;

/// API keys.
#[derive(Clone, Debug, Subcommand)]
pub enum ApiKeyCommand {
    /// Issue a key to an account, which must be allowed to have it. The key and its refresh token are shown this once.
    Issue(Box<IssueArguments>),
    /// List the keys of an account, the newest first.
    List {
        /// The account's id or e-mail address.
        account: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageArguments,
    },
    /// Check a key as the service would, and say why it does not count. It is read from standard input or a file, never
    /// from an argument.
    Verify(VerifyArguments),
    /// Take over keys of another system, each known by the SHA-256 of its whole text: a line of JSON each, such as
    /// {"sha256": "…", "account": "ada@example.org", "expires_at": "2027-01-01T00:00:00Z", "scopes": ["read"]}. Nothing is taken
    /// over when a line is wrong, and nothing twice.
    Import(ImportArguments),
    /// End one key, or every key of an account.
    #[command(group(ArgGroup::new("which").required(true).args(["key", "all_of"])))]
    Revoke {
        /// The key's id.
        key: Option<String>,
        /// Every key of this account: its id or e-mail address.
        #[arg(long, value_name = "ACCOUNT")]
        all_of: Option<String>,
    },
}

/// What a key is to say.
#[derive(Clone, Debug, Args)]
pub struct IssueArguments {
    /// Whose it is: an account's id or e-mail address.
    pub account: String,
    /// What issues it, in your words.
    #[arg(long, value_name = "TEXT")]
    pub issuer: ApiKeyText,
    /// For whom it is.
    #[arg(long, value_name = "TEXT")]
    pub audience: ApiKeyText,
    /// What it opens: the endpoint or resource.
    #[arg(long, value_name = "TEXT")]
    pub subject: ApiKeyText,
    /// The version of what it opens.
    #[arg(long, value_name = "TEXT")]
    pub subject_version: ApiKeyText,
    /// Its life, such as 15m; `api_keys.lifetime` when it is not said.
    #[arg(long, value_name = "DURATION")]
    pub expires_in: Option<Duration>,
    /// It counts only after so long.
    #[arg(long, value_name = "DURATION")]
    pub not_before: Option<Duration>,
    /// An address, or a range in CIDR notation, that it is bound to.
    #[arg(long, value_name = "ADDRESS")]
    pub ip_address: Option<ApiKeyAddress>,
    /// It gets no refresh token.
    #[arg(long, conflicts_with_all = ["refresh_expires_in", "refresh_not_before"])]
    pub not_refreshable: bool,
    /// The life of its refresh token; `api_keys.refresh_lifetime` when it is not said.
    #[arg(long, value_name = "DURATION")]
    pub refresh_expires_in: Option<Duration>,
    /// The refresh token counts only after so long.
    #[arg(long, value_name = "DURATION")]
    pub refresh_not_before: Option<Duration>,
    /// A scope; as often as there are scopes.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// What it is called in lists.
    #[arg(long)]
    pub name: Option<String>,
    /// So many verifications are allowed in each `--rate-window`.
    #[arg(long, value_name = "COUNT", requires = "rate_window", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_requests: Option<u32>,
    /// How long such a window is, up to a day.
    #[arg(long, value_name = "DURATION", requires = "rate_requests")]
    pub rate_window: Option<Duration>,
}

/// What to take over, and what verifications are to show where a line does not say it.
#[derive(Clone, Debug, Args)]
pub struct ImportArguments {
    /// The file; `-` for standard input.
    pub file: PathBuf,
    /// What issued the keys.
    #[arg(long, value_name = "TEXT")]
    pub issuer: Option<ApiKeyText>,
    /// For whom they are.
    #[arg(long, value_name = "TEXT")]
    pub audience: Option<ApiKeyText>,
    /// What they open: the endpoint or resource.
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<ApiKeyText>,
    /// The version of what they open.
    #[arg(long, value_name = "TEXT")]
    pub subject_version: Option<ApiKeyText>,
}

/// Which key, and what is expected of it.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// Where it is read from.
    #[command(flatten)]
    pub token: TokenArguments,
    /// For exactly this audience.
    #[arg(long, value_name = "TEXT")]
    pub audience: Option<String>,
    /// For exactly this subject.
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// For exactly this version.
    #[arg(long, value_name = "TEXT")]
    pub subject_version: Option<String>,
    /// Where it was shown from.
    #[arg(long, value_name = "ADDRESS")]
    pub ip_address: Option<IpAddr>,
    /// With this scope; as often as there are scopes.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Believe what the key says by itself: no revocation is looked for.
    #[arg(long)]
    pub stateless: bool,
}
