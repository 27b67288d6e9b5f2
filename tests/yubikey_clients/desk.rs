//! A rack with one card, and clients that are run beside it as people run them.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::rack::Rack;

/// The factory's management key as 24 bytes in hexadecimal, and another one.
pub const FACTORY_KEY: &str = crate::rack::MANAGEMENT_KEY;
pub const OTHER_KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718";
/// The serial number of the card.
pub const SERIAL: u32 = 12_345_678;

/// A card of its own for a test, and a folder in which its clients run.
pub struct Desk {
    pub rack: Rack,
    folder: TempDir,
}

impl Desk {
    /// One reader, and a card with this firmware in it.
    pub fn with_firmware(firmware: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = format!("--readers 1 --card {SERIAL}:{firmware}");
        let rack = Rack::start(&folder.path().join("rack"), &options);
        Self { rack, folder }
    }

    /// Firmware 5.7.1, which touches itself.
    pub fn touching() -> Self {
        let desk = Self::with_firmware("5.7.1");
        desk.tell("auto-touch");
        desk
    }

    /// Tells the rack something of the card; `auto-touch` alone switches it on.
    pub fn tell(&self, command: &str) {
        let (word, rest) = command.split_once(' ').unwrap_or((command, "on"));
        self.rack.tell(&format!("{word} {SERIAL} {rest}"));
    }

    /// Changes the factory's AES management key to [`OTHER_KEY`], a 3DES key: the other tools know no other kind.
    pub fn give_old_kind_of_key(&self) {
        self.does(&format!(
            "ykman --device {SERIAL} piv access change-management-key --management-key {FACTORY_KEY} --algorithm TDES --new-management-key {OTHER_KEY}"
        ));
    }

    /// The folder in which the clients run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn run(&self, line: &str) -> Output {
        let mut words = line.split_whitespace();
        let program = words.next().expect("a program");
        Command::new(program)
            .args(words)
            .current_dir(self.folder())
            .envs([self.rack.variable()])
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error} (scripts/setup installs it)"))
    }

    /// Runs a command that has to succeed, and returns all that it says.
    #[track_caller]
    pub fn does(&self, line: &str) -> String {
        let output = self.run(line);
        let said = said(&output);
        assert!(output.status.success(), "{line}: {}\n{said}", output.status);
        said
    }

    /// Runs a command that has to succeed and to say this.
    #[track_caller]
    pub fn says(&self, line: &str, expected: &str) {
        let said = self.does(line);
        assert!(
            said.contains(expected),
            "{line}: no {expected:?} in\n{said}"
        );
    }

    /// Runs a command that has to fail and to say this.
    #[track_caller]
    pub fn fails(&self, line: &str, expected: &str) {
        let output = self.run(line);
        let said = said(&output);
        assert!(!output.status.success(), "{line} succeeded:\n{said}");
        assert!(
            said.contains(expected),
            "{line}: no {expected:?} in\n{said}"
        );
    }

    /// An attestation leads over the F9 certificate to the rack's root, and to no other.
    #[track_caller]
    pub fn attested(&self, leaf: &str, f9: &str) {
        let verify = |root: &str| format!("openssl verify -CAfile {root} -untrusted {f9} {leaf}");
        self.says(&verify("rack/attestation-root.pem"), &format!("{leaf}: OK"));
        self.another_authority();
        self.fails(&verify("ca.pem"), "verification failed");
    }

    /// `ca.key` and `ca.pem`: an authority of nobody.
    pub fn another_authority(&self) {
        self.does("openssl ecparam -name prime256v1 -genkey -noout -out ca.key");
        self.does(
            "openssl req -x509 -batch -new -key ca.key -subj /CN=other -days 9000 -out ca.pem",
        );
    }

    /// A certificate for a public key, from another authority.
    pub fn certify(&self, public: &str, certificate: &str) {
        self.another_authority();
        self.does(&format!(
            "openssl x509 -new -force_pubkey {public} -subj /CN=certified -CA ca.pem -CAkey ca.key -days 9000 -out {certificate}"
        ));
        self.says(
            &format!("openssl verify -CAfile ca.pem {certificate}"),
            &format!("{certificate}: OK"),
        );
    }

    /// `message`, and `digest`, its SHA-256.
    pub fn message(&self) {
        std::fs::write(self.folder().join("message"), "in case of fire\n")
            .expect("the folder is ours");
        self.does("openssl dgst -sha256 -binary -out digest message");
    }

    /// A signature of `message` is the key's.
    #[track_caller]
    pub fn signed(&self, hash: &str, public: &str, signature: &str) {
        let verify =
            format!("openssl dgst -{hash} -verify {public} -signature {signature} message");
        self.says(&verify, "Verified OK");
    }

    /// `peer.key` and `peer.der` (its public half), and in `agreed` what it has in common with a key.
    pub fn peer_of(&self, public: &str) {
        self.does("openssl ecparam -name prime256v1 -genkey -noout -out peer.key");
        self.does("openssl pkey -in peer.key -pubout -outform DER -out peer.der");
        self.does(&format!(
            "openssl pkeyutl -derive -inkey peer.key -peerkey {public} -out agreed"
        ));
    }

    /// Does something that waits for a touch, and touches the card once it waits.
    pub fn while_it_waits<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let acting = scope.spawn(act);
            self.tell("await-touch 20");
            self.rack.tell(&format!("touch {SERIAL}"));
            acting.join().expect("no panic")
        })
    }
}

fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}
