//! What AWS asks of a Lambda function, and what it is answered. Which process takes the events is not said here.

pub mod answer;
mod arn;
pub mod events;
mod glob;
pub mod policy;

pub use self::arn::MethodArn;
