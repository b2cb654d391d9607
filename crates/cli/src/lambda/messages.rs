//! The messages of a request, delivered before it is answered (M7): whoever waits for a code must not wait for the next request.
//! What a carrier does not take, or not in time, the function `worker` sends later.
//!
//! An answer must take as long for an address that nobody has (C9), and there a message is composed and none is sent. So
//! whoever may have written one waits to the next tick, which is later than most carriers are.

use std::time::Duration;

use symbolon_domain::outbox::Outbox;
use tokio::time::{interval, sleep};

use crate::chain;

/// Answers of requests that may have written a message come at a multiple of this.
const TICK: Duration = Duration::from_millis(500);
/// After so many of them no longer is waited (M7: 3 s).
const MOST_TICKS: usize = 6;
/// So often is looked for messages, and so far apart: an index may show what was written a moment late. Together it is less
/// than a tick, also for who finds none.
const MOST_LOOKS: usize = 6;
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);

/// Delivers what this many messages, that were composed a moment ago and perhaps written, are among.
pub(super) async fn deliver(outbox: &Outbox, composed: u64) {
    // Apart, so that a message on its way is not dropped, which would send it twice: it goes on beside the next event.
    let delivering = tokio::spawn(deliver_due(outbox.clone(), composed));
    let mut ticks = interval(TICK);
    // The first one is at once.
    ticks.tick().await;
    for _ in 0..MOST_TICKS {
        ticks.tick().await;
        if delivering.is_finished() {
            return;
        }
    }
    tracing::warn!("messages are still on their way: the worker sends what does not arrive");
}

async fn deliver_due(outbox: Outbox, composed: u64) {
    let mut taken = 0;
    for _ in 0..MOST_LOOKS {
        match outbox.deliver_due().await {
            // Where there was something, there may be more: others' messages may go first.
            Ok(turn) if turn.total() > 0 => {
                tracing::info!(turn.delivered, turn.postponed, turn.dropped, "messages");
                taken += u64::try_from(turn.total()).unwrap_or(u64::MAX);
            }
            Ok(_) if taken >= composed => return,
            Ok(_) => sleep(BETWEEN_LOOKS).await,
            Err(error) => {
                tracing::error!(error = chain(&error), "messages cannot be delivered");
                return;
            }
        }
    }
}
