//! Looking at one file of a vault, whoever it came from: what it is and what it says, believed or not.

use crate::format::dsse::{Document, Envelope};
use crate::format::{GenerationHeader, Manifest, Record, digest};
use crate::model::{Class, Digest, Failure};

/// What a file is.
pub struct Inspected {
    /// What it is, for people.
    pub kind: &'static str,
    /// The digest of its payload, by which other documents name it.
    pub digest: Digest,
    /// Who signed it, by key id; not verified.
    pub signers: Vec<Digest>,
    /// What it says.
    pub content: serde_json::Value,
}

/// Reads a file without believing it.
///
/// # Errors
/// [`Class::Failed`] where it is no file of a vault.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, Failure> {
    if bytes.starts_with(crate::ledger::COMMIT_MAGIC.as_bytes()) {
        return commit(bytes);
    }
    let envelope: Envelope = crate::format::strict::read(bytes).map_err(|e| unknown(&e))?;
    let (kind, content) = match envelope.payload_type.as_str() {
        Manifest::TYPE => ("manifest", document::<Manifest>(&envelope)?),
        GenerationHeader::TYPE => (
            "generation header",
            document::<GenerationHeader>(&envelope)?,
        ),
        Record::TYPE => ("record", document::<Record>(&envelope)?),
        other => return Err(unknown(&format!("it says that it is \"{other}\""))),
    };
    Ok(Inspected {
        kind,
        digest: envelope.digest(),
        signers: envelope
            .signatures
            .iter()
            .map(|signature| signature.keyid)
            .collect(),
        content,
    })
}

fn document<D: Document>(envelope: &Envelope) -> Result<serde_json::Value, Failure> {
    let document: D = envelope.document().map_err(|e| unknown(&e.to_string()))?;
    serde_json::to_value(document).map_err(|e| unknown(&e.to_string()))
}

/// A ledger commit: its checkpoint and its entries are text already.
fn commit(bytes: &[u8]) -> Result<Inspected, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(Inspected {
        kind: "ledger commit",
        digest: digest(bytes),
        signers: Vec::new(),
        content: serde_json::json!({ "lines": lines }),
    })
}

fn unknown(reason: &str) -> Failure {
    Failure::new(
        Class::Failed,
        "not-a-vault-file",
        format!("this is no file of a vault that this version knows: {reason}"),
        "nothing was changed",
    )
    .hint("it reads manifests, generation headers, records and commits of the ledger")
}
