//! A mail server of our own: TLS with a certificate made for it, authentication, every kind of failure on demand, and
//! nothing lost of what it got. It knows no more of SMTP than a client of ours says.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mail_parser::MessageParser;
use symbolon::settings::{EmailCarrier, Mailbox, Secret, Settings, TlsMode};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::app::code_in;

/// The only name and password that it takes.
pub(crate) const USERNAME: &str = "symbolon";
/// See [`USERNAME`].
pub(crate) const PASSWORD: &str = "canary-of-the-mail-server";
/// Whom messages are from.
pub(crate) const SENDER: &str = "sign-in@symbolon.example";

/// Where in a conversation something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Greeting,
    Hello,
    StartTls,
    Authentication,
    Mail,
    Recipient,
    Data,
    Content,
}

/// What the server does in the place of what it should.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Answers with this line.
    Say(&'static str),
    /// Never answers.
    Stall,
    /// Closes the connection.
    HangUp,
    /// Says no more, and goes on listening: half of the connection is closed.
    HalfClose,
}

/// A message that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// From the envelope.
    pub(crate) from: String,
    /// From the envelope.
    pub(crate) to: String,
    /// As it came.
    pub(crate) raw: String,
    /// Whether it came over TLS.
    pub(crate) encrypted: bool,
    /// How its sender authenticated.
    pub(crate) authenticated_by: Option<String>,
}

impl Received {
    /// The code in its text.
    pub(crate) fn code(&self) -> String {
        code_in(&MessageParser::default().parse(&self.raw).unwrap().body_text(0).unwrap())
    }
}

/// A certificate and its key.
pub(crate) struct Identity {
    directory: TempDir,
    key: Vec<u8>,
    certificate: Vec<u8>,
}

impl Identity {
    /// Of a server with these names.
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (key, certificate) = (made.signing_key.serialize_der(), made.cert.der().to_vec());
        let write = |name: &str, text: String| {
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(directory.path().join(name));
            file.unwrap().write_all(text.as_bytes()).unwrap();
        };
        write("certificate.pem", pem("CERTIFICATE", &certificate));
        write("key.pem", pem("PRIVATE KEY", &key));
        Self { directory, key, certificate }
    }

    /// The file of its certificate.
    pub(crate) fn certificate(&self) -> String {
        self.directory.path().join("certificate.pem").display().to_string()
    }

    /// The file of its key.
    pub(crate) fn key(&self) -> String {
        self.directory.path().join("key.pem").display().to_string()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![self.certificate.clone().into()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

struct State {
    tls: TlsMode,
    acceptor: TlsAcceptor,
    mechanisms: &'static str,
    fault: Mutex<Option<(Step, Does)>>,
    mail: Mutex<Vec<Received>>,
    /// Every line that came before TLS.
    in_clear: Mutex<Vec<String>>,
    stalled: Mutex<usize>,
}

/// The server.
pub(crate) struct MailServer {
    port: u16,
    identity: Identity,
    state: Arc<State>,
    /// Bound and not listened on: the server is down.
    socket: Mutex<Option<TcpSocket>>,
}

impl MailServer {
    /// A server that is up, and that behaves.
    pub(crate) fn start(tls: TlsMode) -> Self {
        Self::with(tls, Identity::of(&["localhost"]), "PLAIN LOGIN")
    }

    /// A server with this certificate and these mechanisms of authentication.
    pub(crate) fn with(tls: TlsMode, identity: Identity, mechanisms: &'static str) -> Self {
        let server = Self::down(tls, identity, mechanisms);
        server.comes_up();
        server
    }

    /// A server whose port refuses connections.
    pub(crate) fn down(tls: TlsMode, identity: Identity, mechanisms: &'static str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let state = State {
            tls,
            acceptor: identity.acceptor(),
            mechanisms,
            fault: Mutex::default(),
            mail: Mutex::default(),
            in_clear: Mutex::default(),
            stalled: Mutex::default(),
        };
        Self { port, identity, state: Arc::new(state), socket: Mutex::new(Some(socket)) }
    }

    /// From now on it takes connections.
    pub(crate) fn comes_up(&self) {
        let listener = self.socket.lock().unwrap().take().unwrap().listen(64).unwrap();
        tokio::spawn(accept(listener, Arc::clone(&self.state)));
    }

    /// From now on it fails so.
    pub(crate) fn fails(&self, at: Step, does: Does) {
        *self.state.fault.lock().unwrap() = Some((at, does));
    }

    /// From now on it behaves.
    pub(crate) fn behaves(&self) {
        *self.state.fault.lock().unwrap() = None;
    }

    /// What it got, oldest first.
    pub(crate) fn mail(&self) -> Vec<Received> {
        self.state.mail.lock().unwrap().clone()
    }

    /// What was said to it before TLS, line by line.
    pub(crate) fn heard_in_clear(&self) -> Vec<String> {
        self.state.in_clear.lock().unwrap().clone()
    }

    /// Until somebody waits for an answer that never comes.
    pub(crate) async fn has_stalled(&self) {
        for _ in 0..2_000 {
            if *self.state.stalled.lock().unwrap() > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody came");
    }

    /// The settings with which mail goes there.
    pub(crate) fn settings(&self) -> impl FnOnce(&mut Settings) + use<> {
        let (port, tls, ca) = (self.port, self.state.tls, self.identity.certificate());
        move |settings| {
            let email = &mut settings.messages.email;
            email.carrier = EmailCarrier::Smtp;
            email.from = Mailbox::try_from(format!("Symbolon <{SENDER}>")).unwrap();
            email.smtp.host = Some("localhost".to_owned().try_into().unwrap());
            email.smtp.port = Some(port);
            email.smtp.tls = tls;
            email.smtp.username = Some(USERNAME.to_owned());
            email.smtp.password = Some(Secret::from(PASSWORD.to_owned()));
            email.smtp.ca = Some(ca.into());
        }
    }

    /// The environment with which mail goes there.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let tls = match self.state.tls {
            TlsMode::StartTls => "starttls",
            TlsMode::Implicit => "implicit",
            TlsMode::None => "none",
        };
        [
            ("CARRIER", "smtp"),
            ("FROM", SENDER),
            ("SMTP__HOST", "localhost"),
            ("SMTP__PORT", &self.port.to_string()),
            ("SMTP__TLS", tls),
            ("SMTP__USERNAME", USERNAME),
            ("SMTP__PASSWORD", PASSWORD),
            ("SMTP__CA", &self.identity.certificate()),
        ]
        .into_iter()
        .map(|(name, value)| (format!("SYMBOLON_MESSAGES__EMAIL__{name}"), value.to_owned()))
        .collect()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut conversation = Conversation::new(stream, state).await?;
            conversation.run().await
        });
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

struct Conversation {
    wire: BufReader<Box<dyn Wire>>,
    state: Arc<State>,
    encrypted: bool,
    authenticated_by: Option<String>,
    from: String,
    to: String,
}

impl Conversation {
    /// None when the other side did not like our certificate.
    async fn new(stream: TcpStream, state: Arc<State>) -> Option<Self> {
        let encrypted = state.tls == TlsMode::Implicit;
        let wire: Box<dyn Wire> =
            if encrypted { Box::new(state.acceptor.accept(stream).await.ok()?) } else { Box::new(stream) };
        let (from, to) = (String::new(), String::new());
        Some(Self { wire: BufReader::new(wire), state, encrypted, authenticated_by: None, from, to })
    }

    /// None at its end.
    async fn run(&mut self) -> Option<()> {
        self.answer(Step::Greeting, "220 here").await?;
        loop {
            let line = self.line().await?;
            let command = line.split_whitespace().next().unwrap_or_default().to_uppercase();
            match command.as_str() {
                "EHLO" => self.hello().await?,
                "STARTTLS" => self.start_tls().await?,
                "AUTH" => self.authenticate(&line).await?,
                "QUIT" => return None,
                "NOOP" => self.say("250 fine").await?,
                _ if self.authenticated_by.is_none() => self.say("530 who are you").await?,
                "MAIL" => {
                    self.from = address_in(&line);
                    self.answer(Step::Mail, "250 fine").await?;
                }
                "RCPT" => {
                    self.to = address_in(&line);
                    self.answer(Step::Recipient, "250 fine").await?;
                }
                "DATA" => self.take_message().await?,
                _ => self.say("502 what").await?,
            }
        }
    }

    async fn hello(&mut self) -> Option<()> {
        let offers_tls = self.state.tls == TlsMode::StartTls && !self.encrypted;
        let starttls = if offers_tls { "250-STARTTLS\r\n" } else { "" };
        let answer = format!("250-here\r\n{starttls}250-8BITMIME\r\n250 AUTH {}", self.state.mechanisms);
        self.answer(Step::Hello, &answer).await
    }

    async fn start_tls(&mut self) -> Option<()> {
        self.answer(Step::StartTls, "220 go on").await?;
        let (end, _) = tokio::io::duplex(1);
        let in_clear = std::mem::replace(&mut self.wire, BufReader::new(Box::new(end))).into_inner();
        let wire = self.state.acceptor.accept(in_clear).await.ok()?;
        self.wire = BufReader::new(Box::new(wire));
        self.encrypted = true;
        Some(())
    }

    async fn authenticate(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = match words.as_slice() {
            ["AUTH", "PLAIN", initial] => decoded(initial),
            ["AUTH", "LOGIN"] => {
                self.say("334 VXNlcm5hbWU6").await?;
                let username = decoded(&self.line().await?);
                self.say("334 UGFzc3dvcmQ6").await?;
                format!("\0{username}\0{}", decoded(&self.line().await?))
            }
            _ => return self.say("504 how").await,
        };
        if said != format!("\0{USERNAME}\0{PASSWORD}") {
            return self.say("535 no").await;
        }
        self.answer(Step::Authentication, "235 welcome").await?;
        self.authenticated_by = Some(words[1].to_owned());
        Some(())
    }

    async fn take_message(&mut self) -> Option<()> {
        self.answer(Step::Data, "354 go on").await?;
        let mut raw = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
            raw.push_str("\r\n");
        }
        // Whoever says no, or is silent, has not taken it; one whose yes gets lost has.
        let is_taken = !matches!(self.fault(Step::Content), Some(Does::Say(_) | Does::Stall));
        if is_taken {
            let (from, to) = (self.from.clone(), self.to.clone());
            let authenticated_by = self.authenticated_by.clone();
            let received = Received { from, to, raw, encrypted: self.encrypted, authenticated_by };
            self.state.mail.lock().unwrap().push(received);
        }
        self.answer(Step::Content, "250 taken").await
    }

    fn fault(&self, at: Step) -> Option<Does> {
        let fault = *self.state.fault.lock().unwrap();
        fault.filter(|(step, _)| *step == at).map(|(_, does)| does)
    }

    /// Answers as it should, or as it was told to fail. Whoever said no to something has not agreed to it: the
    /// conversation goes on with the next command only where that does no harm.
    async fn answer(&mut self, at: Step, answer: &str) -> Option<()> {
        match self.fault(at) {
            None => self.say(answer).await,
            Some(Does::Say(line)) => {
                self.say(line).await?;
                while self.line().await? != "QUIT" {}
                None
            }
            Some(Does::Stall) => {
                *self.state.stalled.lock().unwrap() += 1;
                std::future::pending().await
            }
            Some(Does::HangUp) => None,
            Some(Does::HalfClose) => {
                self.wire.get_mut().shutdown().await.ok()?;
                while self.line().await.is_some() {}
                None
            }
        }
    }

    async fn say(&mut self, line: &str) -> Option<()> {
        let wire = self.wire.get_mut();
        wire.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
        wire.flush().await.ok()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        if self.wire.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        if !self.encrypted {
            self.state.in_clear.lock().unwrap().push(line.clone());
        }
        Some(line)
    }
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn address_in(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

fn decoded(text: &str) -> String {
    String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap()
}
