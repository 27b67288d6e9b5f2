//! Vaults that one person could open, and folders in which none can be founded.

use std::fs;

use crate::refusal::{Look, refused, told};
use crate::scene::Scene;

const USERS: &[&str] = &["deploy"];

#[test]
fn nobody_founds_a_vault_that_one_person_could_open() {
    let scene = Scene::empty(USERS);
    scene.prepare(&["alice", "bob"]);
    scene.initialise("carol");
    let (alice, bob) = ("pkcs11:token=alice", "pkcs11:token=bob");
    let init = |more: &[&str]| -> Vec<String> {
        let args = [&["init", "acme"], more].concat();
        args.into_iter().map(str::to_owned).collect()
    };
    let of = |name: &str, uri: &str| format!("{name}={uri}");
    let (ic, bgo) = (of("alice", alice), of("bob", bob));
    let no_touch = "--allow-no-touch";
    for (args, exit, code, part) in [
        // One person in both roles; one token in both, or twice in one.
        (
            init(&[no_touch, "--ic", &ic, "--bgo", &of("alice", bob)]),
            4,
            "founding-refused",
            "alice",
        ),
        (
            init(&[no_touch, "--ic", &ic, "--bgo", &of("bob", alice)]),
            4,
            "founding-refused",
            "twice",
        ),
        (
            init(&[no_touch, "--ic", &ic, "--ic", &ic, "--bgo", &bgo]),
            4,
            "founding-refused",
            "twice",
        ),
        (
            init(&[no_touch, "--ic", &ic, "--bgo", &bgo, "--ic-threshold", "2"]),
            4,
            "founding-refused",
            "2",
        ),
        (
            init(&[no_touch, "--ic", &ic, "--bgo", &bgo, "--bgo-threshold", "0"]),
            4,
            "founding-refused",
            "0",
        ),
        (
            init(&["--ic", &ic, "--bgo", &bgo]),
            4,
            "founding-refused",
            "touch",
        ),
        (
            init(&[
                no_touch,
                "--ic",
                &ic,
                "--bgo",
                &of("carol", "pkcs11:token=carol"),
            ]),
            5,
            "token-not-prepared",
            "carol",
        ),
        (
            init(&[
                no_touch,
                "--ic",
                &ic,
                "--bgo",
                &of("dave", "pkcs11:token=dave"),
            ]),
            5,
            "token-absent",
            "dave",
        ),
        (
            init(&[no_touch, "--ic", &ic, "--bgo", &of("dave", "token=dave")]),
            2,
            "token-uri",
            "pkcs11:",
        ),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let before = Look::at(&scene, USERS);
        let told = told(&scene, &args, exit, code);
        assert!(told.what().contains(part), "{part}: {}", told.text);
        before.assert_vault_same(&Look::at(&scene, USERS), &told.text);
    }
    // In a folder where something is, nothing is founded.
    fs::create_dir(scene.vault()).expect("ours");
    fs::write(scene.vault().join("notes"), "x").expect("ours");
    let args = init(&[no_touch, "--ic", &ic, "--bgo", &bgo]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    refused(&scene, USERS, &args, 4, "folder-not-empty");
    fs::remove_file(scene.vault().join("notes")).expect("ours");
    scene.found(&["alice"], &["bob"], &[]);
    refused(&scene, USERS, &args, 4, "folder-not-empty");
    // Nor does one become possible later.
    for args in [
        &[
            "custodian",
            "enroll",
            "alice",
            "--role",
            "bgo",
            "--token",
            "pkcs11:token=bob",
        ][..],
        &[
            "custodian",
            "enroll",
            "bob",
            "--role",
            "bgo",
            "--token",
            "pkcs11:token=alice",
        ],
        &["threshold", "ic", "2"],
    ] {
        refused(&scene, USERS, args, 4, "change-refused");
    }
}
