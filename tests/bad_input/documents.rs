//! The files of a vault, spoilt in every way: manifest, header, record, ledger commit; and what is only
//! derived from them, which must not matter.

use std::fs;
use std::path::{Path, PathBuf};

use breakglass::format::dsse::Envelope;

use crate::refusal::{Look, refused, refused_on_record, told};
use crate::scene::{Scene, unseal_args};
use crate::spoil::{PRESENT, Spoil, Spoilt, mode};

const STATUS: &[&str] = &["status"];
const INTEGRITY: i32 = 7;

fn manifest(scene: &Scene) -> PathBuf {
    scene.vault().join("manifest/00000001.json")
}

fn header(scene: &Scene) -> PathBuf {
    scene.vault().join("generation/main/00000001/header.json")
}

fn record(scene: &Scene) -> PathBuf {
    scene
        .vault()
        .join("generation/main/00000001/record/deploy.json")
}

/// The commits, oldest first.
fn commits(scene: &Scene) -> Vec<PathBuf> {
    let folder = fs::read_dir(scene.vault().join("ledger/commit")).expect("commits");
    let mut all: Vec<PathBuf> = folder.map(|one| one.expect("an entry").path()).collect();
    all.sort();
    all
}

/// Other bytes that look right at first sight: of a version that is not known, and with a field that is
/// not known, in the envelope and in the document.
fn strange(path: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let text = fs::read_to_string(path).expect("UTF-8");
    let envelope: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut outer = envelope.clone();
    outer["comment"] = "hello".into();
    let payload = envelope["payload"].as_str().expect("base64");
    let payload = data_encoding::BASE64
        .decode(payload.as_bytes())
        .expect("base64");
    let mut document: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    document["comment"] = "hello".into();
    // Written as an envelope must be: it is the document that is another.
    let mut inner: Envelope = serde_json::from_str(&text).expect("an envelope");
    inner.payload = document.to_string().into_bytes();
    let nested = [b"[".repeat(5_000), b"]".repeat(5_000)].concat();
    vec![
        ("version", text.replace(".v1+json", ".v2+json").into_bytes()),
        (
            "kind",
            text.replace("breakglass.", "breakglass.other-")
                .into_bytes(),
        ),
        ("field of the envelope", outer.to_string().into_bytes()),
        ("field of the document", inner.to_bytes().expect("JSON")),
        ("nesting", nested),
    ]
}

/// How each way to spoil a document of the vault is told.
fn code_of(how: Spoil, malformed: &'static str) -> (i32, &'static str) {
    match how {
        Spoil::Truncated | Spoil::Empty | Spoil::NotText => (INTEGRITY, malformed),
        Spoil::Huge | Spoil::Symlink | Spoil::Pipe | Spoil::Folder | Spoil::Device => {
            (INTEGRITY, "vault-file-odd")
        }
        Spoil::Exposed => (4, "vault-exposed"),
        Spoil::Missing => (INTEGRITY, "document-missing"),
    }
}

#[test]
fn a_bad_manifest_is_refused_by_name() {
    let scene = Scene::sealed(&["deploy"]);
    let path = manifest(&scene);
    for how in PRESENT {
        let (exit, code) = match how {
            // What is no file at all is looked for and not found.
            Spoil::Folder => (INTEGRITY, "no-manifest"),
            how => code_of(how, "manifest-invalid"),
        };
        let _spoilt = Spoilt::new(&path, how);
        let told = refused(&scene, &["deploy"], STATUS, exit, code);
        assert!(told.what().contains("manifest"), "{}", told.text);
        refused(&scene, &["deploy"], &["rotate"], exit, code);
    }
    for (what, bytes) in strange(&path) {
        let _spoilt = Spoilt::with(&path, &bytes);
        let told = refused(&scene, &["deploy"], STATUS, INTEGRITY, "manifest-invalid");
        assert!(told.what().contains("manifest 1"), "{what}: {}", told.text);
        if what == "version" {
            assert!(told.hints().contains("newer breakglass"), "{}", told.text);
        }
        refused(
            &scene,
            &["deploy"],
            &["rotate"],
            INTEGRITY,
            "manifest-invalid",
        );
    }
    let _spoilt = Spoilt::new(&path, Spoil::Missing);
    refused(&scene, &["deploy"], STATUS, INTEGRITY, "no-manifest");
}

#[test]
fn a_bad_header_or_record_is_refused_by_name_and_the_refusal_recorded() {
    let scene = Scene::sealed(&["deploy"]);
    let unseal = unseal_args(&["deploy"], &["true"]);
    for (path, name) in [
        (header(&scene), "header.json"),
        (record(&scene), "record/deploy.json"),
    ] {
        // Both are read by the same way: each spoilt in every manner would only take time.
        let spoils: Vec<Spoil> = match name {
            "header.json" => PRESENT.into_iter().chain([Spoil::Missing]).collect(),
            _ => vec![Spoil::Truncated, Spoil::Huge, Spoil::Pipe, Spoil::Missing],
        };
        for how in spoils {
            let (exit, code) = code_of(how, "document-malformed");
            let _spoilt = Spoilt::new(&path, how);
            let told = refused_on_record(&scene, &["deploy"], &unseal, exit, code);
            assert!(told.what().contains(name), "{how:?}: {}", told.text);
            assert!(told.text.contains("nothing was opened"), "{}", told.text);
        }
        for (what, bytes) in strange(&path) {
            // The ledger names the record's very bytes, before anything in it is read.
            let code = match what {
                "field of the document" if name.contains("record") => "document-misplaced",
                _ => "document-malformed",
            };
            let _spoilt = Spoilt::with(&path, &bytes);
            let told = refused_on_record(&scene, &["deploy"], &unseal, INTEGRITY, code);
            assert!(told.what().contains(name), "{what}: {}", told.text);
        }
    }
    // All that is in the ledger: one entry for each.
    let refusals = scene.log()["entries"]
        .to_string()
        .matches("\"refused\"")
        .count();
    assert_eq!(refusals, 2 * (10 + 4 + 2 * 5));
}

#[test]
fn a_header_in_the_place_of_another_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    scene.run(&["rotate"]).ended(0);
    let old = fs::read(header(&scene)).expect("a header");
    let newer = scene.vault().join("generation/main/00000002/header.json");
    let _spoilt = Spoilt::with(&newer, &old);
    let unseal = unseal_args(&["deploy"], &["true"]);
    let told = refused_on_record(
        &scene,
        &["deploy"],
        &unseal,
        INTEGRITY,
        "document-misplaced",
    );
    assert!(
        told.what().contains("00000002/header.json"),
        "{}",
        told.text
    );
}

#[test]
fn a_bad_commit_stops_everything() {
    let scene = Scene::sealed(&["deploy"]);
    let all = commits(&scene);
    for path in [&all[0], &all[all.len() - 1]] {
        for how in PRESENT {
            let (exit, code) = match how {
                Spoil::Huge | Spoil::Truncated | Spoil::Empty | Spoil::NotText => {
                    (INTEGRITY, "ledger-broken")
                }
                // It is no commit then, and whether one is missing depends on which.
                Spoil::Folder if path == all.last().expect("commits") => {
                    (INTEGRITY, "ledger-cut-off")
                }
                Spoil::Folder => (INTEGRITY, "ledger-broken"),
                how => code_of(how, ""),
            };
            let _spoilt = Spoilt::new(path, how);
            let told = refused(&scene, &["deploy"], STATUS, exit, code);
            assert!(told.what().contains("ledger"), "{how:?}: {}", told.text);
            if how == Spoil::Truncated {
                for args in [
                    &["rotate"][..],
                    &["close"],
                    &["ledger", "verify"],
                    &["ledger", "log"],
                ] {
                    refused(&scene, &["deploy"], args, exit, code);
                }
            }
        }
    }
}

#[test]
fn a_commit_of_another_version_or_with_a_changed_entry_is_named() {
    let scene = Scene::sealed(&["deploy"]);
    let path = &commits(&scene)[1];
    let bytes = fs::read(path).expect("a commit");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.starts_with("breakglass-ledger-commit/v1\n"), "{text}");
    let replaced = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|part| part == from);
        let at = at.unwrap_or_else(|| panic!("{text}"));
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    for bad in [
        replaced(b"commit/v1", b"commit/v2"),
        replaced(b"deploy", b"deploX"),
        replaced(b"\n2 ", b"\n3 "),
        [&bytes[..], b"more"].concat(),
    ] {
        let _spoilt = Spoilt::with(path, &bad);
        let told = refused(&scene, &["deploy"], STATUS, INTEGRITY, "ledger-broken");
        assert!(told.what().contains("commit 2"), "{}", told.text);
        assert!(told.hints().contains("call"), "{}", told.text);
    }
    let _spoilt = Spoilt::new(path, Spoil::Missing);
    let told = refused(&scene, &["deploy"], STATUS, INTEGRITY, "ledger-broken");
    assert!(told.what().contains("commit 2"), "{}", told.text);
}

#[test]
fn a_ledger_that_was_cut_off_or_replaced_is_noticed() {
    let scene = Scene::sealed(&["deploy"]);
    let all = commits(&scene);
    {
        let _spoilt = Spoilt::new(all.last().expect("commits"), Spoil::Missing);
        for args in [STATUS, &["rotate"], &["ledger", "verify"]] {
            refused(&scene, &["deploy"], args, INTEGRITY, "ledger-cut-off");
        }
    }
    let ledger = scene.vault().join("ledger");
    fs::rename(&ledger, scene.path("ledger")).expect("ours");
    refused(
        &scene,
        &["deploy"],
        &["rotate"],
        INTEGRITY,
        "ledger-cut-off",
    );
    fs::rename(scene.path("ledger"), &ledger).expect("ours");
    scene.run(STATUS).ended(0);
}

#[test]
fn a_stranger_in_the_vault_is_named() {
    let scene = Scene::founded(&["deploy"]);
    let stranger = scene.vault().join("ledger/commit/\u{1b}[31mred");
    fs::write(&stranger, "x").expect("ours");
    let told = told(&scene, STATUS, 1, "vault-stray-file");
    assert!(told.what().contains("31mred"), "{}", told.text);
    fs::remove_file(&stranger).expect("ours");
    for name in [
        "ledger/commit/README",
        "ledger/commit/readme",
        "manifest/.DS_Store",
    ] {
        let stranger = scene.vault().join(name);
        fs::write(&stranger, "x").expect("ours");
        let told = refused(&scene, &["deploy"], STATUS, 1, "vault-stray-file");
        assert!(told.hints().contains("move it out"), "{}", told.text);
        fs::remove_file(&stranger).expect("ours");
    }
    let stranger = scene.vault().join("manifest/00000003.json");
    fs::write(&stranger, "x").expect("ours");
    refused(&scene, &["deploy"], STATUS, INTEGRITY, "manifest-missing");
}

#[test]
fn what_is_only_derived_may_be_spoilt_without_harm() {
    let scene = Scene::sealed(&["deploy"]);
    for derived in ["ledger/checkpoint", "ledger/tile/entries/000.p/7"] {
        let path = scene.vault().join(derived);
        assert!(path.exists(), "{derived}");
        for how in PRESENT {
            let _spoilt = Spoilt::new(&path, how);
            scene.run(STATUS).ended(0);
            let verified = scene.run(&["ledger", "verify"]).ended(0);
            crate::refusal::assert_calm(&verified);
        }
    }
    // Whoever appends next mends them.
    fs::write(scene.vault().join("ledger/checkpoint"), "nonsense").expect("ours");
    scene.run(&["rotate"]).ended(0);
    let mended = fs::read_to_string(scene.vault().join("ledger/checkpoint")).expect("text");
    assert_ne!(mended, "nonsense");
}

#[test]
fn a_vault_that_others_can_write_to_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    for part in ["", "manifest", "ledger", "ledger/commit"] {
        let folder = scene.vault().join(part);
        for open in [0o777, 0o720, 0o702] {
            mode(&folder, open);
            for args in [STATUS, &["rotate"], &["ledger", "log"]] {
                let told = refused(&scene, &["deploy"], args, 4, "vault-exposed");
                assert!(told.hints().contains("chmod"), "{}", told.text);
            }
            mode(&folder, 0o700);
        }
    }
    scene.run(STATUS).ended(0);
}

#[test]
fn a_vault_that_is_no_folder_is_refused() {
    let mut scene = Scene::founded(&["deploy"]);
    let before = Look::at(&scene, &[]);
    let file = scene.path("file");
    fs::write(&file, "x").expect("ours");
    let link = scene.path("link");
    std::os::unix::fs::symlink(scene.vault(), &link).expect("a link");
    let pipe = scene.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("coreutils").success());
    for (place, exit, code) in [
        (file, 7, "vault-file-odd"),
        (link, 7, "vault-file-odd"),
        (pipe, 7, "vault-file-odd"),
        ("/dev/null".into(), 7, "vault-file-odd"),
        (scene.path("nowhere"), 1, "vault-missing"),
        (scene.path("no\u{1b}[31m"), 1, "vault-missing"),
        (scene.path("\u{202e}"), 1, "vault-missing"),
    ] {
        scene.variables = vec![("BREAKGLASS_VAULT".into(), place.into())];
        for args in [STATUS, &["rotate"], &["ledger", "verify"], &["trust", "00"]] {
            if args[0] == "trust" {
                told(&scene, args, 2, "not-a-fingerprint");
            } else {
                told(&scene, args, exit, code);
            }
        }
    }
    scene.variables.clear();
    before.assert_same(&Look::at(&scene, &[]), "another place was meant");
}
