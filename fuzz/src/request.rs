//! A request to any endpoint: its path, query, headers (bearer, binding, cookies, forwarded addresses, origins), and the
//! JSON of its body. Written like HTTP: `METHOD target`, a line for each header, an empty line, the body. Tokens of a
//! superuser stand for `$ACCESS`, `$BINDING` and `$REFRESH`, so that what lies behind the check of the caller is reached.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{HeaderValue, Request},
};

use super::World;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let Some(request) = request(data) else { return false };
    WORLD.ask(request);
    true
}

fn request(data: &[u8]) -> Option<Request<Body>> {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = data.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(WORLD.fill(target));
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, HeaderValue::from_bytes(WORLD.fill(value.trim()).as_bytes()).ok()?);
    }
    let body = match std::str::from_utf8(body) {
        Ok(text) => WORLD.fill(text).into_bytes(),
        Err(_) => body.to_vec(),
    };
    request.body(body.into()).ok()
}
