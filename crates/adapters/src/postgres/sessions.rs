//! Sessions and their refresh tokens in PostgreSQL. Refreshing is in [`refresh`] and [`rotation`].
//!
//! Rows are locked in one order: the account, the session, the token.

use async_trait::async_trait;
use symbolon_domain::{
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, RefreshTokenId, SessionId},
    page::{Page, PageRequest},
    sessions::{
        AuthenticationMethod, NewRefreshToken, NewSession, RefreshOutcome, RefreshSession, RevokeSessions,
        Session, SessionStore,
    },
    store_error::StoreError,
};

use super::{
    PostgresStore,
    accounts::{self, page_bounds},
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, first, is_there, values},
};
use crate::sql;

mod refresh;
mod rotation;

pub(super) use self::refresh::Refreshes;

/// Is this a session of this account? Keeps both as they are until the end of the transaction: whether the session has
/// ended is decided under an epoch that nobody is raising.
const LOCK_SESSION: &str = "
    SELECT 1 FROM accounts a JOIN sessions s ON s.account_id = a.id
    WHERE s.id = $1 AND a.id = $2
    FOR NO KEY UPDATE OF a, s";

/// Has this session of the account not been ended? It stays so until the end of the transaction, which holds the account.
const LOCK_STANDING_SESSION: &str = "
    SELECT 1 FROM sessions s JOIN accounts a ON a.id = s.account_id
    WHERE s.id = $1 AND s.account_id = $2 AND s.revoked_at IS NULL AND s.epoch = a.epoch
    FOR SHARE OF s";

#[async_trait]
impl SessionStore for PostgresStore {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.runner.read(|db| Box::pin(first(db, sql::sessions::FIND, values![id], session))).await
    }

    async fn refresh(&self, command: RefreshSession) -> Result<RefreshOutcome, StoreError> {
        self.refreshes.run(command).await
    }

    async fn revoke(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(revoke(db, (account, id), &effects, now))).await
    }

    async fn sign_out(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(sign_out(db, (account, id), &effects, now))).await
    }

    async fn revoke_many(
        &self,
        account: AccountId,
        which: RevokeSessions,
        effects: Effects,
    ) -> Result<(), StoreError> {
        self.runner.transaction(|db| Box::pin(revoke_many(db, account, which, &effects))).await
    }

    async fn list(&self, account: AccountId, page: PageRequest) -> Result<Page<Session>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self
            .runner
            .read(|db| Box::pin(all(db, sql::sessions::LIST, values![account, before, most], session)))
            .await?;
        Ok(Page::from_rows(rows, page, |session| *session.id.as_bytes()))
    }
}

async fn revoke(
    db: &mut Db<'_>,
    (account, id): (AccountId, SessionId),
    effects: &Effects,
    now: Timestamp,
) -> Result<bool, Failure> {
    let is_theirs = is_there(db, LOCK_SESSION, values![id, account]).await?;
    if is_theirs {
        change(db, sql::sessions::REVOKE, values![now, id]).await?;
        effects::write(db, effects).await?;
    }
    Ok(is_theirs)
}

async fn sign_out(
    db: &mut Db<'_>,
    (account, id): (AccountId, SessionId),
    effects: &Effects,
    now: Timestamp,
) -> Result<bool, Failure> {
    let is_theirs = revoke(db, (account, id), effects, now).await?;
    if is_theirs {
        change(db, sql::api_keys::NEXT_EPOCH, values![account]).await?;
    }
    Ok(is_theirs)
}

async fn revoke_many(
    db: &mut Db<'_>,
    account: AccountId,
    which: RevokeSessions,
    effects: &Effects,
) -> Result<(), Failure> {
    let epoch = |columns: &mut Columns<'_>| columns.number::<i64>("accounts.epoch");
    // Nobody's sessions: there is nothing to end, and nothing has happened.
    let Some(epoch) = first(db, sql::sessions::NEXT_EPOCH, values![account], epoch).await? else {
        return Ok(());
    };
    if let RevokeSessions::Except(kept) = which {
        change(db, sql::sessions::KEEP, values![epoch, kept, account]).await?;
    }
    effects::write(db, effects).await
}

/// Does this session of the account's still stand, where there is one that must?
pub(super) async fn stands(
    db: &mut Db<'_>,
    session: Option<SessionId>,
    owner: AccountId,
) -> Result<bool, Failure> {
    match session {
        Some(session) => is_there(db, LOCK_STANDING_SESSION, values![session, owner]).await,
        None => Ok(true),
    }
}

/// Writes a session and its first refresh token, under its account's present epoch.
pub(super) async fn insert(
    db: &mut Db<'_>,
    session: &NewSession,
    account: AccountId,
    epoch: u64,
) -> Result<(), Failure> {
    let methods: Vec<&str> = session.methods.iter().map(|method| method.as_str()).collect();
    let first_token = NewRefreshToken {
        expires_at: session.refresh_token.expires_at.min(session.expires_at),
        ..session.refresh_token.clone()
    };
    let values = values![
        session.id,
        account,
        epoch,
        &session.binding,
        methods.join(" "),
        session.created_at,
        first_token.expires_at,
        session.expires_at,
        session.ip,
        session.user_agent.as_deref(),
    ];
    change(db, sql::sessions::INSERT, values).await?;
    insert_token(db, session.id, &first_token, None).await
}

async fn insert_token(
    db: &mut Db<'_>,
    session: SessionId,
    token: &NewRefreshToken,
    parent: Option<RefreshTokenId>,
) -> Result<(), Failure> {
    let values = values![token.id, session, &token.hash, token.expires_at, parent];
    change(db, sql::sessions::INSERT_TOKEN, values).await?;
    Ok(())
}

fn session(columns: &mut Columns<'_>) -> Result<Session, Failure> {
    Ok(Session {
        id: SessionId::from_bytes(columns.id("sessions.id")?),
        account_id: AccountId::from_bytes(columns.id("sessions.account_id")?),
        binding: columns.hash("sessions.binding")?,
        methods: columns.parsed("sessions.methods", |names| {
            names.split_ascii_whitespace().map(AuthenticationMethod::parse).collect()
        })?,
        created_at: columns.timestamp("sessions.created_at")?,
        refreshed_at: columns.timestamp("sessions.refreshed_at")?,
        idle_expires_at: columns.timestamp("sessions.idle_expires_at")?,
        expires_at: columns.timestamp("sessions.expires_at")?,
        ip: columns.optional_ip("sessions.ip")?,
        user_agent: columns.optional_text("sessions.user_agent")?.map(str::to_owned),
        revoked_at: columns.optional_timestamp("sessions.revoked_at")?,
        epoch: columns.number("sessions.epoch")?,
        account: accounts::standing(columns)?,
    })
}
