//! A line of an import, read member by member: everything that is wrong with it is told, by the names of members and never by what
//! they hold, for that may have been meant to stay secret.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value as Json;
use symbolon_domain::{
    accounts::Name,
    api_keys::{ApiKeyText, Scopes},
    clock::Timestamp,
    secret::SecretHash,
};

use crate::arguments::ImportArguments;

/// What a line says, or the options where it does not.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) hash: SecretHash,
    pub(super) account: String,
    pub(super) expires_at: Timestamp,
    pub(super) issuer: ApiKeyText,
    pub(super) audience: ApiKeyText,
    pub(super) subject: ApiKeyText,
    pub(super) version: ApiKeyText,
    pub(super) scopes: Scopes,
    pub(super) name: Option<Name>,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(text: &str, options: &ImportArguments, now: Timestamp) -> Result<Self, String> {
        let mut members: Members = serde_json::from_str(text)
            .map_err(|error| format!("column {}: it is not one JSON object", error.column()))?;
        let line = Self::of(&mut members, options, now);
        members.refuse_others();
        line.ok().filter(|_| members.wrong.is_empty()).ok_or_else(|| members.wrong.join("; "))
    }

    fn of(members: &mut Members, options: &ImportArguments, now: Timestamp) -> Result<Self, Told> {
        let hash = members.required("sha256", hash);
        let account = members.required("account", |text| Ok(text.to_owned()));
        let expires_at = members.required("expires_at", |text| end(text, now));
        let issuer = members.said("issuer", options.issuer.as_ref(), "--issuer");
        let audience = members.said("audience", options.audience.as_ref(), "--audience");
        let subject = members.said("subject", options.subject.as_ref(), "--subject");
        let version = members.said("version", options.subject_version.as_ref(), "--subject-version");
        let scopes = members.scopes();
        let name = members.optional("name", |text| {
            let wrong = "it is empty, longer than 256 bytes, or has characters that names have not";
            text.parse::<Name>().map_err(|_| wrong.to_owned())
        });
        Ok(Self {
            hash: hash?,
            account: account?,
            expires_at: expires_at?,
            issuer: issuer?,
            audience: audience?,
            subject: subject?,
            version: version?,
            scopes: scopes?,
            name: name?,
        })
    }
}

/// A member is wrong, and what is wrong with it was told.
struct Told;

/// The members that were not looked at yet, and what is wrong with the others.
struct Members {
    left: Vec<(String, Json)>,
    wrong: Vec<String>,
}

impl Members {
    fn required<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Told> {
        self.optional(name, read)?.ok_or_else(|| self.tell(name, "it is missing"))
    }

    /// What the line says, or else the option.
    fn said(&mut self, name: &str, option: Option<&ApiKeyText>, flag: &str) -> Result<ApiKeyText, Told> {
        let said =
            self.optional(name, |text| text.parse::<ApiKeyText>().map_err(|error| error.to_string()))?;
        said.or_else(|| option.cloned())
            .ok_or_else(|| self.tell(name, format_args!("it is neither in the line nor given by {flag}")))
    }

    fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Told> {
        match self.take(name)? {
            None => Ok(None),
            Some(Json::String(text)) => read(&text).map(Some).map_err(|detail| self.tell(name, detail)),
            Some(_) => Err(self.tell(name, "a text is expected")),
        }
    }

    fn scopes(&mut self) -> Result<Scopes, Told> {
        let Some(listed) = self.take("scopes")? else { return Ok(Scopes::default()) };
        let names: Vec<String> =
            serde_json::from_value(listed).map_err(|_| self.tell("scopes", "a list of texts is expected"))?;
        Scopes::try_from(names).map_err(|error| self.tell("scopes", error))
    }

    /// What is said under this name; null says nothing.
    fn take(&mut self, name: &str) -> Result<Option<Json>, Told> {
        let (mut named, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.left).into_iter().partition(|(known, _)| known == name);
        self.left = left;
        let value = named.pop().map(|(_, value)| value);
        if named.is_empty() {
            Ok(value.filter(|value| !value.is_null()))
        } else {
            Err(self.tell(name, "it is there twice"))
        }
    }

    /// No other member means anything. One that does not look like a name may be a key, and is not repeated.
    fn refuse_others(&mut self) {
        let is_name = |text: &str| {
            text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        for (name, _) in std::mem::take(&mut self.left) {
            if is_name(&name) {
                self.tell(&name, "no such member is known");
            } else {
                self.wrong.push("a member is there whose name is none".to_owned());
            }
        }
    }

    fn tell(&mut self, name: &str, detail: impl fmt::Display) -> Told {
        self.wrong.push(format!("{name}: {detail}"));
        Told
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

/// Takes an object as it is written, a name that stands twice and all.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut left = Vec::new();
        while let Some(member) = map.next_entry()? {
            left.push(member);
        }
        Ok(Members { left, wrong: Vec::new() })
    }
}

fn hash(hex: &str) -> Result<SecretHash, String> {
    let expected = || "64 hexadecimal digits are expected".to_owned();
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(expected());
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| expected())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| expected())?;
    }
    Ok(SecretHash::from_bytes(bytes))
}

/// When a key ends, which is still to come.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match Timestamp::parse(text) {
        Ok(end) if end > now => Ok(end),
        Ok(_) => Err("it has passed".to_owned()),
        Err(_) => Err("a time such as 2027-01-01T12:00:00Z is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn options(text: Option<&str>) -> ImportArguments {
        let text = text.map(|text| text.parse::<ApiKeyText>().unwrap());
        ImportArguments {
            file: "-".into(),
            issuer: text.clone(),
            audience: text.clone(),
            subject: text.clone(),
            subject_version: text,
        }
    }

    fn read(text: &str, option: Option<&str>) -> Result<Line, String> {
        Line::read(text, &options(option), Timestamp::parse("2026-01-01T00:00:00Z").unwrap())
    }

    fn line(more: &Json) -> String {
        let mut line =
            json!({"sha256": HASH, "account": "ada@example.org", "expires_at": "2027-01-01T00:00:00Z"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    }

    /// K15: each member by its name, all of them at once, and nothing of what they hold.
    #[test]
    fn everything_that_is_wrong_with_a_line_is_told_by_name() {
        for (text, told) in [
            (
                r#"{"expires_at":"tomorrow","foo":1}"#.to_owned(),
                "sha256: it is missing; account: it is missing; \
                 expires_at: a time such as 2027-01-01T12:00:00Z is expected; foo: no such member is known",
            ),
            (
                line(&json!({"scopes": ["symbolon:admin"]})),
                "scopes: what begins with `symbolon:` is never given",
            ),
            (line(&json!({"scopes": "canary"})), "scopes: a list of texts is expected"),
            (line(&json!({"sha256": "canary"})), "sha256: 64 hexadecimal digits are expected"),
            (
                line(&json!({"sha256": format!("+f{}", &HASH[2..])})),
                "sha256: 64 hexadecimal digits are expected",
            ),
            (
                line(&json!({"sha256": 7, "account": null})),
                "sha256: a text is expected; account: it is missing",
            ),
            (line(&json!({"expires_at": "2001-01-01T00:00:00Z"})), "expires_at: it has passed"),
            (
                line(&json!({"issuer": "", "version": ["canary"]})),
                "issuer: it is empty; version: a text is expected",
            ),
            (line(&json!({"sym_ak_v4.local.canary": 1})), "a member is there whose name is none"),
            (r#"{"name": "canary", "name": "canary"}"#.to_owned(), "name: it is there twice"),
            (r#"["canary"]"#.to_owned(), "it is not one JSON object"),
            (format!("{} canary", line(&json!({}))), "it is not one JSON object"),
            ("canary".to_owned(), "column 1: it is not one JSON object"),
        ] {
            let said = read(&text, Some("ops")).unwrap_err();
            assert!(said.contains(told) && !said.contains("canary") && !said.contains(HASH), "{said}");
        }
    }

    /// K15: what a line does not say comes from the options, and from somewhere it must come.
    #[test]
    fn the_options_stand_in_for_a_line() {
        let said = json!({"issuer": "a", "audience": "b", "subject": "c", "version": "d"});
        let by_itself = read(&line(&said), None).unwrap();
        assert_eq!((by_itself.issuer.as_str(), by_itself.version.as_str()), ("a", "d"));
        let mixed = read(&line(&json!({"version": "d", "name": null})), Some("ops")).unwrap();
        assert_eq!((mixed.issuer.as_str(), mixed.version.as_str()), ("ops", "d"));
        assert!(mixed.name.is_none() && mixed.scopes == Scopes::default());
        assert_eq!(
            read(&line(&json!({"issuer": "a", "subject": "c"})), None).unwrap_err(),
            "audience: it is neither in the line nor given by --audience; \
             version: it is neither in the line nor given by --subject-version"
        );
    }
}
