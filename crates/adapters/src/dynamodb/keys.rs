//! Where each item is: the partition key `pk` and the sort key `sk`. The access patterns are in `docs/dynamodb.md`.
//!
//! Lists that every request adds to are spread over [`SHARDS`] partitions, because one partition takes a thousand
//! capacity units of writes a second.

use std::fmt::Write as _;

use symbolon_domain::{
    device_tokens::{DeviceId, Holder},
    id::{
        AccountId, ApiKeyId, ApiKeyTokenId, AuditEventId, CeremonyId, DeviceTokenId, InvitationId, LicenseId,
        MessageId, RefreshTokenId, SessionId, TokenRequestId,
    },
    identifiers::EmailAddress,
    licenses::LicenseSubject,
    secret::SecretHash,
};

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// Partitions of each shared list, and of the outbox's queue. It is part of the schema.
pub(super) const SHARDS: u8 = 8;

/// The sort key of an item that has its partition for itself, or begins it.
const ROOT: &str = ".";

impl Key {
    fn root(pk: String) -> Self {
        Self { pk, sk: ROOT.to_owned() }
    }
}

/// The shard of an id: its last bits, which are random.
pub(super) fn shard(id: &[u8; 16]) -> u8 {
    let [.., last] = id;
    last % SHARDS
}

pub(super) fn schema() -> Key {
    Key::root("schema".to_owned())
}

pub(super) fn account(id: AccountId) -> Key {
    Key::root(format!("account#{id}"))
}

/// The partition of one shard of the list of all accounts.
pub(super) fn accounts(shard: u8) -> String {
    format!("accounts#{shard}")
}

pub(super) fn listed_account(id: AccountId) -> Key {
    Key { pk: accounts(shard(id.as_bytes())), sk: id.to_string() }
}

/// The partition of the accounts with the role superuser.
pub(super) const SUPERUSERS: &str = "superusers";

pub(super) fn superuser(id: AccountId) -> Key {
    Key { pk: SUPERUSERS.to_owned(), sk: id.to_string() }
}

pub(super) fn invitation(id: InvitationId) -> Key {
    Key::root(format!("invitation#{id}"))
}

/// The partition of one shard of the list of all invitations.
pub(super) fn invitations(shard: u8) -> String {
    format!("invitations#{shard}")
}

pub(super) fn listed_invitation(id: InvitationId) -> Key {
    Key { pk: invitations(shard(id.as_bytes())), sk: id.to_string() }
}

/// The invitation that an address has.
pub(super) fn invited(address: &EmailAddress) -> Key {
    Key::root(format!("invited#{}", address.normalized()))
}

/// What an address leads to.
pub(super) fn email(address: &EmailAddress) -> Key {
    Key::root(format!("email#{}", address.normalized()))
}

pub(super) fn session(id: SessionId) -> Key {
    Key::root(format!("session#{id}"))
}

/// What sort keys of an account's sessions begin with.
pub(super) const SESSIONS_OF_ACCOUNT: &str = "session#";

pub(super) fn session_of_account(account: AccountId, id: SessionId) -> Key {
    Key { pk: self::account(account).pk, sk: format!("{SESSIONS_OF_ACCOUNT}{id}") }
}

pub(super) fn refresh_token(id: RefreshTokenId) -> Key {
    Key::root(format!("refresh_token#{id}"))
}

/// A family of API keys.
pub(super) fn api_key(id: ApiKeyId) -> Key {
    Key::root(format!("api_key#{id}"))
}

/// What sort keys of an account's API keys begin with.
pub(super) const API_KEYS_OF_ACCOUNT: &str = "api_key#";

pub(super) fn api_key_of_account(account: AccountId, id: ApiKeyId) -> Key {
    Key { pk: self::account(account).pk, sk: format!("{API_KEYS_OF_ACCOUNT}{id}") }
}

/// One key of a family.
pub(super) fn api_key_token(id: ApiKeyTokenId) -> Key {
    Key::root(format!("api_key_token#{id}"))
}

pub(super) fn license(id: LicenseId) -> Key {
    Key::root(format!("license#{id}"))
}

/// The partition of one shard of the list of all licences.
pub(super) fn licenses(shard: u8) -> String {
    format!("licenses#{shard}")
}

pub(super) fn listed_license(id: LicenseId) -> Key {
    Key { pk: licenses(shard(id.as_bytes())), sk: id.to_string() }
}

/// The partition of the licences of one subject.
pub(super) fn licenses_of(subject: &LicenseSubject) -> String {
    format!("licenses_of#{}", subject.key())
}

pub(super) fn license_of(subject: &LicenseSubject, id: LicenseId) -> Key {
    Key { pk: licenses_of(subject), sk: id.to_string() }
}

/// A request for a device token.
pub(super) fn token_request(id: TokenRequestId) -> Key {
    Key::root(format!("token_request#{id}"))
}

/// What is kept of a device itself. A holder and a device together may be longer than a key.
pub(super) fn device(holder: &Holder, id: &DeviceId) -> Key {
    // No device's id has a line break in it.
    let hash = SecretHash::sha256(format!("{holder}\n{}", id.as_str()).as_bytes());
    Key::root(format!("device#{}", hex(hash.as_bytes())))
}

pub(super) fn device_token(id: DeviceTokenId) -> Key {
    Key::root(format!("device_token#{id}"))
}

/// The partition of one shard of the list of all device tokens.
pub(super) fn device_tokens(shard: u8) -> String {
    format!("device_tokens#{shard}")
}

pub(super) fn listed_device_token(id: DeviceTokenId) -> Key {
    Key { pk: device_tokens(shard(id.as_bytes())), sk: id.to_string() }
}

/// The partition of the device tokens of one holder.
pub(super) fn device_tokens_of(holder: &Holder) -> String {
    let hash = SecretHash::sha256(holder.to_string().as_bytes());
    format!("device_tokens_of#{}", hex(hash.as_bytes()))
}

pub(super) fn device_token_of(holder: &Holder, id: DeviceTokenId) -> Key {
    Key { pk: device_tokens_of(holder), sk: id.to_string() }
}

/// A sign-up or a sign-in, with its code.
pub(super) fn ceremony(id: CeremonyId) -> Key {
    Key::root(format!("ceremony#{id}"))
}

/// The partition of the numbered slots of one owner.
pub(super) fn slots(kind: &str, key: SecretHash) -> String {
    format!("slots#{kind}#{}", hex(key.as_bytes()))
}

pub(super) fn slot(kind: &str, key: SecretHash, number: u32) -> Key {
    Key { pk: slots(kind, key), sk: format!("{number:010}") }
}

/// The failures of the first factor of one address.
pub(super) fn throttle(address: SecretHash) -> Key {
    Key::root(format!("throttle#{}", hex(address.as_bytes())))
}

/// The partition of one shard of the outbox.
pub(super) fn messages(shard: u8) -> String {
    format!("messages#{shard}")
}

pub(super) fn message(id: MessageId) -> Key {
    Key { pk: messages(shard(id.as_bytes())), sk: id.to_string() }
}

/// The partition of one shard of the audit log.
pub(super) fn events(shard: u8) -> String {
    format!("events#{shard}")
}

pub(super) fn event(id: AuditEventId) -> Key {
    Key { pk: events(shard(id.as_bytes())), sk: id.to_string() }
}

/// The partition of the signing keys.
pub(super) const SIGNING_KEYS: &str = "signing_keys";

/// By generation, so that of two nodes that make the next key at once one finds its place taken.
pub(super) fn signing_key(generation: u32) -> Key {
    Key { pk: SIGNING_KEYS.to_owned(), sk: format!("{generation:010}") }
}

pub(super) fn pepper(name: &str) -> Key {
    Key::root(format!("pepper#{name}"))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
