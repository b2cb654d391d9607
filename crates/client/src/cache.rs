//! What the service said a moment ago: "yes" only, by a hash of what was asked.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::remote::{ApiKey, DeviceToken};

/// What was asked about, hashed: no secret is kept.
pub(crate) type Question = [u8; 32];

/// A "yes".
#[derive(Clone)]
pub(crate) enum Answer {
    ApiKey(Arc<ApiKey>),
    DeviceToken(Arc<DeviceToken>),
}

/// Remembers a bounded number of them.
pub(crate) struct Answers {
    max_staleness: Duration,
    remembered: Cache<Question, (Instant, Answer)>,
}

impl Answers {
    pub(crate) fn new(max_staleness: Duration, capacity: u64) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Self { max_staleness, remembered: Cache::new(capacity.max(1)) }
    }

    /// What is known of it still.
    pub(crate) fn find(&self, question: &Question) -> Option<Answer> {
        let (until, answer) = self.remembered.get(question)?;
        (Instant::now() < until).then_some(answer)
    }

    /// Remembers an answer to what was asked at that moment, for a token that lives so long.
    pub(crate) fn remember(&self, question: Question, asked: Instant, life: Duration, answer: Answer) {
        let staleness = self.max_staleness.min(life);
        // What no clock reaches is not remembered: such a life is nonsense.
        if let Some(until) = asked.checked_add(staleness).filter(|until| *until > asked) {
            self.remembered.insert(question, (until, answer));
        }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Answers({} remembered)", self.remembered.len())
    }
}

/// A question by its kind and what it says.
pub(crate) fn question(kind: &str, body: &[u8]) -> Question {
    let text = [kind.as_bytes(), b"\0", body].concat();
    let mut question = [0; 32];
    question.iter_mut().zip(digest(&SHA256, &text).as_ref()).for_each(|(place, byte)| *place = *byte);
    question
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_remembered(max_staleness: Duration, life: Duration) -> bool {
        let (answers, question) = (Answers::new(max_staleness, 1_000), question("kind", b"body"));
        let token = DeviceToken {
            user_id: String::new(),
            token_id: String::new(),
            expires_at: String::new(),
            entitlements: serde_json::Value::Null,
        };
        answers.remember(question, Instant::now(), life, Answer::DeviceToken(Arc::new(token)));
        answers.find(&question).is_some()
    }

    /// K5: for as long as is said, and no longer than what it is about.
    #[test]
    fn an_answer_is_remembered_within_both_bounds() {
        let minute = Duration::from_secs(60);
        assert!(is_remembered(minute, minute) && is_remembered(Duration::MAX, minute));
        assert!(!is_remembered(Duration::ZERO, minute) && !is_remembered(minute, Duration::ZERO));
        assert!(!is_remembered(Duration::MAX, Duration::ZERO), "it has ended");
        assert!(!is_remembered(Duration::MAX, Duration::MAX), "and nothing overflows");
    }
}
