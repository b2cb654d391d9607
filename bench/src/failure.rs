//! Why nothing could be measured: one sentence. A goal that is missed is no failure.

use std::error::Error;

/// One sentence.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// What was wanted, or why it could not be had.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// For what is not there though it must be.
    pub(crate) fn missing(what: &str) -> Self {
        Self(format!("there is no {what}"))
    }
}

/// It is no `Error` itself, so that every error can become one.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self(text)
    }
}
