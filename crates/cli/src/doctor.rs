//! `symbolon doctor`: finds what is wrong and says what to do (G8). It changes nothing.

mod advice;
mod issuers;
mod licensing;
mod mail;
mod store;

use std::path::Path;

use serde::Serialize;
use symbolon_domain::{
    audit::{AuditEvent, AuditFilter},
    clock::Timestamp,
    outbox::Backlog,
    page::PageRequest,
};

use crate::output::{Output, or_dash};
use crate::settings::{Problem, Settings};
use crate::wiring::files::{self, BrokenFile};
use crate::wiring::{self, Questions, Service, Surroundings};
use crate::{CommandError, CommandResult};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Fine,
    Notice,
    Wrong,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
struct Check {
    check: &'static str,
    verdict: Verdict,
    found: String,
    advice: Option<&'static str>,
}

impl Check {
    fn fine(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fine, found: found.into(), advice: None }
    }

    fn notice(check: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { check, verdict: Verdict::Notice, found: found.into(), advice: Some(advice) }
    }

    fn wrong(check: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { check, verdict: Verdict::Wrong, found: found.into(), advice: Some(advice) }
    }
}

/// Runs every check that can be run and prints them all.
///
/// # Errors
/// A check found something wrong.
pub async fn run(loaded: Result<Settings, Vec<Problem>>, output: &mut Output<'_>) -> CommandResult {
    let checks = match loaded {
        Err(problems) => problems
            .iter()
            .map(|problem| {
                Check::wrong("configuration", problem.to_string(), "correct it: `symbolon config check`")
            })
            .collect(),
        Ok(settings) => Box::pin(check(&settings)).await,
    };
    let wrong = checks.iter().filter(|check| check.verdict == Verdict::Wrong).count();
    output.list(&["check", "verdict", "found", "advice"], &checks, |check| {
        let verdict = match check.verdict {
            Verdict::Fine => "fine",
            Verdict::Notice => "notice",
            Verdict::Wrong => "WRONG",
        };
        vec![check.check.to_owned(), verdict.to_owned(), check.found.clone(), or_dash(check.advice)]
    })?;
    if wrong == 0 { Ok(()) } else { Err(CommandError::Doctor(wrong)) }
}

async fn check(settings: &Settings) -> Vec<Check> {
    let mut checks =
        vec![Check::fine("configuration", "no mistakes"), public_url(settings), exposure(settings)];
    checks.extend(privacy(&settings.data_dir));
    checks.push(mail::check(&settings.messages.email).await);
    checks.extend(issuers::check(settings).await);
    checks.extend(licensing::check(settings).await);
    checks.extend(store::transport(&settings.store.url));
    checks.extend(files::broken(settings).into_iter().filter_map(broken_file));
    // What is wrong in them is told already, and no reason not to look at the store.
    let looking = files::without(settings);
    match wiring::open_existing(&looking, Surroundings::real(), Questions::NoneAsked).await {
        Err(error) => checks.push(store::failed(settings, &error)),
        Ok(service) => {
            checks.extend(opened(settings, &service).await);
            service.close().await;
        }
    }
    checks
}

/// What is wrong in a file that a setting names, but for those that the check of the mail tells of.
fn broken_file(BrokenFile { key, problem }: BrokenFile) -> Option<Check> {
    let (check, advice) = match key {
        "messages.email.smtp.ca" => return None,
        "http.tls.cert" => ("TLS", "correct http.tls.cert or the file: PEM, this server's certificate first"),
        "http.tls.key" => {
            ("TLS", "correct http.tls.key or the file: PEM, for its owner's eyes only (chmod 600)")
        }
        "messages.templates" => ("templates", "correct the file: `symbolon outbox preview KIND` tries each"),
        "passwords.blocklist" => {
            ("passwords", "correct passwords.blocklist, or give the service's user the file")
        }
        "access.policies" => ("access policies", "correct them: `symbolon access validate`"),
        "authorizer.policies" => {
            ("route policies", "correct them, or the routes (authorizer.routes) they are about")
        }
        _ => ("configuration", "correct the setting, or the file that it names"),
    };
    Some(Check::wrong(check, format!("{key}: {problem}"), advice))
}

/// Whether others than its owner may look into the data directory.
fn privacy(directory: &Path) -> Option<Check> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(directory).ok()?.permissions().mode();
    let found = format!("{} has mode {:04o}", directory.display(), mode & 0o7777);
    (mode & 0o077 != 0).then(|| Check::notice("data directory", found, "close it to others: chmod 700"))
}

fn public_url(settings: &Settings) -> Check {
    let url = &settings.http.public_url;
    if url.ip_address().is_some() {
        return Check::notice(
            "public URL",
            url.to_string(),
            "passkeys need a name, not an IP address, in http.public_url",
        );
    }
    let local = matches!(url.host(), "localhost");
    if local || url.is_https() {
        Check::fine("public URL", url.to_string())
    } else {
        Check::notice("public URL", url.to_string(), "put HTTPS in front and say so in http.public_url")
    }
}

fn exposure(settings: &Settings) -> Check {
    let (public, management) = (settings.http.listen, settings.management.listen);
    if management.ip().is_loopback() {
        Check::fine("listeners", format!("{public}, management {management}"))
    } else {
        Check::notice(
            "listeners",
            format!("management {management}"),
            "metrics and health tell strangers much: keep management.listen on loopback or a private network",
        )
    }
}

/// What is to be seen in a store that opens; one that cannot be read all the same is told of once.
async fn opened(settings: &Settings, service: &Service) -> Vec<Check> {
    let keys = Check::fine("keys", "the master key opens the peppers and every signing key");
    let newest = service.audit.list(&AuditFilter::default(), PageRequest::new(1, None)).await;
    let looked = match (newest, service.outbox.backlog().await) {
        (Ok(newest), Ok(backlog)) => (newest, backlog),
        (Err(error), _) | (_, Err(error)) => return vec![store::unusable(settings, &error), keys],
    };
    let now = service.clock.now();
    let store = Check::fine("store", "opens, and its schema is up to date");
    vec![store, keys, clock(now, looked.0.items.first()), outbox(now, &looked.1)]
}

fn clock(now: Timestamp, newest: Option<&AuditEvent>) -> Check {
    match newest {
        Some(event) if event.at > now => Check::wrong(
            "clock",
            format!("{now}, and the last event is of {}", event.at),
            "the clock went back: set it right, and keep it so with NTP",
        ),
        _ => Check::fine("clock", now.to_string()),
    }
}

fn outbox(now: Timestamp, backlog: &Backlog) -> Check {
    match backlog.oldest {
        Some(oldest) if now.since(oldest).as_secs() > 60 => Check::notice(
            "outbox",
            format!("{} messages wait, the oldest since {oldest}", backlog.pending),
            "is `symbolon serve` running? see `symbolon outbox list`",
        ),
        _ => Check::fine("outbox", format!("{} messages wait", backlog.pending)),
    }
}
