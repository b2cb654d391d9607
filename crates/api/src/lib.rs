//! How people reach Symbolon over HTTP: requests in, one use case each, answers out.
//!
//! A feature is a file of the domain's own name: its routes, the shapes of its requests and answers, its handlers,
//! and what each of its errors is called. Around them stands what all requests share: [`router`] puts it together.
//! No business rule lives here, and no store, signature or mail carrier is named.

use std::sync::Arc;

use symbolon_domain::{
    access::Access,
    accounts::Accounts,
    api_keys::ApiKeys,
    audit::{Audit, Refusals},
    authorizer::Authorizer,
    clock::Clock,
    device_tokens::DeviceTokens,
    entropy::Entropy,
    invitations::Invitations,
    outbox::Outbox,
    passwords::Passwords,
    pii::PiiHasher,
    recovery::Recovery,
    sessions::Sessions,
    sign_in::SignIn,
    sign_up::SignUp,
    signing_keys::{SigningKeys, TokenKeys},
    trusted_issuers::TrustedIssuers,
};

// What every request meets, from the wire inwards.
mod boundary;
mod caller;
mod cors;
mod fields;
mod headers;
mod limits;
mod metrics;
mod problem;
mod serve;
mod settings;
mod trace;

// The features.
mod access;
mod accounts;
mod api_keys;
mod audit;
mod authorizer;
mod ceremony;
mod device_tokens;
mod invitations;
mod licenses;
mod oauth;
mod outbox;
mod passwords;
mod recovery;
mod sessions;
mod sign_in;
mod sign_up;
mod signing_keys;

// What describes and watches the service.
mod docs;
pub mod management;
mod openapi;
mod router;
pub mod test_mode;

#[cfg(test)]
mod tests;

pub use self::{
    authorizer::describe,
    metrics::{Gauge, Metrics},
    openapi::openapi,
    router::router,
    serve::{Peer, Stopped, serve},
    settings::{HttpSettings, RateLimits, ServeSettings},
};

/// The use cases that the endpoints call, and the ports that the endpoints themselves need.
#[derive(Clone)]
pub struct UseCases {
    /// Answers who may do what.
    pub access: Access,
    /// Answers what gateways ask.
    pub authorizer: Authorizer,
    /// Views, updates and administers accounts.
    pub accounts: Accounts,
    /// Writes and redeems invitations.
    pub invitations: Invitations,
    /// The ceremony of signing up.
    pub sign_up: SignUp,
    /// The ceremony of signing in.
    pub sign_in: SignIn,
    /// The ceremony of recovering an account.
    pub recovery: Recovery,
    /// Changes passwords.
    pub passwords: Passwords,
    /// Issues, verifies, refreshes, ends and lists API keys.
    pub api_keys: ApiKeys,
    /// Requests, claims, verifies, exchanges, ends and lists device tokens; and the licences that they stand on.
    pub device_tokens: DeviceTokens,
    /// The issuers whose tokens are taken beside ours.
    pub trusted_issuers: Arc<TrustedIssuers>,
    /// Counts the tokens of others that are refused.
    pub refusals: Refusals,
    /// Verifies, refreshes, ends and lists sessions.
    pub sessions: Sessions,
    /// Messages: for administrators, readiness and test mode.
    pub outbox: Outbox,
    /// What happened.
    pub audit: Audit,
    /// The keys that sign: for administrators.
    pub signing_keys: SigningKeys,
    /// The public keys.
    pub keys: Arc<dyn TokenKeys>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Hashes addresses for the log.
    pub pii: PiiHasher,
}

/// What every handler can reach.
pub struct Api {
    use_cases: UseCases,
    settings: HttpSettings,
    metrics: Metrics,
    limits: limits::Limits,
}

impl Api {
    /// The HTTP face of these use cases.
    #[must_use]
    pub fn new(use_cases: UseCases, settings: HttpSettings, metrics: Metrics) -> Arc<Self> {
        let limits = limits::Limits::new(settings.rate_limits.as_ref(), &use_cases.clock);
        Arc::new(Self { use_cases, settings, metrics, limits })
    }
}
