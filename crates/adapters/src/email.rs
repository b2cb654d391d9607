//! Carriers of e-mail. They differ in how a message leaves; what it looks like (`email/mime.rs`) is the same for all.
//! What it says is made by [`crate::templates`].

mod file;
mod mime;

pub use self::{
    file::FileCarrier,
    mime::{InvalidSender, Sender},
};
