//! Does a session token count: signed by us, unexpired, shown by its client, and not ended (S9, S10).

use secrecy::{ExposeSecret as _, SecretString};

use super::{SessionClaims, SessionState, Sessions, SignedIn};
use crate::{actor::Origin, audit::Act, store_error::StoreError};

/// Why a session token does not count. The reason is for logs and the audit only, not for the caller.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It does not.
    #[error("the session token does not count: {0}")]
    Inactive(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sessions {
    /// The claims of a session token that counts, and who shows it, as the store says at this moment.
    ///
    /// # Errors
    /// It does not count, which is noted for the audit; or the store failed.
    pub async fn verify(
        &self,
        token: &SecretString,
        binding: Option<&SecretString>,
        origin: &Origin,
    ) -> Result<(SessionClaims, SignedIn), VerifyError> {
        let verified = self.check(token, binding).await;
        if let Err(VerifyError::Inactive(reason)) = verified {
            self.ports.refusals.note(Act::SESSION_VERIFIED, reason, origin);
        }
        verified
    }

    async fn check(
        &self,
        token: &SecretString,
        binding: Option<&SecretString>,
    ) -> Result<(SessionClaims, SignedIn), VerifyError> {
        let now = self.ports.clock.now();
        let claims = self
            .ports
            .tokens
            .read_session(token.expose_secret(), now)
            .map_err(|fault| VerifyError::Inactive(fault.as_str()))?;
        if !self.binding_fits(claims.cnf.as_ref(), binding) {
            return Err(VerifyError::Inactive("wrong_client"));
        }
        let session =
            self.ports.store.find(claims.sid).await?.ok_or(VerifyError::Inactive("unknown_session"))?;
        if session.account_id != claims.sub {
            return Err(VerifyError::Inactive("wrong_account"));
        }
        match session.state(now) {
            SessionState::Active => {
                let signed_in = SignedIn {
                    account_id: claims.sub,
                    session_id: claims.sid,
                    role: session.account.role,
                    authenticated_at: session.created_at,
                };
                Ok((claims, signed_in))
            }
            SessionState::Revoked => Err(VerifyError::Inactive("revoked")),
            SessionState::Expired => Err(VerifyError::Inactive("session_expired")),
        }
    }
}
