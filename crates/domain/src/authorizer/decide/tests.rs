//! The order of a decision, and what each front learns of it.

use std::{
    net::Ipv4Addr,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;

use super::*;
use crate::{
    access::PolicyId,
    audit::{AuditEvent, AuditFilter, AuditStore, Refusals},
    authorizer::{
        AuthorizerPorts, Credentials, PrincipalKind, PrincipalSubject, RouteDeclaration, RoutePolicy, Routes,
        UnsafePath,
    },
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::{AccountId, RequestId},
    page::{Page, PageRequest},
    trusted_issuers::ExternalSubject,
};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1)
    }
}

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::SeqCst).to_le_bytes();
        bytes.iter_mut().zip(next).for_each(|(to, from)| *to = from);
    }
}

/// Keeps what was refused.
#[derive(Default)]
struct Log(Mutex<Vec<AuditEvent>>);

#[async_trait]
impl AuditStore for Log {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<(), StoreError> {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }

    async fn list(&self, _: &AuditFilter, page: PageRequest) -> Result<Page<AuditEvent>, StoreError> {
        Ok(Page::from_rows(Vec::new(), page, |event| *event.id.as_bytes()))
    }
}

/// Says who it is.
enum Shown {
    By(Box<Principal>),
    Inactive,
    RateLimited,
    StoreFails,
    IssuerFails,
}

#[async_trait]
impl Credentials for Shown {
    async fn identify(&self, _: &GatewayRequest<'_>, _: &Origin) -> Result<Principal, IdentifyError> {
        match self {
            Self::By(principal) => Ok(Principal::clone(principal)),
            Self::Inactive => Err(IdentifyError::Inactive("expired")),
            Self::RateLimited => Err(IdentifyError::RateLimited { until: Timestamp::from_seconds(9) }),
            Self::StoreFails => Err(StoreError::Busy.into()),
            Self::IssuerFails => Err(IdentifyError::IssuerUnavailable { issuer: "https://idp".to_owned() }),
        }
    }
}

/// Says this of everything but `DELETE`, which it forbids, and keeps what it was asked.
struct Policy {
    ruling: fn() -> Result<Ruling, PolicyFault>,
    asked: Mutex<Vec<String>>,
}

impl RoutePolicy for Policy {
    fn judge(&self, request: &RouteRequest<'_>) -> Result<Ruling, PolicyFault> {
        let RouteContext { path, host, source_ip } = request.context;
        let (method, route) = (request.method.as_str(), request.route.name());
        self.asked.lock().unwrap().push(format!("{method} {route} {path} {host} {source_ip:?}"));
        if request.method == Method::Delete { Ok(Ruling::Forbidden(named("never"))) } else { (self.ruling)() }
    }
}

struct World {
    authorizer: Authorizer,
    log: Arc<Log>,
    policy: Arc<Policy>,
}

fn named(name: &str) -> Vec<PolicyId> {
    vec![PolicyId::new(name)]
}

fn permits() -> Result<Ruling, PolicyFault> {
    Ok(Ruling::Permitted(named("all")))
}

fn is_silent() -> Result<Ruling, PolicyFault> {
    Ok(Ruling::NotPermitted)
}

fn forbids() -> Result<Ruling, PolicyFault> {
    Ok(Ruling::Forbidden(named("never")))
}

fn fails() -> Result<Ruling, PolicyFault> {
    Err(PolicyFault("overflow".into()))
}

fn world(shown: Shown, ruling: fn() -> Result<Ruling, PolicyFault>) -> World {
    let declared = [("user", "GET", "/users/{id}"), ("any", "ANY", "/any")];
    let declared = declared.map(|(name, method, path)| RouteDeclaration {
        name: name.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
    });
    let (log, policy) = (Arc::new(Log::default()), Arc::new(Policy { ruling, asked: Mutex::default() }));
    let ports = AuthorizerPorts {
        credentials: Arc::new(shown),
        policy: policy.clone(),
        refusals: Refusals::new(log.clone(), Arc::new(Fixed), Arc::new(Fixed)),
    };
    let routes = Arc::new(Routes::new(declared.into()).unwrap());
    World { authorizer: Authorizer::new(ports, routes), log, policy }
}

impl World {
    fn decide(&self, method: &str, path: &str) -> Result<GatewayDecision, AuthorizeError> {
        let request = GatewayRequest {
            credential: None,
            binding: None,
            device_id: None,
            method,
            path,
            host: "API.Example.org.:443",
            source_ip: Some("::ffff:203.0.113.9".parse().unwrap()),
        };
        let request_id = RequestId::new(Timestamp::from_seconds(1), &Fixed);
        let origin = Origin { request_id, ip: Some(Ipv4Addr::LOCALHOST.into()), user_agent: None };
        at_once(self.authorizer.decide(&request, &origin))
    }

    /// What the audit was told: reason, actor and subject.
    fn refusals(&self) -> Vec<(String, Actor, Option<String>)> {
        at_once(self.authorizer.ports.refusals.flush()).unwrap();
        let events = std::mem::take(&mut *self.log.0.lock().unwrap());
        let told = events.into_iter().map(|event| {
            assert_eq!(event.act, Act::GATEWAY_DECIDED);
            let subject = event.subject.map(|subject| subject.as_str().to_owned());
            (event.reason.unwrap().into_owned(), event.actor, subject)
        });
        told.collect()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.policy.asked.lock().unwrap())
    }
}

/// Runs what has nothing to wait for.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn ada() -> Principal {
    let subject = PrincipalSubject::Account(AccountId::from_bytes([1; 16]));
    let ours = "https://id.example.org".to_owned();
    Principal::new(PrincipalKind::Session, subject, ours, Timestamp::MAX)
}

fn external() -> Principal {
    let subject = ExternalSubject { issuer: "https://idp".to_owned(), principal: "ada".to_owned() };
    let issuer = subject.issuer.clone();
    let subject = PrincipalSubject::External(subject);
    Principal::new(PrincipalKind::TrustedIssuer, subject, issuer, Timestamp::MAX)
}

fn denial(decision: &GatewayDecision) -> Option<GatewayDenial> {
    match decision {
        GatewayDecision::Denied { reason, .. } => Some(*reason),
        _ => None,
    }
}

/// Z8: an unsafe path is denied before anybody is asked who they are, an outage included.
#[test]
fn an_unsafe_path_comes_first() {
    for shown in [Shown::By(ada().into()), Shown::Inactive, Shown::StoreFails] {
        let world = world(shown, permits);
        let decision = world.decide("GET", "/users/../any").unwrap();
        assert_eq!(denial(&decision), Some(GatewayDenial::UnsafePath(UnsafePath::DotSegment)));
        assert_eq!(world.refusals(), [("unsafe_path".to_owned(), Actor::Anonymous, None)]);
        assert_eq!(world.asked(), [""; 0]);
    }
}

/// Z9: who is not known learns nothing of routes and policies.
#[test]
fn a_credential_that_does_not_count_comes_before_the_route() {
    for path in ["/users/7", "/nowhere"] {
        let world = world(Shown::Inactive, permits);
        assert_eq!(
            world.decide("GET", path).unwrap(),
            GatewayDecision::Unauthenticated { reason: "expired" },
            "{path}"
        );
        assert_eq!(world.refusals(), [("expired".to_owned(), Actor::Anonymous, None)]);
        assert_eq!(world.asked(), [""; 0]);
    }
    let world = world(Shown::RateLimited, permits);
    let until = Timestamp::from_seconds(9);
    assert_eq!(world.decide("GET", "/any").unwrap(), GatewayDecision::RateLimited { until });
    assert_eq!(world.refusals(), [("rate_limited".to_owned(), Actor::Anonymous, None)]);
}

/// Z6: what is not declared is denied, whatever the policies would say.
#[test]
fn an_undeclared_route_comes_before_the_policy() {
    let world = world(Shown::By(ada().into()), permits);
    for (method, path) in
        [("GET", "/nowhere"), ("POST", "/users/7"), ("TRACE", "/any"), ("get", "/any"), ("", "/any")]
    {
        let decision = world.decide(method, path).unwrap();
        assert_eq!(denial(&decision), Some(GatewayDenial::UndeclaredRoute), "{method} {path}");
    }
    let actor = Actor::Account(AccountId::from_bytes([1; 16]));
    assert_eq!(world.refusals(), [("undeclared_route".to_owned(), actor, None)]);
    assert_eq!(world.asked(), [""; 0]);
}

/// Z6: a valid credential alone opens nothing.
#[test]
fn the_policy_decides_about_a_declared_route() {
    let (ada_id, route) = (AccountId::from_bytes([1; 16]), Some("route:user".to_owned()));
    let allowed = world(Shown::By(ada().into()), permits);
    let decision = allowed.decide("GET", "/users/%37?x=y").unwrap();
    assert!(decision.is_allowed());
    let GatewayDecision::Allowed { principal, route: found, policies } = decision else { panic!() };
    assert_eq!((principal, found.name(), policies), (ada(), "user", named("all")));
    assert_eq!(allowed.refusals(), []);
    assert_eq!(allowed.asked(), ["GET user /users/7 api.example.org Some(203.0.113.9)"]);

    let silent = world(Shown::By(ada().into()), is_silent);
    assert_eq!(denial(&silent.decide("GET", "/users/7").unwrap()), Some(GatewayDenial::NotPermitted));
    assert_eq!(silent.refusals(), [("not_permitted".to_owned(), Actor::Account(ada_id), route)]);

    let forbidden = world(Shown::By(external().into()), forbids);
    let decision = forbidden.decide("GET", "/users/7").unwrap();
    let GatewayDecision::Denied { reason, principal, route, policies } = decision else { panic!() };
    assert_eq!((reason, principal, policies), (GatewayDenial::Forbidden, Some(external()), named("never")));
    assert_eq!(route.unwrap().name(), "user");
    let subject = Some("external:https://idp|ada".to_owned());
    assert_eq!(forbidden.refusals(), [("forbidden".to_owned(), Actor::Anonymous, subject)]);
}

/// An outage is never a "no", nor a "yes", and is not written down as one.
#[test]
fn an_outage_is_no_decision() {
    let store = world(Shown::StoreFails, permits);
    assert!(matches!(store.decide("GET", "/any"), Err(AuthorizeError::Store(StoreError::Busy))));
    let issuer = world(Shown::IssuerFails, permits);
    assert!(matches!(issuer.decide("GET", "/any"), Err(AuthorizeError::IssuerUnavailable { .. })));
    let policy = world(Shown::By(ada().into()), fails);
    assert!(matches!(policy.decide("GET", "/any"), Err(AuthorizeError::Policy(_))));
    assert!(policy.authorizer.judge_routes(&ada(), "", None).is_err());
    for world in [store, issuer, policy] {
        assert_eq!(world.refusals(), []);
    }
}

/// Z7: every declared route, each of its methods, about its pattern.
#[test]
fn each_declared_route_is_judged() {
    let world = world(Shown::Inactive, permits);
    let verdicts = world.authorizer.judge_routes(&ada(), "Example.org", None).unwrap();
    let told: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict.route.name(), verdict.permitted.as_slice(), verdict.refused.as_slice()))
        .collect();
    let others = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Options];
    let expected: [(&str, &[Method], &[Method]); 2] =
        [("user", &[Method::Get], &[]), ("any", &others, &[Method::Delete])];
    assert_eq!(told, expected);
    let asked = world.asked();
    assert_eq!(asked.len(), 8);
    assert_eq!(asked[0], "GET user /users/{id} example.org None");
    assert_eq!(world.refusals(), []);
}

#[test]
fn a_host_has_one_form() {
    for (host, name) in [
        ("example.org", "example.org"),
        ("EXAMPLE.org:8443", "example.org"),
        ("example.org.", "example.org"),
        ("example.org.:80", "example.org"),
        ("example.org:", "example.org"),
        ("example.org:x", "example.org:x"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("::1", "::1"),
        ("", ""),
    ] {
        assert_eq!(host_name(host), name, "{host}");
    }
}
