//! Opening a sign-in that too many failures have closed: for operators (S14).

use super::SignIn;
use crate::{
    accounts::Account,
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    store_error::StoreError,
};

impl SignIn {
    /// Forgets the failed sign-ins of every address of an account.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unlock(&self, account: &Account, origin: &Origin) -> Result<(), StoreError> {
        for identifier in &account.identifiers {
            let now = self.ports.clock.now();
            let event =
                AuditEvent::done(Act::SIGN_IN_UNLOCKED, Actor::Operator, origin, now, &*self.ports.entropy);
            let effects = Effects::event(event.on(account.id));
            let address = self.ports.peppers.email(&identifier.address);
            self.ports.store.forget_attempts(address, effects).await?;
        }
        Ok(())
    }
}
