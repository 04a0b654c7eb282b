//! What finds devices and opens them.

use crate::{Address, Descriptor, Device, EntropySource, KeyLink, Kind, Processor, Result, TimeTagger};

/// Finds and opens the devices of one family; holds none itself.
pub trait Driver: Send + Sync {
    /// The first half of every [`DeviceId`](crate::DeviceId) it makes: lower-case letters, digits and `-`; never one
    /// of [`Address::SCHEMES`].
    fn name(&self) -> &'static str;

    /// Lists what is there. Reads only what the operating system lists: opens no port and writes nothing, so
    /// it is safe at any time. A device that may not be opened is listed all the same, with the reason in
    /// [`Descriptor::access`].
    ///
    /// # Errors
    /// `Other` or `PermissionDenied` when the operating system's list cannot be read; no device is no error.
    fn probe(&self) -> Result<Vec<Descriptor>>;

    /// Asks whoever is at `address` what it is. The user named the address, so it may be opened and spoken to.
    ///
    /// # Errors
    /// `Unsupported` when this driver has no business with such an address; `NotFound`, `PermissionDenied`,
    /// `Busy`, `TimedOut`, `Disconnected` from the wire; `Protocol` when something else answers.
    fn identify(&self, address: &Address) -> Result<Descriptor>;

    /// Whether [`identify`](Driver::identify) can tell a device at `address` from anything else that may be there. A
    /// stream of bytes that introduces itself to nobody cannot be told from noise: such a driver answers `false`
    /// and is asked only when the user names it.
    fn recognises(&self, address: &Address) -> bool {
        let _ = address;
        true
    }

    /// Opens a device that [`probe`](Driver::probe) or [`identify`](Driver::identify) described.
    ///
    /// # Errors
    /// The kinds of [`identify`](Driver::identify), and `NotFound` when a different unit answers by now.
    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice>;
}

/// A device that was opened, by kind.
pub enum OpenDevice {
    /// It gives random bytes.
    Entropy(Box<dyn EntropySource>),
    /// It gives keys.
    KeyLink(Box<dyn KeyLink>),
    /// It runs circuits.
    Processor(Box<dyn Processor>),
    /// It notes when detectors fire.
    TimeTagger(Box<dyn TimeTagger>),
}

impl OpenDevice {
    /// The kind of the device.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Entropy(_) => Kind::Entropy,
            Self::KeyLink(_) => Kind::KeyLink,
            Self::Processor(_) => Kind::Processor,
            Self::TimeTagger(_) => Kind::TimeTagger,
        }
    }

    /// The device as what all kinds have in common.
    pub fn as_device(&mut self) -> &mut dyn Device {
        match self {
            Self::Entropy(device) => device.as_mut(),
            Self::KeyLink(device) => device.as_mut(),
            Self::Processor(device) => device.as_mut(),
            Self::TimeTagger(device) => device.as_mut(),
        }
    }

    /// Closes the device, whatever its kind.
    ///
    /// # Errors
    /// Those of [`Device::close`].
    pub fn close(self) -> Result<()> {
        match self {
            Self::Entropy(device) => device.close(),
            Self::KeyLink(device) => device.close(),
            Self::Processor(device) => device.close(),
            Self::TimeTagger(device) => device.close(),
        }
    }
}

impl std::fmt::Debug for OpenDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenDevice::{:?}", self.kind())
    }
}
