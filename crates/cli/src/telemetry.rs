//! Traces to a collector by OTLP, where one is configured (G3). What a span says is said where it is made, under the
//! target [`TRACES`]; here is only how it gets out: by a bounded queue and a thread of its own, so that a collector that
//! is slow or gone costs spans and nothing else.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};
use symbolon_domain::TRACES;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::is_open_to_everybody;
use crate::settings::{OtlpSettings, TelemetrySettings};

/// So many spans wait for the collector; what comes beyond is dropped.
const QUEUE: usize = 4_096;
/// So many are sent at once.
const BATCH: usize = 512;
/// So long a span waits for others at most.
const EVERY: Duration = Duration::from_secs(1);
/// So long the collector may take over one batch.
const PATIENCE: Duration = Duration::from_secs(3);
/// A collector has little to say.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The file of headers cannot be read.
    #[error("{} (telemetry.otlp.headers_file) cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of headers is open to everybody.
    #[error("{} (telemetry.otlp.headers_file) is open to everybody: chmod 600", .0.display())]
    Open(PathBuf),
    /// The headers are not what they should be.
    #[error("{} (telemetry.otlp.headers_file) must have one `name=value` a line", .0.display())]
    Headers(PathBuf),
    /// There is no client to reach the collector with.
    #[error("the collector of telemetry.otlp.endpoint cannot be spoken to")]
    Client(#[source] reqwest::Error),
    /// There is no exporter to it.
    #[error("the collector of telemetry.otlp.endpoint cannot be spoken to")]
    Exporter(#[source] ExporterBuildError),
}

/// Traces that are sent to a collector, until they are stopped.
pub struct Telemetry {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Telemetry {
    /// Begins to send traces, from within a runtime; none where no collector is named.
    ///
    /// # Errors
    /// The headers cannot be read, or there is no client.
    pub fn start(settings: &TelemetrySettings) -> Result<Option<Self>, TelemetryError> {
        let Some(endpoint) = &settings.otlp.endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?)
            .with_endpoint(endpoint.traces())
            .with_timeout(PATIENCE)
            .with_headers(headers(&settings.otlp)?.into_iter().collect())
            // The queue is the patience there is: a batch that fails is lost.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(TelemetryError::Exporter)?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(EVERY)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio))))
            .with_resource(Resource::builder_empty().with_service_name(settings.service_name.clone()).build())
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        let tracer = provider.tracer("symbolon");
        Ok(Some(Self { provider, tracer }))
    }

    /// What makes spans of the target [`TRACES`], and of nothing else, into traces.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.tracer.clone())
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_level(false)
            .with_target(false)
            .with_filter(filter_fn(|metadata| metadata.target() == TRACES))
    }

    /// Sends what waits now, for as long as this at most: for a host that stops between requests.
    pub async fn flush(&self, patience: Duration) {
        let provider = self.provider.clone();
        let flush = tokio::task::spawn_blocking(move || provider.force_flush());
        // A collector that is away has been warned of already.
        drop(tokio::time::timeout(patience, flush).await);
    }

    /// Sends what still waits, for as long as this at most.
    pub async fn stop(self, patience: Duration) {
        let flush = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(patience));
        // A collector that is away has been warned of already; a thread that it holds up ends with the process.
        drop(tokio::time::timeout(patience, flush).await);
    }
}

/// The headers of the setting and those of the file.
pub(crate) fn headers(settings: &OtlpSettings) -> Result<Vec<(String, String)>, TelemetryError> {
    let mut headers = Vec::new();
    if let Some(set) = &settings.headers {
        headers.extend(OtlpSettings::headers_of(set.expose()).unwrap_or_default());
    }
    if let Some(path) = &settings.headers_file {
        let text = read(path)?;
        headers.extend(OtlpSettings::headers_of(&text).ok_or_else(|| TelemetryError::Headers(path.clone()))?);
    }
    Ok(headers)
}

fn read(path: &Path) -> Result<String, TelemetryError> {
    let unreadable = |source| TelemetryError::Unreadable { path: path.to_owned(), source };
    if is_open_to_everybody(path).map_err(unreadable)? {
        return Err(TelemetryError::Open(path.to_owned()));
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// The way to the collector. The thread that exports has no runtime, so the sending itself runs on the service's.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// Did it not take the last batch? It is warned of once, not at each one.
    away: AtomicBool,
}

impl Collector {
    fn new() -> Result<Self, TelemetryError> {
        let client = reqwest::Client::builder()
            // Its headers are for it alone.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(TelemetryError::Client)?;
        Ok(Self { client, runtime: Handle::current(), away: AtomicBool::new(false) })
    }

    /// Says when it goes away, and when it is back.
    fn note(&self, took: Result<(), String>) {
        match took {
            Ok(()) if self.away.swap(false, Ordering::Relaxed) => {
                tracing::info!("the collector takes traces again");
            }
            Err(reason) if !self.away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(reason, "the collector takes no traces: they are dropped until it does");
            }
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { send(&client, request).await }).await;
        let answer = sent.map_err(HttpError::from).and_then(|answer| answer.map_err(HttpError::from));
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answers {}", answer.status().as_u16())),
            // The error itself would name the URL.
            Err(error) if error.downcast_ref().is_some_and(reqwest::Error::is_timeout) => {
                Err("it does not answer in time".to_owned())
            }
            Err(_) => Err("it cannot be reached".to_owned()),
        });
        answer
    }
}

async fn send(client: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, reqwest::Error> {
    let mut answer = client.execute(request.try_into()?).await?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() <= LONGEST_ANSWER {
            body.extend_from_slice(&chunk);
        }
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    Ok(response)
}
