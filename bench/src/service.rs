//! The service under test: the real program of the release build, with its defaults, in a directory that is thrown away.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use symbolon::settings::Settings;
use symbolon_adapters::{seal::MasterKey, system::SystemEntropy};
use tempfile::TempDir;

use crate::failure::{Failure, Outcome};
use crate::http::{Connection, write_request};

const PATIENCE: Duration = Duration::from_secs(30);

/// A directory, and what makes a node of it.
pub(crate) struct Home {
    directory: TempDir,
    store_url: Option<String>,
}

/// A node that runs. It is ended when it is dropped.
pub(crate) struct Service {
    child: Child,
    /// The public listener.
    pub(crate) address: SocketAddr,
    /// From the start of the process until it says that it is ready.
    pub(crate) ready_after: Duration,
}

/// The program under test, which is built into the same directory as this one.
pub(crate) fn program() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("symbolon");
    if program.exists() { Ok(program) } else { Err(Failure::missing("symbolon beside this program")) }
}

impl Home {
    /// With everything in one SQLite file, which is made at the first start.
    pub(crate) fn on_sqlite() -> Outcome<Self> {
        Ok(Self { directory: TempDir::new()?, store_url: None })
    }

    /// On this PostgreSQL database, with its schema and a master key.
    pub(crate) fn on_postgres(url: &str) -> Outcome<Self> {
        let home = Self { directory: TempDir::new()?, store_url: Some(url.to_owned()) };
        fs::DirBuilder::new().mode(0o700).create(home.data())?;
        MasterKey::create_file(&home.data().join("master.key"), &SystemEntropy::new())?;
        let output = home.command()?.args(["migrate", "up"]).output()?;
        if output.status.success() {
            Ok(home)
        } else {
            Err(Failure(format!("`migrate up` failed: {}", String::from_utf8_lossy(&output.stderr))))
        }
    }

    /// The folder that its mail is written into.
    pub(crate) fn mail(&self) -> PathBuf {
        self.data().join("mail")
    }

    /// The settings that it runs with, for whoever opens its store beside it.
    pub(crate) fn settings(&self) -> Settings {
        Settings::in_directory(&self.data())
    }

    /// The directory that its nodes are started in.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn command(&self) -> Outcome<Command> {
        let mut command = Command::new(program()?);
        command.current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        command.envs(self.store_url.as_ref().map(|url| ("SYMBOLON_STORE__URL", url)));
        Ok(command)
    }

    /// The database of [`Self::on_sqlite`].
    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("symbolon.db")
    }

    /// Starts a node and waits until it is ready.
    pub(crate) fn start(&self) -> Outcome<Service> {
        self.start_with(&[])
    }

    /// Starts a node with these settings, as the environment names them.
    pub(crate) fn start_with(&self, settings: &[(&str, &str)]) -> Outcome<Service> {
        let [public, management] = free_addresses()?;
        let mut command = self.command()?;
        command.arg("serve").stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(settings.iter().copied());
        command.env("SYMBOLON_HTTP__LISTEN", public.to_string());
        command.env("SYMBOLON_MANAGEMENT__LISTEN", management.to_string());
        let started = Instant::now();
        let child = command.spawn()?;
        let mut service = Service { child, address: public, ready_after: Duration::ZERO };
        while !is_ready(management) {
            if started.elapsed() > PATIENCE {
                return Err(Failure("the service did not become ready".to_owned()));
            }
            thread::sleep(Duration::from_micros(500));
        }
        service.ready_after = started.elapsed();
        Ok(service)
    }
}

impl Service {
    /// Its resident memory, in MiB.
    pub(crate) fn resident(&self) -> Outcome<f64> {
        resident_of(Path::new(&format!("/proc/{}/status", self.child.id())))
    }

    /// Ends it in order and waits for that.
    pub(crate) fn stop(mut self) -> Outcome<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let id = id.ok_or_else(|| Failure::missing("process id"))?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn resident_of(status: &Path) -> Outcome<f64> {
    let status = fs::read_to_string(status)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.ok_or_else(|| Failure::missing("VmRSS"))? / 1_024.0)
}

fn is_ready(management: SocketAddr) -> bool {
    let mut request = Vec::new();
    write_request(&mut request, "GET", "/health/ready", "", b"");
    let status = Connection::open(management)
        .and_then(|mut connection| connection.exchange(&request).map(|answer| answer.status));
    matches!(status, Ok(200))
}

/// Two that nobody listened on a moment ago. Both are held until both are known, or they might be the same.
fn free_addresses() -> Outcome<[SocketAddr; 2]> {
    let first = TcpListener::bind(("127.0.0.1", 0))?;
    let second = TcpListener::bind(("127.0.0.1", 0))?;
    Ok([first.local_addr()?, second.local_addr()?])
}
