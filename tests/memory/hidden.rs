//! What a generation hides, worked out with both tokens by the format's description: everything that must
//! not be found. It runs as a process of its own, because SoftHSM is told by the environment where it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use breakglass::crypto::{self, Operation, kdf};
use breakglass::format::dsse::Envelope;
use breakglass::format::{GenerationHeader, Manifest, Record};
use breakglass::manifest::Chain;
use breakglass::model::Role;
use breakglass::ports::{KeyReply, KeyRequest, TokenProvider};
use breakglass::secret::{CredentialSecret, Pin, Share, SharedSecret};
use breakglass::token::pkcs11::{ModuleConfig, Pkcs11Provider, Profile};

use crate::scan::Needle;
use crate::scene::{PINS_OF, Scene, pin, pins_of, softhsm_library};

const OUT: &str = "BREAKGLASS_TEST_OUT";

/// The secrets of the generation with this number of the compartment `main`, and the station's seed.
pub fn of_generation(scene: &Scene, generation: u64) -> Vec<Needle> {
    let out = scene.path("hidden");
    let status = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "--exact",
            "hidden::child_hidden",
            "--ignored",
            "--nocapture",
        ])
        .envs(scene.environment())
        .env(OUT, &out)
        .env(PINS_OF, pins_of())
        .env("BREAKGLASS_TEST_GENERATION", generation.to_string())
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("this binary runs").success());
    let text = fs::read_to_string(&out).expect("it was written");
    let mut needles: Vec<Needle> = text
        .lines()
        .map(|line| {
            let (name, hex) = line.split_once(": ").expect("a name");
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hex");
            (name.to_owned(), bytes)
        })
        .collect();
    assert_eq!(needles.len(), 11, "{text}");
    let seed = fs::read(scene.station().join("station.key")).expect("the seed");
    needles.push(("the station's seed".to_owned(), seed));
    needles
}

struct Found(Vec<(String, Vec<u8>)>);

impl Found {
    fn keep(&mut self, name: String, bytes: &[u8]) {
        self.0.push((name, bytes.to_vec()));
    }
}

#[test]
#[ignore = "what of_generation starts as a process of its own"]
fn child_hidden() {
    let (Some(out), Some(vault)) = (std::env::var_os(OUT), std::env::var_os("BREAKGLASS_VAULT"))
    else {
        return;
    };
    let generation = std::env::var("BREAKGLASS_TEST_GENERATION").expect("a number");
    let vault = PathBuf::from(vault);
    let folder = vault.join(format!("generation/main/{:0>8}", generation));
    let manifest = read::<Manifest>(&vault.join("manifest/00000001.json"));
    let chain = Chain::verify(std::slice::from_ref(&manifest)).expect("a good manifest");
    let header: GenerationHeader = read::<GenerationHeader>(&folder.join("header.json"))
        .document()
        .expect("a header");
    let record: Record = read::<Record>(&folder.join("record/deploy.json"))
        .document()
        .expect("a record");
    let mut found = Found(Vec::new());
    let mut narrowed = Vec::new();
    for (role, shares) in Role::OPENING.into_iter().zip(&header.roles) {
        let share = share(chain.newest(), &header, role, &mut found);
        let secret = crypto::combine(shares, &[(1, &share)]).expect("a role secret");
        let one = crypto::narrow(&secret, &record.about.credential).expect("32 bytes");
        found.keep(format!("the narrowed secret of {role}"), one.expose());
        narrowed.push(one);
    }
    credential(&narrowed, &record, &mut found);
    let lines: Vec<String> = found
        .0
        .iter()
        .map(|(name, bytes)| format!("{name}: {}\n", data_encoding::HEXLOWER.encode(bytes)))
        .collect();
    fs::write(out, lines.concat()).expect("the folder is ours");
}

fn read<D: breakglass::format::dsse::Document>(path: &Path) -> Envelope {
    let bytes = fs::read(path).expect("it is there");
    Envelope::read::<D>(&bytes).expect("an envelope")
}

/// The share of a role's only custodian, opened with their token; and what is known on the way to it.
fn share(manifest: &Manifest, header: &GenerationHeader, role: Role, found: &mut Found) -> Share {
    let (_, custodian) = manifest.holders(role).next().expect("somebody");
    let enrolled = &custodian.tokens[0];
    let provider = Pkcs11Provider::new(vec![ModuleConfig {
        path: softhsm_library(),
        profiles: Profile::built_in("softhsm2").into_iter().collect(),
        folder: None,
    }]);
    let mut token = provider
        .open(&enrolled.identity.locator)
        .expect("the token");
    let place = crypto::find_share(header, &enrolled.id()).expect("its share");
    let Ok(Operation::Agree(point)) = place.operation(&enrolled.keys.seal) else {
        panic!("an agreement is asked for");
    };
    let typed = Pin::new(&pin(custodian.name.as_str())).expect("a PIN");
    let replies = token
        .perform(&typed, &[KeyRequest::Agree(&point)])
        .expect("it agrees");
    let Some(KeyReply::Secret(agreed)) = replies.into_iter().next() else {
        panic!("a secret is answered");
    };
    found.keep(format!("the agreed secret of {role}"), agreed.expose());
    let public = &enrolled.keys.seal.public;
    found.keep(
        format!("the HPKE secret of {role}"),
        &hpke_secret(&agreed, &point, public),
    );
    let share = place.open(&enrolled.keys.seal, &agreed).expect("it opens");
    found.keep(format!("the share of {role}"), share.expose());
    share
}

/// `ExtractAndExpand` of RFC 9180, section 4.1.
fn hpke_secret(agreed: &SharedSecret, point: &[u8; 65], public: &[u8]) -> [u8; 32] {
    let suite: &[u8] = b"KEM\x00\x10";
    let (mut extracted, mut secret) = ([0; 32], [0; 32]);
    let parts = [b"HPKE-v1", suite, b"eae_prk", agreed.expose().as_slice()];
    kdf::extract(&[], &parts, &mut extracted);
    let info = [
        &[0, 32],
        &b"HPKE-v1"[..],
        suite,
        b"shared_secret",
        point,
        public,
    ];
    kdf::expand(&extracted, &info, &mut secret).expect("32 bytes");
    secret
}

/// The key of the credential, and the seed of its witness.
fn credential(narrowed: &[CredentialSecret], record: &Record, found: &mut Found) {
    let mut okm = [0; 96];
    let secrets = [narrowed[0].expose().as_slice(), narrowed[1].expose()];
    let about = record.about.fields();
    kdf::derive(&[], &secrets, &[about.as_bytes()], &mut okm).expect("96 bytes");
    assert_eq!(okm[32..64], record.commitment);
    found.keep("the credential's key".to_owned(), &okm[..32]);
    found.keep("the witness's seed".to_owned(), &okm[64..]);
    found.keep("all that was derived of it".to_owned(), &okm);
}
