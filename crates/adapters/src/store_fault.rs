//! What kind of thing keeps a store from being used, on whichever engine: for whoever says what to do about it. What the
//! engine itself says stands in the error; nothing is told by this alone.

/// The cause, as far as the engine tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreFault {
    /// `store.url` cannot be read.
    Address,
    /// Nobody answers where it points to, or not in time.
    Unreachable,
    /// What answers there has no certificate that is believed, or speaks no TLS.
    Certificate,
    /// AWS is to be asked, and nobody says in which region.
    Region,
    /// The name or the password is wrong, or there is none.
    Credentials,
    /// Whoever it is may not do this.
    Permission,
    /// A server is there, and the database, table or file is not.
    Missing,
    /// It keeps texts in an encoding that is not UTF-8.
    Encoding,
    /// Its schema is older than this program.
    Outdated,
    /// A newer version of this program has changed it.
    Newer,
    /// It belongs to another program.
    Foreign,
    /// It cannot be what was written.
    Damaged,
    /// Others hold it, or it is only now coming up: later it will do.
    Busy,
    /// It has no more connections to give.
    Crowded,
    /// It has no more room.
    Full,
    /// It takes no writes, as a replica does.
    ReadOnly,
    /// Something else.
    Other,
}
