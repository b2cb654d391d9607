//! What must hold when the worst happens: kills, floods, stops under load. These tests are heavy and run alone.

mod disk;
mod dynamodb;
mod flood;
mod gateway;
mod keys;
mod kill;
mod load;
mod mail;
mod nodes;
mod postgres;
mod races;
mod slow;
mod stop;
mod turn;
mod upgrade;
