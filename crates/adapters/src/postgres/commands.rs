//! How a command runs: on a connection, under a deadline, again where others got in its way, and once more on another
//! connection where it surely has not been carried out.

use std::{marker::PhantomData, pin::Pin, sync::Arc};

use sqlx::PgConnection;
use symbolon_domain::store_error::StoreError;
use tokio::time::{sleep, timeout};

use super::{
    failure::Failure,
    notify::Notifier,
    pool::{Lease, Pool},
};

/// So often a command that met others is tried again.
const RETRIES: u32 = 8;

/// What a command does with a connection.
pub(super) type Doing<'c, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'c>>;

/// The connection as a command sees it. `'a` is what the command borrows, and outlives each of its attempts.
pub(super) struct Db<'a> {
    lease: Lease,
    brings_messages: bool,
    borrows: PhantomData<&'a ()>,
}

impl Db<'_> {
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, Failure> {
        self.lease.connection()
    }

    /// Has the outbox's workers woken afterwards, on every node. Waking them for nothing does no harm.
    pub(super) fn wake_outbox(&mut self) {
        self.brings_messages = true;
    }
}

/// What is to be done around the command's statements, and what is known when the connection breaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It writes nothing.
    Read,
    /// One statement, which is a transaction by itself.
    Statement,
    /// Several, in a transaction.
    Transaction,
}

/// Runs commands.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) pool: Arc<Pool>,
    pub(super) notifier: Arc<Notifier>,
}

impl Runner {
    /// Runs a query.
    pub(super) async fn read<'a, T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Db<'a>) -> Doing<'c, T> + Sync + 'a,
    {
        Ok(self.run(Mode::Read, &query).await?)
    }

    /// Runs a command that writes in its last statement only.
    pub(super) async fn write<'a, T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Db<'a>) -> Doing<'c, T> + Sync + 'a,
    {
        Ok(self.run(Mode::Statement, &command).await?)
    }

    /// Runs a command in a transaction. Its value is given back only after the commit.
    pub(super) async fn transaction<'a, T, F>(&self, command: F) -> Result<T, StoreError>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Db<'a>) -> Doing<'c, T> + Sync + 'a,
    {
        Ok(self.run(Mode::Transaction, &command).await?)
    }

    async fn run<'a, T, F>(&self, mode: Mode, command: &F) -> Result<T, Failure>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Db<'a>) -> Doing<'c, T> + Sync + 'a,
    {
        let mut attempt = 0;
        let mut reconnected = false;
        loop {
            match self.attempt(mode, command).await {
                Err(failure) if failure.is_conflict() && attempt < RETRIES => {
                    sleep(self.pool.pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) if may_reconnect(mode, &failure) && !reconnected => reconnected = true,
                outcome => return outcome,
            }
        }
    }

    async fn attempt<'a, T, F>(&self, mode: Mode, command: &F) -> Result<T, Failure>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Db<'a>) -> Doing<'c, T> + Sync + 'a,
    {
        let lease = self.pool.acquire().await?;
        let mut db = Db { lease, brings_messages: false, borrows: PhantomData };
        let doing = async {
            if mode != Mode::Transaction {
                return command(&mut db).await;
            }
            db.lease.begins();
            simple(&mut db, "BEGIN").await?;
            match command(&mut db).await {
                Ok(value) => {
                    simple(&mut db, "COMMIT").await.map_err(as_commit)?;
                    Ok(value)
                }
                Err(failure) if failure.ends_connection() => Err(failure),
                Err(failure) => {
                    simple(&mut db, "ROLLBACK").await?;
                    Err(failure)
                }
            }
        };
        let outcome = timeout(self.pool.deadline(), doing).await.unwrap_or(Err(Failure::Silent));
        let brings_messages = db.brings_messages;
        match &outcome {
            Err(failure) if failure.ends_connection() => db.lease.discard(),
            _ => db.lease.give_back(),
        }
        if brings_messages && outcome.is_ok() {
            self.notifier.tell_messages();
        }
        outcome
    }
}

async fn simple(db: &mut Db<'_>, statement: &'static str) -> Result<(), Failure> {
    sqlx::raw_sql(statement).execute(db.connection()?).await?;
    Ok(())
}

fn as_commit(failure: Failure) -> Failure {
    match failure {
        Failure::Engine(error) => Failure::Commit(error),
        other => other,
    }
}

/// Has the connection broken, and the command surely not been carried out?
fn may_reconnect(mode: Mode, failure: &Failure) -> bool {
    match failure {
        // Only a connection that had been used before can fail so; a server that is silent stays so for a while.
        Failure::Silent => false,
        failure if !failure.ends_connection() => false,
        // Without a commit nothing is written.
        Failure::Engine(_) if mode != Mode::Statement => true,
        failure => failure.never_reached(),
    }
}
