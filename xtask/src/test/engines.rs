//! The servers that the tests need, brought up for one run on loopback alone: PostgreSQL, a DynamoDB and an AWS. Each ends
//! when its standard input closes, so none outlives us, however we end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::checkout::Checkout;
use crate::process::{self, Failure};
use crate::tools::Tools;

/// Nobody keeps what is in it, so no disk has to be waited for. Every test has some connections of its own.
const POSTGRES: &[&str] =
    &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=500"];
const POSTGRES_SCRIPT: &str = "tests/support/postgres.sh";
const DYNAMODB: &str = "tests/dynamodb-engine/Cargo.toml";
const AWS: &str = "\
import logging, sys
logging.getLogger('werkzeug').setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";
/// What the AWS libraries ask for and neither server checks; nothing of the user's own gets near them.
const CREDENTIALS: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
];
const NOT_OURS: &[&str] =
    &["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"];

/// All of them, running. They stop when this is dropped.
pub(super) struct Engines {
    postgres: Server,
    postgres_directory: String,
    dynamodb: Server,
    dynamodb_port: String,
    aws: Server,
    aws_port: String,
}

impl Engines {
    /// Builds what has to be built, and starts them.
    pub(super) fn start(checkout: &Checkout, tools: &Tools<'_>) -> Result<Self, Failure> {
        let python = tools.python()?;
        let engine = build_dynamodb(checkout)?;
        let mut postgres = Server::start(
            "PostgreSQL",
            Command::new("sh").arg(checkout.root().join(POSTGRES_SCRIPT)).args(POSTGRES),
        )?;
        let mut dynamodb = Server::start("the DynamoDB engine", &mut Command::new(engine))?;
        let mut aws = Server::start("moto", Command::new(python).args(["-c", AWS]))?;
        let postgres_directory = postgres.line()?;
        postgres.ask()?;
        postgres.line()?;
        let (dynamodb_port, aws_port) = (dynamodb.line()?, aws.line()?);
        Ok(Self { postgres, postgres_directory, dynamodb, dynamodb_port, aws, aws_port })
    }

    /// Tells the tests where they are.
    pub(super) fn pass_to(&self, command: &mut Command) {
        let socket = self.postgres_directory.replace('/', "%2F");
        command.env("SYMBOLON_TEST_POSTGRES", format!("postgres://postgres@{socket}/postgres"));
        command.env("SYMBOLON_TEST_DYNAMODB", format!("http://127.0.0.1:{}", self.dynamodb_port));
        command.env("SYMBOLON_TEST_AWS", format!("http://127.0.0.1:{}", self.aws_port));
        command.envs(CREDENTIALS.iter().copied());
        for name in NOT_OURS {
            command.env_remove(name);
        }
    }

    /// Those that have ended before their time.
    pub(super) fn ended(&mut self) -> Vec<&'static str> {
        let all = [&mut self.postgres, &mut self.dynamodb, &mut self.aws];
        all.into_iter().filter_map(Server::ended).collect()
    }
}

/// The engine has a workspace, a lock file and a build directory of its own.
fn build_dynamodb(checkout: &Checkout) -> Result<PathBuf, Failure> {
    let target = checkout.target().join("dynamodb-engine");
    let mut build =
        checkout.cargo(&["build", "--locked", "--quiet", "--manifest-path", DYNAMODB, "--target-dir"]);
    process::run(build.arg(&target))?;
    Ok(target.join("debug/dynamodb-engine"))
}

/// A server that ends when its standard input closes.
struct Server {
    name: &'static str,
    child: Child,
    /// Taken, and so closed, at the end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start(name: &'static str, command: &mut Command) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::message(format!("{name} did not start: {error}"));
        // In a group of its own, so that Ctrl-C reaches it through us.
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| failed(&"it has no output"))?;
        Ok(Self { name, child, input, output: BufReader::new(output) })
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::message(format!("{} did not start: {why}", self.name))
    }

    /// Sends it an empty line.
    fn ask(&mut self) -> Result<(), Failure> {
        let written = self.input.as_mut().map_or(Ok(()), |input| input.write_all(b"\n"));
        written.map_err(|error| self.failed(&error))
    }

    /// The next line that it prints.
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        read.map_err(|error| self.failed(&error))?;
        match line.trim() {
            "" => Err(self.failed(&"its own words are above")),
            line => Ok(line.to_owned()),
        }
    }

    fn ended(&mut self) -> Option<&'static str> {
        matches!(self.child.try_wait(), Ok(Some(_))).then_some(self.name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        for _ in 0..100 {
            if self.ended().is_some() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{} does not end: it is killed", self.name);
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
