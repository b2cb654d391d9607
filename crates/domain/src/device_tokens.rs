//! Device tokens: what a licensed device holds, broken in two so that it takes both halves (D1–D12).
//!
//! Whoever is signed in asks for one and gets half of it, an id; the other half, a claim code, goes by e-mail. Both together
//! give the device a token of its own, which only this service can check: signed under a secret that no other token has.
//! A device has one token at a time, and, where its licence has seats, one seat.

mod claim;
mod exchange;
mod list;
mod model;
mod request;
mod revoke;
mod store;
mod token;
mod verify;

use std::{sync::Arc, time::Duration};

pub use self::{
    claim::{ClaimDeviceToken, ClaimError},
    exchange::ExchangeError,
    list::{DeviceTokensError, TokensCaller},
    model::{ClaimCode, DeviceId, DeviceToken, Holder, InvalidDeviceId, IssuedDeviceToken},
    request::{RequestDeviceToken, RequestError, TokenRequested},
    store::{
        ClaimOutcome, DeviceTokenStore, ExchangeOutcome, FoundDeviceToken, NewDeviceToken, NewTokenRequest,
        ReserveClaimError, ReservedClaim, TokenGone, TokenRequest,
    },
    token::{DeviceTokenFault, TYPE},
    verify::{VerifiedDeviceToken, VerifyDeviceTokenError},
};
use crate::{
    access::Access,
    actor::{Actor, Origin},
    audit::{Act, AuditEvent, Refusal, Refusals, Subject},
    clock::{Clock, Timestamp},
    entropy::{Entropy, random_bytes},
    id::DeviceTokenId,
    licenses::{HeldLicense, Licensee, Licenses, Product},
    outbox::Outbox,
    sealing::{Peppers, SealedFor, SealedKind, Sealer},
    store_error::StoreError,
};

/// So often may a claim code be guessed (D8).
pub const ATTEMPTS: u32 = 5;
/// So many requests may one user make in [`REQUESTS_WINDOW`] (D6).
pub const MOST_REQUESTS: u32 = 5;
/// See [`MOST_REQUESTS`].
pub const REQUESTS_WINDOW: Duration = Duration::from_secs(900);
/// The kind of the numbered slots that limit requests.
pub const REQUESTS: &str = "token_requests";
/// The kind of the numbered slots that are seats (L5): each is held by a device ([`DeviceToken::seat_holder`]) until its token expires.
pub const SEATS: &str = "seats";

/// The limits of device tokens.
#[derive(Clone, Debug)]
pub struct DeviceTokenSettings {
    /// Only licences of this product count; of any where it is not said (D2).
    pub product: Option<Product>,
    /// How long a claim code lives (D4).
    pub claim_window: Duration,
    /// The longest life of a device token (D4).
    pub lifetime: Duration,
    /// A device token is exchanged in its last so much (D12).
    pub exchange_window: Duration,
    /// This service as its tokens name it: their `iss` and `aud`.
    pub public_url: String,
    /// The issuers that are trusted: the device tokens of whom another one vouched for have ended.
    pub trusted_issuers: Vec<String>,
}

/// The ports that device tokens stand on.
#[derive(Clone)]
pub struct DeviceTokenPorts {
    /// Keeps them.
    pub store: Arc<dyn DeviceTokenStore>,
    /// Says who is licensed.
    pub licenses: Licenses,
    /// Writes claim codes.
    pub outbox: Outbox,
    /// Hashes claim codes.
    pub peppers: Peppers,
    /// Seals the secrets of tokens.
    pub sealer: Arc<dyn Sealer>,
    /// Says which administrator may touch whose tokens.
    pub access: Access,
    /// Counts what is refused.
    pub refusals: Refusals,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids, codes and secrets.
    pub entropy: Arc<dyn Entropy>,
}

/// Requests, claims, verifies, exchanges, lists and revokes device tokens.
#[derive(Clone)]
pub struct DeviceTokens {
    ports: DeviceTokenPorts,
    settings: Arc<DeviceTokenSettings>,
}

impl DeviceTokens {
    /// Over these ports, with these limits.
    #[must_use]
    pub fn new(ports: DeviceTokenPorts, settings: DeviceTokenSettings) -> Self {
        Self { ports, settings: Arc::new(settings) }
    }

    /// Licences, on which they stand.
    #[must_use]
    pub const fn licenses(&self) -> &Licenses {
        &self.ports.licenses
    }

    /// Is the issuer that vouched for this holder, where there is one, still trusted?
    fn is_vouched_for(&self, holder: &Holder) -> bool {
        let trusted = &self.settings.trusted_issuers;
        holder.issuer().is_none_or(|issuer| trusted.iter().any(|known| known == issuer))
    }

    /// Whoever keeps licences may take a while: what has ended when they answer is none.
    async fn license(&self, who: &Licensee) -> Result<Option<HeldLicense>, StoreError> {
        let best = self.ports.licenses.best(who, self.settings.product.as_ref()).await?;
        Ok(best.filter(|license| license.expires_at > self.ports.clock.now()))
    }

    /// A token with a secret of its own (D9).
    fn issue(
        &self,
        (who, device_id): (&Licensee, DeviceId),
        license: &HeldLicense,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<IssuedDeviceToken, StoreError> {
        let id = DeviceTokenId::new(now, &*self.ports.entropy);
        let secret = zeroize::Zeroizing::new(random_bytes::<32>(&*self.ports.entropy));
        let place = SealedFor { kind: SealedKind::DeviceToken.as_str(), id: id.as_bytes() };
        let sealed = self.ports.sealer.seal(place, &*secret).map_err(StoreError::unavailable)?;
        let kept = DeviceToken {
            id,
            holder: who.holder.clone(),
            address: match who.holder {
                Holder::Account(_) => None,
                Holder::External(_) => who.addresses.first().cloned(),
            },
            device_id,
            license: license.id,
            entitlements: license.entitlements.clone(),
            seat: license.seats.map(|(key, _)| key),
            secret: sealed,
            issued_at: now,
            expires_at,
        };
        let token = token::sign(&kept, &self.settings.public_url, &*secret)?;
        Ok(IssuedDeviceToken { kept, token })
    }

    fn event(
        &self,
        act: Act,
        (holder, subject): (&Holder, impl Into<Subject>),
        origin: &Origin,
        now: Timestamp,
    ) -> AuditEvent {
        let event = AuditEvent::done(act, holder.actor(), origin, now, &*self.ports.entropy);
        match holder {
            Holder::Account(_) => event.on(subject),
            // There is no account to name as the actor.
            Holder::External(external) => event.on(external),
        }
    }

    fn note(&self, act: Act, reason: &'static str, holder: &Holder, origin: &Origin) {
        let subject = match holder {
            Holder::Account(_) => None,
            Holder::External(external) => Some(external.into()),
        };
        self.note_refusal(Refusal { act, reason, actor: holder.actor(), subject }, origin);
    }

    fn note_refusal(&self, refusal: Refusal, origin: &Origin) {
        self.ports.refusals.note_refusal(refusal, origin);
    }
}

impl Holder {
    /// Who acts, for the audit log: somebody without an account is named as what it is about.
    const fn actor(&self) -> Actor {
        match self {
            Self::Account(id) => Actor::Account(*id),
            Self::External(_) => Actor::Anonymous,
        }
    }
}
