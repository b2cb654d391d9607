//! Secrets at rest: the port that encrypts them, and the peppers, which live in the store sealed (G10, C64).

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{
    device_tokens::Holder,
    entropy::{Entropy, random_bytes},
    id::{AccountId, CeremonyId, TokenRequestId},
    identifiers::EmailAddress,
    secret::{HmacKey, SecretHash},
    store_error::StoreError,
};

mod reseal;

pub use self::reseal::{ResealStore, Resealed, Resealing, SealedKind, SealedRow};

/// Bytes under authenticated encryption, naming the key that opens them.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBytes(Vec<u8>);

impl SealedBytes {
    /// Takes over bytes that a [`Sealer`] made.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealedBytes({} bytes)", self.0.len())
    }
}

/// What sealed bytes belong to. Bytes sealed for one place do not open in another.
#[derive(Clone, Copy, Debug)]
pub struct SealedFor<'a> {
    /// The kind of row.
    pub kind: &'static str,
    /// The row's id.
    pub id: &'a [u8],
}

/// Why bytes could not be sealed or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// The master key that sealed them is not among the configured ones.
    #[error("sealed under a master key that is not configured (secrets.master_keys)")]
    UnknownKey,
    /// They were changed, belong to another place, or are no sealed bytes at all.
    #[error("sealed bytes are damaged or belong elsewhere")]
    Damaged,
}

/// Encrypts secrets at rest under a master key.
pub trait Sealer: Send + Sync {
    /// Seals `plaintext` for one place, under the first configured master key.
    ///
    /// # Errors
    /// The cipher refused, which a correct implementation never sees.
    fn seal(&self, place: SealedFor<'_>, plaintext: &[u8]) -> Result<SealedBytes, SealError>;

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// The key is not configured, or the bytes are damaged or belong elsewhere.
    fn open(&self, place: SealedFor<'_>, sealed: &SealedBytes) -> Result<Zeroizing<Vec<u8>>, SealError>;

    /// Were they sealed under the first configured master key?
    fn is_current(&self, sealed: &SealedBytes) -> bool;
}

/// Keeps the sealed peppers.
#[async_trait]
pub trait PepperStore: Send + Sync {
    /// The pepper of this name; where there is none yet, `candidate` becomes it, exactly once.
    async fn get_or_insert(&self, name: &str, candidate: &SealedBytes) -> Result<SealedBytes, StoreError>;
}

/// Why the peppers could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored pepper does not open under the configured master keys.
    #[error("the pepper {name:?} cannot be opened")]
    Seal {
        /// Which pepper.
        name: &'static str,
        /// Why.
        #[source]
        source: SealError,
    },
    /// It opened, and is no pepper.
    #[error("the pepper {0:?} does not have 32 bytes")]
    Length(&'static str),
}

const ONE_TIME_CODES: &str = "one_time_codes";
const IDENTIFIERS: &str = "identifiers";
const PII: &str = "pii";
const API_KEYS: &str = "api_keys";
const CLAIM_CODES: &str = "claim_codes";

/// The keys of every HMAC, and what API keys are sealed under: one per use, made once per store. Every feature has them, so they are shared.
#[derive(Clone, Debug)]
pub struct Peppers(Arc<Keys>);

#[derive(Debug)]
struct Keys {
    one_time_codes: HmacKey,
    identifiers: HmacKey,
    pii: Zeroizing<[u8; 32]>,
    api_keys: Zeroizing<[u8; 32]>,
    claim_codes: HmacKey,
}

impl Peppers {
    /// The names of all of them.
    pub const NAMES: [&'static str; 5] = [ONE_TIME_CODES, IDENTIFIERS, PII, API_KEYS, CLAIM_CODES];

    /// Loads the peppers, making those that the store does not have yet.
    ///
    /// # Errors
    /// The store failed, or a pepper does not open.
    pub async fn load(
        store: &dyn PepperStore,
        sealer: &Arc<dyn Sealer>,
        entropy: &dyn Entropy,
    ) -> Result<Self, PepperError> {
        let load = async |name: &'static str| -> Result<Zeroizing<[u8; 32]>, PepperError> {
            let place = SealedFor { kind: "pepper", id: name.as_bytes() };
            let fail = |source| PepperError::Seal { name, source };
            let fresh = Zeroizing::new(random_bytes::<32>(entropy));
            let candidate = sealer.seal(place, &*fresh).map_err(fail)?;
            let sealed = store.get_or_insert(name, &candidate).await?;
            let opened = sealer.open(place, &sealed).map_err(fail)?;
            let bytes = opened.as_slice().try_into().map_err(|_| PepperError::Length(name))?;
            Ok(Zeroizing::new(bytes))
        };
        Ok(Self(Arc::new(Keys {
            one_time_codes: HmacKey::new(&*load(ONE_TIME_CODES).await?),
            identifiers: HmacKey::new(&*load(IDENTIFIERS).await?),
            pii: load(PII).await?,
            api_keys: load(API_KEYS).await?,
            claim_codes: HmacKey::new(&*load(CLAIM_CODES).await?),
        })))
    }

    /// The stored form of a one-time code (C12): bound to its ceremony and to a salt of its own.
    #[must_use]
    pub fn one_time_code(&self, ceremony: CeremonyId, salt: &[u8; 16], code: &str) -> SecretHash {
        self.0.one_time_codes.hash(&[ceremony.as_bytes(), salt, code.as_bytes()])
    }

    /// What stands for an e-mail address where failures are counted, known or not (S14).
    #[must_use]
    pub fn email(&self, address: &EmailAddress) -> SecretHash {
        self.0.identifiers.hash(&[b"email", address.normalized().as_bytes()])
    }

    /// What stands for a ceremony where failures are counted.
    #[must_use]
    pub fn ceremony(&self, id: CeremonyId) -> SecretHash {
        self.0.identifiers.hash(&[b"ceremony", id.as_bytes()])
    }

    /// What stands for an account where failures are counted.
    #[must_use]
    pub fn account(&self, id: AccountId) -> SecretHash {
        self.0.identifiers.hash(&[b"account", id.as_bytes()])
    }

    /// What a store keeps of the claim code of this request (D3).
    #[must_use]
    pub fn claim_code(&self, request: TokenRequestId, code: &str) -> SecretHash {
        self.0.claim_codes.hash(&[request.as_bytes(), code.as_bytes()])
    }

    /// What stands for a holder of device tokens where slots are counted.
    #[must_use]
    pub fn holder(&self, holder: &Holder) -> SecretHash {
        self.0.identifiers.hash(&[b"holder", holder.to_string().as_bytes()])
    }

    /// The salt of hashed personal data in logs where none is configured (G1).
    #[must_use]
    pub fn pii_salt(&self) -> &[u8; 32] {
        &self.0.pii
    }
    /// What the sealing keys of API keys are derived from (tokens.md).
    #[must_use]
    pub fn api_keys(&self) -> &[u8; 32] {
        &self.0.api_keys
    }
}
