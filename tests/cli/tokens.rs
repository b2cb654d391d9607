//! Tokens made by hand, and one service that trusts another.

use std::fs;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rstest::rstest;

use super::commands::{json, refused};
use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, command_of,
};

const AUDIENCE: &str = "https://api.example.org";

/// Z10: a token made by hand says what was asked for, counts, and is in the audit log without being in it.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_an_access_token(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let _service = Binary::of(at, &[], &[]);
    let asked = ["token", "mint", "--subject", "robot", "--scope", "read", "--scope", "write"];
    let minted = json(at, &[&asked[..], &["--audience", AUDIENCE, "--expires-in", "10m"]].concat(), "");
    let token = minted["token"].as_str().unwrap();
    assert_eq!(json(at, &["token", "inspect"], token)["header"]["typ"], "at+jwt");
    let verified = json(at, &["token", "verify"], token);
    for (name, value) in [("result", "active"), ("sub", "robot"), ("aud", AUDIENCE), ("scope", "read write")]
    {
        assert_eq!(verified[name], value, "{name}");
    }
    assert_eq!(verified["exp"].as_i64().unwrap() - verified["iat"].as_i64().unwrap(), 600);
    let own = json(at, &["token", "mint", "--subject", "robot"], "");
    assert_eq!((&own["aud"], own.get("scope")), (&own["iss"], None), "for this service, with no scopes");
    assert_eq!(own["exp"].as_i64().unwrap() - own["iat"].as_i64().unwrap(), 900);

    let events = json(at, &["audit", "tail", "--act", "access_token.minted"], "");
    let subjects: Vec<_> = events.as_array().unwrap().iter().map(|event| event["subject"].clone()).collect();
    let named = |minted: &serde_json::Value| format!("token:{}", minted["jti"].as_str().unwrap());
    assert_eq!(subjects, [named(&minted), named(&own)]);
    assert!(!events.to_string().contains(token));

    for (wrong, said) in [
        (vec!["--subject", ""], "subject"),
        (vec!["--subject", "a\nb"], "subject"),
        (vec!["--subject", "https://x|y"], "the subject must not contain `|`"),
        (vec!["--subject", "robot", "--audience", ""], "audience"),
        (vec!["--subject", "robot", "--scope", "a b"], "scope"),
        (vec!["--subject", "robot", "--expires-in", "0s"], "24 hours"),
        (vec!["--subject", "robot", "--expires-in", "25h"], "24 hours"),
    ] {
        assert!(refused(at, &[&["token", "mint"], &wrong[..]].concat(), "").contains(said), "{wrong:?}");
    }
    let events = json(at, &["audit", "tail", "--act", "access_token.minted"], "");
    assert_eq!(events.as_array().unwrap().len(), 2, "what was refused was not made");
    // Inside the signature, whose last character has bits that must be none.
    let (start, end) = (token.len() - 20, token.len() - 10);
    let reversed: String = token[start..end].chars().rev().collect();
    let tampered = [&token[..start], &reversed, &token[end..]].concat();
    assert!(refused(at, &["token", "verify"], &tampered).contains("signature"));
}

/// Z1, Z10: a token of an issuer that nobody trusts is told by its issuer, and what another command checks by that command.
#[tokio::test(flavor = "multi_thread")]
async fn whose_token_it_is_is_told_before_all_else() {
    let home = Home::on(Sqlite).await;
    let _service = Binary::of(&home, &[], &[]);
    let jwt = |typ: &str, issuer: &str| {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(serde_json::json!({"alg": "ES256", "kid": "a", "typ": typ}));
        format!("{header}.{}.AAAA", part(serde_json::json!({"iss": issuer, "sub": "ada"})))
    };
    let (own, other) = ("http://localhost:8080", "https://login.example.org");
    let not_trusted = "its issuer `https://login.example.org` is not trusted";
    for (token, told) in [
        (jwt("JWT", other), not_trusted),
        (jwt("at+jwt", other), not_trusted),
        (jwt("session+jwt", other), not_trusted),
        (jwt("JWT", "https://canary\u{1b}[2J"), "its issuer is not trusted"),
        (jwt("JWT", &format!("https://canary/{}", "x".repeat(300))), "its issuer is not trusted"),
        (jwt("JWT", own), "of another type"),
        (jwt("dt+jwt", own), "`symbolon device-token verify`"),
        ("sym_ak_v4.local.canary".to_owned(), "`symbolon api-key verify`"),
    ] {
        let said = refused(&home, &["token", "verify"], &token);
        assert!(said.contains(told) && !said.contains("canary"), "{said}");
    }
}

/// Z1, Z2, Z3, Z4: a service takes what another one signed for its audience, and says why not.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_trusts_another() {
    let (issuing, trusting) = (Home::on(Sqlite).await, Home::on(Sqlite).await);
    let mut issuer = Binary::of(&issuing, &[], &[]);
    let configuration = format!(
        "[http]\npublic_url = \"https://auth.example.org\"\n[[trusted_issuers]]\nissuer = \"http://localhost:8080\"\n\
         jwks_uri = \"{}/.well-known/jwks.json\"\naudiences = [\"{AUDIENCE}\"]\n",
        issuer.url
    );
    fs::write(trusting.directory().join("symbolon.toml"), configuration).unwrap();
    let _service = Binary::of(&trusting, &[], &[]);
    let mint = |audience: &str| {
        let asked = ["token", "mint", "--subject", "robot", "--scope", "read", "--audience", audience];
        json(&issuing, &asked, "")["token"].as_str().unwrap().to_owned()
    };
    let token = mint(AUDIENCE);
    let verified = json(&trusting, &["token", "verify"], &token);
    assert_eq!(verified["principal"], "robot");
    assert_eq!(verified["issuer"], "http://localhost:8080");
    assert_eq!(verified["scopes"], serde_json::json!(["read"]));
    let foreign = mint("https://other.example.org");
    assert!(refused(&trusting, &["token", "verify"], &foreign).contains("audience"));

    let listed = json(&trusting, &["issuer", "list"], "");
    assert_eq!(listed[0]["algorithms"], serde_json::json!(["RS256", "ES256"]));
    let keys = json(&trusting, &["issuer", "test", "http://localhost:8080"], "");
    assert_eq!(keys[0]["usable_for"], serde_json::json!(["ES256"]));
    let checks = |text: &[u8]| -> Vec<(String, String)> {
        let checks: serde_json::Value = serde_json::from_slice(text).unwrap();
        let of_issuers =
            checks.as_array().unwrap().iter().filter(|check| check["check"] == "trusted issuers");
        of_issuers.map(|check| (check["verdict"].to_string(), check["found"].to_string())).collect()
    };
    let doctor = ["doctor", "--output", "json"];
    let found = checks(&command_of(&trusting, &doctor, "").stdout);
    assert!(found.len() == 1 && found[0].0.contains("fine") && found[0].1.contains("1 keys"), "{found:?}");

    issuer.kill();
    assert!(
        refused(&trusting, &["token", "verify"], &token).contains("cannot be had"),
        "an outage is no \"no\""
    );
    assert!(refused(&trusting, &["issuer", "test", "http://localhost:8080"], "").contains("reached"));
    let said = refused(&trusting, &["issuer", "test", "http://example.org"], "");
    assert!(said.contains("error: ISSUER: must be") && said.contains("https"), "{said}");
    let found = checks(&command_of(&trusting, &doctor, "").stdout);
    assert!(found.len() == 1 && found[0].0.contains("wrong") && found[0].1.contains("reached"), "{found:?}");
}
