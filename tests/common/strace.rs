//! strace, which counts, kills and hinders system calls.

#![allow(dead_code)] // each test binary uses a part of it

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The calls that can change a disk.
const NAMES: &str = "openat,write,fsync,fdatasync,linkat,renameat,renameat2,unlinkat,mkdirat,fchmod,\
                     fchmodat,flock,ftruncate";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// The words before a command that is to be run with an injection such as `signal=KILL:when=3` into a call.
pub fn injecting(call: &str, what: &str) -> Vec<String> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{what}"));
    let mut all = words(&["strace", "-f", "-qqq", "-o", "/dev/null"]);
    // It is faster by far; but strace 6.1 then sends no signals.
    if !what.starts_with("signal=") {
        all.push("--seccomp-bpf".to_owned());
    }
    all.extend(words(&["-e", &trace, "-e", &inject]));
    all
}

/// The words before a command whose calls are to be written down for [`operations`].
pub fn logging(log: &Path) -> Vec<String> {
    let log = log.to_str().expect("a path in UTF-8");
    let trace = format!("trace={NAMES}");
    words(&["strace", "-f", "-y", "-qqq", "-o", log, "-e", &trace])
}

/// The logged calls by which something in these folders is changed, in their order: each with its number
/// among the calls of that name. Between two of them nothing on the disk changes.
pub fn operations(log: &Path, folders: &[&Path]) -> Vec<(String, usize)> {
    let text = fs::read_to_string(log).expect("strace has written");
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((process, call)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, arguments)) = call.trim_start().split_once('(') else {
            continue;
        };
        if name.starts_with('<') || name.starts_with('+') {
            continue; // the second half of a call, or an ending
        }
        let count = counts.entry((process, name)).or_default();
        *count += 1;
        let ours = folders
            .iter()
            .any(|folder| arguments.contains(&*folder.to_string_lossy()));
        if ours && (name != "openat" || arguments.contains("O_CREAT")) {
            found.push((name.to_owned(), *count));
        }
    }
    found
}
