//! API keys and device tokens: the service is asked.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use reqwest::{Response, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::Instant;

use crate::{
    Symbolon,
    cache::{Answer, question},
    error::{Reason, VerifyError},
};

const API_KEYS: &str = "v1/api-keys/verify";
const DEVICE_TOKENS: &str = "v1/device-tokens/verify";
/// A longer answer is none of the service's.
const LONGEST_BODY: usize = 256 * 1_024;

/// What is expected of an API key; what is not said is not checked, but for the address of a bound key.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KeyExpectations {
    /// Exactly this audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Exactly this subject: the endpoint or resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Exactly this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the key was shown from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<IpAddr>,
    /// All of these, and perhaps others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// What an API key says that counts.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ApiKey {
    /// The key, over all its refreshes.
    pub id: String,
    /// What issued it, in its owner's words.
    pub iss: String,
    /// For whom it is.
    pub aud: String,
    /// What it opens: the endpoint or resource.
    pub sub: String,
    /// The version of what it opens.
    pub ver: String,
    /// Its owner.
    pub uid: String,
    /// Its owner's role.
    pub rol: String,
    /// The addresses that it is bound to.
    pub ipa: Option<String>,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: i64,
    /// When it ends.
    pub exp: i64,
    /// Its scopes.
    #[serde(default)]
    pub scp: Vec<String>,
}

/// What is known of a device token that counts.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct DeviceToken {
    /// Whose device it is.
    pub user_id: String,
    /// The token's id.
    pub token_id: String,
    /// When it ends (RFC 3339).
    pub expires_at: String,
    /// What the licence allows.
    #[serde(default)]
    pub entitlements: Json,
}

impl Symbolon {
    /// An API key that counts and is what was expected. Its revocation is seen within [`crate::Builder::max_staleness`] and what the
    /// service remembers besides.
    ///
    /// # Errors
    /// It does not count, was verified too often, or the service cannot be asked.
    pub async fn verify_api_key(
        &self,
        key: &str,
        expected: &KeyExpectations,
    ) -> Result<Arc<ApiKey>, VerifyError> {
        let body = json!({"api_key": key, "expect": expected}).to_string();
        let question = question(API_KEYS, body.as_bytes());
        if let Some(Answer::ApiKey(key)) = self.0.answers.find(&question) {
            return Ok(key);
        }
        let asked = Instant::now();
        let key: Arc<ApiKey> = Arc::new(self.ask(API_KEYS, body).await?);
        self.0.answers.remember(question, asked, until(key.exp), Answer::ApiKey(Arc::clone(&key)));
        Ok(key)
    }

    /// A device token that counts, shown by this device.
    ///
    /// # Errors
    /// It does not count, or the service cannot be asked.
    pub async fn verify_device_token(
        &self,
        token: &str,
        device_id: &str,
    ) -> Result<Arc<DeviceToken>, VerifyError> {
        let body = json!({"token": token, "device_id": device_id}).to_string();
        let question = question(DEVICE_TOKENS, body.as_bytes());
        if let Some(Answer::DeviceToken(token)) = self.0.answers.find(&question) {
            return Ok(token);
        }
        let asked = Instant::now();
        let token: Arc<DeviceToken> = Arc::new(self.ask(DEVICE_TOKENS, body).await?);
        let (life, answer) = (until_moment(&token.expires_at), Answer::DeviceToken(Arc::clone(&token)));
        self.0.answers.remember(question, asked, life, answer);
        Ok(token)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, body: String) -> Result<T, VerifyError> {
        let call = self.0.http.post(self.0.url(path)).header(header::CONTENT_TYPE, "application/json");
        let answer = call.body(body).send().await.map_err(|error| unavailable(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = answer
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                return Err(VerifyError::TooManyRequests { retry_after: seconds.map(Duration::from_secs) });
            }
            status => return Err(VerifyError::Unavailable(format!("it answers with {status}"))),
        }
        let body = bounded_body(answer).await?;
        let answer: Json = serde_json::from_slice(&body).map_err(|_| not_ours())?;
        match answer.get("active").and_then(Json::as_bool) {
            Some(true) => serde_json::from_value(answer).map_err(|_| not_ours()),
            Some(false) => Err(VerifyError::Inactive(Reason::Refused)),
            None => Err(not_ours()),
        }
    }
}

/// So long until this second since 1970; not at all where no clock has it.
fn until(seconds: i64) -> Duration {
    let end = UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    end.and_then(|end| end.duration_since(SystemTime::now()).ok()).unwrap_or(Duration::ZERO)
}

/// So long until this moment (RFC 3339); not at all where it is none.
fn until_moment(text: &str) -> Duration {
    OffsetDateTime::parse(text, &Rfc3339).map_or(Duration::ZERO, |moment| until(moment.unix_timestamp()))
}

/// The error of a request without its URL, which is the operator's business alone.
pub(crate) fn unavailable(error: &reqwest::Error) -> VerifyError {
    let what = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "it is not reached"
    } else if error.is_status() {
        "it answers with an error"
    } else {
        "the request failed"
    };
    VerifyError::Unavailable(what.to_owned())
}

fn not_ours() -> VerifyError {
    VerifyError::Unavailable("its answer is none of Symbolon's".to_owned())
}

/// The whole body, which is not long.
pub(crate) async fn bounded_body(mut answer: Response) -> Result<Vec<u8>, VerifyError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unavailable(&error))? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(VerifyError::Unavailable("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D10: what is remembered of a token ends with it.
    #[test]
    fn what_is_left_of_a_life_is_read_from_its_end() {
        let (now, hour) = (OffsetDateTime::now_utc(), Duration::from_secs(3_600));
        let left = until_moment(&(now + hour).format(&Rfc3339).unwrap());
        assert!(left <= hour && left > hour - Duration::from_secs(60), "{left:?}");
        let past = (now - hour).format(&Rfc3339).unwrap();
        for ended in [past.as_str(), "1970-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "soon", ""] {
            assert_eq!(until_moment(ended), Duration::ZERO, "{ended}");
        }
        assert_eq!(until(i64::MIN), Duration::ZERO);
        until(i64::MAX);
    }
}
