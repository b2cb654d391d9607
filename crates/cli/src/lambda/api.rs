//! `symbolon lambda api`: the router of `symbolon serve` behind an API Gateway or a function URL.

use std::sync::Arc;

use axum::Router;
use lambda_runtime::tower::ServiceExt as _;
use serde_json::value::RawValue;
use symbolon_api::{Metrics, router};

use super::{
    failure::Failure,
    http::{HttpAnswer, HttpEvent},
    messages,
};
use crate::{serve, settings::Settings, wiring::Service};

/// The service without a listener.
pub(super) struct Api {
    service: Arc<Service>,
    router: Router,
}

impl Api {
    /// Of this service. There is nobody to read metrics, which would be of one of many processes; the log has every request.
    pub(super) fn new(service: &Arc<Service>, settings: &Settings) -> Self {
        let api = serve::api(service, settings, Metrics::new(Vec::new()), false);
        Self { service: Arc::clone(service), router: router(&api, None) }
    }

    /// The answer to this event. Messages that the request wrote are delivered before (M7).
    ///
    /// # Errors
    /// It is no such event, or the answer cannot be had whole.
    pub(super) async fn answer(&self, event: &RawValue) -> Result<HttpAnswer, Failure> {
        let HttpEvent { request, form } = HttpEvent::parse(event.get().as_bytes()).map_err(|error| {
            tracing::error!(%error, "an event cannot be read");
            Failure::EVENT
        })?;
        let composed_before = self.service.outbox.composed();
        let Ok(response) = self.router.clone().oneshot(request).await;
        let answer = HttpAnswer::of(response, form).await.map_err(|error| {
            tracing::error!(%error, "an answer cannot be read");
            Failure::OUTAGE
        })?;
        let composed = self.service.outbox.composed().saturating_sub(composed_before);
        if composed > 0 {
            messages::deliver(&self.service.outbox, composed).await;
        }
        Ok(answer)
    }
}
