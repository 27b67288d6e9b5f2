//! BER-TLV, as far as cards use it: definite lengths up to 65,535 bytes, tags of up to three bytes.

/// One element: tag, length and value.
pub fn tlv(tag: u32, value: &[u8]) -> Vec<u8> {
    let tag = tag.to_be_bytes();
    let first = tag.iter().position(|&byte| byte != 0).unwrap_or(3);
    let mut bytes = tag[first..].to_vec();
    match value.len() {
        length @ 0..=0x7F => bytes.push(length as u8),
        length @ 0x80..=0xFF => bytes.extend([0x81, length as u8]),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend(value);
    bytes
}

/// The first element: its tag, its value and what follows. `None` where the bytes are cut short.
pub fn first(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (&start, mut rest) = bytes.split_first()?;
    let mut tag = u32::from(start);
    if start & 0x1F == 0x1F {
        loop {
            let (&next, after) = rest.split_first()?;
            tag = tag << 8 | u32::from(next);
            rest = after;
            if next & 0x80 == 0 {
                break;
            }
            if tag > 0xFFFF {
                return None;
            }
        }
    }
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7F => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (
            usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)),
            &rest[2..],
        ),
        _ => return None,
    };
    (length <= rest.len()).then(|| (tag, &rest[..length], &rest[length..]))
}

/// All elements of a value, or `None` where one is malformed.
pub fn all(mut bytes: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (tag, value, rest) = first(bytes)?;
        found.push((tag, value));
        bytes = rest;
    }
    Some(found)
}

/// The value of the element with this tag among others.
pub fn find<'a>(elements: &[(u32, &'a [u8])], tag: u32) -> Option<&'a [u8]> {
    elements
        .iter()
        .find(|(found, _)| *found == tag)
        .map(|(_, value)| *value)
}
