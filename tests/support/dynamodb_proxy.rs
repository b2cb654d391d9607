//! A proxy in front of the DynamoDB engine: it counts calls and capacity units, and injects what the engine never does
//! by itself (throttling, conflicts between transactions, answers that get lost after the write).

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What part of the calls goes wrong, each in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Refused for want of capacity, before anything is done.
    pub(crate) throttled: u64,
    /// Transactions and updates that meet another transaction on an item, before anything is done.
    pub(crate) conflicts: u64,
    /// Writes that are done, and whose answer never arrives.
    pub(crate) lost_answers: u64,
}

/// The calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Calls {
    pub(crate) count: u64,
    pub(crate) units: f64,
}

/// A running proxy.
pub(crate) struct DynamoProxy {
    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    engine: String,
    client: reqwest::Client,
    faults: Mutex<Faults>,
    calls: Mutex<BTreeMap<String, Calls>>,
    injected: AtomicU64,
    draws: AtomicU64,
}

impl DynamoProxy {
    /// Stands in front of this engine; nothing goes wrong yet.
    pub(crate) async fn start(engine: &str) -> Self {
        let shared = Arc::new(Shared {
            engine: engine.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            injected: AtomicU64::new(0),
            draws: AtomicU64::new(0),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// From now on so much goes wrong.
    pub(crate) fn inject(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap() = faults;
    }

    /// How many faults were injected so far.
    pub(crate) fn injected(&self) -> u64 {
        self.shared.injected.load(Ordering::SeqCst)
    }

    /// The calls since the last time this was asked, by operation.
    pub(crate) fn take_calls(&self) -> BTreeMap<String, Calls> {
        std::mem::take(&mut *self.shared.calls.lock().unwrap())
    }
}

impl Drop for DynamoProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// True in so many of a hundred cases, the same ones in every run that makes the same calls.
    fn strikes(&self, percent: u64) -> bool {
        let number = self.draws.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let strikes = ((mixed ^ (mixed >> 31)) >> 8) % 100 < percent;
        if strikes {
            self.injected.fetch_add(1, Ordering::SeqCst);
        }
        strikes
    }
}

async fn forward(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let mut request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let faults = *shared.faults.lock().unwrap();
    if shared.strikes(faults.throttled) {
        return throttled(&operation, &request, shared.draws.load(Ordering::SeqCst));
    }
    if operation == "TransactWriteItems" && shared.strikes(faults.conflicts) {
        return cancelled(&request, "TransactionConflict");
    }
    if operation == "UpdateItem" && shared.strikes(faults.conflicts) {
        let name = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
        return refused(&json!({"__type": name, "message": "Injected."}));
    }
    let is_data = !matches!(operation.as_str(), "CreateTable" | "DescribeTable" | "DeleteTable")
        && !operation.ends_with("TimeToLive");
    if is_data && let Some(members) = request.as_object_mut() {
        members.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
    }
    let mut call = shared.client.post(&shared.engine).body(request.to_string());
    for (name, value) in &headers {
        if !matches!(name.as_str(), "host" | "content-length" | "connection") {
            call = call.header(name, value);
        }
    }
    let answer = call.send().await.unwrap();
    let status = answer.status();
    let answer = answer.bytes().await.unwrap();
    {
        let mut calls = shared.calls.lock().unwrap();
        let calls = calls.entry(operation.clone()).or_default();
        calls.count += 1;
        calls.units += units(&serde_json::from_slice(&answer).unwrap_or_default());
    }
    let is_write =
        operation.starts_with("Transact") || matches!(operation.as_str(), "UpdateItem" | "PutItem");
    if is_write && shared.strikes(faults.lost_answers) {
        return lost();
    }
    respond(status, answer.into())
}

/// The capacity units that an answer speaks of, of the table and its index together.
fn units(answer: &Value) -> f64 {
    let of = |consumed: &Value| consumed["CapacityUnits"].as_f64().unwrap_or_default();
    match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(of).sum(),
        consumed => of(consumed),
    }
}

/// Throttling has several faces.
fn throttled(operation: &str, request: &Value, draw: u64) -> Response<Body> {
    if operation == "TransactWriteItems" && draw.is_multiple_of(2) {
        return cancelled(request, "ThrottlingError");
    }
    let name =
        if draw.is_multiple_of(3) { "ThrottlingException" } else { "ProvisionedThroughputExceededException" };
    refused(&json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "Slow down."}))
}

/// The last action of the transaction is the one that met something.
fn cancelled(request: &Value, code: &str) -> Response<Body> {
    let actions = request["TransactItems"].as_array().map_or(0, Vec::len);
    let mut reasons = vec![json!({"Code": "None"}); actions];
    if let Some(last) = reasons.last_mut() {
        *last = json!({"Code": code, "Message": "Injected."});
    }
    refused(&json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "Transaction cancelled",
        "CancellationReasons": reasons,
    }))
}

fn refused(body: &Value) -> Response<Body> {
    respond(StatusCode::BAD_REQUEST, body.to_string().into())
}

fn respond(status: StatusCode, body: Body) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .body(body)
        .unwrap()
}

/// The connection breaks before the answer is complete.
fn lost() -> Response<Body> {
    let broken = futures::stream::once(async { Err::<Bytes, _>(io::Error::other("lost")) });
    respond(StatusCode::OK, Body::from_stream(broken))
}
