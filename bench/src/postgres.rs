//! A throw-away PostgreSQL with the server's own defaults, so that every commit waits for the disk, and what it does at
//! its best by the hands of `pgbench`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// The same that the tests start theirs by.
const SCRIPT: &str = "tests/support/postgres.sh";
const DIRECTORIES: &str = "/usr/lib/postgresql";
const CLIENTS: &str = "32";

/// A server that ends with this.
pub(crate) struct Postgres {
    child: Child,
    /// Taken, and so closed, at the end: then the script stops the server and removes it.
    input: Option<ChildStdin>,
    directory: String,
}

impl Postgres {
    /// Starts it, on a socket of its own and no port.
    pub(crate) fn start() -> Outcome<Self> {
        let mut child = Command::new("sh")
            .args([SCRIPT, "fsync=on", "synchronous_commit=on", "full_page_writes=on"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| Failure::missing("output of PostgreSQL"))?;
        let mut output = BufReader::new(output);
        let mut directory = String::new();
        output.read_line(&mut directory)?;
        if let Some(input) = &mut input {
            input.write_all(b"\n")?;
        }
        let mut process = String::new();
        output.read_line(&mut process)?;
        let directory = directory.trim().to_owned();
        let server = Self { child, input, directory };
        match process.trim() {
            "" => Err(Failure("PostgreSQL did not start: its own words are above".to_owned())),
            _ => Ok(server),
        }
    }

    /// An empty database: its `store.url`.
    pub(crate) fn database(&self, name: &str) -> Outcome<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://postgres@{}/{name}", self.directory.replace('/', "%2F")))
    }

    /// A table for [`Self::insert_rate`].
    pub(crate) fn prepare_inserts(&self) -> Outcome<()> {
        self.sql("postgres", "CREATE DATABASE inserts")?;
        self.sql(
            "inserts",
            "CREATE TABLE rows (id BIGSERIAL PRIMARY KEY, hash BYTEA NOT NULL, at BIGINT NOT NULL)",
        )?;
        fs::write(
            self.script(),
            "INSERT INTO rows (hash, at) VALUES ('\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 1);\n",
        )?;
        Ok(())
    }

    /// Rows a second that 32 clients of `pgbench` insert, each in a transaction of its own.
    pub(crate) fn insert_rate(&self, duration: Duration) -> Outcome<f64> {
        let mut command = Command::new(find("pgbench")?);
        command.args(["-n", "-M", "prepared", "-c", CLIENTS, "-j", "2", "-T"]);
        command.arg(duration.as_secs().max(1).to_string());
        command.arg("-f").arg(self.script());
        command.args(["-h", &self.directory, "-U", "postgres", "inserts"]);
        let printed = run(&mut command)?;
        let rate =
            printed.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| Failure(format!("pgbench says no rate: {printed}")))
    }

    fn script(&self) -> PathBuf {
        std::env::temp_dir().join(format!("symbolon-bench-{}.sql", self.child.id()))
    }

    fn sql(&self, database: &str, statement: &str) -> Outcome<String> {
        let mut command = Command::new(find("psql")?);
        command.args(["-h", &self.directory, "-U", "postgres", "-d", database]);
        run(command.args(["-v", "ON_ERROR_STOP=1", "-qAtc", statement]))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(fs::remove_file(self.script()));
        drop(self.input.take());
        drop(self.child.wait());
    }
}

fn run(command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure(format!("{} failed: {said}", command.get_program().to_string_lossy())))
    }
}

/// A program of PostgreSQL, which Debian keeps off the search path.
fn find(name: &str) -> Outcome<PathBuf> {
    let versions = fs::read_dir(DIRECTORIES).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).collect();
    found.sort();
    Ok(found.pop().unwrap_or_else(|| name.into()))
}
