//! A laptop at the safe.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::cut_off;
use crate::pty::Pty;
use crate::scene::{self, Scene, Seen, binary, borrowed, both_pins};

/// The export of a scene's vault, a laptop that has seen nothing, and a stick for the ledger.
pub struct Night {
    pub scene: Scene,
    home: PathBuf,
    pub safe: PathBuf,
    pub stick: PathBuf,
}

impl Night {
    /// Exports the vault, and goes to the laptop.
    pub fn begin(mut scene: Scene) -> Self {
        let (safe, stick) = (scene.path("safe"), scene.path("stick"));
        export(&scene, &safe).ended(0);
        let home = scene.station().to_owned();
        let laptop = scene.new_station("laptop");
        scene.go_to(laptop);
        let vault = safe.join("vault");
        scene
            .variables
            .push(("BREAKGLASS_VAULT".into(), vault.into()));
        Self {
            scene,
            home,
            safe,
            stick,
        }
    }

    /// A vault with these credentials, and a laptop that trusts its export; nothing where this machine does not
    /// let us play it.
    pub fn trusted(users: &[&str]) -> Option<Self> {
        if !cut_off::possible() {
            return None;
        }
        let scene = Scene::sealed(users);
        let fingerprint = scene.fingerprint();
        let night = Self::begin(scene);
        night.import(&fingerprint);
        Some(night)
    }

    /// Goes back to the main vault and its station.
    pub fn go_home(&mut self) {
        self.scene.go_to(self.home.clone());
        self.scene.variables.clear();
    }

    /// A command at a terminal, without a network, the export read-only.
    pub fn run(&self, args: &[&str], answers: &[(&str, &str)]) -> Seen {
        let command = cut_off::command(&self.safe)
            .arg(binary())
            .args(args)
            .env_clear()
            .envs(self.scene.environment());
        scene::answer(&mut Pty::spawn(command), answers)
    }

    /// The same with the ledger on the stick.
    pub fn run_with_stick(&self, args: &[&str], answers: &[(&str, &str)]) -> Seen {
        let stick = text(&self.stick);
        let all = [&["--ledger", stick], args].concat();
        self.run(&all, answers)
    }

    /// Trusts the export, by the fingerprint.
    pub fn import(&self, fingerprint: &str) {
        let seen = self
            .run_with_stick(&["vault", "import", text(&self.safe), fingerprint], &[])
            .ended(0);
        assert!(seen.text.contains("trusts the vault acme"), "{seen}");
    }

    /// Opens `deploy` with both people, and returns the access key id that the child got.
    pub fn open(&self) -> String {
        let file = self.scene.path("got");
        let keep = format!("printf %s $AWS_ACCESS_KEY_ID > '{}'", file.display());
        let args = scene::unseal_args(&["deploy"], &["sh", "-c", &keep]);
        self.run_with_stick(&args, &borrowed(&both_pins())).ended(0);
        fs::read_to_string(file).expect("the child wrote it")
    }

    /// Every file of the export by its path, as a digest.
    pub fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        contents(&self.safe)
    }
}

/// Exports the vault without the program, which is large in a debug build.
pub fn export(scene: &Scene, safe: &Path) -> Seen {
    scene.run(&["vault", "export", text(safe), "--without-program"])
}

/// Every file of a folder by its path, as a digest.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, Sha256::digest(bytes).to_vec());
        }
    }
    found
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
