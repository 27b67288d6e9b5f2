//! The folder for the safe.

use std::fs;

use crate::cut_off;
use crate::night::{Night, contents, export, text};
use crate::scene::{BGO, IC, Scene};

#[test]
fn an_export_holds_all_that_the_laptop_needs_and_is_replaced_as_a_whole() {
    let scene = Scene::sealed(&["deploy"]);
    let fingerprint = scene.fingerprint();
    let safe = scene.path("safe");
    let seen = export(&scene, &safe).ended(0);
    assert!(seen.text.contains("read back"), "{seen}");
    let card = fs::read_to_string(safe.join("CARD.txt")).expect("a card");
    let plain: String = card.split_whitespace().collect();
    assert!(plain.contains(&fingerprint), "{card}");
    for word in [IC, BGO, "deploy", "ledger join", "scripts/recover"] {
        assert!(card.contains(word), "{word}: {card}");
    }
    assert!(card.lines().all(|line| line.len() <= 120), "{card}");
    let readme = fs::read_to_string(safe.join("README.txt")).expect("a readme");
    assert!(readme.contains("pcscd"), "{readme}");

    // After a rotation the copy is old; the next export takes its place.
    let vault = text(&safe.join("vault")).to_owned();
    scene.run(&["rotate"]).ended(0);
    scene.run(&["--vault", &vault, "status"]).ended(7);
    export(&scene, &safe).ended(0);
    scene.run(&["--vault", &vault, "status"]).ended(0);
    scene.run(&["--vault", &vault, "ledger", "verify"]).ended(0);

    // One that fails leaves the old one as it is, and nothing beside it.
    let before = contents(&safe);
    let record = fs::read_dir(scene.vault().join("generation/main/00000002/record"))
        .expect("records")
        .next()
        .expect("a record")
        .expect("a record")
        .path();
    fs::write(record, "{}").expect("the vault is ours");
    export(&scene, &safe).ended(7);
    assert_eq!(contents(&safe), before);
    assert!(!scene.path(".safe.new").exists() && !scene.path(".safe.old").exists());
}

#[test]
fn what_no_export_has_made_is_never_replaced() {
    let scene = Scene::founded(&["deploy"]);
    let home = scene.path("home");
    fs::write(home.join("letter"), "dear").expect("the folder is ours");
    let seen = export(&scene, &home).ended(4);
    assert!(seen.error.contains("[not-an-export]"), "{seen}");
    assert_eq!(fs::read(home.join("letter")).expect("it is there"), b"dear");
    export(&scene, &scene.vault()).ended(4);
    // What a killed run left is no hindrance: the half-made one is removed, the old one put back.
    let safe = scene.path("safe");
    export(&scene, &safe).ended(0);
    fs::rename(&safe, scene.path(".safe.old")).expect("ours");
    fs::create_dir(scene.path(".safe.new")).expect("ours");
    scene.run(&["vault", "export", text(&safe)]).ended(0);
    assert!(safe.join("CARD.txt").exists() && !scene.path(".safe.old").exists());
    // The program goes along, and runs.
    let said = std::process::Command::new(safe.join("breakglass"))
        .arg("--version")
        .output();
    assert!(said.expect("it runs").status.success());
}

#[test]
fn a_medium_that_is_full_leaves_the_old_copy() {
    if !cut_off::possible() {
        return;
    }
    let scene = Scene::sealed(&["deploy"]);
    let medium = scene.path("medium");
    fs::create_dir(&medium).expect("ours");
    // Room for one copy, and then for nothing; the folder lies in a mount of the command's own.
    let script = "mount -t tmpfs -o size=640k,mode=700 none \"$1\" && \
        \"$2\" vault export \"$1/safe\" --without-program && cp -a \"$1/safe\" \"$1/../first\" && \
        head -c 900000 /dev/zero 2>/dev/null > \"$1/filler\"; \
        \"$2\" vault export \"$1/safe\" --without-program; code=$?; \
        diff -r \"$1/safe\" \"$1/../first\" && ls -A \"$1\" && exit $code";
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh", text(&medium)])
        .arg(crate::scene::binary())
        .env_clear()
        .envs(scene.environment())
        .output();
    let seen = crate::scene::seen(&output.expect("unshare runs")).ended(1);
    assert!(seen.error.contains("[export-unwritable]"), "{seen}");
    assert!(!seen.text.contains(".safe"), "{seen}");
}

#[test]
fn an_export_is_trusted_only_by_the_fingerprint_that_was_typed_and_as_it_was_made() {
    if !cut_off::possible() {
        return;
    }
    let scene = Scene::sealed(&["deploy"]);
    let fingerprint = scene.fingerprint();
    let older = scene.path("older");
    export(&scene, &older).ended(0);
    scene.run(&["rotate"]).ended(0);
    let night = Night::begin(scene);
    let safe = text(&night.safe);
    let import = |dir: &str, fingerprint: &str, code| {
        night
            .run_with_stick(&["vault", "import", dir, fingerprint], &[])
            .ended(code)
    };
    let fresh = night.scene.path("fresh");
    let anchor = night.scene.station().join("anchor.json");
    import(safe, &"0".repeat(64), 7);
    import(safe, "0f06", 2);
    import(text(&night.scene.path("home")), &fingerprint, 1);
    assert!(!anchor.exists());
    // A copy whose ledger was cut off is not the one that was exported.
    let cut = night.scene.path("cut");
    let copied = std::process::Command::new("cp")
        .args(["-a", safe, text(&cut)])
        .status();
    assert!(copied.expect("cp runs").success());
    let commits = cut.join("vault/ledger/commit");
    let mut names: Vec<_> = fs::read_dir(&commits)
        .expect("commits")
        .map(|entry| entry.expect("a commit").path())
        .collect();
    names.sort();
    fs::remove_file(names.last().expect("a commit")).expect("ours");
    import(text(&cut), &fingerprint, 7);
    assert!(!anchor.exists());

    import(safe, &fingerprint, 0);
    assert!(anchor.exists());
    // Nor goes a station back to an older one.
    import(text(&older), &fingerprint, 7);
    let seen = import(safe, &fingerprint, 0);
    assert!(
        seen.text.contains("does not say what this folder needs"),
        "{seen}"
    );

    // A station without a configuration gets one, and needs to be told nothing more.
    let args = [
        "--station",
        text(&fresh),
        "vault",
        "import",
        safe,
        &fingerprint,
    ];
    let seen = night.run_with_stick(&args, &[]).ended(0);
    assert!(!seen.text.contains("does not say"), "{seen}");
    let config = fs::read_to_string(fresh.join("config.toml")).expect("it was written");
    assert!(
        config.contains("safe/vault") && config.contains("stick"),
        "{config}"
    );
}
