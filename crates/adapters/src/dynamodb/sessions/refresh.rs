//! Rotation with reuse detection (K8): the token is read, judged by the domain, and the verdict carried out under the
//! condition that nothing it was judged by has changed.

use symbolon_domain::{
    clock::Timestamp,
    id::{AccountId, RefreshTokenId, SessionId},
    sessions::{
        FoundToken, NewRefreshToken, RefreshOutcome, RefreshRefusal, RefreshSession, RefreshVerdict,
        rotation::TokenUse,
    },
    store_error::StoreError,
};

use super::{Kept, new_token};
use crate::dynamodb::{
    DynamoStore, accounts, effects,
    expressions::{Expression, unchanged},
    items::{Found, number, text, time},
    keys,
    transaction::{Transaction, Turn},
};

/// A refresh token as it is kept.
struct KeptToken {
    account: AccountId,
    session: SessionId,
    expires_at: Timestamp,
    retired_at: Option<Timestamp>,
    uses: u8,
    /// What its first use made.
    successor: Option<RefreshTokenId>,
    /// What else the use made that made this one.
    sibling: Option<RefreshTokenId>,
}

fn kept_token(found: &Found) -> Result<KeptToken, StoreError> {
    let other = |name| Ok::<_, StoreError>(found.optional_id(name)?.map(RefreshTokenId::from_bytes));
    Ok(KeptToken {
        account: AccountId::from_bytes(found.id("refresh_tokens.account_id")?),
        session: SessionId::from_bytes(found.id("refresh_tokens.session_id")?),
        expires_at: found.time("refresh_tokens.expires_at")?,
        retired_at: found.optional_time("refresh_tokens.retired_at")?,
        uses: found.number("refresh_tokens.uses")?,
        successor: other("refresh_tokens.successor")?,
        sibling: other("refresh_tokens.sibling")?,
    })
}

impl KeptToken {
    /// It has not been used since, nor retired, nor has it got a sibling.
    fn is_unchanged(&self) -> Expression {
        unchanged("uses", Some(number(self.uses)))
            .and(unchanged("retired_at", self.retired_at.map(time)))
            .and(unchanged("sibling", self.sibling.map(|id| text(id.to_string()))))
    }

    fn used(&self, successor_is_live: bool) -> Result<TokenUse, StoreError> {
        match (self.retired_at, self.uses) {
            (None, 0) => Ok(TokenUse::Live),
            (Some(at), 0) => Ok(TokenUse::RetiredBySibling { at }),
            (Some(at), 1) => Ok(TokenUse::Rotated { at, successor_is_live }),
            (Some(at), 2) => Ok(TokenUse::RotatedTwice { at }),
            _ => Err(StoreError::corrupt("refresh_tokens.uses")),
        }
    }
}

pub(super) async fn refresh(store: &DynamoStore, command: &RefreshSession) -> Turn<RefreshOutcome> {
    let unknown = Ok(Some(RefreshOutcome::Refused(RefreshRefusal::Unknown)));
    let Some(found) = store.get(keys::refresh_token(command.token_id)).await? else { return unknown };
    let token = kept_token(&found)?;
    let mut wanted = vec![keys::session(token.session), keys::account(token.account)];
    wanted.extend(token.successor.map(keys::refresh_token));
    let mut others = store.get_many(&wanted).await?.into_iter();
    let (Some(Some(session)), Some(Some(account))) = (others.next(), others.next()) else { return unknown };
    let successor = others.next().flatten();
    let successor_is_live = match &successor {
        Some(successor) => successor.optional_time("refresh_tokens.retired_at")?.is_none(),
        None => false,
    };
    let Some(kept) = store.fitting(token.session, session, account).await? else { return unknown };
    let found = FoundToken {
        hash: found.hash("refresh_tokens.hash")?,
        expires_at: token.expires_at,
        used: token.used(successor_is_live)?,
        session: kept.session.clone(),
    };
    let mut transaction = Transaction::default();
    match command.judge(&found) {
        RefreshVerdict::Refuse(reason) => return Ok(Some(RefreshOutcome::Refused(reason))),
        RefreshVerdict::Rotate => retire(&mut transaction, command, &token),
        RefreshVerdict::RotateAgain => use_again(&mut transaction, command, &token),
        RefreshVerdict::RevokeFamily => {
            kept.revoke(&mut transaction, command.now);
            effects::write_event(&mut transaction, &command.reuse_event(&kept.session));
            return Ok(store.transact(transaction).await?.then(RefreshOutcome::ReuseDetected));
        }
    }
    let outcome = succeed(&mut transaction, command, &token, kept);
    Ok(store.transact(transaction).await?.then(outcome))
}

/// The token shown is used from now on, and its sibling, if there is one, never will be.
fn retire(transaction: &mut Transaction, command: &RefreshSession, token: &KeptToken) {
    let update = Expression::new("SET #retired_at = :now, #uses = :one, #successor = :successor")
        .value("now", time(command.now))
        .value("one", number(1))
        .value("successor", text(command.successor.id.to_string()));
    transaction.update(keys::refresh_token(command.token_id), update, token.is_unchanged());
    if let Some(sibling) = token.sibling {
        let update = Expression::new("SET #retired_at = :now").value("now", time(command.now));
        transaction.update(keys::refresh_token(sibling), update, unchanged("retired_at", None));
    }
}

/// The token shown makes a second successor, as long as the first one is live; the two are siblings.
fn use_again(transaction: &mut Transaction, command: &RefreshSession, token: &KeptToken) {
    let update = Expression::new("SET #uses = :two").value("two", number(2));
    transaction.update(keys::refresh_token(command.token_id), update, token.is_unchanged());
    if let Some(first) = token.successor {
        let update = Expression::new("SET #sibling = :sibling")
            .value("sibling", text(command.successor.id.to_string()));
        let is_live = unchanged("retired_at", None).and(unchanged("sibling", None));
        transaction.update(keys::refresh_token(first), update, is_live);
    }
}

/// Inserts the successor; the session lives on until that ends (S9, idle), its absolute limit at the most.
fn succeed(
    transaction: &mut Transaction,
    command: &RefreshSession,
    token: &KeptToken,
    kept: Kept,
) -> RefreshOutcome {
    let RefreshSession { successor, now, .. } = command;
    let session = &kept.session;
    let successor =
        NewRefreshToken { expires_at: successor.expires_at.min(session.expires_at), ..successor.clone() };
    // A token that is shown again has its first successor, which is the sibling of this one.
    let item = new_token(&successor, session.account_id, session.id, session.expires_at)
        .with_some("sibling", token.successor.map(|id| text(id.to_string())));
    transaction.create(item);
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
