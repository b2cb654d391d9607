//! A person's own account: seeing it, changing its name (A1, A6).

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use symbolon_domain::{
    accounts::{Account, InvalidName, Name, UpdateAccount, UpdateAccountError},
    actor::Origin,
    clock::Timestamp,
    id::{AccountId, IdentifierId},
    identifiers::{Identifier, IdentifierType},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::Caller,
    fields::{Body, Fault, Fields, FromFields},
    problem::{ChangeProblems, Problem, ProblemType, ReadProblems, Slug},
};

pub(crate) mod administration;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(show, update))
}

/// An account as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountBody {
    #[schema(value_type = String, format = "uuid")]
    id: AccountId,
    /// What the person is called; null when they have not said.
    #[schema(value_type = Option<String>, example = "Ada")]
    name: Option<String>,
    /// `authenticated`, `staff` or `superuser`.
    #[schema(example = "authenticated")]
    role: &'static str,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// When its owner last signed in or refreshed a session.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_seen: Option<Timestamp>,
    /// Its verified addresses, oldest first.
    identifiers: Vec<AccountIdentifierBody>,
}

/// A verified address.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountIdentifier)]
pub(crate) struct AccountIdentifierBody {
    #[schema(value_type = String, format = "uuid")]
    id: IdentifierId,
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "email")]
    kind: IdentifierType,
    /// The address, as it was typed.
    #[schema(example = "ada@example.org")]
    value: String,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// When a sign-in with it was last completed.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_used: Option<Timestamp>,
}

/// What is to change; what is not named stays as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange, example = json!({"name": "Ada Lovelace"}))]
pub(crate) struct AccountChangeBody {
    /// The new name; null takes it away.
    #[schema(value_type = Option<String>, max_length = 256)]
    name: Change<Name>,
}

/// What happens to one field.
enum Change<T> {
    Keep,
    Set(Option<T>),
}

impl FromFields for AccountChangeBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let named = fields.has("name");
        let new = fields.optional("name", |text| name_or(&text, "a name is expected; null takes it away"))?;
        Some(Self { name: if named { Change::Set(new) } else { Change::Keep } })
    }
}

/// Reads a name that need not be given.
pub(crate) fn name(text: &SecretString) -> Result<Name, Fault> {
    name_or(text, "a name is expected; leave it out to give none")
}

/// Reads a name, with what is to be said of an empty one.
fn name_or(text: &SecretString, of_empty: &'static str) -> Result<Name, Fault> {
    text.expose_secret().parse().map_err(|error| match error {
        InvalidName::Empty => Fault::new(Slug::Insufficient, of_empty),
        InvalidName::TooLong => Fault::new(Slug::Overflow, "at most 256 bytes are allowed"),
        InvalidName::Control => Fault::new(Slug::InvalidValue, "control characters are not allowed"),
    })
}

/// See the account.
#[utoipa::path(
    get, path = "/v1/account", tag = "account", operation_id = "show_account",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    responses((status = 200, description = "The caller's own account", body = AccountBody), ReadProblems),
)]
async fn show(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<AccountBody>, Problem> {
    let account = api.use_cases.accounts.find(caller.signed_in.account_id).await?;
    account.map(|account| Json(account.into())).ok_or(Problem::new(ProblemType::NotFound))
}

/// Change the account.
#[utoipa::path(
    patch, path = "/v1/account", tag = "account", operation_id = "update_account",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = AccountChangeBody,
    responses((status = 200, description = "The account as it is now", body = AccountBody), ChangeProblems),
)]
async fn update(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Body(body): Body<AccountChangeBody>,
) -> Result<Json<AccountBody>, Problem> {
    let Change::Set(name) = body.name else { return show(State(api), caller).await };
    let id = caller.signed_in.account_id;
    let account = api.use_cases.accounts.update(id, UpdateAccount { name }, &origin).await?;
    Ok(Json(account.into()))
}

impl From<Account> for AccountBody {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            name: account.name.map(|name| name.as_str().to_owned()),
            role: account.standing.role.as_str(),
            created: account.created_at,
            last_seen: account.last_seen_at,
            identifiers: account.identifiers.into_iter().map(AccountIdentifierBody::from).collect(),
        }
    }
}

impl From<Identifier> for AccountIdentifierBody {
    fn from(identifier: Identifier) -> Self {
        Self {
            id: identifier.id,
            kind: IdentifierType::Email,
            value: identifier.address.as_typed().to_owned(),
            created: identifier.created_at,
            last_used: identifier.last_used_at,
        }
    }
}

impl From<UpdateAccountError> for Problem {
    fn from(error: UpdateAccountError) -> Self {
        match error {
            UpdateAccountError::NotFound => Self::new(ProblemType::NotFound),
            UpdateAccountError::Store(error) => error.into(),
        }
    }
}
