//! The descriptors by which a USB device says what it is (USB 2.0, §9.6): values ⇄ bytes, pure.

use qhal::{Error, ErrorKind, Result};

/// How fast a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speed {
    /// 12 Mbit/s, bulk packets of at most 64 bytes.
    Full,
    /// 480 Mbit/s, bulk packets of 512 bytes.
    High,
}

/// Everything that a device says of itself: one configuration, and its strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// How fast it is.
    pub speed: Speed,
    /// Its ids and class.
    pub device: DeviceDescriptor,
    /// Its only configuration.
    pub configuration: Configuration,
    /// The manufacturer string.
    pub manufacturer: Option<String>,
    /// The product string.
    pub product_name: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
}

/// The device descriptor, without the numbers of the strings: those are 1 manufacturer, 2 product, 3 serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceDescriptor {
    /// `bcdUSB`: 0x0200 is USB 2.0.
    pub usb_version: u16,
    /// Class, subclass, protocol.
    pub class: [u8; 3],
    /// The largest packet of endpoint 0: 8, 16, 32 or 64 bytes.
    pub max_packet_0: u8,
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// `bcdDevice`: the vendor's version of the device.
    pub release: u16,
}

/// A configuration descriptor with all that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The number by which it is selected.
    pub value: u8,
    /// `bmAttributes`: 0x80, with 0x40 if self-powered and 0x20 if it can wake the host.
    pub attributes: u8,
    /// The most it draws from the bus, in units of 2 mA.
    pub max_power: u8,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
}

/// An interface descriptor in one of its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub number: u8,
    /// The number of the setting.
    pub alternate: u8,
    /// Class, subclass, protocol.
    pub class: [u8; 3],
    /// Class-specific descriptors between the interface and its endpoints, as bytes.
    pub extra: Vec<u8>,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its number, with bit 7 set where data comes from the device.
    pub address: u8,
    /// The type in bits 1 and 0: 2 is bulk, 3 interrupt.
    pub attributes: u8,
    /// The largest packet in bytes.
    pub max_packet: u16,
    /// The polling interval.
    pub interval: u8,
}

impl Endpoint {
    /// A bulk endpoint.
    pub const fn bulk(address: u8, max_packet: u16) -> Self {
        Self { address, attributes: 2, max_packet, interval: 0 }
    }

    /// Whether data is moved in bulk or by interrupt transfers.
    pub const fn is_plain(self) -> bool {
        self.attributes & 3 >= 2
    }
}

impl Configuration {
    /// One vendor-specific interface, number 0, with these endpoints.
    pub fn vendor_specific(attributes: u8, max_power: u8, endpoints: Vec<Endpoint>) -> Self {
        let interface =
            Interface { number: 0, alternate: 0, class: [0xFF, 0, 0], extra: Vec::new(), endpoints };
        Self { value: 1, attributes, max_power, interfaces: vec![interface] }
    }

    /// The bytes of the descriptor and all that hangs on it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut numbers: Vec<u8> = Vec::new();
        for interface in &self.interfaces {
            let Interface { number, alternate, class, extra, endpoints } = interface;
            if !numbers.contains(number) {
                numbers.push(*number);
            }
            body.extend([9, 4, *number, *alternate, endpoints.len() as u8, class[0], class[1], class[2], 0]);
            body.extend(extra);
            for Endpoint { address, attributes, max_packet, interval } in endpoints {
                let [low, high] = max_packet.to_le_bytes();
                body.extend([7, 5, *address, *attributes, low, high, *interval]);
            }
        }
        let [low, high] = u16::try_from(9 + body.len()).unwrap_or(u16::MAX).to_le_bytes();
        let mut bytes =
            vec![9, 2, low, high, numbers.len() as u8, self.value, 0, self.attributes, self.max_power];
        bytes.extend(body);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes; descriptors of unknown kinds are kept in
    /// [`Interface::extra`] where they precede the endpoints and left out elsewhere.
    ///
    /// # Errors
    /// `Protocol` when lengths do not add up or an endpoint stands outside an interface.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong =
            |why: &str| Error::new(ErrorKind::Protocol, format!("the configuration descriptor {why}"));
        let &[9, 2, low, high, _, value, _, attributes, max_power, ref body @ ..] = bytes else {
            return Err(wrong("has no head"));
        };
        let total = usize::from(u16::from_le_bytes([low, high]));
        let mut rest = body.get(..total.saturating_sub(9)).ok_or_else(|| wrong("is cut short"))?;
        let mut interfaces: Vec<Interface> = Vec::new();
        while let Some(length) = rest.first().map(|length| usize::from(*length)) {
            let (one, after) = rest
                .split_at_checked(length)
                .filter(|_| length >= 2)
                .ok_or_else(|| wrong("has a wrong length"))?;
            rest = after;
            match (one, interfaces.last_mut()) {
                (&[_, 4, number, alternate, _, class, subclass, protocol, _, ..], _) => {
                    let class = [class, subclass, protocol];
                    let (extra, endpoints) = (Vec::new(), Vec::new());
                    interfaces.push(Interface { number, alternate, class, extra, endpoints });
                }
                (&[_, 5, address, attributes, low, high, interval, ..], Some(interface)) => {
                    let max_packet = u16::from_le_bytes([low, high]);
                    interface.endpoints.push(Endpoint { address, attributes, max_packet, interval });
                }
                ([_, 4 | 5, ..], _) => return Err(wrong("has a part that is too short or out of place")),
                (other, Some(interface)) if interface.endpoints.is_empty() => interface.extra.extend(other),
                _ => {}
            }
        }
        Ok(Self { value, attributes, max_power, interfaces })
    }

    /// The bulk and interrupt endpoints of the interfaces as they are set: `(interface, setting)`, 0 if not named.
    pub fn endpoints(&self, settings: &[(u8, u8)]) -> Vec<Endpoint> {
        let setting = |number| {
            settings
                .iter()
                .rev()
                .find(|(interface, _)| *interface == number)
                .map_or(0, |(_, setting)| *setting)
        };
        self.interfaces
            .iter()
            .filter(|interface| interface.alternate == setting(interface.number))
            .flat_map(|interface| interface.endpoints.iter().copied())
            .filter(|endpoint| endpoint.is_plain())
            .collect()
    }

    /// Whether an interface has such a setting.
    pub fn has_setting(&self, interface: u8, alternate: u8) -> bool {
        self.interfaces.iter().any(|one| (one.number, one.alternate) == (interface, alternate))
    }
}

impl Blueprint {
    /// The strings with their numbers.
    fn strings(&self) -> [(u8, &Option<String>); 3] {
        [(1, &self.manufacturer), (2, &self.product_name), (3, &self.serial)]
    }

    /// The 18 bytes of the device descriptor.
    pub fn device_bytes(&self) -> [u8; 18] {
        let DeviceDescriptor { usb_version, class, max_packet_0, vendor, product, release } = self.device;
        let [usb, vendor, product, release] = [usb_version, vendor, product, release].map(u16::to_le_bytes);
        let [manufacturer, named, serial] =
            self.strings().map(|(number, text)| if text.is_some() { number } else { 0 });
        [
            18,
            1,
            usb[0],
            usb[1],
            class[0],
            class[1],
            class[2],
            max_packet_0,
            vendor[0],
            vendor[1],
            product[0],
            product[1],
            release[0],
            release[1],
            manufacturer,
            named,
            serial,
            1,
        ]
    }

    /// A string descriptor: number 0 lists the languages (US English), the others are UTF-16.
    pub fn string_bytes(&self, number: u8) -> Option<Vec<u8>> {
        if number == 0 {
            return Some(vec![4, 3, 0x09, 0x04]);
        }
        let (_, text) =
            self.strings().into_iter().find(|(index, text)| *index == number && text.is_some())?;
        // A descriptor has at most 255 bytes, which leaves 126 units.
        let units: Vec<u8> =
            text.as_deref().unwrap_or_default().encode_utf16().take(126).flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![units.len() as u8 + 2, 3];
        bytes.extend(units);
        Some(bytes)
    }
}

/// The text of a string descriptor, without control characters; `None` where there is none.
pub fn string_of(bytes: &[u8]) -> Option<String> {
    let &[length, 3, ref rest @ ..] = bytes else { return None };
    let text = rest.get(..usize::from(length).saturating_sub(2)).unwrap_or(rest);
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|letter| !letter.is_control())
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The Quantis USB as lsusb shows it in the listing of Nicos Panayides' library quantisusb.
    fn quantis() -> Blueprint {
        Blueprint {
            speed: Speed::High,
            device: DeviceDescriptor {
                usb_version: 0x0200,
                class: [0xFF, 0, 0],
                max_packet_0: 64,
                vendor: 0x0ABA,
                product: 0x0102,
                release: 0x0200,
            },
            configuration: Configuration::vendor_specific(0x80, 150, vec![Endpoint::bulk(0x86, 512)]),
            manufacturer: Some("id Quantique".to_owned()),
            product_name: Some("Quantis USB".to_owned()),
            serial: Some("FFFFFFFFFF".to_owned()),
        }
    }

    #[test]
    fn the_descriptors_of_a_quantis_usb() {
        let blueprint = quantis();
        assert_eq!(
            blueprint.device_bytes(),
            [0x12, 1, 0, 2, 0xFF, 0, 0, 0x40, 0xBA, 0x0A, 2, 1, 0, 2, 1, 2, 3, 1]
        );
        let bytes = blueprint.configuration.to_bytes();
        let published: [u8; 25] = [
            0x09, 0x02, 0x19, 0x00, 0x01, 0x01, 0x00, 0x80, 0x96, 0x09, 0x04, 0x00, 0x00, 0x01, 0xFF, 0x00,
            0x00, 0x00, 0x07, 0x05, 0x86, 0x02, 0x00, 0x02, 0x00,
        ];
        assert_eq!(bytes, published);
        assert_eq!(Configuration::parse(&bytes).unwrap(), blueprint.configuration);
        assert_eq!(blueprint.string_bytes(0).unwrap(), [4, 3, 9, 4]);
        assert_eq!(blueprint.string_bytes(3).unwrap()[..6], [22, 3, b'F', 0, b'F', 0]);
        assert_eq!(blueprint.string_bytes(4), None);
        let without = Blueprint { serial: None, ..blueprint };
        assert_eq!(without.device_bytes()[16], 0);
        assert_eq!(without.string_bytes(3), None);
    }

    #[test]
    fn strings_do_not_move_the_cursor() {
        assert_eq!(string_of(&[8, 3, b'a', 0, 0x1B, 0, b'b', 0]).as_deref(), Some("ab"));
        assert_eq!(string_of(&[2, 3]), None);
        assert_eq!(string_of(&[4, 9, b'a', 0]), None);
    }

    fn interface() -> impl Strategy<Value = Interface> {
        let endpoint = (any::<u8>(), any::<u8>(), any::<u16>(), any::<u8>()).prop_map(
            |(address, attributes, max_packet, interval)| Endpoint {
                address,
                attributes,
                max_packet,
                interval,
            },
        );
        let extra = prop::sample::select(vec![vec![], vec![5, 0x24, 0, 0x10, 1], vec![4, 0x24, 2, 2]]);
        (any::<[u8; 5]>(), extra, prop::collection::vec(endpoint, 0..4)).prop_map(
            |([number, alternate, a, b, c], extra, endpoints)| Interface {
                number,
                alternate,
                class: [a, b, c],
                extra,
                endpoints,
            },
        )
    }

    proptest! {
        #[test]
        fn configurations_read_back(
            head in any::<[u8; 3]>(),
            interfaces in prop::collection::vec(interface(), 0..4),
        ) {
            let [value, attributes, max_power] = head;
            let configuration = Configuration { value, attributes, max_power, interfaces };
            prop_assert_eq!(Configuration::parse(&configuration.to_bytes()).unwrap(), configuration);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), head in any::<bool>()) {
            let mut bytes = bytes;
            if head {
                bytes.splice(0..0, [9, 2, 60, 0, 1, 1, 0, 0x80, 50]);
            }
            let _ = (Configuration::parse(&bytes), string_of(&bytes));
        }

        #[test]
        fn texts_read_back(text in "[a-zA-Z0-9µ☃🎲]{1,40}") {
            let blueprint = Blueprint { serial: Some(text.clone()), ..quantis() };
            let read = string_of(&blueprint.string_bytes(3).unwrap());
            prop_assert_eq!(read, Some(text));
        }
    }
}
