//! Whether the entitlement service answers, where one says who is licensed.

use std::error::Error as _;

use symbolon_adapters::system::SystemClock;
use symbolon_domain::{
    clock::Clock as _,
    device_tokens::Holder,
    id::AccountId,
    licenses::{LicenseSource as _, Licensee},
};

use super::Check;
use crate::settings::{LicensingSource, Settings};
use crate::wiring::device_tokens::entitlement_service;

const WHAT: &str = "licensing";
const ADVICE: &str = "correct licensing.url and licensing.token, or let this machine reach the service; until then device \
                      tokens are refused with 503";

/// Asks it about an account that is nobody's.
pub(super) async fn check(settings: &Settings) -> Option<Check> {
    let licensing = &settings.licensing;
    let url = licensing.url.as_ref().filter(|_| licensing.source == LicensingSource::Http)?;
    let service = match entitlement_service(settings) {
        Ok(service) => service,
        Err(error) => return Some(Check::wrong(WHAT, error.to_string(), ADVICE)),
    };
    let nobody = Licensee { holder: Holder::Account(AccountId::from_bytes([0; 16])), addresses: Vec::new() };
    Some(match service.best(&nobody, None, SystemClock.now()).await {
        Ok(_) => Check::fine(WHAT, format!("{} answers", url.as_str())),
        Err(error) => {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Check::wrong(WHAT, format!("{}: {why}", url.as_str()), ADVICE)
        }
    })
}
