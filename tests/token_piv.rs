//! The rules of tokens, run against YubiKeys behind a real pcscd, and what is a YubiKey's alone.

#[path = "common/bench.rs"]
mod bench;
#[path = "common/rack.rs"]
mod rack;
#[path = "common/token_rules.rs"]
mod token_rules;

use breakglass::model::{Presence, TokenIdentity};
use breakglass::ports::{
    FactoryState, KeyRequest, KeyUse, NewAccess, PinStatus, Sought, Token, TokenError,
    TokenProvider,
};
use breakglass::token::piv::PivProvider;
use rack::{Desk, with_cards};
use token_rules::{self as rules, Subject, error_of, pin, some_point};

const SERIAL: u32 = 12_345_678;
const LOCATOR: &str = "piv:12345678";
const PIN: &str = "82649173";
const PUK: &str = "55718293";
const ONE: &str = "--readers 2 --card 12345678";
const TWO: &str = "--readers 2 --card 12345678 --card 87654321";

fn subject(provider: &PivProvider) -> Subject<'_> {
    Subject {
        provider,
        locator: LOCATOR,
        pin: PIN,
        wrong_pin: "11111111",
        untouched: PinStatus::Left(3),
        after_wrong_pin: PinStatus::Left(2),
        unfit: None,
    }
}

/// The token of this locator. What opens it is never dropped: it holds nothing itself.
fn open(locator: &str) -> Result<Box<dyn Token>, TokenError> {
    Box::leak(Box::<PivProvider>::default()).open(locator)
}

/// Puts own secrets in the place of the factory's.
fn secure(locator: &str) {
    let mut token = open(locator).expect("a token");
    token
        .prepare(&NewAccess {
            pin: &pin(PIN),
            puk: Some(&pin(PUK)),
        })
        .expect("it is prepared");
    assert_eq!(token.factory(), Ok(FactoryState::default()));
}

/// Runs a rule on a token that is secured, and touched whenever it waits.
fn fresh(test: &str, rule: impl FnOnce(&Desk, &Subject<'_>)) {
    with_cards(test, TWO, |desk| {
        desk.tell("auto-touch 12345678 on");
        secure(LOCATOR);
        rule(desk, &subject(&PivProvider::default()));
    });
}

/// Runs a rule on a token that has its keys.
fn prepared(test: &str, rule: impl FnOnce(&Desk, &Subject<'_>)) {
    fresh(test, |desk, subject| {
        rules::keys_are_made_once(subject);
        rule(desk, subject);
    });
}

rules::tests_of_rules!(fresh, prepared);

#[test]
fn a_token_is_listed_and_opened() {
    fresh("a_token_is_listed_and_opened", |_, subject| {
        rules::is_listed_and_opened(subject);
        assert_eq!(PivProvider::default().list().unwrap().len(), 2);
    });
}

#[test]
fn others_are_not_found() {
    fresh("others_are_not_found", |_, subject| {
        rules::others_are_not_found(subject, "piv:1");
    });
}

#[test]
fn ambiguity_opens_nothing() {
    fresh("ambiguity_opens_nothing", |desk, _| {
        desk.tell("serial 87654321 12345678");
        rules::ambiguity_opens_nothing(&PivProvider::default(), LOCATOR, 2);
    });
}

#[test]
fn keys_are_made_once() {
    fresh("keys_are_made_once", |desk, subject| {
        let keys = rules::keys_are_made_once(subject);
        assert_eq!(keys.presence, Presence::Touch);
        desk.tell("auto-touch 87654321 on");
        secure("piv:87654321");
        let other = Subject {
            locator: "piv:87654321?seal=82",
            ..*subject
        };
        assert_ne!(rules::keys_are_made_once(&other).id(), keys.id());
        // 9D is as free as it was.
        let plain = error_of(open("piv:87654321").unwrap().keys());
        assert!(matches!(
            plain,
            TokenError::NoKey {
                which: "seal key",
                ..
            }
        ));
    });
}

#[test]
fn a_pulled_token_is_gone() {
    prepared("a_pulled_token_is_gone", |desk, subject| {
        rules::a_pulled_token_is_gone(subject, || {
            desk.tell("remove 12345678");
            desk.tell("settle");
        });
    });
}

#[test]
fn the_factory_s_secrets_make_no_key() {
    with_cards("the_factory_s_secrets_make_no_key", ONE, |desk| {
        let mut token = open(LOCATOR).unwrap();
        let all = FactoryState {
            pin: true,
            puk: true,
            management: true,
        };
        assert_eq!(token.factory(), Ok(all));
        let error = error_of(token.generate(&pin(rack::PIN)));
        assert!(matches!(error, TokenError::Factory { what: "PIN", .. }));
        let (old, new) = (pin(rack::PIN), pin(PIN));
        let same = token.prepare(&NewAccess {
            pin: &old,
            puk: Some(&pin(PUK)),
        });
        assert!(matches!(same, Err(TokenError::Factory { what: "PIN", .. })));
        let same = token.prepare(&NewAccess {
            pin: &new,
            puk: Some(&pin(rack::PUK)),
        });
        assert!(matches!(same, Err(TokenError::Factory { what: "PUK", .. })));
        assert_eq!(token.factory(), Ok(all));
        drop(token);
        secure(LOCATOR);
        // What is its own is never changed again; a wrong PIN costs a try and changes nothing.
        let mut token = open(LOCATOR).unwrap();
        let wrong = token.prepare(&NewAccess {
            pin: &pin("11111111"),
            puk: None,
        });
        assert!(matches!(wrong, Err(TokenError::WrongPin { .. })));
        assert_eq!(desk.counts(SERIAL)["touches"], 0);
    });
}

/// Everything that one opening asks of a token is counted: SELECT, the seal key, the anchor, the tries, the
/// PIN, the agreement, and no other.
#[test]
fn an_opening_takes_six_exchanges() {
    prepared("an_opening_takes_six_exchanges", |desk, _| {
        let mut token = open(LOCATOR).unwrap();
        let (identity, keys) = (token.identity().clone(), token.keys().unwrap());
        drop(token);
        desk.tell("clear 12345678");
        desk.tell("clear 87654321");
        let sought = [Sought {
            identity: &identity,
            keys: &keys,
        }];
        let provider = PivProvider::default();
        let mut found = provider.seek(&sought).unwrap();
        let mut token = found.present.pop().unwrap().token;
        assert!(token.holds(&keys, KeyUse::Seal).unwrap());
        assert_eq!(token.anchor().unwrap(), None);
        assert_eq!(token.pin_status().unwrap(), PinStatus::Left(3));
        let point = some_point();
        token
            .perform(&pin(PIN), &[KeyRequest::Agree(&point)])
            .expect("an agreement");
        drop(token);
        let spent = ["A4", "F7", "CB", "F7", "20", "87"];
        assert_eq!(desk.instructions(SERIAL), spent);
        assert_eq!(desk.counts(SERIAL)["touches"], 1);
        // The other card was looked at once, and is not looked at again.
        assert_eq!(desk.instructions(87_654_321), ["A4", "F7"]);
        desk.tell("clear 12345678");
        let absent = TokenIdentity {
            locator: "piv:1".to_owned(),
            ..identity.clone()
        };
        let mut others = keys.clone();
        others.seal.public[9] ^= 1;
        let sought = [Sought {
            identity: &absent,
            keys: &others,
        }];
        found = provider.seek(&sought).unwrap();
        assert!(found.present.is_empty());
        let strangers = ["YubiKey (serial 12345678)", "YubiKey (serial 87654321)"];
        assert_eq!(found.strangers, strangers);
        assert_eq!(desk.instructions(87_654_321), ["A4", "F7", "F8"]);
        drop(found);
        // Until it is let go of, nobody else gets at it; then everybody does.
        let busy = error_of(open("piv:87654321"));
        assert!(matches!(busy, TokenError::Busy { .. }), "{busy}");
        provider.let_go();
        assert!(open("piv:87654321").is_ok());
        // And nothing is left on the card.
        desk.tell("clear 12345678");
        let error = error_of(
            PivProvider::default()
                .open(LOCATOR)
                .unwrap()
                .perform(&pin("11111111"), &[]),
        );
        assert!(matches!(error, TokenError::WrongPin { .. }));
    });
}
