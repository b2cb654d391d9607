//! Invitations over HTTP: an administrator asks, the mail has the link, whoever holds it chooses the password (A5).

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::{accounts::AccountChange, actor::Role};

use crate::support::{
    Answer,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, PASSWORD, SignedIn, TestApp, token_in,
};

const ADA: &str = "Ada@example.org";

async fn invite(by: &SignedIn<'_>, address: &str, role: &str) -> Answer {
    let body = json!({"identifier": {"type": "email", "value": address}, "role": role, "name": "Ada"});
    by.call("POST", "/v1/admin/accounts").json(&body).send().await
}

/// The token of the newest message to this address.
async fn token_to(app: &TestApp, address: &str) -> String {
    let mail = app.mail_to(address).await;
    token_in(&mail.first().expect("a message").content.text, "sym_iv_")
}

async fn redeem(app: &TestApp, token: &str, password: &str) -> Answer {
    app.post("/v1/invitations/redeem").json(&json!({"token": token, "password": password})).send().await
}

/// A5, C8: the whole walk. Nobody but its owner ever knows the password, and the second factor is asked for as always.
#[rstest]
#[tokio::test]
async fn an_invited_person_makes_the_account(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let page = "https://app.example.org/welcome";
    let app = TestApp::with(on, |settings| {
        settings.pages.invitation = Some(page.to_owned().try_into().unwrap());
    })
    .await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let invited = invite(&root, ADA, "staff").await.expect(201);
    let members: Vec<&String> = invited.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires", "invitation_id"], "the link is in the mail only");
    let token = token_to(&app, ADA).await;
    let text = &app.mail_to(ADA).await[0].content.text;
    assert!(
        text.contains(&format!("\n{page}#token={token}\n")),
        "C29, C30: the configured page, and the fragment"
    );
    let redeemed = redeem(&app, &token, PASSWORD).await.expect(201);
    let account_id = redeemed.text("account_id");
    assert_eq!(redeemed.json, json!({"account_id": account_id}), "no session comes of it");
    redeem(&app, &token, PASSWORD).await.expect(410);

    let ada = app.user(ADA).sign_in().await;
    assert_eq!(ada.account_id, account_id);
    let account = ada.call("GET", "/v1/account").send().await.expect(200).json;
    assert_eq!((&account["role"], &account["name"]), (&json!("staff"), &json!("Ada")));
    assert_eq!(account["identifiers"][0]["value"], ADA);
    ada.call("GET", "/v1/admin/accounts").send().await.expect(200);

    let taken = invite(&root, "aDA@example.ORG", "staff").await.expect(409);
    assert_eq!(taken.slug(), "address_taken");
    let acts: Vec<String> = app.audit().await.iter().map(|event| event.act.as_str().to_owned()).collect();
    assert!(
        acts.contains(&"invitation.created".to_owned()) && acts.contains(&"invitation.redeemed".to_owned())
    );
}

/// C1, C5: a refused password leaves the invitation; the name may be the person's own.
#[rstest]
#[tokio::test]
async fn a_refused_password_consumes_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    invite(&staff, "grace.hopper@example.org", "authenticated").await.expect(201);
    let token = token_to(&app, "grace.hopper@example.org").await;
    for (password, slug) in [
        ("seven7!", "insufficient"),
        ("password123", "invalid_value"),
        ("grace.hopper@example.org", "invalid_value"),
        (&*"x".repeat(257), "overflow"),
    ] {
        let refused = redeem(&app, &token, password).await.expect(400);
        assert_eq!(refused.errors(), [(slug.to_owned(), "/password".to_owned())], "{password}");
    }
    let body = json!({"token": "sym_iv_mistyped", "password": "short", "name": "", "role": "superuser"});
    let wrong = app.post("/v1/invitations/redeem").json(&body).send().await.expect(400);
    assert_eq!(wrong.errors().len(), 4, "all at once");
    let body = json!({"token": token, "password": PASSWORD, "name": "Grace"});
    app.post("/v1/invitations/redeem").json(&body).send().await.expect(201);
    let grace = app.user("grace.hopper@example.org").sign_in().await;
    assert_eq!(grace.call("GET", "/v1/account").send().await.json["name"], "Grace");
    assert_eq!(grace.verify().await["role"], "authenticated");
}

/// X7: of fifty at once one makes the account.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_redeemed_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    invite(&staff, ADA, "authenticated").await.expect(201);
    let token = token_to(&app, ADA).await;
    let answers = join_all((0..50).map(|_| redeem(&app, &token, PASSWORD))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 410].contains(status)), "{statuses:?}");
}

/// A5: it ends after a day, with a sign-up of its address, and with its writer.
#[rstest]
#[tokio::test]
async fn an_invitation_ends(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    invite(&staff, ADA, "authenticated").await.expect(201);
    let in_time = token_to(&app, ADA).await;
    app.clock.advance(Duration::from_secs(86_400));
    redeem(&app, &in_time, PASSWORD).await.expect(410);

    let staff = app.user("staff@example.org").sign_in().await;
    invite(&staff, ADA, "authenticated").await.expect(201);
    let overtaken = token_to(&app, ADA).await;
    app.user(ADA).sign_up().await;
    redeem(&app, &overtaken, PASSWORD).await.expect(410);

    invite(&staff, "eve@example.org", "authenticated").await.expect(201);
    let orphaned = token_to(&app, "eve@example.org").await;
    app.operate(&staff.account_id, AccountChange::MarkCompromised).await;
    redeem(&app, &orphaned, PASSWORD).await.expect(410);
    let found = app.service.accounts.find_by_address(&"eve@example.org".parse().unwrap()).await.unwrap();
    assert_eq!(found, None);
}

/// A5: staff invite people; what they may not, no message goes out for.
#[rstest]
#[tokio::test]
async fn only_a_superuser_invites_staff(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    for role in ["staff", "superuser"] {
        assert_eq!(invite(&staff, ADA, role).await.expect(403).slug(), "access_denied");
    }
    let wrong = invite(&staff, "ada", "king").await.expect(400);
    assert_eq!(wrong.errors().len(), 2);
    assert!(app.mail_to(ADA).await.is_empty());
    let body = json!({"identifier": {"type": "email", "value": ADA}});
    staff.call("POST", "/v1/admin/accounts").json(&body).send().await.expect(201);
    redeem(&app, &token_to(&app, ADA).await, PASSWORD).await.expect(201);
    assert_eq!(app.user(ADA).sign_in().await.verify().await["role"], "authenticated");
    let refused = app.audit().await;
    let refused = refused.iter().filter(|event| event.act.as_str() == "invitation.created");
    assert_eq!(refused.filter(|event| event.reason.as_deref() == Some("insufficient_role")).count(), 1);
    assert_eq!(app.call("GET", "/v1/invitations/redeem").send().await.json["status"], Json::from(405));
}

/// A5, P2: the open ones are listed; a second one to an address replaces the first; whoever may write one may withdraw it.
#[rstest]
#[tokio::test]
async fn open_invitations_are_listed_replaced_and_withdrawn(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    const OPEN: &str = "/v1/admin/invitations";
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let first = invite(&root, ADA, "staff").await.expect(201).text("invitation_id");
    let first_token = token_to(&app, ADA).await;
    app.clock.advance(Duration::from_secs(1));
    let second = invite(&root, "aDA@example.org", "superuser").await.expect(201);
    app.clock.advance(Duration::from_secs(1));
    redeem(&app, &first_token, PASSWORD).await.expect(410);
    let replaced = invite(&staff, ADA, "authenticated").await.expect(403);
    assert_eq!(replaced.slug(), "access_denied");
    let third = invite(&staff, "eve@example.org", "authenticated").await.expect(201).text("invitation_id");

    let listed = staff.call("GET", &format!("{OPEN}?limit=1")).send().await.expect(200).json;
    assert_eq!(listed["items"][0]["id"], third.as_str());
    let after = listed["next"].as_str().unwrap();
    let listed = staff.call("GET", &format!("{OPEN}?after={after}")).send().await.expect(200).json;
    let created = listed["items"][0]["created"].clone();
    let expected = json!({
        "id": second.text("invitation_id"), "address": "aDA@example.org", "role": "superuser", "name": "Ada",
        "invited_by": root.account_id, "created": created, "expires": second.json["expires"],
    });
    assert_eq!(listed, json!({"items": [expected], "next": null}));
    staff.call("GET", &format!("{OPEN}?limit=0&color=red")).send().await.expect(400);

    let withdraw =
        async |by: &SignedIn<'_>, id: &str| by.call("DELETE", &format!("{OPEN}/{id}")).send().await;
    withdraw(&staff, &second.text("invitation_id")).await.expect(403);
    for gone in [first.as_str(), "nonsense"] {
        withdraw(&root, gone).await.expect(404);
    }
    let token = token_to(&app, "eve@example.org").await;
    withdraw(&staff, &third).await.expect(204);
    withdraw(&staff, &third).await.expect(404);
    redeem(&app, &token, PASSWORD).await.expect(410);
    withdraw(&root, &second.text("invitation_id")).await.expect(204);
    assert_eq!(root.call("GET", OPEN).send().await.expect(200).json["items"], json!([]));
    let acts = app.audit().await;
    let withdrawn = acts.iter().filter(|event| event.act.as_str() == "invitation.withdrawn");
    let outcomes: Vec<&str> = withdrawn.map(|event| event.outcome.as_str()).collect();
    assert_eq!((outcomes.len(), outcomes.iter().filter(|outcome| **outcome == "refused").count()), (3, 1));
}
