//! `[messages.email.smtp]`: the mail server, for the carrier `smtp`.

use std::{fmt, net::IpAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_adapters::loopback::is_loopback;

use super::{Conflict, Secret};

/// A mail server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpSettings {
    /// Its name, which its certificate must be for, or its address. The carrier `smtp` needs it.
    pub host: Option<MailHost>,
    /// Its port. Not set: 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// The name to authenticate with. Not set: no authentication.
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// The password to authenticate with.
    #[schemars(length(min = 1))]
    pub password: Option<Secret>,
    /// A file of certificates (PEM) of authorities that are trusted beside the system's. Not set: the system's alone.
    #[schemars(length(min = 1))]
    pub ca: Option<PathBuf>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// It turns to TLS before anything is said; a server that cannot do that gets nothing.
    #[default]
    #[serde(rename = "starttls")]
    StartTls,
    /// It is TLS from its first byte.
    Implicit,
    /// It stays in clear, which is for a server on this machine only.
    None,
}

/// The name or address of a machine, checked in outline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct MailHost(String);

/// A text that is neither a name nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a host name or an IP address, without a port")]
pub struct InvalidMailHost;

impl MailHost {
    /// As it was written, without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this very machine: whatever else a name resolves to is not connected to in clear.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

impl fmt::Display for MailHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<MailHost> for String {
    fn from(host: MailHost) -> Self {
        host.0
    }
}

impl TryFrom<String> for MailHost {
    type Error = InvalidMailHost;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text);
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = (1..=253).contains(&bare.len()) && bare.bytes().all(is_letter);
        if is_name || bare.parse::<IpAddr>().is_ok() {
            Ok(Self(bare.to_owned()))
        } else {
            Err(InvalidMailHost)
        }
    }
}

impl SmtpSettings {
    /// The port that was said, or the one that is usual.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            TlsMode::StartTls => 587,
            TlsMode::Implicit => 465,
            TlsMode::None => 25,
        })
    }

    /// Whether the server is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.host.as_ref().is_some_and(MailHost::is_loopback)
    }

    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        match &self.host {
            None => {
                let message = "is not set, and `messages.email.carrier` is \"smtp\": name the mail server";
                let keys = &["messages.email.smtp.host", "messages.email.carrier"];
                found.push(Conflict::new(keys, message.to_owned()));
            }
            Some(host) if self.tls == TlsMode::None && !host.is_loopback() => {
                let message = format!(
                    "is \"none\", and `messages.email.smtp.host` ({host}) is another machine: codes would travel in \
                     clear; take \"starttls\" or \"implicit\""
                );
                found.push(Conflict::new(&["messages.email.smtp.tls", "messages.email.smtp.host"], message));
            }
            Some(_) => {}
        }
        let (set, missing): (&'static str, &'static [&'static str]) = match (&self.username, &self.password) {
            (Some(_), None) => {
                ("username", &["messages.email.smtp.password", "messages.email.smtp.username"])
            }
            (None, Some(_)) => {
                ("password", &["messages.email.smtp.username", "messages.email.smtp.password"])
            }
            _ => return,
        };
        let message = format!("is not set, and `messages.email.smtp.{set}` is: set both or none");
        found.push(Conflict::new(missing, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_without_a_port() {
        for (text, host) in [
            ("mail.example.com", "mail.example.com"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
        ] {
            assert_eq!(MailHost::try_from(text.to_owned()).unwrap().as_str(), host);
        }
        for text in ["", "mail.example.com:587", "smtp://mail", "a b", "[mail", "user@mail"] {
            assert_eq!(MailHost::try_from(text.to_owned()), Err(InvalidMailHost), "{text}");
        }
    }

    /// M5: only this very machine may be spoken to in clear.
    #[test]
    fn this_machine_is_told_from_others() {
        let is_loopback = |text: &str| MailHost::try_from(text.to_owned()).unwrap().is_loopback();
        for text in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"] {
            assert!(is_loopback(text), "{text}");
        }
        for text in ["localhost.example.com", "mail", "10.0.0.1", "::", "0.0.0.0", "127.0.0.1.example.com"] {
            assert!(!is_loopback(text), "{text}");
        }
    }
}
