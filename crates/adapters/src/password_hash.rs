//! Password hashing with Argon2id on threads of its own (S13, C6, X11). How a hash is made and judged is in
//! `password_hash/scheme.rs`, the queue and the threads in `password_hash/pool.rs`. What may be a password is the
//! domain's to say.

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_domain::{
    entropy::{Entropy, random_bytes},
    passwords::{HashError, Password, PasswordHash, PasswordHasher, PasswordVerdict},
};
use zxcvbn::zxcvbn;

mod pool;
mod scheme;

use self::{
    pool::{Pool, Workspace},
    scheme::{Argon2id, SALT_LENGTH, StoredHash},
};

/// What one hash costs, and how many are computed at once.
#[derive(Clone, Copy, Debug)]
pub struct PasswordHashConfig {
    /// Memory of one hash, in KiB (C6: at least 19,456).
    pub memory_kib: u32,
    /// Passes over that memory (C6: at least 2).
    pub iterations: u32,
    /// Lanes (C6: at least 1).
    pub parallelism: u32,
    /// Threads that hash; 0 takes one for each processor core, and there are never more than that.
    pub threads: usize,
    /// How many passwords may wait while every thread is busy; one more is refused.
    pub queue: usize,
}

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum PasswordHashPoolError {
    /// Argon2 has no such parameters.
    #[error(
        "passwords: Argon2id cannot have {memory_kib} KiB of memory, {iterations} iterations and {parallelism} lanes"
    )]
    Parameters {
        /// Memory of one hash, in KiB.
        memory_kib: u32,
        /// Passes over that memory.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
    },
    /// The operating system gives no thread.
    #[error("passwords: a thread for hashing cannot be started")]
    Thread(#[from] std::io::Error),
}

/// Hashes passwords on a fixed number of threads of low priority, with a bounded queue in front.
///
/// Each thread keeps its working memory from its first hash on. A caller who has gone away by the time it is their
/// turn is not hashed for. When this is dropped, what waits is answered with an error and the threads end.
pub struct PasswordHashPool {
    pool: Pool,
    scheme: Arc<Argon2id>,
    entropy: Arc<dyn Entropy>,
}

impl PasswordHashPool {
    /// Starts the threads. Salts are drawn from `entropy`.
    ///
    /// # Errors
    /// The parameters are none, or a thread cannot be started.
    pub fn new(config: PasswordHashConfig, entropy: Arc<dyn Entropy>) -> Result<Self, PasswordHashPoolError> {
        let PasswordHashConfig { memory_kib, iterations, parallelism, threads, queue } = config;
        let scheme = Argon2id::new(memory_kib, iterations, parallelism)
            .ok_or(PasswordHashPoolError::Parameters { memory_kib, iterations, parallelism })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { cores } else { threads.min(cores) };
        Ok(Self { pool: Pool::start(threads, queue)?, scheme: Arc::new(scheme), entropy })
    }

    /// How many Argon2 hashes have been computed since the start.
    #[must_use]
    pub fn hashes_computed(&self) -> u64 {
        self.pool.hashes_computed()
    }

    /// How many passwords wait for a thread.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.pool.queue_depth()
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Workspace) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let answer = self.pool.submit(work)?;
        answer.await.unwrap_or_else(|_| Err(HashError::Failed("the hash thread gave no answer".to_owned())))
    }
}

#[async_trait]
impl PasswordHasher for PasswordHashPool {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let salt: [u8; SALT_LENGTH] = random_bytes(&*self.entropy);
        let (scheme, password) = (Arc::clone(&self.scheme), password.clone());
        self.run(move |workspace| scheme.hash(workspace, &password, &salt)).await
    }

    async fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<PasswordVerdict, HashError> {
        let stored = StoredHash::parse(hash)?;
        let (scheme, password) = (Arc::clone(&self.scheme), password.clone());
        self.run(move |workspace| scheme.verify(workspace, &password, &stored)).await
    }

    async fn verify_nothing(&self, password: &Password) -> Result<(), HashError> {
        let (scheme, password) = (Arc::clone(&self.scheme), password.clone());
        self.run(move |workspace| scheme.hash(workspace, &password, &[0; SALT_LENGTH]).map(drop)).await
    }

    async fn strength(&self, password: &Password, hints: &[String]) -> Result<u8, HashError> {
        let (password, hints) = (password.clone(), hints.to_vec());
        self.run(move |_| {
            let hints: Vec<&str> = hints.iter().map(String::as_str).collect();
            Ok(zxcvbn(password.reveal(), &hints).score().into())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
