//! A few connections to one mail server: no more at a time, and those that nobody needs are closed after a while.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use lettre::address::Envelope;
use symbolon_domain::outbox::CarrierError;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::conversation::{Conversation, Server, within};

/// Mail servers limit how often one client may be connected; others wait their turn.
const MOST_CONNECTIONS: usize = 4;
/// Between two looks for connections that nobody has used since the last one. Servers wait for some minutes.
const LOOK: Duration = Duration::from_secs(20);

/// Connections, in use and waiting.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    turns: Semaphore,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    connections: Vec<Parked>,
    /// Somebody looks for those that are not needed any more.
    is_watched: bool,
}

struct Parked {
    conversation: Conversation,
    /// It was here at the last look already.
    is_old: bool,
}

impl Default for Pool {
    fn default() -> Self {
        let waiting = Mutex::default();
        Self(Arc::new(Shared { turns: Semaphore::new(MOST_CONNECTIONS), waiting }))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pool({} waiting)", self.0.waiting().connections.len())
    }
}

impl Pool {
    /// Hands a message over on a connection that is there, or on a new one.
    pub(super) async fn send(
        &self,
        server: &Server,
        envelope: &Envelope,
        content: &[u8],
    ) -> Result<(), CarrierError> {
        let limits = server.limits;
        let Ok(Ok(_turn)) = timeout(limits.turn, self.0.turns.acquire()).await else {
            return Err(CarrierError::Transient("smtp_busy".into()));
        };
        within(limits.conversation, self.converse(server, envelope, content)).await
    }

    async fn converse(
        &self,
        server: &Server,
        envelope: &Envelope,
        content: &[u8],
    ) -> Result<(), CarrierError> {
        let mut conversation = match self.take().await {
            Some(conversation) => conversation,
            None => server.connect().await?,
        };
        let sent = conversation.send(envelope, content).await;
        if sent.is_ok() {
            self.park(conversation);
        } else {
            // Whatever was begun is not to be gone on with, and nobody waits for the leave.
            tokio::spawn(conversation.quit());
        }
        sent
    }

    /// The connection that was used last, if the server still holds it.
    async fn take(&self) -> Option<Conversation> {
        loop {
            let parked = self.0.waiting().connections.pop()?;
            let mut conversation = parked.conversation;
            if conversation.is_alive().await {
                return Some(conversation);
            }
        }
    }

    fn park(&self, conversation: Conversation) {
        let mut waiting = self.0.waiting();
        waiting.connections.push(Parked { conversation, is_old: false });
        if !waiting.is_watched {
            waiting.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that nobody has used since the last look. None when there is nothing left to look after.
    fn unused(&self) -> Option<Vec<Parked>> {
        let mut waiting = self.waiting();
        if waiting.connections.is_empty() {
            waiting.is_watched = false;
            return None;
        }
        let (old, fresh): (Vec<_>, Vec<_>) =
            std::mem::take(&mut waiting.connections).into_iter().partition(|parked| parked.is_old);
        waiting.connections = fresh.into_iter().map(|parked| Parked { is_old: true, ..parked }).collect();
        Some(old)
    }
}

/// Closes what nobody needs, until nothing is left or the pool is gone.
async fn watch(pool: Weak<Shared>) {
    loop {
        sleep(LOOK).await;
        let Some(unused) = pool.upgrade().and_then(|shared| shared.unused()) else { return };
        for parked in unused {
            parked.conversation.quit().await;
        }
    }
}
