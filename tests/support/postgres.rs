//! A PostgreSQL cluster of a test's own, to be killed, stopped and frozen. It keeps what it has acknowledged, as one in
//! production does.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use symbolon_adapters::postgres::{PostgresOptions, migrations};

/// A cluster and its server. Both are gone with this.
pub(crate) struct Cluster {
    shell: Child,
    /// Taken, and so closed, at the end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    directory: String,
    postmaster: String,
}

impl Cluster {
    /// A cluster whose database is migrated.
    pub(crate) async fn migrated() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/support/postgres.sh");
        let mut shell = Command::new("sh")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (shell.stdin.take(), BufReader::new(shell.stdout.take().unwrap()));
        let mut cluster = Self { shell, input, output, directory: String::new(), postmaster: String::new() };
        cluster.directory = cluster.line();
        cluster.start();
        migrations::up(&PostgresOptions::new(cluster.url())).await.unwrap();
        cluster
    }

    /// The URL of its one database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.directory.replace('/', "%2F"))
    }

    /// Starts the server, and waits until it is ready.
    pub(crate) fn start(&mut self) {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
        self.postmaster = self.line();
        assert!(!self.postmaster.is_empty(), "PostgreSQL does not start");
    }

    /// `kill -9` of the server and all of its processes.
    pub(crate) fn kill(&self) {
        self.signal("-KILL");
        self.wait();
    }

    /// An orderly stop that waits for nobody.
    pub(crate) fn stop(&self) {
        let status = Command::new("kill").args(["-INT", &self.postmaster]).status().unwrap();
        assert!(status.success());
        self.wait();
    }

    /// None of its processes does anything from now on, and the kernel goes on accepting for it.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// The end of that.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// To the server and all its processes. One of them may be gone before its turn.
    fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        kill.arg(signal).arg(&self.postmaster).args(self.children()).stderr(Stdio::null());
        kill.status().unwrap();
    }

    /// Every process that the server has started.
    fn children(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
        let processes = processes.filter_map(|name| name.into_string().ok());
        let is_child = |id: &String| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // The name of the program, in brackets, may have blanks in it; the state and the parent follow it.
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
            parent == Some(self.postmaster.as_str())
        };
        processes.filter(is_child).collect()
    }

    fn wait(&self) {
        for _ in 0..1_000 {
            if fs::metadata(format!("/proc/{}", self.postmaster)).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("PostgreSQL does not end");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What is frozen does not end.
        self.thaw();
        drop(self.input.take());
        drop(self.shell.wait());
    }
}
