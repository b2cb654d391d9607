//! What a key says, as an answer tells it: everything but its secret.

use serde::Serialize;
use symbolon_domain::{
    api_keys::ApiKeyClaims,
    id::{AccountId, ApiKeyId},
};
use utoipa::ToSchema;

/// What a key says (K2). In the document no claim is required: an answer that is not active has none.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyClaims)]
pub(crate) struct ApiKeyClaimsBody {
    /// The key, over all its refreshes.
    #[schema(required = false, value_type = String, format = "uuid")]
    id: ApiKeyId,
    /// What issued it, in its owner's words.
    #[schema(required = false)]
    iss: String,
    /// The version of what it opens.
    #[schema(required = false)]
    ver: String,
    /// Its owner.
    #[schema(required = false, value_type = String, format = "uuid")]
    uid: AccountId,
    /// Its owner's role.
    #[schema(required = false, example = "authenticated")]
    rol: &'static str,
    /// For whom it is.
    #[schema(required = false)]
    aud: String,
    /// What it opens.
    #[schema(required = false)]
    sub: String,
    /// The addresses that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    ipa: Option<String>,
    /// When it was made, in seconds since 1970.
    #[schema(required = false)]
    iat: i64,
    /// From when on it counts.
    #[schema(required = false)]
    nbf: i64,
    /// From when on it no longer does.
    #[schema(required = false)]
    exp: i64,
    /// Its scopes.
    #[schema(required = false)]
    scp: Vec<String>,
}

impl From<ApiKeyClaims> for ApiKeyClaimsBody {
    fn from(claims: ApiKeyClaims) -> Self {
        Self {
            id: claims.fam,
            iss: claims.iss.into(),
            ver: claims.ver.into(),
            uid: claims.uid,
            rol: claims.rol.as_str(),
            aud: claims.aud.into(),
            sub: claims.sub.into(),
            ipa: claims.ipa.map(|address| address.to_string()),
            iat: claims.iat,
            nbf: claims.nbf,
            exp: claims.exp,
            scp: claims.scp.into(),
        }
    }
}
