//! What was ended is forgotten at once by what this node remembers of the store, and the other nodes are told.
//!
//! What is remembered is never older than [`crate::api_keys::KeyCache`] allows, told or not: telling only makes it sooner.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{api_keys::KeyCache, id::ApiKeyId};

/// Tells other nodes on the same store that something was ended, where the engine has a way to. Where it has none, nobody is
/// told and nothing is heard.
#[async_trait]
pub trait RevocationFeed: Send + Sync {
    /// Tells them soon, and does not wait for it.
    fn announce(&self) {}

    /// Ends when another node has told something since the last time, or may have.
    async fn heard(&self) {
        std::future::pending::<()>().await;
    }
}

/// To be told by whoever has ended something.
#[derive(Clone)]
pub struct Revocations {
    keys: Arc<KeyCache>,
    feed: Arc<dyn RevocationFeed>,
}

impl Revocations {
    /// Of this node, which tells others by `feed`.
    #[must_use]
    pub fn new(keys: Arc<KeyCache>, feed: Arc<dyn RevocationFeed>) -> Self {
        Self { keys, feed }
    }

    /// What is remembered of API keys.
    #[must_use]
    pub fn keys(&self) -> &KeyCache {
        &self.keys
    }

    /// Everything of some account was ended, or may have been.
    pub fn account_ended(&self) {
        self.keys.clear();
        self.feed.announce();
    }

    /// One API key was ended, or may have been.
    pub fn key_ended(&self, key: ApiKeyId) {
        self.keys.forget(key);
        self.feed.announce();
    }

    /// Waits until another node has ended something, and forgets what it may have been.
    pub async fn hear(&self) {
        self.feed.heard().await;
        self.keys.clear();
    }
}
