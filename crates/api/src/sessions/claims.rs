//! The claims of a session token, as `POST /v1/sessions/verify` answers them.

use serde::Serialize;
use symbolon_domain::{
    id::{AccountId, SessionId, TokenId},
    sessions::{Confirmation, SessionClaims},
};
use utoipa::ToSchema;

/// What a session token says. In the document no claim is required: an answer that is not active has none.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionClaims)]
pub(crate) struct ClaimsBody {
    /// This service.
    #[schema(required = false)]
    iss: String,
    /// The account.
    #[schema(required = false, value_type = String, format = "uuid")]
    sub: AccountId,
    /// This service.
    #[schema(required = false)]
    aud: String,
    /// When it ends, in seconds since 1970.
    #[schema(required = false)]
    exp: i64,
    /// When it was signed.
    #[schema(required = false)]
    iat: i64,
    /// From when on it counts.
    #[schema(required = false)]
    nbf: i64,
    /// The token's id.
    #[schema(required = false, value_type = String, format = "uuid")]
    jti: TokenId,
    /// The session.
    #[schema(required = false, value_type = String, format = "uuid")]
    sid: SessionId,
    /// `authorized`.
    #[schema(required = false)]
    state: String,
    /// When the person proved themselves.
    #[schema(required = false)]
    auth_time: i64,
    /// How (RFC 8176).
    #[schema(required = false, example = json!(["pwd", "otp", "mfa"]))]
    amr: Vec<String>,
    /// With how many factors.
    #[schema(required = false, example = "2fa")]
    acr: String,
    /// The account's role.
    #[schema(required = false, example = "authenticated")]
    role: String,
    /// The client it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Option<Object>, example = json!({"sb#S256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}))]
    cnf: Option<Confirmation>,
}

impl From<SessionClaims> for ClaimsBody {
    fn from(claims: SessionClaims) -> Self {
        let SessionClaims { iss, sub, aud, exp, iat, nbf, jti, sid, state, auth_time, amr, acr, role, cnf } =
            claims;
        Self { iss, sub, aud, exp, iat, nbf, jti, sid, state, auth_time, amr, acr, role, cnf }
    }
}
