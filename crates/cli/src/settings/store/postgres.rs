//! The URL of a PostgreSQL database, as libpq writes it. It may hold a password, so it is checked here by hand, in full
//! and before anything else sees it, and shown without it. Nothing is connected to from here.

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use symbolon_adapters::loopback::{is_loopback, is_socket};

use crate::settings::REDACTED;

/// A PostgreSQL URL that names a server and a database.
#[derive(Clone)]
pub struct PostgresUrl {
    full: SecretString,
    shown: String,
    host: String,
    encryption: Encryption,
}

/// What the URL asks of the connection's encryption (`sslmode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Nothing: then a server on another machine must have a certificate that names it.
    Unsaid,
    /// None, or only if the server wants it.
    Optional,
    /// Encrypted, to whoever answers.
    Unverified,
    /// Encrypted, to a server whose certificate is checked.
    Verified,
}

/// What is wrong with a PostgreSQL URL. It never repeats the URL, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPostgresUrl {
    /// Not of the general form.
    #[error("must be `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `?NAME=VALUE&…` if need be")]
    Form,
    /// Probably a password with characters that mean something in a URL.
    #[error(
        "cannot be told apart: write `@`, `/`, `?`, `#`, `%` and a space in a user or password as %40, %2F, %3F, %23, %25, %20"
    )]
    Ambiguous,
    /// No host.
    #[error(
        "names no server: write `postgres://…@HOST/…`, or `host=` after the `?` for a socket's directory"
    )]
    NoHost,
    /// No database.
    #[error("names no database: write `postgres://…/DATABASE`")]
    NoDatabase,
    /// The port is no number.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// A parameter that nobody reads.
    #[error("`{0}` is not a parameter of a PostgreSQL URL; there are: {known}", known = PARAMETERS.join(", "))]
    UnknownParameter(String),
    /// A parameter with a value that it cannot have.
    #[error("its parameter `{0}` must be {1}")]
    Value(&'static str, &'static str),
}

/// What the driver reads; it would pass over anything else.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
];

impl PostgresUrl {
    /// Checks the text and takes it over.
    ///
    /// # Errors
    /// See [`InvalidPostgresUrl`].
    pub(super) fn parse(text: String) -> Result<Self, InvalidPostgresUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidPostgresUrl::Form)?;
        let (before, query) =
            rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
        let (authority, database) = before.split_once('/').unwrap_or((before, ""));
        // An `@` further on comes of a password that holds one of `/?#`; nothing of it may be taken for a host.
        if query.unwrap_or_default().contains(['@', '#', '?'])
            || database.contains(['@', '#', '/'])
            || before.contains('#')
        {
            return Err(InvalidPostgresUrl::Ambiguous);
        }
        let (user, server) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if !user.is_none_or(is_escaped) {
            return Err(InvalidPostgresUrl::Ambiguous);
        }
        let server_host = host_of(server)?;
        let parameters = query.map(parameters).transpose()?.unwrap_or_default();
        let given =
            |name: &str| parameters.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let host = given("hostaddr").or(given("host")).unwrap_or(server_host).to_owned();
        if host.is_empty() {
            return Err(InvalidPostgresUrl::NoHost);
        }
        if database.is_empty() && given("dbname").is_none_or(str::is_empty) {
            return Err(InvalidPostgresUrl::NoDatabase);
        }
        let encryption = encryption(given("sslmode"));
        let shown = format!("{scheme}://{}{server}/{database}{}", shown_user(user), shown_query(&parameters));
        Ok(Self { shown, host, encryption, full: SecretString::from(text) })
    }

    /// The URL with its password, for the one place that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.full.expose_secret()
    }

    /// Whether the server is on this machine: a loopback address, `localhost`, or a socket's directory.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_loopback(&self.host) || is_socket(&self.host)
    }

    /// What the URL asks of the connection's encryption.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }
}

/// The host in front of a port, if there is one.
fn host_of(server: &str) -> Result<&str, InvalidPostgresUrl> {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let (host, port) = match server.rsplit_once(':') {
        // The last colon of an IPv6 address is followed by the closing bracket.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (server, None),
    };
    if !port.is_none_or(is_port) {
        return Err(InvalidPostgresUrl::Port);
    }
    let is_address = host.starts_with('[') && host.ends_with(']');
    let is_name = |character: char| character.is_ascii_alphanumeric() || "-._%".contains(character);
    if is_address || host.chars().all(is_name) { Ok(host) } else { Err(InvalidPostgresUrl::Form) }
}

/// Whether every `%` begins an escape and nothing stands there that needs one.
fn is_escaped(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        if !after.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return false;
        }
        rest = after;
    }
    !text.contains(['@', ' '])
}

fn parameters(query: &str) -> Result<Vec<(&'static str, &str)>, InvalidPostgresUrl> {
    let mut found = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(InvalidPostgresUrl::Form)?;
        let Some(known) = PARAMETERS.into_iter().find(|known| *known == name) else {
            // A name that is none may be a part of a password.
            let is_name = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte));
            return Err(if is_name {
                InvalidPostgresUrl::UnknownParameter(name.to_owned())
            } else {
                InvalidPostgresUrl::Form
            });
        };
        check_value(known, value)?;
        found.push((known, value));
    }
    Ok(found)
}

fn check_value(name: &'static str, value: &str) -> Result<(), InvalidPostgresUrl> {
    const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
    let wrong = |expected| Err(InvalidPostgresUrl::Value(name, expected));
    match name {
        "sslmode" if !MODES.contains(&value) => {
            wrong("disable, allow, prefer, require, verify-ca or verify-full")
        }
        "port" if !value.parse::<u16>().is_ok_and(|port| port > 0) => wrong("a number from 1 to 65535"),
        "statement-cache-capacity" if value.parse::<u16>().is_err() => wrong("a number"),
        "hostaddr" if value.parse::<IpAddr>().is_err() => wrong("an IP address"),
        _ if !is_escaped(value) => wrong("written with `%` as %25 and a space as %20"),
        _ => Ok(()),
    }
}

fn encryption(mode: Option<&str>) -> Encryption {
    match mode {
        None => Encryption::Unsaid,
        Some("require") => Encryption::Unverified,
        Some("verify-ca" | "verify-full") => Encryption::Verified,
        Some(_) => Encryption::Optional,
    }
}

fn shown_user(user: Option<&str>) -> String {
    match user.map(|user| user.split_once(':')) {
        None => String::new(),
        Some(Some((user, _))) => format!("{user}:{REDACTED}@"),
        Some(None) => format!("{}@", user.unwrap_or_default()),
    }
}

fn shown_query(parameters: &[(&str, &str)]) -> String {
    let show = |(name, value): &(&str, &str)| {
        // `options` goes to the server as it is, and may carry anything.
        let value = if matches!(*name, "password" | "options") { REDACTED } else { *value };
        format!("{name}={value}")
    };
    let shown: Vec<String> = parameters.iter().map(show).collect();
    if shown.is_empty() { String::new() } else { format!("?{}", shown.join("&")) }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgresUrl({})", self.shown)
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for PostgresUrl {}
