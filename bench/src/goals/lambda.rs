//! G-12: the Lambda authorizer under a runtime API of ours: how soon it wants its first event, what an event takes beyond one that
//! is none (which costs what the runtime itself costs), and how large the program is. `cargo xtask bench` builds that apart.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::options::Options;
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::Home;
use crate::statistics::median;

const STARTS: usize = 7;
const EVENTS: usize = 4_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// In the year 2100.
const DEADLINE: &str = "4102444800000";
const SETTINGS: &str = r#"
[authorizer]
policies = "policies"
routes = [{ name = "user", method = "GET", path = "/users/{id}" }]
"#;
const POLICIES: &str = r#"
@id("readers")
permit (principal, action == Action::"GET", resource == Route::"user") when { principal.scopes.contains("read") };
"#;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let program = program()?;
    let home = home()?;
    let event = event(&minted(&home, &program)?).to_string();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let function = Function::start(&home, &program).await?;
        starts.push(function.ready_after.as_secs_f64() * 1_000.0);
    }
    let mut function = Function::start(&home, &program).await?;
    let events = options.count(EVENTS);
    // The first of each are to warm up.
    function.times(&event, events / 4, true).await?;
    function.times("{}", events / 4, false).await?;
    let decided = function.times(&event, events, true).await?;
    let none = function.times("{}", events, false).await?;
    #[expect(clippy::cast_precision_loss, reason = "no program has 2^52 bytes")]
    let size = fs::metadata(&program)?.len() as f64 / 1_048_576.0;
    let middle = |times: &[f64]| median(times).unwrap_or(f64::NAN);
    let reference = Reference { name: "an event that is none", figure: middle(&none), detail: String::new() };
    let row = |work, figure, unit, reference, goal| Row {
        id: "G-12",
        work,
        figure,
        unit,
        detail: String::new(),
        reference,
        goal,
    };
    Ok(vec![
        row("authorizer on Lambda: start", middle(&starts), Unit::Milliseconds, None, Goal::AtMost(40.0)),
        row(
            "the same: an event",
            middle(&decided),
            Unit::Milliseconds,
            Some(reference),
            Goal::AtMostAbove(1.0),
        ),
        row("the same: size of the program", size, Unit::Mebibytes, None, Goal::AtMost(15.0)),
    ])
}

fn program() -> Outcome<PathBuf> {
    let program = env::var_os("SYMBOLON_BENCH_LAMBDA").map(PathBuf::from);
    program
        .ok_or_else(|| Failure("G-12 needs a build for Lambda: start it by `cargo xtask bench`".to_owned()))
}

/// A store that somebody has served on, with a route and a policy.
fn home() -> Outcome<Home> {
    let home = Home::on_sqlite()?;
    fs::write(home.directory().join("symbolon.toml"), SETTINGS)?;
    fs::create_dir(home.directory().join("policies"))?;
    fs::write(home.directory().join("policies/routes.cedar"), POLICIES)?;
    home.start()?.stop()?;
    Ok(home)
}

fn minted(home: &Home, program: &Path) -> Outcome<String> {
    let mint = ["token", "mint", "--subject", "reader", "--scope", "read", "--output", "json"];
    let output = Command::new(program).args(mint).current_dir(home.directory()).env_clear().output()?;
    let minted: Json = serde_json::from_slice(&output.stdout)?;
    let token = minted.get("token").and_then(Json::as_str);
    Ok(token.ok_or_else(|| Failure::missing("token"))?.to_owned())
}

/// Of an HTTP API.
fn event(token: &str) -> Json {
    json!({
        "version": "2.0", "type": "REQUEST", "routeKey": "$default", "rawPath": "/users/7", "rawQueryString": "",
        "headers": {"authorization": format!("Bearer {token}"), "host": "api.example.org"},
        "requestContext": {
            "stage": "$default", "domainName": "api.example.org",
            "http": {"method": "GET", "path": "/users/7", "sourceIp": "203.0.113.9"},
        },
    })
}

/// A function that runs. It is ended when it is dropped.
struct Function {
    child: Child,
    server: JoinHandle<()>,
    events: mpsc::Sender<String>,
    outcomes: mpsc::Receiver<bool>,
    asked: mpsc::Receiver<()>,
    /// From the start of the process until it wants its first event.
    ready_after: Duration,
}

/// What the runtime API tells, and is told.
struct Runtime {
    events: Mutex<mpsc::Receiver<String>>,
    outcomes: mpsc::Sender<bool>,
    asked: mpsc::Sender<()>,
}

impl Function {
    async fn start(home: &Home, program: &Path) -> Outcome<Self> {
        let (events, given) = mpsc::channel(1);
        let (outcome, outcomes) = mpsc::channel(1);
        let (ask, asked) = mpsc::channel(1);
        let runtime = Arc::new(Runtime { events: Mutex::new(given), outcomes: outcome, asked: ask });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .with_state(runtime);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let server = tokio::spawn(async move {
            // It ends with the task.
            drop(axum::serve(listener, router).await);
        });
        let started = Instant::now();
        let child = Command::new(program)
            .current_dir(home.directory())
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("_HANDLER", "authorizer")
            .env("SYMBOLON_LOG__LEVEL", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut function = Self { child, server, events, outcomes, asked, ready_after: Duration::ZERO };
        function.is_asked().await?;
        function.ready_after = started.elapsed();
        Ok(function)
    }

    async fn is_asked(&mut self) -> Outcome<()> {
        let asked = timeout(PATIENCE, self.asked.recv()).await;
        asked.ok().flatten().ok_or_else(|| Failure("the function asks for no event".to_owned()))
    }

    /// How long this event took each time, in milliseconds; it must be answered, or fail.
    async fn times(&mut self, event: &str, count: usize, is_answered: bool) -> Outcome<Vec<f64>> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let given = Instant::now();
            self.events.send(event.to_owned()).await?;
            let outcome = timeout(PATIENCE, self.outcomes.recv()).await.ok().flatten();
            times.push(given.elapsed().as_secs_f64() * 1_000.0);
            if outcome != Some(is_answered) {
                return Err(Failure("an event ended otherwise than it should".to_owned()));
            }
            self.is_asked().await?;
        }
        Ok(times)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.server.abort();
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    let _ = runtime.asked.send(()).await;
    let event = runtime.events.lock().await.recv().await;
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", DEADLINE),
    ];
    (headers, event.unwrap_or_default())
}

/// The answer must let the request pass.
async fn answered(State(runtime): State<Arc<Runtime>>, answer: Bytes) -> StatusCode {
    let answer: Json = serde_json::from_slice(&answer).unwrap_or_default();
    let lets_through = answer.get("isAuthorized").and_then(Json::as_bool) == Some(true);
    let _ = runtime.outcomes.send(lets_through).await;
    StatusCode::ACCEPTED
}

async fn failed(State(runtime): State<Arc<Runtime>>) -> StatusCode {
    let _ = runtime.outcomes.send(false).await;
    StatusCode::ACCEPTED
}
