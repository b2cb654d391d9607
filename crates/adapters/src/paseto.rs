//! API keys as PASETO v4.local tokens (tokens.md, K2): who finds one learns nothing from it, and opening one asks no store.
//! What the claims say is the domain's to judge.
//!
//! A sealing key belongs to a period of [`PERIOD`], which the footer names, and is derived (HKDF, RFC 5869) from a pepper of
//! the store: no node has to tell another that there is a new one. A period's key is taken as long as a refresh token of a
//! key that it sealed may live, since an expired key is refreshed by showing it.

use std::{
    fmt,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use pasetors::{
    Local,
    keys::SymmetricKey,
    token::UntrustedToken,
    version4::{LocalToken, V4},
};
use secrecy::SecretString;
use symbolon_domain::{
    api_keys::{ApiKeyFault, ApiKeySealer, PREFIX},
    clock::Timestamp,
};
use zeroize::Zeroizing;

/// How long one sealing key seals, in seconds. Not a setting: another length would give the periods other numbers, and
/// every key that is out would name a wrong one.
const PERIOD: i64 = 30 * 86_400;
/// A key that another node sealed at the beginning of a period is taken by one whose clock is behind, by so many seconds.
const CLOCKS_DIFFER: i64 = 600;
/// Longer texts are refused unread (C54).
const LONGEST_KEY: usize = 16 * 1024;
/// What every key is sealed for, and no other token (C52).
const IMPLICIT_ASSERTION: &[u8] = b"symbolon/api-key/v1";

/// Seals and opens API keys.
pub struct PasetoSealer {
    root: Prk,
    longest_life: i64,
    /// The key that was asked for last, with its period: nearly always the one that is asked for next.
    last: RwLock<Option<(i64, SymmetricKey<V4>)>>,
}

impl PasetoSealer {
    /// Derives the sealing keys from `pepper`. A key, or its refresh token, lives for `longest_life` at the most.
    #[must_use]
    pub fn new(pepper: &[u8; 32], longest_life: Duration) -> Self {
        let root = Salt::new(HKDF_SHA256, b"symbolon/api-keys").extract(pepper);
        let longest_life = i64::try_from(longest_life.as_secs()).unwrap_or(i64::MAX);
        Self { root, longest_life, last: RwLock::new(None) }
    }

    fn key(&self, period: i64) -> Option<SymmetricKey<V4>> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, key)) = last.filter(|(of, _)| *of == period) {
            return Some(key);
        }
        let key = self.derive(period)?;
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some((period, key.clone()));
        Some(key)
    }

    fn derive(&self, period: i64) -> Option<SymmetricKey<V4>> {
        let mut bytes = Zeroizing::new([0; 32]);
        let info: [&[u8]; 2] = [IMPLICIT_ASSERTION, &period.to_be_bytes()];
        self.root.expand(&info, HKDF_SHA256).ok()?.fill(&mut *bytes).ok()?;
        SymmetricKey::from(&*bytes).ok()
    }

    fn is_taken(&self, period: i64, now: Timestamp) -> bool {
        let begin = period.saturating_mul(PERIOD);
        let end = begin.saturating_add(PERIOD).saturating_add(self.longest_life);
        begin <= now.seconds().saturating_add(CLOCKS_DIFFER) && now.seconds() < end
    }
}

impl fmt::Debug for PasetoSealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasetoSealer(redacted)")
    }
}

impl ApiKeySealer for PasetoSealer {
    fn seal(&self, claims: &[u8], now: Timestamp) -> Result<SecretString, ApiKeyFault> {
        let period = now.seconds().div_euclid(PERIOD);
        let key = self.key(period).ok_or(ApiKeyFault::Seal)?;
        let footer = period.to_string();
        let token = LocalToken::encrypt(&key, claims, Some(footer.as_bytes()), Some(IMPLICIT_ASSERTION));
        let token = Zeroizing::new(token.map_err(|_| ApiKeyFault::Seal)?);
        Ok(SecretString::from(format!("{PREFIX}{}", *token)))
    }

    fn open(&self, text: &str, now: Timestamp) -> Result<Zeroizing<Vec<u8>>, ApiKeyFault> {
        if text.len() > LONGEST_KEY {
            return Err(ApiKeyFault::Format);
        }
        let token = text.strip_prefix(PREFIX).ok_or(ApiKeyFault::Format)?;
        let token = UntrustedToken::<Local, V4>::try_from(token).map_err(|_| ApiKeyFault::Format)?;
        let period = period(token.untrusted_footer()).ok_or(ApiKeyFault::UnknownKey)?;
        if !self.is_taken(period, now) {
            return Err(ApiKeyFault::UnknownKey);
        }
        let key = self.key(period).ok_or(ApiKeyFault::Seal)?;
        let opened = LocalToken::decrypt(&key, &token, None, Some(IMPLICIT_ASSERTION));
        let opened = opened.map_err(|_| ApiKeyFault::Seal)?;
        Ok(Zeroizing::new(opened.payload().as_bytes().to_vec()))
    }
}

/// The period that a footer names, in the one way in which we write it.
fn period(footer: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(footer).ok()?;
    let period: i64 = text.parse().ok()?;
    (period.to_string() == text).then_some(period)
}

#[cfg(test)]
mod tests;
