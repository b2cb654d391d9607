//! The configured carrier of e-mail. A new one is a variant of the setting and an arm here.

use std::sync::Arc;

use symbolon_adapters::email::{FileCarrier, Sender};
use symbolon_domain::outbox::EmailCarrier;

use super::WiringError;
use crate::settings::{self, EmailSettings};

/// Makes the carrier. Nothing is sent yet, and nobody is asked whether it could be. What this build lacks the settings have
/// refused already.
#[cfg_attr(not(feature = "ses"), expect(clippy::unused_async, reason = "SES looks for its region"))]
pub(crate) async fn carrier(email: &EmailSettings) -> Result<Arc<dyn EmailCarrier>, WiringError> {
    match email.carrier {
        settings::EmailCarrier::File => {
            Ok(Arc::new(FileCarrier::new(email.directory.clone(), sender(email)?)))
        }
        #[cfg(feature = "smtp")]
        settings::EmailCarrier::Smtp => Ok(Arc::new(smtp(email)?)),
        #[cfg(not(feature = "smtp"))]
        settings::EmailCarrier::Smtp => {
            Err(WiringError::NotCompiledIn("messages.email.carrier = \"smtp\"".to_owned()))
        }
        #[cfg(feature = "ses")]
        settings::EmailCarrier::Ses => Ok(Arc::new(ses(email).await?)),
        #[cfg(not(feature = "ses"))]
        settings::EmailCarrier::Ses => {
            Err(WiringError::NotCompiledIn("messages.email.carrier = \"ses\"".to_owned()))
        }
    }
}

/// The mail server as it is configured.
#[cfg(feature = "smtp")]
pub(crate) fn smtp(email: &EmailSettings) -> Result<symbolon_adapters::email::SmtpCarrier, WiringError> {
    use symbolon_adapters::email::{SmtpCarrier, SmtpLogin, SmtpOptions, SmtpTls};

    let smtp = &email.smtp;
    let login = smtp.username.as_ref().zip(smtp.password.as_ref());
    let options = SmtpOptions {
        host: smtp.host.as_ref().ok_or(WiringError::NoMailServer)?.to_string(),
        port: smtp.port(),
        tls: match smtp.tls {
            settings::TlsMode::StartTls => SmtpTls::StartTls,
            settings::TlsMode::Implicit => SmtpTls::Implicit,
            settings::TlsMode::None => SmtpTls::None,
        },
        login: login.map(|(username, password)| SmtpLogin {
            username: username.clone(),
            password: password.expose().to_owned(),
        }),
        authorities: smtp.ca.clone(),
    };
    SmtpCarrier::new(options, sender(email)?).map_err(|error| WiringError::Smtp(Box::new(error)))
}

/// Amazon SES as it is configured.
#[cfg(feature = "ses")]
pub(crate) async fn ses(email: &EmailSettings) -> Result<symbolon_adapters::email::SesCarrier, WiringError> {
    let options = symbolon_adapters::email::SesOptions {
        region: email.ses.region.as_ref().map(ToString::to_string),
        endpoint: email.ses.endpoint.as_ref().map(ToString::to_string),
    };
    symbolon_adapters::email::SesCarrier::new(&options, sender(email)?)
        .await
        .map_err(|_| WiringError::NoSesRegion)
}

fn sender(email: &EmailSettings) -> Result<Sender, WiringError> {
    Sender::new(email.from.name(), email.from.address()).map_err(|_| WiringError::Sender)
}
