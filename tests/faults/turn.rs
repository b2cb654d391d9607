//! How long a fault goes on: briefly with all other tests, for its whole length where `cargo xtask test --faults` says so.

/// `long` in a long turn, `short` in any other.
pub(super) fn of<T>(short: T, long: T) -> T {
    if std::env::var("SYMBOLON_TEST_TURN").is_ok_and(|turn| turn == "long") { long } else { short }
}
