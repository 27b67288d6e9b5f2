//! We seal to software tokens of both suites, with thresholds; they verify and open it. So the suite that
//! SoftHSM lacks is opened in this direction, too.

use std::fs;

use breakglass::crypto::{self, Operation};
use breakglass::format::dsse::{Document, Envelope};
use breakglass::format::paths;
use breakglass::ledger::Event;
use breakglass::model::Role;
use breakglass::ports::{KeyReply, KeyRequest, Store as _, StoreKey, Token as _};
use breakglass::secret::RoleSecret;

use crate::book::{self, Book, Sealed, secret};
use crate::soft::{self, Person, SoftToken, person, with_tokens};
use crate::{aws, repository, second_says, text};

/// Three ICs, one of them with a spare and one with a token that only has RSA; two BGOs.
fn people() -> Vec<Person> {
    let alice = vec![SoftToken::p256("alice"), SoftToken::p256("alice-spare")];
    vec![
        with_tokens("alice", Role::Ic, alice),
        with_tokens("rita", Role::Ic, vec![SoftToken::rsa("rita")]),
        person("carl", Role::Ic),
        person("bob", Role::Bgo),
        person("bea", Role::Bgo),
    ]
}

/// A vault of theirs, with its manifest where it belongs.
fn founded(thresholds: [u8; 3]) -> Book {
    let book = Book::found(people(), thresholds);
    let manifest = book::founded(&book.people, thresholds);
    assert_eq!(manifest.digest(), book.chain.vault());
    let path = StoreKey::new(paths::manifest(1)).expect("a key");
    let bytes = manifest.to_bytes().expect("it can be written");
    book.store.create(&path, &bytes).expect("it is not there");
    book
}

/// Stores what was sealed, as a rotation does.
fn store(book: &Book, sealed: &Sealed) {
    let about = &sealed.header;
    let header = paths::header(&about.compartment, about.generation);
    put(book, header, &sealed.header);
    for record in &sealed.records {
        let credential = &record.about.credential;
        let path = paths::record(&about.compartment, about.generation, credential);
        put(book, path, record);
    }
}

fn put<D: Document>(book: &Book, path: String, document: &D) {
    let envelope = Envelope::of(document).expect("it can be written");
    let envelope = crypto::sign(envelope, &book.rotator);
    let path = StoreKey::new(path).expect("a key");
    let bytes = envelope.to_bytes().expect("it can be written");
    book.store.create(&path, &bytes).expect("it is not there");
}

/// What a token answers for its share in a generation.
fn answer(book: &mut Book, sealed: &Sealed, label: &str) -> KeyReply {
    let token = soft::token(&mut book.people, label);
    let place = crypto::find_share(&sealed.header, &token.id()).expect("sealed to it");
    let operation = place
        .operation(&token.enrolled.keys.seal)
        .expect("a good one");
    let request = match &operation {
        Operation::Agree(point) => KeyRequest::Agree(point),
        Operation::Decapsulate(number) => KeyRequest::Decapsulate(number),
    };
    let replies = token.perform(&soft::pin(), &[request]);
    replies.expect("the PIN is right").remove(0)
}

#[test]
fn what_we_seal_opens_there_with_the_tokens_answers() {
    let mut book = founded([2, 2, 0]);
    book.add("prod", &["deploy", "root"]);
    let sealed = book.seal("prod", 1, &["deploy", "root"]);
    store(&book, &sealed);
    let vault = book.path();
    let said = second_says(&["verify", text(&vault)]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["records"], 2);

    let folder = tempfile::tempdir().expect("a folder");
    for (number, labels) in [
        ["alice", "rita", "bob", "bea"],
        ["carl", "alice-spare", "bea", "bob"],
    ]
    .iter()
    .enumerate()
    {
        let statement = folder.path().join(format!("statement-{number}"));
        let fingerprint = book.chain.vault().to_string();
        let mut args: Vec<String> = ["open", text(&vault), "root", "--print", "--fingerprint"]
            .map(str::to_owned)
            .to_vec();
        args.extend([fingerprint, "--reason=software tokens".to_owned()]);
        args.push(format!("--statement={}", statement.display()));
        for label in labels {
            let KeyReply::Secret(secret) = answer(&mut book, &sealed, label) else {
                panic!("{label} gave a signature");
            };
            let file = folder.path().join(label);
            fs::write(&file, secret.expose()).expect("ours");
            let id = soft::token(&mut book.people, label).id();
            args.push(format!("--given={id}={}", file.display()));
        }
        let output = std::process::Command::new(aws::python())
            .arg(repository("scripts/recover"))
            .args(&args)
            .output()
            .expect("Python runs");
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let line = format!("AWS_SECRET_ACCESS_KEY={}", secret("root", 1));
        assert!(printed.lines().any(|one| one == line), "{printed}");
    }
}

/// With the secrets of both roles at hand, no token is needed.
#[test]
fn what_we_seal_opens_there_with_the_role_secrets() {
    let mut book = founded([1, 1, 0]);
    book.add("prod", &["deploy"]);
    let sealed = book.seal("prod", 1, &["deploy"]);
    store(&book, &sealed);
    let mut role_secret = |label, role: usize| -> RoleSecret {
        let KeyReply::Secret(answered) = answer(&mut book, &sealed, label) else {
            panic!("{label} gave a signature");
        };
        let token = soft::token(&mut book.people, label);
        let place = crypto::find_share(&sealed.header, &token.id()).expect("sealed to it");
        let share = place.open(&token.enrolled.keys.seal, &answered);
        let share = share.expect("a good share");
        let shares = [(place.index(), &share)];
        crypto::combine(&sealed.header.roles[role], &shares).expect("a quorum")
    };
    let secrets = serde_json::json!({"secrets": {
        "ic": data_encoding::HEXLOWER.encode(role_secret("rita", 0).expose()),
        "bgo": data_encoding::HEXLOWER.encode(role_secret("bob", 1).expose()),
    }});
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("secrets.json");
    fs::write(&kept, secrets.to_string()).expect("ours");
    let said = second_says(&["open", text(&book.path()), "deploy", text(&kept)]);
    assert_eq!(said.trim_end(), secret("deploy", 1));
}

/// Full tiles, partial ones, and a second level: as C2SP names and fills them.
#[test]
fn they_derive_the_same_tiles() {
    let book = founded([1, 1, 0]);
    for (commit, count) in [256, 256, 30].into_iter().enumerate() {
        let refused = |number| Event::Refused {
            incident: None,
            code: "a-test".to_owned(),
            what: format!("{commit}.{number}"),
        };
        let recorded = book
            .journal()
            .record_all(soft::now(), (0..count).map(refused).collect());
        recorded.expect("recorded");
    }
    let said = second_says(&["verify", text(&book.path())]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["entries"], 1 + 256 + 256 + 30);
    // Three tiles of leaves, one above them, three bundles, the checkpoint.
    let derived = serde_json::json!({"right": 8, "other": 0, "missing": 0});
    assert_eq!(said["derived"], derived);
}
