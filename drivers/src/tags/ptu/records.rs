//! T2 records of PicoQuant's instruments: 32 bits each.

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A channel (none: the sync input) fired, so many ticks after the last wrap.
    Fired { channel: Option<u32>, ticks: u64 },
    /// The clock began again: so many ticks passed.
    Wrapped(u64),
    /// A marker input changed.
    Marker,
    /// No instrument writes this.
    Nonsense,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    PicoHarp,
    /// HydraHarp and what came after it.
    HydraHarp {
        wrap: u64,
        /// Whether a record of a wrap says how many there were.
        counts_wraps: bool,
    },
}

/// How the records of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    record_type: u32,
    pub(super) name: &'static str,
    form: Form,
}

const HYDRAHARP_2: Form = Form::HydraHarp { wrap: WRAP, counts_wraps: true };

const LAYOUTS: [Layout; 6] = [
    Layout { record_type: 0x0001_0203, name: "PicoHarp T2", form: Form::PicoHarp },
    Layout {
        record_type: 0x0001_0204,
        name: "HydraHarp 1 T2",
        form: Form::HydraHarp { wrap: 33_552_000, counts_wraps: false },
    },
    Layout { record_type: WRITTEN, name: "HydraHarp 2 T2", form: HYDRAHARP_2 },
    Layout { record_type: 0x0001_0205, name: "TimeHarp 260 N T2", form: HYDRAHARP_2 },
    Layout { record_type: 0x0001_0206, name: "TimeHarp 260 P T2", form: HYDRAHARP_2 },
    Layout { record_type: 0x0001_0207, name: "MultiHarp and PicoHarp 330 T2", form: HYDRAHARP_2 },
];

/// The type of the records that are written here.
pub(super) const WRITTEN: u32 = 0x0101_0204;
/// Ticks of a wrap in that layout.
pub(super) const WRAP: u64 = 33_554_432;
/// Wraps that one record tells of when it is written here: there is room for more, but ptufile reads seven bits (2026.2.6).
pub(super) const MOST_WRAPS: u64 = (1 << 7) - 1;
/// The special channel of a wrap.
pub(super) const WRAPPED: u32 = 63;

/// Ticks of a wrap of a PicoHarp.
const PICOHARP_WRAP: u64 = 210_698_240;

impl Layout {
    /// That of a record type, if it is one of T2 mode.
    pub(super) fn of(record_type: u32) -> Option<Self> {
        LAYOUTS.into_iter().find(|layout| layout.record_type == record_type)
    }

    /// Whether a record type is one of T3 mode.
    pub(super) fn is_t3(record_type: u32) -> bool {
        // The third byte of the type tells the mode.
        record_type & 0xFF00 == 0x0300 && Self::of(record_type & !0xFF00 | 0x0200).is_some()
    }

    /// What a record says.
    pub(super) fn read(&self, word: u32) -> Meaning {
        match self.form {
            Form::PicoHarp => match (word >> 28, word & 0x0FFF_FFFF) {
                (15, time) if time & 0xF == 0 => Meaning::Wrapped(PICOHARP_WRAP),
                (15, _) => Meaning::Marker,
                (channel, time) => Meaning::Fired { channel: Some(channel), ticks: time.into() },
            },
            Form::HydraHarp { wrap, counts_wraps } => {
                let (channel, time) = (word >> 25 & 0x3F, u64::from(word & 0x01FF_FFFF));
                match (word >> 31 == 1, channel) {
                    (false, channel) => Meaning::Fired { channel: Some(channel), ticks: time },
                    (true, 0) => Meaning::Fired { channel: None, ticks: time },
                    (true, WRAPPED) if counts_wraps => Meaning::Wrapped(wrap * time.max(1)),
                    (true, WRAPPED) => Meaning::Wrapped(wrap),
                    (true, 1..=15) => Meaning::Marker,
                    (true, _) => Meaning::Nonsense,
                }
            }
        }
    }
}

/// A record in the layout of HydraHarp 2.
pub(super) fn write(special: bool, channel: u32, time: u32) -> u32 {
    u32::from(special) << 31 | (channel & 0x3F) << 25 | time & 0x01FF_FFFF
}
