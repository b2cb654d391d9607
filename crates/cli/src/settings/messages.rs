//! `[messages]`: how messages are written, and how the outbox's workers deliver them.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AwsRegion, Conflict, Duration, Mailbox, SmtpSettings, WebOrigin};

/// What a worker needs for a message that a mail server takes long over, and some more: SMTP gives up after 30 seconds.
const LEAST_LEASE_WITH_SMTP: Duration = Duration::from_secs(40);

/// How messages are written and delivered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesSettings {
    /// A directory of templates that replace the embedded ones of the same name. Not set: the embedded ones.
    #[schemars(length(min = 1))]
    pub templates: Option<PathBuf>,
    /// The language of messages to people who have chosen none, as a tag such as `en` (RFC 5646).
    pub language: LanguageTag,
    /// How often a worker looks for messages that nobody told it of.
    #[schemars(range(min = 0.05, max = 60))]
    pub poll_interval: Duration,
    /// How long a worker has a message to itself; when it is over, another may send it.
    #[schemars(range(min = 10, max = 3_600))]
    pub lease: Duration,
    /// How many messages a worker takes at a time.
    #[schemars(range(min = 1, max = 100))]
    pub batch: u32,
    /// E-mail.
    pub email: EmailSettings,
}

/// A language tag (RFC 5646), checked in outline: it also names template files, so it holds letters, digits and
/// hyphens only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct LanguageTag(String);

/// A text that is no language tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a language tag such as `en` or `pt-BR`")]
pub struct InvalidLanguageTag;

impl LanguageTag {
    /// The tag as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LanguageTag {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<LanguageTag> for String {
    fn from(tag: LanguageTag) -> Self {
        tag.0
    }
}

impl TryFrom<String> for LanguageTag {
    type Error = InvalidLanguageTag;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_subtag = |subtag: &str| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let first = text.split('-').next().unwrap_or_default();
        if first.len() >= 2 && text.split('-').all(is_subtag) {
            Ok(Self(text))
        } else {
            Err(InvalidLanguageTag)
        }
    }
}

/// How e-mail leaves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmailSettings {
    /// What carries e-mail.
    pub carrier: EmailCarrier,
    /// The sender, as an address or `Name <address>`.
    pub from: Mailbox,
    /// The directory in which the carrier `file` writes `.eml` files. When it is not said: `mail` in `data_dir`.
    #[schemars(length(min = 1))]
    pub directory: PathBuf,
    /// The mail server, for the carrier `smtp`.
    pub smtp: SmtpSettings,
    /// Amazon SES, for the carrier `ses`.
    pub ses: SesSettings,
}

/// What carries e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmailCarrier {
    /// `.eml` files in a directory: for trying out and for tests.
    File,
    /// A mail server.
    Smtp,
    /// Amazon SES, with credentials from AWS's own chain.
    Ses,
}

/// Amazon SES.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SesSettings {
    /// The region that sends. Not set: that of the environment or of the machine.
    pub region: Option<AwsRegion>,
    /// Where SES is, in place of AWS's own address for the region, as for an emulator. Not set: AWS's own.
    pub endpoint: Option<WebOrigin>,
}

impl EmailSettings {
    /// E-mail when only the data directory is known.
    pub(super) fn in_directory(data_dir: &Path) -> Self {
        Self {
            carrier: EmailCarrier::File,
            from: Mailbox::symbolon_on_localhost(),
            directory: data_dir.join("mail"),
            smtp: SmtpSettings::default(),
            ses: SesSettings::default(),
        }
    }

    fn conflicts(&self, found: &mut Vec<Conflict>) {
        let (name, is_built, sends_from_localhost) = match self.carrier {
            EmailCarrier::File => return,
            EmailCarrier::Smtp => ("smtp", cfg!(feature = "smtp"), self.smtp.is_local()),
            EmailCarrier::Ses => ("ses", cfg!(feature = "ses"), false),
        };
        if !is_built {
            let message =
                format!("is \"{name}\", which this build lacks: build with the Cargo feature `{name}`");
            found.push(Conflict::new(&["messages.email.carrier"], message));
        }
        if self.carrier == EmailCarrier::Smtp {
            self.smtp.conflicts(found);
        }
        if self.from == Mailbox::symbolon_on_localhost() && !sends_from_localhost {
            let message = format!(
                "is {}, from which \"{name}\" sends nothing: name an address that you may send from",
                self.from
            );
            found.push(Conflict::new(&["messages.email.from", "messages.email.carrier"], message));
        }
    }
}

impl MessagesSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        self.email.conflicts(found);
        if self.email.carrier == EmailCarrier::Smtp && self.lease.to_std() < LEAST_LEASE_WITH_SMTP.to_std() {
            let message = format!(
                "is {}, less than the {LEAST_LEASE_WITH_SMTP} that a message may take by \"smtp\": another worker \
                 would send it too",
                self.lease
            );
            found.push(Conflict::new(&["messages.lease", "messages.email.carrier"], message));
        }
    }
}

impl Default for EmailSettings {
    fn default() -> Self {
        Self::in_directory(Path::new(super::DEFAULT_DATA_DIR))
    }
}

impl Default for MessagesSettings {
    fn default() -> Self {
        Self {
            templates: None,
            language: LanguageTag::default(),
            poll_interval: Duration::from_secs(1),
            lease: Duration::from_secs(60),
            batch: 16,
            email: EmailSettings::default(),
        }
    }
}
