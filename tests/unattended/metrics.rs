//! What `--metrics` writes, of a real vault in each state that it can be in.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::checkers::{checker, content};
use crate::scene::{BGO, IC, Scene};

const HOUR: i64 = 3600;

/// Samples by name and labels, after promtool has found nothing to say against them.
struct Metrics(BTreeMap<String, i64>);

impl Metrics {
    fn of(text: &str) -> Self {
        let mut promtool = Command::new(checker("promtool"));
        let said = content(promtool.args(["check", "metrics"]), text);
        assert_eq!(said, "", "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let parsed = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self(parsed.collect())
    }

    fn file(path: &Path) -> Self {
        Self::of(&fs::read_to_string(path).expect("the metrics are there"))
    }

    /// The one value of a metric whose labels include these.
    fn get(&self, name: &str, labels: &str) -> Option<i64> {
        let mut found = self.0.iter().filter(|(sample, _)| {
            let (own, rest) = sample.split_once('{').unwrap_or((sample, ""));
            own.strip_prefix("breakglass_") == Some(name) && rest.contains(labels)
        });
        let value = found.next().map(|(_, value)| *value);
        assert!(found.next().is_none(), "more than one {name} {labels}");
        value
    }
}

fn time(text: &serde_json::Value) -> i64 {
    let text = text.as_str().expect("a time");
    let time: breakglass::model::Timestamp = text.parse().expect("a time");
    time.unix()
}

#[test]
fn a_monitor_is_told_how_the_vault_stands() {
    let scene = Scene::founded(&["deploy", "db"]);
    scene.add(&["deploy"]);
    let nothing = Metrics::of(&scene.run(&["status", "--metrics", "-"]).ended(10).text);
    assert_eq!(nothing.get("credential_has_key", ""), Some(0));
    assert_eq!(nothing.get("rotation_due_timestamp_seconds", ""), None);
    assert_eq!(nothing.get("last_run_exit_code", ""), None);

    let path = scene.path("breakglass.prom");
    let file = path.to_str().expect("UTF-8");
    scene.run(&["rotate", "--metrics", file]).ended(0);
    let mode = fs::metadata(&path).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o644);
    let sealed = Metrics::file(&path);
    let status = scene.run(&["status", "--json"]).ended(0).json();
    let compartment = &status["compartments"][0];
    let of_main = "vault=\"acme\",compartment=\"main\"";
    assert_eq!(
        sealed.get("rotation_last_success_timestamp_seconds", of_main),
        Some(time(&compartment["committed"][1]))
    );
    assert_eq!(
        sealed.get("rotation_due_timestamp_seconds", of_main),
        Some(time(&compartment["due"]))
    );
    let of_deploy = "credential=\"deploy\",account=\"123456789012\"";
    assert_eq!(
        sealed.get("credential_key_sealed_timestamp_seconds", of_deploy),
        Some(time(&status["credentials"][0]["key"][2]))
    );
    assert_eq!(
        sealed.get("ledger_entries", "vault=\"acme\""),
        status["ledger-size"].as_i64()
    );
    for (name, labels, value) in [
        ("manifest_version", "", 1),
        ("vault_readable", "vault=\"acme\"", 1),
        ("last_run_exit_code", "", 0),
        ("last_run_credentials", "outcome=\"fresh\"", 1),
        ("last_run_credentials", "outcome=\"failed\"", 0),
        ("credential_has_key", of_deploy, 1),
        ("credential_failed", of_deploy, 0),
        ("credential_keys_left_active", of_deploy, 0),
        ("credential_unexplained_use_timestamp_seconds", of_deploy, 0),
        ("credential_shown_to_open_timestamp_seconds", of_deploy, 0),
        ("rotation_unfinished", of_main, 0),
        ("incidents_open", "", 0),
        ("attention", "", 0),
    ] {
        assert_eq!(sealed.get(name, labels), Some(value), "{name}");
    }

    // An opening, and a use that none explains; nothing of it names a key.
    scene.add(&["db"]);
    scene.run(&["rotate", "main"]).ended(0);
    scene.unseal(&["deploy"], &["true"]).ended(0);
    let (stolen, _) = scene.keys_of("db").remove(0);
    scene.server().use_key(&stolen, "s3", HOUR);
    scene.run(&["rotate", "--due", "--metrics", file]).ended(11);
    let told = Metrics::file(&path);
    for (name, labels, value) in [
        ("last_run_exit_code", "", 11),
        ("last_run_failure_info", "code=\"unexplained-use\"", 1),
        ("incidents_open", "", 1),
        ("incidents_past_lease", "", 0),
        ("attention", "", 2),
    ] {
        assert_eq!(told.get(name, labels), Some(value), "{name}");
    }
    let use_of = |name| {
        told.get(
            "credential_unexplained_use_timestamp_seconds",
            &format!("credential=\"{name}\""),
        )
    };
    let shown_of = |name| {
        told.get(
            "credential_shown_to_open_timestamp_seconds",
            &format!("credential=\"{name}\""),
        )
    };
    assert!(shown_of("deploy") > Some(0));
    assert_eq!(shown_of("db"), Some(0));
    assert_eq!(use_of("deploy"), Some(0));
    assert!(use_of("db") > Some(0));
    let incidents = scene.open_incidents();
    let lease = told.get("incident_lease_end_timestamp_seconds", &incidents[0]);
    assert!(
        lease > told.get("metrics_timestamp_seconds", ""),
        "{lease:?}"
    );
    let text = fs::read_to_string(&path).expect("the metrics");
    assert!(!text.contains("AKIA"), "{text}");
}

#[test]
fn a_run_that_fails_is_told_whatever_it_fails_of() {
    let scene = Scene::empty(&["deploy", "db"]);
    let path = scene.path("breakglass.prom");
    let file = path.to_str().expect("UTF-8");
    let told = |run: &[&str], exit: i32, code: &str, readable: i64| {
        scene.run(run).ended(exit);
        let metrics = Metrics::file(&path);
        let code = format!("code=\"{code}\"");
        assert_eq!(metrics.get("last_run_exit_code", ""), Some(exit.into()));
        assert_eq!(
            metrics.get("last_run_failure_info", &code),
            Some(1),
            "{code}"
        );
        assert_eq!(metrics.get("vault_readable", ""), Some(readable), "{code}");
        metrics
    };
    let rotate = ["rotate", "--due", "--metrics", file];
    told(&rotate, 1, "vault-missing", 0);

    scene.prepare(&[IC, BGO]);
    scene.found(&[IC], &[BGO], &[]);
    scene.add(&["deploy", "db"]);
    // AWS does not let us: the vault is told of all the same.
    scene.server().forbid("iam:CreateAccessKey");
    let metrics = told(&rotate, 8, "aws-denied", 1);
    assert_eq!(
        metrics.get("last_run_credentials", "outcome=\"failed\""),
        Some(2)
    );
    assert_eq!(
        metrics.get("credential_failed", "credential=\"db\""),
        Some(1)
    );

    // The configuration cannot be understood, so nothing else is known.
    let config = scene.station().join("config.toml");
    let good = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, "nonsense = 1\n").expect("written");
    let run = scene.run(&rotate).ended(2);
    let code = run.error.rsplit_once('[').expect("a code").1;
    let code = code.split(']').next().expect("a code");
    told(&rotate, 2, code, 0);
    fs::write(&config, good).expect("written");

    // The vault is damaged.
    let first = scene.vault().join("manifest");
    let first = fs::read_dir(first).expect("the manifests").next();
    let first = first.expect("one").expect("an entry").path();
    let whole = fs::read(&first).expect("the manifest");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&first, damaged).expect("written");
    let run = scene.run(&rotate).ended(7);
    assert!(run.error.contains("error:"), "{run}");
    let metrics = Metrics::file(&path);
    assert_eq!(metrics.get("last_run_exit_code", ""), Some(7));
    assert_eq!(metrics.get("vault_readable", ""), Some(0));
    assert_eq!(metrics.get("ledger_entries", ""), None, "an old value");
    fs::write(&first, whole).expect("written");
}

#[test]
fn metrics_that_cannot_be_written_keep_nobody_from_rotating() {
    let scene = Scene::founded(&["deploy"]);
    scene.add(&["deploy"]);
    let nowhere = scene.path("missing/breakglass.prom");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let run = scene.run(&["rotate", "--metrics", nowhere]).ended(9);
    assert!(run.error.contains("[metrics-unwritable]"), "{run}");
    assert_eq!(scene.keys_of("deploy").len(), 1);
    scene.run(&["status"]).ended(0);
    // What is worse keeps its exit code.
    scene.server().forbid("iam:CreateAccessKey");
    let run = scene.run(&["rotate", "--metrics", nowhere]).ended(8);
    assert!(run.error.contains("[metrics-unwritable]"), "{run}");
    // On standard output they stand alone.
    let run = scene.run(&["rotate", "--due", "--metrics", "-"]).ended(8);
    Metrics::of(&run.text);
}
