//! The sender of a message: `Name <address>` or a bare address (RFC 5322 `mailbox`).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name, possibly empty, and an e-mail address. Only the outline is checked here; the carrier parses it in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Mailbox {
    name: String,
    address: String,
}

/// A text that is no mailbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address, alone or as `Name <address>`")]
pub struct InvalidMailbox;

impl Mailbox {
    /// The displayed name; empty when there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address, `local@domain`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The mailbox of messages when nothing is configured.
    pub(crate) fn symbolon_on_localhost() -> Self {
        Self { name: "Symbolon".to_owned(), address: "symbolon@localhost".to_owned() }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            formatter.write_str(&self.address)
        } else {
            write!(formatter, "{} <{}>", self.name, self.address)
        }
    }
}

impl From<Mailbox> for String {
    fn from(mailbox: Mailbox) -> Self {
        mailbox.to_string()
    }
}

impl TryFrom<String> for Mailbox {
    type Error = InvalidMailbox;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (name, address) = match text.trim().strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<').ok_or(InvalidMailbox)?,
            None => ("", text.trim()),
        };
        let name = name.trim();
        if name.contains(|character: char| character.is_control() || matches!(character, '<' | '>'))
            || !is_address(address)
        {
            return Err(InvalidMailbox);
        }
        Ok(Self { name: name.to_owned(), address: address.to_owned() })
    }
}

fn is_address(address: &str) -> bool {
    let clean = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ','))
    };
    match address.rsplit_once('@') {
        Some((local, domain)) => clean(local) && clean(domain) && address.len() <= 254,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        let named = Mailbox::try_from("Ada Lovelace <ada@example.org>".to_owned()).unwrap();
        assert_eq!((named.name(), named.address()), ("Ada Lovelace", "ada@example.org"));
        assert_eq!(Mailbox::try_from("ada@example.org".to_owned()).unwrap().to_string(), "ada@example.org");
    }

    #[test]
    fn what_could_break_a_header_is_refused() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "Ada <ada>",
            "Ada\r\nBcc: x <a@b>",
            "a@b, c@d",
            "Ada <a@b> <c@d>",
        ] {
            assert_eq!(Mailbox::try_from(text.to_owned()), Err(InvalidMailbox), "{text}");
        }
    }
}
