//! Rotations: what is read and judged, and the one statement that carries out any number of them.

use sqlx::types::Uuid;
use symbolon_domain::{
    audit::{AuditEvent, Subject},
    id::{AccountId, RefreshTokenId, RequestId},
    rotation::TokenUse,
    sessions::{FoundToken, NewRefreshToken, RefreshSession, Session},
};

use super::session;
use crate::{
    postgres::{
        commands::Db,
        effects,
        failure::Failure,
        rows::{Columns, all, values},
    },
    sql,
};

/// Whole rotations, each of the token `$1` of the session `$2`, with its event; they come back by their tokens. One of
/// which anything that was judged has changed does not come back, and nothing of it is written.
///
/// `judged` locks the rows it finds, always in the same order, and looks at them again if it had to wait; the other
/// parts act on what it found.
const ROTATE: &str = "
    WITH wanted AS MATERIALIZED (
        SELECT * FROM UNNEST(
            $1::UUID[], $2::UUID[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[],
            $9::BIGINT[], $10::TEXT[], $11::UUID[], $12::UUID[], $13::BYTEA[], $14::UUID[], $15::BIGINT[],
            $16::TEXT[], $17::UUID[], $18::TEXT[], $19::TEXT[], $20::TEXT[], $21::TEXT[], $22::UUID[], $23::TEXT[],
            $24::BIGINT[]
        ) AS w (token_id, session_id, refreshes, epoch, state, role, account_epoch, now,
                expires_at, ip, parent_id, successor_id, hash, event_id, event_at,
                actor, actor_id, act, outcome, reason, subject, request_id, event_ip, count)
    ), judged AS MATERIALIZED (
        SELECT a.id AS found_account, w.*
        FROM wanted w
        JOIN refresh_tokens t ON t.id = w.token_id
        JOIN sessions s ON s.id = w.session_id
        JOIN accounts a ON a.id = s.account_id
        WHERE t.retired_at IS NULL
          AND s.refreshes = w.refreshes AND s.epoch = w.epoch AND s.revoked_at IS NULL
          AND a.state = w.state AND a.role = w.role AND a.epoch = w.account_epoch
        ORDER BY a.id, s.id
        FOR NO KEY UPDATE OF a, s, t
    ), touched AS (
        UPDATE accounts a SET last_seen_at = j.now FROM judged j WHERE a.id = j.found_account
    ), refreshed AS (
        UPDATE sessions s
        SET refreshed_at = j.now, idle_expires_at = j.expires_at, ip = COALESCE(j.ip, s.ip), refreshes = s.refreshes + 1
        FROM judged j WHERE s.id = j.session_id
    ), retired AS (
        UPDATE refresh_tokens t SET retired_at = j.now, uses = 1 FROM judged j WHERE t.id = j.token_id
    ), sibling AS (
        UPDATE refresh_tokens t SET retired_at = j.now
        FROM judged j
        WHERE t.session_id = j.session_id AND t.parent_id = j.parent_id AND t.id <> j.token_id
          AND t.retired_at IS NULL
    ), noted AS (
        INSERT INTO audit_events (id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count)
        SELECT event_id, event_at, actor, actor_id, act, outcome, reason, subject, request_id, event_ip, count
        FROM judged
        ON CONFLICT (id) DO NOTHING
    )
    INSERT INTO refresh_tokens (id, session_id, hash, expires_at, parent_id, uses)
    SELECT successor_id, session_id, hash, expires_at, token_id, 0 FROM judged
    RETURNING parent_id";

/// A refresh token, the token whose use made it, and how often its session was refreshed.
pub(super) struct Kept {
    pub(super) token: FoundToken,
    parent: Option<Uuid>,
    refreshes: i64,
}

fn kept(columns: &mut Columns<'_>) -> Result<Kept, Failure> {
    let hash = columns.hash("refresh_tokens.hash")?;
    let expires_at = columns.timestamp("refresh_tokens.expires_at")?;
    let parent = columns.optional_id("refresh_tokens.parent_id")?;
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
    let token = FoundToken { hash, expires_at, used, session: session(columns)? };
    let refreshes = columns.number("sessions.refreshes")?;
    Ok(Kept { token, parent: parent.map(Uuid::from_bytes), refreshes })
}

/// A token that was found, or why its row cannot be read.
pub(super) type Found = (RefreshTokenId, Result<Kept, Failure>);

/// Those of these tokens that there are, in any order.
pub(super) async fn find(db: &mut Db<'_>, ids: Vec<Uuid>) -> Result<Vec<Found>, Failure> {
    all(db, sql::sessions::FIND_TOKENS, values![ids], |columns| {
        let id = RefreshTokenId::from_bytes(columns.id("refresh_tokens.id")?);
        Ok((id, kept(columns)))
    })
    .await
}

/// A verdict that is to be carried out, and what it makes.
pub(super) struct Rotation {
    token: Uuid,
    parent: Option<Uuid>,
    refreshes: i64,
    /// The session as it was judged.
    judged: Session,
    pub(super) next: Next,
    event: AuditEvent,
}

/// What a rotation makes.
pub(super) struct Next {
    /// The session lives on until its successor ends (S9, idle), its absolute limit at the most.
    pub(super) session: Session,
    pub(super) successor: NewRefreshToken,
}

impl Next {
    pub(super) fn new(command: &RefreshSession, found: &Session) -> Self {
        let expires_at = command.successor.expires_at.min(found.expires_at);
        let session = Session {
            refreshed_at: command.now,
            idle_expires_at: expires_at,
            ip: command.ip.or(found.ip),
            ..found.clone()
        };
        Self { session, successor: NewRefreshToken { expires_at, ..command.successor.clone() } }
    }
}

impl Rotation {
    pub(super) fn new(command: &RefreshSession, found: Kept) -> Self {
        let next = Next::new(command, &found.token.session);
        Self {
            token: Uuid::from_bytes(*command.token_id.as_bytes()),
            parent: found.parent,
            refreshes: found.refreshes,
            event: command.rotated_event(&next.session),
            judged: found.token.session,
            next,
        }
    }
}

/// Carries them out, each or nothing of it; gives back the tokens of those that were. No two are of the same session.
pub(super) async fn rotate(db: &mut Db<'_>, rotations: &[Rotation]) -> Result<Vec<RefreshTokenId>, Failure> {
    fn column<'r, T>(rotations: &'r [Rotation], value: impl Fn(&'r Rotation) -> T) -> Vec<T> {
        rotations.iter().map(value).collect()
    }
    let uuid = |id: &[u8; 16]| Uuid::from_bytes(*id);
    let epoch = |epoch: u64| i64::try_from(epoch).unwrap_or(i64::MAX);
    let values = values![
        column(rotations, |rotation| rotation.token),
        column(rotations, |rotation| uuid(rotation.judged.id.as_bytes())),
        column(rotations, |rotation| rotation.refreshes),
        column(rotations, |rotation| epoch(rotation.judged.epoch)),
        column(rotations, |rotation| rotation.judged.account.state.as_str()),
        column(rotations, |rotation| rotation.judged.account.role.as_str()),
        column(rotations, |rotation| epoch(rotation.judged.account.epoch)),
        column(rotations, |rotation| rotation.next.session.refreshed_at.micros()),
        column(rotations, |rotation| rotation.next.successor.expires_at.micros()),
        column(rotations, |rotation| rotation.next.session.ip.map(|ip| ip.to_string())),
        column(rotations, |rotation| rotation.parent),
        column(rotations, |rotation| uuid(rotation.next.successor.id.as_bytes())),
        column(rotations, |rotation| rotation.next.successor.hash.as_bytes().as_slice()),
        column(rotations, |rotation| uuid(rotation.event.id.as_bytes())),
        column(rotations, |rotation| rotation.event.at.micros()),
        column(rotations, |rotation| effects::actor(&rotation.event.actor).0),
        column(rotations, |rotation| {
            effects::actor(&rotation.event.actor).1.as_ref().map(AccountId::as_bytes).map(uuid)
        }),
        column(rotations, |rotation| rotation.event.act.as_str()),
        column(rotations, |rotation| rotation.event.outcome.as_str()),
        column(rotations, |rotation| rotation.event.reason.as_deref()),
        column(rotations, |rotation| rotation.event.subject.as_ref().map(Subject::as_str)),
        column(rotations, |rotation| rotation.event.request_id.as_ref().map(RequestId::as_bytes).map(uuid)),
        column(rotations, |rotation| rotation.event.ip.map(|ip| ip.to_string())),
        column(rotations, |rotation| i64::from(rotation.event.count)),
    ];
    all(db, ROTATE, values, |columns| Ok(RefreshTokenId::from_bytes(columns.id("refresh_tokens.parent_id")?)))
        .await
}
