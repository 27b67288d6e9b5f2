//! A ledger of 200 entries, in commits as they really come about: every bit, every truncation, every deletion,
//! every commit in every other place, splices, forks. What only an anchor can tell is told with it, and
//! never called complete without.

use breakglass::ledger::{
    self, Anchor, Completeness, Event, Head, Ledger, LedgerError, LedgerSigner, Verified,
};
use breakglass::model::{Class, Digest, Role};
use breakglass::ops;
use breakglass::ports::Remembered;

use crate::bytes::{chain, class, refusals, refused_by_all, small, tiny, verdict};
use crate::soft;
use crate::world::Safe;
use crate::{counted, long};

/// Appends entries as somebody does who holds this software key and believes nothing: as a commit that is
/// sound by itself.
pub fn append(safe: &Safe, label: &str, events: &[Event]) {
    let (vault, seed) = (chain(safe).vault(), soft::seed(label));
    let signer = LedgerSigner::new(soft::name(label), &seed);
    let written = |event: &Event| {
        let event = event.clone();
        let time = soft::now();
        serde_json::to_vec(&ledger::Entry { time, event }).expect("JSON")
    };
    let entries: Vec<Vec<u8>> = events.iter().map(written).collect();
    let mut ledger = Ledger::open(&safe.shelf, vault).expect("intact");
    ledger.append(&entries, &signer).expect("appended");
}

/// A vault whose ledger has 200 entries and a little more, and the commits.
struct Long {
    safe: Safe,
    vault: Digest,
    paths: Vec<String>,
    commits: Vec<Vec<u8>>,
}

fn two_hundred() -> Long {
    let safe = tiny();
    for (credential, compartment) in [("root", "prod"), ("audit", "test"), ("billing", "test")] {
        safe.add(credential, compartment);
    }
    safe.rotate(&[]).expect("rotated");
    safe.unseal(&["audit"]).expect("opened");
    crate::bytes::close(&safe);
    while safe.anchor.get().expect("an anchor").ledger_size < 200 {
        safe.pass(86_400);
        safe.rotate(&["prod"]).expect("rotated");
    }
    let paths = safe.shelf.under("ledger/commit/");
    Long {
        vault: chain(&safe).vault(),
        commits: paths.iter().map(|path| safe.shelf.get(path)).collect(),
        paths,
        safe,
    }
}

impl Long {
    fn anchor(&self) -> Anchor {
        let seen = self.safe.anchor.get().expect("an anchor");
        Anchor {
            size: seen.ledger_size,
            root: seen.ledger_root,
        }
    }

    /// Only the commits up to this one.
    fn cut(&self, commits: usize) {
        for (number, (path, bytes)) in self.paths.iter().zip(&self.commits).enumerate() {
            match number < commits {
                true => self.safe.shelf.put(path, bytes),
                false => self.safe.shelf.remove(path),
            }
        }
    }

    fn verify(&self, anchors: &[Anchor]) -> Verified {
        ledger::verify(&self.safe.shelf, &self.vault, anchors).expect("intact")
    }

    /// Goes through the ledger commit by commit. At each, `try_all` gets what is to be tried in its place;
    /// it must not be taken.
    fn at_each(&self, mut try_all: impl FnMut(usize, &mut dyn FnMut(&[u8], &str))) {
        self.cut(0);
        let mut ledger = Ledger::open(&self.safe.shelf, self.vault).expect("empty");
        for (number, (path, good)) in self.paths.iter().zip(&self.commits).enumerate() {
            try_all(number, &mut |bytes, what| {
                self.safe.shelf.put(path, bytes);
                let read = ledger.refresh(|_| Ok::<(), LedgerError>(()));
                assert!(
                    matches!(read, Err(LedgerError::Corrupt { .. })),
                    "{what} in the place of {path}: {read:?}"
                );
            });
            self.safe.shelf.put(path, good);
            let read = ledger.refresh(|_| Ok::<(), LedgerError>(()));
            assert_eq!(read.expect("good").commit, number as u64 + 1);
        }
    }
}

#[test]
fn no_bit_of_the_ledger_can_be_turned() {
    let long_ledger = two_hundred();
    let mut cases = 0;
    long_ledger.at_each(|number, try_one| {
        let mut bytes = long_ledger.commits[number].clone();
        for at in 0..bytes.len() {
            let bits = if long() { 0..8 } else { at % 8..at % 8 + 1 };
            for bit in bits {
                cases += 1;
                bytes[at] ^= 1 << bit;
                try_one(&bytes, "a turned bit");
                bytes[at] ^= 1 << bit;
            }
        }
    });
    counted("bits of a ledger of 200 entries", cases);
    // Some of them as the commands meet it.
    let safe = &long_ledger.safe;
    for number in [0, long_ledger.paths.len() / 2, long_ledger.paths.len() - 1] {
        let (path, good) = (&long_ledger.paths[number], &long_ledger.commits[number]);
        let mut bytes = good.clone();
        *bytes.last_mut().expect("not empty") ^= 1;
        safe.shelf.put(path, &bytes);
        refused_by_all(safe, path);
        safe.shelf.put(path, good);
    }
    safe.told().expect("as it was");
}

/// The commit with the number of another place in its second line, which nobody signs.
fn renumbered(commit: &[u8], place: usize) -> Vec<u8> {
    let first = ledger::COMMIT_MAGIC.len();
    let number = commit[first..].iter().position(|byte| *byte == b' ');
    let rest = &commit[first + number.expect("a second line")..];
    [&commit[..first], (place + 1).to_string().as_bytes(), rest].concat()
}

#[test]
fn a_commit_cut_short_moved_or_of_another_vault_is_refused() {
    let ours = two_hundred();
    // The same people, tokens and rotator, and even the same deeds.
    let other = small();
    let theirs: Vec<Vec<u8>> = other
        .shelf
        .under("ledger/commit/")
        .iter()
        .map(|path| other.shelf.get(path))
        .collect();
    let last = ours.commits.len() - 1;
    let (mut moved, mut spliced, mut short) = (0, 0, 0);
    ours.at_each(|number, try_one| {
        for (from, commit) in ours.commits.iter().enumerate() {
            if from != number {
                moved += 1;
                try_one(&renumbered(commit, number), "another commit");
            }
        }
        for commit in &theirs {
            spliced += 1;
            try_one(&renumbered(commit, number), "a commit of another vault");
        }
        if number == last {
            for length in 0..ours.commits[last].len() {
                short += 1;
                try_one(&ours.commits[last][..length], "a part of it");
            }
        }
    });
    counted("commits of a ledger in each other's places", moved);
    counted("commits of another vault in each place", spliced);
    counted("lengths of the last commit", short);
    for (number, path) in ours.paths.iter().enumerate().take(last) {
        ours.safe.shelf.remove(path);
        let found = ledger::verify(&ours.safe.shelf, &ours.vault, &[]);
        let missing = matches!(found, Err(LedgerError::Corrupt { commit, .. }) if commit == number as u64 + 1);
        assert!(missing, "{path}: {found:?}");
        if number % 50 == 0 {
            refused_by_all(&ours.safe, path);
        }
        ours.safe.shelf.put(path, &ours.commits[number]);
    }
    counted("commits taken out of the middle", last);
}

/// Only an anchor can tell: with it, it is told; without, nobody is told that all is there.
#[test]
fn a_cut_off_end_is_told_by_an_anchor_and_not_called_complete_without() {
    let ours = two_hundred();
    let (safe, anchor) = (&ours.safe, ours.anchor());
    let whole = ours.verify(&[anchor]);
    assert_eq!(whole.complete, Completeness::Complete { newest: anchor });
    for commits in 0..ours.commits.len() {
        ours.cut(commits);
        assert_eq!(
            ours.verify(&[anchor]).complete,
            Completeness::Missing { anchor }
        );
        if commits % 40 == 0 {
            refused_with_anchor(safe, "ledger-cut-off");
            without_anchor(safe);
        }
    }
    counted("ledgers cut off after each commit", ours.commits.len());
}

/// Whoever remembers refuses everything; `ledger verify` reports it.
fn refused_with_anchor(safe: &Safe, code: &'static str) {
    assert_eq!(refusals(safe), vec![Some((Class::Integrity, code)); 4]);
    let report = safe.verify().expect("what is there is intact");
    assert!(!report.is_complete());
    assert_ne!(report.verified.complete, Completeness::NoAnchor);
}

/// Whoever remembers nothing sees what is there, and is not told that it is all.
pub fn without_anchor(safe: &Safe) {
    let anchor = safe.anchor.take();
    let report = safe.verify().expect("what is there is intact");
    assert!(!report.is_complete());
    assert_eq!(report.verified.complete, Completeness::NoAnchor);
    safe.anchor.set(anchor);
}

/// Nothing that is sealed and nobody who remembers: a vault whose `init` died before the ledger began, or whose
/// ledger somebody took away.
#[test]
fn a_vault_without_any_ledger_is_not_called_intact() {
    let people: [crate::world::Member<'_>; 2] = [
        ("alice", Role::Ic, &["alice"]),
        ("bob", Role::Bgo, &["bob"]),
    ];
    let safe = Safe::found("acme", &people, [1, 1, 0]);
    let fingerprint = chain(&safe).vault();
    for path in safe.shelf.under("ledger/") {
        safe.shelf.remove(&path);
    }
    refused_with_anchor(&safe, "ledger-cut-off");
    let remembered = safe.anchor.take();
    let missing = Some((Class::Integrity, "ledger-missing"));
    assert_eq!(verdict(&safe), missing);
    assert_eq!(class(safe.log()), missing);
    let trusted = safe.in_world(|world| ops::trust(world, fingerprint));
    assert_eq!(class(trusted), missing);
    assert_eq!(safe.anchor.get(), None);
    // Whoever trusted it when it was so reads nothing out of it, either.
    let none = Head::default();
    safe.anchor.set(remembered.map(|seen| Remembered {
        ledger_size: none.size,
        ledger_root: none.root,
        ..seen
    }));
    assert_eq!(verdict(&safe), missing);
}

/// Somebody who holds a rotator's key goes on in another way, and makes it as long: in the short form from
/// every fourth commit, in the long form from every one.
#[test]
fn a_fork_is_told_by_an_anchor_and_not_called_complete_without() {
    let ours = two_hundred();
    let (safe, anchor) = (&ours.safe, ours.anchor());
    let entry = Event::Refused {
        incident: None,
        code: "forged".into(),
        what: "another history".into(),
    };
    let seed = soft::seed("rotator");
    let signer = LedgerSigner::new(soft::name("rotator"), &seed);
    let time = soft::now();
    let event = entry.clone();
    let bytes = serde_json::to_vec(&ledger::Entry { time, event }).expect("JSON");
    let (mut forks, mut joined) = (0, 0);
    let step = if long() { 1 } else { 4 };
    for commits in (1..ours.commits.len()).step_by(step) {
        forks += 1;
        ours.cut(commits);
        let mut other = Ledger::open(&safe.shelf, ours.vault).expect("intact");
        let missing = anchor.size - other.head().size;
        let entries = vec![bytes.clone(); usize::try_from(missing).expect("few")];
        let forked: Head = other.append(&entries, &signer).expect("appended");
        assert_eq!(forked.size, anchor.size);
        let found = forked.root;
        let verdict = Completeness::Forked { anchor, found };
        assert_eq!(ours.verify(&[anchor]).complete, verdict);
        if commits % 40 == 1 {
            refused_with_anchor(safe, "ledger-forked");
            without_anchor(safe);
        }
        // The end of one on the other.
        for (path, commit) in ours.paths.iter().zip(&ours.commits).skip(commits + 1) {
            safe.shelf.put(path, commit);
        }
        if commits + 1 < ours.commits.len() {
            let found = ledger::verify(&safe.shelf, &ours.vault, &[]);
            assert!(
                matches!(found, Err(LedgerError::Corrupt { .. })),
                "{found:?}"
            );
            joined += 1;
        }
    }
    counted("forks", forks);
    counted("ends of one fork on the other", joined);
}
