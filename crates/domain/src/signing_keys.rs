//! The keys that sign our tokens: made on the first start, sealed at rest, published as a JWK set, followed by others on
//! a schedule (O8, C64).

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::{
    audit::Act,
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::SigningKeyId,
    sealing::{SealError, SealedFor, Sealer},
    store_error::StoreError,
};

mod model;
mod rotate;
mod schedule;
mod store;
mod tokens;

pub use self::{
    model::{GeneratedKey, OpenedKey, SigningAlgorithm, SigningKey},
    rotate::{RotateError, RotateWhen},
    schedule::{KeyLife, KeySchedule, KeyState, signing},
    store::{DeleteSigningKey, RetireSigningKey, RotateSigningKey, SigningKeyStore},
    tokens::{JwtType, KeyError, SignError, TokenFault, TokenKeys},
};

/// Why there are no keys to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeysError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored key does not open under the configured master keys.
    #[error("the signing key {id} cannot be opened")]
    Seal {
        /// Which key.
        id: SigningKeyId,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// How the keys are made.
#[derive(Clone, Copy, Debug)]
pub struct SigningKeySettings {
    /// What new keys sign with.
    pub algorithm: SigningAlgorithm,
    /// How they follow each other.
    pub schedule: KeySchedule,
}

/// What the signing keys stand on.
#[derive(Clone)]
pub struct SigningKeyPorts {
    /// Keeps them.
    pub store: Arc<dyn SigningKeyStore>,
    /// Seals them.
    pub sealer: Arc<dyn Sealer>,
    /// Signs and verifies with them.
    pub tokens: Arc<dyn TokenKeys>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
}

/// Makes, loads, rotates and retires the signing keys.
#[derive(Clone)]
pub struct SigningKeys {
    ports: SigningKeyPorts,
    settings: SigningKeySettings,
    /// What is installed: parsing keys anew each time would be waste.
    installed: Arc<Mutex<Vec<(SigningKeyId, KeyLife)>>>,
}

impl SigningKeys {
    /// Over these ports. Nothing is loaded yet.
    #[must_use]
    pub fn new(ports: SigningKeyPorts, settings: SigningKeySettings) -> Self {
        Self { ports, settings, installed: Arc::default() }
    }

    /// Loads every key, making the first one where there is none. Of several nodes that start at once on one
    /// new store exactly one makes it.
    ///
    /// # Errors
    /// See [`SigningKeysError`].
    pub async fn load_or_create(&self) -> Result<(), SigningKeysError> {
        let now = self.ports.clock.now();
        let mut keys = self.ports.store.list().await?;
        if keys.is_empty() {
            let first = self.generate(1, KeyLife { signs_from: now, retires_at: None }, now)?;
            let effects = self.effects(Act::SIGNING_KEY_CREATED, first.id, now);
            self.ports.store.insert_first(first, effects).await?;
            keys = self.ports.store.list().await?;
        }
        self.install(&keys, now)
    }

    /// Loads the keys that there are; none are made. For commands that only look.
    ///
    /// # Errors
    /// See [`SigningKeysError`].
    pub async fn load(&self) -> Result<(), SigningKeysError> {
        let keys = self.ports.store.list().await?;
        self.install(&keys, self.ports.clock.now())
    }

    fn generate(
        &self,
        generation: u32,
        life: KeyLife,
        now: Timestamp,
    ) -> Result<SigningKey, SigningKeysError> {
        let algorithm = self.settings.algorithm;
        let id = SigningKeyId::new(now, &*self.ports.entropy);
        let GeneratedKey { private, public_jwk } = self.ports.tokens.generate(id, algorithm)?;
        let sealed = self.ports.sealer.seal(place(&id), &private);
        let private = sealed.map_err(|source| SigningKeysError::Seal { id, source })?;
        Ok(SigningKey { id, generation, algorithm, created_at: now, life, public_jwk, private })
    }

    /// Retired keys are not opened: nothing is done with them any more.
    fn install(&self, keys: &[SigningKey], now: Timestamp) -> Result<(), SigningKeysError> {
        let taken = || keys.iter().filter(|key| key.life.is_taken(now));
        let wanted: Vec<(SigningKeyId, KeyLife)> = taken().map(|key| (key.id, key.life)).collect();
        let mut installed = self.installed.lock().unwrap_or_else(PoisonError::into_inner);
        if *installed != wanted {
            let opened: Vec<OpenedKey> = taken().map(|key| self.open(key)).collect::<Result<_, _>>()?;
            self.ports.tokens.install(opened)?;
            *installed = wanted;
        }
        drop(installed);
        Ok(())
    }

    fn open(&self, key: &SigningKey) -> Result<OpenedKey, SigningKeysError> {
        let (id, life) = (key.id, key.life);
        let opened = self.ports.sealer.open(place(&id), &key.private);
        let private: Zeroizing<Vec<u8>> = opened.map_err(|source| SigningKeysError::Seal { id, source })?;
        Ok(OpenedKey { id, algorithm: key.algorithm, life, public_jwk: key.public_jwk.clone(), private })
    }
}

/// Where a signing key is sealed.
#[must_use]
pub(crate) fn place(id: &SigningKeyId) -> SealedFor<'_> {
    SealedFor { kind: "signing_key", id: id.as_bytes() }
}
