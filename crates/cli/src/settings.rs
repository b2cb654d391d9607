//! The configuration: one typed struct per section, read from defaults, file, environment and flags (G5), and checked
//! as
//! a whole, so that every mistake is reported at once with its key and its origin.
//!
//! What a value may be is said once, on its field: its type and its `schemars` range make the JSON schema, and
//! [`Catalogue`] enforces that same schema. What concerns several settings at once is in the sections' `conflicts`.
//! Nothing
//! here opens a store, a key or a socket: that a file exists is the business of who uses it.

mod access;
mod address_range;
mod api_keys;
mod audit;
mod authorizer;
mod aws;
mod cache;
mod catalogue;
mod device_tokens;
mod duration;
mod http;
mod licensing;
mod load;
mod log;
mod mailbox;
mod management;
mod messages;
mod one_time_codes;
mod origin;
mod pages;
mod passwords;
mod rate_limits;
mod secret;
mod secrets;
mod sessions;
mod sign_in;
mod sign_up;
mod signing_keys;
mod smtp;
mod sources;
mod store;
mod sweeper;
mod telemetry;
#[cfg(test)]
mod tests;
mod trusted_issuers;
mod web_origin;

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

pub use access::{AccessLimitsSettings, AccessSettings, InvalidRoleLimit, RoleLimit};
pub use address_range::{AddressRange, InvalidAddressRange};
pub use api_keys::{ApiKeysSettings, RefreshHash, RoleName};
pub use audit::AuditSettings;
pub use authorizer::{AuthorizerRouteSettings, AuthorizerSettings};
pub use aws::{AwsRegion, InvalidAwsRegion};
pub use cache::CacheSettings;
pub use catalogue::{Catalogue, Key};
pub use device_tokens::{DeviceTokensSettings, InvalidProductName, ProductName};
pub use duration::{Duration, InvalidDuration};
pub use http::{CorsSettings, HttpSettings, TlsSettings};
pub use licensing::{LicensingSettings, LicensingSource};
pub use load::{Loaded, ShownSetting};
pub use log::{InvalidLogFilter, LogFilter, LogFormat, LogSettings};
pub use mailbox::{InvalidMailbox, Mailbox};
pub use management::ManagementSettings;
pub use messages::{
    EmailCarrier, EmailSettings, InvalidLanguageTag, LanguageTag, MessagesSettings, SesSettings,
};
pub use one_time_codes::OneTimeCodesSettings;
pub use origin::{Origin, Problem};
pub use pages::{InvalidPageUrl, PageUrl, PagesSettings};
pub use passwords::PasswordsSettings;
pub use rate_limits::RateLimitsSettings;
pub use secret::{REDACTED, Secret};
pub use secrets::{MasterKeySource, SecretsSettings};
pub use sessions::{SessionBinding, SessionsSettings};
pub use sign_in::SignInSettings;
pub use sign_up::SignUpSettings;
pub use signing_keys::{SigningAlgorithm, SigningKeysSettings};
pub use smtp::{InvalidMailHost, MailHost, SmtpSettings, TlsMode};
pub use sources::{LoadOptions, Override};
pub use store::{
    DynamoTable, Encryption, InvalidDynamoTable, InvalidPostgresUrl, InvalidStoreUrl, PostgresUrl,
    StoreSettings, StoreUrl,
};
pub use sweeper::SweeperSettings;
pub use telemetry::{InvalidOtlpEndpoint, OtlpEndpoint, OtlpSettings, TelemetrySettings};
pub use trusted_issuers::{InvalidPrivateUrl, IssuerAlgorithm, PrivateUrl, TokenUse, TrustedIssuerSettings};
pub use web_origin::{InvalidWebOrigin, WebOrigin};

/// Where data lives when nothing is said.
const DEFAULT_DATA_DIR: &str = "data";

/// The whole configuration of Symbolon.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Symbolon configuration")]
pub struct Settings {
    /// The directory of the SQLite file, the master key and the mail folder, where nothing else is said for them.
    /// Relative to the working directory.
    #[schemars(length(min = 1))]
    pub data_dir: PathBuf,
    /// The public listener and its limits.
    pub http: HttpSettings,
    /// The listener for health and metrics.
    pub management: ManagementSettings,
    /// Where everything is kept.
    pub store: StoreSettings,
    /// Where the master keys come from.
    pub secrets: SecretsSettings,
    /// How messages are written and delivered.
    pub messages: MessagesSettings,
    /// Pages of yours that messages link to.
    pub pages: PagesSettings,
    /// Which passwords are accepted, and what hashing them costs.
    pub passwords: PasswordsSettings,
    /// Becoming an account.
    pub sign_up: SignUpSettings,
    /// The first factor.
    pub sign_in: SignInSettings,
    /// The six digits that a message carries.
    pub one_time_codes: OneTimeCodesSettings,
    /// How long being signed in lasts.
    pub sessions: SessionsSettings,
    /// Credentials of programs.
    pub api_keys: ApiKeysSettings,
    /// Tokens of devices.
    pub device_tokens: DeviceTokensSettings,
    /// Who says who is licensed.
    pub licensing: LicensingSettings,
    /// What a node remembers of the store.
    pub cache: CacheSettings,
    /// The keys that sign tokens.
    pub signing_keys: SigningKeysSettings,
    /// Who may do what, and how much of it.
    pub access: AccessSettings,
    /// What gateways ask about, and who may call what.
    pub authorizer: AuthorizerSettings,
    /// Whose tokens are taken beside our own.
    pub trusted_issuers: Vec<TrustedIssuerSettings>,
    /// How often one source address may call, in requests a minute.
    pub rate_limits: RateLimitsSettings,
    /// The record of what happened.
    pub audit: AuditSettings,
    /// Deleting what has expired.
    pub sweeper: SweeperSettings,
    /// What is logged.
    pub log: LogSettings,
    /// Traces for a collector.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// The defaults, with all that lives in the data directory under this one.
    #[must_use]
    pub fn in_directory(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            http: HttpSettings::default(),
            management: ManagementSettings::default(),
            store: StoreSettings::in_directory(data_dir),
            secrets: SecretsSettings::in_directory(data_dir),
            messages: MessagesSettings {
                email: EmailSettings::in_directory(data_dir),
                ..MessagesSettings::default()
            },
            pages: PagesSettings::default(),
            passwords: PasswordsSettings::default(),
            sign_up: SignUpSettings::default(),
            sign_in: SignInSettings::default(),
            one_time_codes: OneTimeCodesSettings::default(),
            sessions: SessionsSettings::default(),
            api_keys: ApiKeysSettings::default(),
            device_tokens: DeviceTokensSettings::default(),
            licensing: LicensingSettings::default(),
            cache: CacheSettings::default(),
            signing_keys: SigningKeysSettings::default(),
            access: AccessSettings::default(),
            authorizer: AuthorizerSettings::default(),
            trusted_issuers: Vec::new(),
            rate_limits: RateLimitsSettings::default(),
            audit: AuditSettings::default(),
            sweeper: SweeperSettings::default(),
            log: LogSettings::default(),
            telemetry: TelemetrySettings::default(),
        }
    }

    /// The JSON schema of the configuration file (draft 2020-12).
    #[must_use]
    pub fn json_schema() -> Schema {
        catalogue::schema()
    }

    /// What is wrong between settings that are right one by one.
    fn conflicts(&self) -> Vec<Conflict> {
        let mut found = Vec::new();
        self.http.conflicts(&mut found);
        self.one_time_codes.conflicts(&mut found);
        self.sessions.conflicts(&mut found);
        self.api_keys.conflicts(&mut found);
        self.device_tokens.conflicts(&mut found);
        self.licensing.conflicts(&mut found);
        self.signing_keys.conflicts(&mut found);
        self.access.conflicts(&mut found);
        self.authorizer.conflicts(&mut found);
        self.store.conflicts(&mut found);
        self.messages.conflicts(&mut found);
        self.telemetry.conflicts(&mut found);
        trusted_issuers::conflicts(self, &mut found);
        if self.http.listen == self.management.listen && self.http.listen.port() != 0 {
            let message = format!(
                "is {}, as `http.listen` is: health and metrics need a listener of their own",
                self.http.listen
            );
            found.push(Conflict::new(&["management.listen", "http.listen"], message));
        }
        found
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::in_directory(Path::new(DEFAULT_DATA_DIR))
    }
}

/// A contradiction between settings.
struct Conflict {
    /// The settings that contradict each other; the first is the one it is reported for.
    keys: &'static [&'static str],
    /// What is wrong, to be read after the first key.
    message: String,
}

impl Conflict {
    fn new(keys: &'static [&'static str], message: String) -> Self {
        Self { keys, message }
    }
}
