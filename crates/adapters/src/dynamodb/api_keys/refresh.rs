//! Rotation with reuse detection (K7, K8): the key is read, judged by the domain, and the verdict carried out under the
//! condition that nothing it was judged by has changed.

use symbolon_domain::api_keys::{
    RefreshApiKey, RefreshApiKeyOutcome, RefreshApiKeyRefusal, RefreshApiKeyVerdict,
};

use super::{Presented, items, slot};
use crate::dynamodb::{
    DynamoStore, effects,
    expressions::Expression,
    items::{text, time},
    keys, slots,
    transaction::{Transaction, Turn},
};

pub(super) async fn refresh(store: &DynamoStore, command: &RefreshApiKey) -> Turn<RefreshApiKeyOutcome> {
    let Some(presented) = store.presented(command.token_id).await? else {
        return Ok(Some(RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Unknown)));
    };
    let Presented { found, kept, owner, uses } = presented;
    let successor = &command.successor;
    let mut transaction = Transaction::default();
    match command.judge(&found) {
        RefreshApiKeyVerdict::Refuse(reason) => return Ok(Some(RefreshApiKeyOutcome::Refused(reason))),
        RefreshApiKeyVerdict::Rotate => {
            uses.retire(&mut transaction, successor.id.as_bytes(), command.now);
        }
        RefreshApiKeyVerdict::RotateAgain => uses.use_again(&mut transaction, successor.id.as_bytes()),
        RefreshApiKeyVerdict::RevokeFamily => {
            kept.revoke(&mut transaction, command.now);
            slots::free(store, &mut transaction, slot(&kept), kept.key.id.as_bytes()).await?;
            effects::write_event(&mut transaction, &command.reuse_event(&kept.key));
            return Ok(store.transact(transaction).await?.then(RefreshApiKeyOutcome::ReuseDetected));
        }
    }
    let key = &kept.key;
    let token = items::new_token(successor, (key.owner, key.id), key.expires_at);
    transaction.create(uses.succeeded_by(token));
    let update = Expression::new(
        "SET #prefix = :prefix, #key_expires_at = :key_expires_at, #ends_at = :ends_at, #version = :version",
    )
    .value("prefix", text(&*command.prefix))
    .value("key_expires_at", time(successor.expires_at))
    .value("ends_at", time(successor.ends_at()));
    kept.update(&mut transaction, update);
    let times = (command.now, successor.ends_at().min(key.expires_at));
    slots::hold(store, &mut transaction, slot(&kept), key.id.as_bytes(), times).await?;
    transaction.check(keys::account(key.owner), owner.is_unchanged());
    effects::write_event(&mut transaction, &command.rotated_event(key));
    Ok(store.transact(transaction).await?.then(RefreshApiKeyOutcome::Rotated))
}
