//! What is fuzzed: one function for each parser of what comes from outside. Each takes any bytes, and says
//! by a panic that a promise was broken: nothing panics, hangs or allocates more than [`guard::LIMIT`], what
//! is read can be written and read again as the same, and what has one spelling is not read in another.

pub mod attestation;
pub mod aws;
pub mod documents;
pub mod guard;
pub mod ledger;
pub mod seeds;
pub mod station;
pub mod store;
pub mod tokens;
pub mod words;
pub mod world;

#[path = "../../tests/attestation/made.rs"]
pub mod made;
#[path = "../../tests/common/soft.rs"]
pub mod soft;

/// A parser under test.
pub type Target = fn(&[u8]);

/// All of them, by name; `seeds/<name>` holds what each begins with.
pub const TARGETS: [(&str, Target); 19] = [
    ("anchor", station::anchor),
    ("archive", station::archive),
    ("attestation", attestation::attestation),
    ("aws", aws::aws),
    ("checkpoint", ledger::checkpoint),
    ("commit", ledger::commit),
    ("config", station::config),
    ("derived", ledger::derived),
    ("entries", ledger::entries),
    ("envelope", documents::envelope),
    ("event", ledger::event),
    ("header", documents::header),
    ("keys", tokens::keys),
    ("manifest", documents::manifest),
    ("names", words::names),
    ("profile", station::profile),
    ("record", documents::record),
    ("statement", documents::statement),
    ("uri", tokens::uri),
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}
