//! Making the next key, retiring one, deleting what is retired for long (O8).

use std::time::Duration;

use super::{
    DeleteSigningKey, KeyLife, KeyState, RetireSigningKey, RotateSigningKey, SigningKey, SigningKeys,
    SigningKeysError,
    schedule::{signing, states},
};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::SigningKeyId,
};

/// A retired key is listed for so long before it is deleted.
const RETIRED_HISTORY: Duration = Duration::from_secs(7 * 86_400);

/// By then every node has looked what keys there are.
const KNOWN_EVERYWHERE: Duration = Duration::from_secs(15);

/// When a key that an operator asks for begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotateWhen {
    /// After it has been published for its time: nobody is refused.
    Published,
    /// As soon as every node knows it: whoever verifies with an older copy of the JWK set refuses its tokens until that is fetched anew.
    Now,
}

/// Why no key was made or retired.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The next key is there already and signs from then on.
    #[error(
        "the next key is published already, and signs from {0} on: `--now` makes another one, which signs at once"
    )]
    AlreadyPublished(Timestamp),
    /// Another one was made at the same moment.
    #[error("another key was made meanwhile")]
    Overtaken,
    /// There is no such key, or it is retired.
    #[error("there is no such key, or it is retired already")]
    NotFound,
    /// Nobody else could sign.
    #[error(
        "it is the only key that may sign: make another one first (`symbolon keys rotate --now`), and wait until it signs"
    )]
    LastKey,
    /// The keys failed.
    #[error(transparent)]
    Keys(#[from] SigningKeysError),
}

impl SigningKeys {
    /// What is due at present: the next key, made by exactly one node; deleting keys that were retired long ago; taking
    /// over what other nodes did. To be called now and then.
    ///
    /// # Errors
    /// See [`SigningKeysError`].
    pub async fn tend(&self) -> Result<(), SigningKeysError> {
        let now = self.ports.clock.now();
        let mut keys = self.ports.store.list().await?;
        if let Some(signs_from) = self.settings.schedule.next(&keys, now) {
            let event = AuditEvent::by_system(Act::SIGNING_KEY_CREATED, now, &*self.ports.entropy);
            self.add(&keys, signs_from, event, now).await?;
            keys = self.ports.store.list().await?;
        }
        for key in &keys {
            if key.life.retires_at.is_some_and(|retired_at| retired_at + RETIRED_HISTORY <= now) {
                self.delete(key, now).await?;
            }
        }
        self.install(&keys, now)
    }

    /// Makes the next key before its time.
    ///
    /// # Errors
    /// See [`RotateError`].
    pub async fn rotate(
        &self,
        when: RotateWhen,
        actor: Actor,
        origin: &Origin,
    ) -> Result<SigningKeyId, RotateError> {
        let now = self.ports.clock.now();
        let keys = self.ports.store.list().await.map_err(SigningKeysError::from)?;
        let newest = keys.last().map(|key| key.life);
        let signs_from = match (when, newest) {
            (RotateWhen::Published, Some(newest)) if now < newest.signs_from && newest.is_taken(now) => {
                return Err(RotateError::AlreadyPublished(newest.signs_from));
            }
            (RotateWhen::Published, _) => now + self.settings.schedule.publish_before,
            (RotateWhen::Now, _) => now + KNOWN_EVERYWHERE,
        };
        let event = AuditEvent::done(Act::SIGNING_KEY_CREATED, actor, origin, now, &*self.ports.entropy);
        self.add(&keys, signs_from, event, now).await?.ok_or(RotateError::Overtaken)
    }

    /// Takes a key's signatures no more, from now on, on every node: for one that somebody else may have.
    ///
    /// # Errors
    /// See [`RotateError`].
    pub async fn retire(&self, id: SigningKeyId, actor: Actor, origin: &Origin) -> Result<(), RotateError> {
        let now = self.ports.clock.now();
        let keys = self.ports.store.list().await.map_err(SigningKeysError::from)?;
        let is_open = |key: &&SigningKey| key.id == id && key.life.is_taken(now);
        let key = keys.iter().find(is_open).ok_or(RotateError::NotFound)?;
        let others: Vec<&SigningKey> = keys.iter().filter(|key| key.id != id).collect();
        let kept = signing(&others, |key| key.life, now).filter(|key| key.life.may_sign(now));
        let event = AuditEvent::done(Act::SIGNING_KEY_RETIRED, actor, origin, now, &*self.ports.entropy);
        let command = RetireSigningKey {
            generation: key.generation,
            kept_generation: kept.ok_or(RotateError::LastKey)?.generation,
            now,
            effects: Effects::event(event.on(id)),
        };
        let is_retired = self.ports.store.retire(command).await.map_err(SigningKeysError::from)?;
        is_retired.then_some(()).ok_or(RotateError::Overtaken)
    }

    /// Every key with its state, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self) -> Result<Vec<(SigningKey, KeyState)>, SigningKeysError> {
        let keys = self.ports.store.list().await?;
        let states = states(&keys, self.ports.clock.now());
        Ok(keys.into_iter().zip(states).collect())
    }

    /// None where another node was quicker.
    async fn add(
        &self,
        keys: &[SigningKey],
        signs_from: Timestamp,
        event: AuditEvent,
        now: Timestamp,
    ) -> Result<Option<SigningKeyId>, SigningKeysError> {
        let generation = keys.last().map_or(0, |key| key.generation) + 1;
        let next = self.generate(generation, KeyLife { signs_from, retires_at: None }, now)?;
        let id = next.id;
        let command = RotateSigningKey {
            next,
            predecessor_retires_at: self.settings.schedule.retirement(signs_from),
            effects: Effects::event(event.on(id)),
        };
        Ok(self.ports.store.rotate(command).await?.then_some(id))
    }

    async fn delete(&self, key: &SigningKey, now: Timestamp) -> Result<(), SigningKeysError> {
        let command = DeleteSigningKey {
            generation: key.generation,
            retired_by: now - RETIRED_HISTORY,
            effects: self.effects(Act::SIGNING_KEY_DELETED, key.id, now),
        };
        self.ports.store.delete(command).await?;
        Ok(())
    }

    pub(super) fn effects(&self, act: Act, id: SigningKeyId, now: Timestamp) -> Effects {
        Effects::event(AuditEvent::by_system(act, now, &*self.ports.entropy).on(id))
    }
}
