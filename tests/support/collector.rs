//! A collector of traces that keeps what it gets: OTLP by HTTP, decoded by its own schema.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::net::TcpListener;

/// A running collector; it ends with the test.
pub(crate) struct Collector {
    /// Its base URL.
    pub(crate) url: String,
    got: Got,
}

type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

impl Collector {
    /// One on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got = Got::default();
        let keep = |State(got): State<Got>, headers: HeaderMap, body: Bytes| async move {
            got.lock().unwrap().push((headers, body));
        };
        let router = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&got));
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, got }
    }

    /// Every span that it has got, once one of this name is there.
    pub(crate) async fn spans_with(&self, name: &str) -> Vec<Span> {
        for _ in 0..1_000 {
            let spans = self.spans();
            if spans.iter().any(|span| span.name == name) {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no span {name}");
    }

    /// Every span that it has got.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests();
        let resources = requests.into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Everything that it has got.
    pub(crate) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(_, body)| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
    }

    /// Did each request have this header?
    pub(crate) fn always_got(&self, name: &str, value: &str) -> bool {
        let got = self.got.lock().unwrap();
        !got.is_empty()
            && got.iter().all(|(headers, _)| headers.get(name).is_some_and(|found| found == value))
    }

    /// Whether these bytes are anywhere in what it has got.
    pub(crate) fn has_seen(&self, text: &str) -> bool {
        let got = self.got.lock().unwrap();
        got.iter().any(|(_, body)| body.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

/// An attribute, as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}
