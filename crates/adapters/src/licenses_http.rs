//! Licences that another service keeps: the operator's own entitlement service, asked over HTTP (L4).
//!
//! An answer counts for a while, also one that there is no licence; an outage is never remembered, and never taken for a
//! "no" (D2). Nothing that the service says, and nothing of our token, is in an error.

use std::{fmt, num::NonZeroU32, time::Duration};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use symbolon_domain::{
    api_keys::Scopes,
    clock::Timestamp,
    device_tokens::Holder,
    id::AccountId,
    licenses::{HeldLicense, License, LicenseSource, Licensee, Product, SeatKey},
    secret::SecretHash,
    store_error::StoreError,
};

use crate::{
    jwt::strict_json,
    loopback::is_private_url,
    outbound::{self, NoAnswer, NoTls},
};

/// The longest id of a licence there, in bytes.
const LONGEST_ID: usize = 256;
/// So many answers are remembered.
const MOST_ANSWERS: usize = 10_000;

/// Which service is asked, and how.
#[derive(Clone, Debug)]
pub struct LicensesHttpOptions {
    /// Where it is: `https://`, or `http://` on this machine.
    pub url: String,
    /// What we show it as a bearer token (RFC 6750).
    pub token: Option<SecretString>,
    /// So long it may take in all.
    pub timeout: Duration,
    /// So long its answer counts.
    pub cache: Duration,
}

/// Why it cannot be asked at all.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LicensesHttpError {
    /// What is said to it could be read on the way.
    #[error("the entitlement service is not at `https://`, or at `http://` on this machine")]
    Url,
    /// It cannot be in a header.
    #[error("the token for the entitlement service is empty or has other than visible ASCII characters")]
    Token,
    /// There is no TLS to speak.
    #[error("no connection can be made: TLS does not start")]
    Tls,
}

/// Why an answer of the service is of no use. It says what is wrong, never what was said.
#[derive(Debug, thiserror::Error)]
#[error("the entitlement service (licensing.url): {0}")]
struct Fault(String);

/// Asks the entitlement service.
pub struct LicensesHttp {
    options: LicensesHttpOptions,
    http: reqwest::Client,
    /// By the hash of what was asked. Whoever asks the same while an answer is on its way waits for it.
    answers: Cache<[u8; 32], Answer>,
}

/// An answer that is remembered.
#[derive(Clone)]
struct Answer {
    license: Option<HeldLicense>,
    from: Timestamp,
    until: Timestamp,
}

impl Answer {
    fn counts(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// What is asked.
#[derive(Serialize)]
struct Question<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    addresses: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Who<'a> {
    Account { account_id: AccountId },
    External { issuer: &'a str, principal: &'a str },
}

/// What is answered; each licence is read by itself, so that it can be said what is wrong with it.
#[derive(Deserialize)]
struct Answered {
    licenses: Vec<Json>,
}

impl LicensesHttp {
    /// For this service. Nothing is asked yet.
    ///
    /// # Errors
    /// See [`LicensesHttpError`].
    pub fn new(options: LicensesHttpOptions) -> Result<Self, LicensesHttpError> {
        if !is_private_url(&options.url) {
            return Err(LicensesHttpError::Url);
        }
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if options.token.as_ref().is_some_and(|token| !is_token(token.expose_secret())) {
            return Err(LicensesHttpError::Token);
        }
        let http = outbound::client(options.timeout).map_err(|NoTls| LicensesHttpError::Tls)?;
        Ok(Self { options, http, answers: Cache::new(MOST_ANSWERS) })
    }
}

impl fmt::Debug for LicensesHttp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LicensesHttp({})", self.options.url)
    }
}

#[async_trait]
impl LicenseSource for LicensesHttp {
    async fn best(
        &self,
        who: &Licensee,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, StoreError> {
        let question = serde_json::to_vec(&Question::new(who, product)).map_err(StoreError::unavailable)?;
        // Whoever waits for another's answer waits no longer than for one of their own.
        let answered =
            tokio::time::timeout(self.options.timeout, self.remembered(question, product, now)).await;
        answered.unwrap_or_else(|_| Err(too_slow())).map_err(StoreError::elsewhere)
    }
}

impl<'a> Question<'a> {
    fn new(who: &'a Licensee, product: Option<&'a Product>) -> Self {
        Self {
            who: match &who.holder {
                Holder::Account(account_id) => Who::Account { account_id: *account_id },
                Holder::External(external) => {
                    Who::External { issuer: &external.issuer, principal: &external.principal }
                }
            },
            addresses: who.addresses.iter().map(|address| address.normalized()).collect(),
            product: product.map(Product::as_str),
        }
    }
}

impl LicensesHttp {
    /// What is remembered of this question, or is answered to it now.
    async fn remembered(
        &self,
        question: Vec<u8>,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, Fault> {
        let key = *SecretHash::sha256(&question).as_bytes();
        let place = loop {
            match self.answers.get_value_or_guard_async(&key).await {
                Ok(answer) if answer.counts(now) => return Ok(answer.license),
                Ok(_) => drop(self.answers.remove_if(&key, |answer| !answer.counts(now))),
                Err(place) => break place,
            }
        };
        let license = best(licenses(&self.ask(question).await?)?, product, now);
        let until = now + self.options.cache;
        let until = license.as_ref().map_or(until, |license| license.expires_at.min(until));
        // Whoever waited for it may have read the clock a moment before who asked.
        let from = now - self.options.timeout;
        // It is there no more where another answer was so quick as to take its place, which does as well.
        drop(place.insert(Answer { license: license.clone(), from, until }));
        Ok(license)
    }

    async fn ask(&self, question: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let request = self
            .http
            .post(&self.options.url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(reqwest::header::ACCEPT, "application/json")
            .body(question);
        let request = match &self.options.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        outbound::send(request).await.map_err(|why| match why {
            NoAnswer::TooSlow => too_slow(),
            why => Fault(why.to_string()),
        })
    }
}

/// The unexpired one that ends last, over all of them (L2).
fn best(licenses: Vec<HeldLicense>, product: Option<&Product>, now: Timestamp) -> Option<HeldLicense> {
    let counts = |license: &HeldLicense| {
        now < license.expires_at && product.is_none_or(|product| *product == license.product)
    };
    licenses.into_iter().filter(counts).max_by_key(|license| license.expires_at)
}

fn licenses(body: &[u8]) -> Result<Vec<HeldLicense>, Fault> {
    let answered: Answered = serde_json::from_slice(body)
        .map_err(|_| Fault("its answer is no JSON object with a list `licenses`".to_owned()))?;
    // What could be read in two ways (C54).
    strict_json::check_object(body.trim_ascii_start())
        .map_err(|_| Fault("its answer names a member twice, or is too deep".to_owned()))?;
    let read = answered.licenses.iter().enumerate().map(|(place, json)| {
        license(json)
            .map_err(|(member, expected)| Fault(format!("`licenses[{place}].{member}` is not {expected}")))
    });
    read.collect()
}

/// Reads one licence, or says which member is wrong and what is expected of it. Members that are not known are passed over.
fn license(json: &Json) -> Result<HeldLicense, (&'static str, &'static str)> {
    let id = text(json, "id")
        .filter(|id| (1..=LONGEST_ID).contains(&id.len()))
        .ok_or(("id", "a text of 1 to 256 bytes"))?;
    let product = text(json, "product")
        .and_then(|product| product.parse().ok())
        .ok_or(("product", "a text of 1 to 64 visible ASCII characters"))?;
    let expires_at = text(json, "expires_at")
        .and_then(|moment| Timestamp::parse(moment).ok())
        .ok_or(("expires_at", "a date and time of RFC 3339 between 1970 and 9999"))?;
    let seats = said(json, "seats").map(seats).transpose()?;
    let entitlements = said(json, "entitlements").map(entitlements).transpose()?;
    Ok(HeldLicense {
        id: None,
        product,
        expires_at,
        seats: seats.map(|seats| (SeatKey::of_foreign(id), seats)),
        entitlements: entitlements.unwrap_or_default(),
    })
}

fn seats(json: &Json) -> Result<NonZeroU32, (&'static str, &'static str)> {
    json.as_u64()
        .and_then(|seats| u32::try_from(seats).ok())
        .filter(|seats| *seats <= License::MOST_SEATS)
        .and_then(NonZeroU32::new)
        .ok_or(("seats", "a whole number from 1 to 1000"))
}

fn entitlements(json: &Json) -> Result<Scopes, (&'static str, &'static str)> {
    Scopes::deserialize(json).map_err(|_| {
        (
            "entitlements",
            "a list of up to 32 different scope tokens (RFC 6749, section 3.3), none of them `symbolon:*`",
        )
    })
}

/// A member that is there.
fn said<'a>(json: &'a Json, member: &str) -> Option<&'a Json> {
    json.get(member).filter(|value| !value.is_null())
}

fn text<'a>(json: &'a Json, member: &str) -> Option<&'a str> {
    json.get(member)?.as_str()
}

fn too_slow() -> Fault {
    Fault("it did not answer in time (licensing.timeout)".to_owned())
}

#[cfg(test)]
mod tests;
