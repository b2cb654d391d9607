//! Licences in DynamoDB. Each is listed twice: among all of them, and among those of its subject, with its end, so that
//! those that have ended are not looked at when it is asked which one counts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;
use symbolon_domain::{
    api_keys::Scopes,
    clock::Timestamp,
    effects::Effects,
    id::LicenseId,
    licenses::{License, LicenseState, LicenseStore, LicenseSubject, Product},
    page::{Page, PageRequest},
    store_error::StoreError,
};
use uuid::Uuid;

use super::{
    DynamoStore,
    calls::{Range, before},
    effects,
    expressions::{Expression, present, unchanged},
    items::{Found, Item, number, text, time},
    keys::{self, Key},
    transaction::{Transaction, Turn},
};

#[async_trait]
impl LicenseStore for DynamoStore {
    async fn grant(&self, license: License, effects: Effects) -> Result<(), StoreError> {
        self.settle(&keys::license(license.id), || grant(self, &license, &effects)).await
    }

    async fn revoke(&self, id: LicenseId, effects: Effects, now: Timestamp) -> Result<bool, StoreError> {
        self.settle(&keys::license(id), || revoke(self, id, &effects, now)).await
    }

    async fn list(
        &self,
        subject: Option<&LicenseSubject>,
        page: PageRequest,
    ) -> Result<Page<License>, StoreError> {
        let rows = match subject {
            None => self.newest(keys::licenses, page).await?,
            Some(subject) => {
                let range = before(keys::licenses_of(subject), "", page);
                self.last(range, page.limit().saturating_add(1)).await?
            }
        };
        let ids = rows.iter().map(listed_id).collect::<Result<Vec<_>, _>>()?;
        let Page { items: ids, next } = Page::from_rows(ids, page, |id| *id.as_bytes());
        let wanted: Vec<Key> = ids.into_iter().map(keys::license).collect();
        let found = self.get_many(&wanted).await?;
        Ok(Page { items: found.iter().flatten().map(read).collect::<Result<_, _>>()?, next })
    }

    async fn held(
        &self,
        subjects: &[LicenseSubject],
        product: Option<&Product>,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<License>, StoreError> {
        // Two spellings of one address are one subject, and a batch must not name a key twice.
        let partitions: BTreeSet<String> = subjects.iter().map(keys::licenses_of).collect();
        let rows = try_join_all(partitions.into_iter().map(|pk| self.range(whole(pk)))).await?;
        let mut wanted = Vec::new();
        for row in rows.iter().flatten() {
            if row.time("licenses.expires_at")? > now {
                wanted.push(keys::license(listed_id(row)?));
            }
        }
        let found = self.get_many(&wanted).await?;
        let mut held = found.iter().flatten().map(read).collect::<Result<Vec<_>, _>>()?;
        held.retain(|license| {
            license.state(now) == LicenseState::Active
                && product.is_none_or(|product| license.product == *product)
        });
        Ok(License::last_first(held, most))
    }
}

/// All of one partition whose sort keys are ids.
fn whole(pk: String) -> Range {
    let [from, to] = [Uuid::nil(), Uuid::max()].map(|id| id.to_string());
    Range { pk, from, to }
}

fn listed_id(row: &Found) -> Result<LicenseId, StoreError> {
    row.id("licenses.sk").map(LicenseId::from_bytes)
}

async fn grant(store: &DynamoStore, license: &License, effects: &Effects) -> Turn<()> {
    let scopes = license.entitlements.to_text();
    let item = Item::new(keys::license(license.id))
        .with("id", text(license.id.to_string()))
        .with("subject", text(license.subject.to_string()))
        .with("product", text(license.product.as_str()))
        .with("issued_at", time(license.issued_at))
        .with("expires_at", time(license.expires_at))
        .with_some("seats", license.seats.map(number))
        .with_some("entitlements", (!scopes.is_empty()).then(|| text(scopes)))
        .with_some("revoked_at", license.revoked_at.map(time));
    let of_subject = keys::license_of(&license.subject, license.id);
    let mut transaction = Transaction::default();
    transaction.create(item);
    transaction.put(Item::new(keys::listed_license(license.id)));
    transaction.put(Item::new(of_subject).with("expires_at", time(license.expires_at)));
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(()))
}

async fn revoke(store: &DynamoStore, id: LicenseId, effects: &Effects, now: Timestamp) -> Turn<bool> {
    let Some(found) = store.get(keys::license(id)).await? else { return Ok(Some(false)) };
    let mut transaction = Transaction::default();
    if stands(&found)? {
        let update = Expression::new("SET #revoked_at = :now").value("now", time(now));
        transaction.update(keys::license(id), update, still_stands());
    }
    effects::write(&mut transaction, effects);
    Ok(store.transact(transaction).await?.then(true))
}

/// It was not ended before its time.
pub(super) fn stands(license: &Found) -> Result<bool, StoreError> {
    Ok(license.optional_time("licenses.revoked_at")?.is_none())
}

/// It is there, and was not ended since.
pub(super) fn still_stands() -> Expression {
    present().and(unchanged("revoked_at", None))
}

fn read(found: &Found) -> Result<License, StoreError> {
    Ok(License {
        id: LicenseId::from_bytes(found.id("licenses.id")?),
        subject: found.parsed("licenses.subject", |subject| subject.parse().ok())?,
        product: found.parsed("licenses.product", |product| product.parse().ok())?,
        issued_at: found.time("licenses.issued_at")?,
        expires_at: found.time("licenses.expires_at")?,
        seats: found.optional_number("licenses.seats")?,
        entitlements: found.optional_parsed("licenses.entitlements", Scopes::from_text)?.unwrap_or_default(),
        revoked_at: found.optional_time("licenses.revoked_at")?,
    })
}
