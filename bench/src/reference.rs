//! The servers that ours is held against: each does the least that the work takes, on bare axum, and nothing besides. They
//! run as processes of their own, as ours does, from this same program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime;

use crate::failure::{Failure, Outcome};

mod durable;
mod sign_in;
mod verify;

/// Which one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Floor {
    /// JSON in, SHA-256, a look-up in a hash map, JSON out.
    Verify,
    /// One row in SQLite, durable, committed as a group.
    Durable,
    /// Argon2id on one fixed thread a core.
    SignIn,
}

impl Floor {
    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Durable => "durable",
            Self::SignIn => "sign-in",
        }
    }
}

/// One that runs. It ends when its standard input closes, as it does when this is dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts it with what it is to know, a line each.
    pub(crate) fn start(floor: Floor, known: &[String]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["reference", floor.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().ok_or_else(|| Failure::missing("input of the reference"))?;
        let output = child.stdout.take().ok_or_else(|| Failure::missing("output of the reference"))?;
        for line in known {
            writeln!(input, "{line}")?;
        }
        writeln!(input)?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().parse()?;
        Ok(Self { child, input: Some(input), address })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.wait());
    }
}

/// Is the reference of this name until standard input closes.
pub(crate) fn serve(name: &str) -> Outcome<()> {
    let mut known = Vec::new();
    for line in std::io::stdin().lines() {
        match line? {
            empty if empty.is_empty() => break,
            line => known.push(line),
        }
    }
    let router = match name {
        "verify" => verify::router(&known),
        "durable" => durable::router()?,
        "sign-in" => sign_in::router()?,
        other => return Err(Failure(format!("`{other}` is no reference"))),
    };
    // Until whoever started us closes our input, or is gone.
    let end = || std::io::stdin().lines().for_each(drop);
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(listen(router, end))
}

async fn listen(router: Router, end: impl FnOnce() + Send + 'static) -> Outcome<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served?,
        ended = tokio::task::spawn_blocking(end) => ended?,
    }
    Ok(())
}
