//! Connections: so many at the most, a bounded queue in front of them, and none that is in doubt.
//!
//! Not sqlx's own pool: that one asks the server after each use whether the connection still works, which costs every
//! command another round trip; it lets any number of callers wait; and it gives a connection back to others on which
//! a deadline struck. Here a connection is tested when it has been idle for a while; when one breaks, all that are as
//! old as it are tested no more but closed.

use std::{
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{PostgresOptions, failure::Failure};

/// After so long without use a connection is tested before it is used: a server that was restarted, or something in
/// between, may have closed it.
const TESTED_AFTER: Duration = Duration::from_millis(500);
/// A test, and tidying up after a caller that went away, take no longer than this.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Surplus connections are closed after so long without use.
const IDLE_LIFETIME: Duration = Duration::from_secs(600);
/// No connection gets older than this: what the server keeps for each grows with time, and a name may lead to another
/// server by then.
const LIFETIME: Duration = Duration::from_secs(1_800);
/// The server gives up a little before the client does, so that the connection stays in order.
const SLACK: Duration = Duration::from_millis(500);
/// What is under way when the store is closed gets so long to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Every statement looks rows up by their keys, in indexes. Planning one anew for its values takes longer than running
/// it; and a plan that is kept must not be one from when the tables were small, when reading all of one was as good.
const PLANNING: &str = "
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off";

pub(super) struct Pool {
    options: PgConnectOptions,
    limits: Limits,
    permits: Arc<Semaphore>,
    waiting: AtomicU32,
    idle: Mutex<Vec<Live>>,
    /// Counts the outages: connections of an earlier one are not used any more.
    generation: AtomicU64,
    closed: AtomicBool,
    draws: AtomicU32,
}

/// The parts of [`PostgresOptions`] that are no secret.
#[derive(Clone, Copy)]
struct Limits {
    max_connections: u32,
    queue: u32,
    acquire_timeout: Duration,
    statement_timeout: Duration,
}

/// A connection, and what is known of it.
struct Live {
    connection: PgConnection,
    generation: u64,
    born: Instant,
    used: Instant,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, settings: &PostgresOptions) -> Arc<Self> {
        let max_connections = settings.max_connections.max(1);
        let limits = Limits {
            max_connections,
            queue: settings.queue,
            acquire_timeout: settings.acquire_timeout,
            statement_timeout: settings.statement_timeout,
        };
        Arc::new(Self {
            options,
            limits,
            permits: Arc::new(Semaphore::new(
                usize::try_from(max_connections).unwrap_or(Semaphore::MAX_PERMITS),
            )),
            waiting: AtomicU32::new(0),
            idle: Mutex::new(Vec::new()),
            generation: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            draws: AtomicU32::new(0),
        })
    }

    /// A command on a connection takes no longer than this, whatever becomes of the server.
    pub(super) fn deadline(&self) -> Duration {
        self.limits.statement_timeout + SLACK
    }

    /// Who waits for others to run his command waits no longer than if he ran it himself.
    pub(super) fn patience(&self) -> Duration {
        self.limits.acquire_timeout + self.deadline()
    }

    /// A connection that works, as far as can be known.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease, Failure> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Failure::Closed);
        }
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_permit().await?,
        };
        let connecting = async {
            match self.reuse().await {
                Some(live) => Ok(live),
                None => self.connect().await,
            }
        };
        let live = timeout(self.limits.acquire_timeout, connecting).await.map_err(|_| Failure::Silent)??;
        Ok(Lease { pool: Arc::clone(self), live: Some(live), permit: Some(permit), begun: false })
    }

    /// Waits in the queue, if there is room in it (X4).
    async fn wait_for_permit(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let _place = Place::take(&self.waiting, self.limits.queue).ok_or(Failure::Crowded)?;
        let permit = Arc::clone(&self.permits).acquire_owned();
        match timeout(self.limits.acquire_timeout, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Failure::Closed),
            Err(_) => Err(Failure::Crowded),
        }
    }

    /// The connection that was used last, so that those that are not needed grow old.
    async fn reuse(&self) -> Option<Live> {
        loop {
            let mut live = self.idle().pop()?;
            if !self.is_current(&live) {
                continue;
            }
            if now().duration_since(live.used) < TESTED_AFTER {
                return Some(live);
            }
            match timeout(TEST_TIMEOUT, live.connection.ping()).await {
                Ok(Ok(())) => return Some(live),
                _ => self.forget(live.generation),
            }
        }
    }

    async fn connect(&self) -> Result<Live, Failure> {
        // Read before connecting: what breaks meanwhile may concern this connection too.
        let generation = self.generation.load(Ordering::Acquire);
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let milliseconds = |duration: Duration| format!("{}ms", duration.as_millis().max(1));
        let statement = self.limits.statement_timeout;
        sqlx::query(
            "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
                    set_config('idle_in_transaction_session_timeout', $3, false)",
        )
        .bind(milliseconds(statement))
        // Sooner than the statement's, so that waiting for others is told from being slow.
        .bind(milliseconds(statement / 2))
        .bind(milliseconds(statement * 2))
        .execute(&mut connection)
        .await?;
        // Engines that do not know these settings plan as they think best.
        match sqlx::raw_sql(PLANNING).execute(&mut connection).await {
            Ok(_) | Err(sqlx::Error::Database(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let now = now();
        Ok(Live { connection, generation, born: now, used: now })
    }

    fn is_current(&self, live: &Live) -> bool {
        live.generation == self.generation.load(Ordering::Acquire)
            && now().duration_since(live.born) < LIFETIME
    }

    /// A connection of this generation broke: the others of it are not to be trusted either.
    fn forget(&self, generation: u64) {
        let next = generation + 1;
        if self.generation.compare_exchange(generation, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            tracing::warn!("a connection to the database broke: all are made anew");
            self.idle().retain(|live| live.generation >= next);
        }
    }

    fn keep(&self, mut live: Live) {
        if !self.is_current(&live) || self.permits.is_closed() {
            return;
        }
        live.used = now();
        let mut idle = self.idle();
        // The one that has been idle for the longest is the first.
        if idle.first().is_some_and(|first| live.used.duration_since(first.used) > IDLE_LIFETIME) {
            idle.remove(0);
        }
        idle.push(live);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Live>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to wait before trying a command again that met others: longer each time, and not as long as those.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        // A walk that spreads evenly; nothing here has to be unpredictable.
        let draw = self.draws.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        let longest = Duration::from_millis(4) * 2_u32.pow(attempt.min(6));
        longest.mul_f64(0.25 + 0.75 * f64::from(draw) / f64::from(u32::MAX))
    }

    /// Lets what waits and runs end, for a while, and closes every connection. New callers are refused from now on.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Who waits is before us.
        let all = timeout(CLOSE_TIMEOUT, self.permits.acquire_many(self.limits.max_connections)).await;
        if all.is_err() {
            tracing::warn!("commands were still running when the database was closed");
        }
        self.permits.close();
        let idle = mem::take(&mut *self.idle());
        for live in idle {
            // The server notices also where it is not told.
            let _ = timeout(TEST_TIMEOUT, live.connection.close()).await;
        }
    }
}

/// A place in the queue, given back when the caller has got a connection or has gone.
struct Place<'w>(&'w AtomicU32);

impl<'w> Place<'w> {
    fn take(waiting: &'w AtomicU32, most: u32) -> Option<Self> {
        let next = |waiting| (waiting < most).then_some(waiting + 1);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection in somebody's hands. Who drops it has been stopped in the middle of a command.
pub(super) struct Lease {
    pool: Arc<Pool>,
    live: Option<Live>,
    permit: Option<OwnedSemaphorePermit>,
    begun: bool,
}

impl Lease {
    /// The connection; none after it has been given back, which takes the lease.
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, Failure> {
        self.live.as_mut().map(|live| &mut live.connection).ok_or(Failure::Closed)
    }

    /// From now on there may be a transaction to be rolled back.
    pub(super) fn begins(&mut self) {
        self.begun = true;
    }

    /// It is in order, and in no transaction.
    pub(super) fn give_back(mut self) {
        if let Some(live) = self.live.take() {
            self.pool.keep(live);
        }
    }

    /// It is broken.
    pub(super) fn discard(mut self) {
        if let Some(live) = self.live.take() {
            self.pool.forget(live.generation);
        }
    }
}

/// A caller has gone away. The command is broken off, or its answer is waited for, and the connection used again:
/// otherwise a flood of callers that go away would become a flood of new connections.
impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(mut live), Some(permit)) = (self.live.take(), self.permit.take()) else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let pool = Arc::clone(&self.pool);
        let begun = self.begun;
        runtime.spawn(async move {
            let _permit = permit;
            let tidying = async {
                if begun {
                    sqlx::raw_sql("ROLLBACK").execute(&mut live.connection).await.map(|_| ())
                } else {
                    live.connection.ping().await
                }
            };
            if let Ok(Ok(())) = timeout(TEST_TIMEOUT, tidying).await {
                pool.keep(live);
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "the age of a connection is no moment of the domain")]
fn now() -> Instant {
    Instant::now()
}
