//! A whole store: every port that keeps something, on one engine.

use async_trait::async_trait;

use crate::{
    accounts::AccountStore,
    api_keys::ApiKeyStore,
    audit::AuditStore,
    device_tokens::DeviceTokenStore,
    invitations::InvitationStore,
    licenses::LicenseStore,
    one_time_codes::OneTimeCodeStore,
    outbox::OutboxStore,
    passwords::PasswordStore,
    recovery::RecoveryStore,
    revocations::RevocationFeed,
    sealing::{PepperStore, ResealStore},
    sessions::SessionStore,
    sign_in::SignInStore,
    sign_up::SignUpStore,
    signing_keys::SigningKeyStore,
    sweeper::SweepStore,
};

/// Every port of one store. What stands on a part of it takes that part: an `Arc<dyn Store>` is an
/// `Arc<dyn SessionStore>` too.
#[async_trait]
pub trait Store:
    AccountStore
    + ApiKeyStore
    + AuditStore
    + DeviceTokenStore
    + InvitationStore
    + LicenseStore
    + OneTimeCodeStore
    + OutboxStore
    + PasswordStore
    + PepperStore
    + RecoveryStore
    + ResealStore
    + RevocationFeed
    + SessionStore
    + SignInStore
    + SignUpStore
    + SigningKeyStore
    + SweepStore
{
    /// Finishes what waits, and refuses writes from then on.
    async fn close(&self);
}
