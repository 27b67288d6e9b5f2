//! The signed head: a C2SP tlog-checkpoint in a C2SP signed-note.
//!
//! ```text
//! breakglass/<vault id, 64 hexadecimal digits>
//! <number of entries>
//! <root hash, base64>
//! signer <name> <its Ed25519 public key, 32 bytes, base64>
//!
//! — breakglass/<vault id>/<name> <base64 of key id, 4 bytes, and signature, 64 bytes>
//! ```
//!
//! The signer stands in the text (an extension line), so that a note holds by itself; whether that key may
//! write is the manifest's affair. The key name is the origin and the signer, because several sign one log.

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use signed_note::{Note, VerificationError, Verifier, Verifiers};
use tlog_tiles::{Checkpoint, Hash};

use super::LedgerError;
use crate::crypto;
use crate::model::{Digest, Name, SignAlgorithm, SignKey};
use crate::secret::SigningSeed;

/// The algorithm byte of Ed25519 in a key id (C2SP signed-note, "Signatures").
const ED25519: u8 = 1;

/// Who signs an append: a name and an Ed25519 seed. The seed is looked at only while signing.
pub struct LedgerSigner<'s> {
    name: Name,
    seed: &'s SigningSeed,
    public: [u8; 32],
}

impl<'s> LedgerSigner<'s> {
    /// A signer of this name.
    pub fn new(name: Name, seed: &'s SigningSeed) -> Self {
        let public = SigningKey::from_bytes(seed.expose())
            .verifying_key()
            .to_bytes();
        Self { name, seed, public }
    }

    /// The name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The public key (RFC 8032, 32 bytes).
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public
    }
}

/// What a note says, once its signature was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedHead {
    pub(super) size: u64,
    pub(super) root: Digest,
    pub(super) signer: Name,
    pub(super) key: [u8; 32],
}

/// The origin line of a vault's ledger.
pub fn origin(vault: &Digest) -> String {
    format!("breakglass/{vault}")
}

/// Signs a head.
pub(super) fn sign(
    vault: &Digest,
    size: u64,
    root: &Digest,
    signer: &LedgerSigner<'_>,
) -> Result<Vec<u8>, LedgerError> {
    let unsigned = |e: &dyn std::fmt::Display| {
        LedgerError::Refused(format!("the checkpoint cannot be signed: {e}"))
    };
    let origin = origin(vault);
    let text = text(&origin, size, root, &signer.name, &signer.public)
        .ok_or_else(|| unsigned(&"malformed checkpoint"))?;
    let mut note = Note::new(&text, &[]).map_err(|e| unsigned(&e))?;
    let key = NoteKey::new(&origin, &signer.name, &signer.public);
    note.add_sigs(&[&SigningNoteKey {
        key,
        seed: signer.seed,
    }])
    .map_err(|e| unsigned(&e))?;
    Ok(note.to_bytes())
}

/// Reads a note and checks its one signature by the key that it names.
pub(super) fn read(vault: &Digest, bytes: &[u8]) -> Result<SignedHead, &'static str> {
    let note = Note::from_bytes(bytes).map_err(|_| "its checkpoint is not a signed note")?;
    let checkpoint =
        Checkpoint::from_bytes(note.text()).map_err(|_| "its checkpoint is malformed")?;
    let origin = origin(vault);
    if checkpoint.origin() != origin {
        return Err("its checkpoint is of another vault");
    }
    let (signer, key) = extension(checkpoint.extension())
        .ok_or("its checkpoint does not name its signer in the way that it must")?;
    let head = SignedHead {
        size: checkpoint.size(),
        root: Digest(checkpoint.hash().0),
        signer,
        key,
    };
    let known = NoteKey::new(&origin, &head.signer, &head.key);
    let (signatures, strangers) = note
        .verify(&known)
        .map_err(|_| "the signature of its checkpoint does not hold")?;
    if signatures.len() != 1 || !strangers.is_empty() {
        return Err("its checkpoint has more than one signature");
    }
    // One way of writing only: no bit may be turned without being noticed.
    let again = text(&origin, head.size, &head.root, &head.signer, &head.key)
        .and_then(|text| Note::new(&text, &signatures).ok())
        .map(|note| note.to_bytes());
    if again.as_deref() == Some(bytes) {
        Ok(head)
    } else {
        Err("its checkpoint is not written in the way that it must")
    }
}

fn text(origin: &str, size: u64, root: &Digest, name: &Name, key: &[u8; 32]) -> Option<Vec<u8>> {
    let extension = format!("signer {name} {}\n", BASE64.encode(key));
    let checkpoint = Checkpoint::new(origin, size, Hash(root.0), &extension).ok()?;
    Some(checkpoint.to_bytes())
}

fn extension(text: &str) -> Option<(Name, [u8; 32])> {
    let (name, key) = text
        .strip_suffix('\n')?
        .strip_prefix("signer ")?
        .split_once(' ')?;
    let key = BASE64.decode(key.as_bytes()).ok()?;
    Some((name.parse().ok()?, key.try_into().ok()?))
}

/// A public key as notes name it.
struct NoteKey {
    name: String,
    id: u32,
    public: [u8; 32],
}

impl NoteKey {
    fn new(origin: &str, signer: &Name, public: &[u8; 32]) -> Self {
        let name = format!("{origin}/{signer}");
        let mut encoded = vec![ED25519];
        encoded.extend_from_slice(public);
        Self {
            id: signed_note::key_id(&name, &encoded),
            name,
            public: *public,
        }
    }
}

impl Verifier for NoteKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // Strictly: no key of small order, no second form of a signature.
        let key = SignKey {
            algorithm: SignAlgorithm::Ed25519,
            public: self.public.to_vec(),
        };
        crypto::verify(&key, message, signature).is_ok()
    }
}

impl Verifiers for NoteKey {
    fn verifier(&self, name: &str, id: u32) -> Result<&dyn Verifier, VerificationError> {
        if name == self.name && id == self.id {
            Ok(self)
        } else {
            Err(VerificationError::UnknownKey {
                name: name.to_owned(),
                id,
            })
        }
    }
}

/// A key that signs; the secret half stays where it is and is wiped from every copy made here.
struct SigningNoteKey<'s> {
    key: NoteKey,
    seed: &'s SigningSeed,
}

impl signed_note::Signer for SigningNoteKey<'_> {
    fn name(&self) -> &str {
        &self.key.name
    }

    fn key_id(&self) -> u32 {
        self.key.id
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ed25519_dalek::SignatureError> {
        let key = SigningKey::from_bytes(self.seed.expose());
        Ok(key.try_sign(message)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::VerifyingKey;
    use signed_note::{StandardVerifier, VerifierList, new_ed25519_verifier_key};

    fn signed() -> (Digest, Vec<u8>) {
        let vault = Digest([7; 32]);
        let seed = SigningSeed::filled(|bytes| bytes.fill(9));
        let signer = LedgerSigner::new("station-ab12cd34".parse().unwrap(), &seed);
        let note = sign(&vault, 12, &Digest([3; 32]), &signer).unwrap();
        (vault, note)
    }

    #[test]
    fn any_signed_note_tool_reads_ours() {
        let (vault, note) = signed();
        let head = read(&vault, &note).unwrap();
        assert_eq!((head.size, head.root), (12, Digest([3; 32])));
        let key = VerifyingKey::from_bytes(&head.key).unwrap();
        let name = format!("{}/station-ab12cd34", origin(&vault));
        let theirs = StandardVerifier::new(&new_ed25519_verifier_key(&name, &key)).unwrap();
        let known = VerifierList::new(vec![Box::new(theirs)]);
        assert!(Note::from_bytes(&note).unwrap().verify(&known).is_ok());
    }

    #[test]
    fn no_bit_of_a_note_can_be_turned() {
        let (vault, note) = signed();
        for at in 0..note.len() {
            for bit in [0, at % 8] {
                let mut other = note.clone();
                other[at] ^= 1 << bit;
                assert!(read(&vault, &other).is_err(), "bit {bit} of byte {at}");
            }
        }
        assert!(read(&Digest([8; 32]), &note).is_err());
    }

    #[test]
    fn a_second_signature_is_refused() {
        let (vault, note) = signed();
        let text = String::from_utf8(note).unwrap();
        let line = text.lines().last().unwrap();
        let with = |more: &str| read(&vault, format!("{text}{more}\n").as_bytes()).err();
        assert!(with(line).is_some());
        let two = "its checkpoint has more than one signature";
        assert_eq!(with(&line.replace("station", "other")), Some(two));
    }
}
