//! A profile is the adapter's law: each of its fields is changed here, and something becomes different. (That
//! each is shown to people too is a test beside `token profiles`.)

#[path = "common/bench.rs"]
mod bench;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/softhsm.rs"]
mod softhsm;
#[path = "common/token_rules.rs"]
mod token_rules;

use std::path::{Path, PathBuf};

use breakglass::model::SealSuite;
use breakglass::ports::{KeyRequest, PinShape, Token, TokenError, TokenProvider};
use breakglass::token::pkcs11::{
    MadeBy, ModuleConfig, PeerPoint, Pkcs11Provider, Profile, Proof, PublicHalf, ReadWriteSession,
    SEAL_LABEL, SIGN_LABEL,
};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use foreign::Foreign;
use softhsm::{PIN, WRONG_PIN, module, profile, with_tokens, with_tokens_under};
use token_rules::{error_of, pin};

const ALICE: &str = "pkcs11:token=alice";

fn provider(change: impl FnOnce(&mut Profile)) -> Pkcs11Provider {
    let mut config = module();
    change(&mut config.profiles[0]);
    Pkcs11Provider::new(vec![config])
}

/// What a token answers under a changed profile.
fn with_token<T>(change: impl FnOnce(&mut Profile), ask: impl FnOnce(&mut dyn Token) -> T) -> T {
    let provider = provider(change);
    let mut token = provider.open(ALICE).unwrap();
    ask(token.as_mut())
}

fn cautions(change: impl FnOnce(&mut Profile)) -> Vec<String> {
    with_token(change, |token| token.cautions())
}

#[test]
fn library_and_check() {
    let good = profile();
    assert!(good.find_library().is_some());
    let elsewhere = Profile {
        library: vec![PathBuf::from("/nowhere/libelse.so")],
        ..profile()
    };
    assert!(elsewhere.find_library().is_none());
    let named = Path::new("/any/libsofthsm2.so");
    assert!(good.is_of_library(named) && !elsewhere.is_of_library(named));
    let said = |check: &str| {
        let config = ModuleConfig {
            path: "/nowhere/libsofthsm2.so".into(),
            profiles: vec![Profile {
                check: check.to_owned(),
                ..profile()
            }],
            folder: None,
        };
        error_of(Pkcs11Provider::new(vec![config]).list()).to_string()
    };
    assert!(said("look under the bed").contains("look under the bed"));
}

#[test]
fn what_people_must_know() {
    with_tokens("what_people_must_know", &["alice"], "", |_| {
        let as_it_is = cautions(|_| {});
        assert!(as_it_is.iter().any(|one| one.contains("it is software")));
        assert!(cautions(|profile| profile.caution = None).is_empty());
        let untried = cautions(|profile| profile.tried = None).join("\n");
        assert!(untried.contains("has not been tried") && untried.contains("softhsm2-util(1)"));
        let other = cautions(|profile| {
            profile.tried = None;
            profile.documents = vec!["hearsay".to_owned()];
        });
        assert!(other.join("\n").contains("(hearsay)"), "{other:?}");
        let unchecked = cautions(|profile| profile.pin.checked = false).join("\n");
        assert!(unchecked.contains("it checks no PIN"), "{unchecked}");
        for (maker, known) in [("SoftHSM", true), ("Somebody else", false)] {
            let told = cautions(|profile| profile.maker = Some(maker.to_owned())).join("\n");
            assert_eq!(
                told.contains("there is no profile"),
                !known,
                "{maker}: {told}"
            );
        }
        let told = provider(|profile| profile.name = "another".to_owned()).cautions();
        assert!(told.iter().all(|(name, _)| name == "another") && !told.is_empty());
    });
}

#[test]
fn mechanisms() {
    with_tokens("mechanisms", &["alice", "bob"], "", |_| {
        let suite = |ec, rsa, locator: &str| {
            let provider = provider(|profile| {
                profile.mechanisms.ec = ec;
                profile.mechanisms.rsa_oaep_sha256 = rsa;
            });
            let mut token = provider.open(locator).unwrap();
            token.generate(&pin(PIN)).map(|keys| keys.seal.suite)
        };
        assert!(matches!(
            suite(false, false, ALICE),
            Err(TokenError::Device { .. })
        ));
        assert_eq!(suite(true, false, ALICE), Ok(SealSuite::P256));
        assert_eq!(
            suite(false, true, "pkcs11:token=bob"),
            Ok(SealSuite::RsaOaepSha256)
        );
    });
}

/// A PIN that does not fit is not sent: even the right one costs no try and opens nothing.
#[test]
fn what_a_pin_looks_like() {
    with_tokens("what_a_pin_looks_like", &["alice"], "", |_| {
        let sent = |typed: &str, change: fn(&mut Profile)| {
            with_token(change, |token| {
                let answer = token.perform(&pin(typed), &[]).map(|_| ());
                let known = token.pin_status().unwrap();
                (answer, format!("{known:?}"))
            })
        };
        assert_eq!(sent(PIN, |_| {}).0, Ok(()));
        let changes: [fn(&mut Profile); 4] = [
            |profile| profile.pin.min = 7,
            |profile| profile.pin.max = 5,
            |profile| profile.pin.shape = PinShape::UserColonPassword,
            |profile| profile.pin.shape = PinShape::KeyIdPassword,
        ];
        for change in &changes[..3] {
            for typed in [PIN, WRONG_PIN] {
                let (answer, status) = sent(typed, *change);
                assert!(
                    matches!(answer, Err(TokenError::PinMisfit { .. })),
                    "{answer:?}"
                );
                assert_eq!(status, "Untold", "it was not sent");
            }
        }
        // Six digits are four hexadecimal ones and two more.
        assert_eq!(sent(PIN, changes[3]).0, Ok(()));
        assert!(matches!(
            sent("493g17", changes[3]).0,
            Err(TokenError::PinMisfit { .. })
        ));
        let split: fn(&mut Profile) = |profile| profile.pin.shape = PinShape::UserColonPassword;
        for typed in [":password", "alice:", "alice"] {
            assert!(
                matches!(sent(typed, split).0, Err(TokenError::PinMisfit { .. })),
                "{typed}"
            );
        }
        assert!(matches!(
            sent("alice:pass:word", split).0,
            Err(TokenError::WrongPin { .. })
        ));
        let rules = with_token(
            |profile| {
                profile.pin.form = "a word".to_owned();
                profile.pin.locks_after = Some(7);
                profile.pin.warns = false;
            },
            |token| token.pin_rules(),
        );
        assert_eq!(
            (rules.form.as_str(), rules.locks_after, rules.warns),
            ("a word", Some(7), false)
        );
    });
}

#[test]
fn a_token_that_checks_no_pin_gets_none() {
    with_tokens(
        "a_token_that_checks_no_pin_gets_none",
        &["alice"],
        "",
        |_| {
            with_token(|_| {}, |token| token.generate(&pin(PIN)).unwrap());
            // Without a login, SoftHSM shows no private key; and no PIN was counted as wrong.
            let error = with_token(
                |profile| profile.pin.checked = false,
                |token| error_of(token.perform(&pin(WRONG_PIN), &[KeyRequest::Sign(b"x")])),
            );
            assert!(matches!(error, TokenError::NoKey { .. }), "{error}");
            let status = with_token(|_| {}, |token| token.pin_status().unwrap());
            assert_eq!(format!("{status:?}"), "Untold");
        },
    );
}

#[test]
fn who_makes_the_keys_and_who_sees_them() {
    let test = "who_makes_the_keys_and_who_sees_them";
    with_tokens(test, &["alice"], "", |_| {
        let by_maker = |profile: &mut Profile| profile.keys.made_by = MadeBy::Maker;
        let error = with_token(by_maker, |token| error_of(token.generate(&pin(PIN))));
        assert!(matches!(&error, TokenError::MakersKeys { profile, .. } if profile == "softhsm2"));
        let hidden = |profile: &mut Profile| {
            profile.keys.public = PublicHalf::Login;
            profile.keys.id_length = 2;
        };
        let provider = provider(hidden);
        let mut token = provider.open(ALICE).unwrap();
        let keys = token.generate(&pin(PIN)).unwrap();
        assert!(matches!(token.keys(), Err(TokenError::KeysNeedPin { .. })));
        assert_eq!(token.keys_with_pin(&pin(PIN)).unwrap(), keys);
        token.check_keys(&pin(PIN)).unwrap();
        // They are private objects of a short name.
        let foreign = Foreign::open("alice");
        assert_eq!(foreign.objects(ObjectClass::PUBLIC_KEY, SEAL_LABEL), 0);
        foreign.log_in();
        let label = Attribute::Label(SEAL_LABEL.as_bytes().to_vec());
        let found = foreign.session.find_objects(&[label]).unwrap();
        assert_eq!(found.len(), 2);
        let told = foreign
            .session
            .get_attributes(found[0], &[AttributeType::Id])
            .unwrap();
        assert!(
            matches!(&told[..], [Attribute::Id(id)] if id.len() == 2),
            "{told:?}"
        );
    });
}

/// Keys that have their names from the maker are found by `CKA_ID`, whatever their labels.
#[test]
fn the_names_of_keys() {
    with_tokens("the_names_of_keys", &["alice"], "", |_| {
        let named = |seal: &str, sign: &str| {
            let (seal, sign) = (seal.to_owned(), sign.to_owned());
            move |profile: &mut Profile| {
                profile.keys.seal_id = Some(seal);
                profile.keys.sign_id = Some(sign);
            }
        };
        // `foreign` gives a key its label as its CKA_ID.
        let provider = provider(|_| {});
        provider.list().unwrap();
        let foreign = Foreign::open("alice");
        foreign.log_in();
        let private = [Attribute::Sensitive(true), Attribute::Extractable(false)];
        foreign.make(
            "KEY MAN key",
            &[&private[..], &[Attribute::Derive(true)]].concat(),
        );
        foreign.make("AUTH key", &private);
        let hex = |text: &str| data_encoding::HEXLOWER.encode(text.as_bytes());
        let (man, auth) = (hex("KEY MAN key"), hex("AUTH key"));
        let found = with_token(named(&man, &auth), |token| token.keys().unwrap());
        let swapped = with_token(named(&auth, &man), |token| token.keys().unwrap());
        assert_eq!(found.seal.public, swapped.sign.public);
        assert_ne!(found.seal.public, swapped.seal.public);
        with_token(named(&man, &auth), |token| {
            token.check_keys(&pin(PIN)).unwrap()
        });
        let error = with_token(|_| {}, |token| error_of(token.keys()));
        assert!(matches!(error, TokenError::NoKey { .. }), "{error}");
    });
}

/// A key that could be read once is refused by all proofs but the weakest.
#[test]
fn what_proves_where_a_key_was() {
    with_tokens("what_proves_where_a_key_was", &["alice"], "", |_| {
        let provider = provider(|_| {});
        provider.list().unwrap();
        let foreign = Foreign::open("alice");
        foreign.log_in();
        foreign.make(
            SIGN_LABEL,
            &[Attribute::Sensitive(true), Attribute::Extractable(false)],
        );
        foreign.make(
            SEAL_LABEL,
            &[
                Attribute::Sensitive(false),
                Attribute::Extractable(false),
                Attribute::Derive(true),
            ],
        );
        let label = Attribute::Label(SEAL_LABEL.as_bytes().to_vec());
        let private = [Attribute::Class(ObjectClass::PRIVATE_KEY), label];
        let found = foreign.session.find_objects(&private).unwrap();
        foreign
            .session
            .update_attributes(found[0], &[Attribute::Sensitive(true)])
            .unwrap();
        for (proof, enough) in [
            (Proof::Local, false),
            (Proof::History, false),
            (Proof::Now, true),
        ] {
            let change = |profile: &mut Profile| profile.keys.proof = proof;
            let checked = with_token(change, |token| token.check_keys(&pin(PIN)));
            assert_eq!(checked.is_ok(), enough, "{proof:?}: {checked:?}");
            let told = cautions(change)
                .join("\n")
                .contains("does not say of its keys");
            assert_eq!(told, proof != Proof::Local, "{proof:?}");
        }
    });
}

/// Stands between the tool and the module and writes down every call.
const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";

/// What the module is called with, read from outside.
#[test]
fn points_and_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let library = format!("PKCS11SPY={}", module().path.display());
    let output = format!("PKCS11SPY_OUTPUT={}", folder.path().join("calls").display());
    let command = ["env", &library, &output];
    with_tokens_under(&command, "points_and_sessions", &["alice"], "", |_| {
        let calls = PathBuf::from(std::env::var_os("PKCS11SPY_OUTPUT").unwrap());
        let run = |change: fn(&mut Profile)| {
            let mut config = module();
            config.path = SPY.into();
            change(&mut config.profiles[0]);
            let provider = Pkcs11Provider::new(vec![config]);
            let mut token = provider.open(ALICE).unwrap();
            let _ = token.generate(&pin(PIN));
            std::fs::write(&calls, "").unwrap();
            token.check_keys(&pin(PIN)).unwrap();
            drop(token);
            drop(provider);
            std::fs::read_to_string(&calls).unwrap()
        };
        let sessions = |log: &str| -> Vec<String> {
            let lines = log.lines().filter(|line| line.contains("flags = 0x"));
            lines.map(|line| line.trim().to_owned()).collect()
        };
        let usual = run(|_| {});
        let always = run(|profile| profile.quirks.read_write_session = ReadWriteSession::Always);
        assert_ne!(sessions(&usual), sessions(&always), "{usual}");
        assert!(
            sessions(&always).iter().all(|line| line.contains("0x6")),
            "{always}"
        );
        let der = run(|profile| profile.quirks.peer_point = PeerPoint::Der);
        let length = |log: &str| {
            let mut lines = log.lines().filter(|line| line.contains("pPublicData["));
            lines
                .next()
                .and_then(|line| line.rsplit(' ').next())
                .map(str::to_owned)
        };
        assert_eq!(length(&usual).as_deref(), Some("65"), "{usual}");
        assert_eq!(length(&der).as_deref(), Some("67"), "{der}");
    });
}

#[test]
fn a_module_that_must_be_told_its_folder_says_so() {
    let start =
        |profile: &mut Profile| profile.quirks.start = Some("configdir='FOLDER'".to_owned());
    let mut config = module();
    start(&mut config.profiles[0]);
    let told = |config: &ModuleConfig| {
        error_of(Pkcs11Provider::new(vec![config.clone()]).list()).to_string()
    };
    assert!(told(&config).contains("folder = "), "{}", told(&config));
    for bad in ["/tmp/it's", "/tmp/\"", "/tmp/\\"] {
        config.folder = Some(bad.into());
        assert!(
            told(&config).contains("a quote or a backslash"),
            "{bad}: {}",
            told(&config)
        );
    }
    // That the text arrives, NSS shows: without it there is no token (tests/token_modules).
}
