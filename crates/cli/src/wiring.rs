//! Where stores, carriers and use cases meet: the only place that knows which adapter stands behind which port.

use std::{fs, sync::Arc};

use symbolon_adapters::{
    jwt::JwtKeys,
    password_hash::PasswordHashPool,
    system::{SystemClock, SystemEntropy},
    templates::{TemplateGlobals, TemplateSet},
};
use symbolon_domain::{
    access::Access,
    access_tokens::{AccessTokenPorts, AccessTokens},
    accounts::{AccountPorts, Accounts},
    api_keys::ApiKeys,
    audit::{Audit, Refusals},
    clock::Clock,
    entropy::Entropy,
    invitations::{InvitationPorts, InvitationSettings, Invitations},
    one_time_codes::OneTimeCodes,
    outbox::{EmailCarrier, Outbox, OutboxPorts},
    passwords::{PasswordHasher, PasswordPolicy, PasswordPorts, PasswordUse, Passwords},
    pii::PiiHasher,
    recovery::{Recovery, RecoveryPorts},
    revocations::Revocations,
    sealing::{Peppers, Resealing, Sealer},
    sessions::{SessionPorts, SessionTokens, Sessions},
    sign_in::{SignIn, SignInPorts},
    sign_up::{SignUp, SignUpPorts},
    signing_keys::{SigningKeyPorts, SigningKeyStore, SigningKeys, SigningKeysError, TokenKeys},
    store::Store,
    sweeper::Sweeper,
    trusted_issuers::TrustedIssuers,
};

use self::store::Opened;
use crate::settings::{LanguageTag, PageUrl, Settings};

pub(crate) mod access;
mod api_keys;
pub(crate) mod email;
mod error;
pub(crate) mod files;
mod master_key;
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

/// Whether anybody asks who may do what. Where nobody does, policies that are broken are in nobody's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Questions {
    /// The policies are read, and must be right.
    Asked,
    /// They are not looked at; who asks all the same gets no answer.
    NoneAsked,
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

/// Every use case over the configured store.
pub struct Service {
    /// Who may do what.
    pub access: Access,
    /// Access tokens of ours.
    pub access_tokens: AccessTokens,
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
    let Opened { store, keys } = store::engine(settings)?.open(&surroundings.entropy).await?;
    let service = assemble(settings, surroundings, store, Arc::new(keys), Questions::Asked).await?;
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
    let tokens: Arc<dyn TokenKeys> = jwt.clone();
    let refusals = Refusals::new(store.clone(), Arc::clone(&clock), Arc::clone(&entropy));
    let revocations = api_keys::revocations(configured, &store);
    let carrier = around_email(email::carrier(&configured.messages.email).await?);
    let outbox = outbox(configured, carrier, &store, &sealer, (&clock, &entropy))?;
    let about = (&store, &refusals, &revocations);
    let sessions = sessions(configured, about, &tokens, (&clock, &entropy));
    let codes = codes(configured, &store, &peppers, &entropy);
    let sign_in = SignInPorts {
        store: store.clone(),
        hasher: hasher.clone(),
        codes,
        sessions: sessions.clone(),
        outbox: outbox.clone(),
        peppers: peppers.clone(),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    };
    let resealing = resealing(&sign_in, &store, &sealer);
    let signing_keys = signing_keys(&sign_in, &store, sealer, &tokens, configured);
    let sign_up = sign_up_ports(&sign_in, &store, configured)?;
    let access = access::access(configured, questions, &store, &refusals)?;
    let api_keys =
        api_keys::api_keys(&sign_in, &store, &tokens, (&access, &refusals, &revocations), configured);
    let sign_in = SignIn::new(sign_in, settings::sign_in(configured));
    Ok(Service {
        access,
        access_tokens: access_tokens(configured, &tokens, &store, (&clock, &entropy)),
        trusted_issuers: Arc::new(trusted_issuers::trusted_issuers(configured, &clock)?),
        api_keys,
        accounts: accounts(&sign_up, &store, &refusals, &revocations),
        invitations: invitations(&sign_up, &store, &refusals, configured),
        recovery: Recovery::new(
            recovery_ports(&sign_up, &store, &refusals, &revocations),
            configured.pages.recovery.as_ref().map(PageUrl::as_str),
        ),
        passwords: Passwords::new(password_ports(&sign_up, &store, sign_in.clone(), &revocations)),
        sign_up: SignUp::new(sign_up, settings::sign_up(configured)),
        sign_in,
        audit: Audit::new(store.clone()),
        sweeper: Sweeper::new(store.clone(), Arc::clone(&clock), &*entropy, settings::sweeper(configured)),
        signing_keys,
        resealing,
        pii: pii(configured, &peppers),
        sessions,
        revocations,
        outbox,
        refusals,
        tokens: jwt,
        hasher,
        store,
        clock,
        entropy,
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

fn sessions(
    configured: &Settings,
    (store, refusals, revocations): (&Arc<dyn Store>, &Refusals, &Revocations),
    tokens: &Arc<dyn TokenKeys>,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> Sessions {
    let issuer = configured.http.public_url.to_string();
    let ports = SessionPorts {
        store: store.clone(),
        tokens: SessionTokens::new(Arc::clone(tokens), Arc::clone(entropy), &issuer),
        refusals: refusals.clone(),
        revocations: revocations.clone(),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    Sessions::new(ports, settings::sessions(configured))
}

fn access_tokens(
    configured: &Settings,
    tokens: &Arc<dyn TokenKeys>,
    store: &Arc<dyn Store>,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> AccessTokens {
    let ports = AccessTokenPorts {
        tokens: Arc::clone(tokens),
        audit: store.clone(),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    AccessTokens::new(ports, &configured.http.public_url.to_string())
}

fn codes(
    configured: &Settings,
    store: &Arc<dyn Store>,
    peppers: &Peppers,
    entropy: &Arc<dyn Entropy>,
) -> OneTimeCodes {
    let limits = settings::one_time_codes(configured);
    OneTimeCodes::new(store.clone(), peppers.clone(), Arc::clone(entropy), limits)
}

fn accounts(
    ports: &SignUpPorts,
    store: &Arc<dyn Store>,
    refusals: &Refusals,
    revocations: &Revocations,
) -> Accounts {
    Accounts::new(AccountPorts {
        store: store.clone(),
        refusals: refusals.clone(),
        revocations: revocations.clone(),
        outbox: ports.outbox.clone(),
        peppers: ports.peppers.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    })
}

/// Invitations stand on what sign-ups stand on: they make accounts too.
fn invitations(
    sign_up: &SignUpPorts,
    store: &Arc<dyn Store>,
    refusals: &Refusals,
    configured: &Settings,
) -> Invitations {
    let ports = InvitationPorts {
        store: store.clone(),
        policy: sign_up.policy.clone(),
        hasher: Arc::clone(&sign_up.hasher),
        outbox: sign_up.outbox.clone(),
        refusals: refusals.clone(),
        peppers: sign_up.peppers.clone(),
        clock: Arc::clone(&sign_up.clock),
        entropy: Arc::clone(&sign_up.entropy),
    };
    let page = configured.pages.invitation.as_ref().map(ToString::to_string);
    Invitations::new(ports, InvitationSettings { lifetime: Invitations::LIFETIME, page })
}

fn signing_keys(
    ports: &SignInPorts,
    store: &Arc<dyn Store>,
    sealer: Arc<dyn Sealer>,
    tokens: &Arc<dyn TokenKeys>,
    configured: &Settings,
) -> SigningKeys {
    let ports = SigningKeyPorts {
        store: store.clone(),
        sealer,
        tokens: Arc::clone(tokens),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    SigningKeys::new(ports, settings::signing_keys(configured))
}

fn resealing(ports: &SignInPorts, store: &Arc<dyn Store>, sealer: &Arc<dyn Sealer>) -> Resealing {
    Resealing {
        store: store.clone(),
        audit: store.clone(),
        sealer: Arc::clone(sealer),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    }
}

/// A sign-up stands on what a sign-in stands on, with a store of its own and a policy for new passwords.
fn sign_up_ports(
    sign_in: &SignInPorts,
    store: &Arc<dyn Store>,
    configured: &Settings,
) -> Result<SignUpPorts, WiringError> {
    Ok(SignUpPorts {
        store: store.clone(),
        policy: policy(configured, &sign_in.hasher)?,
        hasher: Arc::clone(&sign_in.hasher),
        codes: sign_in.codes.clone(),
        sessions: sign_in.sessions.clone(),
        outbox: sign_in.outbox.clone(),
        peppers: sign_in.peppers.clone(),
        clock: Arc::clone(&sign_in.clock),
        entropy: Arc::clone(&sign_in.entropy),
    })
}

/// A recovery stands on what a sign-up stands on: both set a password for who reads a mail.
fn recovery_ports(
    sign_up: &SignUpPorts,
    store: &Arc<dyn Store>,
    refusals: &Refusals,
    revocations: &Revocations,
) -> RecoveryPorts {
    RecoveryPorts {
        revocations: revocations.clone(),
        store: store.clone(),
        sign_ins: store.clone(),
        accounts: store.clone(),
        policy: sign_up.policy.clone(),
        hasher: Arc::clone(&sign_up.hasher),
        codes: sign_up.codes.clone(),
        outbox: sign_up.outbox.clone(),
        peppers: sign_up.peppers.clone(),
        refusals: refusals.clone(),
        clock: Arc::clone(&sign_up.clock),
        entropy: Arc::clone(&sign_up.entropy),
    }
}

fn password_ports(
    sign_up: &SignUpPorts,
    store: &Arc<dyn Store>,
    sign_in: SignIn,
    revocations: &Revocations,
) -> PasswordPorts {
    PasswordPorts {
        revocations: revocations.clone(),
        store: store.clone(),
        accounts: store.clone(),
        sign_in,
        policy: sign_up.policy.clone(),
        hasher: Arc::clone(&sign_up.hasher),
        outbox: sign_up.outbox.clone(),
        clock: Arc::clone(&sign_up.clock),
        entropy: Arc::clone(&sign_up.entropy),
    }
}

/// The templates for this language.
pub(crate) fn templates(settings: &Settings, language: &LanguageTag) -> Result<TemplateSet, WiringError> {
    let public_url = settings.http.public_url.to_string();
    let globals = TemplateGlobals { service_name: SERVICE_NAME, public_url: &public_url };
    TemplateSet::load(settings.messages.templates.as_deref(), language.as_str(), globals)
        .map_err(WiringError::Templates)
}

fn policy(settings: &Settings, hasher: &Arc<dyn PasswordHasher>) -> Result<PasswordPolicy, WiringError> {
    let own = blocklist(settings)?;
    let own = own.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
    // Every account has a second factor.
    let purpose = PasswordUse::WithSecondFactor;
    Ok(PasswordPolicy::new(
        purpose,
        settings::count(settings.passwords.minimum_length),
        own,
        Arc::clone(hasher),
    ))
}

/// The operator's list of refused passwords, one a line.
fn blocklist(settings: &Settings) -> Result<String, WiringError> {
    let Some(path) = &settings.passwords.blocklist else { return Ok(String::new()) };
    fs::read_to_string(path).map_err(|source| WiringError::Blocklist { path: path.clone(), source })
}

fn pii(settings: &Settings, peppers: &Peppers) -> PiiHasher {
    let salt = settings.log.pii_salt.as_ref().map(|salt| salt.expose().as_bytes());
    PiiHasher::new(salt.unwrap_or(peppers.pii_salt()))
}
