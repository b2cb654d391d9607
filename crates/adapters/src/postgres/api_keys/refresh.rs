//! Rotation with reuse detection (K7, K8). The ordinary case is a read, its verdict, and one statement that carries it out
//! if nothing that was judged has changed since. Everything else, and whoever met others, goes the long way: a
//! transaction that locks the rows, judges them again and carries the verdict out.

use symbolon_domain::{
    api_keys::{
        ApiKey, FoundApiKey, RefreshApiKey, RefreshApiKeyOutcome, RefreshApiKeyRefusal, RefreshApiKeyVerdict,
        SLOTS, slot_key,
    },
    audit::Subject,
    id::ApiKeyTokenId,
    store_error::StoreError,
};

use super::{
    end,
    rows::{insert_token, token},
};
use crate::{
    postgres::{
        commands::{Db, Runner},
        effects,
        failure::Failure,
        rows::{change, first, is_there, values},
    },
    sql,
};

/// Keeps a key, its family and its owner as they are until the end of the transaction.
const LOCK_TOKEN: &str = "
    SELECT 1 FROM accounts a
    JOIN api_keys k ON k.account_id = a.id
    JOIN api_key_tokens t ON t.key_id = k.id
    WHERE t.id = $1
    FOR SHARE OF a FOR NO KEY UPDATE OF k, t";

/// A whole rotation of the key `$1`, with its event; its successor's id comes back. Nothing does, and nothing is written,
/// when anything that was judged has changed.
///
/// `judged` locks the rows it finds, and looks at them again if it had to wait; the other parts act on what it found.
const ROTATE: &str = "
    WITH judged AS MATERIALIZED (
        SELECT t.id AS token_id, t.parent_id, k.id AS key_id, k.slot
        FROM api_key_tokens t
        JOIN api_keys k ON k.id = t.key_id
        JOIN accounts a ON a.id = k.account_id
        WHERE t.id = $1 AND t.retired_at IS NULL AND k.refreshes = $2 AND k.revoked_at IS NULL
          AND a.state = $3 AND a.role = $4 AND a.epoch = $5 AND a.key_epoch = $6
        FOR SHARE OF a FOR NO KEY UPDATE OF k, t
    ), shown AS (
        UPDATE api_keys k SET prefix = $7, key_expires_at = $8, ends_at = $9, refreshes = k.refreshes + 1
        FROM judged j WHERE k.id = j.key_id
    ), retired AS (
        UPDATE api_key_tokens t SET retired_at = $10, uses = 1 FROM judged j WHERE t.id = j.token_id
    ), sibling AS (
        UPDATE api_key_tokens t SET retired_at = $10
        FROM judged j
        WHERE t.key_id = j.key_id AND t.parent_id = j.parent_id AND t.id <> j.token_id AND t.retired_at IS NULL
    ), moved AS (
        UPDATE slots s SET taken_until = $11
        FROM judged j WHERE s.kind = $12 AND s.key = $13 AND s.number = j.slot AND s.holder = j.key_id
    ), noted AS (
        INSERT INTO audit_events (id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count)
        SELECT $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24 FROM judged
        ON CONFLICT (id) DO NOTHING
    )
    INSERT INTO api_key_tokens (id, key_id, hash, not_before, expires_at, refresh_hash, refresh_not_before,
                                refresh_expires_at, parent_id, uses)
    SELECT $25, key_id, $26, $27, $8, $28, $29, $30, token_id, 0 FROM judged
    RETURNING id";

/// Shows the newest key in the family.
const REFRESHED: &str = "
    UPDATE api_keys SET prefix = $1, key_expires_at = $2, ends_at = $3, refreshes = refreshes + 1 WHERE id = $4";

/// A key with its family, and how often that was refreshed.
pub(super) struct Kept {
    pub(super) found: FoundApiKey,
    refreshes: i64,
}

pub(super) async fn find(db: &mut Db<'_>, id: ApiKeyTokenId) -> Result<Option<Kept>, Failure> {
    first(db, sql::api_keys::FIND_COUNTED, values![id], |columns| {
        Ok(Kept { found: token(columns)?, refreshes: columns.number("api_keys.refreshes")? })
    })
    .await
}

pub(super) async fn refresh(
    runner: &Runner,
    command: &RefreshApiKey,
) -> Result<RefreshApiKeyOutcome, StoreError> {
    let found = runner.read(|db| Box::pin(find(db, command.token_id))).await?;
    let Some(kept) = found else {
        return Ok(RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Unknown));
    };
    match command.judge(&kept.found) {
        RefreshApiKeyVerdict::Refuse(reason) => return Ok(RefreshApiKeyOutcome::Refused(reason)),
        RefreshApiKeyVerdict::Rotate => {
            if runner.write(|db| Box::pin(rotate(db, command, &kept))).await? {
                return Ok(RefreshApiKeyOutcome::Rotated);
            }
        }
        RefreshApiKeyVerdict::RotateAgain | RefreshApiKeyVerdict::RevokeFamily => {}
    }
    runner.transaction(|db| Box::pin(refresh_locked(db, command))).await
}

async fn refresh_locked(db: &mut Db<'_>, command: &RefreshApiKey) -> Result<RefreshApiKeyOutcome, Failure> {
    change(db, LOCK_TOKEN, values![command.token_id]).await?;
    let Some(kept) = find(db, command.token_id).await? else {
        return Ok(RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Unknown));
    };
    let key = &kept.found.key;
    match command.judge(&kept.found) {
        RefreshApiKeyVerdict::Refuse(reason) => Ok(RefreshApiKeyOutcome::Refused(reason)),
        RefreshApiKeyVerdict::Rotate => {
            let is_rotated = rotate(db, command, &kept).await?;
            is_rotated.then_some(RefreshApiKeyOutcome::Rotated).ok_or(Failure::Contended)
        }
        RefreshApiKeyVerdict::RotateAgain => {
            if !change(db, sql::api_keys::USE_AGAIN, values![command.token_id]).await? {
                return Err(Failure::Contended);
            }
            succeed_again(db, command, key).await?;
            Ok(RefreshApiKeyOutcome::Rotated)
        }
        RefreshApiKeyVerdict::RevokeFamily => {
            end(db, key, command.now).await?;
            effects::write_event(db, &command.reuse_event(key)).await?;
            Ok(RefreshApiKeyOutcome::ReuseDetected)
        }
    }
}

/// Carries a rotation out. False, and nothing written, when something that it was judged by has changed.
async fn rotate(db: &mut Db<'_>, command: &RefreshApiKey, kept: &Kept) -> Result<bool, Failure> {
    let key = &kept.found.key;
    let RefreshApiKey { successor, .. } = command;
    let ends_at = successor.ends_at();
    let slots = slot_key(key.owner, key.epochs);
    let event = command.rotated_event(key);
    let (actor, account) = effects::actor(&event.actor);
    let refresh = successor.refresh.as_ref();
    let values = values![
        command.token_id,
        kept.refreshes,
        key.standing.state.as_str(),
        key.standing.role.as_str(),
        key.standing.epoch,
        key.key_epoch,
        command.prefix.as_str(),
        successor.expires_at,
        ends_at,
        command.now,
        ends_at.min(key.expires_at),
        SLOTS,
        &slots,
        event.id,
        event.at,
        actor,
        account,
        event.act.as_str(),
        event.outcome.as_str(),
        event.reason.as_deref(),
        event.subject.as_ref().map(Subject::as_str),
        event.request_id,
        event.ip,
        event.count,
        successor.id,
        &successor.hash,
        successor.not_before,
        refresh.map(|refresh| refresh.hash.as_str()),
        refresh.map(|refresh| refresh.not_before),
        refresh.map(|refresh| refresh.expires_at),
    ];
    is_there(db, ROTATE, values).await
}

/// Inserts the second successor; the family keeps its slot until that ends.
async fn succeed_again(db: &mut Db<'_>, command: &RefreshApiKey, key: &ApiKey) -> Result<(), Failure> {
    let RefreshApiKey { successor, prefix, .. } = command;
    let ends_at = successor.ends_at();
    insert_token(db, key.id, successor, Some(command.token_id)).await?;
    change(db, REFRESHED, values![prefix.as_str(), successor.expires_at, ends_at, key.id]).await?;
    let slots = slot_key(key.owner, key.epochs);
    let values = values![ends_at.min(key.expires_at), SLOTS, &slots, key.id];
    change(db, sql::api_keys::MOVE_SLOT, values).await?;
    effects::write_event(db, &command.rotated_event(key)).await
}
