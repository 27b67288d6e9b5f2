//! Private SoftHSM tokens for tests.
//!
//! SoftHSM finds its configuration through the environment variable `SOFTHSM2_CONF`: see `bench.rs` for how
//! a test gets it. A test file that uses this has the `#[path]` module `bench` beside it.

#![allow(dead_code)] // each test binary uses a part of it

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Start, run_again};
use breakglass::token::pkcs11::{ModuleConfig, Pkcs11Provider, Profile};

/// The user PIN of every token made here.
pub const PIN: &str = "493817";
/// Another PIN of the same form.
pub const WRONG_PIN: &str = "718394";
const SO_PIN: &str = "27182818";

/// The folder with the tokens, as the body of a test sees it.
pub struct SoftHsm {
    folder: PathBuf,
}

/// Runs `body` in a child process in which SoftHSM shows fresh tokens with these labels, in this order,
/// and one slot with a token that is not initialised. `test` is the test's own path, as libtest prints it.
/// `settings` are further lines of `softhsm2.conf`.
pub fn with_tokens(test: &str, labels: &[&str], settings: &str, body: impl FnOnce(&SoftHsm)) {
    with_tokens_under(&[], test, labels, settings, body);
}

/// The same, with the child started by another command, such as strace and its options.
pub fn with_tokens_under(
    command: &[&str],
    test: &str,
    labels: &[&str],
    settings: &str,
    body: impl FnOnce(&SoftHsm),
) {
    let prepare = |folder: &Path| {
        let softhsm = SoftHsm::in_folder(folder);
        softhsm.configure(settings);
        for label in labels {
            softhsm.initialise(label);
        }
        Start {
            variables: vec![(
                "SOFTHSM2_CONF",
                softhsm.configuration().display().to_string(),
            )],
            command: command.iter().map(|&word| word.to_owned()).collect(),
            ..Start::default()
        }
    };
    run_again(test, prepare, |folder| body(&SoftHsm::in_folder(folder)));
}

impl SoftHsm {
    /// The tokens in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The configuration that `SOFTHSM2_CONF` names.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    /// The folder that holds a folder for each token.
    pub fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    /// Writes the configuration.
    pub fn configure(&self, settings: &str) {
        std::fs::create_dir(self.tokens()).expect("the folder is ours");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n{settings}\n",
            self.tokens().display()
        );
        std::fs::write(self.configuration(), text).expect("the folder is ours");
    }

    /// Makes a token with the command that the profile tells people to use.
    pub fn initialise(&self, label: &str) {
        self.initialise_with(label, PIN);
    }

    /// The same, with this PIN.
    pub fn initialise_with(&self, label: &str, pin: &str) {
        let prepare = &profile().prepare[0];
        let mut words = prepare
            .split(' ')
            .map(|word| if word == "LABEL" { label } else { word });
        let output = Command::new(words.next().expect("a command"))
            .args(words)
            .args(["--pin", pin, "--so-pin", SO_PIN])
            .env("SOFTHSM2_CONF", self.configuration())
            .output()
            .expect("softhsm2-util is installed");
        assert!(output.status.success(), "{prepare}: {output:?}");
    }

    /// SoftHSM with its profile, and no other module.
    pub fn provider(&self) -> Pkcs11Provider {
        Pkcs11Provider::new(vec![module()])
    }

    /// Takes all tokens away, as if they were pulled.
    pub fn pull_all(&self) {
        std::fs::remove_dir_all(self.tokens()).expect("the folder is ours");
    }
}

/// The built-in profile of SoftHSM.
pub fn profile() -> Profile {
    Profile::built_in("softhsm2").expect("the profile is compiled in")
}

/// SoftHSM's library with its profile.
pub fn module() -> ModuleConfig {
    let profile = profile();
    let path = profile
        .find_library()
        .expect("SoftHSM is installed")
        .to_owned();
    ModuleConfig {
        path,
        profiles: vec![profile],
        folder: None,
    }
}

/// A copy of SoftHSM's library: to the loader and to us another module.
pub fn copied_module(folder: &Path) -> ModuleConfig {
    let original = module();
    let path = folder.join("libanother.so");
    std::fs::copy(&original.path, &path).expect("the folder is ours");
    ModuleConfig { path, ..original }
}

impl AsRef<Path> for SoftHsm {
    fn as_ref(&self) -> &Path {
        &self.folder
    }
}
