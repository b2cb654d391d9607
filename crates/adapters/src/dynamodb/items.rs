//! Items: how they are made and how they are read. An attribute that cannot be what was written is reported by its
//! name, as `kind.attribute`, and never shown.

use std::{collections::HashMap, net::IpAddr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use symbolon_domain::{clock::Timestamp, secret::SecretHash, store_error::StoreError};
use uuid::Uuid;

use super::keys::Key;

/// The attributes of an item, by name.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// A text.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number.
#[expect(clippy::needless_pass_by_value, reason = "numbers are small")]
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A moment, in microseconds since 1970.
pub(super) fn time(value: Timestamp) -> AttributeValue {
    number(value.micros())
}

/// Bytes.
pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// The primary key as attributes.
pub(super) fn key(key: Key) -> Attributes {
    HashMap::from([("pk".to_owned(), text(key.pk)), ("sk".to_owned(), text(key.sk))])
}

/// An item that is to be written.
#[derive(Clone, Debug)]
pub(super) struct Item(Attributes);

impl Item {
    pub(super) fn new(at: Key) -> Self {
        Self(key(at))
    }

    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// What is not there is not written: there are no NULLs.
    pub(super) fn with_some(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The engine may delete it some time after this moment. Nothing relies on that: expiry is judged by the item's
    /// own moments.
    pub(super) fn until(self, end: Timestamp) -> Self {
        self.with("ttl", number(end.seconds().saturating_add(1)))
    }

    pub(super) fn into_attributes(self) -> Attributes {
        self.0
    }
}

/// An item that was found.
#[derive(Clone, Debug)]
pub(super) struct Found(pub(super) Attributes);

impl Found {
    /// The attribute of this name, which is given as `kind.attribute`.
    fn value(&self, name: &'static str) -> Option<&AttributeValue> {
        let (_, attribute) = name.split_once('.').unwrap_or(("", name));
        self.0.get(attribute)
    }

    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<&str>, StoreError> {
        match self.value(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(StoreError::corrupt(name)),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&str, StoreError> {
        self.optional_text(name)?.ok_or_else(|| StoreError::corrupt(name))
    }

    /// A text that `parse` understands, or none.
    pub(super) fn optional_parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        self.optional_text(name)?.map(|text| parse(text).ok_or_else(|| StoreError::corrupt(name))).transpose()
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        self.optional_parsed(name, parse)?.ok_or_else(|| StoreError::corrupt(name))
    }

    /// An id, as it is written out in keys.
    pub(super) fn id(&self, name: &'static str) -> Result<[u8; 16], StoreError> {
        self.optional_id(name)?.ok_or_else(|| StoreError::corrupt(name))
    }

    pub(super) fn optional_id(&self, name: &'static str) -> Result<Option<[u8; 16]>, StoreError> {
        self.optional_parsed(name, |text| Uuid::try_parse(text).ok().map(Uuid::into_bytes))
    }

    pub(super) fn optional_ip(&self, name: &'static str) -> Result<Option<IpAddr>, StoreError> {
        self.optional_parsed(name, |text| text.parse().ok())
    }

    /// A whole number that fits `T`, or none.
    pub(super) fn optional_number<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, StoreError> {
        match self.value(name) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => {
                number.parse().map(Some).map_err(|_| StoreError::corrupt(name))
            }
            Some(_) => Err(StoreError::corrupt(name)),
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, StoreError> {
        self.optional_number(name)?.ok_or_else(|| StoreError::corrupt(name))
    }

    /// A number that is written out as a text, in a sort key.
    pub(super) fn number_of(&self, name: &'static str) -> Result<u32, StoreError> {
        self.parsed(name, |text| text.parse().ok())
    }

    pub(super) fn optional_time(&self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let Some(micros) = self.optional_number(name)? else { return Ok(None) };
        let time = Timestamp::from_micros(micros);
        if time.micros() == micros { Ok(Some(time)) } else { Err(StoreError::corrupt(name)) }
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        self.optional_time(name)?.ok_or_else(|| StoreError::corrupt(name))
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<bool, StoreError> {
        match self.value(name) {
            Some(AttributeValue::Bool(flag)) => Ok(*flag),
            _ => Err(StoreError::corrupt(name)),
        }
    }

    pub(super) fn blob(&self, name: &'static str) -> Result<&[u8], StoreError> {
        match self.value(name) {
            Some(AttributeValue::B(blob)) => Ok(blob.as_ref()),
            _ => Err(StoreError::corrupt(name)),
        }
    }

    /// Exactly `N` bytes: a salt, a lease.
    pub(super) fn bytes<const N: usize>(&self, name: &'static str) -> Result<[u8; N], StoreError> {
        self.blob(name)?.try_into().map_err(|_| StoreError::corrupt(name))
    }

    /// A hash, or none.
    pub(super) fn optional_hash(&self, name: &'static str) -> Result<Option<SecretHash>, StoreError> {
        if self.value(name).is_none() { Ok(None) } else { self.hash(name).map(Some) }
    }

    pub(super) fn hash(&self, name: &'static str) -> Result<SecretHash, StoreError> {
        self.bytes(name).map(SecretHash::from_bytes)
    }

    /// The entries of a map whose values are maps.
    pub(super) fn entries(&self, name: &'static str) -> Result<Vec<(&str, Self)>, StoreError> {
        let Some(AttributeValue::M(entries)) = self.value(name) else {
            return Err(StoreError::corrupt(name));
        };
        entries
            .iter()
            .map(|(key, value)| match value {
                AttributeValue::M(entry) => Ok((key.as_str(), Self(entry.clone()))),
                _ => Err(StoreError::corrupt(name)),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C65: an unreadable value is named by its attribute and not shown.
    #[test]
    fn an_unreadable_value_is_not_shown() {
        let found = Found(HashMap::from([
            ("hash".to_owned(), bytes(&[0xc0, 0xff, 0xee])),
            ("created_at".to_owned(), number(-1)),
            ("ip".to_owned(), text("secret")),
        ]));
        let errors = [
            (found.hash("sessions.hash").unwrap_err(), "sessions.hash"),
            (found.time("sessions.created_at").unwrap_err(), "sessions.created_at"),
            (found.optional_ip("sessions.ip").unwrap_err(), "sessions.ip"),
            (found.text("sessions.hash").unwrap_err(), "sessions.hash"),
            (found.number::<u8>("sessions.created_at").unwrap_err(), "sessions.created_at"),
            (found.id("sessions.missing").unwrap_err(), "sessions.missing"),
        ];
        for (error, name) in errors {
            assert_eq!(error.to_string(), format!("the store holds something unreadable: {name}"));
        }
    }
}
