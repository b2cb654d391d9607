//! What a mail server says (SMTP, RFC 5321), and to whom it is said: the first line is the recipient's address, the rest
//! the whole of the server's side of the conversation. The carrier ends, whatever it hears.

use std::{sync::LazyLock, time::Duration};

use symbolon_adapters::email::{Sender, SmtpCarrier, SmtpLogin, SmtpOptions, SmtpTls};
use symbolon_domain::{
    id::MessageId,
    outbox::{Email, EmailCarrier as _, RenderedText},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
    time::timeout,
};

use super::noon;

const PATIENCE: Duration = Duration::from_secs(5);

static RUNTIME: LazyLock<(Runtime, TcpListener)> = LazyLock::new(|| {
    // Where the library panics the carrier goes on, so that only a panic that gets out of it counts.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a listener");
    (runtime, listener)
});

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (to, said) = data.split_at(end);
    let (Ok(to), Some(said)) = (std::str::from_utf8(to), said.get(1..)) else { return false };
    let (runtime, listener) = &*RUNTIME;
    let port = listener.local_addr().expect("an address").port();
    let login = SmtpLogin { username: "symbolon".to_owned(), password: "a password".to_owned() };
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        login: said.first().is_some_and(|byte| *byte == b'+').then_some(login),
        authorities: None,
    };
    let said = said.strip_prefix(b"+").unwrap_or(said);
    let email = Email {
        id: MessageId::from_bytes([7; 16]),
        created_at: noon(),
        to: to.to_owned(),
        content: RenderedText {
            subject: "Hello".to_owned(),
            text: "Hello.\n.\nThe end.".to_owned(),
            html: "<p>Hello".to_owned(),
        },
    };
    let sender = Sender::new("Symbolon", "symbolon@example.org").expect("a sender");
    let carrier = SmtpCarrier::new(options, sender).expect("a carrier");
    runtime.block_on(async {
        let server = async {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { continue };
                drop(stream.write_all(said).await);
                drop(stream.shutdown().await);
                let mut heard = [0; 4_096];
                while stream.read(&mut heard).await.is_ok_and(|read| read > 0) {}
            }
        };
        let sent = timeout(PATIENCE, carrier.send(&email));
        tokio::select! {
            sent = sent => drop(sent.expect("the carrier does not end")),
            () = server => {}
        }
    });
    true
}
