//! The message as it travels: MIME with a text and an HTML part (RFC 5322, RFC 2046). Nothing is sent from here.

use std::{fmt, time::Duration, time::UNIX_EPOCH};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use symbolon_domain::outbox::{CarrierError, Email};

/// Who messages come from.
#[derive(Clone)]
pub struct Sender(Mailbox);

/// The sender's address is none that mail servers understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("messages.email.from: not an e-mail address")]
pub struct InvalidSender;

impl Sender {
    /// A sender with this address and displayed name, which may be empty.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(name: &str, address: &str) -> Result<Self, InvalidSender> {
        let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(Self(Mailbox::new(name, address.parse().map_err(|_| InvalidSender)?)))
    }

    /// The identities of which one must be verified where senders are: the address, its domain, and the domains above.
    #[cfg(feature = "ses")]
    pub(super) fn identities(&self) -> Vec<String> {
        let address = &self.0.email;
        let mut identities = vec![address.to_string()];
        let mut domain = address.domain();
        while let Some((_, above)) = domain.split_once('.') {
            identities.push(domain.to_owned());
            domain = above;
        }
        identities
    }

    /// The part of the address behind the `@`.
    #[cfg(feature = "smtp")]
    pub(super) fn domain(&self) -> &str {
        self.0.email.domain()
    }

    /// The message in full, the same bytes however often it is made.
    ///
    /// # Errors
    /// The recipient's address cannot be written into a header: no later attempt will do better.
    pub(super) fn compose(&self, email: &Email) -> Result<Message, CarrierError> {
        let refused = |reason: &'static str| CarrierError::Permanent(reason.into());
        let to: Address = email.to.parse().map_err(|_| refused("address_not_understood"))?;
        let micros = u64::try_from(email.created_at.micros()).unwrap_or_default();
        let parts = MultiPart::alternative()
            .boundary(format!("symbolon-{}", email.id))
            .singlepart(SinglePart::plain(email.content.text.clone()))
            .singlepart(SinglePart::html(email.content.html.clone()));
        Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(email.content.subject.as_str())
            .date(UNIX_EPOCH + Duration::from_micros(micros))
            .message_id(Some(format!("<{}@{}>", email.id, self.0.email.domain())))
            .raw_header(automatic())
            .multipart(parts)
            .map_err(|_| refused("message_not_built"))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sender({})", self.0.email.domain())
    }
}

/// Tells holiday responders not to answer (RFC 3834 section 5).
fn automatic() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

#[cfg(test)]
pub(super) mod testing {
    //! A sender and an e-mail to try carriers with.

    use symbolon_domain::{
        clock::Timestamp,
        id::MessageId,
        outbox::{Email, RenderedText},
    };

    use super::Sender;

    pub(in crate::email) fn sender() -> Sender {
        Sender::new("Symbolon", "symbolon@example.com").unwrap()
    }

    pub(in crate::email) fn email(to: &str) -> Email {
        let content = RenderedText {
            subject: "Ihr Anmeldecode für Übung".to_owned(),
            text: "Hallo,\n\nIhr Code ist 123456. Grüße 👋\n".to_owned(),
            html: "<p>Ihr Code ist <b>123456</b>. Grüße 👋</p>\n".to_owned(),
        };
        let created_at = Timestamp::parse("2026-01-02T03:04:05.678Z").unwrap();
        Email { id: MessageId::from_bytes([7; 16]), created_at, to: to.to_owned(), content }
    }
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::{
        testing::{email, sender},
        *,
    };

    #[test]
    fn a_message_survives_an_independent_parser() {
        let email = email("Ada.Lovelace@example.org");
        let bytes = sender().compose(&email).unwrap().formatted();
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        let from = parsed.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some("Symbolon"), Some("symbolon@example.com")));
        assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("Ada.Lovelace@example.org"));
        assert_eq!(parsed.subject(), Some(email.content.subject.as_str()));
        assert_eq!(parsed.date().unwrap().to_rfc3339(), "2026-01-02T03:04:05Z");
        assert_eq!(parsed.message_id(), Some("07070707-0707-0707-0707-070707070707@example.com"));
        assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
        assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), email.content.text);
        assert_eq!(parsed.body_html(0).unwrap().replace("\r\n", "\n"), email.content.html);
    }

    /// M1: a message that is carried twice is the same message.
    #[test]
    fn the_same_message_is_the_same_bytes() {
        let compose = || sender().compose(&email("ada@example.org")).unwrap().formatted();
        assert_eq!(compose(), compose());
    }

    /// M6: a refused address is not shown, and is not tried again.
    #[test]
    fn an_address_that_breaks_a_header_is_refused_for_good() {
        for to in ["", "ada", "ada@example.org\r\nBcc: eve@example.org", "ada@exa mple.org", "a@b, c@d"] {
            let error = sender().compose(&email(to)).unwrap_err();
            assert!(matches!(&error, CarrierError::Permanent(_)), "{to}");
            assert_eq!(error.to_string(), "the carrier refused the message: address_not_understood");
        }
    }

    /// A3: what the domain takes for an address can be written to.
    #[test]
    fn unusual_addresses_are_written_to() {
        for to in ["jörg@example.org", "o'hara+tag@sub.example.org", "ada@bücher.example", "x@localhost"] {
            assert!(to.parse::<symbolon_domain::identifiers::EmailAddress>().is_ok(), "{to}");
            assert!(sender().compose(&email(to)).is_ok(), "{to}");
        }
    }

    #[test]
    fn a_sender_needs_an_address() {
        assert!(Sender::new("", "symbolon@localhost").is_ok());
        assert_eq!(Sender::new("Symbolon", "nobody").unwrap_err(), InvalidSender);
    }
}
