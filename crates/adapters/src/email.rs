//! Carriers of e-mail. They differ in how a message leaves; what it looks like (`email/mime.rs`) is the same for all.
//! What it says is made by [`crate::templates`].

mod file;
mod mime;
#[cfg(feature = "ses")]
mod ses;
#[cfg(feature = "smtp")]
mod smtp;

#[cfg(feature = "ses")]
pub use self::ses::{NoRegion, SenderState, SesCarrier, SesOptions};
#[cfg(feature = "smtp")]
pub use self::smtp::{SmtpCarrier, SmtpError, SmtpLogin, SmtpOptions, SmtpTls};
pub use self::{
    file::FileCarrier,
    mime::{InvalidSender, Sender},
};
