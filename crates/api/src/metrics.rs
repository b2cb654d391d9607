//! What is counted, for Prometheus (G3). Each service has its own numbers: nothing is installed for the whole process.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::http::StatusCode;
use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::trace::Answered;

const REQUESTS: &str = "http_requests_total";
const DURATIONS: &str = "http_request_duration_seconds";
/// Upper bounds of the durations that are told apart, in seconds: a password takes its time, a token does not.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];
/// Samples are folded into their buckets after so many requests, whether anybody asks for them or not.
const FOLD_EVERY: usize = 4_096;

const METADATA: Metadata<'static> = Metadata::new("symbolon_api", Level::INFO, None);

/// A number that is read when it is asked for.
#[derive(Clone)]
pub struct Gauge {
    /// Its name, in the manner of Prometheus.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
    /// Reads it.
    pub read: Arc<dyn Fn() -> f64 + Send + Sync>,
}

/// The numbers of one service.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    requests: AtomicUsize,
    gauges: Vec<Gauge>,
    /// Of each method and status, by route: to find them in the recorder, labels must be made.
    counted: RwLock<HashMap<(&'static str, StatusCode), ByRoute>>,
}

type ByRoute = HashMap<String, Counted>;

/// What is counted of the answers of one route, method and status.
struct Counted {
    requests: Counter,
    durations: Histogram,
}

impl Counted {
    fn count(&self, answered: &Answered<'_>) {
        self.requests.increment(1);
        self.durations.record(answered.duration.as_secs_f64());
    }
}

impl Metrics {
    /// Counts requests, and reads these gauges when asked.
    #[must_use]
    pub fn new(gauges: Vec<Gauge>) -> Self {
        let durations = Matcher::Full(DURATIONS.to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(durations, &BUCKETS);
        // It refuses an empty list of buckets only.
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        recorder.describe_counter(REQUESTS.into(), None, "Requests that were answered.".into());
        let seconds = Some(Unit::Seconds);
        recorder.describe_histogram(
            DURATIONS.into(),
            seconds,
            "Time from a request's head to its answer.".into(),
        );
        for gauge in &gauges {
            recorder.describe_gauge(gauge.name.into(), None, gauge.description.into());
        }
        let handle = recorder.handle();
        Self(Arc::new(Inner {
            recorder,
            handle,
            requests: AtomicUsize::new(0),
            gauges,
            counted: RwLock::default(),
        }))
    }

    /// Counts an answer.
    pub(crate) fn count(&self, answered: &Answered<'_>) {
        let of = (answered.method, answered.status);
        let counted = self.0.counted.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counted) = counted.get(&of).and_then(|routes| routes.get(answered.route)) {
            counted.count(answered);
        } else {
            drop(counted);
            let first = self.0.register(answered);
            first.count(answered);
            let mut counted = self.0.counted.write().unwrap_or_else(PoisonError::into_inner);
            counted.entry(of).or_default().insert(answered.route.to_owned(), first);
        }
        if self.0.requests.fetch_add(1, Ordering::Relaxed) % FOLD_EVERY == FOLD_EVERY - 1 {
            self.0.handle.run_upkeep();
        }
    }

    /// Sets a gauge that is not read by itself.
    pub(crate) fn set(&self, name: &'static str, value: f64) {
        self.0.recorder.register_gauge(&Key::from_static_name(name), &METADATA).set(value);
    }

    /// Everything, in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        for gauge in &self.0.gauges {
            self.set(gauge.name, (gauge.read)());
        }
        self.0.handle.render()
    }
}

impl Inner {
    fn register(&self, answered: &Answered<'_>) -> Counted {
        let route = Label::new("route", answered.route.to_owned());
        let method = Label::from_static_parts("method", answered.method);
        let status = Label::new("status", answered.status.as_str().to_owned());
        let durations = Key::from_parts(DURATIONS, vec![method.clone(), route.clone()]);
        let requests = Key::from_parts(REQUESTS, vec![method, route, status]);
        Counted {
            requests: self.recorder.register_counter(&requests, &METADATA),
            durations: self.recorder.register_histogram(&durations, &METADATA),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_services_in_one_process_count_apart() {
        let queue = Gauge { name: "queue", description: "Waiting.", read: Arc::new(|| 7.0) };
        let (one, other) = (Metrics::new(vec![queue]), Metrics::new(Vec::new()));
        let duration = Duration::from_millis(3);
        let route = "/v1/sessions/{id}";
        for status in [StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND] {
            one.count(&Answered { method: "GET", route, status, duration });
        }
        let text = one.render();
        for (status, count) in [("200", 2), ("404", 1)] {
            let line =
                format!(r#"http_requests_total{{method="GET",route="{route}",status="{status}"}} {count}"#);
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.contains(r#"le="0.005"} 3"#) && text.contains("queue 7"), "{text}");
        assert!(!other.render().contains("/v1/sessions"));
    }
}
