//! DSSE envelopes (Dead Simple Signing Envelope 1.0): the exact bytes that were signed travel inside, so
//! nothing is ever canonicalised.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// A document with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// What the payload is, version included: `application/vnd.breakglass.manifest.v1+json`.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// The exact bytes that were signed.
    #[serde(with = "super::base64")]
    pub payload: Vec<u8>,
    /// The signatures over [`Envelope::signed_bytes`].
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// Which key signed: for a token its id, for a software key the SHA-256 of its 32 public bytes.
    pub keyid: Digest,
    /// The signature, in the form of the key's algorithm.
    #[serde(with = "super::base64")]
    pub sig: Vec<u8>,
}

/// A document of ours that travels in an envelope.
pub trait Document: Serialize + DeserializeOwned {
    /// Its payload type.
    const TYPE: &'static str;
    /// The most bytes that an envelope of it may have.
    const MAX: usize;
}

/// Why a document could not be read. It says nothing of signatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than such a document may have.
    #[error("{0} bytes are more than such a file may have ({1})")]
    TooLarge(usize, usize),
    /// Not an envelope.
    #[error("not a signed document: {0}")]
    Envelope(String),
    /// An envelope in another spelling than the one in which it is written.
    #[error("a signed document that is not written in the one way that it must be")]
    Spelling,
    /// An envelope of something else, or of another version.
    #[error("a document of type \"{found}\" where \"{wanted}\" belongs")]
    Type {
        /// What it says it is.
        found: String,
        /// What was to be read.
        wanted: &'static str,
    },
    /// The payload does not read as such a document.
    #[error("not a readable document: {0}")]
    Payload(String),
}

impl Envelope {
    /// Puts a document into an envelope that nobody has signed yet.
    ///
    /// # Errors
    /// [`Malformed::Payload`] where the document cannot be written as JSON.
    pub fn of<D: Document>(document: &D) -> Result<Self, Malformed> {
        Ok(Self {
            payload_type: D::TYPE.to_owned(),
            payload: serde_json::to_vec(document).map_err(|e| Malformed::Payload(e.to_string()))?,
            signatures: Vec::new(),
        })
    }

    /// Reads an envelope of one kind of document, written as [`Envelope::to_bytes`] writes it and in no
    /// other way: no byte of a file can be changed without being noticed, not even a blank. Whether anybody
    /// signed it is the next question.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read<D: Document>(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > D::MAX {
            return Err(Malformed::TooLarge(bytes.len(), D::MAX));
        }
        let envelope: Self = super::strict::read(bytes).map_err(Malformed::Envelope)?;
        envelope.expect_type::<D>()?;
        if envelope.to_bytes()? == bytes {
            Ok(envelope)
        } else {
            Err(Malformed::Spelling)
        }
    }

    /// The document inside.
    ///
    /// # Errors
    /// [`Malformed::Type`], [`Malformed::Payload`].
    pub fn document<D: Document>(&self) -> Result<D, Malformed> {
        self.expect_type::<D>()?;
        super::strict::read(&self.payload).map_err(Malformed::Payload)
    }

    fn expect_type<D: Document>(&self) -> Result<(), Malformed> {
        if self.payload_type == D::TYPE {
            Ok(())
        } else {
            Err(Malformed::Type {
                found: self.payload_type.clone(),
                wanted: D::TYPE,
            })
        }
    }

    /// The envelope's bytes as a file.
    ///
    /// # Errors
    /// [`Malformed::Envelope`]; JSON of strings cannot fail in practice.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let mut bytes = serde_json::to_vec(self).map_err(|e| Malformed::Envelope(e.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// SHA-256 of the payload: the name by which other documents refer to this one.
    pub fn digest(&self) -> Digest {
        super::digest(&self.payload)
    }

    /// What is signed: the pre-authentication encoding (DSSE protocol, `PAE`):
    /// `DSSEv1 LEN(type) type LEN(body) body`, lengths in decimal, one blank between the parts.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}

/// The pre-authentication encoding of DSSE.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pae_is_that_of_the_specification() {
        // The example of the DSSE protocol document.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
