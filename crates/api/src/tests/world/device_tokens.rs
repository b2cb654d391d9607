//! Licences of whoever is Ada, device tokens of which the last one is kept, and an issuer whose signatures anybody could make.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use symbolon_domain::{
    api_keys::Scopes,
    audit::Refusals,
    clock::Timestamp,
    device_tokens::{
        ClaimOutcome, DeviceToken, DeviceTokenPorts, DeviceTokenSettings, DeviceTokenStore, DeviceTokens,
        ExchangeOutcome, FoundDeviceToken, Holder, NewDeviceToken, NewTokenRequest, ReserveClaimError,
        ReservedClaim, TokenGone,
    },
    effects::Effects,
    id::{DeviceTokenId, LicenseId, TokenRequestId},
    licenses::{
        License, LicensePorts, LicenseStore, LicenseSubject, Licenses, Licensing, Product, StoredLicenses,
    },
    page::{Page, PageRequest},
    sign_up::SignUpPorts,
    store_error::StoreError,
    trusted_issuers::{
        ClaimNames, IssuerKeys, IssuerKeysError, IssuerTokenError, IssuerTokenFault, KeySetId, SignedClaims,
        TrustedIssuer, TrustedIssuers,
    },
};

use super::{HOUR, NOW, World, account_id, address};

/// The device whose requests can be claimed.
pub(crate) const DEVICE: &str = "ada-laptop-7c1f";
/// A device for which there were too many requests.
pub(crate) const BUSY_DEVICE: &str = "ada-phone-0b22";
/// The code of every request.
pub(crate) const CLAIM_CODE: &str = "0123456";
/// Who is trusted.
pub(crate) const ISSUER: &str = "https://login.example.org";

impl World {
    pub(super) fn device_tokens(
        self: &Arc<Self>,
        sign_up: &SignUpPorts,
        refusals: &Refusals,
    ) -> DeviceTokens {
        let licenses = LicensePorts {
            store: Arc::<Self>::clone(self),
            source: Arc::new(StoredLicenses(Arc::<Self>::clone(self))),
            accounts: Arc::<Self>::clone(self),
            clock: Arc::<Self>::clone(self),
            entropy: Arc::<Self>::clone(self),
        };
        let ports = DeviceTokenPorts {
            store: Arc::<Self>::clone(self),
            licenses: Licenses::new(licenses, Licensing::Kept),
            outbox: sign_up.outbox.clone(),
            peppers: sign_up.peppers.clone(),
            sealer: Arc::<Self>::clone(self),
            access: self.access(refusals),
            refusals: refusals.clone(),
            clock: Arc::<Self>::clone(self),
            entropy: Arc::<Self>::clone(self),
        };
        let settings = DeviceTokenSettings {
            product: None,
            claim_window: Duration::from_secs(300),
            lifetime: 12 * HOUR,
            exchange_window: HOUR,
            public_url: "https://auth.example.org".to_owned(),
            trusted_issuers: vec![ISSUER.to_owned()],
        };
        DeviceTokens::new(ports, settings)
    }

    pub(super) fn trusted_issuers(self: &Arc<Self>) -> Arc<TrustedIssuers> {
        let issuer = TrustedIssuer {
            issuer: ISSUER.to_owned(),
            audiences: vec!["editor".to_owned()],
            token_uses: Vec::new(),
            claims: ClaimNames {
                principal: "sub".to_owned(),
                groups: "groups".to_owned(),
                scopes: "scope".to_owned(),
                email: "email".to_owned(),
            },
            email_trusted: false,
            leeway: Duration::from_secs(30),
        };
        let keys: Arc<dyn IssuerKeys> = Arc::<Self>::clone(self);
        Arc::new(TrustedIssuers::new(vec![issuer], keys, Arc::<Self>::clone(self)))
    }
}

#[async_trait]
impl DeviceTokenStore for World {
    async fn request(&self, command: NewTokenRequest) -> Result<Result<(), Timestamp>, StoreError> {
        self.works()?;
        let is_busy = command.device_id.as_str() == BUSY_DEVICE;
        Ok(if is_busy { Err(Timestamp::from_seconds(NOW + 60)) } else { Ok(()) })
    }

    async fn reserve_claim(
        &self,
        id: TokenRequestId,
        _: &Holder,
        _: u32,
        _: Timestamp,
    ) -> Result<ReservedClaim, ReserveClaimError> {
        self.works()?;
        match id.as_bytes()[0] {
            0xf0 => return Err(TokenGone::Consumed.into()),
            0xf1 => return Err(TokenGone::Superseded.into()),
            0xf2 => return Err(TokenGone::AttemptsExhausted.into()),
            0xf3 => return Err(TokenGone::Expired.into()),
            0xff => return Err(ReserveClaimError::Unknown),
            _ => {}
        }
        let peppers = self.peppers.lock().unwrap().clone().unwrap();
        Ok(ReservedClaim {
            device_id: DEVICE.parse().unwrap(),
            code: peppers.claim_code(id, CLAIM_CODE),
            token_expires_at: Timestamp::from_seconds(NOW) + 12 * HOUR,
        })
    }

    async fn claim(&self, command: NewDeviceToken) -> Result<ClaimOutcome, StoreError> {
        self.works()?;
        if command.request.as_bytes()[0] == 0xe0 {
            return Ok(ClaimOutcome::NoSeat);
        }
        *self.device_token.lock().unwrap() = Some(command.token);
        Ok(ClaimOutcome::Claimed)
    }

    async fn find(&self, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, StoreError> {
        self.works()?;
        let kept = self.device_token.lock().unwrap().clone();
        Ok(kept.filter(|token| token.id == id).map(|token| FoundDeviceToken { token, is_revoked: false }))
    }

    async fn exchange(
        &self,
        _: DeviceTokenId,
        _: DeviceToken,
        _: Option<NonZeroU32>,
        _: Effects,
    ) -> Result<ExchangeOutcome, StoreError> {
        self.works().map(|()| ExchangeOutcome::Exchanged)
    }

    async fn revoke(&self, _: DeviceTokenId, _: &Holder, _: Effects) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }

    async fn forget_revoked(&self, _: &Holder) -> Result<bool, StoreError> {
        self.works().map(|()| false)
    }

    async fn list(
        &self,
        holder: &Holder,
        _: Timestamp,
        page: PageRequest,
    ) -> Result<Page<DeviceToken>, StoreError> {
        self.works()?;
        let kept = self.device_token.lock().unwrap().clone();
        let rows = kept.into_iter().filter(|token| token.holder == *holder).collect();
        Ok(Page::from_rows(rows, page, |token: &DeviceToken| *token.id.as_bytes()))
    }
}

#[async_trait]
impl LicenseStore for World {
    async fn grant(&self, _: License, _: Effects) -> Result<(), StoreError> {
        self.works()
    }

    async fn revoke(&self, _: LicenseId, _: Effects, _: Timestamp) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }

    async fn list(&self, _: Option<&LicenseSubject>, _: PageRequest) -> Result<Page<License>, StoreError> {
        self.works().map(|()| Page { items: Vec::new(), next: None })
    }

    async fn held(
        &self,
        subjects: &[LicenseSubject],
        _: Option<&Product>,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<License>, StoreError> {
        self.works()?;
        let is_ada = |subject: &&LicenseSubject| match subject {
            LicenseSubject::Account(id) => *id == account_id(),
            LicenseSubject::Email(email) => *email == address(),
        };
        let license = |subject: &LicenseSubject| License {
            id: LicenseId::from_bytes([5; 16]),
            subject: subject.clone(),
            product: "editor".parse().unwrap(),
            issued_at: Timestamp::from_seconds(NOW),
            expires_at: Timestamp::from_seconds(NOW) + 24 * HOUR,
            seats: NonZeroU32::new(3),
            entitlements: Scopes::try_from(vec!["export".to_owned()]).unwrap(),
            revoked_at: None,
        };
        Ok(subjects.iter().find(is_ada).map(license).into_iter().collect())
    }
}

#[async_trait]
impl IssuerKeys for World {
    async fn verify(&self, token: &str) -> Result<SignedClaims, IssuerTokenError> {
        if self.works().is_err() {
            return Err(IssuerTokenError::Unavailable { issuer: ISSUER.to_owned() });
        }
        let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|json| serde_json::from_slice(&json).ok());
        let claims = claims.ok_or(IssuerTokenFault::Format)?;
        Ok(SignedClaims { issuer: 0, keys: KeySetId(1), claims })
    }

    fn current(&self, _: usize, _: Timestamp) -> Option<KeySetId> {
        self.works().ok().map(|()| KeySetId(1))
    }

    async fn refresh(&self, _: &str) -> Result<usize, IssuerKeysError> {
        Ok(1)
    }
}
