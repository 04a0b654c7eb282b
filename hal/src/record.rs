//! What a calibration found out about a device, as it is written down and read at the next opening.

use crate::{DeviceId, Error, ErrorKind, Provenance, Result};

/// One measured figure.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Quantity {
    /// What was measured, in the field's word: `t1`, `readout_error`, `min_entropy_per_sample`.
    pub name: String,
    /// Which part of the device it is about: qubit or channel indices; empty for the whole device.
    pub sites: Vec<u32>,
    /// The figure, in `unit`.
    pub value: f64,
    /// One standard deviation, in `unit`, where the fit gave one.
    pub uncertainty: Option<f64>,
    /// SI symbol, or empty for a pure number.
    pub unit: String,
}

/// What one routine found out about one device at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The device.
    pub device: DeviceId,
    /// Where its numbers came from when it was measured.
    pub provenance: Provenance,
    /// The routine that measured it.
    pub routine: String,
    /// When, in milliseconds since 1970-01-01 UTC, as given by the caller's clock.
    pub taken_at_ms: u64,
    /// What was found; finite figures only.
    pub quantities: Vec<Quantity>,
}

impl Record {
    /// A record of `routine` on `device` at `taken_at_ms`, with nothing in it yet.
    pub fn new(
        device: DeviceId,
        provenance: Provenance,
        routine: impl Into<String>,
        taken_at_ms: u64,
    ) -> Self {
        Self { device, provenance, routine: routine.into(), taken_at_ms, quantities: Vec::new() }
    }

    /// Writes one figure down.
    ///
    /// # Errors
    /// `InvalidInput` when value or uncertainty is not finite, the uncertainty is negative, or the same figure of
    /// the same sites is there already; the record is unchanged then.
    pub fn add(&mut self, quantity: Quantity) -> Result<()> {
        let wrong = |why: &str| {
            Err(Error::new(ErrorKind::InvalidInput, format!("cannot record {}: {why}", quantity.name))
                .on(&self.device))
        };
        if !quantity.value.is_finite()
            || quantity.uncertainty.is_some_and(|sigma| !(sigma.is_finite() && sigma >= 0.0))
        {
            return wrong("the figure is not finite");
        }
        if self.find(&quantity.name, &quantity.sites).is_some() {
            return wrong("it is in the record already");
        }
        self.quantities.push(quantity);
        Ok(())
    }

    /// The figure called `name` of exactly these `sites`.
    pub fn find(&self, name: &str, sites: &[u32]) -> Option<&Quantity> {
        self.quantities.iter().find(|quantity| quantity.name == name && quantity.sites == sites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t1(sites: &[u32], value: f64) -> Quantity {
        Quantity {
            name: "t1".into(),
            sites: sites.to_vec(),
            value,
            uncertainty: Some(1e-6),
            unit: "s".into(),
        }
    }

    #[test]
    fn a_figure_is_written_once_and_only_if_finite() {
        let mut record = Record::new(DeviceId::new("d", "1"), Provenance::Simulated, "t1", 0);
        record.add(t1(&[0], 30e-6)).unwrap();
        record.add(t1(&[1], 40e-6)).unwrap();
        assert_eq!(record.add(t1(&[0], 31e-6)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(record.add(t1(&[2], f64::NAN)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(record.find("t1", &[1]).unwrap().value, 40e-6);
        assert_eq!(record.quantities.len(), 2);
    }
}
