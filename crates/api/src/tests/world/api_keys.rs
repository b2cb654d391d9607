//! API keys that are sealed by nothing but base64, and never found again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{SecretString, zeroize::Zeroizing};
use symbolon_domain::{
    api_keys::{
        ApiKey, ApiKeyFault, ApiKeyPorts, ApiKeySealer, ApiKeySettings, ApiKeyStore, ApiKeys, FoundApiKey,
        IssueApiKey, IssueOutcome, KeyCache, KeyCacheSettings, KeyRates, LastUsed, PREFIX, RefreshApiKey,
        RefreshApiKeyOutcome, RefreshApiKeyRefusal, RefreshHashing, RevokeApiKey,
    },
    audit::Refusals,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    page::{Page, PageRequest},
    revocations::{RevocationFeed, Revocations},
    store_error::StoreError,
};

use super::{World, account_id};

impl World {
    pub(super) fn api_keys(self: &Arc<Self>, refusals: Refusals) -> ApiKeys {
        let ports = ApiKeyPorts {
            store: Arc::<Self>::clone(self),
            sealer: Arc::<Self>::clone(self),
            hasher: Arc::<Self>::clone(self),
            tokens: Arc::<Self>::clone(self),
            audit: Arc::<Self>::clone(self),
            access: self.access(&refusals),
            last_used: Arc::new(LastUsed::new(Arc::<Self>::clone(self))),
            rates: Arc::new(KeyRates::default()),
            revocations: self.revocations(),
            refusals,
            clock: Arc::<Self>::clone(self),
            entropy: Arc::<Self>::clone(self),
        };
        let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
        ApiKeys::new(
            ports,
            ApiKeySettings {
                lifetime: hour,
                max_lifetime: day,
                refresh_lifetime: day,
                grace: Duration::ZERO,
                refresh_hash: RefreshHashing::Sha256,
                token_lifetime: hour,
                public_url: "https://auth.example.org".to_owned(),
                long_lived_roles: Vec::new(),
            },
        )
    }
}

impl World {
    /// Nothing is remembered.
    pub(super) fn revocations(self: &Arc<Self>) -> Revocations {
        let settings = KeyCacheSettings { max_staleness: Duration::ZERO, keys: 1 };
        Revocations::new(Arc::new(KeyCache::new(settings)), Arc::<Self>::clone(self))
    }
}

impl RevocationFeed for World {}

impl ApiKeySealer for World {
    fn seal(&self, claims: &[u8], _: Timestamp) -> Result<SecretString, ApiKeyFault> {
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(claims)).into())
    }

    fn open(&self, text: &str, _: Timestamp) -> Result<Zeroizing<Vec<u8>>, ApiKeyFault> {
        let sealed = text.strip_prefix(PREFIX).ok_or(ApiKeyFault::Format)?;
        URL_SAFE_NO_PAD.decode(sealed).map(Zeroizing::new).map_err(|_| ApiKeyFault::Seal)
    }
}

#[async_trait]
impl ApiKeyStore for World {
    async fn issue(&self, _: IssueApiKey) -> Result<IssueOutcome, StoreError> {
        self.works().map(|()| IssueOutcome::Issued)
    }

    async fn find(&self, _: ApiKeyTokenId) -> Result<Option<FoundApiKey>, StoreError> {
        self.works().map(|()| None)
    }

    async fn refresh(&self, _: RefreshApiKey) -> Result<RefreshApiKeyOutcome, StoreError> {
        self.works().map(|()| RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Unknown))
    }

    async fn revoke(&self, _: RevokeApiKey) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }

    async fn owner(&self, _: ApiKeyId) -> Result<Option<AccountId>, StoreError> {
        self.works().map(|()| Some(account_id()))
    }

    async fn revoke_all(&self, _: AccountId, _: Effects, _: Timestamp) -> Result<Option<u64>, StoreError> {
        self.works().map(|()| Some(1))
    }

    async fn list(&self, _: AccountId, _: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        self.works().map(|()| Page { items: Vec::new(), next: None })
    }

    async fn touch(&self, _: Vec<(ApiKeyId, Timestamp)>) -> Result<(), StoreError> {
        self.works()
    }
}
