//! The functions of AWS Lambda: the real binary under a runtime API of ours, which stops it between two events as Lambda
//! does.

mod api;
mod authorizer;
mod function;
mod gateway;
mod start;
mod template;
mod worker;
