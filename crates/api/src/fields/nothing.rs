//! Requests without a body. An empty object, as some clients send it with everything, is none; anything in it is refused
//! as an unknown member is everywhere.

use super::{Fields, FromFields};
use crate::Api;

/// Neither a body nor a query.
pub(crate) struct Nothing;

/// No body; the query is the handler's to read.
pub(crate) struct QueryOnly;

impl FromFields for Nothing {
    const MAY_BE_ABSENT: bool = true;

    fn read(_: &mut Fields, _: &Api) -> Option<Self> {
        Some(Self)
    }
}

impl FromFields for QueryOnly {
    const MAY_BE_ABSENT: bool = true;
    const HAS_QUERY: bool = true;

    fn read(_: &mut Fields, _: &Api) -> Option<Self> {
        Some(Self)
    }
}
