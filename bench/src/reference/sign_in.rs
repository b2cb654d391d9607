//! The sign-in floor: one Argon2id hash a request with our parameters (19 MiB, 2 passes, 1 lane), on one fixed thread a core
//! at the lowest priority, which keeps its memory. No account, no store, no code, no mail.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::failure::Outcome;
use crate::raw;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const SALT: &[u8; 16] = b"sixteen bytes...";
const NICE: i32 = 19;

#[derive(Deserialize)]
struct SignIn {
    password: String,
}

#[derive(Serialize)]
struct Hashed {
    hash: Vec<u8>,
}

struct Task {
    password: String,
    done: oneshot::Sender<Vec<u8>>,
}

/// With its threads.
pub(super) fn router() -> Outcome<Router> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| crate::Failure(error.to_string()))?;
    let (queue, waiting) = channel::<Task>();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..raw::cores() {
        let (waiting, params) = (Arc::clone(&waiting), params.clone());
        thread::spawn(move || hash_all(&waiting, params));
    }
    Ok(Router::new().route("/v1/sign-in", post(sign_in)).with_state(queue))
}

async fn sign_in(
    State(queue): State<Sender<Task>>,
    Json(body): Json<SignIn>,
) -> Result<Json<Hashed>, StatusCode> {
    let (done, is_done) = oneshot::channel();
    let task = Task { password: body.password, done };
    queue.send(task).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let hash = is_done.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(Hashed { hash }))
}

fn hash_all(waiting: &Mutex<Receiver<Task>>, params: Params) {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        eprintln!("a thread of the sign-in floor could not lower its priority: {error}");
    }
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(task) = next() {
        let mut hash = vec![0; 32];
        let password = task.password.as_bytes();
        if argon2.hash_password_into_with_memory(password, SALT, &mut hash, &mut memory).is_ok() {
            drop(task.done.send(hash));
        }
    }
}
