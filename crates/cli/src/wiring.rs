//! Where stores, carriers and use cases meet: the only place that knows which adapter stands behind which port.

use std::sync::Arc;

use symbolon_adapters::{
    jwt::JwtKeys,
    password_hash::PasswordHashPool,
    system::{SystemClock, SystemEntropy},
    templates::{TemplateGlobals, TemplateSet},
};
use symbolon_domain::{
    access::Access,
    access_tokens::{AccessTokenPorts, AccessTokens},
    accounts::Accounts,
    api_keys::ApiKeys,
    audit::{Audit, Refusals},
    authorizer::{Authorizer, CredentialPorts},
    clock::Clock,
    device_tokens::DeviceTokens,
    entropy::Entropy,
    invitations::Invitations,
    outbox::{EmailCarrier, Outbox, OutboxPorts},
    passwords::{PasswordHasher, Passwords},
    pii::PiiHasher,
    recovery::Recovery,
    revocations::Revocations,
    sealing::{Peppers, Resealing, Sealer},
    sessions::{SessionPorts, SessionTokens, Sessions},
    sign_in::SignIn,
    sign_up::SignUp,
    signing_keys::{SigningKeyPorts, SigningKeyStore, SigningKeys, SigningKeysError, TokenKeys},
    store::Store,
    sweeper::Sweeper,
    trusted_issuers::TrustedIssuers,
};

use self::store::Opened;
use crate::settings::{LanguageTag, Settings};

pub(crate) mod access;
mod api_keys;
pub(crate) mod authorizer;
pub(crate) mod device_tokens;
pub(crate) mod email;
mod error;
pub(crate) mod files;
mod master_key;
mod people;
mod settings;
pub(crate) mod store;
pub(crate) mod trusted_issuers;

pub use self::error::WiringError;

/// What the service calls itself in messages.
const SERVICE_NAME: &str = "Symbolon";

/// What the tests and the test mode put in the place of the real thing.
pub struct Surroundings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Stands in front of the configured e-mail carrier.
    pub around_email: AroundEmail,
}

/// Given the configured carrier, the one that the service is to use.
pub type AroundEmail = Box<dyn FnOnce(Arc<dyn EmailCarrier>) -> Arc<dyn EmailCarrier> + Send>;

/// Whether anybody asks who may do what. Where nobody does, policies that are broken are in nobody's way: those that are not
/// read are not looked at, and who asks all the same gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Questions {
    /// All policies are read, and must be right.
    Asked,
    /// Only the access policies are.
    OnlyOfAccess,
    /// Only the route policies of the gateway authorizer are.
    OnlyOfRoutes,
    /// None are.
    NoneAsked,
}

impl Questions {
    const fn are_of_access(self) -> bool {
        matches!(self, Self::Asked | Self::OnlyOfAccess)
    }

    const fn are_of_routes(self) -> bool {
        matches!(self, Self::Asked | Self::OnlyOfRoutes)
    }
}

impl Surroundings {
    /// The system's clock and random source, and nothing in front of the carrier.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::new()),
            around_email: Box::new(|carrier| carrier),
        }
    }
}

/// What nearly every use case stands on. Whoever puts one together takes of it what is needed.
struct Ports {
    store: Arc<dyn Store>,
    sealer: Arc<dyn Sealer>,
    tokens: Arc<dyn TokenKeys>,
    hasher: Arc<dyn PasswordHasher>,
    peppers: Peppers,
    outbox: Outbox,
    refusals: Refusals,
    revocations: Revocations,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Every use case over the configured store.
pub struct Service {
    /// Who may do what.
    pub access: Access,
    /// Access tokens of ours.
    pub access_tokens: AccessTokens,
    /// What gateways ask.
    pub authorizer: Authorizer,
    /// Whose tokens are taken beside our own.
    pub trusted_issuers: Arc<TrustedIssuers>,
    /// Accounts.
    pub accounts: Accounts,
    /// Invitations.
    pub invitations: Invitations,
    /// Signing up.
    pub sign_up: SignUp,
    /// Signing in.
    pub sign_in: SignIn,
    /// Recovering an account.
    pub recovery: Recovery,
    /// Changing a password.
    pub passwords: Passwords,
    /// API keys.
    pub api_keys: ApiKeys,
    /// Device tokens, and the licences that they stand on.
    pub device_tokens: DeviceTokens,
    /// What is remembered of the store, and told what ends.
    pub revocations: Revocations,
    /// Sessions.
    pub sessions: Sessions,
    /// Messages.
    pub outbox: Outbox,
    /// What happened.
    pub audit: Audit,
    /// Deletes what has expired.
    pub sweeper: Sweeper,
    /// What was refused and is not written yet.
    pub refusals: Refusals,
    /// The keys that sign.
    pub signing_keys: SigningKeys,
    /// Seals everything anew under another master key.
    pub resealing: Resealing,
    /// Signs and verifies with them; its gauges are in the metrics.
    pub tokens: Arc<JwtKeys>,
    /// Hashes personal data for logs.
    pub pii: PiiHasher,
    /// Hashes passwords; its gauges are in the metrics.
    pub hasher: Arc<PasswordHashPool>,
    /// The store itself, to be closed at the end.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Service {
    /// Ends the store: what waits is written, and nothing after it.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// Puts the service together for serving. On SQLite a store that is not there is made, with its master key (G10);
/// the first signing key and the peppers are made by whichever node comes first.
///
/// # Errors
/// See [`WiringError`].
pub async fn open(settings: &Settings, surroundings: Surroundings) -> Result<Service, WiringError> {
    open_for(settings, surroundings, Questions::Asked).await
}

/// As [`open`], for who serves and is asked these questions only.
///
/// # Errors
/// See [`WiringError`].
pub async fn open_for(
    settings: &Settings,
    surroundings: Surroundings,
    questions: Questions,
) -> Result<Service, WiringError> {
    let Opened { store, keys } = store::engine(settings)?.open(&surroundings.entropy).await?;
    let service = assemble(settings, surroundings, store, Arc::new(keys), questions).await?;
    service.signing_keys.load_or_create().await?;
    Ok(service)
}

/// Puts the service together over a store that is there and in use already; nothing is made. For commands that look.
///
/// # Errors
/// See [`WiringError`].
pub async fn open_existing(
    settings: &Settings,
    surroundings: Surroundings,
    questions: Questions,
) -> Result<Service, WiringError> {
    let Opened { store, keys } = store::engine(settings)?.open_existing(&surroundings.entropy).await?;
    // Whoever looks first must not be who makes the peppers: under a wrong master key they would lock out every node.
    if SigningKeyStore::list(&*store).await.map_err(SigningKeysError::from)?.is_empty() {
        return Err(WiringError::Unused(settings.store.url.to_string()));
    }
    let service = assemble(settings, surroundings, store, Arc::new(keys), questions).await?;
    service.signing_keys.load().await?;
    Ok(service)
}

async fn assemble(
    configured: &Settings,
    surroundings: Surroundings,
    store: Arc<dyn Store>,
    sealer: Arc<dyn Sealer>,
    questions: Questions,
) -> Result<Service, WiringError> {
    let Surroundings { clock, entropy, around_email } = surroundings;
    let peppers = Peppers::load(&*store, &sealer, &*entropy).await?;
    let hasher = Arc::new(hasher(configured, &entropy)?);
    let jwt = Arc::new(JwtKeys::new());
    let carrier = around_email(email::carrier(&configured.messages.email).await?);
    let ports = Ports {
        outbox: outbox(configured, carrier, &store, &sealer, (&clock, &entropy))?,
        refusals: Refusals::new(store.clone(), Arc::clone(&clock), Arc::clone(&entropy)),
        revocations: api_keys::revocations(configured, &store),
        tokens: jwt.clone(),
        hasher: hasher.clone(),
        store,
        sealer,
        peppers,
        clock,
        entropy,
    };
    let access = access::access(configured, questions, &ports.store, &ports.refusals)?;
    let sessions = sessions(configured, &ports);
    let sign_in = people::sign_in_ports(configured, &ports, &sessions);
    let sign_up = people::sign_up_ports(configured, &ports, &sign_in)?;
    let sign_in = SignIn::new(sign_in, settings::sign_in(configured));
    let credentials = credentials(configured, &ports, &access, &sessions)?;
    let authorizer = authorizer::authorizer(configured, questions, credentials.clone(), &ports.refusals)?;
    Ok(Service {
        authorizer,
        access_tokens: credentials.access_tokens,
        trusted_issuers: credentials.trusted_issuers,
        api_keys: credentials.api_keys,
        device_tokens: credentials.device_tokens,
        accounts: people::accounts(&ports),
        invitations: people::invitations(configured, &ports, &sign_up),
        recovery: people::recovery(configured, &ports, &sign_up),
        passwords: people::passwords(&ports, &sign_up, sign_in.clone()),
        sign_up: SignUp::new(sign_up, settings::sign_up(configured)),
        sign_in,
        audit: Audit::new(ports.store.clone()),
        sweeper: sweeper(configured, &ports),
        signing_keys: signing_keys(configured, &ports),
        resealing: resealing(&ports),
        pii: pii(configured, &ports.peppers),
        access,
        sessions,
        revocations: ports.revocations,
        outbox: ports.outbox,
        refusals: ports.refusals,
        tokens: jwt,
        hasher,
        store: ports.store,
        clock: ports.clock,
        entropy: ports.entropy,
    })
}

fn hasher(configured: &Settings, entropy: &Arc<dyn Entropy>) -> Result<PasswordHashPool, WiringError> {
    PasswordHashPool::new(settings::hashing(configured), Arc::clone(entropy)).map_err(WiringError::Hashing)
}

fn outbox(
    configured: &Settings,
    email: Arc<dyn EmailCarrier>,
    store: &Arc<dyn Store>,
    sealer: &Arc<dyn Sealer>,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> Result<Outbox, WiringError> {
    let ports = OutboxPorts {
        store: store.clone(),
        sealer: Arc::clone(sealer),
        templates: Arc::new(templates(configured, &configured.messages.language)?),
        email,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    Ok(Outbox::new(ports, settings::outbox(configured)))
}

fn sessions(configured: &Settings, ports: &Ports) -> Sessions {
    let issuer = configured.http.public_url.to_string();
    let ports = SessionPorts {
        store: ports.store.clone(),
        tokens: SessionTokens::new(Arc::clone(&ports.tokens), Arc::clone(&ports.entropy), &issuer),
        refusals: ports.refusals.clone(),
        revocations: ports.revocations.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    Sessions::new(ports, settings::sessions(configured))
}

/// Whoever verifies a credential that is shown at a gateway.
fn credentials(
    configured: &Settings,
    ports: &Ports,
    access: &Access,
    sessions: &Sessions,
) -> Result<CredentialPorts, WiringError> {
    Ok(CredentialPorts {
        sessions: sessions.clone(),
        api_keys: api_keys::api_keys(configured, ports, access),
        access_tokens: access_tokens(configured, ports),
        device_tokens: device_tokens::device_tokens(configured, ports, access)?,
        trusted_issuers: Arc::new(trusted_issuers::trusted_issuers(configured, &ports.clock)?),
    })
}

fn access_tokens(configured: &Settings, ports: &Ports) -> AccessTokens {
    let ports = AccessTokenPorts {
        tokens: Arc::clone(&ports.tokens),
        audit: ports.store.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    AccessTokens::new(ports, &configured.http.public_url.to_string())
}

fn signing_keys(configured: &Settings, ports: &Ports) -> SigningKeys {
    let ports = SigningKeyPorts {
        store: ports.store.clone(),
        sealer: Arc::clone(&ports.sealer),
        tokens: Arc::clone(&ports.tokens),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    SigningKeys::new(ports, settings::signing_keys(configured))
}

fn resealing(ports: &Ports) -> Resealing {
    Resealing {
        store: ports.store.clone(),
        audit: ports.store.clone(),
        sealer: Arc::clone(&ports.sealer),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    }
}

fn sweeper(configured: &Settings, ports: &Ports) -> Sweeper {
    let (clock, settings) = (Arc::clone(&ports.clock), settings::sweeper(configured));
    Sweeper::new(ports.store.clone(), clock, &*ports.entropy, settings)
}

/// The templates for this language.
pub(crate) fn templates(settings: &Settings, language: &LanguageTag) -> Result<TemplateSet, WiringError> {
    let public_url = settings.http.public_url.to_string();
    let globals = TemplateGlobals { service_name: SERVICE_NAME, public_url: &public_url };
    TemplateSet::load(settings.messages.templates.as_deref(), language.as_str(), globals)
        .map_err(WiringError::Templates)
}

fn pii(settings: &Settings, peppers: &Peppers) -> PiiHasher {
    let salt = settings.log.pii_salt.as_ref().map(|salt| salt.expose().as_bytes());
    PiiHasher::new(salt.unwrap_or(peppers.pii_salt()))
}
