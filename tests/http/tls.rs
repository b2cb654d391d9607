//! TLS on the public listener: who is let in by it, and who is not kept waiting for.

use std::{sync::Arc, time::Duration};

use symbolon::settings::{self, Settings};
use symbolon_adapters::jwks_http::{Algorithm, IssuerEndpoint, discover};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::support::{Engine::Sqlite, TestApp, smtp::Identity};

const REQUEST: &[u8] = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const LONG: Duration = Duration::from_secs(20);

fn configure(identity: &Identity, settings: &mut Settings) {
    settings.http.public_url = "https://localhost".to_owned().try_into().unwrap();
    settings.http.header_timeout = settings::Duration::from_secs(1);
    settings.http.tls.cert = Some(identity.certificate().into());
    settings.http.tls.key = Some(identity.key().into());
}

/// Connects as somebody who believes this certificate.
async fn connect(
    identity: &Identity,
    app: &TestApp,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(identity.certificate()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, plain(app).await).await
}

async fn plain(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap()
}

/// HTTP/1.1 and HTTP/2 over TLS, and nothing without it.
#[tokio::test]
async fn the_listener_speaks_tls_and_nothing_else() {
    let identity = Identity::of(&["localhost"]);
    let app = TestApp::with(Sqlite, |settings| configure(&identity, settings)).await;
    let mut stream = connect(&identity, &app, &["http/1.1"]).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"kid\""), "{answer}");
    assert!(answer.to_lowercase().contains("strict-transport-security"), "{answer}");

    let stream = connect(&identity, &app, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(
        connect(&Identity::of(&["localhost"]), &app, &["h2"]).await.is_err(),
        "another certificate is not believed"
    );

    let mut stream = plain(&app).await;
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    // The server may hang up before it has read all.
    drop(timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap());
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

/// X10: whoever begins no handshake is cut off as if it sent no headers.
#[tokio::test]
async fn who_begins_no_handshake_is_cut_off() {
    let identity = Identity::of(&["localhost"]);
    let app = TestApp::with(Sqlite, |settings| configure(&identity, settings)).await;
    let mut stream = plain(&app).await;
    let read = timeout(LONG, stream.read(&mut [0; 16])).await.expect("it is left waiting");
    assert_eq!(read.unwrap_or(0), 0);
}

/// C57: whose certificate nobody here trusts is told apart from who is not there.
#[tokio::test]
async fn an_untrusted_certificate_is_told_as_one() {
    let identity = Identity::of(&["localhost"]);
    let app = TestApp::with(Sqlite, |settings| configure(&identity, settings)).await;
    let endpoint = IssuerEndpoint {
        issuer: app.url.replace("http://127.0.0.1", "https://localhost"),
        jwks_uri: None,
        algorithms: Algorithm::ALL.to_vec(),
    };
    let why = discover(&endpoint).await.err().unwrap().to_string();
    assert!(why.contains("its certificate is not trusted"), "{why}");
    app.stop().await;
    let why = discover(&endpoint).await.err().unwrap().to_string();
    assert!(why.contains("it cannot be reached"), "{why}");
}
