//! Who else talks to smart cards on this machine. PC/SC does not tell; the programs show by what they have
//! loaded.

use std::fs;
use std::path::Path;

/// The library through which every program reaches the service.
const LIBRARY: &str = "libpcsclite";

/// Another program that talks to smart cards, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: u32,
}

/// The other processes that have loaded the library, as far as this user may look; never this one.
pub fn holders() -> Vec<Holder> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found: Vec<Holder> = pids.filter(|pid| *pid != own).filter_map(holder).collect();
    found.sort_by(|one, other| (&one.name, one.pid).cmp(&(&other.name, other.pid)));
    found
}

fn holder(pid: u32) -> Option<Holder> {
    let folder = Path::new("/proc").join(pid.to_string());
    let loaded = fs::read(folder.join("maps")).ok()?;
    let wanted = LIBRARY.as_bytes();
    if !loaded.windows(wanted.len()).any(|part| part == wanted) {
        return None;
    }
    let name = fs::read_to_string(folder.join("comm")).ok()?;
    // The service itself has it loaded as well.
    let name = name.trim_end().to_owned();
    (name != "pcscd").then_some(Holder { name, pid })
}

/// The same, as people read it.
pub(super) fn named() -> Vec<String> {
    let all = holders().into_iter();
    all.map(|holder| format!("{} (process {})", holder.name, holder.pid))
        .collect()
}
