//! API keys in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    accounts::{AccountState, Standing},
    api_keys::{
        ApiKey, ApiKeyStore, FoundApiKey, IssueApiKey, IssueOutcome, RefreshApiKey, RefreshApiKeyOutcome,
        RefreshApiKeyRefusal, RefreshApiKeyVerdict, RevokeApiKey, SLOTS, slot_key,
    },
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use self::rows::{FoundToken, insert, insert_token, key, token};
use super::{
    SqliteStore,
    accounts::{page_bounds, standing},
    effects,
    rows::{Failure, all, change, first},
    sessions,
    writer::Write,
};
use crate::sql;

mod rows;

#[async_trait]
impl ApiKeyStore for SqliteStore {
    async fn issue(&self, command: IssueApiKey) -> Result<IssueOutcome, StoreError> {
        self.write(move |db| issue(db, &command)).await
    }

    async fn find(&self, id: ApiKeyTokenId) -> Result<Option<FoundApiKey>, StoreError> {
        let found = self.read(|db| first(db, sql::api_keys::FIND, [id.as_bytes()], token))?;
        Ok(found.map(|found| found.token))
    }

    async fn refresh(&self, command: RefreshApiKey) -> Result<RefreshApiKeyOutcome, StoreError> {
        self.write(move |db| refresh(db, &command)).await
    }

    async fn revoke(&self, command: RevokeApiKey) -> Result<bool, StoreError> {
        self.write(move |db| {
            let RevokeApiKey { owner, id, effects, now } = &command;
            let found = first(db, sql::api_keys::FIND_KEY, params![id.as_bytes(), owner.as_bytes()], key)?;
            let Some(key) = found else { return Ok(false) };
            if key.is_live(*now) {
                end(db, &key, *now)?;
            }
            effects::write(db, effects)?;
            Ok(true)
        })
        .await
    }

    async fn owner(&self, id: ApiKeyId) -> Result<Option<AccountId>, StoreError> {
        self.read(|db| {
            first(db, sql::api_keys::OWNER, [id.as_bytes()], |columns| {
                columns.bytes("api_keys.account_id").map(AccountId::from_bytes)
            })
        })
    }

    async fn revoke_all(
        &self,
        owner: AccountId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        self.write(move |db| {
            let Some(holder) = holder(db, owner)? else { return Ok(None) };
            let slots = slot_key(owner, holder.epochs());
            let values = params![SLOTS, slots.as_bytes(), now.micros(), AccountState::Active.as_str()];
            let live =
                first(db, sql::api_keys::COUNT_LIVE, values, |columns| columns.number("slots.number"))?;
            change(db, sql::api_keys::NEXT_EPOCH, [owner.as_bytes()])?;
            effects::write(db, &effects)?;
            Ok(live)
        })
        .await
    }

    async fn list(&self, owner: AccountId, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows =
            self.read(|db| all(db, sql::api_keys::LIST, params![owner.as_bytes(), before, most], key))?;
        Ok(Page::from_rows(rows, page, |key| *key.id.as_bytes()))
    }

    async fn touch(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), StoreError> {
        self.write(move |db| {
            uses.iter().try_for_each(|(id, at)| {
                change(db, sql::api_keys::TOUCH, params![at.micros(), id.as_bytes()]).map(|_| ())
            })
        })
        .await
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

fn holder(db: &Write<'_>, owner: AccountId) -> Result<Option<Holder>, Failure> {
    first(db, sql::api_keys::HOLDER, [owner.as_bytes()], |columns| {
        Ok(Holder { standing: standing(columns)?, key_epoch: columns.number("accounts.key_epoch")? })
    })
}

fn issue(db: &Write<'_>, command: &IssueApiKey) -> Result<IssueOutcome, Failure> {
    let IssueApiKey { key, session, most, effects } = command;
    let (owner, now, ends_at) = (key.owner, key.created_at, key.token.ends_at().min(key.expires_at));
    let may = |holder: &Holder| holder.standing.state.may_sign_in() && holder.standing.role == key.role;
    let Some(holder) = holder(db, owner)?.filter(may) else { return Ok(IssueOutcome::Denied) };
    if !sessions::stands(db, *session, owner)? {
        return Ok(IssueOutcome::Denied);
    }
    let epochs = holder.epochs();
    let slots = slot_key(owner, epochs);
    let taking = params![SLOTS, slots.as_bytes(), ends_at.micros(), key.id.as_bytes(), now.micros(), most];
    let slot = first(db, sql::api_keys::TAKE_SLOT, taking, |columns| columns.number("slots.number"))?;
    let Some(slot) = slot else {
        let values = params![SLOTS, slots.as_bytes(), now.micros(), most];
        let free_at = first(db, sql::api_keys::FREE_AT, values, |columns| {
            columns.optional_timestamp("slots.taken_until")
        })?;
        // Where there are no slots at all the end of this key is as good an answer as any.
        return Ok(IssueOutcome::Full { free_at: free_at.flatten().unwrap_or(ends_at) });
    };
    insert(db, key, epochs, slot)?;
    effects::write(db, effects)?;
    Ok(IssueOutcome::Issued)
}

fn refresh(db: &Write<'_>, command: &RefreshApiKey) -> Result<RefreshApiKeyOutcome, Failure> {
    let found = first(db, sql::api_keys::FIND, [command.token_id.as_bytes()], token)?;
    let Some(found) = found else {
        return Ok(RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Unknown));
    };
    let key = &found.token.key;
    match command.judge(&found.token) {
        RefreshApiKeyVerdict::Refuse(reason) => Ok(RefreshApiKeyOutcome::Refused(reason)),
        RefreshApiKeyVerdict::Rotate => {
            retire(db, command, &found)?;
            succeed(db, command, key)
        }
        RefreshApiKeyVerdict::RotateAgain => {
            if !change(db, sql::api_keys::USE_AGAIN, [command.token_id.as_bytes()])? {
                return Err(Failure::Contended);
            }
            succeed(db, command, key)
        }
        RefreshApiKeyVerdict::RevokeFamily => {
            end(db, key, command.now)?;
            effects::write_event(db, &command.reuse_event(key))?;
            Ok(RefreshApiKeyOutcome::ReuseDetected)
        }
    }
}

/// The key shown is used from now on, and the other successor of its parent, if there is one, never will be.
fn retire(db: &Write<'_>, command: &RefreshApiKey, found: &FoundToken) -> Result<(), Failure> {
    let now = command.now.micros();
    if !change(db, sql::api_keys::RETIRE, params![now, command.token_id.as_bytes()])? {
        return Err(Failure::Contended);
    }
    if let Some(parent) = found.parent {
        let values = params![now, found.token.key.id.as_bytes(), parent, command.token_id.as_bytes()];
        change(db, sql::api_keys::RETIRE_SIBLING, values)?;
    }
    Ok(())
}

/// Inserts the successor; the family keeps its slot until that ends.
fn succeed(db: &Write<'_>, command: &RefreshApiKey, key: &ApiKey) -> Result<RefreshApiKeyOutcome, Failure> {
    let RefreshApiKey { successor, prefix, .. } = command;
    let ends_at = successor.ends_at();
    insert_token(db, key.id, successor, Some(command.token_id))?;
    let values = params![prefix, successor.expires_at.micros(), ends_at.micros(), key.id.as_bytes()];
    change(db, sql::api_keys::REFRESHED, values)?;
    let (slots, until) = (slot_key(key.owner, key.epochs), ends_at.min(key.expires_at));
    let values = params![until.micros(), SLOTS, slots.as_bytes(), key.id.as_bytes()];
    change(db, sql::api_keys::MOVE_SLOT, values)?;
    effects::write_event(db, &command.rotated_event(key))?;
    Ok(RefreshApiKeyOutcome::Rotated)
}

/// Ends a family and gives its slot back.
fn end(db: &Write<'_>, key: &ApiKey, now: Timestamp) -> Result<(), Failure> {
    change(db, sql::api_keys::REVOKE, params![now.micros(), key.id.as_bytes()])?;
    let slots = slot_key(key.owner, key.epochs);
    change(db, sql::api_keys::FREE_SLOT, params![SLOTS, slots.as_bytes(), key.id.as_bytes()])?;
    Ok(())
}
