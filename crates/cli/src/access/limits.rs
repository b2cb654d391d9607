//! `symbolon access limits`: what the configuration says, without a store.

use serde::Serialize;
use symbolon_domain::access::{DecisionRole, Limit};

use super::known;
use crate::CommandResult;
use crate::output::{Output, or_dash};
use crate::settings::Settings;
use crate::wiring::access;

/// A limit.
#[derive(Serialize)]
struct LimitRow {
    role: &'static str,
    limit: String,
    /// None: there is no limit.
    most: Option<u64>,
}

/// Shows the limits of a role, or one of them.
pub(super) fn show(
    role: &str,
    limit: Option<&str>,
    settings: &Settings,
    output: &mut Output<'_>,
) -> CommandResult {
    let role = known(DecisionRole::parse(role))?;
    let row = |limit: &Limit, most| LimitRow { role: role.as_str(), limit: limit.to_string(), most };
    let items = access::items(settings)?;
    let limits = access::limits(settings, &items)?;
    if let Some(name) = limit {
        let limit = Limit::parse(name, &items)?;
        return Ok(output.record(&row(&limit, limits.of(role, &limit)))?);
    }
    let of_role = limits.iter().filter(|(of, _, _)| *of == role);
    let rows: Vec<LimitRow> = of_role.map(|(_, limit, most)| row(limit, Some(most))).collect();
    Ok(output.list(&["role", "limit", "most"], &rows, |row| {
        vec![row.role.to_owned(), row.limit.clone(), or_dash(row.most)]
    })?)
}
