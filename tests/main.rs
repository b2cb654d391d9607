//! Everything that is tested across crates: stores against their contracts, and the service end to end.

#![cfg(test)]

mod backends;
mod cli;
mod contract;
mod faults;
mod http;
mod lambda;
mod seeds;
mod support;
