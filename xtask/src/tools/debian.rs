//! Debian packages that a fresh machine lacks. They are installed only by root; anybody else is told what to install.

use std::process::Command;

use crate::process::{self, Failure, Outcome};

/// A package, and a command that succeeds when it is not needed any more.
pub(super) struct Package {
    name: &'static str,
    probe: &'static [&'static str],
}

const PYTHON: Package = Package { name: "python3-venv", probe: &["python3", "-c", "import ensurepip, venv"] };

/// The server, which Debian keeps off the search path.
const POSTGRESQL: Package = Package {
    name: "postgresql",
    probe: &["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb"],
};

/// The proxies that ask the gateway authorizer, as Debian has them. nginx is off a user's search path.
const NGINX: Package = Package { name: "nginx", probe: &["sh", "-c", "PATH=$PATH:/usr/sbin nginx -v"] };
const CADDY: Package = Package { name: "caddy", probe: &["caddy", "version"] };

/// What it takes to install Python wheels.
pub(super) const FOR_WHEELS: &[Package] = &[PYTHON];

/// What compiles libFuzzer.
pub(super) const FOR_FUZZING: &[Package] = &[Package { name: "g++", probe: &["g++", "--version"] }];

/// What the tests call.
pub(super) const FOR_TESTS: &[Package] = &[
    PYTHON,
    POSTGRESQL,
    NGINX,
    CADDY,
    Package { name: "curl", probe: &["curl", "--version"] },
    Package { name: "jq", probe: &["jq", "--version"] },
    Package { name: "nodejs", probe: &["node", "--version"] },
    Package { name: "npm", probe: &["npm", "--version"] },
];

/// Installs those of `packages` that are missing.
pub(super) fn install(packages: &[Package]) -> Outcome {
    let missing: Vec<&str> =
        packages.iter().filter(|package| !package.is_present()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !can_install() {
        return Err(Failure::message(format!(
            "this machine lacks {}: install them, on Debian by `sudo apt-get install {}`",
            missing.join(", "),
            missing.join(" ")
        )));
    }
    println!("installing {}", missing.join(", "));
    process::run(&mut apt_get(&["update"]))?;
    process::run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(&missing))
}

impl Package {
    fn is_present(&self) -> bool {
        let Some((program, arguments)) = self.probe.split_first() else {
            return false;
        };
        process::probe(Command::new(program).args(arguments)).is_some()
    }
}

fn can_install() -> bool {
    let is_root = process::probe(Command::new("id").arg("-u")).is_some_and(|user| user.trim() == "0");
    is_root && process::probe(Command::new("apt-get").arg("--version")).is_some()
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
