//! Certificates from PEM.

use x509_cert::der::pem::decode_vec;

use super::CERTIFICATE_MAX;

const BEGIN: &str = "-----BEGIN ";
const LABEL: &str = "CERTIFICATE";
const END: &str = "-----END CERTIFICATE-----";

/// The most certificates in one text.
const MOST: usize = 16;

/// Reads all certificates of a PEM text (RFC 7468, section 5), in their order, each as DER: at least one, at
/// most 16, each at most [`CERTIFICATE_MAX`] bytes. Text between them is left alone, as OpenSSL writes it.
///
/// # Errors
/// What is wrong with it: not text, no certificate, something else than certificates (such as a key), not
/// PEM.
pub fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    // Base64 takes four bytes for three, and lines and text about as much again.
    if text.len() > 3 * MOST * CERTIFICATE_MAX {
        return Err("it is too long");
    }
    let text = std::str::from_utf8(text).map_err(|_| "it is not text")?;
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let block = rest.get(at..).unwrap_or_default();
        let kind = block.get(BEGIN.len()..).unwrap_or_default();
        if !kind.starts_with("CERTIFICATE-----") {
            return Err("it holds something else than certificates");
        }
        let length = block.find(END).ok_or("a certificate has no end")? + END.len();
        let (block, after) = block.split_at(length);
        let (label, der) =
            decode_vec(block.as_bytes()).map_err(|_| "a certificate is not well-formed PEM")?;
        if label != LABEL || der.len() > CERTIFICATE_MAX {
            return Err("a certificate is too long");
        }
        if found.len() == MOST {
            return Err("it holds more than 16 certificates");
        }
        found.push(der);
        rest = after;
    }
    if found.is_empty() {
        return Err("it holds no certificate (-----BEGIN CERTIFICATE-----)");
    }
    Ok(found)
}
