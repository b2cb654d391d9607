//! What each feature makes of its use cases.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    service::{ORIGIN, Service, first_factor},
    world::{CODE, PASSWORD},
};

#[tokio::test]
async fn the_first_shapes_are_as_printed() {
    let service = Service::new().await;
    let begun = service.call("POST /v1/sign-up", &[], Some(first_factor(None))).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.body);
    let (token, binding) = (begun.text("/access_token").to_owned(), begun.text("/binding").to_owned());
    assert_eq!(
        begun.body,
        json!({
            "state": "pre_authorized", "access_token": token, "token_type": "Bearer", "expires_in": 600,
            "binding": binding, "second_factors": ["email_otp"], "default_second_factor": "email_otp",
            "challenge": {"method": "email_otp", "expires_in": 300, "resend_in": 30},
        })
    );
    let bearer = format!("Bearer {token}");
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", &binding)];
    let verified = service.call("POST /v1/sign-up/verify", &shown, Some(json!({"code": "123 456"}))).await;
    assert_eq!(verified.status, StatusCode::OK, "{}", verified.body);
    let mut members: Vec<_> = verified.body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = [
        "access_token",
        "account_id",
        "expires_in",
        "refresh_expires_in",
        "refresh_token",
        "session_id",
        "state",
        "token_type",
    ];
    assert_eq!(members, expected);
    assert_eq!(verified.header("cache-control"), "no-store");
}

/// S2: a pre-authorized token opens nothing but the second step, and a session token no second step.
#[tokio::test]
async fn tokens_are_not_interchangeable() {
    let service = Service::new().await;
    let first = service.call("POST /v1/sign-in", &[], Some(first_factor(None))).await;
    let bearer = format!("Bearer {}", first.text("/access_token"));
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", first.text("/binding"))];
    assert_eq!(service.call("GET /v1/account", &shown, None).await.problem(), (401, "invalid_token"));
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    assert_eq!(service.call("GET /v1/account", &shown, None).await.status, StatusCode::OK);
    let code = Some(json!({"code": CODE}));
    assert_eq!(service.call("POST /v1/sign-up/verify", &shown, code).await.problem(), (401, "invalid_token"));
}

/// S4, C9: an unknown address and a wrong password cannot be told apart.
#[tokio::test]
async fn a_wrong_first_factor_says_nothing() {
    let service = Service::new().await;
    let mut bodies = Vec::new();
    for (address, password) in
        [("ada@example.org", "wrong"), ("eve@example.org", PASSWORD), ("eve@example.org", "")]
    {
        let body = json!({"identifier": {"type": "email", "value": address}, "password": password});
        let mut answer = service.call("POST /v1/sign-in", &[], Some(body)).await;
        assert_eq!(answer.problem(), (401, "invalid_credentials"));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        answer.body["request_id"].take();
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn codes_and_their_limits_have_their_own_problems() {
    let service = Service::new().await;
    let first = service.call("POST /v1/sign-in", &[], Some(first_factor(None))).await;
    let pre = format!("Bearer {}", first.text("/access_token"));
    let between = [("authorization", pre.as_str()), ("symbolon-binding", first.text("/binding"))];
    let wrong = Some(json!({"method": "email_otp", "code": "000000"}));
    let answer = service.call("POST /v1/sign-in/code", &between, wrong).await;
    assert_eq!(answer.problem(), (403, "wrong_code"));
    let again = service.call("POST /v1/sign-in/challenge", &between, None).await;
    assert_eq!((again.problem(), again.header("retry-after")), ((429, "too_many_messages"), "30"));
    let unbound = [("authorization", pre.as_str())];
    let right = Some(json!({"method": "email_otp", "code": CODE}));
    assert_eq!(
        service.call("POST /v1/sign-in/code", &unbound, right.clone()).await.problem(),
        (401, "invalid_token")
    );
    assert_eq!(service.call("POST /v1/sign-in/code", &[], right).await.problem(), (401, "unauthorized"));
}

#[tokio::test]
async fn anything_that_is_no_token_is_inactive() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let ask = async |body: Value| service.call("POST /v1/sessions/verify", &[], Some(body)).await;
    let active = ask(json!({"access_token": token, "binding": binding})).await;
    assert_eq!((active.body["active"].clone(), active.text("/state")), (json!(true), "authorized"));
    for body in [
        json!({"access_token": token}),
        json!({"access_token": token, "binding": "x"}),
        json!({"access_token": ""}),
        json!({"access_token": "x".repeat(20_000)}),
    ] {
        let answer = ask(body).await;
        assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({"active": false})));
    }
}

/// S8, C24: the whole ceremony by cookies; secrets leave in no body, and a page from elsewhere gets nowhere.
#[tokio::test]
async fn browsers_get_and_show_cookies() {
    let service = Service::new().await;
    let refused = service.call("POST /v1/sign-in", &[], Some(first_factor(Some("cookies")))).await;
    assert_eq!(refused.problem(), (403, "origin_mismatch"));
    let first = service.call("POST /v1/sign-in", &[ORIGIN], Some(first_factor(Some("cookies")))).await;
    assert_eq!((first.status, first.body.get("binding")), (StatusCode::OK, None));
    let (bearer, cookie) = (format!("Bearer {}", first.text("/access_token")), first.cookies());
    assert!(cookie.starts_with("__Host-symbolon-binding=sym_cb_"), "{cookie}");

    let code = || Some(json!({"method": "email_otp", "code": CODE}));
    let foreign = [("authorization", bearer.as_str()), ("cookie", &cookie)];
    assert_eq!(
        service.call("POST /v1/sign-in/code", &foreign, code()).await.problem(),
        (403, "origin_mismatch")
    );
    let own = [("authorization", bearer.as_str()), ("cookie", &cookie), ORIGIN];
    let second = service.call("POST /v1/sign-in/code", &own, code()).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.body);
    assert!(second.body.get("access_token").is_none() && second.body.get("refresh_token").is_none());
    let cookies = second.cookies();
    assert_eq!(cookies.matches("__Host-symbolon-").count(), 3, "{cookies}");

    let shown = [("cookie", cookies.as_str())];
    assert_eq!(service.call("GET /v1/account", &shown, None).await.status, StatusCode::OK);
    let change = Some(json!({"name": "Ada L."}));
    assert_eq!(service.call("PATCH /v1/account", &shown, change).await.problem(), (403, "origin_mismatch"));
    assert_eq!(
        service.call("POST /v1/sessions/refresh", &shown, None).await.problem(),
        (403, "origin_mismatch")
    );
    let shown = [("cookie", cookies.as_str()), ORIGIN];
    let refreshed = service.call("POST /v1/sessions/refresh", &shown, None).await;
    assert_eq!(refreshed.cookies().matches("__Host-symbolon-").count(), 3, "{}", refreshed.body);
    let ended = service.call("DELETE /v1/sessions/current", &shown, None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(
        ended.cookies(),
        "__Host-symbolon-session=; __Host-symbolon-refresh=; __Host-symbolon-binding=; __Host-symbolon-key-refresh="
    );
}

#[tokio::test]
async fn the_history_is_paged_and_its_parameters_are_checked() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let list = service.call("GET /v1/sessions?limit=1", &shown, None).await;
    assert_eq!(list.body["next"], Value::Null);
    assert_eq!(
        (list.body["items"][0]["current"].clone(), list.text("/items/0/state")),
        (json!(true), "active")
    );
    let wrong = service.call("GET /v1/sessions?limit=0&after=%27--&offset=7", &shown, None).await;
    assert_eq!(wrong.problem(), (400, "invalid_request"));
    let parameters: Vec<_> = (0..3).map(|n| wrong.body["errors"][n]["parameter"].as_str().unwrap()).collect();
    assert_eq!(parameters, ["after", "limit", "offset"]);
    assert_eq!(service.call("DELETE /v1/sessions/xyz", &shown, None).await.problem(), (404, "not_found"));
    let keep = service.call("DELETE /v1/sessions?keep_current=true", &shown, None).await;
    assert_eq!(keep.status, StatusCode::NO_CONTENT);
}

/// A1: what is not named stays, null takes away, protected fields are refused.
#[tokio::test]
async fn an_account_changes_only_where_it_may() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let account = service.call("GET /v1/account", &shown, None).await;
    let mut members: Vec<_> = account.body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["created", "id", "identifiers", "last_seen", "name", "role"]);
    for body in [json!({}), json!({"name": null}), json!({"name": " Ada "})] {
        assert_eq!(service.call("PATCH /v1/account", &shown, Some(body)).await.status, StatusCode::OK);
    }
    for body in [
        json!({"role": "superuser"}),
        json!({"name": "x".repeat(257)}),
        json!({"name": ""}),
        json!({"name": 1}),
    ] {
        let answer = service.call("PATCH /v1/account", &shown, Some(body)).await;
        assert_eq!(answer.problem(), (400, "invalid_request"));
    }
}

/// S12: the shapes of a recovery by code; whatever the code, an outage is told as one.
#[tokio::test]
async fn a_recovery_answers_in_its_own_shapes() {
    let service = Service::new().await;
    let address = json!({"identifier": {"type": "email", "value": "ada@example.org"}});
    let begun = service.call("POST /v1/recovery", &[], Some(address.clone())).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.body);
    let id = begun.text("/recovery_id").to_owned();
    assert_eq!(begun.body, json!({"recovery_id": id, "expires_in": 600}));
    // Six digits are the code of another ceremony.
    let verify = |code: &str| Some(json!({"recovery_id": id, "code": code, "password": PASSWORD}));
    let six = service.call("POST /v1/recovery/verify", &[], verify(CODE)).await;
    assert_eq!((six.problem(), six.text("/errors/0/pointer")), ((400, "invalid_request"), "/code"));
    let wrong = service.call("POST /v1/recovery/verify", &[], verify("1234 5678")).await;
    assert_eq!(wrong.problem(), (403, "wrong_code"));
    service.world.out_of_order.store(true, Ordering::Relaxed);
    for (path, body) in
        [("POST /v1/recovery", Some(address)), ("POST /v1/recovery/verify", verify("12345678"))]
    {
        assert_eq!(service.call(path, &[], body).await.problem(), (503, "unavailable"), "{path}");
    }
}

/// C8: the current password is asked for.
#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let change = |current: &str| {
        Some(json!({"current_password": current, "new_password": "nine herons beside the canal"}))
    };
    let wrong = service.call("PUT /v1/account/password", &shown, change("wrong")).await;
    assert_eq!(wrong.problem(), (403, "wrong_password"));
    let changed = service.call("PUT /v1/account/password", &shown, change(PASSWORD)).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.body);
    let nobody = service.call("PUT /v1/account/password", &[], change(PASSWORD)).await;
    assert_eq!(nobody.problem(), (401, "unauthorized"));
}

/// P5: where there is no answer, none is given: neither a "yes" nor a "no".
#[tokio::test]
async fn a_question_without_an_answer_is_an_outage_or_a_failure() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let own = service.call("GET /v1/account", &shown, None).await.text("/id").to_owned();
    let ask = async |action: &str, owner: &str| {
        let body = json!({"actor": {"id": own}, "action": action, "item": "account", "owner": owner});
        service.call("POST /v1/access/check", &shown, Some(body)).await
    };
    let answer = ask("view", &own).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({"allowed": true, "policies": ["all"]})));
    let somebody = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    assert_eq!(ask("view", somebody).await.problem(), (503, "unavailable"));
    assert_eq!(ask("change_owner", &own).await.problem(), (500, "internal_error"));
}

/// K1, K3: what is wrong with a key that is asked for says where it is, and which numbers are right.
#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_where_it_is() {
    let service = Service::new().await;
    let (bearer, binding, _) = service.signed_in().await;
    let shown = [("authorization", bearer.as_str()), ("symbolon-binding", binding.as_str())];
    let huge: Value = serde_json::from_str(&format!("1{}", "0".repeat(40))).unwrap();
    let (life, pause) =
        ("a whole number from 1 to 86400 is expected", "a whole number from 0 to 86399 is expected");
    let refresh = "a whole number from 1 to 2592000 is expected";
    for (wrong, pointer, detail) in [
        (json!({"expires_in": -1}), "/expires_in", life),
        (json!({"expires_in": huge}), "/expires_in", life),
        (json!({"expires_in": 0}), "/expires_in", life),
        (json!({"not_before": -5}), "/not_before", pause),
        (
            json!({"not_before": 3_600}),
            "/not_before",
            "it must be shorter than the life, which is 3600 seconds",
        ),
        (json!({"refresh_expires_in": "day"}), "/refresh_expires_in", refresh),
        (
            json!({"scopes": ["read", "symbolon:x"]}),
            "/scopes/1",
            "what begins with `symbolon:` is never given",
        ),
        (json!({"scopes": ["a", "b", "a"]}), "/scopes/2", "it is named twice"),
        (json!({"scopes": ["x".repeat(129)]}), "/scopes/0", "it is longer than 128 bytes"),
        (json!({"name": ""}), "/name", "a name is expected; leave it out to give none"),
    ] {
        let mut body = json!({"issuer": "i", "audience": "a", "subject": "s", "version": "1"});
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let answer = service.call("POST /v1/api-keys", &shown, Some(body)).await;
        assert_eq!(answer.problem(), (400, "invalid_request"), "{wrong}");
        assert_eq!((answer.text("/errors/0/pointer"), answer.text("/errors/0/detail")), (pointer, detail));
        assert_eq!(answer.body["errors"].as_array().unwrap().len(), 1, "{wrong}");
    }
}
