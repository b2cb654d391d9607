//! Everything that follows from policies: who may do what with whose items, in whatever visibility (P2). Asked of the
//! policies, question by question; nothing here knows what they say.

use std::fmt::Write as _;

use serde::Serialize;
use symbolon_domain::access::{
    AccessPolicy, Action, DecisionRole, ItemClass, ItemKind, Items, Party, PolicyFault, PolicyRequest,
    Ruling, Visibility,
};
use symbolon_domain::id::AccountId;

/// What somebody may do with items of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) role: &'static str,
    pub(super) item: String,
    pub(super) whose: &'static str,
    pub(super) visibility: &'static str,
    pub(super) actions: Vec<&'static str>,
}

/// Whose an item is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    /// Of each role that an owner can have.
    Of(DecisionRole),
}

const OWNERS: [Whose; 4] = [
    Whose::Own,
    Whose::Of(DecisionRole::Authenticated),
    Whose::Of(DecisionRole::Staff),
    Whose::Of(DecisionRole::Superuser),
];

/// Who may see it, and whether who asks is one of those whom it is shared with.
const VISIBILITIES: [(Visibility, bool, &str); 5] = [
    (Visibility::Public, false, "public"),
    (Visibility::Unlisted, false, "unlisted"),
    (Visibility::Private, false, "private"),
    (Visibility::Shared, true, "shared with them"),
    (Visibility::Shared, false, "shared with others"),
];

/// Every row, by role, item, owner and visibility.
pub(super) fn rows(policy: &dyn AccessPolicy, items: &Items) -> Result<Vec<Row>, PolicyFault> {
    let mut rows = Vec::new();
    for role in DecisionRole::ALL {
        for item in items.iter() {
            for whose in OWNERS.into_iter().filter(|whose| *whose != Whose::Own || has_account(*role)) {
                for (visibility, is_shared, shown) in VISIBILITIES {
                    let can_be = match item.class() {
                        ItemClass::Private => visibility == Visibility::Private,
                        ItemClass::Shareable => has_account(*role) || !is_shared,
                    };
                    if can_be {
                        let actions = actions(policy, (*role, item, whose), (visibility, is_shared))?;
                        let (role, item) = (role.as_str(), item.as_str().to_owned());
                        rows.push(Row { role, item, whose: whose.as_str(), visibility: shown, actions });
                    }
                }
            }
        }
    }
    Ok(rows)
}

/// A table for each role, with items that are treated alike in one row.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    for role in DecisionRole::ALL {
        let _ = write!(text, "\n### {}\n\n| item | whose | visibility |", role.as_str());
        for action in Action::ALL {
            let _ = write!(text, " {} |", action.as_str());
        }
        let _ = writeln!(text, "\n|---|---|---|{}", ":-:|".repeat(Action::ALL.len()));
        let of_role: Vec<&Row> = rows.iter().filter(|row| row.role == role.as_str()).collect();
        for (items, block) in alike(&of_role) {
            for row in block {
                let _ = write!(text, "| {} | {} | {} |", items.join(", "), row.whose, row.visibility);
                for action in Action::ALL {
                    let may = row.actions.contains(&action.as_str());
                    let _ = write!(text, " {} |", if may { "yes" } else { "–" });
                }
                text.push('\n');
            }
        }
    }
    text
}

/// The rows of each kind of item, those of kinds that are treated alike once.
fn alike<'a>(rows: &[&'a Row]) -> Vec<(Vec<&'a str>, Vec<&'a Row>)> {
    let mut groups: Vec<(Vec<&str>, Vec<&Row>)> = Vec::new();
    let content = |row: &Row| (row.whose, row.visibility, row.actions.clone());
    for block in rows.chunk_by(|one, other| one.item == other.item) {
        let Some(first) = block.first() else { continue };
        let same = |(_, known): &&mut (Vec<&str>, Vec<&Row>)| {
            known.iter().map(|row| content(row)).eq(block.iter().map(|row| content(row)))
        };
        match groups.iter_mut().find(same) {
            Some((items, _)) => items.push(&first.item),
            None => groups.push((vec![&first.item], block.to_vec())),
        }
    }
    groups
}

/// What is allowed.
fn actions(
    policy: &dyn AccessPolicy,
    (role, item, whose): (DecisionRole, &ItemKind, Whose),
    (visibility, is_shared): (Visibility, bool),
) -> Result<Vec<&'static str>, PolicyFault> {
    let [asking, another, third] = [1, 2, 3].map(|number| AccountId::from_bytes([number; 16]));
    let who = Party { account: has_account(role).then_some(asking), role };
    let owner = match whose {
        Whose::Own => who,
        Whose::Of(role) => Party { account: Some(another), role },
    };
    let shared_with: &[AccountId] = match visibility {
        Visibility::Shared if is_shared => &[asking, third],
        Visibility::Shared => &[third],
        _ => &[],
    };
    let mut allowed = Vec::new();
    for action in Action::ALL {
        let request = PolicyRequest { who, action: *action, item, owner, visibility, shared_with };
        if matches!(policy.judge(&request)?, Ruling::Permitted(_)) {
            allowed.push(action.as_str());
        }
    }
    Ok(allowed)
}

const fn has_account(role: DecisionRole) -> bool {
    !matches!(role, DecisionRole::Anonymous)
}

impl Whose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Of(DecisionRole::Staff) => "a staff's",
            Self::Of(DecisionRole::Superuser) => "a superuser's",
            Self::Of(_) => "another's",
        }
    }
}
