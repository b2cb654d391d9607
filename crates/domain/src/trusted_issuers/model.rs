//! Who is trusted, for what, and what one of their tokens says.

use std::{fmt, time::Duration};

use crate::{clock::Timestamp, identifiers::EmailAddress};

/// An issuer whose tokens are taken (Z1).
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// Who a token must be for: one of these in `aud`, or as `client_id` in an access token of Amazon Cognito.
    pub audiences: Vec<String>,
    /// The `token_use` that Cognito's tokens may have. Empty: the claim is not looked at.
    pub token_uses: Vec<TokenUse>,
    /// Where the claims are.
    pub claims: ClaimNames,
    /// Whether its e-mail addresses are taken for verified without its saying so.
    pub email_trusted: bool,
    /// How far its clock may be from ours.
    pub leeway: Duration,
}

/// What a token of Amazon Cognito is for: its `token_use`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// An access token, which has `client_id` for `aud` (C56).
    Access,
    /// An ID token.
    Id,
}

impl TokenUse {
    /// As the claim has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Id => "id",
        }
    }
}

/// The names of the claims that issuers name differently.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// Whom the token names.
    pub principal: String,
    /// Their groups, a list of texts.
    pub groups: String,
    /// Their scopes, a list of texts or one text with spaces between.
    pub scopes: String,
    /// Their e-mail address.
    pub email: String,
}

/// Somebody whom another issuer vouches for: never an account of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalSubject {
    /// Its `iss`.
    pub issuer: String,
    /// What it calls them.
    pub principal: String,
}

/// With a bar between, which no issuer has in its name and no account in its id.
impl fmt::Display for ExternalSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}|{}", self.issuer, self.principal)
    }
}

/// What a token of another issuer says, all of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// Whom.
    pub subject: ExternalSubject,
    /// Their scopes.
    pub scopes: Vec<String>,
    /// Their groups.
    pub groups: Vec<String>,
    /// How they proved themselves (RFC 8176).
    pub amr: Vec<String>,
    /// Their address, where the issuer vouches for it.
    pub verified_email: Option<EmailAddress>,
    /// `exp`.
    pub expires_at: Timestamp,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
}

/// Why a token of another issuer does not count. Each names the check, never the token.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum IssuerTokenFault {
    /// Longer than 16 KiB (C54).
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Not three parts of canonical base64url (C54).
    #[error("the token is not three parts of canonical base64url")]
    Format,
    /// No JSON object with `alg` and `kid`, a member is named twice, or an extension must be understood (`crit`).
    #[error("the header is malformed, has no `kid`, or wants an extension to be understood")]
    Header,
    /// `typ` says something else than an access or ID token.
    #[error("the token is of another type")]
    Type,
    /// No JSON object, a member is named twice, or one that is needed is missing or of another kind.
    #[error("the claims are incomplete or malformed")]
    Claims,
    /// `iss` is on no list.
    #[error("the issuer is not trusted")]
    Issuer,
    /// `kid` names none of the issuer's keys.
    #[error("the key is not one of the issuer's")]
    UnknownKey,
    /// `alg` is not on the issuer's list, or does not fit the key (C53).
    #[error("the algorithm is not one of the issuer's, or not the key's")]
    Algorithm,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// Neither `aud` nor, in a Cognito access token, `client_id` is on the list (C55, C56).
    #[error("the audience is not on the issuer's list")]
    Audience,
    /// `token_use` is not on the list (C56).
    #[error("`token_use` is not on the issuer's list")]
    TokenUse,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is yet to come.
    #[error("the token is not valid yet")]
    NotYetValid,
}

impl IssuerTokenFault {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Format => "format",
            Self::Header => "header",
            Self::Type => "wrong_type",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::TokenUse => "token_use",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
        }
    }
}

/// Why nothing is known of who shows a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IssuerTokenError {
    /// It does not count.
    #[error(transparent)]
    Fault(#[from] IssuerTokenFault),
    /// The keys of its issuer cannot be had: an outage, not a no.
    #[error("the keys of {issuer} cannot be had")]
    Unavailable {
        /// Whose.
        issuer: String,
    },
}
