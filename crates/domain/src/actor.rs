//! Who acts, and from where: what every audit row and every decision starts from.

use std::net::IpAddr;

use crate::id::{AccountId, RequestId};

/// What an account may be asked to do (P1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May everything.
    Superuser,
    /// Administers accounts that are neither staff nor superuser.
    Staff,
    /// A signed-in person.
    Authenticated,
}

impl Role {
    /// Its name in tokens, stores and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superuser => "superuser",
            Self::Staff => "staff",
            Self::Authenticated => "authenticated",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Superuser, Self::Staff, Self::Authenticated].into_iter().find(|role| role.as_str() == name)
    }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody who has proved anything yet.
    Anonymous,
    /// A person, by their account.
    Account(AccountId),
    /// An operator at the command line.
    Operator,
    /// The service itself.
    System,
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The request's id (G1).
    pub request_id: RequestId,
    /// The caller's address, past trusted proxies; none at the command line.
    pub ip: Option<IpAddr>,
    /// The caller's `User-Agent`, at most [`Origin::MAX_USER_AGENT`] bytes of it.
    pub user_agent: Option<String>,
}

impl Origin {
    /// So much of a `User-Agent` is kept, in bytes.
    pub const MAX_USER_AGENT: usize = 256;
}
