//! Dual control: where both tokens are in one HSM, and where they are in two.

use crate::make::{KRYOPTIC, Make, NSS, OPENCRYPTOKI, SOFTHSM, with_token};
use crate::{Holder, Vault};

/// One alone opens nothing; both do, and what they get is the key of the user.
fn both_are_needed(vault: &Vault, ic: &Holder, bgo: &Holder) {
    let alone = [(&*ic.prompt(), &*ic.pin), (&*bgo.prompt(), "\x03")];
    let seen = vault.unseal(&alone).ended(3);
    assert!(!seen.text.contains("got AKIA"), "{seen}");
    // One's PIN is not the other's.
    let twice = [
        (&*ic.prompt(), &*ic.pin),
        (&*bgo.prompt(), &*ic.pin),
        (&*bgo.prompt(), "\x03"),
    ];
    if ic.pin != bgo.pin {
        let seen = vault.unseal(&twice).ended(3);
        assert!(!seen.text.contains("got AKIA"), "{seen}");
    }
    let both = [(&*ic.prompt(), &*ic.pin), (&*bgo.prompt(), &*bgo.pin)];
    let seen = vault.unseal(&both).ended(0);
    let key = &vault.scene.keys_of("deploy")[0].0;
    assert!(seen.text.contains(&format!("got {key}")), "{seen}");
    vault.run(&["ledger", "verify"]).ended(0);
}

fn suite_of(vault: &Vault, holder: &Holder) -> String {
    let seen = vault
        .run(&["token", "inspect", &holder.uri, "--json"])
        .ended(0)
        .json();
    seen["keys"]["seal"]["suite"]
        .as_str()
        .expect("a suite")
        .to_owned()
}

#[test]
fn two_people_in_two_slots_of_one_hsm() {
    let vault = Vault::empty(&[&SOFTHSM]);
    let ic = Holder::in_softhsm(&vault.scene, "alice");
    let bgo = Holder::in_softhsm(&vault.scene, "bob");
    vault.generate(&ic);
    vault.generate(&bgo);
    vault.found_and_seal(&ic, &bgo);
    both_are_needed(&vault, &ic, &bgo);
}

/// The IC's token is in SoftHSM, the BGO's in another module.
fn two_makes(make: &Make, test: &str, suite: &str) {
    with_token(make, test, |bench| {
        let vault = Vault::empty(&[&SOFTHSM, make]);
        name_folder(&vault, bench.folder(), make);
        let ic = Holder::in_softhsm(&vault.scene, "alice-ic");
        let bgo = Holder::in_bench(bench, "bob");
        let ic = Holder {
            name: "alice",
            ..ic
        };
        vault.generate(&ic);
        vault.generate(&bgo);
        assert_eq!(suite_of(&vault, &ic), "p256");
        assert_eq!(suite_of(&vault, &bgo), suite);
        vault.found_and_seal(&ic, &bgo);
        both_are_needed(&vault, &ic, &bgo);
    });
}

/// Where a module must be told of its folder, the configuration says it, also for one that is named on
/// the command line.
fn name_folder(vault: &Vault, folder: &std::path::Path, make: &Make) {
    let path = vault.scene.station().join("config.toml");
    let mut text = std::fs::read_to_string(&path).expect("the scene wrote it");
    let library = make.library().expect("it is installed");
    text.push_str(&format!(
        "[[module]]\npath = \"{}\"\nfolder = \"{}\"\n",
        library.display(),
        folder.display()
    ));
    std::fs::write(path, text).expect("the folder is ours");
}

#[test]
fn two_people_in_hsms_of_two_makes_and_two_suites() {
    let test = "dual::two_people_in_hsms_of_two_makes_and_two_suites";
    two_makes(&OPENCRYPTOKI, test, "rsa-oaep-sha256");
}

#[test]
fn two_people_in_softhsm_and_kryoptic() {
    let test = "dual::two_people_in_softhsm_and_kryoptic";
    two_makes(&KRYOPTIC, test, "p256");
}

#[test]
fn two_people_in_softhsm_and_nss() {
    two_makes(&NSS, "dual::two_people_in_softhsm_and_nss", "p256");
}
