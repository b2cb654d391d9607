//! API keys in PostgreSQL. Refreshing is in [`refresh`].
//!
//! Rows are locked in one order: the account, the session, the family, the key, the slot. Whoever issues holds the account, so that no
//! two see the same slot free; whoever refreshes or ends one key shares it, so that the keys of one owner do not wait
//! for each other.

use async_trait::async_trait;
use sqlx::types::Uuid;
use symbolon_domain::{
    accounts::{AccountState, Standing},
    api_keys::{
        ApiKey, ApiKeyStore, FoundApiKey, IssueApiKey, IssueOutcome, RefreshApiKey, RefreshApiKeyOutcome,
        RevokeApiKey, SLOTS, slot_key,
    },
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use self::rows::{insert, key};
use super::{
    PostgresStore,
    accounts::{page_bounds, standing},
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, first, is_there, values},
    sessions,
};
use crate::sql;

mod refresh;
mod rows;

/// An owner; they stay as they are until the end of the transaction, and nobody else issues or ends keys of theirs.
const LOCK_HOLDER: &str =
    "SELECT state, role, epoch, key_epoch FROM accounts WHERE id = $1 FOR NO KEY UPDATE";

/// Is this a family of this owner? Keeps both as they are until the end of the transaction.
const LOCK_KEY: &str = "
    SELECT 1 FROM accounts a JOIN api_keys k ON k.account_id = a.id
    WHERE k.id = $1 AND a.id = $2
    FOR SHARE OF a FOR NO KEY UPDATE OF k";

/// Sets the last uses `$2` of the families `$1`, only forwards. Two who write some of the same at the same time lock them
/// in the same order.
const TOUCH: &str = "
    WITH found AS MATERIALIZED (
        SELECT k.id, u.used_at
        FROM UNNEST($1::UUID[], $2::BIGINT[]) AS u (id, used_at)
        JOIN api_keys k ON k.id = u.id
        WHERE k.last_used_at IS NULL OR k.last_used_at < u.used_at
        ORDER BY k.id
        FOR NO KEY UPDATE OF k
    )
    UPDATE api_keys k SET last_used_at = f.used_at FROM found f WHERE k.id = f.id";

#[async_trait]
impl ApiKeyStore for PostgresStore {
    async fn issue(&self, command: IssueApiKey) -> Result<IssueOutcome, StoreError> {
        self.runner.transaction(|db| Box::pin(issue(db, &command))).await
    }

    async fn find(&self, id: ApiKeyTokenId) -> Result<Option<FoundApiKey>, StoreError> {
        let found = self.runner.read(|db| Box::pin(refresh::find(db, id))).await?;
        Ok(found.map(|kept| kept.found))
    }

    async fn refresh(&self, command: RefreshApiKey) -> Result<RefreshApiKeyOutcome, StoreError> {
        refresh::refresh(&self.runner, &command).await
    }

    async fn revoke(&self, command: RevokeApiKey) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(revoke(db, &command))).await
    }

    async fn owner(&self, id: ApiKeyId) -> Result<Option<AccountId>, StoreError> {
        let account =
            |columns: &mut Columns<'_>| columns.id("api_keys.account_id").map(AccountId::from_bytes);
        self.runner.read(|db| Box::pin(first(db, sql::api_keys::OWNER, values![id], account))).await
    }

    async fn revoke_all(
        &self,
        owner: AccountId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        self.runner.transaction(|db| Box::pin(revoke_all(db, owner, &effects, now))).await
    }

    async fn list(&self, owner: AccountId, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self
            .runner
            .read(|db| Box::pin(all(db, sql::api_keys::LIST, values![owner, before, most], key)))
            .await?;
        Ok(Page::from_rows(rows, page, |key| *key.id.as_bytes()))
    }

    async fn touch(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = uses.iter().map(|(id, _)| Uuid::from_bytes(*id.as_bytes())).collect();
        let used_at: Vec<i64> = uses.iter().map(|(_, at)| at.micros()).collect();
        self.runner
            .write(|db| Box::pin(change(db, TOUCH, values![ids.clone(), used_at.clone()])))
            .await
            .map(|_| ())
    }
}

/// An owner as they are now.
struct Holder {
    standing: Standing,
    key_epoch: u64,
}

impl Holder {
    /// That keys belong to which are issued now.
    fn epochs(&self) -> (u64, u64) {
        (self.standing.epoch, self.key_epoch)
    }
}

async fn lock_holder(db: &mut Db<'_>, owner: AccountId) -> Result<Option<Holder>, Failure> {
    first(db, LOCK_HOLDER, values![owner], |columns| {
        Ok(Holder { standing: standing(columns)?, key_epoch: columns.number("accounts.key_epoch")? })
    })
    .await
}

async fn issue(db: &mut Db<'_>, command: &IssueApiKey) -> Result<IssueOutcome, Failure> {
    let IssueApiKey { key, session, most, effects } = command;
    let (owner, now, ends_at) = (key.owner, key.created_at, key.token.ends_at().min(key.expires_at));
    let may = |holder: &Holder| holder.standing.state.may_sign_in() && holder.standing.role == key.role;
    let Some(holder) = lock_holder(db, owner).await?.filter(may) else { return Ok(IssueOutcome::Denied) };
    if !sessions::stands(db, *session, owner).await? {
        return Ok(IssueOutcome::Denied);
    }
    let slots = slot_key(owner, holder.epochs());
    let number = |columns: &mut Columns<'_>| columns.number("slots.number");
    let values = values![SLOTS, &slots, ends_at, key.id, now, *most];
    let Some(slot) = first(db, sql::api_keys::TAKE_SLOT, values, number).await? else {
        let end = |columns: &mut Columns<'_>| columns.optional_timestamp("slots.taken_until");
        let free_at = first(db, sql::api_keys::FREE_AT, values![SLOTS, &slots, now, *most], end).await?;
        // Where there are no slots at all the end of this key is as good an answer as any.
        return Ok(IssueOutcome::Full { free_at: free_at.flatten().unwrap_or(ends_at) });
    };
    insert(db, key, holder.epochs(), slot).await?;
    effects::write(db, effects).await?;
    Ok(IssueOutcome::Issued)
}

async fn revoke(db: &mut Db<'_>, command: &RevokeApiKey) -> Result<bool, Failure> {
    let RevokeApiKey { owner, id, effects, now } = command;
    if !is_there(db, LOCK_KEY, values![*id, *owner]).await? {
        return Ok(false);
    }
    let found = first(db, sql::api_keys::FIND_KEY, values![*id, *owner], key).await?;
    let Some(key) = found else { return Ok(false) };
    if key.is_live(*now) {
        end(db, &key, *now).await?;
    }
    effects::write(db, effects).await?;
    Ok(true)
}

/// Ends a family and gives its slot back.
async fn end(db: &mut Db<'_>, key: &ApiKey, now: Timestamp) -> Result<(), Failure> {
    change(db, sql::api_keys::REVOKE, values![now, key.id]).await?;
    let slots = slot_key(key.owner, key.epochs);
    change(db, sql::api_keys::FREE_SLOT, values![SLOTS, &slots, key.id]).await?;
    Ok(())
}

async fn revoke_all(
    db: &mut Db<'_>,
    owner: AccountId,
    effects: &Effects,
    now: Timestamp,
) -> Result<Option<u64>, Failure> {
    let Some(holder) = lock_holder(db, owner).await? else { return Ok(None) };
    let slots = slot_key(owner, holder.epochs());
    let values = values![SLOTS, &slots, now, AccountState::Active.as_str()];
    let count = |columns: &mut Columns<'_>| columns.number("slots.number");
    let live = first(db, sql::api_keys::COUNT_LIVE, values, count).await?;
    change(db, sql::api_keys::NEXT_EPOCH, values![owner]).await?;
    effects::write(db, effects).await?;
    Ok(live)
}
