//! Rules for `Cargo.toml`: which crate may name which, and where versions and features are chosen. Manifests are read
//! line by line, which is all that the way we write them needs, and gives every finding its line.

use super::Finding;
use crate::checkout::TextFile;

/// Crates that reach a disk, a network or a runtime; each also stands for its family (`tokio-util`, `aws-sdk-sns`).
const INPUT_OUTPUT: &[&str] = &[
    "tokio",
    "axum",
    "rusqlite",
    "sqlx",
    "aws-sdk",
    "aws-config",
    "reqwest",
    "lettre",
    "hyper",
    "tower",
    "figment",
];
/// Workspaces of their own, whose versions are therefore their own.
const OUTSIDE: &[&str] = &["tests/dynamodb-engine/Cargo.toml", "fuzz/Cargo.toml"];
/// Crates without Cargo features, for which there are no default ones to switch off.
const WITHOUT_FEATURES: &[&str] = &["async-trait"];

/// An edge that a crate must not have.
struct Ban {
    manifest: &'static str,
    bans: fn(&str) -> bool,
    remedy: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        manifest: "crates/domain/Cargo.toml",
        bans: |name| is_input_output(name) || name.starts_with("symbolon"),
        remedy: "the domain is pure: make it a port, and put this into an adapter",
    },
    Ban {
        manifest: "crates/api/Cargo.toml",
        bans: |name| name == "symbolon-adapters" || name == "symbolon",
        remedy: "api knows ports only: let crates/cli wire it",
    },
    Ban {
        manifest: "crates/adapters/Cargo.toml",
        bans: |name| name == "symbolon-api" || name == "symbolon",
        remedy: "adapters know the domain only: let crates/cli wire it",
    },
    Ban {
        manifest: "xtask/Cargo.toml",
        bans: |name| name.starts_with("symbolon"),
        remedy: "chores run the binary; they are not built on it",
    },
];

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let dependencies = dependencies(&file.text);
    if file.path == "Cargo.toml" || OUTSIDE.contains(&file.path.as_str()) {
        return dependencies.iter().filter_map(|dependency| check_features(file, dependency)).collect();
    }
    if !file.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let of_version = dependencies.iter().filter_map(|dependency| check_version(file, dependency));
    let of_edges = dependencies.iter().filter_map(|dependency| check_edge(file, dependency));
    of_version.chain(of_edges).collect()
}

/// A line of a section of dependencies.
struct Dependency<'text> {
    index: usize,
    name: &'text str,
    line: &'text str,
}

fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies");
            // `[dependencies.name]` has its keys on lines of their own: read the head, and refuse it in `check_version`.
            if let Some((_, name)) = section.split_once("dependencies.") {
                found.push(Dependency { index, name, line });
            }
        } else if in_dependencies && let Some(name) = key(line) {
            found.push(Dependency { index, name, line });
        }
    }
    found
}

/// The key that a line sets, if it is neither blank nor a comment nor the rest of a list.
fn key(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(['.', ' ', '='])?;
    let starts_well = name.starts_with(|character: char| character.is_ascii_alphanumeric());
    starts_well.then_some(name)
}

fn check_version(file: &TextFile, dependency: &Dependency<'_>) -> Option<Finding> {
    let Dependency { index, name, line } = dependency;
    let inherited = line.contains("workspace = true");
    (!inherited).then(|| {
        let remedy =
            format!("choose its version in the root Cargo.toml and write `{name} = {{ workspace = true }}`");
        Finding::new(file, *index, format!("`{name}` has a version of its own"), remedy)
    })
}

fn check_features(file: &TextFile, dependency: &Dependency<'_>) -> Option<Finding> {
    let Dependency { index, name, line } = dependency;
    let is_ours = line.contains("path = ");
    let is_chosen = line.contains("default-features = false") || WITHOUT_FEATURES.contains(name);
    (!is_ours && !is_chosen).then(|| {
        let remedy = "add `default-features = false` and name the features we need";
        Finding::new(file, *index, format!("`{name}` has its default features on"), remedy)
    })
}

fn check_edge(file: &TextFile, dependency: &Dependency<'_>) -> Option<Finding> {
    let Dependency { index, name, .. } = dependency;
    let ban = BANS.iter().find(|ban| ban.manifest == file.path && (ban.bans)(name))?;
    Some(Finding::new(file, *index, format!("this crate must not depend on `{name}`"), ban.remedy))
}

fn is_input_output(name: &str) -> bool {
    let is_of = |family: &str| {
        let rest = name.strip_prefix(family);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    INPUT_OUTPUT.iter().any(|family| is_of(family))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::testing::{NOTHING, file, lines};

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&file(path, text)))
    }

    #[test]
    fn the_domain_depends_on_no_input_or_output() {
        for name in [
            "tokio",
            "tokio-util",
            "axum",
            "rusqlite",
            "sqlx",
            "aws-sdk-sns",
            "aws-config",
            "hyper",
            "lettre",
        ] {
            let text =
                format!("[dependencies]\nserde = {{ workspace = true }}\n{name} = {{ workspace = true }}\n");
            assert_eq!(found("crates/domain/Cargo.toml", &text), [3], "{name}");
            assert_eq!(found("crates/adapters/Cargo.toml", &text), NOTHING, "{name}");
        }
    }

    #[test]
    fn the_front_end_and_the_adapters_do_not_know_each_other() {
        let adapters = "[dependencies]\nsymbolon-adapters = { workspace = true }\n";
        assert_eq!(found("crates/api/Cargo.toml", adapters), [2]);
        assert_eq!(found("crates/cli/Cargo.toml", adapters), NOTHING);
        let api = "[dev-dependencies]\nsymbolon-api.workspace = true\n";
        assert_eq!(found("crates/adapters/Cargo.toml", api), [2]);
    }

    #[test]
    fn versions_are_chosen_in_one_place() {
        let text = "[package]\nname = \"a\"\n\n[dependencies]\nserde = \"1\"\n\n[build-dependencies]\ncc = { version = \"1\" }\n";
        assert_eq!(found("crates/cli/Cargo.toml", text), [5, 8]);
        assert_eq!(found("crates/cli/Cargo.toml", "[dependencies.serde]\nversion = \"1\"\n"), [1]);
    }

    #[test]
    fn outside_the_workspace_versions_are_chosen_in_place() {
        let text = "[dependencies]\nserde = { version = \"1\", default-features = false }\ntime = \"0.3\"\n";
        assert_eq!(found("tests/dynamodb-engine/Cargo.toml", text), [3]);
    }

    #[test]
    fn default_features_are_off() {
        let text = "[workspace.dependencies]\nsymbolon = { path = \"crates/cli\" }\n# Values\nserde = \"1\"\n\
                    time = { version = \"0.3\", default-features = false }\n\n[profile.dev]\ndebug = false\n";
        assert_eq!(found("Cargo.toml", text), [4]);
    }
}
