//! The whole key schedule a second time, from its description alone and with other code: an independent
//! HPKE, the HKDF and AES-GCM crates as they are, our own lines for the rest. A label, an order or a length
//! that changes in the source makes this fail; it would make every sealed vault unreadable.

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, aead::Payload};
use breakglass::format::{CustodianShare, GenerationHeader, Record, TokenSeal};
use breakglass::model::{Digest, Role};
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use hpke::{Deserializable, Kem, OpModeR};
use rsa::Oaep;
use sha2::{Digest as _, Sha256};

use crate::soft::{SealHalf, SoftToken};
use crate::{SECRET, begin, people, record_of, seal_secret, soft};

/// A list of values as bytes: before each its length, 4 bytes, big endian.
fn fields(values: &[&[u8]]) -> Vec<u8> {
    let one = |value: &&[u8]| [&(value.len() as u32).to_be_bytes(), *value].concat();
    values.iter().flat_map(one).collect()
}

fn expand(prk: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let hkdf = Hkdf::<Sha256>::from_prk(prk).unwrap();
    hkdf.expand(info, &mut out).unwrap();
    out
}

fn decrypt(key: &[u8], nonce: &[u8], aad: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new_from_slice(key).unwrap();
    let nonce = Nonce::try_from(nonce).unwrap();
    let payload = Payload {
        msg: ciphertext,
        aad,
    };
    cipher.decrypt(&nonce, payload).unwrap()
}

/// What a share is bound to, before the token's id or the share itself.
fn place(header: &GenerationHeader, role: Role, share: &CustodianShare, label: &str) -> Vec<u8> {
    let role = match role {
        Role::Ic => "ic",
        Role::Bgo => "bgo",
        Role::So => "so",
    };
    fields(&[
        label.as_bytes(),
        &header.vault.0,
        &header.manifest.0,
        header.compartment.as_str().as_bytes(),
        &header.generation.to_be_bytes(),
        role.as_bytes(),
        share.custodian.as_str().as_bytes(),
        &u64::from(share.index).to_be_bytes(),
    ])
}

const INFO: &[u8] = b"breakglass/v1/share";

/// RFC 9180, by the crate `hpke`.
fn open_p256(scalar: &[u8; 32], seal: &TokenSeal, aad: &[u8]) -> Vec<u8> {
    type P256 = hpke::kem::DhP256HkdfSha256;
    let private = <P256 as Kem>::PrivateKey::from_bytes(scalar).unwrap();
    let enc = <P256 as Kem>::EncappedKey::from_bytes(&seal.encapsulated).unwrap();
    let mut receiver = hpke::setup_receiver::<hpke::aead::AesGcm256, hpke::kdf::HkdfSha256, P256>(
        &OpModeR::Base,
        &private,
        &enc,
        INFO,
    )
    .unwrap();
    receiver.open(&seal.ciphertext, aad).unwrap()
}

/// The second suite: RFC 9180's derivations under a name of its own, the seed in the place of the
/// Diffie-Hellman.
fn open_rsa(seed: &[u8], spki: &[u8], seal: &TokenSeal, aad: &[u8]) -> Vec<u8> {
    const SUITE: &[u8] = b"breakglass/v1 rsa-oaep-sha256";
    let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
        let ikm = [b"HPKE-v1", SUITE, label, ikm].concat();
        Hkdf::<Sha256>::extract(Some(salt), &ikm).0.to_vec()
    };
    let labelled = |prk: &[u8], label: &[u8], info: &[u8], length: u16| {
        let info = [&length.to_be_bytes(), &b"HPKE-v1"[..], SUITE, label, info].concat();
        expand(prk, &info, usize::from(length))
    };
    let eae = extract(b"", b"eae_prk", seed);
    let context = [&seal.encapsulated, spki].concat();
    let shared = labelled(&eae, b"shared_secret", &context, 32);
    let psk_id_hash = extract(b"", b"psk_id_hash", b"");
    let info_hash = extract(b"", b"info_hash", INFO);
    let context = [&[0], &psk_id_hash[..], &info_hash].concat();
    let secret = extract(&shared, b"secret", b"");
    let key = labelled(&secret, b"key", &context, 32);
    let nonce = labelled(&secret, b"base_nonce", &context, 12);
    decrypt(&key, &nonce, aad, &seal.ciphertext)
}

/// A role secret from one token's share, where one is enough.
fn role_secret(header: &GenerationHeader, token: &SoftToken, scalar: Option<&[u8; 32]>) -> Vec<u8> {
    let (role, share, seal) = header
        .roles
        .iter()
        .flat_map(|role| role.shares.iter().map(move |share| (role.role, share)))
        .flat_map(|(role, share)| share.tokens.iter().map(move |seal| (role, share, seal)))
        .find(|(_, _, seal)| seal.token == token.id())
        .unwrap();
    let mut aad = place(header, role, share, "breakglass/v1/share");
    aad.extend(fields(&[&token.id().0]));
    let opened = match (&token.seal, scalar) {
        (SealHalf::P256(_), Some(scalar)) => open_p256(scalar, seal, &aad),
        (SealHalf::Rsa(key), _) => {
            let seed = key.decrypt(Oaep::<Sha256>::new(), &seal.encapsulated);
            let spki = &token.enrolled.keys.seal.public;
            open_rsa(&seed.unwrap(), spki, seal, &aad)
        }
        _ => panic!("no scalar"),
    };
    let mut named = place(header, role, share, "breakglass/v1/share-digest");
    named.extend(fields(&[&opened]));
    assert_eq!(share.digest, Digest(Sha256::digest(&named).into()));
    opened
}

/// `DeriveKeyPair` of RFC 9180, section 7.1.3: the scalars of the software tokens.
fn scalar(label: &str) -> [u8; 32] {
    let ikm = [
        b"HPKE-v1KEM\x00\x10dkp_prk",
        format!("{label} seal").as_bytes(),
    ]
    .concat();
    let (prk, _) = Hkdf::<Sha256>::extract(Some(b""), &ikm);
    let info = b"\x00\x20HPKE-v1KEM\x00\x10candidate\x00";
    expand(&prk, info, 32).try_into().unwrap()
}

fn check_token_id(token: &SoftToken) {
    let keys = &token.enrolled.keys;
    let id = fields(&[
        b"breakglass/v1/token",
        keys.seal.suite.label().as_bytes(),
        &keys.seal.public,
        keys.sign.algorithm.label().as_bytes(),
        &keys.sign.public,
    ]);
    assert_eq!(token.id(), Digest(Sha256::digest(&id).into()));
}

fn check_record(record: &Record, ic: &[u8], bgo: &[u8]) {
    let about = &record.about;
    let info = fields(&[
        b"breakglass/v1/record",
        &about.vault.0,
        &about.manifest.0,
        &about.header.0,
        about.compartment.as_str().as_bytes(),
        &about.generation.to_be_bytes(),
        about.credential.as_str().as_bytes(),
        about.account.as_str().as_bytes(),
        about.user.as_str().as_bytes(),
        about.access_key.as_str().as_bytes(),
        b"2026-11-24T03:01:00Z",
    ]);
    let label = fields(&[b"breakglass/v1/credential-secret", b"deploy"]);
    let both = [expand(ic, &label, 32), expand(bgo, &label, 32)].concat();
    let mut keys = [0; 96];
    let hkdf = Hkdf::<Sha256>::new(None, &both);
    hkdf.expand(&info, &mut keys).unwrap();
    let witness = SigningKey::from_bytes(keys[64..].try_into().unwrap());
    let witness = witness.verifying_key().to_bytes();
    assert_eq!(record.commitment, keys[32..64]);
    assert_eq!(record.witness, witness);
    let aad = [info, fields(&[&keys[32..64], &witness])].concat();
    let mut padded = vec![0, SECRET.len() as u8];
    padded.extend_from_slice(SECRET.as_bytes());
    padded.resize(128, 0);
    let opened = decrypt(&keys[..32], &[0; 12], &aad, &record.ciphertext);
    assert_eq!(opened, padded);
}

#[test]
fn the_key_schedule_is_the_one_that_is_written_down() {
    let people = people();
    let sealing = begin(&soft::manifest(&people, [1, 1, 0]));
    let header = sealing.header();
    let envelope = seal_secret(&sealing, "deploy", SECRET);
    let [alice, rita, bob] = [0, 1, 2].map(|n| &people[n].tokens[0]);
    for token in [alice, rita, bob] {
        check_token_id(token);
    }
    let ic = role_secret(header, alice, Some(&scalar("alice")));
    assert_eq!(ic, role_secret(header, rita, None));
    let bgo = role_secret(header, bob, Some(&scalar("bob")));
    let record = record_of(&envelope);
    check_record(&record, &ic, &bgo);
    let json: serde_json::Value = serde_json::from_slice(&envelope.payload).unwrap();
    let names: Vec<&String> = json["about"].as_object().unwrap().keys().collect();
    assert_eq!(
        names.len(),
        10,
        "a field that the key schedule above does not know: {names:?}"
    );
}
