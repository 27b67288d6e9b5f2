//! A world in memory around the real deeds: a store whose every byte can be changed, tokens and people in
//! software, an IAM that counts what is asked of it, a station that remembers.

#![allow(dead_code)] // each subject uses a part of it

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use breakglass::model::{AccessKeyId, Failure, Name, Role, Timestamp};
use breakglass::ops::{
    self, Change, Cloud, Founder, Founding, Known, LedgerReport, NewCredential, OpenVault,
    RotateRequest, Station, Timing, UnsealRequest, World,
};
use breakglass::ports::{
    AccessKeyInfo, AccessKeys, CallerIdentity, Clock, CloudError, Declined, Forgetful, Held,
    IamUser, KeyProof, LastUse, Memory, NewAccessKey, Notice, Operator, PinRequest, ProbeAnswer,
    ProofAnswer, Remembered, Store, StoreError, StoreKey, Token, TokenError, TokenProvider,
};
use breakglass::secret::{AccessKeySecret, Pin};

use crate::soft::{self, SoftToken, System, name};

/// Every object of a store.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A store in memory.
#[derive(Default)]
pub struct Shelf {
    pub files: RefCell<Files>,
}

impl Shelf {
    pub fn get(&self, path: &str) -> Vec<u8> {
        let files = self.files.borrow();
        files
            .get(path)
            .unwrap_or_else(|| panic!("no {path}"))
            .clone()
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.files
            .borrow_mut()
            .insert(path.to_owned(), bytes.to_vec());
    }

    pub fn remove(&self, path: &str) {
        self.files.borrow_mut().remove(path);
    }

    /// The names that begin so.
    pub fn under(&self, beginning: &str) -> Vec<String> {
        let files = self.files.borrow();
        let names = files.keys().filter(|name| name.starts_with(beginning));
        names.cloned().collect()
    }
}

struct Unlocked;

impl Held for Unlocked {}

impl Store for Shelf {
    fn read(&self, key: &StoreKey, limit: usize) -> Result<Vec<u8>, StoreError> {
        match self.files.borrow().get(key.as_str()) {
            None => Err(StoreError::NotFound(key.to_string())),
            Some(bytes) if bytes.len() > limit => Err(StoreError::TooLarge(key.to_string(), limit)),
            Some(bytes) => Ok(bytes.clone()),
        }
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        if self.files.borrow().contains_key(key.as_str()) {
            return Err(StoreError::AlreadyExists(key.to_string()));
        }
        self.put(key.as_str(), bytes);
        Ok(())
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.put(key.as_str(), bytes);
        Ok(())
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let within = format!("{under}/");
        let names = self.under(&within);
        let direct = names.iter().filter(|n| !n[within.len()..].contains('/'));
        Ok(direct.map(|n| key(n)).collect())
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let within = format!("{under}/");
        let names = self.under(&within);
        let folders: BTreeSet<&str> = names
            .iter()
            .filter_map(|n| n[within.len()..].split_once('/'))
            .map(|(folder, _)| folder)
            .collect();
        let keys = folders.iter().map(|f| key(&format!("{within}{f}")));
        Ok(keys.collect())
    }

    fn lock(&self, _: &str) -> Result<Box<dyn Held>, StoreError> {
        Ok(Box::new(Unlocked))
    }

    fn discard(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.remove(key.as_str());
        Ok(())
    }

    fn place(&self) -> String {
        "memory".into()
    }
}

fn key(text: &str) -> StoreKey {
    StoreKey::new(text).expect("a name")
}

/// IAM and STS: what keys there are, and how often one was made or anything was asked.
#[derive(Default)]
pub struct Iam {
    keys: RefCell<BTreeMap<IamUser, Vec<AccessKeyInfo>>>,
    /// How many access keys were made.
    pub made: Cell<u64>,
    /// How many calls there were.
    pub calls: Cell<u64>,
}

const ACCOUNT: &str = "123456789012";

impl Iam {
    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    fn with<T>(&self, user: &IamUser, deed: impl FnOnce(&mut Vec<AccessKeyInfo>) -> T) -> T {
        self.called();
        deed(self.keys.borrow_mut().entry(user.clone()).or_default())
    }
}

fn identity(user: &str) -> CallerIdentity {
    CallerIdentity {
        account: ACCOUNT.parse().expect("an account"),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
    }
}

/// The secret that comes with an access key.
pub fn secret_of(id: &AccessKeyId) -> String {
    format!("{:s>40}", id.as_str())
}

impl AccessKeys for Iam {
    fn rotator(&self) -> Result<CallerIdentity, CloudError> {
        self.called();
        Ok(identity("rotator"))
    }

    fn list(&self, user: &IamUser) -> Result<Vec<AccessKeyInfo>, CloudError> {
        Ok(self.with(user, |keys| keys.clone()))
    }

    fn create(&self, user: &IamUser) -> Result<NewAccessKey, CloudError> {
        self.made.set(self.made.get() + 1);
        let id: AccessKeyId = format!("AKIA{:016}", self.made.get())
            .parse()
            .expect("an id");
        let info = AccessKeyInfo {
            id: id.clone(),
            active: true,
            created: None,
        };
        self.with(user, |keys| keys.push(info));
        let secret = AccessKeySecret::new(secret_of(&id).as_bytes()).expect("a secret");
        Ok(NewAccessKey { id, secret })
    }

    fn deactivate(&self, user: &IamUser, id: &AccessKeyId) -> Result<(), CloudError> {
        self.with(user, |keys| match keys.iter_mut().find(|k| k.id == *id) {
            Some(key) => {
                key.active = false;
                Ok(())
            }
            None => Err(CloudError::NotFound(id.to_string())),
        })
    }

    fn delete(&self, user: &IamUser, id: &AccessKeyId) -> Result<(), CloudError> {
        self.with(user, |keys| keys.retain(|key| key.id != *id));
        Ok(())
    }

    fn last_used(&self, _: &IamUser, _: &AccessKeyId) -> Result<Option<LastUse>, CloudError> {
        Ok(None)
    }

    fn deny_sessions(&self, _: &IamUser, _: Timestamp) -> Result<(), CloudError> {
        self.called();
        Ok(())
    }
}

impl KeyProof for Iam {
    fn identify(&self, id: &AccessKeyId, _: &AccessKeySecret) -> Result<ProofAnswer, CloudError> {
        self.called();
        let keys = self.keys.borrow();
        let owner = keys
            .iter()
            .find(|(_, keys)| keys.iter().any(|key| key.id == *id && key.active));
        Ok(owner.map_or(ProofAnswer::NotYet, |(user, _)| {
            ProofAnswer::Is(identity(user.name.as_str()))
        }))
    }

    fn probe(&self, id: &AccessKeyId) -> Result<ProbeAnswer, CloudError> {
        self.called();
        let keys = self.keys.borrow();
        let mut all = keys.values().flatten();
        Ok(match all.any(|key| key.id == *id && key.active) {
            true => ProbeAnswer::Accepted,
            false => ProbeAnswer::Refused,
        })
    }
}

/// The tokens that are plugged in, by label.
#[derive(Default)]
pub struct Drawer {
    present: RefCell<Vec<String>>,
}

impl TokenProvider for Drawer {
    fn list(&self) -> Result<Vec<breakglass::model::TokenIdentity>, TokenError> {
        Ok(Vec::new())
    }

    fn open(&self, locator: &str) -> Result<Box<dyn Token + '_>, TokenError> {
        let label = locator.trim_start_matches("pkcs11:token=");
        if self.present.borrow().iter().any(|here| here == label) {
            return Ok(Box::new(token(label)));
        }
        Err(TokenError::Absent {
            wanted: locator.to_owned(),
            present: Vec::new(),
        })
    }
}

/// The token of that label: `rita`'s only has RSA.
pub fn token(label: &str) -> SoftToken {
    match label {
        "rita" => SoftToken::rsa(label),
        _ => SoftToken::p256(label),
    }
}

/// The people: they type the PIN, take the first token there is, and insert none.
pub struct Crew;

impl Operator for Crew {
    fn notice(&mut self, _: Notice) {}

    fn pin(&mut self, _: &PinRequest<'_>) -> Result<Pin, Declined> {
        Ok(soft::pin())
    }

    fn choose(&mut self, _: &str, _: &[String]) -> Result<usize, Declined> {
        Ok(0)
    }

    fn confirm(&mut self, _: &str, _: &str) -> Result<(), Declined> {
        Err(Declined::Said)
    }
}

/// A vault and all that is around it.
pub struct Safe {
    pub shelf: Shelf,
    pub anchor: Cell<Option<Remembered>>,
    pub iam: Iam,
    pub drawer: Drawer,
    now: Cell<i64>,
    /// Whose software key the station has.
    pub station: RefCell<String>,
}

/// Everything that a trial may change, to put it back.
#[derive(Clone)]
pub struct Kept {
    pub files: Files,
    pub anchor: Option<Remembered>,
    keys: BTreeMap<IamUser, Vec<AccessKeyInfo>>,
    now: i64,
}

/// A person: the name, the role, the labels of their tokens.
pub type Member<'a> = (&'a str, Role, &'a [&'a str]);

impl Safe {
    /// Nothing yet, at the station with the software key of this name.
    pub fn empty(station: &str) -> Self {
        Self {
            shelf: Shelf::default(),
            anchor: Cell::default(),
            iam: Iam::default(),
            drawer: Drawer::default(),
            now: Cell::new(soft::NOW),
            station: RefCell::new(station.to_owned()),
        }
    }

    /// A vault of these people, at the rotator's station.
    pub fn found(vault: &str, people: &[Member<'_>], thresholds: [u8; 3]) -> Self {
        let safe = Self::empty("rotator");
        let [ic, bgo, so] = thresholds;
        let uri = |label: &&str| format!("pkcs11:token={label}");
        let founders = people.iter().map(|(who, role, labels)| Founder {
            name: name(who),
            role: *role,
            locators: labels.iter().map(uri).collect(),
        });
        let labels = people.iter().flat_map(|(_, _, labels)| labels.iter());
        *safe.drawer.present.borrow_mut() = labels.map(|l| (*l).to_owned()).collect();
        let founding = Founding {
            vault: name(vault),
            founders: founders.collect(),
            thresholds: breakglass::format::Thresholds { ic, bgo, so },
            compartments: vec![name("prod"), name("test")],
            policy: breakglass::format::Policy {
                allow_no_touch: true,
                rotate_days: 30,
                max_lease_minutes: 240,
                grace_minutes: 60,
                keep_proved_days: None,
                min_firmware: breakglass::model::Firmware(5, 7, 0),
                allow_pin_once: false,
                attestation_roots: Vec::new(),
            },
        };
        safe.in_world(|world| ops::found(world, &founding, &mut Crew))
            .expect("founded");
        safe
    }

    /// Which tokens are plugged in.
    pub fn plug(&self, labels: &[&str]) {
        *self.drawer.present.borrow_mut() = labels.iter().map(|l| (*l).to_owned()).collect();
    }

    /// Time passes.
    pub fn pass(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds);
    }

    pub fn keep(&self) -> Kept {
        Kept {
            files: self.shelf.files.borrow().clone(),
            anchor: self.anchor.get(),
            keys: self.iam.keys.borrow().clone(),
            now: self.now.get(),
        }
    }

    pub fn restore(&self, kept: &Kept) {
        self.shelf.files.borrow_mut().clone_from(&kept.files);
        self.anchor.set(kept.anchor);
        self.iam.keys.borrow_mut().clone_from(&kept.keys);
        self.now.set(kept.now);
    }

    pub fn in_world<T>(&self, deed: impl FnOnce(&World<'_>) -> T) -> T {
        let label = self.station.borrow().clone();
        let station = Station {
            name: name(&label),
            signer: soft::signer(&label),
            memory: self,
        };
        deed(&World {
            store: &self.shelf,
            tokens: &self.drawer,
            clock: self,
            entropy: &System,
            station: &station,
        })
    }

    /// Opens the vault's papers, as every command does first.
    pub fn open<T>(
        &self,
        deed: impl FnOnce(&mut OpenVault<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.in_world(|world| deed(&mut OpenVault::open(world)?))
    }

    pub fn cloud(&self) -> Cloud<'_> {
        Cloud {
            keys: &self.iam,
            proof: &self.iam,
            endpoint: None,
            timing: Timing {
                answers: 1,
                interval: Duration::from_secs(1),
                patience: Duration::from_secs(60),
                lag: Duration::ZERO,
            },
            known: Known::default(),
        }
    }

    pub fn add(&self, credential: &str, compartment: &str) {
        let new = NewCredential {
            name: name(credential),
            compartment: name(compartment),
            user: format!("{credential}-emergency").parse().expect("a user"),
            account: None,
            roles: Vec::new(),
        };
        self.open(|vault| ops::add_credential(vault, &self.cloud(), &new).map(drop))
            .expect("added");
    }

    /// `breakglass rotate`, of these compartments or all.
    pub fn rotate(&self, compartments: &[&str]) -> Result<(), Failure> {
        let request = RotateRequest {
            compartments: compartments.iter().map(|c| name(c)).collect(),
            ..RotateRequest::default()
        };
        self.open(|vault| {
            let rotated = ops::rotate(vault, &self.cloud(), &request, &mut Crew)?;
            rotated.failure().map_or(Ok(()), Err)
        })
    }

    /// `breakglass unseal`: what comes out, as the key and its secret.
    pub fn unseal(&self, credentials: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        self.open(|vault| unseal(vault, credentials))
    }

    /// `breakglass ledger verify`
    pub fn verify(&self) -> Result<LedgerReport, Failure> {
        self.in_world(ops::ledger_verify)
    }

    /// `breakglass ledger log`
    pub fn log(&self) -> Result<usize, Failure> {
        self.in_world(|world| Ok(ops::ledger_log(world, None)?.len()))
    }

    pub fn change(&self, change: &Change) -> Result<u64, Failure> {
        self.open(|vault| {
            let planned = ops::plan_change(vault, change, &mut Crew)?;
            ops::carry_out(vault, planned, &mut Crew)
        })
    }

    /// All that the vault says of itself: `status`, and what the ledger adds up to.
    pub fn told(&self) -> Result<String, Failure> {
        self.open(|vault| {
            let status = ops::status(vault);
            Ok(format!(
                "{status:?} {:?} {:?}",
                vault.state(),
                vault.journal.head()
            ))
        })
    }
}

/// The same on a vault that is open already.
pub fn unseal(
    vault: &mut OpenVault<'_>,
    credentials: &[&str],
) -> Result<Vec<(String, String)>, Failure> {
    let request = UnsealRequest {
        credentials: credentials.iter().map(|c| name(c)).collect(),
        reason: "single sign-on is down".parse().expect("a reason"),
        incident: None,
        lease: None,
    };
    let unsealed = ops::unseal(vault, &request, &mut Crew)?;
    let one = |one: &ops::Released| (one.access_key.to_string(), one.secret.expose().to_owned());
    Ok(unsealed.credentials.iter().map(one).collect())
}

impl Memory for Safe {
    fn recall(&self) -> Result<Option<Remembered>, Forgetful> {
        Ok(self.anchor.get())
    }

    fn remember(&self, seen: &Remembered) -> Result<(), Forgetful> {
        self.anchor.set(Some(*seen));
        Ok(())
    }
}

impl Clock for Safe {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.now.get())
    }

    fn pause(&self, span: Duration) {
        self.now
            .set(self.now.get() + i64::try_from(span.as_secs()).expect("short"));
    }
}

/// The names of credentials, as the deeds take them.
pub fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| name(text)).collect()
}
