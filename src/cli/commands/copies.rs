//! The copies for safes that this station has written, and how old each is.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::app::App;
use crate::model::{Digest, Failure, Timestamp};

const FILE: &str = "copies.json";
/// The most bytes of the file, and the most copies in it: the oldest are forgotten first.
const MAX: usize = 1 << 16;
const MOST: usize = 32;

/// A copy, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Its folder.
    pub place: String,
    /// Of which vault.
    pub vault: Digest,
    /// When it was written.
    pub written: Timestamp,
    /// How many entries its ledger has.
    pub entries: u64,
}

/// Remembers that a copy was written; it takes the place of an older one there.
///
/// # Errors
/// [`Failure`] where the station's folder cannot be written. The copy is good all the same.
pub fn remember(app: &App, dir: &Path, mut copy: Copy) -> Result<(), Failure> {
    let place = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    copy.place = place.display().to_string();
    let mut all = read(app);
    all.retain(|other| other.place != copy.place);
    all.push(copy);
    let surplus = all.len().saturating_sub(MOST);
    all.drain(..surplus);
    let bytes = serde_json::to_vec_pretty(&all).unwrap_or_default();
    Ok(app.memory().replace(FILE, &bytes)?)
}

/// The copies of a vault, oldest first.
pub fn of(app: &App, vault: Digest) -> Vec<Copy> {
    let mut all = read(app);
    all.retain(|copy| copy.vault == vault);
    all
}

/// What cannot be read is as good as forgotten: nothing is decided by it.
fn read(app: &App) -> Vec<Copy> {
    let bytes = app.memory().read(FILE, MAX).ok().flatten();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// How far a copy is behind a ledger of so many entries.
pub fn behind(copy: &Copy, entries: u64) -> String {
    match entries.saturating_sub(copy.entries) {
        0 => "up to date".to_owned(),
        1 => "1 entry behind".to_owned(),
        many => format!("{many} entries behind"),
    }
}
