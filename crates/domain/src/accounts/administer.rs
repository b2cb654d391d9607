//! Administering accounts: renaming, locking, unlocking, marking compromised, giving a role, ending sessions (A5, S15).
//!
//! Each is one atomic fact with its event. What is refused is noted for the audit.

use super::{
    Account, AccountChange, AccountState, Accounts, AdministerAccount, Administered, AdministrationRefusal,
    Administrator,
};
use crate::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent, Refusal},
    clock::Timestamp,
    effects::Effects,
    id::AccountId,
    outbox::{MessageKind, NewMessage},
    secret::SecretHash,
    sessions::SignedIn,
    store_error::StoreError,
};

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministerError {
    /// There is no such account.
    #[error("no such account")]
    NotFound,
    /// It may not be done.
    #[error(transparent)]
    Refused(AdministrationRefusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The caller administers nothing.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an administrator")]
pub struct NotAdministrator;

impl Accounts {
    /// So many accounts are marked compromised at once.
    pub const MOST_AT_ONCE: usize = 100;

    /// What a caller may administer as.
    ///
    /// # Errors
    /// Nothing at all, which is noted.
    pub fn administrator(
        &self,
        caller: &SignedIn,
        origin: &Origin,
    ) -> Result<Administrator, NotAdministrator> {
        let found = Administrator::of(caller.account_id, caller.role);
        found.ok_or_else(|| self.is_no_administrator(caller, origin))
    }

    /// Does the caller administer everything?
    ///
    /// # Errors
    /// Less than that, which is noted.
    pub fn superuser(&self, caller: &SignedIn, origin: &Origin) -> Result<Administrator, NotAdministrator> {
        match self.administrator(caller, origin)? {
            by @ (Administrator::Superuser(_) | Administrator::Operator) => Ok(by),
            Administrator::Staff(_) => Err(self.is_no_administrator(caller, origin)),
        }
    }

    fn is_no_administrator(&self, caller: &SignedIn, origin: &Origin) -> NotAdministrator {
        let reason = AdministrationRefusal::InsufficientRole.as_str();
        let actor = Actor::Account(caller.account_id);
        let refusal = Refusal { act: Act::ADMINISTRATION_CALLED, reason, actor, subject: None };
        self.ports.refusals.note_refusal(refusal, origin);
        NotAdministrator
    }

    /// Makes a change to an account and gives it back as it is then.
    ///
    /// # Errors
    /// See [`AdministerError`].
    pub async fn administer(
        &self,
        by: Administrator,
        id: AccountId,
        change: AccountChange,
        origin: &Origin,
    ) -> Result<Account, AdministerError> {
        match self.change(by, id, change, origin).await? {
            Administered::Done | Administered::Unchanged => {
                self.ports.store.find(id).await?.ok_or(AdministerError::NotFound)
            }
            Administered::Refused(refusal) => Err(AdministerError::Refused(refusal)),
            Administered::NotFound => Err(AdministerError::NotFound),
        }
    }

    /// Marks accounts compromised, one after the other, and says what became of each. Those before an outage stay
    /// marked: asking again is safe.
    ///
    /// # Errors
    /// The store failed.
    pub async fn mark_compromised(
        &self,
        by: Administrator,
        ids: &[AccountId],
        origin: &Origin,
    ) -> Result<Vec<(AccountId, Administered)>, StoreError> {
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let result = self.change(by, *id, AccountChange::MarkCompromised, origin).await?;
            results.push((*id, result));
        }
        Ok(results)
    }

    async fn change(
        &self,
        by: Administrator,
        id: AccountId,
        change: AccountChange,
        origin: &Origin,
    ) -> Result<Administered, StoreError> {
        let account = self.ports.store.find(id).await?;
        let failures = match change {
            AccountChange::Unlock => self.failures_of(account.as_ref()),
            _ => Vec::new(),
        };
        let (act, reason) = recorded(&change);
        let now = self.ports.clock.now();
        let event = AuditEvent::done(act.clone(), by.actor(), origin, now, &*self.ports.entropy).on(id);
        let event = match reason {
            Some(reason) => event.because(reason),
            None => event,
        };
        let messages = match &account {
            Some(account) => self.told(account, &change, now)?,
            None => Vec::new(),
        };
        let effects = Effects { messages, events: vec![event] };
        let command = AdministerAccount { account: id, by, change, failures, effects };
        let administered = self.ports.store.administer(command).await;
        self.ports.revocations.account_ended();
        let administered = administered?;
        if let Administered::Refused(refusal) = administered {
            let reason = refusal.as_str();
            let refusal = Refusal { act, reason, actor: by.actor(), subject: Some(id.into()) };
            self.ports.refusals.note_refusal(refusal, origin);
        }
        Ok(administered)
    }

    /// What stands for the account's addresses where failed sign-ins are counted (S14).
    fn failures_of(&self, account: Option<&Account>) -> Vec<SecretHash> {
        let addresses = account.into_iter().flat_map(|account| &account.identifiers);
        addresses.map(|identifier| self.ports.peppers.email(&identifier.address)).collect()
    }

    /// What the owner is told of a change, if it is made: whatever decides who may use the account.
    fn told(
        &self,
        account: &Account,
        change: &AccountChange,
        now: Timestamp,
    ) -> Result<Vec<NewMessage>, StoreError> {
        let role;
        let notice: (MessageKind, &[(&str, &str)]) = match change {
            AccountChange::Lock => (MessageKind::AccountLocked, &[]),
            // An open one, whose failed sign-ins are forgotten, was never closed by anybody.
            AccountChange::Unlock if account.standing.state == AccountState::Locked => {
                (MessageKind::AccountUnlocked, &[])
            }
            AccountChange::MarkCompromised => (MessageKind::AccountCompromised, &[]),
            AccountChange::ChangeRole(new) => {
                role = [("role", new.as_str())];
                (MessageKind::RoleChanged, &role)
            }
            AccountChange::Unlock | AccountChange::Rename(_) | AccountChange::EndSessions => {
                return Ok(Vec::new());
            }
        };
        self.ports.outbox.notices(notice, account, now)
    }
}

/// What the audit log calls it, and what it says besides.
const fn recorded(change: &AccountChange) -> (Act, Option<&'static str>) {
    match change {
        AccountChange::Rename(_) => (Act::ACCOUNT_UPDATED, None),
        AccountChange::Lock => (Act::ACCOUNT_LOCKED, None),
        AccountChange::Unlock => (Act::ACCOUNT_UNLOCKED, None),
        AccountChange::MarkCompromised => (Act::ACCOUNT_COMPROMISED, None),
        AccountChange::ChangeRole(role) => (Act::ACCOUNT_ROLE_CHANGED, Some(role.as_str())),
        AccountChange::EndSessions => (Act::SESSIONS_REVOKED, Some("all")),
    }
}
