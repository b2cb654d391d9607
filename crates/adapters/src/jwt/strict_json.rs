//! JSON without the two liberties that let two readers of one text see different things: a member named twice, and
//! depth without end (C54). Keeps no values: whoever passes is read again into a type.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Objects and arrays within each other, the outermost included.
const DEEPEST: usize = 32;

/// The text is no such object.
#[derive(Debug)]
pub(crate) struct NotStrict;

/// Is this one JSON object, no member of which is named twice at any depth, no deeper than 32?
pub(crate) fn check_object(json: &[u8]) -> Result<(), NotStrict> {
    if !json.starts_with(b"{") {
        return Err(NotStrict);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let checked = Value { depth_left: DEEPEST }.deserialize(&mut deserializer);
    checked.and_then(|()| deserializer.end()).map_err(|_| NotStrict)
}

/// Any value, with so many levels left for it.
#[derive(Clone, Copy)]
struct Value {
    depth_left: usize,
}

impl Value {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut names = HashSet::new();
        while let Some(name) = members.next_key_seed(Name)? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member is named twice"));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A member's name, its escapes undone; borrowed where it has none.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
    }

    #[test]
    fn plain_objects_pass() {
        for json in [
            "{}",
            r#"{"a":1,"b":[-1,2.5,1e3,true,false,null,"\u00e9",{"a":1}],"c":{"a":{"a":{}}}}"#,
            r#"{"a":[{"a":1},{"a":1}]}"#,
            "{ \"a\" : 1 }\n",
            &nested(32),
        ] {
            assert!(check_object(json.as_bytes()).is_ok(), "{json}");
        }
    }

    /// C54: a name that comes twice, at any depth and however it is written.
    #[test]
    fn names_that_come_twice_are_refused() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[[{"a":1,"a":2}]]}"#,
        ] {
            assert!(check_object(json.as_bytes()).is_err(), "{json}");
        }
    }

    /// C54: depth 33 is too deep, of whatever it is made.
    #[test]
    fn deep_texts_are_refused() {
        assert!(check_object(nested(33).as_bytes()).is_err());
        assert!(check_object(nested(4_000).as_bytes()).is_err());
        let arrays = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(check_object(arrays(31).as_bytes()).is_ok());
        assert!(check_object(arrays(32).as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in [
            &b""[..],
            b"[]",
            b"null",
            b"1",
            b"\"a\"",
            b" {}",
            b"{}{}",
            b"{} x",
            b"{\"a\":1,}",
            b"{\"a\"}",
            b"{a:1}",
            b"{\"a\":NaN}",
            b"{\"a\":01}",
            b"{\"a\":1e999}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"\xef\xbb\xbf{}",
            b"{",
        ] {
            assert!(check_object(json).is_err(), "{}", String::from_utf8_lossy(json));
        }
    }
}
