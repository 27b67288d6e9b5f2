//! The files of the station: configuration, anchor, key; and a station folder that is none.

use std::fs;
use std::os::unix::fs::symlink;

use crate::refusal::{Look, refused, told};
use crate::scene::{Scene, seen, unseal_args};
use crate::spoil::{PRESENT, Spoil, Spoilt, mode};

const STATUS: &[&str] = &["status"];

#[test]
fn a_configuration_that_cannot_be_understood_is_refused_with_its_line() {
    let scene = Scene::sealed(&["deploy"]);
    let path = scene.station().join("config.toml");
    let good = fs::read_to_string(&path).expect("text");
    let bad = |text: &str, part: &str| {
        let _spoilt = Spoilt::with(&path, text.as_bytes());
        for args in [STATUS, &["rotate"], &["token", "list"]] {
            let told = refused(&scene, &["deploy"], args, 2, "config-unusable");
            assert!(told.what().contains("config.toml"), "{}", told.text);
            assert!(told.what().contains(part), "{part}: {}", told.text);
        }
    };
    bad(&format!("{good}\nanswer = 42\n"), "answer");
    bad("name = 7\n", "line 1");
    bad("# red\n\nname = \"\u{1b}[31m\n", "line 3");
    bad("vault = \"\u{202e}\"\n\"\u{9b}31m\" = 1\n", "line 2");
    bad("[proof\n", "line 1");
    bad("[aws]\nsecret = \"x\"\n", "secret");
    bad("[[module]]\npath = \"/x\"\nprofile = 1\n", "line 3");
    {
        let _spoilt = Spoilt::with(&path, b"name = \"\xff\xfe\"\n");
        let told = refused(&scene, &["deploy"], STATUS, 2, "config-unusable");
        assert!(told.what().contains("UTF-8"), "{}", told.text);
    }
    for proof in [
        "answers = 0",
        "interval-seconds = -1.0",
        "interval-seconds = nan",
    ] {
        let text = format!("name = \"station\"\n[proof]\n{proof}\n");
        let _spoilt = Spoilt::with(&path, text.as_bytes());
        let told = refused(&scene, &["deploy"], &["rotate"], 2, "config-unusable");
        assert!(told.what().contains("[proof]"), "{}", told.text);
    }
    let profile =
        "[[module]]\npath = \"/x.so\"\nprofile = \"no\u{1b}such\"\n".replace('\u{1b}', "\\u001b");
    let _spoilt = Spoilt::with(&path, profile.as_bytes());
    refused(
        &scene,
        &["deploy"],
        &["token", "list"],
        2,
        "no-such-profile",
    );
}

#[test]
fn a_configuration_that_is_no_plain_file_of_ours_is_not_read() {
    let scene = Scene::founded(&["deploy"]);
    let path = scene.station().join("config.toml");
    for how in PRESENT {
        let (exit, code) = match how {
            Spoil::Huge | Spoil::Symlink | Spoil::Pipe | Spoil::Folder | Spoil::Device => {
                (1, "station-unusable")
            }
            Spoil::Exposed => (4, "station-exposed"),
            Spoil::NotText | Spoil::Truncated => (2, "config-unusable"),
            // An empty one says nothing, as none does.
            Spoil::Empty | Spoil::Missing => continue,
        };
        let _spoilt = Spoilt::new(&path, how);
        for args in [STATUS, &["token", "list"]] {
            let told = refused(&scene, &["deploy"], args, exit, code);
            assert!(
                told.what().contains("config.toml"),
                "{how:?}: {}",
                told.text
            );
        }
    }
}

#[test]
fn a_damaged_anchor_stops_everything_and_says_how_to_go_on() {
    let scene = Scene::sealed(&["deploy"]);
    let status = scene.run(&["status", "--json"]).json();
    let fingerprint = status["fingerprint"].as_str().expect("a digest").to_owned();
    let path = scene.station().join("anchor.json");
    let good = fs::read_to_string(&path).expect("text");
    let unseal = unseal_args(&["deploy"], &["true"]);
    for how in PRESENT {
        let (exit, code) = match how {
            Spoil::Exposed => (4, "station-exposed"),
            _ => (7, "anchor-damaged"),
        };
        let _spoilt = Spoilt::new(&path, how);
        for args in [STATUS, &["rotate"], &unseal] {
            let told = refused(&scene, &["deploy"], args, exit, code);
            assert!(
                told.what().contains("anchor.json"),
                "{how:?}: {}",
                told.text
            );
        }
    }
    for text in [
        good.replacen('{', "{\"comment\":1,", 1),
        good.replacen("ledger_size", "ledger_sizes", 1),
        good.replacen(&fingerprint, &fingerprint.to_uppercase(), 1),
        good.replacen(&fingerprint, &fingerprint[2..], 1),
        format!("{good}{good}"),
    ] {
        assert_ne!(text, good);
        let _spoilt = Spoilt::with(&path, text.as_bytes());
        let told = refused(&scene, &["deploy"], &["rotate"], 7, "anchor-damaged");
        assert!(told.hints().contains("breakglass trust"), "{}", told.text);
    }
    // The way that the hints show.
    fs::write(&path, "{").expect("ours");
    fs::rename(&path, scene.station().join("anchor.json.damaged")).expect("ours");
    refused(&scene, &["deploy"], STATUS, 4, "vault-not-trusted");
    refused(
        &scene,
        &["deploy"],
        &["trust", &"0".repeat(64)],
        7,
        "vault-substituted",
    );
    scene.run(&["trust", &fingerprint]).ended(0);
    scene.run(STATUS).ended(0);
}

#[test]
fn a_damaged_station_key_is_told_and_never_replaced_in_silence() {
    let scene = Scene::sealed(&["deploy"]);
    let path = scene.station().join("station.key");
    for how in PRESENT {
        let (exit, code) = match how {
            Spoil::Exposed => (4, "station-exposed"),
            // 34 bytes and more in front of it: too long, like the huge one.
            _ => (1, "station-key-damaged"),
        };
        let _spoilt = Spoilt::new(&path, how);
        for args in [STATUS, &["rotate"]] {
            let told = refused(&scene, &["deploy"], args, exit, code);
            assert!(
                told.what().contains("station.key"),
                "{how:?}: {}",
                told.text
            );
        }
    }
    // Another key is no rotator's: nothing is made with it.
    let _spoilt = Spoilt::with(&path, &[7; 32]);
    let told = refused(&scene, &["deploy"], &["rotate"], 4, "not-a-rotator");
    assert!(told.hints().contains("rotator add"), "{}", told.text);
}

#[test]
fn a_station_folder_that_others_can_write_to_is_refused() {
    let scene = Scene::sealed(&["deploy"]);
    let unseal = unseal_args(&["deploy"], &["true"]);
    for open in [0o777, 0o770, 0o707] {
        mode(scene.station(), open);
        // `token list` loads the modules that the configuration names.
        for args in [STATUS, &["rotate"], &unseal, &["token", "list"]] {
            let told = refused(&scene, &["deploy"], args, 4, "station-exposed");
            assert!(told.hints().contains("chmod"), "{}", told.text);
        }
        mode(scene.station(), 0o700);
    }
    scene.run(STATUS).ended(0);
}

#[test]
fn a_station_that_is_no_folder_is_refused() {
    let mut scene = Scene::founded(&["deploy"]);
    let before = Look::at(&scene, &["deploy"]);
    let file = scene.path("file");
    fs::write(&file, "x").expect("ours");
    let link = scene.path("link");
    symlink(scene.station(), &link).expect("a link");
    for place in [file, link, "/dev/null".into(), "/proc/nowhere/else".into()] {
        scene.variables = vec![("BREAKGLASS_STATION".into(), place.into())];
        for args in [STATUS, &["rotate"]] {
            told(&scene, args, 1, "station-unusable");
        }
    }
    // No folder yet is a machine that has seen nothing.
    scene.variables = vec![("BREAKGLASS_STATION".into(), scene.path("new").into())];
    told(&scene, STATUS, 4, "vault-not-trusted");
    scene.variables.clear();
    let homeless = scene
        .breakglass(STATUS)
        .env_remove("BREAKGLASS_STATION")
        .env_remove("HOME")
        .output()
        .expect("the binary runs");
    let homeless = seen(&homeless).ended(2);
    assert!(homeless.error.contains("[no-station]"), "{homeless}");
    before.assert_same(&Look::at(&scene, &["deploy"]), "another place was meant");
}
