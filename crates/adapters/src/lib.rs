//! Where it is kept and sent: the adapters behind the domain's ports, one module per technology. No adapter knows
//! another, and none knows HTTP or the command line.

pub mod email;
pub mod jwt;
pub mod password_hash;
pub mod seal;
#[cfg(feature = "sqlite")]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod system;
pub mod templates;
