//! An optical fibre: loss, delay and the spread of arrival times.

/// Speed of light in vacuum over the group index 1.468 of standard fibre at 1550 nm, in km/s.
const SPEED: f64 = 299_792.458 / 1.468;

/// A fibre of one kind from end to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fibre {
    /// Length in km.
    pub length: f64,
    /// Loss in dB/km: 0.2 at 1550 nm (ITU-T G.652).
    pub loss: f64,
    /// Loss of connectors and splices in dB.
    pub connectors: f64,
    /// Chromatic dispersion in ps/(nm km): 17 for standard fibre at 1550 nm.
    pub dispersion: f64,
    /// Spectral width of the light in nm, as a standard deviation.
    pub bandwidth: f64,
}

impl Fibre {
    /// Standard fibre with a narrow laser and good connectors.
    pub const fn standard(length: f64) -> Self {
        Self { length, loss: 0.2, connectors: 0.0, dispersion: 17.0, bandwidth: 0.01 }
    }

    /// Which part of the light arrives: 10^(-dB/10).
    pub fn transmittance(&self) -> f64 {
        10f64.powf(-(self.length * self.loss + self.connectors) / 10.0)
    }

    /// How long the light takes, in ns.
    pub fn delay_ns(&self) -> f64 {
        self.length / SPEED * 1e9
    }

    /// Standard deviation of arrival times from dispersion, in ns.
    pub fn spread_ns(&self) -> f64 {
        (self.dispersion * self.bandwidth * self.length).abs() / 1000.0
    }
}
