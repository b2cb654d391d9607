//! Every store, held to every suite of [`crate::contract`], and to what only its own engine can get wrong.

mod dynamodb;
mod postgres;
mod sqlite;
