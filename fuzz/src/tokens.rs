//! Tokens: JWTs as they come, JWTs whose header or claims alone are strange, API keys, and opaque tokens of every kind. The first byte
//! says which.

use std::sync::{Arc, LazyLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use symbolon_adapters::{jwt::JwtKeys, paseto::PasetoSealer, system::SystemEntropy};
use symbolon_domain::{
    api_keys::{ApiKeySealer as _, FAMILY_LIFETIME, PREFIX},
    id::SigningKeyId,
    secret::{OpaqueToken, TokenKind},
    sessions::SessionTokens,
    signing_keys::{JwtType, KeyLife, OpenedKey, SigningAlgorithm, TokenKeys},
};

use super::noon;

struct Issuer {
    keys: Arc<JwtKeys>,
    tokens: SessionTokens,
}

/// One key of each algorithm; the last one signs.
static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let keys = Arc::new(JwtKeys::new());
    let algorithms = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
    let opened = algorithms.into_iter().zip(1_u8..).map(|(algorithm, number)| {
        let id = SigningKeyId::from_bytes([number; 16]);
        let generated = keys.generate(id, algorithm).expect("a key");
        let life = KeyLife { signs_from: noon(), retires_at: None };
        OpenedKey { id, algorithm, life, public_jwk: generated.public_jwk, private: generated.private }
    });
    let opened = opened.collect();
    keys.install(opened).expect("keys that can be read");
    let tokens = SessionTokens::new(keys.clone(), Arc::new(SystemEntropy::new()), "http://localhost");
    Issuer { keys, tokens }
});

static SEALER: LazyLock<PasetoSealer> = LazyLock::new(|| PasetoSealer::new(&[7; 32], FAMILY_LIFETIME));

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let Some((mode, rest)) = data.split_first() else { return false };
    match mode {
        b'j' => {
            if let Ok(token) = std::str::from_utf8(rest) {
                // Nobody who has no key makes a token that counts.
                assert!(read(token).is_none());
            }
        }
        b'k' => {
            let Ok(text) = std::str::from_utf8(rest) else { return false };
            // The same for API keys: as a whole, and what stands behind their prefix.
            assert!(SEALER.open(text, noon()).is_err());
            assert!(SEALER.open(&format!("{PREFIX}v4.local.{text}"), noon()).is_err());
            // A PASETO says something.
            if rest.is_empty() {
                return true;
            }
            let sealed = SEALER.seal(rest, noon()).expect("a key");
            let opened = SEALER.open(sealed.expose_secret(), noon()).expect("ours");
            assert_eq!(opened.as_slice(), rest);
        }
        b'h' => {
            let header = URL_SAFE_NO_PAD.encode(rest);
            assert!(read(&format!("{header}.e30.AAAA")).is_none());
        }
        b'c' => {
            for kind in [JwtType::Session, JwtType::PreAuthorized, JwtType::Access] {
                let token = ISSUER.keys.sign(kind, rest, noon()).expect("a signature");
                read(&token);
            }
        }
        _ => {
            let Ok(text) = std::str::from_utf8(rest) else { return false };
            let kinds = [
                TokenKind::SessionRefresh,
                TokenKind::ApiKeyRefresh,
                TokenKind::ClientBinding,
                TokenKind::PasswordReset,
                TokenKind::Invitation,
            ];
            for token in kinds.into_iter().filter_map(|kind| OpaqueToken::parse(kind, text).ok()) {
                assert_eq!(token.reveal().expose_secret(), text);
            }
        }
    }
    true
}

/// Some when it counts, whatever it is for.
fn read(token: &str) -> Option<()> {
    let session = ISSUER.tokens.read_session(token, noon()).map(drop);
    let pre_authorized = ISSUER.tokens.read_pre_authorized(token, noon()).map(drop);
    session.or(pre_authorized).ok()
}
