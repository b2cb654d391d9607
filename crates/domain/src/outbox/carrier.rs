//! The ports that render a message and take it away.

use std::{borrow::Cow, collections::BTreeMap};

use async_trait::async_trait;

use super::MessageKind;
use crate::{clock::Timestamp, id::MessageId};

/// A filled template.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedText {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// A template could not be filled. The text names the template, never a variable's value.
#[derive(Debug, thiserror::Error)]
#[error("the template {template} cannot be rendered")]
pub struct RenderError {
    /// Which template.
    pub template: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Fills templates.
pub trait Templates: Send + Sync {
    /// Renders a message of this kind with these variables.
    ///
    /// # Errors
    /// The template is missing or broken.
    fn render(
        &self,
        kind: MessageKind,
        variables: &BTreeMap<String, String>,
    ) -> Result<RenderedText, RenderError>;
}

/// An e-mail ready to go.
#[derive(Clone)]
pub struct Email {
    /// The message's id: a carrier that sees it twice may drop the second.
    pub id: MessageId,
    /// When the message was caused.
    pub created_at: Timestamp,
    /// The address.
    pub to: String,
    /// What it says.
    pub content: RenderedText,
}

/// Why a carrier did not take a message. The slugs go to lists and logs, so they hold no address.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// It may take it later.
    #[error("the carrier did not take the message: {0}")]
    Transient(Cow<'static, str>),
    /// It never will (M3).
    #[error("the carrier refused the message: {0}")]
    Permanent(Cow<'static, str>),
}

/// Takes e-mail away.
#[async_trait]
pub trait EmailCarrier: Send + Sync {
    /// Hands the message over; done when the carrier has accepted it.
    async fn send(&self, email: &Email) -> Result<(), CarrierError>;
}
