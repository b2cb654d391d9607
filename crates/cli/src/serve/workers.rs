//! The workers beside the listeners: delivering messages, writing refusals and last uses, sweeping, tending the signing keys; and what
//! they count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use symbolon_api::Gauge;
use symbolon_domain::{
    api_keys::ApiKeys,
    audit::Refusals,
    outbox::{Delivered, Outbox},
    revocations::Revocations,
    signing_keys::SigningKeys,
    store_error::StoreError,
    sweeper::{Sweeper, Swept},
    trusted_issuers::TrustedIssuers,
};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::{chain, settings::Settings, wiring::Service};

/// Between two steps of the sweeper others get their turn.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(50);

/// So often a node looks for keys that other nodes have made or retired.
const KEYS_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Half of the life at which keys of other issuers are fetched anew when a token is shown.
const ISSUER_KEYS_FETCHED_EVERY: Duration = Duration::from_secs(300);

/// So often the last uses of API keys are written, which may be a minute old where they are shown (K9).
const USES_WRITTEN_EVERY: Duration = Duration::from_secs(30);

/// So many turns of deliveries may be under way at once.
const MOST_TURNS: usize = 4;
/// How long a stop waits for them; a stop has 25 seconds in all (G4).
const LAST_TURNS: Duration = Duration::from_secs(5);

/// Starts them all, a sweeper if there is to be one; each ends when the future that `stop` makes for it does.
pub(super) fn start<S>(
    service: &Service,
    sweeper: Option<Sweeper>,
    settings: &Settings,
    tally: &Arc<Tally>,
    stop: impl Fn() -> S,
) -> Vec<JoinHandle<()>>
where
    S: Future<Output = ()> + Send + 'static,
{
    let (messages, audit) = (&settings.messages, &settings.audit);
    let look = settings.sweeper.interval.to_std();
    let sweep = sweeper.map(|sweeper| tokio::spawn(sweep(sweeper, Arc::clone(tally), look, stop())));
    let others = [
        tokio::spawn(deliver(
            service.outbox.clone(),
            Arc::clone(tally),
            messages.poll_interval.to_std(),
            stop(),
        )),
        tokio::spawn(write_refusals(service.refusals.clone(), audit.refusal_flush_interval.to_std(), stop())),
        tokio::spawn(tend_keys(service.signing_keys.clone(), stop())),
        tokio::spawn(fetch_issuer_keys(Arc::clone(&service.trusted_issuers), stop())),
        tokio::spawn(write_last_uses(service.api_keys.clone(), stop())),
        tokio::spawn(hear_revocations(service.revocations.clone(), stop())),
    ];
    others.into_iter().chain(sweep).collect()
}

/// Delivers messages as they come, until it is told to stop; what is left then is for the next start. A turn whose carrier
/// takes long holds up no later one, up to [`MOST_TURNS`].
async fn deliver(outbox: Outbox, tally: Arc<Tally>, poll_interval: Duration, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut turns = JoinSet::new();
    let mut is_due = true;
    loop {
        if is_due && turns.len() < MOST_TURNS {
            let outbox = outbox.clone();
            turns.spawn(async move { outbox.deliver_due().await });
        }
        is_due = tokio::select! {
            () = &mut stop => break,
            // Where there was something, there may be more.
            Some(turn) = turns.join_next() => count(turn, &tally),
            () = outbox.wait(poll_interval), if turns.len() < MOST_TURNS => true,
        };
    }
    let finish = async {
        while let Some(turn) = turns.join_next().await {
            count(turn, &tally);
        }
    };
    if tokio::time::timeout(LAST_TURNS, finish).await.is_err() {
        tracing::warn!("messages were still on their way: they are sent again when their leases end");
    }
}

/// Whether the turn had anything to do.
fn count(turn: Result<Result<Delivered, StoreError>, JoinError>, tally: &Tally) -> bool {
    match turn {
        Ok(Ok(turn)) => {
            tally.add(turn);
            let is_worth_telling = turn.total() > 0;
            if is_worth_telling {
                tracing::info!(turn.delivered, turn.postponed, turn.dropped, "messages");
            }
            is_worth_telling
        }
        Ok(Err(error)) => {
            tracing::error!(error = chain(&error), "messages cannot be delivered");
            false
        }
        Err(error) => {
            tracing::error!(error = chain(&error), "a turn of deliveries ended early");
            false
        }
    }
}

/// Writes refusals now and then, and a last time at the end.
async fn write_refusals(refusals: Refusals, interval: Duration, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let stopping = tokio::select! {
            () = &mut stop => true,
            () = tokio::time::sleep(interval) => false,
        };
        if let Err(error) = refusals.flush().await {
            tracing::error!(error = chain(&error), "refusals cannot be written to the audit log");
        }
        if stopping {
            return;
        }
    }
}

/// Writes when API keys were last used now and then, and a last time at the end.
async fn write_last_uses(keys: ApiKeys, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let stopping = tokio::select! {
            () = &mut stop => true,
            () = tokio::time::sleep(USES_WRITTEN_EVERY) => false,
        };
        if let Err(error) = keys.write_last_uses().await {
            tracing::error!(error = chain(&error), "the last uses of API keys cannot be written");
        }
        if stopping {
            return;
        }
    }
}

/// Forgets what another node has ended, as soon as it tells.
async fn hear_revocations(revocations: Revocations, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = revocations.hear() => {}
        }
    }
}

/// Deletes what has expired: step after step while there is more, and then not before the next look.
async fn sweep(sweeper: Sweeper, tally: Arc<Tally>, interval: Duration, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let pause = match sweeper.sweep().await {
            Ok(Swept::Deleted { rows, more }) => {
                tally.swept.fetch_add(u32::try_from(rows).unwrap_or(u32::MAX), Ordering::Relaxed);
                if rows > 0 {
                    tracing::info!(rows, "what had expired was deleted");
                }
                if more { BETWEEN_SWEEPS } else { interval }
            }
            Ok(Swept::HeldByAnother) => interval,
            Err(error) => {
                tracing::error!(error = chain(&error), "what has expired cannot be deleted");
                interval
            }
        };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Takes over what has become of the signing keys, and rotates them when it is time (O8).
async fn tend_keys(keys: SigningKeys, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(KEYS_LOOKED_AT_EVERY) => {}
        }
        if let Err(error) = keys.tend().await {
            tracing::error!(error = chain(&error), "the signing keys cannot be tended");
        }
    }
}

/// Fetches the keys of trusted issuers, so that no token has to wait for them and what was withdrawn stops counting though
/// nobody shows a token (Z4).
async fn fetch_issuer_keys(issuers: Arc<TrustedIssuers>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    while !issuers.list().is_empty() {
        tokio::select! {
            () = &mut stop => return,
            () = async {
                issuers.prefetch().await;
                tokio::time::sleep(ISSUER_KEYS_FETCHED_EVERY).await;
            } => {}
        }
    }
}

/// What the workers did since the start (M2).
#[derive(Default)]
pub(super) struct Tally {
    delivered: AtomicU32,
    dropped: AtomicU32,
    swept: AtomicU32,
}

impl Tally {
    fn add(&self, turn: Delivered) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.delivered.fetch_add(number(turn.delivered), Ordering::Relaxed);
        self.dropped.fetch_add(number(turn.dropped), Ordering::Relaxed);
    }
}

/// What the metrics show of them, and of the hashing.
pub(super) fn gauges(service: &Arc<Service>, tally: &Arc<Tally>) -> Vec<Gauge> {
    let gauge = |name, description, read: fn(&Service) -> f64| {
        let service = Arc::clone(service);
        Gauge { name, description, read: Arc::new(move || read(&service)) }
    };
    let counted = |name, description, read: fn(&Tally) -> u32| {
        let tally = Arc::clone(tally);
        Gauge { name, description, read: Arc::new(move || f64::from(read(&tally))) }
    };
    vec![
        counted("symbolon_messages_delivered", "Messages delivered since the start.", |tally| {
            tally.delivered.load(Ordering::Relaxed)
        }),
        counted("symbolon_messages_dropped", "Messages given up since the start.", |tally| {
            tally.dropped.load(Ordering::Relaxed)
        }),
        counted("symbolon_rows_swept", "Expired rows deleted since the start.", |tally| {
            tally.swept.load(Ordering::Relaxed)
        }),
        gauge(
            "symbolon_tokens_known",
            "Session tokens whose signature had been checked before.",
            |service| f64::from(service.tokens.tokens_known()),
        ),
        gauge(
            "symbolon_api_keys_remembered",
            "API keys that the store need not be asked about.",
            |service| f64::from(u32::try_from(service.revocations.keys().len()).unwrap_or(u32::MAX)),
        ),
        gauge(
            "symbolon_api_key_cache_hits",
            "Verifications that spared the store since the start.",
            |service| large(service.revocations.keys().used().0),
        ),
        gauge(
            "symbolon_api_key_cache_misses",
            "Verifications that asked the store since the start.",
            |service| large(service.revocations.keys().used().1),
        ),
        gauge("symbolon_password_queue", "Passwords that wait to be hashed.", |service| {
            f64::from(u32::try_from(service.hasher.queue_depth()).unwrap_or(u32::MAX))
        }),
        gauge("symbolon_password_hashes", "Passwords hashed since the start.", |service| {
            f64::from(u32::try_from(service.hasher.hashes_computed()).unwrap_or(u32::MAX))
        }),
    ]
}

/// A count as a gauge has it, exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "nobody counts so far")]
const fn large(count: u64) -> f64 {
    count as f64
}
