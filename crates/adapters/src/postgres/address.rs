//! Where the server is, and how the way to it is secured: `store.url` as it is meant. The URL holds a password, so no
//! error shows any part of it but the names of its parameters.

use std::{env, net::IpAddr, str::FromStr as _};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

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
const SECURITY: [&str; 2] = ["sslmode", "ssl-mode"];

/// Why the URL is not one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// It does not begin with `postgres://` or `postgresql://`.
    #[error("it does not begin with postgres://")]
    Scheme,
    /// Not a parameter of a connection.
    #[error("it has an unknown parameter, {0:?}")]
    Parameter(String),
    /// Its parts do not fit together.
    #[error(transparent)]
    Malformed(sqlx::Error),
}

/// Reads a URL. A server that is neither on this machine nor named with an `sslmode` is only talked to over TLS, under
/// a certificate that names it.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, InvalidUrl> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(InvalidUrl::Scheme);
    }
    let names = || parameters(url);
    if let Some(unknown) = names().find(|name| !is_known(name)) {
        return Err(InvalidUrl::Parameter(unknown.to_owned()));
    }
    let mut options = PgConnectOptions::from_str(url).map_err(InvalidUrl::Malformed)?;
    let is_chosen = names().any(|name| SECURITY.contains(&name)) || env::var_os("PGSSLMODE").is_some();
    if !is_chosen && !is_local(&options) {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("symbolon");
    }
    Ok(options.disable_statement_logging())
}

/// The names of what stands behind the `?`.
fn parameters(url: &str) -> impl Iterator<Item = &str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}

fn is_known(name: &str) -> bool {
    PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B")
}

/// A socket in the file system, or this machine by any of its own names.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

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
