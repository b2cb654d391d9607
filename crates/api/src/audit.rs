//! What happened, for administrators (G2).

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State, http::Uri};
use serde::Serialize;
use symbolon_domain::{
    actor::Actor,
    audit::{Act, AuditEvent, AuditFilter, Outcome, Subject},
    clock::Timestamp,
    id::{AuditEventId, RequestId},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::administrator::AdministratorCaller,
    fields::Parameters,
    problem::{AdministratorListProblems, Problem},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list))
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct EventBody {
    #[schema(value_type = String, format = "uuid")]
    id: AuditEventId,
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// `anonymous`, `account:<id>`, `operator` or `system`.
    #[schema(example = "operator")]
    actor: String,
    /// What was done or tried.
    #[schema(example = "account.locked")]
    act: String,
    /// `done` or `refused`.
    #[schema(example = "done")]
    outcome: &'static str,
    /// Why, or as what.
    reason: Option<String>,
    /// To what, as `<kind>:<id>`.
    subject: Option<String>,
    #[schema(value_type = Option<String>, example = "203.0.113.9")]
    ip: Option<IpAddr>,
    #[schema(value_type = Option<String>, format = "uuid")]
    request_id: Option<RequestId>,
    /// How many such events this one stands for.
    count: u32,
}

/// One page of what happened.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEventList)]
pub(crate) struct EventListBody {
    /// Newest first. With a filter a page may be short, or empty, though there are more.
    items: Vec<EventBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// List what happened.
///
/// Newest first. A page looks through a bounded number of events: go on while there is a `next`.
#[utoipa::path(
    get, path = "/v1/admin/audit-events", tag = "administration", operation_id = "list_audit_events",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("limit" = Option<usize>, Query, description = "Events on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("account" = Option<String>, Query, description = "Done by this account, or to it", format = "uuid"),
        ("act" = Option<String>, Query, description = "What was done or tried"),
        ("outcome" = Option<String>, Query, description = "`done` or `refused`"),
        ("since" = Option<String>, Query, description = "Then or later", format = "date-time"),
        ("until" = Option<String>, Query, description = "Before then", format = "date-time"),
    ),
    responses((status = 200, description = "One page", body = EventListBody), AdministratorListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    uri: Uri,
) -> Result<Json<EventListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let page = parameters.page();
    let filter = filter(&mut parameters);
    parameters.finish()?;
    let page = api.use_cases.audit.list(&filter, page).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(EventListBody { items: page.items.into_iter().map(Into::into).collect(), next }))
}

fn filter(parameters: &mut Parameters) -> AuditFilter {
    let moment = "a date and time such as 2026-01-01T12:00:00Z is expected";
    let read = |text: String| Timestamp::parse(&text).ok();
    AuditFilter {
        account: parameters.optional("account", "the id of an account is expected"),
        act: parameters.parsed("act", "the name of an act such as `account.locked` is expected", |text| {
            Act::parse(&text)
        }),
        outcome: parameters
            .parsed("outcome", "`done` or `refused` is expected", |text| Outcome::parse(&text)),
        since: parameters.parsed("since", moment, read),
        until: parameters.parsed("until", moment, read),
    }
}

impl From<AuditEvent> for EventBody {
    fn from(event: AuditEvent) -> Self {
        let actor = match event.actor {
            Actor::Anonymous => "anonymous".to_owned(),
            Actor::Account(id) => Subject::from(id).as_str().to_owned(),
            Actor::Operator => "operator".to_owned(),
            Actor::System => "system".to_owned(),
        };
        Self {
            id: event.id,
            at: event.at,
            actor,
            act: event.act.as_str().to_owned(),
            outcome: event.outcome.as_str(),
            reason: event.reason.map(std::borrow::Cow::into_owned),
            subject: event.subject.map(|subject| subject.as_str().to_owned()),
            ip: event.ip,
            request_id: event.request_id,
            count: event.count,
        }
    }
}
