//! Why a session token counts, or does not: for operators, who hold the token but not its client's binding.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Session, SessionClaims, SessionState, Sessions};
use crate::{clock::Timestamp, signing_keys::TokenFault, store_error::StoreError};

/// What is found about a token, up to the first check that fails.
#[derive(Clone, Debug)]
pub enum Explanation {
    /// It is not a session token of ours that counts now.
    Fault(TokenFault),
    /// It is, and its session is not in the store.
    UnknownSession(SessionClaims),
    /// It is, and this is how its session stands.
    Session(SessionClaims, Box<Session>, SessionState),
}

impl Sessions {
    /// Checks a session token as [`Sessions::verify`] does, but for the binding, and tells what it found. Nothing
    /// is noted for the audit.
    ///
    /// # Errors
    /// The store failed.
    pub async fn explain(&self, token: &SecretString) -> Result<Explanation, StoreError> {
        let now: Timestamp = self.ports.clock.now();
        let claims = match self.ports.tokens.read_session(token.expose_secret(), now) {
            Ok(claims) => claims,
            Err(fault) => return Ok(Explanation::Fault(fault)),
        };
        let found = self.ports.store.find(claims.sid).await?;
        Ok(match found.filter(|session| session.account_id == claims.sub) {
            None => Explanation::UnknownSession(claims),
            Some(session) => {
                let state = session.state(now);
                Explanation::Session(claims, Box::new(session), state)
            }
        })
    }
}
