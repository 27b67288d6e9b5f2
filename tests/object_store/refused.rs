//! Stores whose conditional writes do not hold.

use crate::aws::{Conditions, ObjectStore, StoreServer};
use crate::scene::{BGO, IC, init_args};
use crate::scene_in;

/// moto, made to be so in two ways; or, where `BREAKGLASS_UNRELIABLE` names it, a real one: `ceph` with a bucket that
/// keeps older versions, or `s3s`.
fn unreliable() -> Vec<ObjectStore> {
    match std::env::var("BREAKGLASS_UNRELIABLE").as_deref() {
        Err(_) => [Conditions::Ignored, Conditions::Late]
            .map(|conditions| ObjectStore::start(StoreServer::Moto, conditions, &[]))
            .into(),
        Ok(name) => {
            let server = StoreServer::of(name).expect("a server");
            let options: &[&str] = match server {
                StoreServer::Ceph => &["--versioned"],
                _ => &[],
            };
            vec![ObjectStore::start(server, Conditions::Hold, options)]
        }
    }
}

#[test]
fn a_store_that_does_not_keep_its_promise_is_refused_before_anybody_is_asked_for_a_pin() {
    for store in unreliable() {
        let scene = scene_in(&store, &["deploy"]);
        scene.prepare(&[IC, BGO]);
        store.reset();
        let args = init_args(&[IC], &[BGO], &[]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let seen = scene.at_terminal(&args, &[]).ended(4);
        assert!(seen.text.contains("[store-unreliable]"), "{seen}");
        assert!(seen.text.contains("of 8 who created one object"), "{seen}");
        assert!(!seen.text.contains("PIN of"), "{seen}");
        let written = store.log();
        let beside = written.iter().filter(|one| {
            one["method"] == "PUT"
                && !one["path"]
                    .as_str()
                    .is_some_and(|path| path.contains("/probe/"))
        });
        assert_eq!(beside.count(), 0, "{written:?}");
    }
}
