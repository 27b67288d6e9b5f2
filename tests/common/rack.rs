//! Virtual YubiKeys behind a pcscd of their own, for tests.
//!
//! libpcsclite finds its daemon through the environment variable `PCSCLITE_CSOCK_NAME`. A test that starts
//! other programs gives it to them ([`Desk::variable`]); one that talks to the cards itself runs in a child
//! ([`with_cards`]) and has the `#[path]` module `bench` beside this one.

#![allow(dead_code)] // each test binary uses a part of it

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use crate::bench::{Start, run_again};

/// The PIN, PUK and management key (AES-192) of a card from the factory.
pub const PIN: &str = "123456";
pub const PUK: &str = "12345678";
pub const MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";

/// A rack as its clients see it: a folder with its sockets.
pub struct Desk {
    folder: PathBuf,
}

/// A running rack. It ends when this is dropped, or when the test dies.
pub struct Rack {
    desk: Desk,
    child: Child,
}

impl std::ops::Deref for Rack {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Desk {
    /// The rack that runs in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The root of its cards' attestation, PEM.
    pub fn attestation_root(&self) -> PathBuf {
        self.folder.join("attestation-root.pem")
    }

    /// What the environment of a client has to hold.
    pub fn variable(&self) -> (&'static str, String) {
        let socket = self.folder.join("pcscd.comm");
        ("PCSCLITE_CSOCK_NAME", socket.display().to_string())
    }

    /// Tells the rack something and returns its answer, which may be a refusal.
    pub fn try_tell(&self, command: &str) -> Result<String, String> {
        let mut stream = UnixStream::connect(self.folder.join("control")).expect("the rack runs");
        writeln!(stream, "{command}").expect("the rack listens");
        let mut answer = String::new();
        let read = BufReader::new(stream).read_line(&mut answer);
        read.expect("the rack answers in UTF-8");
        match answer.trim_end_matches('\n').split_once(' ') {
            Some(("ok", said)) => Ok(said.to_owned()),
            Some(("error", said)) => Err(said.to_owned()),
            _ => panic!("{command}: the rack ended"),
        }
    }

    /// Tells the rack something that it has to obey.
    pub fn tell(&self, command: &str) -> String {
        self.try_tell(command)
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Another program takes the card in the n-th reader, `exclusive`ly or in a `transaction`, and holds it until
    /// this is dropped; then it resets the card. Nothing where it does not get it: see [`Desk::tries_to_hold`].
    pub fn hold(&self, reader: usize, how: &str) -> Holder {
        let mut holder = self.tries_to_hold(reader, how);
        assert!(holder.holds(), "the card in reader {reader} cannot be held");
        holder
    }

    /// The same, and it may have to wait for it or be refused.
    pub fn tries_to_hold(&self, reader: usize, how: &str) -> Holder {
        let (name, value) = self.variable();
        let mut child = Command::new(program())
            .args(["hold", &reader.to_string(), how])
            .env(name, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the virtual YubiKey starts");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        Holder { child, said }
    }

    /// What a card counted (see `counts` in tests/virtual-yubikey/README.md).
    pub fn counts(&self, serial: u32) -> serde_json::Value {
        serde_json::from_str(&self.tell(&format!("counts {serial}"))).expect("JSON")
    }

    /// The instructions that a card got, in their order, two hexadecimal digits each.
    pub fn instructions(&self, serial: u32) -> Vec<String> {
        let log: Vec<String> =
            serde_json::from_str(&self.tell(&format!("log {serial}"))).expect("JSON");
        log.iter().map(|line| line[3..5].to_owned()).collect()
    }
}

/// Another program that uses a card.
pub struct Holder {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Holder {
    /// Waits until it has the card; false where it was refused.
    pub fn holds(&mut self) -> bool {
        let mut line = String::new();
        self.said.read_line(&mut line).is_ok() && line == "held\n"
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // What fails here has failed the test already.
        let _ = self.child.wait();
    }
}

impl Rack {
    /// Starts a rack in a folder: `options` are those of `virtual-yubikey rack`, in one string. Returns once
    /// pcscd shows all cards.
    pub fn start(folder: &Path, options: &str) -> Self {
        Self::spawn(Command::new(program()), folder, options)
    }

    /// The same by a command that runs the program, as somebody else perhaps.
    pub fn spawn(mut command: Command, folder: &Path, options: &str) -> Self {
        let mut child = command
            .arg("rack")
            .arg(folder)
            .args(options.split_whitespace())
            .arg("--until-eof")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the virtual YubiKey starts");
        let mut said = String::new();
        let stdout = child.stdout.take().expect("piped");
        let read = BufReader::new(stdout).read_line(&mut said);
        if read.is_err() || said != "ready\n" {
            let mut error = String::new();
            let mut stderr = child.stderr.take().expect("piped");
            let _ = child.kill();
            let _ = stderr.read_to_string(&mut error);
            let log = fs::read_to_string(folder.join("pcscd.log")).unwrap_or_default();
            panic!("the virtual YubiKeys are not ready: {said}{error}\npcscd: {log}");
        }
        Self {
            desk: Desk::in_folder(folder),
            child,
        }
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // What fails here has failed the test already.
        let _ = self.child.wait();
    }
}

/// Runs `body` in a child process that reaches fresh cards through PC/SC. `test` is the test's own path, as
/// libtest prints it; `options` are those of `virtual-yubikey rack`.
pub fn with_cards(test: &str, options: &str, body: impl FnOnce(&Desk)) {
    with_cards_and(test, options, &[], body);
}

/// The same with further variables for the child.
pub fn with_cards_and(
    test: &str,
    options: &str,
    variables: &[(&'static str, String)],
    body: impl FnOnce(&Desk),
) {
    let prepare = |folder: &Path| {
        let started = Rack::start(&folder.join("rack"), options);
        Start {
            variables: [&[started.variable()], variables].concat(),
            keep: Some(Box::new(started)),
            ..Start::default()
        }
    };
    run_again(test, prepare, |folder| {
        body(&Desk::in_folder(&folder.join("rack")));
    });
}

/// The program, which cargo builds with the tests unless only some of them are asked for.
pub fn program() -> PathBuf {
    let this = std::env::current_exe().expect("a test binary");
    let profile = this.parent().and_then(Path::parent);
    let program = profile
        .expect("target/debug/deps")
        .join("examples/virtual-yubikey");
    let built = fs::metadata(&program).and_then(|found| found.modified());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/virtual-yubikey");
    let mend = "build it: cargo build --example virtual-yubikey";
    match built {
        Err(error) => panic!("{}: {error}; {mend}", program.display()),
        Ok(built) => assert!(
            newest(&sources) <= built,
            "{} is older than its sources; {mend}",
            program.display()
        ),
    }
    program
}

/// When something under a folder was last written.
fn newest(folder: &Path) -> SystemTime {
    fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|kind| kind == "rs"))
        .map(|path| {
            if path.is_dir() {
                newest(&path)
            } else {
                let metadata = fs::metadata(&path).expect("a readable file");
                metadata.modified().expect("a time")
            }
        })
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
