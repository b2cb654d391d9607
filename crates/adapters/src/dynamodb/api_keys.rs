//! API keys in DynamoDB: families, the keys of each, and the numbered slots that limit how many an owner has.
//!
//! Every write to a family but the one of its last use counts its `version` up and demands the one that was read, so that
//! of two rotations in one family one begins again. A family keeps the epochs that it was issued under, and its owner is
//! read after it, or after a key of it: so an owner is never read as of an earlier epoch than their family's.

use async_trait::async_trait;
use futures::future::try_join_all;
use symbolon_domain::{
    api_keys::{
        ApiKey, ApiKeyStore, ApiKeyToken, FoundApiKey, IssueApiKey, IssueOutcome, RefreshApiKey,
        RefreshApiKeyOutcome, RevokeApiKey, SLOTS, slot_key,
    },
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use self::items::{Kept, Owner, kept, owner_of};
use super::{
    DynamoStore,
    calls::{before, unavailable},
    effects,
    expressions::{Expression, names, present, values},
    items::{self as attributes, Found, number, time},
    keys::{self, API_KEYS_OF_ACCOUNT, Key},
    rotation::{Kind, Uses},
    sessions,
    slots::{self, Slots},
    transaction::{MOST_TRIES, Transaction, Turn, pause},
};

mod items;
mod refresh;

/// Keys of families, among what rotates.
const KIND: Kind = Kind { key: |id| keys::api_key_token(ApiKeyTokenId::from_bytes(id)) };
/// So many last uses are written at once.
const MOST_TOUCHES: usize = 32;

#[async_trait]
impl ApiKeyStore for DynamoStore {
    async fn issue(&self, command: IssueApiKey) -> Result<IssueOutcome, StoreError> {
        self.settle(&keys::account(command.key.owner), || issue(self, &command)).await
    }

    async fn find(&self, id: ApiKeyTokenId) -> Result<Option<FoundApiKey>, StoreError> {
        Ok(self.presented(id).await?.map(|presented| presented.found))
    }

    async fn refresh(&self, command: RefreshApiKey) -> Result<RefreshApiKeyOutcome, StoreError> {
        self.settle(&keys::api_key_token(command.token_id), || refresh::refresh(self, &command)).await
    }

    async fn revoke(&self, command: RevokeApiKey) -> Result<bool, StoreError> {
        self.settle(&keys::api_key(command.id), || revoke(self, &command)).await
    }

    async fn owner(&self, id: ApiKeyId) -> Result<Option<AccountId>, StoreError> {
        self.get(keys::api_key(id)).await?.as_ref().map(owner_of).transpose()
    }

    async fn revoke_all(
        &self,
        owner: AccountId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        self.settle(&keys::account(owner), || revoke_all(self, owner, &effects, now)).await
    }

    async fn list(&self, owner: AccountId, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let range = before(keys::account(owner).pk, API_KEYS_OF_ACCOUNT, page);
        let rows = self.last(range, page.limit().saturating_add(1)).await?;
        let ids = rows.iter().map(listed_id).collect::<Result<Vec<_>, _>>()?;
        // The page goes on after its last row, also where the engine has deleted the row's family a moment before it.
        let Page { items: ids, next } = Page::from_rows(ids, page, |id| *id.as_bytes());
        let mut wanted = vec![keys::account(owner)];
        wanted.extend(ids.iter().copied().map(keys::api_key));
        let mut found = self.get_many(&wanted).await?.into_iter();
        let Some(account) = found.next().flatten() else { return Ok(Page { items: Vec::new(), next: None }) };
        let owner = Owner::read(&account)?;
        let mut items = Vec::with_capacity(ids.len());
        for (id, family) in ids.into_iter().zip(found) {
            if let Some(family) = family {
                items.push(kept(id, &family, &owner)?.key);
            }
        }
        Ok(Page { items, next })
    }

    async fn touch(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), StoreError> {
        for some in uses.chunks(MOST_TOUCHES) {
            try_join_all(some.iter().map(|(id, at)| self.touch_one(keys::api_key(*id), *at))).await?;
        }
        Ok(())
    }
}

/// A key that was found, with what a write to it and its family demands.
struct Presented {
    found: FoundApiKey,
    kept: Kept,
    owner: Owner,
    uses: Uses,
}

impl DynamoStore {
    async fn presented(&self, id: ApiKeyTokenId) -> Result<Option<Presented>, StoreError> {
        let Some(token) = self.get(keys::api_key_token(id)).await? else { return Ok(None) };
        let family = ApiKeyId::from_bytes(token.id("api_key_tokens.api_key_id")?);
        let account = AccountId::from_bytes(token.id("api_key_tokens.account_id")?);
        let uses = Uses::read(KIND, *id.as_bytes(), &token)?;
        let mut wanted = vec![keys::api_key(family), keys::account(account)];
        wanted.extend(uses.successor());
        let mut others = self.get_many(&wanted).await?.into_iter();
        let (Some(Some(found)), Some(Some(account))) = (others.next(), others.next()) else {
            return Ok(None);
        };
        let owner = Owner::read(&account)?;
        let kept = kept(family, &found, &owner)?;
        let used = uses.judged(others.next().flatten().as_ref())?;
        let token = ApiKeyToken { token: items::token(id, &token)?, used };
        Ok(Some(Presented { found: FoundApiKey { token, key: kept.key.clone() }, kept, owner, uses }))
    }

    /// Sets a last use, if it is later than the one that is kept and the family is there. It is not worth a transaction,
    /// and the family's version does not count it.
    async fn touch_one(&self, family: Key, at: Timestamp) -> Result<(), StoreError> {
        let update = Expression::new("SET #last_used_at = :at").value("at", time(at));
        let is_later = Expression::new("(attribute_not_exists(#last_used_at) OR #last_used_at < :at)");
        let condition = present().and(is_later);
        let expressions = [&update, &condition];
        for number in 0..MOST_TRIES {
            let call = self.client.update_item().table_name(&self.table);
            let call = call
                .set_key(Some(attributes::key(family.clone())))
                .update_expression(update.text())
                .condition_expression(condition.text())
                .set_expression_attribute_names(names(expressions))
                .set_expression_attribute_values(values(expressions));
            let permit = self.gates.call().await?;
            let answer = call.send().await;
            drop(permit);
            let Err(error) = answer else { return Ok(()) };
            match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => return Ok(()),
                Some(refused) if refused.is_transaction_conflict_exception() => pause(number).await,
                _ => return Err(unavailable(error)),
            }
        }
        Err(StoreError::Busy)
    }
}

fn listed_id(row: &Found) -> Result<ApiKeyId, StoreError> {
    row.parsed("api_keys.sk", |sk| sk.strip_prefix(API_KEYS_OF_ACCOUNT)?.parse().ok())
}

/// Where the slot of a family is: with the epochs of their owner the slots begin anew.
fn slot(kept: &Kept) -> Key {
    keys::slot(SLOTS, slot_key(kept.key.owner, kept.key.epochs), kept.slot)
}

async fn issue(store: &DynamoStore, command: &IssueApiKey) -> Turn<IssueOutcome> {
    let IssueApiKey { key, session, most, effects } = command;
    let denied = Ok(Some(IssueOutcome::Denied));
    let Some(account) = store.get(keys::account(key.owner)).await? else { return denied };
    let owner = Owner::read(&account)?;
    if !owner.standing.state.may_sign_in() || owner.standing.role != key.role {
        return denied;
    }
    let mut transaction = Transaction::default();
    let standing = (key.owner, &owner.standing);
    if let Some(session) = session
        && !sessions::must_stand(store, &mut transaction, standing, *session).await?
    {
        return denied;
    }
    let slots = Slots { kind: SLOTS, key: slot_key(key.owner, owner.epochs()), count: *most };
    let times = (key.created_at, key.token.ends_at().min(key.expires_at));
    let slot = match slots.take(store, &mut transaction, key.id.as_bytes(), times).await? {
        Ok(slot) => slot,
        Err(free_at) => return Ok(Some(IssueOutcome::Full { free_at })),
    };
    transaction.check(keys::account(key.owner), owner.is_unchanged());
    items::insert(&mut transaction, key, owner.epochs(), slot);
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(IssueOutcome::Issued))
}

async fn revoke(store: &DynamoStore, command: &RevokeApiKey) -> Turn<bool> {
    let RevokeApiKey { owner, id, effects, now } = command;
    let unknown = Ok(Some(false));
    let Some(found) = store.get(keys::api_key(*id)).await? else { return unknown };
    if owner_of(&found)? != *owner {
        return unknown;
    }
    let Some(account) = store.get(keys::account(*owner)).await? else { return unknown };
    let kept = kept(*id, &found, &Owner::read(&account)?)?;
    let mut transaction = Transaction::default();
    if kept.key.is_live(*now) {
        kept.revoke(&mut transaction, *now);
        slots::free(store, &mut transaction, slot(&kept), id.as_bytes()).await?;
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(true))
}

/// How many were live is told by the slots that are taken, a moment before the write: one that is issued, revoked or
/// refreshed in between may be missed or counted.
async fn revoke_all(
    store: &DynamoStore,
    id: AccountId,
    effects: &Effects,
    now: Timestamp,
) -> Turn<Option<u64>> {
    let Some(account) = store.get(keys::account(id)).await? else { return Ok(Some(None)) };
    let owner = Owner::read(&account)?;
    let slots = Slots { kind: SLOTS, key: slot_key(id, owner.epochs()), count: u32::MAX };
    let live = if owner.standing.state.may_sign_in() { slots.count_taken(store, now).await? } else { 0 };
    let next = owner.key_epoch.saturating_add(1);
    let update = Expression::new("SET #key_epoch = :next").value("next", number(next));
    let mut transaction = Transaction::default();
    transaction.update(keys::account(id), update, owner.is_unchanged());
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(Some(live)))
}
