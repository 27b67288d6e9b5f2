//! Manifests, headers and records.

use std::cell::OnceCell;
use std::sync::Arc;

use breakglass::crypto::{self, CryptoError, Operation, aead, kdf, unlock};
use breakglass::format::dsse::Envelope;
use breakglass::format::{Fields, GenerationHeader, Manifest, Record};
use breakglass::ledger::CredentialDefinition;
use breakglass::manifest::{Chain, Place, read_header, read_record};
use breakglass::model::{Digest, Name};
use breakglass::secret::{
    AccessKeySecret, CredentialKey, CredentialSecret, RoleSecret, SharedSecret,
};
use serde_json::{Value, json};

use crate::class::Class;
use crate::{Verdict, all, blob, bytes, hex, hex32, text};

/// The chain of these manifests' files.
pub fn chain<'v>(files: impl IntoIterator<Item = &'v Value>) -> Result<Chain, Class> {
    let envelopes: Result<Vec<_>, _> = files
        .into_iter()
        .map(|file| Envelope::read::<Manifest>(&blob(file)))
        .collect();
    Ok(Chain::verify(&envelopes?)?)
}

#[test]
fn manifests() {
    all("manifests", 100, |_, case| {
        let chain = chain(case["manifests"].as_array().expect("manifests"))?;
        let (fingerprint, newest) = (chain.vault(), chain.newest_digest());
        Ok(json!({"fingerprint": fingerprint.to_string(), "newest": newest.to_string()}))
    });
}

/// The manifests that all cases of a file share: verified once.
pub fn shared_chain<'c>(known: &'c OnceCell<Arc<Chain>>, shared: &Value) -> &'c Arc<Chain> {
    known.get_or_init(|| {
        let manifests = shared["manifests"].as_array().expect("manifests");
        Arc::new(chain(manifests).expect("good manifests"))
    })
}

fn given<'v>(shared: &'v Value, case: &'v Value, field: &str) -> Vec<u8> {
    blob(case.get(field).unwrap_or(&shared[field]))
}

#[test]
fn headers() {
    let known = OnceCell::new();
    all("headers", 59, |shared, case| {
        let chain = shared_chain(&known, shared);
        let envelope = Envelope::read::<GenerationHeader>(&given(shared, case, "header"))?;
        let compartment: Name = text(shared, "compartment").parse().expect("a name");
        let place = Place {
            compartment: &compartment,
            generation: shared["generation"].as_u64().expect("a number"),
            manifest: chain.newest_digest(),
            header: envelope.digest(),
        };
        let header = read_header(&envelope, chain, &place)?;
        match case.get("token") {
            None => Ok(envelope.digest().to_string().into()),
            Some(_) => share(chain, &header, case),
        }
    });
}

fn share(chain: &Chain, header: &GenerationHeader, case: &Value) -> Verdict {
    let token: Digest = text(case, "token").parse().expect("a digest");
    let place = crypto::find_share(header, &token).ok_or(Class::Place)?;
    let (_, enrolled) = chain.newest().token(&token).ok_or(Class::Place)?;
    match place.operation(&enrolled.keys.seal)? {
        Operation::Agree(_) | Operation::Decapsulate(_) => {}
    }
    let answer = bytes(case, "answer");
    let answer = SharedSecret::filled(|out| out.copy_from_slice(&answer));
    let share = place.open(&enrolled.keys.seal, &answer)?;
    Ok(hex(share.expose()).into())
}

#[test]
fn records() {
    let known = OnceCell::new();
    all("records", 56, |shared, case| {
        let chain = shared_chain(&known, shared);
        let header = Envelope::read::<GenerationHeader>(&blob(&shared["header"]))?;
        let told: GenerationHeader = header.document()?;
        let envelope = Envelope::read::<Record>(&given(shared, case, "record"))?;
        let place = Place {
            compartment: &told.compartment,
            generation: told.generation,
            manifest: told.manifest,
            header: header.digest(),
        };
        let definition: CredentialDefinition =
            serde_json::from_value(shared["definition"].clone()).expect("a definition");
        let record = read_record(&envelope, chain, &place, &definition)?;
        match case.get("secrets") {
            None => Ok(envelope.digest().to_string().into()),
            Some(secrets) => open(record, secrets),
        }
    });
}

fn open(record: Record, secrets: &Value) -> Verdict {
    let narrowed = |role| {
        let secret = hex32(text(secrets, role));
        let secret = RoleSecret::filled(|out| out.copy_from_slice(&secret));
        crypto::narrow(&secret, &record.about.credential)
    };
    let (ic, bgo) = (narrowed("ic")?, narrowed("bgo")?);
    unlock(&ic, &bgo, record.clone())?;
    Ok(decrypted(&record, &ic, &bgo)?.into())
}

/// The library decrypts only what the ledger says was opened; `tests/core_ceremony.rs` goes that way. Here
/// it is taken apart, with the library's own parts.
fn decrypted(
    record: &Record,
    ic: &CredentialSecret,
    bgo: &CredentialSecret,
) -> Result<String, CryptoError> {
    let about: Fields = record.about.fields();
    let mut okm = [0; 96];
    let ikm: [&[u8]; 2] = [ic.expose(), bgo.expose()];
    kdf::derive(&[], &ikm, &[about.as_bytes()], &mut okm)?;
    let key = CredentialKey::filled(|out| out.copy_from_slice(&okm[..32]));
    let aad = about.bytes(&record.commitment).bytes(&record.witness);
    let (body, tag) = record.ciphertext.split_at(128);
    let mut padded = body.to_vec();
    let tag: [u8; 16] = tag.try_into().expect("16 bytes");
    aead::open(&key, &[0; 12], aad.as_bytes(), &mut padded, &tag)?;
    let length = usize::from(u16::from_be_bytes([padded[0], padded[1]]));
    let secret = padded.get(2..2 + length).ok_or(CryptoError::Padding)?;
    let rest = &padded[2 + length..];
    let secret = AccessKeySecret::new(secret).map_err(|_| CryptoError::Padding)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(CryptoError::Padding);
    }
    Ok(secret.expose().to_owned())
}
