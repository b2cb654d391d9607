//! Signing keys in DynamoDB, by their generation.

use async_trait::async_trait;
use symbolon_domain::{
    clock::Timestamp,
    effects::Effects,
    id::SigningKeyId,
    sealing::SealedBytes,
    signing_keys::{
        DeleteSigningKey, KeyLife, RetireSigningKey, RotateSigningKey, SigningAlgorithm, SigningKey,
        SigningKeyStore,
    },
    store_error::StoreError,
};

use super::{
    DynamoStore,
    calls::Range,
    effects,
    expressions::{Expression, present, unchanged},
    items::{Found, Item, bytes, text, time},
    keys::{self, SIGNING_KEYS},
    transaction::{Transaction, Turn, Written},
};

#[async_trait]
impl SigningKeyStore for DynamoStore {
    async fn list(&self) -> Result<Vec<SigningKey>, StoreError> {
        let all = Range { pk: SIGNING_KEYS.to_owned(), from: "0".to_owned(), to: "9999999999".to_owned() };
        self.range(all).await?.iter().map(signing_key).collect()
    }

    async fn insert_first(&self, key: SigningKey, effects: Effects) -> Result<bool, StoreError> {
        // The newest one is never deleted: where the first one was, there are others.
        if !SigningKeyStore::list(self).await?.is_empty() {
            return Ok(false);
        }
        let mut transaction = Transaction::default();
        transaction.create(item(&key));
        effects::write(&mut transaction, &effects);
        Ok(self.transact(transaction).await? == Written::Done)
    }

    async fn rotate(&self, command: RotateSigningKey) -> Result<bool, StoreError> {
        self.settle(&keys::signing_key(command.next.generation), || rotate(self, &command)).await
    }

    async fn retire(&self, command: RetireSigningKey) -> Result<bool, StoreError> {
        self.settle(&keys::signing_key(command.generation), || retire(self, &command)).await
    }

    async fn delete(&self, command: DeleteSigningKey) -> Result<bool, StoreError> {
        let newest = SigningKeyStore::list(self).await?.last().map(|key| key.generation);
        let Some(newest) = newest.filter(|newest| command.generation < *newest) else { return Ok(false) };
        let has_retired =
            Expression::new("#retires_at <= :retired_by").value("retired_by", time(command.retired_by));
        let mut transaction = Transaction::default();
        transaction.delete_if(keys::signing_key(command.generation), has_retired);
        transaction.check(keys::signing_key(newest), present());
        effects::write(&mut transaction, &command.effects);
        Ok(self.transact(transaction).await? == Written::Done)
    }
}

async fn rotate(store: &DynamoStore, command: &RotateSigningKey) -> Turn<bool> {
    let RotateSigningKey { next, predecessor_retires_at, effects } = command;
    let (before, key) = (keys::signing_key(next.generation - 1), keys::signing_key(next.generation));
    let Some(predecessor) = store.get(before.clone()).await? else { return Ok(Some(false)) };
    if store.get(key).await?.is_some() {
        return Ok(Some(false));
    }
    let retires_at = predecessor.optional_time("signing_keys.retires_at")?;
    let mut transaction = Transaction::default();
    transaction.create(item(next));
    let is_unchanged = present().and(is_unchanged(retires_at));
    if retires_at.is_none_or(|retires_at| retires_at > *predecessor_retires_at) {
        transaction.update(before, retiring(*predecessor_retires_at), is_unchanged);
    } else {
        transaction.check(before, is_unchanged);
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(true))
}

async fn retire(store: &DynamoStore, command: &RetireSigningKey) -> Turn<bool> {
    let RetireSigningKey { generation, kept_generation, now, effects } = command;
    let (key, kept) = (keys::signing_key(*generation), keys::signing_key(*kept_generation));
    let (Some(found), Some(going_on)) = (store.get(key.clone()).await?, store.get(kept.clone()).await?)
    else {
        return Ok(Some(false));
    };
    let retires_at = found.optional_time("signing_keys.retires_at")?;
    let kept_retires_at = going_on.optional_time("signing_keys.retires_at")?;
    if [retires_at, kept_retires_at].into_iter().flatten().any(|retires_at| retires_at <= *now) {
        return Ok(Some(false));
    }
    let mut transaction = Transaction::default();
    transaction.update(key, retiring(*now), present().and(is_unchanged(retires_at)));
    transaction.check(kept, present().and(is_unchanged(kept_retires_at)));
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(true))
}

fn retiring(at: Timestamp) -> Expression {
    Expression::new("SET #retires_at = :retires_at").value("retires_at", time(at))
}

fn is_unchanged(retires_at: Option<Timestamp>) -> Expression {
    unchanged("retires_at", retires_at.map(time))
}

fn item(key: &SigningKey) -> Item {
    Item::new(keys::signing_key(key.generation))
        .with("id", text(key.id.to_string()))
        .with("algorithm", text(key.algorithm.as_str()))
        .with("created_at", time(key.created_at))
        .with("signs_from", time(key.life.signs_from))
        .with("public_jwk", text(&*key.public_jwk))
        .with("private", bytes(key.private.as_bytes()))
}

fn signing_key(found: &Found) -> Result<SigningKey, StoreError> {
    let created_at = found.time("signing_keys.created_at")?;
    Ok(SigningKey {
        id: SigningKeyId::from_bytes(found.id("signing_keys.id")?),
        generation: found.parsed("signing_keys.sk", |sort_key| sort_key.parse().ok())?,
        algorithm: found.parsed("signing_keys.algorithm", SigningAlgorithm::parse)?,
        created_at,
        life: KeyLife {
            signs_from: found.optional_time("signing_keys.signs_from")?.unwrap_or(created_at),
            retires_at: found.optional_time("signing_keys.retires_at")?,
        },
        public_jwk: found.text("signing_keys.public_jwk")?.to_owned(),
        private: SealedBytes::new(found.blob("signing_keys.private")?.to_vec()),
    })
}
