//! Inviting somebody (A5).

use secrecy::{ExposeSecret as _, SecretString};

use super::{Invitation, Invitations, NewInvitation, Superusers, WriteInvitationError};
use crate::{
    accounts::{AdministrationRefusal, Administrator, Name},
    actor::{Origin, Role},
    audit::{Act, AuditEvent, Refusal},
    clock::Timestamp,
    effects::Effects,
    id::InvitationId,
    identifiers::EmailAddress,
    outbox::{MessageKind, MessageLife},
    secret::{OpaqueToken, TokenKind},
    store_error::StoreError,
};

/// Whom to invite, and as what.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Where the invitation goes.
    pub address: EmailAddress,
    /// The role that the account will have.
    pub role: Role,
    /// What the person is called.
    pub name: Option<Name>,
}

/// An invitation that is on its way.
#[derive(Debug)]
pub struct Invited {
    /// Its id.
    pub id: InvitationId,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// What the mail carries: only for an operator who invites the very first superuser, who may have no mail yet.
    pub secret: Option<InvitationSecret>,
}

/// What redeems an invitation.
#[derive(Debug)]
pub struct InvitationSecret {
    /// The token.
    pub token: SecretString,
    /// The link with it; empty where there is no page.
    pub link: SecretString,
}

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Only a superuser invites staff and superusers, and replaces an invitation to be one.
    #[error("only a superuser may invite to this role")]
    InsufficientRole,
    /// An account has the address. Administrators may see all accounts.
    #[error("the address has an account")]
    AddressTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Invitations {
    /// Writes an invitation and sends its token to the address. An earlier one of the address is over then.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub async fn invite(
        &self,
        by: Administrator,
        invite: Invite,
        origin: &Origin,
    ) -> Result<Invited, InviteError> {
        if !by.may_act_on(invite.role) {
            self.refused(by, AdministrationRefusal::InsufficientRole.as_str(), origin);
            return Err(InviteError::InsufficientRole);
        }
        let role = invite.role;
        let (command, secret) = self.compose(by, invite, origin)?;
        let (id, expires_at) = (command.id, command.invitation.expires_at);
        let superusers = match self.ports.store.write(command).await {
            Ok(superusers) => superusers,
            Err(WriteInvitationError::AddressTaken) => {
                self.refused(by, "address_taken", origin);
                return Err(InviteError::AddressTaken);
            }
            Err(WriteInvitationError::InsufficientRole) => {
                self.refused(by, AdministrationRefusal::InsufficientRole.as_str(), origin);
                return Err(InviteError::InsufficientRole);
            }
            Err(WriteInvitationError::Store(error)) => return Err(error.into()),
        };
        let is_first = (by, role, superusers) == (Administrator::Operator, Role::Superuser, Superusers::None);
        Ok(Invited { id, expires_at, secret: is_first.then_some(secret) })
    }

    fn compose(
        &self,
        by: Administrator,
        invite: Invite,
        origin: &Origin,
    ) -> Result<(NewInvitation, InvitationSecret), StoreError> {
        let now = self.ports.clock.now();
        let id = InvitationId::new(now, &*self.ports.entropy);
        let token = OpaqueToken::generate(TokenKind::Invitation, *id.as_bytes(), &*self.ports.entropy);
        let link = token.link_to(self.settings.page.as_deref());
        let expires_at = now + self.settings.lifetime;
        let life = MessageLife { created_at: now, expires_at };
        let variables = [("token", token.reveal().expose_secret()), ("link", link.expose_secret())];
        let message =
            self.ports.outbox.compose(MessageKind::Invitation, &invite.address, &variables, life)?;
        let event = AuditEvent::done(Act::INVITATION_CREATED, by.actor(), origin, now, &*self.ports.entropy);
        let Invite { address, role, name } = invite;
        let invitation = Invitation { address, role, name, invited_by: by.account(), expires_at };
        let effects = Effects::event_and_message(event.on(id).because(role.as_str()), message);
        let secret = InvitationSecret { token: token.reveal().clone(), link };
        Ok((NewInvitation { id, hash: token.hash(), invitation, by, created_at: now, effects }, secret))
    }

    fn refused(&self, by: Administrator, reason: &'static str, origin: &Origin) {
        let refusal = Refusal { act: Act::INVITATION_CREATED, reason, actor: by.actor(), subject: None };
        self.ports.refusals.note_refusal(refusal, origin);
    }
}
