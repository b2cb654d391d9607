//! Every route of the OpenAPI document, called without and with too little authority (style rule 23, C42, C52, C62).

use std::{collections::BTreeSet, time::Duration};

use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::{
    accounts::Administrator,
    actor::{Actor, Role},
    invitations::Invite,
    page::PageRequest,
    signing_keys::RotateWhen,
};

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, PASSWORD, SignedIn, TestApp,
};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Anybody: what is shown is the question.
    Anybody,
    /// Who shows a refresh token.
    RefreshToken,
    /// Who has done the first factor, for the second step.
    PreAuthorized,
    /// Who has a session.
    Session,
    /// Who has a session as staff or superuser.
    Staff,
    /// Who has a session as superuser.
    Superuser,
}

/// A new route must be added here, or the test fails.
const ROUTES: [(&str, &str, Who); 54] = [
    ("post", "/v1/sign-up", Who::Anybody),
    ("post", "/v1/sign-up/verify", Who::PreAuthorized),
    ("post", "/v1/sign-in", Who::Anybody),
    ("post", "/v1/sign-in/code", Who::PreAuthorized),
    ("post", "/v1/sign-in/challenge", Who::PreAuthorized),
    ("post", "/v1/recovery", Who::Anybody),
    ("post", "/v1/recovery/verify", Who::Anybody),
    ("post", "/v1/sessions/verify", Who::Anybody),
    ("post", "/v1/sessions/refresh", Who::RefreshToken),
    ("get", "/v1/sessions", Who::Session),
    ("delete", "/v1/sessions", Who::Session),
    ("delete", "/v1/sessions/current", Who::Session),
    ("delete", "/v1/sessions/{id}", Who::Session),
    ("post", "/v1/api-keys", Who::Session),
    ("get", "/v1/api-keys", Who::Session),
    ("delete", "/v1/api-keys", Who::Session),
    ("delete", "/v1/api-keys/{id}", Who::Session),
    ("post", "/v1/api-keys/verify", Who::Anybody),
    ("post", "/v1/api-keys/refresh", Who::RefreshToken),
    ("post", "/oauth2/token", Who::Anybody),
    ("post", "/v1/token-requests", Who::Session),
    ("patch", "/v1/token-requests/{id}", Who::Session),
    ("get", "/v1/device-tokens", Who::Session),
    ("delete", "/v1/device-tokens/{id}", Who::Session),
    ("post", "/v1/device-tokens/verify", Who::Anybody),
    ("post", "/v1/device-tokens/exchange", Who::RefreshToken),
    ("get", "/v1/forward-auth", Who::Anybody),
    ("get", "/v1/licenses/mine", Who::Session),
    ("get", "/v1/licenses", Who::Staff),
    ("post", "/v1/licenses", Who::Staff),
    ("delete", "/v1/licenses/{id}", Who::Staff),
    ("get", "/v1/account", Who::Session),
    ("patch", "/v1/account", Who::Session),
    ("put", "/v1/account/password", Who::Session),
    ("post", "/v1/access/check", Who::Session),
    ("get", "/.well-known/jwks.json", Who::Anybody),
    ("post", "/v1/invitations/redeem", Who::Anybody),
    ("get", "/v1/admin/accounts", Who::Staff),
    ("post", "/v1/admin/accounts", Who::Staff),
    ("get", "/v1/admin/accounts/{id}", Who::Staff),
    ("patch", "/v1/admin/accounts/{id}", Who::Staff),
    ("post", "/v1/admin/accounts/{id}/lock", Who::Staff),
    ("post", "/v1/admin/accounts/{id}/unlock", Who::Staff),
    ("delete", "/v1/admin/accounts/{id}/sessions", Who::Staff),
    ("get", "/v1/admin/outbox", Who::Staff),
    ("get", "/v1/admin/outbox/{id}", Who::Staff),
    ("get", "/v1/admin/audit-events", Who::Staff),
    ("post", "/v1/admin/accounts/compromised", Who::Staff),
    ("put", "/v1/admin/accounts/{id}/role", Who::Superuser),
    ("get", "/v1/admin/invitations", Who::Staff),
    ("delete", "/v1/admin/invitations/{id}", Who::Staff),
    ("get", "/v1/admin/signing-keys", Who::Staff),
    ("post", "/v1/admin/signing-keys/rotate", Who::Superuser),
    ("post", "/v1/admin/signing-keys/{kid}/retire", Who::Superuser),
];

/// A body that the route accepts from who may call it; null where it takes none.
fn accepted_body(path: &str, account_id: &str) -> Json {
    match path {
        "/v1/admin/accounts" => {
            json!({"identifier": {"type": "email", "value": "new@example.org"}, "role": "authenticated"})
        }
        "/v1/admin/accounts/compromised" => json!({"account_ids": [account_id]}),
        "/v1/admin/accounts/{id}" => json!({"name": "Eve"}),
        "/v1/admin/accounts/{id}/role" => json!({"role": "staff"}),
        "/v1/licenses" => json!({"subject": account_id, "product": "editor", "expires_in": 60}),
        _ => Json::Null,
    }
}

/// The id of an invitation that staff may withdraw.
async fn invitation(app: &TestApp) -> String {
    let address = "guest@example.org".parse().unwrap();
    let invite = Invite { address, role: Role::Authenticated, name: None };
    let invitations = &app.service.invitations;
    let invited = invitations.invite(Administrator::Operator, invite, &app.operator()).await.unwrap();
    invited.id.to_string()
}

/// Another key signs by now; the first one, which may be retired.
async fn second_key(app: &TestApp) -> String {
    let keys = &app.service.signing_keys;
    let first = keys.list().await.unwrap()[0].0.id.to_string();
    keys.rotate(RotateWhen::Now, Actor::Operator, &app.operator()).await.unwrap();
    app.clock.advance(Duration::from_secs(15));
    keys.tend().await.unwrap();
    first
}

fn documented(document: &Json) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Json)| {
        let path = path.clone();
        let keys: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        keys.into_iter().map(move |method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// C62, C52: every documented route that asks for authority refuses what has none, and every lesser kind of token.
#[rstest]
#[tokio::test]
async fn every_route_refuses_too_little_authority(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let expected: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented(&document), expected, "tell ROUTES who may call a new route");

    let ada = app.user("ada@example.org").sign_up().await;
    let ended = app.user("ada@example.org").sign_in().await;
    ended.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    let eve = app.user("eve@example.org").sign_up().await;
    let pending = app.user("ada@example.org").begin_sign_in().await;
    let session = (ada.token.as_str(), ada.binding.as_str());
    let nothing = [
        ("", ""),
        ("nonsense", ""),
        (ada.refresh_token.as_str(), ada.binding.as_str()),
        (ada.binding.as_str(), ada.binding.as_str()),
        (ada.token.as_str(), ""),
        (ada.token.as_str(), eve.binding.as_str()),
        (ended.token.as_str(), ended.binding.as_str()),
        (pending.token.as_str(), ada.binding.as_str()),
    ];
    for (method, path, who) in ROUTES {
        let lesser: Vec<(&str, &str)> = match who {
            Who::Anybody => continue,
            Who::RefreshToken | Who::PreAuthorized => [session].into_iter().chain(nothing).collect(),
            Who::Session | Who::Staff | Who::Superuser => {
                [(pending.token.as_str(), pending.binding.as_str())].into_iter().chain(nothing).collect()
            }
        };
        let path = path.replace("{id}", &ada.session_id).replace("{kid}", &ada.session_id);
        for (token, binding) in lesser {
            let mut call = app.call(&method.to_uppercase(), &path);
            if !token.is_empty() {
                call = call.bearer(token);
            }
            if !binding.is_empty() {
                call = call.binding(binding);
            }
            let body =
                json!({"code": "000000", "method": "email_otp", "refresh_token": ada.token, "name": "Eve"});
            let body = match path.as_str() {
                "/v1/sign-up/verify" => json!({"code": "000000"}),
                "/v1/sign-in/code" => json!({"code": "000000", "method": "email_otp"}),
                "/v1/sign-in/challenge" => json!({}),
                "/v1/account" => json!({"name": "Eve"}),
                "/v1/account/password" => {
                    json!({"current_password": PASSWORD, "new_password": "a stranger's own long password"})
                }
                "/v1/token-requests" => json!({"device_id": "adas-laptop", "user_id": ada.account_id}),
                "/v1/device-tokens/exchange" => json!({"token": ada.token, "device_id": "adas-laptop"}),
                path if path.starts_with("/v1/token-requests/") => {
                    json!({"device_id": "adas-laptop", "claim_code": "1234567"})
                }
                path if path.starts_with("/v1/admin/") || path == "/v1/licenses" => {
                    accepted_body(&path.replace(&ada.session_id, "{id}"), &ada.account_id)
                }
                "/v1/access/check" => {
                    json!({"actor": {"id": ada.account_id}, "action": "view", "item": "object", "owner": ada.account_id})
                }
                "/v1/sessions/refresh" => json!({"refresh_token": ada.token}),
                "/v1/api-keys" => {
                    json!({"issuer": "i", "audience": "a", "subject": "s", "version": "1"})
                }
                "/v1/api-keys/refresh" => json!({"api_key": ada.token, "refresh_token": ada.refresh_token}),
                _ => body,
            };
            let is_bare = method == "get" || body.is_null();
            let answer = if is_bare { call } else { call.json(&body) }.send().await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        }
    }
    assert!(ada.is_active().await, "none of it had an effect");
    assert_eq!(ada.call("GET", "/v1/account").send().await.json["name"], Json::Null);
}

/// C62, A5: every administrators' route × every lesser role is refused, changes nothing, and leaves a trace; and whoever may
/// call it is let through.
#[rstest]
#[tokio::test]
async fn every_administrators_route_refuses_every_lesser_role(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let app = TestApp::start(on).await;
    let target = app.user("target@example.org").sign_up().await;
    let ada = app.user("ada@example.org").sign_up().await;
    let staff = app.signed_in_as("staff@example.org", Role::Staff).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let mail = app.mail_to("target@example.org").await;
    let message = app.service.outbox.list(PageRequest::first()).await.unwrap().items[0].id.to_string();
    let kid = second_key(&app).await;
    let invitation = invitation(&app).await;
    let body = accepted_body("/v1/licenses", &target.account_id);
    let license = root.call("POST", "/v1/licenses").json(&body).send().await.expect(201).text("id");
    let everything = async || {
        let accounts = root.call("GET", "/v1/admin/accounts").send().await.expect(200).text;
        let accounts = accounts + &root.call("GET", "/v1/admin/invitations").send().await.expect(200).text;
        let accounts = accounts + &root.call("GET", "/v1/admin/signing-keys").send().await.expect(200).text;
        let accounts = accounts + &root.call("GET", "/v1/licenses").send().await.expect(200).text;
        (accounts, app.mail_to("new@example.org").await.len(), target.is_active().await)
    };
    let call = async |caller: Option<&SignedIn<'_>>, method: &str, path: &str| {
        let id = match path {
            path if path.contains("outbox") => &message,
            path if path.contains("invitations") => &invitation,
            path if path.contains("licenses") => &license,
            _ => &target.account_id,
        };
        let (method, filled) = (method.to_uppercase(), path.replace("{id}", id).replace("{kid}", &kid));
        let call = match caller {
            Some(caller) => caller.call(&method, &filled),
            None => app.call(&method, &filled),
        };
        let body = if method == "GET" { Json::Null } else { accepted_body(path, &target.account_id) };
        if body.is_null() { call.send().await } else { call.json(&body).send().await }
    };
    let before = everything().await;
    let administrators = ROUTES.into_iter().filter(|(_, _, who)| [Who::Staff, Who::Superuser].contains(who));
    assert!(
        ROUTES
            .iter()
            .filter(|(_, path, _)| path.starts_with("/v1/admin/"))
            .all(|route| administrators.clone().any(|one| one == *route))
    );
    let mut refused = 0;
    for (method, path, who) in administrators.clone() {
        call(None, method, path).await.expect(401);
        let lesser: &[&SignedIn<'_>] = if who == Who::Superuser { &[&ada, &staff] } else { &[&ada] };
        for caller in lesser {
            let answer = call(Some(caller), method, path).await.expect(403);
            assert_eq!(answer.slug(), "access_denied", "{method} {path}");
            refused += 1;
        }
    }
    assert_eq!(everything().await, before, "none of it had an effect");
    let noted = app.audit().await;
    let noted = noted.iter().filter(|event| event.reason.as_deref() == Some("insufficient_role"));
    assert_eq!(noted.map(|event| event.count).sum::<u32>(), refused);
    for (method, path, who) in administrators {
        let caller = if who == Who::Superuser { &root } else { &staff };
        let status = call(Some(caller), method, path).await.status;
        assert!([200, 201, 204].contains(&status), "{method} {path} {status}");
    }
    assert_ne!(everything().await, before);
    assert!(!mail.is_empty());
}

/// C42: credentials in the URI are not looked at; other methods and paths are answered as problems.
#[rstest]
#[tokio::test]
async fn credentials_in_the_uri_count_for_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let ada = app.user("ada@example.org").sign_up().await;
    let query = format!("access_token={}&binding={}", ada.token, ada.binding);
    app.get(&format!("/v1/account?{query}")).send().await.expect(401);
    app.get(&format!("/v1/sessions?{query}")).send().await.expect(401);
    for (method, path, status) in [
        ("GET", "/v1/sign-up", 405),
        ("GET", "/v1/sessions/verify", 405),
        ("GET", "/v1/sessions/refresh", 405),
        ("GET", "/nothing/here", 404),
        ("GET", "/test/clock", 404),
        ("GET", "/test/outbox", 404),
        ("GET", "/metrics", 404),
        ("GET", "/health/live", 404),
    ] {
        let answer = app.call(method, path).send().await.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.json["request_id"], answer.header("x-request-id"), "{path}");
    }
}
