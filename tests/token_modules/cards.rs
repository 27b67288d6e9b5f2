//! The modules that drive YubiKeys as plain PKCS#11 tokens, against a virtual one. Its keys are made by the
//! commands in the profile; its PIN is the tests' own.

use std::path::Path;
use std::process::Command;

use breakglass::ports::{KeyRequest, PinStatus, TokenError, TokenProvider};

use crate::bench::Start;
use crate::findings::row_of_card;
use crate::make::{Make, PIN, run, with_token};
use crate::rack::{self, Desk, Rack};
use crate::token_rules::{self as rules, error_of, pin};

const OPENSC: Make = Make {
    profile: "opensc-piv",
    package: "opensc-pkcs11",
    locator: "pkcs11:manufacturer=piv_II",
    slot: 0,
    start: start_prepared,
    // It warns when one is left.
    after_wrong_pin: PinStatus::Untold,
};

const YKCS11: Make = Make {
    profile: "ykcs11",
    package: "ykcs11",
    locator: "pkcs11:token=YubiKey%20PIV%20%2312345678",
    slot: 0,
    start: start_prepared,
    after_wrong_pin: PinStatus::CountLow,
};

/// A card with the tests' PIN, which touches itself.
fn start_bare(_: &Make, folder: &Path) -> Start {
    let rack = Rack::start(&folder.join("rack"), "--readers 1 --card 12345678");
    rack.tell("auto-touch 12345678 on");
    let words = [
        "piv",
        "access",
        "change-pin",
        "--pin",
        rack::PIN,
        "--new-pin",
        PIN,
    ];
    run(ykman(&rack).args(words));
    Start {
        variables: vec![rack.variable()],
        keep: Some(Box::new(rack)),
        ..Start::default()
    }
}

fn ykman(rack: &Desk) -> Command {
    let mut ykman = Command::new("ykman");
    ykman.args(["--device", "12345678"]);
    ykman.envs([rack.variable()]).current_dir(rack.folder());
    ykman
}

/// The same after the commands of the profile.
fn start_prepared(make: &Make, folder: &Path) -> Start {
    let start = start_bare(make, folder);
    let rack = desk(folder);
    for line in make.profile().prepare {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("ykman"), "{line}");
        let rights = ["--management-key", rack::MANAGEMENT_KEY, "--pin", PIN];
        run(ykman(&rack).args(words).args(rights));
    }
    start
}

/// The same with keys that were made elsewhere.
fn start_imported(make: &Make, folder: &Path) -> Start {
    let start = start_bare(make, folder);
    let rack = desk(folder);
    let rights = ["--management-key", rack::MANAGEMENT_KEY, "--pin", PIN];
    for slot in ["9d", "9a"] {
        let openssl = |words: &str| {
            let mut openssl = Command::new("openssl");
            run(openssl.args(words.split(' ')).current_dir(rack.folder()));
        };
        openssl("ecparam -name prime256v1 -genkey -noout -out key.pem");
        openssl("pkey -in key.pem -pubout -out public.pem");
        let import = format!("piv keys import --pin-policy ONCE {slot} key.pem");
        let certify = format!("piv certificates generate --subject CN=imported {slot} public.pem");
        for words in [import, certify] {
            run(ykman(&rack).args(words.split(' ')).args(rights));
        }
    }
    start
}

fn desk(folder: &Path) -> Desk {
    Desk::in_folder(&folder.join("rack"))
}

/// All rules that hold for keys that are on the token already.
fn contract(make: &Make, test: &str) {
    with_token(make, test, |bench| {
        let provider = bench.under(|_| {});
        let subject = bench.subject(&provider);
        rules::is_listed_and_opened(&subject);
        rules::others_are_not_found(&subject, "pkcs11:token=carol");
        let mut token = provider.open(make.locator).expect("the token is there");
        let error = error_of(token.generate(&pin(PIN)));
        assert!(matches!(error, TokenError::MakersKeys { .. }), "{error}");
        token.check_keys(&pin(PIN)).expect("its keys are fit");
        drop(token);
        rules::it_agrees(&subject);
        rules::a_bad_point_is_refused(&subject);
        rules::it_signs_in_order(&subject);
        rules::a_wrong_pin_opens_nothing(&subject);
    });
}

/// What a module does with a card that nobody touches, and says of one that is pulled out.
struct Manners {
    /// How often it has the card wait for one signature, and how often it sends the PIN for that.
    waits: u64,
    verifies: u64,
    pulled: &'static str,
}

/// A missed touch costs no try, is no wrong PIN, and the next attempt works.
fn a_missed_touch(make: &Make, test: &str, manners: &Manners) {
    with_token(make, test, |bench| {
        let desk = desk(bench.folder());
        let provider = bench.under(|_| {});
        let mut token = provider.open(make.locator).expect("the token is there");
        desk.tell("auto-touch 12345678 off");
        desk.tell("touch-limit 12345678 0.1");
        desk.tell("clear 12345678");
        let error = error_of(token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]));
        assert!(matches!(error, TokenError::Device { .. }), "{error}");
        assert!(
            error.to_string().contains("CKR_USER_NOT_LOGGED_IN"),
            "{error}"
        );
        let counts = desk.counts(12_345_678);
        assert_eq!(counts["touch_waits"], manners.waits, "{counts}");
        assert_eq!(counts["verifies"], manners.verifies, "{counts}");
        desk.tell("auto-touch 12345678 on");
        assert!(token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]).is_ok());
        assert_eq!(token.pin_status(), Ok(PinStatus::Untold));

        desk.tell("remove 12345678");
        desk.tell("settle");
        for _ in 0..2 {
            let error = error_of(token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]));
            assert!(error.to_string().contains(manners.pulled), "{error}");
        }
    });
}

/// A card without keys says so.
fn bare(make: &Make, test: &str) {
    let make = Make {
        start: start_bare,
        ..*make
    };
    with_token(&make, test, |bench| {
        let provider = bench.under(|_| {});
        rules::without_keys_it_says_so(&bench.subject(&provider));
    });
}

/// What becomes of keys that were made elsewhere: `None`, they pass; or why they do not.
fn imported(make: &Make, test: &str, refused: Option<&str>) {
    let make = Make {
        start: start_imported,
        ..*make
    };
    with_token(&make, test, |bench| {
        let provider = bench.under(|_| {});
        let mut token = provider.open(make.locator).expect("the token is there");
        let checked = token.check_keys(&pin(PIN));
        match refused {
            None => assert_eq!(checked, Ok(())),
            Some(why) => {
                let error = error_of(checked).to_string();
                assert!(error.contains(why), "{error}");
            }
        }
    });
}

#[test]
fn opensc_tells_nothing_of_imported_keys() {
    let test = "cards::opensc_tells_nothing_of_imported_keys";
    imported(&OPENSC, test, None);
}

#[test]
fn ykcs11_shows_imported_keys_otherwise() {
    let test = "cards::ykcs11_shows_imported_keys_otherwise";
    // It writes the curve of such a key out (CKA_EC_PARAMS), where that of one made on the card has a name.
    imported(&YKCS11, test, Some("on another curve than P-256"));
}

#[test]
fn opensc_keeps_the_rules() {
    contract(&OPENSC, "cards::opensc_keeps_the_rules");
}

#[test]
fn ykcs11_keeps_the_rules() {
    contract(&YKCS11, "cards::ykcs11_keeps_the_rules");
}

#[test]
fn opensc_and_a_missed_touch() {
    // It sends the PIN again by itself, which it keeps in memory, and asks twice for each signature.
    let manners = Manners {
        waits: 4,
        verifies: 3,
        pulled: "was removed",
    };
    a_missed_touch(&OPENSC, "cards::opensc_and_a_missed_touch", &manners);
}

#[test]
fn ykcs11_and_a_missed_touch() {
    // What it says of its slots it remembers, so that a pulled card seems to be there.
    let manners = Manners {
        waits: 1,
        verifies: 1,
        pulled: "C_Login answered CKR_DEVICE_ERROR",
    };
    a_missed_touch(&YKCS11, "cards::ykcs11_and_a_missed_touch", &manners);
}

#[test]
fn opensc_and_a_bare_card() {
    bare(&OPENSC, "cards::opensc_and_a_bare_card");
}

#[test]
fn ykcs11_and_a_bare_card() {
    bare(&YKCS11, "cards::ykcs11_and_a_bare_card");
}

#[test]
fn row_of_opensc() {
    row_of_card(&OPENSC, "cards::row_of_opensc");
}

#[test]
fn row_of_ykcs11() {
    row_of_card(&YKCS11, "cards::row_of_ykcs11");
}
