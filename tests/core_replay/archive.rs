//! What a station keeps of a long ledger: it adds up to the same, or it is not used.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use breakglass::ledger::{
    ARCHIVED_FROM, Event, Head, HeadRef, Journal, JournalError, Seen, VaultState,
};
use breakglass::model::{Name, Role};
use breakglass::ports::{Archive, Archived, Forgetful};
use serde_json::Value;

use crate::book::{Book, declared, definition};
use crate::joining::carrying;
use crate::soft::{self, name, person};
use crate::*;

/// An archive in memory.
#[derive(Default, Clone)]
struct Kept(RefCell<Option<Rows>>);

#[derive(Clone)]
struct Rows {
    summary: Vec<u8>,
    rows: BTreeMap<String, Vec<u8>>,
}

impl Archive for Kept {
    fn open(&self) -> Result<Option<Box<dyn Archived>>, Forgetful> {
        let rows = self.0.borrow().clone();
        Ok(rows.map(|rows| Box::new(rows) as Box<dyn Archived>))
    }

    fn keep(&self, summary: &[u8], rows: Vec<(String, Vec<u8>)>) -> Result<(), Forgetful> {
        let kept = Rows {
            summary: summary.to_vec(),
            rows: rows.into_iter().collect(),
        };
        self.0.replace(Some(kept));
        Ok(())
    }
}

impl Archived for Rows {
    fn summary(&self) -> &[u8] {
        &self.summary
    }

    fn row(&self, key: &str) -> Result<Option<Vec<u8>>, Forgetful> {
        Ok(self.rows.get(key).cloned())
    }
}

/// A vault with as many credentials as it takes for its ledger to be archived.
fn long() -> Book {
    let founders = vec![person("alice", Role::Ic), person("bob", Role::Bgo)];
    let book = Book::found(founders, [1, 1, 0]);
    let mut journal = book.journal();
    let added = |number| Event::CredentialAdded {
        credential: definition(&format!("filler{number:04}"), "rest"),
    };
    for commit in 0..ARCHIVED_FROM / 256 {
        let events = (commit * 256..(commit + 1) * 256).map(added).collect();
        journal.record_all(soft::now(), events).unwrap();
    }
    drop(journal);
    // And somebody whom no manifest names.
    let mut stranger = book.open(&book.stranger, None).unwrap();
    stranger.record(soft::now(), kind("refused")).unwrap();
    assert_eq!(stranger.state().strangers.len(), 1);
    drop(stranger);
    book
}

/// Every kind of entry in an order in which it can happen, each made on the head that it follows.
fn story(book: &Book) -> Vec<Box<dyn Fn(Head) -> Event + '_>> {
    let mut steps: Vec<Box<dyn Fn(Head) -> Event + '_>> = Vec::new();
    let mut then = |event: Event| {
        let event = here(book, event);
        steps.push(Box::new(move |_| event.clone()));
    };
    then(added("deploy", "prod"));
    then(added("root", "prod"));
    then(begun(1));
    made("deploy", 1).into_iter().for_each(&mut then);
    then(intended("root", 1));
    then(ended("root", 1, |credential, generation| {
        Event::KeyAbandoned {
            credential,
            generation,
        }
    }));
    made("root", 1).into_iter().for_each(&mut then);
    then(committed(1, &["deploy", "root"]));
    then(kind("refused"));
    then(declared("night", &["deploy"]));
    then(declared("other", &["root"]));
    then(kind("opening-intended"));
    steps.push(Box::new(|head| Event::LedgerJoined {
        parted: head.into(),
        main: head.into(),
        heads: vec![HeadRef {
            size: 9_999,
            root: Digest([50; 32]),
        }],
    }));
    steps.push(Box::new(|_| carrying(9_998, kind("opening-intended"))));
    steps.push(Box::new(|head| of_head(book, head)));
    let mut then = |event: Event| {
        let event = here(book, event);
        steps.push(Box::new(move |_| event.clone()));
    };
    then(sessions_intended("deploy"));
    then(delivered_sessions(&["deploy"], &["deploy"]));
    then(roles_set("root", &["prod"]));
    then(kind("released"));
    then(closing());
    then(of_key(retiring, "deploy", 1));
    then(of_key(deactivated, "deploy", 1));
    then(of_key(refused, "deploy", 1));
    then(denied("deploy"));
    then(kind("closing-failed"));
    then(begun(2));
    made("deploy", 2).into_iter().for_each(&mut then);
    then(intended("root", 2));
    then(ended("root", 2, |credential, generation| {
        Event::KeyUnanswered {
            credential,
            generation,
        }
    }));
    then(kind("rotation-failed"));
    then(committed(2, &["deploy"]));
    then(of_key(deleted, "deploy", 1));
    then(closed());
    then(of_key(missing, "root", 1));
    steps
}

/// The event of this name among [`all_kinds`].
fn kind(called: &str) -> Event {
    let mut kinds = all_kinds().into_iter().map(|(event, _)| event);
    kinds.find(|event| event.name() == called).unwrap()
}

fn ended(credential: &str, generation: u64, event: fn(Name, u64) -> Event) -> Event {
    event(name(credential), generation)
}

/// The event as it is in this vault.
fn here(book: &Book, event: Event) -> Event {
    match event {
        Event::RotationBegun {
            compartment,
            generation,
            header,
            endpoint,
            ..
        } => Event::RotationBegun {
            compartment,
            generation,
            header,
            manifest: book.chain.newest_digest(),
            endpoint,
        },
        other => other,
    }
}

fn of_head(book: &Book, head: Head) -> Event {
    let mut stated = stated();
    stated.vault = book.chain.vault();
    stated.ledger_size = head.size;
    stated.ledger_root = head.root;
    signed(&stated, &witness("deploy", 1))
}

fn seen(head: Head) -> Seen {
    Seen {
        size: head.size,
        root: head.root,
    }
}

fn archived<'b>(book: &'b Book, seen: Seen, archive: &Kept) -> Option<Journal<'b>> {
    let station = book.station();
    Journal::open_archived(
        &book.store,
        book.chain.clone(),
        seen,
        station,
        &book.rotator,
        archive,
    )
}

/// What a state says of these, and of what has no name.
fn extract(state: &VaultState, names: &[&str], incidents: &[&str]) -> Value {
    let of = |texts: &[&str]| texts.iter().map(|text| name(text)).collect::<Vec<Name>>();
    let credentials = of(names);
    let known = credentials.iter().map(|name| state.credentials.get(name));
    let compartment = state.compartments.get(&name("prod"));
    let incidents = of(incidents);
    let nights = incidents.iter().map(|name| state.incidents.get(name));
    serde_json::json!({
        "credentials": known.collect::<Vec<_>>(),
        "compartment": compartment,
        "incidents": nights.collect::<Vec<_>>(),
        "manifest": state.manifest,
        "refusals": state.refusals,
        "strangers": state.strangers,
        "joined": state.joined,
    })
}

const NAMES: [&str; 4] = ["deploy", "root", "filler0007", "nobody"];
const INCIDENTS: [&str; 3] = ["night", "other", "never"];

#[test]
fn from_wherever_it_was_kept_it_adds_up_to_the_same() {
    let book = long();
    let mut kept = Vec::new();
    let mut journal = book.journal();
    for step in story(&book) {
        let archive = Kept::default();
        journal.keep_in(&archive);
        let event = step(journal.head());
        kept.push((archive, journal.head()));
        journal.record(soft::now(), event).unwrap();
    }
    drop(journal);
    let whole = book.journal();
    let wanted = extract(whole.state(), &NAMES, &INCIDENTS);
    let (credentials, incidents) = (NAMES.map(name), INCIDENTS.map(name));
    for (archive, head) in &kept {
        for seen in [seen(*head), seen(whole.head())] {
            let mut journal = archived(&book, seen, archive).expect("it fits");
            journal.bring(&credentials, &incidents).unwrap();
            assert_eq!(journal.head(), whole.head());
            assert_eq!(extract(journal.state(), &NAMES, &INCIDENTS), wanted);
            assert!(
                !journal
                    .state()
                    .credentials
                    .contains_key(&name("filler0001"))
            );
        }
    }
    assert_eq!(kept.len(), story(&book).len());
}

#[test]
fn what_follows_is_taken_as_if_all_had_been_read() {
    let book = long();
    let archive = Kept::default();
    let mut head = {
        let journal = book.journal();
        journal.keep_in(&archive);
        journal.head()
    };
    for step in story(&book) {
        let mut journal = archived(&book, seen(head), &archive).expect("it fits");
        let event = step(journal.head());
        journal.record(soft::now(), event).unwrap();
        head = journal.head();
    }
    // Everything that cannot stand there is refused in the same words.
    for event in [
        added("deploy", "prod"),
        added("filler0007", "rest"),
        declared("night", &["root"]),
        declared("more", &["nobody"]),
        of_key(deactivated, "filler0007", 1),
    ] {
        let whole = book.journal().record(soft::now(), event.clone());
        let mut journal = archived(&book, seen(head), &archive).expect("it fits");
        assert_eq!(journal.record(soft::now(), event), whole);
        assert!(matches!(whole, Err(JournalError::Refused(_))), "{whole:?}");
    }
}

/// What is kept, after this state of this ledger had its chance to be.
fn kept(journal: &Journal<'_>, archive: &Kept) -> Vec<u8> {
    journal.keep_in(archive);
    archive.0.borrow().as_ref().unwrap().summary.clone()
}

#[test]
fn it_is_kept_anew_when_it_has_fallen_behind_or_is_of_another_ledger() {
    let book = long();
    let archive = Kept::default();
    let mut journal = book.journal();
    let first = kept(&journal, &archive);
    for added in 1..40 {
        journal.record(soft::now(), kind("refused")).unwrap();
        let now = kept(&journal, &archive);
        assert_eq!(now == first, added < 32, "{added} entries later");
        if now != first {
            break;
        }
    }
    // Not by a journal that itself began at what was kept, and has not all of it.
    let before = archive.0.borrow().clone().unwrap();
    let mut began = archived(&book, seen(journal.head()), &archive).expect("it fits");
    assert!(began.is_archived() && !journal.is_archived());
    let refusals = vec![kind("refused"); 40];
    began.record_all(soft::now(), refusals).unwrap();
    assert_eq!(kept(&began, &archive), before.summary);
    drop(began);
    journal.reload().unwrap();
    // Of the same vault, at the same size, with another root.
    let mut rows = archive.0.borrow().clone().unwrap();
    let root = journal.head().root.to_string();
    let text = String::from_utf8(rows.summary.clone()).unwrap();
    rows.summary = text.replace(&root, &"0".repeat(64)).into_bytes();
    let foreign = Kept(RefCell::new(Some(rows)));
    assert_eq!(kept(&journal, &foreign), kept(&journal, &archive));
}

#[test]
fn a_short_ledger_is_not_kept() {
    let founders = vec![person("alice", Role::Ic), person("bob", Role::Bgo)];
    let book = Book::found(founders, [1, 1, 0]);
    book.add("prod", &["deploy"]);
    let archive = Kept::default();
    book.journal().keep_in(&archive);
    assert!(archive.0.borrow().is_none());
    assert!(archived(&book, seen(book.journal().head()), &archive).is_none());
}

fn commit(book: &Book, number: u64) -> std::path::PathBuf {
    book.path().join(format!("ledger/commit/{number:012}"))
}

#[test]
fn a_vault_that_is_not_the_one_that_was_kept_is_read_in_full() {
    let book = long();
    let archive = Kept::default();
    let head = {
        let journal = book.journal();
        journal.keep_in(&archive);
        journal.head()
    };
    assert!(archived(&book, seen(head), &archive).is_some());

    // Somebody else's.
    let other = Book::found(
        vec![person("carol", Role::Ic), person("bob", Role::Bgo)],
        [1, 1, 0],
    );
    assert!(archived(&other, seen(other.journal().head()), &archive).is_none());

    // This station has seen more than there is.
    let ahead = Seen {
        size: head.size + 1,
        root: head.root,
    };
    assert!(archived(&book, ahead, &archive).is_none());

    // An older copy.
    let newest = commit(&book, head.commit);
    let bytes = fs::read(&newest).unwrap();
    fs::remove_file(&newest).unwrap();
    assert!(archived(&book, seen(head), &archive).is_none());
    let whole = book.open(&book.rotator, Some(seen(head)));
    assert!(matches!(whole, Err(JournalError::CutOff { .. })));

    // A fork: another commit of that number, signed as well.
    book.add("prod", &["fork"]);
    assert!(archived(&book, seen(head), &archive).is_none());
    let whole = book.open(&book.rotator, Some(seen(head)));
    assert!(matches!(
        whole,
        Err(JournalError::CutOff { .. } | JournalError::Forked { .. })
    ));
    fs::write(&newest, &bytes).unwrap();
    assert!(archived(&book, seen(head), &archive).is_some());

    // What came later is damaged: to be judged by reading all of it.
    book.add("prod", &["later"]);
    let later = commit(&book, head.commit + 1);
    change_last_byte(&later);
    assert!(archived(&book, seen(head), &archive).is_none());
    let whole = book.open(&book.rotator, Some(seen(head)));
    assert!(matches!(whole, Err(JournalError::Corrupt(_))));
}

fn change_last_byte(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_kept_state_that_contradicts_the_ledger_is_not_believed() {
    let book = long();
    let archive = Kept::default();
    let head = {
        let journal = book.journal();
        journal.keep_in(&archive);
        journal.head()
    };
    // A row that was lost: the ledger says more of that credential, so everything is read.
    let rows = |change: &dyn Fn(&mut Rows)| {
        let mut rows = archive.0.borrow().clone().unwrap();
        change(&mut rows);
        Kept(RefCell::new(Some(rows)))
    };
    let lost = rows(&|rows| drop(rows.rows.remove("credential/filler0007")));
    let garbled = rows(&|rows| {
        drop(
            rows.rows
                .insert("credential/filler0007".into(), b"{".into()),
        )
    });
    let mut journal = book.journal();
    for step in story(&book).into_iter().take(9) {
        let event = step(journal.head());
        journal.record(soft::now(), event).unwrap();
    }
    let failed = Event::RotationFailed {
        credential: name("filler0007"),
        code: "x".into(),
    };
    journal.record(soft::now(), failed).unwrap();
    drop(journal);
    assert!(archived(&book, seen(head), &archive).is_some());
    assert!(archived(&book, seen(head), &lost).is_none());
    assert!(archived(&book, seen(head), &garbled).is_none());

    // One that is asked for and cannot be read is got from the ledger.
    let garbled = rows(&|rows| {
        drop(
            rows.rows
                .insert("credential/filler0008".into(), b"{".into()),
        )
    });
    let mut journal = archived(&book, seen(head), &garbled).expect("nothing of it was asked for");
    journal.bring(&[name("filler0008")], &[]).unwrap();
    assert!(
        journal
            .state()
            .credentials
            .contains_key(&name("filler0008"))
    );
    assert!(
        journal
            .state()
            .credentials
            .contains_key(&name("filler0001"))
    );
}

#[test]
fn a_statement_on_a_head_from_before_is_judged_by_the_whole_ledger() {
    let book = long();
    let steps = story(&book);
    let mut journal = book.journal();
    let early = journal.head();
    for step in steps.iter().take_while(|step| !is_opening(step, early)) {
        let event = step(journal.head());
        journal.record(soft::now(), event).unwrap();
    }
    let archive = Kept::default();
    let head = journal.head();
    journal.keep_in(&archive);
    // It stands on a head that this ledger had, and that the archive does not know.
    journal.record(soft::now(), of_head(&book, early)).unwrap();
    drop(journal);
    assert!(archived(&book, seen(head), &archive).is_none());
    assert!(book.open(&book.rotator, Some(seen(head))).is_ok());
}

fn is_opening(step: &dyn Fn(Head) -> Event, head: Head) -> bool {
    matches!(step(head), Event::Opened { .. })
}
