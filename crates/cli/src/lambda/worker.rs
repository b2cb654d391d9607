//! `symbolon lambda worker`: one pass over what has to be done whether anybody asks or not. What the event says does not matter,
//! so that any schedule will do; any number of workers may run at once, as any number of nodes may.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use symbolon_domain::{
    clock::Timestamp, outbox::Delivered, signing_keys::SigningKeysError, store_error::StoreError,
    sweeper::Swept,
};

use super::failure::Failure;
use crate::{chain, wiring::Service};

/// Nothing is begun when less than this is left: a carrier may take ten seconds over a message.
const LEAST_LEFT: Duration = Duration::from_secs(12);

/// What a pass did.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    delivered: usize,
    postponed: usize,
    dropped: usize,
    swept: usize,
    /// Whether the time was up before all was done. The next pass goes on.
    more: bool,
}

/// Does what is due, until nothing is or the time is nearly up.
///
/// # Errors
/// Something could not be done. All else was.
pub(super) async fn pass(service: &Arc<Service>, deadline: Timestamp) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let is_late = || deadline.since(service.clock.now()) < LEAST_LEFT;
    let tended = service.signing_keys.tend().await;
    let delivered = deliver(service, &mut summary, &is_late).await;
    let swept = sweep(service, &mut summary, &is_late).await;
    tracing::info!(
        summary.delivered,
        summary.postponed,
        summary.dropped,
        summary.swept,
        summary.more,
        "a pass of the worker"
    );
    let failed = [told_of_keys(tended), told("messages", delivered), told("what has expired", swept)];
    if failed.contains(&true) { Err(Failure::OUTAGE) } else { Ok(summary) }
}

async fn deliver(
    service: &Service,
    summary: &mut Summary,
    is_late: &impl Fn() -> bool,
) -> Result<(), StoreError> {
    loop {
        let turn = service.outbox.deliver_due().await?;
        let Delivered { delivered, postponed, dropped } = turn;
        summary.delivered += delivered;
        summary.postponed += postponed;
        summary.dropped += dropped;
        if turn.total() == 0 {
            return Ok(());
        }
        if is_late() {
            summary.more = true;
            return Ok(());
        }
    }
}

async fn sweep(
    service: &Service,
    summary: &mut Summary,
    is_late: &impl Fn() -> bool,
) -> Result<(), StoreError> {
    loop {
        match service.sweeper.sweep().await? {
            Swept::HeldByAnother => return Ok(()),
            Swept::Deleted { rows, more } => {
                summary.swept += rows;
                if !more {
                    return Ok(());
                }
            }
        }
        if is_late() {
            summary.more = true;
            return Ok(());
        }
    }
}

fn told_of_keys(tended: Result<(), SigningKeysError>) -> bool {
    tended.is_err_and(|error| {
        tracing::error!(error = chain(&error), "the signing keys cannot be tended");
        true
    })
}

/// Says what failed, if it did.
fn told(what: &'static str, done: Result<(), StoreError>) -> bool {
    done.is_err_and(|error| {
        tracing::error!(what, error = chain(&error), "it cannot be seen to");
        true
    })
}
