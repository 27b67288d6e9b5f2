//! What a store may do wrong, and what is lost by it: nothing.

use crate::aws::StoreServer;
use crate::{good, sealed_in};

const COMMIT: &str = "/acme/ledger/commit/";

/// The answer to a commit never comes, or it is said to have failed; it was written or not. Nobody notices.
pub fn a_commit_whose_answer_is_lost_is_written_once(on: StoreServer) {
    let store = good(on);
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
pub fn a_store_that_is_full_or_forbidden_costs_no_key(on: StoreServer) {
    let store = good(on);
    let scene = sealed_in(&store, &["deploy"]);
    let all: [(&str, &str, &[u32]); 4] = [
        ("full", "QuotaExceeded", &[1, 2, 4, 6]),
        ("denied", "AccessDenied", &[1, 4]),
        ("no-space", "InsufficientStorage", &[4]),
        ("unavailable", "SlowDown", &[4]),
    ];
    for (fault, said, places) in all {
        for &nth in places {
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

/// Half an answer is asked for again; one that takes seconds is waited for.
pub fn an_answer_that_ends_too_soon_or_comes_late_is_waited_for(on: StoreServer) {
    let store = good(on);
    let scene = sealed_in(&store, &["deploy"]);
    for (method, fault, nth, args) in [
        ("GET", "truncate", 1, ["status", "--json"]),
        ("GET", "truncate", 4, ["status", "--json"]),
        ("GET", "slow", 2, ["status", "--json"]),
        ("PUT", "slow", 2, ["rotate", "--json"]),
    ] {
        store.reset();
        store.arm(method, COMMIT, fault, nth, 1);
        scene.run(&args).ended(0);
        assert!(
            store.log().iter().any(|one| one["fault"] == fault),
            "{fault} {nth}"
        );
    }
    assert_eq!(scene.keys_of("deploy").len(), 1);
}

/// An object is gone: whatever it was, nothing is released or made as if it had never been.
pub fn what_the_store_has_lost_is_missed(on: StoreServer) {
    let store = good(on);
    let scene = sealed_in(&store, &["deploy"]);
    let keys = scene.keys_of("deploy");
    let listed = store.objects();
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

/// All objects are as they were a rotation ago: whoever saw the later ones says so, and makes no key. Where it is only
/// the checkpoint, which is derived, nothing depends on it.
pub fn what_the_store_has_older_is_noticed(on: StoreServer) {
    let store = good(on);
    let scene = sealed_in(&store, &["deploy"]);
    store.save("before");
    scene.run(&["rotate"]).ended(0);
    store.save("after");
    let keys = scene.keys_of("deploy");
    store.restore("before", "");
    for args in [["status", "--json"], ["rotate", "--json"]] {
        let seen = scene.run(&args).ended(7);
        assert!(seen.text.contains("\"error\""), "{seen}");
    }
    assert_eq!(scene.keys_of("deploy"), keys);
    store.restore("after", "");
    scene.run(&["ledger", "verify"]).ended(0);

    let checkpoint = "acme/ledger/checkpoint";
    assert!(store.objects().iter().any(|name| name == checkpoint));
    store.restore("before", checkpoint);
    scene.run(&["status"]).ended(0);
    store.hide(checkpoint);
    scene.run(&["status"]).ended(0);
    scene.run(&["rotate"]).ended(0);
    store.reset();
    scene.run(&["ledger", "verify"]).ended(0);
}
