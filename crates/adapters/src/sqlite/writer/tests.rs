//! What a group of commands is: who fails with whom, and who does not.

use std::sync::mpsc;

use symbolon_domain::store::Store as _;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::sqlite::{OpenOptions, SqliteStore};

type Answer<T> = JoinHandle<Result<T, StoreError>>;

/// A store whose writer is held inside a first command, so that all that follow are one group.
struct Held {
    store: Arc<SqliteStore>,
    release: mpsc::Sender<()>,
    holder: Answer<()>,
    _directory: TempDir,
}

impl Held {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("s.db"), &OpenOptions::create()).unwrap();
        store.write(|db| Ok(db.execute_batch("CREATE TABLE notes (text TEXT UNIQUE)")?)).await.unwrap();
        let (release, released) = mpsc::channel();
        let (reached, holding) = oneshot::channel();
        let writing = Arc::clone(&store);
        let holder = tokio::spawn(async move {
            writing
                .write(move |_| {
                    let _ = reached.send(());
                    let _ = released.recv();
                    Ok(())
                })
                .await
        });
        holding.await.unwrap();
        Self { store, release, holder, _directory: directory }
    }

    /// Queues a command behind the one that holds the writer.
    async fn queue<T: Send + 'static>(
        &self,
        command: impl FnOnce(&Write<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<T> {
        let store = Arc::clone(&self.store);
        let (started, running) = oneshot::channel();
        let answer = tokio::spawn(async move {
            let run = store.write(command);
            let mut run = std::pin::pin!(run);
            // The command is in the queue after the first poll.
            std::future::poll_fn(|context| {
                let _ = run.as_mut().poll(context).is_ready();
                std::task::Poll::Ready(())
            })
            .await;
            let _ = started.send(());
            run.await
        });
        running.await.unwrap();
        answer
    }

    fn note(text: &'static str) -> impl FnOnce(&Write<'_>) -> Result<(), Failure> {
        move |db| Ok(db.execute("INSERT INTO notes VALUES (?1)", [text]).map(|_| ())?)
    }
}

fn notes(store: &SqliteStore) -> Vec<String> {
    let read = |db: &Connection| {
        let mut statement = db.prepare("SELECT text FROM notes ORDER BY text")?;
        let rows = statement.query_map((), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    store.read(read).unwrap()
}

#[tokio::test]
async fn a_command_that_fails_takes_no_other_of_its_group_with_it() {
    let held = Held::new().await;
    let before = held.queue(Held::note("before")).await;
    let failing = held
        .queue(|db| {
            Held::note("undone")(db)?;
            Held::note("before")(db)
        })
        .await;
    let refusing: Answer<Result<(), &str>> = held
        .queue(|db| {
            Held::note("kept with its refusal")(db)?;
            Ok(Err("refused"))
        })
        .await;
    let unreadable: Answer<()> = held
        .queue(|db| {
            Held::note("unread")(db)?;
            Err(Failure::Corrupt("notes.text"))
        })
        .await;
    let after = held.queue(Held::note("after")).await;
    assert_eq!(notes(&held.store), [""; 0], "nothing is seen before the commit");
    held.release.send(()).unwrap();
    before.await.unwrap().unwrap();
    after.await.unwrap().unwrap();
    assert_eq!(refusing.await.unwrap().unwrap(), Err("refused"));
    assert!(matches!(failing.await.unwrap(), Err(StoreError::Unavailable(_))));
    assert!(matches!(unreadable.await.unwrap(), Err(StoreError::Corrupt(_))));
    assert_eq!(notes(&held.store), ["after", "before", "kept with its refusal"]);
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_every_command_of_its_group() {
    let held = Held::new().await;
    let one = held.queue(Held::note("one")).await;
    // A reference to nothing, checked at the commit only.
    let orphan = held
        .queue(|db| {
            db.pragma_update(None, "defer_foreign_keys", true)?;
            let identifier = "INSERT INTO identifiers VALUES (zeroblob(16), x'00', 'email', 'a', 'a', 0, 0)";
            Ok(db.execute(identifier, ()).map(|_| ())?)
        })
        .await;
    let two = held.queue(Held::note("two")).await;
    held.release.send(()).unwrap();
    for answer in [held.holder, one, orphan, two] {
        let error = answer.await.unwrap().unwrap_err();
        let StoreError::Unavailable(source) = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains("FOREIGN KEY"), "{source}");
    }
}

#[tokio::test]
async fn the_writer_goes_on_after_a_commit_that_failed() {
    let held = Held::new().await;
    let orphan = held
        .queue(|db| {
            db.pragma_update(None, "defer_foreign_keys", true)?;
            let identifier = "INSERT INTO identifiers VALUES (zeroblob(16), x'00', 'email', 'a', 'a', 0, 0)";
            Ok(db.execute(identifier, ()).map(|_| ())?)
        })
        .await;
    held.release.send(()).unwrap();
    orphan.await.unwrap().unwrap_err();
    held.store.write(Held::note("later")).await.unwrap();
    assert_eq!(notes(&held.store), ["later"]);
}

#[tokio::test]
async fn a_transaction_that_the_engine_ended_fails_its_whole_group() {
    let held = Held::new().await;
    let one = held.queue(Held::note("one")).await;
    let ending: Answer<()> = held
        .queue(|db| {
            db.execute_batch("ROLLBACK")?;
            Err(rusqlite::Error::InvalidQuery.into())
        })
        .await;
    let Held { store, release, holder, _directory } = held;
    release.send(()).unwrap();
    for answer in [holder, one, ending] {
        assert!(matches!(answer.await.unwrap(), Err(StoreError::Unavailable(_))));
    }
    store.write(Held::note("later")).await.unwrap();
    assert_eq!(notes(&store), ["later"]);
}

#[tokio::test]
async fn callers_are_turned_away_when_the_queue_is_full() {
    let held = Held::new().await;
    let mut answers = Vec::new();
    for _ in 0..MOST_WAITING {
        answers.push(held.queue(|_| Ok(())).await);
    }
    assert!(matches!(held.store.write(|_| Ok(())).await, Err(StoreError::Busy)));
    held.release.send(()).unwrap();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_command_whose_caller_is_gone_harms_nobody() {
    let held = Held::new().await;
    let gone = held.queue(Held::note("gone")).await;
    let stays = held.queue(Held::note("stays")).await;
    gone.abort();
    held.release.send(()).unwrap();
    stays.await.unwrap().unwrap();
    assert_eq!(notes(&held.store), ["gone", "stays"]);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes_after() {
    let held = Held::new().await;
    let waiting = held.queue(Held::note("waiting")).await;
    held.release.send(()).unwrap();
    held.store.close().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(notes(&held.store), ["waiting"]);
    assert!(matches!(held.store.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    held.store.close().await;
}

/// X1: a commit is on the disk before it is answered.
#[tokio::test]
async fn every_commit_is_synchronous() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("s.db"), &OpenOptions::create()).unwrap();
    let number = |name: &'static str| {
        store.write(move |db| Ok(db.pragma_query_value(None, name, |row| row.get::<_, i64>(0))?))
    };
    assert_eq!(number("synchronous").await.unwrap(), 2);
    assert_eq!(number("foreign_keys").await.unwrap(), 1);
    assert_eq!(number("busy_timeout").await.unwrap(), 5_000);
    let mode =
        store.write(|db| Ok(db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))?));
    assert_eq!(mode.await.unwrap(), "wal");
    let query_only =
        |db: &Connection| Ok(db.pragma_query_value(None, "query_only", |row| row.get::<_, i64>(0))?);
    assert_eq!(store.read(query_only).unwrap(), 1);
}

/// Without its writer a store could write nothing ever again: whoever runs the service restarts it.
#[tokio::test]
async fn a_writer_that_panics_ends_the_process() {
    const CHILD: &str = "SYMBOLON_TEST_PANICKING_WRITER";
    if std::env::var_os(CHILD).is_some() {
        let held = Held::new().await;
        let panicking = held.queue(|_| -> Result<(), Failure> { panic!("as it should") }).await;
        held.release.send(()).unwrap();
        let _ = panicking.await;
        // The unwinding drops the answer's sender a moment before it reaches the guard that aborts.
        std::thread::sleep(std::time::Duration::from_secs(10));
        std::process::exit(0);
    }
    let name = "sqlite::writer::tests::a_writer_that_panics_ends_the_process";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&child.status);
    assert_eq!(signal, Some(6), "it was not aborted: {child:?}");
}
