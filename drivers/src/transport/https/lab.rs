//! Throw-away certificates for emulated devices: an authority, what it certifies, and what is wrong with certificates.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::{Identity, Trust};

/// The certificate that a server shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leaf {
    /// As it should be: signed by the authority, for `localhost` and the loopback addresses.
    #[default]
    Good,
    /// Signed by itself and marked as an authority's, as `openssl req -x509` makes them and appliances have them.
    SelfSigned,
    /// Signed by the authority, and expired in 2020.
    Expired,
    /// Signed by the authority, for another name.
    OtherName,
    /// Signed by an authority that nobody knows.
    Stranger,
}

/// A server's certificate and key.
pub struct ServerIdentity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// An authority in a folder of its own, which goes away with it.
pub struct Lab {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
    clients: Vec<(String, CertificateDer<'static>)>,
    trusted: PathBuf,
}

impl Lab {
    /// Makes an authority and writes its certificate into a temporary folder.
    ///
    /// # Errors
    /// Those of writing files; `Other` when no certificate can be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("qhal-emulator-")
            .tempdir()
            .map_err(|cause| Error::from_io(cause, "cannot make a temporary folder for certificates"))?;
        let issuer = authority("qhal emulator authority")?;
        let trusted = folder.path().join("ca.pem");
        write(&trusted, issuer.pem().as_bytes())?;
        Ok(Self { folder, issuer, clients: Vec::new(), trusted })
    }

    /// The file that a client has to trust: the authority's certificate, or the server's own after one that is
    /// [`Leaf::SelfSigned`] was made.
    pub fn trusted(&self) -> &Path {
        &self.trusted
    }

    /// The same for the client's settings.
    pub fn trust(&self) -> Trust {
        Trust::File(self.trusted.clone())
    }

    /// The authority's certificate, which clients are held to.
    pub(super) fn authority(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A certificate for a server on this machine.
    ///
    /// # Errors
    /// Those of writing files; `Other` when no certificate can be made.
    pub fn server(&mut self, leaf: Leaf) -> Result<ServerIdentity> {
        let names = match leaf {
            Leaf::OtherName => vec!["elsewhere.example".to_owned()],
            _ => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
        };
        let mut params = params("emulated device", names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if leaf == Leaf::Expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = match leaf {
            Leaf::SelfSigned => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages.push(KeyUsagePurpose::KeyCertSign);
                params.self_signed(&key)
            }
            Leaf::Stranger => {
                let stranger = authority("a stranger's authority")?;
                params.signed_by(&key, &stranger)
            }
            _ => params.signed_by(&key, &self.issuer),
        };
        let certificate = certificate.map_err(|error| failed(&error))?;
        if leaf == Leaf::SelfSigned {
            self.trusted = self.folder.path().join("server.pem");
            write(&self.trusted, certificate.pem().as_bytes())?;
        }
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(ServerIdentity { chain: vec![certificate.der().clone()], key: PrivateKeyDer::Pkcs8(der) })
    }

    /// A certificate for a client called `name` (letters, digits and hyphens), written beside the authority's. With
    /// `stranger`, another authority signs it, so that no server takes it.
    ///
    /// # Errors
    /// `InvalidInput` for another name; those of writing files; `Other` when no certificate can be made.
    pub fn client(&mut self, name: &str, stranger: bool) -> Result<Identity> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::new(ErrorKind::InvalidInput, format!("'{name}' cannot name a client")));
        }
        let mut params = params(name, Vec::new())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = match stranger {
            true => {
                let stranger = authority("a stranger's authority")?;
                params.signed_by(&key, &stranger)
            }
            false => params.signed_by(&key, &self.issuer),
        };
        let certificate = certificate.map_err(|error| failed(&error))?;
        let path = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let identity = Identity { certificate: path("pem"), key: path("key") };
        write(&identity.certificate, certificate.pem().as_bytes())?;
        write(&identity.key, Zeroizing::new(key.serialize_pem()).as_bytes())?;
        self.clients.push((name.to_owned(), certificate.der().clone()));
        Ok(identity)
    }

    /// The clients that were certified so far, by certificate.
    pub(super) fn clients(&self) -> Vec<(String, CertificateDer<'static>)> {
        self.clients.clone()
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = params(name, Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    CertifiedIssuer::self_signed(params, key).map_err(|error| failed(&error))
}

fn params(name: &str, hosts: Vec<String>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts).map_err(|error| failed(&error))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn failed(cause: &rcgen::Error) -> Error {
    Error::new(ErrorKind::Other, format!("cannot make a certificate: {cause}"))
}

/// Writes a file for its owner's eyes alone.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(content))
        .map_err(|cause| Error::from_io(cause, format!("cannot write {}", path.display())))
}
