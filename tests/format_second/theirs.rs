//! They seal, we open.

use std::collections::BTreeMap;
use std::sync::Arc;

use breakglass::ceremony::Ceremony;
use breakglass::crypto::{self, EphemeralKey, Operation, P256Public, SoftwareSigner};
use breakglass::format::dsse::{Document, Envelope};
use breakglass::format::{GenerationHeader, Manifest, OpenedStatement, Record, paths};
use breakglass::ledger::{Event, Journal};
use breakglass::manifest::{Chain, Place, read_header, read_record};
use breakglass::model::{Digest, Name, Timestamp};
use breakglass::ports::{Store, StoreKey};
use breakglass::secret::{SharedSecret, SigningSeed};
use breakglass::store::DirStore;
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Oaep, RsaPrivateKey};
use sha2::Sha256;

use crate::scene::Scene;
use crate::{second_says, text};

/// Private seal keys by token, as they lie beside the vault.
type Keys = BTreeMap<Digest, serde_json::Value>;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn read<D: Document>(store: &DirStore, path: String) -> Envelope {
    let bytes = store.read(&StoreKey::new(path).expect("a key"), D::MAX);
    Envelope::read::<D>(&bytes.expect("it is there")).expect("an envelope")
}

/// What a token answers.
fn answer(keys: &Keys, token: &Digest, operation: &Operation) -> SharedSecret {
    match operation {
        Operation::Agree(point) => {
            let scalar = keys[token]["p256"].as_str().expect("a scalar");
            let scalar = data_encoding::HEXLOWER.decode(scalar.as_bytes());
            let scalar: [u8; 32] = scalar.expect("hex").try_into().expect("32 bytes");
            let key = EphemeralKey::from_scalar(&scalar).expect("a key");
            key.agree(&P256Public::parse(point).expect("a point"))
        }
        Operation::Decapsulate(ciphertext) => {
            let der = keys[token]["rsa"].as_str().expect("PKCS#8");
            let der = data_encoding::BASE64
                .decode(der.as_bytes())
                .expect("base64");
            let key = RsaPrivateKey::from_pkcs8_der(&der).expect("a key");
            let seed = key
                .decrypt(Oaep::<Sha256>::new(), ciphertext)
                .expect("a seed");
            SharedSecret::filled(|out| out.copy_from_slice(&seed))
        }
    }
}

/// A vault that the second implementation made, opened by the library with tokens of these labels.
struct Theirs {
    folder: tempfile::TempDir,
    keys: Keys,
}

impl Theirs {
    fn made() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        second_says(&["found", text(&folder.path().join("vault"))]);
        let kept =
            std::fs::read_to_string(folder.path().join("vault-keys.json")).expect("the keys");
        let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
        let keys = kept["tokens"].as_object().expect("tokens").iter();
        let keys = keys.map(|(id, key)| (id.parse().expect("a digest"), key.clone()));
        Self {
            keys: keys.collect(),
            folder,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("vault")
    }

    /// The secret access key of a credential, with the tokens of these labels.
    fn open(&self, credential: &str, labels: &[&str]) -> String {
        let store = DirStore::open(self.path()).expect("a vault");
        let manifest = read::<Manifest>(&store, paths::manifest(1));
        let chain = Arc::new(Chain::verify(&[manifest]).expect("a valid manifest"));
        let signer = SoftwareSigner::new(SigningSeed::filled(|seed| seed.fill(7)));
        let station = name("tests");
        let mut journal =
            Journal::open(&store, chain.clone(), None, &station, &signer).expect("a good ledger");
        let (header, record) = sealed(&store, &chain, &journal, credential);
        let in_force = chain.newest().clone();
        let mut ceremony =
            Ceremony::new(in_force.clone(), vec![(header, in_force.clone())]).expect("it fits");
        for label in labels {
            let token = in_force
                .tokens()
                .find(|(_, token)| token.identity.label == *label);
            let token = token.expect("an enrolled token").1.id();
            let operations = ceremony.operations(&token).expect("sealed to it");
            let answers: Vec<_> = operations
                .iter()
                .map(|one| answer(&self.keys, &token, one))
                .collect();
            ceremony.contribute(&token, &answers).expect("a good share");
        }
        let ceremony = ceremony.quorate().ok().expect("a quorum");
        let now: Timestamp = "2026-11-24T04:00:00Z".parse().expect("a time");
        let expires = "2026-11-24T05:00:00Z".parse().expect("a time");
        let declared = Event::IncidentDeclared {
            incident: name("inc-1"),
            reason: "single sign-on is down".parse().expect("a reason"),
            credentials: vec![name(credential)],
            expires,
        };
        journal.record(now, declared).expect("recorded");
        let opening = ceremony
            .unlock(vec![record])
            .expect("its secrets")
            .remove(0);
        let head = journal.head();
        let about = &opening.record().about;
        let statement = OpenedStatement {
            vault: about.vault,
            incident: name("inc-1"),
            reason: "single sign-on is down".parse().expect("a reason"),
            credential: about.credential.clone(),
            compartment: about.compartment.clone(),
            generation: about.generation,
            access_key: about.access_key.clone(),
            participants: ceremony.participants().to_vec(),
            ledger_size: head.size,
            ledger_root: head.root,
            opened: now,
            expires,
        };
        let signed = Envelope::of(&statement).expect("it can be written");
        let signed = crypto::sign(signed, opening.witness());
        let recorded = journal
            .record_opened(&head, now, &[signed])
            .expect("recorded");
        let recorded = recorded.expect("nobody else writes").remove(0);
        let secret = opening.release(recorded).expect("released");
        secret.expose().to_owned()
    }
}

fn sealed(
    store: &DirStore,
    chain: &Chain,
    journal: &Journal<'_>,
    credential: &str,
) -> (GenerationHeader, Record) {
    let (main, credential) = (name("main"), name(credential));
    let state = journal.state();
    let (known, begun) = (&state.credentials[&credential], &state.compartments[&main]);
    let generation = known.current().expect("a key in force").generation;
    let place = Place {
        compartment: &main,
        generation,
        manifest: begun.manifests[&generation],
        header: begun.headers[&generation],
    };
    let header = read::<GenerationHeader>(store, paths::header(&main, generation));
    let record = read::<Record>(store, paths::record(&main, generation, &credential));
    (
        read_header(&header, chain, &place).expect("a good header"),
        read_record(&record, chain, &place, &known.definition).expect("a good record"),
    )
}

#[test]
fn what_they_seal_opens_with_every_suite_and_every_quorum() {
    let theirs = Theirs::made();
    let open = |credential, labels: &[&str]| theirs.open(credential, labels);
    let deploy = "secret/of/deploy/in/generation/00000001";
    assert_eq!(open("deploy", &["alice", "carol", "bob"]), deploy);
    // An incident of this name is declared by now; the next ones are in copies of the vault as it was.
    let again = |labels: &[&str]| Theirs::made().open("deploy", labels);
    assert_eq!(again(&["dave", "alice-spare", "bob-rsa"]), deploy);
    assert_eq!(again(&["carol", "dave", "bob-rsa"]), deploy);
    // What we appended to their ledger, they verify: the declaration and the statement of the opening.
    let said = second_says(&["verify", text(&theirs.path())]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["open-incidents"], serde_json::json!(["inc-1"]));
    assert_eq!(said["entries"], 13);
}

/// A vault that our binary founded with SoftHSM's tokens; then the second implementation rotates with the
/// station's key; then our binary opens what that sealed.
#[test]
fn our_binary_opens_what_they_sealed_into_its_vault() {
    let scene = Scene::founded(&["deploy"]);
    scene.add(&["deploy"]);
    let key = scene.station().join("station.key");
    let sealed = "deploy=AKIASECOND0000000001=sealed/by/the/second/implementation/0001";
    let vault = scene.vault();
    let args = ["seal", text(&vault), text(&key), "station", "main", sealed];
    assert_eq!(second_says(&args), "1\n");
    scene.run(&["ledger", "verify"]).ended(0);
    let file = scene.path("kept");
    let keep = format!(
        "printf %s \"$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY\" > '{}'",
        file.display()
    );
    scene.unseal(&["deploy"], &["sh", "-c", &keep]).ended(0);
    assert_eq!(
        std::fs::read_to_string(&file).expect("the child wrote it"),
        "AKIASECOND0000000001 sealed/by/the/second/implementation/0001"
    );
}
