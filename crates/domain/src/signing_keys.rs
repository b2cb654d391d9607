//! The keys that sign our tokens: made on the first start, sealed at rest, published as a JWK set (O8, C64).
//!
//! Rotating and retiring keys are not here yet.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::{
    audit::{Act, AuditEvent},
    clock::Clock,
    effects::Effects,
    entropy::Entropy,
    id::SigningKeyId,
    sealing::{SealError, SealedFor, Sealer},
    store_error::StoreError,
};

mod model;
mod store;
mod tokens;

pub use self::{
    model::{GeneratedKey, OpenedKey, SigningAlgorithm, SigningKey},
    store::SigningKeyStore,
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

/// Makes and loads the signing keys.
#[derive(Clone)]
pub struct SigningKeys {
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

impl SigningKeys {
    /// Loads every key, making the first one where there is none. Of several nodes that start at once on one
    /// new store exactly one makes it.
    ///
    /// # Errors
    /// See [`SigningKeysError`].
    pub async fn load_or_create(&self, algorithm: SigningAlgorithm) -> Result<(), SigningKeysError> {
        let mut keys = self.store.list().await?;
        if keys.is_empty() {
            self.create_first(algorithm).await?;
            keys = self.store.list().await?;
        }
        Ok(self.tokens.install(self.open(&keys)?)?)
    }

    /// Loads the keys that there are; none are made. For commands that only look.
    ///
    /// # Errors
    /// See [`SigningKeysError`].
    pub async fn load(&self) -> Result<(), SigningKeysError> {
        let keys = self.store.list().await?;
        Ok(self.tokens.install(self.open(&keys)?)?)
    }

    async fn create_first(&self, algorithm: SigningAlgorithm) -> Result<(), SigningKeysError> {
        let now = self.clock.now();
        let id = SigningKeyId::new(now, &*self.entropy);
        let generated = self.tokens.generate(id, algorithm)?;
        let sealed = self
            .sealer
            .seal(place(&id), &generated.private)
            .map_err(|source| SigningKeysError::Seal { id, source })?;
        let key =
            SigningKey { id, algorithm, created_at: now, public_jwk: generated.public_jwk, private: sealed };
        let event = AuditEvent::by_system(Act::SIGNING_KEY_CREATED, now, &*self.entropy).on(id);
        self.store.insert_first(key, Effects::event(event)).await?;
        Ok(())
    }

    fn open(&self, keys: &[SigningKey]) -> Result<Vec<OpenedKey>, SigningKeysError> {
        let open = |key: &SigningKey| -> Result<OpenedKey, SigningKeysError> {
            let id = key.id;
            let private: Zeroizing<Vec<u8>> = self
                .sealer
                .open(place(&id), &key.private)
                .map_err(|source| SigningKeysError::Seal { id, source })?;
            Ok(OpenedKey { id, algorithm: key.algorithm, public_jwk: key.public_jwk.clone(), private })
        };
        keys.iter().map(open).collect()
    }
}

fn place(id: &SigningKeyId) -> SealedFor<'_> {
    SealedFor { kind: "signing_key", id: id.as_bytes() }
}
