//! Readers, the programs that talk to them, PKCS#11 modules, and the tokens in all of these.

use crate::cli::app::App;
use crate::format::Manifest;
use crate::model::{Failure, TokenIdentity, TokenKind};
use crate::ops::{Finding, Level, SeenToken, seen_tokens};
use crate::ports::{TokenError, TokenProvider};
use crate::token::AllTokens;
use crate::token::piv::{CardInReader, Holder, Reader, holders, readers};

/// What was found.
pub struct Devices {
    pub findings: Vec<Finding>,
    pub readers: Vec<Reader>,
    pub holders: Vec<Holder>,
    pub tokens: Vec<SeenToken>,
}

/// Looks at all of them. `manifest` is that of the vault, if there is one to look at.
pub fn look(app: &App, manifest: Option<&Manifest>) -> Result<Devices, Failure> {
    let tokens = app.tokens()?;
    let wanted = |kind| {
        manifest.is_some_and(|manifest| {
            let mut all = manifest.tokens();
            all.any(|(_, token)| token.identity.kind == kind)
        })
    };
    let (mut findings, mut present) = modules(&tokens, wanted(TokenKind::Pkcs11));
    let (readers, holders) = (readers(), holders());
    let reached = readers.is_ok();
    // A machine that has no YubiKey to do with needs no service.
    let needed = wanted(TokenKind::Piv) || (manifest.is_none() && present.is_empty());
    findings.push(service(&readers, needed));
    let readers = readers.unwrap_or_default();
    findings.extend(
        readers
            .iter()
            .filter_map(|reader| in_reader(reader, &holders)),
    );
    findings.extend(holders.iter().map(|holder| program(holder, &readers)));
    if reached {
        let (found, listed) = yubikeys(&tokens, &readers);
        findings.extend(found);
        present.extend(listed);
    }
    let tokens = seen_tokens(&tokens, present, manifest);
    Ok(Devices {
        findings,
        readers,
        holders,
        tokens,
    })
}

fn modules(tokens: &AllTokens, needed: bool) -> (Vec<Finding>, Vec<TokenIdentity>) {
    let (mut findings, mut present) = (Vec::new(), Vec::new());
    for (path, listed) in tokens.pkcs11.check() {
        match listed {
            Ok(listed) => {
                let what = format!("{}: {} tokens", path.display(), listed.len());
                findings.push(Finding::new(Level::Good, "module", what));
                for token in listed {
                    if !present.contains(&token) {
                        present.push(token);
                    }
                }
            }
            Err(error) => {
                let level = if needed {
                    Level::Problem
                } else {
                    Level::Warning
                };
                findings.push(Finding::of(level, "module", Failure::from(error)));
            }
        }
    }
    if findings.is_empty() && needed {
        let what = "the vault has tokens behind PKCS#11 modules, and none is installed here";
        findings.push(
            Finding::new(Level::Problem, "module", what)
                .mend("install the token maker's library; softhsm2 for SoftHSM")
                .mend(
                    "breakglass token profiles tells where each is looked for; else --module FILE",
                ),
        );
    }
    (findings, present)
}

fn service(readers: &Result<Vec<Reader>, TokenError>, needed: bool) -> Finding {
    match readers {
        Ok(readers) if readers.is_empty() => Finding::new(
            if needed { Level::Warning } else { Level::Good },
            "pcscd",
            "pcscd runs, and there is no reader: no YubiKey is plugged in",
        ),
        Ok(readers) => Finding::new(
            Level::Good,
            "pcscd",
            format!("pcscd runs; readers: {}", readers.len()),
        ),
        Err(error) if needed => Finding::new(Level::Problem, "pcscd", error.to_string())
            .mend("systemctl start pcscd.socket; without systemd, as root: pcscd")
            .mend("not installed? apt-get install pcscd, while there is a network"),
        Err(error) => Finding::new(
            Level::Good,
            "pcscd",
            format!("{error}; no YubiKey is wanted here"),
        ),
    }
}

fn in_reader(reader: &Reader, holders: &[Holder]) -> Option<Finding> {
    let name = &reader.name;
    let found = |level, what: &str| Some(Finding::new(level, "reader", format!("{name}: {what}")));
    match reader.card {
        CardInReader::None => found(Level::Good, "empty"),
        CardInReader::Free => found(Level::Good, "a card that nobody uses"),
        CardInReader::Shared => found(Level::Good, "a card that another program has open, too"),
        CardInReader::Mute => found(Level::Problem, "a card that does not answer")
            .map(|one| one.mend("take it out and put it back; another USB port; restart pcscd")),
        CardInReader::Held => {
            let held = found(
                Level::Problem,
                "a card that another program keeps for itself",
            )?;
            Some(if holders.is_empty() {
                held.mend("see which program it is, as root: breakglass doctor")
            } else {
                holders.iter().map(end).fold(held, Finding::mend)
            })
        }
    }
}

/// What ends a program that talks to cards.
fn end(holder: &Holder) -> String {
    match holder.name.as_str() {
        "scdaemon" => "gpgconf --kill scdaemon".to_owned(),
        "gpg-agent" => "gpgconf --kill gpg-agent".to_owned(),
        name => format!("end {name}, or: kill {}", holder.pid),
    }
}

/// A program that merely has the library is no trouble yet, and can become one in the middle of a ceremony.
fn program(holder: &Holder, readers: &[Reader]) -> Finding {
    let what = format!(
        "{} (process {}) talks to smart cards",
        holder.name, holder.pid
    );
    let used = |reader: &Reader| matches!(reader.card, CardInReader::Shared | CardInReader::Held);
    if holder.name == "scdaemon" || readers.iter().any(used) {
        return Finding::new(Level::Warning, "program", what).mend(end(holder));
    }
    Finding::new(Level::Good, "program", what)
        .mend(format!("if it gets in the way: {}", end(holder)))
}

/// The YubiKeys; a card that somebody keeps was told of already.
fn yubikeys(tokens: &AllTokens, readers: &[Reader]) -> (Option<Finding>, Vec<TokenIdentity>) {
    match tokens.piv.list() {
        Ok(listed) => (None, listed),
        Err(TokenError::Busy { .. })
            if readers.iter().any(|one| one.card == CardInReader::Held) =>
        {
            (None, Vec::new())
        }
        Err(error) => (
            Some(Finding::of(Level::Problem, "reader", Failure::from(error))),
            Vec::new(),
        ),
    }
}

/// The word for what is in a reader, for scripts.
pub fn card_name(card: CardInReader) -> &'static str {
    match card {
        CardInReader::None => "none",
        CardInReader::Free => "free",
        CardInReader::Shared => "shared",
        CardInReader::Held => "held",
        CardInReader::Mute => "mute",
    }
}
