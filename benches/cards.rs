//! What an opening with two YubiKeys costs, on virtual cards behind a real pcscd: exchanges, PINs and touches for one
//! and for twenty credentials, against age with age-plugin-yubikey nested for two people on the same machine; the
//! host's part of the time; and the time to a key that works.
//!
//! `cargo bench --bench cards [-- CREDENTIALS]`, 20 unless said otherwise; scripts/measure builds what it needs.

#[path = "../tests/common/aws.rs"]
mod aws;
#[path = "../tests/common/bench.rs"]
mod bench;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/filled.rs"]
mod filled;
#[path = "common/nested.rs"]
mod nested;
#[path = "../tests/common/pty.rs"]
mod pty;
#[path = "../tests/common/rack.rs"]
mod rack;
#[path = "../tests/yubikey_story/safe.rs"]
mod safe;
#[path = "../tests/common/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use figures::{Figures, best_of, millis};
use rack::Desk;
use safe::{ALICE, BOB, PIN_ALICE, PIN_BOB, Safe, end};

const RUNS: usize = 9;

/// What the cards counted.
#[derive(Clone, Copy)]
pub struct Cost {
    pub apdus: u64,
    pub pins: u64,
    pub touches: u64,
    /// For how long the cards were busy, touches included, in milliseconds.
    pub busy: f64,
}

impl Cost {
    /// Of these cards since they were cleared.
    pub fn of(desk: &Desk, cards: &[u32]) -> Self {
        let mut sum = Self {
            apdus: 0,
            pins: 0,
            touches: 0,
            busy: 0.0,
        };
        for card in cards {
            let counts = desk.counts(*card);
            let number = |what: &str| counts[what].as_u64().expect("a number");
            sum.apdus += number("apdus");
            sum.pins += number("verifies");
            sum.touches += number("touches");
            sum.busy += counts["busy_ms"].as_f64().expect("a number");
        }
        sum
    }

    fn say(&self, figures: &Figures, what: &str) {
        let Self {
            apdus,
            pins,
            touches,
            ..
        } = self;
        let said = format!("{apdus} APDUs, {pins} PINs, {touches} touches");
        figures.say(what, said);
    }
}

fn main() {
    let figures = Figures::titled("cards");
    let many = figures::argument().unwrap_or(20);
    let safe = filled_safe(many);
    for count in [1, many] {
        let (cost, _) = open(&safe, count);
        cost.say(&figures, &format!("ours, {count}"));
        match nested::opening(count) {
            Some(other) => {
                other.say(&figures, &format!("age and plugin, {count}"));
                let ratio = |ours: u64, other: u64| format!("{:.2}", ours as f64 / other as f64);
                let said = [
                    ratio(cost.apdus, other.apdus),
                    ratio(cost.pins, other.pins),
                    ratio(cost.touches, other.touches),
                ];
                let what = format!("ours / age, {count}: APDUs, PINs, touches");
                figures.say(&what, said.join(", "));
            }
            None => figures.say(
                &format!(
                    "age and plugin, {count} (documented, not measured: no age or plugin here)"
                ),
                format!("{} APDUs", 14 * count),
            ),
        }
    }
    host_time(&figures, &safe);
    drop(safe);
    to_a_working_key(&figures);
}

/// A vault of two people with YubiKeys and so many credentials.
fn filled_safe(credentials: u64) -> Safe {
    let safe = Safe::new(
        &["nobody"],
        &format!("--readers 2 --card {ALICE} --card {BOB}"),
    );
    safe.prepare(ALICE, PIN_ALICE);
    safe.prepare(BOB, PIN_BOB);
    safe.found(&[]);
    let key = safe.scene.station().join("station.key");
    filled::fill(&safe.scene.vault(), &key, credentials);
    safe.scene.run(&["status"]);
    safe.auto_touch(true);
    safe
}

/// Opens so many credentials with PINs typed at once and cards touched at once: what it cost the cards, and how long
/// it took from the command's start to its end.
fn open(safe: &Safe, count: u64) -> (Cost, Duration) {
    let names: Vec<String> = (0..count).map(filled::credential).collect();
    let mut args = vec!["unseal"];
    args.extend(names.iter().map(String::as_str));
    args.extend(["--reason", "INC-42", "--", "true"]);
    safe.clear();
    let begun = Instant::now();
    play(safe, &args, 0);
    let time = begun.elapsed();
    (Cost::of(&safe.rack, &[ALICE, BOB]), time)
}

fn play(safe: &Safe, args: &[&str], code: i32) {
    let mut pty = safe.start(args);
    for (name, pin) in [("alice", PIN_ALICE), ("bob", PIN_BOB)] {
        let prompt = format!("PIN of {name} for token");
        pty.expect(&prompt).expect("(not shown): ").send_line(pin);
    }
    end(&mut pty).ended(code);
}

/// The time of an opening that is not the cards'.
fn host_time(figures: &Figures, safe: &Safe) {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (cost, time) = open(safe, 1);
            time.as_secs_f64() * 1000.0 - cost.busy
        })
        .collect();
    times.sort_by(f64::total_cmp);
    figures.say(
        "host time of an opening (wall less the cards' time), ms, best and median",
        format!("{:.1} and {:.1} (at most 50)", times[0], times[RUNS / 2]),
    );
    let nothing = best_of(5, || safe.scene.run(&["--version"]).ended(0)).0;
    figures.say("of which starting the program, ms", millis(nothing));
    let status = best_of(5, || safe.scene.run(&["status"])).0;
    figures.say(
        "for comparison, `status` of the same vault, ms",
        millis(status),
    );
}

/// From `unseal` to a key with which AWS says who it is.
fn to_a_working_key(figures: &Figures) {
    let safe = Safe::sealed(&["deploy"]);
    safe.auto_touch(true);
    let aws = scene::aws();
    let ask = [aws.as_str(), "sts", "get-caller-identity"];
    let mut args = vec!["unseal", "deploy", "--reason", "INC-42", "--"];
    args.extend(ask);
    let (best, ()) = best_of(5, || play(&safe, &args, 0));
    let alone = best_of(5, || {
        let mut command = std::process::Command::new(ask[0]);
        command.args(&ask[1..]).env_clear();
        command.envs(safe.scene.environment());
        assert!(command.output().expect("aws runs").status.success());
    });
    figures.say(
        "from unseal to the answer of sts get-caller-identity, ms",
        format!("{} (at most 1000)", millis(best)),
    );
    figures.say("of which aws itself, ms", millis(alone.0));
}
