//! What lies where the derived objects do, and how a ledger is read on whatever became of them.

use std::fs;
use std::path::Path;

use breakglass::ledger::{Derived, EntryAt, Ledger, LedgerError};

use crate::{VAULT, commit_path, entry, grow, intact, seed, signer, vault};

fn odd(derived: &Derived) -> Vec<&str> {
    derived.odd.iter().map(|name| name.as_str()).collect()
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn an_old_partial_tile_is_the_beginning_of_the_newest() {
    for name in ["0/000.p/3", "entries/000.p/3"] {
        let (_guard, path, store) = vault();
        grow(&store, &[3, 2]);
        assert_eq!(odd(&intact(&store).derived), [""; 0]);
        let old = path.join("ledger/tile").join(name);
        let full_name = format!("ledger/tile/{name}");
        let right = fs::read(&old).unwrap();
        flip(&old);
        assert_eq!(odd(&intact(&store).derived), [&full_name]);
        fs::write(&old, &right[..right.len() - 1]).unwrap();
        assert_eq!(odd(&intact(&store).derived), [&full_name]);

        // Where the newest is not right itself, the old one cannot be judged by it.
        let newest = path.join("ledger/tile").join(name.replace("/3", "/5"));
        flip(&newest);
        let derived = intact(&store).derived;
        assert_eq!((derived.wrong.len(), odd(&derived).len()), (1, 0));
        fs::remove_file(&newest).unwrap();
        let derived = intact(&store).derived;
        assert_eq!((derived.missing.len(), odd(&derived).len()), (1, 0));
    }
}

#[test]
fn a_partial_tile_that_was_left_beside_the_full_one_is_its_beginning() {
    for (name, width) in [("0/000", 3 * 32), ("entries/000", 3 * (2 + 13))] {
        let (_guard, path, store) = vault();
        grow(&store, &[256]);
        // Nothing is left over where the last tile is full.
        assert_eq!(odd(&intact(&store).derived), [""; 0]);
        grow(&store, &[5]);
        let tiles = path.join("ledger/tile");
        let full = fs::read(tiles.join(name)).unwrap();
        let left = tiles.join(format!("{name}.p/3"));
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, &full[..width]).unwrap();
        assert_eq!(odd(&intact(&store).derived), [""; 0], "{name}");
        flip(&left);
        let full_name = format!("ledger/tile/{name}.p/3");
        assert_eq!(odd(&intact(&store).derived), [&full_name]);
    }
}

#[test]
fn what_no_tile_is_called_is_odd_whatever_it_holds() {
    for name in [
        "0/000.p/0",
        "0/000.p/03",
        "0/000.p/9",
        "0/000.p/256",
        "0/000.p/x",
        "0/001",
        "0/002.p/3",
        "2/000.p/1",
        "entries/001",
        "readme",
    ] {
        let (_guard, path, store) = vault();
        grow(&store, &[3, 2]);
        let tiles = path.join("ledger/tile");
        let file = tiles.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(tiles.join("0/000.p/3"), &file).unwrap();
        let derived = intact(&store).derived;
        assert_eq!(odd(&derived), [&format!("ledger/tile/{name}")]);
        assert!(derived.is_ok(), "{derived:?}");
    }
}

#[test]
fn an_odd_tile_is_not_excused_by_damage_elsewhere() {
    let (_guard, path, store) = vault();
    grow(&store, &[3, 5]);
    let tiles = path.join("ledger/tile");
    fs::create_dir(tiles.join("0/005.p")).unwrap();
    fs::write(tiles.join("0/005.p/3"), "x").unwrap();
    fs::remove_file(tiles.join("entries/000.p/8")).unwrap();
    let derived = intact(&store).derived;
    assert_eq!(odd(&derived), ["ledger/tile/0/005.p/3"]);
    assert_eq!(derived.missing.len(), 1);
}

#[test]
fn a_folder_of_tiles_that_is_a_link_is_odd_as_a_whole() {
    let (_guard, path, store) = vault();
    grow(&store, &[3]);
    let tiles = path.join("ledger/tile");
    fs::rename(&tiles, path.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(path.join("elsewhere"), &tiles).unwrap();
    let derived = intact(&store).derived;
    assert_eq!(odd(&derived), ["ledger/tile"]);
    assert!(!derived.is_ok());
}

#[test]
fn a_checkpoint_is_mended_and_left_to_whoever_is_ahead() {
    let (_guard, path, store) = vault();
    grow(&store, &[2, 1]);
    let checkpoint = path.join("ledger/checkpoint");
    let right = fs::read(&checkpoint).unwrap();
    let mut ledger = Ledger::open(&store, VAULT).unwrap();
    flip(&checkpoint);
    let found = ledger.repair().unwrap();
    assert_eq!(found.wrong.len(), 1, "{found:?}");
    assert_eq!(fs::read(&checkpoint).unwrap(), right);

    // Another process appended meanwhile: its checkpoint stays, and the tiles are mended all the same.
    grow(&store, &[4]);
    let newer = fs::read(&checkpoint).unwrap();
    let tile = path.join("ledger/tile/0/000.p/3");
    fs::remove_file(&tile).unwrap();
    let found = ledger.repair().unwrap();
    assert_eq!(found.missing.len(), 1, "{found:?}");
    assert!(tile.exists());
    assert_eq!(fs::read(&checkpoint).unwrap(), newer);
    assert!(intact(&store).derived.is_ok());
}

#[test]
fn a_ledger_that_was_read_in_full_goes_on_whatever_became_of_the_tiles() {
    let no_visit = |_: &EntryAt<'_>| Ok::<(), LedgerError>(());
    for damaged in [false, true] {
        let (_guard, path, store) = vault();
        // More commits than opening looks back at for tiles to begin with.
        let sizes = [&[2, 255][..], &[1; 70]].concat();
        let newest = *grow(&store, &sizes).last().unwrap();
        if damaged {
            fs::remove_dir_all(path.join("ledger/tile")).unwrap();
        }
        let mut ledger = Ledger::replay(&store, VAULT, no_visit).unwrap();
        assert_eq!(ledger.head(), newest);
        let head = ledger.append(&[entry(327)], &signer(&seed(1))).unwrap();
        assert_eq!((head.commit, head.size), (73, 328));
        assert!(commit_path(&path, 73).exists());
        let verified = intact(&store);
        assert_eq!(verified.head, head);
        assert!(verified.derived.is_ok(), "{:?}", verified.derived);
    }
}

#[test]
fn an_open_ledger_is_shown_up_to_its_head_and_only_if_it_is_still_that_one() {
    let (_guard, path, store) = vault();
    grow(&store, &[2, 3]);
    let ledger = Ledger::open(&store, VAULT).unwrap();
    grow(&store, &[1]);
    let mut seen = Vec::new();
    let mut show = |at: &EntryAt<'_>| {
        seen.push((at.index, at.commit, at.bytes.to_vec()));
        Ok::<(), LedgerError>(())
    };
    ledger.walk(&mut show).unwrap();
    let shown: Vec<_> = (0..5)
        .map(|n| (n, if n < 2 { 1 } else { 2 }, entry(n)))
        .collect();
    assert_eq!(seen, shown);
    // Another history in its place, good by itself.
    let (_other_guard, other_path, other) = vault();
    grow(&other, &[1, 3]);
    for number in [1, 2] {
        fs::copy(commit_path(&other_path, number), commit_path(&path, number)).unwrap();
    }
    let exchanged = ledger.walk(|_| Ok::<(), LedgerError>(()));
    let refused = matches!(exchanged, Err(LedgerError::Corrupt { commit: 2, .. }));
    assert!(refused, "{exchanged:?}");
}

#[test]
fn bundles_of_long_entries_are_read_as_any_others() {
    let (_guard, _path, store) = vault();
    let seed = seed(1);
    let mut ledger = Ledger::open(&store, VAULT).unwrap();
    for _ in 0..2 {
        let long = vec![b'x'; 60_000];
        ledger.append(&[long], &signer(&seed)).unwrap();
    }
    let derived = intact(&store).derived;
    assert!(derived.is_ok());
    assert_eq!(odd(&derived), [""; 0]);
}
