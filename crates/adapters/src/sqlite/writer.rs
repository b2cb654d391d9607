//! The one thread that writes. It runs what waits in its queue inside one transaction, a savepoint for each command,
//! commits once, and then answers all of them: durable, and many times faster than a commit each.
//!
//! Nobody gets an answer before the commit. A command that fails is rolled back to its savepoint and takes nobody with
//! it; what the domain refused is no failure, and what it wrote about that is kept. Where the engine ended the
//! transaction or could not commit, every command of the group has failed.

use std::{
    cell::Cell,
    io,
    ops::Deref,
    process,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use symbolon_domain::store_error::StoreError;
use tokio::sync::{Notify, oneshot};

use super::rows::{Failure, execute};

/// So many commands may wait; then callers are told to come back.
const MOST_WAITING: usize = 1_024;
/// So many commands are committed together at the most, so that the first of them does not wait long.
const MOST_IN_GROUP: usize = 256;

/// The connection as a command sees it: inside the group's transaction.
pub(super) struct Write<'c> {
    connection: &'c Connection,
    brings_messages: Cell<bool>,
}

impl Write<'_> {
    /// Has the outbox's workers woken after the commit. Waking them for nothing does no harm.
    pub(super) fn wake_outbox(&self) {
        self.brings_messages.set(true);
    }
}

impl Deref for Write<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// The callers' end of the queue.
pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread; `arrivals` is told after each commit that brought a message.
    pub(super) fn start(connection: Connection, arrivals: Arc<Notify>) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(MOST_WAITING);
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
            let _guard = AbortOnPanic;
            serve(&connection, waiting, &arrivals);
        })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a command and waits for its group's commit. A caller that stops waiting does not stop the command.
    pub(super) async fn run<T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Write<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued = Queued { command: Some(command), value: None, reply };
        match self.queue.try_send(Message::Run(Box::new(queued))) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(closed())),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    /// Ends the thread after what waits now. A second call does nothing.
    pub(super) async fn close(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let queue = self.queue.clone();
        let ended = tokio::task::spawn_blocking(move || {
            // Where the receiver is gone the thread has ended already.
            let _ = queue.send(Message::Close);
            thread.join()
        });
        if !matches!(ended.await, Ok(Ok(()))) {
            tracing::error!("the writer of the database did not end in order");
        }
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the database has been closed")
}

/// Without its writer the store would accept nothing ever again, and nobody would know why: better to be restarted.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            process::abort();
        }
    }
}

enum Message {
    Run(Box<dyn Command>),
    Close,
}

/// A queued command, whatever it gives back.
trait Command: Send {
    /// Runs it, keeping its value for later.
    fn run(&mut self, write: &Write<'_>) -> Result<(), Failure>;

    /// Gives its caller the value. A caller that has gone away is no failure.
    fn succeed(self: Box<Self>);

    /// Gives its caller the error.
    fn fail(self: Box<Self>, error: StoreError);
}

struct Queued<T, F> {
    command: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Command for Queued<T, F>
where
    T: Send,
    F: FnOnce(&Write<'_>) -> Result<T, Failure> + Send,
{
    fn run(&mut self, write: &Write<'_>) -> Result<(), Failure> {
        if let Some(command) = self.command.take() {
            self.value = Some(command(write)?);
        }
        Ok(())
    }

    fn succeed(self: Box<Self>) {
        if let Some(value) = self.value {
            let _ = self.reply.send(Ok(value));
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

/// Whether the thread goes on after a group.
#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    Close,
}

fn serve(connection: &Connection, waiting: Receiver<Message>, arrivals: &Notify) {
    // Without senders the store was dropped: what they had queued has been received before that is reported.
    while let Ok(Message::Run(first)) = waiting.recv() {
        if run_group(connection, first, &waiting, arrivals) == Next::Close {
            break;
        }
    }
    // From here on new commands are refused, and those that came after the end are answered.
    drop(waiting);
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
    if let Err(error) = checkpoint {
        tracing::warn!(%error, "the log of the database was not moved into it; the next start does that");
    }
}

/// One transaction around the first command and what waits behind it.
fn run_group(
    connection: &Connection,
    first: Box<dyn Command>,
    waiting: &Receiver<Message>,
    arrivals: &Notify,
) -> Next {
    if let Err(error) = begin(connection) {
        return refuse_waiting(first, waiting, error);
    }
    let write = Write { connection, brings_messages: Cell::new(false) };
    let mut done = Vec::new();
    let mut next = Some(first);
    let mut after = Next::Continue;
    let mut taken = 0;
    while let Some(mut command) = next.take() {
        taken += 1;
        match run_in_savepoint(&write, &mut *command) {
            Ok(()) => done.push(command),
            Err(Unfinished::Command(failure)) => command.fail(failure.into()),
            Err(Unfinished::Group(error)) => {
                done.push(command);
                abandon(connection, done, error);
                return after;
            }
        }
        if taken < MOST_IN_GROUP {
            match waiting.try_recv() {
                Ok(Message::Run(command)) => next = Some(command),
                Ok(Message::Close) => after = Next::Close,
                Err(_) => {}
            }
        }
    }
    if let Err(error) = execute(connection, "COMMIT") {
        abandon(connection, done, error);
        return after;
    }
    if write.brings_messages.get() {
        arrivals.notify_one();
    }
    done.into_iter().for_each(Command::succeed);
    after
}

fn begin(connection: &Connection) -> rusqlite::Result<()> {
    roll_back(connection)?;
    execute(connection, "BEGIN IMMEDIATE")
}

/// Ends the transaction if the engine has not done so.
fn roll_back(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") }
}

/// How far a failure reaches.
enum Unfinished {
    /// Nothing of this command was written; the others are as they were.
    Command(Failure),
    /// The transaction is gone.
    Group(rusqlite::Error),
}

fn run_in_savepoint(write: &Write<'_>, command: &mut dyn Command) -> Result<(), Unfinished> {
    execute(write, "SAVEPOINT command").map_err(Unfinished::Group)?;
    let Err(failure) = command.run(write) else {
        return execute(write, "RELEASE command").map_err(Unfinished::Group);
    };
    match failure {
        // The engine rolls everything back by itself after some errors, such as a full disk.
        Failure::Engine(error) if write.is_autocommit() => Err(Unfinished::Group(error)),
        failure => {
            execute(write, "ROLLBACK TO command").map_err(Unfinished::Group)?;
            execute(write, "RELEASE command").map_err(Unfinished::Group)?;
            Err(Unfinished::Command(failure))
        }
    }
}

/// The transaction could not be begun: what waits now would only wait for the same again, one after the other.
fn refuse_waiting(first: Box<dyn Command>, waiting: &Receiver<Message>, error: rusqlite::Error) -> Next {
    let mut refused = vec![first];
    let mut after = Next::Continue;
    for message in waiting.try_iter().take(MOST_WAITING) {
        match message {
            Message::Run(command) => refused.push(command),
            Message::Close => after = Next::Close,
        }
    }
    fail_all(refused, error);
    after
}

/// Lets go of the group's transaction at once, so that no other process waits for it.
fn abandon(connection: &Connection, commands: Vec<Box<dyn Command>>, error: rusqlite::Error) {
    if let Err(error) = roll_back(connection) {
        tracing::error!(%error, "a failed transaction could not be rolled back; the next group tries again");
    }
    fail_all(commands, error);
}

fn fail_all(commands: Vec<Box<dyn Command>>, error: rusqlite::Error) {
    tracing::error!(%error, commands = commands.len(), "a group of writes failed");
    let error = Arc::new(error);
    for command in commands {
        command.fail(StoreError::unavailable(Arc::clone(&error)));
    }
}

#[cfg(test)]
mod tests;
