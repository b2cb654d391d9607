//! `symbolon lambda authorizer`: an event in, the authorizer's decision, the answer out. It decides as `symbolon authorize`
//! shows.

use std::sync::Arc;

use serde_json::value::RawValue;
use symbolon_domain::{
    actor::Origin,
    authorizer::{AuthorizeError, GatewayDecision},
    id::RequestId,
};

use super::{
    answer::{Answer, answer},
    events::AuthorizerEvent,
    failure::Failure,
};
use crate::{chain, wiring::Service};

/// The answer to this event.
///
/// # Errors
/// It is no such event, there is no decision, or nobody is known, which API Gateway wants to hear as an error.
pub(super) async fn decide(service: &Arc<Service>, event: &RawValue) -> Result<Answer, Failure> {
    let event = AuthorizerEvent::parse(event.get().as_bytes()).map_err(|error| {
        tracing::error!(%error, "an event cannot be read");
        Failure::EVENT
    })?;
    let request = event.request();
    let origin = Origin {
        request_id: RequestId::new(service.clock.now(), &*service.entropy),
        ip: request.source_ip,
        user_agent: None,
    };
    let decision = service.authorizer.decide(&request, &origin).await.map_err(|error| outage(&error))?;
    let answered = answer(&event, &decision, &service.authorizer)
        .map_err(|fault| outage(&AuthorizeError::from(fault)))?;
    tracing::debug!(
        request_id = %origin.request_id,
        decision = name(&decision),
        lets_through = answered.lets_through,
        "decided"
    );
    match answered.answer {
        Answer::Failure { error_type, error_message } => {
            Err(Failure::of_authorizer(error_type, error_message))
        }
        answer => Ok(answer),
    }
}

fn outage(error: &AuthorizeError) -> Failure {
    tracing::error!(error = chain(error), "there is no decision");
    Failure::OUTAGE
}

const fn name(decision: &GatewayDecision) -> &'static str {
    match decision {
        GatewayDecision::Allowed { .. } => "allowed",
        GatewayDecision::Denied { .. } => "denied",
        GatewayDecision::Unauthenticated { .. } => "unauthenticated",
        GatewayDecision::RateLimited { .. } => "rate_limited",
    }
}
