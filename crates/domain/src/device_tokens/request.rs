//! The first half: asking for a token, and the message with its code (D1–D6).

use super::{
    ATTEMPTS, ClaimCode, DeviceId, DeviceTokens, MOST_REQUESTS, NewTokenRequest, REQUESTS, REQUESTS_WINDOW,
};
use crate::{
    actor::Origin,
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    entropy::random_digits,
    id::TokenRequestId,
    licenses::Licensee,
    one_time_codes::{SlotLimit, SlotOwner},
    outbox::{MessageKind, MessageLife},
    store_error::StoreError,
};

const _: () = assert!(ATTEMPTS > 0 && MOST_REQUESTS > 0, "a budget of none locks everybody out");

/// A token for a device, as it is asked for.
#[derive(Clone, Debug)]
pub struct RequestDeviceToken {
    /// For which device.
    pub device_id: DeviceId,
    /// For whom: the caller.
    pub user_id: String,
}

/// A request that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRequested {
    /// The half that its caller gets.
    pub id: TokenRequestId,
    /// From when on it can no longer be claimed.
    pub expires_at: Timestamp,
}

/// Why no token can be claimed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It was asked for somebody else.
    #[error("a device token is asked for by its user only")]
    AnotherUser,
    /// There is no licence that counts (D2).
    #[error("there is no licence")]
    NotLicensed,
    /// There is no verified address that the code could go to (Z1).
    #[error("there is no verified e-mail address")]
    NoVerifiedEmail,
    /// Too many by this user; not before then (D6).
    #[error("too many requests")]
    TooMany(Timestamp),
    /// The store, or whoever keeps licences, failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RequestError {
    /// The slug for the audit; none where nothing was refused.
    const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::AnotherUser => Some("another_user"),
            Self::NotLicensed => Some("not_licensed"),
            Self::NoVerifiedEmail => Some("no_verified_email"),
            Self::TooMany(_) => Some("too_many_requests"),
            Self::Store(_) => None,
        }
    }
}

impl DeviceTokens {
    /// Writes a request and sends its code to the caller's first verified address.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn request(
        &self,
        caller: &Licensee,
        command: RequestDeviceToken,
        origin: &Origin,
    ) -> Result<TokenRequested, RequestError> {
        let made = self.try_request(caller, command, origin).await;
        if let Some(reason) = made.as_ref().err().and_then(RequestError::refusal) {
            self.note(Act::DEVICE_TOKEN_REQUESTED, reason, &caller.holder, origin);
        }
        made
    }

    async fn try_request(
        &self,
        caller: &Licensee,
        command: RequestDeviceToken,
        origin: &Origin,
    ) -> Result<TokenRequested, RequestError> {
        if command.user_id != caller.holder.user_id() {
            return Err(RequestError::AnotherUser);
        }
        let address = caller.addresses.first().ok_or(RequestError::NoVerifiedEmail)?;
        let license = self.license(caller).await?.ok_or(RequestError::NotLicensed)?;
        let now = self.ports.clock.now();
        let id = TokenRequestId::new(now, &*self.ports.entropy);
        let token_expires_at = license.expires_at.min(now + self.settings.lifetime);
        // A code that outlives its token would give out one that has expired.
        let expires_at = token_expires_at.min(now + self.settings.claim_window);
        let code = zeroize::Zeroizing::new(random_digits(&*self.ports.entropy, ClaimCode::LENGTH));
        let variables = [("code", code.as_str()), ("device", command.device_id.beginning())];
        let life = MessageLife { created_at: now, expires_at };
        let message = self.ports.outbox.compose(MessageKind::ClaimCode, address, &variables, life)?;
        let event = self.event(Act::DEVICE_TOKEN_REQUESTED, (&caller.holder, id), origin, now);
        let owner = SlotOwner::new(REQUESTS, self.ports.peppers.holder(&caller.holder));
        let written = self.ports.store.request(NewTokenRequest {
            id,
            holder: caller.holder.clone(),
            device_id: command.device_id,
            code: self.ports.peppers.claim_code(id, &code),
            created_at: now,
            expires_at,
            token_expires_at,
            limit: SlotLimit { owner, slots: MOST_REQUESTS, window: REQUESTS_WINDOW },
            effects: Effects::event_and_message(event, message),
        });
        written.await?.map_err(RequestError::TooMany)?;
        Ok(TokenRequested { id, expires_at })
    }
}
