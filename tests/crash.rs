//! `rotate` and `close`, and the run that ends a lease, are killed, deceived and hindered everywhere, and resumed by the same command; the
//! invariants of the design (section 7) are looked at from outside, after the crash and after the resume.
//!
//! The short form takes some points of every kind. `BREAKGLASS_LONG=once` takes each exchange, each reply and
//! each change of the disk, and `BREAKGLASS_LONG=1` all of them with two credentials, and all pairs of deaths
//! too, and needs an hour of two cores.

#[path = "common/aws.rs"]
mod aws;
#[path = "common/crash_bench.rs"]
mod crash_bench;
#[path = "common/pty.rs"]
mod pty;
#[path = "common/scene.rs"]
mod scene;
#[path = "common/strace.rs"]
mod strace;

use crash_bench::{Bench, Deed, Ended};

/// More exchanges than any deed has.
const BEYOND: u32 = 200;

/// What a sweep has found so far.
struct Sweep {
    bench: Bench,
    long: bool,
    /// Whether each point is taken.
    each: bool,
    points: usize,
    openings: usize,
    /// How many resumes took one try, two, and so on.
    tries: [usize; 8],
    /// Kills at writes that this run did not come to.
    unreached: usize,
    violations: Vec<String>,
}

impl Sweep {
    fn new(deed: Deed) -> Self {
        let form = std::env::var_os("BREAKGLASS_LONG").unwrap_or_default();
        let long = form == "1";
        Self {
            bench: Bench::new(deed, if long { 2 } else { 1 }),
            long,
            each: long || form == "once",
            points: 0,
            openings: 0,
            tries: [0; 8],
            unreached: 0,
            violations: Vec::new(),
        }
    }

    /// Every `short`-th of these in the short form, each in the others.
    fn step(&self, short: usize) -> usize {
        if self.each { 1 } else { short }
    }

    /// The world as the crash left it, the resume, and the world then.
    fn judge(&mut self, point: &str, last: bool) {
        self.points += 1;
        let rest = self.bench.check_at_rest();
        let resumed = self.bench.resume();
        if let Ok(tries) = &resumed {
            self.tries[*tries] += 1;
        }
        let mut found = rest.map_err(|e| format!("before the resume: {e}"));
        found = found.and(resumed.map(drop));
        found = found.and_then(|()| {
            self.bench
                .check_settled()
                .map_err(|e| format!("resumed: {e}"))
        });
        let every = if self.long { 10 } else { 12 };
        if found.is_ok() && (last || self.points % every == 1) {
            self.openings += 1;
            found = self.bench.check_opening();
        }
        if let Err(why) = found {
            println!("VIOLATION {point}: {why}");
            self.violations.push(format!("{point}: {why}"));
        }
    }

    /// Kills at every exchange with AWS, before it and after it.
    fn exchanges(&mut self, short: usize) -> u32 {
        let mut exchanges = 0;
        for acted in [false, true] {
            for nth in (1..BEYOND).step_by(self.step(short)) {
                self.bench.reset();
                let ended = self.bench.kill_at_exchange(nth, acted);
                let when = if acted { "after" } else { "before" };
                let last = ended != Ended::Killed;
                self.judge(&format!("killed {when} exchange {nth}"), last);
                if last {
                    self.unharmed(ended, "exchanges");
                    exchanges = nth - 1;
                    break;
                }
            }
        }
        exchanges
    }

    /// Kills, and kills the resume.
    fn nested(&mut self, exchanges: u32, short: usize) {
        for first in (1..=exchanges).step_by(if self.long { 1 } else { short }) {
            for second in (1..=exchanges).step_by(if self.long { 3 } else { short + 1 }) {
                let acted = (first + second) % 2 == 0;
                self.bench.reset();
                self.bench.kill_at_exchange(first, true);
                let ended = self.bench.kill_at_exchange(second, acted);
                self.judge(
                    &format!(
                        "killed after exchange {first}, resumed, killed at {second} ({acted})"
                    ),
                    ended != Ended::Killed,
                );
            }
        }
    }

    /// AWS acts, and its reply is lost or spoiled.
    fn replies(&mut self, short: usize) {
        for (at, fault) in (1..).zip(["drop-after", "truncate", "garble"]) {
            let start = if self.each { 1 } else { at };
            for nth in (start..BEYOND).step_by(self.step(short)) {
                self.bench.reset();
                let (ended, harmed) = self.bench.harm_replies("*", fault, nth, 1);
                self.not_a_bug(ended, &format!("{fault} of reply {nth}"));
                if harmed == 0 {
                    self.unharmed(ended, fault);
                    break;
                }
                self.judge(&format!("{fault} of reply {nth}"), false);
            }
        }
    }

    /// A new key without what makes it one; and no reply at all to any call of an action.
    fn bad_replies(&mut self) {
        let faults = [
            "no-secret",
            "short-secret",
            "empty-secret",
            "bad-id",
            "html-after",
        ];
        for fault in &faults[..if self.each { 5 } else { 1 }] {
            self.bench.reset();
            let (ended, _) = self.bench.harm_replies("CreateAccessKey", fault, 1, 1);
            self.not_a_bug(ended, fault);
            self.judge(&format!("{fault} of CreateAccessKey"), false);
        }
        if !self.each {
            return;
        }
        for action in [
            "ListAccessKeys",
            "CreateAccessKey",
            "UpdateAccessKey",
            "DeleteAccessKey",
            "GetCallerIdentity",
            "PutUserPolicy",
            "GetAccessKeyLastUsed",
        ] {
            for nth in [1, 2, 3] {
                self.bench.reset();
                let (ended, _) = self.bench.harm_replies(action, "drop-after", nth, 99);
                self.not_a_bug(ended, action);
                self.judge(&format!("{action} lost for good from {nth} on"), false);
            }
        }
    }

    /// Kills before every change of the disk.
    fn file_kills(&mut self, short: usize) {
        self.bench.reset();
        let operations = self.bench.file_operations();
        println!("{} file operations", operations.len());
        for (call, nth) in operations.iter().step_by(self.step(short)) {
            self.bench.reset();
            let ended = self.bench.inject(call, &format!("signal=KILL:when={nth}"));
            // How often the AWS library wakes itself by a write is another number each time.
            let fewer = call == "write" && ended == Ended::With(0);
            self.unreached += usize::from(fewer);
            if ended != Ended::Killed && !fewer {
                let point = format!("{call} {nth}: it was to be killed, and ended {ended:?}");
                self.violations.push(point);
            }
            self.judge(&format!("killed at {call} {nth}"), false);
        }
        let (call, nth) = ("linkat", BEYOND);
        self.bench.reset();
        let ended = self.bench.inject(call, &format!("signal=KILL:when={nth}"));
        self.unharmed(ended, "file operations");
    }

    /// Lets every change of the disk fail: once, or from then on.
    fn file_errors(&mut self, short: usize) {
        self.bench.reset();
        let operations = self.bench.file_operations();
        let calls = operations
            .iter()
            .enumerate()
            .filter(|(_, (call, _))| call != "flock");
        for (at, (call, nth)) in calls.step_by(self.step(short)) {
            let error = ["ENOSPC", "EIO", "EROFS"][at % 3];
            // The AWS library wakes itself by writes, too, and panics where they fail, which no full disk does.
            let from_then_on = if call == "write" {
                ""
            } else {
                ["+", ""][at % 2]
            };
            self.bench.reset();
            let what = format!("error={error}:when={nth}{from_then_on}");
            let ended = self.bench.inject(call, &what);
            let point = format!("{error} at {call} {nth}{from_then_on}");
            self.not_a_bug(ended, &point);
            self.judge(&point, false);
        }
    }

    fn unharmed(&mut self, ended: Ended, what: &str) {
        if ended != Ended::With(0) {
            self.violations
                .push(format!("{what}: the unharmed run ended {ended:?}"));
        }
    }

    fn not_a_bug(&mut self, ended: Ended, point: &str) {
        if matches!(ended, Ended::With(70 | 101 | 2) | Ended::Killed) {
            self.violations.push(format!("{point}: it ended {ended:?}"));
        }
    }

    fn report(self, kind: &str) {
        let form = if self.long {
            "the whole sweep"
        } else if self.each {
            "each once"
        } else {
            "the short form; BREAKGLASS_LONG=1 sweeps all"
        };
        println!(
            "{:?}, {kind}: {} points ({form}), {} not come to, {} openings, tries of the resumes: {:?}, {} violations",
            self.bench.deed,
            self.points,
            self.unreached,
            self.openings,
            &self.tries[1..5],
            self.violations.len()
        );
        assert!(self.violations.is_empty(), "{:#?}", self.violations);
        assert!(self.unreached * 20 <= self.points, "too many");
    }
}

/// All kinds on one bench.
fn all(deed: Deed) {
    let mut sweep = Sweep::new(deed);
    // A closing has the most exchanges, and the end of a lease is one that begins otherwise: their short forms are
    // shorter.
    let by = match deed {
        Deed::Close => 2,
        Deed::Reap => 3,
        _ => 1,
    };
    let exchanges = sweep.exchanges(5 * by);
    sweep.nested(exchanges, 9 * by);
    sweep.replies(9 * by);
    sweep.bad_replies();
    sweep.file_kills(67 * by);
    sweep.file_errors(97 * by);
    sweep.report("all kinds");
}

#[test]
fn the_first_sealing_survives_everything() {
    all(Deed::First);
}

#[test]
fn a_rotation_survives_everything() {
    all(Deed::Later);
}

#[test]
fn closing_survives_everything() {
    all(Deed::Close);
}

#[test]
fn ending_a_lease_survives_everything() {
    all(Deed::Reap);
}
