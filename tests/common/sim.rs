//! A small world in memory, with a clock of its own: a vault that was really founded, an IAM whose lists
//! lag, and a fuse that ends everything at any point, so that the real deeds can be run, killed and run
//! again by the thousand.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use breakglass::crypto::SoftwareSigner;
use breakglass::model::{AccessKeyId, Failure, Timestamp};
use breakglass::ops::{Cloud, Known, OpenVault, RotateRequest, Station, Timing, World, rotate};
use breakglass::ports::{
    AccessKeyInfo, AccessKeys, CallerIdentity, Clock, CloudError, Declined, Forgetful, Held,
    IamUser, KeyProof, LastUse, Memory, NewAccessKey, Notice, Operator, PinRequest, ProbeAnswer,
    ProofAnswer, Remembered, Store, StoreError, StoreKey, Take,
};
use breakglass::secret::{AccessKeySecret, Pin, SigningSeed};
use breakglass::system::SystemEntropy;
use breakglass::token::pkcs11::Pkcs11Provider;

/// So long the deeds believe that IAM's lists may lag.
pub const LAG: u64 = 20;
/// The account of the tests.
const ACCOUNT: &str = "123456789012";

/// What happens to the reply of a CreateAccessKey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It comes.
    Good,
    /// It is lost, and nothing was done.
    LostBefore,
    /// It is lost, and the key was made.
    LostAfter,
}

/// What is wrong with the world during one run.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    /// The process dies at this moment: before or after its n-th deed outside itself.
    pub dies_at: Option<u32>,
    /// What becomes of the replies to CreateAccessKey, one after the other; then all come.
    pub replies: Vec<Reply>,
}

/// How slow IAM is, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slow {
    /// Until a new key is listed.
    pub listed: u64,
    /// Until a deleted key is no longer listed.
    pub forgotten: u64,
    /// Until a new key can be used.
    pub known: u64,
}

#[derive(Debug, Clone)]
struct Key {
    user: String,
    id: AccessKeyId,
    active: bool,
    created: f64,
    deleted: Option<f64>,
}

/// So many keys are made before the first answer arrives.
const AT_ONCE: usize = 3;

/// The world. Its users are those of the credentials, by the same names.
pub struct Sim {
    now: Cell<f64>,
    alive: Cell<bool>,
    left: Cell<Option<u32>>,
    replies: RefCell<Vec<Reply>>,
    slow: Slow,
    keys: RefCell<Vec<Key>>,
    made: Cell<u32>,
    foreign: RefCell<BTreeSet<AccessKeyId>>,
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    stations: Vec<Vec<u8>>,
    anchors: RefCell<Vec<Remembered>>,
    /// Which station is running.
    at: Cell<usize>,
    /// How far its clock is ahead of the world's.
    ahead: Cell<f64>,
    rival: RefCell<Option<Rival>>,
    /// What the rival had under way when it was last seen.
    under_way: RefCell<Option<Vec<AccessKeyId>>>,
}

/// Another rotator that comes in the midst of a run, does all of its own, or dies in it.
#[derive(Debug, Clone)]
pub struct Rival {
    /// Before this moment of the run that it meets.
    pub at: u32,
    /// What happens to it.
    pub trouble: Trouble,
    /// How far its clock is ahead, in seconds.
    pub ahead: f64,
    /// Whether it takes over what the other has begun.
    pub take_over: bool,
}

/// A founded vault with one credential, to begin many worlds from.
#[derive(Clone)]
pub struct Founded {
    files: BTreeMap<String, Vec<u8>>,
    seeds: Vec<Vec<u8>>,
    anchors: Vec<Remembered>,
}

impl Founded {
    /// Reads the folders of a vault and of its stations.
    pub fn read(vault: &Path, stations: &[&Path]) -> Self {
        let mut files = BTreeMap::new();
        gather(vault, "", &mut files);
        let seed = |station: &&Path| fs::read(station.join("station.key")).expect("a key");
        let anchor = |station: &&Path| {
            let folder = breakglass::store::StationFolder::new(station.to_path_buf());
            folder.recall().expect("readable").expect("an anchor")
        };
        Self {
            files,
            seeds: stations.iter().map(seed).collect(),
            anchors: stations.iter().map(anchor).collect(),
        }
    }
}

fn gather(folder: &Path, under: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        let path = format!("{under}{name}");
        if entry.file_type().expect("a type").is_dir() {
            gather(&entry.path(), &format!("{path}/"), files);
        } else if !name.starts_with('.') {
            files.insert(path, fs::read(entry.path()).expect("a file"));
        }
    }
}

impl Sim {
    /// A world in which nothing has happened since the founding.
    pub fn new(founded: &Founded, slow: Slow) -> Self {
        Self {
            now: Cell::new(2_000_000_000.0),
            alive: Cell::new(true),
            left: Cell::new(None),
            replies: RefCell::default(),
            slow,
            keys: RefCell::default(),
            made: Cell::new(0),
            foreign: RefCell::default(),
            files: RefCell::new(founded.files.clone()),
            stations: founded.seeds.clone(),
            anchors: RefCell::new(founded.anchors.clone()),
            at: Cell::new(0),
            ahead: Cell::new(0.0),
            rival: RefCell::default(),
            under_way: RefCell::default(),
        }
    }

    /// Time passes.
    pub fn pass(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds as f64);
    }

    /// One run of `rotate`, with this trouble, into which another station's comes.
    pub fn rotate_against(&self, trouble: &Trouble, rival: Rival) -> Result<(), Failure> {
        *self.rival.borrow_mut() = Some(rival);
        let done = self.rotate(trouble);
        *self.rival.borrow_mut() = None;
        done
    }

    /// The other station's run: all that the one that was interrupted knows stays as it is.
    fn interrupt(&self, rival: &Rival) {
        let interrupted = (self.left.get(), self.replies.take());
        self.at.set(1);
        self.ahead.set(rival.ahead);
        let made = self.made.get();
        let _ = self.run(&rival.trouble, rival.take_over);
        if self.is_at_it() {
            let keys = self.keys.borrow();
            let new = keys.iter().skip(made as usize).map(|key| key.id.clone());
            self.under_way.replace(Some(new.collect()));
        }
        self.at.set(0);
        self.ahead.set(0.0);
        self.left.set(interrupted.0);
        self.replies.replace(interrupted.1);
    }

    /// One run of `rotate` that leaves alone what another has begun, and into which another station's comes. Returns
    /// the keys that the other had made and not put in force when it was last seen, if it had begun.
    pub fn rotate_beside(&self, rival: Rival) -> (Result<(), Failure>, Option<Vec<AccessKeyId>>) {
        self.under_way.replace(None);
        *self.rival.borrow_mut() = Some(rival);
        let done = self.run(&Trouble::default(), false);
        *self.rival.borrow_mut() = None;
        (done, self.under_way.take())
    }

    /// Whether the station that is running has begun a rotation and not ended it.
    fn is_at_it(&self) -> bool {
        let kept = (self.files.borrow().clone(), self.anchors.borrow().clone());
        let now = self.now.get();
        let unfinished = self.in_vault(|vault| {
            let own = vault.world.station.signer.key_id();
            let mut compartments = vault.state().compartments.values();
            Ok(compartments.any(|known| {
                let is_own = known.claim.is_some_and(|claim| claim.rotator == own);
                is_own && known.unfinished.is_some()
            }))
        });
        *self.files.borrow_mut() = kept.0;
        *self.anchors.borrow_mut() = kept.1;
        self.now.set(now);
        unfinished.expect("the vault is good")
    }

    /// One run of `rotate`, with this trouble. What another rotator has begun is taken over.
    pub fn rotate(&self, trouble: &Trouble) -> Result<(), Failure> {
        self.run(trouble, true)
    }

    fn run(&self, trouble: &Trouble, take_over: bool) -> Result<(), Failure> {
        self.alive.set(true);
        self.left.set(trouble.dies_at);
        *self.replies.borrow_mut() = trouble.replies.iter().rev().copied().collect();
        let done = self.in_vault(|vault| {
            let cloud = Cloud {
                keys: self,
                proof: self,
                endpoint: None,
                timing: Timing {
                    answers: 2,
                    interval: Duration::from_secs(1),
                    patience: Duration::from_secs(60),
                    lag: Duration::from_secs(LAG),
                },
                known: Known::default(),
            };
            let request = RotateRequest {
                take_over,
                ..RotateRequest::default()
            };
            let rotated = rotate(vault, &cloud, &request, &mut Nobody)?;
            rotated.failure().map_or(Ok(()), Err)
        });
        self.alive.set(true);
        self.left.set(None);
        done
    }

    /// What an opening would give now, if anything, of each user.
    pub fn current(&self) -> BTreeMap<String, Option<AccessKeyId>> {
        let kept = (self.files.borrow().clone(), self.anchors.borrow().clone());
        let current = self.in_vault(|vault| {
            let credentials = vault.state().credentials.iter();
            let current = credentials.map(|(name, credential)| {
                let current = credential.current().map(|key| key.id.clone());
                (name.to_string(), current)
            });
            Ok(current.collect())
        });
        *self.files.borrow_mut() = kept.0;
        *self.anchors.borrow_mut() = kept.1;
        current.expect("the vault is good")
    }

    fn in_vault<T>(
        &self,
        deed: impl FnOnce(&mut OpenVault<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let seed = SigningSeed::filled(|out| out.copy_from_slice(&self.stations[self.at.get()]));
        let station = Station {
            name: "station".parse().expect("a name"),
            signer: SoftwareSigner::new(seed),
            memory: self,
        };
        let tokens = Pkcs11Provider::new(vec![]);
        let world = World {
            store: self,
            tokens: &tokens,
            clock: self,
            entropy: &SystemEntropy,
            station: &station,
        };
        let mut vault = OpenVault::open(&world)?;
        deed(&mut vault)
    }

    /// What the ledger says of the credentials' keys, for people.
    pub fn told(&self) -> String {
        let told = self.in_vault(|vault| {
            let credentials = vault.state().credentials.values();
            let told = credentials.map(|known| format!("{:#?} {:#?}", known.keys, known.intents));
            Ok(told.collect())
        });
        told.unwrap_or_else(|failure| failure.to_string())
    }

    /// All keys as they are: id, and whether it is active.
    pub fn keys(&self) -> Vec<(AccessKeyId, bool)> {
        let keys = self.keys.borrow();
        let there = keys.iter().filter(|key| key.deleted.is_none());
        there.map(|key| (key.id.clone(), key.active)).collect()
    }

    /// The same of one user.
    pub fn keys_of(&self, user: &str) -> Vec<(AccessKeyId, bool)> {
        let keys = self.keys.borrow();
        let there = keys
            .iter()
            .filter(|key| key.deleted.is_none() && key.user == user);
        there.map(|key| (key.id.clone(), key.active)).collect()
    }

    /// Somebody else makes a key of that user, if there is room.
    pub fn make_foreign(&self, user: &str) {
        if let Ok(id) = self.make(user) {
            self.foreign.borrow_mut().insert(id);
        }
    }

    /// Somebody else's keys that there are.
    pub fn foreign(&self) -> Vec<AccessKeyId> {
        let foreign = self.foreign.borrow();
        let keys = self.keys().into_iter().map(|(id, _)| id);
        keys.filter(|id| foreign.contains(id)).collect()
    }

    /// How many keys somebody else has made.
    pub fn foreign_made(&self) -> usize {
        self.foreign.borrow().len()
    }

    /// Whoever made them takes all foreign keys away.
    pub fn remove_foreign(&self) {
        for id in self.foreign() {
            self.foreign.borrow_mut().remove(&id);
            self.change(&id, |key, now| key.deleted = Some(now));
        }
    }

    /// Somebody deletes (or else deactivates) a key behind our back.
    pub fn meddle(&self, id: &AccessKeyId, delete: bool) {
        self.change(id, |key, now| {
            if delete {
                key.deleted = Some(now);
            } else {
                key.active = false;
            }
        });
    }

    fn make(&self, user: &str) -> Result<AccessKeyId, CloudError> {
        if self.keys_of(user).len() >= 2 {
            return Err(CloudError::LimitExceeded("the user".into()));
        }
        self.made.set(self.made.get() + 1);
        let id: AccessKeyId = format!("AKIASIM{:013}", self.made.get())
            .parse()
            .expect("an id");
        self.keys.borrow_mut().push(Key {
            user: user.to_owned(),
            id: id.clone(),
            active: true,
            created: self.now.get(),
            deleted: None,
        });
        Ok(id)
    }

    fn change(&self, id: &AccessKeyId, change: impl FnOnce(&mut Key, f64)) -> bool {
        let now = self.now.get();
        let mut keys = self.keys.borrow_mut();
        let mut there = keys.iter_mut().filter(|key| key.deleted.is_none());
        match there.find(|key| key.id == *id) {
            Some(key) => {
                change(key, now);
                true
            }
            None => false,
        }
    }

    /// A moment at which the process may die. Everything outside takes a little time.
    fn moment(&self) -> bool {
        let rival = self.rival.take();
        match rival {
            Some(rival) if rival.at == 0 => self.interrupt(&rival),
            Some(rival) => {
                let at = rival.at - 1;
                *self.rival.borrow_mut() = Some(Rival { at, ..rival });
            }
            None => {}
        }
        self.now.set(self.now.get() + 0.01);
        match self.left.get() {
            Some(0) => self.alive.set(false),
            Some(left) => self.left.set(Some(left - 1)),
            None => {}
        }
        self.alive.get()
    }

    /// A deed outside the process: it may die before, and it may die after.
    fn outside<T, E>(&self, dead: E, deed: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        E: Clone,
    {
        if !self.moment() {
            return Err(dead);
        }
        let done = deed();
        if self.moment() { done } else { Err(dead) }
    }

    fn ask<T>(&self, deed: impl FnOnce() -> Result<T, CloudError>) -> Result<T, CloudError> {
        let dead = CloudError::Unreachable {
            action: "anything".into(),
            reason: "dead".into(),
        };
        // AWS takes no request whose time is further off than a quarter of an hour.
        if self.ahead.get().abs() > 900.0 {
            let refused = CloudError::Refused {
                action: "anything".into(),
                code: "SignatureDoesNotMatch".into(),
                message: "Signature expired".into(),
            };
            return self.outside(dead, || Err(refused));
        }
        self.outside(dead, deed)
    }
}

fn missing(id: &AccessKeyId) -> CloudError {
    CloudError::NotFound(id.to_string())
}

impl AccessKeys for Sim {
    fn rotator(&self) -> Result<CallerIdentity, CloudError> {
        self.ask(|| Ok(identity("rotator")))
    }

    fn list(&self, user: &IamUser) -> Result<Vec<AccessKeyInfo>, CloudError> {
        self.ask(|| {
            let now = self.now.get();
            let keys = self.keys.borrow();
            let is_listed = |key: &&Key| {
                key.user == user.name.as_str()
                    && key.created + self.slow.listed as f64 <= now
                    && key
                        .deleted
                        .is_none_or(|deleted| now < deleted + self.slow.forgotten as f64)
            };
            let listed = keys.iter().filter(is_listed);
            Ok(listed
                .map(|key| AccessKeyInfo {
                    id: key.id.clone(),
                    active: key.active,
                    created: Some(Timestamp::from_unix(key.created as i64)),
                })
                .collect())
        })
    }

    fn create(&self, user: &IamUser) -> Result<NewAccessKey, CloudError> {
        let reply = self.replies.borrow_mut().pop().unwrap_or(Reply::Good);
        let lost = Err(CloudError::Unclear {
            action: "iam:CreateAccessKey".into(),
            reason: "lost".into(),
        });
        self.ask(|| {
            if reply == Reply::LostBefore {
                return lost;
            }
            let id = self.make(user.name.as_str())?;
            if reply == Reply::LostAfter {
                return lost;
            }
            let secret = AccessKeySecret::new(format!("{:0>40}", id.as_str()).as_bytes());
            let secret = secret.expect("a secret");
            Ok(NewAccessKey { id, secret })
        })
    }

    fn deactivate(&self, _: &IamUser, id: &AccessKeyId) -> Result<(), CloudError> {
        self.ask(|| match self.change(id, |key, _| key.active = false) {
            true => Ok(()),
            false => Err(missing(id)),
        })
    }

    fn delete(&self, _: &IamUser, id: &AccessKeyId) -> Result<(), CloudError> {
        self.ask(
            || match self.change(id, |key, now| key.deleted = Some(now)) {
                true => Ok(()),
                false => Err(missing(id)),
            },
        )
    }

    /// As several calls under way at once: the last answer arrives first.
    fn create_each(&self, users: &[IamUser], take: Take<'_, NewAccessKey>) {
        let mut stopped = false;
        for (nth, chunk) in users.chunks(AT_ONCE).enumerate() {
            if stopped {
                return;
            }
            let answers: Vec<_> = chunk
                .iter()
                .map(|user| AccessKeys::create(self, user))
                .collect();
            for (at, answer) in answers.into_iter().enumerate().rev() {
                stopped |= take(nth * AT_ONCE + at, answer).is_break();
            }
        }
    }

    fn last_used(&self, _: &IamUser, _: &AccessKeyId) -> Result<Option<LastUse>, CloudError> {
        Ok(None)
    }

    fn deny_sessions(&self, _: &IamUser, _: Timestamp) -> Result<(), CloudError> {
        self.ask(|| Ok(()))
    }
}

impl KeyProof for Sim {
    fn identify(&self, id: &AccessKeyId, _: &AccessKeySecret) -> Result<ProofAnswer, CloudError> {
        self.ask(|| {
            let now = self.now.get();
            let keys = self.keys.borrow();
            let known = keys.iter().find(|key| {
                key.id == *id
                    && key.active
                    && key.deleted.is_none()
                    && key.created + self.slow.known as f64 <= now
            });
            Ok(match known {
                Some(key) => ProofAnswer::Is(identity(&key.user)),
                None => ProofAnswer::NotYet,
            })
        })
    }

    fn probe(&self, id: &AccessKeyId) -> Result<ProbeAnswer, CloudError> {
        self.ask(|| match self.keys().contains(&(id.clone(), true)) {
            true => Ok(ProbeAnswer::Accepted),
            false => Ok(ProbeAnswer::Refused),
        })
    }
}

fn identity(user: &str) -> CallerIdentity {
    CallerIdentity {
        account: ACCOUNT.parse().expect("an account"),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
    }
}

impl Clock for Sim {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix((self.now.get() + self.ahead.get()) as i64)
    }

    fn pause(&self, span: Duration) {
        self.now.set(self.now.get() + span.as_secs_f64());
    }
}

impl Memory for Sim {
    fn recall(&self) -> Result<Option<Remembered>, Forgetful> {
        Ok(Some(self.anchors.borrow()[self.at.get()]))
    }

    fn remember(&self, seen: &Remembered) -> Result<(), Forgetful> {
        self.outside(Forgetful::Unusable("dead".into()), || {
            self.anchors.borrow_mut()[self.at.get()] = *seen;
            Ok(())
        })
    }
}

struct Unlocked;

impl Held for Unlocked {}

impl Store for Sim {
    fn read(&self, key: &StoreKey, _: usize) -> Result<Vec<u8>, StoreError> {
        let files = self.files.borrow();
        let found = files.get(key.as_str()).cloned();
        found.ok_or_else(|| StoreError::NotFound(key.to_string()))
    }

    fn create(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let dead = StoreError::Unwritable(key.to_string(), "dead".into());
        self.outside(dead, || {
            let mut files = self.files.borrow_mut();
            if files.contains_key(key.as_str()) {
                return Err(StoreError::AlreadyExists(key.to_string()));
            }
            files.insert(key.to_string(), bytes.to_vec());
            Ok(())
        })
    }

    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let dead = StoreError::Unwritable(key.to_string(), "dead".into());
        self.outside(dead, || {
            let mut files = self.files.borrow_mut();
            files.insert(key.to_string(), bytes.to_vec());
            Ok(())
        })
    }

    fn list(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let files = self.files.borrow();
        let within = format!("{under}/");
        let names = files.keys().filter(|name| {
            name.strip_prefix(&within)
                .is_some_and(|rest| !rest.contains('/'))
        });
        Ok(names
            .map(|name| StoreKey::new(name.clone()).expect("a name"))
            .collect())
    }

    fn folders(&self, under: &StoreKey) -> Result<Vec<StoreKey>, StoreError> {
        let files = self.files.borrow();
        let within = format!("{under}/");
        let folders: BTreeSet<&str> = files
            .keys()
            .filter_map(|name| name.strip_prefix(&within)?.split_once('/'))
            .map(|(folder, _)| folder)
            .collect();
        Ok(folders
            .into_iter()
            .map(|folder| StoreKey::new(format!("{within}{folder}")).expect("a name"))
            .collect())
    }

    fn lock(&self, _: &str) -> Result<Box<dyn Held>, StoreError> {
        Ok(Box::new(Unlocked))
    }

    fn place(&self) -> String {
        "memory".into()
    }
}

/// There are no people here.
struct Nobody;

impl Operator for Nobody {
    fn notice(&mut self, _: Notice) {}

    fn pin(&mut self, _: &PinRequest<'_>) -> Result<Pin, Declined> {
        Err(Declined::NoTerminal)
    }

    fn choose(&mut self, _: &str, _: &[String]) -> Result<usize, Declined> {
        Err(Declined::NoTerminal)
    }

    fn confirm(&mut self, _: &str, _: &str) -> Result<(), Declined> {
        Err(Declined::NoTerminal)
    }
}
