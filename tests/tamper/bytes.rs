//! Every byte of every file of a small vault, changed: what is signed or named by the ledger is refused,
//! what is only derived changes nothing and is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use breakglass::format::Manifest;
use breakglass::format::dsse::Envelope;
use breakglass::ledger::{self, Completeness, Ledger, LedgerError};
use breakglass::manifest::Chain;
use breakglass::model::{Class, Failure, Name, Role};
use breakglass::ops::{self, Change, Documents};

use crate::soft::name;
use crate::world::{self, Files, Safe};
use crate::{counted, long};

/// One in so many flips goes through the whole commands, too, and not only to what decides.
const WHOLE: usize = 16;

/// One IC, one BGO, one credential, one generation.
pub fn tiny() -> Safe {
    let people: [world::Member<'_>; 2] = [
        ("alice", Role::Ic, &["alice"]),
        ("bob", Role::Bgo, &["bob"]),
    ];
    let safe = Safe::found("acme", &people, [1, 1, 0]);
    safe.add("deploy", "prod");
    safe.rotate(&["prod"]).expect("rotated");
    safe
}

/// The same with two generations, two manifests, one opening.
pub fn small() -> Safe {
    let safe = tiny();
    safe.change(&Change::AddCompartment(name("more")))
        .expect("changed");
    safe.pass(86_400);
    safe.rotate(&["prod"]).expect("rotated");
    safe.unseal(&["deploy"]).expect("opened");
    safe
}

/// What is put in the place of a byte: in the short form one low and one high bit turned, and another byte
/// that looks right there; in the long form every bit.
fn others(byte: u8) -> Vec<u8> {
    let mut others: Vec<u8> = match long() {
        true => (0..8).map(|bit| byte ^ (1 << bit)).collect(),
        false => vec![byte ^ 0x01, byte ^ 0x80],
    };
    others.push(plausible(byte));
    others
}

/// Another byte of the same kind: the other case, the next digit, another blank.
fn plausible(byte: u8) -> u8 {
    match byte {
        b'\n' => b' ',
        b' ' => b'\n',
        b'a'..=b'z' | b'A'..=b'Z' => byte ^ 0x20,
        b'9' => b'0',
        b'0'..=b'8' => byte + 1,
        b'+' => b'/',
        b'/' => b'+',
        _ => b' ',
    }
}

/// All flips of some bytes, one after the other: its number and what became of the bytes.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let each = bytes.iter().enumerate();
    let all = each.flat_map(|(at, byte)| others(*byte).into_iter().map(move |other| (at, other)));
    all.map(|(at, other)| {
        let mut changed = bytes.to_vec();
        changed[at] = other;
        (at, changed)
    })
    .enumerate()
    .map(|(number, (_, changed))| (number, changed))
}

/// One flip for each byte, of each kind in turn; in the long form all.
fn each_byte(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let kinds = others(0).len();
    flips(bytes).filter(move |(number, _)| long() || number % kinds == number / kinds % kinds)
}

/// The class of a refusal.
pub fn class<T>(result: Result<T, Failure>) -> Option<(Class, &'static str)> {
    result.err().map(|failure| (failure.class, failure.code))
}

/// What `ledger verify` refuses with, if it does: what is not intact, cut off, forked, or not as the ledger
/// names it.
pub fn verdict(safe: &Safe) -> Option<(Class, &'static str)> {
    let report = match safe.verify() {
        Ok(report) => report,
        refused => return class(refused),
    };
    match report.verified.complete {
        Completeness::Missing { .. } => Some((Class::Integrity, "ledger-cut-off")),
        Completeness::Forked { .. } => Some((Class::Integrity, "ledger-forked")),
        _ => report.documents.failure().map(|f| (f.class, f.code)),
    }
}

/// What `status`, `rotate`, `unseal` and `ledger log` refuse with.
pub fn refusals(safe: &Safe) -> Vec<Option<(Class, &'static str)>> {
    vec![
        class(safe.told()),
        class(safe.rotate(&[])),
        class(safe.unseal(&["deploy"])),
        class(safe.log()),
    ]
}

/// Every command that begins with the vault's papers refuses, and nobody asks AWS anything.
pub fn refused_by_all(safe: &Safe, what: &str) {
    let calls = safe.iam.calls.get();
    let anchor = safe.anchor.get();
    let mut refusals = refusals(safe);
    refusals.push(verdict(safe));
    let integrity = |refusal: &Option<_>| matches!(refusal, Some((Class::Integrity, _)));
    assert!(refusals.iter().all(integrity), "{what}: {refusals:?}");
    assert_eq!(safe.iam.calls.get(), calls, "{what}: AWS was asked");
    assert_eq!(safe.anchor.get(), anchor, "{what}: it was remembered");
}

#[test]
fn no_byte_of_a_manifest_can_be_changed() {
    let safe = small();
    let mut chain: Option<Chain> = None;
    let mut cases = 0;
    for path in safe.shelf.under("manifest/") {
        let good = safe.shelf.get(&path);
        let extended = |bytes: &[u8]| {
            let envelope = Envelope::read::<Manifest>(bytes).map_err(|e| e.to_string())?;
            match chain.clone() {
                None => Chain::verify(&[envelope]).map_err(|e| e.to_string()),
                Some(mut chain) => {
                    let extended = chain.extend(&envelope).map_err(|e| e.to_string());
                    extended.map(|()| chain)
                }
            }
        };
        for (number, changed) in flips(&good) {
            cases += 1;
            assert!(extended(&changed).is_err(), "flip {number} of {path}");
            if number % (WHOLE * 16) == 0 {
                safe.shelf.put(&path, &changed);
                refused_by_all(&safe, &format!("flip {number} of {path}"));
            }
        }
        safe.shelf.put(&path, &good);
        chain = Some(extended(&good).expect("good"));
    }
    safe.told().expect("as it was");
    counted("bytes of manifests", cases);
}

#[test]
fn no_byte_of_a_commit_can_be_changed() {
    let safe = small();
    let vault = safe.anchor.get().expect("an anchor").vault;
    let all = safe.shelf.under("ledger/commit/");
    let commits: Vec<Vec<u8>> = all.iter().map(|path| safe.shelf.get(path)).collect();
    // What follows is put back one by one: each is checked against the ledger before it.
    all.iter().for_each(|path| safe.shelf.remove(path));
    let mut ledger = Ledger::open(&safe.shelf, vault).expect("empty");
    let mut refresh = || ledger.refresh(|_| Ok::<(), LedgerError>(()));
    let mut cases = 0;
    for (path, good) in all.iter().zip(&commits) {
        for (number, changed) in each_byte(good) {
            cases += 1;
            safe.shelf.put(path, &changed);
            let found = refresh();
            assert!(
                matches!(found, Err(LedgerError::Corrupt { .. })),
                "flip {number} of {path}: {found:?}"
            );
        }
        safe.shelf.put(path, good);
        refresh().expect("good");
    }
    // The same through the commands, for fewer of them.
    for (path, good) in all.iter().zip(&commits) {
        for (number, changed) in flips(good).filter(|(number, _)| number % (WHOLE * 32) == 0) {
            safe.shelf.put(path, &changed);
            refused_by_all(&safe, &format!("flip {number} of {path}"));
        }
        safe.shelf.put(path, good);
    }
    safe.told().expect("as it was");
    counted("bytes of commits", cases);
}

#[test]
fn no_byte_of_what_is_opened_can_be_changed() {
    let safe = small();
    let mut cases = 0;
    for file in ["header.json", "record/deploy.json"] {
        let path = format!("generation/prod/00000002/{file}");
        let good = safe.shelf.get(&path);
        let opened = safe.open(|vault| {
            for (number, changed) in each_byte(&good) {
                cases += 1;
                safe.shelf.put(&path, &changed);
                let refused = class(world::unseal(vault, &["deploy"]));
                assert!(
                    matches!(refused, Some((Class::Integrity, _))),
                    "flip {number} of {path}: {refused:?}"
                );
            }
            Ok(())
        });
        opened.expect("the vault itself is good");
        safe.shelf.put(&path, &good);
    }
    safe.unseal(&["deploy"]).expect("as it was");
    counted("bytes of the header and record that are opened", cases);
}

/// What `ledger verify` says of the sealed documents.
pub fn documents(safe: &Safe) -> Documents {
    safe.open(|vault| ops::documents(vault, ops::listed(&safe.shelf)?))
        .expect("readable")
}

#[test]
fn no_byte_of_any_sealed_document_can_be_changed_unseen() {
    let safe = small();
    let paths = safe.shelf.under("generation/");
    let good: Vec<Vec<u8>> = paths.iter().map(|path| safe.shelf.get(path)).collect();
    assert_eq!(documents(&safe).good, 4);
    let mut flips: Vec<_> = good.iter().map(|bytes| flips(bytes)).collect();
    let mut cases = 0;
    // All of them at once: each must be named.
    let seen = safe.open(|vault| {
        loop {
            let mut changed = BTreeSet::new();
            for ((path, flips), good) in paths.iter().zip(&mut flips).zip(&good) {
                let next = flips.next();
                changed.extend(next.is_some().then_some(path.as_str()));
                safe.shelf.put(path, next.as_ref().map_or(good, |(_, b)| b));
            }
            if changed.is_empty() {
                return Ok(());
            }
            cases += changed.len();
            let found = ops::documents(vault, ops::listed(&safe.shelf)?)?;
            let bad: BTreeSet<&str> = found.bad.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(bad, changed);
            assert_eq!(found.good + bad.len() as u64, 4);
        }
    });
    seen.expect("readable");
    counted(
        "bytes of all headers and records, by `ledger verify`",
        cases,
    );
    // And `rotate` depends on none of them: it makes a new generation, which opens.
    let kept = safe.keep();
    for path in &paths {
        let mut bytes = safe.shelf.get(path);
        bytes[700] ^= 1;
        safe.shelf.put(path, &bytes);
        safe.pass(86_400);
        safe.iam.made.set(100);
        let opened = close_and_rotate(&safe);
        assert_eq!(opened, "AKIA0000000000000101", "{path}");
        let failure = documents(&safe).failure().expect("it is told");
        assert_eq!(failure.class, Class::Integrity, "{path}");
        safe.restore(&kept);
    }
}

/// Closes what is open, which rotates.
pub fn close(safe: &Safe) {
    let closed = safe.open(|vault| {
        let live = |(name, incident): (&Name, &ledger::IncidentState)| {
            incident.is_live().then(|| name.clone())
        };
        let name = vault.state().incidents.iter().find_map(live);
        let name = name.expect("an incident");
        ops::close(vault, &safe.cloud(), &name, &mut world::Crew).map(drop)
    });
    closed.expect("closed");
}

/// The same, and opens what is new: its key.
fn close_and_rotate(safe: &Safe) -> String {
    close(safe);
    let opened = safe.unseal(&["deploy"]).expect("the new one opens");
    let (key, secret) = &opened[0];
    assert_eq!(*secret, world::secret_of(&key.parse().expect("an id")));
    key.clone()
}

#[test]
fn no_byte_of_a_record_that_a_dead_run_left_can_be_changed() {
    let safe = small();
    // As after a crash between the storing of the record and the entry that it is sealed.
    let sealed = |path: &String| {
        let bytes = safe.shelf.get(path);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.contains("key-sealed") && text.contains("AKIA0000000000000002")
    };
    let commits = safe.shelf.under("ledger/commit/");
    let cut = commits.iter().position(sealed).expect("it was sealed");
    commits[cut..]
        .iter()
        .for_each(|path| safe.shelf.remove(path));
    safe.anchor.set(None);
    let fingerprint = chain(&safe).vault();
    safe.in_world(|world| ops::trust(world, fingerprint))
        .expect("trusted");
    let kept = safe.keep();
    let path = "generation/prod/00000002/record/deploy.json";
    let good = safe.shelf.get(path);
    let mut cases = 0;
    let request = ops::RotateRequest::default();
    let (made, cloud) = (safe.iam.made.get(), safe.cloud());
    let tried = safe.open(|vault| {
        for (number, changed) in each_byte(&good) {
            cases += 1;
            safe.shelf.put(path, &changed);
            let rotated = ops::rotate(vault, &cloud, &request, &mut world::Crew)?;
            let refused = rotated.failure().map(|failure| failure.class);
            assert_eq!(refused, Some(Class::Integrity), "flip {number}");
            assert_eq!(safe.iam.made.get(), made, "flip {number}: a key was made");
        }
        Ok(())
    });
    tried.expect("the vault itself is good");
    safe.restore(&kept);
    // Unchanged, the run goes on with it.
    safe.rotate(&["prod"]).expect("rotated");
    assert_eq!(documents(&safe).good, 6);
    counted("bytes of a record that a dead run left", cases);
}

/// The manifests that lie there.
pub fn chain(safe: &Safe) -> Arc<Chain> {
    let read = |path: &String| Envelope::read::<Manifest>(&safe.shelf.get(path)).expect("one");
    let all: Vec<Envelope> = safe.shelf.under("manifest/").iter().map(read).collect();
    Arc::new(Chain::verify(&all).expect("good"))
}

#[test]
fn no_byte_of_what_is_derived_matters_and_none_is_passed_over() {
    let safe = tiny();
    let kept = safe.keep();
    let told = safe.told().expect("good");
    let vault = safe.anchor.get().expect("an anchor").vault;
    // What must be there, and the older partial tiles that are still there: those are told by these.
    let newest = ledger::verify(&safe.shelf, &vault, &[]).expect("intact");
    let last = format!("/{}", newest.entries);
    let mut paths = safe.shelf.under("ledger/tile/");
    paths.push("ledger/checkpoint".to_owned());
    let must = |path: &String| path.ends_with(&last) || path.ends_with("checkpoint");
    let (must, older): (Vec<String>, Vec<String>) = paths.into_iter().partition(must);
    assert_eq!(must.len(), 3);
    let mut cases = 0;
    for group in [must, older] {
        let longest = group.iter().map(|path| kept.files[path].len()).max();
        for at in 0..longest.unwrap_or(0) {
            for changed in change_all(&safe, &kept.files, &group, at) {
                cases += changed.len();
                let found = ledger::verify(&safe.shelf, &vault, &[]).expect("intact");
                let all = found.derived.wrong.iter().chain(&found.derived.odd);
                let named: BTreeSet<&str> = all.map(|key| key.as_str()).collect();
                assert_eq!(named, changed, "byte {at}");
                if at % WHOLE == 0 {
                    assert_eq!(safe.told().expect("good"), told, "byte {at}");
                }
            }
            safe.restore(&kept);
        }
    }
    counted("bytes of tiles, bundles and the plain checkpoint", cases);
}

/// Changes this byte of all these files at once, in each of the ways; gives the files that have it.
fn change_all<'p>(
    safe: &'p Safe,
    good: &'p Files,
    paths: &'p [String],
    at: usize,
) -> impl Iterator<Item = BTreeSet<&'p str>> {
    let kinds = others(0).len();
    let chosen = if long() {
        0..kinds
    } else {
        at % kinds..at % kinds + 1
    };
    chosen.map(move |kind| {
        let mut changed = BTreeSet::new();
        for path in paths {
            let mut bytes = good[path].clone();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = others(*byte)[kind];
                changed.insert(path.as_str());
            }
            safe.shelf.put(path, &bytes);
        }
        changed
    })
}
