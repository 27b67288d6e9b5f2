//! A bench for crashes: one vault, one station and one AWS that are put back to the same state before every
//! point of a sweep, and the looks at them from outside: by AWS's own window, by commands that are run on
//! a copy, and by openings with both tokens.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::aws::Proxy;
use crate::scene::{self, Scene, Seen, binary};
use crate::strace;

/// The users of every bench; their credentials have the same names.
pub const USERS: &[&str] = &["deploy", "db"];

/// So often the plain command may have to be run again until all is well.
const TRIES: usize = 4;

/// What is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The first sealing.
    First,
    /// A rotation of sealed keys.
    Later,
    /// Closing an incident in which a key was opened.
    Close,
    /// A scheduled run that finds such an incident past its lease.
    Reap,
}

/// A scene before a deed, and the way back to it.
pub struct Bench {
    pub scene: Scene,
    pub proxy: Proxy,
    pub deed: Deed,
    users: &'static [&'static str],
    /// The command that does the deed, and the one that resumes it.
    pub command: Vec<String>,
    /// The keys that were sealed and active before.
    sealed: BTreeMap<String, String>,
    /// The key that the incident has open.
    exposed: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code; where it was to be killed, that point is beyond its end.
    With(i32),
    /// It was killed.
    Killed,
}

impl Bench {
    /// Sets the scene. `credentials` of [`USERS`] are looked after.
    pub fn new(deed: Deed, credentials: usize) -> Self {
        let users = &USERS[..credentials];
        let mut scene = match deed {
            Deed::First => Scene::founded(users),
            Deed::Later | Deed::Close | Deed::Reap => Scene::sealed(users),
        };
        if deed == Deed::First {
            scene.add(users);
        }
        let mut command = vec!["rotate".to_owned()];
        if deed == Deed::Close {
            scene.unseal(&users[..1], &["true"]).ended(0);
            command = vec!["close".to_owned(), scene.open_incidents()[0].clone()];
        }
        if deed == Deed::Reap {
            scene.unseal_past_the_lease(users[0]).ended(143);
            command.push("--due".to_owned());
        }
        let proxy = Proxy::start(scene.server());
        let to_proxy = ("AWS_ENDPOINT_URL".into(), proxy.endpoint().into());
        scene.variables.push(to_proxy);
        scene.server().save("before");
        copy(&scene.vault(), &scene.path("before/vault"));
        copy(scene.station(), &scene.path("before/station"));
        let sealed: BTreeMap<String, String> = users
            .iter()
            .filter_map(|user| Some(((*user).to_owned(), scene.keys_of(user).first()?.0.clone())))
            .collect();
        let opened = matches!(deed, Deed::Close | Deed::Reap);
        let exposed = opened.then(|| sealed[users[0]].clone());
        Self {
            scene,
            proxy,
            deed,
            users,
            command,
            sealed,
            exposed,
        }
    }

    /// Puts everything back.
    pub fn reset(&self) {
        self.proxy.reset();
        self.scene.server().restore("before");
        for (from, to) in [
            (self.scene.path("before/vault"), self.scene.vault()),
            (
                self.scene.path("before/station"),
                self.scene.station().to_owned(),
            ),
        ] {
            fs::remove_dir_all(&to).expect("the folder is ours");
            copy(&from, &to);
        }
    }

    /// The deed, by no terminal and, where `under` names one, by another command such as strace.
    fn deed_under(&self, under: &[&str]) -> Command {
        let words: Vec<&str> = under.iter().copied().chain([binary()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(&self.command);
        command.env_clear().envs(self.scene.environment());
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs the deed and kills it at the `nth` (from 1) exchange with AWS from now on: before the request
    /// goes on, or after AWS has acted and before its reply comes.
    pub fn kill_at_exchange(&self, nth: u32, acted: bool) -> Ended {
        self.proxy.reset();
        let fault = if acted { "hang" } else { "hang-before" };
        self.proxy.arm("*", fault, nth, 1);
        let mut child = self.deed_under(&[]).spawn().expect("the binary runs");
        loop {
            if let Some(status) = child.try_wait().expect("the child is ours") {
                // What was ordered and never came to pass must not befall the resume.
                self.proxy.reset();
                return ended(status);
            }
            if self.proxy.held() > 0 {
                child.kill().expect("the child is ours");
                child.wait().expect("the child is ours");
                self.proxy.reset();
                return Ended::Killed;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs the deed with this done to the replies that AWS gives from the `nth` on, `times` in a row. The
    /// number is how many were harmed.
    pub fn harm_replies(&self, action: &str, fault: &str, nth: u32, times: u32) -> (Ended, usize) {
        self.proxy.reset();
        self.proxy.arm(action, fault, nth, times);
        let done = self.deed_under(&[]).status().expect("the binary runs");
        let harmed = self.proxy.harmed();
        self.proxy.reset();
        (ended(done), harmed)
    }

    /// Runs the deed under strace with an injection such as `linkat:signal=KILL:when=3`.
    pub fn inject(&self, call: &str, what: &str) -> Ended {
        let under = strace::injecting(call, what);
        let under: Vec<&str> = under.iter().map(String::as_str).collect();
        let done = self.deed_under(&under).status();
        ended(done.expect("strace is installed"))
    }

    /// The calls by which the deed changes the vault or the station ([`strace::operations`]).
    pub fn file_operations(&self) -> Vec<(String, usize)> {
        let log = self.scene.path("strace.log");
        let under = strace::logging(&log);
        let under: Vec<&str> = under.iter().map(String::as_str).collect();
        let done = self.deed_under(&under).status();
        assert_eq!(ended(done.expect("strace is installed")), Ended::With(0));
        strace::operations(&log, &[&self.scene.vault(), self.scene.station()])
    }

    /// Runs the deed unharmed until it ends well; says how many times that took.
    pub fn resume(&self) -> Result<usize, String> {
        let mut seen = None;
        for tries in 1..=TRIES {
            let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
            let done = self.scene.run(&words);
            if done.code == 0 {
                return Ok(tries);
            }
            seen = Some(done);
        }
        let seen = seen.map(|seen: Seen| seen.to_string()).unwrap_or_default();
        Err(format!("not resumed after {TRIES} tries: {seen}"))
    }

    /// What must hold at every moment, a crash or not: looked at without changing anything.
    pub fn check_at_rest(&self) -> Result<(), String> {
        let status = self.look(&["status", "--json"], &[0, 10])?;
        let document: Value = serde_json::from_str(&status.text).map_err(|e| e.to_string())?;
        let live = document["incidents"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        for user in self.users {
            let keys = self.scene.keys_of(user);
            if keys.len() > 2 {
                return Err(format!("{user} has {} keys", keys.len()));
            }
            let current = current(&document, user);
            if let Some((key, generation)) = &current {
                if !keys.contains(&(key.clone(), true)) {
                    return Err(format!(
                        "{user}: {key} would be opened, and AWS has {keys:?}"
                    ));
                }
                self.record_is_there(user, *generation)?;
            }
            let was_sealed = self.sealed.contains_key(*user);
            let exposed = self.sealed.get(*user) == self.exposed.as_ref() && self.exposed.is_some();
            if was_sealed && !exposed && current.is_none() {
                return Err(format!(
                    "{user} has no sealed active key any more: {keys:?}"
                ));
            }
            if exposed && !live {
                let old = self.exposed.clone().unwrap_or_default();
                if keys.contains(&(old.clone(), true)) {
                    return Err(format!("reported closed, and {old} lives"));
                }
                if current.is_none_or(|(key, _)| key == old) {
                    return Err(format!("closed, and {user} has no fresh key"));
                }
            }
        }
        if live && status.code != 10 {
            return Err("an incident is open, and status is content".into());
        }
        Ok(())
    }

    /// What must hold after a resume.
    pub fn check_settled(&self) -> Result<(), String> {
        self.check_at_rest()?;
        let status = self.look(&["status", "--json"], &[0])?;
        let document: Value = serde_json::from_str(&status.text).map_err(|e| e.to_string())?;
        for user in self.users {
            let keys = self.scene.keys_of(user);
            let Some((key, _)) = current(&document, user) else {
                return Err(format!("{user} has nothing to open; AWS has {keys:?}"));
            };
            if keys != [(key.clone(), true)] {
                return Err(format!(
                    "{user}: {key} is to be opened, and AWS has {keys:?}"
                ));
            }
            let old = self.sealed.get(*user).is_some_and(|old| *old == key);
            if old && (self.deed == Deed::Later || self.exposed.as_ref() == Some(&key)) {
                return Err(format!("{user} still has its old key {key}"));
            }
            self.check_history(user, &key)?;
        }
        let verified = self.look(&["ledger", "verify", "--json"], &[0])?;
        let verified: Value = serde_json::from_str(&verified.text).map_err(|e| e.to_string())?;
        if verified["intact"] != true || verified["complete"] != true {
            return Err(format!("the ledger: {verified}"));
        }
        Ok(())
    }

    /// The vault shows one key in force, and every other as gone.
    fn check_history(&self, user: &str, key: &str) -> Result<(), String> {
        let shown = self.look(&["credential", "show", user, "--json"], &[0])?;
        let shown: Value = serde_json::from_str(&shown.text).map_err(|e| e.to_string())?;
        for known in shown["keys"].as_array().into_iter().flatten() {
            let wanted = if known["id"] == key {
                "in force"
            } else {
                "deleted"
            };
            if known["state"] != wanted {
                return Err(format!("{user}: {} is {}", known["id"], known["state"]));
            }
        }
        Ok(())
    }

    /// Opens every credential with both tokens and compares the secrets with AWS's.
    pub fn check_opening(&self) -> Result<(), String> {
        let print = "printf '%s %s ' \"$AWS_ACCESS_KEY_ID\" \"${#AWS_SECRET_ACCESS_KEY}\"; \
                     printf %s \"$AWS_SECRET_ACCESS_KEY\" | sha256sum";
        for user in self.users {
            let seen = self.scene.unseal(&[user], &["sh", "-c", print]);
            let (key, _) = self
                .scene
                .keys_of(user)
                .first()
                .cloned()
                .unwrap_or_default();
            let digest = self.scene.server().secret_digest_of(user, &key);
            let wanted = format!("{key} 40 {}", digest.unwrap_or_default());
            if seen.code != 0 || !seen.text.contains(&wanted) {
                return Err(format!("{user} does not open: {seen}"));
            }
        }
        Ok(())
    }

    fn record_is_there(&self, user: &str, generation: u64) -> Result<(), String> {
        let path = format!("generation/main/{generation:08}/record/{user}.json");
        if self.scene.vault().join(&path).is_file() {
            return Ok(());
        }
        Err(format!("{path} is missing"))
    }

    /// Runs a command on a copy of vault and station, so that looking changes nothing.
    fn look(&self, args: &[&str], codes: &[i32]) -> Result<Seen, String> {
        let (vault, station) = (
            self.scene.path("glass/vault"),
            self.scene.path("glass/station"),
        );
        let _ = fs::remove_dir_all(self.scene.path("glass"));
        copy(&self.scene.vault(), &vault);
        copy(self.scene.station(), &station);
        let output = Command::new(binary())
            .args(args)
            .env_clear()
            .envs(self.scene.environment())
            .env("BREAKGLASS_VAULT", vault)
            .env("BREAKGLASS_STATION", station)
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        let seen = scene::seen(&output);
        if codes.contains(&seen.code) {
            Ok(seen)
        } else {
            Err(format!("{}: {seen}", args.join(" ")))
        }
    }
}

/// What `status` says would be opened: the key and its generation.
fn current(status: &Value, user: &str) -> Option<(String, u64)> {
    let all = status["credentials"].as_array()?;
    let one = all.iter().find(|one| one["name"] == user)?;
    Some((one["key"][0].as_str()?.to_owned(), one["key"][1].as_u64()?))
}

fn ended(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match status.code() {
        Some(code) if code == 128 + 9 => Ended::Killed,
        Some(code) => Ended::With(code),
        None if status.signal() == Some(9) => Ended::Killed,
        None => Ended::With(128 + status.signal().unwrap_or(0)),
    }
}

/// Copies a folder with what is in it, modes too.
fn copy(from: &Path, to: &PathBuf) {
    fs::create_dir_all(to).expect("the folder is ours");
    let mode = fs::metadata(from)
        .expect("it is there")
        .permissions()
        .mode();
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is there");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().expect("it is there").is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("the folder is ours");
        }
    }
}
