//! The modules that can be installed on a Debian machine: how each gets a fresh token of its own for a test.

use std::path::{Path, PathBuf};
use std::process::Command;

use breakglass::ports::PinStatus;
use breakglass::token::pkcs11::{ModuleConfig, Pkcs11Provider, Profile};
use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;

use crate::bench::{Start, run_again};
use crate::softhsm::SoftHsm;
use crate::token_rules::Subject;

/// The user PIN of every token, and one that is not.
pub const PIN: &str = "49381726";
pub const WRONG_PIN: &str = "71839405";
const SO_PIN: &str = "27182818";

/// A module.
pub struct Make {
    /// The name of its profile.
    pub profile: &'static str,
    /// Its Debian package; empty for what is built.
    pub package: &'static str,
    /// Names its token.
    pub locator: &'static str,
    /// Which of the slots with a token it is.
    pub slot: usize,
    /// Prepares a token in a folder, from outside the process that uses it.
    pub start: fn(&Make, &Path) -> Start,
    /// What the token says after one wrong PIN.
    pub after_wrong_pin: PinStatus,
}

pub const SOFTHSM: Make = Make {
    profile: "softhsm2",
    package: "softhsm2",
    locator: "pkcs11:token=alice",
    slot: 0,
    start: start_softhsm,
    after_wrong_pin: PinStatus::CountLow,
};

pub const KRYOPTIC: Make = Make {
    profile: "kryoptic",
    package: "",
    locator: "pkcs11:token=alice",
    slot: 0,
    start: start_kryoptic,
    // It warns when three are left.
    after_wrong_pin: PinStatus::Untold,
};

pub const NSS: Make = Make {
    profile: "nss",
    package: "libnss3",
    locator: "pkcs11:token=NSS%20Certificate%20DB",
    slot: 1,
    start: start_nss,
    after_wrong_pin: PinStatus::Untold,
};

/// NSS with a key store that has no password.
pub const NSS_WITHOUT_PIN: Make = Make {
    start: start_nss_without_pin,
    ..NSS
};

pub const OPENCRYPTOKI: Make = Make {
    profile: "opencryptoki",
    package: "opencryptoki",
    locator: "pkcs11:token=alice",
    slot: 0,
    start: start_opencryptoki,
    after_wrong_pin: PinStatus::CountLow,
};

pub const TPM2: Make = Make {
    profile: "tpm2",
    package: "libtpm2-pkcs11-1",
    locator: "pkcs11:token=alice",
    slot: 0,
    start: start_tpm2,
    after_wrong_pin: PinStatus::Untold,
};

/// A module with a fresh token, in the process that uses it.
pub struct Bench<'a> {
    pub make: &'a Make,
    folder: &'a Path,
}

/// Runs `body` with a fresh token, in a child process. Where the module is not installed this says so, and
/// fails where it must be (`BREAKGLASS_TEST_MODULES=all`).
pub fn with_token(make: &Make, test: &str, body: impl FnOnce(&Bench<'_>)) {
    if make.library().is_none() {
        let text = format!(
            "{} is not installed (scripts/setup, scripts/hsm-modules)",
            make.profile
        );
        let must = std::env::var_os("BREAKGLASS_TEST_MODULES").is_some_and(|which| which == "all");
        assert!(!must, "{text}");
        eprintln!("SKIPPED: {test}: {text}");
        return;
    }
    // Its daemon wants a group of its own, which no user namespace of ours has.
    if make.profile == OPENCRYPTOKI.profile && !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: {test}: openCryptoki's daemon is started by root alone");
        return;
    }
    let prepare = |folder: &Path| (make.start)(make, folder);
    run_again(test, prepare, |folder| body(&Bench { make, folder }));
}

impl Make {
    /// Its built-in profile.
    pub fn profile(&self) -> Profile {
        Profile::built_in(self.profile).expect("the profile is compiled in")
    }

    /// The version that is installed: what Debian's package says without its own additions, or what
    /// `scripts/hsm-modules` builds.
    pub fn version(&self) -> String {
        if self.package.is_empty() {
            let manifest = include_str!("../hsm/kryoptic/Cargo.toml");
            let (_, rest) = manifest
                .split_once("version = \"=")
                .expect("a pinned version");
            return rest.split('"').next().expect("a version").to_owned();
        }
        let mut query = Command::new("dpkg-query");
        let output = query
            .args(["-W", "-f", "${Version}", self.package])
            .output();
        let said = String::from_utf8(output.expect("dpkg-query runs").stdout).expect("UTF-8");
        let without_epoch = said.split_once(':').map_or(&*said, |(_, rest)| rest);
        let end = without_epoch
            .find(['-', '+'])
            .unwrap_or(without_epoch.len());
        without_epoch[..end].to_owned()
    }

    /// Its library: where `scripts/hsm-modules` put it, or where its profile says.
    pub fn library(&self) -> Option<PathBuf> {
        let built = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target/hsm")
            .join(self.profile)
            .join(format!("lib{}_pkcs11.so", self.profile));
        if built.is_file() {
            return Some(built);
        }
        self.profile().find_library().map(Path::to_owned)
    }
}

impl Bench<'_> {
    /// The module under its profile, changed.
    pub fn under(&self, change: impl FnOnce(&mut Profile)) -> Pkcs11Provider {
        let mut profile = self.make.profile();
        change(&mut profile);
        self.under_all(vec![profile])
    }

    /// The module under these profiles.
    pub fn under_all(&self, profiles: Vec<Profile>) -> Pkcs11Provider {
        Pkcs11Provider::new(vec![self.config_of(self.make, profiles)])
    }

    /// The module under its profile, changed, and SoftHSM as it is.
    pub fn beside_softhsm(&self, change: impl FnOnce(&mut Profile)) -> Pkcs11Provider {
        let mut profile = self.make.profile();
        change(&mut profile);
        Pkcs11Provider::new(vec![
            self.config_of(self.make, vec![profile]),
            self.config_of(&SOFTHSM, vec![SOFTHSM.profile()]),
        ])
    }

    fn config_of(&self, make: &Make, profiles: Vec<Profile>) -> ModuleConfig {
        ModuleConfig {
            path: make.library().expect("it is installed"),
            profiles,
            folder: Some(self.folder.to_owned()),
        }
    }

    /// The folder that its token lies in, where it lies in one.
    pub fn folder(&self) -> &Path {
        self.folder
    }

    /// The token as the rules of tokens take it.
    pub fn subject<'s>(&'s self, provider: &'s Pkcs11Provider) -> Subject<'s> {
        Subject {
            provider,
            locator: self.make.locator,
            pin: PIN,
            wrong_pin: WRONG_PIN,
            untouched: PinStatus::Untold,
            after_wrong_pin: self.make.after_wrong_pin,
            unfit: None,
        }
    }

    /// A session on the token past the adapter, logged in. A provider must have initialised the module.
    pub fn foreign(&self) -> Session {
        let context = Pkcs11::new(self.make.library().expect("it is installed")).unwrap();
        let slot = context.get_slots_with_token().unwrap()[self.make.slot];
        let session = context.open_rw_session(slot).unwrap();
        session
            .login(UserType::User, Some(&AuthPin::new(PIN.into())))
            .unwrap();
        session
    }

    /// What the `cryptoki` crate says of the token.
    pub fn crate_reads_token(&self) -> Result<TokenInfo, cryptoki::error::Error> {
        let context = Pkcs11::new(self.make.library().expect("it is installed"))?;
        let slot = context.get_slots_with_token()?[self.make.slot];
        // Only openCryptoki's answer is of interest, once a provider has initialised it.
        context.get_token_info(slot)
    }

    /// Gives the token another user PIN.
    pub fn change_pin(&self, pin: &str) {
        let provider = self.under(|_| {});
        breakglass::ports::TokenProvider::list(&provider).unwrap();
        let old = AuthPin::new(PIN.into());
        self.foreign()
            .set_pin(&old, &AuthPin::new(pin.into()))
            .unwrap();
    }

    /// Takes our keys away.
    pub fn wipe(&self) {
        let session = self.foreign();
        for label in ["breakglass-seal", "breakglass-sign"] {
            for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
                let label = Attribute::Label(label.as_bytes().to_vec());
                for object in session
                    .find_objects(&[Attribute::Class(class), label])
                    .unwrap()
                {
                    session.destroy_object(object).unwrap();
                }
            }
        }
    }
}

pub fn run(command: &mut Command) {
    let output = command.output().expect("it is installed");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn start_softhsm(_: &Make, folder: &Path) -> Start {
    let softhsm = SoftHsm::in_folder(folder);
    softhsm.configure("");
    softhsm.initialise_with("alice", PIN);
    Start {
        variables: vec![(
            "SOFTHSM2_CONF",
            softhsm.configuration().display().to_string(),
        )],
        ..Start::default()
    }
}

/// The same two commands as in its profile.
fn start_kryoptic(make: &Make, folder: &Path) -> Start {
    let configuration = folder.join("kryoptic.conf");
    let store = folder.join("kryoptic.sql");
    let text = format!(
        "[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
        store.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let variable = configuration.display().to_string();
    for act in [
        &["--init-token", "--label", "alice"][..],
        &[
            "--login",
            "--login-type",
            "so",
            "--init-pin",
            "--new-pin",
            PIN,
        ],
    ] {
        run(Command::new("pkcs11-tool")
            .arg("--module")
            .arg(make.library().unwrap())
            .args(["--slot", "1", "--so-pin", SO_PIN])
            .args(act)
            .env("KRYOPTIC_CONF", &variable));
    }
    Start {
        variables: vec![("KRYOPTIC_CONF", variable)],
        ..Start::default()
    }
}

fn start_nss(_: &Make, folder: &Path) -> Start {
    let password = folder.join("password");
    std::fs::write(&password, PIN).unwrap();
    run(Command::new("certutil")
        .args(["-N", "-d", &format!("sql:{}", folder.display()), "-f"])
        .arg(&password));
    Start::default()
}

/// A token of SoftHSM lies beside it.
fn start_nss_without_pin(_: &Make, folder: &Path) -> Start {
    run(Command::new("certutil").args([
        "-N",
        "-d",
        &format!("sql:{}", folder.display()),
        "--empty-password",
    ]));
    start_softhsm(&SOFTHSM, folder)
}

fn script(name: &str) -> String {
    format!("{}/tests/hsm/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn start_opencryptoki(_: &Make, _: &Path) -> Start {
    Start {
        command: [&script("opencryptoki"), "alice", PIN]
            .map(str::to_owned)
            .to_vec(),
        ..Start::default()
    }
}

fn start_tpm2(_: &Make, folder: &Path) -> Start {
    Start {
        command: [&script("tpm2"), folder.to_str().unwrap(), "alice", PIN]
            .map(str::to_owned)
            .to_vec(),
        ..Start::default()
    }
}
