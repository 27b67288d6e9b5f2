use proptest::prelude::*;

use super::*;

fn reason(text: &str) -> String {
    TokenUri::parse(text).unwrap_err().reason
}

#[test]
fn a_uri_is_read() {
    let uri = TokenUri::parse(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;\
         model=1.0;serial=12=ab;slot-id=42;slot-description=S;object=my-key;id=%69%00%FF;type=private\
         ?module-path=/usr/lib/x.so&module-name=x",
    )
    .unwrap();
    assert_eq!(
        uri,
        TokenUri {
            token: Some("The Software PKCS#11 Softtoken".into()),
            manufacturer: Some("Snake Oil, Inc.".into()),
            model: Some("1.0".into()),
            serial: Some("12=ab".into()),
            slot_id: Some(42),
            slot_description: Some("S".into()),
            object: Some("my-key".into()),
            id: Some(vec![0x69, 0, 0xff]),
            class: Some(ObjectType::Private),
            module_path: Some("/usr/lib/x.so".into()),
            module_name: Some("x".into()),
        }
    );
}

#[test]
fn the_scheme_has_no_case_and_may_stand_alone() {
    assert_eq!(TokenUri::parse("pkcs11:"), Ok(TokenUri::default()));
    assert!(TokenUri::parse("PKCS11:serial=1").is_ok());
    assert!(
        TokenUri::parse("pkcs11:?module-name=x")
            .unwrap()
            .names_no_token()
    );
}

#[test]
fn a_pin_is_refused_and_never_repeated() {
    for text in [
        "pkcs11:token=a?pin-value=493817",
        "pkcs11:token=a?pin-source=file:/493817",
        "pkcs11:token=a;pin-value=493817",
        "pkcs11:token=a?module-name=x&pin-value=493817",
        "pkcs11:token=a&pin-value=493817",
        "pkcs11:token=a?module-name=x?pin-source=493817",
    ] {
        let refused = TokenUri::parse(text).unwrap_err();
        assert!(
            refused.reason.contains("a PIN never stands in a URI"),
            "{text}"
        );
    }
    for text in [
        "pkcs11:token=a?pin-value=493817",
        "pkcs11:token=a?PIN-VALUE=493817",
        "pkcs11:token=a?%70in-value=493817",
        "pkcs11:token=a;493817",
        "pkcs11:token=a?493817=1",
        "pkcs11:token=a;slot-id=x493817",
        "pkcs11:493817",
        "pkcs12:token=a?pin-value=493817",
        "493817",
        &format!("pkcs11:token={}?pin-value=493817", "a".repeat(1100)),
    ] {
        let refused = TokenUri::parse(text).unwrap_err();
        let said = format!("{} {}", refused.understood, refused.reason);
        assert!(!said.contains("493817"), "{text}: {said}");
    }
}

#[test]
fn an_error_quotes_what_was_understood() {
    let understood = |text| TokenUri::parse(text).unwrap_err().understood;
    assert_eq!(understood("pkcs11:token=a;x=1"), "pkcs11:token=a…");
    assert_eq!(understood("pkcs11:x=1"), "pkcs11:…");
    assert_eq!(understood("pkcs11:token=a?x=1"), "pkcs11:token=a…");
    assert_eq!(
        understood("pkcs11:token=a?module-name=b&x=1"),
        "pkcs11:token=a?module-name=b…"
    );
}

#[test]
fn what_is_unknown_or_doubled_or_misplaced_is_refused() {
    assert_eq!(
        reason("pkcs11:x-vendor=1"),
        "the attribute x-vendor is not known here"
    );
    assert_eq!(
        reason("pkcs11:library-version=3"),
        "the attribute library-version is not known here"
    );
    assert_eq!(reason("pkcs11:Token=a"), "an attribute is not known here");
    assert_eq!(reason("pkcs11:=a"), "an attribute is not known here");
    assert_eq!(reason("pkcs11:token=a;token=a"), "token stands twice");
    assert_eq!(reason("pkcs11:slot-id=1;slot-id=1"), "slot-id stands twice");
    assert_eq!(
        reason("pkcs11:module-path=a"),
        "module-path belongs behind a \"?\""
    );
    assert_eq!(reason("pkcs11:?token=a"), "token belongs before the \"?\"");
    assert_eq!(reason("pkcs11:token"), "an attribute has no \"=\"");
    assert_eq!(reason("pkcs11:token=a;"), "an attribute has no \"=\"");
    assert_eq!(reason("pkcs11:token=a?"), "an attribute has no \"=\"");
    assert_eq!(
        reason("pkcs11:token=a?module-name=b&"),
        "an attribute has no \"=\""
    );
}

#[test]
fn a_value_must_be_encoded_utf_8() {
    for text in [
        "pkcs11:token=a b",
        "pkcs11:token=a/b",
        "pkcs11:token=ä",
        "pkcs11:token=a\nb",
        "pkcs11:token=a#b",
        "pkcs11:?module-name=a\0",
    ] {
        assert!(reason(text).ends_with("must be percent-encoded"), "{text}");
    }
    for text in [
        "pkcs11:token=%",
        "pkcs11:token=%4",
        "pkcs11:token=%4g",
        "pkcs11:token=%%41",
    ] {
        assert!(reason(text).ends_with("without two hex digits"), "{text}");
    }
    assert_eq!(
        reason("pkcs11:token=%FF"),
        "the value of token is not UTF-8"
    );
    assert_eq!(
        reason("pkcs11:token=%C0%80"),
        "the value of token is not UTF-8"
    );
    assert_eq!(reason("pkcs11:token="), "the value of token is empty");
    for text in ["", "-1", "+1", "1a", "0x1", "18446744073709551616"] {
        assert!(
            TokenUri::parse(&format!("pkcs11:slot-id={text}")).is_err(),
            "{text}"
        );
    }
    assert!(reason("pkcs11:type=Private").starts_with("the value of type"));
}

#[test]
fn the_length_has_a_limit() {
    let of_length = |n: usize| format!("pkcs11:token={}", "a".repeat(n - 13));
    assert!(TokenUri::parse(&of_length(URI_MAX)).is_ok());
    assert_eq!(
        reason(&of_length(URI_MAX + 1)),
        "it is longer than 1024 bytes"
    );
}

#[test]
fn a_portable_uri_names_no_module_and_no_slot() {
    let uri =
        TokenUri::parse("pkcs11:token=a;slot-id=1;slot-description=b?module-path=/c").unwrap();
    assert_eq!(uri.portable().to_string(), "pkcs11:token=a");
}

fn any_uri() -> impl Strategy<Value = TokenUri> {
    let text = || proptest::option::of("\\PC{1,8}|[\\x00-\\x7f]{1,8}");
    let class = proptest::option::of(proptest::sample::select(
        OBJECT_TYPES
            .iter()
            .map(|(_, class)| *class)
            .collect::<Vec<_>>(),
    ));
    (
        (text(), text(), text(), text(), text(), text()),
        (text(), text()),
        proptest::option::of(any::<u64>()),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        class,
    )
        .prop_map(|(texts, modules, slot_id, id, class)| TokenUri {
            token: texts.0,
            manufacturer: texts.1,
            model: texts.2,
            serial: texts.3,
            slot_id,
            slot_description: texts.4,
            object: texts.5,
            id,
            class,
            module_path: modules.0,
            module_name: modules.1,
        })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(uri in any_uri()) {
        let text = uri.to_string();
        if text.len() <= URI_MAX {
            prop_assert_eq!(TokenUri::parse(&text), Ok(uri));
        } else {
            prop_assert!(TokenUri::parse(&text).is_err());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(pkcs11:)?\\PC{0,60}") {
        let _ = TokenUri::parse(&text);
    }

    #[test]
    fn hostile_attributes_are_read_alike_twice_or_refused(
        text in "pkcs11:([;?&=%]|token|slot-id|module-path|id|%[0-9a-fA-F]{2}|[a-z0-9]|é){0,24}"
    ) {
        if let Ok(uri) = TokenUri::parse(&text) {
            prop_assert_eq!(TokenUri::parse(&uri.to_string()), Ok(uri));
        }
    }

    #[test]
    fn no_pin_is_ever_taken(before in "[a-z]{0,5}", pin in "[0-9]{6}") {
        let text = format!("pkcs11:token=t{before}?pin-value={pin}");
        let refused = TokenUri::parse(&text).unwrap_err();
        prop_assert!(!refused.understood.contains(&pin) && !refused.reason.contains(&pin));
    }
}
