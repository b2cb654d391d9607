//! The real binary as an operator uses it, and the README's walk as it is printed.

mod access;
mod administration;
mod api_keys;
mod authorizer;
mod commands;
mod configuration;
mod doctor;
mod outbox;
mod readme;
mod store;
mod stores;
mod tokens;
