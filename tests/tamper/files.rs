//! Whole files: each taken away, put under every other name, replaced by every other of its kind, and by an
//! older one; folders and the whole vault replaced by an older copy.

use std::collections::{BTreeMap, BTreeSet};

use breakglass::ledger::Completeness;
use breakglass::model::Class;
use breakglass::ops::{self, Change};

use crate::bytes::{chain, documents, refusals, refused_by_all, small, tiny, verdict};
use crate::counted;
use crate::ledger::without_anchor;
use crate::rich::{vault_a, vault_b};
use crate::soft::name;
use crate::world::{Files, Kept, Safe};

/// `ledger verify` refuses, with this code.
fn told_by_verify(safe: &Safe, code: &'static str, what: &str) {
    assert_eq!(verdict(safe), Some((Class::Integrity, code)), "{what}");
}

#[test]
fn no_file_can_be_taken_away() {
    let safe = small();
    let kept = safe.keep();
    let told = safe.told().expect("good");
    let mut cases = 0;
    for path in kept.files.keys() {
        cases += 1;
        safe.shelf.remove(path);
        if path.starts_with("manifest/") || path.starts_with("ledger/commit/") {
            refused_by_all(&safe, path);
        } else if path.starts_with("generation/") {
            told_by_verify(&safe, "document-missing", path);
            let opened = safe.unseal(&["deploy"]);
            assert_eq!(opened.is_err(), path.contains("/00000002/"), "{path}");
        } else {
            assert_eq!(safe.told().expect("good"), told, "{path}");
            let derived = safe.verify().expect("intact").verified.derived;
            let missing: Vec<&str> = derived.missing.iter().map(|key| key.as_str()).collect();
            // Older partial tiles need not be there.
            assert!(missing.is_empty() || missing == [path.as_str()], "{path}");
            assert!(derived.wrong.is_empty() && derived.odd.is_empty(), "{path}");
        }
        safe.restore(&kept);
    }
    counted("files taken away", cases);
}

/// Names at which a file might be taken for another: of each kind the next ones, those of other compartments,
/// generations and credentials, and some that nothing has.
fn free_names(safe: &Safe) -> Vec<String> {
    let commits = safe.shelf.under("ledger/commit/").len();
    let mut names = vec![
        "manifest/00000000.json".to_owned(),
        "manifest/00000003.json".to_owned(),
        "manifest/00000009.json".to_owned(),
        "manifest/1.json".to_owned(),
        "manifest/00000001.json.old".to_owned(),
        "ledger/commit/000000000000".to_owned(),
        format!("ledger/commit/{:012}", commits + 1),
        format!("ledger/commit/{:012}", commits + 2),
        format!("ledger/commit/{commits}"),
        "ledger/tile/0/001".to_owned(),
        "ledger/tile/1/000.p/1".to_owned(),
        "ledger/tile/entries/001".to_owned(),
        "ledger/tile/0/000.p/255".to_owned(),
        "ledger/tile/0/000.p/0".to_owned(),
        "ledger/tile/other".to_owned(),
    ];
    for compartment in ["prod", "test", "more"] {
        for generation in ["00000001", "00000002", "00000003", "00000004", "3"] {
            let folder = format!("generation/{compartment}/{generation}");
            for file in ["header.json", "record/deploy.json", "record/root.json"] {
                names.push(format!("{folder}/{file}"));
            }
        }
        names.push(format!("generation/{compartment}/header.json"));
    }
    names.retain(|path| !safe.shelf.files.borrow().contains_key(path));
    names
}

#[test]
fn no_file_can_lie_under_another_name() {
    let safe = small();
    let kept = safe.keep();
    let told = safe.told().expect("good");
    let mut cases = 0;
    // One of each kind; all of a kind fare alike, whatever is in them.
    let from = [
        "manifest/00000002.json",
        "generation/prod/00000001/header.json",
        "generation/prod/00000002/record/deploy.json",
        "ledger/commit/000000000005",
        "ledger/checkpoint",
        "ledger/tile/0/000.p/3",
    ];
    for to in free_names(&safe) {
        for from in from {
            cases += 1;
            let what = format!("{from} as {to}");
            safe.shelf.put(&to, &kept.files[from]);
            if to.starts_with("manifest/") || to.starts_with("ledger/commit/") {
                let refused = [safe.rotate(&[]).err(), safe.verify().err()];
                for failure in refused {
                    let class = failure.map(|failure| (failure.class, failure.code));
                    let stray = (Class::Failed, "vault-stray-file");
                    let integrity = matches!(class, Some((Class::Integrity, _)));
                    assert!(integrity || class == Some(stray), "{what}: {class:?}");
                }
            } else if to.starts_with("generation/") {
                told_by_verify(&safe, "document-planted", &what);
            } else {
                let derived = safe.verify().expect("intact").verified.derived;
                assert_eq!(derived.odd.len(), 1, "{what}");
                assert_eq!(derived.odd[0].as_str(), to);
            }
            let harmless = !to.starts_with("manifest/") && !to.starts_with("ledger/commit/");
            if harmless && cases % 16 == 0 {
                assert_eq!(safe.told().expect("good"), told, "{what}");
            }
            safe.restore(&kept);
        }
    }
    counted("files under other names", cases);
}

/// Where the next rotation will put its header and records, nothing may lie: it would be noticed when the key
/// is made, which is too late.
#[test]
fn a_rotator_makes_no_key_where_something_was_planted() {
    let safe = tiny();
    safe.add("root", "prod");
    let kept = safe.keep();
    let mut cases = 0;
    for file in ["header.json", "record/deploy.json", "record/root.json"] {
        for from in kept
            .files
            .keys()
            .filter(|path| !path.starts_with("ledger/tile/"))
        {
            for bytes in [kept.files[from].as_slice(), b""] {
                cases += 1;
                safe.shelf
                    .put(&format!("generation/prod/00000002/{file}"), bytes);
                let made = safe.iam.made.get();
                let failure = safe.rotate(&["prod"]).expect_err("it is refused");
                let found = (failure.class, failure.code);
                assert_eq!(found, (Class::Integrity, "document-planted"), "{from}");
                assert_eq!(safe.iam.made.get(), made, "{from}: a key was made");
                safe.restore(&kept);
            }
        }
    }
    safe.rotate(&["prod"])
        .expect("with nothing there it goes on");
    counted("files planted before a rotation", cases);
}

#[test]
fn no_file_can_be_put_in_the_place_of_another() {
    let (a, b) = (vault_a(), vault_b());
    let mut others: BTreeSet<Vec<u8>> = BTreeSet::new();
    for safe in [&a, &b] {
        let files = safe.shelf.files.borrow();
        let papers = files
            .iter()
            .filter(|(path, _)| !path.starts_with("ledger/tile/"));
        others.extend(papers.map(|(_, bytes)| bytes.clone()));
    }
    let kept = a.keep();
    let mut cases = 0;
    let sealed = a.shelf.under("generation/");
    let seen = a.open(|vault| {
        for other in &others {
            // In the place of all of them at once: each must be named, but the one that it is.
            let mut changed = BTreeMap::new();
            for path in &sealed {
                if kept.files[path] != *other {
                    changed.insert(path, ());
                }
                a.shelf.put(path, other);
            }
            cases += changed.len();
            let found = ops::documents(vault, ops::listed(&a.shelf)?)?;
            let bad: BTreeSet<&String> = found.bad.iter().map(|(path, _)| path).collect();
            assert_eq!(bad, changed.keys().copied().collect());
        }
        Ok(())
    });
    seen.expect("readable");
    a.restore(&kept);
    for path in a.shelf.under("manifest/") {
        for other in others.iter().filter(|other| **other != kept.files[&path]) {
            cases += 1;
            a.shelf.put(&path, other);
            let refused = a.told().err().map(|failure| failure.class);
            assert_eq!(refused, Some(Class::Integrity), "{path}");
        }
        a.restore(&kept);
    }
    counted("files of two vaults in each other's places", cases);
}

/// The life of a vault, and what it was after each step.
fn steps() -> (Safe, Vec<Kept>) {
    let safe = tiny();
    let mut steps = vec![safe.keep()];
    let mut step = |safe: &Safe| steps.push(safe.keep());
    safe.unseal(&["deploy"]).expect("opened");
    step(&safe);
    crate::bytes::close(&safe);
    step(&safe);
    safe.change(&Change::AddCompartment(name("more")))
        .expect("changed");
    step(&safe);
    safe.rotate(&["prod"]).expect("rotated");
    step(&safe);
    safe.pass(7200);
    safe.rotate(&["prod"]).expect("rotated");
    step(&safe);
    (safe, steps)
}

const FOLDERS: [&str; 3] = ["manifest/", "generation/", "ledger/"];

/// Every choice of folders but none.
fn choices() -> impl Iterator<Item = Vec<&'static str>> {
    let chosen = |choice: u8| (0..3).filter(move |bit| choice & (1 << bit) != 0);
    (1..8).map(move |choice| chosen(choice).map(|bit| FOLDERS[bit]).collect())
}

/// The newest vault with some folders as they were at an older step; nothing, if that is the same.
fn mixed(newest: &Kept, older: &Kept, folders: &[&str]) -> Option<Kept> {
    let is_older = |path: &String| folders.iter().any(|folder| path.starts_with(folder));
    let mut kept = newest.clone();
    kept.files.retain(|path, _| !is_older(path));
    let back = older.files.iter().filter(|(path, _)| is_older(path));
    kept.files.extend(back.map(|(p, b)| (p.clone(), b.clone())));
    (kept.files != newest.files).then_some(kept)
}

fn is_same(one: &Kept, other: &Kept, beginning: &str) -> bool {
    let of = |kept: &Kept| {
        let mut files = kept.files.clone();
        files.retain(|path, _| path.starts_with(beginning));
        files
    };
    of(one) == of(other)
}

/// With an anchor every older copy is refused; without one, what does not fit together is, and the rest is
/// never called complete.
#[test]
fn no_older_copy_can_be_put_back() {
    let (safe, steps) = steps();
    let (newest, older) = steps.split_last().expect("steps");
    let fingerprint = chain(&safe).vault();
    let (mut with, mut without, mut unknown) = (0, 0, 0);
    let mut tried: BTreeSet<Files> = BTreeSet::new();
    for older in older {
        for folders in choices() {
            let Some(kept) = mixed(newest, older, &folders) else {
                continue;
            };
            if !tried.insert(kept.files.clone()) {
                continue;
            }
            with += 1;
            safe.restore(&kept);
            if is_same(&kept, newest, "manifest/") && is_same(&kept, newest, "ledger/commit/") {
                told_by_verify(&safe, "document-missing", "generations");
                let refused = safe.unseal(&["deploy"]).err().map(|failure| failure.class);
                assert_eq!(refused, Some(Class::Integrity));
            } else {
                refused_with_anchor(&safe);
            }
            // A station that remembers nothing, with the card from the safe.
            safe.restore(&kept);
            safe.anchor.set(None);
            without += 1;
            let Ok(report) = safe.verify() else {
                continue;
            };
            assert_eq!(report.verified.complete, Completeness::NoAnchor);
            assert!(!report.is_complete());
            if report.documents.failure().is_some() {
                continue;
            }
            // It fits together: an older vault whole, or one whose newest manifest nobody recorded yet.
            assert!(folders.contains(&"ledger/"), "{folders:?}");
            unknown += 1;
            let trusted = safe.in_world(|world| ops::trust(world, fingerprint));
            trusted.expect("it is taken for the newest");
            without_anchor(&safe);
        }
    }
    counted("older copies, with an anchor", with);
    counted("older copies, without an anchor", without);
    counted("of them not told, and not called complete", unknown);
}

/// All commands that remember refuse; `ledger verify` refuses, or says that something is missing.
fn refused_with_anchor(safe: &Safe) {
    let calls = safe.iam.calls.get();
    let refusals = refusals(safe);
    let integrity = |refusal: &Option<_>| matches!(refusal, Some((Class::Integrity, _)));
    assert!(refusals.iter().all(integrity), "{refusals:?}");
    assert_eq!(safe.iam.calls.get(), calls, "AWS was asked");
    if let Ok(report) = safe.verify() {
        assert!(!report.is_complete());
        assert_ne!(report.verified.complete, Completeness::NoAnchor);
    }
}

/// The whole vault replaced by another, of the same people and name.
#[test]
fn no_other_vault_can_be_put_in_its_place() {
    let safe = tiny();
    let other = small();
    let kept = safe.keep();
    let theirs = other.keep();
    let mut cases = 0;
    for folders in choices() {
        let mixed = mixed(&kept, &theirs, &folders).expect("it is another");
        safe.restore(&mixed);
        cases += 1;
        if folders == ["generation/"] {
            assert!(documents(&safe).failure().is_some());
            let refused = safe.unseal(&["deploy"]).err().map(|failure| failure.class);
            assert_eq!(refused, Some(Class::Integrity));
        } else {
            refused_by_all(&safe, &format!("{folders:?}"));
        }
        // Without an anchor, the card tells.
        safe.restore(&mixed);
        safe.anchor.set(None);
        let trusted = safe.in_world(|world| ops::trust(world, chain(&safe).vault()));
        let ours = kept.anchor.expect("an anchor").vault;
        let by_card = safe.in_world(|world| {
            safe.anchor.set(None);
            ops::trust(world, ours)
        });
        let is_theirs = folders.contains(&"manifest/");
        assert!(trusted.is_err() || is_theirs || folders == ["generation/"]);
        assert!(
            by_card.is_err() || folders == ["generation/"],
            "{folders:?}"
        );
        safe.restore(&kept);
    }
    counted("folders of another vault", cases);
}
