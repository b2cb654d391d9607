//! Whether the configured carrier can take mail away. Nothing is sent.

use std::path::Path;

use super::Check;
use crate::settings::{EmailCarrier, EmailSettings};

pub(super) async fn check(email: &EmailSettings) -> Check {
    match email.carrier {
        EmailCarrier::File => file(&email.directory),
        EmailCarrier::Smtp => smtp(email).await,
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

/// Connects, turns to TLS, says hello, authenticates and leaves.
#[cfg(feature = "smtp")]
async fn smtp(email: &EmailSettings) -> Check {
    use crate::chain;
    use crate::settings::TlsMode;

    let carrier = match crate::wiring::email::smtp(email) {
        Ok(carrier) => carrier,
        Err(error) => return Check::wrong("mail", chain(&error), "correct messages.email.smtp"),
    };
    let host = email.smtp.host.as_ref().map(ToString::to_string).unwrap_or_default();
    let server = format!("{host}:{}", email.smtp.port());
    match carrier.check().await {
        Ok(()) => {
            let protection = match email.smtp.tls {
                TlsMode::None => "in clear, on this machine",
                TlsMode::StartTls | TlsMode::Implicit => "over TLS",
            };
            let login = if email.smtp.username.is_some() { ", and takes our password" } else { "" };
            Check::fine("mail", format!("{server} answers {protection}{login}"))
        }
        Err(reason) => {
            Check::wrong("mail", format!("{server} does not take us: {reason}"), advice_on_smtp(&reason))
        }
    }
}

#[cfg(feature = "smtp")]
fn advice_on_smtp(reason: &str) -> &'static str {
    match reason {
        "smtp_host_not_found" => "correct messages.email.smtp.host, or this machine's DNS",
        "smtp_unreachable" => {
            "see that the server runs, that messages.email.smtp.port is right, and that no firewall is between"
        }
        "smtp_timeout" => {
            "see messages.email.smtp.port and the firewall; a server that begins with TLS wants tls = \"implicit\""
        }
        "smtp_no_starttls" => {
            "take the port that offers STARTTLS (587), or tls = \"implicit\" with its port (465)"
        }
        "smtp_certificate" => {
            "let messages.email.smtp.host be the name on the certificate, and name an authority of your own in messages.email.smtp.ca"
        }
        "smtp_tls" | "smtp_not_understood" => {
            "see whether the port wants tls = \"starttls\" (587) or \"implicit\" (465)"
        }
        "smtp_no_auth" => {
            "the server offers neither PLAIN nor LOGIN here: leave username and password out, or take its submission port"
        }
        "smtp_530" | "smtp_534" | "smtp_535" | "smtp_538" => {
            "correct messages.email.smtp.username and messages.email.smtp.password"
        }
        _ => "ask whoever runs the server what it has against this machine",
    }
}

/// The settings have refused it already.
#[cfg(not(feature = "smtp"))]
#[expect(clippy::unused_async, reason = "with the feature `smtp` it asks the server")]
async fn smtp(_: &EmailSettings) -> Check {
    Check::wrong("mail", "this build lacks SMTP", "build with the Cargo feature `smtp`")
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
