//! A function, and what Lambda is to it: the runtime API on a free port, and a process that does not run between two events.

use std::{
    collections::HashMap,
    io::Read as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{Response, StatusCode},
    routing::{get, post},
};
use serde_json::Value as Json;
use symbolon_adapters::system::SystemClock;
use symbolon_domain::clock::Clock as _;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, oneshot},
    task,
    time::timeout,
};

use crate::support::{Home, program};

const PATIENCE: Duration = Duration::from_secs(40);
/// What a function has for each event.
const TIMEOUT_MILLIS: i64 = 30_000;

/// What an invocation came to: the answer, or the error.
pub(super) type Outcome = Result<Json, Json>;

/// A function that runs. It is killed when it is dropped.
pub(super) struct Function {
    child: Child,
    runtime: Runtime,
    log: Option<JoinHandle<String>>,
    /// One environment has one event at a time.
    turn: tokio::sync::Mutex<()>,
}

/// The runtime API of one environment.
struct Runtime {
    address: String,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<(String, String)>,
    server: task::JoinHandle<()>,
}

struct Shared {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<(String, String)>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    /// The function has asked for an event.
    asked: Notify,
    init_errors: Mutex<Vec<Json>>,
}

impl Runtime {
    async fn start() -> Self {
        let (events, given) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            events: tokio::sync::Mutex::new(given),
            waiting: Mutex::default(),
            asked: Notify::new(),
            init_errors: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, events, server }
    }

    /// What a process is told that is started for this.
    fn spawn(&self, home: &Home, handler: &str, variables: &[(&str, &str)]) -> Child {
        Command::new(program())
            .current_dir(home.directory())
            .env_clear()
            .envs(home.variables())
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "symbolon")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("_HANDLER", handler)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response<Body> {
    shared.asked.notify_one();
    let event = shared.events.lock().await.recv().await;
    let Some((id, event)) = event else { return std::future::pending().await };
    let deadline = SystemClock.now().micros() / 1_000 + TIMEOUT_MILLIS;
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:symbolon",
        )
        .header("lambda-runtime-trace-id", "Root=1-68d3a1b2-4f5e6a7b8c9d0e1f2a3b4c5d;Sampled=0")
        .body(Body::from(event))
        .unwrap()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.end(&id, Ok(serde_json::from_slice(&body).unwrap()))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.end(&id, Err(serde_json::from_slice(&body).unwrap()))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.init_errors.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::ACCEPTED
}

impl Shared {
    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        let waiting = self.waiting.lock().unwrap().remove(id).unwrap();
        drop(waiting.send(outcome));
        StatusCode::ACCEPTED
    }
}

impl Function {
    /// Starts a function of this home, and waits until it wants its first event.
    pub(super) async fn start(home: &Home, handler: &str, variables: &[(&str, &str)]) -> Self {
        let runtime = Runtime::start().await;
        let mut child = runtime.spawn(home, handler, variables);
        let log = Some(read_log(&mut child));
        let mut function = Self { child, runtime, log, turn: tokio::sync::Mutex::new(()) };
        if timeout(PATIENCE, function.runtime.shared.asked.notified()).await.is_err() {
            panic!("the function asks for no event:\n{}", function.end());
        }
        function.signal("STOP");
        function
    }

    /// Starts a function that cannot start: how it ended, what it told Lambda, and what it logged.
    pub(super) async fn fail_to_start(
        home: &Home,
        handler: &str,
        variables: &[(&str, &str)],
    ) -> (ExitStatus, Vec<Json>, String) {
        let runtime = Runtime::start().await;
        let mut child = runtime.spawn(home, handler, variables);
        let log = read_log(&mut child);
        let status = task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        let told = runtime.shared.init_errors.lock().unwrap().clone();
        (status, told, log.join().unwrap())
    }

    /// What the function makes of this event. It runs until it asks for the next one, and no longer.
    pub(super) async fn invoke(&self, event: &Json) -> Outcome {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let _turn = self.turn.lock().await;
        let id = format!("8476a536-e9f4-11e8-9739-{:012x}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let (outcome, ended) = oneshot::channel();
        self.runtime.shared.waiting.lock().unwrap().insert(id.clone(), outcome);
        self.signal("CONT");
        self.runtime.events.send((id, event.to_string())).unwrap();
        let outcome = timeout(PATIENCE, ended).await.expect("an answer in time").unwrap();
        let asked = timeout(PATIENCE, self.runtime.shared.asked.notified()).await;
        asked.expect("the function asks for the next event");
        self.signal("STOP");
        outcome
    }

    /// Ends it; what it logged.
    pub(super) fn end(&mut self) -> String {
        drop(self.child.kill());
        drop(self.child.wait());
        self.log.take().map(|log| log.join().unwrap()).unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.end();
    }
}

fn read_log(child: &mut Child) -> JoinHandle<String> {
    let mut stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        let mut log = Vec::new();
        drop(stderr.read_to_end(&mut log));
        String::from_utf8_lossy(&log).into_owned()
    })
}
