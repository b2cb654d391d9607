//! Sealed peppers in DynamoDB, and everything sealed that is to be sealed anew.

use async_trait::async_trait;
use symbolon_domain::{
    id::{DeviceTokenId, MessageId, SigningKeyId},
    sealing::{PepperStore, Peppers, ResealStore, SealedBytes, SealedKind, SealedRow},
    signing_keys::SigningKeyStore,
    store_error::StoreError,
};

use super::{
    DynamoStore, device_tokens,
    expressions::{Expression, unchanged},
    items::{Found, Item, bytes},
    keys::{self, Key},
    transaction::{Transaction, Turn, Written},
};

#[async_trait]
impl PepperStore for DynamoStore {
    async fn get_or_insert(&self, name: &str, candidate: &SealedBytes) -> Result<SealedBytes, StoreError> {
        self.settle(&keys::pepper(name), || get_or_insert(self, name, candidate)).await
    }
}

async fn get_or_insert(store: &DynamoStore, name: &str, candidate: &SealedBytes) -> Turn<SealedBytes> {
    if let Some(found) = store.get(keys::pepper(name)).await? {
        return pepper(&found).map(Some);
    }
    let mut transaction = Transaction::default();
    transaction.create(Item::new(keys::pepper(name)).with("pepper", bytes(candidate.as_bytes())));
    let written = store.transact(transaction).await?;
    Ok((written == Written::Done).then(|| candidate.clone()))
}

fn pepper(found: &Found) -> Result<SealedBytes, StoreError> {
    Ok(SealedBytes::new(found.blob("peppers.pepper")?.to_vec()))
}

#[async_trait]
impl ResealStore for DynamoStore {
    /// There are few keys and peppers, and few messages wait. Of device tokens there may be many.
    async fn sealed(
        &self,
        kind: SealedKind,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let mut rows = match kind {
            SealedKind::SigningKey => sealed_keys(self).await?,
            SealedKind::Pepper => sealed_peppers(self).await?,
            SealedKind::Message => return sealed_messages(self, after, limit).await,
            SealedKind::DeviceToken => return sealed_device_tokens(self, after, limit).await,
        };
        rows.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        rows.retain(|row| after.is_none_or(|after| row.id.as_slice() > after));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    async fn reseal(&self, kind: SealedKind, row: &SealedRow, new: &SealedBytes) -> Result<bool, StoreError> {
        let (attribute, key) = match kind {
            SealedKind::SigningKey => ("private", key_of_signing_key(self, row).await?),
            SealedKind::Pepper => ("pepper", Some(keys::pepper(&String::from_utf8_lossy(&row.id)))),
            SealedKind::Message => ("content", message_id(&row.id).map(keys::message)),
            SealedKind::DeviceToken => ("secret", device_token_id(&row.id).map(keys::device_token)),
        };
        let Some(key) = key else { return Ok(false) };
        let update = Expression::new(format!("SET #{attribute} = :new")).value("new", bytes(new.as_bytes()));
        let mut transaction = Transaction::default();
        transaction.update(key, update, unchanged(attribute, Some(bytes(row.sealed.as_bytes()))));
        Ok(self.transact(transaction).await? == Written::Done)
    }
}

async fn sealed_keys(store: &DynamoStore) -> Result<Vec<SealedRow>, StoreError> {
    let keys = SigningKeyStore::list(store).await?;
    Ok(keys
        .into_iter()
        .map(|key| SealedRow { id: key.id.as_bytes().to_vec(), sealed: key.private })
        .collect())
}

async fn sealed_peppers(store: &DynamoStore) -> Result<Vec<SealedRow>, StoreError> {
    let found = store.get_many(&Peppers::NAMES.map(keys::pepper)).await?;
    let rows = Peppers::NAMES.iter().zip(found);
    rows.filter_map(|(name, found)| {
        found.map(|found| Ok(SealedRow { id: name.as_bytes().to_vec(), sealed: pepper(&found)? }))
    })
    .collect()
}

/// What waits by the index, and what it holds by the items themselves.
async fn sealed_messages(
    store: &DynamoStore,
    after: Option<&[u8]>,
    limit: u32,
) -> Result<Vec<SealedRow>, StoreError> {
    let mut ids = store.pending().await?;
    ids.sort_unstable();
    ids.retain(|id| after.is_none_or(|after| id.as_bytes().as_slice() > after));
    // A batch whose messages were all delivered meanwhile is not the end.
    for ids in ids.chunks(usize::try_from(limit).unwrap_or(usize::MAX).max(1)) {
        let keys: Vec<Key> = ids.iter().copied().map(keys::message).collect();
        let found = store.get_many(&keys).await?;
        let row = |(id, found): (&MessageId, Option<Found>)| {
            let sealed = SealedBytes::new(found?.blob("outbox.content").ok()?.to_vec());
            Some(SealedRow { id: id.as_bytes().to_vec(), sealed })
        };
        let rows: Vec<SealedRow> = ids.iter().zip(found).filter_map(row).collect();
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    Ok(Vec::new())
}

/// By the list of all of them, a step at a time.
async fn sealed_device_tokens(
    store: &DynamoStore,
    after: Option<&[u8]>,
    limit: u32,
) -> Result<Vec<SealedRow>, StoreError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
    let mut after: Option<[u8; 16]> = after.and_then(|after| after.try_into().ok());
    // A step whose tokens were all ended meanwhile is not the end.
    loop {
        let listed = store.oldest_after(keys::device_tokens, after, most).await?;
        let ids = listed.iter().map(device_tokens::listed_id).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = ids.last() else { return Ok(Vec::new()) };
        after = Some(*last.as_bytes());
        let keys: Vec<Key> = ids.iter().copied().map(keys::device_token).collect();
        let mut rows = Vec::new();
        for (id, found) in ids.iter().zip(store.get_many(&keys).await?) {
            if let Some(found) = found {
                let sealed = SealedBytes::new(found.blob("device_tokens.secret")?.to_vec());
                rows.push(SealedRow { id: id.as_bytes().to_vec(), sealed });
            }
        }
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
}

async fn key_of_signing_key(store: &DynamoStore, row: &SealedRow) -> Result<Option<Key>, StoreError> {
    let Ok(id) = row.id.as_slice().try_into().map(SigningKeyId::from_bytes) else { return Ok(None) };
    let keys = SigningKeyStore::list(store).await?;
    Ok(keys.iter().find(|key| key.id == id).map(|key| keys::signing_key(key.generation)))
}

fn message_id(id: &[u8]) -> Option<MessageId> {
    id.try_into().ok().map(MessageId::from_bytes)
}

fn device_token_id(id: &[u8]) -> Option<DeviceTokenId> {
    id.try_into().ok().map(DeviceTokenId::from_bytes)
}
