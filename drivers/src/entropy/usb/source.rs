//! An open generator on USB as an entropy source.

use qhal::device::Property;
use qhal::{Access, Descriptor, Device, EntropySource, Error, ErrorKind, Health, MinEntropy, Result, Stage};
use zeroize::Zeroizing;

use super::Generator;
use crate::entropy::block::Block;
use crate::transport::usb::UsbTransport;

/// A generator and the wire to it. Bytes that were read and not asked for yet are wiped when it is dropped.
pub struct UsbSource<G: Generator> {
    wire: Box<dyn UsbTransport>,
    generator: G,
    descriptor: Descriptor,
    claim: MinEntropy,
    block: Block,
    open: bool,
}

impl<G: Generator> UsbSource<G> {
    /// A `generator` that was started on `wire`.
    ///
    /// # Errors
    /// `InvalidInput` for a claim that is none.
    pub fn new(wire: Box<dyn UsbTransport>, generator: G, descriptor: Descriptor) -> Result<Self> {
        let claim = generator.claim()?;
        let descriptor = Descriptor { access: Access::Ready, ..descriptor };
        Ok(Self { wire, generator, descriptor, claim, block: Block::default(), open: true })
    }

    /// The generator.
    pub fn generator(&self) -> &G {
        &self.generator
    }

    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }

    fn release(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        self.generator.release(self.wire.as_mut())
    }
}

impl<G: Generator> Device for UsbSource<G> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        self.generator.health(self.wire.as_mut()).map_err(|error| self.named(error))
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        self.generator.properties(self.wire.as_mut()).map_err(|error| self.named(error))
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        self.release().map_err(|error| self.named(error))
    }
}

impl<G: Generator> EntropySource for UsbSource<G> {
    fn stage(&self) -> Stage {
        self.generator.stage()
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.block.is_empty() {
            // What came before an error is not given to anybody.
            let mut bytes = Zeroizing::new(Vec::new());
            let fetched = self.generator.fetch(self.wire.as_mut(), &mut bytes);
            fetched.map_err(|error| self.named(error))?;
            if bytes.is_empty() {
                return Err(self.named(Error::new(ErrorKind::Protocol, "the device answered with nothing")));
            }
            self.block.replace(bytes);
        }
        Ok(self.block.give(out))
    }
}

impl<G: Generator> Drop for UsbSource<G> {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}
