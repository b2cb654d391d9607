//! What is kept of a device itself: which request of it is the newest, and which token it has. It goes when neither can
//! matter any more, and counts as one that has none of them when it is gone.

use symbolon_domain::{
    clock::Timestamp,
    device_tokens::{DeviceId, DeviceToken, Holder},
    id::{DeviceTokenId, TokenRequestId},
    store_error::StoreError,
};

use crate::dynamodb::{
    DynamoStore,
    expressions::{Expression, unchanged},
    items::{Item, text, time},
    keys::{self, Key},
    transaction::Transaction,
};

/// A device, as it was read.
#[derive(Clone)]
pub(super) struct Device {
    key: Key,
    /// Its newest request.
    request: Option<TokenRequestId>,
    /// The token that it has, though it may have expired.
    pub(super) token: Option<DeviceTokenId>,
    /// Until when any of them can matter.
    ends_at: Timestamp,
}

impl Device {
    pub(super) async fn find(
        store: &DynamoStore,
        holder: &Holder,
        id: &DeviceId,
    ) -> Result<Self, StoreError> {
        let key = keys::device(holder, id);
        let Some(found) = store.get(key.clone()).await? else {
            return Ok(Self { key, request: None, token: None, ends_at: Timestamp::EPOCH });
        };
        Ok(Self {
            key,
            request: found.optional_id("devices.request_id")?.map(TokenRequestId::from_bytes),
            token: found.optional_id("devices.token_id")?.map(DeviceTokenId::from_bytes),
            ends_at: found.time("devices.ends_at")?,
        })
    }

    /// Is another request than this one its newest?
    pub(super) fn has_other_than(&self, request: TokenRequestId) -> bool {
        self.request.is_some_and(|newest| newest != request)
    }

    /// Demands that no newer request has come since.
    pub(super) fn check_request(&self, transaction: &mut Transaction) {
        transaction.check(self.key.clone(), self.has_its_request());
    }

    /// Makes this request, of which something is kept until `ends_at`, its newest.
    pub(super) fn set_request(
        &self,
        transaction: &mut Transaction,
        request: TokenRequestId,
        ends_at: Timestamp,
    ) {
        let ends_at = self.ends_at.max(ends_at);
        self.become_other(transaction, &Self { request: Some(request), ends_at, ..self.clone() });
    }

    /// Makes this token the one that it has.
    pub(super) fn set_token(&self, transaction: &mut Transaction, token: &DeviceToken) {
        let ends_at = self.ends_at.max(token.expires_at);
        self.become_other(transaction, &Self { token: Some(token.id), ends_at, ..self.clone() });
    }

    /// It has no token from now on.
    pub(super) fn remove_token(&self, transaction: &mut Transaction) {
        self.become_other(transaction, &Self { token: None, ..self.clone() });
    }

    fn become_other(&self, transaction: &mut Transaction, next: &Self) {
        let item = Item::new(next.key.clone())
            .with_some("request_id", next.request.map(|id| text(id.to_string())))
            .with_some("token_id", next.token.map(|id| text(id.to_string())))
            .with("ends_at", time(next.ends_at))
            .until(next.ends_at);
        let is_unchanged =
            self.has_its_request().and(unchanged("token_id", self.token.map(|id| text(id.to_string()))));
        transaction.put_if(item, is_unchanged);
    }

    fn has_its_request(&self) -> Expression {
        unchanged("request_id", self.request.map(|id| text(id.to_string())))
    }
}
