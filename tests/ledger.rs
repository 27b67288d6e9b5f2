//! The ledger on real files: appending, racing, being killed, being tampered with.

mod child;
#[path = "ledger/derived.rs"]
mod derived;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::Duration;

use breakglass::ledger::{
    Anchor, COMMIT_MAX, Completeness, ENTRY_MAX, Head, Ledger, LedgerError, LedgerSigner, origin,
    verify,
};
use breakglass::model::Digest;
use breakglass::ports::{Held, Store, StoreError, StoreKey};
use breakglass::secret::SigningSeed;
use breakglass::store::DirStore;
use tlog_tiles::{Hash, Tile, TileHashReader, TileReader};

const VAULT: Digest = Digest([0xab; 32]);

fn vault() -> (tempfile::TempDir, PathBuf, DirStore) {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("vault");
    let store = DirStore::found(&path).unwrap();
    (guard, path, store)
}

fn seed(of: u8) -> SigningSeed {
    SigningSeed::filled(|bytes| bytes.fill(of))
}

fn signer(seed: &SigningSeed) -> LedgerSigner<'_> {
    LedgerSigner::new("station-ab12cd34".parse().unwrap(), seed)
}

fn entry(text: impl std::fmt::Display) -> Vec<u8> {
    format!("{{\"event\":\"{text}\"}}").into_bytes()
}

/// Appends commits of these numbers of entries; the heads after each.
fn grow(store: &dyn Store, sizes: &[usize]) -> Vec<Head> {
    let seed = seed(1);
    let mut ledger = Ledger::open(store, VAULT).unwrap();
    let append = |size: &usize| {
        let first = ledger.head().size;
        let entries: Vec<_> = (first..first + *size as u64).map(entry).collect();
        ledger.append(&entries, &signer(&seed)).unwrap()
    };
    sizes.iter().map(append).collect()
}

/// All entries, by a walk that checks everything.
fn entries(store: &dyn Store) -> Result<Vec<String>, LedgerError> {
    let mut all = Vec::new();
    Ledger::replay(store, VAULT, |at| {
        assert_eq!(at.index, all.len() as u64);
        all.push(String::from_utf8(at.bytes.to_vec()).unwrap());
        Ok::<(), LedgerError>(())
    })?;
    Ok(all)
}

/// The entries 0 to `count` as [`grow`] writes them.
fn grown(count: u64) -> Vec<String> {
    (0..count)
        .map(|n| String::from_utf8(entry(n)).unwrap())
        .collect()
}

fn commit_path(vault: &Path, number: u64) -> PathBuf {
    vault.join(format!("ledger/commit/{number:012}"))
}

fn intact(store: &dyn Store) -> breakglass::ledger::Verified {
    verify(store, &VAULT, &[]).unwrap()
}

#[test]
fn what_is_appended_is_read_and_verified() {
    let (_guard, path, store) = vault();
    let empty = Ledger::open(&store, VAULT).unwrap().head();
    assert_eq!((empty.commit, empty.size), (0, 0));
    assert_eq!(
        empty.root.to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let nothing = intact(&store);
    assert_eq!((nothing.commits, nothing.checkpoint_ahead), (0, None));
    assert!(nothing.derived.is_ok(), "{:?}", nothing.derived);
    let heads = grow(&store, &[1, 2, 1, 256, 3]);
    assert_eq!(
        heads.iter().map(|h| h.size).collect::<Vec<_>>(),
        [1, 3, 4, 260, 263]
    );
    assert_eq!(Ledger::open(&store, VAULT).unwrap().head(), heads[4]);
    assert_eq!(entries(&store).unwrap(), grown(263));
    let verified = intact(&store);
    assert_eq!(verified.head, heads[4]);
    assert_eq!((verified.entries, verified.commits), (263, 5));
    assert!(verified.derived.is_ok(), "{:?}", verified.derived);
    assert_eq!(verified.complete, Completeness::NoAnchor);
    assert_eq!(verified.checkpoint_ahead, None);
    assert_eq!(verified.signers.len(), 1);
    assert_eq!(verified.signers[0].commits, 5);
    assert_eq!(verified.signers[0].key, *signer(&seed(1)).public_key());
    // The full tile and bundle have taken the place of their partial forms.
    assert!(path.join("ledger/tile/0/000").exists());
    assert!(
        fs::read_dir(path.join("ledger/tile/0/000.p"))
            .unwrap()
            .next()
            .is_none()
    );
    assert!(
        fs::read_dir(path.join("ledger/tile/entries/000.p"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn a_commit_is_written_as_documented() {
    let (_guard, path, store) = vault();
    grow(&store, &[2]);
    let bytes = fs::read(commit_path(&path, 1)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "breakglass-ledger-commit/v1");
    assert_eq!(lines[2], format!("breakglass/{VAULT}"));
    assert_eq!(lines[3], "2");
    assert!(lines[5].starts_with("signer station-ab12cd34 "));
    assert_eq!(lines[6], "");
    assert!(lines[7].starts_with(&format!("— breakglass/{VAULT}/station-ab12cd34 ")));
    assert_eq!(lines[8], "\0\u{d}{\"event\":\"0\"}\0\u{d}{\"event\":\"1\"}");
    let note_length: usize = lines[2..8].iter().map(|line| line.len() + 1).sum();
    assert_eq!(lines[1], format!("1 {note_length} 2"));
}

#[test]
fn an_append_needs_the_head_that_it_was_decided_on() {
    let (_guard, _path, store) = vault();
    let seed = seed(1);
    let mut ours = Ledger::open(&store, VAULT).unwrap();
    let mut theirs = Ledger::open(&store, VAULT).unwrap();
    let start = ours.head();
    let first = theirs
        .append_at(&start, &[entry("a")], &signer(&seed))
        .unwrap();
    let late = ours.append_at(&start, &[entry("b")], &signer(&seed));
    assert_eq!(late, Err(LedgerError::Moved));
    let mut seen = Vec::new();
    let head = ours.refresh(|at| {
        seen.push(at.bytes.to_vec());
        Ok::<(), LedgerError>(())
    });
    assert_eq!(head, Ok(first));
    assert_eq!(seen, [entry("a")]);
    ours.append_at(&first, &[entry("b")], &signer(&seed))
        .unwrap();
    // Without such a wish, it goes behind whatever is there.
    let head = theirs.append(&[entry("c")], &signer(&seed)).unwrap();
    assert_eq!((head.commit, head.size), (3, 3));
    let wanted = ["a", "b", "c"].map(|t| String::from_utf8(entry(t)).unwrap());
    assert_eq!(entries(&store).unwrap(), wanted);
    assert!(intact(&store).derived.is_ok());
}

#[test]
fn what_cannot_be_a_commit_is_refused_and_changes_nothing() {
    let (_guard, path, store) = vault();
    let seed = seed(1);
    let mut ledger = Ledger::open(&store, VAULT).unwrap();
    let most = vec![b'x'; ENTRY_MAX];
    let too_much = COMMIT_MAX / ENTRY_MAX + 1;
    for bad in [
        vec![],
        vec![vec![]],
        vec![vec![b'x'; ENTRY_MAX + 1]],
        vec![vec![0xff]],
        vec![b"x".to_vec(); 257],
        vec![most.clone(); too_much],
    ] {
        let result = ledger.append(&bad, &signer(&seed));
        assert!(matches!(result, Err(LedgerError::Refused(_))), "{result:?}");
    }
    assert!(!path.join("ledger").exists());
    ledger
        .append(&vec![most; too_much - 2], &signer(&seed))
        .unwrap();
    assert_eq!(entries(&store).unwrap().len(), too_much - 2);
}

#[test]
fn eight_threads_lose_no_entry_and_make_no_fork() {
    let (_guard, _path, store) = vault();
    std::thread::scope(|scope| {
        for me in 0..8 {
            let store = &store;
            scope.spawn(move || append_many(store, me));
        }
    });
    all_are_there(&store, 8);
}

#[test]
fn processes_lose_no_entry_and_make_no_fork() {
    let (_guard, path, store) = vault();
    let writers: Vec<_> = (0..5)
        .map(|me| {
            child::child("child_ledger", &path, &format!("append {me}"))
                .spawn()
                .unwrap()
        })
        .collect();
    for mut writer in writers {
        assert_eq!(writer.wait().unwrap().code(), Some(0));
    }
    all_are_there(&store, 5);
}

const EACH: usize = 12;

fn append_many(store: &dyn Store, me: u8) {
    let seed = seed(me + 1);
    let mut ledger = Ledger::open(store, VAULT).unwrap();
    for n in 0..EACH {
        let entries: Vec<_> = (0..3)
            .map(|part| entry(format!("{me}-{n}-{part}")))
            .collect();
        let head = ledger.append(&entries, &signer(&seed)).unwrap();
        assert_eq!(head, ledger.head());
    }
}

/// Every writer's entries, each once, in the order in which it wrote them, each signed by it.
fn all_are_there(store: &dyn Store, writers: u8) {
    let mut of = vec![Vec::new(); usize::from(writers)];
    Ledger::replay(store, VAULT, |at| {
        let text = String::from_utf8(at.bytes.to_vec()).unwrap();
        let me = (0..writers)
            .find(|me| text.contains(&format!("\"{me}-")))
            .unwrap();
        assert_eq!(at.signer_key, signer(&seed(me + 1)).public_key());
        of[usize::from(me)].push(text);
        Ok::<(), LedgerError>(())
    })
    .unwrap();
    for (me, found) in of.iter().enumerate() {
        let wanted: Vec<_> = (0..EACH)
            .flat_map(|n| (0..3).map(move |part| (n, part)))
            .map(|(n, part)| String::from_utf8(entry(format!("{me}-{n}-{part}"))).unwrap())
            .collect();
        assert_eq!(*found, wanted);
    }
    // Whoever comes next leaves everything derived right.
    grow(store, &[1]);
    let verified = intact(store);
    assert_eq!(verified.commits, u64::from(writers) * EACH as u64 + 1);
    assert_eq!(verified.signers.len(), usize::from(writers));
    assert!(verified.derived.is_ok(), "{:?}", verified.derived);
}

#[test]
fn a_writer_killed_at_any_system_call_leaves_the_old_or_the_new_ledger() {
    if !child::has_strace() {
        return;
    }
    let mut seen = [0, 0];
    for call in [
        "openat",
        "linkat",
        "fsync",
        "write",
        "renameat",
        "renameat2",
        "unlinkat",
        "mkdirat",
    ] {
        for when in 1.. {
            let (_guard, path, store) = vault();
            // The next commit fills the first tile and begins the second.
            grow(&store, &[250, 5]);
            let inject = format!("{call}:signal=KILL:when={when}");
            let status = child::child_under_strace("child_ledger", &path, "one 3", &inject)
                .status()
                .unwrap();
            let there = entries(&store).unwrap();
            let new = there.len() == 258;
            assert!(
                there == grown(255) || there == grown(258),
                "{inject}: {}",
                there.len()
            );
            if !child::was_killed(status) {
                assert_eq!(status.code(), Some(0), "{inject}");
                assert!(new);
                break;
            }
            seen[usize::from(new)] += 1;
            grow(&store, &[2]);
            let verified = intact(&store);
            assert_eq!(verified.entries, if new { 260 } else { 257 });
            assert!(verified.derived.is_ok(), "{inject}: {:?}", verified.derived);
        }
    }
    assert!(
        seen[0] > 5 && seen[1] > 5,
        "{seen:?}: too few points were hit"
    );
}

#[test]
fn a_writer_killed_at_any_moment_leaves_the_old_or_the_new_ledger() {
    let (_guard, path, store) = vault();
    let commits = || {
        store
            .list(&StoreKey::new("ledger/commit").unwrap())
            .unwrap()
            .len()
    };
    let mut before = 0;
    for round in 0..15_u64 {
        let mut writer = child::child("child_ledger", &path, "forever")
            .spawn()
            .unwrap();
        while commits() < before + 3 {
            assert_eq!(writer.try_wait().unwrap(), None);
            std::thread::sleep(Duration::from_micros(100));
        }
        std::thread::sleep(Duration::from_micros(500 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let there = entries(&store).unwrap();
        assert_eq!(there, grown(there.len() as u64));
        assert!(there.len() >= before + 3);
        before = there.len();
    }
    grow(&store, &[1]);
    assert!(intact(&store).derived.is_ok());
}

/// What is done to the derived objects.
fn spoil_derived(path: &Path, how: &str) {
    let folder = path.join("ledger/tile");
    match how {
        "nothing" => {}
        "all gone" => {
            fs::remove_dir_all(folder).unwrap();
            fs::remove_file(path.join("ledger/checkpoint")).unwrap();
        }
        "all garbled" => {
            garble(&folder);
            fs::write(path.join("ledger/checkpoint"), "garbage").unwrap();
        }
        "all emptied" => empty(&folder),
        "the last tile gone" => fs::remove_dir_all(folder.join("0/001.p")).unwrap(),
        "the bundles garbled" => garble(&folder.join("entries")),
        "the bundles gone" => fs::remove_dir_all(folder.join("entries")).unwrap(),
        _ => panic!("{how}"),
    }
}

fn every_file(folder: &Path, deed: &dyn Fn(&Path)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => every_file(&entry.path(), deed),
            false => deed(&entry.path()),
        }
    }
}

fn garble(folder: &Path) {
    every_file(folder, &|file| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    });
}

fn empty(folder: &Path) {
    every_file(folder, &|file| fs::write(file, b"").unwrap());
}

/// A bundle as its documentation says: each entry with its length before it.
fn bundle(entries: std::ops::Range<u64>) -> Vec<u8> {
    let framed = |n| {
        let bytes = entry(n);
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length[..], &bytes].concat()
    };
    entries.flat_map(framed).collect()
}

#[test]
fn bundles_lie_where_others_look_for_them_whoever_wrote_which() {
    let (_guard, path, store) = vault();
    // Each `grow` is another process: it begins within a bundle, at its end, and behind it.
    for sizes in [&[100_usize, 100][..], &[56], &[1, 255], &[256], &[30, 2]] {
        grow(&store, sizes);
    }
    let tile = |name: &str| fs::read(path.join("ledger/tile/entries").join(name)).unwrap();
    assert_eq!(tile("000"), bundle(0..256));
    assert_eq!(tile("001"), bundle(256..512));
    assert_eq!(tile("002"), bundle(512..768));
    assert_eq!(tile("003.p/32"), bundle(768..800));
}

#[test]
fn losing_what_is_derived_loses_nothing() {
    let sizes = [
        200, 100, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ];
    for how in [
        "nothing",
        "all gone",
        "all garbled",
        "all emptied",
        "the last tile gone",
        "the bundles gone",
        "the bundles garbled",
    ] {
        let (_guard, path, store) = vault();
        let head = *grow(&store, &sizes).last().unwrap();
        spoil_derived(&path, how);
        assert_eq!(Ledger::open(&store, VAULT).unwrap().head(), head, "{how}");
        assert_eq!(entries(&store).unwrap(), grown(head.size), "{how}");
        let verified = intact(&store);
        assert_eq!(
            verified.derived.is_ok(),
            how == "nothing",
            "{how}: {:?}",
            verified.derived
        );
        assert_eq!(
            verified.derived.missing.is_empty(),
            !how.ends_with("gone"),
            "{how}"
        );
        let is_wrong = how.ends_with("garbled") || how.ends_with("emptied");
        assert_eq!(verified.derived.wrong.is_empty(), !is_wrong, "{how}");
        let after = grow(&store, &[1])[0];
        assert_eq!(after.size, head.size + 1, "{how}");
        assert_eq!(entries(&store).unwrap(), grown(after.size), "{how}");
        let mut ledger = Ledger::open(&store, VAULT).unwrap();
        let mended = ledger.repair().unwrap();
        // An append looks at the end only, and leaves no damage there.
        let left: Vec<_> = mended
            .missing
            .iter()
            .chain(&mended.wrong)
            .map(StoreKey::as_str)
            .collect();
        match how.starts_with("the bundles") {
            true => assert_eq!(left, ["ledger/tile/entries/000"], "{how}"),
            false => assert_eq!(left, [""; 0], "{how}"),
        }
        assert!(intact(&store).derived.is_ok(), "{how}");
        ledger
            .append(&[entry(after.size)], &signer(&seed(1)))
            .unwrap();
        let derived = intact(&store).derived;
        assert!(derived.is_ok(), "{how}");
        // What is written anew lies where it belongs, and nowhere else.
        assert!(is_wrong || derived.odd.is_empty(), "{how}: {derived:?}");
    }
}

#[test]
fn no_byte_of_a_commit_can_be_changed() {
    let (_guard, path, store) = vault();
    grow(&store, &[2, 1]);
    for number in 1..=2 {
        let file = commit_path(&path, number);
        let right = fs::read(&file).unwrap();
        for at in 0..right.len() {
            let mut wrong = right.clone();
            wrong[at] ^= 1 << (at % 8);
            fs::write(&file, &wrong).unwrap();
            match verify(&store, &VAULT, &[]) {
                Err(LedgerError::Corrupt { commit, reason }) => {
                    assert_eq!(commit, number, "byte {at}: {reason}");
                }
                other => panic!("byte {at} of commit {number}: {other:?}"),
            }
        }
        for length in 0..right.len() {
            fs::write(&file, &right[..length]).unwrap();
            refuses(&store, number);
        }
        fs::write(&file, [right.as_slice(), b"\0\x01x"].concat()).unwrap();
        refuses(&store, number);
        fs::write(&file, &right).unwrap();
    }
    assert!(verify(&store, &VAULT, &[]).is_ok());
    let other = Digest([0xac; 32]);
    assert!(matches!(
        verify(&store, &other, &[]),
        Err(LedgerError::Corrupt { commit: 1, .. })
    ));
}

/// The commits of a long ledger are decoded in threads, ahead of the walk: what is told is what one commit after
/// the other tells, and of two faults the first.
#[test]
fn a_long_ledger_is_told_of_as_if_read_commit_by_commit() {
    let (_guard, path, store) = vault();
    // Each of these will read one commit after the other.
    let mut readers: Vec<Ledger<'_>> = Vec::new();
    readers.resize_with(6, || Ledger::open(&store, VAULT).unwrap());
    let sizes: Vec<usize> = (0..290)
        .map(|n| if n % 100 == 7 { 256 } else { 1 })
        .collect();
    let head = *grow(&store, &sizes).last().unwrap();
    let verified = intact(&store);
    assert_eq!((verified.head, verified.commits), (head, 290));
    assert!(verified.derived.is_ok(), "{:?}", verified.derived);
    assert_eq!(entries(&store).unwrap(), grown(head.size));
    for number in [1, 33, 257] {
        let files = [number, 290].map(|number| commit_path(&path, number));
        let right = files.each_ref().map(|file| fs::read(file).unwrap());
        // At the end of the last entry, and in the first line.
        for at in [right[0].len() - 1, 3] {
            for (file, right) in files.iter().zip(&right) {
                let mut wrong = right.clone();
                wrong[at.min(right.len() - 1)] ^= 1;
                fs::write(file, wrong).unwrap();
            }
            refuses(&store, number);
            let read = readers
                .pop()
                .unwrap()
                .refresh(|_| Ok::<(), LedgerError>(()));
            assert_eq!(verify(&store, &VAULT, &[]).err(), read.err());
        }
        for (file, right) in files.iter().zip(&right) {
            fs::write(file, right).unwrap();
        }
    }
    assert_eq!(intact(&store), verified);
}

fn refuses(store: &dyn Store, number: u64) {
    match verify(store, &VAULT, &[]) {
        Err(LedgerError::Corrupt { commit, .. }) if commit == number => {}
        other => panic!("commit {number}: {other:?}"),
    }
}

#[test]
fn commits_can_be_neither_removed_nor_moved_nor_slipped_in() {
    let (_guard, path, store) = vault();
    grow(&store, &[1, 1, 1, 1]);
    let right: Vec<Vec<u8>> = (1..=4)
        .map(|n| fs::read(commit_path(&path, n)).unwrap())
        .collect();
    let restore = || {
        for (n, bytes) in (1..).zip(&right) {
            fs::write(commit_path(&path, n), bytes).unwrap();
        }
    };
    for gone in 1..=3 {
        fs::remove_file(commit_path(&path, gone)).unwrap();
        refuses(&store, gone);
        assert!(matches!(
            Ledger::open(&store, VAULT),
            Err(LedgerError::Corrupt { .. })
        ));
        restore();
    }
    // Swapped, with the numbers inside set right.
    let renumbered = |bytes: &[u8], from: u64, to: u64| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.replacen(&format!("\n{from} "), &format!("\n{to} "), 1)
    };
    fs::write(commit_path(&path, 2), renumbered(&right[2], 3, 2)).unwrap();
    fs::write(commit_path(&path, 3), renumbered(&right[1], 2, 3)).unwrap();
    refuses(&store, 2);
    restore();
    // The newest left out, the one before it renumbered: opening notices it too.
    fs::write(commit_path(&path, 3), renumbered(&right[3], 4, 3)).unwrap();
    fs::remove_file(commit_path(&path, 4)).unwrap();
    refuses(&store, 3);
    assert!(matches!(
        Ledger::open(&store, VAULT),
        Err(LedgerError::Corrupt { commit: 3, .. })
    ));
    restore();
    // A good commit of another history of the same vault.
    let (_other_guard, other_path, other) = vault();
    let seed = seed(2);
    let mut theirs = Ledger::open(&other, VAULT).unwrap();
    for n in 0..2 {
        theirs
            .append(&[entry(format!("else {n}"))], &signer(&seed))
            .unwrap();
    }
    fs::copy(commit_path(&other_path, 2), commit_path(&path, 2)).unwrap();
    refuses(&store, 2);
    restore();
    fs::write(path.join("ledger/commit/000000000005.bak"), b"").unwrap();
    assert!(matches!(
        verify(&store, &VAULT, &[]),
        Err(LedgerError::Stray(_))
    ));
    fs::remove_file(path.join("ledger/commit/000000000005.bak")).unwrap();
    fs::File::create(commit_path(&path, 5))
        .unwrap()
        .set_len(COMMIT_MAX as u64 + 1)
        .unwrap();
    refuses(&store, 5);
    fs::remove_file(commit_path(&path, 5)).unwrap();
    assert_eq!(intact(&store).commits, 4);
}

#[test]
fn intact_and_complete_are_told_apart() {
    let (_guard, path, store) = vault();
    let heads = grow(&store, &[3, 2, 4]);
    let anchors: Vec<Anchor> = heads.iter().copied().map(Anchor::from).collect();
    let verdict = |anchors: &[Anchor]| verify(&store, &VAULT, anchors).unwrap().complete;
    assert_eq!(verdict(&[]), Completeness::NoAnchor);
    assert_eq!(
        verdict(&anchors),
        Completeness::Complete { newest: anchors[2] }
    );
    assert_eq!(
        verdict(&anchors[..1]),
        Completeness::Complete { newest: anchors[0] }
    );
    let empty = Anchor::from(Head::default());
    assert_eq!(verdict(&[empty]), Completeness::Complete { newest: empty });
    // A root that it never had, at a size between two commits and at none.
    for size in [0, 4, 9] {
        let forked = Anchor {
            size,
            root: Digest([1; 32]),
        };
        let found = verdict(&[anchors[0], forked]);
        assert!(
            matches!(found, Completeness::Forked { anchor, .. } if anchor == forked),
            "{found:?}"
        );
    }
    // The tail cut off: still intact, and only the anchor (or the derived checkpoint) tells.
    fs::remove_file(commit_path(&path, 3)).unwrap();
    let cut = verify(&store, &VAULT, &anchors).unwrap();
    assert_eq!(cut.complete, Completeness::Missing { anchor: anchors[2] });
    assert_eq!(cut.head, heads[1]);
    assert_eq!(cut.checkpoint_ahead, Some(anchors[2]));
    assert_eq!(verdict(&[]), Completeness::NoAnchor);
    fs::remove_file(path.join("ledger/checkpoint")).unwrap();
    assert_eq!(intact(&store).checkpoint_ahead, None);
    // Another tail in its place.
    let other = seed(3);
    let mut ledger = Ledger::open(&store, VAULT).unwrap();
    ledger
        .append(&["w", "x", "y", "z"].map(entry), &signer(&other))
        .unwrap();
    let found = verdict(&anchors);
    assert!(
        matches!(found, Completeness::Forked { anchor, .. } if anchor == anchors[2]),
        "{found:?}"
    );
}

#[test]
fn an_entry_between_two_commits_can_be_anchored() {
    let (_guard, _path, one) = vault();
    let (_guard2, _path2, other) = vault();
    let middle = grow(&one, &[5])[0];
    grow(&other, &[9]);
    let verified = verify(&other, &VAULT, &[middle.into()]).unwrap();
    assert_eq!(
        verified.complete,
        Completeness::Complete {
            newest: middle.into()
        }
    );
}

/// Somebody else's reader: it knows the layout of C2SP tlog-tiles and nothing of ours.
struct Reader<'p>(&'p Path);

impl TileReader for Reader<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // The crate spells tile/8/L/N, as Go's checksum database does; the specification tile/L/N.
        let read = |tile: &Tile| {
            let name = tile.path().replacen("tile/8/", "tile/", 1);
            fs::read(self.0.join("ledger").join(name)).map_err(|_| tlog_tiles::Error::InvalidTile)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn other_peoples_readers_can_prove_every_entry() {
    let (_guard, path, store) = vault();
    grow(&store, &[256, 44, 1]);
    let bytes = fs::read(path.join("ledger/checkpoint")).unwrap();
    let name = format!("{}/station-ab12cd34", origin(&VAULT));
    let key = ed25519_dalek::VerifyingKey::from_bytes(signer(&seed(1)).public_key()).unwrap();
    let known =
        signed_note::StandardVerifier::new(&signed_note::new_ed25519_verifier_key(&name, &key));
    let note = signed_note::Note::from_bytes(&bytes).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(known.unwrap())]);
    assert_eq!(note.verify(&list).unwrap().0.len(), 1);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(
        (checkpoint.size(), checkpoint.origin()),
        (301, origin(&VAULT).as_str())
    );

    let (size, root): (u64, Hash) = (checkpoint.size(), *checkpoint.hash());
    let files = Reader(&path);
    let hashes = TileHashReader::new(size, root, &files);
    let bundles = [("000", 256_u64), ("001.p/45", 45)];
    let mut index = 0;
    for (name, count) in bundles {
        let bundle = fs::read(path.join("ledger/tile/entries").join(name)).unwrap();
        let mut rest = bundle.as_slice();
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            let leaf = tlog_tiles::record_hash(&rest[2..2 + length]);
            rest = &rest[2 + length..];
            let proof = tlog_tiles::prove_record(size, index, &hashes).unwrap();
            tlog_tiles::check_record(&proof, size, root, index, leaf).unwrap();
            index += 1;
        }
        assert!(rest.is_empty());
    }
    // And that the ledger only ever grew.
    let old = grow(&vault().2, &[256])[0];
    let proof = tlog_tiles::prove_tree(size, old.size, &hashes).unwrap();
    tlog_tiles::check_tree(&proof, size, root, old.size, Hash(old.root.0)).unwrap();
}

/// A store whose answers get lost, or which does not let itself be asked.
struct Lossy<'s> {
    inner: &'s DirStore,
    /// Whether the commit is made before the answer is lost.
    made: bool,
    /// Whether somebody else makes one just before.
    rival: bool,
    blind: std::cell::Cell<bool>,
    readable: bool,
    derivable: bool,
}

impl<'s> Lossy<'s> {
    fn new(inner: &'s DirStore) -> Self {
        Self {
            inner,
            made: true,
            rival: false,
            blind: false.into(),
            readable: true,
            derivable: true,
        }
    }
}

fn lost() -> StoreError {
    StoreError::Failed("it".into(), "the connection broke".into())
}

impl Store for Lossy<'_> {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        match self.blind.get() {
            true => Err(lost()),
            false => self.inner.read(key, limit),
        }
    }
    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.blind.set(!self.readable);
        if self.rival {
            grow(self.inner, &[1]);
        } else if self.made {
            self.inner.create(key, bytes)?;
        }
        Err(lost())
    }
    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        match self.derivable {
            true => self.inner.replace(key, bytes),
            false => Err(StoreError::Unwritable("it".into(), "no space".into())),
        }
    }
    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.inner.list(under)
    }
    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        self.inner.folders(under)
    }
    fn lock(&self, name: &str) -> Result<Box<dyn Held>, StoreError> {
        self.inner.lock(name)
    }
    fn place(&self) -> String {
        self.inner.place()
    }
}

#[test]
fn after_a_lost_answer_the_store_is_asked() {
    let (_guard, _path, store) = vault();
    let seed = seed(1);
    let answered = Lossy::new(&store);
    let mut ledger = Ledger::open(&answered, VAULT).unwrap();
    let head = ledger.append(&[entry(0)], &signer(&seed)).unwrap();
    assert_eq!(head.size, 1);

    let not_made = Lossy {
        made: false,
        ..Lossy::new(&store)
    };
    let mut ledger = Ledger::open(&not_made, VAULT).unwrap();
    let error = ledger.append(&[entry(1)], &signer(&seed)).unwrap_err();
    assert_eq!(error, LedgerError::Store(lost()));
    assert_eq!(ledger.head(), head);

    let overtaken = Lossy {
        rival: true,
        ..Lossy::new(&store)
    };
    let mut ledger = Ledger::open(&overtaken, VAULT).unwrap();
    let ours = [entry("ours")];
    let result = ledger.append_at(&head, &ours, &signer(&seed));
    assert_eq!(result, Err(LedgerError::Moved));
    assert_eq!(entries(&store).unwrap(), grown(2));
    let head = *ledger
        .refresh(|_| Ok::<(), LedgerError>(()))
        .as_ref()
        .unwrap();

    let blind = Lossy {
        readable: false,
        ..Lossy::new(&store)
    };
    let mut ledger = Ledger::open(&blind, VAULT).unwrap();
    let error = ledger.append(&[entry(2)], &signer(&seed)).unwrap_err();
    assert!(
        matches!(error, LedgerError::Unclear { commit: 3, .. }),
        "{error}"
    );
    assert_eq!(ledger.head(), head, "what is unclear is not taken for done");
    assert_eq!(entries(&store).unwrap(), grown(3));
}

#[test]
fn failing_to_derive_is_no_failure_to_append() {
    let (_guard, _path, store) = vault();
    let seed = seed(1);
    let full = Lossy {
        derivable: false,
        ..Lossy::new(&store)
    };
    let mut ledger = Ledger::open(&full, VAULT).unwrap();
    for n in 0..20 {
        ledger.append(&[entry(n)], &signer(&seed)).unwrap();
        assert!(ledger.not_derived().unwrap().contains("no space"));
    }
    assert!(!intact(&store).derived.is_ok());
    // The next one makes good for it.
    grow(&store, &[1]);
    assert_eq!(entries(&store).unwrap(), grown(21));
    assert!(intact(&store).derived.is_ok());
}

#[test]
fn a_disk_that_refuses_changes_nothing() {
    if !child::can_mount() {
        return;
    }
    let guard = tempfile::tempdir().unwrap();
    let status = child::child_on_small_disk("child_ledger", guard.path(), "fill").status();
    assert_eq!(status.unwrap().code(), Some(0));
}

#[test]
#[ignore = "what the other tests start as a process of its own"]
fn child_ledger() {
    let (Ok(job), Some(folder)) = (std::env::var(child::JOB), std::env::var_os(child::FOLDER))
    else {
        return;
    };
    let store = DirStore::open(PathBuf::from(folder)).unwrap();
    let (job, rest) = job.split_once(' ').unwrap_or((&job, ""));
    match job {
        "append" => append_many(&store, rest.parse().unwrap()),
        "one" => drop(grow(&store, &[rest.parse().unwrap()])),
        "forever" => loop {
            grow(&store, &[1, 1, 1, 1]);
        },
        "fill" => fill(&store),
        _ => exit(9),
    }
    exit(0);
}

fn fill(store: &DirStore) {
    let seed = seed(1);
    let mut ledger = Ledger::open(store, VAULT).unwrap();
    let error = loop {
        let head = ledger.head();
        match ledger.append(&[entry(head.size)], &signer(&seed)) {
            Ok(after) => assert_eq!(after.size, head.size + 1),
            Err(error) => {
                assert_eq!(ledger.head(), head);
                break error;
            }
        }
    };
    assert!(
        matches!(error, LedgerError::Store(StoreError::Unwritable(..))),
        "{error}"
    );
    assert!(ledger.head().size > 10);
    assert_eq!(entries(store).unwrap(), grown(ledger.head().size));
}
