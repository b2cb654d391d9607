//! Stores that agree to everything, or are out of order.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use symbolon_domain::{
    access::{AccessPolicy, Action, PolicyFault, PolicyId, PolicyRequest, Ruling},
    accounts::{Account, AccountStore, AdministerAccount, Administered, Name, Standing},
    audit::{AuditEvent, AuditFilter, AuditStore},
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId, InvitationId, MessageId, SessionId},
    identifiers::EmailAddress,
    invitations::{
        Invitation, InvitationStore, NewInvitation, PendingInvitation, RedeemInvitation, RedeemRefusal,
        Superusers, WithdrawInvitation, Withdrawn, WriteInvitationError,
    },
    one_time_codes::{
        AttemptLimits, MatchedCode, OneTimeCodeStore, ReplaceCode, ReplaceError, ReserveError,
        ReservedAttempt, SlotOwner,
    },
    outbox::{
        Backlog, CarrierError, Email, EmailCarrier, FinishMessage, LeaseMessages, LeasedMessage, MessageKind,
        MessageSummary, OutboxStore, PostponeMessage, RenderError, RenderedText, Retried, RetryMessage,
        Templates,
    },
    page::{Page, PageRequest},
    passwords::{PasswordHash, PasswordStore, ReplacePassword},
    recovery::{
        BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, PendingRecovery,
        RecoveryStore,
    },
    secret::SecretHash,
    sessions::{RefreshClient, RefreshOutcome, RefreshSession, RevokeSessions, Session, SessionStore},
    sign_in::{
        BeginError, Candidate, CompleteError, CompleteSignIn, NewSignIn, SignInAttempt, SignInStore,
        throttle::{Throttle, ThrottleLimits},
    },
    sign_up::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp, PendingSignUp, SignUpStore},
    signing_keys::{DeleteSigningKey, RetireSigningKey, RotateSigningKey, SigningKey, SigningKeyStore},
    store_error::StoreError,
};

use super::{CODE, NOW, World, account_id, address, identifier, standing};

#[async_trait]
impl AccountStore for World {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.works()?;
        Ok(Some(Account {
            id,
            name: "Ada".parse().ok(),
            standing: standing(),
            created_at: Timestamp::from_seconds(NOW),
            last_seen_at: None,
            identifiers: vec![identifier()],
        }))
    }

    async fn find_by_address(&self, _: &EmailAddress) -> Result<Option<Account>, StoreError> {
        AccountStore::find(self, account_id()).await
    }

    async fn standings(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Standing)>, StoreError> {
        self.works()?;
        if ids.contains(&AccountId::from_bytes([0xff; 16])) {
            return Err(StoreError::Busy);
        }
        Ok(ids.iter().map(|id| (*id, standing())).collect())
    }

    async fn list(&self, _: PageRequest) -> Result<Page<Account>, StoreError> {
        self.works()?;
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn set_name(&self, _: AccountId, _: Option<Name>, _: Effects) -> Result<bool, StoreError> {
        self.works()?;
        Ok(true)
    }

    async fn administer(&self, _: AdministerAccount) -> Result<Administered, StoreError> {
        self.works()?;
        Ok(Administered::Done)
    }
}

#[async_trait]
impl InvitationStore for World {
    async fn write(&self, _: NewInvitation) -> Result<Superusers, WriteInvitationError> {
        self.works()?;
        Ok(Superusers::Some)
    }

    async fn find(&self, _: InvitationId, _: SecretHash) -> Result<Option<Invitation>, StoreError> {
        self.works()?;
        Ok(None)
    }

    async fn list(&self, _: PageRequest, _: Timestamp) -> Result<Page<PendingInvitation>, StoreError> {
        self.works()?;
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn withdraw(&self, _: WithdrawInvitation) -> Result<Withdrawn, StoreError> {
        self.works().map(|()| Withdrawn::Done)
    }

    async fn redeem(&self, _: RedeemInvitation) -> Result<(), RedeemRefusal> {
        Ok(self.works()?)
    }
}

#[async_trait]
impl AuditStore for World {
    async fn append(&self, _: Vec<AuditEvent>) -> Result<(), StoreError> {
        self.works()
    }

    async fn list(&self, _: &AuditFilter, _: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
        self.works()?;
        Ok(Page { items: Vec::new(), next: None })
    }
}

#[async_trait]
impl SigningKeyStore for World {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.works()?;
        Ok(Vec::new())
    }

    async fn insert_first(&self, _: SigningKey, _: Effects) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }

    async fn rotate(&self, _: RotateSigningKey) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }

    async fn retire(&self, _: RetireSigningKey) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }

    async fn delete(&self, _: DeleteSigningKey) -> Result<bool, StoreError> {
        self.works().map(|()| true)
    }
}

#[async_trait]
impl SessionStore for World {
    async fn find(&self, _: SessionId) -> Result<Option<Session>, StoreError> {
        self.works()?;
        Ok(self.session.lock().unwrap().clone())
    }

    async fn refresh(&self, command: RefreshSession) -> Result<RefreshOutcome, StoreError> {
        self.works()?;
        let session = self.session.lock().unwrap().clone();
        Ok(match (session, command.client) {
            (Some(session), RefreshClient::Bound(shown)) if shown == session.binding => {
                RefreshOutcome::Rotated(Box::new(session))
            }
            _ => RefreshOutcome::ReuseDetected,
        })
    }

    async fn revoke(
        &self,
        _: AccountId,
        id: SessionId,
        _: Effects,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        self.works()?;
        Ok(self.session.lock().unwrap().as_ref().is_some_and(|session| session.id == id))
    }

    async fn sign_out(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        SessionStore::revoke(self, account, id, effects, now).await
    }

    async fn revoke_many(&self, _: AccountId, _: RevokeSessions, _: Effects) -> Result<(), StoreError> {
        self.works()
    }

    async fn list(&self, _: AccountId, page: PageRequest) -> Result<Page<Session>, StoreError> {
        self.works()?;
        let rows = self.session.lock().unwrap().clone().into_iter().collect();
        Ok(Page::from_rows(rows, page, |session: &Session| *session.id.as_bytes()))
    }
}

#[async_trait]
impl OneTimeCodeStore for World {
    async fn reserve_attempt(
        &self,
        ceremony: CeremonyId,
        _: AttemptLimits,
        _: Timestamp,
    ) -> Result<ReservedAttempt, ReserveError> {
        self.works()?;
        let peppers = self.peppers.lock().unwrap().clone().unwrap();
        let salt = [0; 16];
        let hash = peppers.one_time_code(ceremony, &salt, CODE);
        Ok(ReservedAttempt { salt, hash, budget_slot: 0 })
    }

    async fn release_attempt(&self, _: CeremonyId, _: MatchedCode, _: SlotOwner) -> Result<(), StoreError> {
        self.works()
    }

    async fn replace(&self, _: ReplaceCode) -> Result<(), ReplaceError> {
        self.works()?;
        Err(ReplaceError::TooMany(Timestamp::from_micros(NOW * 1_000_000 + 29_000_001)))
    }
}

#[async_trait]
impl SignUpStore for World {
    async fn is_taken(&self, _: &EmailAddress) -> Result<bool, StoreError> {
        self.works()?;
        Ok(false)
    }

    async fn begin(&self, _: NewSignUp) -> Result<(), BeginSignUpError> {
        Ok(self.works()?)
    }

    async fn find(&self, _: CeremonyId) -> Result<Option<PendingSignUp>, StoreError> {
        self.works()?;
        Ok(Some(PendingSignUp { address: address(), decoy: false }))
    }

    async fn complete(&self, command: CompleteSignUp) -> Result<(), CompleteSignUpError> {
        self.works()?;
        self.opened(command.account_id, &command.session);
        Ok(())
    }
}

#[async_trait]
impl SignInStore for World {
    async fn reserve_attempt(
        &self,
        _: SecretHash,
        _: ThrottleLimits,
        _: Timestamp,
    ) -> Result<Result<Throttle, Timestamp>, StoreError> {
        self.works()?;
        Ok(Ok(Throttle { failures: 1, next_at: None }))
    }

    async fn release_attempt(&self, _: SecretHash, _: Throttle) -> Result<(), StoreError> {
        self.works()
    }

    async fn find_candidate(&self, wanted: &EmailAddress) -> Result<Option<Candidate>, StoreError> {
        self.works()?;
        let password = PasswordHash::from_phc("hash".to_owned());
        let known = *wanted == address();
        let candidate = || Candidate {
            account_id: account_id(),
            standing: standing(),
            address: address(),
            password,
            password_changes: 0,
        };
        Ok(known.then(candidate))
    }

    async fn begin(&self, _: NewSignIn) -> Result<(), BeginError> {
        Ok(self.works()?)
    }

    async fn refuse(&self, _: Effects) -> Result<(), StoreError> {
        self.works()
    }

    async fn find(&self, _: CeremonyId) -> Result<Option<SignInAttempt>, StoreError> {
        self.works()?;
        let expires_at = Timestamp::from_seconds(NOW + 600);
        Ok(Some(SignInAttempt { account_id: account_id(), identifier: identifier(), expires_at }))
    }

    async fn complete(&self, command: CompleteSignIn) -> Result<Standing, CompleteError> {
        self.works()?;
        self.opened(command.account_id, &command.session);
        Ok(standing())
    }
}

#[async_trait]
impl RecoveryStore for World {
    async fn begin(&self, _: NewRecovery) -> Result<(), BeginRecoveryError> {
        Ok(self.works()?)
    }

    async fn find(&self, _: CeremonyId) -> Result<Option<PendingRecovery>, StoreError> {
        self.works()?;
        let expires_at = Timestamp::from_seconds(NOW + 600);
        let account_id = Some(account_id());
        Ok(Some(PendingRecovery { address: address(), account_id, link: None, expires_at }))
    }

    async fn complete(&self, _: CompleteRecovery) -> Result<(), CompleteRecoveryError> {
        Ok(self.works()?)
    }
}

#[async_trait]
impl PasswordStore for World {
    async fn replace(&self, _: ReplacePassword) -> Result<bool, StoreError> {
        self.works()?;
        Ok(true)
    }
}

#[async_trait]
impl OutboxStore for World {
    async fn lease(&self, _: LeaseMessages) -> Result<Vec<LeasedMessage>, StoreError> {
        self.works()?;
        Ok(Vec::new())
    }

    async fn finish(&self, _: FinishMessage, _: Effects) -> Result<bool, StoreError> {
        self.works()?;
        Ok(true)
    }

    async fn postpone(&self, _: PostponeMessage) -> Result<bool, StoreError> {
        self.works()?;
        Ok(true)
    }

    async fn retry(&self, _: RetryMessage, _: Effects) -> Result<Retried, StoreError> {
        self.works()?;
        Ok(Retried::Unknown)
    }

    async fn list(&self, _: PageRequest) -> Result<Page<MessageSummary>, StoreError> {
        self.works()?;
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn find(&self, _: MessageId) -> Result<Option<MessageSummary>, StoreError> {
        self.works()?;
        Ok(None)
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.works()?;
        Ok(Backlog { pending: 0, oldest: None })
    }

    async fn wait(&self, _: Duration) {}
}

impl Templates for World {
    fn render(&self, _: MessageKind, _: &BTreeMap<String, String>) -> Result<RenderedText, RenderError> {
        Ok(RenderedText { subject: String::new(), text: String::new(), html: String::new() })
    }
}

#[async_trait]
impl EmailCarrier for World {
    async fn send(&self, _: &Email) -> Result<(), CarrierError> {
        Ok(())
    }
}

impl AccessPolicy for World {
    fn judge(&self, request: &PolicyRequest<'_>) -> Result<Ruling, PolicyFault> {
        if request.action == Action::ChangeOwner {
            return Err(PolicyFault("a policy that cannot be evaluated".into()));
        }
        Ok(Ruling::Permitted(vec![PolicyId::new("all")]))
    }
}
