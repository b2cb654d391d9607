//! Licences in SQLite.

use std::num::NonZeroU32;

use async_trait::async_trait;
use rusqlite::params;
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
    SqliteStore,
    accounts::page_bounds,
    effects,
    rows::{Columns, Failure, all, change, is_there},
};
use crate::sql;

#[async_trait]
impl LicenseStore for SqliteStore {
    async fn grant(&self, license: License, effects: Effects) -> Result<(), StoreError> {
        self.write(move |db| {
            let values = params![
                license.id.as_bytes(),
                license.subject.key(),
                license.subject.to_string(),
                license.product.as_str(),
                license.issued_at.micros(),
                license.expires_at.micros(),
                license.seats.map(NonZeroU32::get),
                license.entitlements.to_text(),
            ];
            change(db, sql::licenses::INSERT, values)?;
            effects::write(db, &effects)
        })
        .await
    }

    async fn revoke(&self, id: LicenseId, effects: Effects, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |db| {
            if !is_there(db, sql::licenses::IS_THERE, [id.as_bytes()])? {
                return Ok(false);
            }
            change(db, sql::licenses::REVOKE, params![now.micros(), id.as_bytes()])?;
            effects::write(db, &effects)?;
            Ok(true)
        })
        .await
    }

    async fn list(
        &self,
        subject: Option<&LicenseSubject>,
        page: PageRequest,
    ) -> Result<Page<License>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self.read(|db| match subject {
            None => all(db, sql::licenses::LIST, params![before, most], license),
            Some(subject) => {
                all(db, sql::licenses::LIST_OF_SUBJECT, params![subject.key(), before, most], license)
            }
        })?;
        Ok(Page::from_rows(rows, page, |license| *license.id.as_bytes()))
    }

    async fn held(
        &self,
        subjects: &[LicenseSubject],
        product: Option<&Product>,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<License>, StoreError> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let mut held = Vec::new();
        for subject in subjects {
            let values = params![subject.key(), now.micros(), product.map(Product::as_str), limit];
            held.extend(self.read(|db| all(db, sql::licenses::HELD, values, license))?);
        }
        Ok(License::last_first(held, most))
    }
}

fn license(columns: &mut Columns<'_>) -> Result<License, Failure> {
    let id = LicenseId::from_bytes(columns.bytes("licenses.id")?);
    let subject = columns.parsed("licenses.subject", |text| text.parse().ok())?;
    let product = columns.parsed("licenses.product", |text| text.parse().ok())?;
    let issued_at = columns.timestamp("licenses.issued_at")?;
    let expires_at = columns.timestamp("licenses.expires_at")?;
    let seats = columns.optional_integer("licenses.seats")?.map(|seats| {
        u32::try_from(seats).ok().and_then(NonZeroU32::new).ok_or(Failure::Corrupt("licenses.seats"))
    });
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
