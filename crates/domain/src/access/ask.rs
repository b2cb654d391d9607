//! Who may ask: about oneself any account, about others staff and superusers (P5).

use super::{Access, AccessError, Decision, Question};
use crate::{
    actor::{Actor, Origin, Role},
    audit::{Act, Refusal},
    sessions::SignedIn,
};

/// Why a caller gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// They may not ask this.
    #[error(transparent)]
    NotAboutOneself(#[from] NotAboutOneself),
    /// There is none.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// The question is about somebody else, which is for staff and superusers to ask.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("only staff and superusers may ask about others")]
pub struct NotAboutOneself;

impl Access {
    /// Answers a caller's questions, in their order.
    ///
    /// # Errors
    /// See [`AskError`]. A question that the caller may not ask is noted, and none of them is answered.
    pub async fn ask(
        &self,
        caller: &SignedIn,
        questions: &[Question],
        origin: &Origin,
    ) -> Result<Vec<Decision>, AskError> {
        let asks_about_others =
            || questions.iter().any(|question| question.who.account() != Some(caller.account_id));
        if caller.role == Role::Authenticated && asks_about_others() {
            let actor = Actor::Account(caller.account_id);
            let refusal =
                Refusal { act: Act::ACCESS_CHECKED, reason: "insufficient_role", actor, subject: None };
            self.ports.refusals.note_refusal(refusal, origin);
            return Err(NotAboutOneself.into());
        }
        Ok(self.check_all(questions).await?)
    }
}
