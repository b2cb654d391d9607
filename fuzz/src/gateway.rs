//! What a gateway is asked and what other issuers publish: paths, the events of Lambda authorizers, JWK sets, device ids and holders.
//! The first byte says which.

use symbolon::lambda::events::AuthorizerEvent;
use symbolon_adapters::jwks_http::{Algorithm, KeySet};
use symbolon_domain::{
    authorizer::GatewayPath,
    device_tokens::{DeviceId, Holder},
    licenses::{LicenseSubject, Product},
};

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let Some((mode, rest)) = data.split_first() else { return false };
    match mode {
        b'p' => {
            let Ok(target) = std::str::from_utf8(rest) else { return false };
            if let Ok(path) = GatewayPath::parse(target) {
                let path = path.as_str();
                assert!(path.starts_with('/') && !path.contains("//"));
                assert!(!path.contains(|letter: char| letter.is_control() || matches!(letter, '\\' | ';')));
                // No segment is one that leads elsewhere, however it was encoded.
                assert!(!path.split('/').any(|segment| segment == "." || segment == ".."));
            }
        }
        b'e' => {
            if let Ok(event) = AuthorizerEvent::parse(rest) {
                let request = event.request();
                // A `?` in a name or path is a letter there, and is encoded: nothing may take what follows for a query.
                assert!(request.path.len() <= 3 * rest.len() && !request.path.contains('?'));
            }
        }
        b'j' => {
            if let Ok(keys) = KeySet::parse(rest, Algorithm::ALL) {
                assert_eq!(keys.usable().count(), keys.len());
            }
        }
        b'i' => {
            let Ok(text) = std::str::from_utf8(rest) else { return false };
            if let Ok(holder) = text.parse::<Holder>() {
                assert_eq!(holder.to_string().parse(), Ok(holder));
            }
            if let Ok(subject) = text.parse::<LicenseSubject>() {
                assert_eq!(subject.to_string().parse(), Ok(subject));
            }
            if let Ok(id) = text.parse::<DeviceId>() {
                assert!(id.as_str().starts_with(id.beginning()));
            }
            if let Ok(product) = text.parse::<Product>() {
                assert_eq!(product.as_str(), text);
            }
        }
        _ => return false,
    }
    true
}
