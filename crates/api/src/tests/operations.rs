//! The operators' listener, and test mode.

use std::sync::{Arc, Mutex, atomic::Ordering};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use symbolon_domain::{
    clock::Timestamp,
    id::MessageId,
    outbox::{Email, RenderedText},
};
use tower::ServiceExt as _;

use super::world::{NOW, World};
use crate::{
    HttpSettings, Metrics,
    management::{self, Management, Stopping},
    router,
    test_mode::{SentMail, SettableClock, TestMode},
};

async fn send(router: &Router, mut request: Request<Body>) -> (StatusCode, String) {
    request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    (parts.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

/// G3: alive in any case; ready while the store answers and no stop has begun.
#[tokio::test]
async fn readiness_follows_the_store_and_the_stop() {
    let (world, api) = World::api(HttpSettings::new("https://auth.example.org")).await;
    let stopping = Stopping::default();
    let router = management::router(Management {
        outbox: api.use_cases.outbox.clone(),
        clock: Arc::clone(&api.use_cases.clock),
        metrics: Metrics::new(Vec::new()),
        stopping: stopping.clone(),
    });
    let (status, body) = get(&router, "/health/ready").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let outbox = json!({"pending": 0, "oldest_seconds": null});
    assert_eq!((status, body), (StatusCode::OK, json!({"ready": true, "store": "ok", "outbox": outbox})));
    assert!(get(&router, "/metrics").await.1.contains("symbolon_outbox_pending 0"));
    world.out_of_order.store(true, Ordering::Relaxed);
    let (status, body) = get(&router, "/health/ready").await;
    assert_eq!((status.as_u16(), body.as_str()), (503, r#"{"ready":false,"store":"unavailable"}"#));
    world.out_of_order.store(false, Ordering::Relaxed);
    stopping.begin();
    assert_eq!(
        get(&router, "/health/ready").await,
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"ready":false}"#.to_owned())
    );
    assert_eq!(get(&router, "/health/live").await.0, StatusCode::OK);
}

#[derive(Default)]
struct Props {
    now: Mutex<Option<Timestamp>>,
}

impl SettableClock for Props {
    fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap() = Some(now);
    }
}

impl SentMail for Props {
    fn emails(&self) -> Vec<Email> {
        let email = |n: u8, to: &str| Email {
            id: MessageId::from_bytes([n; 16]),
            created_at: Timestamp::from_seconds(NOW),
            to: to.to_owned(),
            content: RenderedText {
                subject: format!("<{n}>"),
                text: String::from("<b>"),
                html: String::new(),
            },
        };
        vec![email(1, "ada@example.org"), email(2, "Ada@Example.org"), email(3, "eve@example.org")]
    }
}

/// G7: the clock is set and read, the mail is read newest first; without test mode there is nothing of it.
#[tokio::test]
async fn test_mode_has_its_endpoints() {
    let (_, api) = World::api(HttpSettings::new("http://localhost:8080")).await;
    let props = Arc::new(Props::default());
    let clock: Arc<dyn SettableClock> = Arc::<Props>::clone(&props);
    let mail: Arc<dyn SentMail> = Arc::<Props>::clone(&props);
    let with = router(&api, Some(TestMode { clock, mail }));
    assert_eq!(get(&with, "/test/clock").await.1, r#"{"now":"2026-02-02T02:40:00Z"}"#);
    let put = |now: &str| {
        let body = Body::from(json!({"now": now}).to_string());
        Request::put("/test/clock").header("content-type", "application/json").body(body).unwrap()
    };
    assert_eq!(send(&with, put("2030-01-01T00:00:00+01:00")).await.0, StatusCode::OK);
    assert_eq!(*props.now.lock().unwrap(), Timestamp::parse("2029-12-31T23:00:00Z").ok());
    assert_eq!(send(&with, put("tomorrow")).await.0, StatusCode::BAD_REQUEST);

    let (_, body) = get(&with, "/test/outbox?to=ada%40example.org").await;
    let messages: Value = serde_json::from_str(&body).unwrap();
    let subjects: Vec<_> =
        messages.as_array().unwrap().iter().map(|message| message["subject"].clone()).collect();
    assert_eq!(subjects, ["<2>", "<1>"]);
    let request = Request::get("/test/outbox").header("accept", "text/html,*/*;q=0.8");
    let (_, page) = send(&with, request.body(Body::empty()).unwrap()).await;
    assert!(page.contains("<h2>&lt;3&gt;</h2>") && !page.contains("<b>"), "{page}");

    let without = router(&api, None);
    assert_eq!(get(&without, "/test/clock").await.0, StatusCode::NOT_FOUND);
}
