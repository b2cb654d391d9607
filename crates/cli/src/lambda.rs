//! AWS Lambda: what is asked of a function, and what it is answered; and with the Cargo feature `lambda` the functions
//! themselves, `symbolon lambda api|authorizer|worker`. Lambda stops a process between two events, so nothing here runs by
//! itself (M7): what `symbolon serve` has workers for is done with each event, or by the function `worker` on a schedule.

use std::ffi::OsString;

pub mod answer;
#[cfg(feature = "lambda")]
mod api;
mod arn;
#[cfg(feature = "lambda")]
mod authorizer;
#[cfg(feature = "lambda")]
mod chores;
pub mod events;
#[cfg(feature = "lambda")]
mod failure;
mod glob;
#[cfg(feature = "lambda")]
pub mod http;
#[cfg(feature = "lambda")]
mod messages;
pub mod policy;
#[cfg(feature = "lambda")]
pub mod run;
#[cfg(feature = "lambda")]
mod worker;

pub use self::arn::MethodArn;

/// Where Lambda says where it gives out events; only it does.
pub(crate) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// The handler in the function's configuration.
const HANDLER: &str = "_HANDLER";

/// What the process is to do. Lambda starts the `bootstrap` of a function without arguments, and names the handler in a
/// variable.
pub(crate) fn arguments(
    mut given: Vec<OsString>,
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Vec<OsString> {
    if given.len() <= 1
        && variable(RUNTIME_API).is_some()
        && let Some(handler) = variable(HANDLER)
    {
        given.resize(1, "symbolon".into());
        given.extend(["lambda".into(), handler]);
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_LAMBDA: [(&str, &str); 2] = [(RUNTIME_API, "127.0.0.1:9001"), (HANDLER, "authorizer")];

    fn arguments_of(given: &[&str], variables: &[(&str, &str)]) -> Vec<OsString> {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        arguments(given.iter().map(OsString::from).collect(), variable)
    }

    #[test]
    fn the_handler_is_the_command_where_lambda_starts_the_program() {
        assert_eq!(
            arguments_of(&["/var/task/bootstrap"], &OF_LAMBDA),
            ["/var/task/bootstrap", "lambda", "authorizer"]
        );
        assert_eq!(arguments_of(&[], &OF_LAMBDA), ["symbolon", "lambda", "authorizer"]);
    }

    #[test]
    fn whoever_says_what_to_do_is_heard() {
        assert_eq!(arguments_of(&["symbolon", "doctor"], &OF_LAMBDA), ["symbolon", "doctor"]);
        assert_eq!(arguments_of(&["symbolon"], &[]), ["symbolon"]);
        assert_eq!(arguments_of(&["symbolon"], &[OF_LAMBDA[1]]), ["symbolon"]);
    }
}
