//! G-11: how long one decision takes under 1, 100 and 1,000 policies.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;

use symbolon_adapters::policy_cedar::CedarPolicies;
use symbolon_domain::access::{
    AccessPolicy as _, Action, DecisionRole, ItemClass, Items, Party, PolicyRequest, Visibility,
};
use symbolon_domain::id::AccountId;

use crate::failure::{Failure, Outcome};
use crate::options::Options;
use crate::raw;
use crate::report::{Goal, Row, Unit};

pub(super) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let rows = [
        ("a decision, 1 policy", 1, 20.0),
        ("a decision, 100 policies", 100, 60.0),
        ("a decision, 1,000 policies", 1_000, 400.0),
    ];
    rows.into_iter().map(|(work, count, most)| row(work, count, most, options)).collect()
}

fn row(work: &'static str, count: usize, most: f64, options: &Options) -> Outcome<Row> {
    let all_in_scope = microseconds(&in_scope(count), options)?;
    Ok(Row {
        id: "G-11",
        work,
        figure: microseconds(&spread(count), options)?,
        unit: Unit::Microseconds,
        detail: format!("{all_in_scope:.0} µs where all of them are in scope"),
        reference: None,
        goal: Goal::AtMost(most),
    })
}

/// What one decision takes under these policies.
fn microseconds(policies: &str, options: &Options) -> Outcome<f64> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("many.cedar"), policies)?;
    let kinds = Items::new([("object".to_owned(), ItemClass::Shareable)]);
    let items = kinds.map_err(|_| Failure::missing("kind of item"))?;
    let loaded = CedarPolicies::load(Some(directory.path()), &items);
    let (policies, _) = loaded.map_err(|problems| Failure(format!("{problems:?}")))?;
    let item = items.find("object").ok_or_else(|| Failure::missing("kind of item"))?;
    let [asking, other] = [1, 2].map(|number| AccountId::from_bytes([number; 16]));
    let request = PolicyRequest {
        who: Party { account: Some(asking), role: DecisionRole::Authenticated },
        action: Action::View,
        item,
        owner: Party { account: Some(other), role: DecisionRole::Authenticated },
        visibility: Visibility::Shared,
        shared_with: &[other, asking],
    };
    let duration = options.time(1);
    let rate = raw::middle(|| {
        let decide = || {
            let ruling = policies.judge(black_box(&request));
            black_box(ruling.map_err(|_| Failure::missing("ruling"))?);
            Ok(())
        };
        raw::turns(decide, duration)
    })?;
    Ok(1e6 / rate)
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
