//! The grammar of `symbolon token` and `symbolon issuer`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::settings::Duration;

/// Tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Show a token's header and claims without trusting them.
    Inspect(TokenArguments),
    /// Check a token as the service would, and say which check fails: a session's, an access token of ours, or one of a
    /// trusted issuer.
    Verify(TokenArguments),
    /// Make an access token (RFC 9068) for a test, signed by this service's own key. It is written to the audit log that it was
    /// made, and nothing can take it back before it ends.
    Mint(MintArguments),
}

/// What a token that is made by hand is to say.
#[derive(Clone, Debug, Args)]
pub struct MintArguments {
    /// Whom it is about.
    #[arg(long, value_name = "TEXT")]
    pub subject: String,
    /// Whom it is for; `http.public_url` when it is not said.
    #[arg(long, value_name = "TEXT")]
    pub audience: Option<String>,
    /// A scope; as often as there are scopes.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Its life, such as 15m; at most 24h.
    #[arg(long, value_name = "DURATION", default_value = "15m")]
    pub expires_in: Duration,
}

/// Trusted issuers.
#[derive(Clone, Debug, Subcommand)]
pub enum IssuerCommand {
    /// List the issuers whose tokens are taken beside our own.
    List,
    /// Fetch an issuer's keys as the service would, and say what each may be used for. It need not be configured.
    Test {
        /// Its `iss`, such as `https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example`.
        issuer: String,
    },
}

/// Where a token is read from.
#[derive(Clone, Debug, Args)]
pub struct TokenArguments {
    /// The file that holds the token; without it, or as `-`, standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}
