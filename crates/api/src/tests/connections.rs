//! Real connections: slow ones, large ones, and those that are open when a stop comes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use super::world::World;
use crate::{HttpSettings, ServeSettings, Stopped, router, serve};

struct Server {
    address: SocketAddr,
    stop: Arc<Notify>,
    running: JoinHandle<Stopped>,
}

impl Server {
    async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = ServeSettings {
            header_timeout: Duration::from_millis(400),
            keep_alive: Duration::from_millis(1_200),
            shutdown_timeout: Duration::from_secs(3),
            max_connections: 64,
            tls: None,
        };
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let running =
            tokio::spawn(serve(listener, router, settings, async move { stopped.notified().await }));
        Self { address, stop, running }
    }

    async fn service() -> Self {
        let (_, api) = World::api(HttpSettings::new("http://localhost")).await;
        Self::start(router(&api, None)).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

const REQUEST: &[u8] = b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// One answer whose body ends with the given text.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).ends_with(end) {
        let mut bytes = [0; 4_096];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8(read).unwrap()
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A connection that is cut may end with a reset.
    let _ = stream.read_to_end(&mut read).await;
    String::from_utf8_lossy(&read).into_owned()
}

async fn within(limits: std::ops::Range<u64>, what: impl Future<Output = String>) -> String {
    let early = Duration::from_millis(limits.start);
    let late = Duration::from_millis(limits.end);
    let mut what = std::pin::pin!(what);
    assert!(tokio::time::timeout(early, what.as_mut()).await.is_err(), "too early");
    tokio::time::timeout(late, what).await.expect("too late")
}

/// X10: half a header, dripping on or not begun at all, is cut; a rest between two requests is longer.
#[tokio::test]
async fn slow_headers_are_cut_and_rest_is_allowed() {
    let server = Server::service().await;
    let mut silent = server.connect().await;
    let mut dripping = server.connect().await;
    let (mut reader, mut writer) = dripping.split();
    let drip = async {
        for byte in REQUEST.iter().chain(REQUEST) {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let read = async {
        let mut read = Vec::new();
        let _ = reader.read_to_end(&mut read).await;
        String::from_utf8(read).unwrap()
    };
    let dripped = async {
        tokio::select! {
            text = read => text,
            () = drip => String::from("still open"),
        }
    };
    let (silence, dripped) =
        tokio::join!(within(300..1_500, read_to_end(&mut silent)), within(300..1_500, dripped));
    assert_eq!((silence.as_str(), dripped.as_str()), ("", ""));

    let mut resting = server.connect().await;
    for _ in 0..2 {
        resting.write_all(REQUEST).await.unwrap();
        read_until(&mut resting, r#"{"keys":[]}"#).await;
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    let end = within(100..2_000, read_to_end(&mut resting)).await;
    assert_eq!(end, "");
}

/// X10: an answer to who is still sending arrives whole.
#[tokio::test]
async fn a_large_body_gets_its_answer() {
    let server = Server::service().await;
    let mut stream = server.connect().await;
    let head = b"POST /v1/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1048576\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let send = async {
        let _ = writer.write_all(&vec![b' '; 1_048_576]).await;
        let _ = writer.shutdown().await;
    };
    let mut answer = String::new();
    let (read, ()) = tokio::join!(reader.read_to_string(&mut answer), send);
    read.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("payload_too_large"), "{answer}");
}

/// X10: 64 KiB of headers are refused with a problem.
#[tokio::test]
async fn large_headers_get_an_answer() {
    let server = Server::service().await;
    let mut stream = server.connect().await;
    let head =
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\nconnection: close\r\n\r\n", "a".repeat(65_536));
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("headers_too_large"), "{answer}");
}

/// G4, X2: what runs is finished, who is about to send still gets an answer, and then nothing is accepted.
#[tokio::test]
async fn a_stop_loses_nothing() {
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "done"
    });
    let server =
        Server::start(Router::new().route("/slow", slow).route("/fast", get(|| async { "done" }))).await;
    let mut running = server.connect().await;
    running.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut idle = server.connect().await;
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut idle, "done").await;
    server.stop.notify_one();
    tokio::time::sleep(Duration::from_millis(100)).await;
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let last = read_to_end(&mut idle).await;
    assert!(last.contains("connection: close") && last.ends_with("done"), "{last}");
    let ran = read_to_end(&mut running).await;
    assert!(ran.contains("connection: close") && ran.ends_with("done"), "{ran}");
    assert_eq!(server.running.await.unwrap(), Stopped::Finished);
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// G4: what does not finish in time is cut off, and the stop says so.
#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let stuck = get(|| async { std::future::pending::<&str>().await });
    let server = Server::start(Router::new().route("/stuck", stuck)).await;
    let mut running = server.connect().await;
    running.write_all(b"GET /stuck HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.notify_one();
    assert_eq!(server.running.await.unwrap(), Stopped::CutOff);
    assert_eq!(read_to_end(&mut running).await, "");
}
