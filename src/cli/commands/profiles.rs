//! `breakglass token profiles`: what is known of PKCS#11 modules, for people.

use std::process::ExitCode;

use crate::cli::app::{App, all_profiles, profile};
use crate::cli::{output, render};
use crate::model::Failure;
use crate::ports::PinShape;
use crate::token::pkcs11::{MadeBy, PeerPoint, Profile, Proof, PublicHalf, ReadWriteSession};

/// Shows all profiles, or all of one.
pub fn run(app: &App, name: Option<&str>) -> Result<ExitCode, Failure> {
    match name {
        Some(name) => show(app, &profile(name)?),
        None => list(app, &all_profiles()?),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(app: &App, profiles: &[Profile]) {
    if app.json() {
        let names: Vec<&str> = profiles.iter().map(|one| one.name.as_str()).collect();
        output::json(&serde_json::json!({ "profiles": names }));
        return;
    }
    let mut rows = vec![
        ["PROFILE", "SUITES", "TRIED WITH", "WHAT IT IS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for one in profiles {
        rows.push(vec![
            one.name.clone(),
            suites(one),
            tried(one),
            one.description.clone(),
        ]);
    }
    output::text(&render::table(&rows));
}

fn suites(profile: &Profile) -> String {
    match (profile.mechanisms.ec, profile.mechanisms.rsa_oaep_sha256) {
        (true, true) => "p256, rsa-oaep-sha256",
        (true, false) => "p256",
        (false, true) => "rsa-oaep-sha256",
        (false, false) => "none",
    }
    .to_owned()
}

fn tried(profile: &Profile) -> String {
    match &profile.tried {
        Some(tried) => format!("{} on {}", tried.version, tried.on),
        None => "not yet tried".to_owned(),
    }
}

fn show(app: &App, profile: &Profile) {
    let rows = rows(profile);
    if app.json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|(what, says)| serde_json::json!({ "what": what, "says": says }))
            .collect();
        output::json(&serde_json::json!({ "profile": profile.name, "rows": rows }));
        return;
    }
    let cells: Vec<_> = rows
        .into_iter()
        .map(|(what, says)| vec![what.to_owned(), says])
        .collect();
    output::text(&render::table(&cells));
}

/// Everything that a profile says, line by line.
fn rows(profile: &Profile) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        (
            "profile",
            format!("{}: {}", profile.name, profile.description),
        ),
        ("tried with", tried(profile)),
        ("suites", suites(profile)),
    ];
    rows.extend(profile.documents.iter().map(|one| ("source", one.clone())));
    let libraries = profile.library.iter();
    rows.extend(libraries.map(|path| ("library", path.display().to_string())));
    rows.push((
        "used",
        if profile.automatic {
            "where it is installed"
        } else {
            "where it is named: --module, or [[module]] in config.toml"
        }
        .to_owned(),
    ));
    if let Some(maker) = &profile.maker {
        rows.push(("only for", format!("tokens whose maker is {maker}")));
    }
    rows.extend(profile.prepare.iter().map(|one| ("prepare", one.clone())));
    rows.push(("if it fails", profile.check.clone()));
    rows.extend(pin(profile));
    rows.extend(keys(profile));
    rows.extend(quirks(profile));
    rows.extend(profile.cautions().into_iter().map(|one| ("mind", one)));
    rows
}

fn pin(profile: &Profile) -> Vec<(&'static str, String)> {
    let pin = &profile.pin;
    if !pin.checked {
        return vec![("PIN", "it checks none".to_owned())];
    }
    let blocks = match pin.locks_after {
        None => "after how many wrong ones it is blocked, nobody knows".to_owned(),
        Some(0) => "wrong ones never block it".to_owned(),
        Some(count) => format!("blocked after {count} wrong ones in a row"),
    };
    let warns = if pin.warns {
        "the token warns"
    } else {
        "the token does not warn"
    };
    let shape = match pin.shape {
        PinShape::Plain => "",
        PinShape::UserColonPassword => ", a user's name, a colon and a password",
        PinShape::KeyIdPassword => ", four hexadecimal digits and a password",
    };
    let length = format!("{} to {} bytes{shape}; {blocks}; {warns}", pin.min, pin.max);
    vec![("PIN", pin.form.clone()), ("", length)]
}

fn keys(profile: &Profile) -> Vec<(&'static str, String)> {
    let keys = &profile.keys;
    let made_by = match keys.made_by {
        MadeBy::Breakglass => format!("made by token generate, CKA_ID of {} bytes", keys.id_length),
        MadeBy::Maker => "made by the maker's own tools".to_owned(),
    };
    let public = match keys.public {
        PublicHalf::Open => "public halves can be read without the PIN",
        PublicHalf::Login => "public halves can be read only with the PIN",
    };
    let proof = match keys.proof {
        Proof::Local => "they say that they were made on the token (CKA_LOCAL)",
        Proof::History => "they say that they never left the token, not that they were made on it",
        Proof::Now => "they say only that they cannot be taken out now",
    };
    let mut rows = vec![("keys", format!("{made_by}; {public}; {proof}"))];
    if let (Some(seal), Some(sign)) = (&keys.seal_id, &keys.sign_id) {
        rows.push((
            "",
            format!("found by CKA_ID: seal key {seal}, sign key {sign}"),
        ));
    }
    rows
}

fn quirks(profile: &Profile) -> Vec<(&'static str, String)> {
    let quirks = &profile.quirks;
    let mut rows = Vec::new();
    if quirks.peer_point == PeerPoint::Der {
        rows.push(("quirk", "takes a point in DER".to_owned()));
    }
    if quirks.read_write_session == ReadWriteSession::Always {
        rows.push(("quirk", "wants read-write sessions".to_owned()));
    }
    if !quirks.data_objects {
        rows.push((
            "quirk",
            "takes no data objects, so it carries no anchor".to_owned(),
        ));
    }
    if let Some(start) = &quirks.start {
        rows.push((
            "quirk",
            format!("is started with {start} (FOLDER is folder in [[module]])"),
        ));
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use toml::{Table, Value};

    use super::*;

    /// A profile in which every field stands.
    const WHOLE: &str = r#"
        name = "whole"
        description = "a module"
        library = ["/usr/lib/libwhole.so"]
        maker = "Somebody"
        automatic = false
        documents = ["Handbook"]
        prepare = ["prepare it"]
        check = "look at it"
        caution = "mind it"
        tried = { version = "1.0", on = "2026-01-01" }
        mechanisms = { ec = true, rsa_oaep_sha256 = true }
        pin = { form = "digits", shape = "plain", min = 4, max = 8, locks_after = 3, warns = true, checked = true }
        keys = { made_by = "maker", public = "open", proof = "local", id_length = 4, seal_id = "03", sign_id = "01" }
        quirks = { data_objects = true, peer_point = "raw", read_write_session = "auto", start = "folder=FOLDER" }
    "#;

    /// The fields of a profile, as `pin.min`, and their values.
    fn fields(table: &Table) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (name, value) in table {
            match value {
                Value::Table(inner) => all.extend(
                    fields(inner)
                        .into_iter()
                        .map(|(below, value)| (format!("{name}.{below}"), value)),
                ),
                other => all.push((name.clone(), other.clone())),
            }
        }
        all
    }

    /// Another value that the field may have.
    fn another(field: &str, value: &Value) -> Value {
        let words = [
            ("pin.shape", "key-id-password"),
            ("keys.made_by", "breakglass"),
            ("keys.public", "login"),
            ("keys.proof", "history"),
            ("keys.seal_id", "05"),
            ("keys.sign_id", "05"),
            ("quirks.peer_point", "der"),
            ("quirks.read_write_session", "always"),
            ("tried.on", "2026-01-02"),
        ];
        if let Some((_, word)) = words.iter().find(|(one, _)| *one == field) {
            return Value::String((*word).to_owned());
        }
        match value {
            Value::Boolean(is) => Value::Boolean(!is),
            Value::Integer(number) => Value::Integer(number + 1),
            Value::String(text) => Value::String(format!("{text}, another")),
            Value::Array(all) => {
                let mut all = all.clone();
                all.push(Value::String("/another".to_owned()));
                Value::Array(all)
            }
            other => panic!("{field} is {other:?}"),
        }
    }

    fn with(table: &Table, field: &str, value: Option<Value>) -> Table {
        let mut table = table.clone();
        let (outer, inner) = field.split_once('.').unwrap_or(("", field));
        let place = match outer {
            "" => &mut table,
            outer => table[outer].as_table_mut().unwrap(),
        };
        match value {
            Some(value) => place.insert(inner.to_owned(), value),
            None => place.remove(inner),
        };
        table
    }

    fn shown(table: &Table) -> Vec<(&'static str, String)> {
        let text = toml::to_string(table).unwrap();
        rows(&Profile::parse(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
    }

    #[test]
    fn every_field_is_shown_to_people() {
        let mut whole: Table = WHOLE.parse().unwrap();
        let all: BTreeSet<String> = fields(&whole).into_iter().map(|(name, _)| name).collect();
        for profile in Profile::built_in_names() {
            let path = format!("{}/hsm-config/{profile}.toml", env!("CARGO_MANIFEST_DIR"));
            let table: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
            let unknown: Vec<_> = fields(&table)
                .into_iter()
                .filter(|(name, _)| !all.contains(name))
                .collect();
            assert!(unknown.is_empty(), "{profile}: {unknown:?}");
        }
        for (field, value) in fields(&whole.clone()) {
            let mut changed = with(&whole, &field, Some(another(&field, &value)));
            match field.as_str() {
                // Its keys have no names of the maker then.
                "keys.made_by" => {
                    for id in ["keys.seal_id", "keys.sign_id"] {
                        changed = with(&changed, id, None);
                        whole = with(&whole, id, None);
                    }
                }
                // Of keys that breakglass makes.
                "keys.id_length" => {
                    let by_us = Some(Value::String("breakglass".to_owned()));
                    for table in [&mut whole, &mut changed] {
                        for id in ["keys.seal_id", "keys.sign_id"] {
                            *table = with(table, id, None);
                        }
                        *table = with(table, "keys.made_by", by_us.clone());
                    }
                }
                // What it was written from is told of a profile that was not tried.
                "documents" => assert_ne!(
                    Profile::parse(&toml::to_string(&with(&whole, "tried", None)).unwrap())
                        .unwrap()
                        .cautions(),
                    Profile::parse(&toml::to_string(&with(&changed, "tried", None)).unwrap())
                        .unwrap()
                        .cautions(),
                ),
                _ => {}
            }
            assert_ne!(shown(&whole), shown(&changed), "{field}");
            whole = WHOLE.parse().unwrap();
        }
    }

    #[test]
    fn a_profile_with_anything_else_in_it_is_refused() {
        let whole: Table = WHOLE.parse().unwrap();
        assert!(Profile::parse(&toml::to_string(&whole).unwrap()).is_ok());
        let text = |value: &str| Some(Value::String(value.to_owned()));
        let number = |value| Some(Value::Integer(value));
        for (field, value) in [
            ("nickname", text("x")),
            ("pin.colour", text("x")),
            ("keys.colour", text("x")),
            ("quirks.colour", text("x")),
            ("mechanisms.ed25519", Some(Value::Boolean(true))),
            ("tried.by", text("x")),
            ("mechanisms.ec", number(1)),
            ("mechanisms.ec", None),
            ("quirks.peer_point", text("hybrid")),
            ("quirks.read_write_session", text("never")),
            (
                "library",
                Some(Value::Array(vec![Value::String("libwhole.so".to_owned())])),
            ),
            ("tried.on", text("2026-02-30")),
            ("pin.min", number(0)),
            ("pin.min", number(9)),
            ("pin.max", number(256)),
            ("pin.shape", text("round")),
            ("keys.id_length", number(0)),
            ("keys.id_length", number(33)),
            ("keys.seal_id", text("3")),
            ("keys.seal_id", text("")),
            ("keys.seal_id", text("01")),
            ("keys.sign_id", None),
            ("keys.made_by", text("breakglass")),
            ("keys.proof", text("none")),
        ] {
            let bad = with(&whole, field, value);
            assert!(
                Profile::parse(&toml::to_string(&bad).unwrap()).is_err(),
                "{field}"
            );
        }
    }
}
