//! Licences in PostgreSQL.

use std::num::NonZeroU32;

use async_trait::async_trait;
use symbolon_domain::{
    api_keys::Scopes,
    clock::Timestamp,
    effects::Effects,
    id::LicenseId,
    licenses::{License, LicenseStore, LicenseSubject, Product},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    accounts::page_bounds,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, is_there, values},
};
use crate::sql;

#[async_trait]
impl LicenseStore for PostgresStore {
    async fn grant(&self, license: License, effects: Effects) -> Result<(), StoreError> {
        self.runner.transaction(|db| Box::pin(grant(db, &license, &effects))).await
    }

    async fn revoke(&self, id: LicenseId, effects: Effects, now: Timestamp) -> Result<bool, StoreError> {
        self.runner.transaction(|db| Box::pin(revoke(db, id, &effects, now))).await
    }

    async fn list(
        &self,
        subject: Option<&LicenseSubject>,
        page: PageRequest,
    ) -> Result<Page<License>, StoreError> {
        let (before, most) = page_bounds(page);
        let key = subject.map(LicenseSubject::key);
        let rows = self
            .runner
            .read(|db| match key.as_deref() {
                None => Box::pin(all(db, sql::licenses::LIST, values![before, most], license)),
                Some(key) => Box::pin(all(
                    db,
                    sql::licenses::LIST_OF_SUBJECT,
                    values![key.to_owned(), before, most],
                    license,
                )),
            })
            .await?;
        Ok(Page::from_rows(rows, page, |license| *license.id.as_bytes()))
    }

    async fn held(
        &self,
        subjects: &[LicenseSubject],
        product: Option<&Product>,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<License>, StoreError> {
        let keys: Vec<String> = subjects.iter().map(LicenseSubject::key).collect();
        let product = product.map(Product::as_str);
        let held = self.runner.read(|db| Box::pin(held(db, &keys, (product, now), most))).await?;
        Ok(License::last_first(held, most))
    }
}

async fn grant(db: &mut Db<'_>, license: &License, effects: &Effects) -> Result<(), Failure> {
    let values = values![
        license.id,
        license.subject.key(),
        license.subject.to_string(),
        license.product.as_str(),
        license.issued_at,
        license.expires_at,
        license.seats.map(NonZeroU32::get),
        license.entitlements.to_text(),
    ];
    change(db, sql::licenses::INSERT, values).await?;
    effects::write(db, effects).await
}

async fn revoke(db: &mut Db<'_>, id: LicenseId, effects: &Effects, now: Timestamp) -> Result<bool, Failure> {
    if !is_there(db, sql::licenses::IS_THERE, values![id]).await? {
        return Ok(false);
    }
    change(db, sql::licenses::REVOKE, values![now, id]).await?;
    effects::write(db, effects).await?;
    Ok(true)
}

async fn held(
    db: &mut Db<'_>,
    keys: &[String],
    (product, now): (Option<&str>, Timestamp),
    most: usize,
) -> Result<Vec<License>, Failure> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut held = Vec::new();
    for key in keys {
        let values = values![key.clone(), now, product.map(str::to_owned), limit];
        held.extend(all(db, sql::licenses::HELD, values, license).await?);
    }
    Ok(held)
}

fn license(columns: &mut Columns<'_>) -> Result<License, Failure> {
    let id = LicenseId::from_bytes(columns.id("licenses.id")?);
    let subject = columns.parsed("licenses.subject", |text| text.parse().ok())?;
    let product = columns.parsed("licenses.product", |text| text.parse().ok())?;
    let issued_at = columns.timestamp("licenses.issued_at")?;
    let expires_at = columns.timestamp("licenses.expires_at")?;
    let seats: Option<u32> = columns.optional_number("licenses.seats")?;
    let seats = seats.map(|seats| NonZeroU32::new(seats).ok_or(Failure::Corrupt("licenses.seats")));
    Ok(License {
        id,
        subject,
        product,
        issued_at,
        expires_at,
        seats: seats.transpose()?,
        entitlements: columns.parsed("licenses.entitlements", Scopes::from_text)?,
        revoked_at: columns.optional_timestamp("licenses.revoked_at")?,
    })
}
