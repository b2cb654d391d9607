//! Binding values and reading rows. Columns are read in the order in which the statement lists them, each under a name
//! for the error: a value that cannot be what was written is reported by its column and never shown.

use std::net::IpAddr;

use sqlx::{
    Arguments as _, Decode, Encode, Postgres, Row as _, Type,
    postgres::{PgArguments, PgRow},
    types::Uuid,
};
use symbolon_domain::{
    clock::Timestamp,
    id::{
        AccountId, ApiKeyId, ApiKeyTokenId, AuditEventId, CeremonyId, DeviceTokenId, IdentifierId,
        InvitationId, LicenseId, MessageId, RefreshTokenId, RequestId, SessionId, SigningKeyId,
        TokenRequestId,
    },
    secret::SecretHash,
};

use super::{commands::Db, failure::Failure};

/// The values of a statement, `$1` first.
#[derive(Default)]
pub(super) struct Values {
    arguments: PgArguments,
    fault: Option<sqlx::Error>,
}

impl Values {
    pub(super) fn bind<'q>(mut self, value: impl Bind<'q>) -> Self {
        if let Err(fault) = self.arguments.add(value.value()) {
            self.fault = Some(sqlx::Error::Encode(fault));
        }
        self
    }

    fn finish(self) -> Result<PgArguments, Failure> {
        self.fault.map_or(Ok(self.arguments), |fault| Err(fault.into()))
    }
}

/// `values![first, second]`: what stands for `$1` and `$2`.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        $crate::postgres::rows::Values::default()$(.bind($value))*
    };
}

pub(super) use values;

/// How a value is told to the engine.
pub(super) trait Bind<'q> {
    type As: Encode<'q, Postgres> + Type<Postgres> + 'q;

    fn value(self) -> Self::As;
}

/// None is NULL.
impl<'q, T: Bind<'q>> Bind<'q> for Option<T> {
    type As = Option<T::As>;

    fn value(self) -> Self::As {
        self.map(T::value)
    }
}

macro_rules! bound_as_they_are {
    ($($type:ty),+) => {$(
        impl<'q> Bind<'q> for $type {
            type As = Self;

            fn value(self) -> Self {
                self
            }
        }
    )+};
}

bound_as_they_are!(
    bool,
    i64,
    String,
    Uuid,
    &'q str,
    &'q [u8],
    [u8; 16],
    Vec<u8>,
    Vec<bool>,
    Vec<i64>,
    Vec<Uuid>,
    Vec<&'q str>,
    Vec<&'q [u8]>,
    Vec<Option<&'q str>>,
    Vec<Option<String>>,
    Vec<Option<Uuid>>
);

impl<'q> Bind<'q> for &'q String {
    type As = &'q str;

    fn value(self) -> &'q str {
        self
    }
}

impl Bind<'_> for u32 {
    type As = i64;

    fn value(self) -> i64 {
        self.into()
    }
}

/// An epoch. None comes near the end of what a column holds.
impl Bind<'_> for u64 {
    type As = i64;

    fn value(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}

impl Bind<'_> for Timestamp {
    type As = i64;

    fn value(self) -> i64 {
        self.micros()
    }
}

impl<'q> Bind<'q> for &'q SecretHash {
    type As = &'q [u8];

    fn value(self) -> &'q [u8] {
        self.as_bytes()
    }
}

impl Bind<'_> for IpAddr {
    type As = String;

    fn value(self) -> String {
        self.to_string()
    }
}

macro_rules! bound_as_uuids {
    ($($id:ty),+) => {$(
        impl Bind<'_> for $id {
            type As = Uuid;

            fn value(self) -> Uuid {
                Uuid::from_bytes(*self.as_bytes())
            }
        }
    )+};
}

bound_as_uuids!(
    AccountId,
    ApiKeyId,
    ApiKeyTokenId,
    AuditEventId,
    CeremonyId,
    IdentifierId,
    InvitationId,
    MessageId,
    RefreshTokenId,
    RequestId,
    SessionId,
    SigningKeyId,
    LicenseId,
    TokenRequestId,
    DeviceTokenId
);

/// The rows of a statement, each read by `read`.
pub(super) async fn all<T>(
    db: &mut Db<'_>,
    sql: &'static str,
    values: Values,
    mut read: impl FnMut(&mut Columns<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let rows = sqlx::query_with(sql, values.finish()?).fetch_all(db.connection()?).await?;
    rows.iter().map(|row| read(&mut Columns { row, next: 0 })).collect()
}

/// The first row of a statement, if there is one.
pub(super) async fn first<T>(
    db: &mut Db<'_>,
    sql: &'static str,
    values: Values,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let row = sqlx::query_with(sql, values.finish()?).fetch_optional(db.connection()?).await?;
    row.map(|row| read(&mut Columns { row: &row, next: 0 })).transpose()
}

/// Does the statement find a row?
pub(super) async fn is_there(db: &mut Db<'_>, sql: &'static str, values: Values) -> Result<bool, Failure> {
    Ok(sqlx::query_with(sql, values.finish()?).fetch_optional(db.connection()?).await?.is_some())
}

/// Did the statement change anything?
pub(super) async fn change(db: &mut Db<'_>, sql: &'static str, values: Values) -> Result<bool, Failure> {
    Ok(changes(db, sql, values).await? > 0)
}

/// How many rows did the statement change?
pub(super) async fn changes(db: &mut Db<'_>, sql: &'static str, values: Values) -> Result<usize, Failure> {
    let done = sqlx::query_with(sql, values.finish()?).execute(db.connection()?).await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

/// A row that is read column by column.
pub(super) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// The next column, of this very type or NULL.
    fn value<T>(&mut self, column: &'static str) -> Result<Option<T>, Failure>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        let value = self.row.try_get(self.next).map_err(|_| Failure::Corrupt(column))?;
        self.next += 1;
        Ok(value)
    }

    pub(super) fn optional_text(&mut self, column: &'static str) -> Result<Option<&'r str>, Failure> {
        self.value(column)
    }

    pub(super) fn optional_blob(&mut self, column: &'static str) -> Result<Option<&'r [u8]>, Failure> {
        self.value(column)
    }

    /// A whole number that fits `T`.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T, Failure> {
        let number: Option<i64> = self.value(column)?;
        number.and_then(|number| T::try_from(number).ok()).ok_or(Failure::Corrupt(column))
    }

    /// NULL, or a whole number that fits `T`.
    pub(super) fn optional_number<T: TryFrom<i64>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, Failure> {
        let number: Option<i64> = self.value(column)?;
        number.map(|number| T::try_from(number).map_err(|_| Failure::Corrupt(column))).transpose()
    }

    pub(super) fn boolean(&mut self, column: &'static str) -> Result<bool, Failure> {
        self.value(column)?.ok_or(Failure::Corrupt(column))
    }

    pub(super) fn optional_timestamp(&mut self, column: &'static str) -> Result<Option<Timestamp>, Failure> {
        let Some(micros) = self.value(column)? else { return Ok(None) };
        let timestamp = Timestamp::from_micros(micros);
        if timestamp.micros() == micros { Ok(Some(timestamp)) } else { Err(Failure::Corrupt(column)) }
    }

    pub(super) fn timestamp(&mut self, column: &'static str) -> Result<Timestamp, Failure> {
        self.optional_timestamp(column)?.ok_or(Failure::Corrupt(column))
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<&'r str, Failure> {
        self.optional_text(column)?.ok_or(Failure::Corrupt(column))
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        parse(self.text(column)?).ok_or(Failure::Corrupt(column))
    }

    /// NULL, or a text that `parse` understands.
    pub(super) fn optional_parsed<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        self.optional_text(column)?.map(|text| parse(text).ok_or(Failure::Corrupt(column))).transpose()
    }

    pub(super) fn optional_ip(&mut self, column: &'static str) -> Result<Option<IpAddr>, Failure> {
        self.optional_parsed(column, |text| text.parse().ok())
    }

    pub(super) fn blob(&mut self, column: &'static str) -> Result<&'r [u8], Failure> {
        self.optional_blob(column)?.ok_or(Failure::Corrupt(column))
    }

    /// Exactly `N` bytes: a salt.
    pub(super) fn bytes<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], Failure> {
        self.blob(column)?.try_into().map_err(|_| Failure::Corrupt(column))
    }

    /// NULL, or a hash.
    pub(super) fn optional_hash(&mut self, column: &'static str) -> Result<Option<SecretHash>, Failure> {
        let blob = self.optional_blob(column)?;
        let hash = |blob: &[u8]| blob.try_into().map(SecretHash::from_bytes);
        blob.map(|blob| hash(blob).map_err(|_| Failure::Corrupt(column))).transpose()
    }

    pub(super) fn hash(&mut self, column: &'static str) -> Result<SecretHash, Failure> {
        self.bytes(column).map(SecretHash::from_bytes)
    }

    pub(super) fn optional_id(&mut self, column: &'static str) -> Result<Option<[u8; 16]>, Failure> {
        let id: Option<Uuid> = self.value(column)?;
        Ok(id.map(Uuid::into_bytes))
    }

    pub(super) fn id(&mut self, column: &'static str) -> Result<[u8; 16], Failure> {
        self.optional_id(column)?.ok_or(Failure::Corrupt(column))
    }
}
