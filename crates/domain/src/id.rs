//! Identifiers: a type of its own for each kind, all of them `UUIDv7`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    entropy::{Entropy, random_bytes},
};

/// The text is not a UUID.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a UUID")]
pub struct InvalidId;

fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes::<10>(entropy)).into_uuid()
}

/// Sorts after the ids of earlier milliseconds, and before those of this one and later ones.
#[must_use]
pub fn first_at(moment: Timestamp) -> [u8; 16] {
    let millis = u64::try_from(moment.micros() / 1_000).unwrap_or(0);
    (u128::from(millis) << 80).to_be_bytes()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one (RFC 9562, version 7): ordered by `now`, 74 random bits.
            #[must_use]
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }

            /// From the 16 bytes that a store keeps.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes that a store keeps; they sort by age.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    )+};
}

ids! {
    /// An account.
    AccountId;
    /// An e-mail address or phone number of an account.
    IdentifierId;
    /// A ceremony under way: one sign-up or one sign-in, from its first factor to its second.
    CeremonyId;
    /// An invitation to become an account.
    InvitationId;
    /// A session: one signed-in client.
    SessionId;
    /// A rotating refresh token; finds its row, proves nothing by itself.
    RefreshTokenId;
    /// An API key: the family of its successors, over every refresh.
    ApiKeyId;
    /// One key of such a family (`jti`), found by its refresh token too.
    ApiKeyTokenId;
    /// A licence.
    LicenseId;
    /// A request for a device token: the half of it that the caller gets (D5).
    TokenRequestId;
    /// A device token (`kid`, `jti`).
    DeviceTokenId;
    /// A key that signs tokens (`kid`).
    SigningKeyId;
    /// A message in the outbox.
    MessageId;
    /// A row of the audit log.
    AuditEventId;
    /// One token (`jti`).
    TokenId;
    /// One request to the service, in every log line, response and audit row (G1).
    RequestId;
}
