//! What it costs to seal a generation: as many public-key encapsulations as there are tokens, and for each
//! credential one signature, one public key (its witness's) and symmetric work. Measured against the raw
//! sum of just these, and against age and SOPS, which seal each secret by itself. Figures are ratios within one run.
//!
//! `cargo bench --bench sealing [-- CREDENTIALS]`, 10,000 unless said otherwise.

#[path = "common/figures.rs"]
mod figures;
#[path = "common/rivals.rs"]
mod rivals;
#[path = "../tests/common/soft.rs"]
mod soft;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use breakglass::crypto::{self, P256Public, Plan, ToSeal};
use breakglass::format::Manifest;
use breakglass::model::{AccessKeyId, Digest, Name, Role};
use breakglass::secret::AccessKeySecret;
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use figures::{Figures, best_of, millis};
use soft::{System, name};

/// As long as a secret access key of AWS.
pub const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn main() {
    let mut figures = Figures::titled("sealing");
    let count = figures::argument().unwrap_or(10_000);
    let people = [
        soft::person("alice", Role::Ic),
        soft::person("bob", Role::Bgo),
    ];
    let manifest = soft::manifest(&people, [1, 1, 0]);
    let tokens = manifest.tokens().count();
    figures.say("credentials", count);
    figures.say("tokens", tokens);

    let (ours, (encapsulations, bytes)) = best_of(3, || seal(&manifest, count));
    figures.say("encapsulations", encapsulations);
    assert_eq!(encapsulations, tokens);
    let (raw, ()) = best_of(3, || raw_sum(&manifest, count));
    figures.say("sealed in, ms", millis(ours));
    figures.say("raw sum, ms", millis(raw));
    figures.ratio("sealed / raw sum", ours, raw, "at most 1.5");
    figures.say("bytes per sealed secret", bytes / count);
    let each = ours / u32::try_from(count).expect("few");
    rivals::age(&mut figures, each, tokens);
    rivals::sops(&mut figures, each, tokens);
}

/// A whole generation: its header and every record, as bytes.
fn seal(manifest: &Manifest, count: u64) -> (usize, u64) {
    let rotator = soft::signer("rotator");
    let compartment = name("main");
    let plan = Plan {
        vault: Digest([1; 32]),
        manifest,
        manifest_digest: Digest([2; 32]),
        compartment: &compartment,
        generation: 1,
        now: soft::now(),
    };
    let sealing = crypto::begin(&plan, &System).expect("sealed");
    let header = sealing.signed_header(&rotator).expect("signed");
    let mut bytes = header.to_bytes().expect("JSON").len();
    for number in 0..count {
        let credential: Name = name(&format!("user-{number:06}"));
        let key: AccessKeyId = format!("AKIA{number:016}").parse().expect("an id");
        let record = sealing.seal(
            &ToSeal {
                credential: &credential,
                account: &"123456789012".parse().expect("an account"),
                user: &credential.as_str().parse().expect("a user"),
                access_key: &key,
                secret: &AccessKeySecret::new(SECRET).expect("a secret"),
                now: soft::now(),
            },
            &rotator,
        );
        bytes += record.expect("sealed").to_bytes().expect("JSON").len();
    }
    let of_role = |role: &breakglass::format::RoleShares| {
        role.shares
            .iter()
            .map(|share| share.tokens.len())
            .sum::<usize>()
    };
    let encapsulations = sealing.header().roles.iter().map(of_role).sum();
    (encapsulations, u64::try_from(bytes).expect("few"))
}

/// The public-key and symmetric operations of the same work, and nothing else.
fn raw_sum(manifest: &Manifest, count: u64) {
    for (_, token) in manifest.tokens() {
        let recipient = P256Public::parse(&token.keys.seal.public).expect("a point");
        let ephemeral = crypto::EphemeralKey::generate(&System).expect("a key");
        std::hint::black_box(ephemeral.agree(&recipient));
    }
    let rotator = SigningKey::from_bytes(&[3; 32]);
    // The lengths of what a record binds, derives from, and has signed.
    let (about, signed) = ([4_u8; 400], [5_u8; 1000]);
    for _ in 0..count {
        let mut out = [0; 96];
        for _ in 0..2 {
            let narrow = Hkdf::<Sha256>::from_prk(&[6; 32]).expect("32 bytes");
            narrow.expand(&about[..70], &mut out[..32]).expect("short");
        }
        let derived = Hkdf::<Sha256>::new(None, &[7; 64]);
        derived.expand(&about, &mut out).expect("short");
        let witness = SigningKey::from_bytes(out[64..].try_into().expect("32 bytes"));
        let cipher = Aes256Gcm::new_from_slice(&out[..32]).expect("32 bytes");
        let mut plain = [8_u8; 128];
        let tag =
            cipher.encrypt_inout_detached(&[0; 12].into(), &about, plain.as_mut_slice().into());
        let signature = rotator.sign(&signed);
        let digest = Sha256::digest(signed);
        std::hint::black_box((witness.verifying_key(), tag.is_ok(), signature, digest));
    }
}
