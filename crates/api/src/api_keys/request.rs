//! What is asked of keys, as bodies say it.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use symbolon_domain::api_keys::{
    ApiKeyRequest, ApiKeySettings, ApiKeyText, Expectations, FAMILY_LIFETIME, InvalidApiKeyText, InvalidLife,
    InvalidScopes, Life, RateLimit, Scopes, VerifyMode,
};
use utoipa::ToSchema;

use crate::{
    Api, accounts,
    ceremony::Delivery,
    fields::{Fault, Fields, FromFields, parsed},
    problem::Slug,
};

/// The longest window of a key's own rate limit, in seconds.
const LONGEST_WINDOW: u64 = 86_400;
/// The most verifications that such a limit may allow.
const MOST_REQUESTS: u64 = 1_000_000;

/// What a key is asked for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyRequest, example = json!({
    "issuer": "https://app.example.org", "audience": "https://api.example.org", "subject": "/v2/datasets",
    "version": "1", "expires_in": 900, "scopes": ["read"], "name": "nightly import",
}))]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct IssueFields {
    /// What issues it, in the owner's words.
    #[schema(min_length = 1, max_length = 256)]
    issuer: String,
    /// For whom it is.
    #[schema(min_length = 1, max_length = 256)]
    audience: String,
    /// What it opens: the endpoint or resource.
    #[schema(min_length = 1, max_length = 256)]
    subject: String,
    /// The version of what it opens.
    #[schema(min_length = 1, max_length = 256)]
    version: String,
    /// Its life in seconds; 900 when it is not said.
    #[schema(minimum = 1)]
    expires_in: Option<u64>,
    /// It counts only after so many seconds, less than its life.
    #[schema(minimum = 0)]
    not_before: Option<u64>,
    /// An address, or a range in CIDR notation, that it is bound to.
    ip_address: Option<String>,
    /// Whether it gets a refresh token; it does when it is not said.
    refreshable: Option<bool>,
    /// The life of its refresh token in seconds, up to 30 days; a day when it is not said.
    #[schema(minimum = 1, maximum = 2_592_000)]
    refresh_expires_in: Option<u64>,
    /// The refresh token counts only after so many seconds, less than its life.
    #[schema(minimum = 0)]
    refresh_not_before: Option<u64>,
    /// Opaque scopes (RFC 6749, section 3.3), never `symbolon:*`.
    #[schema(max_items = 32)]
    scopes: Option<Vec<String>>,
    /// What its owner calls it.
    #[schema(max_length = 256)]
    name: Option<String>,
    /// How often it may be verified.
    rate_limit: Option<RateLimitFields>,
    /// Where the refresh token is put.
    delivery: Option<Delivery>,
}

/// So many verifications in so many seconds.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyRateLimit)]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct RateLimitFields {
    #[schema(minimum = 1, maximum = 1_000_000)]
    requests: u64,
    /// In seconds.
    #[schema(minimum = 1, maximum = 86_400)]
    window: u64,
}

/// See [`IssueFields`].
pub(crate) struct IssueBody {
    pub(super) request: ApiKeyRequest,
    pub(super) delivery: Delivery,
}

/// A key, and what whoever verifies it expects of it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyQuestion, example = json!({
    "api_key": "sym_ak_v4.local.…", "expect": {"audience": "https://api.example.org", "scopes": ["read"]},
}))]
pub(crate) struct VerifyKeyBody {
    /// The key in question.
    #[schema(value_type = String)]
    pub(super) api_key: SecretString,
    /// What is not said is not checked, but for the address of a bound key.
    #[schema(value_type = Option<ExpectFields>)]
    pub(super) expect: Expectations,
    /// `stateful`, which it is when it is not said: revocations count; or `stateless`: what the key says by itself.
    #[schema(value_type = Option<String>, example = "stateful")]
    pub(super) mode: VerifyMode,
}

/// What is expected of a key.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyExpectations)]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct ExpectFields {
    /// Exactly this.
    audience: Option<String>,
    /// Exactly this.
    subject: Option<String>,
    /// Exactly this.
    version: Option<String>,
    /// The address that the key was shown from.
    ip_address: Option<String>,
    /// All of these, and perhaps others.
    scopes: Option<Vec<String>>,
}

/// A key, and its refresh token where that does not travel in a cookie.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyRefresh, example = json!({"api_key": "sym_ak_v4.local.…", "refresh_token": "sym_kr_…"}))]
pub(crate) struct RefreshKeyBody {
    /// The key, which may have expired.
    #[schema(value_type = String)]
    pub(super) api_key: SecretString,
    /// Its refresh token.
    #[schema(value_type = Option<String>)]
    pub(super) refresh_token: Option<SecretString>,
}

impl FromFields for IssueBody {
    fn read(fields: &mut Fields, api: &Api) -> Option<Self> {
        let settings = api.use_cases.api_keys.settings();
        let issuer = fields.required("issuer", |text| key_text(&text));
        let audience = fields.required("audience", |text| key_text(&text));
        let subject = fields.required("subject", |text| key_text(&text));
        let version = fields.required("version", |text| key_text(&text));
        let refresh = refresh(fields, settings);
        let is_refreshable = !matches!(refresh, Some(None));
        let longest = settings.longest_key_life(is_refreshable);
        let life = life(fields, ("expires_in", "not_before"), longest, |expires_in, not_before| {
            settings.key_life(expires_in, not_before, is_refreshable)
        });
        let address = fields.optional("ip_address", |text| {
            parsed(&text, "an IP address is expected, or a range in CIDR notation whose host bits are zero")
        });
        let scopes = scopes(fields, "scopes");
        let name = fields.optional("name", |text| accounts::name(&text));
        let rate_limit = rate_limit(fields);
        let delivery = Delivery::read(fields);
        let request = ApiKeyRequest {
            issuer: issuer?,
            audience: audience?,
            subject: subject?,
            version: version?,
            life: life?,
            address: address?,
            refresh: refresh?,
            scopes: scopes?,
            name: name?,
            rate_limit: rate_limit?,
        };
        Some(Self { request, delivery: delivery? })
    }
}

impl FromFields for VerifyKeyBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let api_key = fields.required("api_key", Ok);
        let expect = fields.optional_object("expect", expectations);
        let mode = fields.optional("mode", |text| match text.expose_secret() {
            "stateful" => Ok(VerifyMode::Stateful),
            "stateless" => Ok(VerifyMode::Stateless),
            _ => Err(Fault::new(Slug::InvalidValue, "`stateful` or `stateless` is expected")),
        });
        Some(Self { api_key: api_key?, expect: expect?.unwrap_or_default(), mode: mode?.unwrap_or_default() })
    }
}

impl FromFields for RefreshKeyBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let api_key = fields.required("api_key", Ok);
        let refresh_token = fields.optional("refresh_token", Ok);
        Some(Self { api_key: api_key?, refresh_token: refresh_token? })
    }
}

fn expectations(fields: &mut Fields) -> Option<Expectations> {
    let text = |text: SecretString| Ok(text.expose_secret().to_owned());
    let audience = fields.optional("audience", text);
    let subject = fields.optional("subject", text);
    let version = fields.optional("version", text);
    let ip_address = fields.optional("ip_address", |text| parsed(&text, "an IP address is expected"));
    let scopes = scopes(fields, "scopes");
    Some(Expectations {
        audience: audience?,
        subject: subject?,
        version: version?,
        ip_address: ip_address?,
        scopes: scopes?,
    })
}

fn key_text(text: &SecretString) -> Result<ApiKeyText, Fault> {
    text.expose_secret().parse().map_err(|error: InvalidApiKeyText| {
        let slug = match error {
            InvalidApiKeyText::Empty => Slug::Insufficient,
            InvalidApiKeyText::TooLong => Slug::Overflow,
            InvalidApiKeyText::Control => Slug::InvalidValue,
        };
        Fault::new(slug, error.to_string())
    })
}

/// Reads a member that is a list of scopes, or of what has their form.
pub(crate) fn scopes(fields: &mut Fields, name: &'static str) -> Option<Scopes> {
    let names = fields.optional_list(name, Scopes::MAX_COUNT, |text| {
        let scope = text.expose_secret();
        Scopes::check(scope).map(|()| scope.to_owned()).map_err(scope_fault)
    })?;
    for (index, scope) in names.iter().enumerate() {
        if names.iter().take(index).any(|other| other == scope) {
            fields.item_fault(name, index, scope_fault(InvalidScopes::Duplicate));
        }
    }
    // Each by itself is right, and there are not too many: that one is named twice is all that may be wrong.
    Scopes::try_from(names).ok()
}

fn scope_fault(error: InvalidScopes) -> Fault {
    let slug = match error {
        InvalidScopes::TooMany | InvalidScopes::TooLong => Slug::Overflow,
        InvalidScopes::Format => Slug::InvalidFormat,
        InvalidScopes::Reserved | InvalidScopes::Duplicate => Slug::InvalidValue,
    };
    Fault::new(slug, error.to_string())
}

/// A life in seconds, `longest` at the most, and the pause at its beginning (K3).
fn life(
    fields: &mut Fields,
    (expires_in, not_before): (&'static str, &'static str),
    longest: Duration,
    judge: impl FnOnce(Option<u64>, u64) -> Result<Life, InvalidLife>,
) -> Option<Life> {
    let longest = longest.as_secs();
    let life = fields.optional_number(expires_in, 1..=longest);
    let pause = fields.optional_number(not_before, 0..=longest.saturating_sub(1));
    let (life, pause) = (life?, pause?);
    match judge(life, pause.unwrap_or(0)) {
        Ok(life) => Some(life),
        Err(error @ InvalidLife::Lifetime { .. }) => {
            fields.fault(expires_in, Fault::new(Slug::Overflow, error.to_string()))
        }
        Err(error @ InvalidLife::NotBefore { .. }) => {
            fields.fault(not_before, Fault::new(Slug::InvalidValue, error.to_string()))
        }
    }
}

/// The outer option is none when something is wrong; the inner one when there is to be no refresh token.
fn refresh(fields: &mut Fields, settings: &ApiKeySettings) -> Option<Option<Life>> {
    let refreshable = fields.optional_flag("refreshable")?.unwrap_or(true);
    let names = ("refresh_expires_in", "refresh_not_before");
    if refreshable {
        return life(fields, names, FAMILY_LIFETIME, |expires_in, not_before| {
            settings.refresh_life(expires_in, not_before)
        })
        .map(Some);
    }
    let detail = "there is no refresh token where `refreshable` is false";
    let (lifetime, pause) = (fields.refuse(names.0, detail), fields.refuse(names.1, detail));
    lifetime.and(pause).map(|()| None)
}

fn rate_limit(fields: &mut Fields) -> Option<Option<RateLimit>> {
    fields.optional_object("rate_limit", |fields| {
        let requests = fields.required_number("requests", 1..=MOST_REQUESTS);
        let window = fields.required_number("window", 1..=LONGEST_WINDOW);
        let requests = u32::try_from(requests?).unwrap_or(u32::MAX);
        Some(RateLimit { requests, window: Duration::from_secs(window?) })
    })
}
