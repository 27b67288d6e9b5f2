//! Several rotators on one store, killed at random: one winner of each generation, no fork, nothing lost.
//!
//! The short form has three rotators, six users and two rounds; `BREAKGLASS_LONG=1` eight, 200 and 20.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::aws::StoreServer;
use crate::good;
use crate::scene::{BGO, IC, Scene};
use crate::scene_in;

/// Enough chance for a test, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

/// All rotate at once; some are killed.
fn round(scene: &mut Scene, stations: &[PathBuf], dice: &mut Dice) -> usize {
    let home = scene.station().to_owned();
    let mut running: Vec<Child> = Vec::new();
    for station in stations {
        scene.go_to(station.clone());
        running.push(scene.breakglass(&["rotate"]).spawn().expect("it runs"));
    }
    scene.go_to(home);
    let mut killed = 0;
    for child in &mut running {
        if dice.below(3) == 0 {
            sleep(Duration::from_millis(dice.below(1500)));
            killed += usize::from(child.try_wait().expect("ours").is_none());
            child.kill().expect("ours");
        }
    }
    for mut child in running {
        child.wait().expect("ours");
    }
    killed
}

/// From outside: each user has one key, which is active and the one that an opening gives.
fn check(scene: &Scene, users: &[&str]) {
    let status = scene.run(&["status", "--json"]).ended(0).json();
    let all = status["credentials"].as_array().expect("a list");
    let current: BTreeMap<&str, &str> = all
        .iter()
        .filter_map(|one| Some((one["name"].as_str()?, one["key"][0].as_str()?)))
        .collect();
    for user in users {
        assert_eq!(
            scene.keys_of(user),
            [(current[user].to_owned(), true)],
            "{user}"
        );
    }
    let verified = scene.run(&["ledger", "verify", "--json"]).ended(0).json();
    assert!(
        verified["intact"] == true && verified["complete"] == true,
        "{verified}"
    );
}

/// Each generation was begun once, and what was committed of it belongs to it.
fn generations(scene: &Scene) -> usize {
    let mut begun = BTreeSet::new();
    let mut committed = BTreeMap::<u64, BTreeSet<String>>::new();
    let log = scene.log().to_string();
    let log: Value = serde_json::from_str(&log).expect("JSON");
    visit(&log, &mut |event| {
        if let Some(one) = event.get("rotation-begun") {
            let number = one["generation"].as_u64().expect("a number");
            assert!(begun.insert(number), "generation {number} was begun twice");
        }
        if let Some(one) = event.get("generation-committed") {
            let of = committed
                .entry(one["generation"].as_u64().expect("a number"))
                .or_default();
            for name in one["credentials"].as_array().expect("a list") {
                let name = name.as_str().expect("a name").to_owned();
                assert!(of.insert(name.clone()), "{name} was committed twice");
            }
        }
    });
    assert!(committed.keys().all(|number| begun.contains(number)));
    begun.len()
}

fn visit(value: &Value, look: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| visit(one, look)),
        Value::Object(all) => {
            look(value);
            all.values().for_each(|one| visit(one, look));
        }
        _ => {}
    }
}

#[test]
fn several_rotators_on_one_store() {
    let long = std::env::var_os("BREAKGLASS_LONG").is_some_and(|value| value == "1");
    let (rotators, many, rounds) = if long { (8, 200, 20) } else { (3, 6, 2) };
    let users: Vec<String> = (1..=many).map(|nth| format!("user{nth}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let store = good(StoreServer::Moto);
    let mut scene = scene_in(&store, &users);
    scene.prepare(&[IC, BGO]);
    scene.found(&[IC], &[BGO], &[]);
    scene.add(&users);
    scene.run(&["rotate"]).ended(0);
    let mut stations = vec![scene.station().to_owned()];
    for nth in 2..=rotators {
        stations.push(scene.second_rotator(&format!("rotator{nth}")));
    }
    let mut dice = Dice(42);
    let mut killed = 0;
    for nth in 1..=rounds {
        killed += round(&mut scene, &stations, &mut dice);
        // Whoever comes next, and knows that nobody is at it any more.
        let finished = (1..=3).find(|_| scene.run(&["rotate", "--take-over"]).code == 0);
        assert!(finished.is_some(), "round {nth} does not come to rest");
        check(&scene, &users);
    }
    let begun = generations(&scene);
    println!(
        "{rotators} rotators, {many} users, {rounds} rounds: {killed} killed, {begun} generations"
    );
}
