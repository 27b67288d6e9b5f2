//! The files of a station's folder, and the profiles of modules.

use std::cell::LazyCell;

use breakglass::cli::config::Config;
use breakglass::ledger::{Journal, Seen};
use breakglass::ports::{Archive, Memory as _};
use breakglass::store::StationFolder;
use breakglass::token::pkcs11::Profile;

use crate::world;

/// `config.toml`: what is read can be written and read again as the same; what is not is told with its line.
pub fn config(data: &[u8]) {
    match Config::parse(data, "config.toml") {
        Ok(config) => {
            let _ = config.proof.timing();
            let written = toml::to_string(&config).expect("what was read can be written");
            let again = Config::parse(written.as_bytes(), "config.toml").expect("it can be read");
            assert_eq!(toml::to_string(&again), Ok(written));
        }
        Err(failure) => assert!(failure.what.starts_with("config.toml")),
    }
}

/// A profile: its paths are absolute.
pub fn profile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(profile) = Profile::parse(text) {
        assert!(profile.library.iter().all(|path| path.is_absolute()));
        assert_eq!(Profile::parse(text), Ok(profile));
    }
}

thread_local! {
    static FOLDER: LazyCell<tempfile::TempDir> = LazyCell::new(|| {
        let memory = std::path::Path::new("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::path::Path::new("/tmp") };
        tempfile::tempdir_in(place).expect("a folder")
    });
}

/// `anchor.json`: what is recalled is remembered and recalled as the same.
pub fn anchor(data: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("anchor.json");
        std::fs::write(&path, data).expect("written");
        let station = StationFolder::new(folder.path().to_owned());
        if let Ok(Some(seen)) = station.recall() {
            station.remember(&seen).expect("remembered");
            assert_eq!(station.recall(), Ok(Some(seen)));
        }
    });
}

/// `state.archive`: whatever lies there, it is read or refused; what is kept comes back as it was; and what a
/// summary says of the ledger is so, or is not used.
pub fn archive(data: &[u8]) {
    FOLDER.with(|folder| {
        let station = StationFolder::new(folder.path().to_owned());
        let kept = station.archive().expect("a place");
        std::fs::write(folder.path().join("state.archive"), data).expect("written");
        if let Ok(Some(archived)) = kept.open() {
            let _ = archived.row("credential/deploy");
        }
        let row = ("credential/deploy".to_owned(), data.to_vec());
        kept.keep(data, vec![row]).expect("kept");
        let archived = kept.open().expect("whole").expect("there");
        assert_eq!(archived.summary(), data);
        assert_eq!(archived.row("credential/deploy"), Ok(Some(data.to_vec())));
        assert_eq!(archived.row("credential/other"), Ok(None));
        begin(kept);
    });
}

/// A ledger is continued from an archive only at a head that it has.
fn begin(archive: &dyn Archive) {
    let world = world::world();
    let (store, name, rotator) = (world.ledger(), world::station(), world::rotator());
    let chain = std::sync::Arc::new(world.chain.clone());
    let whole = Journal::open(&store, chain.clone(), None, &name, &rotator).expect("a good ledger");
    let seen = Seen {
        size: whole.head().size,
        root: whole.head().root,
    };
    if let Some(journal) = Journal::open_archived(&store, chain, seen, &name, &rotator, archive) {
        assert_eq!(journal.head(), whole.head());
    }
}
