//! The port's promises, kept by the adapter.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use breakglass::ports::{Store, StoreError, StoreKey};
use breakglass::store::{BucketAccess, BucketStore, Protection};

use crate::aws::{Conditions, ObjectStore, StoreServer};
use crate::{PLACE, good};

fn open(store: &ObjectStore) -> BucketStore {
    open_with(store, BucketAccess::PATIENCE)
}

fn open_with(store: &ObjectStore, patience: Duration) -> BucketStore {
    let credentials = Credentials::new("any", "any", None, None, "test");
    let access = BucketAccess {
        credentials: SharedCredentialsProvider::new(credentials),
        region: "us-east-1".to_owned(),
        endpoint: Some(store.endpoint()),
        patience,
    };
    BucketStore::open(&PLACE.parse().expect("a place"), access).expect("nothing is sent")
}

fn key(text: &str) -> StoreKey {
    StoreKey::new(text).expect("a name")
}

pub fn what_was_created_is_read_and_not_created_again(on: StoreServer) {
    let server = good(on);
    let store = open(&server);
    store.create(&key("a/one.json"), b"first").expect("created");
    assert_eq!(store.read(&key("a/one.json"), 5).expect("read"), b"first");
    let again = store.create(&key("a/one.json"), b"first");
    assert!(
        matches!(again, Err(StoreError::AlreadyExists(_))),
        "{again:?}"
    );
    let large = store.read(&key("a/one.json"), 4);
    assert!(
        matches!(large, Err(StoreError::TooLarge(_, 4))),
        "{large:?}"
    );
    let missing = store.read(&key("a/two.json"), 4);
    assert!(
        matches!(missing, Err(StoreError::NotFound(_))),
        "{missing:?}"
    );
    store.create(&key("empty"), b"").expect("created");
    assert_eq!(store.read(&key("empty"), 0).expect("read"), b"");
    assert_eq!(store.read_start(&key("empty"), 3).expect("read"), b"");
    assert_eq!(
        store.read_start(&key("a/one.json"), 3).expect("read"),
        b"fir"
    );
    assert_eq!(
        store.read_start(&key("a/one.json"), 30).expect("read"),
        b"first"
    );
    store
        .replace(&key("a/one.json"), b"second")
        .expect("replaced");
    assert_eq!(store.read(&key("a/one.json"), 9).expect("read"), b"second");
}

pub fn folders_are_listed_one_by_one_and_whole(on: StoreServer) {
    let server = good(on);
    let store = open(&server);
    for name in ["top", "a/2", "a/1", "a/b/3", "c/d/4"] {
        store.create(&key(name), name.as_bytes()).expect("created");
    }
    let shown = |keys: Vec<StoreKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        shown(store.list(&key("a")).expect("listed")),
        ["a/1", "a/2"]
    );
    assert_eq!(shown(store.folders(&key("a")).expect("listed")), ["a/b"]);
    assert_eq!(shown(store.list(&key("nothing")).expect("listed")), [""; 0]);
    let mut all = shown(store.list_all(&key("a")).expect("listed"));
    all.sort_unstable();
    assert_eq!(all, ["a/1", "a/2", "a/b/3"]);
}

/// Of several who create the same object, exactly one succeeds, and it holds what that one wrote.
pub fn exactly_one_wins(on: StoreServer) {
    const WRITERS: u8 = 8;
    let server = good(on);
    let stores: Vec<BucketStore> = (0..WRITERS).map(|_| open(&server)).collect();
    for (nth, store) in stores.iter().enumerate() {
        // Whoever creates for the first time looks at the store before, and must not be late here.
        store
            .create(&key(&format!("first/{nth}")), b"")
            .expect("a good store");
    }
    for round in 0..12 {
        let barrier = Barrier::new(usize::from(WRITERS));
        let name = key(&format!("race/{round}"));
        let winners: Vec<u8> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .zip(&stores)
                .map(|(writer, store)| {
                    let (barrier, name) = (&barrier, &name);
                    scope.spawn(move || {
                        barrier.wait();
                        store.create(name, &[writer; 32]).is_ok().then_some(writer)
                    })
                })
                .collect();
            let done = writers
                .into_iter()
                .filter_map(|writer| writer.join().expect("it ends"));
            done.collect()
        });
        let [winner] = winners[..] else {
            panic!("{round}: {winners:?}");
        };
        assert_eq!(open(&server).read(&name, 32).expect("read"), [winner; 32]);
    }
}

/// The answer to a creation is lost: ours is known by its bytes, somebody else's is theirs.
pub fn a_creation_that_got_no_answer_is_looked_at(on: StoreServer) {
    let server = good(on);
    let store = open(&server);
    store.probe().expect("a good store");
    for (fault, times) in [
        ("drop-after", 1),
        ("unavailable-after", 1),
        ("drop-before", 2),
        ("unavailable", 3),
    ] {
        server.reset();
        server.arm("PUT", fault, fault, 1, times);
        store.create(&key(fault), b"ours").expect(fault);
        assert_eq!(store.read(&key(fault), 9).expect("read"), b"ours");
    }
    server.reset();
    store.create(&key("theirs"), b"theirs").expect("created");
    server.arm("PUT", "theirs", "unavailable", 1, 1);
    let lost = store.create(&key("theirs"), b"ours");
    assert!(
        matches!(lost, Err(StoreError::AlreadyExists(_))),
        "{lost:?}"
    );
    server.reset();
    server.arm("PUT", "never", "unavailable", 1, 100);
    let never = store.create(&key("never"), b"ours");
    assert!(matches!(never, Err(StoreError::Failed(..))), "{never:?}");
}

/// No answer at all: reading, listing and writing end with that word, and what was there is there.
pub fn a_store_that_never_answers_is_given_up(on: StoreServer) {
    let server = good(on);
    let store = open(&server);
    store.create(&key("a/there"), b"there").expect("created");
    server.arm("GET", "", "hang", 1, 1000);
    server.arm("PUT", "", "hang", 1, 1000);
    let hasty = open_with(&server, Duration::from_millis(300));
    let in_vain = [
        hasty.read(&key("a/there"), 9).map(drop),
        hasty.list(&key("a")).map(drop),
        hasty.create(&key("a/new"), b"new"),
        hasty.replace(&key("a/there"), b"other"),
    ];
    for answer in in_vain {
        let Err(StoreError::Failed(_, why) | StoreError::Unwritable(_, why)) = &answer else {
            panic!("{answer:?}");
        };
        assert_eq!(why, "it gave no answer in time");
    }
    server.reset();
    assert_eq!(store.read(&key("a/there"), 9).expect("read"), b"there");
    store.create(&key("a/new"), b"new").expect("created");
}

/// What protects the objects from whoever may write.
pub fn what_the_bucket_keeps_is_told(on: StoreServer) {
    for (options, versioned, locked) in [
        (&[][..], false, false),
        (&["--versioned"][..], true, false),
        (&["--locked"][..], true, true),
    ] {
        let server = ObjectStore::start(on, Conditions::Hold, options);
        let told = open(&server).protection().expect("told");
        let wanted = Protection {
            versioned: Some(versioned),
            locked: Some(locked),
        };
        assert_eq!(told, wanted, "{options:?}");
    }
}
