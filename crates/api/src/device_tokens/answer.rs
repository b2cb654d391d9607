//! What is told of device tokens. The token itself leaves in one answer only, to who has claimed or exchanged it.

use serde::Serialize;
use symbolon_domain::{
    clock::Timestamp,
    device_tokens::{DeviceToken, IssuedDeviceToken, TokenRequested, VerifiedDeviceToken},
    id::{DeviceTokenId, LicenseId, TokenRequestId},
    page::Page,
};
use utoipa::ToSchema;

use crate::ceremony::Revealed;

/// Half of a device token. The other half, a code, is on its way by e-mail.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceTokenRequested)]
pub(crate) struct RequestedBody {
    /// What the token is claimed by, together with the code.
    #[schema(value_type = String, format = "uuid")]
    id: TokenRequestId,
    /// From when on it can no longer be claimed.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
}

/// A device token.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceTokenIssued)]
pub(crate) struct IssuedBody {
    /// Shown this once; only this service can check it.
    #[schema(value_type = String, example = "eyJ…")]
    token: Revealed,
    #[schema(value_type = String, format = "uuid")]
    token_id: DeviceTokenId,
    /// From when on it no longer counts.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
}

/// Whether a device token counts. When it does not, `active` is all there is.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceTokenAnswer)]
pub(crate) struct AnswerBody {
    active: bool,
    /// What the token says.
    #[serde(flatten)]
    #[schema(value_type = DeviceTokenClaimsBody)]
    claims: Option<DeviceTokenClaimsBody>,
}

impl AnswerBody {
    pub(super) const INACTIVE: Self = Self { active: false, claims: None };
}

/// What a device token says. In the document nothing of it is required: an answer that is not active has none.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceTokenClaims)]
pub(crate) struct DeviceTokenClaimsBody {
    /// The id of an account, or the principal that the issuer names.
    #[schema(required = false)]
    user_id: String,
    /// Whose principal it is; absent for accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[schema(required = false, value_type = String, format = "uuid")]
    token_id: DeviceTokenId,
    /// From when on it no longer counts.
    #[schema(required = false, value_type = String, format = "date-time")]
    expires_at: Timestamp,
    /// What its licence gives besides.
    #[schema(required = false)]
    entitlements: Vec<String>,
}

/// One page of somebody's device tokens that count.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceTokenList)]
pub(crate) struct ListBody {
    /// Newest first.
    items: Vec<ItemBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// One device and its token.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceTokenItem)]
pub(crate) struct ItemBody {
    #[schema(value_type = String, format = "uuid")]
    id: DeviceTokenId,
    /// The id of an account, or the principal that the issuer names.
    user_id: String,
    /// Whose principal it is; absent for accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// What the device calls itself.
    #[schema(example = "ada-laptop-7c1f")]
    device_id: String,
    /// When it was claimed.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// From when on it no longer counts.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
    /// What its licence gives besides.
    entitlements: Vec<String>,
    /// The licence that it was given for; null where licences are kept elsewhere.
    #[schema(value_type = Option<String>, format = "uuid")]
    license_id: Option<LicenseId>,
}

impl From<TokenRequested> for RequestedBody {
    fn from(made: TokenRequested) -> Self {
        Self { id: made.id, expires_at: made.expires_at }
    }
}

impl From<IssuedDeviceToken> for IssuedBody {
    fn from(issued: IssuedDeviceToken) -> Self {
        let IssuedDeviceToken { kept, token } = issued;
        Self { token: token.into(), token_id: kept.id, expires_at: kept.expires_at }
    }
}

impl From<VerifiedDeviceToken> for AnswerBody {
    fn from(verified: VerifiedDeviceToken) -> Self {
        let claims = DeviceTokenClaimsBody {
            user_id: verified.holder.user_id(),
            issuer: verified.holder.issuer().map(str::to_owned),
            token_id: verified.id,
            expires_at: verified.expires_at,
            entitlements: verified.entitlements.into(),
        };
        Self { active: true, claims: Some(claims) }
    }
}

impl From<Page<DeviceToken>> for ListBody {
    fn from(page: Page<DeviceToken>) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Self { items: page.items.into_iter().map(Into::into).collect(), next }
    }
}

impl From<DeviceToken> for ItemBody {
    fn from(token: DeviceToken) -> Self {
        Self {
            id: token.id,
            user_id: token.holder.user_id(),
            issuer: token.holder.issuer().map(str::to_owned),
            device_id: token.device_id.as_str().to_owned(),
            created_at: token.issued_at,
            expires_at: token.expires_at,
            entitlements: token.entitlements.into(),
            license_id: token.license,
        }
    }
}
