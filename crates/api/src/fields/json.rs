//! JSON (RFC 8259) as far as a request needs it: objects that remember which members were named twice, text that is
//! wiped when it is dropped. Of numbers only whole ones that are not negative are read: no member of ours is another.

use std::fmt;

use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Fault;
use crate::problem::{Problem, Slug};

/// A value of a member.
pub(super) enum Value {
    Null,
    Text(SecretString),
    Object(Members),
    List(Vec<Value>),
    Number(u64),
    Flag(bool),
    Other,
}

/// The members of an object, in the order they came.
#[derive(Default)]
pub(super) struct Members(Vec<(String, Value)>);

impl Members {
    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(index).1)
    }

    /// Is it there?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The names of the members that are left; afterwards none is.
    pub(super) fn names(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0).into_iter().map(|(name, _)| name).collect()
    }

    /// The names that came more than once; of each the first is kept.
    pub(super) fn named_twice(&mut self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let (kept, repeated) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| seen.insert(name.clone()));
        self.0 = kept;
        let repeated: Vec<(String, Value)> = repeated;
        repeated.into_iter().map(|(name, _)| name).collect()
    }
}

/// Reads a body. The parser refuses what is nested more than 128 deep.
pub(super) fn parse(bytes: &[u8]) -> Result<Members, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(malformed("a JSON object is expected")),
        // The parser's own words would quote the body.
        Err(_) => Err(malformed("the body is not JSON, or is nested too deep")),
    }
}

fn malformed(detail: &'static str) -> Problem {
    Problem::at("", Fault::new(Slug::InvalidFormat, detail))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(SecretString::from(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            members.push(entry);
        }
        Ok(Value::Object(Members(members)))
    }
}
