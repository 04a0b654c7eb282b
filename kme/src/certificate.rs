//! TLS of both directions: certificates are required from everybody.

use std::path::Path;
use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::settings::KmeSection;

/// What a key manager shows and whom it trusts.
pub(crate) struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Credentials {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`; `InvalidInput` for a file that is not what it should be.
    pub(crate) fn read(settings: &KmeSection) -> Result<Self> {
        let chain = certificates(&settings.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&settings.key)?)
            .map_err(|error| unreadable(&settings.key, "a private key", &error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&settings.ca)? {
            roots.add(certificate).map_err(|error| {
                unreadable(&settings.ca, "an authority's certificate", &error.to_string())
            })?;
        }
        Ok(Self { chain, key, roots: Arc::new(roots) })
    }

    /// For connections that others make: TLS 1.2 or 1.3 with a certificate of the authority (ETSI GS QKD 014 §5.1).
    ///
    /// # Errors
    /// `InvalidInput` when certificate and key do not fit.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider())
            .build()
            .map_err(|error| unusable(&error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| unusable(&error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// For connections to other key managers.
    ///
    /// # Errors
    /// `InvalidInput` when certificate and key do not fit.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| unusable(&error.to_string()))?
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| unusable(&error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(path)?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unreadable(path, "a certificate", &error.to_string()))?;
    if found.is_empty() {
        return Err(unreadable(path, "a certificate", "there is none in it"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>> {
    std::fs::read(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|cause| Error::from_io(cause, format!("cannot read {}", path.display())))
}

fn unreadable(path: &Path, what: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{} is not {what} in PEM: {why}", path.display()))
}

fn unusable(why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("certificate and key cannot be used: {why}"))
}
