//! Our tokens in the hands of libraries that know nothing of us: `PyJWT` and npm `jose`.

use std::{env, path::PathBuf, process::Command};

use rstest::rstest;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    SignedIn, TestApp,
};

const PYTHON: &str = r#"
import json, sys, jwt
url, token, issuer, audience, typ = sys.argv[1:6]
assert jwt.get_unverified_header(token)["typ"] == typ
key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
claims = jwt.decode(token, key.key, algorithms=[key.algorithm_name], issuer=issuer, audience=audience,
                    options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]})
print(json.dumps({"sub": claims["sub"], "alg": key.algorithm_name}))
"#;

const NODE: &str = r#"
const jose = require("jose");
const [url, token, issuer, audience, typ] = process.argv.slice(1);
jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(url)), { issuer, audience, typ })
  .then(({ payload, protectedHeader }) => console.log(JSON.stringify({ sub: payload.sub, alg: protectedHeader.alg })))
  .catch((error) => { console.error(error.code); process.exit(1); });
"#;

fn tool(variable: &str) -> PathBuf {
    let path =
        env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"));
    PathBuf::from(path)
}

/// Runs a command off the async threads: the service must answer it meanwhile.
async fn run(mut command: Command) -> (bool, String) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// What a verifier knows beforehand: the key set, and what it expects.
#[derive(Clone, Copy)]
struct Verifier<'a> {
    url: &'a str,
    audience: &'a str,
    typ: &'a str,
}

const ISSUER: &str = "http://localhost:8080";

async fn by_python(verifier: Verifier<'_>, token: &str) -> (bool, String) {
    let mut command = Command::new(tool("SYMBOLON_TEST_PYTHON"));
    command.args(["-c", PYTHON, verifier.url, token, ISSUER, verifier.audience, verifier.typ]);
    run(command).await
}

async fn by_node(verifier: Verifier<'_>, token: &str) -> (bool, String) {
    let mut command = Command::new("node");
    command.env("NODE_PATH", tool("SYMBOLON_TEST_NODE_MODULES")).args([
        "-e",
        NODE,
        verifier.url,
        token,
        ISSUER,
        verifier.audience,
        verifier.typ,
    ]);
    run(command).await
}

/// S6, C55: a session's token verifies with the JWKS alone, under every algorithm; a pre-authorized one does not
/// pass for it (C52). What is given for an API key verifies as an access token for the key's audience (K13, RFC 9068).
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn independent_libraries_verify_our_tokens(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    use symbolon::settings::SigningAlgorithm::{EdDsa, Es256, Rs256};
    for (algorithm, name) in [(Es256, "ES256"), (Rs256, "RS256"), (EdDsa, "EdDSA")] {
        let app = TestApp::with(on, |settings| settings.signing_keys.algorithm = algorithm).await;
        // The libraries read the real clock.
        app.clock.set(symbolon_domain::clock::Clock::now(&symbolon_adapters::system::SystemClock));
        let ada = app.user("ada@example.org").sign_up().await;
        let pending = app.user("ada@example.org").begin_sign_in().await;
        let url = format!("{}/.well-known/jwks.json", app.url);
        let verifier = Verifier { url: &url, audience: ISSUER, typ: "session+jwt" };
        let expected = serde_json::json!({"sub": ada.account_id, "alg": name});
        let python = by_python(verifier, &ada.token).await;
        let node = by_node(verifier, &ada.token).await;
        for (verified, printed) in [&python, &node] {
            assert!(verified, "{name}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(printed).unwrap(), expected);
        }
        let tampered = format!("{}{}", &ada.token[..ada.token.len() - 8], "AAAAAAAA");
        for token in [tampered.as_str(), pending.token.as_str()] {
            assert!(!by_python(verifier, token).await.0, "{name}");
            assert!(!by_node(verifier, token).await.0, "{name}");
        }
        let given = exchanged(&app, &ada).await;
        let verifier = Verifier { audience: AUDIENCE, typ: "at+jwt", ..verifier };
        for (verified, printed) in [by_python(verifier, &given).await, by_node(verifier, &given).await] {
            assert!(verified, "{name}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), expected);
        }
        let another = Verifier { audience: "https://api.example.com", ..verifier };
        assert!(!by_python(another, &given).await.0 && !by_node(another, &given).await.0, "{name}");
    }
}

const AUDIENCE: &str = "https://api.example.org";

/// A JWT for an API key of this account (K13).
async fn exchanged(app: &TestApp, owner: &SignedIn<'_>) -> String {
    let body = serde_json::json!({"issuer": "app", "audience": AUDIENCE, "subject": "/v2", "version": "2"});
    let key = owner.call("POST", "/v1/api-keys").json(&body).send().await.expect(201).text("api_key");
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={key}\
         &subject_token_type=urn:symbolon:params:oauth:token-type:api-key"
    );
    app.post("/oauth2/token").form(form).send().await.expect(200).text("access_token")
}
