//! The values of requests: addresses, names, codes, passwords, what API keys say, cursors, ids, moments, what the audit log is filtered by;
//! below a line about the person, `password ` and one to be judged.
//! What is accepted keeps its meaning when it is written and read again.

use std::sync::{Arc, LazyLock};

use secrecy::SecretString;
use symbolon_adapters::{
    password_hash::{PasswordHashConfig, PasswordHashPool},
    system::SystemEntropy,
};
use symbolon_domain::{
    accounts::Name,
    api_keys::{ApiKeyAddress, ApiKeyText, Scopes},
    audit::{AuditFilter, Outcome},
    clock::Timestamp,
    id::AccountId,
    identifiers::EmailAddress,
    one_time_codes::OneTimeCode,
    page::{Cursor, PageRequest},
    passwords::{Password, PasswordPolicy, PasswordUse},
};
use tokio::runtime::Runtime;

/// The policy, and what judges guessable passwords.
static POLICY: LazyLock<(Runtime, PasswordPolicy)> = LazyLock::new(|| {
    let config = PasswordHashConfig { memory_kib: 8, iterations: 1, parallelism: 1, threads: 1, queue: 8 };
    let hasher = PasswordHashPool::new(config, Arc::new(SystemEntropy::new())).expect("a hasher");
    let policy = PasswordPolicy::new(PasswordUse::WithSecondFactor, 8, [], Arc::new(hasher));
    (Runtime::new().expect("a runtime"), policy)
});

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if let Ok(address) = text.parse::<EmailAddress>() {
        assert_eq!(address.as_typed().parse::<EmailAddress>().as_ref(), Ok(&address));
        // In lower case it may be too long for an address.
        let normalized = address.normalized().parse::<EmailAddress>();
        assert!(normalized.is_err() || normalized.as_ref() == Ok(&address));
        assert!(address.normalized().starts_with(address.local_part()));
        assert!(!address.as_typed().contains(['\r', '\n', ' ']));
    }
    if let Ok(name) = text.parse::<Name>() {
        assert!(name.as_str().len() <= Name::MAX_LENGTH);
    }
    if let Ok(text) = text.parse::<ApiKeyText>() {
        assert!((1..=ApiKeyText::MAX_LENGTH).contains(&text.as_str().len()));
    }
    if let Ok(address) = text.parse::<ApiKeyAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Some(scopes) = Scopes::from_text(text) {
        assert_eq!(Scopes::from_text(&scopes.to_text()), Some(scopes));
    }
    let (six, nine) = (text.parse::<OneTimeCode>(), text.parse::<OneTimeCode<9>>());
    assert!(six.is_err() || nine.is_err());
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text);
    }
    if let Ok(id) = text.parse::<AccountId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(moment) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        let filter = AuditFilter { since: Some(moment), until: Some(moment), ..AuditFilter::default() };
        let range = filter.range(PageRequest::first(), 100);
        assert!(range.before.is_some_and(|before| before > range.from));
    }
    if let Some(outcome) = Outcome::parse(text) {
        assert_eq!(outcome.as_str(), text);
    }
    // Judging whether a password can be guessed takes longer than all else together.
    if let Some((personal, password)) = text.split_once("\npassword ")
        && let Ok(password) = Password::new(&SecretString::from(password))
    {
        let (runtime, policy) = &*POLICY;
        drop(runtime.block_on(policy.accept(&password, &[personal, "Ada Lovelace"])));
    }
    true
}
