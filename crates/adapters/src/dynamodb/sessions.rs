//! Sessions and their refresh tokens in DynamoDB.
//!
//! Every write to a session counts its `version` up and demands the one that was read, so that of two rotations in one
//! family one begins again. A token names its successor and its sibling, so that none has to be searched for.

use std::cmp::Ordering;

use async_trait::async_trait;
use symbolon_domain::{
    accounts::Standing,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, SessionId},
    page::{Page, PageRequest},
    sessions::{
        AuthenticationMethod, NewRefreshToken, NewSession, RefreshOutcome, RefreshSession, RevokeSessions,
        Session, SessionStore,
    },
    store_error::StoreError,
    sweeper::SESSION_HISTORY,
};

use super::{
    DynamoStore, accounts,
    calls::before,
    effects,
    expressions::{Expression, present, unchanged},
    items::{Found, Item, bytes, number, text, time},
    keys::{self, SESSIONS_OF_ACCOUNT},
    rotation,
    transaction::{Transaction, Turn},
};

mod refresh;

/// So often a session and its account are read anew until they fit each other.
const MOST_LOOKS: u32 = 8;

#[async_trait]
impl SessionStore for DynamoStore {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let Some(found) = self.get(keys::session(id)).await? else { return Ok(None) };
        let Some(account) = self.get(keys::account(account_of(&found)?)).await? else { return Ok(None) };
        Ok(self.fitting(id, found, account).await?.map(|kept| kept.session))
    }

    async fn refresh(&self, command: RefreshSession) -> Result<RefreshOutcome, StoreError> {
        self.settle(&keys::refresh_token(command.token_id), || refresh::refresh(self, &command)).await
    }

    async fn revoke(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let nothing_more = Transaction::default;
        self.settle(&keys::session(id), || revoke(self, (account, id), nothing_more(), &effects, now)).await
    }

    async fn sign_out(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let keys_too = || {
            let mut transaction = Transaction::default();
            let next = Expression::new("ADD #key_epoch :one").value("one", number(1));
            transaction.update(keys::account(account), next, present());
            transaction
        };
        self.settle(&keys::session(id), || revoke(self, (account, id), keys_too(), &effects, now)).await
    }

    async fn revoke_many(
        &self,
        account: AccountId,
        which: RevokeSessions,
        effects: Effects,
    ) -> Result<(), StoreError> {
        self.settle(&keys::account(account), || revoke_many(self, account, which, &effects)).await
    }

    async fn list(&self, account: AccountId, page: PageRequest) -> Result<Page<Session>, StoreError> {
        let range = before(keys::account(account).pk, SESSIONS_OF_ACCOUNT, page);
        let rows = self.last(range, page.limit().saturating_add(1)).await?;
        let mut keys = vec![keys::account(account)];
        for row in &rows {
            let id = row.parsed("sessions.sk", |sk| sk.strip_prefix(SESSIONS_OF_ACCOUNT)?.parse().ok())?;
            keys.push(keys::session(id));
        }
        let mut found = self.get_many(&keys).await?.into_iter();
        let Some(account) = found.next().flatten() else {
            return Ok(Page::from_rows(Vec::new(), page, id_of));
        };
        let mut sessions = Vec::new();
        for found in found.flatten() {
            let id = SessionId::from_bytes(found.id("sessions.id")?);
            let kept = self.fitting(id, found, account.clone()).await?;
            sessions.extend(kept.map(|kept| kept.session));
        }
        Ok(Page::from_rows(sessions, page, id_of))
    }
}

fn id_of(session: &Session) -> [u8; 16] {
    *session.id.as_bytes()
}

/// A session, and what a write to it demands.
struct Kept {
    session: Session,
    version: u64,
}

impl Kept {
    /// Nobody has written to the session since.
    fn is_unchanged(&self) -> Expression {
        unchanged("version", Some(number(self.version)))
    }

    /// Changes the session if nobody has since.
    fn update(&self, transaction: &mut Transaction, update: Expression) {
        let counted = update.value("version", number(self.version.saturating_add(1)));
        transaction.update(keys::session(self.session.id), counted, self.is_unchanged());
    }

    /// Ends the session.
    fn revoke(&self, transaction: &mut Transaction, now: Timestamp) {
        let update = Expression::new("SET #revoked_at = :now, #version = :version").value("now", time(now));
        self.update(transaction, update);
    }
}

impl DynamoStore {
    /// A session with its account, both as they were at one moment as far as epochs go. They are two items, read one
    /// after the other: between the two a revocation may have raised the account's epoch and taken this very session
    /// along, which then would look ended.
    async fn fitting(
        &self,
        id: SessionId,
        mut found: Found,
        mut account: Found,
    ) -> Result<Option<Kept>, StoreError> {
        let mut is_newer_than_account = false;
        for _ in 0..MOST_LOOKS {
            let session = session(id, &found, &account)?;
            match session.epoch.cmp(&session.account.epoch) {
                Ordering::Less if !is_newer_than_account => {
                    let Some(again) = self.get(keys::session(id)).await? else { return Ok(None) };
                    found = again;
                    is_newer_than_account = true;
                }
                Ordering::Greater => {
                    let Some(again) = self.get(keys::account(session.account_id)).await? else {
                        return Ok(None);
                    };
                    account = again;
                    is_newer_than_account = false;
                }
                Ordering::Less | Ordering::Equal => {
                    return Ok(Some(Kept { session, version: found.number("sessions.version")? }));
                }
            }
        }
        Err(StoreError::Busy)
    }

    async fn find_session(&self, id: SessionId) -> Result<Option<Kept>, StoreError> {
        let Some(found) = self.get(keys::session(id)).await? else { return Ok(None) };
        let Some(account) = self.get(keys::account(account_of(&found)?)).await? else { return Ok(None) };
        self.fitting(id, found, account).await
    }
}

fn account_of(session: &Found) -> Result<AccountId, StoreError> {
    session.id("sessions.account_id").map(AccountId::from_bytes)
}

fn session(id: SessionId, found: &Found, account: &Found) -> Result<Session, StoreError> {
    Ok(Session {
        id,
        account_id: account_of(found)?,
        binding: found.hash("sessions.binding")?,
        methods: found.parsed("sessions.methods", |names| {
            names.split_ascii_whitespace().map(AuthenticationMethod::parse).collect()
        })?,
        created_at: found.time("sessions.created_at")?,
        refreshed_at: found.time("sessions.refreshed_at")?,
        idle_expires_at: found.time("sessions.idle_expires_at")?,
        expires_at: found.time("sessions.expires_at")?,
        ip: found.optional_ip("sessions.ip")?,
        user_agent: found.optional_text("sessions.user_agent")?.map(str::to_owned),
        revoked_at: found.optional_time("sessions.revoked_at")?,
        epoch: found.number("sessions.epoch")?,
        account: accounts::standing(account)?,
    })
}

/// Writes a session and its first refresh token, under its account's present epoch.
pub(super) fn insert(transaction: &mut Transaction, session: &NewSession, account: AccountId, epoch: u64) {
    let methods: Vec<&str> = session.methods.iter().map(|method| method.as_str()).collect();
    let first_token = NewRefreshToken {
        expires_at: session.refresh_token.expires_at.min(session.expires_at),
        ..session.refresh_token.clone()
    };
    let until = session.expires_at + SESSION_HISTORY;
    transaction.create(
        Item::new(keys::session(session.id))
            .with("id", text(session.id.to_string()))
            .with("account_id", text(account.to_string()))
            .with("epoch", number(epoch))
            .with("version", number(0))
            .with("binding", bytes(session.binding.as_bytes()))
            .with("methods", text(methods.join(" ")))
            .with("created_at", time(session.created_at))
            .with("refreshed_at", time(session.created_at))
            .with("idle_expires_at", time(first_token.expires_at))
            .with("expires_at", time(session.expires_at))
            .with_some("ip", session.ip.map(|ip| text(ip.to_string())))
            .with_some("user_agent", session.user_agent.as_deref().map(text))
            .until(until),
    );
    transaction.put(Item::new(keys::session_of_account(account, session.id)).until(until));
    transaction.create(rotation::first(new_token(&first_token, account, session.id, session.expires_at)));
}

/// A used token is remembered as long as its session may live, so that it is known when it is shown again.
fn new_token(
    token: &NewRefreshToken,
    account: AccountId,
    session: SessionId,
    session_end: Timestamp,
) -> Item {
    Item::new(keys::refresh_token(token.id))
        .with("account_id", text(account.to_string()))
        .with("session_id", text(session.to_string()))
        .with("hash", bytes(token.hash.as_bytes()))
        .with("expires_at", time(token.expires_at))
        .until(session_end)
}

async fn revoke(
    store: &DynamoStore,
    (account, id): (AccountId, SessionId),
    mut transaction: Transaction,
    effects: &Effects,
    now: Timestamp,
) -> Turn<bool> {
    let kept = store.find_session(id).await?.filter(|kept| kept.session.account_id == account);
    let Some(kept) = kept else { return Ok(Some(false)) };
    if is_live(&kept.session, now) {
        kept.revoke(&mut transaction, now);
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(true))
}

/// Has it ended yet, in whatever way? An account that may not sign in does not end it: it may be unlocked again.
fn is_live(session: &Session, now: Timestamp) -> bool {
    session.revoked_at.is_none()
        && session.epoch == session.account.epoch
        && session.expires_at > now
        && session.idle_expires_at > now
}

/// Takes a session into the account's next epoch, if it belonged to the present one: nothing is revived, and nobody
/// else's is kept.
pub(super) async fn keep(
    store: &DynamoStore,
    transaction: &mut Transaction,
    (account, standing): (AccountId, &Standing),
    id: SessionId,
) -> Result<(), StoreError> {
    if let Some(kept) = store.find_session(id).await?
        && kept.session.account_id == account
        && kept.session.epoch == standing.epoch
        && kept.session.revoked_at.is_none()
    {
        let next = number(standing.epoch.saturating_add(1));
        let update = Expression::new("SET #epoch = :next, #version = :version").value("next", next);
        kept.update(transaction, update);
    }
    Ok(())
}

/// Demands that this session of the account's is not ended before the transaction is done; the transaction must see to it that the
/// account's epoch is not raised. False where it has ended already, or is nobody's or somebody else's.
pub(super) async fn must_stand(
    store: &DynamoStore,
    transaction: &mut Transaction,
    (account, standing): (AccountId, &Standing),
    id: SessionId,
) -> Result<bool, StoreError> {
    let Some(found) = store.get(keys::session(id)).await? else { return Ok(false) };
    let stands = account_of(&found)? == account
        && found.optional_time("sessions.revoked_at")?.is_none()
        && found.number::<u64>("sessions.epoch")? == standing.epoch;
    transaction.check(keys::session(id), present().and(unchanged("revoked_at", None)));
    Ok(stands)
}

async fn revoke_many(
    store: &DynamoStore,
    account: AccountId,
    which: RevokeSessions,
    effects: &Effects,
) -> Turn<()> {
    // Nobody's sessions: there is nothing to end, and nothing has happened.
    let Some(found) = store.get(keys::account(account)).await? else { return Ok(Some(())) };
    let standing = accounts::standing(&found)?;
    let next = standing.epoch.saturating_add(1);
    let mut transaction = Transaction::default();
    let update = Expression::new("SET #epoch = :next").value("next", number(next));
    transaction.update(keys::account(account), update, accounts::stands(&standing));
    if let RevokeSessions::Except(id) = which {
        keep(store, &mut transaction, (account, &standing), id).await?;
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(()))
}
