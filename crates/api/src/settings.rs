//! What may be set about the HTTP face. Reading a configuration is not done here.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;

/// How requests are judged and answered.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The service's own origin: scheme, host and port, no slash at the end. Cookies are accepted from its pages.
    pub public_url: String,
    /// From these peers, and no others, `X-Forwarded-For` counts (C29).
    pub trusted_proxies: Vec<IpNet>,
    /// The other origins whose pages may call, with credentials (G9).
    pub allowed_origins: Vec<String>,
    /// How long a request may take, from its last header to its answer.
    pub request_timeout: Duration,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// Requests per source address; none where limits are off, which is in test mode only (G9).
    pub rate_limits: Option<RateLimits>,
}

impl HttpSettings {
    /// The defaults, for a service at this origin behind no proxy.
    #[must_use]
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            request_timeout: Duration::from_secs(10),
            body_limit: 64 * 1024,
            rate_limits: Some(RateLimits::default()),
        }
    }

    /// Do clients reach the service over TLS?
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// Requests per minute and source address (G9).
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Sign-ups begun.
    pub sign_up: u32,
    /// Sign-ins begun.
    pub sign_in: u32,
    /// Recoveries begun.
    pub recovery: u32,
    /// Codes shown or asked for.
    pub codes: u32,
    /// Tokens verified.
    pub verify: u32,
    /// Everything else.
    pub other: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { sign_up: 30, sign_in: 30, recovery: 30, codes: 30, verify: 600, other: 300 }
    }
}

/// How connections are held.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// How long a client may take to send a request's headers.
    pub header_timeout: Duration,
    /// How long a connection may stay idle between two requests.
    pub keep_alive: Duration,
    /// How long a stop waits for what is running (G4).
    pub shutdown_timeout: Duration,
    /// So many connections at once; further ones wait to be accepted.
    pub max_connections: u32,
    /// Connections are TLS, with this certificate; without it they are not.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(25),
            max_connections: 2_048,
            tls: None,
        }
    }
}
