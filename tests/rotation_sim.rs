//! The real `rotate` in a small world (tests/common/sim.rs) in which anything may happen: the process dies at
//! any moment, replies are lost, IAM's lists lag, somebody meddles. The invariants of the design (section
//! 7) hold after every run, and clean runs bring everything to rest.

#[path = "common/aws.rs"]
mod aws;
#[path = "common/pty.rs"]
mod pty;
#[path = "common/scene.rs"]
mod scene;
#[path = "common/sim.rs"]
mod sim;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use scene::Scene;
use sim::{Founded, LAG, Reply, Rival, Sim, Slow, Trouble};

/// More moments than a run has.
const MOMENTS: u32 = 150;

/// More moments than a run has before it begins to rotate.
const EARLY: u32 = 12;

fn founded() -> Founded {
    founded_with(&["deploy"])
}

fn founded_with(users: &[&str]) -> Founded {
    let scene = Scene::founded(users);
    scene.add(users);
    Founded::read(&scene.vault(), &[scene.station()])
}

/// The same with a second rotator.
fn founded_with_two() -> Founded {
    let mut scene = Scene::founded(&["deploy"]);
    scene.add(&["deploy"]);
    let first = scene.station().to_owned();
    let second = scene.second_rotator("second");
    Founded::read(&scene.vault(), &[&first, &second])
}

/// How many cases; `BREAKGLASS_LONG=1` takes many more.
fn cases() -> u32 {
    let long = std::env::var_os("BREAKGLASS_LONG").is_some_and(|value| value == "1");
    if long { 5000 } else { 40 }
}

fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    })
}

/// One run, and how long nobody looks after it.
#[derive(Debug, Clone)]
struct Run {
    trouble: Trouble,
    pause: u64,
}

fn replies() -> impl Strategy<Value = Vec<Reply>> {
    let reply = prop_oneof![
        2 => Just(Reply::Good),
        1 => Just(Reply::LostBefore),
        2 => Just(Reply::LostAfter),
    ];
    prop::collection::vec(reply, 0..2)
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let dies_at = prop::option::weighted(0.8, 0..MOMENTS);
    let pause = prop_oneof![Just(0), Just(5), Just(30), Just(4000)];
    let run = (dies_at, replies(), pause).prop_map(|(dies_at, replies, pause)| Run {
        trouble: Trouble { dies_at, replies },
        pause,
    });
    prop::collection::vec(run, 1..6)
}

fn slow(most: u64) -> impl Strategy<Value = Slow> {
    (0..=most, 0..=most, 0..10_u64).prop_map(|(listed, forgotten, known)| Slow {
        listed,
        forgotten,
        known,
    })
}

/// Whose secrets could be opened already.
type Opened = BTreeSet<String>;

/// After every run, of each user: at most two keys, what would be opened is active, and once there was
/// something to open there always is.
fn check(sim: &Sim, opened: &mut Opened) -> Result<(), TestCaseError> {
    for (user, current) in sim.current() {
        let keys = sim.keys_of(&user);
        prop_assert!(keys.len() <= 2, "{user}: {keys:?}");
        if let Some(current) = &current {
            prop_assert!(
                keys.contains(&(current.clone(), true)),
                "{user}: {current} of {keys:?}"
            );
            opened.insert(user);
        } else {
            prop_assert!(
                !opened.contains(&user),
                "{user}: nothing opens any more: {keys:?}"
            );
        }
    }
    Ok(())
}

/// Clean runs until one ends well: not many, and then there is one key of each user, which opens.
fn comes_to_rest(sim: &Sim, tries: u32) -> Result<(), TestCaseError> {
    let mut opened = Opened::new();
    for nth in 1..=tries {
        let done = sim.rotate(&Trouble::default());
        check(sim, &mut opened)?;
        match done {
            Ok(()) => break,
            Err(failure) => prop_assert!(nth < tries, "{failure:?}"),
        }
    }
    is_at_rest(sim)
}

fn is_at_rest(sim: &Sim) -> Result<(), TestCaseError> {
    for (user, current) in sim.current() {
        let current = current.map(|id| (id, true));
        prop_assert_eq!(sim.keys_of(&user), Vec::from_iter(current));
    }
    Ok(())
}

#[test]
fn whatever_happens_one_key_is_sealed_and_opens() {
    let founded = founded();
    let any = (slow(LAG - 2), runs());
    let result = runner().run(&any, |(slow, runs)| {
        let sim = Sim::new(&founded, slow);
        let mut opened = Opened::new();
        for run in &runs {
            let _ = sim.rotate(&run.trouble);
            check(&sim, &mut opened)?;
            sim.pass(run.pause);
        }
        // The lists lag less than is allowed for: one clean run does, or a second one where a key could
        // not be used in time.
        comes_to_rest(&sim, 2)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn lists_that_lag_longer_than_allowed_for_only_delay_it() {
    let founded = founded();
    let result = runner().run(&(slow(10 * LAG), runs()), |(slow, runs)| {
        let sim = Sim::new(&founded, slow);
        let mut opened = Opened::new();
        for run in &runs {
            let _ = sim.rotate(&run.trouble);
            check(&sim, &mut opened)?;
            sim.pass(run.pause);
        }
        let mut done = false;
        for _ in 0..6 {
            done |= sim.rotate(&Trouble::default()).is_ok();
            check(&sim, &mut opened)?;
            sim.pass(20 * LAG);
        }
        prop_assert!(done);
        is_at_rest(&sim)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// A key that somebody else makes is never touched, and stops the run until it is gone; whoever makes it
/// does so on another day than ours was left unanswered.
#[test]
fn somebody_elses_key_is_never_touched() {
    let founded = founded();
    let any = (slow(LAG - 2), runs(), runs());
    let result = runner().run(&any, |(slow, before, after)| {
        let sim = Sim::new(&founded, slow);
        for run in &before {
            let _ = sim.rotate(&run.trouble);
            sim.pass(run.pause);
        }
        sim.pass(4000);
        sim.make_foreign("deploy");
        sim.pass(4000);
        let made = sim.foreign_made();
        for run in &after {
            let done = sim.rotate(&run.trouble);
            prop_assert!(made == 0 || done.is_err());
            prop_assert_eq!(sim.foreign().len(), made);
            sim.pass(run.pause);
        }
        sim.remove_foreign();
        sim.pass(60);
        comes_to_rest(&sim, 2)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// Keys are deleted or deactivated behind our back, between runs: the next clean runs make a new one.
#[test]
fn what_is_taken_away_behind_our_back_is_replaced() {
    let founded = founded();
    let any = (slow(LAG - 2), runs(), any::<[bool; 4]>());
    let result = runner().run(&any, |(slow, runs, delete)| {
        let sim = Sim::new(&founded, slow);
        for (run, delete) in runs.iter().zip(delete.iter().cycle()) {
            let _ = sim.rotate(&run.trouble);
            if let Some((id, _)) = sim.keys().first() {
                sim.meddle(id, *delete);
            }
            sim.pass(run.pause);
        }
        sim.pass(60);
        comes_to_rest(&sim, 3)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// Every single moment of a rotation, and of the run after it.
#[test]
fn death_at_every_moment_and_again_in_the_resume() {
    let founded = founded();
    let slow = Slow {
        listed: 3,
        forgotten: 3,
        known: 2,
    };
    let mut points = 0;
    let (step, again) = if cases() > 1000 { (1, 5) } else { (13, 29) };
    for first in (0..MOMENTS).step_by(step) {
        for second in (0..MOMENTS).step_by(again) {
            let sim = Sim::new(&founded, slow);
            let mut opened = Opened::new();
            sim.rotate(&Trouble::default()).expect("a first key");
            for dies_at in [Some(first), Some(second)] {
                let trouble = Trouble {
                    dies_at,
                    ..Trouble::default()
                };
                let _ = sim.rotate(&trouble);
                check(&sim, &mut opened).unwrap_or_else(|e| panic!("{first}, {second}: {e}"));
            }
            comes_to_rest(&sim, 1).unwrap_or_else(|e| panic!("{first}, {second}: {e}"));
            points += 1;
        }
    }
    println!("{points} points");
}

const SEVERAL: [&str; 5] = ["a", "b", "c", "d", "e"];

/// More moments than a run with several users has.
const MANY_MOMENTS: u32 = 260;

/// Keys of several users are made at once, so several may be without a seal when the process dies.
#[test]
fn whatever_happens_each_of_several_users_is_safe() {
    let founded = founded_with(&SEVERAL);
    let dies_at = prop::option::weighted(0.8, 0..MANY_MOMENTS);
    let replies = prop::collection::vec(replies(), 5).prop_map(|all| all.concat());
    let run = (dies_at, replies, prop_oneof![Just(0), Just(30), Just(4000)]).prop_map(
        |(dies_at, replies, pause)| Run {
            trouble: Trouble { dies_at, replies },
            pause,
        },
    );
    let any = (slow(LAG - 2), prop::collection::vec(run, 1..5));
    let result = runner().run(&any, |(slow, runs)| {
        let sim = Sim::new(&founded, slow);
        let mut opened = Opened::new();
        for run in &runs {
            let _ = sim.rotate(&run.trouble);
            check(&sim, &mut opened)?;
            sim.pass(run.pause);
        }
        comes_to_rest(&sim, 2)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn somebody_elses_key_stops_its_user_alone() {
    let founded = founded_with(&SEVERAL);
    let sim = Sim::new(&founded, Slow::default());
    sim.rotate(&Trouble::default()).expect("first keys");
    sim.pass(4000);
    sim.make_foreign("c");
    let before = sim.current();
    let failure = sim.rotate(&Trouble::default());
    let failure = failure.expect_err("one of them");
    assert_eq!(failure.code, "foreign-key");
    let after = sim.current();
    for user in SEVERAL {
        assert_eq!(before[user] == after[user], user == "c", "{user}");
    }
    assert_eq!(sim.foreign().len(), 1);
}

#[test]
fn death_at_every_moment_of_a_rotation_of_several_users() {
    let founded = founded_with(&SEVERAL);
    let slow = Slow {
        listed: 3,
        forgotten: 3,
        known: 2,
    };
    let mut points = 0;
    let step = if cases() > 1000 { 1 } else { 11 };
    for moment in (0..MANY_MOMENTS).step_by(step) {
        let sim = Sim::new(&founded, slow);
        let mut opened = Opened::new();
        sim.rotate(&Trouble::default()).expect("first keys");
        // Where the answers are lost, too, what nobody has the secret of is looked for.
        for replies in [vec![], vec![Reply::LostAfter; 2]] {
            let trouble = Trouble {
                dies_at: Some(moment),
                replies,
            };
            let _ = sim.rotate(&trouble);
            check(&sim, &mut opened).unwrap_or_else(|e| panic!("{moment}: {e}"));
        }
        comes_to_rest(&sim, 1).unwrap_or_else(|e| panic!("{moment}: {e}"));
        points += 1;
    }
    println!("{points} points");
}

/// A second rotator comes at every single moment of a rotation, does all of its own or dies in it, its clock
/// right, as far off as AWS allows, or an hour off: no user is ever without a key that opens, and the next clean run brings all to rest.
#[test]
fn another_rotator_at_every_moment() {
    let founded = founded_with_two();
    let slow = Slow {
        listed: 2,
        forgotten: 3,
        known: 2,
    };
    let (step, deaths) = if cases() > 1000 { (1, 10) } else { (11, 37) };
    let mut points = 0;
    for at in (0..MOMENTS).step_by(step) {
        for dies_at in std::iter::once(None).chain((0..MOMENTS).step_by(deaths).map(Some)) {
            let ahead = [0.0, 840.0, -840.0, 3600.0, -3600.0][points % 5];
            let sim = Sim::new(&founded, slow);
            let mut opened = Opened::new();
            sim.rotate(&Trouble::default()).expect("a first key");
            let trouble = Trouble {
                dies_at,
                ..Trouble::default()
            };
            let rival = Rival {
                at,
                trouble,
                ahead,
                take_over: true,
            };
            let said = format!("at {at}, dies at {dies_at:?}, {ahead} s ahead");
            let _ = sim.rotate_against(&Trouble::default(), rival);
            check(&sim, &mut opened).unwrap_or_else(|e| panic!("{said}: {e}"));
            assert_eq!(opened.len(), 1, "{said}");
            sim.pass(4000);
            comes_to_rest(&sim, 2).unwrap_or_else(|e| panic!("{said}: {e}\n{}", sim.told()));
            points += 1;
        }
    }
    println!("{points} points");
}

/// One that leaves alone what another has begun never makes that one fail.
#[test]
fn another_rotator_that_is_left_to_its_work_ends_it() {
    let founded = founded_with_two();
    for at in (0..MOMENTS).step_by(if cases() > 1000 { 1 } else { 9 }) {
        for ahead in [0.0, 840.0, -840.0] {
            let sim = Sim::new(&founded, Slow::default());
            sim.rotate(&Trouble::default()).expect("a first key");
            let rival = Rival {
                at,
                trouble: Trouble::default(),
                ahead,
                take_over: false,
            };
            let done = sim.rotate_against(&Trouble::default(), rival);
            done.unwrap_or_else(|failure| panic!("at {at}, {ahead} s ahead: {failure:?}"));
            comes_to_rest(&sim, 1).unwrap_or_else(|e| panic!("at {at}: {e}"));
        }
    }
}

/// A run meets another rotator that has begun between its looks, and that is still at work: what that one has
/// under way looks like what a dead one has left, and it is left alone.
#[test]
fn what_another_rotator_has_under_way_is_never_taken_away() {
    let founded = founded_with_two();
    let (step, deaths) = if cases() > 1000 { (1, 1) } else { (3, 5) };
    let (mut points, mut keys) = (0, 0);
    for at in (0..EARLY).step_by(step) {
        for stops_at in (0..MOMENTS).step_by(deaths) {
            let sim = Sim::new(&founded, Slow::default());
            sim.rotate(&Trouble::default()).expect("a first key");
            let rival = Rival {
                at,
                trouble: Trouble {
                    dies_at: Some(stops_at),
                    ..Trouble::default()
                },
                ahead: 0.0,
                take_over: false,
            };
            let (done, under_way) = sim.rotate_beside(rival);
            let Some(under_way) = under_way else {
                continue;
            };
            let there = sim.keys();
            for id in &under_way {
                let is_there = there.contains(&(id.clone(), true));
                assert!(is_there, "at {at}, seen at {stops_at}: {id} was taken away");
            }
            let code = done.map_err(|failure| failure.code);
            assert_eq!(
                code,
                Err("rotated-elsewhere"),
                "at {at}, seen at {stops_at}"
            );
            points += 1;
            keys += under_way.len();
        }
    }
    println!("{points} points, {keys} keys under way");
    assert!(points > 0 && keys > 0);
}
