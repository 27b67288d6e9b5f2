//! The people of both roles at their tokens: what is to be opened is found and checked, and each contributes until
//! there is a quorum. An opening and a drill begin like this.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor;
use super::open_vault::OpenVault;
use super::people::{self, Use};
use super::records;
use super::retire;
use super::world::People;
use crate::ceremony::{Ceremony, Collecting, Quorate};
use crate::format::{Custodian, EnrolledToken, GenerationHeader, Manifest, Record, paths};
use crate::ledger::{CredentialDefinition, Event};
use crate::model::{Class, Failure, Name, Role};
use crate::ports::{KeyRequest, KeyUse, Notice};

/// A record that is to be opened, found good.
pub(super) struct Wanted {
    pub definition: CredentialDefinition,
    pub record: Record,
}

/// The credentials, for people; of many the first and the last.
pub(super) fn names(wanted: &[Wanted]) -> String {
    let names: Vec<&str> = wanted
        .iter()
        .map(|one| one.definition.name.as_str())
        .collect();
    match names.as_slice() {
        [first, .., last] if names.len() > 4 => {
            format!("{} credentials ({first} … {last})", names.len())
        }
        all => all.join(", "),
    }
}

/// So many credentials.
pub(super) fn counted(count: usize) -> String {
    format!("{count} credential{}", if count == 1 { "" } else { "s" })
}

/// Each generation that is to be opened, with the manifest that it was sealed under.
pub(super) type Headers = Vec<(GenerationHeader, Manifest)>;

/// The newest record of every credential and the header of every generation among them, checked against
/// the ledger.
pub(super) fn gather(
    vault: &OpenVault<'_>,
    names: &[Name],
) -> Result<(Vec<Wanted>, Headers), Failure> {
    let mut wanted: Vec<Wanted> = Vec::with_capacity(names.len());
    let mut seen = BTreeSet::new();
    let mut headers: BTreeMap<(Name, u64), (GenerationHeader, Manifest)> = BTreeMap::new();
    for name in names {
        if !seen.insert(name) {
            continue;
        }
        let credential = retire::kept(vault, name)?;
        let definition = credential.definition.clone();
        let current = credential.current().ok_or_else(|| nothing_sealed(name))?;
        let path = paths::record(&definition.compartment, current.generation, name);
        let envelope = records::read_document::<Record>(vault, &path)?;
        if envelope.digest() != current.record {
            return Err(records::misplaced(&path));
        }
        let record = records::check_record(vault, &envelope, &definition, current.generation)
            .map_err(|error| records::of_document(&path, error))?;
        let place = (definition.compartment.clone(), current.generation);
        if let std::collections::btree_map::Entry::Vacant(vacant) = headers.entry(place) {
            let header = records::read_header(vault, &definition.compartment, current.generation)?;
            let manifest = vault.chain.of_digest(&header.manifest).cloned();
            let manifest = manifest.ok_or_else(|| records::misplaced(&path))?;
            vacant.insert((header, manifest));
        }
        wanted.push(Wanted { definition, record });
    }
    Ok((wanted, headers.into_values().collect()))
}

fn nothing_sealed(name: &Name) -> Failure {
    Failure::new(
        Class::Refused,
        "nothing-sealed",
        format!("{name} has no sealed key that could be opened"),
        "nothing was opened",
    )
    .hint("breakglass rotate, on the rotator")
    .hint(format!("breakglass credential show {name}"))
}

/// What a ceremony is held for.
pub(super) struct Purpose<'a> {
    /// The incident that refusals belong to.
    pub incident: Option<&'a Name>,
    /// For the prompts.
    pub text: String,
}

/// Collects contributions until both roles have a quorum, and see to it that a touch is among them where the
/// policy wants one.
pub(super) fn hold_ceremony(
    vault: &mut OpenVault<'_>,
    headers: Headers,
    purpose: &Purpose<'_>,
    operator: People<'_>,
) -> Result<Ceremony<Quorate>, Failure> {
    let mut ceremony = Ceremony::new(vault.manifest().clone(), headers)?;
    while let Some((role, missing)) = ceremony.wanted() {
        contribute(vault, &mut ceremony, (role, missing), purpose, operator)?;
    }
    vault.world.tokens.let_go();
    let ceremony = ceremony.quorate().map_err(|_| {
        Failure::new(
            Class::Bug,
            "bug",
            "the ceremony has no quorum",
            "nothing was opened",
        )
    })?;
    if !vault.manifest().policy.allow_no_touch && !ceremony.has_touch() {
        return Err(Failure::new(
            Class::Refused,
            "no-touch",
            "nobody's token proved a touch, and the policy demands one",
            "nothing was opened",
        ));
    }
    Ok(ceremony)
}

fn contribute(
    vault: &mut OpenVault<'_>,
    ceremony: &mut Ceremony<Collecting>,
    (role, missing): (Role, usize),
    purpose: &Purpose<'_>,
    operator: People<'_>,
) -> Result<(), Failure> {
    let manifest = vault.manifest().clone();
    let candidates: Vec<(&Custodian, &EnrolledToken)> = ceremony
        .candidates()
        .iter()
        .filter_map(|id| manifest.token(id))
        .collect();
    let turn = people::turn(role, missing, &purpose.text, &candidates);
    let people::Found { id, mut token } =
        people::await_one(vault.world, &candidates, &turn, KeyUse::Seal, operator)?;
    let Some((custodian, enrolled)) = manifest.token(&id) else {
        return Err(crate::ceremony::NotTaken::NotSealedTo.into());
    };
    anchor::check(vault, enrolled, token.as_mut(), operator)?;
    let operations = ceremony.operations(&id)?;
    let requests: Vec<KeyRequest<'_>> = operations.iter().map(people::request).collect();
    let by = Use {
        custodian: &custodian.name,
        role: custodian.role,
        purpose: &purpose.text,
    };
    let (journal, clock) = (&mut vault.journal, vault.world.clock);
    let mut on_wrong = |error: &crate::ports::TokenError| {
        let failure = Failure::from(error.clone());
        let event = Event::Refused {
            incident: purpose.incident.cloned(),
            code: failure.code.to_owned(),
            what: failure.what.chars().take(300).collect(),
        };
        Ok(journal.record(clock.now(), event)?)
    };
    let replies = people::perform(token.as_mut(), &by, operator, &mut on_wrong, &requests)?;
    let (answers, _) = people::sort(replies);
    ceremony.contribute(&id, &answers)?;
    operator.notice(Notice::Step(format!(
        "{} ({}) contributed",
        custodian.name, custodian.role
    )));
    Ok(())
}
