//! The rules of tokens, run against SoftHSM.

#[path = "common/bench.rs"]
mod bench;
#[path = "common/softhsm.rs"]
mod softhsm;
#[path = "common/token_rules.rs"]
mod token_rules;

use breakglass::ports::{PinStatus, TokenProvider};
use softhsm::{PIN, SoftHsm, WRONG_PIN, with_tokens};
use token_rules::{self as rules, Subject};

const LOCATOR: &str = "pkcs11:token=alice%20%231";
const LABELS: [&str; 2] = ["alice #1", "bob"];

fn subject(provider: &dyn TokenProvider) -> Subject<'_> {
    Subject {
        provider,
        locator: LOCATOR,
        pin: PIN,
        wrong_pin: WRONG_PIN,
        // SoftHSM never locks and tells only that a wrong PIN was entered.
        untouched: PinStatus::Untold,
        after_wrong_pin: PinStatus::CountLow,
        unfit: None,
    }
}

/// Runs a rule on a fresh token.
fn fresh(test: &str, rule: impl FnOnce(&SoftHsm, &Subject<'_>)) {
    with_tokens(test, &LABELS, "", |softhsm| {
        let provider = softhsm.provider();
        rule(softhsm, &subject(&provider));
    });
}

/// Runs a rule on a token that has its keys.
fn prepared(test: &str, rule: impl FnOnce(&SoftHsm, &Subject<'_>)) {
    fresh(test, |softhsm, subject| {
        rules::keys_are_made_once(subject);
        rule(softhsm, subject);
    });
}

rules::tests_of_rules!(fresh, prepared);

#[test]
fn a_token_is_listed_and_opened() {
    fresh("a_token_is_listed_and_opened", |_, subject| {
        rules::is_listed_and_opened(subject);
        // Two tokens, and not the blank one that SoftHSM shows besides.
        assert_eq!(subject.provider.list().unwrap().len(), 2);
    });
}

#[test]
fn others_are_not_found() {
    fresh("others_are_not_found", |_, subject| {
        rules::others_are_not_found(subject, "pkcs11:token=carol");
        rules::others_are_not_found(subject, "pkcs11:token=alice%20%231;serial=0");
    });
}

#[test]
fn ambiguity_opens_nothing() {
    with_tokens(
        "ambiguity_opens_nothing",
        &["twin", "twin", "bob"],
        "",
        |softhsm| {
            let provider = softhsm.provider();
            rules::ambiguity_opens_nothing(&provider, "pkcs11:token=twin", 2);
            rules::ambiguity_opens_nothing(&provider, "pkcs11:manufacturer=SoftHSM%20project", 3);
            let tokens = provider.list().unwrap();
            for token in &tokens {
                assert_eq!(provider.open(&token.locator).unwrap().identity(), token);
            }
        },
    );
}

#[test]
fn keys_are_made_once() {
    fresh("keys_are_made_once", |_, subject| {
        let keys = rules::keys_are_made_once(subject);
        let bob = Subject {
            locator: "pkcs11:token=bob",
            ..*subject
        };
        assert_ne!(rules::keys_are_made_once(&bob).id(), keys.id());
    });
}

#[test]
fn a_pulled_token_is_gone() {
    prepared("a_pulled_token_is_gone", |softhsm, subject| {
        rules::a_pulled_token_is_gone(subject, || softhsm.pull_all());
    });
}
