//! As much of HTTP/1.1 as a load client needs: requests as bytes, answers with a `Content-Length`, and one blocking
//! connection. It is no client for anything else: it knows no chunks, no redirects and no TLS.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value as Json;

use crate::failure::{Failure, Outcome};

const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, in the buffer that it was read into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// Its body.
    pub(crate) body: &'a [u8],
    /// How many bytes it has with its head.
    pub(crate) length: usize,
}

impl<'a> Answer<'a> {
    /// The answer at the beginning of these bytes; none while it is not whole.
    pub(crate) fn read(bytes: &'a [u8]) -> Outcome<Option<Self>> {
        let Some(head) = position(bytes, b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default())?;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Failure("that is no answer of HTTP".to_owned()))?;
        let length = text.split("\r\n").skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let (start, length) = (head + 4, length.unwrap_or(0));
        Ok(bytes.get(start..start + length).map(|body| Self { status, body, length: start + length }))
    }

    /// Its body, which must come with this status.
    pub(crate) fn expect(&self, status: u16) -> Outcome<&'a [u8]> {
        if self.status == status {
            Ok(self.body)
        } else {
            let said = String::from_utf8_lossy(self.body);
            Err(Failure(format!("the answer is {} instead of {status}: {said}", self.status)))
        }
    }
}

/// Where `wanted` begins in `bytes`.
pub(crate) fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The text member `name` of a flat JSON object, without reading the rest: for texts that need no escapes.
pub(crate) fn text_member<'a>(json: &'a [u8], name: &str) -> Outcome<&'a str> {
    let start = format!("\"{name}\":\"");
    let found = position(json, start.as_bytes()).and_then(|at| {
        let rest = json.get(at + start.len()..)?;
        rest.get(..rest.iter().position(|byte| *byte == b'"')?)
    });
    Ok(std::str::from_utf8(found.ok_or_else(|| Failure(format!("the answer has no `{name}`")))?)?)
}

/// Writes a request with these headers, each `name: value` and its line end, and a body in JSON.
pub(crate) fn write_request(out: &mut Vec<u8>, method: &str, path: &str, headers: &str, body: &[u8]) {
    let length = body.len();
    let written = write!(
        out,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {length}\r\n\r\n"
    );
    // A vector takes all.
    drop(written);
    out.extend_from_slice(body);
}

/// The headers of whoever has a session.
pub(crate) fn credentials(access_token: &str, binding: &str) -> String {
    format!("Authorization: Bearer {access_token}\r\nSymbolon-Binding: {binding}\r\n")
}

/// One connection, which waits for each answer.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// To this address.
    pub(crate) fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request as it is and waits for its answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        loop {
            if Answer::read(&self.buffer)?.is_some() {
                break;
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err(Failure("the connection was closed before the answer".to_owned())),
                count => self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            }
        }
        Answer::read(&self.buffer)?.ok_or_else(|| Failure::missing("answer"))
    }

    /// Posts JSON, and reads the JSON that must come with this status.
    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &Json, status: u16) -> Outcome<Json> {
        let mut request = Vec::new();
        write_request(&mut request, "POST", path, headers, body.to_string().as_bytes());
        Ok(serde_json::from_slice(self.exchange(&request)?.expect(status)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: a\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 500";

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let answer = Answer::read(WHOLE).unwrap().unwrap();
        assert_eq!((answer.status, answer.body, answer.length), (200, &b"{}"[..], WHOLE.len() - 12));
        for end in [0, 20, WHOLE.len() - 13] {
            assert_eq!(Answer::read(&WHOLE[..end]).unwrap(), None, "{end}");
        }
    }

    #[test]
    fn an_answer_without_a_body_is_whole_after_its_head() {
        let answer = Answer::read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(answer.expect(204).is_ok() && answer.expect(200).is_err());
    }

    #[test]
    fn what_is_no_answer_is_a_failure() {
        assert!(Answer::read(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn a_member_is_found_by_its_name() {
        let json = br#"{"id":"a","refresh_token":"sym_rt_x","n":1}"#;
        assert_eq!(text_member(json, "refresh_token").unwrap(), "sym_rt_x");
        assert!(text_member(json, "token").is_err());
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let mut out = Vec::new();
        write_request(&mut out, "POST", "/a", "A: b\r\n", b"{}");
        let expected = "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nA: b\r\n\
                        Content-Length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
