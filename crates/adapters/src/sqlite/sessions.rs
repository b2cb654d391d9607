//! Sessions and their refresh tokens in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, RefreshTokenId, SessionId},
    page::{Page, PageRequest},
    rotation::TokenUse,
    sessions::{
        AuthenticationMethod, FoundToken, NewRefreshToken, NewSession, RefreshOutcome, RefreshRefusal,
        RefreshSession, RefreshVerdict, RevokeSessions, Session, SessionStore,
    },
    store_error::StoreError,
};

use super::{
    SqliteStore,
    accounts::{self, page_bounds},
    effects,
    rows::{Columns, Failure, all, change, first, is_there},
    writer::Write,
};
use crate::sql;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.read(|db| first(db, sql::sessions::FIND, [id.as_bytes()], session))
    }

    async fn refresh(&self, command: RefreshSession) -> Result<RefreshOutcome, StoreError> {
        self.write(move |db| refresh(db, &command)).await
    }

    async fn revoke(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |db| revoke(db, (account, id), &effects, now)).await
    }

    async fn sign_out(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |db| {
            let is_theirs = revoke(db, (account, id), &effects, now)?;
            if is_theirs {
                change(db, sql::api_keys::NEXT_EPOCH, [account.as_bytes()])?;
            }
            Ok(is_theirs)
        })
        .await
    }

    async fn revoke_many(
        &self,
        account: AccountId,
        which: RevokeSessions,
        effects: Effects,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            let epoch = first(db, sql::sessions::NEXT_EPOCH, [account.as_bytes()], |columns| {
                columns.number::<i64>("accounts.epoch")
            })?;
            // Nobody's sessions: there is nothing to end, and nothing has happened.
            let Some(epoch) = epoch else { return Ok(()) };
            if let RevokeSessions::Except(kept) = which {
                change(db, sql::sessions::KEEP, params![epoch, kept.as_bytes(), account.as_bytes()])?;
            }
            effects::write(db, &effects)
        })
        .await
    }

    async fn list(&self, account: AccountId, page: PageRequest) -> Result<Page<Session>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows =
            self.read(|db| all(db, sql::sessions::LIST, params![account.as_bytes(), before, most], session))?;
        Ok(Page::from_rows(rows, page, |session| *session.id.as_bytes()))
    }
}

fn revoke(
    db: &Write<'_>,
    (account, id): (AccountId, SessionId),
    effects: &Effects,
    now: Timestamp,
) -> Result<bool, Failure> {
    let is_theirs = is_there(db, sql::sessions::IS_OF_ACCOUNT, params![id.as_bytes(), account.as_bytes()])?;
    if is_theirs {
        change(db, sql::sessions::REVOKE, params![now.micros(), id.as_bytes()])?;
        effects::write(db, effects)?;
    }
    Ok(is_theirs)
}

/// Does this session of the account's still stand, where there is one that must?
pub(super) fn stands(db: &Write<'_>, session: Option<SessionId>, owner: AccountId) -> Result<bool, Failure> {
    match session {
        Some(session) => is_there(db, sql::sessions::STANDS, params![session.as_bytes(), owner.as_bytes()]),
        None => Ok(true),
    }
}

/// Writes a session and its first refresh token, under its account's present epoch.
pub(super) fn insert(
    db: &Write<'_>,
    session: &NewSession,
    account: AccountId,
    epoch: u64,
) -> Result<(), Failure> {
    let methods: Vec<&str> = session.methods.iter().map(|method| method.as_str()).collect();
    let first_token = NewRefreshToken {
        expires_at: session.refresh_token.expires_at.min(session.expires_at),
        ..session.refresh_token.clone()
    };
    let values = params![
        session.id.as_bytes(),
        account.as_bytes(),
        i64::try_from(epoch).unwrap_or(i64::MAX),
        session.binding.as_bytes(),
        methods.join(" "),
        session.created_at.micros(),
        first_token.expires_at.micros(),
        session.expires_at.micros(),
        session.ip.map(|ip| ip.to_string()),
        session.user_agent,
    ];
    change(db, sql::sessions::INSERT, values)?;
    insert_token(db, session.id, &first_token, None)
}

fn insert_token(
    db: &Write<'_>,
    session: SessionId,
    token: &NewRefreshToken,
    parent: Option<RefreshTokenId>,
) -> Result<(), Failure> {
    let values = params![
        token.id.as_bytes(),
        session.as_bytes(),
        token.hash.as_bytes(),
        token.expires_at.micros(),
        parent.as_ref().map(RefreshTokenId::as_bytes),
    ];
    change(db, sql::sessions::INSERT_TOKEN, values)?;
    Ok(())
}

fn session(columns: &mut Columns<'_>) -> Result<Session, Failure> {
    Ok(Session {
        id: SessionId::from_bytes(columns.bytes("sessions.id")?),
        account_id: AccountId::from_bytes(columns.bytes("sessions.account_id")?),
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

/// A refresh token, and the token whose use made it.
struct Kept {
    token: FoundToken,
    parent: Option<[u8; 16]>,
}

fn kept(columns: &mut Columns<'_>) -> Result<Kept, Failure> {
    let hash = columns.hash("refresh_tokens.hash")?;
    let expires_at = columns.timestamp("refresh_tokens.expires_at")?;
    let parent = columns.optional_bytes("refresh_tokens.parent_id")?;
    let retired_at = columns.optional_timestamp("refresh_tokens.retired_at")?;
    let uses: u8 = columns.number("refresh_tokens.uses")?;
    let successor_is_live = columns.boolean("refresh_tokens.retired_at")?;
    let used = match (retired_at, uses) {
        (None, 0) => TokenUse::Live,
        (Some(at), 0) => TokenUse::RetiredBySibling { at },
        (Some(at), 1) => TokenUse::Rotated { at, successor_is_live },
        (Some(at), 2) => TokenUse::RotatedTwice { at },
        _ => return Err(Failure::Corrupt("refresh_tokens.uses")),
    };
    Ok(Kept { token: FoundToken { hash, expires_at, used, session: session(columns)? }, parent })
}

fn refresh(db: &Write<'_>, command: &RefreshSession) -> Result<RefreshOutcome, Failure> {
    let found = first(db, sql::sessions::FIND_TOKEN, [command.token_id.as_bytes()], kept)?;
    let Some(Kept { token, parent }) = found else {
        return Ok(RefreshOutcome::Refused(RefreshRefusal::Unknown));
    };
    let verdict = command.judge(&token);
    let session = token.session;
    match verdict {
        RefreshVerdict::Refuse(reason) => Ok(RefreshOutcome::Refused(reason)),
        RefreshVerdict::Rotate => {
            retire(db, command, session.id, parent)?;
            succeed(db, command, session)
        }
        RefreshVerdict::RotateAgain => {
            if !change(db, sql::sessions::USE_AGAIN, [command.token_id.as_bytes()])? {
                return Err(Failure::Contended);
            }
            succeed(db, command, session)
        }
        RefreshVerdict::RevokeFamily => {
            change(db, sql::sessions::REVOKE, params![command.now.micros(), session.id.as_bytes()])?;
            effects::write_event(db, &command.reuse_event(&session))?;
            Ok(RefreshOutcome::ReuseDetected)
        }
    }
}

/// The token shown is used from now on, and the other successor of its parent, if there is one, never will be.
fn retire(
    db: &Write<'_>,
    command: &RefreshSession,
    session: SessionId,
    parent: Option<[u8; 16]>,
) -> Result<(), Failure> {
    let now = command.now.micros();
    if !change(db, sql::sessions::RETIRE, params![now, command.token_id.as_bytes()])? {
        return Err(Failure::Contended);
    }
    if let Some(parent) = parent {
        let values = params![now, session.as_bytes(), parent, command.token_id.as_bytes()];
        change(db, sql::sessions::RETIRE_SIBLING, values)?;
    }
    Ok(())
}

/// Inserts the successor; the session lives on until that ends (S9, idle), its absolute limit at the most.
fn succeed(
    db: &Write<'_>,
    command: &RefreshSession,
    mut session: Session,
) -> Result<RefreshOutcome, Failure> {
    let RefreshSession { successor, now, .. } = command;
    let successor =
        NewRefreshToken { expires_at: successor.expires_at.min(session.expires_at), ..successor.clone() };
    insert_token(db, session.id, &successor, Some(command.token_id))?;
    session.refreshed_at = *now;
    session.idle_expires_at = successor.expires_at;
    session.ip = command.ip.or(session.ip);
    let values = params![
        now.micros(),
        session.idle_expires_at.micros(),
        command.ip.map(|ip| ip.to_string()),
        session.id.as_bytes(),
    ];
    change(db, sql::sessions::REFRESHED, values)?;
    accounts::touch(db, session.account_id, *now)?;
    effects::write_event(db, &command.rotated_event(&session))?;
    Ok(RefreshOutcome::Rotated(Box::new(session)))
}
