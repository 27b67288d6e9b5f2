//! What is handed over of an opened credential: its key, or sessions of its roles, made with the key, which then
//! never leaves the process.

use std::collections::BTreeMap;

use super::open_vault::OpenVault;
use super::unseal::{self, Released, Unsealed};
use super::world::People;
use crate::incident;
use crate::ledger::{COMMIT_ENTRIES, CredentialDefinition, DeliveredSession, Delivery, Event};
use crate::model::{AccessRole, Class, Failure, Name};
use crate::ports::{CloudError, KeyProof, Notice, RoleSession, RoleSessions, SessionWish};

/// One credential on its way to whoever asked for it.
pub enum Handed {
    /// Its key.
    Key(Released),
    /// Sessions in the place of its key, at least one.
    Sessions(CredentialDefinition, Vec<Session>),
}

/// A session of one of a credential's roles.
pub struct Session {
    /// The role.
    pub role: AccessRole,
    /// The session itself.
    pub made: RoleSession,
}

impl Handed {
    /// Which credential it is of.
    pub fn definition(&self) -> &CredentialDefinition {
        match self {
            Self::Key(released) => &released.definition,
            Self::Sessions(definition, _) => definition,
        }
    }

    /// The sessions; none where it is the key.
    pub fn sessions(&self) -> &[Session] {
        match self {
            Self::Key(_) => &[],
            Self::Sessions(_, sessions) => sessions,
        }
    }
}

/// STS, as it is asked with opened keys.
pub struct Sts<'a> {
    /// For sessions.
    pub sessions: &'a dyn RoleSessions,
    /// For whether it is there at all.
    pub proof: &'a dyn KeyProof,
    /// Where the calls go, if not to AWS.
    pub endpoint: Option<String>,
}

/// The roles that each credential is to be turned into. One that is not in it is handed over as its key.
pub type Wanted = BTreeMap<Name, Vec<AccessRole>>;

/// Chooses the roles of credentials that are to be opened: all of each, or those with these profiles.
///
/// # Errors
/// [`Class::Usage`] where one has roles, and none of these profiles.
pub fn wanted_roles(
    vault: &OpenVault<'_>,
    credentials: &[Name],
    profiles: &[Name],
) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::new();
    for name in credentials {
        let known = vault.state().credentials.get(name);
        let Some(known) = known.filter(|known| !known.roles.is_empty()) else {
            continue;
        };
        let chosen = |role: &&AccessRole| profiles.is_empty() || profiles.contains(&role.profile);
        let roles: Vec<AccessRole> = known.roles.iter().filter(chosen).cloned().collect();
        if roles.is_empty() {
            return Err(no_such_role(name, &known.roles));
        }
        wanted.insert(name.clone(), roles);
    }
    let is_there = |profile: &&Name| {
        let mut roles = wanted.values().flatten();
        roles.any(|role| role.profile == **profile)
    };
    match profiles.iter().find(|profile| !is_there(profile)) {
        Some(stray) => Err(Failure::new(
            Class::Usage,
            "no-such-role",
            format!("none of these credentials has a role {stray}"),
            "nothing was opened",
        )
        .hint("breakglass credential show NAME")),
        None => Ok(wanted),
    }
}

fn no_such_role(name: &Name, roles: &[AccessRole]) -> Failure {
    let profiles: Vec<&str> = roles.iter().map(|role| role.profile.as_str()).collect();
    Failure::new(
        Class::Usage,
        "no-such-role",
        format!("the roles of {name} are {}", profiles.join(", ")),
        "nothing was opened",
    )
    .hint(format!("breakglass credential show {name}"))
}

/// Asks STS about one of the keys, before anybody is troubled: a key that cannot be turned into a session is not
/// opened for nothing. What STS says of it does not count here, only that it says something.
///
/// # Errors
/// [`Class::Cloud`] where it says nothing; that is recorded, and nothing was opened.
pub fn reach_sts(vault: &mut OpenVault<'_>, sts: &Sts<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let key = wanted.keys().find_map(|name| {
        let key = vault.state().credentials.get(name)?.current()?;
        Some(key.id.clone())
    });
    let Some(key) = key else {
        return Ok(());
    };
    match sts.proof.probe(&key) {
        Err(error) if is_silence(&error) => {
            let failure = silent(&error).state("nothing was opened");
            let failure = failure.hint("see to the network, then run the same command again");
            Err(unseal::refuse(vault, None, without_sts(failure)))
        }
        _ => Ok(()),
    }
}

fn is_silence(error: &CloudError) -> bool {
    matches!(
        error,
        CloudError::Unreachable { .. } | CloudError::Unclear { .. }
    )
}

fn silent(error: &CloudError) -> Failure {
    let what = format!("STS, which makes the sessions of roles, does not answer: {error}");
    Failure::new(Class::Cloud, "sts-unreachable", what, "")
}

fn without_sts(failure: Failure) -> Failure {
    failure
        .hint("another region's STS: AWS_REGION=eu-central-1, or whichever answers, before the command")
        .hint("to have the long-lived key itself, which can assume the roles later: the same with --without-role")
}

/// Turns the keys of the credentials that have roles into sessions. A role that cannot be assumed keeps nobody from
/// the others.
///
/// # Errors
/// [`Failure`] where nothing is left to hand over, or the ledger cannot be written. The keys were opened.
pub fn hand_over(
    vault: &mut OpenVault<'_>,
    sts: Option<&Sts<'_>>,
    wanted: &Wanted,
    unsealed: &mut Unsealed,
    operator: People<'_>,
) -> Result<Vec<Handed>, Failure> {
    let mut handed = Vec::with_capacity(unsealed.credentials.len());
    let mut failed = Vec::new();
    for released in std::mem::take(&mut unsealed.credentials) {
        let (Some(roles), Some(sts)) = (wanted.get(&released.definition.name), sts) else {
            handed.push(Handed::Key(released));
            continue;
        };
        let mut made = Making {
            vault,
            sts,
            unsealed,
            released: &released,
            failed: &mut failed,
        };
        let sessions = made.all(roles, operator)?;
        if !sessions.is_empty() {
            handed.push(Handed::Sessions(released.definition, sessions));
        }
    }
    match failed.into_iter().next() {
        Some(failure) if handed.is_empty() => Err(failure),
        _ => Ok(handed),
    }
}

/// The making of one credential's sessions.
struct Making<'m, 'w> {
    vault: &'m mut OpenVault<'w>,
    sts: &'m Sts<'m>,
    unsealed: &'m Unsealed,
    released: &'m Released,
    failed: &'m mut Vec<Failure>,
}

impl Making<'_, '_> {
    fn all(&mut self, roles: &[AccessRole], operator: People<'_>) -> Result<Vec<Session>, Failure> {
        let intent = Event::SessionsIntended {
            incident: self.unsealed.incident.clone(),
            credential: self.released.definition.name.clone(),
            roles: roles.iter().map(|role| role.arn.clone()).collect(),
            endpoint: self.sts.endpoint.clone(),
        };
        let now = self.vault.world.clock.now();
        self.vault.journal.record(now, intent)?;
        let mut sessions = Vec::with_capacity(roles.len());
        for role in roles {
            match self.one(role) {
                Ok(made) => {
                    operator.notice(Notice::Step(self.told(role, &made)));
                    let role = role.clone();
                    sessions.push(Session { role, made });
                }
                Err(error) => {
                    self.refused(role, &error, operator)?;
                    // The next one would wait as long for nothing.
                    if is_silence(&error) {
                        break;
                    }
                }
            }
        }
        Ok(sessions)
    }

    fn one(&self, role: &AccessRole) -> Result<RoleSession, CloudError> {
        let left = self.vault.world.clock.now().until(self.unsealed.expires);
        self.sts.sessions.assume(&SessionWish {
            key: &self.released.access_key,
            secret: &self.released.secret,
            role,
            name: &incident::session_name(&self.unsealed.incident),
            lasts: incident::session_length(left),
        })
    }

    /// What was made, and when the next is to be had where it ends before the lease does.
    fn told(&self, role: &AccessRole, made: &RoleSession) -> String {
        let (profile, arn, expires) = (&role.profile, &role.arn, made.expires);
        let first = format!("{profile}: a session of {arn} until {expires}");
        if expires >= self.unsealed.expires {
            return first;
        }
        format!(
            "{first}, before the lease ends; the next one: breakglass unseal {} --incident {} --role {profile} \
             --reason '…'",
            self.released.definition.name, self.unsealed.incident
        )
    }

    /// A refusal is recorded before it is told.
    fn refused(
        &mut self,
        role: &AccessRole,
        error: &CloudError,
        operator: People<'_>,
    ) -> Result<(), Failure> {
        let failure = self.failure(error);
        let event = Event::Refused {
            incident: Some(self.unsealed.incident.clone()),
            code: failure.code.to_owned(),
            what: failure.what.chars().take(300).collect(),
        };
        let now = self.vault.world.clock.now();
        self.vault.journal.record(now, event)?;
        let text = format!("{}: no session: {}", role.profile, failure.what);
        operator.notice(Notice::Warning(text));
        self.failed.push(failure);
        Ok(())
    }

    fn failure(&self, error: &CloudError) -> Failure {
        let incident = &self.unsealed.incident;
        let name = &self.released.definition.name;
        let failure = match error {
            silence if is_silence(silence) => silent(silence)
                .hint(format!("see to the network, then: breakglass unseal {name} --incident {incident} --reason '…'")),
            CloudError::Role { .. } => Failure::new(Class::Cloud, "role-not-assumed", error.to_string(), "")
                .hint(format!("is it the right role and external id? breakglass credential show {name}"))
                .hint("does its trust policy allow sts:AssumeRole and sts:SetSourceIdentity to this user, from this \
                       network, without an MFA code? docs/operations.md"),
            other => Failure::from(other.clone()),
        };
        without_sts(failure)
            .state(format!(
                "{name} was opened in incident {incident}, so its key counts as exposed; nothing of it was handed over"
            ))
            .hint(format!("breakglass close {incident}"))
    }
}

/// Records what is handed over, and how, before it is.
///
/// # Errors
/// [`Failure`]; it must not be handed over then.
pub fn delivered(
    vault: &mut OpenVault<'_>,
    incident: &Name,
    handed: &[Handed],
    how: &Delivery,
) -> Result<(), Failure> {
    let event = |credentials: Vec<Name>, sessions: Vec<DeliveredSession>| Event::Delivered {
        incident: incident.clone(),
        credentials,
        how: how.clone(),
        sessions,
    };
    let (keys, others): (Vec<&Handed>, Vec<&Handed>) =
        handed.iter().partition(|one| one.sessions().is_empty());
    let mut events = Vec::with_capacity(others.len() + 1);
    if !keys.is_empty() {
        let names = keys.iter().map(|one| one.definition().name.clone());
        events.push(event(names.collect(), Vec::new()));
    }
    // An entry has room for the sessions of one credential.
    events.extend(others.into_iter().map(|one| {
        let name = &one.definition().name;
        let sessions = one.sessions().iter();
        let sessions = sessions.map(|session| session_entry(name, session));
        event(vec![name.clone()], sessions.collect())
    }));
    for some in events.chunks(COMMIT_ENTRIES) {
        vault
            .journal
            .record_all(vault.world.clock.now(), some.to_vec())?;
    }
    vault.remember()
}

fn session_entry(credential: &Name, session: &Session) -> DeliveredSession {
    DeliveredSession {
        credential: credential.clone(),
        role: session.role.arn.clone(),
        key: session.made.key.clone(),
        expires: session.made.expires,
    }
}
