//! The steps of a store's schema, as every engine tells of them (G6).

/// One step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The schema that a store has after it.
    pub version: u32,
    /// What it is about.
    pub name: &'static str,
    /// What it does, in the engine's own words.
    pub text: &'static str,
}

/// What a store's schema is, and what is missing from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The store's schema; none where there is no store yet.
    pub current: Option<u32>,
    /// What bringing it up to date would do, in order.
    pub pending: Vec<Migration>,
}
