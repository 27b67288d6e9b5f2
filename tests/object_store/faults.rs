//! What a store may do wrong, and what is lost by it: nothing.

use crate::{good, sealed_in};

const COMMIT: &str = "/acme/ledger/commit/";

/// The answer to a commit never comes, or it is said to have failed; it was written or not. Nobody notices.
#[test]
fn a_commit_whose_answer_is_lost_is_written_once() {
    let store = good();
    let scene = sealed_in(&store, &["deploy"]);
    for fault in [
        "drop-before",
        "drop-after",
        "unavailable",
        "unavailable-after",
    ] {
        for nth in [1, 4] {
            store.reset();
            store.arm("PUT", COMMIT, fault, nth, 1);
            let before = scene.keys_of("deploy");
            scene.run(&["rotate"]).ended(0);
            assert_eq!(scene.keys_of("deploy").len(), 1, "{fault} {nth}");
            assert_ne!(scene.keys_of("deploy"), before, "{fault} {nth}");
            let harmed = store
                .log()
                .iter()
                .filter(|one| !one["fault"].is_null())
                .count();
            assert_eq!(harmed, 1, "{fault} {nth}");
        }
    }
    store.reset();
    let begun = scene.log().to_string().matches("rotation-begun").count();
    assert_eq!(begun, 9, "each rotation stands there once");
    scene.run(&["ledger", "verify"]).ended(0);
}

/// It takes nothing more, or nothing from us: no key is made, and the next run goes on.
#[test]
fn a_store_that_is_full_or_forbidden_costs_no_key() {
    let store = good();
    let scene = sealed_in(&store, &["deploy"]);
    for (fault, said) in [("full", "QuotaExceeded"), ("denied", "AccessDenied")] {
        for nth in [1, 2, 4, 6] {
            store.reset();
            store.arm("PUT", "/acme/", fault, nth, 1000);
            let seen = scene.run(&["rotate"]);
            assert!([1, 9].contains(&seen.code), "{fault} {nth}: {seen}");
            assert!(seen.error.contains(said), "{fault} {nth}: {seen}");
            store.reset();
            let active = scene
                .keys_of("deploy")
                .iter()
                .filter(|(_, active)| *active)
                .count();
            assert!((1..=2).contains(&active), "{fault} {nth}");
            scene.run(&["rotate"]).ended(0);
            assert_eq!(scene.keys_of("deploy").len(), 1, "{fault} {nth}");
        }
    }
    scene.run(&["ledger", "verify"]).ended(0);
}

#[test]
fn an_answer_that_ends_too_soon_is_asked_for_again() {
    let store = good();
    let scene = sealed_in(&store, &["deploy"]);
    for nth in [1, 4] {
        store.reset();
        store.arm("GET", COMMIT, "truncate", nth, 1);
        scene.run(&["status"]).ended(0);
        assert!(
            store.log().iter().any(|one| one["fault"] == "truncate"),
            "{nth}"
        );
    }
}

/// An object is gone: whatever it was, nothing is released or made as if it had never been.
#[test]
fn what_the_store_has_lost_is_missed() {
    let store = good();
    let scene = sealed_in(&store, &["deploy"]);
    let keys = scene.keys_of("deploy");
    let listed = store_names(&store, &scene);
    let matters = |name: &&String| {
        name.contains("/ledger/commit/")
            || name.contains("/manifest/")
            || name.contains("/generation/")
    };
    let mut told = 0;
    for name in listed.iter().filter(matters) {
        store.hide(name);
        let verified = scene.run(&["ledger", "verify"]);
        assert_ne!(verified.code, 0, "{name}: {verified}");
        let status = scene.run(&["status"]);
        let rotated = name.contains("/generation/") || [1, 7].contains(&status.code);
        assert!(rotated, "{name}: {status}");
        told += 1;
        store.reset();
    }
    assert!(told > 8, "{listed:?}");
    assert_eq!(scene.keys_of("deploy"), keys);
    scene.run(&["status"]).ended(0);
}

/// The names of all objects, by reading the vault once.
fn store_names(store: &crate::aws::ObjectStore, scene: &crate::scene::Scene) -> Vec<String> {
    store.reset();
    scene.run(&["ledger", "verify"]).ended(0);
    let mut names: Vec<String> = store
        .log()
        .iter()
        .filter(|one| one["method"] == "GET")
        .filter_map(|one| {
            one["path"]
                .as_str()?
                .strip_prefix("/vault/")
                .map(str::to_owned)
        })
        .filter(|name| name.rsplit('/').next().is_some_and(|last| !last.is_empty()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
