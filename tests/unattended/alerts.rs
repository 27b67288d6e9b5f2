//! The alert rules, by promtool's own judgement.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::checkers::{checker, content};
use crate::deploy;

#[test]
fn the_rules_are_sound_and_do_what_their_cases_say() {
    let folder = deploy("monitoring");
    for verb in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let mut promtool = Command::new(checker("promtool"));
        let said = content(promtool.args(verb).current_dir(&folder), "");
        assert!(said.contains("SUCCESS"), "{said}");
    }
}

#[test]
fn the_example_for_alertmanager_sends_each_where_it_belongs() {
    let file = deploy("monitoring/alertmanager.yml");
    content(
        Command::new(checker("amtool"))
            .arg("check-config")
            .arg(&file),
        "",
    );
    for (labels, receiver) in [
        (
            "alertname=BreakglassUnexplainedUse severity=page urgency=immediate",
            "security-officer",
        ),
        ("alertname=BreakglassTimerDead severity=page", "on-call"),
        ("alertname=BreakglassIncidentOpen severity=info", "channel"),
        ("alertname=BreakglassRunsFail severity=ticket", "tickets"),
    ] {
        let mut amtool = Command::new(checker("amtool"));
        amtool.args(["config", "routes", "test"]);
        amtool.arg(format!("--config.file={}", file.display()));
        let said = content(amtool.args(labels.split(' ')), "");
        assert_eq!(said.lines().next(), Some(receiver), "{labels}: {said}");
    }
}

/// An alert on a metric that nobody writes never fires.
#[test]
fn every_metric_that_is_asked_for_is_written_and_every_alert_has_a_case() {
    let rules = fs::read_to_string(deploy("monitoring/alerts.yml")).expect("the rules");
    let cases = fs::read_to_string(deploy("monitoring/alerts_test.yml")).expect("the cases");
    let written = include_str!("../../src/cli/metrics.rs");
    let is_of_a_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names: BTreeSet<&str> = rules
        .split(|c: char| !is_of_a_name(c))
        .filter(|word| word.starts_with("breakglass_"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(written.contains(&format!("\"{name}\"")), "{name}");
    }
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        assert!(cases.contains(alert), "{alert}");
    }
}
