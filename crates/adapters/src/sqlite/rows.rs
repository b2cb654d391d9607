//! Binding values and reading rows. Columns are read in the order in which the statement lists them, each under a name
//! for the error: a value that cannot be what was written is reported by its column and never shown.

use std::net::IpAddr;

use rusqlite::{CachedStatement, Connection, ErrorCode, Params, Row, types::ValueRef};
use symbolon_domain::{clock::Timestamp, secret::SecretHash, store_error::StoreError};

/// Why a command or a query failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine refused.
    Engine(rusqlite::Error),
    /// A column, as `table.column`, holds something else than what was written.
    Corrupt(&'static str),
    /// What was read in this very write changed before it was written, which one writer never sees.
    Contended,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Corrupt(column) => Self::corrupt(column),
            Failure::Contended => Self::Busy,
            Failure::Engine(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::corrupt("the database file is damaged")
                }
                _ => Self::unavailable(error),
            },
        }
    }
}

/// The rows of a statement, each read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = prepare(connection, sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Columns { row, next: 0 })?);
    }
    Ok(found)
}

/// The first row of a statement, if there is one.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = prepare(connection, sql)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(|row| read(&mut Columns { row, next: 0 })).transpose()
}

/// Does the statement find a row?
pub(super) fn is_there(connection: &Connection, sql: &str, values: impl Params) -> Result<bool, Failure> {
    Ok(prepare(connection, sql)?.exists(values)?)
}

/// Did the statement change anything?
pub(super) fn change(connection: &Connection, sql: &str, values: impl Params) -> Result<bool, Failure> {
    Ok(changes(connection, sql, values)? > 0)
}

/// How many rows did the statement change?
pub(super) fn changes(connection: &Connection, sql: &str, values: impl Params) -> Result<usize, Failure> {
    Ok(prepare(connection, sql)?.execute(values)?)
}

/// A statement without values, such as `COMMIT`.
pub(super) fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(|_| ())
}

fn prepare<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    debug_assert!(placeholders_ascend(sql), "placeholders appear out of order in {sql}");
    connection.prepare_cached(sql)
}

/// SQLite numbers `$1`, `$2`, … by their first appearance; values are bound by number.
fn placeholders_ascend(sql: &str) -> bool {
    let mut highest = 0;
    sql.split('$').skip(1).all(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let number = digits.parse().unwrap_or(u32::MAX);
        let ascends = number <= highest + 1;
        highest = highest.max(number);
        ascends
    })
}

/// A row that is read column by column.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    /// The next column as it is.
    fn value(&mut self) -> Result<ValueRef<'r>, Failure> {
        let value = self.row.get_ref(self.next)?;
        self.next += 1;
        Ok(value)
    }

    pub(super) fn optional_integer(&mut self, column: &'static str) -> Result<Option<i64>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(Failure::Corrupt(column)),
        }
    }

    pub(super) fn optional_text(&mut self, column: &'static str) -> Result<Option<&'r str>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => std::str::from_utf8(text).map(Some).map_err(|_| Failure::Corrupt(column)),
            _ => Err(Failure::Corrupt(column)),
        }
    }

    pub(super) fn optional_blob(&mut self, column: &'static str) -> Result<Option<&'r [u8]>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(blob) => Ok(Some(blob)),
            _ => Err(Failure::Corrupt(column)),
        }
    }

    /// A whole number that fits `T`.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T, Failure> {
        let number = self.optional_integer(column)?;
        number.and_then(|number| T::try_from(number).ok()).ok_or(Failure::Corrupt(column))
    }

    pub(super) fn boolean(&mut self, column: &'static str) -> Result<bool, Failure> {
        Ok(self.number::<u8>(column)? != 0)
    }

    pub(super) fn optional_timestamp(&mut self, column: &'static str) -> Result<Option<Timestamp>, Failure> {
        let Some(micros) = self.optional_integer(column)? else { return Ok(None) };
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

    pub(super) fn optional_bytes<const N: usize>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<[u8; N]>, Failure> {
        let blob = self.optional_blob(column)?;
        blob.map(|blob| blob.try_into().map_err(|_| Failure::Corrupt(column))).transpose()
    }

    /// Exactly `N` bytes: an id, a salt.
    pub(super) fn bytes<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], Failure> {
        self.optional_bytes(column)?.ok_or(Failure::Corrupt(column))
    }

    pub(super) fn hash(&mut self, column: &'static str) -> Result<SecretHash, Failure> {
        self.bytes(column).map(SecretHash::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_out_of_order_are_noticed() {
        assert!(placeholders_ascend("SELECT $1, $2, $1, $3"));
        assert!(!placeholders_ascend("SELECT $2, $1"));
        assert!(!placeholders_ascend("SELECT $1, $3"));
    }

    /// C65: an unreadable value is named by its column and not shown.
    #[test]
    fn an_unreadable_value_is_not_shown() {
        let connection = Connection::open_in_memory().unwrap();
        let read = |columns: &mut Columns<'_>| columns.bytes::<16>("accounts.id");
        let failure = first(&connection, "SELECT x'c0ffee'", (), read).unwrap_err();
        let error = StoreError::from(failure);
        assert_eq!(error.to_string(), "the store holds something unreadable: accounts.id");
        let read = |columns: &mut Columns<'_>| columns.timestamp("accounts.created_at");
        for value in ["-1", "NULL", "'soon'", "9223372036854775807"] {
            let failure = first(&connection, &format!("SELECT {value}"), (), read).unwrap_err();
            assert!(matches!(failure, Failure::Corrupt("accounts.created_at")), "{value}");
        }
    }
}
