//! How a USB device is recognised by what it says of itself, before anybody speaks to it.

use crate::transport::ports::UsbDevice;

/// The ids of a device, and what its strings must begin with where many products share the ids.
///
/// The udev rules of `qhal doctor --udev-rules` are written from the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsbId {
    /// The model in the vendor's words.
    pub name: &'static str,
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    manufacturer: Option<&'static str>,
    product_name: Option<&'static str>,
    serial: Option<&'static str>,
}

impl UsbId {
    /// A model that its ids alone tell.
    pub const fn new(name: &'static str, vendor: u16, product: u16) -> Self {
        Self { name, vendor, product, manufacturer: None, product_name: None, serial: None }
    }

    /// Its manufacturer string must begin like this.
    #[must_use]
    pub const fn made_by(mut self, beginning: &'static str) -> Self {
        self.manufacturer = Some(beginning);
        self
    }

    /// Its product string must begin like this.
    #[must_use]
    pub const fn named(mut self, beginning: &'static str) -> Self {
        self.product_name = Some(beginning);
        self
    }

    /// Its serial number must begin like this.
    #[must_use]
    pub const fn numbered(mut self, beginning: &'static str) -> Self {
        self.serial = Some(beginning);
        self
    }

    /// What its strings must begin with, by the names that Linux gives them.
    pub fn strings(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let named =
            [("manufacturer", self.manufacturer), ("product", self.product_name), ("serial", self.serial)];
        named.into_iter().filter_map(|(name, beginning)| Some((name, beginning?)))
    }

    /// Whether `usb` is such a device.
    pub fn matches(&self, usb: &UsbDevice) -> bool {
        let begins = |text: &Option<String>, beginning: Option<&str>| {
            beginning.is_none_or(|beginning| text.as_deref().is_some_and(|text| text.starts_with(beginning)))
        };
        (self.vendor, self.product) == (usb.vendor, usb.product)
            && begins(&usb.manufacturer, self.manufacturer)
            && begins(&usb.product_name, self.product_name)
            && begins(&usb.serial, self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_ids_need_the_strings() {
        let device = |product: u16, serial: Option<&str>| UsbDevice {
            vendor: 0x0403,
            product,
            manufacturer: Some("FTDI".to_owned()),
            product_name: None,
            serial: serial.map(str::to_owned),
            path: "1-1".to_owned(),
        };
        let id = UsbId::new("X", 0x0403, 0x6001).made_by("FTDI").numbered("QWR4");
        assert!(id.matches(&device(0x6001, Some("QWR40001"))));
        assert!(!id.matches(&device(0x6001, Some("A5001"))) && !id.matches(&device(0x6001, None)));
        assert!(!id.matches(&device(0x6014, Some("QWR40001"))));
        assert!(!id.named("X").matches(&device(0x6001, Some("QWR40001"))));
        assert_eq!(id.strings().collect::<Vec<_>>(), [("manufacturer", "FTDI"), ("serial", "QWR4")]);
    }
}
