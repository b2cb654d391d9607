//! The seeds of the fuzz targets, and each of them cut short, through what is fuzzed (X15): in every run, with the compiler and
//! the libraries of all other tests. What libFuzzer makes of them is `cargo xtask fuzz`'s.

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use rstest::rstest;

#[expect(unreachable_pub, reason = "it is a crate of its own where libFuzzer drives it")]
#[path = "../fuzz/src/lib.rs"]
mod fuzzed;

/// So many beginnings of each seed are tried too.
const CUTS: usize = 8;

type Run = fn(&[u8]) -> bool;

const TARGETS: [(&str, Run); 8] = [
    ("connection", fuzzed::connection::run),
    ("gateway", fuzzed::gateway::run),
    ("mail_server", fuzzed::mail_server::run),
    ("request", fuzzed::request::run),
    ("sealed", fuzzed::sealed::run),
    ("settings", fuzzed::settings::run),
    ("tokens", fuzzed::tokens::run),
    ("values", fuzzed::values::run),
];

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

fn names_in(path: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// X15: no seed brings anything down, nor what is left of it when the rest does not come; and each says something to its target.
#[rstest]
fn every_seed_goes_through(
    #[values("connection", "gateway", "mail_server", "request", "sealed", "settings", "tokens", "values")]
    target: &str,
) {
    let (_, run) = TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let seeds = directory("seeds").join(target);
    let mut failed = Vec::new();
    let mut tries = |what: String, data: &[u8]| match catch_unwind(AssertUnwindSafe(|| run(data))) {
        Ok(is_of_interest) => is_of_interest,
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            failed.push(format!("{what}: {}", said.unwrap_or_default()));
            true
        }
    };
    for name in names_in(&seeds) {
        let seed = fs::read(seeds.join(&name)).unwrap();
        assert!(tries(name.clone(), &seed), "{target} makes nothing of its seed {name}");
        for cut in 0..CUTS {
            let length = seed.len() * cut / CUTS;
            tries(format!("{name}, its first {length} bytes"), &seed[..length]);
        }
    }
    assert!(failed.is_empty(), "{target}:\n{}", failed.join("\n"));
}

/// A target that was added is tried here too, and has seeds.
#[test]
fn every_target_has_seeds_that_are_tried() {
    let tried: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names_in(&directory("targets")), tried);
    assert_eq!(names_in(&directory("seeds")), tried);
    for target in &tried {
        assert!(fs::read_dir(directory("seeds").join(target)).unwrap().next().is_some(), "{target}");
    }
}
