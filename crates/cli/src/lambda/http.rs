//! A request over HTTP as API Gateway and function URLs hand it over, and its answer as they want it. What is said of both is
//! in Amazon's "payload format" 1.0 (REST APIs, and HTTP APIs that ask for it) and 2.0 (HTTP APIs, function URLs).
//!
//! - Who calls is what the gateway saw (`sourceIp`), as a listener sees its peer. `X-Forwarded-For` counts as everywhere: from
//!   peers in `http.trusted_proxies` only, such as a CDN before the gateway.
//! - A path is what follows the stage and the base path of a custom domain, where the event shows how far they go.
//! - Headers that are there twice stay so where the event says both.

mod answer;
mod event;

pub use self::{
    answer::{HttpAnswer, IncompleteAnswer},
    event::{HttpEvent, HttpEventError},
};

/// In which form a gateway asks, and wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Payload format 1.0.
    V1,
    /// Payload format 2.0.
    V2,
}

#[cfg(test)]
mod tests;
