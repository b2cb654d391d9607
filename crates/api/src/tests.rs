//! The HTTP face as a whole, on ports that agree to everything or are all out of order.

mod authorizer;
mod connections;
mod device_tokens;
mod document;
mod features;
mod operations;
mod requests;
mod service;
mod world;
