//! Why there is no "yes".

use std::{fmt, time::Duration};

/// There can be no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Not a URL.
    #[error("`{0}` is no URL")]
    Url(String),
    /// Tokens would go over the network in the clear.
    #[error("`{0}` is neither https nor on this machine")]
    Insecure(String),
    /// There is no HTTP client.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
}

/// A token or key does not count, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It does not count.
    #[error("it does not count: {0}")]
    Inactive(Reason),
    /// It was verified as often as it may be for now.
    #[error("it was verified as often as it may be for now")]
    TooManyRequests {
        /// When it may be again.
        retry_after: Option<Duration>,
    },
    /// The service cannot be asked, or its keys cannot be fetched. This is no "no".
    #[error("the service cannot be asked: {0}")]
    Unavailable(String),
}

/// Why a token does not count: for logs, not for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Not a JWT, or not one as the service makes them.
    Malformed,
    /// A token of another kind.
    Type,
    /// Its key is none of the service's.
    UnknownKey,
    /// The signature does not fit.
    Signature,
    /// From somebody else.
    Issuer,
    /// For somebody else.
    Audience,
    /// It has expired.
    Expired,
    /// It does not count yet.
    NotYetValid,
    /// It is bound to addresses, and was shown from none of them, or from nobody knows where.
    Address,
    /// It lacks a scope.
    Scope,
    /// The service says so, and keeps the reason to itself.
    Refused,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "it is malformed",
            Self::Type => "it is of another kind",
            Self::UnknownKey => "its key is not known",
            Self::Signature => "the signature does not fit",
            Self::Issuer => "it is from another issuer",
            Self::Audience => "it is for another audience",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it does not count yet",
            Self::Address => "it is bound to other addresses",
            Self::Scope => "it lacks a scope",
            Self::Refused => "the service says so",
        })
    }
}
