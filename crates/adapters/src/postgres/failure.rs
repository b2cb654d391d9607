//! Why a command failed, and what that means for it: try again, come back later, or tell the operator. What the engine
//! says is passed on without the values that it quotes in its details.

use std::io;

use symbolon_domain::store_error::StoreError;

use crate::store_fault::StoreFault;

/// Why a command or a query failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine refused, or the connection is gone.
    Engine(sqlx::Error),
    /// The same, of the commit: where the connection is gone nobody knows whether it was written.
    Commit(sqlx::Error),
    /// A column, as `table.column`, holds something else than what was written.
    Corrupt(&'static str),
    /// What was read changed before it was written.
    Contended,
    /// Too many wait for a connection, or every connection was taken for too long.
    Crowded,
    /// The server did not answer in time.
    Silent,
    /// The server takes no writes.
    ReadOnly,
    /// The store has been closed.
    Closed,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Engine(error)
    }
}

impl Failure {
    fn engine(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Engine(error) | Self::Commit(error) => Some(error),
            _ => None,
        }
    }

    fn code(&self) -> Option<String> {
        self.engine().and_then(code)
    }

    /// Did others get in the way, so that trying again will see what they did? Nothing was written.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Contended => true,
            // Serialization failure, deadlock; a row with the same key came in between.
            _ => matches!(self.code().as_deref(), Some("40001" | "40P01" | "23505")),
        }
    }

    /// Is the connection of no more use?
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::Silent => true,
            Self::Corrupt(_) | Self::Contended | Self::Crowded | Self::ReadOnly | Self::Closed => false,
            Self::Engine(error) | Self::Commit(error) => match error {
                sqlx::Error::Database(_) => self
                    .code()
                    .is_none_or(|code| code.starts_with("57P") || code.starts_with("08") || code == "25P03"),
                sqlx::Error::Encode(_) => false,
                _ => true,
            },
        }
    }

    /// Has the engine surely done nothing, because it never got the statement, or said so when it hung up?
    pub(super) fn never_reached(&self) -> bool {
        match self.engine() {
            // Only a write can fail in this way, and the last message of a statement is what makes it count.
            Some(sqlx::Error::Io(error)) => error.kind() == io::ErrorKind::BrokenPipe,
            // Shut down by an administrator, or idle for too long: said between two statements, or before the end.
            Some(sqlx::Error::Database(_)) => {
                matches!(self.code().as_deref(), Some("57P01" | "57P05" | "25P03"))
            }
            _ => false,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Corrupt(column) => Self::corrupt(column),
            Failure::Contended | Failure::Crowded => Self::Busy,
            Failure::Silent => Self::unavailable("the database does not answer"),
            Failure::ReadOnly => Self::unavailable("the database takes no writes"),
            Failure::Closed => Self::unavailable("the database has been closed"),
            Failure::Engine(error) | Failure::Commit(error) => match code(&error).as_deref() {
                // The last one: a lock that was not to be had in time.
                Some("40001" | "40P01" | "23505" | "55P03") => Self::Busy,
                Some("XX001" | "XX002") => Self::corrupt("the database is damaged"),
                _ => Self::unavailable(EngineError::from(error)),
            },
        }
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// What the engine or the way to it said, without the details in which it quotes values.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine's own words.
    #[error("{message} (SQLSTATE {code})")]
    Refused {
        /// The five characters that name the kind of error.
        code: String,
        /// The first line of what it says.
        message: String,
    },
    /// The server cannot be reached, or talks nonsense. What the library says has its cause in it already.
    #[error("{0}")]
    Connection(sqlx::Error),
    /// It took too long.
    #[error("the server does not answer")]
    Silent,
}

impl EngineError {
    /// What kind of thing it is, by PostgreSQL's error codes.
    pub(super) fn fault(&self) -> StoreFault {
        match self {
            Self::Silent => StoreFault::Unreachable,
            Self::Connection(sqlx::Error::Configuration(_)) => StoreFault::Address,
            Self::Connection(sqlx::Error::Tls(_)) => StoreFault::Certificate,
            // So the TLS library says that it does not like the certificate.
            Self::Connection(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                StoreFault::Certificate
            }
            Self::Connection(_) => StoreFault::Unreachable,
            Self::Refused { code, .. } => match code.as_str() {
                "25006" => StoreFault::ReadOnly,
                "3D000" => StoreFault::Missing,
                "42501" => StoreFault::Permission,
                "53100" => StoreFault::Full,
                "53300" => StoreFault::Crowded,
                "XX001" | "XX002" => StoreFault::Damaged,
                // Coming up, going down, waiting for a lock.
                "55P03" | "57014" | "57P01" | "57P02" | "57P03" => StoreFault::Busy,
                code if code.starts_with("28") => StoreFault::Credentials,
                code if code.starts_with("08") => StoreFault::Unreachable,
                _ => StoreFault::Other,
            },
        }
    }
}

impl From<sqlx::Error> for EngineError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            None => Self::Connection(error),
            Some(refusal) => Self::Refused {
                code: refusal.code().unwrap_or_default().into_owned(),
                message: refusal.message().to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: io::ErrorKind) -> Failure {
        Failure::Engine(sqlx::Error::Io(kind.into()))
    }

    #[test]
    fn only_what_was_never_sent_surely_did_nothing() {
        assert!(io(io::ErrorKind::BrokenPipe).never_reached());
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof, io::ErrorKind::TimedOut] {
            assert!(!io(kind).never_reached(), "{kind}");
            assert!(io(kind).ends_connection(), "{kind}");
        }
        assert!(!Failure::Silent.never_reached());
    }

    /// What the library says has its cause in it, which is not said again.
    #[test]
    fn a_failed_connection_is_explained_once() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = EngineError::from(sqlx::Error::Io(refused));
        assert_eq!(error.to_string(), "error communicating with database: connection refused");
        assert!(std::error::Error::source(&error).is_none());
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        let fault =
            |code: &str| EngineError::Refused { code: code.to_owned(), message: String::new() }.fault();
        for (code, expected) in [
            ("28P01", StoreFault::Credentials),
            ("28000", StoreFault::Credentials),
            ("3D000", StoreFault::Missing),
            ("42501", StoreFault::Permission),
            ("53100", StoreFault::Full),
            ("53300", StoreFault::Crowded),
            ("57P03", StoreFault::Busy),
            ("25006", StoreFault::ReadOnly),
            ("XX001", StoreFault::Damaged),
            ("42P01", StoreFault::Other),
        ] {
            assert_eq!(fault(code), expected, "{code}");
        }
        let connection = |kind: io::ErrorKind| EngineError::Connection(sqlx::Error::Io(kind.into())).fault();
        assert_eq!(connection(io::ErrorKind::ConnectionRefused), StoreFault::Unreachable);
        assert_eq!(connection(io::ErrorKind::InvalidData), StoreFault::Certificate);
    }

    /// C65: named by its column.
    #[test]
    fn an_unreadable_value_is_named_by_its_column() {
        let error = StoreError::from(Failure::Corrupt("accounts.id"));
        assert_eq!(error.to_string(), "the store holds something unreadable: accounts.id");
    }
}
