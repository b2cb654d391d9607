//! Invitations as they are kept.

use crate::{
    accounts::{Administrator, Name, Standing},
    actor::Role,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, IdentifierId, InvitationId},
    identifiers::EmailAddress,
    passwords::PasswordHash,
    secret::SecretHash,
};

/// An invitation that is written.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Its id.
    pub id: InvitationId,
    /// The SHA-256 of its token.
    pub hash: SecretHash,
    /// What it is about.
    pub invitation: Invitation,
    /// Who writes it.
    pub by: Administrator,
    /// When it was written.
    pub created_at: Timestamp,
    /// The message and the event.
    pub effects: Effects,
}

impl NewInvitation {
    /// May it take the place of an earlier one of its address, to this role and until then? One that has expired is in
    /// nobody's way; another one must be the writer's to withdraw. To be asked inside the write.
    #[must_use]
    pub fn may_replace(&self, role: Role, expires_at: Timestamp) -> bool {
        self.created_at >= expires_at || self.by.may_act_on(role)
    }
}

/// An invitation that still counts, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingInvitation {
    /// Its id.
    pub id: InvitationId,
    /// What it is about.
    pub invitation: Invitation,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Ends an invitation before anybody redeems it.
#[derive(Clone, Debug)]
pub struct WithdrawInvitation {
    /// Which.
    pub id: InvitationId,
    /// Who withdraws it: whoever may invite to its role.
    pub by: Administrator,
    /// The event.
    pub effects: Effects,
}

/// What became of a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// The link opens nothing any more.
    Done,
    /// It is not there, or not any more: redeemed, replaced, withdrawn or swept.
    NotFound,
    /// Its role is above that of who would withdraw it.
    InsufficientRole,
}

/// What an invitation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The address that its redeeming proves.
    pub address: EmailAddress,
    /// The role that the account will have.
    pub role: Role,
    /// What the administrator says the person is called.
    pub name: Option<Name>,
    /// The account that wrote it; none for an operator.
    pub invited_by: Option<AccountId>,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// May who wrote it still write it? `inviter` is that account as it is now, none where it is gone. To be asked
    /// inside the write that redeems it.
    #[must_use]
    pub fn is_backed_by(&self, inviter: Option<Standing>) -> bool {
        match (self.invited_by, inviter) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(id), Some(standing)) => {
                let administrator = Administrator::of(id, standing.role);
                standing.state.may_sign_in() && administrator.is_some_and(|by| by.may_act_on(self.role))
            }
        }
    }
}

/// Whether there was a superuser, in whatever state, when an invitation was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Superusers {
    /// Nobody is one yet.
    None,
    /// Somebody is.
    Some,
}

/// The token was right: consumes the invitation and creates the account.
#[derive(Clone, Debug)]
pub struct RedeemInvitation {
    /// Which invitation.
    pub id: InvitationId,
    /// The SHA-256 of its token.
    pub hash: SecretHash,
    /// The account's id.
    pub account_id: AccountId,
    /// Its address's id.
    pub identifier_id: IdentifierId,
    /// What the person is called.
    pub name: Option<Name>,
    /// Their password.
    pub password: PasswordHash,
    /// The failed sign-ins of the address, which are forgotten: whoever proved it did not make them.
    pub throttle: SecretHash,
    /// The present.
    pub now: Timestamp,
    /// The event.
    pub effects: Effects,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountState;

    /// A5, C26: an invitation counts while its writer may still write it.
    #[test]
    fn an_invitation_stands_and_falls_with_its_writer() {
        let invitation = |role, invited_by| Invitation {
            address: "ada@example.org".parse().unwrap(),
            role,
            name: None,
            invited_by,
            expires_at: Timestamp::MAX,
        };
        let writer = Some(AccountId::from_bytes([1; 16]));
        let standing = |state, role| Some(Standing { state, role, epoch: 3 });
        assert!(invitation(Role::Superuser, None).is_backed_by(None), "an operator's");
        assert!(!invitation(Role::Authenticated, writer).is_backed_by(None), "the writer is gone");
        for (role, as_what, backed) in [
            (Role::Superuser, Role::Superuser, true),
            (Role::Superuser, Role::Staff, false),
            (Role::Staff, Role::Staff, false),
            (Role::Authenticated, Role::Staff, true),
            (Role::Authenticated, Role::Authenticated, false),
        ] {
            let invitation = invitation(role, writer);
            assert_eq!(invitation.is_backed_by(standing(AccountState::Active, as_what)), backed);
            assert!(!invitation.is_backed_by(standing(AccountState::Locked, as_what)));
            assert!(!invitation.is_backed_by(standing(AccountState::Compromised, as_what)));
        }
    }
}
