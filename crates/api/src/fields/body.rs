//! The bytes of a body: of the right type, no more than the limit. How long they may take is the boundary's to say.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    http::{HeaderMap, header, request::Parts},
};
use http_body_util::BodyExt as _;
use secrecy::zeroize::Zeroizing;

use super::Fault;
use crate::problem::{Problem, ProblemType, Slug};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Tells the boundary that a request is late because its body is (408), not because we are (503).
#[derive(Clone, Default)]
pub(crate) struct ReadingBody(Arc<AtomicBool>);

impl ReadingBody {
    /// Is the body being waited for?
    pub(crate) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, under_way: bool) {
        self.0.store(under_way, Ordering::Relaxed);
    }
}

/// A whole body, none when there is none; or why there is none though there should be.
type Read = Result<Option<Zeroizing<Vec<u8>>>, Problem>;

/// A body that has come before anybody asked for it.
#[derive(Clone)]
struct Collected(Arc<Mutex<Option<Read>>>);

/// Waits for the whole body before anything else is looked at: a caller who is judged first could hold back the rest, and
/// act long after the session or the role was taken away (C26). What is wrong with the body is told when it is asked for.
pub(crate) async fn collect(request: Request, limit: usize) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let (mut parts, body) = request.into_parts();
    let collected = read_now(&parts, body, limit).await;
    parts.extensions.insert(Collected(Arc::new(Mutex::new(Some(collected)))));
    Request::from_parts(parts, Body::empty())
}

/// The whole body.
pub(super) async fn read(request: Request, limit: usize) -> Read {
    let collected = request.extensions().get::<Collected>().cloned();
    let collected =
        collected.and_then(|Collected(body)| body.lock().unwrap_or_else(PoisonError::into_inner).take());
    match collected {
        Some(collected) => collected,
        None => {
            let (parts, body) = request.into_parts();
            read_now(&parts, body, limit).await
        }
    }
}

async fn read_now(parts: &Parts, mut body: Body, limit: usize) -> Read {
    if body.is_end_stream() {
        return Ok(None);
    }
    let announced = content_length(&parts.headers);
    // Refused before a byte of it is read, or asked for with 100 Continue.
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::new(ProblemType::PayloadTooLarge));
    }
    // OAuth's endpoints read forms (RFC 6749, appendix B); all others JSON.
    let (media, detail) = if parts.uri.path().starts_with("/oauth2/") {
        (FORM, "`application/x-www-form-urlencoded` is expected")
    } else {
        (JSON, "`application/json` is expected")
    };
    if !is_of(media, &parts.headers) {
        let fault = Fault::new(Slug::InvalidFormat, detail);
        return Err(Problem::of_header(ProblemType::UnsupportedMediaType, "Content-Type", fault));
    }
    let reading = parts.extensions.get::<ReadingBody>().cloned().unwrap_or_default();
    reading.set(true);
    // Reserved at once where the length is known: growing would leave copies of secrets behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced.unwrap_or_default()));
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Problem::at("", Fault::new(Slug::InvalidFormat, "the body broke off")))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > limit {
            return Err(Problem::new(ProblemType::PayloadTooLarge));
        }
        bytes.extend_from_slice(&data);
    }
    reading.set(false);
    Ok(if bytes.is_empty() { None } else { Some(bytes) })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    // A number that does not fit is larger than any limit.
    Some(length.parse().unwrap_or(usize::MAX))
}

/// This type, with whatever parameters.
fn is_of(media: &str, headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let essence = only.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media))
}
