//! Lists on the command line: which page is asked for, and where the next one begins.

use symbolon_domain::page::{Page, PageRequest};

use crate::arguments::PageArguments;
use crate::output::Output;
use crate::{CommandError, CommandResult};

/// The page that these arguments ask for.
///
/// # Errors
/// The cursor is not one of ours.
pub fn request(arguments: &PageArguments) -> Result<PageRequest, CommandError> {
    let limit = usize::try_from(arguments.limit).unwrap_or(PageRequest::DEFAULT_LIMIT);
    let after = arguments.cursor.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| CommandError::Argument("--cursor is not a cursor from an earlier page"))?;
    Ok(PageRequest::new(limit, after))
}

/// Says on standard error how to see more, where there is more.
///
/// # Errors
/// Standard error cannot be written.
pub fn tell_next<T>(page: &Page<T>, output: &mut Output<'_>) -> CommandResult {
    if let Some(next) = &page.next {
        output.notice(&format!("there is more: --cursor {next}"))?;
    }
    Ok(())
}
