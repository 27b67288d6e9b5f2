//! We found, seal, open and close; they verify all of it, and open it with the tokens.

use crate::scene::Scene;
use crate::{second, second_says, text};

fn summary(scene: &Scene) -> serde_json::Value {
    let said = second_says(&["verify", text(&scene.vault())]);
    serde_json::from_str(&said).expect("JSON")
}

/// The whole life of a vault, with a change of who may open in it: what we accept, they accept, and it
/// adds up to the same.
#[test]
fn they_verify_a_vault_through_its_life() {
    let scene = Scene::sealed(&["deploy", "audit"]);
    let said = summary(&scene);
    let ours = scene.run(&["status", "--json"]).ended(0).json();
    assert_eq!(said["fingerprint"], ours["fingerprint"]);
    assert_eq!(said["records"], 2);
    let key = &scene.keys_of("deploy")[0].0;
    assert_eq!(said["credentials"]["deploy"]["access-key"], **key);

    scene.unseal(&["deploy"], &["true"]).ended(0);
    assert_eq!(
        summary(&scene)["open-incidents"].as_array().map(Vec::len),
        Some(1)
    );
    scene.run(&["close"]).ended(0);
    let threshold = ["compartment", "add", "prod"];
    let pins = crate::scene::both_pins();
    let answers = crate::scene::borrowed(&pins);
    scene.at_terminal(&threshold, &answers).ended(0);
    scene.run(&["rotate"]).ended(0);

    let said = summary(&scene);
    assert_eq!(said["manifest-version"], 2);
    assert_eq!(said["open-incidents"], serde_json::json!([]));
    assert_eq!(said["records"], 6);
    // The checkpoint, the tiles and the bundle of entries, as C2SP wants them.
    let derived = serde_json::json!({"right": 3, "other": 0, "missing": 0});
    assert_eq!(said["derived"], derived);
    let ours = scene.run(&["ledger", "verify", "--json"]).ended(0).json();
    assert_eq!(said["entries"], ours["entries"]);
    let key = &scene.keys_of("deploy")[0].0;
    assert_eq!(said["credentials"]["deploy"]["access-key"], **key);
}

#[test]
fn they_refuse_what_was_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    second_says(&["found", text(&vault)]);
    for (file, from, to) in [
        (
            "ledger/commit/000000000001",
            "vault-founded",
            "vault-bounded",
        ),
        ("manifest/00000001.json", "signatures", "signaturez"),
        (
            "generation/main/00000001/header.json",
            "sig\":\"",
            "sig\":\"AAAA",
        ),
        (
            "generation/main/00000001/record/audit.json",
            "payload\":\"",
            "payload\":\"AAAA",
        ),
    ] {
        let path = vault.join(file);
        let kept = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, replaced(&kept, from, to)).expect("ours");
        let output = second(&["verify", text(&vault)]);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        std::fs::write(&path, kept).expect("ours");
    }
    second_says(&["verify", text(&vault)]);
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut places = bytes.windows(from.len());
    let at = places
        .position(|part| part == from.as_bytes())
        .expect("it is in there");
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}
