//! The port that keeps sign-ins and counts their failures.

use async_trait::async_trait;

use super::{
    BeginError, Candidate, CompleteError, CompleteSignIn, NewSignIn, SignInAttempt,
    throttle::{Throttle, ThrottleLimits},
};
use crate::{
    accounts::Standing, clock::Timestamp, effects::Effects, id::CeremonyId, identifiers::EmailAddress,
    secret::SecretHash, store_error::StoreError,
};

/// Keeps sign-ins.
#[async_trait]
pub trait SignInStore: Send + Sync {
    /// Pays for a first factor of this address (a keyed hash, known or not) before it is judged, by
    /// [`Throttle::reserve`]. The inner error is the moment before which no attempt is let through; it
    /// writes nothing.
    async fn reserve_attempt(
        &self,
        address: SecretHash,
        limits: ThrottleLimits,
        now: Timestamp,
    ) -> Result<Result<Throttle, Timestamp>, StoreError>;

    /// Gives back an attempt that was paid for and could not be judged (no hash could be computed): one failure
    /// fewer, and no pause. Writes nothing when the throttle is not `reserved` any more.
    async fn release_attempt(&self, address: SecretHash, reserved: Throttle) -> Result<(), StoreError>;

    /// The account with this verified address.
    async fn find_candidate(&self, address: &EmailAddress) -> Result<Option<Candidate>, StoreError>;

    /// A right first factor: forgets the failures, keeps the code, writes the message. Nothing when the account has got
    /// another password since this one was judged.
    async fn begin(&self, command: NewSignIn) -> Result<(), BeginError>;

    /// A wrong first factor: the event, and the owner's notice where there is one.
    async fn refuse(&self, effects: Effects) -> Result<(), StoreError>;

    /// A sign-in that is not completed, and whose account has got no other password since; expired ones included.
    async fn find(&self, id: CeremonyId) -> Result<Option<SignInAttempt>, StoreError>;

    /// Consumes the code (unexpired, in its place, once), pays the guess back, writes the session under the
    /// account's present epoch, touches the account's and its address's last use; of N at once exactly one wins.
    async fn complete(&self, command: CompleteSignIn) -> Result<Standing, CompleteError>;
}
