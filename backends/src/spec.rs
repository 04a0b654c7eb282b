//! The ways in which a user names a device.

use std::fmt;
use std::str::FromStr;

use qhal::{Address, DeviceId, Error, ErrorKind};

/// A device as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// `qcicada:QC0000000217`: one of the devices that are listed.
    Id(DeviceId),
    /// `hwrng`: the one device of that driver that is listed.
    Driver(String),
    /// `serial:/dev/ttyUSB0`: whatever answers there; with `driver@` in front, that driver must.
    Address {
        /// Which driver must answer.
        driver: Option<String>,
        /// Where.
        address: Address,
    },
}

impl FromStr for DeviceSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_driver = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if let Some((driver, address)) = text.split_once('@')
            && is_driver(driver)
        {
            return Ok(Self::Address { driver: Some(driver.to_owned()), address: address.parse()? });
        }
        if Address::looks_like(text) {
            return Ok(Self::Address { driver: None, address: text.parse()? });
        }
        if is_driver(text) {
            return Ok(Self::Driver(text.to_owned()));
        }
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "'{text}' does not name a device: use an id (qcicada:QC0000000217), a driver (hwrng), an address \
                     (serial:/dev/ttyUSB0) or driver@address"
                ),
            )),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Driver(driver) => f.pad(driver),
            Self::Address { driver: None, address } => address.fmt(f),
            Self::Address { driver: Some(driver), address } => write!(f, "{driver}@{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_way_of_naming_is_told_apart() {
        let spec = |text: &str| text.parse::<DeviceSpec>().unwrap();
        assert_eq!(spec("qcicada:QC0000000217"), DeviceSpec::Id(DeviceId::new("qcicada", "QC0000000217")));
        assert_eq!(spec("hwrng"), DeviceSpec::Driver("hwrng".into()));
        let address = Address::Serial { path: "/dev/pts/3".into() };
        assert_eq!(spec("serial:/dev/pts/3"), DeviceSpec::Address { driver: None, address: address.clone() });
        assert_eq!(
            spec("qcicada@serial:/dev/pts/3"),
            DeviceSpec::Address { driver: Some("qcicada".into()), address }
        );
        for bad in ["", "serial:", "qcicada@", "qcicada@nowhere", ":", "Big Name"] {
            assert_eq!(bad.parse::<DeviceSpec>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_writes_back(text in "\\PC{0,40}") {
            if let Ok(spec) = text.parse::<DeviceSpec>() {
                prop_assert_eq!(spec.to_string().parse::<DeviceSpec>().unwrap(), spec);
            }
        }
    }
}
