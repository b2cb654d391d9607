//! A user pool of Amazon Cognito, that is of moto: its ID tokens ask for device tokens, and its access and ID tokens pass a
//! gateway (Z1, Z2, Z3, Z9). moto signs with one key for every pool, so that only the claims tell them apart.

use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon::settings::TrustedIssuerSettings;
use symbolon_adapters::system::SystemClock;
use symbolon_domain::{actor::Role, clock::Clock as _};

use super::{ADA, ROUTES};
use crate::{
    http::device_tokens::{DEVICE, grant},
    support::{
        Answer, Call,
        Engine::{self, Dynamodb, Postgres, Sqlite},
        Host as _, TestApp, client, digits_in, directory,
        engines::told,
        gateway::{ask, declared},
        tampered,
    },
};

const PASSWORD: &str = "Seven-lanterns-7";
/// Where moto puts those who do not say.
const REGION: &str = "us-east-1";
const POLICY: &str = r#"
@id("support-reads-notes")
permit (principal, action == Action::"GET", resource == Route::"note")
when { principal.groups.contains("support") };
"#;

/// One call of Cognito's API.
async fn cognito(action: &str, body: Json) -> Json {
    let call = Call::new(&client(), "POST", &told("SYMBOLON_TEST_AWS"));
    let target = format!("AWSCognitoIdentityProviderService.{action}");
    let call = call.header("x-amz-target", &target).header("content-type", "application/x-amz-json-1.1");
    call.json(&body).send().await.expect(200).json
}

/// A user pool, with one user in a group.
struct Pool {
    id: String,
}

/// What somebody gets who signs in with an app.
struct Tokens {
    id: String,
    access: String,
}

impl Pool {
    async fn create() -> Self {
        let created = cognito("CreateUserPool", json!({"PoolName": "people"})).await;
        let id = text(&created["UserPool"]["Id"]);
        let user = json!({
            "UserPoolId": id, "Username": "ada",
            "UserAttributes": [{"Name": "email", "Value": ADA}, {"Name": "email_verified", "Value": "true"}],
        });
        cognito("AdminCreateUser", user).await;
        let password = json!({"UserPoolId": id, "Username": "ada", "Password": PASSWORD, "Permanent": true});
        cognito("AdminSetUserPassword", password).await;
        cognito("CreateGroup", json!({"UserPoolId": id, "GroupName": "support"})).await;
        let member = json!({"UserPoolId": id, "Username": "ada", "GroupName": "support"});
        cognito("AdminAddUserToGroup", member).await;
        Self { id }
    }

    /// An app client that may read these attributes.
    async fn app(&self, reads: &[&str]) -> String {
        let body = json!({"UserPoolId": self.id, "ClientName": "app", "ReadAttributes": reads});
        text(&cognito("CreateUserPoolClient", body).await["UserPoolClient"]["ClientId"])
    }

    async fn sign_in(&self, app: &str) -> Tokens {
        let body = json!({
            "UserPoolId": self.id, "ClientId": app, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        });
        let signed_in = cognito("AdminInitiateAuth", body).await;
        let result = &signed_in["AuthenticationResult"];
        Tokens { id: text(&result["IdToken"]), access: text(&result["AccessToken"]) }
    }

    fn issuer(&self) -> String {
        format!("https://cognito-idp.{REGION}.amazonaws.com/{}", self.id)
    }

    /// As in docs/trusted-issuers.md, but for where the keys are.
    fn trusted(&self, app: &str, token_use: &[&str]) -> TrustedIssuerSettings {
        let trusted = json!({
            "issuer": self.issuer(), "audiences": [app], "token_use": token_use, "groups_claim": "cognito:groups",
            "jwks_uri": format!("{}/{}/.well-known/jwks.json", told("SYMBOLON_TEST_AWS"), self.id),
        });
        serde_json::from_value(trusted).unwrap()
    }
}

#[track_caller]
fn text(value: &Json) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The service at the time of day, as Cognito's tokens are; what it trusts is trusted.
async fn trusting(on: Engine, trusted: TrustedIssuerSettings) -> TestApp {
    let directory = directory();
    let authorizer = declared(directory.path(), ROUTES, POLICY);
    let app = TestApp::with(on, |settings| {
        settings.authorizer = authorizer;
        settings.trusted_issuers = vec![trusted];
    })
    .await;
    app.clock.set(SystemClock.now());
    app
}

async fn ask_for_note(app: &TestApp, token: &str) -> Answer {
    ask(app, "GET", "/notes/7").bearer(token).send().await
}

/// A device token, asked for with this one.
async fn request(app: &TestApp, token: &str, user_id: &str) -> Answer {
    let body = json!({"device_id": DEVICE, "user_id": user_id});
    app.post("/v1/token-requests").bearer(token).json(&body).send().await
}

/// The subject in the answer's header, without the issuer that stands before it.
fn principal(subject: &str) -> &str {
    subject.split_once("%7C").expect("an issuer and a principal").1
}

/// Z1, Z9, D7: an ID token asks for a device token, which passes the gateway as its holder; an access token carries no address.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_user_pool_get_device_tokens_and_pass(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let pool = Pool::create().await;
    let client = pool.app(&["email", "email_verified"]).await;
    let app = trusting(on, pool.trusted(&client, &["access", "id"])).await;
    let tokens = pool.sign_in(&client).await;
    let issuer = pool.issuer();

    let (by_id, by_access) = (ask_for_note(&app, &tokens.id).await, ask_for_note(&app, &tokens.access).await);
    let subject = by_id.told()[0];
    assert!(subject.starts_with(&format!("{issuer}%7C")), "{subject}");
    assert_eq!(by_id.told(), [subject, "trusted_issuer", &issuer, "", "support", "", "", "note"]);
    let scopes = "aws.cognito.signin.user.admin";
    assert_eq!(by_access.told(), [subject, "trusted_issuer", &issuer, scopes, "support", "", "", "note"]);
    ask(&app, "GET", "/closed").bearer(&tokens.id).send().await.says_no(403, "not_let_through");

    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let user_id = principal(subject);
    assert_eq!(request(&app, &tokens.id, user_id).await.expect(403).slug(), "not_licensed");
    grant(&root, json!({"entitlements": ["export"]})).await.expect(201);
    assert_eq!(request(&app, &tokens.access, user_id).await.expect(403).slug(), "no_verified_email");
    let asked = request(&app, &tokens.id, user_id).await.expect(201);
    let code = digits_in(&app.mail_to(ADA).await.first().unwrap().content.text, 7);
    let path = format!("/v1/token-requests/{}", asked.text("id"));
    let body = json!({"device_id": DEVICE, "claim_code": code});
    let claim = app.call("PATCH", &path).bearer(&tokens.id).json(&body);
    let device = claim.send().await.expect(200).text("token");

    // It is no member of a group, so the policy does not let it through; but it is known, with its device.
    let with_device = ask(&app, "GET", "/notes/7").bearer(&device).header("symbolon-device", DEVICE);
    with_device.send().await.says_no(403, "not_let_through");
    ask_for_note(&app, &device).await.says_no(401, "invalid_token");
}

/// Z2, Z3: a token of another app client, of another pool, of the other use, or with another signature opens nothing.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_pool_did_not_issue_for_us_opens_nothing(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let (pool, another) = (Pool::create().await, Pool::create().await);
    let attributes = ["email", "email_verified"];
    let (ours, others) = (pool.app(&attributes).await, pool.app(&attributes).await);
    let app = trusting(on, pool.trusted(&ours, &["access", "id"])).await;
    let tokens = pool.sign_in(&ours).await;
    let (elsewhere, stranger) =
        (pool.sign_in(&others).await, another.sign_in(&another.app(&attributes).await).await);
    let user_id = principal(ask_for_note(&app, &tokens.id).await.told()[0]).to_owned();
    for token in [
        &elsewhere.id,
        &elsewhere.access,
        &stranger.id,
        &stranger.access,
        &tampered(&tokens.id, tokens.id.len() - 20),
        &tampered(&tokens.access, tokens.access.len() - 20),
    ] {
        ask_for_note(&app, token).await.says_no(401, "invalid_token");
        request(&app, token, &user_id).await.expect(401);
    }
    for (token_use, good, bad) in [("access", &tokens.access, &tokens.id), ("id", &tokens.id, &tokens.access)]
    {
        let app = trusting(on, pool.trusted(&ours, &[token_use])).await;
        ask_for_note(&app, good).await.told();
        ask_for_note(&app, bad).await.says_no(401, "invalid_token");
        request(&app, bad, &user_id).await.expect(401);
    }
}

/// Z1: an address that the pool has not verified, or that its app may not read, is none.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_counts_only_when_the_pool_has_verified_it(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let pool = Pool::create().await;
    for attributes in [&["email"][..], &["name"]] {
        let client = pool.app(attributes).await;
        let app = trusting(on, pool.trusted(&client, &["id"])).await;
        let token = pool.sign_in(&client).await.id;
        let user_id = principal(ask_for_note(&app, &token).await.told()[0]).to_owned();
        assert_eq!(request(&app, &token, &user_id).await.expect(403).slug(), "no_verified_email");
    }
}
