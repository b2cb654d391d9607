//! Licences: granted, listed and ended by administrators, and seen by who holds them (L1–L5).

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
};
use serde::Serialize;
use symbolon_domain::{
    actor::Origin,
    clock::Timestamp,
    id::LicenseId,
    licenses::{
        GrantError, GrantLicense, KeptElsewhere, License, LicenseSubject, Licenses, ListLicensesError,
        Product, RevokeLicenseError,
    },
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    api_keys::request::scopes,
    caller::{administrator::AdministratorCaller, holder::TokenHolder},
    fields::{Body, Fault, Fields, FromFields, Nothing, Parameters, parsed, sized},
    problem::{
        LicenseEndProblems, LicenseGrantProblems, LicenseListProblems, OwnLicensesProblems, Problem,
        ProblemType, Slug,
    },
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(mine)).routes(routes!(grant, list)).routes(routes!(revoke))
}

/// A licence to be granted.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LicenseGrant, example = json!({
    "subject": "ada@example.org", "product": "editor", "expires_in": 31_536_000, "seats": 3, "entitlements": ["export"],
}))]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct GrantFields {
    /// Whose: the id of an account, or an e-mail address, which whoever has it verified holds by.
    #[schema(max_length = 254)]
    subject: String,
    /// For what, in visible ASCII characters.
    #[schema(min_length = 1, max_length = 64)]
    product: String,
    /// Its life in seconds, up to 100 years.
    #[schema(minimum = 1)]
    expires_in: u64,
    /// On how many devices at a time; on any number where it is not said.
    #[schema(minimum = 1, maximum = 1_000)]
    seats: Option<u64>,
    /// What its device tokens say besides, in the form of scopes (RFC 6749, section 3.3), never `symbolon:*`.
    #[schema(max_items = 32)]
    entitlements: Option<Vec<String>>,
}

/// See [`GrantFields`].
pub(crate) struct GrantBody(GrantLicense);

/// A licence.
#[derive(Serialize, ToSchema)]
#[schema(as = License)]
pub(crate) struct LicenseBody {
    #[schema(value_type = String, format = "uuid")]
    id: LicenseId,
    /// Whose: the id of an account, or an e-mail address.
    #[schema(example = "ada@example.org")]
    subject: String,
    /// For what.
    #[schema(example = "editor")]
    product: String,
    #[schema(value_type = String, format = "date-time")]
    issued_at: Timestamp,
    /// From when on it no longer counts.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
    /// On how many devices at a time; null: on any number.
    seats: Option<u32>,
    /// What its device tokens say besides.
    entitlements: Vec<String>,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    state: &'static str,
    /// When it was ended before its time.
    #[schema(value_type = Option<String>, format = "date-time")]
    revoked_at: Option<Timestamp>,
}

/// The caller's licences.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnLicenses)]
pub(crate) struct OwnLicensesBody {
    /// Those that count, at most 100: the one that ends last first.
    items: Vec<LicenseBody>,
}

/// One page of the licences of all.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseList)]
pub(crate) struct LicenseListBody {
    /// Newest first, whatever has become of them.
    items: Vec<LicenseBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

impl FromFields for GrantBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let subject = fields.required("subject", |text| {
            parsed(&text, "the id of an account or an e-mail address is expected")
        });
        let product = fields.required("product", |text| sized(&text, &(1..=Product::MAX_LENGTH)));
        let lifetime = fields.required_number("expires_in", 1..=Licenses::LONGEST_LIFE.as_secs());
        let seats = fields.optional_number("seats", 1..=u64::from(License::MOST_SEATS));
        let entitlements = scopes(fields, "entitlements");
        Some(Self(GrantLicense {
            subject: subject?,
            product: product?,
            lifetime: Duration::from_secs(lifetime?),
            seats: seats?.and_then(|seats| u32::try_from(seats).ok()).and_then(NonZeroU32::new),
            entitlements: entitlements?,
        }))
    }
}

/// List the caller's licences.
///
/// Those that count: of the account, and of each address that is verified.
#[utoipa::path(
    get, path = "/v1/licenses/mine", tag = "licenses", operation_id = "list_own_licenses",
    security(
        ("session" = [], "binding" = []),
        ("session_cookie" = [], "binding_cookie" = []),
        ("trusted_issuer" = []),
    ),
    responses((status = 200, description = "The licences", body = OwnLicensesBody), OwnLicensesProblems),
)]
async fn mine(State(api): State<Arc<Api>>, caller: TokenHolder) -> Result<Json<OwnLicensesBody>, Problem> {
    let licensee = caller.licensee(&api).await?;
    let licenses = api.use_cases.device_tokens.licenses().mine(&licensee).await?;
    let now = api.use_cases.clock.now();
    let items = licenses.into_iter().map(|license| LicenseBody::new(license, now)).collect();
    Ok(Json(OwnLicensesBody { items }))
}

/// Grant a licence.
///
/// To an account, or to an e-mail address, which needs no account yet.
#[utoipa::path(
    post, path = "/v1/licenses", tag = "licenses", operation_id = "grant_license",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = GrantFields,
    responses((status = 201, description = "The licence", body = LicenseBody), LicenseGrantProblems),
)]
async fn grant(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    AdministratorCaller(by): AdministratorCaller,
    Body(GrantBody(command)): Body<GrantBody>,
) -> Result<(StatusCode, Json<LicenseBody>), Problem> {
    let license = api.use_cases.device_tokens.licenses().grant(by, command, &origin).await?;
    let body = LicenseBody::new(license, api.use_cases.clock.now());
    Ok((StatusCode::CREATED, Json(body)))
}

/// List the licences of all.
///
/// A page may be short, and still have a next one.
#[utoipa::path(
    get, path = "/v1/licenses", tag = "licenses", operation_id = "list_licenses",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("subject" = Option<String>, Query, description = "Only those of this account id or e-mail address"),
        ("limit" = Option<usize>, Query, description = "Licences on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "One page", body = LicenseListBody), LicenseListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    uri: Uri,
) -> Result<Json<LicenseListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let expected = "the id of an account or an e-mail address is expected";
    let subject: Option<LicenseSubject> = parameters.optional("subject", expected);
    let page = parameters.page();
    parameters.finish()?;
    let page = api.use_cases.device_tokens.licenses().list(subject.as_ref(), page).await?;
    let (now, next) = (api.use_cases.clock.now(), page.next.map(|cursor| cursor.to_string()));
    let items = page.items.into_iter().map(|license| LicenseBody::new(license, now)).collect();
    Ok(Json(LicenseListBody { items, next }))
}

/// End a licence before its time.
///
/// The device tokens that were given for it end with it.
#[utoipa::path(
    delete, path = "/v1/licenses/{id}", tag = "licenses", operation_id = "revoke_license",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The licence", format = "uuid")),
    responses((status = 204, description = "It has ended"), LicenseEndProblems),
)]
async fn revoke(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    AdministratorCaller(by): AdministratorCaller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<StatusCode, Problem> {
    let id: LicenseId = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    api.use_cases.device_tokens.licenses().revoke(by, id, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl LicenseBody {
    fn new(license: License, now: Timestamp) -> Self {
        Self {
            id: license.id,
            state: license.state(now).as_str(),
            subject: license.subject.to_string(),
            product: license.product.as_str().to_owned(),
            issued_at: license.issued_at,
            expires_at: license.expires_at,
            seats: license.seats.map(NonZeroU32::get),
            entitlements: license.entitlements.into(),
            revoked_at: license.revoked_at,
        }
    }
}

impl From<KeptElsewhere> for Problem {
    fn from(_: KeptElsewhere) -> Self {
        Self::new(ProblemType::LicensesKeptElsewhere)
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        let detail = error.to_string();
        match error {
            GrantError::KeptElsewhere(error) => error.into(),
            GrantError::Lifetime => Self::at("/expires_in", Fault::new(Slug::InvalidValue, detail)),
            GrantError::Seats => Self::at("/seats", Fault::new(Slug::InvalidValue, detail)),
            GrantError::NoSuchAccount => Self::at("/subject", Fault::new(Slug::InvalidValue, detail)),
            GrantError::Store(error) => error.into(),
        }
    }
}

impl From<ListLicensesError> for Problem {
    fn from(error: ListLicensesError) -> Self {
        match error {
            ListLicensesError::KeptElsewhere(error) => error.into(),
            ListLicensesError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeLicenseError> for Problem {
    fn from(error: RevokeLicenseError) -> Self {
        match error {
            RevokeLicenseError::KeptElsewhere(error) => error.into(),
            RevokeLicenseError::NotFound => Self::new(ProblemType::NotFound),
            RevokeLicenseError::Store(error) => error.into(),
        }
    }
}
