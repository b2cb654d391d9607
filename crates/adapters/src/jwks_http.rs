//! The keys of trusted issuers, fetched as JWK sets (RFC 7517) and kept, and the signatures that they check (Z2, Z4).
//!
//! A set is fetched anew in the background when it is ten minutes old, and for a key that is not in it, though no more than
//! once a minute. While it cannot be fetched the last good one counts for a day. Nobody who shows a token can make us ask
//! anybody but the issuer that the operator wrote down (C53).

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use symbolon_domain::{
    clock::{Clock, Timestamp},
    trusted_issuers::{
        IssuerKeys, IssuerKeysError, IssuerTokenError, IssuerTokenFault, KeySetId, SignedClaims,
    },
};
use tokio::sync::Mutex;

mod algorithm;
mod fetch;
mod key_set;
mod token;

use self::token::Token;
pub use self::{algorithm::Algorithm, fetch::discover, key_set::KeySet};

/// From then on a set is fetched anew.
const FRESH: Duration = Duration::from_secs(600);
/// So long it counts while it cannot be fetched (Z4).
const LAST: Duration = Duration::from_secs(86_400);
/// It is fetched so often at the most (Z4, C57).
const BETWEEN_FETCHES: Duration = Duration::from_secs(60);
/// The same while there is none at all.
const BETWEEN_FIRST_FETCHES: Duration = Duration::from_secs(2);

/// Whose keys, and where they are.
#[derive(Clone, Debug)]
pub struct IssuerEndpoint {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Where its JWK set is. Not said: found by OpenID Connect discovery.
    pub jwks_uri: Option<String>,
    /// What it may sign with.
    pub algorithms: Vec<Algorithm>,
}

/// Fetches keys over HTTP and checks signatures with them.
#[derive(Clone)]
pub struct JwksHttp(Arc<Inner>);

struct Inner {
    issuers: Vec<Issuer>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

struct Issuer {
    endpoint: IssuerEndpoint,
    kept: RwLock<Option<Arc<Kept>>>,
    /// Held during a fetch, so that there is one at a time.
    fetching: Mutex<Option<Attempt>>,
}

/// A set of keys.
struct Kept {
    id: KeySetId,
    keys: KeySet,
    fetched: Timestamp,
}

/// A fetch that was tried.
#[derive(Clone)]
struct Attempt {
    at: Timestamp,
    result: Result<(), IssuerKeysError>,
}

impl JwksHttp {
    /// For these issuers. Nothing is fetched yet.
    ///
    /// # Errors
    /// There is no TLS to speak.
    pub fn new(issuers: Vec<IssuerEndpoint>, clock: Arc<dyn Clock>) -> Result<Self, IssuerKeysError> {
        let issuers = issuers.into_iter().map(|endpoint| Issuer {
            endpoint,
            kept: RwLock::default(),
            fetching: Mutex::default(),
        });
        Ok(Self(Arc::new(Inner { issuers: issuers.collect(), http: fetch::client()?, clock })))
    }
}

impl fmt::Debug for JwksHttp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JwksHttp({} issuers)", self.0.issuers.len())
    }
}

#[async_trait]
impl IssuerKeys for JwksHttp {
    async fn verify(&self, shown: &str) -> Result<SignedClaims, IssuerTokenError> {
        let token = Token::read(shown)?;
        let iss = token.issuer()?;
        let place = self.0.issuers.iter().position(|issuer| issuer.endpoint.issuer == iss);
        let (place, issuer) = place
            .and_then(|place| Some((place, self.0.issuers.get(place)?)))
            .ok_or(IssuerTokenFault::Issuer)?;
        let algorithm = Algorithm::parse(&token.header.alg)
            .filter(|algorithm| issuer.endpoint.algorithms.contains(algorithm))
            .ok_or(IssuerTokenFault::Algorithm)?;
        let kept = self.with_key(place, issuer, &token.header.kid).await?;
        let key = kept.keys.find(&token.header.kid).ok_or(IssuerTokenFault::UnknownKey)?;
        let signed = (token.signed.as_bytes(), token.signature.as_slice());
        if !key.verifies(algorithm, signed)? {
            return Err(IssuerTokenFault::Signature.into());
        }
        Ok(SignedClaims { issuer: place, keys: kept.id, claims: token.claims })
    }

    fn current(&self, issuer: usize, now: Timestamp) -> Option<KeySetId> {
        let kept = self.0.issuers.get(issuer)?.usable(now)?;
        self.renew(issuer, &kept, now);
        Some(kept.id)
    }

    async fn refresh(&self, issuer: &str) -> Result<usize, IssuerKeysError> {
        let found = self.0.issuers.iter().find(|known| known.endpoint.issuer == issuer);
        let issuer = found.ok_or_else(|| IssuerKeysError("the issuer is not on the list".to_owned()))?;
        self.0.fetch(issuer, Duration::ZERO).await?;
        Ok(issuer.usable(self.0.clock.now()).map_or(0, |kept| kept.keys.len()))
    }
}

impl JwksHttp {
    /// A set of keys of the issuer's that has this one, or the newest that can be had.
    async fn with_key(
        &self,
        place: usize,
        issuer: &Issuer,
        kid: &str,
    ) -> Result<Arc<Kept>, IssuerTokenError> {
        let now = self.0.clock.now();
        let kept = issuer.usable(now);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.keys.find(kid).is_some()) {
            self.renew(place, kept, now);
            return Ok(Arc::clone(kept));
        }
        let between = if kept.is_some() { BETWEEN_FETCHES } else { BETWEEN_FIRST_FETCHES };
        let fetched = self.0.fetch(issuer, between).await;
        let kept = issuer.usable(self.0.clock.now());
        // What cannot be looked for may be there all the same: that is no "no".
        match (kept, fetched) {
            (Some(kept), Ok(())) => Ok(kept),
            (Some(kept), Err(_)) if kept.keys.find(kid).is_some() => Ok(kept),
            _ => Err(IssuerTokenError::Unavailable { issuer: issuer.endpoint.issuer.clone() }),
        }
    }

    /// Fetches a set that is getting old anew. Whoever asks does not wait for it.
    fn renew(&self, place: usize, kept: &Kept, now: Timestamp) {
        if !has_passed(kept.fetched, FRESH, now) {
            return;
        }
        let Some(issuer) = self.0.issuers.get(place) else { return };
        let is_due = issuer
            .fetching
            .try_lock()
            .is_ok_and(|last| last.as_ref().is_none_or(|last| has_passed(last.at, BETWEEN_FETCHES, now)));
        if is_due {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move {
                if let Some(issuer) = inner.issuers.get(place)
                    && let Err(error) = inner.fetch(issuer, BETWEEN_FETCHES).await
                {
                    let issuer = &issuer.endpoint.issuer;
                    tracing::warn!(%issuer, %error, "the keys of a trusted issuer could not be fetched anew");
                }
            });
        }
    }
}

impl Inner {
    /// Fetches the keys, unless that was tried less than `between` ago: then it ends as it ended then.
    async fn fetch(&self, issuer: &Issuer, between: Duration) -> Result<(), IssuerKeysError> {
        let mut last = issuer.fetching.lock().await;
        let now = self.clock.now();
        if let Some(last) = last.as_ref().filter(|last| !has_passed(last.at, between, now)) {
            return last.result.clone();
        }
        let fetched = fetch::key_set(&self.http, &issuer.endpoint).await;
        let result = fetched.map(|keys| issuer.keep(keys, now));
        *last = Some(Attempt { at: now, result: result.clone() });
        result
    }
}

impl Issuer {
    /// The last good set of keys, if it is not too old.
    fn usable(&self, now: Timestamp) -> Option<Arc<Kept>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        (now.since(kept.fetched) <= LAST).then_some(kept)
    }

    fn keep(&self, keys: KeySet, fetched: Timestamp) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let id = match kept.as_deref() {
            Some(before) if before.keys == keys => before.id,
            Some(before) => KeySetId(before.id.0.wrapping_add(1)),
            None => KeySetId(0),
        };
        *kept = Some(Arc::new(Kept { id, keys, fetched }));
    }
}

/// A clock that went back must not keep us from trying.
fn has_passed(since: Timestamp, duration: Duration, now: Timestamp) -> bool {
    now < since || now.since(since) >= duration
}

#[cfg(test)]
mod tests;
