//! G-11: how long one decision takes under 1, 100 and 1,000 policies. `cargo bench -p symbolon-adapters --bench access_policy`
//! prints it; nothing fails by time.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement reads a stopwatch, speaks on standard output, and stops where it cannot go on"
)]

use std::{fmt::Write as _, fs, hint::black_box, time::Instant};

use symbolon_adapters::policy_cedar::CedarPolicies;
use symbolon_domain::{
    access::{AccessPolicy as _, Action, DecisionRole, ItemClass, Items, Party, PolicyRequest, Visibility},
    id::AccountId,
};

const DECISIONS: u32 = 20_000;
const ROUNDS: usize = 5;

fn main() {
    println!("{:>8}  {:>12}  {:>8}  {:>26}", "policies", "per decision", "goal", "all of them in scope");
    for (count, goal) in [(1, 20), (100, 60), (1_000, 400)] {
        let (spread, in_scope) = (measure(&spread(count)), measure(&in_scope(count)));
        println!("{count:>8}  {spread:>9.1} µs  {goal:>5} µs  {in_scope:>23.1} µs");
    }
}

/// The median of a few rounds, in microseconds.
fn measure(policies: &str) -> f64 {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("many.cedar"), policies).expect("a file");
    let items = Items::new([("object".to_owned(), ItemClass::Shareable)]).expect("kinds");
    let (policies, _) = CedarPolicies::load(Some(directory.path()), &items).expect("policies");
    let item = items.find("object").expect("a kind");
    let [asking, other] = [1, 2].map(|number| AccountId::from_bytes([number; 16]));
    let request = PolicyRequest {
        who: Party { account: Some(asking), role: DecisionRole::Authenticated },
        action: Action::View,
        item,
        owner: Party { account: Some(other), role: DecisionRole::Authenticated },
        visibility: Visibility::Shared,
        shared_with: &[other, asking],
    };
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..DECISIONS {
                black_box(policies.judge(black_box(&request)).expect("a ruling"));
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(DECISIONS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}

/// One that decides, and others spread evenly over roles, actions and kinds of items, as a large set is.
fn spread(count: usize) -> String {
    const ROLES: [&str; 4] =
        ["", " in Role::\"authenticated\"", " in Role::\"staff\"", " in Role::\"anonymous\""];
    const ACTIONS: [&str; 5] = [
        "",
        " in [Action::\"list\", Action::\"view\"]",
        " == Action::\"edit\"",
        " == Action::\"delete\"",
        " == Action::\"create\"",
    ];
    const KINDS: [&str; 4] =
        ["", " in Kind::\"object\"", " in Kind::\"api_key\"", " in Kind::\"preference\""];
    let pick =
        |list: &[&'static str], number: usize| list.get(number % list.len()).copied().unwrap_or_default();
    many(count, |number| {
        let role = pick(&ROLES, number);
        let action = pick(&ACTIONS, number / ROLES.len());
        let kind = pick(&KINDS, number / ROLES.len() / ACTIONS.len());
        format!("principal{role}, action{action}, resource{kind}")
    })
}

/// One that decides, and others that are all about this role, action and kind.
fn in_scope(count: usize) -> String {
    many(count, |_| "principal, action == Action::\"view\", resource".to_owned())
}

fn many(count: usize, scope: impl Fn(usize) -> String) -> String {
    let mut text = String::from(
        "@id(\"shared\")\npermit (principal, action in [Action::\"list\", Action::\"view\"], resource)\n\
         when { resource.visibility == Visibility::\"shared\" && resource.shared_with.contains(principal) };\n",
    );
    for number in 1..count {
        let scope = scope(number);
        let _ = writeln!(
            text,
            "@id(\"other-{number}\")\npermit ({scope})\nwhen {{ resource.owner == Account::\"team-{number}\" && \
             resource.visibility == Visibility::\"private\" }};"
        );
    }
    text
}
