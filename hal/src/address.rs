//! Where a device is reached: one written form for serial ports, USB, sockets, libraries, files and models.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// Where a device is reached. [`Display`](fmt::Display) and [`FromStr`] are each other's inverse.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// A serial port: `serial:/dev/ttyUSB0`.
    Serial {
        /// The path of the device node (or the port's name where ports have no path).
        path: String,
    },
    /// A USB device spoken to without a kernel driver: `usb:0aba:0102/SERIAL`.
    Usb {
        /// Vendor id.
        vendor: u16,
        /// Product id.
        product: u16,
        /// Serial number or bus path, where needed to tell two apart.
        unit: Option<String>,
    },
    /// A USB device that another machine or program exports: `usbip:HOST:PORT/BUSID`, IPv6 hosts in brackets.
    UsbIp {
        /// Host name or address.
        host: String,
        /// Port, never 0; 3240 where none is written.
        port: u16,
        /// Which of the exported devices, as in `1-1.2`; needed where there are several.
        bus_id: Option<String>,
    },
    /// A TCP endpoint: `tcp:HOST:PORT`, IPv6 hosts in brackets.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port, never 0.
        port: u16,
    },
    /// An HTTPS service: `https://HOST:PORT`.
    Https {
        /// Host name or address.
        host: String,
        /// Port, never 0; 443 where none is written.
        port: u16,
    },
    /// A shared library: `library:PATH#PREFIX`.
    Library {
        /// The path of the library.
        path: String,
        /// The prefix of its symbols; empty if it has none.
        prefix: String,
    },
    /// A character device or file: `file:/dev/hwrng`.
    File {
        /// Its path.
        path: String,
    },
    /// A model computed here: `simulated:qrng`.
    Simulated {
        /// The name of the model.
        model: String,
    },
}

impl Address {
    /// The first words of an address; a driver may not be called like one of them.
    pub const SCHEMES: [&'static str; 8] =
        ["serial", "usb", "usbip", "tcp", "https", "library", "file", "simulated"];

    /// Whether `text` starts like an address, as opposed to a device id.
    pub fn looks_like(text: &str) -> bool {
        text.split_once(':').is_some_and(|(scheme, _)| Self::SCHEMES.contains(&scheme))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host_in_brackets =
            |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self {
            Self::Serial { path } => write!(f, "serial:{path}"),
            Self::Usb { vendor, product, unit: None } => write!(f, "usb:{vendor:04x}:{product:04x}"),
            Self::Usb { vendor, product, unit: Some(unit) } => {
                write!(f, "usb:{vendor:04x}:{product:04x}/{unit}")
            }
            Self::UsbIp { host, port, bus_id: None } => write!(f, "usbip:{}:{port}", host_in_brackets(host)),
            Self::UsbIp { host, port, bus_id: Some(bus_id) } => {
                write!(f, "usbip:{}:{port}/{bus_id}", host_in_brackets(host))
            }
            Self::Tcp { host, port } => write!(f, "tcp:{}:{port}", host_in_brackets(host)),
            Self::Https { host, port } => write!(f, "https://{}:{port}", host_in_brackets(host)),
            Self::Library { path, prefix } if prefix.is_empty() => write!(f, "library:{path}"),
            Self::Library { path, prefix } => write!(f, "library:{path}#{prefix}"),
            Self::File { path } => write!(f, "file:{path}"),
            Self::Simulated { model } => write!(f, "simulated:{model}"),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong =
            |why: &str| Error::new(ErrorKind::InvalidInput, format!("'{text}' is not an address: {why}"));
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(wrong(
                "it begins with serial:, usb:, usbip:, tcp:, https://, library:, file: or simulated:",
            ));
        };
        if rest.chars().any(char::is_control) {
            return Err(wrong("it contains a control character"));
        }
        let path = |what: &str| {
            if rest.is_empty() { Err(wrong(&format!("{what} is missing"))) } else { Ok(rest.to_owned()) }
        };
        match scheme {
            "serial" => Ok(Self::Serial { path: path("the port after serial:")? }),
            "file" => Ok(Self::File { path: path("the path after file:")? }),
            "simulated" => Ok(Self::Simulated { model: path("the model after simulated:")? }),
            "usb" => {
                let (ids, unit) = match rest.split_once('/') {
                    Some((ids, unit)) if !unit.is_empty() => (ids, Some(unit.to_owned())),
                    Some(_) => return Err(wrong("the unit after / is missing")),
                    None => (rest, None),
                };
                let number = |digits: &str| {
                    u16::from_str_radix(digits, 16)
                        .ok()
                        .filter(|_| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                };
                match ids.split_once(':').map(|(vendor, product)| (number(vendor), number(product))) {
                    Some((Some(vendor), Some(product))) => Ok(Self::Usb { vendor, product, unit }),
                    _ => Err(wrong("USB ids are four hexadecimal digits each, as in usb:0aba:0102")),
                }
            }
            "usbip" => {
                let (endpoint, bus_id) = match rest.split_once('/') {
                    Some((endpoint, bus_id)) if is_bus_id(bus_id) => (endpoint, Some(bus_id.to_owned())),
                    Some(_) => return Err(wrong("a bus id has digits, dots and hyphens, as in 1-1.2")),
                    None => (rest, None),
                };
                // The port that IANA has registered for USB/IP.
                let (host, port) = host_and_port(endpoint, Some(3240)).map_err(|why| wrong(&why))?;
                Ok(Self::UsbIp { host, port, bus_id })
            }
            "tcp" => {
                let (host, port) = host_and_port(rest, None).map_err(|why| wrong(&why))?;
                Ok(Self::Tcp { host, port })
            }
            "https" => {
                let rest = rest.strip_prefix("//").ok_or_else(|| wrong("write https://HOST:PORT"))?;
                let (host, port) = host_and_port(rest.strip_suffix('/').unwrap_or(rest), Some(443))
                    .map_err(|why| wrong(&why))?;
                Ok(Self::Https { host, port })
            }
            "library" => {
                let (path, prefix) = rest.split_once('#').unwrap_or((rest, ""));
                if path.is_empty() {
                    return Err(wrong("the path after library: is missing"));
                }
                if !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    return Err(wrong("a symbol prefix has only letters, digits and _"));
                }
                Ok(Self::Library { path: path.to_owned(), prefix: prefix.to_owned() })
            }
            _ => Err(wrong(
                "it begins with serial:, usb:, usbip:, tcp:, https://, library:, file: or simulated:",
            )),
        }
    }
}

/// Whether this is where a USB device is plugged in, as Linux writes it.
fn is_bus_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 32
        && text.bytes().all(|letter| letter.is_ascii_digit() || b".-".contains(&letter))
}

/// Splits `HOST:PORT` or `[V6]:PORT`; `default` stands for a port that is not written.
fn host_and_port(text: &str, default: Option<u16>) -> Result<(String, u16), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("only an IPv6 address stands in brackets".to_owned());
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("after ] comes :PORT".to_owned()),
        }
    } else {
        match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if !text.starts_with('[')
        && host.bytes().any(|byte| !(byte.is_ascii_alphanumeric() || b".-_".contains(&byte)))
    {
        return Err("a host has letters, digits, dots and hyphens; IPv6 stands in brackets".to_owned());
    }
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u16>().ok(),
        Some(_) => None,
        None => default,
    };
    match port {
        Some(port) if port != 0 => Ok((host.to_owned(), port)),
        _ => Err("a port is a number from 1 to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_written_forms_of_the_contract_read_back() {
        for text in [
            "serial:/dev/ttyUSB0",
            "usb:0aba:0102/A1",
            "usb:04d8:f5fe",
            "usbip:127.0.0.1:3240/1-1.2",
            "usbip:[fe80::1]:4000",
            "tcp:lab-7:54936",
            "tcp:[::1]:54936",
            "https://kme.example:8443",
            "library:/usr/lib/libdev.so#QHAL",
            "file:/dev/hwrng",
            "simulated:qrng",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_are_refused_with_the_reason() {
        for (text, why) in [
            ("/dev/ttyUSB0", "begins with"),
            ("serial:", "port"),
            ("usb:0aba", "four hexadecimal"),
            ("usb:0aba:+102", "four hexadecimal"),
            ("usbip:host/", "bus id"),
            ("usbip:host/1;2", "bus id"),
            ("usbip::1/1-1", "host is missing"),
            ("tcp:host", "port"),
            ("tcp:host:0", "port"),
            ("tcp:host:65536", "port"),
            ("tcp::1", "host is missing"),
            ("tcp:[::1:5", "bracket"),
            ("https:host", "https://"),
            ("library:#X", "path"),
            ("gopher:x", "begins with"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.message().contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_was_read_writes_back(text in "\\PC{0,40}") {
            for candidate in [text.clone(), format!("tcp:{text}"), format!("usb:{text}"), format!("usbip:{text}"), format!("https://{text}")] {
                if let Ok(address) = candidate.parse::<Address>() {
                    prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
                }
            }
        }
    }
}
