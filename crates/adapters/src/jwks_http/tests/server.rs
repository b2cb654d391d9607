//! A server of keys that does as it is told and counts what it is asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How it answers.
#[derive(Clone)]
pub(super) enum Mood {
    /// With this body.
    Well(String),
    /// With this status and body.
    Status(u16, String),
    /// By sending elsewhere.
    Elsewhere(String),
    /// Never.
    Never,
    /// By a body without end.
    Endless,
    /// By closing the connection.
    Not,
}

pub(super) struct Server {
    address: std::net::SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    mood: Mutex<Mood>,
    pages: Mutex<HashMap<String, String>>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Server {
    pub(super) async fn start(body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            mood: Mutex::new(Mood::Well(body)),
            pages: Mutex::default(),
            asked: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // Who asks may go away at any time.
                tokio::spawn(async move { drop(state.answer(stream).await) });
            }
        });
        Self { address, state, task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn becomes(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// Beside its mood it has this page.
    pub(super) fn page(&self, path: &str, body: String) {
        self.state.pages.lock().unwrap().insert(path.to_owned(), body);
    }

    pub(super) fn asked(&self, path: &str) -> usize {
        self.state.asked.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    pub(super) fn asked_at_all(&self) -> usize {
        self.state.asked.lock().unwrap().values().sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        *self.asked.lock().unwrap().entry(path.clone()).or_default() += 1;
        let page = self.pages.lock().unwrap().get(&path).cloned();
        let mood = page.map_or_else(|| self.mood.lock().unwrap().clone(), Mood::Well);
        match mood {
            Mood::Well(body) => whole(&mut stream, "200 OK", "", &body).await,
            Mood::Status(status, body) => whole(&mut stream, &format!("{status} No"), "", &body).await,
            Mood::Elsewhere(url) => {
                whole(&mut stream, "302 Found", &format!("location: {url}\r\n"), "").await
            }
            Mood::Never => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            }
            Mood::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"400\r\n").await?;
                    stream.write_all(&[b' '; 1024]).await?;
                    stream.write_all(b"\r\n").await?;
                }
            }
            Mood::Not => Ok(()),
        }
    }
}

async fn whole(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}
