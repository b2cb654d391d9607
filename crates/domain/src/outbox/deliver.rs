//! A worker's turn: lease what is due, render, send, report (M1, M2, M3).

use std::{borrow::Cow, time::Duration};

use futures::future::join_all;
use tracing::Instrument as _;

use super::{
    CarrierError, Email, FinishMessage, Lease, LeaseMessages, LeasedMessage, MessageContent, MessageState,
    NewMessage, Outbox, PostponeMessage,
};
use crate::{
    TRACES,
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    entropy::random_bytes,
    sealing::SealedFor,
    store_error::StoreError,
};

/// What became of the messages of one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Accepted by the carrier.
    pub delivered: usize,
    /// To be tried again.
    pub postponed: usize,
    /// Given up.
    pub dropped: usize,
}

impl Delivered {
    /// How many messages the turn took.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.delivered + self.postponed + self.dropped
    }
}

/// What became of one message.
#[derive(Clone, Copy)]
enum Became {
    Delivered,
    Postponed,
    Dropped,
}

enum End {
    Delivered,
    Postponed(Cow<'static, str>),
    Dropped(Cow<'static, str>),
}

impl End {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Postponed(_) => "postponed",
            Self::Dropped(_) => "dropped",
        }
    }
}

impl Outbox {
    /// Delivers what is due at present, one batch of it, all at once: a message that its carrier takes long over holds up
    /// no other one, and none waits here while its lease runs. The batch is the bound; carriers may have a lower one.
    ///
    /// # Errors
    /// The store failed for one of them, and the others were delivered all the same; what was leased comes back by itself
    /// when its lease ends.
    pub async fn deliver_due(&self) -> Result<Delivered, StoreError> {
        let now = self.ports.clock.now();
        let lease: Lease = random_bytes(&*self.ports.entropy);
        let command =
            LeaseMessages { lease, now, until: now + self.settings.lease, limit: self.settings.batch };
        let leased = self.ports.store.lease(command).await?;
        let mut turn = Delivered::default();
        let mut failed = Ok(());
        for end in join_all(leased.iter().map(|leased| self.deliver(leased, lease))).await {
            match end {
                Ok(Became::Delivered) => turn.delivered += 1,
                Ok(Became::Postponed) => turn.postponed += 1,
                Ok(Became::Dropped) => turn.dropped += 1,
                Err(error) => failed = Err(error),
            }
        }
        failed.map(|()| turn)
    }

    async fn deliver(&self, leased: &LeasedMessage, lease: Lease) -> Result<Became, StoreError> {
        let traced = tracing::info_span!(
            target: TRACES,
            parent: None,
            "deliver message",
            otel.kind = "producer",
            symbolon.message.kind = leased.message.kind.as_str(),
            symbolon.message.attempt = leased.attempts,
            symbolon.message.outcome = tracing::field::Empty,
        );
        let end = self.attempt(&leased.message).instrument(traced.clone()).await;
        traced.record("symbolon.message.outcome", end.as_str());
        let became = match end {
            End::Delivered => Became::Delivered,
            End::Postponed(_) => Became::Postponed,
            End::Dropped(_) => Became::Dropped,
        };
        self.report(leased, lease, end).await?;
        Ok(became)
    }

    async fn attempt(&self, message: &NewMessage) -> End {
        if message.expires_at <= self.ports.clock.now() {
            return End::Dropped("expired".into());
        }
        let place = SealedFor { kind: "message", id: message.id.as_bytes() };
        let Ok(plain) = self.ports.sealer.open(place, &message.content) else {
            // The master key that opens it may come back with the next configuration.
            return End::Postponed("sealed_under_unknown_key".into());
        };
        let Ok(content) = serde_json::from_slice::<MessageContent>(&plain) else {
            return End::Dropped("unreadable".into());
        };
        let text = match self.ports.templates.render(message.kind, &content.variables) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(message = %message.id, %error, "a message cannot be rendered");
                return End::Postponed("template".into());
            }
        };
        let email = Email { id: message.id, created_at: message.created_at, to: content.to, content: text };
        match self.ports.email.send(&email).await {
            Ok(()) => End::Delivered,
            Err(CarrierError::Transient(reason)) => End::Postponed(reason),
            Err(CarrierError::Permanent(reason)) => End::Dropped(reason),
        }
    }

    async fn report(&self, leased: &LeasedMessage, lease: Lease, end: End) -> Result<(), StoreError> {
        let now = self.ports.clock.now();
        let id = leased.message.id;
        let finish = |state, reason| FinishMessage { id, lease, state, reason, now };
        match end {
            End::Delivered => {
                tracing::debug!(message = %id, kind = leased.message.kind.as_str(), "a message was delivered");
                let command = finish(MessageState::Delivered, None);
                self.ports.store.finish(command, Effects::default()).await?;
            }
            End::Dropped(reason) => {
                tracing::warn!(message = %id, kind = leased.message.kind.as_str(), %reason, "a message was dropped");
                let mut event = AuditEvent::by_system(Act::MESSAGE_DROPPED, now, &*self.ports.entropy).on(id);
                event.reason = Some(reason.clone());
                let command = finish(MessageState::Dropped, Some(reason));
                self.ports.store.finish(command, Effects::event(event)).await?;
            }
            End::Postponed(reason) => {
                tracing::warn!(message = %id, kind = leased.message.kind.as_str(), %reason, "a message will be tried again");
                let next_attempt_at = self.next_attempt(now, leased.attempts);
                self.ports.store.postpone(PostponeMessage { id, lease, next_attempt_at, reason }).await?;
            }
        }
        Ok(())
    }

    /// min(30, 2·n) seconds and up to a second of jitter after the n-th attempt (M2).
    fn next_attempt(&self, now: Timestamp, attempts: u32) -> Timestamp {
        let jitter = u64::from(u16::from_be_bytes(random_bytes(&*self.ports.entropy))) * 1_000 / 65_536;
        let delay = u64::from(attempts).saturating_mul(2).min(30);
        now + Duration::from_secs(delay) + Duration::from_millis(jitter)
    }
}
