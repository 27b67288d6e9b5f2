//! `inspect` on every kind of file, friendly and hostile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::refusal::{assert_calm, refused};
use crate::scene::{Scene, Seen};
use crate::spoil::{PRESENT, Spoil, Spoilt};

fn inspect(scene: &Scene, path: &Path) -> (Seen, Seen) {
    let path = path.to_str().expect("UTF-8");
    let both = (
        scene.run(&["inspect", path]).ended(0),
        scene.run(&["inspect", path, "--json"]).ended(0),
    );
    for seen in [&both.0, &both.1] {
        assert_calm(seen);
        assert_eq!(seen.error, "", "{seen}");
    }
    both
}

#[test]
fn each_kind_of_file_is_shown() {
    let scene = Scene::sealed(&["deploy"]);
    let vault = scene.vault();
    for (path, kind, part) in [
        ("manifest/00000001.json", "manifest", "alice"),
        (
            "generation/main/00000001/header.json",
            "generation header",
            "bob",
        ),
        (
            "generation/main/00000001/record/deploy.json",
            "record",
            "deploy",
        ),
        (
            "ledger/commit/000000000002",
            "ledger commit",
            "credential-added",
        ),
    ] {
        let (text, json) = inspect(&scene, &vault.join(path));
        let first = text.text.lines().next().unwrap_or_default();
        assert_eq!(
            first
                .split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" "),
            kind
        );
        assert!(text.text.contains(part), "{text}");
        assert_eq!(json.json()["kind"], kind);
        assert_eq!(json.json()["digest"].as_str().map(str::len), Some(64));
        assert!(json.json()["content"].to_string().contains(part), "{json}");
    }
}

#[test]
fn whatever_is_no_file_of_a_vault_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    let path = scene.vault().join("manifest/00000001.json");
    let name = path.to_str().expect("UTF-8").to_owned();
    for how in PRESENT {
        let _spoilt = Spoilt::new(&path, how);
        let (exit, code) = match how {
            Spoil::Truncated | Spoil::Empty | Spoil::NotText => (1, "not-a-vault-file"),
            Spoil::Huge | Spoil::Pipe | Spoil::Folder | Spoil::Device => (1, "file-unreadable"),
            // It shows what is there, and believes nothing.
            Spoil::Symlink | Spoil::Exposed | Spoil::Missing => continue,
        };
        refused(&scene, &["deploy"], &["inspect", &name], exit, code);
    }
    for (file, code) in [
        ("/dev/zero", "file-unreadable"),
        ("/dev/tty", "file-unreadable"),
        ("/nonexistent", "file-unreadable"),
        ("/etc/passwd", "not-a-vault-file"),
        ("/proc/self/environ", "not-a-vault-file"),
    ] {
        refused(&scene, &["deploy"], &["inspect", file], 1, code);
    }
    let link = scene.path("link");
    symlink("/dev/zero", &link).expect("a link");
    let link = link.to_str().expect("UTF-8");
    refused(
        &scene,
        &["deploy"],
        &["inspect", link],
        1,
        "file-unreadable",
    );
    let anchor = scene.station().join("anchor.json");
    let anchor = anchor.to_str().expect("UTF-8");
    refused(
        &scene,
        &["deploy"],
        &["inspect", anchor],
        1,
        "not-a-vault-file",
    );
}

#[test]
fn hostile_files_move_nothing() {
    let scene = Scene::founded(&["deploy"]);
    let manifest = fs::read_to_string(scene.vault().join("manifest/00000001.json")).expect("text");
    let envelope: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let payload = data_encoding::BASE64
        .decode(envelope["payload"].as_str().expect("text").as_bytes())
        .expect("base64");
    let mut document: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let nasty = "\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\n\r\u{7f}\u{e0041}";
    document["custodians"][0]["tokens"][0]["identity"]["label"] = nasty.into();
    document["custodians"][0]["tokens"][0]["identity"]["serial"] = nasty.into();
    let mut hostile = envelope.clone();
    hostile["payload"] = data_encoding::BASE64
        .encode(document.to_string().as_bytes())
        .into();
    let path = scene.path("hostile.json");
    fs::write(&path, hostile.to_string()).expect("ours");
    let (_, json) = inspect(&scene, &path);
    let label = &json.json()["content"]["custodians"][0]["tokens"][0]["identity"]["label"];
    assert_eq!(label, nasty, "it is the same document all the same");
    // A commit is shown as far as it goes.
    let mut commit = b"breakglass-ledger-commit/v1\n1 0 1\n".to_vec();
    commit.extend_from_slice(nasty.as_bytes());
    commit.extend_from_slice(b"\xff\xfe\x00\x1b[31m");
    fs::write(&path, &commit).expect("ours");
    inspect(&scene, &path);
    let name = path.to_str().expect("UTF-8");
    for (text, part) in [
        (
            format!("{{\"payloadType\":\"{}\"}}", "\\u001b[31m"),
            "payload",
        ),
        (format!("{{\"{nasty}\":1}}").replace(['\n', '\r'], ""), ""),
        (
            manifest.replace("manifest.v1", "manifest.v2\\u001b[31m"),
            "manifest.v2",
        ),
        (format!("{{\"a\":{}", "[".repeat(200_000)), ""),
    ] {
        fs::write(&path, text).expect("ours");
        let told = refused(
            &scene,
            &["deploy"],
            &["inspect", name],
            1,
            "not-a-vault-file",
        );
        assert!(told.what().contains(part), "{}", told.text);
    }
}
