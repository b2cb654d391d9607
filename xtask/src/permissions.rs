//! `cargo xtask permissions`: keeps the tables in `docs/permissions.md` what follows from the default policies.

use std::fs;

use crate::checkout::Checkout;
use crate::process::{Failure, Outcome};
use crate::schema::{first_difference, print};

const DOCUMENT: &str = "docs/permissions.md";

/// What stands before the tables; they go on to the end of the document.
const MARK: &str = "<!-- From here on written by `cargo xtask permissions`. -->\n";

/// Writes the tables anew.
pub(crate) fn write(checkout: &Checkout) -> Outcome {
    let (_, wanted) = documents(checkout)?;
    fs::write(checkout.root().join(DOCUMENT), wanted)
        .map_err(|error| Failure::message(format!("{DOCUMENT} could not be written: {error}")))
}

/// Fails when the tables are not what follows from the policies.
pub(crate) fn check(checkout: &Checkout) -> Outcome {
    let (kept, wanted) = documents(checkout)?;
    match first_difference(&kept, &wanted) {
        None => Ok(()),
        Some(line) => Err(Failure::message(format!(
            "{DOCUMENT}:{line}: does not follow from config/policies: run `cargo xtask permissions` and commit it"
        ))),
    }
}

/// The document as it is, and as it should be.
fn documents(checkout: &Checkout) -> Result<(String, String), Failure> {
    let kept = fs::read_to_string(checkout.root().join(DOCUMENT))
        .map_err(|error| Failure::message(format!("{DOCUMENT} could not be read: {error}")))?;
    let Some((text, _)) = kept.split_once(MARK) else {
        return Err(Failure::message(format!("{DOCUMENT} lacks the line `{}`", MARK.trim_end())));
    };
    let tables = print(checkout, &["access", "matrix", "--markdown"])?;
    let wanted = format!("{text}{MARK}{tables}");
    Ok((kept, wanted))
}
