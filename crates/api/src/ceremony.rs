//! What the ceremonies of signing up and signing in have in common over HTTP: how the first factor is read, how the
//! code is, and how tokens get to the client, in the body or in cookies (S8).

use std::sync::Arc;

use axum::{
    Json,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use symbolon_domain::{
    id::{AccountId, SessionId},
    identifiers::{EmailAddress, InvalidEmailAddress},
    one_time_codes::OneTimeCode,
    passwords::PasswordProblem,
    sessions::SessionGrant,
    sign_in::{Challenge, CodeError, PreAuthorized, ResendError},
};
use utoipa::ToSchema;

use crate::{
    Api,
    caller::{SecondStep, cookies, page_origin},
    fields::{Fault, Fields, FromFields, parsed},
    problem::{Problem, ProblemType, Retry, Slug},
};

/// The only second factor so far.
const EMAIL_OTP: &str = "email_otp";

/// Where tokens are put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// Into the answer's body.
    #[default]
    Body,
    /// Into cookies that no script can read: for browsers.
    Cookies,
}

/// Whether the page that sent the request may use cookies; asked only where they are used.
pub(crate) struct PageOrigin(Result<(), Problem>);

/// An identifier as a person gives it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Identifier, example = json!({"type": "email", "value": "ada@example.org"}))]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct IdentifierBody {
    /// So far e-mail addresses only.
    #[schema(rename = "type", example = "email", pattern = "^email$")]
    kind: String,
    /// The address.
    #[schema(max_length = 254, format = "email")]
    value: String,
}

/// A code from a message.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Code, example = json!({"code": "123456"}))]
pub(crate) struct CodeBody {
    /// Six digits; spaces are forgiven.
    #[schema(value_type = String, example = "123456")]
    pub(crate) code: OneTimeCode,
    /// Where the session's tokens are put; cookies in any case when the binding came as one.
    #[schema(value_type = Option<Delivery>)]
    pub(crate) delivery: Delivery,
}

/// The first factor is done.
#[derive(Serialize, ToSchema)]
#[schema(as = PreAuthorized)]
pub(crate) struct PreAuthorizedBody {
    /// `pre_authorized`: the token opens nothing but the second step.
    #[schema(example = "pre_authorized")]
    state: &'static str,
    /// The pre-authorized token.
    #[schema(value_type = String)]
    access_token: Revealed,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The token's life in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// The client's binding: show it in `Symbolon-Binding` with every token from here on. It is given once, and not
    /// here when it travels in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    binding: Option<Revealed>,
    /// The second factors to choose from.
    #[schema(example = json!(["email_otp"]))]
    second_factors: [&'static str; 1],
    /// The one that was begun.
    #[schema(example = "email_otp")]
    default_second_factor: &'static str,
    challenge: ChallengeBody,
}

/// A code that is on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = Challenge)]
pub(crate) struct ChallengeBody {
    /// By which second factor.
    #[schema(example = "email_otp")]
    method: &'static str,
    /// The code's life in seconds.
    #[schema(example = 300)]
    expires_in: u64,
    /// Another may be asked for after so many seconds.
    #[schema(example = 30)]
    resend_in: u64,
}

/// What a client holds of its session. The tokens are missing when they travel in cookies.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionBody {
    #[schema(value_type = String, format = "uuid")]
    account_id: AccountId,
    /// `authorized`.
    #[schema(example = "authorized")]
    state: &'static str,
    /// A JWT that any library verifies with `/.well-known/jwks.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    access_token: Option<Revealed>,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The access token's life in seconds.
    #[schema(example = 900)]
    expires_in: u64,
    /// Gives new tokens, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Revealed>,
    /// The refresh token's life in seconds.
    #[schema(example = 1_296_000)]
    refresh_expires_in: u64,
    #[schema(value_type = String, format = "uuid")]
    session_id: SessionId,
}

/// A secret on its way to its holder.
pub(crate) struct Revealed(SecretString);

impl From<SecretString> for Revealed {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl Serialize for Revealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl Delivery {
    /// Reads the member `delivery`.
    pub(crate) fn read(fields: &mut Fields) -> Option<Self> {
        let delivery = fields.optional("delivery", |text| match text.expose_secret() {
            "body" => Ok(Self::Body),
            "cookies" => Ok(Self::Cookies),
            _ => Err(Fault::new(Slug::InvalidValue, "`body` or `cookies` is expected")),
        })?;
        Some(delivery.unwrap_or_default())
    }

    /// Cookies in any case for a second step whose binding came as one (S8).
    pub(crate) fn or_as_shown(self, caller: &SecondStep) -> Self {
        if caller.binds_by_cookie() { Self::Cookies } else { self }
    }
}

impl PageOrigin {
    /// Refuses cookies to a page that may not use them.
    pub(crate) fn may_use(self, delivery: Delivery) -> Result<(), Problem> {
        match delivery {
            Delivery::Body => Ok(()),
            Delivery::Cookies => self.0,
        }
    }
}

impl FromRequestParts<Arc<Api>> for PageOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        Ok(Self(page_origin::check(&parts.headers, &api.settings)))
    }
}

impl FromFields for CodeBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let code = code(fields);
        let delivery = Delivery::read(fields);
        Some(Self { code: code?, delivery: delivery? })
    }
}

/// Reads the member `code`.
pub(crate) fn code(fields: &mut Fields) -> Option<OneTimeCode> {
    fields.required("code", |text| parsed(&text, "six digits are expected"))
}

/// What is wrong with a new password.
pub(crate) fn password_fault(problem: PasswordProblem) -> Fault {
    let slug = match problem {
        PasswordProblem::TooShort => Slug::Insufficient,
        PasswordProblem::TooLong => Slug::Overflow,
        PasswordProblem::Common
        | PasswordProblem::Personal
        | PasswordProblem::Guessable
        | PasswordProblem::Unchanged => Slug::InvalidValue,
    };
    Fault::new(slug, problem.to_string())
}

/// Reads a member that names a second factor.
pub(crate) fn method(text: &SecretString) -> Result<(), Fault> {
    if text.expose_secret() == EMAIL_OTP {
        Ok(())
    } else {
        Err(Fault::new(Slug::InvalidValue, "no such second factor is set up; `email_otp` is"))
    }
}

/// Reads the member `identifier`.
pub(crate) fn identifier(fields: &mut Fields) -> Option<EmailAddress> {
    fields.object("identifier", |fields| {
        let kind = fields.required("type", |text| match text.expose_secret() {
            "email" => Ok(()),
            _ => Err(Fault::new(Slug::InvalidValue, "`email` is expected")),
        });
        let address = fields.required("value", |text| {
            text.expose_secret().parse::<EmailAddress>().map_err(|error| match error {
                InvalidEmailAddress::TooLong => Fault::new(Slug::Overflow, "at most 254 bytes are allowed"),
                InvalidEmailAddress::Format => {
                    Fault::new(Slug::InvalidFormat, "an e-mail address is expected")
                }
            })
        });
        kind.and(address)
    })
}

/// The answer to a right first factor.
pub(crate) fn first_factor_done(status: StatusCode, done: PreAuthorized, delivery: Delivery) -> Response {
    let life = done.expires_in;
    let binding = done.binding.map(|binding| binding.reveal().clone());
    let (in_body, in_cookie) = match delivery {
        Delivery::Body => (binding, None),
        Delivery::Cookies => (None, binding),
    };
    let body = PreAuthorizedBody {
        state: "pre_authorized",
        access_token: Revealed(done.access_token),
        token_type: "Bearer",
        expires_in: life.as_secs(),
        binding: in_body.map(Revealed),
        second_factors: [EMAIL_OTP],
        default_second_factor: EMAIL_OTP,
        challenge: done.challenge.into(),
    };
    let mut response = (status, Json(body)).into_response();
    cookies::put(response.headers_mut(), in_cookie.map(|binding| cookies::BINDING.set(&binding, life)));
    response
}

/// The answer to a right second factor, and to a refresh. The binding lives as long as what it binds.
pub(crate) fn session_opened(
    grant: SessionGrant,
    delivery: Delivery,
    binding: Option<&SecretString>,
) -> Response {
    let life = grant.refresh_expires_in;
    let refresh_token = grant.refresh_token.reveal().clone();
    let (access, refresh, set) = match delivery {
        Delivery::Body => (Some(grant.access_token), Some(refresh_token), Vec::new()),
        Delivery::Cookies => {
            let session = cookies::SESSION.set(&grant.access_token, grant.expires_in);
            let binding = binding.and_then(|binding| cookies::BINDING.set(binding, life));
            (None, None, vec![session, cookies::REFRESH.set(&refresh_token, life), binding])
        }
    };
    let body = SessionBody {
        account_id: grant.account_id,
        state: "authorized",
        access_token: access.map(Revealed),
        token_type: "Bearer",
        expires_in: grant.expires_in.as_secs(),
        refresh_token: refresh.map(Revealed),
        refresh_expires_in: life.as_secs(),
        session_id: grant.session_id,
    };
    let mut response = Json(body).into_response();
    cookies::put(response.headers_mut(), set);
    response
}

impl From<Challenge> for ChallengeBody {
    fn from(challenge: Challenge) -> Self {
        let Challenge { expires_in, resend_in } = challenge;
        Self { method: EMAIL_OTP, expires_in: expires_in.as_secs(), resend_in: resend_in.as_secs() }
    }
}

impl From<CodeError> for Problem {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Unauthorized(_) => Self::new(ProblemType::InvalidToken),
            CodeError::Wrong => Self::new(ProblemType::WrongCode),
            CodeError::Expired => Self::new(ProblemType::CodeExpired),
            CodeError::Gone => Self::new(ProblemType::Gone),
            CodeError::Exhausted => Self::new(ProblemType::AttemptsExhausted),
            CodeError::BudgetSpent(until) => Self::new(ProblemType::TooManyAttempts).retry(Retry::At(until)),
            CodeError::Sign(error) => error.into(),
            CodeError::Store(error) => error.into(),
        }
    }
}

impl From<ResendError> for Problem {
    fn from(error: ResendError) -> Self {
        match error {
            ResendError::Unauthorized(_) => Self::new(ProblemType::InvalidToken),
            ResendError::Gone => Self::new(ProblemType::Gone),
            ResendError::Exhausted => Self::new(ProblemType::AttemptsExhausted),
            ResendError::TooMany(until) => Self::new(ProblemType::TooManyMessages).retry(Retry::At(until)),
            ResendError::Store(error) => error.into(),
        }
    }
}
