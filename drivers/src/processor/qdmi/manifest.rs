//! Manifests `*.qdmi.json`: which libraries there are, and whether the place where they lie is to be trusted.
//!
//! To open a library is to run its code. So a manifest and a library are only taken from places that nobody but the system's
//! administrator and this user can write to.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Result};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::codes::session;
use super::message::Parameters;

/// How the names of manifests end.
pub(super) const SUFFIX: &str = ".qdmi.json";
/// The longest manifest, in bytes.
const LONGEST: u64 = 1 << 20;

/// A device of a manifest.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    /// The library's path, with all links followed.
    pub(super) library: PathBuf,
    pub(super) prefix: String,
    pub(super) parameters: Parameters,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({} in {}, prefix {})", self.id, self.library.display(), self.prefix)
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "schema-version")]
    version: u64,
    qdmi: Devices,
}

#[derive(Deserialize)]
struct Devices {
    devices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    id: String,
    library: PathBuf,
    prefix: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    session: Session,
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Session {
    base_url: Option<Zeroizing<String>>,
    token: Option<Zeroizing<String>>,
    auth_file: Option<PathBuf>,
    auth_url: Option<Zeroizing<String>>,
    username: Option<Zeroizing<String>>,
    password: Option<Zeroizing<String>>,
    device_config: Option<DeviceConfig>,
    custom1: Option<Zeroizing<String>>,
    custom2: Option<Zeroizing<String>>,
    custom3: Option<Zeroizing<String>>,
    custom4: Option<Zeroizing<String>>,
    custom5: Option<Zeroizing<String>>,
}

/// A description for libraries that describe devices: in the manifest, or in a file beside it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DeviceConfig {
    Inline(serde_json::Value),
    File(PathBuf),
}

/// The devices of a manifest that are not switched off.
///
/// # Errors
/// `NotFound`, `PermissionDenied`; `Refused` when it, or a library that it names, lies where others can write; `InvalidInput`
/// when it is no manifest.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let path = trusted(path)?;
    let text = std::fs::metadata(&path).and_then(|found| {
        if found.len() > LONGEST {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is longer than 1 MiB"));
        }
        std::fs::read_to_string(&path).map(Zeroizing::new)
    });
    let text = text.map_err(|cause| Error::from_io(cause, format!("cannot read {}", path.display())))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    parse(&text)
        .map_err(|error| error.context(path.display()))?
        .into_iter()
        .map(|device| {
            // A bare name is beside the manifest.
            let library = trusted(&folder.join(&device.library))?;
            let parameters = parameters(device.session, folder)?;
            Ok(Entry { id: device.id, library, prefix: device.prefix, parameters })
        })
        .collect()
}

fn parse(text: &str) -> Result<Vec<Device>> {
    let wrong = |why: String| Error::new(ErrorKind::InvalidInput, why);
    let file: File = serde_json::from_str(text)
        .map_err(|cause| wrong(format!("no QDMI manifest, from line {} on: {cause}", cause.line())))?;
    if file.version != 1 {
        return Err(wrong(format!("a manifest of version {}; version 1 is known", file.version)));
    }
    let mut devices = file.qdmi.devices;
    devices.retain(|device| device.enabled);
    for device in &devices {
        check_prefix(&device.prefix)?;
        let printable = device.id.chars().all(|c| c.is_ascii_graphic());
        if device.id.is_empty() || device.id.len() > 128 || !printable {
            return Err(wrong(format!("'{}' is no name of a device", device.id.escape_debug())));
        }
        if devices.iter().filter(|other| other.id == device.id).count() > 1 {
            return Err(wrong(format!("two devices are called '{}'", device.id)));
        }
    }
    Ok(devices)
}

/// Refuses a prefix that no function's name begins with.
///
/// # Errors
/// `InvalidInput`.
pub(super) fn check_prefix(prefix: &str) -> Result<()> {
    let sound = prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if sound && (1..=64).contains(&prefix.len()) {
        return Ok(());
    }
    let message =
        format!("'{}' is no prefix of functions: it has letters, digits and _", prefix.escape_debug());
    Err(Error::new(ErrorKind::InvalidInput, message))
}

/// What a session is told, in the numbers of QDMI. A description of a device goes as CUSTOM1 (text) or CUSTOM2 (file), as MQT
/// Core's libraries have it.
fn parameters(said: Session, folder: &Path) -> Result<Parameters> {
    let mut all = Vec::new();
    let auth_file = said.auth_file.map(|file| folder.join(file).display().to_string().into());
    let custom = [said.custom1, said.custom2, said.custom3, said.custom4, said.custom5];
    for (number, text) in [
        (session::BASE_URL, said.base_url),
        (session::TOKEN, said.token),
        (session::AUTH_FILE, auth_file),
        (session::AUTH_URL, said.auth_url),
        (session::USER_NAME, said.username),
        (session::PASSWORD, said.password),
    ]
    .into_iter()
    .chain((session::CUSTOM1..).zip(custom))
    {
        all.extend(text.map(|text| (number, text)));
    }
    match said.device_config {
        None => {}
        Some(DeviceConfig::Inline(serde_json::Value::String(text))) => {
            all.push((session::CUSTOM1, text.into()))
        }
        Some(DeviceConfig::Inline(value)) => all.push((session::CUSTOM1, value.to_string().into())),
        Some(DeviceConfig::File(file)) => {
            let file = trusted(&folder.join(file))?;
            all.push((session::CUSTOM1 + 1, file.display().to_string().into()));
        }
    }
    if all.iter().any(|(_, text)| text.contains('\0')) {
        return Err(Error::new(ErrorKind::InvalidInput, "a session parameter holds a NUL"));
    }
    Ok(all)
}

/// The manifests in a folder, or the one that is named, sorted by name.
///
/// # Errors
/// `NotFound` and `PermissionDenied` when it cannot be read.
pub(super) fn find(place: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |cause| Error::from_io(cause, format!("cannot read {}", place.display()));
    if !std::fs::metadata(place).map_err(unreadable)?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A path with all links followed, if only root and this user can change what lies there: the file and every folder above it.
///
/// # Errors
/// `NotFound`, `PermissionDenied`; `Refused` with the place and the command that mends it.
pub(super) fn trusted(path: &Path) -> Result<PathBuf> {
    let unreadable = |cause| Error::from_io(cause, format!("cannot find {}", path.display()));
    let real = std::fs::canonicalize(path).map_err(unreadable)?;
    let own = rustix::process::geteuid().as_raw();
    for (place, is_file) in real.ancestors().zip(std::iter::once(true).chain(std::iter::repeat(false))) {
        let found = std::fs::metadata(place).map_err(unreadable)?;
        let refused = |why: String| {
            let message = format!("{} is not loaded: {why}", real.display());
            Err(Error::new(ErrorKind::Refused, message))
        };
        if found.uid() != 0 && found.uid() != own {
            return refused(format!("{} belongs to another user (id {})", place.display(), found.uid()));
        }
        // In a folder with the sticky bit others cannot replace what is not theirs.
        let sticky = !is_file && found.mode() & 0o1000 != 0;
        if found.mode() & 0o022 != 0 && !sticky {
            return refused(format!("others can write to {0}; `chmod go-w {0}` mends that", place.display()));
        }
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    fn write(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn the_manifests_of_mqt_core_are_read() {
        // As in the wheel mqt-core 4.1.1: mqt-core-qdmi-sc-device.qdmi.json, its first two devices.
        let text = r#"{"schema-version": 1, "qdmi": {"devices": [
            {"id": "mqt.sc.default", "library": "libdevice.so", "prefix": "MQT_SC", "enabled": true},
            {"id": "mqt.sc.iqm.garnet", "library": "libdevice.so", "prefix": "MQT_SC", "enabled": true,
             "session": {"device-config": {"file": "iqm-garnet.json"}}},
            {"id": "off", "library": "missing.so", "prefix": "OFF", "enabled": false}]}}"#;
        let folder = tempfile::tempdir().unwrap();
        let manifest = write(folder.path(), "a.qdmi.json", text, 0o644);
        write(folder.path(), "notes.json", "{}", 0o644);
        assert_eq!(find(folder.path()).unwrap(), std::slice::from_ref(&manifest));
        assert_eq!(read(&manifest).unwrap_err().kind(), ErrorKind::NotFound);
        let library = write(folder.path(), "libdevice.so", "", 0o755);
        let config = write(folder.path(), "iqm-garnet.json", "{}", 0o644);
        let entries = read(&manifest).unwrap();
        let real = |path: &Path| path.canonicalize().unwrap();
        assert_eq!(
            entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(),
            ["mqt.sc.default", "mqt.sc.iqm.garnet"]
        );
        assert_eq!(entries[1].library, real(&library));
        assert_eq!(entries[1].parameters, [(999_999_996, real(&config).display().to_string().into())]);
    }

    #[test]
    fn secrets_of_a_manifest_are_not_shown() {
        let text = r#"{"schema-version": 1, "qdmi": {"devices": [{"id": "a", "library": "l.so", "prefix": "A",
            "session": {"token": "sesame", "base-url": "https://a", "custom3": "x", "password": "open"}}]}}"#;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "l.so", "", 0o755);
        let entry = read(&write(folder.path(), "a.qdmi.json", text, 0o600)).unwrap().remove(0);
        let numbers: Vec<i32> = entry.parameters.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 5, 999_999_997]);
        let shown = format!("{entry:?}");
        assert!(!shown.contains("sesame") && !shown.contains("open"), "{shown}");
    }

    #[test]
    fn what_others_can_write_is_not_loaded() {
        let text =
            r#"{"schema-version": 1, "qdmi": {"devices": [{"id": "a", "library": "l.so", "prefix": "A"}]}}"#;
        let folder = tempfile::tempdir().unwrap();
        let library = write(folder.path(), "l.so", "", 0o757);
        let manifest = write(folder.path(), "a.qdmi.json", text, 0o644);
        let error = read(&manifest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.message().contains("chmod go-w") && error.message().contains("l.so"), "{error}");
        std::fs::set_permissions(&library, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(read(&manifest).unwrap().len(), 1);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(read(&manifest).unwrap_err().kind(), ErrorKind::Refused);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for (text, words) in [
            ("", "no QDMI manifest"),
            ("[]", "no QDMI manifest"),
            (r#"{"schema-version": 2, "qdmi": {"devices": []}}"#, "version 2"),
            (
                r#"{"schema-version": 1, "qdmi": {"devices": [{"id": "a", "library": "l", "prefix": "A B"}]}}"#,
                "prefix",
            ),
            (
                r#"{"schema-version": 1, "qdmi": {"devices": [{"id": "a b", "library": "l", "prefix": "A"}]}}"#,
                "name",
            ),
            (
                r#"{"schema-version": 1, "qdmi": {"devices": [{"id": "a", "library": "l", "prefix": "A"}, {"id": "a", "library": "l", "prefix": "A"}]}}"#,
                "two devices",
            ),
        ] {
            let error = parse(text).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_reason_to_panic(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_change_of_a_manifest_is_a_reason_to_panic(at in 0usize..150, byte in any::<u8>()) {
            let mut text = br#"{"schema-version": 1, "qdmi": {"devices": [{"id": "a", "library": "l.so", "prefix": "A",
                "session": {"custom1": "x", "device-config": {"inline": {}}}}]}}"#.to_vec();
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
            let _ = parse(&String::from_utf8_lossy(&text));
        }
    }
}
