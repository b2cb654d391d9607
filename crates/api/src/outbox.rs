//! Messages on their way, for administrators: what became of each, never what it says or to whom (M1).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::Uri,
};
use serde::Serialize;
use symbolon_domain::{clock::Timestamp, id::MessageId, outbox::MessageSummary};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::administrator::AdministratorCaller,
    fields::Parameters,
    problem::{AdministratorListProblems, AdministratorReadProblems, Problem, ProblemType},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(show))
}

/// What may be shown of a message.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageBody {
    #[schema(value_type = String, format = "uuid")]
    id: MessageId,
    /// What it is about.
    #[schema(example = "sign_in_code")]
    kind: &'static str,
    /// `pending`, `delivered` or `dropped`.
    #[schema(example = "delivered")]
    state: &'static str,
    /// How often its delivery was begun.
    attempts: u32,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// From when on it is no longer sent.
    #[schema(value_type = String, format = "date-time")]
    expires: Timestamp,
    /// When it is tried next; only while it is pending.
    #[schema(value_type = Option<String>, format = "date-time")]
    next_attempt: Option<Timestamp>,
    /// When it was delivered or dropped.
    #[schema(value_type = Option<String>, format = "date-time")]
    ended: Option<Timestamp>,
    /// Why the last attempt failed, or it was dropped.
    reason: Option<String>,
}

/// One page of all messages.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageList)]
pub(crate) struct MessageListBody {
    /// Newest first.
    items: Vec<MessageBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// List messages.
#[utoipa::path(
    get, path = "/v1/admin/outbox", tag = "administration", operation_id = "list_messages",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("limit" = Option<usize>, Query, description = "Messages on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "One page", body = MessageListBody), AdministratorListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    uri: Uri,
) -> Result<Json<MessageListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let page = parameters.page();
    parameters.finish()?;
    let page = api.use_cases.outbox.list(page).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(MessageListBody { items: page.items.into_iter().map(Into::into).collect(), next }))
}

/// See what became of a message.
#[utoipa::path(
    get, path = "/v1/admin/outbox/{id}", tag = "administration", operation_id = "show_message",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The message", format = "uuid")),
    responses((status = 200, description = "The message", body = MessageBody), AdministratorReadProblems),
)]
async fn show(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    Path(id): Path<String>,
) -> Result<Json<MessageBody>, Problem> {
    let id: MessageId = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    let found = api.use_cases.outbox.find(id).await?;
    found.map(|message| Json(message.into())).ok_or(Problem::new(ProblemType::NotFound))
}

impl From<MessageSummary> for MessageBody {
    fn from(message: MessageSummary) -> Self {
        Self {
            id: message.id,
            kind: message.kind.as_str(),
            state: message.state.as_str(),
            attempts: message.attempts,
            created: message.created_at,
            expires: message.expires_at,
            next_attempt: message.next_attempt_at,
            ended: message.ended_at,
            reason: message.reason,
        }
    }
}
