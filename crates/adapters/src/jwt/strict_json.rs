//! JSON without the two liberties that let two readers of one text see different things: a member named twice, and
//! depth without end (C54).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

/// Objects and arrays within each other, the outermost included.
const DEEPEST: usize = 32;

/// The text is no such object.
#[derive(Debug)]
pub(crate) struct NotStrict;

/// Is this one JSON object, no member of which is named twice at any depth, no deeper than 32?
pub(crate) fn check_object(json: &[u8]) -> Result<(), NotStrict> {
    read_object(json).map(drop)
}

/// The members of such an object.
pub(crate) fn read_object(json: &[u8]) -> Result<Map<String, Json>, NotStrict> {
    if !json.starts_with(b"{") {
        return Err(NotStrict);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = Value { depth_left: DEEPEST }.deserialize(&mut deserializer).map_err(|_| NotStrict)?;
    deserializer.end().map_err(|_| NotStrict)?;
    match read {
        Json::Object(members) => Ok(members),
        _ => Err(NotStrict),
    }
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
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        Number::from_f64(number).map(Json::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            read.push(item);
        }
        Ok(Json::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Json::Object(read))
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

    /// What passes is read as the library reads it.
    #[test]
    fn nothing_is_lost() {
        let json =
            r#"{"a":1,"b":[-1,2.5,1e3,true,false,null,"\u00e9",{"a":1}],"":{"a":18446744073709551615}}"#;
        let expected: Json = serde_json::from_str(json).unwrap();
        assert_eq!(Json::Object(read_object(json.as_bytes()).unwrap()), expected);
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
