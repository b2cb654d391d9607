//! One connection to a mail server, step by step: the step at which a server says no decides what the no is about (M3).

use std::{
    borrow::Cow,
    error::Error as _,
    future::poll_fn,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::{Response, Severity},
    },
};
use symbolon_domain::outbox::CarrierError;
use tokio::{net::lookup_host, time::timeout};

use super::Limits;

/// How long a leave may take; nothing depends on it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Answers to a recipient or a message that are about us, our credentials or the conversation all the same (RFC 5321
/// section 4.2.3, RFC 4954 section 6, RFC 7504): somebody can mend that, so the message waits.
const ABOUT_THE_CONVERSATION: [u16; 9] = [500, 502, 503, 504, 521, 530, 534, 535, 538];

/// The protection of a connection.
pub(super) enum Encryption {
    StartTls(TlsParameters),
    Implicit(TlsParameters),
    None,
}

/// Whom to talk to, and how.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
    pub(super) limits: Limits,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Server({}:{})", self.host, self.port)
    }
}

/// A connection that is open, encrypted as it must be, and authenticated.
pub(super) struct Conversation {
    connection: AsyncSmtpConnection,
    limit: Duration,
}

/// What a negative answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The server, the connection, or us.
    Conversation,
    /// The recipient or the message.
    Message,
}

impl Server {
    /// Opens a conversation: nothing of a message has been said at its end.
    pub(super) async fn connect(&self) -> Result<Conversation, CarrierError> {
        let limit = self.limits.command;
        let addresses = within(limit, self.addresses()).await?;
        let wrapped = match &self.encryption {
            Encryption::Implicit(tls) => Some(tls.clone()),
            Encryption::StartTls(_) | Encryption::None => None,
        };
        let connecting = AsyncSmtpConnection::connect_tokio1(
            addresses.as_slice(),
            Some(self.limits.connect),
            &self.hello,
            wrapped,
            None,
        );
        let mut connection = step(limit, About::Conversation, Box::pin(connecting)).await?;
        if let Encryption::StartTls(tls) = &self.encryption {
            if !connection.can_starttls() {
                return Err(transient("smtp_no_starttls"));
            }
            let turning = Box::pin(connection.starttls(tls.clone(), &self.hello));
            step(limit, About::Conversation, turning).await?;
        }
        if let Some(credentials) = &self.credentials {
            let authenticating = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
            accepted(&step(limit, About::Conversation, authenticating).await?)?;
        }
        Ok(Conversation { connection, limit })
    }

    /// In clear only to this machine, whatever a name resolves to.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, CarrierError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let found = lookup_host((host, self.port)).await.map_err(|_| transient("smtp_host_not_found"))?;
        let mut addresses: Vec<_> = found.collect();
        if matches!(self.encryption, Encryption::None) {
            addresses.retain(|address| address.ip().is_loopback());
        }
        if addresses.is_empty() { Err(transient("smtp_host_not_found")) } else { Ok(addresses) }
    }
}

impl Conversation {
    /// Hands one message over. After an error the conversation is over too.
    pub(super) async fn send(&mut self, envelope: &Envelope, content: &[u8]) -> Result<(), CarrierError> {
        let options = self.options(envelope, content)?;
        let mail = Mail::new(envelope.from().cloned(), options);
        let said = step(self.limit, About::Conversation, self.connection.command(mail)).await?;
        accepted(&said)?;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            let said = step(self.limit, About::Message, self.connection.command(recipient)).await?;
            accepted(&said)?;
        }
        let said = step(self.limit, About::Message, self.connection.command(Data)).await?;
        if !said.has_code(354) {
            return Err(transient(slug(&said)));
        }
        // A server may look into the message before it answers. Giving up on it early would send the message twice, so
        // only the end of the conversation's time ends this wait.
        let said = self.connection.message(content).await.map_err(|error| fault(&error, About::Message))?;
        accepted(&said)
    }

    /// What the server must be able to do for this message (RFC 6152, RFC 6531).
    fn options(&self, envelope: &Envelope, content: &[u8]) -> Result<Vec<MailParameter>, CarrierError> {
        let can = |extension| self.connection.server_info().supports_feature(extension);
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        let mut options = Vec::new();
        if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
            if !can(Extension::SmtpUtfEight) {
                return Err(CarrierError::Permanent("smtp_no_smtputf8".into()));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !content.is_ascii() {
            if !can(Extension::EightBitMime) {
                return Err(CarrierError::Permanent("smtp_no_8bitmime".into()));
            }
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(options)
    }

    /// Is the other side still there?
    pub(super) async fn is_alive(&mut self) -> bool {
        timeout(FAREWELL, self.connection.test_connected()).await.unwrap_or(false)
    }

    /// Takes its leave, if the server will hear of it.
    pub(super) async fn quit(mut self) {
        drop(timeout(FAREWELL, self.connection.abort()).await);
    }
}

/// The work, or the end of patience. The library panics at some of what a server may say (a line of blanks in its answer to
/// a hello); that ends the conversation, and not the worker. Everything that the panic may have left in pieces goes with it.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, CarrierError>>,
) -> Result<T, CarrierError> {
    let mut work = pin!(work);
    let contained = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(transient("smtp_not_understood"))))
    });
    timeout(limit, contained).await.unwrap_or_else(|_| Err(transient("smtp_timeout")))
}

async fn step<T>(
    limit: Duration,
    about: About,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, CarrierError> {
    within(limit, async { work.await.map_err(|error| fault(&error, about)) }).await
}

/// Any 2xx is a yes (M3). A 3xx where none is due means that the two sides are out of step.
fn accepted(said: &Response) -> Result<(), CarrierError> {
    match said.code().severity {
        Severity::PositiveCompletion => Ok(()),
        _ => Err(transient(slug(said))),
    }
}

fn slug(said: &Response) -> String {
    format!("smtp_{}", said.code())
}

fn transient(reason: impl Into<Cow<'static, str>>) -> CarrierError {
    CarrierError::Transient(reason.into())
}

/// What an error means for the message. Nothing of the server's words is repeated: they may hold an address (M6).
fn fault(error: &Error, about: About) -> CarrierError {
    let Some(code) = error.status() else { return transient(reason(error)) };
    let reason = format!("smtp_{code}");
    let is_final = code.severity == Severity::PermanentNegativeCompletion
        && about == About::Message
        && !ABOUT_THE_CONVERSATION.contains(&u16::from(code));
    if is_final { CarrierError::Permanent(reason.into()) } else { transient(reason) }
}

/// Why there is no answer at all.
fn reason(error: &Error) -> &'static str {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return reason_of_io(io);
        }
        cause = inner.source();
    }
    if error.is_client() {
        // Of what is asked of it without a server's answer only the authentication can fail.
        return "smtp_no_auth";
    }
    let was_cut_off = error.source().is_some_and(|source| source.to_string() == "incomplete response");
    if was_cut_off { "smtp_interrupted" } else { "smtp_not_understood" }
}

fn reason_of_io(error: &io::Error) -> &'static str {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        let is_certificate = matches!(tls, rustls::Error::InvalidCertificate(_));
        return if is_certificate { "smtp_certificate" } else { "smtp_tls" };
    }
    match error.kind() {
        io::ErrorKind::TimedOut => "smtp_timeout",
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => "smtp_unreachable",
        io::ErrorKind::InvalidData => "smtp_not_understood",
        _ => "smtp_interrupted",
    }
}
