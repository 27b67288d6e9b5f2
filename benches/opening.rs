//! What it costs to open one credential of ten and one of a hundred thousand, at a real terminal with two
//! SoftHSM tokens: time, bytes that are read, key operations. Figures are ratios within one run.
//!
//! `cargo bench --bench opening [-- CREDENTIALS]`, 100,000 unless said otherwise.

#[path = "../tests/common/aws.rs"]
mod aws;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/filled.rs"]
mod filled;
#[path = "../tests/common/pty.rs"]
mod pty;
#[path = "../tests/common/scene.rs"]
mod scene;

use std::fs;
use std::path::Path;
use std::time::Duration;

use figures::{Figures, best_of, millis};
use pty::{Command, Pty};
use scene::{BGO, IC, Scene, borrowed, both_pins, unseal_args};

const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";

fn main() {
    let mut figures = Figures::titled("opening");
    let many = figures::argument().unwrap_or(100_000);
    let few = of(10);
    let fleet = of(many);
    for (what, scene) in [("10", &few), (&*many.to_string(), &fleet)] {
        figures.say(
            &format!("bytes read to open 1 of {what}"),
            bytes_read(scene),
        );
    }
    let mut best = [Duration::MAX; 2];
    for _ in 0..7 {
        for (best, scene) in best.iter_mut().zip([&few, &fleet]) {
            *best = (*best).min(best_of(1, || open_one(scene)).0);
        }
    }
    figures.say("1 of 10, ms", millis(best[0]));
    figures.say(&format!("1 of {many}, ms"), millis(best[1]));
    figures.ratio("1 of many / 1 of 10", best[1], best[0], "at most 1.2");
    for count in [1, 20, many.min(1000)] {
        key_operations(&mut figures, count);
    }
}

/// A vault with so many credentials in one generation, which its station has looked at once.
fn of(credentials: u64) -> Scene {
    let scene = Scene::empty(&["nobody"]);
    scene.prepare(&[IC, BGO]);
    scene.found(&[IC], &[BGO], &[]);
    filled::fill(
        &scene.vault(),
        &scene.station().join("station.key"),
        credentials,
    );
    scene.run(&["status"]);
    scene
}

fn open_one(scene: &Scene) {
    scene.unseal(&[&filled::credential(7)], &["true"]).ended(0);
}

/// All bytes that an opening reads from the vault and from the station's folder.
fn bytes_read(scene: &Scene) -> u64 {
    let trace = scene.path("trace");
    let name = filled::credential(7);
    let command = Command::new("strace")
        .args(["-f", "-y", "-e", "trace=read,pread64,getdents64", "-o"])
        .arg(&trace)
        .arg(scene::binary())
        .args(unseal_args(&[&name], &["true"]))
        .env_clear()
        .envs(scene.environment());
    let mut pty = Pty::spawn(command);
    scene::answer(&mut pty, &borrowed(&both_pins())).ended(0);
    let text = fs::read_to_string(&trace).expect("strace wrote it");
    let ours = [scene.vault(), scene.station().to_owned()];
    let is_ours = |line: &&str| ours.iter().any(|folder| mentions(line, folder));
    let returned = |line: &str| line.rsplit_once("= ")?.1.trim().parse::<u64>().ok();
    text.lines().filter(is_ours).filter_map(returned).sum()
}

fn mentions(line: &str, folder: &Path) -> bool {
    line.contains(&format!("<{}", folder.display()))
}

/// PINs and key operations of one opening of so many credentials, as the module was asked for them.
fn key_operations(figures: &mut Figures, count: u64) {
    let mut scene = of(count);
    let calls = scene.path("calls");
    scene.variables = vec![
        ("PKCS11SPY".into(), scene::softhsm_library().into()),
        ("PKCS11SPY_OUTPUT".into(), calls.clone().into()),
    ];
    let reason = ["--reason", "INC-42", "--", "true"];
    let args = ["--module", SPY, "unseal", "--compartment", "main"];
    let args = [&args[..], &reason[..]].concat();
    scene.at_terminal(&args, &borrowed(&both_pins())).ended(0);
    let calls = fs::read_to_string(&calls).expect("the spy wrote it");
    let times = |call: &str| {
        let called = format!(": {call}");
        calls.lines().filter(|line| line.ends_with(&called)).count()
    };
    figures.say(
        &format!("PINs and key operations for {count} credentials"),
        format!("{} and {}", times("C_Login"), times("C_DeriveKey")),
    );
}
