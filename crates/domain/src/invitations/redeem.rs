//! Redeeming an invitation: the token from the link and a password make the account (A5, C8).

use secrecy::SecretString;

use super::{Invitations, RedeemInvitation, RedeemRefusal};
use crate::{
    accounts::Name,
    actor::{Actor, Origin},
    audit::{Act, AuditEvent},
    effects::Effects,
    id::{AccountId, IdentifierId, InvitationId},
    passwords::{AcceptError, HashError, Password, PasswordProblem},
    secret::OpaqueToken,
    store_error::StoreError,
};

/// A token, a password, a name.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// What was in the link.
    pub token: OpaqueToken,
    /// What was typed.
    pub password: SecretString,
    /// What the person is called; where they do not say, what the administrator said.
    pub name: Option<Name>,
}

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// There is no such invitation any more.
    #[error("the invitation is over")]
    Gone,
    /// The password must not be one. The invitation still counts.
    #[error(transparent)]
    Password(#[from] PasswordProblem),
    /// No password could be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Invitations {
    /// What can be said against a password before anything is looked up, so that it is told with all else that is wrong
    /// (A2). [`Self::redeem`] judges it in full.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge_password(&self, typed: &SecretString, personal: &[&str]) -> Result<(), PasswordProblem> {
        self.ports.policy.judge(&Password::new(typed)?, personal)
    }

    /// Makes the account. No session comes of it: the person signs in as usual.
    ///
    /// # Errors
    /// See [`RedeemError`].
    pub async fn redeem(&self, command: Redeem, origin: &Origin) -> Result<AccountId, RedeemError> {
        let redeemed = self.make_account(command, origin).await;
        if matches!(redeemed, Err(RedeemError::Gone)) {
            self.ports.refusals.note(Act::INVITATION_REDEEMED, "gone", origin);
        }
        redeemed
    }

    async fn make_account(&self, command: Redeem, origin: &Origin) -> Result<AccountId, RedeemError> {
        let now = self.ports.clock.now();
        let id = InvitationId::from_bytes(*command.token.id());
        let invitation = self.ports.store.find(id, command.token.hash()).await?;
        // Only who holds an invitation that counts costs a hash.
        let invitation =
            invitation.filter(|invitation| now < invitation.expires_at).ok_or(RedeemError::Gone)?;
        let password = Password::new(&command.password)?;
        let name = command.name.clone().or_else(|| invitation.name.clone());
        let called = name.as_ref().map_or("", Name::as_str);
        self.ports.policy.accept(&password, &[invitation.address.as_typed(), called]).await?;
        let password = self.ports.hasher.hash(&password).await?;
        let account_id = AccountId::new(now, &*self.ports.entropy);
        let actor = Actor::Account(account_id);
        let event = AuditEvent::done(Act::INVITATION_REDEEMED, actor, origin, now, &*self.ports.entropy);
        let redemption = RedeemInvitation {
            id,
            hash: command.token.hash(),
            account_id,
            identifier_id: IdentifierId::new(now, &*self.ports.entropy),
            name,
            password,
            throttle: self.ports.peppers.email(&invitation.address),
            now,
            effects: Effects::event(event.on(id).because(invitation.role.as_str())),
        };
        match self.ports.store.redeem(redemption).await {
            Ok(()) => Ok(account_id),
            Err(RedeemRefusal::Gone) => Err(RedeemError::Gone),
            Err(RedeemRefusal::Store(error)) => Err(error.into()),
        }
    }
}

impl From<AcceptError> for RedeemError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Problem(problem) => Self::Password(problem),
            AcceptError::Hash(error) => Self::Hash(error),
        }
    }
}
