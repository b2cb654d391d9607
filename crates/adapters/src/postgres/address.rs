//! Where the server is, and how the way to it is secured: `store.url` as it is meant. The URL holds a password, so no
//! error shows any part of it but the names of its parameters.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt as _, path::PathBuf, str::FromStr as _};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::loopback::{is_loopback, is_socket};

/// What may stand behind the `?`.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[",
];

/// The parameters that choose how the way to the server is secured.
const MODE: [&str; 2] = ["sslmode", "ssl-mode"];
/// Those that name the authorities which are believed.
const AUTHORITIES: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// Why the URL is not one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It does not begin with `postgres://` or `postgresql://`.
    #[error("it does not begin with postgres://")]
    Scheme,
    /// Not a parameter of a connection.
    #[error("it has an unknown parameter, {0:?}")]
    Parameter(String),
    /// An authority is named, and then nobody is asked for a certificate.
    #[error("sslrootcert has no effect with this sslmode: leave one of them out")]
    Unchecked,
    /// The file of `sslrootcert` has no certificate in it, or cannot be read.
    #[error("no certificate can be read from {} (sslrootcert)", .0.display())]
    Authority(PathBuf),
    /// Its parts do not fit together. What the library says has its cause in it already.
    #[error("{0}")]
    Malformed(sqlx::Error),
}

/// Reads a URL. A server that is neither on this machine nor named with an `sslmode` is only talked to over TLS, under
/// a certificate that names it; so is one whose authority is named. The environment changes nothing of that.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, InvalidUrl> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(InvalidUrl::Scheme);
    }
    let names = || parameters(url);
    if let Some(unknown) = names().find(|name| !is_known(name)) {
        return Err(InvalidUrl::Parameter(unknown.to_owned()));
    }
    let mut options = PgConnectOptions::from_str(url).map_err(InvalidUrl::Malformed)?;
    let is_chosen = names().any(|name| MODE.contains(&name));
    let authority = values(url).find(|(name, _)| AUTHORITIES.contains(name)).map(|(_, value)| value);
    if let Some(file) = authority {
        require_certificate(file)?;
    }
    options = match (is_chosen, authority.is_some()) {
        (true, false) => options,
        (true, true) => {
            let mode = checked(options.get_ssl_mode()).ok_or(InvalidUrl::Unchecked)?;
            options.ssl_mode(mode)
        }
        (false, false) if is_local(&options) => options.ssl_mode(PgSslMode::Prefer),
        (false, _) => options.ssl_mode(PgSslMode::VerifyFull),
    };
    if options.get_application_name().is_none() {
        options = options.application_name("symbolon");
    }
    Ok(options.disable_statement_logging())
}

/// Whoever names an authority wants the certificate checked, as libpq understands `require` too.
const fn checked(mode: PgSslMode) -> Option<PgSslMode> {
    match mode {
        PgSslMode::Require => Some(PgSslMode::VerifyCa),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => Some(mode),
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => None,
    }
}

/// The file is named here, and not by a library that only says "No such file or directory".
fn require_certificate(escaped: &str) -> Result<(), InvalidUrl> {
    let path = PathBuf::from(unescaped(escaped));
    match fs::read_to_string(&path) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => Ok(()),
        _ => Err(InvalidUrl::Authority(path)),
    }
}

/// `%2F` is `/`.
fn unescaped(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.split_at_checked(2).and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        match escape {
            Some((byte, after)) if first == b'%' => {
                bytes.push(byte);
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// The names of what stands behind the `?`.
fn parameters(url: &str) -> impl Iterator<Item = &str> {
    values(url).map(|(name, _)| name)
}

/// What stands behind the `?`, by name and value.
fn values(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn is_known(name: &str) -> bool {
    PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B")
}

/// A socket in the file system, or this machine by any of its own names.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some() || is_socket(host) || is_loopback(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the library says of a URL has its cause in it, which is not said again.
    #[test]
    fn a_malformed_url_is_explained_once() {
        let error = parse("postgres://localhost:port/symbolon").unwrap_err();
        assert_eq!(error.to_string(), "error with configuration: invalid port number");
        assert!(std::error::Error::source(&error).is_none());
    }

    fn mode(url: &str) -> String {
        format!("{:?}", parse(url).unwrap().get_ssl_mode())
    }

    /// What crosses a network is encrypted and goes to whom it should, unless the operator says otherwise.
    #[test]
    fn a_server_elsewhere_must_prove_who_it_is() {
        assert_eq!(mode("postgres://symbolon@db.example.org/symbolon"), "VerifyFull");
        assert_eq!(mode("postgresql://symbolon@10.0.0.7:5433/symbolon"), "VerifyFull");
        assert_eq!(mode("postgres://symbolon@db.example.org/symbolon?sslmode=disable"), "Disable");
        for local in ["localhost", "127.0.0.1", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://symbolon@{local}/symbolon")), "Prefer", "{local}");
        }
    }

    /// Whoever names an authority has certificates checked by it, on this machine too; a file that is none is named.
    #[test]
    fn an_authority_that_is_named_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca authority.pem");
        let url = |host: &str, mode: &str| {
            let path = file.display().to_string().replace(' ', "%20");
            format!("postgres://symbolon@{host}/symbolon?{mode}sslrootcert={path}")
        };
        assert!(matches!(parse(&url("localhost", "")), Err(InvalidUrl::Authority(path)) if path == file));
        fs::write(&file, "no certificate").unwrap();
        assert!(matches!(parse(&url("localhost", "")), Err(InvalidUrl::Authority(_))));
        fs::write(&file, "-----BEGIN CERTIFICATE-----").unwrap();
        assert_eq!(mode(&url("localhost", "")), "VerifyFull");
        assert_eq!(mode(&url("db.example.org", "")), "VerifyFull");
        assert_eq!(mode(&url("db.example.org", "sslmode=require&")), "VerifyCa");
        assert_eq!(mode(&url("localhost", "sslmode=verify-full&")), "VerifyFull");
        for weak in ["disable", "prefer", "allow"] {
            let refused = parse(&url("db.example.org", &format!("sslmode={weak}&")));
            assert!(matches!(refused, Err(InvalidUrl::Unchecked)), "{weak}");
        }
    }

    /// X13: no part of it may be a secret.
    #[test]
    fn what_is_wrong_with_a_url_is_told_without_showing_it() {
        let wrong = [
            "symbolon:hunter2@db/symbolon",
            "postgres://symbolon:hunter2@db:port/symbolon",
            "postgres://symbolon:hunter2@db/symbolon?sslmode=hunter",
            "postgres://symbolon@db/symbolon?pasword=hunter2",
        ];
        for url in wrong {
            let error = parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let error = parse("postgres://db/symbolon?pasword=hunter2").unwrap_err().to_string();
        assert_eq!(error, r#"it has an unknown parameter, "pasword""#);
    }
}
