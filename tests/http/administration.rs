//! Administrators over HTTP: what they may do to whom, and what that does (A5, S15, P2).

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::{
    accounts::{AccountChange, Administrator},
    actor::{Actor, Role},
    audit::Outcome,
};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, SignedIn, TestApp,
};

const ADA: &str = "Ada@example.org";

/// A request by this caller to an account, with this body where there is one.
async fn call(caller: &SignedIn<'_>, line: &str, account: &str, body: Json) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let call = caller.call(method, &path.replace("{id}", account));
    if body.is_null() { call.send().await } else { call.json(&body).send().await }
}

const LOCK: &str = "POST /v1/admin/accounts/{id}/lock";
const UNLOCK: &str = "POST /v1/admin/accounts/{id}/unlock";
const COMPROMISED: &str = "POST /v1/admin/accounts/compromised";
const ROLE: &str = "PUT /v1/admin/accounts/{id}/role";
const RENAME: &str = "PATCH /v1/admin/accounts/{id}";
const SHOW: &str = "GET /v1/admin/accounts/{id}";
const SESSIONS: &str = "DELETE /v1/admin/accounts/{id}/sessions";

/// A5, A6: accounts are listed, found, shown and renamed, with nothing secret.
#[rstest]
#[tokio::test]
async fn administrators_see_accounts_and_rename_them(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    app.clock.advance(Duration::from_secs(1));
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let listed = staff.call("GET", "/v1/admin/accounts?limit=1").send().await.expect(200).json;
    assert_eq!(listed["items"][0]["id"], staff.account_id.as_str());
    let next = listed["next"].as_str().unwrap();
    let rest = staff.call("GET", &format!("/v1/admin/accounts?after={next}")).send().await.expect(200).json;
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&json!(ada.account_id), &Json::Null));

    let shown = call(&staff, SHOW, &ada.account_id, Json::Null).await.expect(200);
    let members: Vec<&String> = shown.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["created", "id", "identifiers", "last_seen", "name", "role", "state"]);
    let found = staff.call("GET", "/v1/admin/accounts?email=aDA@EXAMPLE.org").send().await.expect(200).json;
    assert_eq!(found["items"], json!([shown.json]));
    let none = staff.call("GET", "/v1/admin/accounts?email=nobody@example.org").send().await.expect(200).json;
    assert_eq!(none, json!({"items": [], "next": null}));
    staff.call("GET", "/v1/admin/accounts?email=nobody&limit=0&color=red").send().await.expect(400);

    let renamed = call(&staff, RENAME, &ada.account_id, json!({"name": " Ada "})).await.expect(200);
    assert_eq!((&renamed.json["name"], &renamed.json["state"]), (&json!("Ada"), &json!("active")));
    call(&staff, RENAME, &ada.account_id, json!({"role": "staff"})).await.expect(400);
    for unknown in ["01890000-0000-7000-8000-000000000000", "ada"] {
        call(&staff, SHOW, unknown, Json::Null).await.expect(404);
        call(&staff, LOCK, unknown, Json::Null).await.expect(404);
    }
}

/// A5, S10, C26: a locked account cannot be signed in to, and what it holds ends at once; an unlock opens it again, with
/// its failures forgotten (S14).
#[rstest]
#[tokio::test]
async fn a_lock_closes_and_an_unlock_opens(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let pending = app.user(ADA).begin_sign_in().await;
    let code = app_code(&app).await;
    let locked = call(&staff, LOCK, &ada.account_id, Json::Null).await.expect(200);
    assert_eq!(locked.json["state"], "locked");
    call(&staff, LOCK, &ada.account_id, Json::Null).await.expect(200);
    assert!(!ada.is_active().await);
    ada.call("GET", "/v1/account").send().await.expect(401);
    ada.try_refresh_with(&ada.refresh_token).await.expect(401);
    pending.try_code(&code).await.expect(410);
    app.user(ADA).try_sign_in().await.expect(401);
    app.user(ADA).try_sign_in().await.expect(429);

    // What happens in one millisecond has no order in the audit log.
    app.clock.advance(Duration::from_secs(1));
    let unlocked = call(&staff, UNLOCK, &ada.account_id, Json::Null).await.expect(200);
    assert_eq!(unlocked.json["state"], "active");
    assert!(!ada.is_active().await, "nothing is revived");
    app.user(ADA).sign_in().await;
    let acts = acts(&app, &staff.account_id).await;
    assert_eq!(acts, ["account.locked done", "account.unlocked done"]);
}

async fn app_code(app: &TestApp) -> String {
    app.code_to(ADA).await
}

/// What this account did about accounts, oldest first.
async fn acts(app: &TestApp, account_id: &str) -> Vec<String> {
    let actor = Actor::Account(account_id.parse().unwrap());
    let mut acts: Vec<String> = app
        .audit()
        .await
        .iter()
        .filter(|event| event.actor == actor)
        .map(|event| {
            let reason = event.reason.as_deref().map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("{} {}{reason}", event.act.as_str(), event.outcome.as_str())
        })
        .filter(|act| ["account.", "invitation.", "administration."].iter().any(|kind| act.starts_with(kind)))
        .collect();
    acts.reverse();
    acts
}

/// A5, S15: whoever decides who may use an account tells its owner, once, and not when it was so already or is refused.
#[rstest]
#[tokio::test]
async fn the_owner_is_told(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let subjects = async || -> Vec<String> {
        let mail = app.mail_to(ADA).await.into_iter();
        mail.map(|mail| mail.content.subject).filter(|subject| !subject.contains("code")).collect()
    };
    assert_eq!(subjects().await, [""; 0]);
    let role = json!({"role": "staff"});
    let marked = json!({"account_ids": [ada.account_id, ada.account_id]});
    let told = [
        (&staff, UNLOCK, Json::Null, None),
        (&staff, LOCK, Json::Null, Some("Your account with Symbolon was locked")),
        (&staff, LOCK, Json::Null, None),
        (&staff, UNLOCK, Json::Null, Some("Your account with Symbolon is open again")),
        (&staff, ROLE, role.clone(), None),
        (&root, ROLE, role.clone(), Some("Your role with Symbolon was changed")),
        (&root, ROLE, role, None),
        (&root, COMPROMISED, marked, Some("Your account with Symbolon needs a new password")),
        (&root, UNLOCK, Json::Null, None),
    ];
    let mut expected = Vec::new();
    for (by, route, body, subject) in told {
        call(by, route, &ada.account_id, body).await;
        expected.extend(subject.map(str::to_owned));
        let mut found = subjects().await;
        found.reverse();
        assert_eq!(found, expected, "{route:?}");
        app.clock.advance(Duration::from_secs(1));
    }
    let texts = app.mail_to(ADA).await.into_iter().map(|mail| mail.content.text.replace('\n', " "));
    assert_eq!(texts.filter(|text| text.contains("another role: staff.")).count(), 1);
}

/// S15: closed until the password is reset, and told for each account what became of it.
#[rstest]
#[tokio::test]
async fn accounts_are_marked_compromised_many_at_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let eve = app.user("eve@example.org").sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let ids = [
        &*ada.account_id,
        &*eve.account_id,
        &*ada.account_id,
        unknown,
        &*root.account_id,
        &*staff.account_id,
    ];
    let marked = call(&staff, COMPROMISED, "", json!({"account_ids": ids})).await.expect(200);
    let results: Vec<&str> = marked.json["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["done", "done", "unchanged", "not_found", "insufficient_role", "own_account"]);
    for person in [&ada, &eve] {
        assert!(!person.is_active().await);
        person.try_refresh_with(&person.refresh_token).await.expect(401);
    }
    app.user(ADA).try_sign_in().await.expect(401);
    for line in [LOCK, UNLOCK] {
        let refused = call(&root, line, &ada.account_id, Json::Null).await.expect(409);
        assert_eq!(refused.slug(), "account_compromised");
    }
    assert!(root.is_active().await && staff.is_active().await);
}

/// A2: at most a hundred, at least one, and every wrong one is named.
#[tokio::test]
async fn a_list_of_accounts_is_judged_as_a_whole() {
    let app = TestApp::start(Sqlite).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let id = "01890000-0000-7000-8000-000000000000";
    let ask = async |ids: Json| call(&staff, COMPROMISED, "", json!({"account_ids": ids})).await;
    ask(json!(vec![id; 100])).await.expect(200);
    let overflow = ask(json!(vec![id; 101])).await.expect(400);
    assert_eq!(overflow.errors(), [("overflow".to_owned(), "/account_ids".to_owned())]);
    let insufficient = ask(json!([])).await.expect(400);
    assert_eq!(insufficient.errors(), [("insufficient".to_owned(), "/account_ids".to_owned())]);
    let wrong = ask(json!([7, id, "ada", null])).await.expect(400);
    let pointers: Vec<String> = wrong.errors().into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/account_ids/0", "/account_ids/2", "/account_ids/3"]);
    for body in [json!("ada"), json!({"id": id}), json!(null)] {
        ask(body).await.expect(400);
    }
    assert_eq!(call(&staff, COMPROMISED, "", json!({})).await.expect(400).errors()[0].0, "missing");
}

/// A5: a superuser gives roles; the sessions with the old one end at once.
#[rstest]
#[tokio::test]
async fn a_superuser_gives_roles(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    ada.call("GET", "/v1/admin/accounts").send().await.expect(403);
    let changed = call(&root, ROLE, &ada.account_id, json!({"role": "staff"})).await.expect(200);
    assert_eq!(changed.json["role"], "staff");
    assert!(!ada.is_active().await, "the token says the old role");
    let ada = app.user(ADA).sign_in().await;
    assert_eq!(ada.verify().await["role"], "staff");
    ada.call("GET", "/v1/admin/accounts").send().await.expect(200);
    let invalid = call(&root, ROLE, &ada.account_id, json!({"role": "king"})).await.expect(400);
    assert_eq!(invalid.errors(), [("invalid_value".to_owned(), "/role".to_owned())]);
    call(&root, ROLE, &ada.account_id, json!({"role": "authenticated"})).await.expect(200);
    assert!(!ada.is_active().await);
    call(&root, SESSIONS, &root.account_id, Json::Null).await.expect(204);
    assert!(!root.is_active().await);
}

/// A5, P2, C62: staff do nothing to staff and superusers, and nobody anything to their own role or lock; each attempt is
/// refused, noted, and changes nothing.
#[rstest]
#[tokio::test]
async fn staff_cannot_reach_staff_or_a_superuser(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let other = app.signed_in_as("other@example.org", Role::Staff).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let ada = app.user(ADA).sign_up().await;
    let accounts = async || staff.call("GET", "/v1/admin/accounts").send().await.expect(200).text;
    let before = accounts().await;
    let mut attempts = 0;
    for (line, body) in [
        (LOCK, Json::Null),
        (UNLOCK, Json::Null),
        (ROLE, json!({"role": "authenticated"})),
        (RENAME, json!({"name": "Eve"})),
        (SESSIONS, Json::Null),
    ] {
        for target in [&root, &other, &staff] {
            let refused = call(&staff, line, &target.account_id, body.clone()).await.expect(403);
            assert_eq!(refused.slug(), "access_denied", "{line}");
            attempts += 1;
        }
    }
    call(&staff, ROLE, &ada.account_id, json!({"role": "staff"})).await.expect(403);
    for (line, body) in [(LOCK, Json::Null), (UNLOCK, Json::Null), (ROLE, json!({"role": "staff"}))] {
        call(&root, line, &root.account_id, body).await.expect(403);
    }
    assert_eq!(accounts().await, before);
    assert!(root.is_active().await && other.is_active().await && ada.is_active().await);
    let refused = app.audit().await.into_iter().filter(|event| {
        event.outcome == Outcome::Refused
            && event.actor == Actor::Account(staff.account_id.parse().unwrap())
            && event.subject.is_some()
    });
    assert_eq!(refused.map(|event| event.count).sum::<u32>(), attempts + 1);
}

/// A5: the last superuser stays, also when fifty try to take all of them away at once.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_superuser_remains(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let one = app.signed_in_as("one@example.org", Role::Superuser).await;
    let two = app.signed_in_as("two@example.org", Role::Superuser).await;
    let demote = |number: usize| {
        let (by, whom) = if number.is_multiple_of(2) { (&one, &two) } else { (&two, &one) };
        async move { call(by, ROLE, &whom.account_id, json!({"role": "staff"})).await.status }
    };
    let answers = join_all((0..50).map(demote)).await;
    assert!(answers.contains(&200), "{answers:?}");
    assert!(answers.iter().all(|status| [200, 401, 403, 409].contains(status)), "{answers:?}");
    let mut remaining = Vec::new();
    for (person, address) in [(&one, "one@example.org"), (&two, "two@example.org")] {
        let account = app.service.accounts.find(person.account_id.parse().unwrap()).await.unwrap().unwrap();
        remaining.extend((account.standing.role == Role::Superuser).then_some(address));
    }
    assert_eq!(remaining.len(), 1, "{answers:?}");
    app.operate(&one.account_id, AccountChange::ChangeRole(Role::Superuser)).await;
    app.operate(&two.account_id, AccountChange::ChangeRole(Role::Staff)).await;
    let one = app.user("one@example.org").sign_in().await;
    let (id, origin) = (one.account_id.parse().unwrap(), app.operator());
    let refused = app.service.accounts.administer(Administrator::Operator, id, AccountChange::Lock, &origin);
    assert!(refused.await.is_err(), "an operator does not take the last one away either");
}

/// M1, G2: messages without what they say, and events by what is asked for.
#[rstest]
#[tokio::test]
async fn administrators_see_messages_and_events(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user(ADA).sign_up().await;
    app.clock.advance(Duration::from_secs(1));
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let code = app_code(&app).await;
    let get = async |path: &str| staff.call("GET", path).send().await;
    let messages = get("/v1/admin/outbox?limit=3").await.expect(200);
    assert_eq!(messages.json["items"].as_array().unwrap().len(), 3);
    let next = messages.json["next"].as_str().unwrap().to_owned();
    let rest = get(&format!("/v1/admin/outbox?after={next}")).await.expect(200);
    assert_eq!(rest.json["items"][0]["kind"], "sign_up_code");
    assert!(!rest.text.to_lowercase().contains("ada@") && !rest.text.contains(&code));
    let id = rest.json["items"][0]["id"].as_str().unwrap();
    assert_eq!(get(&format!("/v1/admin/outbox/{id}")).await.expect(200).json, rest.json["items"][0]);
    get("/v1/admin/outbox/01890000-0000-7000-8000-000000000000").await.expect(404);
    get("/v1/admin/outbox?limit=201").await.expect(400);

    app.clock.advance(Duration::from_secs(60));
    let then = app.clock_now();
    call(&staff, LOCK, &ada.account_id, Json::Null).await.expect(200);
    app.clock.advance(Duration::from_secs(60));
    call(&staff, UNLOCK, &ada.account_id, Json::Null).await.expect(200);
    let events = async |query: &str| -> Vec<String> {
        let answer = get(&format!("/v1/admin/audit-events?{query}")).await.expect(200).json;
        let events = answer["items"].as_array().unwrap().clone();
        events.iter().map(|event| event["act"].as_str().unwrap().to_owned()).collect()
    };
    let (who, whom) = (&staff.account_id, &ada.account_id);
    let both = ["account.unlocked", "account.locked"];
    assert_eq!(events(&format!("since={then}")).await, both);
    assert_eq!(events(&format!("account={whom}&since={then}")).await, both);
    assert_eq!(events(&format!("account={who}&act=account.locked")).await, ["account.locked"]);
    assert_eq!(events(&format!("since={then}&outcome=refused")).await, Vec::<String>::new());
    assert_eq!(events(&format!("act=account.locked&until={then}")).await, Vec::<String>::new());
    let full = get("/v1/admin/audit-events?act=account.locked").await.json["items"][0].clone();
    assert_eq!(full["actor"], format!("account:{who}"));
    assert_eq!(full["subject"], format!("account:{whom}"));
    assert_eq!((&full["outcome"], &full["at"]), (&json!("done"), &json!(then)));
    let wrong =
        get("/v1/admin/audit-events?account=ada&act=acount.locked&outcome=maybe&since=soon&colour=red").await;
    assert_eq!(wrong.expect(400).json["errors"].as_array().unwrap().len(), 5);
}
