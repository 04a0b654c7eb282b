//! Emulated devices on a pseudo-terminal or a loopback port, for people who develop without the device.

use qhal::{Address, Error, ErrorKind, Result};
use qhal_drivers::entropy::qcicada::emulator::server::NetworkServer;
use qhal_drivers::entropy::qcicada::emulator::{self as qcicada, QCicadaEmulator};
use qhal_drivers::entropy::truerng::Model as TrueRngModel;
use qhal_drivers::entropy::truerng::emulator::{self as truerng, TrueRngEmulator};
use qhal_drivers::transport::pty::PtyServer;

/// A device that can be emulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name on the command line.
    pub name: &'static str,
    /// The driver that talks to it.
    pub driver: &'static str,
    /// What can be wrong with it, by name.
    pub faults: Vec<&'static str>,
    /// Whether it can be put on a loopback port as well.
    pub network: bool,
}

/// How an emulated device is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What is wrong with it: the name of a fault, `NAME:BYTES` for one that shows after that many bytes.
    pub fault: Option<String>,
    /// Makes what it sends repeatable; `None` takes a seed from the operating system.
    pub seed: Option<u64>,
    /// Bytes a second; `None` is the real device's rate.
    pub rate: Option<u64>,
    /// On a loopback TCP port of the system's choice instead of a pseudo-terminal.
    pub tcp: bool,
}

/// All devices that can be emulated.
pub fn models() -> Vec<Model> {
    let truerng_faults: Vec<&str> = truerng::FaultKind::ALL.iter().map(|fault| fault.as_str()).collect();
    let pro = |name| Model { name, driver: "truerng", faults: truerng_faults.clone(), network: false };
    vec![
        Model {
            name: "qcicada",
            driver: "qcicada",
            faults: qcicada::FaultKind::ALL.iter().map(|fault| fault.as_str()).collect(),
            network: true,
        },
        // A plain TrueRNG has no supply voltage that could be wrong and no knock that it could miss.
        Model {
            faults: truerng_faults
                .iter()
                .copied()
                .filter(|fault| !["voltage", "deaf"].contains(fault))
                .collect(),
            ..pro("truerng")
        },
        pro("truerngpro"),
        pro("truerngpro-v2"),
    ]
}

enum Server {
    Pty(PtyServer),
    Network(NetworkServer),
}

/// An emulated device that is being served; dropping it ends the service.
pub struct Running {
    server: Server,
    address: Address,
    model: String,
    serial: Option<String>,
    seed: u64,
}

/// Starts an emulated `model` on its wire.
///
/// # Errors
/// `NotFound` for a model that is none; `InvalidInput` for a fault or rate it cannot have; `Unsupported` for a network that
/// it does not have; the system's kinds when it gives no pseudo-terminal, port or thread.
pub fn start(model: &str, request: &Request) -> Result<Running> {
    let entry = models().into_iter().find(|entry| entry.name == model);
    let entry =
        entry.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no emulator '{model}'")))?;
    if request.tcp && !entry.network {
        return Err(Error::new(ErrorKind::Unsupported, format!("a {model} has no network; leave --tcp out")));
    }
    let seed = match request.seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|cause| {
            Error::new(ErrorKind::Other, "the operating system gave no seed").because(cause)
        })?,
    };
    let (server, name, serial) = match model {
        "qcicada" => {
            let mut settings = qcicada::Settings { seed, ..qcicada::Settings::default() };
            settings.fault = request.fault.as_deref().map(str::parse).transpose()?;
            if let Some(rate) = request.rate {
                settings.rate = u32::try_from(rate).map_err(|_| {
                    Error::new(
                        ErrorKind::InvalidInput,
                        format!("{rate} bytes a second are more than 2^32 - 1"),
                    )
                })?;
            }
            let (name, serial) = (settings.hardware.clone(), settings.serial.clone());
            let emulator = QCicadaEmulator::new(settings)?;
            let server = if request.tcp {
                Server::Network(NetworkServer::serve(emulator, 0, None)?)
            } else {
                Server::Pty(PtyServer::serve(emulator)?)
            };
            (server, name, Some(serial))
        }
        _ => {
            let kind = match model {
                "truerng" => TrueRngModel::TrueRng,
                "truerngpro" => TrueRngModel::ProV1,
                _ => TrueRngModel::ProV2,
            };
            let mut emulator = TrueRngEmulator::new(kind, seed);
            if let Some(rate) = request.rate {
                emulator = emulator.with_rate(rate);
            }
            if let Some(fault) = &request.fault {
                emulator = emulator.with_fault_named(fault)?;
            }
            // On a pseudo-terminal nothing carries the serial number that a pro has on USB.
            (Server::Pty(PtyServer::serve(emulator)?), kind.to_string(), None)
        }
    };
    let address = match &server {
        Server::Pty(server) => server.address(),
        Server::Network(server) => server.address(),
    };
    Ok(Running { server, address, model: name, serial, seed })
}

impl Running {
    /// Where it answers.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The model in the vendor's words.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The serial number it tells, if it tells one.
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// What makes its bytes repeatable.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether it is still there; a fault may have unplugged it.
    pub fn is_running(&self) -> bool {
        match &self.server {
            Server::Pty(server) => server.is_running(),
            Server::Network(server) => server.is_running(),
        }
    }

    /// Ends the service.
    ///
    /// # Errors
    /// What ended it before, if something did.
    pub fn stop(self) -> Result<()> {
        match self.server {
            Server::Pty(server) => server.stop(),
            Server::Network(server) => server.stop(),
        }
    }
}
