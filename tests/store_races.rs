//! Somebody swaps parts of the vault for links while it is used: nothing outside is ever read, written,
//! listed or removed, and nothing inside is taken for whole that is not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use breakglass::ports::{Memory, Store, StoreError, StoreKey};
use breakglass::store::{DirStore, StationFolder};
use breakglass::system::SystemEntropy;

const LIMIT: usize = 1 << 16;
/// Somebody else's file, in which nobody may find or leave anything.
const OUTSIDE: &[u8] = b"outside";
const INSIDE: &[u8] = b"inside";

struct Ground {
    guard: tempfile::TempDir,
    store: DirStore,
}

fn key(text: &str) -> StoreKey {
    StoreKey::new(text).unwrap()
}

impl Ground {
    /// A vault with `a/b/x` in it, and beside it a folder with the same names and other contents.
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let store = DirStore::found(guard.path().join("vault")).unwrap();
        store.create(&key("a/b/x"), INSIDE).unwrap();
        fs::create_dir_all(guard.path().join("outside/b")).unwrap();
        fs::write(guard.path().join("outside/b/x"), OUTSIDE).unwrap();
        Self { guard, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.guard.path().join(name)
    }

    fn outside_is_as_it_was(&self) {
        assert_eq!(fs::read(self.path("outside/b/x")).unwrap(), OUTSIDE);
        let names = |folder: &str| -> Vec<String> {
            let entries = fs::read_dir(self.path(folder)).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(names("outside"), ["b"]);
        assert_eq!(names("outside/b"), ["x"]);
    }
}

/// Puts `there` in the place of what has this name, and that back again, until it is over.
fn swap(place: &Path, put: &(dyn Fn(&Path) + Sync), over: &AtomicBool) -> u32 {
    let aside = place.with_extension("aside");
    let mut swaps = 0;
    while !over.load(Ordering::Relaxed) {
        if fs::rename(place, &aside).is_err() {
            continue;
        }
        put(place);
        thread::yield_now();
        // The tool may have made a folder or a file there meanwhile.
        loop {
            if fs::remove_file(place).is_err() {
                let _ = fs::remove_dir_all(place);
            }
            if fs::rename(&aside, place).is_ok() {
                break;
            }
        }
        swaps += 1;
        thread::sleep(Duration::from_micros(500));
    }
    swaps
}

/// Everything that a store does, on names below `a/b`. Says how much of it went well.
fn use_it(store: &DirStore, round: u32) -> u32 {
    let fresh = key(&format!("a/b/fresh-{round}"));
    let mut well = 0;
    match store.read(&key("a/b/x"), LIMIT) {
        Ok(bytes) => {
            assert!(bytes == INSIDE || bytes == b"replaced", "{bytes:?}");
            well += 1;
        }
        Err(StoreError::NotFound(_) | StoreError::NotAFolder(..) | StoreError::NotAFile(..)) => {}
        Err(StoreError::Failed(..)) => {}
        Err(e) => panic!("{e}"),
    }
    if store.create(&fresh, INSIDE).is_ok() {
        well += 1;
    }
    well += u32::from(store.replace(&key("a/b/x"), b"replaced").is_ok());
    if let Ok(names) = store.list(&key("a/b")) {
        assert!(names.iter().all(|name| name.as_str().starts_with("a/b/")));
    }
    let _ = store.folders(&key("a"));
    let _ = store.discard(&fresh);
    let _ = store.lock("l");
    well
}

/// Uses a store while the name is swapped for what `put` makes there.
fn raced(name: &str, put: impl Fn(&Ground, &Path) + Sync) {
    let ground = Ground::new();
    let over = AtomicBool::new(false);
    let place = ground.path(name);
    let put = |at: &Path| put(&ground, at);
    let (swaps, well) = thread::scope(|scope| {
        let swapper = scope.spawn(|| swap(&place, &put, &over));
        let mut well = 0;
        for round in 0..150 {
            // Each opens the vault anew, as each command does; the vault itself may be a link just then.
            let again = DirStore::open(ground.path("vault"));
            well += again.map_or(0, |store| use_it(&store, round));
            well += use_it(&ground.store, round);
        }
        over.store(true, Ordering::Relaxed);
        (swapper.join().unwrap(), well)
    });
    println!("{name}: {swaps} swaps, {well} deeds done");
    assert!(
        swaps > 10 && well > 10,
        "{name}: {swaps} swaps, {well} deeds"
    );
    ground.outside_is_as_it_was();
}

#[test]
fn no_folder_that_becomes_a_link_leads_outside() {
    for (name, outside) in [("vault/a", "outside"), ("vault/a/b", "outside/b")] {
        raced(name, |ground, at| {
            let _ = symlink(ground.path(outside), at);
        });
    }
}

#[test]
fn no_vault_that_becomes_a_link_leads_outside() {
    raced("vault", |ground, at| {
        // What it points to has the vault's own names.
        let _ = symlink(ground.path("outside"), at);
    });
}

#[test]
fn no_file_that_becomes_a_link_or_a_pipe_is_read_or_waited_for() {
    raced("vault/a/b/x", |ground, at| {
        let _ = symlink(ground.path("outside/b/x"), at);
    });
    raced("vault/a/b/x", |_, at| {
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            at,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        );
        assert!(made.is_ok() || at.exists());
    });
}

#[test]
fn nothing_is_written_through_a_second_name_of_a_file() {
    let ground = Ground::new();
    fs::remove_file(ground.path("vault/a/b/x")).unwrap();
    fs::hard_link(ground.path("outside/b/x"), ground.path("vault/a/b/x")).unwrap();
    let created = ground.store.create(&key("a/b/x"), INSIDE);
    assert!(matches!(created, Err(StoreError::AlreadyExists(_))));
    ground.store.replace(&key("a/b/x"), INSIDE).unwrap();
    assert_eq!(ground.store.read(&key("a/b/x"), LIMIT).unwrap(), INSIDE);
    ground.outside_is_as_it_was();
    fs::remove_file(ground.path("vault/a/b/x")).unwrap();
    fs::hard_link(ground.path("outside/b/x"), ground.path("vault/a/b/x")).unwrap();
    ground.store.discard(&key("a/b/x")).unwrap();
    ground.outside_is_as_it_was();
}

#[test]
fn a_station_follows_no_link_and_waits_for_no_pipe() {
    let guard = tempfile::tempdir().unwrap();
    let station = StationFolder::new(guard.path().join("station"));
    station.seed(&SystemEntropy).unwrap();
    let outside = guard.path().join("outside");
    fs::write(&outside, [7; 32]).unwrap();
    for name in ["station.key", "anchor.json", "config.toml"] {
        let place = guard.path().join("station").join(name);
        let _ = fs::remove_file(&place);
        symlink(&outside, &place).unwrap();
        assert!(refuses(&station, name), "a link at {name}");
        fs::remove_file(&place).unwrap();
        let fifo = Command::new("mkfifo").arg(&place).status().unwrap();
        assert!(fifo.success());
        assert!(refuses(&station, name), "a pipe at {name}");
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        assert!(refuses(&station, name), "a folder at {name}");
        fs::remove_dir(&place).unwrap();
        for device in ["/dev/zero", "/dev/null"] {
            symlink(device, &place).unwrap();
            assert!(refuses(&station, name), "{device} at {name}");
            fs::remove_file(&place).unwrap();
        }
    }
    assert_eq!(fs::read(&outside).unwrap(), [7; 32]);
}

fn refuses(station: &StationFolder, name: &str) -> bool {
    match name {
        "station.key" => station.seed(&SystemEntropy).is_err(),
        "anchor.json" => station.recall().is_err(),
        _ => station.read(name, LIMIT).is_err(),
    }
}
