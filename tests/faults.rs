//! What must hold when the worst happens: kills, floods, stops under load. These tests are heavy and run alone.

mod dynamodb;
mod flood;
mod keys;
mod kill;
mod load;
mod nodes;
mod postgres;
mod stop;
mod upgrade;
