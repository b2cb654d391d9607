//! nginx and Caddy as Debian has them, with the very files of `config/examples`, in front of a service that says what it was
//! asked; and a client that sends its request as it stands.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json as JsonBody, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri},
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Nginx,
    Caddy,
}

/// A running proxy. It is killed when it is dropped.
pub(crate) struct Proxy {
    /// Where it listens: `127.0.0.1:PORT`.
    pub(crate) address: String,
    child: Child,
    directory: TempDir,
}

impl Proxy {
    /// Starts it in front of the service at one address, with Symbolon at the other (`127.0.0.1:PORT`).
    pub(crate) async fn start(kind: ProxyKind, symbolon: &str, service: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut command = match kind {
            ProxyKind::Nginx => nginx(directory.path(), &address, symbolon, service),
            ProxyKind::Caddy => caddy(directory.path(), &address, symbolon, service),
        };
        let log = File::create(directory.path().join("log")).unwrap();
        let child = command
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?} does not start: {error}"));
        let mut proxy = Self { address, child, directory };
        proxy.is_up().await;
        proxy
    }

    async fn is_up(&mut self) {
        for _ in 0..1_500 {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the proxy ended: {}", self.log());
            if TcpStream::connect(&self.address).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the proxy does not listen: {}", self.log());
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// The answer to this request, sent as it stands: nobody tidies up its path. The line is `GET /path`.
    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Passed {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: api.example.org\r\nconnection: close\r\ncontent-length: {length}\r\n\
             {headers}\r\n{body}"
        );
        let exchange = async {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            // The proxy may answer, and close, before it has read everything.
            drop(stream.write_all(request.as_bytes()).await);
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer).await);
            answer
        };
        let answer = timeout(Duration::from_secs(30), exchange).await.expect("an answer");
        Passed::read(&String::from_utf8_lossy(&answer))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One process and no more, so that killing it ends it.
fn nginx(directory: &Path, address: &str, symbolon: &str, service: &str) -> Command {
    let mut text = example("nginx-forward-auth.conf");
    for (from, to) in [("127.0.0.1:8080", symbolon), ("127.0.0.1:9000", service), ("127.0.0.1:8000", address)]
    {
        text = replaced(&text, from, to);
    }
    // Debian has these where only root may write.
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = kinds.iter().map(|kind| format!("{kind}_temp_path {kind};\n")).collect();
    text = replaced(&text, "\nhttp {\n", &format!("\nhttp {{\n{paths}"));
    let file = directory.join("nginx.conf");
    fs::write(&file, text).unwrap();
    // It is not on the search path of users.
    let of_debian = Path::new("/usr/sbin/nginx");
    let program = if of_debian.exists() { of_debian } else { Path::new("nginx") };
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
    command.args(["-g", "daemon off; master_process off;"]);
    command
}

fn caddy(directory: &Path, address: &str, symbolon: &str, service: &str) -> Command {
    let mut text = example("Caddyfile");
    let port = address.strip_prefix("127.0.0.1").unwrap();
    for (from, to) in [("127.0.0.1:8080", symbolon), ("127.0.0.1:9000", service), (":8001", port)] {
        text = replaced(&text, from, to);
    }
    let file = directory.join("Caddyfile");
    fs::write(&file, text).unwrap();
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(variable, directory);
    }
    command
}

fn example(name: &str) -> String {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/examples"));
    fs::read_to_string(examples.join(name)).unwrap()
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the example says {from} no more");
    text.replace(from, to)
}

/// An address that nobody listened on a moment ago.
fn free_address() -> String {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string()
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The status that the client got.
    pub(crate) status: u16,
    /// The head of the answer, in lower case.
    pub(crate) head: String,
    /// What the service was asked, as it says itself; null where it was not asked.
    pub(crate) asked: Json,
}

impl Passed {
    fn read(answer: &str) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        let said: Json = serde_json::from_str(body).unwrap_or(Json::Null);
        let asked = if said["service"] == SERVICE { said } else { Json::Null };
        Self { status: status.unwrap_or_default(), head: head.to_ascii_lowercase(), asked }
    }

    /// The same, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.head.lines().next().unwrap_or_default());
        assert_eq!(self.asked.is_null(), status != 200, "only a yes comes from the service");
        self
    }

    /// Every value of this header that the service got; empty ones are as good as none.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.asked["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_name = headers.iter().filter(|header| header[0] == name);
        of_name.filter_map(|header| header[1].as_str()).filter(|value| !value.is_empty()).collect()
    }

    /// The names of all headers that the service got.
    pub(crate) fn names(&self) -> Vec<&str> {
        let headers = self.asked["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
        headers.iter().filter_map(|header| header[0].as_str()).collect()
    }
}

const SERVICE: &str = "behind the gateway";

/// A service that says what it was asked, and counts.
pub(crate) struct Echo {
    /// Where it listens: `127.0.0.1:PORT`.
    pub(crate) address: String,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Echo {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let router = Router::new().fallback(echo).with_state(Arc::clone(&asked));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked, task }
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(
    State(asked): State<Arc<AtomicUsize>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> JsonBody<Json> {
    asked.fetch_add(1, Ordering::SeqCst);
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
    };
    let headers: Vec<Json> = headers.iter().map(pair).collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    JsonBody(json!({
        "service": SERVICE, "method": method.as_str(), "uri": uri.to_string(), "headers": headers, "body": body,
    }))
}
