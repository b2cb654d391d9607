//! A service under test and how to call it: through the whole router, without a network.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::world::{CODE, PASSWORD, World};
use crate::{HttpSettings, router};

/// A page of the service itself.
pub(super) const ORIGIN: (&str, &str) = ("origin", "https://auth.example.org");

/// A service and how to call it.
pub(super) struct Service {
    pub(super) world: Arc<World>,
    router: Router,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn text(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer} in {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body.get("status"), Some(&json!(self.status.as_u16())));
        assert_eq!(self.header("x-request-id"), self.text("/request_id"));
        (self.status.as_u16(), self.text("/type").strip_prefix("/problems/").unwrap())
    }

    pub(super) fn cookies(&self) -> String {
        let set = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        set.map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }
}

impl Service {
    pub(super) async fn new() -> Self {
        Self::with(HttpSettings::new("https://auth.example.org")).await
    }

    pub(super) async fn with(settings: HttpSettings) -> Self {
        let (world, api) = World::api(settings).await;
        Self { world, router: router(&api, None) }
    }

    pub(super) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn call(&self, line: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(name.parse::<HeaderName>().unwrap(), *value);
        }
        let body = body.map(|body| body.to_string());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        self.send(request.body(body.map_or_else(Body::empty, Body::from)).unwrap()).await
    }

    /// A session by way of a sign-in: access token, binding, refresh token.
    pub(super) async fn signed_in(&self) -> (String, String, String) {
        let first = self.call("POST /v1/sign-in", &[], Some(first_factor(None))).await;
        let binding = first.text("/binding").to_owned();
        let bearer = format!("Bearer {}", first.text("/access_token"));
        let headers = [("authorization", bearer.as_str()), ("symbolon-binding", &binding)];
        let body = json!({"method": "email_otp", "code": CODE});
        let second = self.call("POST /v1/sign-in/code", &headers, Some(body)).await;
        assert_eq!(second.status, StatusCode::OK, "{}", second.body);
        (
            format!("Bearer {}", second.text("/access_token")),
            binding,
            second.text("/refresh_token").to_owned(),
        )
    }
}

/// An address and its password.
pub(super) fn first_factor(delivery: Option<&str>) -> Value {
    let mut body = json!({"identifier": {"type": "email", "value": "ada@example.org"}, "password": PASSWORD});
    if let Some(delivery) = delivery {
        body["delivery"] = json!(delivery);
    }
    body
}
