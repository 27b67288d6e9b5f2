//! Bytes in JSON: base64 with padding (RFC 4648, section 4), one spelling only. For `#[serde(with)]`.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes the bytes as base64.
///
/// # Errors
/// The serialiser's own.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&data_encoding::BASE64.encode(bytes))
}

/// Reads base64; stray bits, missing padding and line breaks are refused.
///
/// # Errors
/// Where the text is not base64.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok();
    bytes
        // The crate also takes several padded pieces, one after the other.
        .filter(|bytes| data_encoding::BASE64.encode(bytes) == text)
        .ok_or_else(|| D::Error::custom("not base64"))
}
