//! The durable floor: one row a request in SQLite with `synchronous=FULL`, by one thread that commits what waits as a group
//! and answers after the commit. No look-up, no rule, no audit.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::failure::Outcome;

#[derive(Deserialize)]
struct Shown {
    refresh_token: String,
}

#[derive(Serialize)]
struct Written {
    refresh_token: String,
}

struct Command {
    token: String,
    done: oneshot::Sender<bool>,
}

/// With its thread.
pub(super) fn router() -> Outcome<Router> {
    let directory = TempDir::new()?;
    let connection = Connection::open(directory.path().join("rows.db"))?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, token TEXT NOT NULL)")?;
    let (queue, waiting) = channel();
    thread::spawn(move || {
        if let Err(error) = write(&connection, &waiting) {
            eprintln!("the durable floor ends: {error}");
        }
        drop(directory);
    });
    Ok(Router::new().route("/v1/sessions/refresh", post(insert)).with_state(queue))
}

async fn insert(
    State(queue): State<Sender<Command>>,
    Json(shown): Json<Shown>,
) -> Result<Json<Written>, StatusCode> {
    let (done, is_done) = oneshot::channel();
    let command = Command { token: shown.refresh_token.clone(), done };
    queue.send(command).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    match is_done.await {
        Ok(true) => Ok(Json(Written { refresh_token: shown.refresh_token })),
        _ => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn write(connection: &Connection, waiting: &Receiver<Command>) -> rusqlite::Result<()> {
    while let Ok(first) = waiting.recv() {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut group = Vec::new();
        for command in std::iter::once(first).chain(waiting.try_iter()) {
            let mut insert = connection.prepare_cached("INSERT INTO rows (token) VALUES (?1)")?;
            insert.execute(params![command.token])?;
            group.push(command.done);
        }
        connection.execute_batch("COMMIT")?;
        for done in group {
            // Whoever does not wait any more need not be told.
            let _ = done.send(true);
        }
    }
    Ok(())
}
