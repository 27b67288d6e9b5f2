//! Command APDUs (ISO 7816-4, short and extended) and what they are answered with.

/// The status words that the card knows.
pub mod sw {
    pub const OK: u16 = 0x9000;
    /// More of the answer is there; the low byte says how much.
    pub const MORE: u16 = 0x6100;
    /// Wrong PIN or PUK; the low four bits are the tries left.
    pub const TRIES_LEFT: u16 = 0x63C0;
    pub const WRONG_LENGTH: u16 = 0x6700;
    /// PIN, management key or touch is missing.
    pub const SECURITY: u16 = 0x6982;
    pub const BLOCKED: u16 = 0x6983;
    pub const CONDITIONS: u16 = 0x6985;
    pub const WRONG_DATA: u16 = 0x6A80;
    pub const NOT_FOUND: u16 = 0x6A82;
    pub const NO_SPACE: u16 = 0x6A84;
    pub const WRONG_P1_P2: u16 = 0x6A86;
    pub const NO_REFERENCE: u16 = 0x6A88;
    pub const UNKNOWN_INS: u16 = 0x6D00;
    pub const UNKNOWN_CLA: u16 = 0x6E00;
}

/// A command.
#[derive(Clone)]
pub struct Apdu {
    pub cla: u8,
    pub ins: u8,
    pub p1: u8,
    pub p2: u8,
    pub data: Vec<u8>,
    /// The longest answer that is wanted, 256 where none was named.
    pub le: usize,
}

impl Apdu {
    /// Reads a command; `None` where its lengths are wrong.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (header, body) = bytes.split_at_checked(4)?;
        let (data, le) = match *body {
            [] => (&body[..0], 256),
            [le] => (&body[..0], short(le)),
            [0, high, low] => (&body[..0], extended(high, low)),
            [0, high, low, ref rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                match rest.split_at_checked(length)? {
                    (data, []) => (data, 65_536),
                    (data, &[high, low]) => (data, extended(high, low)),
                    _ => return None,
                }
            }
            [length, ref rest @ ..] => match rest.split_at_checked(usize::from(length))? {
                (data, []) => (data, 256),
                (data, &[le]) => (data, short(le)),
                _ => return None,
            },
        };
        let [cla, ins, p1, p2] = header.try_into().ok()?;
        Some(Self {
            cla,
            ins,
            p1,
            p2,
            data: data.to_vec(),
            le,
        })
    }
}

fn short(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

fn extended(high: u8, low: u8) -> usize {
    match usize::from(u16::from_be_bytes([high, low])) {
        0 => 65_536,
        le => le,
    }
}

/// Why a command has no data for an answer.
#[derive(Clone, Copy)]
pub enum Refused {
    /// Answered with this status word alone.
    Status(u16),
    /// Not answered at all: the card was pulled out meanwhile.
    Gone,
}

impl From<u16> for Refused {
    fn from(status: u16) -> Self {
        Self::Status(status)
    }
}

/// The data of an answer with status 9000, or why not.
pub type Answer = Result<Vec<u8>, Refused>;

/// Refuses with a status unless a condition holds.
pub fn demand(holds: bool, status: u16) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(status.into()) }
}
