//! The vault in a folder, on real files, with real processes.

mod child;

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use breakglass::ports::{Store, StoreError, StoreKey};
use breakglass::store::{DirStore, StationFolder};
use breakglass::system::SystemEntropy;
use rustix::fs::{CWD, FileType, Mode};

const LIMIT: usize = 1 << 20;

fn key(text: &str) -> StoreKey {
    StoreKey::new(text).unwrap()
}

/// A vault in a new folder that goes with the guard.
fn vault() -> (tempfile::TempDir, PathBuf, DirStore) {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("vault");
    let store = DirStore::found(&path).unwrap();
    (guard, path, store)
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every name under a folder, ours for temporary files too.
fn all_names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            names.extend(all_names(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

#[test]
fn what_is_created_is_there_once_and_for_all() {
    let (_guard, path, store) = vault();
    store.create(&key("a/b/one"), b"1").unwrap();
    assert_eq!(store.read(&key("a/b/one"), 1).unwrap(), b"1");
    let again = store.create(&key("a/b/one"), b"2").unwrap_err();
    assert!(matches!(again, StoreError::AlreadyExists(_)), "{again}");
    assert_eq!(store.read(&key("a/b/one"), 1).unwrap(), b"1");
    store.create(&key("top"), b"").unwrap();
    assert_eq!(store.read(&key("top"), 0).unwrap(), b"");
    assert_eq!(all_names(&path).len(), 2, "nothing temporary remains");
    assert_eq!(store.place(), path.display().to_string());
}

#[test]
fn what_is_not_there_is_not_found_at_any_depth() {
    let (_guard, _path, store) = vault();
    for name in ["none", "no/such/folder"] {
        let error = store.read(&key(name), LIMIT).unwrap_err();
        assert!(
            matches!(&error, StoreError::NotFound(what) if what.ends_with(name)),
            "{error}"
        );
        assert_eq!(store.list(&key(name)).unwrap(), []);
        assert_eq!(store.folders(&key(name)).unwrap(), []);
        store.discard(&key(name)).unwrap();
    }
}

#[test]
fn what_is_derived_is_replaced_and_discarded() {
    let (_guard, path, store) = vault();
    store.replace(&key("t/x"), b"old").unwrap();
    store.replace(&key("t/x"), b"new and longer").unwrap();
    assert_eq!(store.read(&key("t/x"), LIMIT).unwrap(), b"new and longer");
    assert_eq!(mode(path.join("t/x")), 0o600);
    store.discard(&key("t/x")).unwrap();
    assert_eq!(all_names(&path), [""; 0]);
}

#[test]
fn lists_are_sorted_and_hold_what_lies_directly_there() {
    let (_guard, path, store) = vault();
    for name in ["f/10", "f/2", "f/sub/x", "f/09", "f/other/y"] {
        store.create(&key(name), b".").unwrap();
    }
    fs::write(path.join("f/.tmp-1-2"), b"").unwrap();
    fs::write(path.join("f/.lock-x"), b"").unwrap();
    assert_eq!(
        store.list(&key("f")).unwrap(),
        [key("f/09"), key("f/10"), key("f/2")]
    );
    assert_eq!(
        store.folders(&key("f")).unwrap(),
        [key("f/other"), key("f/sub")]
    );
    for stray in ["Upper", ".hidden", "blank name"] {
        fs::write(path.join("f").join(stray), b"").unwrap();
        let error = store.list(&key("f")).unwrap_err();
        assert!(error.to_string().contains(stray), "{error}");
        assert!(store.folders(&key("f")).is_err());
        fs::remove_file(path.join("f").join(stray)).unwrap();
    }
    symlink("10", path.join("f/11")).unwrap();
    let error = store.list(&key("f")).unwrap_err();
    assert!(
        matches!(error, StoreError::NotAFile(_, "a symbolic link")),
        "{error}"
    );
}

#[test]
fn only_plain_files_are_read() {
    let (_guard, path, store) = vault();
    let outside = path.parent().unwrap().join("outside");
    fs::write(&outside, b"secret of somebody else").unwrap();
    symlink(&outside, path.join("link")).unwrap();
    symlink("/dev/null", path.join("to-device")).unwrap();
    symlink("nowhere", path.join("dangling")).unwrap();
    fs::create_dir(path.join("folder")).unwrap();
    chmod(path.join("folder"), 0o700);
    rustix::fs::mknodat(CWD, path.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    let mut wanted = vec![
        ("link", "a symbolic link"),
        ("to-device", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("folder", "a folder"),
        ("pipe", "a pipe"),
        ("socket", "a socket"),
    ];
    let null = rustix::fs::makedev(1, 3);
    let device = path.join("device");
    match rustix::fs::mknodat(CWD, &device, FileType::CharacterDevice, Mode::RUSR, null) {
        Ok(()) => wanted.push(("device", "a device")),
        Err(e) => eprintln!("SKIPPED: no device can be made here: {e}"),
    }
    for (name, kind) in wanted {
        match store.read(&key(name), LIMIT) {
            Err(StoreError::NotAFile(what, said)) => {
                assert!(what.ends_with(name));
                assert_eq!(said, kind, "of {name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        // Creating does not follow it either.
        let error = store.create(&key(name), b"x").unwrap_err();
        assert!(
            matches!(error, StoreError::AlreadyExists(_)),
            "{name}: {error}"
        );
    }
    assert_eq!(fs::read(&outside).unwrap(), b"secret of somebody else");
    assert!(!path.join("nowhere").exists());
}

#[test]
fn no_part_of_a_name_is_a_link() {
    let (_guard, path, store) = vault();
    store.create(&key("real/x"), b"x").unwrap();
    symlink("real", path.join("alias")).unwrap();
    fs::write(path.join("file"), b"").unwrap();
    for (name, kind) in [("alias", "a symbolic link"), ("file", "a file")] {
        let through = key(&format!("{name}/x"));
        let all = [
            store.read(&through, LIMIT).map(drop),
            store.create(&through, b"y"),
            store.replace(&through, b"y"),
            store.discard(&through),
            store.list(&key(name)).map(drop),
        ];
        for result in all {
            match result {
                Err(StoreError::NotAFolder(what, said)) => {
                    assert!(what.ends_with(name));
                    assert_eq!(said, kind);
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    // The vault's own folder must not be one either, with or without a slash.
    let link = path.parent().unwrap().join("to-vault");
    symlink(&path, &link).unwrap();
    for spelled in [link.clone(), link.join("")] {
        let error = DirStore::open(&spelled).err().unwrap();
        assert!(
            matches!(error, StoreError::NotAFolder(_, "a symbolic link")),
            "{error}"
        );
        assert!(DirStore::found(&spelled).is_err());
    }
}

#[test]
fn no_more_is_read_than_was_asked_for() {
    let (_guard, path, store) = vault();
    store.create(&key("ten"), b"0123456789").unwrap();
    assert_eq!(store.read(&key("ten"), 10).unwrap().len(), 10);
    for limit in [0, 9] {
        let error = store.read(&key("ten"), limit).unwrap_err();
        assert!(
            matches!(error, StoreError::TooLarge(_, l) if l == limit),
            "{error}"
        );
    }
    // A terabyte that takes no space: it is refused by its size, and not read.
    File::create(path.join("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let error = store.read(&key("huge"), LIMIT).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge(..)), "{error}");
}

#[test]
fn what_others_can_write_to_is_refused_and_the_mode_named() {
    let (_guard, path, store) = vault();
    store.create(&key("a/x"), b"x").unwrap();
    for (place, bits) in [("a/x", 0o620), ("a/x", 0o602), ("a", 0o770), ("a", 0o1777)] {
        let right = mode(path.join(place));
        chmod(path.join(place), bits);
        let error = store.read(&key("a/x"), LIMIT).unwrap_err();
        let named = format!("{bits:04o}");
        assert!(
            matches!(&error, StoreError::Exposed(what, why) if what.ends_with(place) && why.contains(&named)),
            "{place} {bits:o}: {error}"
        );
        chmod(path.join(place), right);
    }
    chmod(path.join("a"), 0o770);
    assert!(matches!(
        store.create(&key("a/y"), b""),
        Err(StoreError::Exposed(..))
    ));
    assert!(matches!(
        store.list(&key("a")),
        Err(StoreError::Exposed(..))
    ));
    chmod(path.join("a"), 0o700);
    chmod(&path, 0o720);
    assert!(matches!(
        DirStore::open(&path),
        Err(StoreError::Exposed(..))
    ));
    // Reading by others is no harm: nothing in a vault is secret.
    chmod(&path, 0o755);
    assert_eq!(
        DirStore::open(&path).unwrap().read(&key("a/x"), 1).unwrap(),
        b"x"
    );
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give a file away");
        return;
    }
    let (_guard, path, store) = vault();
    store.create(&key("a/x"), b"x").unwrap();
    for place in ["a/x", "a"] {
        std::os::unix::fs::chown(path.join(place), Some(12345), None).unwrap();
        let error = store.read(&key("a/x"), 1).unwrap_err();
        assert!(
            matches!(&error, StoreError::Exposed(_, why) if why.contains("12345")),
            "{error}"
        );
        std::os::unix::fs::chown(path.join(place), Some(0), None).unwrap();
    }
}

#[test]
fn a_vault_is_founded_in_an_empty_folder_only() {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("new");
    assert!(matches!(
        DirStore::open(&path),
        Err(StoreError::NotFound(_))
    ));
    DirStore::found(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    DirStore::found(&path)
        .unwrap()
        .create(&key("x"), b"")
        .unwrap();
    assert!(matches!(
        DirStore::found(&path),
        Err(StoreError::NotEmpty(_))
    ));
    assert!(DirStore::found(guard.path().join("no/parent")).is_err());
    fs::write(guard.path().join("file"), b"").unwrap();
    let error = DirStore::found(guard.path().join("file")).err().unwrap();
    assert!(
        matches!(error, StoreError::NotAFolder(_, "a file")),
        "{error}"
    );
}

#[test]
fn a_lock_has_one_holder_and_falls_with_it() {
    let (guard, path, store) = vault();
    let other = DirStore::open(&path).unwrap();
    let held = store.lock("rotation").unwrap();
    let error = other.lock("rotation").err().unwrap();
    assert!(
        matches!(&error, StoreError::Locked(what) if what.contains("rotation")),
        "{error}"
    );
    drop(other.lock("something-else").unwrap());
    drop(held);
    drop(other.lock("rotation").unwrap());
    for bad in ["", "a/b", "..", "A"] {
        assert!(store.lock(bad).is_err(), "{bad:?}");
    }
    // A killed process holds nothing.
    let mut holder = child::child("child_store", &path, "hold").spawn().unwrap();
    while !guard.path().join("held").exists() {
        assert_eq!(holder.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(store.lock("rotation"), Err(StoreError::Locked(_))));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(store.lock("rotation").is_ok());
    // A trap laid in its place is not followed.
    symlink("/etc/passwd", path.join(".lock-trap")).unwrap();
    assert!(matches!(
        store.lock("trap"),
        Err(StoreError::NotAFile(_, "a symbolic link"))
    ));
}

#[test]
fn old_temporary_files_are_swept_and_young_ones_are_not() {
    let (_guard, path, store) = vault();
    store.create(&key("a/x"), b"").unwrap();
    let day = Duration::from_secs(86_400);
    for (name, age) in [(".tmp-1-old", day + day / 2), (".tmp-2-young", day / 2)] {
        let file = File::create(path.join("a").join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    DirStore::open(&path)
        .unwrap()
        .create(&key("a/y"), b"")
        .unwrap();
    let mut names = all_names(&path);
    names.sort();
    assert_eq!(names, [".tmp-2-young", "x", "y"]);
}

#[test]
fn a_large_folder_is_swept_by_who_reads_it_anyway() {
    let (_guard, path, store) = vault();
    store.create(&key("a/x"), b"").unwrap();
    for number in 0..2000 {
        let file = path
            .join("a")
            .join(format!("a-name-of-some-length-{number}"));
        File::create(file).unwrap();
    }
    let left = path.join("a/.tmp-1-old");
    let file = File::create(&left).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400))
        .unwrap();
    let writes = DirStore::open(&path).unwrap();
    writes.create(&key("a/y"), b"").unwrap();
    assert!(left.exists());
    let reads = DirStore::open(&path).unwrap();
    assert_eq!(reads.list(&key("a")).unwrap().len(), 2002);
    reads.create(&key("a/z"), b"").unwrap();
    assert!(!left.exists());
}

#[test]
fn the_umask_decides_nothing() {
    for umask in ["000", "022", "077", "027", "777"] {
        let guard = tempfile::tempdir().unwrap();
        let job = format!("umask {umask}");
        let status = child::child("child_store", guard.path(), &job).status();
        assert_eq!(status.unwrap().code(), Some(0), "under {umask}");
        modes_hold(guard.path(), umask);
    }
}

#[test]
fn the_umask_decides_nothing_for_who_is_not_root() {
    // Root opens what has no mode at all; others do not.
    if !child::can_be_nobody() {
        return;
    }
    for umask in ["000", "777"] {
        let guard = tempfile::tempdir().unwrap();
        let job = format!("umask {umask}");
        let status = child::child_as_nobody("child_store", guard.path(), &job).status();
        assert_eq!(status.unwrap().code(), Some(0), "under {umask}");
        modes_hold(guard.path(), umask);
    }
}

fn modes_hold(folder: &Path, umask: &str) {
    for place in [
        "vault",
        "vault/a",
        "vault/a/b",
        "way",
        "way/to",
        "way/to/station",
    ] {
        assert_eq!(mode(folder.join(place)), 0o700, "{place:?} under {umask}");
    }
    for place in [
        "vault/a/b/x",
        "vault/.lock-l",
        "way/to/station/station.key",
        "way/to/station/config.toml",
    ] {
        assert_eq!(mode(folder.join(place)), 0o600, "{place:?} under {umask}");
    }
}

#[test]
fn of_eight_threads_one_creates() {
    let (_guard, path, store) = vault();
    for round in 0..50 {
        let name = key(&format!("race/{round}/x"));
        let start = Barrier::new(8);
        let winners: Vec<usize> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8_usize)
                .map(|me| {
                    let (name, store, start) = (&name, &store, &start);
                    scope.spawn(move || {
                        start.wait();
                        match store.create(name, me.to_string().as_bytes()) {
                            Ok(()) => Some(me),
                            Err(StoreError::AlreadyExists(_)) => None,
                            Err(e) => panic!("{e}"),
                        }
                    })
                })
                .collect();
            racers
                .into_iter()
                .filter_map(|racer| racer.join().unwrap())
                .collect()
        });
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(
            store.read(&name, 1).unwrap(),
            winners[0].to_string().as_bytes()
        );
    }
    assert_eq!(all_names(&path).len(), 50);
}

#[test]
fn of_eight_processes_one_creates_each() {
    let (_guard, path, store) = vault();
    let racers: Vec<_> = (0..8)
        .map(|me| {
            child::child("child_store", &path, &format!("race {me}"))
                .spawn()
                .unwrap()
        })
        .collect();
    for mut racer in racers {
        assert_eq!(racer.wait().unwrap().code(), Some(0));
    }
    claims_hold(&store, 8);
}

/// What each says it won is what is there, and nothing is claimed twice or by nobody.
fn claims_hold(store: &DirStore, racers: usize) {
    let mut claims = 0;
    for me in 0..racers {
        let won = store.read(&key(&format!("won/{me}")), LIMIT).unwrap();
        for round in String::from_utf8(won).unwrap().lines() {
            let winner = store.read(&key(&format!("race/{round}")), 10).unwrap();
            assert_eq!(winner, me.to_string().as_bytes());
            claims += 1;
        }
    }
    assert_eq!(claims, 100);
    assert_eq!(store.list(&key("race")).unwrap().len(), 100);
}

const WHOLE: usize = 100_000;

/// The object is whole or absent, and whatever else is there no reader sees.
fn is_old_or_new(path: &Path) -> bool {
    let store = DirStore::open(path).unwrap();
    for name in all_names(path) {
        assert!(name == "x" || name.starts_with(".tmp-"), "{name}");
    }
    match store.read(&key("a/b/x"), LIMIT) {
        Ok(bytes) => {
            assert!(bytes == vec![b'n'; WHOLE], "a file that is not whole");
            true
        }
        Err(StoreError::NotFound(_)) => false,
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn a_process_killed_at_any_system_call_leaves_all_or_nothing() {
    if !child::has_strace() {
        return;
    }
    let mut seen = [0, 0];
    for call in [
        "openat",
        "mkdirat",
        "fchmod",
        "write",
        "fsync",
        "linkat",
        "unlinkat",
        "newfstatat",
        "fstat",
        "getdents64",
        "getrandom",
        "close",
    ] {
        for when in 1.. {
            let (_guard, path, _store) = vault();
            let inject = format!("{call}:signal=KILL:when={when}");
            let status = child::child_under_strace("child_store", &path, "create", &inject)
                .status()
                .unwrap();
            let there = is_old_or_new(&path);
            if !child::was_killed(status) {
                assert_eq!(status.code(), Some(0), "{inject}");
                assert!(there);
                break;
            }
            seen[usize::from(there)] += 1;
            // Whoever comes next is not hindered by what remains.
            let next = DirStore::open(&path)
                .unwrap()
                .create(&key("a/b/x"), &[b'n'; WHOLE]);
            assert_eq!(next.is_ok(), !there, "{inject}: {next:?}");
            assert!(is_old_or_new(&path));
        }
    }
    assert!(
        seen[0] > 5 && seen[1] > 1,
        "{seen:?}: too few points were hit"
    );
}

#[test]
fn a_process_killed_at_any_moment_leaves_all_or_nothing() {
    let (_guard, path, store) = vault();
    for round in 0..40_u64 {
        let mut writer = child::child("child_store", &path, "churn").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + round));
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    let made = store.list(&key("churn")).unwrap();
    assert!(made.len() > 40, "only {} were made", made.len());
    for object in made {
        assert_eq!(
            store.read(&object, LIMIT).unwrap(),
            vec![b'c'; 20_000],
            "{object}"
        );
    }
}

#[test]
fn what_the_disk_refuses_was_not_written() {
    if !child::has_strace() {
        return;
    }
    for (inject, there) in [
        ("linkat:error=ENOSPC", false),
        ("linkat:error=EIO", false),
        ("fchmod:error=EROFS", false),
        ("fchmodat:error=EROFS:when=2+", false),
        // The folders' own, then the file's: the name never appears.
        ("fsync:error=EIO", false),
        // Of the file.
        ("fsync:error=EIO:when=5", false),
        // Of the folder at the very end: the name is there and may not last, so it counts as not written.
        ("fsync:error=EIO:when=6", true),
    ] {
        let (_guard, path, _store) = vault();
        let status = child::child_under_strace("child_store", &path, "create", inject).status();
        assert_eq!(status.unwrap().code(), Some(UNWRITABLE), "{inject}");
        assert_eq!(is_old_or_new(&path), there, "{inject}");
        assert!(
            all_names(&path).iter().all(|name| name == "x"),
            "{inject}: something remains"
        );
    }
}

#[test]
fn without_hard_links_there_is_still_one_winner() {
    if !child::has_strace() {
        return;
    }
    let (_guard, path, store) = vault();
    let racers: Vec<_> = (0..4)
        .map(|me| {
            let (job, inject) = (format!("race {me}"), "linkat:error=EPERM");
            let mut racer = child::child_under_strace("child_store", &path, &job, inject);
            racer.spawn().unwrap()
        })
        .collect();
    for mut racer in racers {
        assert_eq!(racer.wait().unwrap().code(), Some(0));
    }
    claims_hold(&store, 4);
    assert!(
        !all_names(&path)
            .iter()
            .any(|name| name.starts_with(".tmp-"))
    );
}

#[test]
fn a_full_and_a_read_only_disk_are_told_and_harm_nothing() {
    if !child::can_mount() {
        return;
    }
    for job in ["full", "read-only"] {
        let guard = tempfile::tempdir().unwrap();
        let status = child::child_on_small_disk("child_store", guard.path(), job).status();
        assert_eq!(status.unwrap().code(), Some(0), "{job}");
    }
}

const UNWRITABLE: i32 = 4;

#[test]
#[ignore = "what the other tests start as a process of its own"]
fn child_store() {
    let (Ok(job), Some(folder)) = (std::env::var(child::JOB), std::env::var_os(child::FOLDER))
    else {
        return;
    };
    let path = PathBuf::from(folder);
    let (job, rest) = job.split_once(' ').unwrap_or((&job, ""));
    match job {
        "create" => create(&path),
        "churn" => churn(&path),
        "race" => race(&path, rest),
        "hold" => hold(&path),
        "umask" => under_umask(&path, rest),
        "full" => fill(&path),
        "read-only" => read_only(&path),
        _ => exit(9),
    }
    exit(0);
}

fn create(path: &Path) {
    let code = match DirStore::open(path)
        .unwrap()
        .create(&key("a/b/x"), &[b'n'; WHOLE])
    {
        Ok(()) => 0,
        Err(StoreError::Unwritable(..)) => UNWRITABLE,
        Err(e) => panic!("{e}"),
    };
    exit(code);
}

fn churn(path: &Path) {
    let store = DirStore::open(path).unwrap();
    for n in 0.. {
        let name = key(&format!("churn/{}-{n}", std::process::id()));
        store.create(&name, &[b'c'; 20_000]).unwrap();
    }
}

fn race(path: &Path, me: &str) {
    let store = DirStore::open(path).unwrap();
    let mut won = String::new();
    for round in 0..100 {
        match store.create(&key(&format!("race/{round}")), me.as_bytes()) {
            Ok(()) => won.push_str(&format!("{round}\n")),
            Err(StoreError::AlreadyExists(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    store
        .create(&key(&format!("won/{me}")), won.as_bytes())
        .unwrap();
}

fn hold(path: &Path) {
    let store = DirStore::open(path).unwrap();
    let _held = store.lock("rotation").unwrap();
    fs::write(path.parent().unwrap().join("held"), b"").unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

fn under_umask(folder: &Path, umask: &str) {
    rustix::process::umask(Mode::from_raw_mode(u32::from_str_radix(umask, 8).unwrap()));
    let vault = folder.join("vault");
    let store = DirStore::found(&vault).unwrap();
    store.create(&key("a/b/x"), b"x").unwrap();
    drop(store.lock("l").unwrap());
    drop(store.lock("l").unwrap());
    let again = DirStore::open(&vault).unwrap();
    assert_eq!(again.read(&key("a/b/x"), LIMIT).unwrap(), b"x");
    let station = StationFolder::new(folder.join("way/to/station"));
    station.seed(&SystemEntropy).unwrap();
    station.write_new("config.toml", b"").unwrap();
    assert_eq!(station.read("config.toml", 1), Ok(Some(Vec::new())));
}

fn fill(path: &Path) {
    let store = DirStore::found(path).unwrap();
    let mut made = 0;
    let error = loop {
        match store.create(&key(&format!("f/{made}")), &[b'f'; 20_000]) {
            Ok(()) => made += 1,
            Err(e) => break e,
        }
    };
    assert!(
        matches!(&error, StoreError::Unwritable(_, why) if why.contains("space")),
        "{error}"
    );
    assert!(made > 3, "{made}");
    assert_eq!(store.list(&key("f")).unwrap().len(), made);
    assert_eq!(all_names(path).len(), made, "nothing half-written remains");
    for n in 0..made {
        assert_eq!(
            store.read(&key(&format!("f/{n}")), LIMIT).unwrap(),
            [b'f'; 20_000]
        );
    }
    // What is replaced stays as it was.
    assert!(matches!(
        store.replace(&key("f/0"), &[b'g'; 20_000]),
        Err(StoreError::Unwritable(..))
    ));
    assert_eq!(store.read(&key("f/0"), LIMIT).unwrap(), [b'f'; 20_000]);
}

fn read_only(path: &Path) {
    let store = DirStore::found(path).unwrap();
    store.create(&key("a/x"), b"x").unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(path)
        .status();
    assert!(mounted.unwrap().success());
    let store = DirStore::open(path).unwrap();
    assert_eq!(store.read(&key("a/x"), 1).unwrap(), b"x");
    let all = [
        store.create(&key("a/y"), b"y"),
        store.create(&key("b/y"), b"y"),
        store.replace(&key("a/x"), b"y"),
        store.discard(&key("a/x")),
        store.lock("l").map(drop),
    ];
    for result in all {
        assert!(
            matches!(&result, Err(StoreError::Unwritable(_, why)) if why.contains("ead-only")),
            "{result:?}"
        );
    }
    assert_eq!(fs::metadata(path.join("a/x")).unwrap().nlink(), 1);
}
