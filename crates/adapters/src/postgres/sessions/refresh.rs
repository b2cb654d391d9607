//! Refreshing sessions: the write that happens most, so what waits is done together.
//!
//! A few workers take what has come while they were busy, read those tokens, judge each, and carry out all ordinary
//! verdicts by one statement that leaves out whatever has changed since ([`super::rotation`]): two round trips and one
//! commit, however many they are. Everything else, and whoever met others, goes the long way by itself: a transaction
//! that locks the rows, judges them again and carries the verdict out.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::types::Uuid;
use symbolon_domain::{
    id::RefreshTokenId,
    sessions::{RefreshOutcome, RefreshRefusal, RefreshSession, RefreshVerdict},
    store_error::StoreError,
};
use tokio::{
    sync::{
        Mutex as AsyncMutex,
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinHandle,
    time::timeout,
};

use super::{
    insert_token,
    rotation::{Found, Kept, Next, Rotation, find, rotate},
};
use crate::{
    postgres::{
        accounts,
        commands::{Db, Runner},
        effects,
        failure::Failure,
        rows::{change, values},
    },
    sql,
};

/// While one batch is on its way the next ones are read and judged.
const WORKERS: usize = 2;
/// So many are done together at the most, so that the first of them does not wait long.
const MOST_IN_BATCH: usize = 64;

/// Keeps a token, its session and its account as they are until the end of the transaction.
const LOCK_TOKEN: &str = "
    SELECT 1 FROM accounts a
    JOIN sessions s ON s.account_id = a.id
    JOIN refresh_tokens t ON t.session_id = s.id
    WHERE t.id = $1
    FOR NO KEY UPDATE OF a, s, t";

/// Where the caller's address is not known the last one stays.
const REFRESHED: &str = "
    UPDATE sessions
    SET refreshed_at = $1, idle_expires_at = $2, ip = COALESCE($3, ip), refreshes = refreshes + 1
    WHERE id = $4";

type Answer = Result<RefreshOutcome, StoreError>;

/// The callers' end.
pub(in crate::postgres) struct Refreshes {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    patience: Duration,
}

struct Waiting {
    command: RefreshSession,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    /// A caller that has gone away is no failure.
    fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

impl Refreshes {
    pub(in crate::postgres) fn start(runner: &Runner, most_waiting: u32) -> Self {
        let (queue, waiting) =
            mpsc::channel(usize::try_from(most_waiting).unwrap_or(usize::MAX).clamp(1, 1 << 20));
        let waiting = Arc::new(AsyncMutex::new(waiting));
        let start = |_| tokio::spawn(work(runner.clone(), Arc::clone(&waiting)));
        let workers = (0..WORKERS).map(start).collect();
        Self {
            queue: Mutex::new(Some(queue)),
            workers: Mutex::new(workers),
            patience: runner.pool.patience(),
        }
    }

    /// Queues a command and waits for it, for a while (X3). A caller that stops waiting does not stop a command that
    /// has been taken from the queue.
    pub(super) async fn run(&self, command: RefreshSession) -> Answer {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(Failure::Closed)?;
        match queue.try_send(Waiting { command, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(StoreError::Busy),
            Err(TrySendError::Closed(_)) => return Err(Failure::Closed.into()),
        }
        drop(queue);
        match timeout(self.patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Closed.into()),
            Err(_) => Err(Failure::Silent.into()),
        }
    }

    /// Ends the workers after what waits now. A second call does nothing.
    pub(in crate::postgres) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let workers = mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in workers {
            if worker.await.is_err() {
                tracing::error!("a worker that refreshes sessions did not end in order");
            }
        }
    }
}

async fn work(runner: Runner, waiting: Arc<AsyncMutex<mpsc::Receiver<Waiting>>>) {
    loop {
        let mut batch = Vec::new();
        if waiting.lock().await.recv_many(&mut batch, MOST_IN_BATCH).await == 0 {
            return;
        }
        batch.retain(|waiting: &Waiting| !waiting.answer.is_closed());
        if !batch.is_empty() {
            refresh(&runner, batch).await;
        }
    }
}

async fn refresh(runner: &Runner, batch: Vec<Waiting>) {
    let ids: Vec<Uuid> =
        batch.iter().map(|waiting| Uuid::from_bytes(*waiting.command.token_id.as_bytes())).collect();
    let found = match runner.read(|db| Box::pin(find(db, ids.clone()))).await {
        Ok(found) => found,
        Err(error) => return fail_all(batch, error),
    };
    let Judged { rotations, rotating, alone } = judge(batch, found);
    alone.into_iter().for_each(|waiting| go_alone(runner, waiting));
    if rotations.is_empty() {
        return;
    }
    match runner.write(|db| Box::pin(rotate(db, &rotations))).await {
        Ok(done) => {
            let done: HashSet<RefreshTokenId> = done.into_iter().collect();
            for (waiting, rotation) in rotating.into_iter().zip(rotations) {
                if done.contains(&waiting.command.token_id) {
                    waiting.answer(Ok(RefreshOutcome::Rotated(Box::new(rotation.next.session))));
                } else {
                    go_alone(runner, waiting);
                }
            }
        }
        // One of them is in the way of the others.
        Err(StoreError::Busy) if rotating.len() > 1 => {
            rotating.into_iter().for_each(|waiting| go_alone(runner, waiting));
        }
        Err(error) => fail_all(rotating, error),
    }
}

/// What is to be done about a batch.
struct Judged {
    /// Together.
    rotations: Vec<Rotation>,
    /// Who waits for each of them.
    rotating: Vec<Waiting>,
    /// One by one.
    alone: Vec<Waiting>,
}

/// Judges each by what was found, and answers those for whom nothing is to be written.
fn judge(batch: Vec<Waiting>, found: Vec<Found>) -> Judged {
    let mut found: HashMap<RefreshTokenId, Result<Kept, Failure>> = found.into_iter().collect();
    let mut judged = Judged { rotations: Vec::new(), rotating: Vec::new(), alone: Vec::new() };
    let mut taken = HashSet::new();
    let mut sessions = HashSet::new();
    for waiting in batch {
        let id = waiting.command.token_id;
        match found.remove(&id) {
            // The same token again: its row is in other hands.
            None if taken.contains(&id) => judged.alone.push(waiting),
            None => waiting.answer(Ok(RefreshOutcome::Refused(RefreshRefusal::Unknown))),
            Some(Err(failure)) => waiting.answer(Err(failure.into())),
            Some(Ok(kept)) => match waiting.command.judge(&kept.token) {
                RefreshVerdict::Refuse(reason) => {
                    waiting.answer(Ok(RefreshOutcome::Refused(reason)));
                    // Another presentation of it may be judged otherwise.
                    found.insert(id, Ok(kept));
                }
                RefreshVerdict::Rotate if sessions.insert(kept.token.session.id) => {
                    taken.insert(id);
                    judged.rotations.push(Rotation::new(&waiting.command, kept));
                    judged.rotating.push(waiting);
                }
                _ => {
                    taken.insert(id);
                    judged.alone.push(waiting);
                }
            },
        }
    }
    judged
}

/// Not in the worker's way: others may hold the rows for a while.
fn go_alone(runner: &Runner, waiting: Waiting) {
    let runner = runner.clone();
    tokio::spawn(async move {
        let command = &waiting.command;
        let answer = runner.transaction(|db| Box::pin(refresh_locked(db, command))).await;
        waiting.answer(answer);
    });
}

async fn refresh_locked(db: &mut Db<'_>, command: &RefreshSession) -> Result<RefreshOutcome, Failure> {
    change(db, LOCK_TOKEN, values![command.token_id]).await?;
    let found = find(db, vec![Uuid::from_bytes(*command.token_id.as_bytes())]).await?;
    let Some((_, kept)) = found.into_iter().next() else {
        return Ok(RefreshOutcome::Refused(RefreshRefusal::Unknown));
    };
    let kept = kept?;
    match command.judge(&kept.token) {
        RefreshVerdict::Refuse(reason) => Ok(RefreshOutcome::Refused(reason)),
        RefreshVerdict::Rotate => {
            let rotation = [Rotation::new(command, kept)];
            if rotate(db, &rotation).await?.is_empty() {
                return Err(Failure::Contended);
            }
            let [rotation] = rotation;
            Ok(RefreshOutcome::Rotated(Box::new(rotation.next.session)))
        }
        RefreshVerdict::RotateAgain => {
            if !change(db, sql::sessions::USE_AGAIN, values![command.token_id]).await? {
                return Err(Failure::Contended);
            }
            succeed(db, command, Next::new(command, &kept.token.session)).await
        }
        RefreshVerdict::RevokeFamily => {
            let session = &kept.token.session;
            change(db, sql::sessions::REVOKE, values![command.now, session.id]).await?;
            effects::write_event(db, &command.reuse_event(session)).await?;
            Ok(RefreshOutcome::ReuseDetected)
        }
    }
}

/// Inserts the second successor.
async fn succeed(db: &mut Db<'_>, command: &RefreshSession, next: Next) -> Result<RefreshOutcome, Failure> {
    let Next { session, successor } = next;
    insert_token(db, session.id, &successor, Some(command.token_id)).await?;
    let values = values![command.now, successor.expires_at, command.ip, session.id];
    change(db, REFRESHED, values).await?;
    accounts::touch(db, session.account_id, command.now).await?;
    effects::write_event(db, &command.rotated_event(&session)).await?;
    Ok(RefreshOutcome::Rotated(Box::new(session)))
}

/// Gives everybody the error.
fn fail_all(batch: Vec<Waiting>, error: StoreError) {
    let error = match error {
        StoreError::Unavailable(source) => StoreError::unavailable(Shared(Arc::from(source))),
        other => other,
    };
    for waiting in batch {
        let error = match &error {
            StoreError::Unavailable(source) => match source.downcast_ref::<Shared>() {
                Some(shared) => StoreError::unavailable(Shared(Arc::clone(&shared.0))),
                None => StoreError::Busy,
            },
            StoreError::Busy | StoreError::Elsewhere(_) => StoreError::Busy,
            StoreError::Corrupt(what) => StoreError::corrupt(what),
        };
        waiting.answer(Err(error));
    }
}

/// The same cause for many.
#[derive(Debug)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
