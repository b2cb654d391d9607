//! The real binary on free ports, in a directory of its own.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{
    app::code_in,
    call::{Call, client},
    engines::{Home, told},
    user::{Host, User},
};

/// The binary that this run is about; `cargo xtask test` builds it beside the tests.
pub(crate) fn program() -> PathBuf {
    let tests = env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("symbolon");
    assert!(program.exists(), "the symbolon binary is not built: cargo build --workspace");
    program
}

/// The program as it was before the newest migration.
pub(crate) fn previous_program() -> PathBuf {
    told("SYMBOLON_TEST_PREVIOUS").into()
}

/// Two ports that nobody listened on a moment ago. Both are held until both are known, or they might be the same.
fn free_ports() -> (u16, u16) {
    let held = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let [first, second] = held.each_ref().map(|listener| listener.local_addr().unwrap().port());
    (first, second)
}

/// A running service. It is killed when it is dropped.
pub(crate) struct Binary {
    child: Child,
    client: reqwest::Client,
    directory: PathBuf,
    log: Option<thread::JoinHandle<String>>,
    /// The public listener, as `http://localhost:PORT`.
    pub(crate) url: String,
    /// The management listener.
    pub(crate) management_url: String,
}

impl Binary {
    /// Starts a node of this home, where others may run already.
    pub(crate) fn of(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of_program(&program(), home, arguments, variables)
    }

    /// Starts a node of this home, of another version perhaps.
    pub(crate) fn of_program(
        program: &Path,
        home: &Home,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let shared = home.variables();
        let shared = shared.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables: Vec<(&str, &str)> = shared.chain(variables.iter().copied()).collect();
        Self::start_program(program, home.directory(), arguments, &variables)
    }

    /// Starts `symbolon serve` in this directory and waits until it is ready.
    pub(crate) fn start(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_program(&program(), directory, arguments, variables)
    }

    fn start_program(
        program: &Path,
        directory: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let (public, management) = free_ports();
        let mut child = Command::new(program)
            .arg("serve")
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("SYMBOLON_HTTP__LISTEN", format!("127.0.0.1:{public}"))
            .env("SYMBOLON_MANAGEMENT__LISTEN", format!("127.0.0.1:{management}"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (ready, is_ready) = mpsc::channel();
        let log = thread::spawn(move || {
            let mut text = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                if line.contains("ready") {
                    let _ = ready.send(());
                }
                text.push_str(&line);
                text.push('\n');
            }
            text
        });
        let mut binary = Self {
            child,
            client: client(),
            directory: directory.to_owned(),
            log: Some(log),
            url: format!("http://localhost:{public}"),
            management_url: format!("http://127.0.0.1:{management}"),
        };
        if is_ready.recv_timeout(Duration::from_secs(30)).is_err() {
            binary.kill();
            panic!("the service did not become ready:\n{}", binary.log());
        }
        binary
    }

    /// A person who uses this service.
    pub(crate) fn user(&self, address: &str) -> User<'_> {
        User::new(self, address)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal_terminate();
        self.child.wait().unwrap()
    }

    /// SIGTERM, without waiting.
    pub(crate) fn signal_terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it logged until it ended.
    pub(crate) fn log(&mut self) -> String {
        self.log.take().map(|log| log.join().unwrap()).unwrap_or_default()
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

#[async_trait]
impl Host for Binary {
    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", self.url))
    }

    async fn code_to(&self, address: &str) -> String {
        for _ in 0..500 {
            let mut mail = mail_to(&self.directory, address);
            mail.retain(|(_, text)| !text.contains("sym_"));
            if let Some((_, text)) = mail.pop() {
                return code_in(&text);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no message to the address");
    }
}

/// The messages to this address in a service's mail folder, oldest first: file name and text.
pub(crate) fn mail_to(directory: &Path, address: &str) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(directory.join("data/mail")) else { return Vec::new() };
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    names.sort();
    let read = |path: PathBuf| {
        let raw = fs::read(&path).unwrap();
        let message = mail_parser::MessageParser::default().parse(&raw).unwrap();
        let to = message.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap().to_owned();
        let text = message.body_text(0).unwrap().into_owned();
        (to == address).then(|| (path.file_name().unwrap().to_string_lossy().into_owned(), text))
    };
    names.into_iter().filter_map(read).collect()
}

impl Drop for Binary {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command of the binary on the store of this home.
pub(crate) fn command_of(home: &Home, arguments: &[&str], input: &str) -> Output {
    command_of_program(&program(), home, arguments, input)
}

/// Runs a command of this program on the store of this home.
pub(crate) fn command_of_program(program: &Path, home: &Home, arguments: &[&str], input: &str) -> Output {
    let variables = home.variables();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    run(program, home.directory(), arguments, &variables, input)
}

/// Runs a command of the binary in this directory, with this on standard input.
pub(crate) fn command(
    directory: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: &str,
) -> Output {
    run(&program(), directory, arguments, variables, input)
}

fn run(
    program: &Path,
    directory: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: &str,
) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

/// A directory of its own for a binary.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}
