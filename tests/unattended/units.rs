//! The systemd units, by systemd's own judgement.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::checkers::content;
use crate::deploy;
use crate::scene::binary;

/// Where the units say that the program is.
const PROGRAM: &str = "/usr/local/bin/breakglass";

/// Lays the drop-ins of that name over the units.
fn drop_in(folder: &Path, name: &str) {
    for unit in ["breakglass-rotate.service.d", "breakglass-watch.service.d"] {
        let to = folder.join(unit);
        fs::create_dir(&to).expect("the folder is ours");
        fs::copy(deploy("systemd").join(unit).join(name), to.join(name)).expect("a drop-in");
    }
}

/// The units in a folder, with the program where it is here: systemd looks whether it is there.
fn units() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut paths = Vec::new();
    for entry in fs::read_dir(deploy("systemd")).expect("the units") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        if name.ends_with(".service") || name.ends_with(".timer") {
            let text = fs::read_to_string(&path).expect("a unit");
            let copy = folder.path().join(name);
            fs::write(&copy, text.replace(PROGRAM, binary())).expect("the folder is ours");
            paths.push(copy.to_str().expect("UTF-8").to_owned());
        }
    }
    paths.sort();
    (folder, paths)
}

#[test]
fn systemd_finds_nothing_to_say_against_them() {
    let (_folder, paths) = units();
    assert_eq!(paths.len(), 5, "{paths:?}");
    let mut verify = Command::new("systemd-analyze");
    let said = content(verify.args(["verify", "--man=no"]).args(&paths), "");
    assert_eq!(said, "");
}

/// `systemd-analyze security` of one of the units, which gives 0 (shut off) to 10 (open); here in tenths of that.
fn exposed_at_most(most: u32, unit: &str, paths: &[String]) -> Command {
    let path = paths.iter().find(|path| path.contains(unit));
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager"]);
    security.arg(format!("--threshold={most}"));
    security.arg(path.expect("the unit"));
    security
}

/// The rotator needs the network and no more.
#[test]
fn they_are_as_shut_off_as_they_can_be() {
    let (_folder, paths) = units();
    content(&mut exposed_at_most(12, "breakglass-rotate", &paths), "");
    content(&mut exposed_at_most(5, "breakglass-watch", &paths), "");
}

/// With the vault in a bucket the watch is as open as the rotator, and the rotator is no more so.
#[test]
fn a_bucket_opens_the_network_alone() {
    let (folder, paths) = units();
    drop_in(folder.path(), "bucket.conf");
    let mut verify = Command::new("systemd-analyze");
    let said = content(verify.args(["verify", "--man=no"]).args(&paths), "");
    assert_eq!(said, "");
    content(&mut exposed_at_most(12, "breakglass-rotate", &paths), "");
    content(&mut exposed_at_most(12, "breakglass-watch", &paths), "");
    let mut shut = exposed_at_most(5, "breakglass-watch", &paths);
    let ended = shut.output().expect("systemd-analyze runs");
    assert!(!ended.status.success(), "the drop-in was not looked at");
}

/// Both services do without what they do without.
#[test]
fn the_two_services_differ_in_what_they_need_alone() {
    let lines = |unit: &str| -> BTreeSet<String> {
        let path = deploy("systemd").join(unit);
        let text = fs::read_to_string(path).expect("the unit");
        let lines = text.lines().filter(|line| line.contains('='));
        lines
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    };
    let (rotate, watch) = (
        lines("breakglass-rotate.service"),
        lines("breakglass-watch.service"),
    );
    let only: Vec<&str> = rotate.difference(&watch).map(String::as_str).collect();
    let of_rotate = [
        "After",
        "Description",
        "Documentation",
        "Environment",
        "ExecStart",
        "LoadCredential",
        "ReadWritePaths",
        "RestrictAddressFamilies",
        "TimeoutStartSec",
        "Wants",
    ];
    for line in only {
        let (key, _) = line.split_once('=').expect("a setting");
        assert!(of_rotate.contains(&key), "{line}");
    }
    assert!(watch.contains("PrivateNetwork=yes"), "it talks to nobody");
    assert!(
        !watch.contains("ReadWritePaths=/srv/breakglass/vault"),
        "it only looks"
    );
}

/// The system calls that a unit's filter lets through, groups spelt out by systemd.
pub fn allowed_calls(unit: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(deploy("systemd").join(unit)).expect("the unit");
    let mut allowed = BTreeSet::new();
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        let (deny, groups) = line
            .strip_prefix('~')
            .map_or((false, line), |rest| (true, rest));
        for group in groups.split_whitespace() {
            for call in spelt_out(group) {
                if deny {
                    allowed.remove(&call);
                } else {
                    allowed.insert(call);
                }
            }
        }
    }
    allowed
}

fn spelt_out(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let mut analyze = Command::new("systemd-analyze");
    let said = content(analyze.args(["syscall-filter", "--no-pager", name]), "");
    // The group's name, a remark, then a member on each line.
    let members = said.lines().skip(1).map(str::trim);
    members
        .filter(|member| !member.is_empty() && !member.starts_with('#'))
        .flat_map(spelt_out)
        .collect()
}

/// The names of the calls in strace's log.
pub fn calls(log: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(log).expect("strace has written");
    let calls = text.lines().filter_map(|line| {
        let rest = line
            .split_once(' ')
            .map_or(line, |(_, rest)| rest)
            .trim_start();
        let (name, _) = rest.split_once('(')?;
        let is_name = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        (is_name && !name.is_empty()).then(|| name.to_owned())
    });
    calls.collect()
}
