//! Lists: newest first, a page at a time, continued by an opaque cursor. No offsets, no totals.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where the next page begins: after the row with this id. Opaque to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor([u8; 16]);

impl Cursor {
    /// A page that continues after the row with these id bytes.
    #[must_use]
    pub const fn after(id: &[u8; 16]) -> Self {
        Self(*id)
    }

    /// The id bytes of the last row of the page before.
    #[must_use]
    pub const fn id(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The text is not a cursor of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a cursor from an earlier page")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        bytes.try_into().map(Self).map_err(|_| InvalidCursor)
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows on the page at the most, 1 to [`PageRequest::MAX_LIMIT`].
    limit: usize,
    /// Continue after this row; from the newest when there is none.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_LIMIT: usize = 200;
    /// The page's size where the caller names none.
    pub const DEFAULT_LIMIT: usize = 50;

    /// A page of `limit` rows, held between 1 and [`Self::MAX_LIMIT`].
    #[must_use]
    pub fn new(limit: usize, after: Option<Cursor>) -> Self {
        Self { limit: limit.clamp(1, Self::MAX_LIMIT), after }
    }

    /// The first page of the usual size.
    #[must_use]
    pub const fn first() -> Self {
        Self { limit: Self::DEFAULT_LIMIT, after: None }
    }

    /// Rows on the page at the most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Continues the list; none when this page is the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes the page out of up to `limit + 1` rows: the row too many only says that there are more.
    #[must_use]
    pub fn from_rows(mut rows: Vec<T>, request: PageRequest, id: impl Fn(&T) -> [u8; 16]) -> Self {
        let more = rows.len() > request.limit;
        rows.truncate(request.limit);
        let next = if more { rows.last().map(|row| Cursor(id(row))) } else { None };
        Self { items: rows, next }
    }

    /// The same page with each row turned into something else.
    #[must_use]
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor::after(&[7; 16]);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    /// The advisory "SQL injection by pagination cursor": nothing but 16 bytes gets through.
    #[test]
    fn text_that_is_not_sixteen_bytes_is_no_cursor() {
        for text in ["", "1 OR 1=1", "AAAA", "';--", &"A".repeat(200)] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_next_cursor_appears_only_when_there_are_more_rows() {
        let id = |row: &u8| [*row; 16];
        let request = PageRequest::new(2, None);
        let full = Page::from_rows(vec![3, 2, 1], request, id);
        assert_eq!((full.items, full.next), (vec![3, 2], Some(Cursor::after(&[2; 16]))));
        assert_eq!(Page::from_rows(vec![3, 2], request, id).next, None);
    }
}
