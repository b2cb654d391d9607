//! Clients that send little by little, and clients that send too much, for a while and many at once (X10): each is refused or
//! cut off, others are answered meanwhile, and memory stays what it was.

#![expect(clippy::disallowed_methods, reason = "the test measures how long an answer takes")]

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::turn;
use crate::support::{Binary, Host as _, directory};

/// With a header's time of a second and a request's of two, nobody dawdles longer.
const CUT_OFF: Duration = Duration::from_secs(8);
const HEAD: &str = "POST /v1/sign-up HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

/// Sends a byte every tenth of a second until the service has enough of it; the status that it was told, if any.
async fn dribble(address: &str, start: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let begun = Instant::now();
    let drip = async {
        while writing.write_all(b"x").await.is_ok() {
            assert!(begun.elapsed() < CUT_OFF, "somebody dawdles and is not cut off");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let read = async {
        drop(reading.read_to_end(&mut answer).await);
    };
    tokio::select! {
        () = drip => {}
        () = read => {}
    }
    String::from_utf8_lossy(&answer).split_whitespace().nth(1).and_then(|status| status.parse().ok())
}

/// Sends all of it at once; the status of the answer.
async fn throw(address: &str, request: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may answer, and close, before it has read everything.
    drop(stream.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).split_whitespace().nth(1).and_then(|status| status.parse().ok())
}

fn with_body(body: &str) -> String {
    format!("{HEAD}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// X10: slow heads, slow bodies, 64 KiB of headers, a megabyte of body, ten thousand levels, all at once and again and again.
#[tokio::test(flavor = "multi_thread")]
async fn slow_and_large_requests_cost_nobody_else() {
    const CLIENTS: usize = 60;
    let rounds = turn::of(1, 40);
    let directory = directory();
    let limits = [("SYMBOLON_HTTP__HEADER_TIMEOUT", "1s"), ("SYMBOLON_HTTP__REQUEST_TIMEOUT", "2s")];
    let binary = Binary::start(directory.path(), &[], &limits);
    let ada = binary.user("ada@example.org").sign_up().await;
    let address = binary.url.strip_prefix("http://localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = address.unwrap();
    let slow_body = format!("{HEAD}content-length: 1000\r\n\r\n");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let thrown = [
        (format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {}\r\n\r\n", "x".repeat(65_536)), 431),
        (with_body(&"x".repeat(1_048_576)), 413),
        (with_body(&deep), 400),
    ];
    let before = binary.resident_kib();
    for _ in 0..rounds {
        let slow_heads = join_all((0..CLIENTS).map(|_| dribble(&address, HEAD)));
        let slow_bodies = join_all((0..CLIENTS).map(|_| dribble(&address, &slow_body)));
        let large = join_all((0..CLIENTS).flat_map(|_| &thrown).map(async |(request, expected)| {
            let begun = Instant::now();
            let status = throw(&address, request).await;
            // A reset may overtake the answer to who is still sending.
            assert!(status.is_none_or(|status| status == *expected), "{status:?}, not {expected}");
            assert!(begun.elapsed() < CUT_OFF);
            status.is_some()
        }));
        let others = async {
            let mut slowest = Duration::ZERO;
            for _ in 0..20 {
                let begun = Instant::now();
                assert!(ada.is_active().await);
                binary.call("GET", "/.well-known/jwks.json").send().await.expect(200);
                slowest = slowest.max(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            slowest
        };
        let (heads, bodies, large, slowest) = futures::join!(slow_heads, slow_bodies, large, others);
        assert!(heads.iter().all(|status| matches!(status, None | Some(400 | 408))), "{heads:?}");
        assert!(bodies.iter().all(|status| *status == Some(408)), "{bodies:?}");
        assert!(large.iter().filter(|answered| **answered).count() * 10 > large.len() * 9);
        assert!(slowest < Duration::from_secs(2), "others wait for {slowest:?}");
    }
    let grown = binary.resident_kib().saturating_sub(before);
    assert!(grown < 48 * 1_024, "memory grew by {grown} KiB");
}
