//! Our tokens in the hands of libraries that know nothing of us: `PyJWT` and npm `jose`.

use std::{env, path::PathBuf, process::Command};

use rstest::rstest;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp,
};

const PYTHON: &str = r#"
import json, sys, jwt
url, token, issuer = sys.argv[1:4]
key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
claims = jwt.decode(token, key.key, algorithms=[key.algorithm_name], issuer=issuer, audience=issuer,
                    options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]})
print(json.dumps({"sub": claims["sub"], "alg": key.algorithm_name}))
"#;

const NODE: &str = r#"
const jose = require("jose");
const [url, token, issuer] = process.argv.slice(1);
jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(url)), { issuer, audience: issuer, typ: "session+jwt" })
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

async fn by_python(url: &str, token: &str, issuer: &str) -> (bool, String) {
    let mut command = Command::new(tool("SYMBOLON_TEST_PYTHON"));
    command.args(["-c", PYTHON, url, token, issuer]);
    run(command).await
}

async fn by_node(url: &str, token: &str, issuer: &str) -> (bool, String) {
    let mut command = Command::new("node");
    command.env("NODE_PATH", tool("SYMBOLON_TEST_NODE_MODULES")).args(["-e", NODE, url, token, issuer]);
    run(command).await
}

/// S6, C55: a session's token verifies with the JWKS alone, under every algorithm; a pre-authorized one does not
/// pass for it (C52).
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
        let issuer = "http://localhost:8080";
        let expected = serde_json::json!({"sub": ada.account_id, "alg": name});
        let python = by_python(&url, &ada.token, issuer).await;
        let node = by_node(&url, &ada.token, issuer).await;
        for (verified, printed) in [&python, &node] {
            assert!(verified, "{name}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(printed).unwrap(), expected);
        }
        let tampered = format!("{}{}", &ada.token[..ada.token.len() - 8], "AAAAAAAA");
        for token in [tampered.as_str(), pending.token.as_str()] {
            assert!(!by_python(&url, token, issuer).await.0, "{name}");
            assert!(!by_node(&url, token, issuer).await.0, "{name}");
        }
    }
}
