//! Rotation with reuse detection (K8): the token is read, judged by the domain, and the verdict carried out under the
//! condition that nothing it was judged by has changed.

use symbolon_domain::{
    id::{AccountId, RefreshTokenId, SessionId},
    sessions::{FoundToken, NewRefreshToken, RefreshOutcome, RefreshRefusal, RefreshSession, RefreshVerdict},
};

use super::{Kept, new_token};
use crate::dynamodb::{
    DynamoStore, accounts, effects,
    expressions::Expression,
    items::{text, time},
    keys,
    rotation::{Kind, Uses},
    transaction::{Transaction, Turn},
};

/// Refresh tokens of sessions, among what rotates.
const KIND: Kind = Kind { key: |id| keys::refresh_token(RefreshTokenId::from_bytes(id)) };

pub(super) async fn refresh(store: &DynamoStore, command: &RefreshSession) -> Turn<RefreshOutcome> {
    let unknown = Ok(Some(RefreshOutcome::Refused(RefreshRefusal::Unknown)));
    let Some(found) = store.get(keys::refresh_token(command.token_id)).await? else { return unknown };
    let session = SessionId::from_bytes(found.id("refresh_tokens.session_id")?);
    let account = AccountId::from_bytes(found.id("refresh_tokens.account_id")?);
    let uses = Uses::read(KIND, *command.token_id.as_bytes(), &found)?;
    let mut wanted = vec![keys::session(session), keys::account(account)];
    wanted.extend(uses.successor());
    let mut others = store.get_many(&wanted).await?.into_iter();
    let (Some(Some(kept)), Some(Some(account))) = (others.next(), others.next()) else { return unknown };
    let successor = others.next().flatten();
    let Some(kept) = store.fitting(session, kept, account).await? else { return unknown };
    let found = FoundToken {
        hash: found.hash("refresh_tokens.hash")?,
        expires_at: found.time("refresh_tokens.expires_at")?,
        used: uses.judged(successor.as_ref())?,
        session: kept.session.clone(),
    };
    let mut transaction = Transaction::default();
    match command.judge(&found) {
        RefreshVerdict::Refuse(reason) => return Ok(Some(RefreshOutcome::Refused(reason))),
        RefreshVerdict::Rotate => {
            uses.retire(&mut transaction, command.successor.id.as_bytes(), command.now);
        }
        RefreshVerdict::RotateAgain => {
            uses.use_again(&mut transaction, command.successor.id.as_bytes());
        }
        RefreshVerdict::RevokeFamily => {
            kept.revoke(&mut transaction, command.now);
            effects::write_event(&mut transaction, &command.reuse_event(&kept.session));
            return Ok(store.transact(transaction).await?.then(RefreshOutcome::ReuseDetected));
        }
    }
    let outcome = succeed(&mut transaction, command, &uses, kept);
    Ok(store.transact(transaction).await?.then(outcome))
}

/// Inserts the successor; the session lives on until that ends (S9, idle), its absolute limit at the most.
fn succeed(
    transaction: &mut Transaction,
    command: &RefreshSession,
    uses: &Uses,
    kept: Kept,
) -> RefreshOutcome {
    let RefreshSession { successor, now, .. } = command;
    let session = &kept.session;
    let successor =
        NewRefreshToken { expires_at: successor.expires_at.min(session.expires_at), ..successor.clone() };
    let item = new_token(&successor, session.account_id, session.id, session.expires_at);
    transaction.create(uses.succeeded_by(item));
    let ip = command.ip.map(|ip| text(ip.to_string()));
    let set = "SET #refreshed_at = :now, #idle_expires_at = :idle_expires_at, #version = :version";
    let update = match ip {
        Some(ip) => Expression::new(format!("{set}, #ip = :ip")).value("ip", ip),
        // Where the caller's address is not known the last one stays.
        None => Expression::new(set),
    };
    let update = update.value("now", time(*now)).value("idle_expires_at", time(successor.expires_at));
    kept.update(transaction, update);
    accounts::touch(transaction, session.account_id, &session.account, *now);
    let mut session = kept.session;
    session.refreshed_at = *now;
    session.idle_expires_at = successor.expires_at;
    session.ip = command.ip.or(session.ip);
    effects::write_event(transaction, &command.rotated_event(&session));
    RefreshOutcome::Rotated(Box::new(session))
}
