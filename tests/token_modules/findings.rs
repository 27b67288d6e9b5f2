//! What each module can do, found by trying, and held against its profile and the published table.

use std::path::Path;

use breakglass::ports::{PinStatus, TokenError, TokenProvider};
use breakglass::token::pkcs11::{PeerPoint, Pkcs11Provider, Proof};

use crate::make::{
    Bench, KRYOPTIC, Make, NSS, OPENCRYPTOKI, PIN, SOFTHSM, TPM2, WRONG_PIN, with_token,
};
use crate::token_rules::{error_of, pin};

/// So many wrong PINs are tried before a token is taken for one that never blocks.
const PATIENCE: u32 = 40;

/// Tries everything, and compares it with the profile and with the table.
fn row_of(make: &Make, test: &str) {
    with_token(make, test, |bench| {
        let p256 = suite(bench, true);
        let points = if p256.is_ok() {
            points(bench)
        } else {
            String::new()
        };
        let mut proof = p256.is_ok().then(|| strongest_proof(bench));
        wipe(bench);
        let oaep = suite(bench, false);
        proof = proof.or_else(|| oaep.is_ok().then(|| strongest_proof(bench)));
        let proof = proof.expect("one of the suites is there");

        let profile = make.profile();
        assert_eq!(p256.is_ok(), profile.mechanisms.ec, "{p256:?}");
        assert_eq!(oaep.is_ok(), profile.mechanisms.rsa_oaep_sha256, "{oaep:?}");
        compare(bench, proof, [said(&p256, &points), said(&oaep, "")]);
    });
}

/// The same for a card that brings its P-256 keys with it. The virtual one has no RSA.
pub fn row_of_card(make: &Make, test: &str) {
    with_token(make, test, |bench| {
        let profile = make.profile();
        assert!(profile.mechanisms.ec && profile.mechanisms.rsa_oaep_sha256);
        let p256 = said(&Ok(()), &points(bench));
        let oaep = "yes, as documented; the virtual YubiKey has no RSA keys".to_owned();
        compare(bench, strongest_proof(bench), [p256, oaep]);
    });
}

/// Compares the proof, what wrong PINs do, and what is said of the suites.
fn compare(bench: &Bench<'_>, proof: Proof, suites: [String; 2]) {
    let wrong = wrong_pins(bench);
    let profile = bench.make.profile();
    let tried = profile.tried.as_ref().expect("it is being tried");
    assert_eq!(
        bench.make.version(),
        tried.version,
        "another version is installed"
    );
    assert_eq!(proof, profile.keys.proof);
    assert_eq!(
        Some(wrong.blocked_after),
        profile.pin.locks_after,
        "{wrong:?}"
    );
    assert_eq!(wrong.warned, profile.pin.warns, "{wrong:?}");
    let [p256, oaep] = suites;
    published(&format!(
        "| [{0}]({0}.toml) | {1}, {2} | {p256} | {oaep} | {3} | {4} |",
        bench.make.profile,
        tried.version,
        tried.on,
        words_of(proof),
        wrong.words,
    ));
}

/// The row must stand in the table as it is.
fn published(row: &str) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("hsm-config/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    assert!(
        text.lines().any(|line| line == row),
        "hsm-config/README.md lacks this row, which is what was found:\n{row}"
    );
}

/// Makes keys of one suite, and lets them work.
fn suite(bench: &Bench<'_>, ec: bool) -> Result<(), String> {
    let provider = bench.under(|profile| {
        profile.mechanisms.ec = ec;
        profile.mechanisms.rsa_oaep_sha256 = !ec;
    });
    let mut token = provider.open(bench.make.locator).unwrap();
    match token.generate(&pin(PIN)) {
        Ok(_) => {}
        Err(TokenError::Device { reason, .. }) if reason.contains("can neither") => {
            return Err("not among its mechanisms".to_owned());
        }
        Err(other) => return Err(other.to_string()),
    }
    match token.check_keys(&pin(PIN)) {
        Ok(()) => Ok(()),
        Err(TokenError::UnfitKey { reason, .. }) => Err(reason),
        Err(other) => Err(other.to_string()),
    }
}

/// In which forms a peer's point is taken.
fn points(bench: &Bench<'_>) -> String {
    let takes = |form| {
        let provider = bench.under(|profile| profile.quirks.peer_point = form);
        checks(bench, &provider)
    };
    match (takes(PeerPoint::Raw), takes(PeerPoint::Der)) {
        (true, true) => "point raw or DER",
        (true, false) => "point raw",
        (false, true) => "point DER",
        (false, false) => "no point",
    }
    .to_owned()
}

fn strongest_proof(bench: &Bench<'_>) -> Proof {
    let mut all = [Proof::Local, Proof::History, Proof::Now].into_iter();
    let found = all.find(|&proof| {
        let provider = bench.under(|profile| profile.keys.proof = proof);
        checks(bench, &provider)
    });
    found.expect("one of them")
}

fn checks(bench: &Bench<'_>, provider: &Pkcs11Provider) -> bool {
    let mut token = provider.open(bench.make.locator).unwrap();
    token.check_keys(&pin(PIN)).is_ok()
}

fn wipe(bench: &Bench<'_>) {
    let provider = bench.under(|_| {});
    provider.list().unwrap();
    bench.wipe();
}

#[derive(Debug)]
struct Wrong {
    blocked_after: u32,
    warned: bool,
    words: String,
}

/// Enters wrong PINs until it is blocked. The right one opens nothing then.
fn wrong_pins(bench: &Bench<'_>) -> Wrong {
    let provider = bench.under(|_| {});
    let mut token = provider.open(bench.make.locator).unwrap();
    let mut last = token.pin_status().unwrap();
    let (mut steps, mut warned) = (Vec::new(), false);
    for count in 1..=PATIENCE {
        let error = error_of(token.perform(&pin(WRONG_PIN), &[]));
        let locked = matches!(error, TokenError::PinLocked { .. });
        assert!(
            locked || matches!(error, TokenError::WrongPin { .. }),
            "{count}: {error}"
        );
        let now = token.pin_status().unwrap();
        if now != last {
            steps.push(format!("{} after {count}", flag(now)));
            warned |= now != PinStatus::Locked;
            last = now;
        }
        if locked || now == PinStatus::Locked {
            let error = error_of(token.perform(&pin(PIN), &[]));
            assert!(matches!(error, TokenError::PinLocked { .. }), "{error}");
            // The answer to one more shows a block that no flag told of.
            let blocked_after = if now == PinStatus::Locked {
                count
            } else {
                count - 1
            };
            if now != PinStatus::Locked {
                steps.push(format!("blocked after {blocked_after}, without a flag"));
            }
            return Wrong {
                blocked_after,
                warned,
                words: steps.join(", "),
            };
        }
    }
    steps.push("never blocked".to_owned());
    Wrong {
        blocked_after: 0,
        warned,
        words: steps.join(", "),
    }
}

fn flag(status: PinStatus) -> &'static str {
    match status {
        PinStatus::Untold => "no flag",
        PinStatus::Left(_) => "a counter",
        PinStatus::CountLow => "COUNT_LOW",
        PinStatus::FinalTry => "FINAL_TRY",
        PinStatus::Locked => "LOCKED",
    }
}

fn said(found: &Result<(), String>, more: &str) -> String {
    match found {
        Ok(()) if more.is_empty() => "yes".to_owned(),
        Ok(()) => format!("yes, {more}"),
        Err(why) => format!("no: {why}"),
    }
}

fn words_of(proof: Proof) -> &'static str {
    match proof {
        Proof::Local => "made on it (`CKA_LOCAL`)",
        Proof::History => "never left it; not that they were made on it",
        Proof::Now => "cannot be taken out now",
    }
}

#[test]
fn row_of_softhsm() {
    row_of(&SOFTHSM, "findings::row_of_softhsm");
}

#[test]
fn row_of_kryoptic() {
    row_of(&KRYOPTIC, "findings::row_of_kryoptic");
}

#[test]
fn row_of_nss() {
    row_of(&NSS, "findings::row_of_nss");
}

#[test]
fn row_of_opencryptoki() {
    row_of(&OPENCRYPTOKI, "findings::row_of_opencryptoki");
}

#[test]
fn row_of_tpm2() {
    row_of(&TPM2, "findings::row_of_tpm2");
}

/// Every profile has its row, and no row is of something else.
#[test]
fn every_profile_has_a_row() {
    use breakglass::token::pkcs11::Profile;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("hsm-config/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| ["))
        .collect();
    let tried = [
        "softhsm2",
        "kryoptic",
        "nss",
        "opencryptoki",
        "tpm2",
        "opensc-piv",
        "ykcs11",
    ];
    for profile in Profile::all_built_in().unwrap() {
        let name = &profile.name;
        let head = format!("| [{name}]({name}.toml) | ");
        let mut of_it = rows.iter().filter(|row| row.starts_with(&head));
        let row = of_it.next().unwrap_or_else(|| panic!("{name} has no row"));
        assert!(of_it.next().is_none(), "{name} has two rows");
        assert_eq!(
            profile.tried.is_some(),
            tried.contains(&name.as_str()),
            "{name}"
        );
        assert_eq!(
            row.contains("not yet tried"),
            profile.tried.is_none(),
            "{row}"
        );
        let suites = (profile.mechanisms.ec, profile.mechanisms.rsa_oaep_sha256);
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(
            suites,
            (cells[2].starts_with("yes"), cells[3].starts_with("yes")),
            "{row}"
        );
    }
    assert_eq!(rows.len(), Profile::built_in_names().count());
}
