//! FTDI's USB chips spoken to directly: requests of the chip, and two status bytes in front of every packet.
//!
//! Sources: FTDI, application notes AN232B-05 (baud rates), AN_184 (bit modes) and AN_108 (commands of the MPSSE);
//! the numbers of the requests are those of Linux's drivers/usb/serial/ftdi_sio.h.

pub mod chip;

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use super::{Setup, UsbTransport};

/// How long the chip may take to answer a request.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(1);

/// The requests of the chip (`bRequest`); `bmRequestType` is 40 to the chip and C0 from it.
pub mod request {
    /// Reset (value 0), or throw away what was received (1) or is to be sent (2).
    pub const RESET: u8 = 0x00;
    /// Flow control, in the upper byte of the index: 0 none, 1 RTS/CTS.
    pub const FLOW_CONTROL: u8 = 0x02;
    /// Baud rate, as a [`Divisor`](super::Divisor).
    pub const BAUD_RATE: u8 = 0x03;
    /// Asks for the two status bytes.
    pub const MODEM_STATUS: u8 = 0x05;
    /// Event character; 0 is none.
    pub const EVENT_CHARACTER: u8 = 0x06;
    /// Error character; 0 is none.
    pub const ERROR_CHARACTER: u8 = 0x07;
    /// Latency timer in milliseconds, 1 to 255.
    pub const LATENCY: u8 = 0x09;
    /// Bit mode: mode in the upper byte, pins that are outputs in the lower.
    pub const BIT_MODE: u8 = 0x0B;
}

/// Bit modes (AN_184).
pub mod bit_mode {
    /// An ordinary serial port or FIFO.
    pub const RESET: u8 = 0x00;
    /// The multi-protocol synchronous serial engine.
    pub const MPSSE: u8 = 0x02;
    /// Synchronous bit-bang: for every byte written the pins are read once, before it takes effect.
    pub const SYNCHRONOUS: u8 = 0x04;
}

/// The status bytes in front of every packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Bits 4 to 7 are CTS, DSR, RI and DCD; bit 0 is set on a link with packets of 64 bytes, bit 1 on one with 512.
    pub modem: u8,
    /// Bit 0 data ready, 1 overrun, 2 parity, 3 framing, 4 break, 5 transmitter empty, 6 transmitter and shift register
    /// empty, 7 error.
    pub line: u8,
}

impl Status {
    /// Whether the chip tells of overrun, parity, framing, break or another error.
    pub const fn has_error(self) -> bool {
        self.line & 0b1001_1110 != 0
    }
}

/// Takes the status bytes out of a transfer made of packets of `packet` bytes: appends the data to `data` and gives the
/// last status. A packet of fewer than two bytes is none of this chip's.
///
/// # Errors
/// `Protocol` for a packet without its status bytes.
pub fn strip(transfer: &[u8], packet: usize, data: &mut Vec<u8>) -> Result<Option<Status>> {
    let mut status = None;
    for one in transfer.chunks(packet.max(2)) {
        let &[modem, line, ref rest @ ..] = one else {
            return Err(Error::new(
                ErrorKind::Protocol,
                "a packet came without the two status bytes of an FTDI chip",
            ));
        };
        data.extend(rest);
        status = Some(Status { modem, line });
    }
    Ok(status)
}

/// The clock from which a chip divides its baud rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// 3 MHz: FT232B, FT232R, FT-X.
    Full,
    /// 12 MHz: FT2232H, FT4232H, FT232H.
    High,
}

/// A baud rate as the chip takes it: an integer of 14 bits and eighths in three bits (AN232B-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divisor {
    /// `wValue`.
    pub value: u16,
    /// What belongs into `wIndex`: in bit 0 on a chip with one port and a 3 MHz clock, in bits 8 and 9 on the others.
    pub index: u16,
}

/// How the eighths 0 to 7 are written.
const EIGHTHS: [u32; 8] = [0, 3, 2, 4, 1, 5, 6, 7];

impl Divisor {
    /// The divisor that comes nearest to `baud`; `None` where the chip has none within 3 %.
    pub fn of_baud(clock: Clock, baud: u32) -> Option<Self> {
        let (hertz, above) = match clock {
            Clock::Full => (3_000_000_u32, 0),
            Clock::High => (12_000_000, 1 << 17),
        };
        // In eighths, rounded to the nearest. 1 and 1.5 are written as 0 and 1, and there is nothing in between.
        let eighths = (u64::from(hertz) * 16 / u64::from(baud.max(1))).div_ceil(2).max(8);
        let eighths = u32::try_from(eighths).ok().filter(|eighths| *eighths < 8 << 14)?;
        let (code, eighths) = match eighths {
            0..=9 => (0, 8),
            10..=13 => (1, 12),
            14..=15 => (2, 16),
            _ => (eighths >> 3 | EIGHTHS.get(eighths as usize & 7)? << 14, eighths),
        };
        let got = u64::from(hertz) * 8 / u64::from(eighths);
        if got.abs_diff(baud.into()) * 100 > u64::from(baud) * 3 {
            return None;
        }
        let code = code | above;
        let high = (code >> 16) as u16;
        let index = if clock == Clock::High { high << 8 } else { high };
        Some(Self { value: code as u16, index })
    }

    /// The baud rate it makes.
    pub fn baud(self, clock: Clock) -> f64 {
        let (hertz, high) = match clock {
            Clock::Full => (3_000_000.0, self.index & 1),
            Clock::High => (12_000_000.0, self.index >> 8 & 1),
        };
        let integer = self.value & 0x3FFF;
        let code = u32::from(self.value >> 14 | high << 2);
        let eighths = EIGHTHS.iter().position(|one| *one == code).unwrap_or(0);
        match (integer, code) {
            (0, 0) => hertz,
            (1, 0) => hertz / 1.5,
            _ => hertz / (f64::from(integer) + eighths as f64 / 8.0),
        }
    }
}

/// The host's view of one port of a chip.
#[derive(Debug)]
pub struct Ftdi {
    port: u16,
    to_host: u8,
    to_chip: u8,
    packet: usize,
    received: Vec<u8>,
    status: Status,
}

impl Ftdi {
    /// The only port of the chip behind `wire`: its first endpoint in each direction. Requests name it `port`; a chip with
    /// one port takes 0 and 1 alike.
    ///
    /// # Errors
    /// `Protocol` when the device does not have one endpoint in each direction.
    pub fn new(wire: &dyn UsbTransport, port: u8) -> Result<Self> {
        let endpoints = wire.endpoints();
        let first =
            |to_host: bool| endpoints.iter().copied().find(|endpoint| (endpoint & 0x80 != 0) == to_host);
        let packet = first(true).and_then(|endpoint| wire.max_packet(endpoint));
        match (first(true), first(false), packet) {
            (Some(to_host), Some(to_chip), Some(packet)) if packet > 2 => Ok(Self {
                port: port.into(),
                to_host,
                to_chip,
                packet,
                received: Vec::new(),
                status: Status::default(),
            }),
            _ => Err(Error::new(ErrorKind::Protocol, "it does not have the two endpoints of an FTDI chip")),
        }
    }

    /// The bytes of data in a full packet.
    pub fn payload(&self) -> usize {
        self.packet - 2
    }

    /// The status bytes that came last.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Sends one of the chip's requests; `above` goes into the upper byte of the index.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn request(&self, wire: &mut dyn UsbTransport, request: u8, value: u16, above: u8) -> Result<()> {
        let index = self.port | u16::from(above) << 8;
        wire.control_out(Setup::new(0x40, request).with(value, index), &[], REQUEST_LIMIT)
    }

    /// Resets the port.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn reset(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.received.clear();
        self.request(wire, request::RESET, 0, 0)
    }

    /// Throws away what the chip has received and not sent to the host yet.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn purge_receive(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.received.clear();
        self.request(wire, request::RESET, 1, 0)
    }

    /// Throws away what the chip has got from the host and not sent on yet.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn purge_transmit(&self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.request(wire, request::RESET, 2, 0)
    }

    /// Sets how long the chip waits for a packet to fill, in milliseconds.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn set_latency(&self, wire: &mut dyn UsbTransport, milliseconds: u8) -> Result<()> {
        self.request(wire, request::LATENCY, milliseconds.max(1).into(), 0)
    }

    /// Sets a [bit mode](bit_mode) and which pins are outputs.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn set_bit_mode(&self, wire: &mut dyn UsbTransport, mode: u8, outputs: u8) -> Result<()> {
        self.request(wire, request::BIT_MODE, u16::from_be_bytes([mode, outputs]), 0)
    }

    /// Sets the baud rate (in bit-bang modes, the rate at which bytes are clocked).
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_out`].
    pub fn set_divisor(&self, wire: &mut dyn UsbTransport, divisor: Divisor) -> Result<()> {
        let setup = Setup::new(0x40, request::BAUD_RATE);
        // A chip with one port has no use for its number here, and the divisor's highest bit in its place.
        wire.control_out(setup.with(divisor.value, divisor.index), &[], REQUEST_LIMIT)
    }

    /// Asks for the status bytes.
    ///
    /// # Errors
    /// Those of [`UsbTransport::control_in`], `Protocol` when they do not come.
    pub fn ask_status(&mut self, wire: &mut dyn UsbTransport) -> Result<Status> {
        let mut bytes = [0; 2];
        let setup = Setup::new(0xC0, request::MODEM_STATUS).with(0, self.port);
        super::control_in_exact(wire, setup, &mut bytes, REQUEST_LIMIT)?;
        let [modem, line] = bytes;
        self.status = Status { modem, line };
        Ok(self.status)
    }

    /// Writes `data`.
    ///
    /// # Errors
    /// Those of [`UsbTransport::bulk_out`].
    pub fn write(&self, wire: &mut dyn UsbTransport, data: &[u8], timeout: Duration) -> Result<()> {
        wire.bulk_out(self.to_chip, data, timeout)
    }

    /// Fills all of `out` within `timeout`. What had come beyond it stays for the next read.
    ///
    /// # Errors
    /// `TimedOut` when too little came, with how much; `Protocol` for a packet without status bytes; those of
    /// [`UsbTransport::bulk_in`].
    pub fn read_exact(
        &mut self,
        wire: &mut dyn UsbTransport,
        out: &mut [u8],
        timeout: Duration,
    ) -> Result<()> {
        let limit = wire.now().saturating_add(timeout);
        while self.received.len() < out.len() {
            let left = limit.saturating_sub(wire.now());
            if left.is_zero() {
                let (got, wanted) = (self.received.len(), out.len());
                self.received.clear();
                let message = format!("{got} of {wanted} bytes came within {timeout:?}");
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
            let packets = (out.len() - self.received.len()).div_ceil(self.payload());
            let mut transfer = vec![0; packets * self.packet];
            let count = wire.bulk_in(self.to_host, &mut transfer, left)?;
            let status = strip(transfer.get(..count).unwrap_or_default(), self.packet, &mut self.received)?;
            self.status = status.unwrap_or(self.status);
        }
        let count = out.len();
        for (slot, byte) in out.iter_mut().zip(self.received.drain(..count)) {
            *slot = byte;
        }
        Ok(())
    }

    /// How many bytes came that nobody has read.
    pub fn surplus(&self) -> usize {
        self.received.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// FTDI, AN232B-05, "Aliasing Using the Original Sub-Integer Divisors": divisor as written, and the rate it makes.
    const PUBLISHED: [(u16, u32); 14] = [
        (0x2710, 300),
        (0x1388, 600),
        (0x09C4, 1200),
        (0x04E2, 2400),
        (0x0271, 4800),
        (0x4138, 9600),
        (0x809C, 19_200),
        (0xC04E, 38_400),
        (0x0034, 57_692),
        (0x001A, 115_384),
        (0x000D, 230_769),
        (0x4006, 461_538),
        (0x8003, 923_076),
        (0x80D0, 14_406),
    ];

    #[test]
    fn divisors_are_those_of_the_application_note() {
        for (value, baud) in PUBLISHED {
            let divisor = Divisor { value, index: 0 };
            assert!((divisor.baud(Clock::Full) - f64::from(baud)).abs() < 1.0, "{value:04x}");
            assert_eq!(Divisor::of_baud(Clock::Full, baud), Some(divisor), "{baud}");
        }
        // Of the same note, "Additional FT232B Sub-Integer Divisors": 0x14035 is 53.625, which makes 55 944 baud.
        let divisor = Divisor { value: 0x4035, index: 1 };
        assert_eq!(divisor.baud(Clock::Full).round(), 55_944.0);
        assert_eq!(Divisor::of_baud(Clock::Full, 55_944), Some(divisor));
        // 3 and 2 MHz are written as 0 and 1.
        assert_eq!(Divisor::of_baud(Clock::Full, 3_000_000), Some(Divisor { value: 0, index: 0 }));
        assert_eq!(Divisor::of_baud(Clock::Full, 2_000_000), Some(Divisor { value: 1, index: 0 }));
        // Infinite Noise's 30 000 is a divisor of 100.
        assert_eq!(Divisor::of_baud(Clock::Full, 30_000), Some(Divisor { value: 100, index: 0 }));
        for impossible in [1, 100, 2_500_000, 4_000_000] {
            assert_eq!(Divisor::of_baud(Clock::Full, impossible), None, "{impossible}");
        }
        // The high-speed chips mark their clock in bit 9 of the index.
        assert_eq!(Divisor::of_baud(Clock::High, 12_000_000), Some(Divisor { value: 0, index: 0x0200 }));
        assert_eq!(Divisor::of_baud(Clock::High, 1_000_000), Some(Divisor { value: 12, index: 0x0200 }));
    }

    #[test]
    fn status_bytes_are_taken_out_of_every_packet() {
        let mut transfer = vec![0x32, 0x60];
        transfer.extend([7; 62]);
        transfer.extend([0x31, 0x62, 8, 9]);
        let mut data = Vec::new();
        let status = strip(&transfer, 64, &mut data).unwrap().unwrap();
        assert_eq!((status.modem, status.line, data.len()), (0x31, 0x62, 64));
        assert!(status.has_error() && !Status { modem: 0x32, line: 0x60 }.has_error());
        assert_eq!(strip(&[1], 64, &mut data).unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(strip(&[], 64, &mut data).unwrap(), None);
    }

    proptest! {
        #[test]
        fn a_divisor_is_within_a_sixteenth(baud in 184_u32..900_000) {
            for (clock, hertz) in [(Clock::Full, 3e6), (Clock::High, 12e6)] {
                let Some(divisor) = Divisor::of_baud(clock, baud) else { continue };
                let wanted = hertz / f64::from(baud);
                let got = hertz / divisor.baud(clock);
                prop_assert!((wanted - got).abs() <= 1.0 / 16.0 + 1e-6, "{clock:?} {baud}: {wanted} {got}");
            }
        }

        #[test]
        fn any_transfer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), packet in 0_usize..70) {
            let mut data = Vec::new();
            let _ = strip(&bytes, packet, &mut data);
            prop_assert!(data.len() <= bytes.len());
        }
    }
}
