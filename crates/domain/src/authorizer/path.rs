//! The path of a request in the one form that routes and policies see (Z8).
//!
//! A proxy, this service and the service behind it each read the path for themselves, and what they read differently is how
//! a request gets past a rule (RFC 3986, section 7.3 and what CVEs on `..;/`, `%2f` and `//` tell). So the path is
//! decoded once, and one that could still be read in two ways is denied, rather than repaired.

use std::str::Split;

/// The longest path that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// A path that is read in one way only: begins with `/`, is decoded, and has no query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GatewayPath(String);

/// Why a path is denied whoever asks.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq, Hash)]
pub enum UnsafePath {
    /// It does not begin with `/`: a whole URI, `*`, or nothing.
    #[error("it does not begin with `/`")]
    NotAbsolute,
    /// Longer than 8 KiB.
    #[error("it is longer than 8 KiB")]
    TooLong,
    /// A `%` without two hexadecimal digits behind it, or bytes that are not UTF-8, overlong forms of `.` and `/` among
    /// them.
    #[error("its percent-encoding is malformed, or does not decode to UTF-8")]
    Encoding,
    /// What it decodes to would be decoded again by some.
    #[error("it is percent-encoded twice")]
    EncodedTwice,
    /// `/` or `\` in percent-encoding.
    #[error("it has an encoded slash or backslash")]
    EncodedSlash,
    /// A control character or one that some take for the end of a segment or of the path: `\`, `;`, `#`.
    #[error("it has a control character, `\\`, `;` or `#`")]
    Character,
    /// `//`.
    #[error("it has an empty segment")]
    EmptySegment,
    /// `.`, `..` or a segment that some shorten to one of them.
    #[error("it has a segment of dots or blanks")]
    DotSegment,
}

impl UnsafePath {
    /// Its slug in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAbsolute => "not_absolute",
            Self::TooLong => "too_long",
            Self::Encoding => "encoding",
            Self::EncodedTwice => "encoded_twice",
            Self::EncodedSlash => "encoded_slash",
            Self::Character => "character",
            Self::EmptySegment => "empty_segment",
            Self::DotSegment => "dot_segment",
        }
    }
}

impl GatewayPath {
    /// Reads the target of a request. What is behind its first `?` is not looked at.
    ///
    /// # Errors
    /// See [`UnsafePath`].
    pub fn parse(target: &str) -> Result<Self, UnsafePath> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        if path.len() > LONGEST {
            return Err(UnsafePath::TooLong);
        }
        if !path.starts_with('/') {
            return Err(UnsafePath::NotAbsolute);
        }
        let text = String::from_utf8(decode(path)?).map_err(|_| UnsafePath::Encoding)?;
        if text.chars().any(|letter| letter.is_control() || matches!(letter, '\\' | ';')) {
            return Err(UnsafePath::Character);
        }
        if would_decode_again(&text) {
            return Err(UnsafePath::EncodedTwice);
        }
        check_segments(&text)?;
        Ok(Self(text))
    }

    /// Decoded, so that a policy need not know how a client has encoded it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands between its slashes; the last one is empty where it ends with a slash.
    pub(super) fn segments(&self) -> Split<'_, char> {
        self.0.strip_prefix('/').unwrap_or(&self.0).split('/')
    }
}

fn decode(path: &str) -> Result<Vec<u8>, UnsafePath> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => match escaped(&mut bytes).ok_or(UnsafePath::Encoding)? {
                b'/' | b'\\' => return Err(UnsafePath::EncodedSlash),
                byte => byte,
            },
            // A fragment is never sent; encoded it is a character like others.
            b'#' => return Err(UnsafePath::Character),
            byte => byte,
        });
    }
    Ok(decoded)
}

/// The byte that two hexadecimal digits stand for.
fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).ok()
}

/// Is there a `%` left with two hexadecimal digits behind it?
fn would_decode_again(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let mut bytes = after.bytes();
        let mut is_digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_digit() && is_digit()
    })
}

fn check_segments(text: &str) -> Result<(), UnsafePath> {
    let mut segments = text.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() {
            if segments.peek().is_some() {
                return Err(UnsafePath::EmptySegment);
            }
        } else if segment.chars().all(|letter| letter == '.' || letter.is_whitespace()) {
            // Some cut dots and blanks off the end of a name, which makes `.. ` and `...` of use to an attacker.
            return Err(UnsafePath::DotSegment);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str) -> Result<String, UnsafePath> {
        GatewayPath::parse(target).map(|path| path.as_str().to_owned())
    }

    /// Z8: however it is encoded, a path is one path, and the query is no part of it.
    #[test]
    fn a_path_has_one_form() {
        for (target, path) in [
            ("/", "/"),
            ("/admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%61%64%6D%69%6e", "/admin"),
            ("/Admin", "/Admin"),
            ("/admin/", "/admin/"),
            ("/a?b=/../c", "/a"),
            ("/a?", "/a"),
            ("/a?b?c", "/a"),
            ("/a%3Fb", "/a?b"),
            ("/a%2Bb+c", "/a+b+c"),
            ("/a%20b", "/a b"),
            ("/%C3%A9", "/é"),
            ("/é", "/é"),
            ("/a.b/..c/d..", "/a.b/..c/d.."),
            ("/100%25", "/100%"),
            ("/100%25/x", "/100%/x"),
            ("/%7Ename", "/~name"),
        ] {
            assert_eq!(read(target).as_deref(), Ok(path), "{target}");
        }
    }

    /// Z8: what a proxy and the service behind it might read differently.
    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_denied() {
        use UnsafePath::{
            Character, DotSegment, EmptySegment, EncodedSlash, EncodedTwice, Encoding, NotAbsolute,
        };
        for (target, fault) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("?/a", NotAbsolute),
            ("a", NotAbsolute),
            ("http://example.org/a", NotAbsolute),
            ("%2Fa", NotAbsolute),
            ("/..", DotSegment),
            ("/../a", DotSegment),
            ("/a/../b", DotSegment),
            ("/a/..", DotSegment),
            ("/a/./b", DotSegment),
            ("/a/.", DotSegment),
            ("/a/%2e%2e/b", DotSegment),
            ("/a/%2E./b", DotSegment),
            ("/a/.%2e", DotSegment),
            ("/a/.../b", DotSegment),
            ("/a/..%20/b", DotSegment),
            ("/a/%20/b", DotSegment),
            ("/a/..?b", DotSegment),
            ("//", EmptySegment),
            ("//a", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
            ("/a%2fb", EncodedSlash),
            ("/a%2Fb", EncodedSlash),
            ("/a%5cb", EncodedSlash),
            ("/..%2f..%5Cb", EncodedSlash),
            ("/a\\b", Character),
            ("/a;b", Character),
            ("/a/..;/b", Character),
            ("/a%3Bb", Character),
            ("/a#b", Character),
            ("/a\nb", Character),
            ("/a\0", Character),
            ("/a%00", Character),
            ("/a%0d%0ab", Character),
            ("/a%7f", Character),
            ("/a%C2%85b", Character),
            ("/a%", Encoding),
            ("/a%2", Encoding),
            ("/a%zz", Encoding),
            ("/a%2?e", Encoding),
            ("/a%u002e", Encoding),
            ("/a%+1", Encoding),
            ("/%c0%ae%c0%ae/b", Encoding),
            ("/%c0%af", Encoding),
            ("/%e0%80%af", Encoding),
            ("/%ff", Encoding),
            ("/%252e%252e/b", EncodedTwice),
            ("/a%252fb", EncodedTwice),
            ("/a%25%32%66b", EncodedTwice),
            ("/a%25252fb", EncodedTwice),
        ] {
            assert_eq!(read(target), Err(fault), "{target:?}");
        }
    }

    /// Z8: 8 KiB, without the query.
    #[test]
    fn a_path_has_a_longest() {
        let longest = format!("/{}", "a".repeat(LONGEST - 1));
        assert!(read(&longest).is_ok());
        assert_eq!(read(&format!("{longest}a")), Err(UnsafePath::TooLong));
        assert!(read(&format!("{longest}?{longest}")).is_ok());
    }
}
