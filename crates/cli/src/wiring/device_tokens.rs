//! Device tokens and the licences that they stand on, over the configured store and source of licences.

use std::sync::Arc;

use symbolon_adapters::licenses_http::{LicensesHttp, LicensesHttpError, LicensesHttpOptions};
use symbolon_domain::{
    access::Access,
    device_tokens::{DeviceTokenPorts, DeviceTokenSettings, DeviceTokens},
    licenses::{EveryoneLicensed, LicensePorts, LicenseSource, Licenses, Licensing, Product, StoredLicenses},
    store::Store,
};

use super::{Ports, WiringError};
use crate::settings::{LicensingSource, PrivateUrl, ProductName, Settings};

/// What is licensed where everybody is, and no product is named.
const ANY_PRODUCT: &str = "any";

pub(super) fn device_tokens(
    configured: &Settings,
    ports: &Ports,
    access: &Access,
) -> Result<DeviceTokens, WiringError> {
    let ports = DeviceTokenPorts {
        store: ports.store.clone(),
        licenses: licenses(configured, ports)?,
        outbox: ports.outbox.clone(),
        peppers: ports.peppers.clone(),
        sealer: Arc::clone(&ports.sealer),
        access: access.clone(),
        refusals: ports.refusals.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    Ok(DeviceTokens::new(ports, settings(configured)))
}

/// The entitlement service of the configuration. Nothing is asked yet.
pub(crate) fn entitlement_service(configured: &Settings) -> Result<LicensesHttp, WiringError> {
    let licensing = &configured.licensing;
    let options = LicensesHttpOptions {
        // That there is one the configuration's own check has told already.
        url: licensing.url.as_ref().map(PrivateUrl::as_str).unwrap_or_default().to_owned(),
        token: licensing.token.as_ref().map(|token| token.as_secret_string().clone()),
        timeout: licensing.timeout.to_std(),
        cache: licensing.cache.to_std(),
    };
    LicensesHttp::new(options).map_err(|error| {
        let key = match error {
            LicensesHttpError::Url | LicensesHttpError::Tls => "licensing.url",
            LicensesHttpError::Token => "licensing.token",
        };
        WiringError::Licensing { key, problem: error.to_string() }
    })
}

fn licenses(configured: &Settings, ports: &Ports) -> Result<Licenses, WiringError> {
    let licensing = match configured.licensing.source {
        LicensingSource::Store => Licensing::Kept,
        LicensingSource::None | LicensingSource::Http => Licensing::Elsewhere,
    };
    let ports = LicensePorts {
        store: ports.store.clone(),
        source: source(configured, &ports.store)?,
        accounts: ports.store.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    Ok(Licenses::new(ports, licensing))
}

fn source(configured: &Settings, store: &Arc<dyn Store>) -> Result<Arc<dyn LicenseSource>, WiringError> {
    match configured.licensing.source {
        LicensingSource::Store => Ok(Arc::new(StoredLicenses(store.clone()))),
        LicensingSource::None => Ok(Arc::new(EveryoneLicensed {
            product: any_product(configured)?,
            lifetime: configured.device_tokens.lifetime.to_std(),
        })),
        LicensingSource::Http => Ok(Arc::new(entitlement_service(configured)?)),
    }
}

fn any_product(configured: &Settings) -> Result<Product, WiringError> {
    match &configured.device_tokens.product {
        Some(name) => Ok(name.product().clone()),
        None => ANY_PRODUCT.parse::<Product>().map_err(|error| WiringError::Licensing {
            key: "device_tokens.product",
            problem: error.to_string(),
        }),
    }
}

fn settings(configured: &Settings) -> DeviceTokenSettings {
    let tokens = &configured.device_tokens;
    DeviceTokenSettings {
        product: tokens.product.as_ref().map(ProductName::product).cloned(),
        claim_window: tokens.claim_window.to_std(),
        lifetime: tokens.lifetime.to_std(),
        exchange_window: tokens.exchange_window.to_std(),
        public_url: configured.http.public_url.to_string(),
        trusted_issuers: configured
            .trusted_issuers
            .iter()
            .map(|one| one.issuer.as_str().to_owned())
            .collect(),
    }
}
