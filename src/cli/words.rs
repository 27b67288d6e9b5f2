//! Words for people, tokens and what may be lost, and lines that are no wider than a terminal.

use super::escape::Shown;
use crate::attestation::RootName;
use crate::format::Participant;
use crate::model::{Firmware, Name, Presence, TokenIdentity};
use crate::policy::{Access, Ending, Exposure, Held, Losses, Panel, Partners, Period};

/// The widest line: 80 columns, and one for terminals that wrap at the last.
const WIDTH: usize = 79;

/// A text in lines of at most [`WIDTH`] columns: `first` stands before the first, `rest` before the others.
/// A word that is longer than a line is not broken.
pub fn wrapped(first: &str, rest: &str, text: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        let wide = line.chars().count() + word.chars().count() + usize::from(!empty);
        if !empty && wide > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

/// A token by label and serial. One that was not seen has its locator as its label, and no serial.
pub fn token(token: &TokenIdentity) -> String {
    if token.serial.is_empty() {
        return Shown(&token.label).to_string();
    }
    format!("{}, serial {}", Shown(&token.label), Shown(&token.serial))
}

/// The same with what it proves.
pub fn held(one: &Held) -> String {
    if one.identity.serial.is_empty() && one.identity.label == one.identity.locator {
        return format!(
            "{}, which is not there to be looked at",
            token(&one.identity)
        );
    }
    let firmware = one.firmware.map(|it| format!(", firmware {it}"));
    format!(
        "{}, presence {}{}",
        token(&one.identity),
        presence(one.presence),
        firmware.unwrap_or_default()
    )
}

/// A token's firmware in a table.
pub fn firmware(firmware: Option<Firmware>) -> String {
    firmware.map_or_else(|| "-".to_owned(), |firmware| firmware.to_string())
}

/// A time that the policy sets, as a sentence.
pub fn period(period: Period, time: u32) -> String {
    let what = match period {
        Period::Rotation => "a compartment is due for rotation after",
        Period::Lease => "a lease lasts at most",
        Period::Grace => "a replaced key stays deactivated for",
        Period::Proved => "a replaced key that a drill has shown to open is kept for",
    };
    format!("{what} {time} {}", period.unit())
}

/// The same for machines, as the manifest has it.
pub fn period_field(period: Period) -> &'static str {
    match period {
        Period::Rotation => "rotate-days",
        Period::Lease => "max-lease-minutes",
        Period::Grace => "grace-minutes",
        Period::Proved => "keep-proved-days",
    }
}

/// A root of attestation: its name, which is text from outside, and the SHA-256 that counts.
pub fn root(root: &RootName) -> String {
    format!("\"{}\" ({})", Shown(&root.name), root.fingerprint)
}

/// What a token proves.
pub fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Touch => "touch",
        Presence::None => "none",
    }
}

/// Names in a row.
pub fn names<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    let names: Vec<&str> = names.into_iter().map(Name::as_str).collect();
    names.join(", ")
}

/// `alice (ic) and bob (bgo)`.
pub fn participants(all: &[Participant]) -> String {
    let each = all
        .iter()
        .map(|one| format!("{} ({})", one.custodian, one.role));
    each.collect::<Vec<_>>().join(" and ")
}

/// So many credentials are named; more are counted.
const NAMED: usize = 12;

/// Credentials by name, or how many they are.
pub fn credentials(all: &[&Name]) -> String {
    if all.len() > NAMED {
        return format!("{} credentials", all.len());
    }
    names(all.iter().copied())
}

/// `no token`, `1 token`, `2 tokens`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        more => format!("{more} {many}"),
    }
}

/// `1 person, 2 tokens`.
pub fn losses(losses: Option<Losses>) -> String {
    match losses {
        None => "-".to_owned(),
        Some(Losses { people, tokens }) => format!(
            "{}, {}",
            count(people, "person", "people"),
            count(tokens, "token", "tokens")
        ),
    }
}

/// `2 of alice, carol, erin (ic) and 1 of bob (bgo)`.
pub fn takes(access: &Access) -> String {
    let of = |panel: &Panel| {
        let people = names(panel.members.iter().map(|member| &member.name));
        let people = if people.is_empty() {
            "nobody".to_owned()
        } else {
            people
        };
        format!("{} of {people} ({})", panel.threshold, panel.role)
    };
    let each: Vec<String> = access.panels().iter().map(of).collect();
    each.join(" and ")
}

/// What a leaver could still open, with whom, until when.
pub fn exposure(exposure: &Exposure) -> String {
    let tokens: Vec<String> = exposure.tokens.iter().map(|t| token(&t.identity)).collect();
    let tokens = tokens.join("; ");
    let leaver = &exposure.leaver;
    let who = if exposure.stays {
        format!("whoever has the retired token of {leaver} ({tokens}) and its PIN")
    } else {
        format!("{leaver}, who is retired, with {tokens}")
    };
    let credentials: Vec<&Name> = exposure.credentials.iter().collect();
    format!(
        "{who}, together with {}, could still open {} of {}, generation {}, from a copy of the vault, until: {}",
        partners(&exposure.partners),
        self::credentials(&credentials),
        exposure.compartment,
        exposure.generation,
        endings(&exposure.ends)
    )
}

/// `1 of carol (ic) and 1 of bob (bgo)`.
fn partners(partners: &[Partners]) -> String {
    let with = |one: &Partners| format!("{} of {} ({})", one.count, names(&one.of), one.role);
    let each: Vec<String> = partners.iter().map(with).collect();
    each.join(" and ")
}

/// Commands in a row.
pub fn endings(ends: &[Ending]) -> String {
    let ends: Vec<String> = ends.iter().map(Ending::to_string).collect();
    ends.join(", then ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = "a word ".repeat(60);
        let lines = wrapped("  - ", "    ", &text);
        assert!(
            lines.lines().all(|line| line.chars().count() <= WIDTH),
            "{lines}"
        );
        assert!(
            lines
                .lines()
                .skip(1)
                .all(|line| line.starts_with("    a") || line.starts_with("    word"))
        );
        let again: String = lines.split_whitespace().skip(1).collect();
        assert_eq!(again, text.split_whitespace().collect::<String>());
    }

    #[test]
    fn many_credentials_are_counted() {
        let all: Vec<Name> = (0..=NAMED)
            .map(|n| format!("c{n}").parse().unwrap())
            .collect();
        let all: Vec<&Name> = all.iter().collect();
        assert_eq!(credentials(&all), format!("{} credentials", NAMED + 1));
        assert_eq!(credentials(&all[..2]), "c0, c1");
        assert!(credentials(&all[..NAMED]).ends_with(&format!(", c{}", NAMED - 1)));
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let long = "x".repeat(WIDTH + 1);
        let lines = wrapped("- ", "  ", &format!("a {long} b"));
        assert_eq!(lines, format!("- a\n  {long}\n  b\n"));
    }
}
