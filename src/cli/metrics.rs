//! What a monitor asks for, as Prometheus reads it: the text exposition format 0.0.4, for the textfile
//! collector of the node exporter.
//!
//! Everything is of the ledger, and of the run that has just ended, if there was one. Points in time, not
//! ages, so that a file that nobody writes any more goes on to age. No label changes with a rotation, so no
//! rotation makes a new time series.

use std::fmt::Write;

use crate::model::Timestamp;
use crate::ops::{CompartmentStatus, CredentialStatus, IncidentStatus, Status};

/// A run of `rotate` that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Its exit code.
    pub exit_code: u8,
    /// The code of its failure, if it failed.
    pub failure: Option<&'static str>,
    /// What became of the credentials, if it came that far.
    pub outcomes: Option<Outcomes>,
}

/// How many credentials a run left how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// They have a fresh key.
    pub fresh: usize,
    /// They were left alone.
    pub skipped: usize,
    /// They failed.
    pub failed: usize,
}

/// All metrics. Without a status the vault could not be read, and nothing is said of what is in it: an old
/// value would look like a new one.
pub fn text(now: Timestamp, status: Option<&Status>, run: Option<&Run>) -> String {
    let mut page = Page::default();
    let vault = status.map(|status| status.vault.to_string());
    let of: Vec<(&str, &str)> = vault.iter().map(|vault| ("vault", &**vault)).collect();
    let page = &mut page;
    page.family("breakglass_build_info", GAUGE, "Which breakglass this is.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family(
        "breakglass_metrics_timestamp_seconds",
        GAUGE,
        "When these metrics were written.",
    )
    .sample(&of, now.unix());
    page.family(
        "breakglass_vault_readable",
        GAUGE,
        "Whether the vault could be read and was found good (1) or not (0).",
    )
    .sample(&of, i64::from(status.is_some()));
    if let Some(run) = run {
        of_run(page, run, &of);
    }
    if let Some(status) = status {
        of_vault(page, status, &of);
        of_compartments(page, &status.compartments, &of);
        of_credentials(page, &status.credentials, &of);
        of_incidents(page, &status.incidents, now, &of);
    }
    std::mem::take(&mut page.text)
}

fn of_run(page: &mut Page, run: &Run, of: &[(&str, &str)]) {
    let numbers = [
        (
            "breakglass_last_run_timestamp_seconds",
            "When the last run of rotate ended.",
            run.ended.unix(),
        ),
        (
            "breakglass_last_run_duration_seconds",
            "How long it took.",
            count(run.began.until(run.ended).as_secs()),
        ),
        (
            "breakglass_last_run_exit_code",
            "Its exit code; 0 is good.",
            run.exit_code.into(),
        ),
    ];
    for (name, help, value) in numbers {
        page.family(name, GAUGE, help).sample(of, value);
    }
    if let Some(code) = run.failure {
        page.family(
            "breakglass_last_run_failure_info",
            GAUGE,
            "The code of the failure that it ended with.",
        )
        .sample(&with(of, &[("code", code)]), 1);
    }
    if let Some(outcomes) = run.outcomes {
        page.family(
            "breakglass_last_run_credentials",
            GAUGE,
            "How many credentials it left with a fresh key, left alone, or failed to rotate.",
        );
        for (outcome, number) in [
            ("fresh", outcomes.fresh),
            ("skipped", outcomes.skipped),
            ("failed", outcomes.failed),
        ] {
            page.sample(&with(of, &[("outcome", outcome)]), count(number));
        }
    }
}

fn of_vault(page: &mut Page, status: &Status, of: &[(&str, &str)]) {
    page.family(
        "breakglass_manifest_version",
        GAUGE,
        "The version of the manifest in force.",
    )
    .sample(of, count(status.manifest_version));
    page.family(
        "breakglass_ledger_entries",
        GAUGE,
        "How many entries the ledger has.",
    )
    .sample(of, count(status.ledger_size));
    page.family(
        "breakglass_refusals_total",
        "counter",
        "How many refusals the ledger has.",
    )
    .sample(of, count(status.refusals));
    page.family(
        "breakglass_attention",
        GAUGE,
        "How many things a person must see to, as status lists them.",
    )
    .sample(of, count(status.attention.len()));
}

fn of_compartments(page: &mut Page, all: &[CompartmentStatus], of: &[(&str, &str)]) {
    let mut each = |name, help, value: &dyn Fn(&CompartmentStatus) -> Option<i64>| {
        page.family(name, GAUGE, help);
        for one in all {
            let labels = with(of, &[("compartment", one.name.as_str())]);
            value(one).into_iter().for_each(|v| page.sample(&labels, v));
        }
    };
    each(
        "breakglass_rotation_last_success_timestamp_seconds",
        "When the newest generation of a compartment was put in force.",
        &|one| one.committed.map(|(_, time)| time.unix()),
    );
    each(
        "breakglass_rotation_due_timestamp_seconds",
        "When a compartment is due for rotation.",
        &|one| one.due.map(Timestamp::unix),
    );
    each(
        "breakglass_rotation_unfinished",
        "Whether a generation was begun and is not in force (1).",
        &|one| Some(one.unfinished.into()),
    );
}

fn of_credentials(page: &mut Page, all: &[CredentialStatus], of: &[(&str, &str)]) {
    let mut each = |name, help, value: &dyn Fn(&CredentialStatus) -> Option<i64>| {
        page.family(name, GAUGE, help);
        for one in all {
            let own = [
                ("compartment", one.compartment.as_str()),
                ("credential", one.name.as_str()),
                ("account", one.account.as_str()),
            ];
            let labels = with(of, &own);
            value(one).into_iter().for_each(|v| page.sample(&labels, v));
        }
    };
    each(
        "breakglass_credential_has_key",
        "Whether there is a sealed key to open (1).",
        &|one| Some(one.key.is_some().into()),
    );
    each(
        "breakglass_credential_key_sealed_timestamp_seconds",
        "When the key that an opening gives was made and sealed.",
        &|one| one.key.as_ref().map(|(_, _, sealed)| sealed.unix()),
    );
    each(
        "breakglass_credential_shown_to_open_timestamp_seconds",
        "When an opening or a drill last showed that a key of it opens; 0 if none ever did.",
        &|one| Some(one.last_exercised.map_or(0, Timestamp::unix)),
    );
    each(
        "breakglass_credential_failed",
        "Whether the last rotation of it failed (1).",
        &|one| Some(one.failed.into()),
    );
    each(
        "breakglass_credential_keys_left_active",
        "How many replaced keys of it are still active, those of open incidents aside.",
        &|one| Some(count(one.left_active)),
    );
    each(
        "breakglass_credential_unexplained_use_timestamp_seconds",
        "When a sealed key of it was used that no opening explains, while that key is there; else 0.",
        &|one| Some(one.unexplained_use.map_or(0, Timestamp::unix)),
    );
}

fn of_incidents(page: &mut Page, all: &[IncidentStatus], now: Timestamp, of: &[(&str, &str)]) {
    let number = |which: &dyn Fn(&IncidentStatus) -> bool| {
        count(all.iter().filter(|incident| which(incident)).count())
    };
    let numbers = [
        (
            "breakglass_incidents_open",
            "How many incidents are not closed.",
            number(&|_| true),
        ),
        (
            "breakglass_incidents_past_lease",
            "How many of them are past their lease.",
            number(&|incident| incident.expires <= now),
        ),
        (
            "breakglass_incidents_closing",
            "How many of them somebody began to close and did not finish.",
            number(&|incident| incident.closing),
        ),
    ];
    for (name, help, value) in numbers {
        page.family(name, GAUGE, help).sample(of, value);
    }
    page.family(
        "breakglass_incident_lease_end_timestamp_seconds",
        GAUGE,
        "When the lease of an incident that is not closed runs out.",
    );
    for incident in all {
        let labels = with(of, &[("incident", incident.name.as_str())]);
        page.sample(&labels, incident.expires.unix());
    }
}

fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn with<'l>(of: &[(&'l str, &'l str)], own: &[(&'l str, &'l str)]) -> Vec<(&'l str, &'l str)> {
    [of, own].concat()
}

const GAUGE: &str = "gauge";

/// The exposition format: families of samples. A family without a sample is left out.
#[derive(Default)]
struct Page {
    text: String,
    /// The name, and the head that is still to be written.
    family: (&'static str, String),
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.family = (name, head);
        self
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: i64) {
        self.text.push_str(&std::mem::take(&mut self.family.1));
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            all => format!("{{{}}}", all.join(",")),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{}{labels} {value}", self.family.0);
    }
}

/// A label's value, as the format wants it: backslash, quote and line feed are written with a backslash.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    fn failed_run() -> Run {
        Run {
            began: at(1_000),
            ended: at(1_042),
            exit_code: 7,
            failure: Some("manifest-unsound"),
            outcomes: None,
        }
    }

    #[test]
    fn of_a_vault_that_cannot_be_read_only_the_run_is_told() {
        let text = text(at(1_050), None, Some(&failed_run()));
        let samples: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(
            samples[1..],
            [
                "breakglass_metrics_timestamp_seconds 1050",
                "breakglass_vault_readable 0",
                "breakglass_last_run_timestamp_seconds 1042",
                "breakglass_last_run_duration_seconds 42",
                "breakglass_last_run_exit_code 7",
                "breakglass_last_run_failure_info{code=\"manifest-unsound\"} 1",
            ]
        );
    }

    #[test]
    fn labels_cannot_break_out() {
        let mut page = Page::default();
        page.family("m", GAUGE, "a\\b\nc")
            .sample(&[("one", "\"} 7\nfake 1 \\"), ("two", "ü")], 3);
        assert_eq!(
            page.text,
            "# HELP m a\\\\b\\nc\n# TYPE m gauge\nm{one=\"\\\"} 7\\nfake 1 \\\\\",two=\"ü\"} 3\n"
        );
    }

    #[test]
    fn a_family_without_samples_is_left_out_and_one_with_two_has_one_head() {
        let mut page = Page::default();
        page.family("none", GAUGE, "Nothing.");
        page.family("some", GAUGE, "Something.").sample(&[], 1);
        page.sample(&[("a", "b")], 2);
        assert_eq!(
            page.text,
            "# HELP some Something.\n# TYPE some gauge\nsome 1\nsome{a=\"b\"} 2\n"
        );
    }

    fn credential() -> CredentialStatus {
        CredentialStatus {
            name: "deploy".parse().expect("a name"),
            compartment: "main".parse().expect("a name"),
            account: "123456789012".to_owned(),
            user: "deploy-emergency".to_owned(),
            key: None,
            exercised: None,
            last_exercised: None,
            failed: true,
            left_active: 2,
            unexplained_use: Some(at(77)),
        }
    }

    #[test]
    fn each_credential_is_told_with_its_account_and_never_with_its_key() {
        let mut page = Page::default();
        let with_key = CredentialStatus {
            key: Some(("AKIAIOSFODNN7EXAMPLE".to_owned(), 4, at(99))),
            failed: false,
            left_active: 0,
            unexplained_use: None,
            ..credential()
        };
        of_credentials(&mut page, &[credential(), with_key], &[("vault", "acme")]);
        let values = |name: &str| -> Vec<&str> {
            let samples = page.text.lines().filter(|line| line.starts_with(name));
            samples
                .filter_map(|line| Some(line.rsplit_once(' ')?.1))
                .collect()
        };
        assert_eq!(values("breakglass_credential_has_key"), ["0", "1"]);
        assert_eq!(values("breakglass_credential_key_sealed_"), ["99"]);
        assert_eq!(values("breakglass_credential_failed"), ["1", "0"]);
        assert_eq!(values("breakglass_credential_keys_left_active"), ["2", "0"]);
        assert_eq!(
            values("breakglass_credential_unexplained_use_"),
            ["77", "0"]
        );
        let labels =
            "{vault=\"acme\",compartment=\"main\",credential=\"deploy\",account=\"123456789012\"}";
        assert!(page.text.contains(labels), "{}", page.text);
        assert!(!page.text.contains("AKIA"), "{}", page.text);
    }

    #[test]
    fn a_lease_is_past_from_its_last_second_on() {
        let incident = |name: &str, expires, closing| IncidentStatus {
            name: name.parse().expect("a name"),
            reason: "why".to_owned(),
            expires: at(expires),
            closing,
            outstanding: Vec::new(),
        };
        let all = [
            incident("a", 10, false),
            incident("b", 11, false),
            incident("c", 9, true),
        ];
        let mut page = Page::default();
        of_incidents(&mut page, &all, at(10), &[]);
        for sample in [
            "breakglass_incidents_open 3",
            "breakglass_incidents_past_lease 2",
            "breakglass_incidents_closing 1",
            "breakglass_incident_lease_end_timestamp_seconds{incident=\"b\"} 11",
        ] {
            assert!(page.text.contains(sample), "{sample} in {}", page.text);
        }
    }
}
