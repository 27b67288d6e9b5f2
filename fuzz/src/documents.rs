//! Signed documents. Each target takes a whole envelope, or the payload of one: through base64 no mutation
//! reaches a field.

use std::fmt::Debug;

use breakglass::crypto::{self, narrow, unlock};
use breakglass::format::dsse::{Document, Envelope, Malformed, pae};
use breakglass::format::{GenerationHeader, Manifest, OpenedStatement, Record};
use breakglass::manifest::{Chain, Untrusted, fits};
use breakglass::model::{Name, Role};
use breakglass::secret::{RoleSecret, SharedSecret};

use crate::soft;
use crate::world::{people, world};

/// The envelope that the bytes are, or are the payload of.
fn enveloped<D: Document>(data: &[u8]) -> Option<Envelope> {
    match Envelope::read::<D>(data) {
        Ok(envelope) => Some(envelope),
        Err(Malformed::TooLarge(..) | Malformed::Type { .. }) => None,
        Err(_) => Some(Envelope {
            payload_type: D::TYPE.to_owned(),
            payload: data.to_vec(),
            signatures: Vec::new(),
        }),
    }
}

/// Reads a document; what was read is written and read again as the same.
fn read<D: Document + PartialEq + Debug>(data: &[u8]) -> Option<(Envelope, D)> {
    let envelope = enveloped::<D>(data)?;
    let written = envelope.to_bytes().expect("what was read can be written");
    if written.len() <= D::MAX {
        let again = Envelope::read::<D>(&written).expect("what was written can be read");
        assert_eq!(again, envelope);
    }
    let document: D = envelope.document().ok()?;
    let again: D = Envelope::of(&document)
        .and_then(|envelope| envelope.document())
        .expect("what was read can be written");
    assert_eq!(again, document);
    Some((envelope, document))
}

/// A DSSE envelope of anything, and what `inspect` says of it.
pub fn envelope(data: &[u8]) {
    let inspected = breakglass::ops::inspect(data);
    let Ok(envelope) = serde_json::from_slice::<Envelope>(data) else {
        return;
    };
    let signed = envelope.signed_bytes();
    assert_eq!(signed, pae(&envelope.payload_type, &envelope.payload));
    assert!(signed.ends_with(&envelope.payload));
    let again = envelope.to_bytes().expect("what was read can be written");
    let again: Envelope = serde_json::from_slice(&again).expect("what was written can be read");
    assert_eq!(again, envelope);
    if let Ok(inspected) = inspected {
        assert_eq!(inspected.digest, envelope.digest());
    }
}

/// A manifest, unsigned and signed by all founders. What holds is one that this vault has, or one that its
/// founders signed here.
pub fn manifest(data: &[u8]) {
    let Some((envelope, manifest)) = read::<Manifest>(data) else {
        return;
    };
    for role in Role::ALL {
        for (index, custodian) in manifest.holders(role) {
            assert!(index > 0 && custodian.role == role);
        }
    }
    let world = world();
    let ours = world.manifests[0].digest() == envelope.digest();
    match Chain::verify(std::slice::from_ref(&envelope)) {
        Ok(chain) => assert!(ours && chain.vault() == envelope.digest()),
        Err(Untrusted::Unsound(..) | Untrusted::Broken(..)) => return,
        Err(_) => {}
    }
    let mut signed = Envelope {
        signatures: Vec::new(),
        ..envelope
    };
    let people = people();
    for token in soft::tokens(&people) {
        soft::sign_with(&mut signed, token);
    }
    let first = Chain::verify(std::slice::from_ref(&signed));
    let mut chain = world.chain.clone();
    let third = chain.extend(&signed);
    assert!(
        first.is_err() || third.is_err(),
        "both the first and the third"
    );
    if third.is_ok() {
        assert_eq!(chain.newest().version, 3);
        assert_eq!(chain.newest_digest(), signed.digest());
    }
}

/// A generation's header; its shares open with no made-up answer of a token.
pub fn header(data: &[u8]) {
    let Some((_, header)) = read::<GenerationHeader>(data) else {
        return;
    };
    let world = world();
    let answer = SharedSecret::filled(|out| out.fill(7));
    let mut shares = 0;
    for (_, token) in world.chain.newest().tokens() {
        let Some(place) = crypto::find_share(&header, &token.id()) else {
            continue;
        };
        shares += 1;
        let _ = place.operation(&token.keys.seal);
        assert!(place.open(&token.keys.seal, &answer).is_err());
    }
    if fits(&header, world.chain.newest()).is_ok() {
        assert_eq!(shares, world.chain.newest().tokens().count());
        assert!(header.roles.iter().map(|role| role.role).eq(Role::OPENING));
    }
}

/// A record; no made-up role secrets unlock it.
pub fn record(data: &[u8]) {
    let Some((_, record)) = read::<Record>(data) else {
        return;
    };
    let narrowed = |credential: &Name, byte: u8| {
        let secret = RoleSecret::filled(|out| out.fill(byte));
        narrow(&secret, credential).expect("a narrowed secret")
    };
    let credential = record.about.credential.clone();
    let (ic, bgo) = (narrowed(&credential, 1), narrowed(&credential, 2));
    assert!(!record.about.fields().as_bytes().is_empty());
    assert!(unlock(&ic, &bgo, record).is_err());
}

/// A witness's statement.
pub fn statement(data: &[u8]) {
    read::<OpenedStatement>(data);
}
