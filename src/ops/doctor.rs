//! What would stop an opening tonight: the vault's papers and the tokens that are here, looked at without a PIN
//! and without changing anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::open_vault::read_chain;
use crate::crypto::SoftwareSigner;
use crate::format::{EnrolledToken, Manifest};
use crate::ledger::{Journal, Seen};
use crate::manifest::Pin;
use crate::model::{Failure, Name, Role, Timestamp, TokenIdentity};
use crate::ports::{
    FactoryState, KeyUse, PinStatus, Remembered, Store, Token, TokenError, TokenProvider,
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// It does not keep anybody from opening, and somebody should know.
    Warning,
    /// An opening fails, or is recorded wrongly, until it is mended.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at, in a word; stable, for scripts.
    pub about: &'static str,
    /// What was found. What it quotes from outside is still raw.
    pub what: String,
    /// What to type or do, one step each.
    pub mend: Vec<String>,
}

impl Finding {
    /// A finding without a mend.
    pub fn new(level: Level, about: &'static str, what: impl Into<String>) -> Self {
        Self {
            level,
            about,
            what: what.into(),
            mend: Vec::new(),
        }
    }

    /// The same with one more thing to type or do.
    #[must_use]
    pub fn mend(mut self, step: impl Into<String>) -> Self {
        self.mend.push(step.into());
        self
    }

    /// A failure, as a finding: its hints are the mend.
    pub fn of(level: Level, about: &'static str, failure: Failure) -> Self {
        Self {
            level,
            about,
            what: format!("{} [{}]", failure.what, failure.code),
            mend: failure.hints,
        }
    }
}

/// A vault's papers, found good.
pub struct Papers {
    /// The manifest in force.
    pub manifest: Manifest,
    /// How many entries the ledger has.
    pub entries: u64,
    /// The latest time that an entry bears.
    pub latest: Option<Timestamp>,
    /// How many credentials there are, and how many of them have a key that can be opened.
    pub credentials: (usize, usize),
    /// The incidents that are not closed.
    pub open: Vec<Name>,
}

/// Reads and checks manifests and ledger as every command does, and writes nothing: what a crash left
/// unrecorded stays so.
///
/// # Errors
/// As [`super::OpenVault::open`], but that a station that remembers nothing is none.
pub fn papers(
    store: &dyn Store,
    seen: Option<&Remembered>,
    name: &Name,
    signer: &SoftwareSigner,
) -> Result<Papers, Failure> {
    let chain = read_chain(store)?;
    if let Some(seen) = seen {
        chain.compare(&Pin {
            vault: seen.vault,
            version: seen.version,
            manifest: seen.manifest,
        })?;
    }
    let seen = seen.map(|seen| Seen {
        size: seen.ledger_size,
        root: seen.ledger_root,
    });
    let chain = Arc::new(chain);
    let mut latest = None;
    let journal = Journal::open_showing(store, chain.clone(), seen, name, signer, |_, entry| {
        latest = latest.max(Some(entry.time));
    })?;
    let state = journal.state();
    let kept = state.kept();
    let sealed = kept.filter(|known| known.current().is_some()).count();
    let live = state.incidents.iter().filter(|(_, one)| one.is_live());
    Ok(Papers {
        manifest: chain.newest().clone(),
        entries: journal.head().size,
        latest,
        credentials: (state.kept().count(), sealed),
        open: live.map(|(name, _)| name.clone()).collect(),
    })
}

/// A token that is here.
pub struct SeenToken {
    /// What it says of itself.
    pub identity: TokenIdentity,
    /// Whose it is in this vault, if it is anybody's.
    pub owner: Option<(Name, Role)>,
    /// What it says of its PIN.
    pub pin: Option<PinStatus>,
    /// Which of its secrets are the factory's.
    pub factory: FactoryState,
    /// What is to be said of it.
    pub findings: Vec<Finding>,
}

impl SeenToken {
    /// Whether its owner can use it tonight.
    fn serves(&self) -> bool {
        self.owner.is_some()
            && self.findings.iter().all(|one| one.level != Level::Problem)
            && self.pin != Some(PinStatus::Locked)
    }
}

/// Looks at tokens: tries left, what is the factory's, whose each is, and whether its keys are the enrolled
/// ones. No PIN is asked for.
pub fn seen_tokens(
    tokens: &dyn TokenProvider,
    present: Vec<TokenIdentity>,
    manifest: Option<&Manifest>,
) -> Vec<SeenToken> {
    let each = present.into_iter();
    each.map(|identity| seen_token(tokens, identity, manifest))
        .collect()
}

fn seen_token(
    tokens: &dyn TokenProvider,
    identity: TokenIdentity,
    manifest: Option<&Manifest>,
) -> SeenToken {
    let enrolled = manifest.and_then(|manifest| {
        let mut all = manifest.tokens();
        all.find(|(_, token)| is_of_device(token, &identity))
    });
    let locator = enrolled.map_or(&identity.locator, |(_, token)| &token.identity.locator);
    let mut seen = SeenToken {
        owner: enrolled.map(|(owner, _)| (owner.name.clone(), owner.role)),
        pin: None,
        factory: FactoryState::default(),
        findings: Vec::new(),
        identity: identity.clone(),
    };
    let looked = tokens.open(locator).and_then(|mut token| {
        look_at(
            &mut *token,
            &mut seen,
            enrolled.map(|(_, enrolled)| enrolled),
        )
    });
    if let Err(error) = looked {
        let level = if seen.owner.is_some() {
            Level::Problem
        } else {
            Level::Warning
        };
        seen.findings
            .push(Finding::of(level, "token", Failure::from(error)));
    }
    if manifest.is_some() && seen.owner.is_none() {
        let what = format!("{identity} is not enrolled in this vault");
        seen.findings.push(Finding::new(Level::Good, "token", what));
    }
    seen
}

fn is_of_device(enrolled: &EnrolledToken, found: &TokenIdentity) -> bool {
    let known = &enrolled.identity;
    (known.kind, &known.serial, &known.manufacturer)
        == (found.kind, &found.serial, &found.manufacturer)
}

fn look_at(
    token: &mut dyn Token,
    seen: &mut SeenToken,
    enrolled: Option<&EnrolledToken>,
) -> Result<(), TokenError> {
    let status = token.pin_status()?;
    seen.pin = Some(status);
    seen.factory = token.factory()?;
    seen.findings.extend(of_pin(seen, status));
    seen.findings.extend(of_factory(seen));
    let Some(enrolled) = enrolled else {
        return Ok(());
    };
    if !token.holds(&enrolled.keys, KeyUse::Seal)? {
        let what = format!(
            "{} is enrolled, and the seal key on it is another than the enrolled one: it opens nothing",
            seen.identity
        );
        seen.findings.push(
            Finding::new(Level::Problem, "token-key", what)
                .mend("use a spare; then: breakglass custodian lost SERIAL, and enroll it anew"),
        );
    }
    Ok(())
}

const RESET: &str =
    "use a spare if there is one; the token's own tools can have its PIN reset, later";

fn of_pin(seen: &SeenToken, status: PinStatus) -> Option<Finding> {
    let token = &seen.identity;
    let found = |level, what: String| Some(Finding::new(level, "token-pin", what).mend(RESET));
    match status {
        PinStatus::Locked if seen.owner.is_some() => {
            found(Level::Problem, format!("the PIN of {token} is blocked"))
        }
        PinStatus::Locked => found(Level::Warning, format!("the PIN of {token} is blocked")),
        PinStatus::FinalTry | PinStatus::Left(1) => found(
            Level::Warning,
            format!("LAST TRY: one more wrong PIN blocks {token}"),
        ),
        PinStatus::CountLow => found(
            Level::Warning,
            format!("a wrong PIN was entered for {token}; how many tries are left it does not say"),
        ),
        PinStatus::Left(_) | PinStatus::Untold => None,
    }
}

fn of_factory(seen: &SeenToken) -> Option<Finding> {
    let names = seen.factory.names();
    if names.is_empty() {
        return None;
    }
    let what = format!(
        "{} still has what it left the factory with: {}",
        seen.identity,
        names.join(", ")
    );
    let step = if seen.owner.is_some() {
        "ykman piv access change-pin, change-puk, change-management-key --generate --protect".into()
    } else {
        format!("breakglass token generate {}", seen.identity.locator)
    };
    Some(Finding::new(Level::Warning, "token-factory", what).mend(step))
}

/// For each opening role, how many of the people that it takes have a token here that serves. Tokens come with
/// their people, so that some are missing is no problem before they are there.
pub fn quorum(manifest: &Manifest, tokens: &[SeenToken]) -> Vec<Finding> {
    let of_role = |role: Role| {
        let here: BTreeSet<&Name> = tokens
            .iter()
            .filter(|token| token.serves())
            .filter_map(|token| token.owner.as_ref())
            .filter(|(_, of)| *of == role)
            .map(|(name, _)| name)
            .collect();
        let needed = usize::from(manifest.thresholds.of(role));
        let names: Vec<&str> = here.iter().map(|name| name.as_str()).collect();
        if here.len() >= needed {
            let what = format!("{role}: {} can contribute", names.join(", "));
            return Finding::new(Level::Good, "quorum", what);
        }
        let all = manifest.holders(role).flat_map(|(_, custodian)| {
            let tokens = custodian.tokens.iter();
            tokens.map(|token| format!("{} with {}", custodian.name, token.identity))
        });
        let what = format!(
            "{role}: tokens of {} of {needed} people are here",
            here.len()
        );
        Finding::new(Level::Warning, "quorum", what)
            .mend(format!("insert: {}", all.collect::<Vec<_>>().join("; or ")))
    };
    Role::OPENING.into_iter().map(of_role).collect()
}

impl Papers {
    /// What the papers say of an opening.
    pub fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut found = vec![Finding::new(
            Level::Good,
            "vault",
            format!(
                "vault {}, manifest {}, {} entries in its ledger: signatures and hashes hold",
                self.manifest.vault, self.manifest.version, self.entries
            ),
        )];
        found.push(match self.credentials {
            (_, 0) => Finding::new(Level::Problem, "sealed", "no credential has a sealed key")
                .mend("on a rotator, while AWS can be reached: breakglass rotate"),
            (all, sealed) if sealed < all => Finding::new(
                Level::Warning,
                "sealed",
                format!("{} of {all} credentials have no sealed key", all - sealed),
            )
            .mend("breakglass status tells which"),
            (all, _) => Finding::new(
                Level::Good,
                "sealed",
                format!("{all} credentials have a sealed key"),
            ),
        });
        for incident in &self.open {
            found.push(
                Finding::new(
                    Level::Warning,
                    "incident",
                    format!("incident {incident} is not closed"),
                )
                .mend(format!("on a rotator: breakglass close {incident}")),
            );
        }
        if let Some(latest) = self.latest {
            found.push(of_clock(now, latest));
        }
        found
    }
}

/// A clock that is behind the ledger makes a lease that has run out before it begins.
fn of_clock(now: Timestamp, latest: Timestamp) -> Finding {
    /// Two clocks that are both right may differ by this many seconds.
    const SLACK: i64 = 300;
    if now.unix() + SLACK < latest.unix() {
        let what = format!(
            "this machine's clock says {now}, and the newest entry of the ledger is of {latest}"
        );
        return Finding::new(Level::Problem, "clock", what)
            .mend("date -u -s 'YYYY-MM-DD HH:MM:SS', from a watch")
            .mend("if it is the other clock that was wrong: breakglass ledger log shows whose");
    }
    let what = format!("this machine's clock says {now}, after the ledger's newest entry");
    Finding::new(Level::Good, "clock", what)
}

/// The failure of a station that has not been told which vault is the right one.
pub fn untrusted() -> Finding {
    Finding::new(
        Level::Problem,
        "station",
        "this station trusts no vault yet, so it opens none",
    )
    .mend("breakglass vault import DIR, with a folder that vault export made")
    .mend("or: breakglass trust FINGERPRINT; both with the fingerprint from the card in the safe")
}
