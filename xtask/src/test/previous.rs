//! The program as it was before the newest migration of PostgreSQL was added, for the test that runs both on one database
//! (G6). It is built of the history, once, with what is compiled already.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::checkout::Checkout;
use crate::process::{self, Failure};

const MIGRATIONS: &str = "crates/adapters/src/sql/migrations/postgres";

/// The program, or none where the history does not go back so far.
pub(super) fn build(checkout: &Checkout) -> Result<Option<PathBuf>, Failure> {
    let Some(commit) = commit_before(checkout)? else { return Ok(None) };
    let directory = checkout.target().join("previous").join(&commit);
    let program = directory.join("symbolon");
    if program.exists() {
        return Ok(Some(program));
    }
    let source = directory.join("source");
    fs::create_dir_all(&source).map_err(|error| failed(&source, &error))?;
    let archive = directory.join("source.tar");
    process::run(git(checkout).args(["archive", "--format=tar", "--output"]).arg(&archive).arg(&commit))?;
    process::run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&source))?;
    // In the directory of the present one, whose libraries it shares; that one is built after it.
    let mut cargo = checkout.cargo(&["build", "--quiet", "--workspace", "--bin", "symbolon", "--target-dir"]);
    process::run(cargo.arg(checkout.target()).current_dir(&source))?;
    fs::copy(checkout.target().join("debug/symbolon"), &program).map_err(|error| failed(&program, &error))?;
    fs::remove_dir_all(&source).map_err(|error| failed(&source, &error))?;
    fs::remove_file(&archive).map_err(|error| failed(&archive, &error))?;
    Ok(Some(program))
}

/// The last commit without the newest migration: the present one as long as that is not committed.
fn commit_before(checkout: &Checkout) -> Result<Option<String>, Failure> {
    let directory = checkout.root().join(MIGRATIONS);
    let entries = fs::read_dir(&directory).map_err(|error| failed(&directory, &error))?;
    let newest = entries.filter_map(Result::ok).map(|entry| entry.file_name()).max();
    let newest = newest.ok_or_else(|| Failure::message(format!("there is nothing in {MIGRATIONS}")))?;
    let path = format!("{MIGRATIONS}/{}", newest.to_string_lossy());
    let mut log = git(checkout);
    let added = process::probe(log.args(["log", "--diff-filter=A", "--format=%H", "-1", "--", &path]));
    let Some(added) = added else { return Ok(None) };
    let before = if added.is_empty() { "HEAD".to_owned() } else { format!("{}^", added.trim()) };
    let commit = process::probe(git(checkout).args(["rev-parse", "--verify", "--quiet", &before]));
    Ok(commit.map(|commit| commit.trim().to_owned()))
}

fn git(checkout: &Checkout) -> Command {
    let mut git = Command::new("git");
    git.current_dir(checkout.root());
    git
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::message(format!("{}: {error}", path.display()))
}
