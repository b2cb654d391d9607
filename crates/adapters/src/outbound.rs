//! Asking other services over HTTP: with no redirects, and bounded in time and size (C57). What is asked, and what to make of
//! the answer, is the caller's.

use std::{error::Error, fmt, io, time::Duration};

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
    /// Its certificate is another's, has expired, or is from nobody whom this machine trusts.
    Certificate,
    /// It speaks no TLS, or none that we speak.
    Tls,
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
            Self::Certificate => formatter
                .write_str("its certificate is not trusted: look at who issued it, its dates and its names"),
            Self::Tls => formatter.write_str("TLS could not be agreed with it"),
            Self::Broken => formatter.write_str("its answer broke off or is no HTTP"),
            Self::Status(status) => write!(formatter, "it answered {status}"),
            Self::TooLong => formatter.write_str("its answer is longer than 256 KiB"),
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TooSlow;
        }
        match tls_fault(&error) {
            Some(rustls::Error::InvalidCertificate(_)) => Self::Certificate,
            Some(_) => Self::Tls,
            None if error.is_connect() => Self::Unreachable,
            None => Self::Broken,
        }
    }
}

/// What TLS has to say among the causes. What an [`io::Error`] was made of is not its `source`.
fn tls_fault(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<rustls::Error>() {
            return Some(fault);
        }
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn answer_from(url: &str) -> NoAnswer {
        let client = client(Duration::from_secs(20)).unwrap();
        send(client.get(url)).await.unwrap_err()
    }

    /// C57: who speaks no TLS is told apart from who is not there, and nothing of what was said is repeated.
    #[tokio::test]
    async fn a_server_without_tls_is_not_one_that_is_away() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 canary\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            // Who asks hangs up. What was not read before that would end the connection before its answer is there.
            drop(stream.read_to_end(&mut Vec::new()).await);
        });
        let why = answer_from(&url).await;
        assert!(matches!(why, NoAnswer::Tls), "{why:?}");
        assert_eq!(why.to_string(), "TLS could not be agreed with it");
        server.await.unwrap();
        // Its port is closed by now.
        let why = answer_from(&url).await;
        assert!(matches!(why, NoAnswer::Unreachable), "{why:?}");
    }
}
