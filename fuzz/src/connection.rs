//! Bytes on a connection: what HTTP/1.1 and HTTP/2 make of them, how a broken request ends. Whoever has said all they have
//! to say gets an answer or is cut off, and soon.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, LazyLock},
    time::Duration,
};

use symbolon::{
    serve::{Running, start},
    test_mode::RecordingCarrier,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{settings, surroundings};

/// Longer than nothing of ours takes, and shorter than what stops idle connections.
const PATIENCE: Duration = Duration::from_secs(4);

static SERVICE: LazyLock<(Runtime, Running, TempDir)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = Runtime::new().expect("a runtime");
    let mail = Arc::new(RecordingCarrier::new());
    let running = runtime.block_on(start(&settings(&directory), surroundings(&mail), None));
    (runtime, running.expect("the service"), directory)
});

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let address: SocketAddr = SERVICE.1.address;
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    // It may answer, and close, before it has read everything.
    drop(stream.write_all(data));
    drop(stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let is_reset = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(is_reset, "the connection stays open: {error}");
    }
    assert!(!answer.starts_with(b"HTTP/1.1 5"), "a failure of ours");
    true
}
