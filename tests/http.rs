//! End to end over HTTP, in this process: what a client sees, rule by rule.

mod accounts;
mod administration;
mod authorization;
mod canaries;
mod clocks;
mod codes;
mod cookies;
mod interoperability;
mod invitations;
mod limits;
mod nodes;
mod openapi;
mod outbox;
mod passwords;
mod problems;
mod races;
mod recovery;
mod rotation;
mod ses;
mod sessions;
mod sign_in;
mod sign_up;
mod signing_keys;
mod smtp;
mod test_mode;
