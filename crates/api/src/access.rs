//! Who may do what with whose things: questions of services that keep items of their own (P5).

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use symbolon_domain::{
    access::{
        Access, AccessError, Action, AskError, Decision, DecisionRole, ItemKind, Question, Visibility, Who,
    },
    actor::Origin,
    id::AccountId,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::Caller,
    fields::{Body, Fault, Fields, FromFields, parsed},
    problem::{AccessCheckProblems, Problem, ProblemType, Slug},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(check))
}

/// Whom a question is about.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccessActor)]
pub(crate) struct ActorBody {
    /// Their account; absent for who is not signed in.
    #[schema(format = "uuid")]
    #[expect(dead_code, reason = "described here, read by `who`")]
    id: Option<String>,
    /// `superuser`, `staff`, `authenticated`, `anonymous` or `locked`. The account's own role counts; when another one is
    /// named, as in a token from before a change, nothing is allowed. Without `id` only `anonymous` and `locked` are.
    #[schema(example = "authenticated")]
    #[expect(dead_code, reason = "described here, read by `who`")]
    role: Option<String>,
}

/// May they do this with that?
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccessQuestion, example = json!({
    "actor": {"id": "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1", "role": "authenticated"},
    "action": "view", "item": "object", "owner": "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1",
    "visibility": "private", "shared_with": []
}))]
pub(crate) struct QuestionBody {
    #[schema(value_type = ActorBody)]
    actor: Who,
    /// `list`, `view`, `create`, `edit`, `delete`, `change_visibility` or `change_owner`.
    #[schema(value_type = String, example = "view")]
    action: Action,
    /// A kind of item: `object`, `dataset`, `collection`, `account`, `session`, `api_key`, `preference`, or what the
    /// operator has configured.
    #[schema(value_type = String, example = "object")]
    item: ItemKind,
    /// The account whose it is, or would be.
    #[schema(value_type = String, format = "uuid")]
    owner: AccountId,
    /// `public`, `unlisted`, `private` (when nothing is said) or `shared`.
    #[schema(value_type = Option<String>, example = "private")]
    visibility: Visibility,
    /// The accounts that it is shared with, up to 1000; they count while it is `shared`, and they are active.
    #[schema(value_type = Option<Vec<String>>, max_items = 1_000)]
    shared_with: Vec<AccountId>,
}

/// Several questions.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccessQuestions)]
pub(crate) struct QuestionsBody {
    /// Up to 100 of them.
    #[schema(min_items = 1, max_items = 100)]
    questions: Vec<QuestionBody>,
}

/// One question, or several.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = AccessCheck)]
pub(crate) enum CheckBody {
    /// One.
    One(Box<QuestionBody>),
    /// Several.
    Many(QuestionsBody),
}

/// The answer to a question.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessAnswer, example = json!({"allowed": true, "policies": ["owner-may"]}))]
pub(crate) struct AnswerBody {
    /// May they?
    allowed: bool,
    /// The policies that permit or forbid it; none where none does.
    policies: Vec<String>,
    /// Where it is not allowed: `not_permitted` (no policy permits it), `forbidden` (one forbids it), `actor_not_active` or
    /// `owner_not_active` (locked, marked compromised, or not there), or `role_differs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(null))]
    reason: Option<&'static str>,
}

/// The answers to several questions.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessAnswers)]
pub(crate) struct AnswersBody {
    /// In the order of the questions.
    answers: Vec<AnswerBody>,
}

/// One answer, or several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AccessCheckResult)]
pub(crate) enum CheckResultBody {
    /// To one question.
    One(AnswerBody),
    /// To several.
    Many(AnswersBody),
}

impl FromFields for CheckBody {
    fn read(fields: &mut Fields, api: &Api) -> Option<Self> {
        if fields.has("questions") {
            let read = |fields: &mut Fields| question(fields, api);
            let questions = fields.objects("questions", Access::MOST_AT_ONCE, read)?;
            return Some(Self::Many(QuestionsBody { questions }));
        }
        question(fields, api).map(|question| Self::One(Box::new(question)))
    }
}

fn question(fields: &mut Fields, api: &Api) -> Option<QuestionBody> {
    let account = "the id of an account is expected";
    let actor = fields.object("actor", who);
    let action = fields.required("action", |text| {
        Action::parse(text.expose_secret()).ok_or_else(|| {
            unknown("`list`, `view`, `create`, `edit`, `delete`, `change_visibility` or `change_owner` is expected")
        })
    });
    let item = fields.required("item", |text| {
        let found = api.use_cases.access.items().find(text.expose_secret());
        found.cloned().ok_or_else(|| unknown("no such kind of item is configured"))
    });
    let owner = fields.required("owner", |text| parsed(&text, account));
    let visibility = fields.optional("visibility", |text| {
        Visibility::parse(text.expose_secret())
            .ok_or_else(|| unknown("`public`, `unlisted`, `private` or `shared` is expected"))
    });
    let shared_with =
        fields.optional_list("shared_with", Question::MOST_SHARED_WITH, |text| parsed(&text, account));
    Some(QuestionBody {
        actor: actor?,
        action: action?,
        item: item?,
        owner: owner?,
        visibility: visibility?.unwrap_or(Visibility::Private),
        shared_with: shared_with?,
    })
}

fn who(fields: &mut Fields) -> Option<Who> {
    let id = fields.optional("id", |text| parsed(&text, "the id of an account is expected"));
    let role = fields.optional("role", |text| {
        let expected = "`superuser`, `staff`, `authenticated`, `anonymous` or `locked` is expected";
        DecisionRole::parse(text.expose_secret()).ok_or_else(|| unknown(expected))
    });
    match (id?, role?) {
        (Some(_), Some(DecisionRole::Anonymous)) => {
            fields.fault("role", Fault::new(Slug::InvalidValue, "who has an account is not anonymous"))
        }
        (Some(id), Some(role)) => Some(Who::AccountWithRole(id, role)),
        (Some(id), None) => Some(Who::Account(id)),
        (None, Some(DecisionRole::Anonymous)) => Some(Who::Anonymous),
        (None, Some(DecisionRole::Locked)) => Some(Who::Locked),
        (None, _) => fields.fault(
            "id",
            Fault::new(Slug::Missing, "an account is expected, or the role `anonymous` or `locked`"),
        ),
    }
}

fn unknown(detail: &'static str) -> Fault {
    Fault::new(Slug::InvalidValue, detail)
}

/// Ask who may do what.
///
/// One question, or up to 100 at once. Any account may ask about itself; staff and superusers about others. The store
/// says who exists, is active and has which role; the access policies say the rest. A service that cannot get an answer
/// (503) must not take that for a "yes" or a "no".
#[utoipa::path(
    post, path = "/v1/access/check", tag = "access", operation_id = "check_access",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = CheckBody,
    responses((status = 200, description = "The answer, or the answers", body = CheckResultBody), AccessCheckProblems),
)]
async fn check(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Body(body): Body<CheckBody>,
) -> Result<Json<CheckResultBody>, Problem> {
    let (questions, is_one) = match body {
        CheckBody::One(question) => (vec![Question::from(*question)], true),
        CheckBody::Many(body) => (body.questions.into_iter().map(Question::from).collect(), false),
    };
    let decisions = api.use_cases.access.ask(&caller.signed_in, &questions, &origin).await?;
    let mut answers: Vec<AnswerBody> = decisions.into_iter().map(AnswerBody::from).collect();
    Ok(Json(match answers.pop() {
        Some(only) if is_one => CheckResultBody::One(only),
        last => {
            answers.extend(last);
            CheckResultBody::Many(AnswersBody { answers })
        }
    }))
}

impl From<QuestionBody> for Question {
    fn from(body: QuestionBody) -> Self {
        let QuestionBody { actor: who, action, item, owner, visibility, shared_with } = body;
        Self { who, action, item, owner, visibility, shared_with }
    }
}

impl From<Decision> for AnswerBody {
    fn from(decision: Decision) -> Self {
        Self {
            allowed: decision.is_allowed(),
            policies: decision.policies.iter().map(ToString::to_string).collect(),
            reason: decision.denial.map(symbolon_domain::access::Denial::as_str),
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NotAboutOneself(_) => Self::new(ProblemType::AccessDenied).detailed(
                "Your role lets you ask about yourself only: `actor` is to be your own account.".to_owned(),
            ),
            AskError::Access(error) => error.into(),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Policy(error) => Self::internal(error),
            AccessError::Store(error) => error.into(),
        }
    }
}
