//! Ledgers that parted from the vault's own: what their commits are to it, how they are read and kept, and
//! that what is carried over from them is what stands in them.

use std::fs;
use std::path::{Path, PathBuf};

use breakglass::ledger::{
    self, Branch, Entry, EntryAt, Event, HeadRef, IncidentPhase, Journal, JournalError, Kinship,
    Ledger, LedgerError,
};
use breakglass::model::Digest;
use breakglass::ports::{Store, StoreError, StoreKey};
use breakglass::store::DirStore;

use crate::book::{Book, declared};
use crate::journal::{book, error, refusal};
use crate::soft::{self, name};
use crate::{
    after, against, apply, closing, contradiction, denied, in_incident, key_id, of_key, opened,
    proved, retiring, rotated, sealed, signed, stated, with, witness,
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// A medium with the ledger of the vault as it is now.
struct Medium {
    guard: tempfile::TempDir,
    store: DirStore,
}

impl Medium {
    fn of(book: &Book) -> Self {
        let guard = tempfile::tempdir().unwrap();
        copy(&book.path(), guard.path());
        let store = DirStore::open(guard.path()).unwrap();
        Self { guard, store }
    }

    /// Records these there, each in a commit.
    fn record(&self, book: &Book, events: &[Event]) {
        for event in events {
            self.record_together(book, std::slice::from_ref(event));
        }
    }

    /// Records these there in one commit.
    fn record_together(&self, book: &Book, events: &[Event]) {
        let chain = book.chain.clone();
        let (station, signer) = (book.station(), &book.stranger);
        let mut journal = Journal::open(&self.store, chain, None, station, signer).unwrap();
        journal.record_all(soft::now(), events.to_vec()).unwrap();
    }

    fn commit(&self, number: u64) -> PathBuf {
        commit(self.guard.path(), number)
    }
}

fn commit(vault: &Path, number: u64) -> PathBuf {
    vault.join(format!("ledger/commit/{number:012}"))
}

fn record(book: &Book, events: &[Event]) {
    for event in events {
        book.journal().record(soft::now(), event.clone()).unwrap();
    }
}

fn commits(store: &dyn Store) -> Vec<String> {
    let listed = store.list(&StoreKey::new("ledger/commit").unwrap());
    let names = listed.unwrap();
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn commits_on_another_medium_are_known_for_what_they_are() {
    let book = book();
    record(&book, &[refusal("one")]);
    let medium = Medium::of(&book);
    let kin = || ledger::kinship(&book.store, &medium.store);
    assert_eq!(kin(), Ok(Kinship::Contained));
    medium.record(&book, &[refusal("three"), refusal("four")]);
    assert_eq!(kin(), Ok(Kinship::Continues { first: 3, last: 4 }));
    // What was there before need not be on it, but then nothing may be missing in between.
    let kept = [1, 2, 3].map(|number| fs::read(medium.commit(number)).unwrap());
    for number in [1, 2] {
        fs::remove_file(medium.commit(number)).unwrap();
        assert_eq!(kin(), Ok(Kinship::Continues { first: 3, last: 4 }));
    }
    fs::remove_file(medium.commit(3)).unwrap();
    let ahead = Kinship::Ahead {
        first: 4,
        newest: 2,
    };
    assert_eq!(kin(), Ok(ahead));
    fs::write(medium.commit(2), &kept[1]).unwrap();
    assert!(matches!(kin(), Err(LedgerError::Corrupt { commit: 3, .. })));
    fs::write(medium.commit(3), &kept[2]).unwrap();

    ledger::adopt(&book.store, &medium.store, 3, 4).unwrap();
    assert_eq!(kin(), Ok(Kinship::Contained));
    assert_eq!(book.journal().state().refusals, 3);
    assert_eq!(book.journal().head().commit, 4);
    // The vault went on: still all of the other is in it.
    record(&book, &[refusal("five")]);
    assert_eq!(kin(), Ok(Kinship::Contained));

    fs::remove_dir_all(medium.guard.path().join("ledger")).unwrap();
    assert_eq!(kin(), Ok(Kinship::Nothing));
}

#[test]
fn what_parted_is_told_from_the_first_commit_that_differs_and_is_never_adopted() {
    let book = book();
    let medium = Medium::of(&book);
    record(&book, &[refusal("home")]);
    medium.record(&book, &[refusal("away"), refusal("away again")]);
    let kin = || ledger::kinship(&book.store, &medium.store);
    assert_eq!(kin(), Ok(Kinship::Parted { at: 2 }));
    let before = fs::read(commit(&book.path(), 2)).unwrap();
    let adopted = ledger::adopt(&book.store, &medium.store, 2, 3);
    assert_eq!(adopted, Err(LedgerError::Moved));
    assert_eq!(fs::read(commit(&book.path(), 2)).unwrap(), before);
    assert!(!commit(&book.path(), 3).exists());
}

#[test]
fn a_branch_is_the_vault_with_the_other_ledger_in_it_and_is_only_read() {
    let book = book();
    let medium = Medium::of(&book);
    record(&book, &[refusal("home"), refusal("home"), refusal("home")]);
    medium.record(&book, &[refusal("away")]);
    let branch = Branch::on_medium(&book.store, &medium.store, 2).unwrap();
    assert_eq!(branch.from(), 2);
    assert_eq!(
        commits(&branch),
        ["ledger/commit/000000000001", "ledger/commit/000000000002"]
    );
    let key = |text: &str| StoreKey::new(text).unwrap();
    let first = key("ledger/commit/000000000001");
    let second = key("ledger/commit/000000000002");
    let away = fs::read(medium.commit(2)).unwrap();
    assert_eq!(branch.read(&second, 4096).unwrap(), away);
    assert_eq!(branch.read_start(&second, 40).unwrap(), away[..40]);
    // What both have is read at home; and everything else, too.
    fs::write(medium.commit(1), "not looked at").unwrap();
    let home = fs::read(commit(&book.path(), 1)).unwrap();
    assert_eq!(branch.read(&first, 4096).unwrap(), home);
    assert_eq!(branch.read_start(&first, 40).unwrap(), home[..40]);
    let ledger = key("ledger");
    let folders = book.store.folders(&ledger).unwrap();
    assert!(!folders.is_empty());
    assert_eq!(branch.folders(&ledger).unwrap(), folders);
    let tiles = key("ledger/tile/0/000.p");
    let listed = book.store.list(&tiles).unwrap();
    assert!(!listed.is_empty());
    assert_eq!(branch.list(&tiles).unwrap(), listed);
    assert_eq!(Store::place(&branch), medium.store.place());

    let third = key("ledger/commit/000000000003");
    let unwritable = |said: Result<(), StoreError>| matches!(said, Err(StoreError::Unwritable(..)));
    assert!(unwritable(branch.create(&third, b"x")));
    assert!(unwritable(branch.replace(&second, b"x")));
    assert!(unwritable(branch.lock("ledger").map(drop)));
    fs::write(medium.commit(3), "").unwrap();
    fs::rename(
        medium.commit(3),
        medium.guard.path().join("ledger/commit/3"),
    )
    .unwrap();
    let stray = branch.list(&key("ledger/commit"));
    assert!(matches!(stray, Err(StoreError::Stray(..))), "{stray:?}");
}

/// A vault with two ledgers that parted: its own, and the medium's, which was joined.
struct Joined {
    book: Book,
    medium: Medium,
    /// The last head that both have, and those of the other since.
    parted: HeadRef,
    heads: Vec<HeadRef>,
    /// Its own entries.
    entries: Vec<(u64, Entry)>,
}

impl Joined {
    fn new() -> Self {
        let book = book();
        record(&book, &[refusal("both")]);
        let medium = Medium::of(&book);
        let parted = book.journal().head().into();
        record(&book, &[refusal("home")]);
        medium.record(&book, &[refusal("away"), refusal("away again")]);
        let branch = Branch::on_medium(&book.store, &medium.store, 3).unwrap();
        let mut heads: Vec<HeadRef> = Vec::new();
        let mut entries = Vec::new();
        let show = |at: &EntryAt<'_>| {
            if at.commit >= 3 {
                heads.push(at.head.into());
                entries.push((at.index, serde_json::from_slice(at.bytes).unwrap()));
            }
            Ok::<(), LedgerError>(())
        };
        Ledger::replay(&branch, book.chain.vault(), show).unwrap();
        branch.keep(&heads[1].root, 4).unwrap();
        Self {
            book,
            medium,
            parted,
            heads,
            entries,
        }
    }

    fn root(&self) -> Digest {
        self.heads[1].root
    }

    /// Where a commit of the other is kept in the vault.
    fn kept(&self, number: u64) -> PathBuf {
        let folder = format!("ledger/offline/{}/commit", self.root());
        self.book.path().join(folder).join(format!("{number:012}"))
    }

    fn joined(&self, heads: &[HeadRef]) -> Event {
        Event::LedgerJoined {
            parted: self.parted,
            main: self.book.journal().head().into(),
            heads: heads.to_vec(),
        }
    }

    fn carried(&self, which: usize) -> Event {
        let (index, entry) = &self.entries[which];
        Event::Carried {
            ledger: self.root(),
            index: *index,
            entry: Box::new(entry.clone()),
        }
    }

    /// Records that it is joined, and what is carried over.
    fn record(&self, heads: &[HeadRef], carried: Vec<Event>) {
        let mut events = vec![self.joined(heads)];
        events.extend(carried);
        let mut journal = self.book.journal();
        journal.record_all(soft::now(), events).unwrap();
    }

    fn verify(&self) -> Result<usize, JournalError> {
        let journal = self.book.journal();
        let vault = self.book.chain.vault();
        let mut shown = 0;
        let verified = ledger::verify_joined(&self.book.store, vault, journal.state(), |_| {
            shown += 1;
            Ok(())
        })?;
        assert_eq!(verified, shown);
        Ok(verified)
    }

    /// Why it does not hold, and at which commit.
    fn wrong(&self) -> (u64, String) {
        match error(self.verify()) {
            JournalError::Corrupt(LedgerError::Corrupt { commit, reason }) => (commit, reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_carried_over_is_what_stands_in_the_joined_ledger() {
    let joined = Joined::new();
    assert_eq!(joined.verify().unwrap(), 0);
    joined.record(&joined.heads, vec![joined.carried(0), joined.carried(1)]);
    assert_eq!(joined.verify().unwrap(), 1);
    assert_eq!(joined.book.journal().state().refusals, 4);
    let short = joined.root().short();
    let of_it = |what: &str| format!("of the joined ledger {short}: {what}");

    // Its evidence is whole, and it is that ledger's.
    let kept = [3, 4].map(|number| fs::read(joined.kept(number)).unwrap());
    for (number, bytes) in (3..).zip(&kept) {
        assert_eq!(*bytes, fs::read(joined.medium.commit(number)).unwrap());
    }
    fs::remove_file(joined.kept(4)).unwrap();
    assert_eq!(joined.wrong(), (3, of_it("its end is missing")));
    fs::remove_file(joined.kept(3)).unwrap();
    assert_eq!(joined.wrong().0, 0);
    fs::write(joined.kept(4), &kept[1]).unwrap();
    assert!(joined.verify().is_err());
    fs::write(joined.kept(3), &kept[0]).unwrap();
    assert_eq!(joined.verify().unwrap(), 1);
    // More than was joined.
    joined.medium.record(&joined.book, &[refusal("later")]);
    fs::copy(joined.medium.commit(5), joined.kept(5)).unwrap();
    let other_head = of_it("it leads to another head than was joined");
    assert_eq!(joined.wrong(), (5, other_head));
}

#[test]
fn a_head_that_the_joined_ledger_never_had_is_found() {
    let book = book();
    let medium = Medium::of(&book);
    medium.record_together(&book, &[refusal("away"), refusal("away again")]);
    let branch = Branch::on_medium(&book.store, &medium.store, 2).unwrap();
    let no_visit = |_: &EntryAt<'_>| Ok::<(), LedgerError>(());
    let read = Ledger::replay(&branch, book.chain.vault(), no_visit).unwrap();
    let newest = HeadRef::from(read.head());
    branch.keep(&newest.root, 2).unwrap();
    let parted: HeadRef = book.journal().head().into();
    let between = HeadRef {
        size: parted.size + 1,
        ..newest
    };
    let entry = |index| Event::Carried {
        ledger: newest.root,
        index,
        entry: Box::new(Entry {
            time: soft::now(),
            event: refusal(["", "away", "away again"][index as usize]),
        }),
    };
    let event = Event::LedgerJoined {
        parted,
        main: parted,
        heads: vec![between, newest],
    };
    let events = vec![event, entry(1), entry(2)];
    book.journal().record_all(soft::now(), events).unwrap();
    let journal = book.journal();
    let vault = book.chain.vault();
    let verified = ledger::verify_joined(&book.store, vault, journal.state(), |_| Ok(()));
    let JournalError::Corrupt(LedgerError::Corrupt { reason, .. }) = error(verified) else {
        panic!("it is told as something else")
    };
    assert!(reason.ends_with("its end is missing"), "{reason}");
}

#[test]
fn an_entry_that_was_left_out_or_changed_on_the_way_is_found() {
    let of_it = |joined: &Joined, index: u64| {
        let short = joined.root().short();
        format!("of the joined ledger {short}: its entry {index} was not carried over as it is")
    };
    let joined = Joined::new();
    joined.record(&joined.heads, vec![joined.carried(1)]);
    assert_eq!(joined.wrong(), (3, of_it(&joined, 2)));

    let joined = Joined::new();
    joined.record(&joined.heads, vec![joined.carried(0)]);
    assert_eq!(joined.wrong(), (4, of_it(&joined, 3)));

    let joined = Joined::new();
    let mut changed = joined.entries[0].1.clone();
    changed.event = refusal("something else");
    let changed = Event::Carried {
        ledger: joined.root(),
        index: 2,
        entry: Box::new(changed),
    };
    joined.record(&joined.heads, vec![changed, joined.carried(1)]);
    assert_eq!(joined.wrong(), (3, of_it(&joined, 2)));

    let joined = Joined::new();
    joined.record(
        &joined.heads[1..],
        vec![joined.carried(0), joined.carried(1)],
    );
    assert_eq!(joined.wrong().0, 3);
}

#[test]
fn keeping_the_other_ledger_again_changes_nothing_and_overwrites_nothing() {
    let joined = Joined::new();
    let branch = Branch::on_medium(&joined.book.store, &joined.medium.store, 3).unwrap();
    branch.keep(&joined.root(), 4).unwrap();
    fs::write(joined.kept(4), "something else").unwrap();
    let said = branch.keep(&joined.root(), 4);
    let there = matches!(said, Err(LedgerError::Corrupt { commit: 4, .. }));
    assert!(there, "{said:?}");
    assert_eq!(fs::read(joined.kept(4)).unwrap(), b"something else");
    let nowhere = Branch::kept(&joined.book.store, &Digest([3; 32]));
    let missing = matches!(nowhere.err(), Some(LedgerError::Corrupt { .. }));
    assert!(missing);
}

fn head(size: u64) -> HeadRef {
    HeadRef {
        size,
        root: Digest([size as u8; 32]),
    }
}

fn joining(parted: u64, main: u64, heads: &[u64]) -> Event {
    Event::LedgerJoined {
        parted: head(parted),
        main: head(main),
        heads: heads.iter().copied().map(head).collect(),
    }
}

pub fn carrying(index: u64, event: Event) -> Event {
    Event::Carried {
        ledger: head(50).root,
        index,
        entry: Box::new(Entry {
            time: soft::now(),
            event,
        }),
    }
}

#[test]
fn a_ledger_is_joined_once_and_after_it_parted() {
    let events = rotated();
    let out_of_order = contradiction("a joined ledger's heads are out of order");
    for heads in [&[][..], &[30], &[29], &[31, 31], &[32, 31], &[30, 31]] {
        let said = against(&events, joining(30, 40, heads));
        assert_eq!(said, out_of_order, "{heads:?}");
    }
    let early = contradiction("a joined ledger parted after it was joined");
    assert_eq!(against(&events, joining(30, 29, &[31])), early);
    assert_eq!(against(&events, joining(30, 30, &[31])), None);
    let once = with(&events, [joining(30, 40, &[31, 50])]);
    let twice = format!("the ledger {} is joined twice", head(50).root);
    let said = against(&once, joining(30, 41, &[31, 50]));
    assert_eq!(said, contradiction(&twice));
    let joined = &after(&once).joined[&head(50).root];
    assert_eq!((joined.parted, joined.next), (head(30), 30));
    let heads: Vec<u64> = joined.heads.keys().copied().collect();
    assert_eq!(heads, [31, 50]);
}

#[test]
fn what_is_carried_over_comes_in_its_turn() {
    let unknown = format!("no ledger {} was joined", head(50).root);
    let said = against(&rotated(), carrying(30, refusal("x")));
    assert_eq!(said, contradiction(&unknown));
    let mut state = after(&with(&rotated(), [joining(30, 40, &[31, 50])]));
    let mut carried = |index| apply(&mut state, &carrying(index, refusal("x"))).err();
    let out_of_turn = |index: u64| {
        let ledger = head(50).root;
        contradiction(&format!(
            "entry {index} of the ledger {ledger} is carried over out of turn"
        ))
    };
    assert_eq!(carried(29), out_of_turn(29));
    assert_eq!(carried(30), None);
    assert_eq!(carried(30), out_of_turn(30));
    assert_eq!(carried(50), out_of_turn(50));
    assert_eq!(carried(49), None);
    assert_eq!(carried(49), out_of_turn(49));
    assert_eq!(state.refusals, 2);
}

#[test]
fn what_was_opened_elsewhere_is_open_here_until_it_is_closed_here() {
    // Meanwhile the incident was closed here, and the key replaced.
    let mut events = with(&in_incident(), [joining(30, 40, &[50])]);
    events.extend([
        crate::begun(2),
        crate::intended("deploy", 2),
        sealed("deploy", 2),
        proved("deploy", 2),
        crate::committed(2, &["deploy"]),
        of_key(retiring, "deploy", 1),
    ]);
    let dead = format!("{} of deploy is not in force any more", key_id("deploy", 1));
    assert_eq!(against(&events, opened()), contradiction(&dead));
    let state = after(&with(&events, [carrying(31, opened())]));
    let night = name("night");
    assert_eq!(state.incidents[&night].phase, IncidentPhase::Open);
    let key = &state.credentials[&name("deploy")].keys[0];
    assert_eq!(key.opened_in, std::slice::from_ref(&night));

    let shut = with(
        &in_incident(),
        [joining(30, 40, &[50]), closing(), denied("deploy")],
    );
    assert_ne!(after(&shut).incidents[&night].phase, IncidentPhase::Open);
    let intended = Event::OpeningIntended {
        incident: night.clone(),
        reason: "down".parse().unwrap(),
        credentials: vec![name("deploy")],
    };
    assert!(against(&shut, intended.clone()).is_some());
    for event in [intended, opened()] {
        let state = after(&with(&shut, [carrying(31, event)]));
        assert_eq!(state.incidents[&night].phase, IncidentPhase::Open);
    }
    // What was denied before does not reach what was opened elsewhere meanwhile.
    let state = after(&with(&shut, [carrying(31, opened())]));
    assert!(state.incidents[&night].sessions_denied.is_empty());
    // Of a key that was never to be opened, nothing is carried over.
    let begun = with(&in_incident(), [joining(30, 40, &[50]), crate::begun(2)]);
    let begun = with(&begun, [crate::intended("deploy", 2), sealed("deploy", 2)]);
    let mut early = stated();
    early.generation = 2;
    early.access_key = key_id("deploy", 2);
    let early = signed(&early, &witness("deploy", 2));
    assert!(against(&begun, carrying(31, early)).is_some());
    // An incident that was declared there is one here.
    let other = carrying(31, declared("dawn", &["root"]));
    let state = after(&with(&in_incident(), [joining(30, 40, &[50]), other]));
    assert!(state.incidents.contains_key(&name("dawn")));
}
