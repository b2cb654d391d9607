//! The service's public keys (RFC 7517), kept: fetched anew in the background when they are five minutes old, and at once, though not
//! often, for a key that is not among them. While the service is away the last ones count for a day.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, JwkSet},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    Inner,
    error::{Reason, VerifyError},
    remote::{bounded_body, unavailable},
};

const PATH: &str = ".well-known/jwks.json";
/// From then on they are fetched anew; the service says the same of its copies.
const FRESH: Duration = Duration::from_secs(300);
/// So long they count while they cannot be fetched.
const LAST: Duration = Duration::from_secs(86_400);
/// An unknown key is looked for so often at the most.
const BETWEEN_FETCHES: Duration = Duration::from_secs(60);
/// The same while there are no keys at all.
const BETWEEN_FIRST_FETCHES: Duration = Duration::from_secs(1);

/// A key, and the one algorithm that it is for.
pub(crate) type Key = (Algorithm, DecodingKey);

#[derive(Default)]
pub(crate) struct Jwks {
    kept: RwLock<Option<Kept>>,
    /// When a fetch was last begun; held during it, so that there is one at a time.
    fetching: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Kept {
    keys: Arc<HashMap<String, Arc<Key>>>,
    fetched: Instant,
}

impl fmt::Debug for Jwks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Jwks({} keys)", self.kept().map_or(0, |kept| kept.keys.len()))
    }
}

impl Jwks {
    fn kept(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A key that is known, if what is known is not too old.
    fn find(&self, kid: &str) -> Option<(Arc<Key>, Duration)> {
        let kept = self.kept()?;
        let age = kept.fetched.elapsed();
        let key = kept.keys.get(kid)?;
        (age < LAST).then(|| (Arc::clone(key), age))
    }
}

impl Inner {
    /// The key of this id.
    pub(crate) async fn key(self: &Arc<Self>, kid: &str) -> Result<Arc<Key>, VerifyError> {
        if let Some((key, age)) = self.jwks.find(kid) {
            if age >= FRESH && self.jwks.fetching.try_lock().is_ok() {
                let inner = Arc::clone(self);
                // Whoever asks does not wait for it.
                tokio::spawn(async move { inner.fetch(FRESH).await });
            }
            return Ok(key);
        }
        let since = if self.jwks.kept().is_some() { BETWEEN_FETCHES } else { BETWEEN_FIRST_FETCHES };
        self.fetch(since).await?;
        let found = self.jwks.find(kid);
        found.map(|(key, _)| key).ok_or(VerifyError::Inactive(Reason::UnknownKey))
    }

    /// Fetches the keys, unless that was tried less than `since` ago.
    async fn fetch(&self, since: Duration) -> Result<(), VerifyError> {
        let mut tried = self.jwks.fetching.lock().await;
        let is_kept = self.jwks.kept().is_some_and(|kept| kept.fetched.elapsed() < LAST);
        match *tried {
            // Somebody else has looked meanwhile, or lately.
            Some(at) if at.elapsed() < since && is_kept => return Ok(()),
            Some(at) if at.elapsed() < since => {
                return Err(VerifyError::Unavailable(
                    "its keys could not be fetched a moment ago".to_owned(),
                ));
            }
            _ => *tried = Some(Instant::now()),
        }
        let fetched = Instant::now();
        let answer = self.http.get(self.url(PATH)).send().await.map_err(|error| unavailable(&error))?;
        let answer = answer.error_for_status().map_err(|error| unavailable(&error))?;
        let body = bounded_body(answer).await?;
        let set: JwkSet = serde_json::from_slice(&body)
            .map_err(|_| VerifyError::Unavailable("what it publishes is no JWK set".to_owned()))?;
        let keys = set.keys.iter().filter_map(|jwk| {
            let algorithm = algorithm(&jwk.algorithm)?;
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some((jwk.common.key_id.clone()?, Arc::new((algorithm, key))))
        });
        let kept = Kept { keys: Arc::new(keys.collect()), fetched };
        *self.jwks.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(())
    }
}

/// The algorithm of a key, which the key says and never the token (RFC 8725, section 3.1).
const fn algorithm(parameters: &AlgorithmParameters) -> Option<Algorithm> {
    match parameters {
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => Some(Algorithm::ES256),
            _ => None,
        },
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::OctetKeyPair(_) => Some(Algorithm::EdDSA),
        _ => None,
    }
}
