//! Command and response APDUs (ISO 7816-4, sections 5.1 to 5.3) and the simple TLVs inside them, as far as
//! PIV uses them (NIST SP 800-73-4 part 2, and Yubico's extensions of it).

use zeroize::Zeroizing;

/// The most bytes of data that one command carries here (short form), and one answer (extended form).
const SHORT_DATA: usize = 255;
/// The longest answer that is taken, status word included.
pub(super) const ANSWER_MAX: usize = 4_096;

/// A command. Its bytes are wiped: there may be a PIN among them.
pub(super) struct Command {
    bytes: Zeroizing<Vec<u8>>,
}

impl Command {
    /// A command without data that wants a short answer.
    pub(super) fn bare(ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            bytes: Zeroizing::new(vec![0, ins, p1, p2, 0]),
        }
    }

    /// A command with up to 255 bytes of data.
    pub(super) fn with(ins: u8, p1: u8, p2: u8, data: &[u8]) -> Self {
        debug_assert!(data.len() <= SHORT_DATA);
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        let mut bytes = Zeroizing::new(Vec::with_capacity(6 + data.len()));
        bytes.extend_from_slice(&[0, ins, p1, p2, length]);
        bytes.extend_from_slice(data);
        Self { bytes }
    }

    /// The same, and an answer of any length is wanted (extended form): so a whole object comes in one
    /// exchange.
    pub(super) fn wanting_much(ins: u8, p1: u8, p2: u8, data: &[u8]) -> Self {
        debug_assert!(data.len() <= SHORT_DATA);
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        let mut bytes = Zeroizing::new(Vec::with_capacity(9 + data.len()));
        bytes.extend_from_slice(&[0, ins, p1, p2, 0, 0, length]);
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(&[0, 0]);
        Self { bytes }
    }

    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

/// An answer: data and status word.
pub(super) struct Answer {
    bytes: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Takes an answer apart; nothing where it is shorter than a status word.
    pub(super) fn new(bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        (bytes.len() >= 2).then_some(Self { bytes })
    }

    pub(super) fn status(&self) -> u16 {
        let end = self.bytes.len();
        u16::from_be_bytes([self.bytes[end - 2], self.bytes[end - 1]])
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - 2]
    }
}

/// The value of the first TLV with this one-byte tag, at the top level of these bytes. All of them must be TLVs: in
/// an answer that is too short or too long nothing is found.
pub(super) fn value_of(tag: u8, mut bytes: &[u8]) -> Option<&[u8]> {
    let mut wanted = None;
    while !bytes.is_empty() {
        let (found, value, rest) = next(bytes)?;
        if found == tag && wanted.is_none() {
            wanted = Some(value);
        }
        bytes = rest;
    }
    wanted
}

/// The first TLV: tag of one byte, length in BER's definite form of one to three bytes.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let length = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
            (usize::from(length), &rest[2..])
        }
        short if short < 0x80 => (usize::from(short), rest),
        _ => return None,
    };
    (length <= rest.len()).then(|| (tag, &rest[..length], &rest[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_never_beyond_the_end() {
        let bytes = [1, 1, 0x11, 2, 0x81, 2, 3, 4, 4, 0x82, 0, 1, 9];
        assert_eq!(value_of(1, &bytes), Some(&[0x11][..]));
        assert_eq!(value_of(2, &bytes), Some(&[3, 4][..]));
        assert_eq!(value_of(4, &bytes), Some(&[9][..]));
        assert_eq!(value_of(5, &bytes), None);
        for end in 0..bytes.len() {
            assert_eq!(value_of(4, &bytes[..end]), None, "{end}");
        }
        let longer = [&bytes[..], &[0x5a]].concat();
        assert_eq!(value_of(1, &longer), None);
    }

    #[test]
    fn an_answer_has_a_status_word() {
        assert!(Answer::new(Zeroizing::new(vec![0x90])).is_none());
        let answer = Answer::new(Zeroizing::new(vec![7, 0x63, 0xc2])).expect("an answer");
        assert_eq!((answer.data(), answer.status()), (&[7][..], 0x63c2));
    }
}
