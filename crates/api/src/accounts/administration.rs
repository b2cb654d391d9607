//! Other people's accounts, for administrators: seeing, renaming, locking, marking, giving roles (A5, A6, S15).

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use symbolon_domain::{
    accounts::{Account, AccountChange, Accounts, AdministerError, Administered, AdministrationRefusal},
    actor::{Origin, Role},
    id::AccountId,
    identifiers::EmailAddress,
    page::Page,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{AccountBody, AccountChangeBody, Change};
use crate::{
    Api,
    caller::administrator::AdministratorCaller,
    fields::{Body, Fault, Fields, FromFields, Nothing, Parameters, parsed},
    problem::{
        AccountLockProblems, AccountMarkProblems, AccountRoleProblems, AdministratorChangeProblems,
        AdministratorEndProblems, AdministratorListProblems, AdministratorReadProblems, Problem, ProblemType,
        Slug,
    },
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(mark_compromised))
        .routes(routes!(show, update))
        .routes(routes!(lock))
        .routes(routes!(unlock))
        .routes(routes!(change_role))
        .routes(routes!(end_sessions))
}

/// An account as administrators see it.
#[derive(Serialize, ToSchema)]
#[schema(as = AdministeredAccount)]
pub(crate) struct AdministeredAccountBody {
    #[serde(flatten)]
    account: AccountBody,
    /// `active`, `locked` or `compromised`.
    #[schema(example = "active")]
    state: &'static str,
}

/// One page of all accounts.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountList)]
pub(crate) struct AccountListBody {
    /// Newest first.
    items: Vec<AdministeredAccountBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// The accounts that others may know the passwords of.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CompromisedAccounts, example = json!({"account_ids": ["019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1"]}))]
pub(crate) struct CompromisedBody {
    /// Up to 100 of them.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 100)]
    account_ids: Vec<AccountId>,
}

/// What became of each.
#[derive(Serialize, ToSchema)]
#[schema(as = CompromisedResults)]
pub(crate) struct CompromisedResultsBody {
    /// In the order in which they were named.
    results: Vec<CompromisedResultBody>,
}

/// What became of one account.
#[derive(Serialize, ToSchema)]
#[schema(as = CompromisedResult)]
pub(crate) struct CompromisedResultBody {
    #[schema(value_type = String, format = "uuid")]
    account_id: AccountId,
    /// `done`, `unchanged` (it was marked already), `not_found`, `insufficient_role`, `own_account` or `last_superuser`.
    #[schema(example = "done")]
    result: &'static str,
}

/// A role to be given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoleChange, example = json!({"role": "staff"}))]
pub(crate) struct RoleBody {
    /// `authenticated`, `staff` or `superuser`.
    #[schema(value_type = String)]
    role: Role,
}

impl FromFields for CompromisedBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let account_ids = fields.list("account_ids", Accounts::MOST_AT_ONCE, |text| {
            parsed(&text, "the id of an account is expected")
        });
        Some(Self { account_ids: account_ids? })
    }
}

impl FromFields for RoleBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        Some(Self { role: fields.required("role", |text| role(&text))? })
    }
}

/// Reads a role.
pub(crate) fn role(text: &SecretString) -> Result<Role, Fault> {
    let expected = "`authenticated`, `staff` or `superuser` is expected";
    Role::parse(text.expose_secret()).ok_or_else(|| Fault::new(Slug::InvalidValue, expected))
}

/// List all accounts.
///
/// Newest first; or, with `email`, the account with that verified address.
#[utoipa::path(
    get, path = "/v1/admin/accounts", tag = "administration", operation_id = "list_accounts",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("limit" = Option<usize>, Query, description = "Accounts on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("email" = Option<String>, Query, description = "Only the account with this address"),
    ),
    responses((status = 200, description = "One page", body = AccountListBody), AdministratorListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    uri: Uri,
) -> Result<Json<AccountListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let page = parameters.page();
    let email: Option<EmailAddress> = parameters.optional("email", "an e-mail address is expected");
    parameters.finish()?;
    let page = match email {
        None => api.use_cases.accounts.list(page).await?,
        Some(address) => {
            let found = api.use_cases.accounts.find_by_address(&address).await?;
            Page { items: found.into_iter().collect(), next: None }
        }
    };
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(AccountListBody { items: page.items.into_iter().map(Into::into).collect(), next }))
}

/// See an account.
#[utoipa::path(
    get, path = "/v1/admin/accounts/{id}", tag = "administration", operation_id = "show_any_account",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The account", format = "uuid")),
    responses((status = 200, description = "The account", body = AdministeredAccountBody), AdministratorReadProblems),
)]
async fn show(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    Path(id): Path<String>,
) -> Result<Json<AdministeredAccountBody>, Problem> {
    let found = api.use_cases.accounts.find(account_id(&id)?).await?;
    found.map(|account| Json(account.into())).ok_or(Problem::new(ProblemType::NotFound))
}

/// Change an account's name.
///
/// Staff change accounts with the role `authenticated` only, superusers any.
#[utoipa::path(
    patch, path = "/v1/admin/accounts/{id}", tag = "administration", operation_id = "update_any_account",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The account", format = "uuid")),
    request_body = AccountChangeBody,
    responses(
        (status = 200, description = "The account as it is now", body = AdministeredAccountBody),
        AdministratorChangeProblems,
    ),
)]
async fn update(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: AdministratorCaller,
    Path(id): Path<String>,
    Body(body): Body<AccountChangeBody>,
) -> Result<Json<AdministeredAccountBody>, Problem> {
    let Change::Set(name) = body.name else { return show(State(api), caller, Path(id)).await };
    administer(&api, &caller, &id, AccountChange::Rename(name), &origin).await
}

/// Lock an account.
///
/// Nobody signs in to it, and its sessions end at once.
#[utoipa::path(
    post, path = "/v1/admin/accounts/{id}/lock", tag = "administration", operation_id = "lock_account",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The account", format = "uuid")),
    responses(
        (status = 200, description = "The account as it is now", body = AdministeredAccountBody),
        AccountLockProblems,
    ),
)]
async fn lock(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: AdministratorCaller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<Json<AdministeredAccountBody>, Problem> {
    administer(&api, &caller, &id, AccountChange::Lock, &origin).await
}

/// Unlock an account.
///
/// Opens it, and forgets the wrong passwords that may have closed its sign-in. A compromised account stays closed.
#[utoipa::path(
    post, path = "/v1/admin/accounts/{id}/unlock", tag = "administration", operation_id = "unlock_account",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The account", format = "uuid")),
    responses(
        (status = 200, description = "The account as it is now", body = AdministeredAccountBody),
        AccountLockProblems,
    ),
)]
async fn unlock(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: AdministratorCaller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<Json<AdministeredAccountBody>, Problem> {
    administer(&api, &caller, &id, AccountChange::Unlock, &origin).await
}

/// Mark accounts compromised.
///
/// Each is closed until its password is reset, and its sessions end at once. They are marked one after the other; the
/// answer says what became of each. Asking again is safe.
#[utoipa::path(
    post, path = "/v1/admin/accounts/compromised", tag = "administration", operation_id = "mark_accounts_compromised",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = CompromisedBody,
    responses((status = 200, description = "What became of each", body = CompromisedResultsBody), AccountMarkProblems),
)]
async fn mark_compromised(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    AdministratorCaller(by): AdministratorCaller,
    Body(body): Body<CompromisedBody>,
) -> Result<Json<CompromisedResultsBody>, Problem> {
    let marked = api.use_cases.accounts.mark_compromised(by, &body.account_ids, &origin).await?;
    let result = |(account_id, administered): (_, Administered)| CompromisedResultBody {
        account_id,
        result: administered.as_str(),
    };
    Ok(Json(CompromisedResultsBody { results: marked.into_iter().map(result).collect() }))
}

/// Give an account a role.
///
/// For superusers only. Its sessions end at once: their tokens carry the old role.
#[utoipa::path(
    put, path = "/v1/admin/accounts/{id}/role", tag = "administration", operation_id = "change_account_role",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The account", format = "uuid")),
    request_body = RoleBody,
    responses(
        (status = 200, description = "The account as it is now", body = AdministeredAccountBody),
        AccountRoleProblems,
    ),
)]
async fn change_role(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: AdministratorCaller,
    Path(id): Path<String>,
    Body(body): Body<RoleBody>,
) -> Result<Json<AdministeredAccountBody>, Problem> {
    administer(&api, &caller, &id, AccountChange::ChangeRole(body.role), &origin).await
}

/// End all sessions of an account.
#[utoipa::path(
    delete, path = "/v1/admin/accounts/{id}/sessions", tag = "administration", operation_id = "end_account_sessions",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The account", format = "uuid")),
    responses((status = 204, description = "They have ended"), AdministratorEndProblems),
)]
async fn end_sessions(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: AdministratorCaller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<StatusCode, Problem> {
    administer(&api, &caller, &id, AccountChange::EndSessions, &origin).await.map(|_| StatusCode::NO_CONTENT)
}

async fn administer(
    api: &Api,
    AdministratorCaller(by): &AdministratorCaller,
    id: &str,
    change: AccountChange,
    origin: &Origin,
) -> Result<Json<AdministeredAccountBody>, Problem> {
    let account = api.use_cases.accounts.administer(*by, account_id(id)?, change, origin).await?;
    Ok(Json(account.into()))
}

/// What is no id is nobody's account.
fn account_id(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|_| Problem::new(ProblemType::NotFound))
}

impl From<Account> for AdministeredAccountBody {
    fn from(account: Account) -> Self {
        Self { state: account.standing.state.as_str(), account: account.into() }
    }
}

impl From<AdministerError> for Problem {
    fn from(error: AdministerError) -> Self {
        match error {
            AdministerError::NotFound => Self::new(ProblemType::NotFound),
            AdministerError::Refused(refusal) => match refusal {
                AdministrationRefusal::InsufficientRole => Self::new(ProblemType::AccessDenied),
                AdministrationRefusal::OwnAccount => Self::new(ProblemType::AccessDenied)
                    .detailed("Nobody does this to their own account.".to_owned()),
                AdministrationRefusal::LastSuperuser => Self::new(ProblemType::LastSuperuser),
                AdministrationRefusal::Compromised => Self::new(ProblemType::AccountCompromised),
            },
            AdministerError::Store(error) => error.into(),
        }
    }
}
