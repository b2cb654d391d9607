//! `symbolon serve`: both listeners, the workers beside them, and an orderly end (G4, G7).

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use sd_notify::NotifyState;
use symbolon_api::{
    Api, HttpSettings, Metrics, RateLimits, ServeSettings, Stopped, UseCases,
    management::{Management, Stopping, router as management_router},
    router,
    test_mode::TestMode,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

use crate::settings::{Settings, StoreUrl};
use crate::telemetry::{Telemetry, TelemetryError};
use crate::test_mode::{RecordingCarrier, TestClock};
use crate::wiring::{self, Service, Surroundings, WiringError};
use crate::{CommandResult, logging};

use self::{
    tls::{Certificate, TlsError},
    workers::Tally,
};

pub(crate) mod tls;
mod workers;

/// So long before it stops accepting the service says that it is not ready (X2).
const NOT_READY_FIRST: Duration = Duration::from_millis(500);

/// So long the traces that wait are sent for when the service ends, as its deadline allows (G4).
const LONGEST_FLUSH: Duration = Duration::from_secs(3);
/// And so long in any case.
const LEAST_FLUSH: Duration = Duration::from_millis(250);

/// Why the service did not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The runtime could not be started.
    #[error("the runtime could not be started")]
    Runtime(#[source] io::Error),
    /// Test mode would be open to others.
    #[error("--test-mode is for loopback only: {key} is {address}")]
    TestModeInTheOpen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key})")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
    /// Traces were asked for, and cannot be sent.
    #[error("there are no traces")]
    Telemetry(#[from] TelemetryError),
    /// The public listener cannot speak TLS.
    #[error("there is no TLS")]
    Tls(#[from] TlsError),
    /// The service could not be put together.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// What was running took longer than `http.shutdown_timeout`.
    #[error("what was running was cut off after {0:?} (http.shutdown_timeout)")]
    CutOff(Duration),
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// It could not start, or could not end in order.
pub async fn run(settings: Settings, test_mode: bool) -> CommandResult {
    let telemetry = Telemetry::start(&settings.telemetry).map_err(ServeError::Telemetry)?;
    logging::start(&settings.log, telemetry.as_ref());
    let running = if test_mode {
        start_in_test_mode(&settings).await?
    } else {
        start(&settings, Surroundings::real(), None).await?
    };
    tracing::info!(
        address = %running.address,
        management = %running.management_address,
        public_url = %settings.http.public_url,
        test_mode,
        "ready"
    );
    tell_supervisor(NotifyState::Ready);
    wait_for_signal().await.map_err(ServeError::Signals)?;
    tracing::info!("stopping");
    tell_supervisor(NotifyState::Stopping);
    let (deadline, stopping) = (now() + running.shutdown_timeout, running.stop());
    let stopped = stopping.await;
    if let Some(telemetry) = telemetry {
        let left = deadline.saturating_duration_since(now());
        telemetry.stop(left.clamp(LEAST_FLUSH, LONGEST_FLUSH)).await;
    }
    Ok(stopped?)
}

/// Tells systemd, where it has started us as a service of `Type=notify`, how far we are (G3, G4).
fn tell_supervisor(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told how far the service is");
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a stop has taken is no moment of the domain")]
fn now() -> Instant {
    Instant::now()
}

async fn wait_for_signal() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn start_in_test_mode(settings: &Settings) -> Result<Running, ServeError> {
    let listeners =
        [("http.listen", settings.http.listen), ("management.listen", settings.management.listen)];
    for (key, address) in listeners {
        if !address.ip().is_loopback() {
            return Err(ServeError::TestModeInTheOpen { key, address });
        }
    }
    if !matches!(settings.store.url, StoreUrl::Sqlite { .. }) {
        tracing::warn!("test mode on a store that others may use: its clock decides for them too");
    }
    let real = Surroundings::real();
    let clock = Arc::new(TestClock::new(real.clock));
    let mail = Arc::new(RecordingCarrier::new());
    let recording = Arc::clone(&mail);
    let surroundings = Surroundings {
        clock: clock.clone(),
        entropy: real.entropy,
        around_email: Box::new(move |carrier| {
            recording.stand_before(carrier);
            recording
        }),
    };
    start(settings, surroundings, Some(TestMode { clock, mail })).await
}

/// A service that runs.
pub struct Running {
    /// Where the public listener is.
    pub address: SocketAddr,
    /// Where the management listener is.
    pub management_address: SocketAddr,
    /// What it runs.
    pub service: Arc<Service>,
    shutdown_timeout: Duration,
    not_ready: Stopping,
    stop: watch::Sender<Stage>,
    public: JoinHandle<Stopped>,
    management: JoinHandle<Stopped>,
    workers: Vec<JoinHandle<()>>,
}

/// How far a stop is: the public listener ends first, then the workers, then the management listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    PublicEnds,
    WorkersEnd,
    ManagementEnds,
}

/// Puts the service together and starts it.
///
/// # Errors
/// It cannot be put together, or an address cannot be listened on.
pub async fn start(
    settings: &Settings,
    surroundings: Surroundings,
    test_mode: Option<TestMode>,
) -> Result<Running, ServeError> {
    let certificate = Certificate::load(&settings.http.tls)?;
    let listener = listen("http.listen", settings.http.listen).await?;
    let management_listener = listen("management.listen", settings.management.listen).await?;
    let service = Arc::new(wiring::open(settings, surroundings).await?);
    let (address, management_address) =
        (local("http.listen", &listener)?, local("management.listen", &management_listener)?);

    let tally = Arc::new(Tally::default());
    let metrics = Metrics::new(workers::gauges(&service, &tally));
    let not_ready = Stopping::default();
    let management = management_router(Management {
        outbox: service.outbox.clone(),
        clock: Arc::clone(&service.clock),
        metrics: metrics.clone(),
        stopping: not_ready.clone(),
    });
    let api = api(&service, settings, metrics, test_mode.is_some());
    // A clock that is set by hand must not decide what goes for good.
    let sweeper = test_mode.is_none().then(|| service.sweeper.clone());
    let public = router(&api, test_mode);

    let (stop, stage) = watch::channel(Stage::Running);
    let limits = serving(settings);
    let tls = certificate.as_ref().map(Certificate::server).transpose()?;
    let reached = |wanted| {
        let mut stage = stage.clone();
        async move {
            // A sender that is gone is a service that is gone.
            drop(stage.wait_for(|stage| *stage >= wanted).await);
        }
    };
    let mut workers = workers::start(&service, sweeper, settings, &tally, || reached(Stage::WorkersEnd));
    let renewal = |certificate| tokio::spawn(tls::renew(certificate, reached(Stage::WorkersEnd)));
    workers.extend(certificate.map(renewal));
    Ok(Running {
        address,
        management_address,
        shutdown_timeout: limits.shutdown_timeout,
        not_ready,
        public: tokio::spawn(symbolon_api::serve(
            listener,
            public,
            ServeSettings { tls, ..limits.clone() },
            reached(Stage::PublicEnds),
        )),
        management: tokio::spawn(symbolon_api::serve(
            management_listener,
            management,
            limits,
            reached(Stage::ManagementEnds),
        )),
        workers,
        service,
        stop,
    })
}

impl Running {
    /// Says that it is not ready, stops accepting, finishes what runs, writes what is left (G4).
    ///
    /// # Errors
    /// Something was still running when the time was up.
    pub async fn stop(self) -> Result<(), ServeError> {
        self.not_ready.begin();
        tokio::time::sleep(NOT_READY_FIRST).await;
        self.stop.send_replace(Stage::PublicEnds);
        let public = self.public.await;
        self.stop.send_replace(Stage::WorkersEnd);
        for worker in self.workers {
            drop(worker.await);
        }
        self.stop.send_replace(Stage::ManagementEnds);
        drop(self.management.await);
        self.service.close().await;
        match public {
            Ok(Stopped::Finished) => Ok(()),
            Ok(Stopped::CutOff) | Err(_) => Err(ServeError::CutOff(self.shutdown_timeout)),
        }
    }
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { key, address, source })
}

fn local(key: &'static str, listener: &TcpListener) -> Result<SocketAddr, ServeError> {
    let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|source| ServeError::Listen { key, address: unspecified, source })
}

/// The HTTP face of this service, with no listener in front of it.
#[must_use]
pub fn api(service: &Service, settings: &Settings, metrics: Metrics, test_mode: bool) -> Arc<Api> {
    Api::new(use_cases(service), http(settings, test_mode), metrics)
}

fn use_cases(service: &Service) -> UseCases {
    UseCases {
        access: service.access.clone(),
        authorizer: service.authorizer.clone(),
        accounts: service.accounts.clone(),
        invitations: service.invitations.clone(),
        audit: service.audit.clone(),
        sign_up: service.sign_up.clone(),
        sign_in: service.sign_in.clone(),
        recovery: service.recovery.clone(),
        passwords: service.passwords.clone(),
        api_keys: service.api_keys.clone(),
        device_tokens: service.device_tokens.clone(),
        trusted_issuers: Arc::clone(&service.trusted_issuers),
        refusals: service.refusals.clone(),
        sessions: service.sessions.clone(),
        outbox: service.outbox.clone(),
        signing_keys: service.signing_keys.clone(),
        keys: service.tokens.clone(),
        clock: Arc::clone(&service.clock),
        entropy: Arc::clone(&service.entropy),
        pii: service.pii.clone(),
    }
}

fn http(settings: &Settings, test_mode: bool) -> HttpSettings {
    let (http, limits) = (&settings.http, &settings.rate_limits);
    let limits = RateLimits {
        sign_up: limits.sign_up.get(),
        sign_in: limits.sign_in.get(),
        recovery: limits.recovery.get(),
        codes: limits.codes.get(),
        verify: limits.verify.get(),
        other: limits.other.get(),
    };
    HttpSettings {
        public_url: http.public_url.to_string(),
        trusted_proxies: http.trusted_proxies.iter().map(|range| range.network()).collect(),
        allowed_origins: http.cors.allowed_origins.iter().map(ToString::to_string).collect(),
        request_timeout: http.request_timeout.to_std(),
        body_limit: usize::try_from(http.body_limit).unwrap_or(usize::MAX),
        rate_limits: (!test_mode).then_some(limits),
    }
}

fn serving(settings: &Settings) -> ServeSettings {
    let http = &settings.http;
    ServeSettings {
        header_timeout: http.header_timeout.to_std(),
        keep_alive: http.keep_alive.to_std(),
        shutdown_timeout: http.shutdown_timeout.to_std(),
        ..ServeSettings::default()
    }
}
