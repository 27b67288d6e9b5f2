//! The contract, module by module, with the suites that each has.

use breakglass::ports::{PinStatus, TokenProvider};
use breakglass::token::pkcs11::Proof;

use crate::make::{Bench, KRYOPTIC, Make, NSS, OPENCRYPTOKI, SOFTHSM, TPM2, with_token};
use crate::token_rules::{self as rules, error_of, pin};

/// All rules that hold for the suite, on a fresh token.
fn contract(make: &Make, test: &str, ec: bool) {
    with_token(make, test, |bench| {
        let provider = bench.under(|profile| {
            profile.mechanisms.ec = ec;
        });
        let subject = bench.subject(&provider);
        rules::is_listed_and_opened(&subject);
        rules::others_are_not_found(&subject, "pkcs11:token=carol");
        rules::without_keys_it_says_so(&subject);
        rules::keys_are_made_once(&subject);
        if ec {
            rules::it_agrees(&subject);
            rules::a_bad_point_is_refused(&subject);
        } else {
            rules::it_decapsulates(&subject, rules::encrypt);
        }
        rules::it_signs_in_order(&subject);
        rules::a_wrong_pin_opens_nothing(&subject);
    });
}

#[test]
fn softhsm_with_p256() {
    contract(&SOFTHSM, "contract::softhsm_with_p256", true);
}

#[test]
fn kryoptic_with_p256() {
    contract(&KRYOPTIC, "contract::kryoptic_with_p256", true);
}

#[test]
fn kryoptic_with_rsa_oaep() {
    contract(&KRYOPTIC, "contract::kryoptic_with_rsa_oaep", false);
}

#[test]
fn nss_with_p256() {
    contract(&NSS, "contract::nss_with_p256", true);
}

#[test]
fn nss_with_rsa_oaep() {
    contract(&NSS, "contract::nss_with_rsa_oaep", false);
}

#[test]
fn opencryptoki_with_rsa_oaep() {
    contract(&OPENCRYPTOKI, "contract::opencryptoki_with_rsa_oaep", false);
}

#[test]
fn tpm2_with_rsa_oaep() {
    contract(&TPM2, "contract::tpm2_with_rsa_oaep", false);
}

/// A token whose clock is no date is read all the same, PIN flags and all.
#[test]
fn a_malformed_clock_hides_no_token() {
    with_token(
        &OPENCRYPTOKI,
        "contract::a_malformed_clock_hides_no_token",
        |bench| {
            let provider = bench.under(|_| {});
            assert_eq!(provider.list().unwrap().len(), 1);
            // The crate alone reads nothing of it.
            let said = format!("{:?}", bench.crate_reads_token());
            assert!(said.contains("ParseInt"), "{said}");
            let mut token = provider.open("pkcs11:token=alice;serial=123").unwrap();
            assert_eq!(token.pin_status(), Ok(PinStatus::Untold));
            error_of(token.perform(&pin(crate::make::WRONG_PIN), &[]));
            assert_eq!(token.pin_status(), Ok(PinStatus::CountLow));
        },
    );
}

/// NSS does not say where its keys were made: the strong proof refuses them, the weaker one is told.
#[test]
fn a_weaker_proof_is_never_silent() {
    with_token(&NSS, "contract::a_weaker_proof_is_never_silent", |bench| {
        let check = |bench: &Bench<'_>, proof| {
            let provider = bench.under(|profile| profile.keys.proof = proof);
            let mut token = provider.open(NSS.locator).unwrap();
            let cautions = token.cautions().join("\n");
            (token.check_keys(&pin(crate::make::PIN)), cautions)
        };
        let provider = bench.under(|_| {});
        rules::keys_are_made_once(&bench.subject(&provider));
        drop(provider);
        let (refused, silent) = check(bench, Proof::Local);
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("CKA_LOCAL is not true")
        );
        assert!(!silent.contains("CKA_LOCAL"), "{silent}");
        let (passed, told) = check(bench, Proof::History);
        assert!(passed.is_ok() && told.contains("CKA_LOCAL"), "{told}");
        let (passed, told) = check(bench, Proof::Now);
        assert!(
            passed.is_ok() && told.contains("nor that they never left it"),
            "{told}"
        );
    });
}
