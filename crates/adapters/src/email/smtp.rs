//! E-mail through a mail server (M5): the same MIME as every carrier's, by SMTP submission (RFC 6409). TLS is never
//! opportunistic: it is there before the first credential and the first address, or nothing is sent. Bounces are not read.

use std::{borrow::Cow, fs, io, path::PathBuf, time::Duration};

use async_trait::async_trait;
use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
    extension::ClientId,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use symbolon_domain::outbox::{CarrierError, Email, EmailCarrier};

use self::{
    conversation::{Encryption, Server, within},
    pool::Pool,
};
use super::Sender;

mod conversation;
mod pool;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// It begins in clear and turns to TLS before anything is said (RFC 3207). A server that cannot gets nothing.
    StartTls,
    /// It is TLS from its first byte (RFC 8314).
    Implicit,
    /// It stays in clear: to this machine only, whatever the name resolves to.
    None,
}

/// Which mail server, and how.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// The name that its certificate must be for, or its address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The protection.
    pub tls: SmtpTls,
    /// With which name and password; without, the server must take mail from anybody who can reach it.
    pub login: Option<SmtpLogin>,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub authorities: Option<PathBuf>,
}

/// A name and a password.
#[derive(Clone)]
pub struct SmtpLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for SmtpLogin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SmtpLogin(redacted)")
    }
}

/// The carrier could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The file of certificates cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds no certificate that can be trusted.
    #[error("{} holds no certificate (PEM)", .0.display())]
    NoCertificate(PathBuf),
    /// The system's certificates cannot be used.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// For one of the few connections to be free.
    turn: Duration,
    /// For one address of the server to accept a connection.
    connect: Duration,
    /// For the answer to one command.
    command: Duration,
    /// For one message, from connecting to the server's last word.
    conversation: Duration,
}

const LIMITS: Limits = Limits {
    turn: Duration::from_secs(10),
    connect: Duration::from_secs(4),
    command: Duration::from_secs(10),
    conversation: Duration::from_secs(20),
};

/// Hands messages to a mail server, over a few connections that it keeps. No message takes longer than half a minute,
/// whatever the server does: much less than a lease, so that no other worker sends it meanwhile.
#[derive(Debug)]
pub struct SmtpCarrier {
    sender: Sender,
    server: Server,
    pool: Pool,
}

impl SmtpCarrier {
    /// A carrier. Nobody is connected to yet.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(options: SmtpOptions, sender: Sender) -> Result<Self, SmtpError> {
        Self::limited(options, sender, LIMITS)
    }

    fn limited(options: SmtpOptions, sender: Sender, limits: Limits) -> Result<Self, SmtpError> {
        let encryption = match options.tls {
            SmtpTls::StartTls => Encryption::StartTls(tls(&options)?),
            SmtpTls::Implicit => Encryption::Implicit(tls(&options)?),
            SmtpTls::None => Encryption::None,
        };
        let server = Server {
            host: options.host,
            port: options.port,
            encryption,
            credentials: options.login.map(|login| Credentials::new(login.username, login.password)),
            hello: hello(&sender),
            limits,
        };
        Ok(Self { sender, server, pool: Pool::default() })
    }

    /// Connects, says hello, authenticates, and takes its leave: whether mail would be taken, as far as that can be told
    /// without sending any.
    ///
    /// # Errors
    /// Why not; the text is a slug, as in [`CarrierError`].
    pub async fn check(&self) -> Result<(), Cow<'static, str>> {
        let checked = async {
            let conversation = self.server.connect().await?;
            conversation.quit().await;
            Ok(())
        };
        within(self.server.limits.conversation, checked).await.map_err(|error| match error {
            CarrierError::Transient(reason) | CarrierError::Permanent(reason) => reason,
        })
    }
}

#[async_trait]
impl EmailCarrier for SmtpCarrier {
    async fn send(&self, email: &Email) -> Result<(), CarrierError> {
        let message = self.sender.compose(email)?;
        let (envelope, content) = (message.envelope(), message.formatted());
        self.pool.send(&self.server, envelope, &content).await
    }
}

/// The sender's domain: it says nothing of this machine's name, which every recipient could read.
fn hello(sender: &Sender) -> ClientId {
    let domain = sender.domain();
    if domain.is_ascii() { ClientId::Domain(domain.to_owned()) } else { ClientId::default() }
}

fn tls(options: &SmtpOptions) -> Result<TlsParameters, SmtpError> {
    // The brackets of an IPv6 address are no part of the name on a certificate.
    let name = options.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut parameters = TlsParameters::builder(name);
    if let Some(path) = &options.authorities {
        for certificate in certificates(path)? {
            parameters = parameters.add_root_certificate(certificate);
        }
    }
    parameters.build().map_err(|error| SmtpError::Tls(Box::new(error)))
}

fn certificates(path: &PathBuf) -> Result<Vec<Certificate>, SmtpError> {
    let none = || SmtpError::NoCertificate(path.clone());
    let pem = fs::read(path).map_err(|source| SmtpError::Unreadable { path: path.clone(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|_| none())?;
    if found.is_empty() {
        return Err(none());
    }
    found.into_iter().map(|der| Certificate::from_der(der.to_vec()).map_err(|_| none())).collect()
}

#[cfg(test)]
mod tests;
