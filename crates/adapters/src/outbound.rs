//! Asking other services over HTTP: with no redirects, and bounded in time and size (C57). What is asked, and what to make of
//! the answer, is the caller's.

use std::{fmt, time::Duration};

/// Longer answers are not read (Z4).
const LONGEST_ANSWER: usize = 256 * 1024;

/// There is no TLS to speak.
#[derive(Debug)]
pub(crate) struct NoTls;

/// Why there is no answer of use. It says nothing of what was answered.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It took longer than the client allows.
    TooSlow,
    /// Nobody is there.
    Unreachable,
    /// It ended before its end, or is no HTTP.
    Broken,
    /// It has another status than 200.
    Status(u16),
    /// It is longer than what is read.
    TooLong,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => formatter.write_str("it did not answer in time"),
            Self::Unreachable => formatter.write_str("it cannot be reached"),
            Self::Broken => formatter.write_str("its answer broke off or is no HTTP"),
            Self::Status(status) => write!(formatter, "it answered {status}"),
            Self::TooLong => formatter.write_str("its answer is longer than 256 KiB"),
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::TooSlow
        } else if error.is_connect() {
            Self::Unreachable
        } else {
            Self::Broken
        }
    }
}

/// A client whose requests end after so long.
pub(crate) fn client(timeout: Duration) -> Result<reqwest::Client, NoTls> {
    let built = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .user_agent("symbolon")
        .build();
    built.map_err(|_| NoTls)
}

/// The body of the answer to this request, which must be a 200.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Result<Vec<u8>, NoAnswer> {
    let mut answer = request.send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(NoAnswer::Status(answer.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(NoAnswer::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
