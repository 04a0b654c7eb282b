//! What is shown and whom is trusted in TLS: certificates, keys and authorities from files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use zeroize::Zeroizing;

use super::{Identity, Trust};

/// The largest file of certificates or keys.
const LARGEST_FILE: u64 = 4 << 20;

/// The one provider of cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// TLS 1.2 or 1.3 as a client.
///
/// # Errors
/// `InvalidInput` for files that are not what they should be; those of reading them.
pub(super) fn client(trust: &Trust, identity: Option<&Identity>) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .dangerous()
        // Not less than the usual: it asks the usual verifier unless the certificate is the very one that was named.
        .with_custom_certificate_verifier(Arc::new(Verifier::new(trust)?));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificate)?;
            let key = private_key(&identity.key)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                let (certificate, key) = (identity.certificate.display(), identity.key.display());
                unusable(&error).context(format!("{certificate} and {key}"))
            })?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is resumed shows no certificate again; it is one round trip that a kept connection saves anyway.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The certificates of a file, at least one.
///
/// # Errors
/// `InvalidInput` when there is none; those of reading files.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(path)?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unreadable(path, "a certificate", "there is none in it")),
        Err(error) => Err(unreadable(path, "a certificate", &error.to_string())),
    }
}

/// The private key of a file.
///
/// # Errors
/// `Refused` when others can read it; `InvalidInput`; those of reading files.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let text = read_secret(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| unreadable(path, "a private key", &error.to_string()))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let tried = |cause| Error::from_io(cause, format!("cannot read {}", path.display()));
    if std::fs::metadata(path).map_err(tried)?.len() > LARGEST_FILE {
        let message = format!("{} is too large for certificates, keys or a token", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    std::fs::read(path).map(Zeroizing::new).map_err(tried)
}

/// A file that is nobody else's business.
///
/// # Errors
/// `Refused` when others can read it; those of reading files.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let tried = |cause| Error::from_io(cause, format!("cannot read {}", path.display()));
    if std::fs::metadata(path).map_err(tried)?.mode() & 0o007 != 0 {
        let path = path.display();
        let message = format!("{path} is open to everybody, and it holds a secret: chmod o= {path}");
        return Err(Error::new(ErrorKind::Refused, message));
    }
    read(path)
}

fn unreadable(path: &Path, what: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{} is not {what} in PEM: {why}", path.display()))
}

fn unusable(error: &rustls::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("certificate and key cannot be used: {error}"))
}

/// Checks a server's certificate by the usual rules, or against the very certificates that were named.
///
/// Appliances come with certificates that they signed themselves, often marked as an authority's, which the usual rules
/// never accept for a server. Byte for byte the one that the user put into the file is as good as any authority's word;
/// the signature of the handshake, which shows that the server has the private key, is checked in either case.
#[derive(Debug)]
struct Verifier {
    usual: Option<Arc<WebPkiServerVerifier>>,
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: &Trust) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let named = match trust {
            Trust::File(path) => {
                let named = certificates(path)?;
                // One that cannot be an authority's may still be the server's own.
                let (_, _) = roots.add_parsable_certificates(named.iter().cloned());
                named
            }
            Trust::System => {
                let found = rustls_native_certs::load_native_certs();
                let (added, _) = roots.add_parsable_certificates(found.certs);
                if added == 0 {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        "the operating system trusts no authority: install its package of certificates (ca-certificates)",
                    ));
                }
                Vec::new()
            }
        };
        let usual = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
                    .build()
                    .map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?,
            ),
        };
        Ok(Self { usual, named, provider: provider() })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if self.named.iter().any(|named| named == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.usual {
            Some(usual) => {
                usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(rustls::CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
