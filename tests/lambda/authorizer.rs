//! The function `authorizer`, by events as API Gateway sends them (Z7).

use std::fs;

use serde_json::{Value as Json, json};

use super::function::{Function, Outcome};
use crate::support::{
    Binary, Home, Table, command_of,
    dynamodb_proxy::{DynamoProxy, Faults},
};

const ADA: &str = "ada@example.org";
const STAGE: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod";
const SETTINGS: &str = r#"
[authorizer]
policies = "policies"
routes = [
    { name = "user", method = "ANY", path = "/users/{id}" },
    { name = "admin", method = "ANY", path = "/admin" },
]
"#;
const POLICIES: &str = r#"
@id("everybody-reads-users")
permit (principal, action == Action::"GET", resource == Route::"user");

@id("superusers-administer")
permit (principal, action, resource == Route::"admin") when { principal.roles.contains("superuser") };
"#;

/// A function that decides, and what it may be shown.
struct Deciding {
    function: Function,
    /// An access token of ours.
    token: String,
    /// A session's token, and its binding.
    session: (String, String),
    api_key: String,
    home: Home,
    proxy: DynamoProxy,
    _table: Table,
}

impl Deciding {
    async fn start() -> Self {
        let table = Table::migrated().await;
        let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
        let home = Home::at(&format!("dynamodb://{}?endpoint={}", table.options.table, proxy.url));
        fs::write(home.directory().join("symbolon.toml"), SETTINGS).unwrap();
        fs::create_dir(home.directory().join("policies")).unwrap();
        fs::write(home.directory().join("policies/routes.cedar"), POLICIES).unwrap();
        let session = {
            let binary = Binary::of(&home, &[], &[]);
            let ada = binary.user(ADA).sign_up().await;
            (ada.token.clone(), ada.binding)
        };
        let minted = json_of(&home, &["token", "mint", "--subject", "reader", "--scope", "read"]);
        let key = [
            ["api-key", "issue", ADA].as_slice(),
            &["--issuer", "ops", "--audience", "https://api.example.org"],
            &["--subject", "/users", "--subject-version", "1", "--scope", "read"],
        ];
        let key = json_of(&home, &key.concat());
        let function = Function::start(&home, "authorizer", &[("SYMBOLON_LOG__LEVEL", "debug")]).await;
        let text = |json: &Json, name: &str| json[name].as_str().unwrap().to_owned();
        let (token, api_key) = (text(&minted, "token"), text(&key, "api_key"));
        Self { function, token, session, api_key, home, proxy, _table: table }
    }

    /// A `TOKEN` event of a REST API with this credential, about this method and path.
    async fn by_token(&self, credential: &str, target: &str) -> Outcome {
        let mut event = recorded(include_str!("events/rest-token.json"), credential, "");
        event["methodArn"] = json!(format!("{STAGE}/{target}"));
        self.function.invoke(&event).await
    }

    /// A `REQUEST` event of a REST API with this session, about this path.
    async fn by_request(&self, path: &str) -> Outcome {
        let mut event = recorded(include_str!("events/rest-request.json"), &self.session.0, &self.session.1);
        event["methodArn"] = json!(format!("{STAGE}/GET{path}"));
        event["path"] = json!(path);
        self.function.invoke(&event).await
    }

    /// An event of an HTTP API with this session, about this path.
    async fn by_http(&self, path: &str) -> Outcome {
        let mut event =
            recorded(include_str!("events/http-authorizer.json"), &self.session.0, &self.session.1);
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        self.function.invoke(&event).await
    }
}

/// A recorded event, with this credential in the place of the one that was left out.
fn recorded(event: &str, token: &str, binding: &str) -> Json {
    serde_json::from_str(&event.replace("{{token}}", token).replace("{{binding}}", binding)).unwrap()
}

#[track_caller]
fn json_of(home: &Home, arguments: &[&str]) -> Json {
    let output = command_of(home, &[arguments, &["--output", "json"]].concat(), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The resources of a policy's statements with this effect.
fn resources(answer: &Json, effect: &str) -> Vec<String> {
    let statements = answer["policyDocument"]["Statement"].as_array().unwrap();
    let of_effect = statements.iter().filter(|statement| statement["Effect"] == effect);
    let listed = of_effect.flat_map(|statement| statement["Resource"].as_array().unwrap());
    listed.map(|resource| resource.as_str().unwrap().to_owned()).collect()
}

/// Z7: who may gets a policy of declared routes or a yes, who may not one that denies or a no, and who is nobody an error
/// that API Gateway makes a 401 of.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_every_kind_are_answered() {
    let mut deciding = Deciding::start().await;
    let users = format!("{STAGE}/GET/users/*");

    let allowed = deciding.by_token(&deciding.token, "GET/users/7").await.unwrap();
    assert_eq!(allowed["principalId"], "reader");
    assert_eq!(allowed["context"]["kind"], "access_token");
    assert_eq!(allowed["policyDocument"]["Version"], "2012-10-17");
    assert!(resources(&allowed, "Allow").contains(&users), "{allowed}");
    let by_key = deciding.by_token(&deciding.api_key, "GET/users/7").await.unwrap();
    assert_eq!(by_key["context"]["kind"], "api_key");
    let denied = deciding.by_token(&deciding.token, "GET/admin").await.unwrap();
    assert!(!resources(&denied, "Allow").iter().any(|resource| resource.contains("admin")), "{denied}");
    // A star in a path is a letter of it.
    let star = deciding.by_token(&deciding.token, "GET/*").await.unwrap();
    assert!(resources(&star, "Allow").iter().all(|resource| *resource == users), "{star}");

    let allowed = deciding.by_request("/users/7").await.unwrap();
    assert!(resources(&allowed, "Allow").contains(&users), "{allowed}");
    assert_eq!(allowed["context"]["kind"], "session");
    let denied = deciding.by_request("/admin").await.unwrap();
    assert!(!resources(&denied, "Allow").iter().any(|resource| resource.contains("admin")), "{denied}");

    let allowed = deciding.by_http("/users/7").await.unwrap();
    assert_eq!((&allowed["isAuthorized"], &allowed["context"]["route"]), (&json!(true), &json!("user")));
    assert_eq!(deciding.by_http("/admin").await.unwrap()["isAuthorized"], false);

    let unauthorized = json!({"errorType": "Unauthorized", "errorMessage": "Unauthorized"});
    assert_eq!(deciding.by_token("nonsense", "GET/users/7").await.unwrap_err(), unauthorized);
    let error = deciding.function.invoke(&json!({"type": "canary"})).await.unwrap_err();
    assert_eq!(error["errorType"], "InvalidEvent");

    let log = deciding.function.end();
    assert!(!log.contains(&deciding.token) && !log.contains(&deciding.api_key), "no token in a log");
    assert!(!log.contains(&deciding.session.0) && !log.contains(&deciding.session.1));
    assert!(!log.contains("canary") && !log.contains("Unauthorized"), "a 401 is no error: {log}");
}

/// G2, K9: what an event leaves to be written is written before the process is stopped.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_last_uses_are_written_with_each_event() {
    let deciding = Deciding::start().await;
    deciding.by_http("/admin").await.unwrap();
    let tail = ["audit", "tail", "--act", "gateway.decided"];
    let events = json_of(&deciding.home, &tail);
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0]["ip"], "203.0.113.9");
    let listed = json_of(&deciding.home, &["api-key", "list", ADA]);
    assert_eq!(listed[0]["last_used"], Json::Null, "{listed}");
    deciding.by_token(&deciding.api_key, "GET/users/7").await.unwrap();
    let listed = json_of(&deciding.home, &["api-key", "list", ADA]);
    assert!(listed[0]["last_used"].is_string(), "{listed}");
}

/// Z5, Z7: an outage is neither a yes nor a no, nor the error that says that nobody is known.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_no_answer() {
    let mut deciding = Deciding::start().await;
    deciding.proxy.inject(Faults { throttled: 100, ..Faults::default() });
    let error = deciding.by_http("/users/7").await.unwrap_err();
    assert_eq!(error["errorType"], "Unavailable", "{error}");
    assert!(!error.to_string().contains("Unauthorized"));
    // What needs no store is decided all the same.
    deciding.by_token(&deciding.token, "GET/users/7").await.unwrap();
    deciding.proxy.inject(Faults::default());
    assert_eq!(deciding.by_http("/users/7").await.unwrap()["isAuthorized"], true);
    let log = deciding.function.end();
    assert!(log.contains("there is no decision"), "{log}");
    assert!(!log.contains(&deciding.session.0) && !log.contains(&deciding.session.1));
}
