//! A feature has one name in every layer, and backends do not know each other.

use std::collections::BTreeSet;

use super::Finding;
use crate::checkout::TextFile;

const DOMAIN: &str = "crates/domain/src/";
const BACKENDS: &[&str] = &["sqlite", "postgres", "dynamodb"];

/// A folder whose files are called like a feature of the domain, and the names besides that it may have.
struct Layer {
    folder: &'static str,
    others: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer {
        folder: "crates/api/src/",
        others: &[
            "boundary",
            "caller",
            "ceremony",
            "cors",
            "docs",
            "fields",
            "headers",
            "lib",
            "limits",
            "management",
            "metrics",
            "oauth",
            "openapi",
            "problem",
            "router",
            "serve",
            "settings",
            "test_mode",
            "tests",
            "trace",
        ],
    },
    Layer {
        folder: "crates/cli/src/",
        others: &[
            "arguments",
            "completions",
            "config",
            "doctor",
            "issuer",
            "keys",
            "lambda",
            "lib",
            "logging",
            "main",
            "migrate",
            "output",
            "page",
            "serve",
            "settings",
            "telemetry",
            "test_mode",
            "token",
            "wiring",
        ],
    },
    Layer { folder: "crates/adapters/src/sql/", others: &["migrations"] },
    Layer {
        folder: "crates/adapters/src/sqlite/",
        others: &["effects", "migrations", "readers", "rows", "slots", "writer"],
    },
    Layer {
        folder: "crates/adapters/src/postgres/",
        others: &["address", "commands", "effects", "failure", "migrations", "notify", "pool", "rows"],
    },
    Layer {
        folder: "crates/adapters/src/dynamodb/",
        others: &[
            "calls",
            "effects",
            "expressions",
            "gates",
            "items",
            "keys",
            "migrations",
            "slots",
            "transaction",
        ],
    },
    Layer { folder: "tests/contract/", others: &["given"] },
];

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let features: BTreeSet<&str> = files.iter().filter_map(|file| module_in(DOMAIN, &file.path)).collect();
    let mut findings = Vec::new();
    for file in files {
        findings.extend(check_name(file, &features));
        findings.extend(check_backend(file));
    }
    findings
}

fn check_name(file: &TextFile, features: &BTreeSet<&str>) -> Option<Finding> {
    let (layer, name) =
        LAYERS.iter().find_map(|layer| Some((layer, module_in(layer.folder, &file.path)?)))?;
    let is_known = features.contains(name) || layer.others.contains(&name);
    (!is_known).then(|| {
        let wrong = format!("`{name}` is no feature of the domain");
        Finding::new(
            file,
            0,
            wrong,
            "give it the name it has there, or list it in xtask/src/tidy/features.rs",
        )
    })
}

/// The module directly below `folder` that `path` belongs to: `a` for both `folder/a.rs` and `folder/a/b.rs`.
fn module_in<'path>(folder: &str, path: &'path str) -> Option<&'path str> {
    let below = path.strip_prefix(folder)?.strip_suffix(".rs")?;
    below.split('/').next()
}

/// A file of one backend names none of the others.
fn check_backend(file: &TextFile) -> Vec<Finding> {
    let Some(own) = module_in("crates/adapters/src/", &file.path).filter(|name| BACKENDS.contains(name))
    else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let names = |other: &&&str| {
            line.contains(&format!("crate::{other}::")) || line.contains(&format!("crate::{other};"))
        };
        if let Some(other) = BACKENDS.iter().filter(|other| **other != own).find(names) {
            let wrong = format!("the backend {own} uses the backend {other}");
            findings.push(Finding::new(file, index, wrong, "put what they share beside them"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::checkout::TextFile;
    use crate::tidy::testing::{file, lines};

    /// The paths that have a finding when the domain has `sessions` and `sign_in`.
    fn misnamed(paths: &[&str]) -> Vec<String> {
        let domain = ["crates/domain/src/sessions.rs", "crates/domain/src/sign_in/verify.rs"];
        let files: Vec<TextFile> = domain.iter().chain(paths).map(|path| file(path, "")).collect();
        check(&files).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_feature_has_its_name_in_every_layer() {
        let good = [
            "crates/adapters/src/sqlite/sessions.rs",
            "crates/api/src/sign_in.rs",
            "crates/api/src/sign_in/codes.rs",
            "crates/cli/src/settings/sources.rs",
            "tests/contract/sessions.rs",
        ];
        assert_eq!(misnamed(&good), [""; 0]);
    }

    #[test]
    fn another_name_is_found() {
        let bad = [
            "crates/adapters/src/sqlite/session.rs",
            "crates/api/src/login.rs",
            "crates/cli/src/session/show.rs",
            "tests/contract/logins.rs",
        ];
        assert_eq!(misnamed(&bad), bad);
    }

    #[test]
    fn backends_do_not_use_each_other() {
        let text = "//! A.\nuse crate::sql;\nuse crate::postgres::pool;\n";
        let files =
            [file("crates/domain/src/sessions.rs", ""), file("crates/adapters/src/sqlite/sessions.rs", text)];
        assert_eq!(lines(&check(&files)), [3]);
    }
}
