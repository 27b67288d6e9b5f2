//! What IAM has said of each user in this run, and what the run did there since. As long as the ledger tells
//! of nobody else's deed on a user, IAM need not be asked again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::open_vault::OpenVault;
use super::world::Cloud;
use crate::ledger::{CredentialState, Event};
use crate::model::{Failure, Name, Timestamp};
use crate::ports::AccessKeyInfo;

/// What was listed longer ago is listed again before a key is made: what came between the list and the intent,
/// and was not us, could be taken for ours where the answer to it is lost. Old keys of ours that go need no such
/// care.
const LASTS: Duration = Duration::from_secs(300);

/// The access keys of users, as far as this run knows them.
#[derive(Default)]
pub struct Known(RefCell<BTreeMap<Name, User>>);

struct User {
    keys: Vec<AccessKeyInfo>,
    /// What the ledger said when that was so.
    ledger: CredentialState,
    listed: Timestamp,
}

impl Known {
    /// The user's keys and when IAM listed them, if they are known and the ledger tells of nothing since. What
    /// IAM's lists may not show yet is to be judged by that time.
    pub(super) fn keys_of(
        &self,
        credential: &CredentialState,
    ) -> Option<(Vec<AccessKeyInfo>, Timestamp)> {
        let users = self.0.borrow();
        let user = users.get(&credential.definition.name)?;
        is_same(&user.ledger, credential).then(|| (user.keys.clone(), user.listed))
    }

    /// Keys are about to be made: what was listed too long ago is to be listed again.
    pub(super) fn freshen(&self, now: Timestamp) {
        let fresh = |user: &User| now <= user.listed.plus(LASTS) && user.listed <= now;
        self.0.borrow_mut().retain(|_, user| fresh(user));
    }

    /// IAM has listed these, asked at that time or later.
    pub(super) fn learn(
        &self,
        credential: &CredentialState,
        keys: Vec<AccessKeyInfo>,
        now: Timestamp,
    ) {
        let user = User {
            keys,
            ledger: credential.clone(),
            listed: now,
        };
        let name = credential.definition.name.clone();
        self.0.borrow_mut().insert(name, user);
    }

    /// Something is unclear: IAM is to be asked again.
    pub(super) fn forget(&self, name: &Name) {
        self.0.borrow_mut().remove(name);
    }

    /// This run has changed the user's keys.
    pub(super) fn change(&self, name: &Name, change: impl FnOnce(&mut Vec<AccessKeyInfo>)) {
        if let Some(user) = self.0.borrow_mut().get_mut(name) {
            change(&mut user.keys);
        }
    }

    fn is_current(&self, credential: &CredentialState) -> bool {
        let users = self.0.borrow();
        let user = users.get(&credential.definition.name);
        user.is_some_and(|user| is_same(&user.ledger, credential))
    }

    fn keep(&self, credential: &CredentialState) {
        let mut users = self.0.borrow_mut();
        if let Some(user) = users.get_mut(&credential.definition.name) {
            user.ledger = credential.clone();
        }
    }
}

/// Whether two states tell of the same keys. A failure that was recorded changes none.
fn is_same(one: &CredentialState, other: &CredentialState) -> bool {
    one.keys == other.keys && one.intents == other.intents && one.orphans == other.orphans
}

/// Records what this run does or did to these credentials, all or nothing. What is known of them stays known,
/// unless somebody else has written in between.
pub(super) fn record_own(
    vault: &mut OpenVault<'_>,
    cloud: &Cloud<'_>,
    names: &[Name],
    events: Vec<Event>,
) -> Result<(), Failure> {
    let keeping = Keeping::begin(vault, cloud, names, events.len());
    vault.journal.record_all(vault.world.clock.now(), events)?;
    keeping.end(vault, cloud);
    Ok(())
}

/// What is known across an append of ours.
pub(super) struct Keeping {
    names: Vec<Name>,
    size: u64,
}

impl Keeping {
    /// Before so many entries about these credentials are appended.
    pub(super) fn begin(
        vault: &OpenVault<'_>,
        cloud: &Cloud<'_>,
        names: &[Name],
        entries: usize,
    ) -> Self {
        let credentials = &vault.state().credentials;
        let current = |name: &&Name| {
            let credential = credentials.get(*name);
            credential.is_some_and(|credential| cloud.known.is_current(credential))
        };
        Self {
            names: names.iter().filter(current).cloned().collect(),
            size: vault.journal.head().size + entries as u64,
        }
    }

    /// After that.
    pub(super) fn end(self, vault: &OpenVault<'_>, cloud: &Cloud<'_>) {
        if vault.journal.head().size != self.size {
            return;
        }
        for name in &self.names {
            if let Some(credential) = vault.state().credentials.get(name) {
                cloud.known.keep(credential);
            }
        }
    }
}
