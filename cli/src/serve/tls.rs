//! TLS of the daemon: rustls with one provider, TLS 1.3 only, and certificates of clients where they are asked for.

use std::path::Path;
use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The settings of a server with this certificate chain and key (PEM); with `client_ca`, only clients whose certificate leads
/// to one of its certificates are let in.
///
/// # Errors
/// `NotFound`, `PermissionDenied` for a file; `InvalidInput` when its content does not fit.
pub(crate) fn server(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| unreadable(key, "private key", cause))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|cause| Error::new(ErrorKind::Unsupported, "TLS 1.3 is not available").because(cause))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(|cause| unreadable(path, "certificate authority", cause))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(
                verifier.map_err(|cause| unreadable(path, "certificate authority", cause))?,
            )
        }
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|cause| unreadable(certificate, "certificate for that key", cause))?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|cause| unreadable(path, "certificate", cause))?;
    if all.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{} holds no certificate", path.display())));
    }
    Ok(all)
}

fn unreadable(path: &Path, what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{} gives no usable {what}", path.display())).because(cause)
}
