//! The error that an invocation fails with. Lambda writes it into the function's log and hands it to whoever asked, so it says
//! one of a few fixed things: never what was shown, and never where in the program it was.

use std::fmt;

use lambda_runtime::Diagnostic;

/// Why an invocation has no answer. To API Gateway all of them but `Unauthorized` are a 500.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    kind: &'static str,
    message: &'static str,
}

impl Failure {
    /// The event is none that this function is for.
    pub(super) const EVENT: Self =
        Self { kind: "InvalidEvent", message: "the event is none that this function is for" };
    /// An outage, which is never a "no".
    pub(super) const OUTAGE: Self =
        Self { kind: "Unavailable", message: "there is no answer at present; the log says why" };

    /// What an authorizer fails with on purpose: API Gateway knows the text, and makes a 401 of it.
    pub(super) const fn of_authorizer(kind: &'static str, message: &'static str) -> Self {
        Self { kind, message }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: failure.kind.to_owned(), error_message: failure.message.to_owned() }
    }
}
