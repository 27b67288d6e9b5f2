//! Manifests that are not to be believed: every command refuses them before anything else, and `rotate`
//! before it makes an access key.

use std::fs;
use std::path::PathBuf;

use breakglass::format::dsse::Envelope;
use breakglass::format::{Manifest, Rotator};
use breakglass::model::{Digest, Role};

use crate::refusal::refused;
use crate::scene::{BGO, IC, Scene, borrowed, both_pins};
use crate::signing::{Intruder, first, second, signed_by};
use crate::spoil::{Spoil, Spoilt};

const USERS: &[&str] = &["deploy", "other"];

/// Every command that opens the vault.
const COMMANDS: [&[&str]; 16] = [
    &["rotate"],
    &["rotate", "--due"],
    &["status"],
    &["close"],
    &["unseal", "deploy", "--reason", "x", "--", "true"],
    &["credential", "add", "other", "--user", "other"],
    &["credential", "list"],
    &["credential", "show", "deploy"],
    &["custodian", "list"],
    &[
        "custodian",
        "enroll",
        "carol",
        "--role",
        "ic",
        "--token",
        "pkcs11:token=alice",
    ],
    &["custodian", "retire", "alice"],
    &["threshold", "so", "0"],
    &["compartment", "add", "more"],
    &["rotator", "list"],
    &["ledger", "verify"],
    &["ledger", "log"],
];

fn sealed() -> Scene {
    let scene = Scene::founded(USERS);
    scene.add(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    scene
}

fn second_path(scene: &Scene) -> PathBuf {
    scene.vault().join("manifest/00000002.json")
}

/// Puts a second manifest into the vault and has it refused: by every command if they are many, else by
/// those that would make a key, open one or tell.
fn refused_second(scene: &Scene, envelope: &Envelope, part: &str, commands: &[&[&str]]) {
    let path = second_path(scene);
    fs::write(&path, envelope.to_bytes().expect("JSON")).expect("ours");
    crate::spoil::mode(&path, 0o600);
    for args in commands {
        let told = refused(scene, USERS, args, 7, "manifest-invalid");
        assert!(told.what().contains("manifest 2"), "{}", told.text);
        assert!(told.what().contains(part), "{part}: {}", told.text);
        assert!(told.hints().contains("call"), "{}", told.text);
        assert!(
            !told.text.contains("AWS calls"),
            "AWS was not asked: {}",
            told.text
        );
    }
    fs::remove_file(path).expect("ours");
}

#[test]
fn a_manifest_signed_by_too_few_is_refused_by_every_command() {
    let scene = sealed();
    let more =
        |manifest: &mut Manifest| manifest.compartments.push("more".parse().expect("a name"));
    let alone = signed_by(&scene, second(&scene, more), &[IC]);
    refused_second(&scene, &alone, "signed by 0 of the 1 bgo", &COMMANDS);
    let some = &COMMANDS[..1];
    refused_second(
        &scene,
        &second(&scene, more),
        "signed by 0 of the 1 ic",
        some,
    );
    // The same person twice is one person.
    let twice = signed_by(&scene, second(&scene, more), &[IC, IC]);
    refused_second(&scene, &twice, "manifest 2", some);
    // A signature over something else.
    let mut moved = signed_by(&scene, second(&scene, more), &[IC, BGO]);
    let other =
        |manifest: &mut Manifest| manifest.compartments.push("moor".parse().expect("a name"));
    moved.payload = second(&scene, other).payload;
    refused_second(&scene, &moved, "signature", some);
    // Signed by whoever it brings in: mallory as another of each role, as the only one, as a rotator.
    let intruder = Intruder::new();
    for role in [Role::Ic, Role::Bgo] {
        let own = second(&scene, |manifest| {
            let mut mallory = manifest.custodians[0].clone();
            mallory.name = "mallory".parse().expect("a name");
            mallory.role = role;
            mallory.tokens = vec![intruder.token()];
            manifest.custodians.push(mallory);
        });
        refused_second(
            &scene,
            &intruder.sign(own.clone()),
            "signed by 0 of the 1",
            some,
        );
        let with_one = intruder.sign(signed_by(&scene, own.clone(), &[IC]));
        refused_second(&scene, &with_one, "signed by 0 of the 1 bgo", some);
        // The quorum agrees, and the token never proved that it holds its key.
        let unproved = signed_by(&scene, own, &[IC, BGO]);
        refused_second(&scene, &unproved, "did not prove", some);
    }
    let rotator = second(&scene, |manifest| {
        manifest.rotators.push(Rotator {
            name: "mallory".parse().expect("a name"),
            // The public key of RFC 8032's first test vector: sound, and nobody's here.
            public: data_encoding::HEXLOWER
                .decode(b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
                .expect("hex"),
        });
    });
    refused_second(&scene, &rotator, "signed by 0 of the 1 ic", some);
    scene.run(&["status"]).ended(0);
}

#[test]
fn a_manifest_that_contradicts_the_rules_is_refused_whoever_signed_it() {
    let scene = sealed();
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 10] = [
        ("appears twice", |manifest| {
            let token = manifest.custodians[0].tokens[0].clone();
            manifest.custodians[0].tokens.push(token);
        }),
        ("appears twice", |manifest| {
            let token = manifest.custodians[0].tokens[0].clone();
            manifest.custodians[1].tokens.push(token);
        }),
        ("alice appears twice", |manifest| {
            let mut both = manifest.custodians[0].clone();
            both.role = Role::Bgo;
            manifest.custodians.push(both);
        }),
        ("threshold of 2", |manifest| manifest.thresholds.ic = 2),
        ("threshold of 0", |manifest| manifest.thresholds.bgo = 0),
        ("has no token", |manifest| {
            manifest.custodians[0].tokens.clear()
        }),
        ("retired", |manifest| {
            let id = manifest.custodians[0].tokens[0].id();
            manifest.retired.push(id);
        }),
        ("touch", |manifest| manifest.policy.allow_no_touch = false),
        ("rotator", |manifest| manifest.rotators.clear()),
        ("not a key", |manifest| {
            manifest.custodians[0].tokens[0].keys.seal.public[64] ^= 1;
        }),
    ];
    for (part, change) in changes {
        let envelope = signed_by(&scene, second(&scene, change), &[IC, BGO]);
        refused_second(&scene, &envelope, part, &COMMANDS[..1]);
    }
    // In the wrong place, or after another one.
    let changes: [(&str, Change); 3] = [
        ("does not follow", |manifest| manifest.version = 3),
        ("does not follow", |manifest| manifest.previous = None),
        ("does not follow", |manifest| {
            manifest.previous = Some(Digest([7; 32]))
        }),
    ];
    for (part, change) in changes {
        let envelope = signed_by(&scene, second(&scene, change), &[IC, BGO]);
        refused_second(&scene, &envelope, part, &COMMANDS[..1]);
    }
    // What a newer breakglass may have written is not guessed at.
    for field in ["{\"comment\":1,", "{\"vault\":\"acme\","] {
        let mut newer = second(&scene, |_| {});
        let text = String::from_utf8(newer.payload).expect("UTF-8");
        newer.payload = text.replacen('{', field, 1).into_bytes();
        let newer = signed_by(&scene, newer, &[IC, BGO]);
        refused_second(&scene, &newer, "not a readable document", &COMMANDS[..1]);
    }
    // And the same in order is taken, or the rest would show nothing.
    let more =
        |manifest: &mut Manifest| manifest.compartments.push("more".parse().expect("a name"));
    let good = signed_by(&scene, second(&scene, more), &[IC, BGO]);
    let path = second_path(&scene);
    fs::write(&path, good.to_bytes().expect("JSON")).expect("ours");
    crate::spoil::mode(&path, 0o600);
    let list = scene.run(&["compartment", "list"]).ended(0);
    assert!(list.text.contains("more"), "{list}");
}

#[test]
fn a_vault_older_than_the_pin_or_another_than_the_pinned_is_refused_by_every_command() {
    let scene = sealed();
    let (envelope, manifest) = first(&scene);
    let pins = both_pins();
    scene
        .at_terminal(&["compartment", "add", "more"], &borrowed(&pins))
        .ended(0);
    scene.run(&["rotate"]).ended(0);
    let path = second_path(&scene);
    {
        let _older = Spoilt::new(&path, Spoil::Missing);
        for args in COMMANDS {
            let told = refused(&scene, USERS, args, 7, "vault-rolled-back");
            assert!(
                told.what().contains("manifest 1, and 2 was seen"),
                "{}",
                told.text
            );
        }
    }
    {
        // Another second manifest, as good as the one that was seen.
        let less = second(&scene, |manifest| manifest.policy.max_lease_minutes = 7);
        let less = signed_by(&scene, less, &[IC, BGO]);
        let _other = Spoilt::with(&path, &less.to_bytes().expect("JSON"));
        for args in &COMMANDS[..6] {
            refused(&scene, USERS, args, 7, "vault-forked");
        }
    }
    {
        // A first manifest of the attacker's, with both roles in one hand, in the place of ours.
        let mut manifest = manifest;
        manifest.custodians[0].tokens = vec![Intruder::new().token()];
        let forged = Envelope::of(&manifest).expect("JSON");
        let forged = Intruder::new().sign(forged);
        let first = scene.vault().join("manifest/00000001.json");
        let _older = Spoilt::new(&path, Spoil::Missing);
        let _other = Spoilt::with(&first, &forged.to_bytes().expect("JSON"));
        for args in &COMMANDS[..6] {
            refused(&scene, USERS, args, 7, "manifest-invalid");
        }
    }
    {
        // The first manifest without one of its founders' signatures.
        let mut fewer = envelope;
        fewer.signatures.pop();
        let first = scene.vault().join("manifest/00000001.json");
        let _fewer = Spoilt::with(&first, &fewer.to_bytes().expect("JSON"));
        refused(&scene, USERS, &["rotate"], 7, "manifest-invalid");
    }
    scene.run(&["rotate"]).ended(0);
}

#[test]
fn another_vault_in_the_place_of_the_pinned_one_is_refused_by_every_command() {
    let mut scene = sealed();
    // A whole and sound vault of other people, at another station of the same machine.
    scene.prepare(&["mallory", "malvin"]);
    let ours = (scene.vault(), scene.station().to_owned());
    let theirs = (scene.path("theirs"), scene.new_station("station2"));
    scene.go_to(theirs.1.clone());
    scene.variables = vec![("BREAKGLASS_VAULT".into(), theirs.0.clone().into())];
    scene.found(&["mallory"], &["malvin"], &[]);
    scene.variables.clear();
    scene.go_to(ours.1.clone());
    scene.run(&["status"]).ended(0);
    fs::rename(&ours.0, scene.path("aside")).expect("ours");
    fs::rename(&theirs.0, &ours.0).expect("ours");
    for args in COMMANDS {
        let told = refused(&scene, USERS, args, 7, "vault-substituted");
        assert!(told.what().contains("fingerprint"), "{}", told.text);
    }
    // Not even by its own fingerprint is it taken at a station that knows another.
    scene.go_to(theirs.1);
    let status = scene.run(&["status", "--json"]).json();
    let fingerprint = status["fingerprint"].as_str().expect("a digest").to_owned();
    scene.go_to(ours.1);
    refused(&scene, USERS, &["trust", &fingerprint], 4, "station-taken");
}
