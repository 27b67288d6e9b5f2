//! The rules of tokens, run against NSS's software token: another implementation, and the one in Debian
//! that does both suites. NSS wants a parameter at its start that only p11-kit can give it here, so the
//! module is p11-kit (packages `libp11-kit0` and `libnss3`), which also is how many desktops load theirs.

#[path = "common/bench.rs"]
mod bench;
#[path = "common/softhsm.rs"]
mod softhsm;
#[path = "common/token_rules.rs"]
mod token_rules;

use std::path::{Path, PathBuf};

use breakglass::ports::PinStatus;
use breakglass::token::pkcs11::{ModuleConfig, PeerPoint, Pkcs11Provider, Profile, Proof};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use softhsm::{PIN, WRONG_PIN, with_tokens_under};
use token_rules::{self as rules, Subject};

const FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
];

fn library(name: &str) -> PathBuf {
    let paths = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    let found = paths.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed (libp11-kit0, libnss3)"))
}

/// Runs `body` in a child in which p11-kit shows a fresh NSS token. p11-kit looks at no user's
/// configuration as root, so the child is somebody else in a user namespace.
fn with_nss(test: &str, ec: bool, body: impl FnOnce(&Subject<'_>)) {
    let home = tempfile::tempdir().unwrap();
    let set = format!("HOME={}", home.path().display());
    let command = ["env", &set, "unshare", "--user", "--map-user=1000"];
    with_tokens_under(&command, test, &[], "", |folder| {
        configure(
            &PathBuf::from(std::env::var_os("HOME").unwrap()),
            folder.as_ref(),
        );
        set_pin();
        let provider = Pkcs11Provider::new(vec![config(ec)]);
        body(&Subject {
            provider: &provider,
            locator: "pkcs11:token=NSS%20Certificate%20DB",
            pin: PIN,
            wrong_pin: WRONG_PIN,
            untouched: PinStatus::Untold,
            after_wrong_pin: PinStatus::Untold,
            // NSS does not keep that a key was made inside it: all else was found good before that.
            unfit: Some("CKA_LOCAL is not true"),
        });
    });
}

fn config(ec: bool) -> ModuleConfig {
    let mut profile = Profile::built_in("nss").unwrap();
    profile.mechanisms.ec = ec;
    // The strongest proof is demanded here, which NSS cannot give.
    profile.keys.proof = Proof::Local;
    profile.quirks.peer_point = if ec { PeerPoint::Der } else { PeerPoint::Raw };
    // p11-kit starts it.
    profile.quirks.start = None;
    ModuleConfig {
        path: library("libp11-kit.so.0"),
        profiles: vec![profile],
        folder: None,
    }
}

fn configure(home: &Path, database: &Path) {
    let folder = home.join(".config/pkcs11/modules");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("../pkcs11.conf"), "user-config: only\n").unwrap();
    let module = format!(
        "module: {}\nx-init-reserved: configdir='sql:{}' certPrefix='' keyPrefix='' secmod='' flags=\n",
        library("libsoftokn3.so").display(),
        database.display()
    );
    std::fs::write(folder.join("nss.module"), module).unwrap();
}

/// A fresh database has an empty PIN for its officer, and none for its user.
fn set_pin() {
    let context = Pkcs11::new(library("libp11-kit.so.0")).unwrap();
    context
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let slots = context.get_all_slots().unwrap().into_iter();
    let mut of_user = slots.filter(|slot| {
        let info = context.get_slot_info(*slot).unwrap();
        info.slot_description().starts_with("NSS User Private Key")
    });
    let session = context.open_rw_session(of_user.next().unwrap()).unwrap();
    session
        .login(UserType::So, Some(&AuthPin::new("".into())))
        .unwrap();
    session.init_pin(&AuthPin::new(PIN.into())).unwrap();
    session.close().unwrap();
    context.finalize().unwrap();
}

#[test]
fn p256_on_nss() {
    with_nss("p256_on_nss", true, |subject| {
        rules::is_listed_and_opened(subject);
        rules::others_are_not_found(subject, "pkcs11:token=carol");
        rules::without_keys_it_says_so(subject);
        rules::keys_are_made_once(subject);
        rules::it_agrees(subject);
        rules::it_signs_in_order(subject);
        rules::a_bad_point_is_refused(subject);
        rules::a_wrong_pin_opens_nothing(subject);
    });
}

#[test]
fn rsa_on_nss() {
    with_nss("rsa_on_nss", false, |subject| {
        let keys = rules::keys_are_made_once(subject);
        assert_eq!(keys.seal.public.len(), 422, "3072 bits");
        rules::it_decapsulates(subject, rules::encrypt);
        rules::it_signs_in_order(subject);
        rules::a_wrong_pin_opens_nothing(subject);
    });
}
