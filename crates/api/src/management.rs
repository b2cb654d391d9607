//! The operators' own listener: is it alive, is it ready, how is it doing (G3). Nothing here is for callers of the
//! service, and nothing is authenticated: it belongs on a network of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;
use symbolon_domain::{
    clock::Clock,
    outbox::{Backlog, Outbox},
    store_error::StoreError,
};

use crate::metrics::Metrics;

/// A store that has not answered by then is not reachable.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const PENDING: &str = "symbolon_outbox_pending";
const OLDEST: &str = "symbolon_outbox_oldest_seconds";

/// Said once, when stopping begins: from then on the service is not ready, so that no new work is sent to it.
#[derive(Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// Stopping begins.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the management endpoints look at.
#[derive(Clone)]
pub struct Management {
    /// What waits to be delivered; asking for it asks the store.
    pub outbox: Outbox,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The numbers.
    pub metrics: Metrics,
    /// Whether stopping has begun.
    pub stopping: Stopping,
}

/// How ready the service is.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// `ok` or `unavailable`; absent when stopping.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outbox: Option<OutboxAge>,
}

#[derive(Serialize)]
struct OutboxAge {
    pending: u64,
    /// The age of the oldest message that waits, in seconds.
    oldest_seconds: Option<u64>,
}

/// `GET /health/live`, `GET /health/ready`, `GET /metrics`.
pub fn router(management: Management) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(management)
}

async fn live() -> Response {
    no_store(Json(serde_json::json!({"live": true})).into_response())
}

async fn ready(State(management): State<Management>) -> Response {
    if management.stopping.has_begun() {
        return readiness(Readiness { ready: false, store: None, outbox: None });
    }
    readiness(match backlog(&management).await {
        Some(backlog) => {
            let outbox =
                Some(OutboxAge { pending: backlog.pending, oldest_seconds: age(&management, backlog) });
            Readiness { ready: true, store: Some("ok"), outbox }
        }
        None => Readiness { ready: false, store: Some("unavailable"), outbox: None },
    })
}

async fn metrics(State(management): State<Management>) -> Response {
    if let Some(backlog) = backlog(&management).await {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a floating-point number")]
        let (pending, oldest) = (backlog.pending as f64, age(&management, backlog).unwrap_or(0) as f64);
        management.metrics.set(PENDING, pending);
        management.metrics.set(OLDEST, oldest);
    }
    no_store(([(header::CONTENT_TYPE, PROMETHEUS)], management.metrics.render()).into_response())
}

/// What waits; none when the store does not answer, which is logged.
async fn backlog(management: &Management) -> Option<Backlog> {
    let asked: Result<Result<Backlog, StoreError>, _> =
        tokio::time::timeout(STORE_PATIENCE, management.outbox.backlog()).await;
    match asked {
        Ok(Ok(backlog)) => Some(backlog),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store is not reachable");
            None
        }
        Err(_) => {
            tracing::error!("the store does not answer");
            None
        }
    }
}

fn age(management: &Management, backlog: Backlog) -> Option<u64> {
    backlog.oldest.map(|oldest| management.clock.now().since(oldest).as_secs())
}

fn readiness(readiness: Readiness) -> Response {
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    no_store((status, Json(readiness)).into_response())
}

fn no_store(response: Response) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], response).into_response()
}
