//! Carriers of e-mail. They differ in how a message leaves; what it looks like (`email/mime.rs`) is the same for all.
//! What it says is made by [`crate::templates`].

mod file;
mod mime;
#[cfg(feature = "ses")]
mod ses;

#[cfg(feature = "ses")]
pub use self::ses::{NoRegion, SenderState, SesCarrier, SesOptions};
pub use self::{
    file::FileCarrier,
    mime::{InvalidSender, Sender},
};
