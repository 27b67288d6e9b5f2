//! `breakglass token profiles`: what is known of PKCS#11 modules, for people.

use std::process::ExitCode;

use crate::cli::app::{App, all_profiles, profile};
use crate::cli::{output, render};
use crate::model::Failure;
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
    vec![
        ("PIN", pin.form.clone()),
        (
            "",
            format!("{} to {} bytes; {blocks}; {warns}", pin.min, pin.max),
        ),
    ]
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
    if let Some(start) = &quirks.start {
        rows.push((
            "quirk",
            format!("is started with {start} (FOLDER is folder in [[module]])"),
        ));
    }
    rows
}
