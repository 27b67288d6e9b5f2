//! A whole scene for the tests of the commands: a private SoftHSM with the tokens of the people, an AWS
//! server, a vault and a station in a temporary folder, and the people who type.
//!
//! The binary is run as a process with an environment of its own ([`Scene::environment`]), so nothing of
//! the machine leaks in, and no test needs to be run twice.
//!
//! ```ignore
//! let scene = Scene::sealed(&["deploy"]);          // alice is the IC, bob the BGO
//! let opened = scene.unseal(&["deploy"], &["sh", "-c", "exit 7"]);
//! assert_eq!(opened.code, 7, "{opened}");
//! assert_eq!(scene.run(&["close"]).code, 0);
//! ```
//!
//! A test file that uses it has `#[path]` modules `aws`, `pty` and `scene` side by side.

// Each test binary that includes this file uses a part of it.
#![allow(dead_code)]

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use breakglass::token::pkcs11::Profile;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::aws::{Lane, ROTATOR, Server};
use crate::pty::{self, Pty};

/// The Incident Commander of the usual scenes.
pub const IC: &str = "alice";
/// The Break-Glass Operator of the usual scenes.
pub const BGO: &str = "bob";
/// Not a PIN of anybody.
pub const WRONG_PIN: &str = "0000000000";
const SO_PIN: &str = "2718281828";

/// AWS is near: two answers, quickly one after the other, and lists that know everything at once.
const CONFIG: &str =
    "name = \"STATION\"\n[proof]\nanswers = 2\ninterval-seconds = 0.05\nlist-lag-seconds = 0\n";

/// Everything that a command needs, in a temporary folder.
pub struct Scene {
    folder: TempDir,
    server: Server,
    /// Further variables for every command; later ones win.
    pub variables: Vec<(OsString, OsString)>,
    station: PathBuf,
}

/// How a command ended, and what was seen of it.
pub struct Seen {
    /// Its exit code; 128 and the signal if one ended it.
    pub code: i32,
    /// What was shown: at the terminal, or standard output.
    pub text: String,
    /// Standard error, where that was no terminal.
    pub error: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n{}\n{}", self.code, self.text, self.error)
    }
}

impl Seen {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// The same, after it has ended as wanted.
    ///
    /// # Panics
    /// With all that was seen, if it did not.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl Scene {
    /// One whose AWS has sessions, with the credential `deploy`, which has these roles, sealed.
    pub fn with_roles(options: &[&str], roles: &[String]) -> Self {
        let options = [options, &["--access-roles"]].concat();
        let scene = Self::at(Server::start(Lane::Ministack, "deploy", &options));
        scene.prepare(&[IC, BGO]);
        scene.found(&[IC], &[BGO], &[]);
        let mut args = vec!["credential", "add", "deploy", "--user", "deploy"];
        for role in roles {
            args.extend(["--role", role]);
        }
        scene.run(&args).ended(0);
        scene.run(&["rotate"]).ended(0);
        scene
    }

    /// Nobody, and nothing but an AWS with these users (at least one), none of whom has a key, and an
    /// empty station.
    pub fn empty(users: &[&str]) -> Self {
        Self::empty_with(users, &[])
    }

    /// The same with further options for the AWS server.
    pub fn empty_with(users: &[&str], options: &[&str]) -> Self {
        Self::empty_on(Lane::Moto, users, options)
    }

    /// The same on either server.
    pub fn empty_on(lane: Lane, users: &[&str], options: &[&str]) -> Self {
        Self::at(Server::start(lane, &users.join(","), options))
    }

    /// Nobody, and this AWS.
    pub fn at(server: Server) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in ["tokens", "home"] {
            fs::create_dir(folder.path().join(part)).expect("the folder is ours");
        }
        let mut scene = Self {
            server,
            variables: Vec::new(),
            station: PathBuf::new(),
            folder,
        };
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            scene.tokens().display()
        );
        fs::write(scene.path("softhsm2.conf"), text).expect("the folder is ours");
        scene.station = scene.new_station("station");
        scene
    }

    /// A vault founded by [`IC`] and [`BGO`], and these users in AWS.
    pub fn founded(users: &[&str]) -> Self {
        let scene = Self::empty(users);
        scene.prepare(&[IC, BGO]);
        scene.found(&[IC], &[BGO], &[]);
        scene
    }

    /// The same with a credential for each user, of the same name, added and sealed.
    pub fn sealed(users: &[&str]) -> Self {
        let scene = Self::founded(users);
        scene.add(users);
        scene.run(&["rotate"]).ended(0);
        scene
    }

    /// Makes tokens with these labels, and keys on them with `token generate`. The PIN of each is that of
    /// its person: [`pin`] of the label up to the first `-`.
    pub fn prepare(&self, labels: &[&str]) {
        for label in labels {
            self.initialise(label);
            let uri = uri(label);
            self.at_terminal(&["token", "generate", &uri], &[("PIN", &pin(label))])
                .ended(0);
        }
    }

    /// Makes a token without keys.
    pub fn initialise(&self, label: &str) {
        self.initialise_with(label, &pin(label));
    }

    /// The same with this PIN.
    pub fn initialise_with(&self, label: &str, pin: &str) {
        let output = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label])
            .args(["--pin", pin, "--so-pin", SO_PIN])
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is installed");
        assert!(output.status.success(), "{output:?}");
    }

    /// Takes the keys from a token, with another tool; `token generate` makes others then.
    pub fn remove_keys(&self, label: &str, pin: &str) {
        for key in ["breakglass-seal", "breakglass-sign"] {
            for half in ["privkey", "pubkey"] {
                let output = Command::new("pkcs11-tool")
                    .arg("--module")
                    .arg(softhsm_library())
                    .args(["--token-label", label, "--login", "--pin", pin])
                    .args(["--delete-object", "--type", half, "--label", key])
                    .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
                    .output()
                    .expect("pkcs11-tool is installed");
                assert!(output.status.success(), "{output:?}");
            }
        }
    }

    /// Founds the vault `acme` with tokens that are prepared, and further options of `init`.
    pub fn found(&self, ics: &[&str], bgos: &[&str], options: &[&str]) -> Seen {
        let args = init_args(ics, bgos, options);
        let labels = ics.iter().chain(bgos);
        let answers: Vec<(String, String)> = labels
            .map(|label| (format!("PIN of {}", person(label)), pin(label)))
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.at_terminal(&args, &borrowed(&answers)).ended(0)
    }

    /// Adds a credential for each user, of the same name.
    pub fn add(&self, users: &[&str]) {
        for user in users {
            self.run(&["credential", "add", user, "--user", user])
                .ended(0);
        }
    }

    /// Opens credentials with [`IC`] and [`BGO`], whose tokens must be the only ones of their roles, and
    /// runs a command with them.
    pub fn unseal(&self, credentials: &[&str], command: &[&str]) -> Seen {
        let args = unseal_args(credentials, command);
        self.at_terminal(&args, &borrowed(&both_pins()))
    }

    /// Opens a credential for a command that nothing but the end of the lease ends; it has ended when this returns.
    pub fn unseal_past_the_lease(&self, credential: &str) -> Seen {
        let words = "--reason INC-42 --for 3s -- sleep 100000".split(' ');
        let args: Vec<&str> = ["unseal", credential].into_iter().chain(words).collect();
        self.at_terminal(&args, &borrowed(&both_pins()))
    }

    /// A command without a terminal, its input empty.
    pub fn run(&self, args: &[&str]) -> Seen {
        let output = self.breakglass(args).output().expect("the binary runs");
        seen(&output)
    }

    /// The same, to be started by the test. It has no controlling terminal, wherever the test runs.
    pub fn breakglass(&self, args: &[&str]) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(binary()).args(args);
        command.env_clear().envs(self.environment());
        command.stdin(Stdio::null());
        command
    }

    /// A command at a terminal of its own, with all its streams there. Each answer is typed when its
    /// prompt is shown.
    pub fn at_terminal(&self, args: &[&str], answers: &[(&str, &str)]) -> Seen {
        let mut pty = Pty::spawn(self.pty_command(args));
        answer(&mut pty, answers)
    }

    /// The same, to be started by the test: it may give some streams another end.
    pub fn pty_command(&self, args: &[&str]) -> pty::Command {
        let command = pty::Command::new(binary()).args(args);
        command.env_clear().envs(self.environment())
    }

    /// All that a command is told by its environment. AWS is asked as the rotator.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let files = self.server.files();
        let mut all: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("HOME".into(), self.path("home").into()),
            ("SHELL".into(), "/bin/sh".into()),
            ("TERM".into(), "xterm".into()),
            ("SOFTHSM2_CONF".into(), self.path("softhsm2.conf").into()),
            ("BREAKGLASS_VAULT".into(), self.vault().into()),
            ("BREAKGLASS_STATION".into(), self.station().into()),
            ("AWS_CONFIG_FILE".into(), files.config.into()),
            (
                "AWS_SHARED_CREDENTIALS_FILE".into(),
                files.credentials.into(),
            ),
            ("AWS_ENDPOINT_URL".into(), self.endpoint().into()),
            ("AWS_REGION".into(), "us-east-1".into()),
            ("AWS_PROFILE".into(), ROTATOR.into()),
            ("AWS_EC2_METADATA_DISABLED".into(), "true".into()),
            ("AWS_PAGER".into(), "".into()),
        ];
        all.extend(self.variables.iter().cloned());
        all
    }

    /// The keys of a user as the server has them, seen from outside: id, and whether it is active.
    pub fn keys_of(&self, user: &str) -> Vec<(String, bool)> {
        self.server.keys_of(user)
    }

    /// Where AWS is.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The AWS server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The incidents that are not closed, as `status` tells them.
    pub fn open_incidents(&self) -> Vec<String> {
        let status = self.run(&["status", "--json"]).json();
        let all = status["incidents"].as_array().cloned().unwrap_or_default();
        all.iter()
            .filter_map(|one| one["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// The vault's fingerprint, as `status` tells it.
    pub fn fingerprint(&self) -> String {
        let status = self.run(&["status", "--json"]).json();
        let fingerprint = status["fingerprint"].as_str();
        fingerprint.expect("a fingerprint").to_owned()
    }

    /// The ledger's entries as `ledger log --json` shows them.
    pub fn log(&self) -> serde_json::Value {
        self.run(&["ledger", "log", "--json"]).ended(0).json()
    }

    /// The vault's folder; `init` makes it.
    pub fn vault(&self) -> PathBuf {
        self.path("vault")
    }

    /// The folder of the station at which commands are run.
    pub fn station(&self) -> &Path {
        &self.station
    }

    /// Goes to another station.
    pub fn go_to(&mut self, station: PathBuf) {
        self.station = station;
    }

    /// Makes the folder of a station with this name in the ledger; it has seen nothing yet.
    pub fn new_station(&self, name: &str) -> PathBuf {
        let station = self.path(name);
        fs::create_dir(&station).expect("the folder is ours");
        let text = CONFIG.replace("STATION", name);
        fs::write(station.join("config.toml"), text).expect("the folder is ours");
        station
    }

    /// Sets up another station as a rotator of the vault, and comes back to this one. Returns its folder.
    pub fn second_rotator(&mut self, name: &str) -> PathBuf {
        let card = self.fingerprint();
        let first = self.station().to_owned();
        let second = self.new_station(name);
        self.go_to(second.clone());
        self.run(&["trust", &card]).ended(0);
        let refused = self.run(&["rotate", "--json"]).ended(4).json();
        let hint = refused["error"]["hints"][0].as_str().expect("a hint");
        let words: Vec<String> = hint.split(' ').skip(1).map(str::to_owned).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.go_to(first);
        self.at_terminal(&words, &borrowed(&both_pins())).ended(0);
        // What it has seen of the vault is up to date.
        self.go_to(second.clone());
        self.run(&["status"]);
        let first = self.path("station");
        self.go_to(first);
        second
    }

    /// Pulls the token with this label out. Returns what [`Scene::put_back`] takes.
    pub fn pull(&self, label: &str) -> (PathBuf, PathBuf) {
        // SoftHSM writes the label as it is, blank-padded to 32 bytes.
        let padded = format!("{label:<32}").into_bytes();
        let holds = |folder: &Path| {
            let object = fs::read(folder.join("token.object")).unwrap_or_default();
            object.windows(padded.len()).any(|part| part == padded)
        };
        let entries = fs::read_dir(self.tokens()).expect("the folder is ours");
        let from = entries
            .map(|entry| entry.expect("the folder is ours").path())
            .find(|folder| holds(folder))
            .unwrap_or_else(|| panic!("there is no token {label}"));
        let to = self.path(&format!("pulled-{label}"));
        fs::rename(&from, &to).expect("the folder is ours");
        (from, to)
    }

    /// Puts a token back.
    pub fn put_back(&self, (from, to): (PathBuf, PathBuf)) {
        fs::rename(to, from).expect("the folder is ours");
    }

    /// A copy of the vault as it is now.
    pub fn copy_of_vault(&self, name: &str) -> PathBuf {
        let copy = self.path(name);
        let mut cp = Command::new("cp");
        cp.arg("-a").arg(self.vault()).arg(&copy);
        assert!(cp.status().expect("cp runs").success());
        copy
    }

    /// The folder in which SoftHSM keeps the tokens.
    pub fn tokens(&self) -> PathBuf {
        self.path("tokens")
    }

    /// Something in the scene's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The binary under test.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_breakglass")
}

/// What is shown where several tokens are there and a person must say whose is to be used. The answer to
/// it is the person's name.
pub const WHOSE: &str = "whose is it to be?";

/// Types each answer when its prompt is shown.
pub fn type_all(pty: &mut Pty, answers: &[(&str, &str)]) {
    for (prompt, answer) in answers {
        pty.expect(prompt);
        if *prompt == WHOSE {
            pick(pty, answer);
            continue;
        }
        if prompt.starts_with("PIN") {
            pty.expect("(not shown): ");
        }
        pty.send_line(answer);
    }
}

/// Types the number that stands before the person's first token.
fn pick(pty: &mut Pty, name: &str) {
    pty.expect("Type its number");
    let shown = pty.transcript();
    let (_, list) = shown.rsplit_once(WHOSE).expect("the question");
    let wanted = format!("{name} with");
    let line = list.lines().find(|line| line.contains(&wanted));
    let line = line.unwrap_or_else(|| panic!("{name} is not in the list:\n{list}"));
    let number = line.split_whitespace().next().expect("a number");
    pty.send_line(number);
}

/// Types each answer when its prompt is shown, and waits for the end.
pub fn answer(pty: &mut Pty, answers: &[(&str, &str)]) -> Seen {
    type_all(pty, answers);
    let status = pty.finish();
    Seen {
        code: code(status),
        text: pty.transcript(),
        error: String::new(),
    }
}

/// `init` of the vault `acme` with tokens of these labels, and further options.
pub fn init_args(ics: &[&str], bgos: &[&str], options: &[&str]) -> Vec<String> {
    let mut args = ["init", "acme", "--allow-no-touch"]
        .map(str::to_owned)
        .to_vec();
    for (role, labels) in [("--ic", ics), ("--bgo", bgos)] {
        for label in labels {
            args.extend([role.to_owned(), format!("{}={}", person(label), uri(label))]);
        }
    }
    args.extend(options.iter().map(|&option| option.to_owned()));
    args
}

/// `unseal` with a reason.
pub fn unseal_args<'a>(credentials: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["unseal"];
    args.extend(credentials);
    args.extend(["--reason", "INC-42: single sign-on is down", "--"]);
    args.extend(command);
    args
}

/// The prompts of an opening by [`IC`] and [`BGO`], and their answers.
pub fn both_pins() -> Vec<(String, String)> {
    [IC, BGO]
        .map(|name| (format!("PIN of {name}"), pin(name)))
        .to_vec()
}

/// The same, as [`Scene::at_terminal`] takes it.
pub fn borrowed(answers: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = answers.iter();
    pairs
        .map(|(prompt, answer)| (prompt.as_str(), answer.as_str()))
        .collect()
}

/// Tells a process that a test starts from its own binary whose PINs it is to know: the value is [`pins_of`].
pub const PINS_OF: &str = "BREAKGLASS_TEST_PINS_OF";

/// The test to which the PINs of this process belong, by the id of its process.
pub fn pins_of() -> String {
    std::env::var(PINS_OF).unwrap_or_else(|_| std::process::id().to_string())
}

/// The PIN of a person, or of the person whose token has this label: ten digits that stand nowhere else, not even
/// in another test that prepares the same person's token meanwhile.
pub fn pin(label: &str) -> String {
    let whose = format!("{} in {}", person(label), pins_of());
    let digest = Sha256::digest(whose.as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{:010}", number % 10_000_000_000)
}

/// Whose token has this label: `alice-spare` is one of alice.
pub fn person(label: &str) -> &str {
    label.split('-').next().unwrap_or(label)
}

/// The name of a token.
pub fn uri(label: &str) -> String {
    format!("pkcs11:token={label}")
}

/// AWS's own command line, as this machine has it on its PATH: the scenes have a PATH of their own.
pub fn aws() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("aws"))
        .find(|file| file.is_file());
    let found = found.expect("aws is on the PATH: scripts/setup installs it");
    found.to_str().expect("a plain path").to_owned()
}

/// SoftHSM's library.
pub fn softhsm_library() -> PathBuf {
    let profile = Profile::built_in("softhsm2").expect("the profile is compiled in");
    profile
        .find_library()
        .expect("SoftHSM is installed")
        .to_owned()
}

/// What was seen of a command that was run without a terminal.
pub fn seen(output: &Output) -> Seen {
    Seen {
        code: code(output.status),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The exit code; 128 and the signal if one ended it.
pub fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
