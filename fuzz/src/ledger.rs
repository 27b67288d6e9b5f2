//! The ledger's files: commits, the checkpoint, tiles and bundles, and the entries' own JSON.

use std::sync::{Arc, LazyLock};

use breakglass::format::digest;
use breakglass::ledger::{
    COMMIT_MAGIC, Entry, EntryAt, Event, Head, Journal, Ledger, LedgerError, LedgerSigner,
    VaultState, Verified, Writer, origin, verify,
};
use breakglass::model::Digest;
use data_encoding::BASE64;

use crate::soft;
use crate::store::Memory;
use crate::world::{rotator, station, world};

/// The first commit, of a ledger that has it.
const FIRST: &str = "ledger/commit/000000000001";

/// A vault of which nothing is known but its fingerprint.
const VAULT: Digest = Digest([5; 32]);

/// A ledger of these commits.
fn written(commits: &[Vec<Vec<u8>>]) -> Memory {
    let store = Memory::default();
    for entries in commits {
        append(&store, entries).expect("appended");
    }
    store
}

fn append(store: &Memory, entries: &[Vec<u8>]) -> Result<Head, LedgerError> {
    let seed = soft::seed("rotator");
    let signer = LedgerSigner::new(station(), &seed);
    let mut ledger = Ledger::open(store, VAULT)?;
    let head = ledger.head();
    ledger.append_at(&head, entries, &signer)
}

fn replayed(store: &Memory) -> Result<Vec<Vec<u8>>, LedgerError> {
    let mut seen = Vec::new();
    Ledger::replay::<LedgerError>(store, VAULT, |at: &EntryAt<'_>| {
        seen.push(at.bytes.to_vec());
        Ok(())
    })?;
    Ok(seen)
}

fn verified(store: &Memory) -> Result<Verified, LedgerError> {
    verify(store, &VAULT, &[])
}

/// A note with this text, well signed by the rotator.
fn note(text: &[u8]) -> Vec<u8> {
    let signer = rotator();
    let name = format!("{}/{}", origin(&VAULT), station());
    let mut key = name.clone().into_bytes();
    key.push(b'\n');
    key.push(1);
    key.extend_from_slice(&signer.public());
    let mut signature = digest(&key).0[..4].to_vec();
    signature.extend_from_slice(&signer.sign(text));
    let mut note = text.to_vec();
    note.extend_from_slice(format!("\n\u{2014} {name} {}\n", BASE64.encode(&signature)).as_bytes());
    note
}

/// The text that a note of the rotator must have.
pub fn note_text(size: u64, root: &Digest) -> String {
    format!(
        "{}\n{size}\n{}\nsigner {} {}\n",
        origin(&VAULT),
        BASE64.encode(&root.0),
        station(),
        BASE64.encode(&rotator().public())
    )
}

/// A commit that is the bytes, and one whose note has a text and whose entries follow it, well signed: the
/// text and the rest are parted by a zero byte. What holds is what we write of the same entries.
pub fn commit(data: &[u8]) {
    held(data);
    let at = data
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(data.len());
    let (text, rest) = data.split_at(at);
    let entries = rest.get(1..).unwrap_or_default();
    let note = note(text);
    for count in [1, 2] {
        let mut bytes = format!("{COMMIT_MAGIC}1 {} {count}\n", note.len()).into_bytes();
        bytes.extend_from_slice(&note);
        bytes.extend_from_slice(entries);
        held(&bytes);
    }
}

fn held(bytes: &[u8]) {
    let store = Memory::default();
    store.put(FIRST, bytes);
    let (seen, verified) = (replayed(&store), verified(&store));
    assert_eq!(seen.is_ok(), verified.is_ok());
    let Ok(entries) = seen else { return };
    let seed = soft::seed("rotator");
    let signer = LedgerSigner::new(station(), &seed);
    let again = Memory::default();
    let mut ledger = Ledger::open(&again, VAULT).expect("an empty ledger");
    let head = ledger.head();
    ledger
        .append_at(&head, &entries, &signer)
        .expect("appended");
    assert_eq!(again.get(FIRST), bytes, "a second spelling of a commit");
}

static THREE: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    objects(&written(
        &["one", "two", "three"].map(|one| vec![one.into()]),
    ))
});

/// Enough for a full tile, a partial one and two levels.
static MANY: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let entries =
        |range: std::ops::Range<u32>| range.map(|n| format!("entry {n}").into()).collect();
    objects(&written(&[
        entries(0..256),
        entries(256..258),
        entries(258..259),
    ]))
});

fn objects(store: &Memory) -> Vec<(String, Vec<u8>)> {
    let names = store.names().into_iter();
    names.map(|name| (name.clone(), store.get(&name))).collect()
}

fn restored(objects: &[(String, Vec<u8>)]) -> Memory {
    let store = Memory::default();
    for (name, bytes) in objects {
        store.put(name, bytes);
    }
    store
}

/// The plain checkpoint: it takes nothing from the ledger, and says something only where it is well signed.
pub fn checkpoint(data: &[u8]) {
    for bytes in [data.to_vec(), note(data)] {
        let store = restored(&THREE);
        store.put("ledger/checkpoint", &bytes);
        let verified = verified(&store).expect("the commits are whole");
        assert_eq!((verified.entries, verified.commits), (3, 3));
        let right = bytes
            == THREE
                .iter()
                .find(|(name, _)| name == "ledger/checkpoint")
                .expect("it")
                .1;
        assert_eq!(verified.derived.is_ok(), right);
        if let Some(ahead) = verified.checkpoint_ahead {
            assert!(ahead.size > 3);
            assert_eq!(bytes, note(note_text(ahead.size, &ahead.root).as_bytes()));
        }
    }
}

/// Any bytes in the place of a tile, a bundle or the checkpoint: the ledger opens as it is, can be added to,
/// and what is derived from it can be made anew.
pub fn derived(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else {
        return;
    };
    let store = restored(&MANY);
    let names: Vec<String> = MANY
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| !name.starts_with("ledger/commit/"))
        .collect();
    let name = &names[usize::from(*which) % names.len()];
    store.put(name, bytes);
    let head = append(&store, &[b"one more".to_vec()]).expect("appended");
    assert_eq!((head.size, head.commit), (260, 4));
    let seed = soft::seed("rotator");
    let signer = LedgerSigner::new(station(), &seed);
    let mut ledger = Ledger::open(&store, VAULT).expect("it opens");
    assert_eq!(ledger.head(), head);
    ledger.repair().expect("repaired");
    ledger
        .append_at(&head, &[b"and one".to_vec()], &signer)
        .expect("appended");
    let verified = verified(&store).expect("whole");
    assert!(verified.derived.is_ok(), "{:?}", verified.derived);
}

/// Entries of any bytes: they come back as they were or are refused; and a commit of them in which one byte
/// is another does not hold.
pub fn entries(data: &[u8]) {
    let [at_high, at_low, mask, rest @ ..] = data else {
        return;
    };
    let entries: Vec<Vec<u8>> = rest.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let seed = soft::seed("rotator");
    let signer = LedgerSigner::new(station(), &seed);
    let store = Memory::default();
    let mut ledger = Ledger::open(&store, VAULT).expect("an empty ledger");
    let head = ledger.head();
    let possible = entries.len() <= 256
        && entries
            .iter()
            .all(|entry| !entry.is_empty() && std::str::from_utf8(entry).is_ok());
    let appended = ledger.append_at(&head, &entries, &signer);
    assert_eq!(appended.is_ok(), possible);
    if !possible {
        assert!(store.names().is_empty());
        return;
    }
    assert_eq!(replayed(&store).expect("it holds"), entries);
    let mut bytes = store.get(FIRST);
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low])) % bytes.len();
    bytes[at] ^= mask | 1;
    store.put(FIRST, &bytes);
    assert!(verified(&store).is_err(), "byte {at} was changed by {mask}");
}

/// Entries, one a line, behind a vault's own: as JSON, as a state, and as a ledger that is opened.
pub fn event(data: &[u8]) {
    let world = world();
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let mut state = VaultState::default();
    let mut first: Vec<Entry> = world.events().into_iter().map(entry_of).collect();
    for writer in [Writer::Rotator(VAULT), Writer::Station(VAULT)] {
        let mut alone = VaultState::default();
        for entry in &first {
            let _ = alone.apply(entry, writer);
        }
    }
    for line in &lines {
        let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
            continue;
        };
        let written = serde_json::to_vec(&entry).expect("what was read can be written");
        let again: Entry = serde_json::from_slice(&written).expect("it can be read again");
        assert_eq!(again, entry);
        assert!(!entry.event.name().is_empty());
        first.push(entry);
    }
    for entry in &first {
        if state.apply(entry, Writer::Rotator(VAULT)).is_err() {
            break;
        }
    }
    opened(&lines);
}

fn entry_of(event: Event) -> Entry {
    Entry {
        time: soft::now(),
        event,
    }
}

/// Opens a vault's ledger to which the rotator has appended these lines.
fn opened(lines: &[&[u8]]) {
    let world = world();
    let store = restored(&VAULTS);
    let seed = soft::seed("rotator");
    let (rotator, station) = (rotator(), station());
    let signer = LedgerSigner::new(station.clone(), &seed);
    let mut ledger = Ledger::open(&store, world.vault).expect("it opens");
    let sound = |line: &&&[u8]| !line.is_empty() && std::str::from_utf8(line).is_ok();
    let entries: Vec<Vec<u8>> = lines
        .iter()
        .filter(sound)
        .map(|line| line.to_vec())
        .collect();
    let head = ledger.head();
    let _ = ledger.append_at(&head, &entries, &signer);
    let chain = Arc::new(world.chain.clone());
    if let Ok(journal) = Journal::open(&store, chain, None, &station, &rotator) {
        assert_eq!(journal.head(), ledger.head());
        assert_eq!(journal.state().vault, Some(world.vault));
    }
}

static VAULTS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| objects(&world().ledger()));

/// The text of the note of a ledger's first commit, and the commit.
pub fn first_commit(entry: &[u8]) -> (String, Vec<u8>) {
    let store = written(&[vec![entry.to_vec()]]);
    let head = Ledger::open(&store, VAULT).expect("it opens").head();
    (note_text(head.size, &head.root), store.get(FIRST))
}

/// The derived objects of a ledger, by name, in the order in which [`derived`] counts them.
pub fn derived_objects() -> Vec<(String, Vec<u8>)> {
    let all = MANY.iter().cloned();
    all.filter(|(name, _)| !name.starts_with("ledger/commit/"))
        .collect()
}
