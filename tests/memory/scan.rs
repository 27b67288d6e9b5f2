//! The memory of another process, read from outside.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

/// What is looked for: its name, and its bytes.
pub type Needle = (String, Vec<u8>);

/// How much is read at once; what lies over an edge is read with the next.
const CHUNK: usize = 1 << 20;

/// Whether another process's memory can be read here; if not, says aloud that the test is skipped.
pub fn can_look() -> bool {
    let mut child = Command::new("sleep").arg("60").spawn().expect("sleep runs");
    let can = File::open(format!("/proc/{}/mem", child.id())).is_ok();
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    if !can {
        eprintln!("SKIPPED: the memory of another process cannot be read here (root can)");
    }
    can
}

/// Every place in the process's memory where one of the needles is. Looked at is all that can be read, but
/// for what is mapped from a file and cannot be written to: that is the file.
pub fn find(pid: u32, needles: &[Needle]) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process is there");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("we may look");
    let mut found = Vec::new();
    let mut bytes = 0;
    for line in maps.lines() {
        let mut parts = line.split_whitespace();
        let range = parts.next().unwrap_or_default();
        let rights = parts.next().unwrap_or_default();
        let name = parts.nth(3).unwrap_or("(no name)");
        let of_a_file = name.starts_with('/') && !rights.contains('w');
        if !rights.starts_with('r') || of_a_file || name.starts_with("[vv") {
            continue;
        }
        let (start, end) = range.split_once('-').expect("a range");
        let hex = |text| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = (hex(start), hex(end));
        bytes += end - start;
        for needle in in_range(&memory, start, end, needles) {
            found.push(format!("{needle} in {name}"));
        }
    }
    assert!(bytes > 100_000, "there is hardly any memory: {maps}");
    found.sort();
    found.dedup();
    found
}

fn in_range<'n>(memory: &File, start: u64, end: u64, needles: &'n [Needle]) -> Vec<&'n str> {
    let overlap = needles
        .iter()
        .map(|(_, bytes)| bytes.len())
        .max()
        .unwrap_or(0);
    let mut first = [false; 256];
    for (_, bytes) in needles {
        first[usize::from(bytes[0])] = true;
    }
    let mut found = Vec::new();
    let mut chunk = vec![0; CHUNK + overlap];
    let mut at = start;
    while at < end {
        let wanted = chunk
            .len()
            .min(usize::try_from(end - at).expect("it is small"));
        // Pages that were never touched, and the kernel's own, cannot be read.
        let got = memory.read_at(&mut chunk[..wanted], at).unwrap_or(0);
        for (place, byte) in chunk[..got].iter().enumerate() {
            if !first[usize::from(*byte)] {
                continue;
            }
            let here = &chunk[place..got];
            let known = needles.iter().filter(|(_, bytes)| here.starts_with(bytes));
            found.extend(known.map(|(name, _)| name.as_str()));
        }
        at += CHUNK as u64;
    }
    found
}
