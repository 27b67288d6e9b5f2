//! A scene whose people have YubiKeys.

#![allow(dead_code)] // each test binary that includes this file uses a part of it

use crate::pty::Pty;
use crate::rack::Rack;
use crate::scene::{Scene, Seen, code};

pub const ALICE: u32 = 11_112_222;
pub const BOB: u32 = 33_334_444;
pub const PIN_ALICE: &str = "84193775";
pub const PIN_BOB: &str = "29573311";
pub const PUK: &str = "66049182";

/// A vault, an AWS, and a rack of YubiKeys.
pub struct Safe {
    pub scene: Scene,
    pub rack: Rack,
}

impl Safe {
    /// Cards as they leave the factory, in readers; no vault yet.
    pub fn new(users: &[&str], cards: &str) -> Self {
        let mut scene = Scene::empty(users);
        let rack = Rack::start(&scene.path("rack"), cards);
        let (name, value) = rack.variable();
        scene.variables.push((name.into(), value.into()));
        Self { scene, rack }
    }

    /// Two cards in two readers, prepared, alice's and bob's, and a vault with a sealed key for each user.
    pub fn sealed(users: &[&str]) -> Self {
        let safe = Self::new(users, &format!("--readers 2 --card {ALICE} --card {BOB}"));
        safe.prepare(ALICE, PIN_ALICE);
        safe.prepare(BOB, PIN_BOB);
        safe.found(&[]);
        safe.scene.add(users);
        safe.scene.run(&["rotate"]).ended(0);
        safe
    }

    /// `token generate` on a card from the factory.
    pub fn prepare(&self, serial: u32, pin: &str) {
        let (uri, root) = (format!("piv:{serial}"), self.root());
        let mut pty = self.start(&["token", "generate", &uri, "--attestation-root", &root]);
        pty.expect("New PIN for").send_line(pin);
        pty.expect("once more: ").send_line(pin);
        pty.expect("New PUK").send_line(PUK);
        pty.expect("once more: ").send_line(PUK);
        let seen = end(&mut pty);
        assert_eq!(seen.code, 0, "{seen}");
    }

    /// `init` with the two of them, the rack's root of attestation, and further options.
    pub fn found(&self, options: &[&str]) {
        let (ic, bgo) = (format!("alice=piv:{ALICE}"), format!("bob=piv:{BOB}"));
        let root = self.root();
        let mut args = vec!["init", "acme", "--ic", &ic, "--bgo", &bgo];
        args.extend(["--attestation-root", &root]);
        args.extend(options);
        self.auto_touch(true);
        let answers = [("PIN of alice", PIN_ALICE), ("PIN of bob", PIN_BOB)];
        self.scene.at_terminal(&args, &answers).ended(0);
        self.auto_touch(false);
    }

    /// The file with the root of the rack's attestations.
    pub fn root(&self) -> String {
        self.rack.attestation_root().display().to_string()
    }

    pub fn auto_touch(&self, on: bool) {
        let word = if on { "on" } else { "off" };
        for serial in [ALICE, BOB] {
            let _ = self.rack.try_tell(&format!("auto-touch {serial} {word}"));
        }
    }

    /// A command at a terminal, to be played with.
    pub fn start(&self, args: &[&str]) -> Pty {
        Pty::spawn(self.scene.pty_command(args))
    }

    /// An opening of one credential that runs `sh -c 'exit 7'` with it.
    pub fn unseal(&self, credential: &str) -> Pty {
        self.start(&[
            "unseal",
            credential,
            "--reason",
            "INC-42: single sign-on is down",
            "--",
            "sh",
            "-c",
            "exit 7",
        ])
    }

    /// Types a PIN when it is asked for, and touches the card when the terminal and the card both say so.
    pub fn contribute(&self, pty: &mut Pty, name: &str, pin: &str, serial: u32) {
        pty.expect(&format!(
            "PIN of {name} for token serial {serial} (not shown): "
        ));
        pty.send_line(pin);
        pty.expect(&format!("{name}: TOUCH YubiKey, serial {serial}, NOW"));
        self.touch(serial);
    }

    /// Both contribute, and what was opened runs to its end, which is that of [`Safe::unseal`].
    pub fn both_open(&self, pty: &mut Pty) -> Seen {
        self.contribute(pty, "alice", PIN_ALICE, ALICE);
        self.contribute(pty, "bob", PIN_BOB, BOB);
        let seen = end(pty);
        assert_eq!(seen.code, 7, "{seen}");
        seen
    }

    pub fn touch(&self, serial: u32) {
        self.rack.tell(&format!("await-touch {serial}"));
        self.rack.tell(&format!("touch {serial}"));
    }

    /// How many VERIFYs with a PIN a card got since it was cleared.
    pub fn verifies(&self, serial: u32) -> u64 {
        let log = self.rack.instructions(serial);
        log.iter().filter(|one| *one == "20").count() as u64
    }

    pub fn clear(&self) {
        for serial in [ALICE, BOB] {
            self.rack.tell(&format!("clear {serial}"));
        }
    }
}

/// Waits for the end of a command.
pub fn end(pty: &mut Pty) -> Seen {
    let status = pty.finish();
    Seen {
        code: code(status),
        text: pty.transcript(),
        error: String::new(),
    }
}
