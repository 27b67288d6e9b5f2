//! What is particular to PKCS#11: modules, locators, logins of others.

#[path = "common/bench.rs"]
mod bench;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/softhsm.rs"]
mod softhsm;
#[path = "common/token_rules.rs"]
mod token_rules;

use std::path::{Path, PathBuf};

use breakglass::ports::{KeyRequest, PinStatus, TokenError, TokenProvider};
use breakglass::token::pkcs11::{ModuleConfig, Pkcs11Provider};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::types::AuthPin;
use foreign::Foreign;
use softhsm::{PIN, SoftHsm, WRONG_PIN, copied_module, module, with_tokens};
use token_rules::{error_of, pin};

const ALICE: &str = "pkcs11:token=alice";

fn with_alice(test: &str, body: impl FnOnce(&SoftHsm)) {
    with_tokens(test, &["alice"], "", body);
}

fn config(path: impl Into<PathBuf>) -> ModuleConfig {
    ModuleConfig {
        path: path.into(),
        profiles: Vec::new(),
        folder: None,
    }
}

/// What the error says, whole, of a provider of one module.
fn module_error(path: impl Into<PathBuf>) -> String {
    let provider = Pkcs11Provider::new(vec![config(path)]);
    let error = error_of(provider.list());
    assert!(matches!(error, TokenError::Module { .. }), "{error}");
    assert_eq!(error_of(provider.open(ALICE)), error);
    error.to_string()
}

#[test]
fn a_module_that_cannot_be_loaded_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = module_error(folder.path().join("nosuch.so"));
    assert!(
        missing.contains("nosuch.so") && missing.contains("No such file"),
        "{missing}"
    );
    let text = folder.path().join("text.so");
    std::fs::write(&text, "this is no library").unwrap();
    let text = module_error(text);
    assert!(
        text.contains("invalid ELF header") || text.contains("too short"),
        "{text}"
    );
    let foreign = module_error(a_library_without_pkcs11());
    assert!(foreign.contains("no PKCS#11 module"), "{foreign}");
    let relative = module_error("libsofthsm2.so");
    assert!(
        relative.contains("No such file"),
        "a name alone is not searched for: {relative}"
    );
}

/// The library that every program here has loaded already.
fn a_library_without_pkcs11() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps.lines().find_map(|line| {
        let path = line.split_whitespace().last()?;
        path.contains("libc.so").then(|| PathBuf::from(path))
    });
    path.expect("a C library")
}

#[test]
fn a_module_without_its_configuration_says_what_to_check() {
    with_alice(
        "a_module_without_its_configuration_says_what_to_check",
        |softhsm| {
            std::fs::remove_file(softhsm.configuration()).unwrap();
            let error = error_of(softhsm.provider().list()).to_string();
            assert!(
                error.contains("CKR_") && error.contains("SOFTHSM2_CONF"),
                "{error}"
            );
        },
    );
}

#[test]
fn a_broken_module_hides_no_token_of_the_others() {
    with_alice("a_broken_module_hides_no_token_of_the_others", |_| {
        let provider = Pkcs11Provider::new(vec![config("/nosuch.so"), module()]);
        assert_eq!(provider.list().unwrap().len(), 1);
        assert!(provider.open(ALICE).is_ok());
        // What is not found may be behind the broken one: that is what must be mended.
        let error = error_of(provider.open("pkcs11:token=bob"));
        assert!(
            matches!(&error, TokenError::Module { path, .. } if path == "/nosuch.so"),
            "{error}"
        );
        let checked = provider.check();
        assert!(checked[0].1.is_err() && checked[1].1.as_ref().is_ok_and(|t| t.len() == 1));
    });
}

#[test]
fn two_modules_work_in_one_process() {
    with_alice("two_modules_work_in_one_process", |softhsm| {
        let copy = copied_module(softhsm.as_ref());
        let (first, second) = (module().path, copy.path.clone());
        let provider = Pkcs11Provider::new(vec![module(), copy]);
        assert_eq!(
            provider.list().unwrap().len(),
            2,
            "the same token through both"
        );
        token_rules::ambiguity_opens_nothing(&provider, ALICE, 2);
        let through = |path: &Path| format!("{ALICE}?module-path={}", path.display());
        let keys = provider
            .open(&through(&first))
            .unwrap()
            .generate(&pin(PIN))
            .unwrap();
        let mut other = provider.open(&through(&second)).unwrap();
        assert_eq!(other.keys().unwrap(), keys);
        other.check_keys(&pin(PIN)).unwrap();
        let mut by_name = provider
            .open(&format!("{ALICE}?module-name=another"))
            .unwrap();
        by_name.check_keys(&pin(PIN)).unwrap();
        assert!(!by_name.identity().locator.contains("module"));
        let error = error_of(provider.open(&through(Path::new("/usr/lib/else.so"))));
        assert!(matches!(error, TokenError::Absent { .. }), "{error}");
    });
}

#[test]
fn one_library_under_two_names_is_one_module() {
    with_alice("one_library_under_two_names_is_one_module", |softhsm| {
        let link = softhsm.as_ref().join("link.so");
        std::os::unix::fs::symlink(&module().path, &link).unwrap();
        let provider = Pkcs11Provider::new(vec![module(), config(link)]);
        assert_eq!(provider.list().unwrap().len(), 1);
        assert!(provider.open(ALICE).is_ok());
    });
}

#[test]
fn a_module_that_is_not_configured_is_never_loaded() {
    with_alice(
        "a_module_that_is_not_configured_is_never_loaded",
        |softhsm| {
            let copy = copied_module(softhsm.as_ref()).path;
            let provider = softhsm.provider();
            let error = error_of(provider.open(&format!("{ALICE}?module-path={}", copy.display())));
            assert!(matches!(error, TokenError::Absent { .. }), "{error}");
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            assert!(maps.contains("libsofthsm2.so") && !maps.contains("libanother.so"));
        },
    );
}

#[test]
fn a_module_is_finalised_with_its_last_user_and_not_before() {
    with_alice(
        "a_module_is_finalised_with_its_last_user_and_not_before",
        |softhsm| {
            let (one, two) = (softhsm.provider(), softhsm.provider());
            one.open(ALICE).unwrap().generate(&pin(PIN)).unwrap();
            let mut token = two.open(ALICE).unwrap();
            drop(one);
            token.check_keys(&pin(PIN)).unwrap();
            drop(token);
            drop(two);
            // Nobody has it initialised now, so somebody else can.
            let context = Pkcs11::new(module().path).unwrap();
            let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
            context.initialize(arguments).unwrap();
            context.finalize().unwrap();
            softhsm
                .provider()
                .open(ALICE)
                .unwrap()
                .check_keys(&pin(PIN))
                .unwrap();
        },
    );
}

#[test]
fn a_locator_that_is_more_than_a_token_is_refused() {
    with_alice(
        "a_locator_that_is_more_than_a_token_is_refused",
        |softhsm| {
            let provider = softhsm.provider();
            for locator in [
                "pkcs11:",
                "pkcs11:?module-name=softhsm2",
                "pkcs11:token=alice;object=breakglass-seal",
                "pkcs11:token=alice;type=private",
                "pkcs11:token=alice;id=%01",
                "pkcs11:token=alice;x-vendor=1",
                "pkcs11:token=alice?pin-source=/etc/pin",
            ] {
                let error = error_of(provider.open(locator));
                assert!(
                    matches!(error, TokenError::Locator { .. }),
                    "{locator}: {error}"
                );
            }
            let error = error_of(provider.open(&format!("pkcs11:token=alice?pin-value={PIN}")));
            assert!(!format!("{error:?} {error}").contains(PIN), "{error}");
            for locator in [
                "pkcs11:slot-description=nosuch",
                "pkcs11:token=alice;slot-id=1",
            ] {
                assert!(matches!(
                    error_of(provider.open(locator)),
                    TokenError::Absent { .. }
                ));
            }
        },
    );
}

#[test]
fn a_slot_can_be_named() {
    with_alice("a_slot_can_be_named", |softhsm| {
        let provider = softhsm.provider();
        let token = provider.open(ALICE).unwrap();
        let foreign = Foreign::open("alice");
        let by_number = provider
            .open(&format!("pkcs11:slot-id={}", foreign.slot))
            .unwrap();
        assert_eq!(by_number.identity(), token.identity());
        let described = foreign.description.replace(' ', "%20");
        let by_text = provider
            .open(&format!("pkcs11:slot-description={described}"))
            .unwrap();
        assert_eq!(by_text.identity(), token.identity());
    });
}

#[test]
fn a_login_of_somebody_else_never_stands_in_for_the_pin() {
    let test = "a_login_of_somebody_else_never_stands_in_for_the_pin";
    with_alice(test, |softhsm| {
        let provider = softhsm.provider();
        let mut token = provider.open(ALICE).unwrap();
        token.generate(&pin(PIN)).unwrap();
        let foreign = Foreign::open("alice");
        foreign.log_in();
        for requests in [&[KeyRequest::Sign(b"x")][..], &[]] {
            let error = error_of(token.perform(&pin(WRONG_PIN), requests));
            assert!(matches!(error, TokenError::WrongPin { .. }), "{error}");
            assert!(!foreign.is_logged_in());
            foreign.log_in();
        }
        assert!(token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]).is_ok());
    });
}

#[test]
fn nobody_is_left_logged_in() {
    with_alice("nobody_is_left_logged_in", |softhsm| {
        let provider = softhsm.provider();
        let mut token = provider.open(ALICE).unwrap();
        let foreign = Foreign::open("alice");
        error_of(token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]));
        assert!(!foreign.is_logged_in(), "after a failure");
        token.generate(&pin(PIN)).unwrap();
        assert!(!foreign.is_logged_in(), "after making keys");
        error_of(token.generate(&pin(PIN)));
        assert!(!foreign.is_logged_in(), "after not making keys");
        token.check_keys(&pin(PIN)).unwrap();
        assert!(!foreign.is_logged_in(), "after a check");
        token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]).unwrap();
        assert!(!foreign.is_logged_in(), "after a signature");
        error_of(token.perform(&pin(WRONG_PIN), &[]));
        assert!(!foreign.is_logged_in(), "after a wrong PIN");
    });
}

/// SoftHSM under a profile that allows other keys.
fn under_profile(ec: bool, rsa: bool) -> Pkcs11Provider {
    let mut config = module();
    let profile = &mut config.profiles[0];
    profile.mechanisms.ec = ec;
    profile.mechanisms.rsa_oaep_sha256 = rsa;
    Pkcs11Provider::new(vec![config])
}

#[test]
fn a_module_that_cannot_open_what_is_sealed_gets_no_keys() {
    with_alice(
        "a_module_that_cannot_open_what_is_sealed_gets_no_keys",
        |_| {
            let provider = under_profile(false, false);
            let mut token = provider.open(ALICE).unwrap();
            let error = error_of(token.generate(&pin(PIN)));
            assert!(matches!(error, TokenError::Device { .. }), "{error}");
            assert!(matches!(error_of(token.keys()), TokenError::NoKey { .. }));
        },
    );
}

#[test]
fn a_module_that_promises_too_much_is_found_out() {
    with_alice("a_module_that_promises_too_much_is_found_out", |_| {
        // SoftHSM lists CKM_RSA_PKCS_OAEP, and does it with SHA-1 only.
        let provider = under_profile(false, true);
        let subject = token_rules::Subject {
            provider: &provider,
            locator: ALICE,
            pin: PIN,
            wrong_pin: WRONG_PIN,
            untouched: PinStatus::Untold,
            after_wrong_pin: PinStatus::CountLow,
            unfit: None,
        };
        let mut token = provider.open(ALICE).unwrap();
        let keys = token.generate(&pin(PIN)).unwrap();
        assert_eq!(
            keys.seal.public.len(),
            422,
            "3072 bits as a SubjectPublicKeyInfo"
        );
        token_rules::it_signs_in_order(&subject);
        let error = error_of(token.check_keys(&pin(PIN)));
        assert!(
            error.to_string().contains("decrypting with the seal key"),
            "{error}"
        );
        let peer = [KeyRequest::Sign(b"x"), KeyRequest::Decapsulate(&[1; 384])];
        error_of(token.perform(&pin(PIN), &peer));
    });
}

#[test]
fn a_key_is_not_used_for_what_it_is_not() {
    with_alice("a_key_is_not_used_for_what_it_is_not", |softhsm| {
        let provider = softhsm.provider();
        let mut token = provider.open(ALICE).unwrap();
        token.generate(&pin(PIN)).unwrap();
        let error = error_of(token.perform(&pin(PIN), &[KeyRequest::Decapsulate(&[1; 256])]));
        assert!(matches!(error, TokenError::UnfitKey { .. }), "{error}");
    });
}

#[test]
fn another_token_in_the_slot_is_never_given_the_pin() {
    with_tokens(
        "another_token_in_the_slot_is_never_given_the_pin",
        &["alice"],
        "",
        |softhsm| {
            let provider = softhsm.provider();
            let mut token = provider.open(ALICE).unwrap();
            token.generate(&pin(PIN)).unwrap();
            // The same slot and serial, but its owner has made another token of it meanwhile.
            let context = Pkcs11::new(module().path).unwrap();
            let slots = context.get_slots_with_token().unwrap().into_iter();
            let mut initialised =
                slots.filter(|slot| context.get_token_info(*slot).unwrap().token_initialized());
            let slot = initialised.next().unwrap();
            context
                .init_token(slot, &AuthPin::new("27182818".into()), "mallory")
                .unwrap();
            let error = error_of(token.perform(&pin(PIN), &[KeyRequest::Sign(b"x")]));
            assert!(matches!(error, TokenError::Gone { .. }), "{error}");
            assert!(matches!(error_of(token.keys()), TokenError::Gone { .. }));
        },
    );
}
