//! An API Gateway in front of the function `api`: requests over HTTP become events, and answers become answers again.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::function::Function;
use crate::support::{
    Call, Home, Host, client, code_in,
    engines::told,
    ses::{sent_by, text_to},
    user::User,
};

/// Whoever asks comes from here.
const SOURCE_IP: &str = "203.0.113.9";

/// Which API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A REST API behind a domain with the base path `/auth`.
    Rest,
    /// An HTTP API with a stage that has a name.
    Http,
}

/// A gateway that runs, and its function. Its mail goes through SES.
pub(super) struct Gateway {
    url: String,
    shared: Arc<Shared>,
    client: reqwest::Client,
    sender: String,
    server: JoinHandle<()>,
}

struct Shared {
    kind: Kind,
    function: Function,
}

impl Gateway {
    /// With a function on this home that sends from here.
    pub(super) async fn start(home: &Home, kind: Kind, sender: &str) -> Self {
        Self::start_with(home, kind, sender, &told("SYMBOLON_TEST_AWS")).await
    }

    /// With a function that finds SES at this endpoint.
    pub(super) async fn start_with(home: &Home, kind: Kind, sender: &str, ses: &str) -> Self {
        let function = Function::start(home, "api", &mail(sender, ses)).await;
        let shared = Arc::new(Shared { kind, function });
        let router = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, client: client(), sender: sender.to_owned(), server }
    }

    /// A person who uses the service.
    pub(super) fn user(&self, address: &str) -> User<'_> {
        User::new(self, address)
    }

    /// What the function makes of an event of its own.
    pub(super) async fn invoke(&self, event: &Json) -> super::function::Outcome {
        self.shared.function.invoke(event).await
    }

    /// The newest message to this address, which must be there by now.
    pub(super) async fn mail_to(&self, address: &str) -> String {
        let sent = sent_by(&self.sender).await;
        sent.iter().rev().find_map(|raw| text_to(address, raw)).expect("a message before the answer")
    }
}

/// The settings of whoever sends from here by an SES at this endpoint.
pub(super) fn mail<'a>(sender: &'a str, ses: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("SYMBOLON_MESSAGES__EMAIL__CARRIER", "ses"),
        ("SYMBOLON_MESSAGES__EMAIL__FROM", sender),
        ("SYMBOLON_MESSAGES__EMAIL__SES__ENDPOINT", ses),
        ("SYMBOLON_LOG__LEVEL", "debug"),
    ]
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[async_trait]
impl Host for Gateway {
    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", self.url))
    }

    async fn code_to(&self, address: &str) -> String {
        code_in(&self.mail_to(address).await)
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap();
    let event = match shared.kind {
        Kind::Rest => rest_event(&head, &body),
        Kind::Http => http_event(&head, &body),
    };
    match shared.function.invoke(&event).await {
        Ok(answer) => of_answer(&answer),
        Err(_) => Response::builder().status(502).body(Body::empty()).unwrap(),
    }
}

fn headers(head: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in head {
        headers.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
    }
    headers
}

fn rest_event(head: &Parts, body: &[u8]) -> Json {
    let headers = headers(&head.headers);
    let last: BTreeMap<&String, &String> =
        headers.iter().map(|(name, values)| (name, values.last().unwrap())).collect();
    let path = head.uri.path();
    json!({
        "resource": "/{proxy+}", "path": format!("/auth{path}"), "httpMethod": head.method.as_str(),
        "headers": last, "multiValueHeaders": headers,
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": {"proxy": path.trim_start_matches('/')}, "stageVariables": null,
        "requestContext": {
            "resourcePath": "/{proxy+}", "httpMethod": head.method.as_str(), "path": format!("/auth{path}"),
            "stage": "prod", "domainName": "login.example.org", "apiId": "abcdef1234", "accountId": "123456789012",
            "identity": {"sourceIp": SOURCE_IP, "userAgent": "symbolon-tests"},
        },
        "body": STANDARD.encode(body), "isBase64Encoded": true,
    })
}

fn http_event(head: &Parts, body: &[u8]) -> Json {
    let headers: BTreeMap<String, String> =
        headers(&head.headers).into_iter().map(|(name, values)| (name, values.join(","))).collect();
    let path = format!("/prod{}", head.uri.path());
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": head.uri.query().unwrap_or(""),
        "headers": headers, "body": String::from_utf8(body.to_vec()).unwrap(), "isBase64Encoded": false,
        "requestContext": {
            "accountId": "123456789012", "apiId": "abcdef1234", "stage": "prod", "routeKey": "$default",
            "domainName": "abcdef1234.execute-api.eu-central-1.amazonaws.com",
            "http": {
                "method": head.method.as_str(), "path": path, "protocol": "HTTP/1.1", "sourceIp": SOURCE_IP,
                "userAgent": "symbolon-tests",
            },
        },
    })
}

fn of_answer(answer: &Json) -> Response<Body> {
    let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap());
    }
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        for value in values.as_array().unwrap() {
            response = response.header(name, value.as_str().unwrap());
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        response = response.header("set-cookie", cookie.as_str().unwrap());
    }
    let body = answer["body"].as_str().unwrap();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(body).unwrap()
    } else {
        body.as_bytes().to_vec()
    };
    response.body(Body::from(body)).unwrap()
}
