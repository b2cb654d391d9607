//! Secrets planted in every request, looked for in every log line of the real binary at `trace` (C63, M6, G1).

use std::{fs, time::Duration};

use rstest::rstest;
use serde_json::json;
use symbolon_adapters::system::SystemEntropy;
use symbolon_domain::secret::{ExposeSecret as _, OpaqueToken, TokenKind};

use crate::support::{
    Binary, Call,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, Host as _, SignedIn, client, command_of, gateway, mail_to, tampered, token_in,
};

const ADDRESS: &str = "canary.person@example.org";
const PASSWORD: &str = "canary seven lanterns over the harbour";
const AGENT: &str = "canary-agent/1.0";
const SOURCE: &str = "203.0.113.77";
const DEVICE: &str = "canary-device-7f3a";
/// Somebody whom another service vouches for.
const EXTERNAL: &str = "canary.external@example.org";
const AUDIENCE: &str = "https://api.example.org";

/// C63, M6, G1: no password, code, token, binding or address in any line; the source only as a hash.
#[rstest]
#[tokio::test]
async fn no_secret_reaches_a_log_line(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let (home, issuing) = (Home::on(on).await, Home::on(Sqlite).await);
    let _issuer = trust(&home, &issuing);
    let variables = [("SYMBOLON_LOG__LEVEL", "trace"), ("SYMBOLON_LOG__FORMAT", "json")];
    let mut binary = Binary::of(&home, &[], &variables);
    let mut secrets = vec![ADDRESS.to_owned(), PASSWORD.to_owned(), AGENT.to_owned(), SOURCE.to_owned()];

    let user = binary.user(ADDRESS).with_password(PASSWORD);
    let session = user.sign_up().await;
    let pending = user.begin_sign_in().await;
    secrets.extend([pending.token.clone(), pending.binding.clone(), session.binding.clone()]);
    pending.try_code("424242").await;
    secrets.push("424242".to_owned());
    let refreshed = session.refresh().await;
    refreshed.verify().await;
    user.try_sign_up().await.expect(201);
    binary.user(ADDRESS).with_password("canary wrong password 99").try_sign_in().await.expect(401);
    secrets.push("canary wrong password 99".to_owned());
    for session in [&session, &refreshed] {
        secrets.extend([session.token.clone(), session.refresh_token.clone(), session.account_id.clone()]);
    }
    refreshed.call("PATCH", "/v1/account").json(&json!({"name": "canary name"})).send().await.expect(200);
    secrets.push("canary name".to_owned());

    plant_in_api_keys(&binary, &refreshed, &mut secrets).await;
    let external = external_token(&issuing);
    let device = plant_in_device_tokens((&home, &binary), &refreshed, &external, &mut secrets).await;
    plant_at_the_gateway(&binary, &refreshed, [&device, &external], &mut secrets).await;
    secrets.extend([device, external, EXTERNAL.to_owned(), DEVICE.to_owned()]);
    plant_in_recoveries(&binary, &refreshed, &mut secrets).await;

    pending.try_resend().await.expect(429);
    let cookie =
        format!("__Host-symbolon-session={}; __Host-symbolon-binding={}", refreshed.token, refreshed.binding);
    binary.call("GET", "/v1/account").header("cookie", &cookie).send().await.expect(200);
    binary.call("PATCH", "/v1/account").header("cookie", &cookie).json(&json!({})).send().await.expect(403);

    let link = redeem_an_invitation(&home, &binary).await;
    secrets.extend([link, "canary.guest@example.org".to_owned()]);

    plant_in_the_wrong_places(&binary).await;
    for address in [ADDRESS, EXTERNAL] {
        secrets.extend(mail_to(home.directory(), address).iter().flat_map(|(_, text)| codes(text)));
    }
    assert!(secrets.len() > 25);

    assert!(binary.terminate().success());
    let log = binary.log();
    assert!(log.lines().count() > 20, "there is a log at all");
    assert!(log.contains("request_id"));
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "every line is one JSON object");
    }
    for secret in &secrets {
        // Six to eight digits may stand in a time or an id by chance; a code stands alone.
        let found = if matches!(secret.len(), 6..=8) {
            stands_alone(&log, secret)
        } else {
            log.contains(secret.as_str())
        };
        assert!(!found, "a secret of {} characters is in the log", secret.len());
    }
    assert!(!log.to_lowercase().contains("canary"), "something that was planted is in the log");
    for name in fs::read_dir(home.directory().join("data/mail")).unwrap() {
        assert!(!name.unwrap().file_name().to_string_lossy().contains("canary"));
    }
}

/// Keys, their refresh tokens and what they say.
async fn plant_in_api_keys(binary: &Binary, session: &SignedIn<'_>, secrets: &mut Vec<String>) {
    let body = json!({
        "issuer": "canary issuer", "audience": "canary audience", "subject": "canary subject", "version": "canary version",
        "scopes": ["canary:scope"], "name": "canary key", "ip_address": "203.0.113.0/24",
    });
    let issued = session.call("POST", "/v1/api-keys").json(&body).send().await.expect(201);
    let (key, refresh_token) = (issued.text("api_key"), issued.text("refresh_token"));
    let question = json!({"api_key": key, "expect": {"ip_address": SOURCE, "audience": "canary audience"}});
    binary.call("POST", "/v1/api-keys/verify").json(&question).send().await.expect(200);
    let pair = json!({"api_key": key, "refresh_token": refresh_token});
    let call = binary.call("POST", "/v1/api-keys/refresh").header("x-forwarded-for", SOURCE);
    let next = call.json(&pair).send().await.expect(200);
    let cookie = format!("__Host-symbolon-key-refresh={refresh_token}");
    let call = binary.call("POST", "/v1/api-keys/refresh").header("cookie", &cookie);
    call.json(&json!({"api_key": key})).send().await.expect(403);
    session.call("DELETE", &format!("/v1/api-keys/{key}")).send().await.expect(404);
    session.call("GET", "/v1/api-keys").send().await.expect(200);
    session.call("DELETE", "/v1/api-keys").send().await.expect(200);
    secrets.extend([key, refresh_token, next.text("api_key"), next.text("refresh_token")]);
}

/// Another service, whose tokens count here, and routes that everybody who is known may call.
fn trust(home: &Home, issuing: &Home) -> Binary {
    fs::write(issuing.directory().join("symbolon.toml"), "[http]\npublic_url = \"http://127.0.0.1:9\"\n")
        .unwrap();
    let issuer = Binary::of(issuing, &[], &[]);
    let policies = home.directory().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("all.cedar"), "@id(\"all\") permit (principal, action, resource);\n").unwrap();
    let configuration = format!(
        "[authorizer]\npolicies = {policies:?}\n\
         [[authorizer.routes]]\nname = \"note\"\nmethod = \"ANY\"\npath = \"/notes/{{id}}\"\n\
         [[trusted_issuers]]\nissuer = \"http://127.0.0.1:9\"\njwks_uri = \"{}/.well-known/jwks.json\"\n\
         audiences = [\"{AUDIENCE}\"]\nemail_claim = \"sub\"\nemail_trusted = true\n",
        issuer.url
    );
    fs::write(home.directory().join("symbolon.toml"), configuration).unwrap();
    issuer
}

/// A token of that service.
fn external_token(issuing: &Home) -> String {
    let asked = ["token", "mint", "--subject", EXTERNAL, "--audience", AUDIENCE, "--scope", "canary:scope"];
    let minted = command_of(issuing, &[&asked[..], &["--output", "json"]].concat(), "");
    let minted: serde_json::Value = serde_json::from_slice(&minted.stdout).unwrap();
    minted["token"].as_str().unwrap().to_owned()
}

/// Licences, claim codes, and the token of a device from its request to its exchange; that token.
async fn plant_in_device_tokens(
    (home, binary): (&Home, &Binary),
    session: &SignedIn<'_>,
    external: &str,
    secrets: &mut Vec<String>,
) -> String {
    for subject in [ADDRESS, EXTERNAL] {
        let grant = ["license", "grant", subject, "--product", "canary-product", "--expires-in", "30d"];
        let granted = command_of(home, &[&grant[..], &["--entitlement", "canary:entitlement"]].concat(), "");
        assert!(granted.status.success());
    }
    let license =
        json!({"subject": "canary.friend@example.org", "product": "canary-product", "expires_in": 60});
    session.call("POST", "/v1/licenses").json(&license).send().await.expect(403);
    session.call("GET", "/v1/licenses/mine").send().await.expect(200);
    session.call("GET", "/v1/licenses?subject=canary.friend@example.org").send().await.expect(403);

    let asked = json!({"device_id": DEVICE, "user_id": EXTERNAL});
    binary.call("POST", "/v1/token-requests").bearer(external).json(&asked).send().await.expect(201);
    let asked = json!({"device_id": DEVICE, "user_id": session.account_id});
    let request = session.call("POST", "/v1/token-requests").json(&asked).send().await.expect(201);
    let path = format!("/v1/token-requests/{}", request.text("id"));
    let code = claim_code(home).await;
    let wrong = if code == "4242424" { "2424242" } else { "4242424" };
    for (device, code, status) in
        [(DEVICE, wrong, 403), ("canary-other-device", &*code, 403), (DEVICE, "canary", 400)]
    {
        let body = json!({"device_id": device, "claim_code": code});
        session.call("PATCH", &path).json(&body).send().await.expect(status);
    }
    let body = json!({"device_id": DEVICE, "claim_code": code});
    let issued = session.call("PATCH", &path).json(&body).send().await.expect(200).text("token");
    for (device, status) in [(DEVICE, 409), ("canary-other-device", 401)] {
        let body = json!({"token": issued, "device_id": device});
        binary.call("POST", "/v1/device-tokens/verify").json(&body).send().await.expect(200);
        binary.call("POST", "/v1/device-tokens/exchange").json(&body).send().await.expect(status);
    }
    session.call("GET", "/v1/device-tokens").send().await.expect(200);
    secrets.extend([wrong.to_owned(), code]);
    issued
}

/// The code of seven digits that was sent to the person with an account.
async fn claim_code(home: &Home) -> String {
    for _ in 0..500 {
        let mail = mail_to(home.directory(), ADDRESS);
        if let Some(code) = mail.iter().flat_map(|(_, text)| codes(text)).find(|word| word.len() == 7) {
            return code;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no claim code came");
}

/// Every kind of credential, right and wrong, in questions of a gateway; hosts, addresses, paths and queries.
async fn plant_at_the_gateway(
    binary: &Binary,
    session: &SignedIn<'_>,
    [device, external]: [&str; 2],
    secrets: &mut Vec<String>,
) {
    let ask = |uri: &str| {
        let call = gateway::ask(binary, "GET", uri).header("user-agent", AGENT);
        call.header("x-forwarded-for", SOURCE).header("x-forwarded-host", "canary.example.org")
    };
    let note = || ask("/notes/canary-note?access_token=canary-query");
    let body =
        json!({"issuer": "canary issuer", "audience": "canary", "subject": "canary", "version": "canary"});
    let key = session.call("POST", "/v1/api-keys").json(&body).send().await.expect(201).text("api_key");
    for call in [
        note().bearer(&session.token).binding(&session.binding),
        note().bearer(device).header("symbolon-device", DEVICE),
        note().bearer(external),
        note().bearer(&key),
    ] {
        call.send().await.expect(200);
    }
    for token in [&*session.token, device, external, &*key] {
        note().bearer(&tampered(token, token.len() - 20)).send().await.expect(401);
        ask("/notes/../canary").bearer(token).send().await.expect(403);
    }
    for call in [
        note().bearer(&session.token),
        note().bearer(&session.token).binding("canary-binding"),
        note().bearer(device).header("symbolon-device", "canary-other-device"),
        note().bearer("canary-bearer"),
        note().bearer("canary.canary.canary"),
        note().header("authorization", "Basic Y2FuYXJ5"),
        note().header("cookie", "__Host-symbolon-session=canary"),
    ] {
        call.send().await.expect(401);
    }
    for call in [
        ask("/canary/undeclared").bearer(&key),
        note().bearer(&key).header("x-original-uri", "/canary"),
        note().bearer(&key).header("x-forwarded-uri", "/canary"),
        note().bearer(&key).header("x-forwarded-host", "canary.example.com"),
    ] {
        call.send().await.expect(403);
    }
    secrets.push(key);
}

/// Wrong codes, links, current and new passwords.
async fn plant_in_recoveries(binary: &Binary, session: &SignedIn<'_>, secrets: &mut Vec<String>) {
    for method in ["code", "link"] {
        let body = json!({"identifier": {"type": "email", "value": ADDRESS}, "method": method});
        let begun = binary.call("POST", "/v1/recovery").json(&body).send().await.expect(202);
        let password = "canary nine herons by the canal";
        let body =
            json!({"recovery_id": begun.text("recovery_id"), "code": "42424242", "password": password});
        binary.call("POST", "/v1/recovery/verify").json(&body).send().await.expect(403);
    }
    let token = OpaqueToken::generate(TokenKind::PasswordReset, [7; 16], &SystemEntropy::new());
    let token = token.reveal().expose_secret().to_owned();
    let body = json!({"token": token, "password": "canary nine herons by the canal"});
    binary.call("POST", "/v1/recovery/verify").json(&body).send().await.expect(410);
    let body = json!({"current_password": "canary not it at all", "new_password": "canary nine herons"});
    session.call("PUT", "/v1/account/password").json(&body).send().await;
    secrets.extend(["42424242".to_owned(), token]);
}

/// An invitation that an operator writes, redeemed; its token.
async fn redeem_an_invitation(home: &Home, binary: &Binary) -> String {
    let arguments = ["account", "create", "--email", "canary.guest@example.org", "--name", "Canary Guest"];
    let created = command_of(home, &arguments, "");
    assert!(created.status.success());
    for _ in 0..500 {
        if let Some((_, text)) = mail_to(home.directory(), "canary.guest@example.org").pop() {
            let token = token_in(&text, "sym_iv_");
            let body = json!({"token": token, "password": PASSWORD, "name": "canary name"});
            binary.call("POST", "/v1/invitations/redeem").json(&body).send().await.expect(201);
            return token;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no invitation");
}

/// In the path, the query, headers, bodies that are malformed or too large.
async fn plant_in_the_wrong_places(binary: &Binary) {
    for path in [
        "/canary-path",
        "/v1/sessions/canary-path",
        "/v1/account?token=canary-query",
        "/problems/canary-path",
    ] {
        let call = binary.call("GET", path).header("user-agent", AGENT).header("x-forwarded-for", SOURCE);
        call.bearer("canary-bearer")
            .binding("canary-binding")
            .header("cookie", "a=canary-cookie")
            .send()
            .await;
    }
    for path in [
        "/v1/sign-up",
        "/v1/sign-in",
        "/v1/recovery",
        "/v1/recovery/verify",
        "/v1/sessions/verify",
        "/v1/sessions/refresh",
        "/v1/invitations/redeem",
        "/v1/token-requests",
        "/v1/device-tokens/verify",
        "/v1/device-tokens/exchange",
        "/v1/licenses",
    ] {
        binary.call("POST", path).body("{\"password\": \"canary-malformed\",").send().await;
        binary.call("POST", path).json(&json!({"canary-member": "canary-value"})).send().await;
        binary.call("POST", path).json(&json!({"password": 7, "access_token": ["canary-list"]})).send().await;
        // The service may hang up before it has taken all of this, so it goes by a connection of its own.
        let large = Call::new(&client(), "POST", &format!("{}{path}", binary.url));
        drop(large.body("canary-large".repeat(6_000)).try_send().await);
    }
}

/// Does it stand in the text with no letter or digit, or point of a fraction, beside it?
fn stands_alone(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(start, _)| {
        let beside = [text[..start].chars().next_back(), text[start + code.len()..].chars().next()];
        beside.iter().flatten().all(|character| !character.is_ascii_alphanumeric() && *character != '.')
    })
}

fn codes(text: &str) -> Vec<String> {
    let is_code = |word: &str| matches!(word.len(), 6..=8) && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_secret = |word: &&str| is_code(word) || word.starts_with("sym_");
    text.split_whitespace().filter(is_secret).map(str::to_owned).collect()
}
