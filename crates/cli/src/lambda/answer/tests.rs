//! The shape of each answer, and that no decision of "no" becomes a "yes".

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use symbolon_adapters::system::{SystemClock, SystemEntropy};
use symbolon_domain::{
    access::{PolicyId, Ruling},
    actor::Origin,
    audit::{AuditEvent, AuditFilter, AuditStore, Refusals},
    authorizer::{
        AuthorizerPorts, Credentials, GatewayDenial, GatewayRequest, IdentifyError, Method, PrincipalKind,
        PrincipalSubject, Route, RouteDeclaration, RoutePolicy, RouteRequest, Routes, UnsafePath,
    },
    clock::Timestamp,
    page::{Page, PageRequest},
    store_error::StoreError,
    trusted_issuers::ExternalSubject,
};

use super::*;
use crate::lambda::policy::UNSAFE;

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod";

/// Permits reading, from anywhere but one address; nobody is asked who they are.
struct Readers;

impl RoutePolicy for Readers {
    fn judge(&self, request: &RouteRequest<'_>) -> Result<Ruling, PolicyFault> {
        if request.route.name() == "faulty" {
            return Err(PolicyFault("it cannot be evaluated".into()));
        }
        let is_elsewhere = request.context.source_ip != "192.0.2.1".parse().ok();
        Ok(if request.method == Method::Get && is_elsewhere {
            Ruling::Permitted(vec![PolicyId::new("readers")])
        } else {
            Ruling::NotPermitted
        })
    }
}

#[async_trait]
impl Credentials for Readers {
    async fn identify(&self, _: &GatewayRequest<'_>, _: &Origin) -> Result<Principal, IdentifyError> {
        Err(IdentifyError::Inactive("nobody"))
    }
}

#[async_trait]
impl AuditStore for Readers {
    async fn append(&self, _: Vec<AuditEvent>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(&self, _: &AuditFilter, page: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
        Ok(Page::from_rows(Vec::new(), page, |event| *event.id.as_bytes()))
    }
}

fn authorizer(routes: &[(&str, &str)]) -> Authorizer {
    let declared = routes.iter().map(|(name, path)| RouteDeclaration {
        name: (*name).to_owned(),
        method: "ANY".to_owned(),
        path: (*path).to_owned(),
    });
    let refusals = Refusals::new(Arc::new(Readers), Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    let ports = AuthorizerPorts { credentials: Arc::new(Readers), policy: Arc::new(Readers), refusals };
    Authorizer::new(ports, Arc::new(Routes::new(declared.collect()).unwrap()))
}

fn users() -> Authorizer {
    authorizer(&[("users", "/users"), ("user", "/users/{id}")])
}

fn ada() -> Principal {
    let subject =
        ExternalSubject { issuer: "https://login.example.org".to_owned(), principal: "ada".to_owned() };
    Principal {
        scopes: ["read".to_owned(), "write all".to_owned()].into(),
        ..Principal::new(
            PrincipalKind::TrustedIssuer,
            PrincipalSubject::External(subject),
            "https://login.example.org".to_owned(),
            Timestamp::MAX,
        )
    }
}

fn route(authorizer: &Authorizer, name: &str) -> Arc<Route> {
    Arc::clone(authorizer.routes().iter().find(|route| route.name() == name).unwrap())
}

fn allowed(authorizer: &Authorizer, name: &str) -> GatewayDecision {
    let policies = vec![PolicyId::new("readers")];
    GatewayDecision::Allowed { principal: ada(), route: route(authorizer, name), policies }
}

fn denied(principal: Option<Principal>, route: Option<Arc<Route>>) -> GatewayDecision {
    GatewayDecision::Denied { reason: GatewayDenial::NotPermitted, principal, route, policies: Vec::new() }
}

fn rest_event(target: &str) -> AuthorizerEvent {
    let event = json!({
        "type": "TOKEN", "authorizationToken": "Bearer canary", "methodArn": format!("{STAGE}/{target}"),
    });
    AuthorizerEvent::parse(event.to_string().as_bytes()).unwrap()
}

fn http_event() -> AuthorizerEvent {
    let event = json!({
        "version": "2.0", "type": "REQUEST", "rawPath": "/users/7", "headers": {"authorization": "Bearer canary"},
        "requestContext": {"stage": "$default", "http": {"method": "GET", "sourceIp": "203.0.113.9"}},
    });
    AuthorizerEvent::parse(event.to_string().as_bytes()).unwrap()
}

fn told(event: &AuthorizerEvent, decision: &GatewayDecision, authorizer: &Authorizer) -> (Json, bool) {
    let Answered { answer, lets_through } = answer(event, decision, authorizer).unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    assert!(!json.to_string().contains("canary"), "no token in an answer");
    (json, lets_through)
}

fn context() -> Json {
    json!({
        "subject": "https://login.example.org%7Cada", "kind": "trusted_issuer", "issuer": "https://login.example.org",
        "scopes": "read write%20all", "groups": "", "roles": "", "entitlements": "",
    })
}

fn closed(principal: &str, context: &Json) -> Json {
    let statement =
        json!([{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [format!("{STAGE}/*/*")]}]);
    json!({
        "principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": statement},
        "context": context,
    })
}

/// Z7: a policy for all that the principal may call, named by verified claims.
#[test]
fn a_rest_api_gets_a_policy() {
    let users = users();
    let statement = |effect: &str, resources: &[&str]| {
        let resources: Vec<String> = resources.iter().map(|resource| format!("{STAGE}/{resource}")).collect();
        json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources})
    };
    let unsafe_paths: Vec<String> = UNSAFE.iter().map(|glob| format!("*/{glob}")).collect();
    let denied_paths: Vec<&str> =
        std::iter::once("GET/users/*/*").chain(unsafe_paths.iter().map(String::as_str)).collect();
    let expected = json!({
        "principalId": "https://login.example.org|ada",
        "policyDocument": {"Version": "2012-10-17", "Statement": [
            statement("Allow", &["GET/users"]), statement("Allow", &["GET/users/*"]), statement("Deny", &denied_paths),
        ]},
        "context": context(),
    });
    let event = rest_event("GET/users/7");
    assert_eq!(told(&event, &allowed(&users, "user"), &users), (expected.clone(), true));
    // 403 for this one, and the same policy for the others.
    let event = rest_event("PUT/users/7");
    let refused = denied(Some(ada()), Some(route(&users, "user")));
    assert_eq!(told(&event, &refused, &users), (expected.clone(), false));
    let event = rest_event("GET/reports");
    assert_eq!(told(&event, &denied(Some(ada()), None), &users), (expected, false));
}

/// Z7: a denial that names nobody, and one of everything.
#[test]
fn a_rest_api_is_closed_where_nothing_is_permitted() {
    let users = users();
    let event = rest_event("GET/users/7");
    let unsafe_path = GatewayDecision::Denied {
        reason: GatewayDenial::UnsafePath(UnsafePath::DotSegment),
        principal: None,
        route: None,
        policies: Vec::new(),
    };
    for decision in [unsafe_path, GatewayDecision::RateLimited { until: Timestamp::MAX }] {
        assert_eq!(told(&event, &decision, &users), (closed("anonymous", &json!({})), false));
    }
    let none = authorizer(&[]);
    let expected = closed("https://login.example.org|ada", &context());
    assert_eq!(told(&event, &denied(Some(ada()), None), &none), (expected, false));
    let faulty = authorizer(&[("faulty", "/faulty")]);
    assert!(answer(&event, &denied(Some(ada()), None), &faulty).is_err(), "an outage is no answer");
}

/// Z7: a yes or a no for this request alone.
#[test]
fn an_http_api_gets_a_yes_or_a_no() {
    let users = users();
    let mut described = context();
    described["route"] = json!("user");
    let yes = json!({"isAuthorized": true, "context": described});
    assert_eq!(told(&http_event(), &allowed(&users, "user"), &users), (yes, true));
    let no = json!({"isAuthorized": false, "context": context()});
    let refused = denied(Some(ada()), Some(route(&users, "user")));
    assert_eq!(told(&http_event(), &refused, &users), (no, false));
    let no = json!({"isAuthorized": false, "context": {}});
    let limited = GatewayDecision::RateLimited { until: Timestamp::MAX };
    assert_eq!(told(&http_event(), &limited, &users), (no, false));
}

/// Z7: without a credential that counts both make a 401 of it, and no reason is told.
#[test]
fn nobody_is_unauthorized() {
    let failure = json!({"errorType": "Unauthorized", "errorMessage": "Unauthorized"});
    let decision = GatewayDecision::Unauthenticated { reason: "expired" };
    for event in [rest_event("GET/users/7"), http_event()] {
        assert_eq!(told(&event, &decision, &users()), (failure.clone(), false));
    }
}
