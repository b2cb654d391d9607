//! The HTTP face as a whole, on ports that agree to everything or are all out of order.

mod connections;
mod document;
mod features;
mod operations;
mod requests;
mod service;
mod world;
