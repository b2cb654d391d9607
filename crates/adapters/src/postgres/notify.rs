//! What one node tells the others: that something has changed, over `LISTEN` and `NOTIFY`.
//!
//! A notification carries no content and is never needed: it spares the others their waiting. It is sent after the
//! commit, by a task of its own over the connection that also listens, because `NOTIFY` inside a transaction makes
//! commits wait for each other. What happened while nobody listened is made up for by announcing [`Change::Everything`].
//! Where the engine has no notifications the others find out by asking now and then.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Row as _,
    postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions},
};
use tokio::{
    sync::{Notify, broadcast},
    task::JoinHandle,
    time::{sleep, timeout},
};

const CHANNEL: &str = "symbolon";
/// Connecting, sending and testing take no longer than this.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which nothing comes is tested so often: one that has died without a word is found out.
const TESTED_EVERY: Duration = Duration::from_secs(10);
/// The pauses between attempts to connect.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Changes that a receiver has not taken yet; one that is further behind is told so by the channel.
const MOST_UNREAD: usize = 64;

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Anything may have: notifications were missed.
    Everything,
    /// Messages have come.
    Outbox,
    /// Something was ended.
    Revocation,
}

impl Change {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Outbox => "outbox",
            Self::Revocation => "revocation",
        }
    }

    /// What this version does not know is anything: a newer one may run beside it.
    fn parse(payload: &str) -> Self {
        [Self::Outbox, Self::Revocation]
            .into_iter()
            .find(|change| change.as_str() == payload)
            .unwrap_or(Self::Everything)
    }
}

/// Tells the other nodes, and hears from them.
pub(super) struct Notifier {
    heard: Arc<Heard>,
    unsent: Arc<Unsent>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What this node is told, by itself or by others.
struct Heard {
    messages: Notify,
    revocations: Notify,
    changes: broadcast::Sender<Change>,
}

impl Heard {
    fn announce(&self, change: Change) {
        if change != Change::Revocation {
            self.messages.notify_one();
        }
        if change != Change::Outbox {
            self.revocations.notify_one();
        }
        // Nobody need be listening.
        let _ = self.changes.send(change);
    }
}

/// What the others have not been told yet.
#[derive(Default)]
struct Unsent {
    outbox: AtomicBool,
    revocation: AtomicBool,
    closing: AtomicBool,
    wake: Notify,
}

impl Notifier {
    pub(super) fn start(options: PgConnectOptions) -> Self {
        let (changes, _) = broadcast::channel(MOST_UNREAD);
        let heard = Arc::new(Heard { messages: Notify::new(), revocations: Notify::new(), changes });
        let unsent = Arc::new(Unsent::default());
        let task = tokio::spawn(serve(options, Arc::clone(&heard), Arc::clone(&unsent)));
        Self { heard, unsent, task: Mutex::new(Some(task)) }
    }

    /// Tells this node at once, and the others soon, that messages have come.
    pub(super) fn tell_messages(&self) {
        self.heard.announce(Change::Outbox);
        self.unsent.outbox.store(true, Ordering::Release);
        self.unsent.wake.notify_one();
    }

    /// Tells the others soon that something was ended. This node knows.
    pub(super) fn tell_revocation(&self) {
        self.unsent.revocation.store(true, Ordering::Release);
        self.unsent.wake.notify_one();
    }

    /// Every change from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<Change> {
        self.heard.changes.subscribe()
    }

    pub(super) async fn wait_for_message(&self, at_most: Duration) {
        let _ = timeout(at_most, self.heard.messages.notified()).await;
    }

    pub(super) async fn wait_for_revocation(&self) {
        self.heard.revocations.notified().await;
    }

    /// Sends what is unsent, and ends the task. A second call does nothing.
    pub(super) async fn close(&self) {
        let Some(mut task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.unsent.closing.store(true, Ordering::Release);
        self.unsent.wake.notify_one();
        if timeout(TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// How a connection ended.
enum End {
    Closing,
    /// The engine has no notifications.
    Refused(sqlx::Error),
    Lost(sqlx::Error),
}

/// One connection after the other.
async fn serve(options: PgConnectOptions, heard: Arc<Heard>, unsent: Arc<Unsent>) {
    let mut pause = SHORTEST_PAUSE;
    let mut was_lost = false;
    loop {
        let connected = async {
            if was_lost {
                tracing::info!("notifications from the database are heard again");
                heard.announce(Change::Everything);
            }
        };
        match listen(&options, &heard, &unsent, connected).await {
            (_, End::Closing) => return,
            (_, End::Refused(error)) => {
                let error = super::failure::EngineError::from(error);
                tracing::warn!(%error, "the database has no notifications: what other nodes write is found by polling");
                return;
            }
            (was_connected, End::Lost(error)) => {
                if was_connected || !was_lost {
                    let error = super::failure::EngineError::from(error);
                    tracing::warn!(%error, "notifications from the database are not heard for now");
                }
                pause = if was_connected { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
                was_lost = true;
            }
        }
        if unsent.closing.load(Ordering::Acquire) {
            return;
        }
        // Told early when the store is closed, or when there is something to send.
        let _ = timeout(pause, unsent.wake.notified()).await;
        sleep(SHORTEST_PAUSE).await;
    }
}

/// Listens until the connection ends; says too whether there was one.
async fn listen(
    options: &PgConnectOptions,
    heard: &Heard,
    unsent: &Unsent,
    connected: impl Future<Output = ()>,
) -> (bool, End) {
    let (mut listener, own_process) = match connect(options).await {
        Ok(connected) => connected,
        Err(end) => return (false, end),
    };
    connected.await;
    loop {
        if let Err(error) = send(&mut listener, unsent).await {
            return (true, error);
        }
        if unsent.closing.load(Ordering::Acquire) {
            return (true, End::Closing);
        }
        let came = tokio::select! {
            came = timeout(TESTED_EVERY, listener.try_recv()) => came,
            () = unsent.wake.notified() => continue,
        };
        match came {
            Ok(Ok(Some(notification))) => hear(heard, &notification, own_process),
            Ok(Ok(None)) => {
                return (true, End::Lost(sqlx::Error::Protocol("the connection was closed".into())));
            }
            Ok(Err(error)) => return (true, End::Lost(error)),
            Err(_) => {
                if let Err(error) = bounded(sqlx::query("SELECT 1").execute(&mut listener)).await {
                    return (true, End::Lost(error));
                }
            }
        }
    }
}

fn hear(heard: &Heard, notification: &PgNotification, own_process: u32) {
    // What this node has told it knows.
    if notification.process_id() != own_process {
        heard.announce(Change::parse(notification.payload()));
    }
}

async fn connect(options: &PgConnectOptions) -> Result<(PgListener, u32), End> {
    let single = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(TIMEOUT)
        .test_before_acquire(false)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options.clone());
    let mut listener = bounded(PgListener::connect_with(&single)).await.map_err(End::Lost)?;
    listener.eager_reconnect(false);
    bounded(listener.listen(CHANNEL))
        .await
        .map_err(|error| if is_unsupported(&error) { End::Refused(error) } else { End::Lost(error) })?;
    let row = bounded(sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut listener)).await;
    let own_process = row.and_then(|row| row.try_get::<i32, _>(0)).map_err(End::Lost)?;
    Ok((listener, own_process.unsigned_abs()))
}

/// Does the engine not know `LISTEN`? A server that is shutting down refuses it too, and must be asked again.
fn is_unsupported(error: &sqlx::Error) -> bool {
    // Feature not supported, syntax error.
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("0A000" | "42601"))
}

async fn send(listener: &mut PgListener, unsent: &Unsent) -> Result<(), End> {
    for (flag, change) in [(&unsent.revocation, Change::Revocation), (&unsent.outbox, Change::Outbox)] {
        if !flag.swap(false, Ordering::AcqRel) {
            continue;
        }
        let notifying = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(change.as_str());
        if let Err(error) = bounded(notifying.execute(&mut *listener)).await {
            flag.store(true, Ordering::Release);
            return Err(End::Lost(error));
        }
    }
    Ok(())
}

async fn bounded<T>(doing: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(TIMEOUT, doing).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, error::Error, fmt};

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// A refusal with this SQLSTATE.
    #[derive(Debug)]
    struct Refusal(&'static str);

    impl fmt::Display for Refusal {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Refusal {}

    impl DatabaseError for Refusal {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    /// X3: a server that goes down or comes up is asked again; only an engine that knows no `LISTEN` is not.
    #[test]
    fn only_an_engine_without_notifications_is_given_up() {
        let is_given_up = |code| is_unsupported(&sqlx::Error::Database(Box::new(Refusal(code))));
        for passing in ["57P01", "57P02", "57P03", "53300", "25006", "08006"] {
            assert!(!is_given_up(passing), "{passing}");
        }
        assert!(is_given_up("0A000") && is_given_up("42601"));
    }

    /// G6: a newer version may tell of what this one does not know.
    #[test]
    fn an_unknown_change_is_any_change() {
        assert_eq!(Change::parse("outbox"), Change::Outbox);
        assert_eq!(Change::parse("api_keys:7"), Change::Everything);
        assert_eq!(Change::parse(""), Change::Everything);
    }
}
