//! The certificate of the public listener, read anew when its files change, so that a renewal needs no restart.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::settings::TlsSettings;
use crate::{chain, is_open_to_everybody};

/// So often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(60);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} ({key}) cannot be read", path.display())]
    Unreadable {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The private key is open to everybody.
    #[error("{} (http.tls.key) is open to everybody: chmod 600", .0.display())]
    Open(PathBuf),
    /// A file has not in it what it should.
    #[error("{} ({key}) has no {what} in PEM", path.display())]
    NoPem {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// They do not belong together, or the key is of a kind that is not known.
    #[error("http.tls.cert and http.tls.key do not fit together")]
    Unfit(#[source] rustls::Error),
}

/// The certificate that is shown, and where it comes from.
pub(crate) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    shown: RwLock<Shown>,
}

struct Shown {
    certified: Arc<CertifiedKey>,
    changed: Changed,
}

/// When both files were changed last.
type Changed = [Option<SystemTime>; 2];

impl Certificate {
    /// The certificate of these settings; none where they name none.
    pub(crate) fn load(settings: &TlsSettings) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else { return Ok(None) };
        let changed = changed(cert, key);
        let shown = Shown { certified: Arc::new(read(cert, key)?), changed };
        Ok(Some(Arc::new(Self { cert: cert.clone(), key: key.clone(), shown: RwLock::new(shown) })))
    }

    /// A server that shows it, for HTTP/2 and HTTP/1.1.
    pub(super) fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Unfit)?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Takes over what has changed; what cannot be read leaves the one before.
    pub(super) fn renew(&self) {
        let changed = changed(&self.cert, &self.key);
        if self.shown.read().unwrap_or_else(PoisonError::into_inner).changed == changed {
            return;
        }
        match read(&self.cert, &self.key) {
            Ok(certified) => {
                tracing::info!("the certificate was renewed");
                let shown = Shown { certified: Arc::new(certified), changed };
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
            }
            Err(error) => tracing::error!(error = chain(&error), "the certificate cannot be renewed"),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Certificate({})", self.cert.display())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).certified))
    }
}

/// Renews the certificate when its files have changed.
pub(super) async fn renew(certificate: Arc<Certificate>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(LOOKED_AT_EVERY) => certificate.renew(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    if is_open_to_everybody(key).map_err(unreadable("http.tls.key", key))? {
        return Err(TlsError::Open(key.to_owned()));
    }
    let chain = fs::read(cert).map_err(unreadable("http.tls.cert", cert))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .and_then(|chain: Vec<_>| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(no_pem("http.tls.cert", cert, "certificate"))?;
    let private = zeroize::Zeroizing::new(fs::read(key).map_err(unreadable("http.tls.key", key))?);
    let private = PrivateKeyDer::from_pem_slice(&private);
    let private = private.map_err(no_pem("http.tls.key", key, "private key"))?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(TlsError::Unfit)
}

fn changed(cert: &Path, key: &Path) -> Changed {
    [cert, key].map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

fn unreadable(key: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TlsError {
    move |source| TlsError::Unreadable { key, path: path.to_owned(), source }
}

fn no_pem(key: &'static str, path: &Path, what: &'static str) -> impl FnOnce(pem::Error) -> TlsError {
    move |source| TlsError::NoPem { key, path: path.to_owned(), what, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use tempfile::TempDir;

    use super::*;

    fn write(directory: &TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    /// The settings of a certificate that was made a moment ago, in these files' place.
    fn issue(directory: &TempDir) -> (TlsSettings, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = pem("PRIVATE KEY", &made.signing_key.serialize_der());
        let settings = TlsSettings {
            cert: Some(write(directory, "cert.pem", &pem("CERTIFICATE", made.cert.der()), 0o644)),
            key: Some(write(directory, "key.pem", &key, 0o600)),
        };
        (settings, made.cert.der().clone())
    }

    fn shown(certificate: &Certificate) -> CertificateDer<'static> {
        certificate.shown.read().unwrap().certified.cert[0].clone()
    }

    /// What a renewal has written is shown from then on; what cannot be read leaves the one before.
    #[test]
    fn a_renewed_certificate_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let (settings, first) = issue(&directory);
        let certificate = Certificate::load(&settings).unwrap().unwrap();
        certificate.renew();
        assert_eq!(shown(&certificate), first);
        let (_, second) = issue(&directory);
        certificate.renew();
        assert!(shown(&certificate) == second && second != first);
        write(&directory, "cert.pem", "half a certificate", 0o644);
        certificate.renew();
        assert_eq!(shown(&certificate), second);
    }

    /// X13: each names its setting and its file.
    #[test]
    fn what_is_wrong_with_the_files_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let (settings, _) = issue(&directory);
        let told = |settings: &TlsSettings| chain(&Certificate::load(settings).unwrap_err());
        write(&directory, "key.pem", "", 0o644);
        assert!(told(&settings).ends_with("key.pem (http.tls.key) is open to everybody: chmod 600"));
        write(&directory, "key.pem", "no key", 0o600);
        assert!(told(&settings).contains("key.pem (http.tls.key) has no private key in PEM"));
        let other = tempfile::tempdir().unwrap();
        let mixed = TlsSettings { key: issue(&other).0.key, ..settings };
        assert!(told(&mixed).starts_with("http.tls.cert and http.tls.key do not fit together"));
        let missing = TlsSettings { cert: Some("/nowhere/cert.pem".into()), ..mixed };
        assert!(told(&missing).starts_with("/nowhere/cert.pem (http.tls.cert) cannot be read"));
        assert!(Certificate::load(&TlsSettings::default()).unwrap().is_none());
    }
}
