//! `breakglass policy explain`

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::attestation::RootName;
use crate::cli::app::App;
use crate::cli::words::{self, wrapped};
use crate::cli::{output, render};
use crate::format::{Certificate, Policy};
use crate::model::{Failure, Name, TokenIdentity};
use crate::ops;
use crate::policy::{
    Access, Explained, Exposure, Held, Losses, Panel, Period, Quorum, SetAccess, Touch,
};

/// So many combinations are listed for people; more are counted.
const LISTED: usize = 12;
/// And so many for machines.
const LISTED_JSON: usize = 1_000;

/// Explains who can open what.
pub fn run(app: &App, compartments: &[Name]) -> Result<ExitCode, Failure> {
    app.in_vault(|vault, _| {
        let explained = ops::explain(vault, compartments)?;
        if app.json() {
            output::json(&document(&explained));
        } else {
            output::text(&text(&explained));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn text(explained: &Explained<'_>) -> String {
    let mut text = String::new();
    for (name, sets) in &explained.compartments {
        text.push_str(&format!("Compartment {name}\n"));
        if sets.is_empty() {
            text.push_str("  nothing is sealed in it\n");
        }
        for set in sets {
            text.push_str(&set_text(set));
        }
        if sets.iter().filter(|set| set.set.is_current()).count() > 1 {
            let what = "in one opening, credentials of several generations take people who can open each of \
                        them with one token, and as many as the one that takes most";
            text.push_str(&wrapped("  ! ", "    ", what));
        }
        text.push('\n');
    }
    let version = explained.manifest.version;
    text.push_str(&format!("What is sealed next, under manifest {version}\n"));
    if as_now(explained) {
        text.push_str("    the same people, tokens and thresholds\n");
    } else {
        text.push_str(&access_text(&explained.next, "nobody could open it", true));
    }
    text.push_str(&format!("\nThe manifest that follows manifest {version}\n"));
    let changing = access_text(
        &explained.changing,
        "the manifest could never be changed",
        false,
    );
    text.push_str(&changing);
    text.push_str("\nWhat a YubiKey must be, to be enrolled\n");
    text.push_str(&token_rules(&explained.manifest.policy));
    text.push_str("\nTimes\n");
    text.push_str(&times(&explained.manifest.policy));
    text.push_str("\nAlone\n");
    text.push_str(&alone(explained));
    text
}

/// Whether everything that is sealed opens as what is sealed next.
fn as_now(explained: &Explained<'_>) -> bool {
    let mut sets = explained
        .compartments
        .iter()
        .flat_map(|(_, sets)| sets)
        .peekable();
    sets.peek().is_some() && sets.all(|set| set.as_next)
}

fn set_text(set: &SetAccess<'_>) -> String {
    let keys = |current| {
        let of = set.set.keys.iter().filter(|key| key.current == current);
        words::credentials(&of.map(|key| &key.credential).collect::<Vec<_>>())
    };
    let mut text = wrapped(
        "  ",
        "    ",
        &format!(
            "generation {}, sealed under manifest {}: {}",
            set.set.generation,
            set.set.manifest.version,
            match (keys(true), keys(false)) {
                (now, rest) if rest.is_empty() => now,
                (now, rest) if now.is_empty() => format!("{rest} (not opened any more)"),
                (now, rest) => format!("{now}; not opened any more, but alive: {rest}"),
            }
        ),
    );
    text.push_str(&access_text(&set.access, "nobody can open it", true));
    if !set.as_next {
        let ends = format!(
            "other people, tokens or thresholds from the next sealing on: {}",
            words::endings(&set.set.ends())
        );
        text.push_str(&wrapped("    ! ", "      ", &ends));
    }
    for exposure in &set.exposures {
        text.push_str(&wrapped("    ! ", "      ", &words::exposure(exposure)));
    }
    for (name, token) in &set.newcomers {
        let what = format!("{name} opens nothing of it with {}", words::token(token));
        text.push_str(&wrapped("    ! ", "      ", &what));
    }
    text
}

/// Who, in which combinations, with which tokens, and what may be lost until `then`.
fn access_text(access: &Access, then: &str, touch: bool) -> String {
    let mut text = wrapped("    takes    ", "             ", &words::takes(access));
    text.push_str(&combinations(access));
    if touch {
        let proved = match access.touch() {
            Touch::Always => "proved by every combination",
            Touch::Sometimes => "depends on who comes, and with which token",
            Touch::Never => "proved by none",
        };
        text.push_str(&format!("    touch    {proved}\n"));
    }
    text.push_str("    tokens\n");
    text.push_str(&tokens(access));
    let Some(losses) = access.losses() else {
        text.push_str(&format!("    losses   too many: {then}\n"));
        return text;
    };
    text.push_str(&format!(
        "    losses   until {then}: {}\n",
        words::losses(Some(losses))
    ));
    for panel in access.panels() {
        let of = words::losses(panel.losses());
        text.push_str(&format!("             of {}: {of}\n", panel.role));
    }
    text.push_str(&wrapped("    fatal    ", "             ", &fatal(access)));
    text
}

/// Whose loss alone, and of which token, makes it impossible.
fn fatal(access: &Access) -> String {
    let people = words::names(access.fatal_people());
    let token =
        |(name, token): &(&Name, &Held)| format!("{name}'s {}", words::token(&token.identity));
    let tokens: Vec<String> = access.fatal_tokens().iter().map(token).collect();
    match (people.is_empty(), tokens.is_empty()) {
        (true, _) => "no single loss".to_owned(),
        (false, true) => format!("the loss of any of these people: {people}"),
        (false, false) => format!(
            "the loss of any of these people: {people}; of any of these tokens: {}",
            tokens.join("; ")
        ),
    }
}

fn combinations(access: &Access) -> String {
    let count = access.count();
    let all = count.is_some_and(|count| count <= LISTED as u64);
    let number = match count {
        Some(1) => "1 combination".to_owned(),
        Some(count) => format!("{count} combinations"),
        None => "more combinations than 64 bits can count".to_owned(),
    };
    if !all {
        return format!("    in       {number}\n");
    }
    let mut text = format!("    in       {number}\n");
    for quorum in access.quorums(LISTED) {
        let people: Vec<&str> = quorum
            .people
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        text.push_str(&wrapped(
            "             ",
            "               ",
            &people.join(" + "),
        ));
    }
    text
}

fn tokens(access: &Access) -> String {
    let mut rows = Vec::new();
    for panel in access.panels() {
        for member in &panel.members {
            for token in &member.tokens {
                rows.push(vec![
                    format!("             {}", member.name),
                    panel.role.to_string(),
                    token.identity.label.clone(),
                    token.identity.serial.clone(),
                    words::presence(token.presence).to_owned(),
                    words::firmware(token.firmware),
                ]);
            }
        }
    }
    render::table(&rows)
}

fn token_rules(policy: &Policy) -> String {
    let pin = if policy.allow_pin_once {
        "at each use, or once a session"
    } else {
        "at each use"
    };
    let mut text = wrapped(
        "    ",
        "    ",
        &format!(
            "firmware {} or newer; its keys made in it, with a touch at each use and the PIN {pin}; all of it \
             attested up to one of Yubico's roots",
            policy.min_firmware
        ),
    );
    for own in &policy.attestation_roots {
        let root = words::root(&RootName::of(&own.0));
        text.push_str(&wrapped("    or to  ", "           ", &root));
    }
    text
}

fn times(policy: &Policy) -> String {
    let line = |period: Period| format!("  {}\n", words::period(period, period.of(policy)));
    Period::ALL.map(line).concat()
}

fn alone(explained: &Explained<'_>) -> String {
    let rotators = words::names(explained.manifest.rotators.iter().map(|r| &r.name));
    let people = format!(
        "a person: opens nothing and changes nothing; it takes {} to open and {} to change the manifest",
        explained.next.least_people(),
        explained.changing.least_people()
    );
    let machines = format!(
        "a rotator ({rotators}): seals, and opens nothing. Its rights in AWS are another matter: they can act \
         as the users"
    );
    let rest =
        "any other machine, and whoever has the vault's folder: seals nothing, opens nothing";
    [people.as_str(), &machines, rest]
        .map(|what| wrapped("  ", "    ", what))
        .concat()
}

fn document(explained: &Explained<'_>) -> Value {
    json!({
        "manifest-version": explained.manifest.version,
        "compartments": explained.compartments.iter().map(|(name, sets)| json!({
            "name": name,
            "sealed": sets.iter().map(set_document).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "yubikeys": token_rules_document(&explained.manifest.policy),
        "times": times_document(&explained.manifest.policy),
        "next": access(&explained.next),
        "changing": access(&explained.changing),
        "people-to-open": explained.next.least_people(),
        "people-to-change": explained.changing.least_people(),
        "may-seal-alone": explained.manifest.rotators.iter().map(|r| &r.name).collect::<Vec<_>>(),
    })
}

fn token_rules_document(policy: &Policy) -> Value {
    let roots = policy.attestation_roots.iter();
    let root = |root: &Certificate| {
        let RootName {
            name, fingerprint, ..
        } = RootName::of(&root.0);
        json!({ "name": name, "fingerprint": fingerprint })
    };
    json!({
        "min-firmware": policy.min_firmware,
        "allow-pin-once": policy.allow_pin_once,
        "own-roots": roots.map(root).collect::<Vec<_>>(),
    })
}

fn times_document(policy: &Policy) -> Value {
    let field = |period: Period| {
        let name = words::period_field(period).to_owned();
        (name, period.of(policy).into())
    };
    Value::Object(Period::ALL.map(field).into_iter().collect())
}

fn set_document(set: &SetAccess<'_>) -> Value {
    json!({
        "generation": set.set.generation,
        "manifest-version": set.set.manifest.version,
        "keys": set.set.keys.iter().map(|key| json!({
            "credential": key.credential,
            "key": key.key,
            "current": key.current,
            "incident": key.incident,
        })).collect::<Vec<_>>(),
        "access": access(&set.access),
        "as-next": set.as_next,
        "exposures": set.exposures.iter().map(exposure).collect::<Vec<_>>(),
        "newcomers": newcomers(&set.newcomers),
    })
}

/// Who can open or change something.
pub fn access(access: &Access) -> Value {
    let quorums = access.quorums(LISTED_JSON);
    json!({
        "possible": access.is_possible(),
        "roles": access.panels().iter().map(|panel| json!({
            "role": panel.role,
            "threshold": panel.threshold,
            "custodians": members(panel),
            "losses": losses(panel.losses()),
        })).collect::<Vec<_>>(),
        "losses": losses(access.losses()),
        "combinations": access.count(),
        "quorums-complete": access.count() == Some(quorums.len() as u64),
        "quorums": quorums.iter().map(quorum).collect::<Vec<_>>(),
        "touch": touch(access.touch()),
        "fatal-people": access.fatal_people(),
        "fatal-tokens": access.fatal_tokens().iter().map(|(name, token)| json!({
            "name": name,
            "token": held(token),
        })).collect::<Vec<_>>(),
    })
}

fn quorum(quorum: &Quorum) -> Value {
    let people = quorum.people.iter();
    json!({
        "people": people.map(|(role, name)| json!({ "role": role, "name": name })).collect::<Vec<_>>(),
        "touch": touch(quorum.touch),
    })
}

fn touch(touch: Touch) -> &'static str {
    match touch {
        Touch::Always => "always",
        Touch::Sometimes => "sometimes",
        Touch::Never => "never",
    }
}

/// The people of a role and their tokens.
pub fn members(panel: &Panel) -> Vec<Value> {
    let member = |member: &crate::policy::Member| {
        json!({
            "name": member.name,
            "tokens": member.tokens.iter().map(held).collect::<Vec<_>>(),
        })
    };
    panel.members.iter().map(member).collect()
}

/// A token; without a serial where it was not seen.
pub fn held(token: &Held) -> Value {
    json!({
        "id": token.id,
        "label": token.identity.label,
        "serial": token.identity.serial,
        "presence": token.presence,
        "firmware": token.firmware,
    })
}

/// What may be lost; null where it is impossible already.
pub fn losses(losses: Option<Losses>) -> Value {
    losses.map_or(
        Value::Null,
        |losses| json!({ "people": losses.people, "tokens": losses.tokens }),
    )
}

/// What a leaver could still open.
pub fn exposure(exposure: &Exposure) -> Value {
    json!({
        "compartment": exposure.compartment,
        "generation": exposure.generation,
        "manifest-version": exposure.manifest,
        "credentials": exposure.credentials,
        "name": exposure.leaver,
        "role": exposure.role,
        "stays": exposure.stays,
        "tokens": exposure.tokens.iter().map(held).collect::<Vec<_>>(),
        "with": exposure.partners.iter().map(|partners| json!({
            "role": partners.role,
            "count": partners.count,
            "of": partners.of,
        })).collect::<Vec<_>>(),
        "ends": exposure.ends.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Whose tokens open nothing of what is sealed now.
pub fn newcomers(newcomers: &[(Name, TokenIdentity)]) -> Vec<Value> {
    let one = |(name, token): &(Name, TokenIdentity)| json!({ "name": name, "label": token.label, "serial": token.serial });
    newcomers.iter().map(one).collect()
}
