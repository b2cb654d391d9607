//! Who may do what: the default policies, question by question, against what rule P2 says (P1–P6).

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::{
    access::{Access, Action, DecisionRole, Denial, ItemKind, Limit, PolicyId, Question, Visibility, Who},
    accounts::AccountChange,
    actor::{Actor, Role},
    id::AccountId,
};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp,
};

/// Rule P2 by hand. Letters are actions: List, View, Create, Edit, Delete, change Visibility, change Owner.
/// Who | what | whose | in which visibility | may
const TABLE: &str = "
    superuser     | object dataset collection account session api_key preference | own any superuser's | all                | l v c e d V O
    staff         | object dataset collection account session api_key preference | own                 | all                | l v c e d V O
    staff         | object dataset collection account preference                 | any                 | all                | l v e d
    staff         | session api_key                                              | any                 | all                | l d
    staff         | object dataset collection                                    | superuser's         | public             | l v
    staff         | object dataset collection                                    | superuser's         | unlisted           | v
    staff         | object dataset collection                                    | superuser's         | private            |
    staff         | object dataset collection                                    | superuser's         | shared-with-them   | l v
    staff         | object dataset collection                                    | superuser's         | shared-with-others |
    staff         | account session api_key preference                           | superuser's         | all                |
    authenticated | object dataset collection account session api_key preference | own                 | all                | l v c e d V O
    authenticated | object dataset collection                                    | any superuser's     | public             | l v
    authenticated | object dataset collection                                    | any superuser's     | unlisted           | v
    authenticated | object dataset collection                                    | any superuser's     | private            |
    authenticated | object dataset collection                                    | any superuser's     | shared-with-them   | l v
    authenticated | object dataset collection                                    | any superuser's     | shared-with-others |
    authenticated | account session api_key preference                           | any superuser's     | all                |
    anonymous     | object dataset collection                                    | any superuser's     | public             | l v
    anonymous     | object dataset collection                                    | any superuser's     | unlisted           | v
    anonymous     | object dataset collection                                    | any superuser's     | private            |
    anonymous     | object dataset collection                                    | any superuser's     | shared-with-others |
    anonymous     | account session api_key preference                           | any superuser's     | all                |
    locked        | object dataset collection account session api_key preference | own any superuser's | all                |
";

const VISIBILITIES: [&str; 5] = ["public", "unlisted", "private", "shared-with-them", "shared-with-others"];

/// Role, item, whose, visibility, action.
type Case = (String, String, String, String, Action);

/// Every case of the table, and whether it is allowed.
fn table() -> BTreeMap<Case, bool> {
    let letters = "lvcedVO";
    let mut cases = BTreeMap::new();
    for row in TABLE.trim().lines() {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let [role, items, whose, visibilities, may] = columns.as_slice() else { panic!("{row}") };
        let visibilities: Vec<&str> = match *visibilities {
            "all" if *role == "anonymous" => {
                VISIBILITIES.into_iter().filter(|one| *one != "shared-with-them").collect()
            }
            "all" => VISIBILITIES.to_vec(),
            one => vec![one],
        };
        for item in items.split(' ') {
            for whose in whose.split(' ') {
                for visibility in &visibilities {
                    for (letter, action) in letters.chars().zip(Action::ALL) {
                        let case = [*role, item, whose, visibility].map(str::to_owned);
                        let [role, item, whose, visibility] = case;
                        let allowed = may.contains(letter);
                        let before = cases.insert((role, item, whose, visibility, *action), allowed);
                        assert_eq!(before, None, "{row}");
                    }
                }
            }
        }
    }
    cases
}

/// People of every kind.
struct People {
    superuser: AccountId,
    other_superuser: AccountId,
    staff: AccountId,
    other_staff: AccountId,
    authenticated: AccountId,
    other: AccountId,
    locked: AccountId,
}

impl People {
    async fn of(app: &TestApp) -> Self {
        let person = async |name: &str, role| -> AccountId {
            let signed_up = app.user(&format!("{name}@example.org")).sign_up().await;
            if role != Role::Authenticated {
                app.operate(&signed_up.account_id, AccountChange::ChangeRole(role)).await;
            }
            signed_up.account_id.parse().unwrap()
        };
        let people = Self {
            superuser: person("superuser", Role::Superuser).await,
            other_superuser: person("superuser2", Role::Superuser).await,
            staff: person("staff", Role::Staff).await,
            other_staff: person("staff2", Role::Staff).await,
            authenticated: person("authenticated", Role::Authenticated).await,
            other: person("other", Role::Authenticated).await,
            locked: person("locked", Role::Authenticated).await,
        };
        app.operate(&people.locked.to_string(), AccountChange::Lock).await;
        people
    }

    fn who(&self, role: &str) -> Who {
        match role {
            "superuser" => Who::Account(self.superuser),
            "staff" => Who::Account(self.staff),
            "authenticated" => Who::Account(self.authenticated),
            "anonymous" => Who::Anonymous,
            "locked" => Who::Account(self.locked),
            other => panic!("{other}"),
        }
    }

    /// The owners that one word of the table stands for.
    fn owners(&self, role: &str, whose: &str) -> Vec<AccountId> {
        match whose {
            "own" => vec![self.who(role).account().unwrap()],
            "any" => vec![self.other, self.other_staff],
            "superuser's" => vec![self.other_superuser],
            other => panic!("{other}"),
        }
    }
}

fn kind(app: &TestApp, name: &str) -> ItemKind {
    app.service.access.items().find(name).unwrap().clone()
}

/// P2, K10: the default policies over every store, case by case, against the table.
#[rstest]
#[tokio::test]
async fn the_default_policies_are_rule_p2(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let people = People::of(&app).await;
    let table = table();
    assert_eq!(table.len(), (5 * 3 - 1) * 7 * 5 * 7 - 2 * 7 * 7, "every case, once");
    let mut asked = Vec::new();
    for (case, allowed) in table {
        let (role, item, whose, visibility, action) = &case;
        let who = people.who(role);
        for owner in people.owners(role, whose) {
            let shared_with = match visibility.as_str() {
                "shared-with-them" => vec![people.other, who.account().unwrap()],
                "shared-with-others" => {
                    vec![people.superuser, people.staff, people.authenticated, people.other]
                        .into_iter()
                        .filter(|id| Some(*id) != who.account())
                        .collect()
                }
                // That others are named counts only while it is shared.
                _ => who.account().into_iter().collect(),
            };
            let visibility = match visibility.split_once('-') {
                Some(_) => Visibility::Shared,
                None => Visibility::parse(visibility).unwrap(),
            };
            let item = kind(&app, item);
            let question = Question { who, action: *action, item, owner, visibility, shared_with };
            asked.push((case.clone(), question, allowed));
        }
    }
    for batch in asked.chunks(Access::MOST_AT_ONCE) {
        let questions: Vec<Question> = batch.iter().map(|(_, question, _)| question.clone()).collect();
        let decisions = app.service.access.check_all(&questions).await.unwrap();
        assert_eq!(decisions.len(), batch.len());
        for ((case, _, allowed), decision) in batch.iter().zip(decisions) {
            assert_eq!(decision.is_allowed(), *allowed, "{case:?}: {decision:?}");
            assert!(!decision.is_allowed() || !decision.policies.is_empty(), "{case:?}: it says why");
        }
    }
}

/// P3: who asks and the owner must be there and active; who is shared with and is not counts as not there. No policy of an
/// operator changes that, and none opens what is private always to a visibility.
#[rstest]
#[tokio::test]
async fn nobody_who_is_not_active_is_allowed_anything_by_any_policy(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let directory = tempfile::tempdir().unwrap();
    let policies = "@id(\"all\")\npermit (principal, action, resource);\n\
        @id(\"no-public\")\nforbid (principal, action == Action::\"edit\", resource)\n\
        when { resource.visibility != Visibility::\"private\" };";
    std::fs::write(directory.path().join("own.cedar"), policies).unwrap();
    let app =
        TestApp::with(on, |settings| settings.access.policies = Some(directory.path().to_owned())).await;
    let people = People::of(&app).await;
    let nobody: AccountId = "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1".parse().unwrap();
    let ask = async |who, owner, item, action| {
        let shared_with = vec![people.locked, nobody];
        let question = Question { who, action, item, owner, visibility: Visibility::Public, shared_with };
        let decision = app.service.access.check(&question).await.unwrap();
        (decision.denial, decision.policies.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let object = kind(&app, "object");
    let (ada, eve) = (people.authenticated, people.other);
    let locked = DecisionRole::Locked;
    for (who, owner, denial) in [
        (Who::Account(people.locked), people.locked, Some(Denial::ActorNotActive)),
        (Who::Account(people.locked), ada, Some(Denial::ActorNotActive)),
        (Who::AccountWithRole(people.locked, locked), ada, Some(Denial::ActorNotActive)),
        (Who::AccountWithRole(ada, locked), ada, Some(Denial::RoleDiffers)),
        (Who::AccountWithRole(ada, DecisionRole::Staff), ada, Some(Denial::RoleDiffers)),
        (Who::AccountWithRole(ada, DecisionRole::Authenticated), eve, None),
        (Who::Locked, ada, Some(Denial::ActorNotActive)),
        (Who::Account(nobody), ada, Some(Denial::ActorNotActive)),
        (Who::Account(ada), people.locked, Some(Denial::OwnerNotActive)),
        (Who::Account(ada), nobody, Some(Denial::OwnerNotActive)),
        (Who::Operator, nobody, Some(Denial::OwnerNotActive)),
        (Who::Operator, ada, None),
        (Who::Anonymous, ada, None),
    ] {
        let policies = if denial.is_none() { "all" } else { "" };
        assert_eq!(
            ask(who, owner, object.clone(), Action::View).await,
            (denial, policies.to_owned()),
            "{who:?}"
        );
    }
    let forbidden = (Some(Denial::Forbidden), "no-public".to_owned());
    assert_eq!(ask(Who::Account(ada), ada, object, Action::Edit).await, forbidden);
    let allowed = (None, "all".to_owned());
    assert_eq!(ask(Who::Account(ada), ada, ItemKind::API_KEY, Action::Edit).await, allowed);

    // What was decided by who is there is decided anew when that changes.
    app.operate(&ada.to_string(), AccountChange::MarkCompromised).await;
    let decision =
        app.service.access.allowed(Actor::Account(ada), Action::View, ItemKind::ACCOUNT, ada).await;
    assert_eq!(decision.unwrap().denial, Some(Denial::ActorNotActive));
}

/// P6: by the role that an account has now; a limit that is not there is an error.
#[rstest]
#[tokio::test]
async fn limits_are_those_of_the_role(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with(on, |settings| {
        settings.access.limits.staff = vec!["rate = 7".to_owned().try_into().unwrap()];
    })
    .await;
    let people = People::of(&app).await;
    let access = &app.service.access;
    let keys = Limit::parse("max.api_key", access.items()).unwrap();
    let limits =
        async |who| (access.limit(who, &keys).await.unwrap(), access.limit(who, &Limit::Rate).await.unwrap());
    assert_eq!(limits(Who::Account(people.authenticated)).await, (Some(100), None));
    assert_eq!(limits(Who::Account(people.staff)).await, (None, Some(7)));
    assert_eq!(limits(Who::Account(people.locked)).await, (Some(0), Some(0)));
    assert_eq!(limits(Who::Anonymous).await, (None, None));
    for unknown in ["max", "max.", "max.objekt", "rates", "", "Rate"] {
        assert!(Limit::parse(unknown, access.items()).is_err(), "{unknown}");
    }
}

async fn ask(caller: &SignedIn<'_>, body: &Json) -> Answer {
    caller.call("POST", "/v1/access/check").json(body).send().await
}

/// P5: one question or several; about oneself anybody, about others staff and superusers.
#[rstest]
#[tokio::test]
async fn questions_are_answered_over_http(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user("ada@example.org").sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let question = |actor: Json, action: &str, item: &str, owner: &SignedIn<'_>| json!({"actor": actor, "action": action, "item": item, "owner": owner.account_id});
    let about_ada = json!({"id": ada.account_id, "role": "authenticated"});
    let mut own = question(about_ada.clone(), "edit", "object", &ada);
    own["visibility"] = json!("private");
    own["shared_with"] = json!([]);
    let answer = ask(&ada, &own).await.expect(200);
    assert_eq!(answer.json, json!({"allowed": true, "policies": ["owner-may"]}));
    let mut eves = question(json!({"id": ada.account_id}), "view", "object", &eve);
    let no = json!({"allowed": false, "policies": [], "reason": "not_permitted"});
    assert_eq!(ask(&ada, &eves).await.expect(200).json, no);
    eves["visibility"] = json!("shared");
    eves["shared_with"] = json!([root.account_id, ada.account_id]);
    let shared = json!({"allowed": true, "policies": ["shared-is-for-some"]});
    assert_eq!(ask(&ada, &eves).await.expect(200).json, shared);

    // A token from before a change of the role says more than is so.
    let stale = question(json!({"id": ada.account_id, "role": "superuser"}), "view", "object", &ada);
    let differs = json!({"allowed": false, "policies": [], "reason": "role_differs"});
    assert_eq!(ask(&ada, &stale).await.expect(200).json, differs);

    let anonymous = question(json!({"role": "anonymous"}), "view", "object", &eve);
    let locked = question(json!({"role": "locked"}), "view", "object", &eve);
    let batch = json!({"questions": [own, eves, anonymous, locked, stale]});
    for others in [&anonymous, &batch, &question(json!({"id": eve.account_id}), "view", "object", &eve)] {
        assert_eq!(ask(&ada, others).await.expect(403).slug(), "access_denied");
    }
    for administrator in [&staff, &root] {
        let answers = ask(administrator, &batch).await.expect(200).json;
        let allowed: Vec<&Json> =
            answers["answers"].as_array().unwrap().iter().map(|answer| &answer["allowed"]).collect();
        assert_eq!(allowed, [true, true, false, false, false]);
        assert_eq!(answers["answers"][3]["policies"], json!(["locked-may-nothing"]));
    }
    let alone = json!({"questions": [own]});
    assert_eq!(ask(&ada, &alone).await.expect(200).json["answers"].as_array().unwrap().len(), 1);
    app.post("/v1/access/check").json(&own).send().await.expect(401);
    let noted = app.audit().await;
    let noted = noted.iter().find(|event| event.act.as_str() == "access.checked").unwrap();
    assert_eq!((noted.reason.as_deref(), noted.count), (Some("insufficient_role"), 3));
}

/// A2: everything that is wrong with a question is told at once, with its pointer.
#[tokio::test]
async fn every_fault_of_a_question_is_told_at_once() {
    let app = TestApp::start(Sqlite).await;
    let ada = app.user("ada@example.org").sign_up().await;
    let id = ada.account_id.as_str();
    let right = json!({"actor": {"id": id}, "action": "view", "item": "object", "owner": id});
    let faults = async |body: Json| {
        let faults = ask(&ada, &body).await.expect(400).errors().into_iter();
        let mut faults: Vec<String> = faults.map(|(slug, pointer)| format!("{pointer} {slug}")).collect();
        faults.sort();
        faults
    };
    let wrong = json!({
        "actor": {"id": "ada", "role": "king", "name": "Ada"}, "action": "see", "item": "objekt", "owner": 7,
        "visibility": "secret", "shared_with": [id, "eve", {}], "colour": "red",
    });
    let expected = [
        "/action invalid_value",
        "/actor/id invalid_format",
        "/actor/name invalid_value",
        "/actor/role invalid_value",
        "/colour invalid_value",
        "/item invalid_value",
        "/owner invalid_format",
        "/shared_with/1 invalid_format",
        "/shared_with/2 invalid_format",
        "/visibility invalid_value",
    ];
    assert_eq!(faults(wrong.clone()).await, expected);
    let in_batch: Vec<String> = expected.iter().map(|fault| format!("/questions/1{fault}")).collect();
    assert_eq!(faults(json!({"questions": [right, wrong]})).await, in_batch);
    assert_eq!(
        faults(json!({})).await,
        ["/action missing", "/actor missing", "/item missing", "/owner missing"]
    );
    let actor = async |actor: Json| {
        let mut question = right.clone();
        question["actor"] = actor;
        faults(question).await
    };
    assert_eq!(actor(json!({})).await, ["/actor/id missing"]);
    assert_eq!(actor(json!({"role": "staff"})).await, ["/actor/id missing"]);
    assert_eq!(actor(json!({"id": id, "role": "anonymous"})).await, ["/actor/role invalid_value"]);
    assert_eq!(actor(json!("ada")).await, ["/actor invalid_format"]);
    assert_eq!(faults(json!({"questions": []})).await, ["/questions insufficient"]);
    assert_eq!(faults(json!({"questions": [7]})).await, ["/questions/0 invalid_format"]);
    assert_eq!(faults(json!({"questions": vec![right.clone(); 101]})).await, ["/questions overflow"]);
    assert_eq!(faults(json!({"questions": [right], "action": "view"})).await, ["/action invalid_value"]);
    ask(&ada, &json!({"questions": vec![right.clone(); 100]})).await.expect(200);
}

/// P1: the operator's own kinds of items are asked about like the others, in the class they were given.
#[tokio::test]
async fn an_operators_kinds_of_items_are_known() {
    let app = TestApp::with(Sqlite, |settings| {
        settings.access.items = vec!["report".to_owned()];
        settings.access.private_items = vec!["invoice".to_owned()];
    })
    .await;
    let ada = app.user("ada@example.org").sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let ask_about = async |item: &str| {
        let body = json!({
            "actor": {"id": ada.account_id}, "action": "view", "item": item, "owner": eve.account_id, "visibility": "public",
        });
        ask(&ada, &body).await
    };
    assert_eq!(ask_about("report").await.expect(200).json["policies"], json!(["public-is-for-all"]));
    assert_eq!(ask_about("invoice").await.expect(200).json["allowed"], false);
    ask_about("object").await.expect(400);
    let decision = app.service.access.allowed(
        Actor::Account(eve.account_id.parse().unwrap()),
        Action::Create,
        ItemKind::API_KEY,
        eve.account_id.parse().unwrap(),
    );
    assert_eq!(decision.await.unwrap().policies, [PolicyId::new("owner-may")]);
}
