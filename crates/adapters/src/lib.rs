//! Where it is kept and sent: the adapters behind the domain's ports, one module per technology. No adapter knows
//! another, and none knows HTTP or the command line.

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
pub mod email;
pub mod jwks_http;
pub mod jwt;
pub mod licenses_http;
pub mod loopback;
mod outbound;
pub mod paseto;
pub mod password_hash;
pub mod policy_cedar;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod schema;
pub mod seal;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store_fault;
pub mod system;
pub mod templates;
