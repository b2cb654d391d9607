//! Connections: accepted up to a bound, cut when they dawdle, ended without losing a request (G4, X2, X10).
//!
//! hyper's own header time-out also runs while a kept-alive connection is idle, so it cannot tell 5 seconds for a
//! header from 60 seconds of rest. [`activity`] keeps track of what a connection is doing instead, and a look at it
//! every so often decides.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Version, header},
    response::Response,
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

mod activity;
mod stream;

use self::{
    activity::{Activity, Places, Verdict, Watch},
    stream::WatchedStream,
};
use crate::settings::ServeSettings;

/// The most that is read of one request's headers before it is refused without looking at them.
const READ_BUFFER: usize = 96 * 1024;
/// HTTP/2: the largest list of headers, and how many requests one connection may have under way.
const HTTP2_HEADERS: u32 = 40 * 1024;
const HTTP2_STREAMS: u32 = 100;
/// HTTP/2: a peer that does not answer a ping is gone.
const HTTP2_PING: Duration = Duration::from_secs(20);
/// Pause after a connection could not be accepted (no file descriptors left, for one).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that the kernel has taken before a stop are still accepted within this.
const LAST_CALL: Duration = Duration::from_millis(20);

/// Who is at the other end of a connection. In the extensions of every request that [`serve`] passes on.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Everything that was running was finished.
    Finished,
    /// The time was up; what was still running has been cut off.
    CutOff,
}

/// How far a stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    Stopping,
    Cutting,
}

/// Serves until `stop` is done; then accepts nothing more, finishes what runs, and returns.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    stop: impl Future<Output = ()> + Send,
) -> Stopped {
    let places = Arc::new(Semaphore::new(places(&settings)));
    let (stage, watched) = watch::channel(Stage::Serving);
    let connections = Connections { router, settings, places, stage: watched };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = connections.accept(&listener) => {}
        }
    }
    tokio::time::sleep(LAST_CALL).await;
    while tokio::select! {
        biased;
        () = connections.accept(&listener) => true,
        () = std::future::ready(()) => false,
    } {}
    drop(listener);
    stage.send_replace(Stage::Stopping);
    let finished = tokio::time::timeout(connections.settings.shutdown_timeout, connections.none_left()).await;
    stage.send_replace(Stage::Cutting);
    if finished.is_ok() { Stopped::Finished } else { Stopped::CutOff }
}

fn places(settings: &ServeSettings) -> usize {
    usize::try_from(settings.max_connections.max(1)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

/// What every connection needs.
#[derive(Clone)]
struct Connections {
    router: Router,
    settings: ServeSettings,
    places: Arc<Semaphore>,
    stage: watch::Receiver<Stage>,
}

impl Connections {
    /// Takes one connection, when there is a place for it.
    async fn accept(&self, listener: &TcpListener) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = hold(stream, peer, self.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Done when every place is free.
    async fn none_left(&self) {
        let all = u32::try_from(places(&self.settings)).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await);
    }
}

/// One connection from its first byte to its end.
async fn hold(stream: TcpStream, peer: SocketAddr, connections: Connections) {
    // A connection that cannot do without delay still works.
    let _ = stream.set_nodelay(true);
    let Some(tls) = connections.settings.tls.clone() else {
        return converse(stream, peer, connections).await;
    };
    // Whoever does not come to an end with its handshake is cut off as if it did not send its headers.
    let patience = connections.settings.header_timeout;
    let mut stage = connections.stage.clone();
    let handshake = tokio::select! {
        done = tokio::time::timeout(patience, TlsAcceptor::from(tls).accept(stream)) => done,
        _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
    };
    match handshake {
        Ok(Ok(stream)) => converse(stream, peer, connections).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake has failed"),
        Err(_) => {}
    }
}

/// What is said over a connection that is set up.
async fn converse<S>(stream: S, peer: SocketAddr, connections: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Connections { router, settings, places: free, mut stage } = connections;
    let scarce = places(&settings) / 8;
    let activity = Arc::new(Activity::default());
    let stream = WatchedStream::new(stream, Arc::clone(&activity));
    let service = {
        let activity = Arc::clone(&activity);
        service_fn(move |request| answer(request, peer, router.clone(), Arc::clone(&activity)))
    };
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut watch = Watch::new(&settings);
    let mut tick = tokio::time::interval(watch.period());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        match *stage.borrow_and_update() {
            Stage::Serving => {}
            Stage::Stopping => activity.set_stopping(),
            Stage::Cutting => return,
        }
        tokio::select! {
            ended = connection.as_mut() => return note(ended),
            _ = stage.changed() => if activity.is_busy() {
                connection.as_mut().graceful_shutdown();
            },
            _ = tick.tick() => match watch.look(&activity, room(free.available_permits() > scarce)) {
                Verdict::Keep => {}
                Verdict::Close => connection.as_mut().graceful_shutdown(),
                Verdict::Cut => return,
            },
        }
    }
}

const fn room(there_is: bool) -> Places {
    if there_is { Places::Plenty } else { Places::Scarce }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HTTP2_HEADERS)
        .max_concurrent_streams(HTTP2_STREAMS)
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}

/// One request.
async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    activity: Arc<Activity>,
) -> Result<Response, std::convert::Infallible> {
    let is_http1 = request.version() < Version::HTTP_2;
    let _busy = activity.begin(is_http1);
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let mut response = router.oneshot(request).await?;
    activity.set_refused(response.status().is_client_error());
    if is_http1 && activity.is_stopping() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Clients that go away are no event; what they did wrong may be of use to who looks for it.
fn note(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error = &*error as &dyn std::error::Error, "a connection has ended early");
    }
}
