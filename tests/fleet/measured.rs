//! What a rotation of many users takes: calls, time, memory; printed as lines `measured: …`. `scripts/fleet` runs the
//! long form; here it is short, and only what is counted is asserted.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use breakglass::crypto::SoftwareSigner;
use breakglass::ops::{
    Cloud, Known, NewCredential, OpenVault, Station, Timing, World, add_credential,
};
use breakglass::store::{DirStore, StationFolder};
use breakglass::system::{SystemClock, SystemEntropy};
use breakglass::token::pkcs11::Pkcs11Provider;

use crate::aws::{Proxy, ROTATOR};
use crate::scene::{Scene, binary};

/// `BREAKGLASS_FLEET="USERS RATE"`; a rate of 0 throttles nothing.
fn wanted() -> (usize, f64) {
    let text = std::env::var("BREAKGLASS_FLEET").unwrap_or_default();
    let mut words = text.split_whitespace();
    let users = words.next().map(|word| word.parse().expect("a number"));
    let rate = words.next().map(|word| word.parse().expect("a rate"));
    (users.unwrap_or(20), rate.unwrap_or(40.0))
}

fn founded(users: usize) -> (Scene, Vec<String>) {
    let users: Vec<String> = (0..users).map(|nth| format!("u{nth:04}")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let scene = Scene::founded(&names);
    add_all(&scene, &names);
    (scene, users)
}

/// Adds a credential for each user in this process: a thousand commands would take minutes.
fn add_all(scene: &Scene, users: &[&str]) {
    let store = DirStore::open(scene.vault()).expect("the vault");
    let memory = StationFolder::new(scene.station().to_owned());
    let seed = memory.seed(&SystemEntropy).expect("the station's key");
    let station = Station {
        name: "station".parse().expect("a name"),
        signer: SoftwareSigner::new(seed),
        memory: &memory,
    };
    let tokens = Pkcs11Provider::new(vec![]);
    let world = World {
        store: &store,
        tokens: &tokens,
        clock: &SystemClock,
        entropy: &SystemEntropy,
        station: &station,
    };
    let aws = scene.server().as_profile(ROTATOR);
    let cloud = Cloud {
        keys: &aws,
        proof: &aws,
        endpoint: None,
        timing: Timing {
            answers: 1,
            interval: Duration::ZERO,
            patience: Duration::ZERO,
            lag: Duration::ZERO,
        },
        known: Known::default(),
    };
    let mut vault = OpenVault::open(&world).expect("a good vault");
    for user in users {
        let new = NewCredential {
            name: user.parse().expect("a name"),
            compartment: "main".parse().expect("a name"),
            user: user.parse().expect("a user"),
            account: None,
            roles: Vec::new(),
        };
        add_credential(&mut vault, &cloud, &new).expect("added");
    }
}

/// Rotates everything. Returns the seconds, and the most memory that was in use, in MiB.
fn rotate(scene: &Scene) -> (f64, f64) {
    let started = Instant::now();
    let mut child = Command::new(binary())
        .args(["rotate", "--json"])
        .env_clear()
        .envs(scene.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(scene.path("said")).expect("the folder is ours"))
        .spawn()
        .expect("the binary runs");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0_f64;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        most = most.max(kib.unwrap_or(0.0) / 1024.0);
        if let Some(ended) = child.try_wait().expect("the child is ours") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = fs::read_to_string(scene.path("said")).unwrap_or_default();
    assert!(ended.success(), "{ended}: {said}");
    (started.elapsed().as_secs_f64(), most)
}

#[test]
fn a_fleet_is_rotated_and_each_user_takes_five_calls() {
    let (count, rate) = wanted();
    let (mut scene, users) = founded(count);
    let proxy = Proxy::start(scene.server());
    scene.variables = vec![("AWS_ENDPOINT_URL".into(), proxy.endpoint().into())];
    rotate(&scene);
    proxy.reset();
    let (free, memory) = rotate(&scene);
    let calls: usize = proxy.counts().values().sum();
    let each = calls as f64 / count as f64;
    println!(
        "measured: {count} users: {free:.1} s, {:.1} calls/s, {each:.2} calls each, {memory:.0} MiB at most",
        calls as f64 / free
    );
    // The rotator's own identity is the one that comes on top.
    assert_eq!(calls, 5 * count + 1);
    if rate > 0.0 {
        proxy.reset();
        proxy.limit(rate, 10);
        let (took, memory) = rotate(&scene);
        let counts = proxy.counts();
        let harmed = proxy.harmed();
        let calls: usize = counts.values().sum();
        assert_eq!(calls, 5 * count + 1);
        // IAM and STS are throttled each, and asked one after the other.
        let least = calls as f64 / rate;
        println!(
            "measured: {count} users at {rate} calls/s: {took:.1} s, {:.2} times the {least:.1} s of calls ÷ rate, \
             {harmed} throttled, {memory:.0} MiB at most",
            took / least
        );
    }
    proxy.reset();
    for user in users {
        let keys = scene.keys_of(&user);
        assert!(keys.len() == 1 && keys[0].1, "{user}: {keys:?}");
    }
    scene.run(&["status"]).ended(0);
}
