//! Stores whose conditional writes do not hold.

use crate::aws::{Conditions, ObjectStore};
use crate::scene::{BGO, IC, init_args};
use crate::scene_in;

#[test]
fn a_store_that_does_not_keep_its_promise_is_refused_before_anybody_is_asked_for_a_pin() {
    for conditions in [Conditions::Ignored, Conditions::Late] {
        let store = ObjectStore::start(conditions);
        let scene = scene_in(&store, &["deploy"]);
        scene.prepare(&[IC, BGO]);
        store.reset();
        let args = init_args(&[IC], &[BGO], &[]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let seen = scene.at_terminal(&args, &[]).ended(4);
        assert!(
            seen.text.contains("[store-unreliable]"),
            "{conditions:?}: {seen}"
        );
        assert!(
            seen.text.contains("of 8 who created one object"),
            "{conditions:?}: {seen}"
        );
        assert!(!seen.text.contains("PIN of"), "{conditions:?}: {seen}");
        let written = store.log();
        let beside = written.iter().filter(|one| {
            one["method"] == "PUT"
                && !one["path"]
                    .as_str()
                    .is_some_and(|path| path.contains("/probe/"))
        });
        assert_eq!(beside.count(), 0, "{conditions:?}: {written:?}");
    }
}
