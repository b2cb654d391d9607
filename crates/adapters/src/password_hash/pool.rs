//! The threads that hash and the bounded queue in front of them. What they compute is not their business.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use argon2::{Argon2, Block};
use symbolon_domain::passwords::HashError;
use tokio::sync::oneshot;

/// Lower than anything that answers requests: hashing takes what the others leave (performance.md, G-6).
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// A fixed number of threads. They end when this is dropped.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// The answer to one piece of work.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, HashError>>;

impl Pool {
    pub(super) fn start(threads: usize, capacity: usize) -> io::Result<Self> {
        let mut pool = Self { shared: Arc::new(Shared::new(capacity)), threads: Vec::with_capacity(threads) };
        for _ in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name("password-hash".to_owned());
            pool.threads.push(thread.spawn(move || work(&shared))?);
        }
        Ok(pool)
    }

    /// Puts work into the queue, at once. It is never begun when the answer has been dropped before its turn.
    ///
    /// # Errors
    /// Busy: every thread has something to do and the queue is full.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Workspace) -> Result<T, HashError> + Send + 'static,
    ) -> Result<Answer<T>, HashError> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(Box::new(Task { work, reply }))?;
        Ok(answer)
    }

    /// Answers what waits with an error, and lets the threads end.
    pub(super) fn close(&self) {
        self.shared.close();
    }

    pub(super) fn hashes_computed(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }

    pub(super) fn queue_depth(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    pub(super) const fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its tasks; if one got through, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// What a thread hashes with: working memory that is kept from hash to hash.
pub(super) struct Workspace {
    memory: Vec<Block>,
    shared: Arc<Shared>,
}

impl Workspace {
    /// Computes one hash into `output`, and counts it.
    pub(super) fn hash(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> argon2::Result<()> {
        self.shared.hashes.fetch_add(1, Ordering::Relaxed);
        let blocks = argon2.params().block_count();
        if self.memory.len() < blocks {
            // Taken anew, not grown: there is nothing in it to keep.
            self.memory = Vec::new();
            self.memory = vec![Block::new(); blocks];
        }
        argon2.hash_password_into_with_memory(password, salt, output, &mut self.memory)
    }

    /// Gives back what a hash of unusual size took.
    pub(super) fn shrink_to(&mut self, blocks: usize) {
        if self.memory.len() > blocks {
            self.memory = Vec::new();
        }
    }
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    capacity: usize,
    hashes: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Work>>,
    /// Threads with nothing to do; work for them does not count as waiting.
    idle: usize,
    closed: bool,
}

impl Shared {
    fn new(capacity: usize) -> Self {
        Self { queue: Mutex::default(), filled: Condvar::new(), capacity, hashes: AtomicU64::new(0) }
    }

    /// Nothing panics while the queue is held, so it is whole even when the lock says otherwise.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, work: Box<dyn Work>) -> Result<(), HashError> {
        let mut queue = self.lock();
        let room = self.capacity.saturating_add(queue.idle);
        if queue.waiting.len() >= room {
            queue.waiting.retain(|work| work.is_wanted());
        }
        if queue.closed || queue.waiting.len() >= room {
            return Err(HashError::Busy);
        }
        queue.waiting.push_back(work);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// The next work that somebody still waits for; none when the pool has ended.
    fn pop(&self) -> Option<Box<dyn Work>> {
        let mut queue = self.lock();
        queue.idle += 1;
        let next = loop {
            if queue.closed {
                break None;
            }
            match queue.waiting.pop_front() {
                Some(work) if work.is_wanted() => break Some(work),
                Some(_) => {}
                None => queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        queue.idle -= 1;
        next
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        // Whoever waits for these is told by the dropped reply.
        queue.waiting.clear();
        drop(queue);
        self.filled.notify_all();
    }
}

/// A piece of work and the way back to whoever waits for it.
trait Work: Send {
    fn is_wanted(&self) -> bool;
    fn run(self: Box<Self>, workspace: &mut Workspace);
}

struct Task<T, F> {
    work: F,
    reply: oneshot::Sender<Result<T, HashError>>,
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut Workspace) -> Result<T, HashError> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(self: Box<Self>, workspace: &mut Workspace) {
        let result = (self.work)(workspace);
        // The caller may have gone away in the meantime.
        let _ = self.reply.send(result);
    }
}

fn work(shared: &Arc<Shared>) {
    step_back();
    let mut workspace = Workspace { memory: Vec::new(), shared: Arc::clone(shared) };
    while let Some(work) = shared.pop() {
        // A thread outlives a task that panics; the caller is told by the dropped reply. The working memory is
        // overwritten by every hash, so it does not matter in what state it was left.
        if catch_unwind(AssertUnwindSafe(|| work.run(&mut workspace))).is_err() {
            tracing::error!("a password could not be hashed or judged: the task panicked");
        }
    }
}

/// Lets every other thread go first. On Linux a priority belongs to a thread, elsewhere to the whole process.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!(%error, "a hash thread could not lower its priority");
    }
}
