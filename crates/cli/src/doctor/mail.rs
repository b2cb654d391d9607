//! Whether the configured carrier can take mail away. Nothing is sent.

use std::path::Path;

use super::Check;
use crate::settings::{EmailCarrier, EmailSettings};

pub(super) async fn check(email: &EmailSettings) -> Check {
    match email.carrier {
        EmailCarrier::File => file(&email.directory),
        EmailCarrier::Ses => ses(email).await,
    }
}

fn file(directory: &Path) -> Check {
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.permissions().readonly() => Check::wrong(
            "mail",
            format!("{} cannot be written", directory.display()),
            "give the service's user the right to write there",
        ),
        Ok(metadata) if !metadata.is_dir() => Check::wrong(
            "mail",
            format!("{} is not a directory", directory.display()),
            "point messages.email.directory elsewhere",
        ),
        _ => Check::notice(
            "mail",
            format!("written as files to {}", directory.display()),
            "nobody but you reads files: people need a carrier that sends",
        ),
    }
}

#[cfg(feature = "ses")]
async fn ses(email: &EmailSettings) -> Check {
    use symbolon_adapters::email::SenderState;

    use crate::chain;

    let asked = match crate::wiring::email::ses(email).await {
        Ok(carrier) => carrier.sender_state().await,
        Err(error) => {
            return Check::wrong("mail", chain(&error), "set messages.email.ses.region, or AWS_REGION");
        }
    };
    let from = email.from.address();
    match asked {
        Ok(SenderState::Verified) => Check::fine("mail", format!("SES answers, and {from} is verified")),
        Ok(SenderState::NotVerified) => Check::wrong(
            "mail",
            format!("SES answers, and neither {from} nor its domain is verified in this region"),
            "verify the domain of messages.email.from in SES, or correct messages.email.ses.region",
        ),
        Ok(SenderState::NotTold) => Check::notice(
            "mail",
            "SES answers, and does not let this role ask whether the sender is verified",
            "allow ses:GetIdentityVerificationAttributes to let the doctor see it",
        ),
        Err(reason) if reason == "ses:no_credentials" => Check::wrong(
            "mail",
            "there are no AWS credentials, so SES takes nothing",
            "give the service a role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        Err(reason) => Check::wrong(
            "mail",
            format!("SES does not answer as it should: {reason}"),
            "check network, credentials, and messages.email.ses",
        ),
    }
}

/// The settings have refused it already.
#[cfg(not(feature = "ses"))]
#[expect(clippy::unused_async, reason = "with the feature `ses` it asks SES")]
async fn ses(_: &EmailSettings) -> Check {
    Check::wrong("mail", "this build lacks SES", "build with the Cargo feature `ses`")
}
