//! E-mail through Amazon SES (M5): the same MIME as every carrier's, by `SendRawEmail`. Templates and suppression lists
//! of SES's own are not used, and what becomes of an accepted message is not followed.

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use aws_config::{
    BehaviorVersion, Region, identity::IdentityCache, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_ses::{
    Client,
    config::{ProvideCredentials as _, SharedCredentialsProvider, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
    operation::send_raw_email::SendRawEmailError,
    primitives::Blob,
    types::{RawMessage, VerificationStatus},
};
use symbolon_domain::outbox::{CarrierError, Email, EmailCarrier};

use super::Sender;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For one message, another attempt included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Where there are no credentials, asking the machine for some must not take a worker's time.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(3);
/// One more for a connection that had gone stale; the outbox tries again by itself.
const ATTEMPTS: u32 = 2;
/// Emulators do not mind which.
const REGION_OF_EMULATORS: &str = "us-east-1";

/// The codes that are about the message and not about SES, the account or its credentials: no later attempt will do
/// better. All other codes may be an outage or somebody's to mend, so the message waits (M2, M3).
const REFUSALS: [&str; 5] = [
    "MessageRejected",
    "MailFromDomainNotVerified",
    "MailFromDomainNotVerifiedException",
    "InvalidParameterValue",
    "ValidationError",
];

/// Where SES is.
#[derive(Clone, Debug, Default)]
pub struct SesOptions {
    /// The region; without one, that of the environment, the profile or the machine.
    pub region: Option<String>,
    /// In place of AWS's own address for the region.
    pub endpoint: Option<String>,
}

/// Nobody says which region is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("messages.email.ses.region: no region is set")]
pub struct NoRegion;

/// Sends by SES, with credentials from AWS's own chain: environment, profile, container, machine.
#[derive(Debug)]
pub struct SesCarrier {
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
    sender: Sender,
}

/// What SES says of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderState {
    /// Its address or domain is verified.
    Verified,
    /// Neither is.
    NotVerified,
    /// The credentials do not allow to ask.
    NotTold,
}

impl SesCarrier {
    /// Sends from this sender. Nothing is asked of SES yet, nor are there credentials.
    ///
    /// # Errors
    /// There is no region.
    pub async fn new(options: &SesOptions, sender: Sender) -> Result<Self, NoRegion> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build());
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let shared = loader.load().await;
        let mut config = aws_sdk_ses::config::Builder::from(&shared);
        if let Some(endpoint) = &options.endpoint {
            config = config.endpoint_url(endpoint);
        }
        if shared.region().is_none() {
            options.endpoint.as_ref().ok_or(NoRegion)?;
            config = config.region(Region::from_static(REGION_OF_EMULATORS));
        }
        let credentials = shared.credentials_provider();
        Ok(Self { client: Client::from_conf(config.build()), credentials, sender })
    }

    /// Asks whether the sender is verified.
    ///
    /// # Errors
    /// SES did not answer, or not to that; the text is a slug, as in [`CarrierError`].
    pub async fn sender_state(&self) -> Result<SenderState, Cow<'static, str>> {
        let identities = self.sender.identities();
        let asked = self.client.get_identity_verification_attributes();
        match asked.set_identities(Some(identities)).send().await {
            Ok(told) => {
                let mut states = told.verification_attributes().values();
                let is_verified =
                    states.any(|state| *state.verification_status() == VerificationStatus::Success);
                Ok(if is_verified { SenderState::Verified } else { SenderState::NotVerified })
            }
            Err(error) if code_of(&error).is_some_and(|code| code.starts_with("AccessDenied")) => {
                Ok(SenderState::NotTold)
            }
            Err(error) => Err(self.reason(&error).await),
        }
    }

    /// What went wrong, without a word of the message.
    async fn reason<E: ProvideErrorMetadata>(&self, error: &SdkError<E, HttpResponse>) -> Cow<'static, str> {
        match error {
            SdkError::TimeoutError(_) => "ses:timeout".into(),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => "ses:timeout".into(),
            SdkError::DispatchFailure(failure) if failure.is_io() => "ses:unreachable".into(),
            // The connection broke before the answer was there.
            SdkError::DispatchFailure(failure) if failure.as_other().is_some() => "ses:interrupted".into(),
            _ => match (code_of(error), error.raw_response()) {
                (Some(code), _) => format!("ses:{code}").into(),
                (None, Some(answer)) => format!("ses:status_{}", answer.status().as_u16()).into(),
                (None, None) if !self.has_credentials().await => "ses:no_credentials".into(),
                (None, None) => "ses:not_sent".into(),
            },
        }
    }

    async fn has_credentials(&self) -> bool {
        let Some(provider) = &self.credentials else { return false };
        let provided = tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await;
        provided.is_ok_and(|credentials| credentials.is_ok())
    }
}

#[async_trait]
impl EmailCarrier for SesCarrier {
    async fn send(&self, email: &Email) -> Result<(), CarrierError> {
        let message = self.sender.compose(email)?;
        let raw = RawMessage::builder().data(Blob::new(message.formatted())).build();
        let raw = raw.map_err(|_| CarrierError::Permanent("message_not_built".into()))?;
        let envelope = message.envelope();
        let sent = self
            .client
            .send_raw_email()
            .set_source(envelope.from().map(ToString::to_string))
            .set_destinations(Some(envelope.to().iter().map(ToString::to_string).collect()))
            .raw_message(raw)
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        if is_accepted(&error) {
            return Ok(());
        }
        let reason = self.reason(&error).await;
        Err(if is_refusal(&error) {
            CarrierError::Permanent(reason)
        } else {
            CarrierError::Transient(reason)
        })
    }
}

/// Whether SES took the message and only the rest of its answer could not be read (M3).
fn is_accepted(error: &SdkError<SendRawEmailError, HttpResponse>) -> bool {
    const ACCEPTED: &[u8] = b"<SendRawEmailResponse";
    let Some(answer) = error.raw_response() else { return false };
    let body = answer.body().bytes().unwrap_or_default();
    answer.status().is_success() && body.windows(ACCEPTED.len()).any(|part| part == ACCEPTED)
}

fn is_refusal(error: &SdkError<SendRawEmailError, HttpResponse>) -> bool {
    let is_about_the_message = code_of(error).is_some_and(|code| REFUSALS.contains(&code));
    // SES also "rejects" the messages of an account that it has suspended; that is no fault of theirs.
    let said = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    is_about_the_message && !said.contains("suspended") && !said.contains("paused")
}

/// SES's own code for what is wrong. A server that is none may say anything there, so only what looks like a code counts.
fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    let code = error.as_service_error()?.code()?;
    let is_code =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

#[cfg(test)]
mod tests;
