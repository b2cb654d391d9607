//! `[device_tokens]`: for what, and how long, devices have tokens.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_domain::licenses::Product;

use super::{Conflict, Duration};

/// For what, and how long, devices have tokens (D2, D4, D12).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceTokensSettings {
    /// Only licences of this product count, 1 to 64 visible ASCII characters. Not set: those of any.
    pub product: Option<ProductName>,
    /// How long a device token that was asked for can be claimed; shorter than `lifetime`.
    #[schemars(range(min = 30, max = 600))]
    pub claim_window: Duration,
    /// How long a device token lives at the most: it ends with its licence in any case.
    #[schemars(range(min = 300, max = 31_536_000))]
    pub lifetime: Duration,
    /// In its last so much a device token can be exchanged for a new one; shorter than `lifetime`.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub exchange_window: Duration,
}

/// The name of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct ProductName(Product);

/// A text that names no product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 visible ASCII characters")]
pub struct InvalidProductName;

impl ProductName {
    /// The product.
    #[must_use]
    pub const fn product(&self) -> &Product {
        &self.0
    }
}

impl fmt::Display for ProductName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

impl From<ProductName> for String {
    fn from(name: ProductName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for ProductName {
    type Error = InvalidProductName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| InvalidProductName)
    }
}

impl Default for DeviceTokensSettings {
    fn default() -> Self {
        Self {
            product: None,
            claim_window: Duration::from_secs(300),
            lifetime: Duration::from_secs(43_200),
            exchange_window: Duration::from_secs(3_600),
        }
    }
}

impl DeviceTokensSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        let Self { claim_window, exchange_window, lifetime, .. } = self;
        if claim_window >= lifetime {
            found.push(Conflict::new(
                &["device_tokens.claim_window", "device_tokens.lifetime"],
                format!(
                    "is {claim_window}, not shorter than `device_tokens.lifetime` ({lifetime}), which begins with the \
                     request: what is claimed late would have expired"
                ),
            ));
        }
        if exchange_window >= lifetime {
            found.push(Conflict::new(
                &["device_tokens.exchange_window", "device_tokens.lifetime"],
                format!("is {exchange_window}, not shorter than `device_tokens.lifetime` ({lifetime})"),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_named_by_visible_characters() {
        let name = ProductName::try_from("editor-pro".to_owned()).unwrap();
        assert_eq!(String::from(name), "editor-pro");
        for text in ["", "two words", "é", &"x".repeat(65)] {
            assert_eq!(ProductName::try_from(text.to_owned()), Err(InvalidProductName), "{text}");
        }
    }

    /// D4, D12: a token outlives its claim window, and is older than new when it is exchanged.
    #[test]
    fn windows_are_shorter_than_the_life() {
        let wrong = |claim_window: u64, exchange_window: u64| {
            let settings = DeviceTokensSettings {
                claim_window: Duration::from_secs(claim_window),
                lifetime: Duration::from_secs(400),
                exchange_window: Duration::from_secs(exchange_window),
                ..DeviceTokensSettings::default()
            };
            let mut found = Vec::new();
            settings.conflicts(&mut found);
            found.iter().filter_map(|conflict| conflict.keys.first().copied()).collect::<Vec<_>>()
        };
        assert!(wrong(399, 399).is_empty());
        assert_eq!(wrong(400, 400), ["device_tokens.claim_window", "device_tokens.exchange_window"]);
    }
}
