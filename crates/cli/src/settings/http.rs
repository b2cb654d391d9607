//! `[http]`: the public listener and its limits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AddressRange, Conflict, Duration, WebOrigin};

/// The public listener and its limits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port of the public listener; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The origin under which clients reach the service; also the `iss` of every token (RFC 7519 section 4.1.1) and
    /// the base of every link in a message.
    pub public_url: WebOrigin,
    /// Addresses and networks of the proxies whose forwarded headers count. From anyone else those headers are
    /// ignored.
    pub trusted_proxies: Vec<AddressRange>,
    /// TLS on the public listener.
    pub tls: TlsSettings,
    /// Which other origins' pages may call the service.
    pub cors: CorsSettings,
    /// How long one request may take, from its last header to the end of the answer.
    #[schemars(range(min = 1, max = 60))]
    pub request_timeout: Duration,
    /// How long a client may take to send its headers.
    #[schemars(range(min = 1, max = 60))]
    pub header_timeout: Duration,
    /// How long an idle connection is kept.
    #[schemars(range(min = 1, max = 3_600))]
    pub keep_alive: Duration,
    /// The largest request body, in bytes.
    #[schemars(range(min = 1_024, max = 1_048_576))]
    pub body_limit: u32,
    /// How long a stop waits for running requests.
    #[schemars(range(min = 1, max = 25))]
    pub shutdown_timeout: Duration,
}

/// TLS on the public listener. Without it something in front of the service must see to it, or nobody does.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and those that it was issued by, in PEM. It is read anew when the file changes.
    pub cert: Option<PathBuf>,
    /// Its private key in PEM, in a file that is not open to everybody.
    pub key: Option<PathBuf>,
}

/// Cross-origin requests (the Fetch standard's CORS protocol).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins whose pages may call the service, with credentials. Empty: none. There is no wildcard.
    pub allowed_origins: Vec<WebOrigin>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: WebOrigin::http("localhost", 8080),
            trusted_proxies: loopback(),
            tls: TlsSettings::default(),
            cors: CorsSettings::default(),
            request_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(60),
            body_limit: 64 * 1024,
            shutdown_timeout: Duration::from_secs(25),
        }
    }
}

impl HttpSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            let message = "one is set without the other: TLS needs a certificate and its key".to_owned();
            found.push(Conflict::new(&["http.tls.cert", "http.tls.key"], message));
        }
        if self.tls.cert.is_some() && !self.public_url.is_https() {
            let message = format!("is {}, and the listener speaks TLS: https:// it must be", self.public_url);
            found.push(Conflict::new(&["http.public_url", "http.tls.cert"], message));
        }
        if self.shutdown_timeout < self.request_timeout {
            found.push(Conflict::new(
                &["http.shutdown_timeout", "http.request_timeout"],
                format!(
                    "is {}, shorter than `http.request_timeout` ({}): a stop would cut off requests that still have time",
                    self.shutdown_timeout, self.request_timeout
                ),
            ));
        }
    }
}

fn loopback() -> Vec<AddressRange> {
    let version_4 = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    vec![IpNet::V4(version_4).into(), IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)).into()]
}
