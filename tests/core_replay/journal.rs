//! The journal on real files.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use breakglass::ledger::{
    self, Entry, EntryAt, Event, Head, Impossible, Journal, JournalError, Ledger, LedgerError,
    LedgerSigner, Seen,
};
use breakglass::manifest::Chain;
use breakglass::model::{Digest, Role};
use breakglass::ports::{Held, Store, StoreError, StoreKey};
use breakglass::store::DirStore;

use crate::book::{Book, declared, definition, statement};
use crate::soft::{self, name, person};
use crate::{contradiction, participant, signed, witness};

pub fn book() -> Book {
    let founders = vec![person("alice", Role::Ic), person("bob", Role::Bgo)];
    Book::found(founders, [1, 1, 0])
}

pub fn refusal(code: &str) -> Event {
    Event::Refused {
        incident: None,
        code: code.into(),
        what: "a test".into(),
    }
}

fn added(credential: &str) -> Event {
    Event::CredentialAdded {
        credential: definition(credential, "prod"),
    }
}

fn seen(head: Head) -> Option<Seen> {
    Some(Seen {
        size: head.size,
        root: head.root,
    })
}

pub fn error<T>(result: Result<T, JournalError>) -> JournalError {
    match result {
        Ok(_) => panic!("it must not succeed"),
        Err(error) => error,
    }
}

/// Takes the newest commits away.
fn cut(vault: &Path, commits: std::ops::RangeInclusive<u64>) {
    for number in commits {
        fs::remove_file(vault.join(format!("ledger/commit/{number:012}"))).unwrap();
    }
}

/// Appends an entry that the journal would never write.
fn smuggle(book: &Book, bytes: &[u8], by: &str) {
    let seed = soft::seed(by);
    let signer = LedgerSigner::new(name("station"), &seed);
    let mut ledger = Ledger::open(&book.store, book.chain.vault()).unwrap();
    ledger.append(&[bytes.to_vec()], &signer).unwrap();
}

fn smuggle_event(book: &Book, event: Event, by: &str) {
    let entry = Entry {
        time: soft::now(),
        event,
    };
    smuggle(book, &serde_json::to_vec(&entry).unwrap(), by);
}

#[test]
fn a_ledger_is_compared_with_what_was_seen_of_it() {
    let book = book();
    let mut journal = book.journal();
    let mut heads = vec![Head::default(), journal.head()];
    for code in ["one", "two", "three"] {
        journal.record(soft::now(), refusal(code)).unwrap();
        heads.push(journal.head());
    }
    for head in &heads {
        let journal = book.open(&book.rotator, seen(*head)).ok().unwrap();
        assert_eq!(journal.state().refusals, 3);
    }
    let mut root = heads[2].root;
    root.0[0] ^= 1;
    let other = Seen { size: 2, root };
    let forked = error(book.open(&book.rotator, Some(other)));
    assert_eq!(forked, JournalError::Forked { seen: 2 });
    let no_such_start = Seen {
        size: 0,
        root: Digest([0; 32]),
    };
    let forked = error(book.open(&book.rotator, Some(no_such_start)));
    assert_eq!(forked, JournalError::Forked { seen: 0 });
    cut(&book.path(), 3..=4);
    let cut_off = error(book.open(&book.rotator, seen(heads[4])));
    assert_eq!(cut_off, JournalError::CutOff { seen: 4, found: 2 });
    // Without an anchor nobody can know.
    assert!(book.open(&book.rotator, seen(heads[2])).is_ok());
    assert!(book.open(&book.rotator, None).is_ok());
    // It grew again, another way.
    let mut journal = book.journal();
    for code in ["two", "three", "four"] {
        journal.record(soft::at(1), refusal(code)).unwrap();
    }
    let forked = error(book.open(&book.rotator, seen(heads[4])));
    assert_eq!(forked, JournalError::Forked { seen: 4 });
}

/// One walk verifies and replays, and tells what two would: what is corrupt first, wherever it stands.
#[test]
fn verifying_tells_what_is_corrupt_before_what_cannot_stand_there() {
    let book = book();
    let mut journal = book.journal();
    for code in ["one", "two"] {
        journal.record(soft::now(), refusal(code)).unwrap();
    }
    let head = journal.head();
    let hashes = ledger::verify(&book.store, &book.chain.vault(), &[head.into()]).unwrap();
    assert_eq!(book.verify(&[head.into()]), Ok(hashes));
    smuggle(&book, b"no entry", "rotator");
    smuggle_event(&book, refusal("three"), "rotator");
    let impossible = error(book.verify(&[]));
    assert!(
        matches!(
            impossible,
            JournalError::Impossible {
                index: 3,
                commit: 4,
                reason: Impossible::Malformed(_)
            }
        ),
        "{impossible:?}"
    );
    assert_eq!(impossible, error(book.open(&book.rotator, None)));
    let last = book.path().join("ledger/commit/000000000005");
    let mut bytes = fs::read(&last).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&last, bytes).unwrap();
    let corrupt = error(book.verify(&[]));
    assert!(
        matches!(
            corrupt,
            JournalError::Corrupt(LedgerError::Corrupt { commit: 5, .. })
        ),
        "{corrupt:?}"
    );
    assert_eq!(impossible, error(book.open(&book.rotator, None)));
}

#[test]
fn every_entry_is_shown_once_in_its_order() {
    let book = book();
    let events = (0..300).map(|n| refusal(&n.to_string()));
    for chunk in events.collect::<Vec<_>>().chunks(7) {
        let recorded = book.journal().record_all(soft::now(), chunk.to_vec());
        recorded.unwrap();
    }
    let mut shown = Vec::new();
    let (chain, station) = (book.chain.clone(), book.station());
    let show = |at: &EntryAt<'_>, entry: Entry| shown.push((at.index, entry.event));
    Journal::open_showing(&book.store, chain, None, station, &book.rotator, show).unwrap();
    let founded = Event::VaultFounded {
        vault: book.chain.vault(),
    };
    let all = std::iter::once(founded).chain((0..300).map(|n| refusal(&n.to_string())));
    assert_eq!(shown, (0..).zip(all).collect::<Vec<_>>());
}

#[test]
fn two_journals_take_turns_and_both_know_all() {
    let book = book();
    let (mut one, mut two) = (book.journal(), book.journal());
    for round in 0..4 {
        one.record(soft::now(), added(&format!("one-{round}")))
            .unwrap();
        two.record(soft::now(), added(&format!("two-{round}")))
            .unwrap();
    }
    one.reload().unwrap();
    assert_eq!(one.head(), two.head());
    assert_eq!(one.head().size, 9);
    let names = |journal: &Journal<'_>| -> Vec<String> {
        let names = journal.state().credentials.keys();
        names.map(ToString::to_string).collect()
    };
    assert_eq!(names(&one).len(), 8);
    assert_eq!(names(&one), names(&two));
    assert_eq!(names(&one), names(&book.journal()));
}

#[test]
fn what_became_impossible_meanwhile_is_not_written() {
    let book = book();
    let (mut one, mut two) = (book.journal(), book.journal());
    one.record(soft::now(), added("deploy")).unwrap();
    let late = error(two.record(soft::now(), added("deploy")));
    let twice = contradiction("deploy is added twice").unwrap();
    assert_eq!(late, JournalError::Refused(twice));
    assert_eq!(book.journal().head(), one.head());
    // And it goes on with what is possible.
    two.record(soft::now(), added("root")).unwrap();
    assert_eq!(book.journal().state().credentials.len(), 2);
}

#[test]
fn of_several_events_all_are_written_or_none() {
    let book = book();
    let mut journal = book.journal();
    let before = journal.head();
    let both = vec![added("deploy"), added("deploy")];
    let refused = error(journal.record_all(soft::now(), both));
    assert!(matches!(refused, JournalError::Refused(_)), "{refused:?}");
    assert_eq!(book.journal().head(), before);
    journal.reload().unwrap();
    assert!(journal.state().credentials.is_empty());
    let both = vec![added("deploy"), added("root")];
    assert_eq!(journal.record_all(soft::now(), both), Ok(1));
    assert_eq!(book.journal().head(), journal.head());
    assert_eq!(journal.head().commit, 2);
}

/// A right that an entry takes away is gone for the next entry of the same commit.
#[test]
fn nothing_is_written_that_cannot_be_read_again() {
    let mut book = book();
    let mut manifest = book.chain.newest().clone();
    (manifest.version, manifest.previous) = (2, Some(book.chain.newest_digest()));
    manifest.rotators[0].public = soft::signer("another").public().to_vec();
    let mut chain = (*book.chain).clone();
    let envelope = soft::signed_by(&manifest, soft::tokens(&book.people));
    chain.extend(&envelope).unwrap();
    book.chain = std::sync::Arc::new(chain);
    let mut journal = book.journal();
    let adopted = Event::ManifestAdopted {
        version: 2,
        manifest: book.chain.newest_digest(),
    };
    let both = vec![adopted.clone(), added("deploy")];
    let refused = error(journal.record_all(soft::now(), both));
    let not_his = Impossible::Writer("credential-added".into());
    assert_eq!(refused, JournalError::Refused(not_his.clone()));
    let turned = vec![added("deploy"), adopted];
    journal.record_all(soft::now(), turned).unwrap();
    let refused = error(journal.record(soft::now(), added("root")));
    assert_eq!(refused, JournalError::Refused(not_his));
    assert_eq!(book.journal().state().credentials.len(), 1);
}

#[test]
fn a_stranger_writes_what_anybody_may_and_nothing_else() {
    let book = book();
    let mut journal = book.open(&book.stranger, None).unwrap();
    let refused = error(journal.record(soft::now(), added("deploy")));
    let not_his = Impossible::Writer("credential-added".into());
    assert_eq!(refused, JournalError::Refused(not_his));
    journal.record(soft::now(), refusal("wrong-pin")).unwrap();
    let journal = book.journal();
    assert_eq!(journal.state().strangers[&book.stranger.key_id()], 1);
    // The founder is the rotator that the first manifest names.
    assert_eq!(journal.state().strangers.len(), 1);
}

#[test]
fn what_was_smuggled_in_is_found_with_its_place() {
    let bad: [(&[u8], &str); 6] = [
        (b"{}", "rotator"),
        (b"not JSON", "rotator"),
        (br#"{"time":"2026-11-24T03:00:00Z","event":{"refused":{"incident":null,"code":"x","what":"y"}},"more":1}"#, "rotator"),
        (br#"{"time":"2026-11-24T03:00:00Z","event":{"unheard-of":{}}}"#, "rotator"),
        (br#"{"time":"yesterday","event":{"refused":{"incident":null,"code":"x","what":"y"}}}"#, "rotator"),
        (br#"{"time":"2026-11-24T03:00:00Z","event":{"refused":{"incident":null,"code":"x","what":"y"}}} "x""#, "rotator"),
    ];
    for (bytes, by) in bad {
        let book = book();
        smuggle(&book, bytes, by);
        let found = error(book.open(&book.rotator, None));
        assert!(
            matches!(
                found,
                JournalError::Impossible {
                    index: 1,
                    commit: 2,
                    reason: Impossible::Malformed(_)
                }
            ),
            "{found:?}"
        );
    }
    let book = book();
    smuggle_event(&book, added("deploy"), "stranger");
    let found = error(book.open(&book.rotator, None));
    let reason = Impossible::Writer("credential-added".into());
    let impossible = JournalError::Impossible {
        index: 1,
        commit: 2,
        reason,
    };
    assert_eq!(found, impossible);
}

#[test]
fn what_the_ledger_says_of_manifests_is_so() {
    let book = book();
    let adopted = |version, manifest| Event::ManifestAdopted { version, manifest };
    let mut journal = book.journal();
    let other = error(journal.record(soft::now(), adopted(1, Digest([0; 32]))));
    let text = "manifest 1 is not the one that lies in the vault";
    assert_eq!(other, JournalError::Refused(contradiction(text).unwrap()));
    let none = error(journal.record(soft::now(), adopted(2, Digest([0; 32]))));
    assert_eq!(none, JournalError::Refused(Impossible::NoManifest(2)));
    // A manifest that was taken away from the vault, in the ledger that knows of it.
    smuggle_event(&book, adopted(2, Digest([0; 32])), "rotator");
    let found = error(book.open(&book.rotator, None));
    let reason = Impossible::NoManifest(2);
    let impossible = JournalError::Impossible {
        index: 1,
        commit: 2,
        reason,
    };
    assert_eq!(found, impossible);
}

#[test]
fn a_manifest_that_is_adopted_meanwhile_is_no_forgery() {
    let mut book = book();
    let (store, rotator, station) = (
        DirStore::open(book.path()).unwrap(),
        soft::signer("rotator"),
        name("station"),
    );
    let open = |chain: &std::sync::Arc<Chain>| {
        Journal::open(&store, chain.clone(), None, &station, &rotator).unwrap()
    };
    let (mut idle, mut busy) = (open(&book.chain), open(&book.chain));
    book.adopt(|manifest| manifest.thresholds.ic = 1);
    assert_eq!(error(idle.reload()), JournalError::Outdated(2));
    let late = error(busy.record(soft::now(), added("deploy")));
    assert_eq!(late, JournalError::Outdated(2));
    for journal in [&mut idle, &mut busy] {
        journal.adopt(book.chain.clone());
        journal.reload().unwrap();
    }
    busy.record(soft::now(), added("deploy")).unwrap();
    assert_eq!(book.journal().state().manifest.map(|(n, _)| n), Some(2));
}

/// A real store of which one thing fails when it is told to.
struct Failing<'s> {
    store: &'s DirStore,
    /// What the next creation of a commit says; and whether it happens.
    next: RefCell<Option<(StoreError, bool)>>,
}

impl Failing<'_> {
    fn fail(&self, error: StoreError, happens: bool) {
        *self.next.borrow_mut() = Some((error, happens));
    }
}

impl Store for Failing<'_> {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        self.store.read(key, limit)
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        match self.next.borrow_mut().take() {
            None => self.store.create(key, bytes),
            Some((error, happens)) => {
                if happens {
                    self.store.create(key, bytes)?;
                }
                Err(error)
            }
        }
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.store.replace(key, bytes)
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.store.list(under)
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.store.folders(under)
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Held>, StoreError> {
        self.store.lock(name)
    }

    fn place(&self) -> String {
        self.store.place()
    }
}

#[test]
fn a_failed_append_leaves_a_journal_that_goes_on() {
    let book = book();
    let store = Failing {
        store: &book.store,
        next: RefCell::new(None),
    };
    let station = name("station");
    let mut journal =
        Journal::open(&store, book.chain.clone(), None, &station, &book.rotator).unwrap();
    let before = journal.head();
    let full = StoreError::Unwritable("commit".into(), "no space".into());
    store.fail(full.clone(), false);
    let failed = error(journal.record(soft::now(), added("deploy")));
    assert_eq!(failed, JournalError::Store(full));
    assert_eq!(book.journal().head(), before);
    // It did not come to pass: so it can be done now, and is there once.
    journal.record(soft::now(), added("deploy")).unwrap();
    assert_eq!(book.journal().head(), journal.head());
    // The answer got lost after the deed: that is found out.
    let lost = StoreError::Failed("commit".into(), "interrupted".into());
    store.fail(lost, true);
    journal.record(soft::now(), added("root")).unwrap();
    assert_eq!(journal.state().credentials.len(), 2);
    assert_eq!(book.journal().head(), journal.head());
}

#[test]
fn a_ledger_that_is_exchanged_under_an_open_journal_is_noticed() {
    let book = book();
    let mut journal = book.journal();
    journal.record(soft::now(), added("deploy")).unwrap();
    journal.record(soft::now(), added("root")).unwrap();
    cut(&book.path(), 3..=3);
    // After a refusal the whole ledger is read again.
    assert!(journal.record(soft::now(), added("deploy")).is_err());
    let cut_off = error(journal.record(soft::now(), added("stage")));
    assert_eq!(cut_off, JournalError::CutOff { seen: 3, found: 2 });
    let mut other = book.journal();
    other.record(soft::now(), added("elsewhere")).unwrap();
    let forked = error(journal.record(soft::now(), added("stage")));
    assert_eq!(forked, JournalError::Forked { seen: 3 });
    let names = book.journal().state().credentials.len();
    assert_eq!(names, 2);
}

#[test]
fn a_statement_stands_on_the_ledger_that_it_was_made_on() {
    let book = book();
    book.add("prod", &["deploy"]);
    let sealed = book.seal("prod", 1, &["deploy"]);
    // The witness of the record lies behind a ceremony: here the ledger is told of another one.
    let about = &sealed.records[0].about;
    let mut journal = book.journal();
    journal
        .record(soft::now(), declared("night", &["deploy"]))
        .unwrap();
    let people = [
        participant(Role::Ic, "alice"),
        participant(Role::Bgo, "bob"),
    ];
    let head = journal.head();
    let elsewhere = |change: fn(&mut Head)| {
        let mut head = head;
        change(&mut head);
        let stated = statement(about, "night", &people, head);
        let event = signed(&stated, &witness("deploy", 1));
        error(book.journal().record(soft::at(1), event))
    };
    let reason = |why| JournalError::Refused(Impossible::Witness("deploy".into(), why));
    let other = reason("it was made on another ledger");
    assert_eq!(elsewhere(|head| head.root.0[0] ^= 1), other);
    assert_eq!(elsewhere(|head| head.size += 1), other);
    assert_eq!(elsewhere(|head| head.size -= 1), other);
    assert_eq!(elsewhere(|head| head.size = 0), other);
    // In the right place it is looked at further.
    let another = reason("it is signed by another key");
    assert_eq!(elsewhere(|_| {}), another);
    assert_eq!(elsewhere(|head| *head = Head::default()), another);
    assert_eq!(book.journal().head(), head);
}

#[test]
fn tiles_that_cannot_be_written_are_told_of_and_cost_no_entry() {
    let book = book();
    let mut journal = book.journal();
    journal.record(soft::now(), added("deploy")).unwrap();
    assert_eq!(journal.not_derived(), None);
    let tiles = book.path().join("ledger/tile");
    fs::remove_dir_all(&tiles).unwrap();
    fs::write(&tiles, "in the way").unwrap();
    journal.record(soft::now(), added("stage")).unwrap();
    let why = journal.not_derived().expect("they could not");
    assert!(why.contains("ledger/tile"), "{why}");
    assert_eq!(book.journal().state().credentials.len(), 2);
}

#[test]
fn what_was_decided_on_an_older_head_is_not_written_even_by_the_same_journal() {
    let book = book();
    let mut journal = book.journal();
    let old = journal.head();
    journal.record(soft::now(), added("deploy")).unwrap();
    let head = journal.head();
    let events = || vec![added("stage")];
    assert_eq!(journal.record_at(&old, soft::now(), events()), Ok(None));
    assert_eq!((journal.head(), book.journal().head()), (head, head));
    // Nor by one that has to read everything anew.
    let refused = error(journal.record(soft::now(), added("deploy")));
    assert!(matches!(refused, JournalError::Refused(_)), "{refused}");
    assert_eq!(journal.record_at(&old, soft::now(), events()), Ok(None));
    let written = journal.record_at(&head, soft::now(), events()).unwrap();
    assert_eq!(written, Some(head.size));
    assert_eq!(book.journal().state().credentials.len(), 2);
}

#[test]
fn a_damaged_commit_is_told_as_one() {
    let book = book();
    book.add("prod", &["deploy"]);
    let path = book.path().join("ledger/commit/000000000002");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = error(book.open(&book.rotator, None));
    assert!(
        matches!(
            found,
            JournalError::Corrupt(LedgerError::Corrupt { commit: 2, .. })
        ),
        "{found:?}"
    );
}
