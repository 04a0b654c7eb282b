//! Throw-away certificates for a lab: an authority, and what it certifies.

use std::io::Write;
use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use zeroize::Zeroizing;

/// Years for which certificates of a lab are valid.
const YEARS: i32 = 5;

/// An authority whose private key was written beside its certificate.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    year: i32,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A key manager: a server that is a client of others, too.
    KeyManager,
    /// An application: a client.
    Application,
}

impl Authority {
    /// Makes an authority, and writes `ca.pem` and `ca.key` into a new or empty folder. `year` is this year.
    ///
    /// # Errors
    /// `Refused` when there is one in the folder; those of writing files.
    pub fn new(folder: &Path, year: i32) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|cause| Error::from_io(cause, format!("cannot make the folder {}", folder.display())))?;
        let mut params = params("qhal lab authority", year)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let secret = Zeroizing::new(key.serialize_pem());
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        write(&folder.join("ca.key"), secret.as_bytes(), true)?;
        write(&folder.join("ca.pem"), issuer.pem().as_bytes(), false)?;
        Ok(Self { issuer, folder: folder.to_owned(), year })
    }

    /// Certifies `name` and writes `NAME.pem` and `NAME.key`. `hosts` are DNS names and addresses under which it is reached.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is no file name; `Refused` when the files are there; those of writing files.
    pub fn certify(&self, name: &str, role: Role, hosts: &[String]) -> Result<()> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty()
            || name.len() > 64
            || name.starts_with('.')
            || !name.chars().all(fits)
            || name == "ca"
        {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("'{name}' cannot name a certificate: 1 to 64 letters, digits, '-', '_' and '.'"),
            ));
        }
        let mut params = params(name, self.year)?;
        params.subject_alt_names = CertificateParams::new(hosts).map_err(failed)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match role {
            Role::KeyManager => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
            Role::Application => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        write(
            &self.folder.join(format!("{name}.key")),
            Zeroizing::new(key.serialize_pem()).as_bytes(),
            true,
        )?;
        write(&self.folder.join(format!("{name}.pem")), certificate.pem().as_bytes(), false)
    }
}

fn params(name: &str, year: i32) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + YEARS, 1, 1);
    Ok(params)
}

fn failed(cause: rcgen::Error) -> Error {
    Error::new(ErrorKind::Other, format!("cannot make a certificate: {cause}"))
}

/// Writes a new file; one that is there is never overwritten. Private keys are for their owner's eyes alone.
fn write(path: &Path, content: &[u8], secret: bool) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if secret { 0o600 } else { 0o644 };
    let open = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let cannot = |cause: std::io::Error| {
        if cause.kind() == std::io::ErrorKind::AlreadyExists {
            let why = format!("{} is there already: choose a new folder", path.display());
            return Error::new(ErrorKind::Refused, why);
        }
        Error::from_io(cause, format!("cannot write {}", path.display()))
    };
    open.and_then(|mut file| file.write_all(content)).map_err(cannot)
}
