//! Where the project's files are, and how its Cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::process::{self, Failure};

/// The working copy that the chores work on.
pub(crate) struct Checkout {
    root: PathBuf,
    target: PathBuf,
}

/// A file of the project, by its path from the root with `/` between its parts.
pub(crate) struct TextFile {
    /// The path from the root.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl Checkout {
    /// The workspace that the current directory is in.
    pub(crate) fn find() -> Result<Self, Failure> {
        let mut command = Command::new(cargo_program());
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: serde_json::Value = serde_json::from_str(&process::read(&mut command)?)
            .map_err(|error| Failure::message(format!("`cargo metadata` printed no JSON: {error}")))?;
        let directory = |key: &str| {
            let path = metadata.get(key).and_then(serde_json::Value::as_str).map(PathBuf::from);
            path.ok_or_else(|| Failure::message(format!("`cargo metadata` names no {key}")))
        };
        Ok(Self { root: directory("workspace_root")?, target: directory("target_directory")? })
    }

    /// The directory of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that Cargo builds into; helper tools live in its `tools`.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Cargo with these arguments, to be run at the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_program());
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Every text file that git tracks or would track, in order of path.
    pub(crate) fn text_files(&self) -> Result<Vec<TextFile>, Failure> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listing = process::read(git.current_dir(&self.root))?;
        let mut paths: Vec<&str> = listing.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        // What cannot be read as text is a picture, or was deleted and not committed yet.
        let read = |path: &str| fs::read_to_string(self.root.join(path)).ok();
        let files = paths.into_iter().filter_map(|path| {
            let text = read(path)?;
            Some(TextFile { path: path.to_owned(), text })
        });
        Ok(files.collect())
    }
}

/// The Cargo that runs us, so that a toolchain chosen on the command line stays chosen.
fn cargo_program() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
