//! The same for two people with age and age-plugin-yubikey: each credential a file, sealed to the second person and
//! then to the first. The plugin cannot make its keys on firmware 5.7, so its cards are older ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Cost;
use crate::pty::{self, Pty};
use crate::rack::{MANAGEMENT_KEY, PIN as FACTORY_PIN, PUK as FACTORY_PUK, Rack};

const CARDS: [u32; 2] = [77_778_888, 99_990_000];

const PIN: &str = "84193775";
const PUK: &str = "66049182";

/// Where scripts/measure puts the plugin.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin")
}

/// Opens so many; nothing where age or the plugin is missing.
pub fn opening(count: u64) -> Option<Cost> {
    let there = tools().join("age-plugin-yubikey").exists();
    let age = Command::new("age").arg("--version").output();
    if !there || age.is_err() {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [first, second] = CARDS;
    let options = format!("--readers 2 --card {first}:5.4.3 --card {second}:5.4.3");
    let bench = Nested {
        rack: Rack::start(&folder.path().join("rack"), &options),
        folder: folder.path(),
    };
    for card in CARDS {
        bench.rack.tell(&format!("auto-touch {card} on"));
        bench.generate(card);
    }
    for number in 0..count {
        bench.seal(number);
    }
    for card in CARDS {
        bench.rack.tell(&format!("clear {card}"));
    }
    for number in 0..count {
        bench.open(number);
    }
    Some(Cost::of(&bench.rack, &CARDS))
}

struct Nested<'f> {
    rack: Rack,
    folder: &'f Path,
}

impl Nested<'_> {
    /// A shell command at a terminal; after each of these texts a PIN is asked for, and typed.
    fn run(&self, script: &str, prompts: &[&str]) {
        let path = format!("{}:/usr/bin:/bin", tools().display());
        let command = pty::Command::new("sh").args(["-c", script]);
        let command = command.current_dir(self.folder).env("PATH", path);
        let mut pty = Pty::spawn(command.envs([self.rack.variable()]));
        for prompt in prompts {
            // Of the same question, shown once more, nothing is to be answered.
            if !prompt.is_empty() {
                pty.expect(prompt);
            }
            pty.expect("Enter PIN").expect_no_echo().send_line(PIN);
        }
        assert!(pty.finish().success(), "{script}: {}", pty.transcript());
    }

    /// An identity that takes the PIN and a touch for each use, as ours do.
    fn generate(&self, card: u32) {
        let plugin = "age-plugin-yubikey";
        let policies = "--pin-policy always --touch-policy always";
        let access = format!("ykman --device {card} piv access");
        let changes = format!(
            "{access} change-pin -P {FACTORY_PIN} -n {PIN} &&
             {access} change-puk -p {FACTORY_PUK} -n {PUK} &&
             {access} change-management-key -f --generate --protect --pin {PIN} \
                 -m {MANAGEMENT_KEY}"
        );
        self.run(&changes, &[]);
        let generation = format!(
            "{plugin} --generate --serial {card} --slot 1 {policies} >{card}.out &&
             {plugin} --identity --serial {card} --slot 1 >{card}.id &&
             {plugin} --list --serial {card} --slot 1 | grep ^age1 >{card}.recipient"
        );
        self.run(&generation, &["Generating key", "Generating certificate"]);
    }

    fn seal(&self, number: u64) {
        let [first, second] = CARDS;
        fs::write(self.folder.join("secret"), format!("secret {number}")).expect("our folder");
        self.run(
            &format!("age -R {second}.recipient <secret | age -R {first}.recipient >{number}.age"),
            &[],
        );
    }

    fn open(&self, number: u64) {
        let [first, second] = CARDS;
        let opening = format!(
            "age -d -i {first}.id -o inner.age {number}.age &&
             age -d -i {second}.id -o opened inner.age"
        );
        self.run(&opening, &["", ""]);
        let opened = fs::read_to_string(self.folder.join("opened")).expect("it was opened");
        assert_eq!(opened, format!("secret {number}"));
    }
}
