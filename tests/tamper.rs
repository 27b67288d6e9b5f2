//! Nothing can be moved or changed: enumerated, not sampled. A vault that lies in memory, whose every byte
//! can be changed, is given to the real deeds, and each must refuse what was done to it. The table of what
//! is enumerated stands in docs/threat-model.md; each test prints its count.
//!
//! The default run is the short form. `BREAKGLASS_LONG=1` turns every bit where the short form turns one
//! in each byte.

#[path = "tamper/attested.rs"]
mod attested;
#[path = "common/aws.rs"]
mod aws;
#[path = "tamper/binary.rs"]
mod binary;
#[path = "tamper/bytes.rs"]
mod bytes;
#[path = "tamper/fields.rs"]
mod fields;
#[path = "tamper/files.rs"]
mod files;
#[path = "tamper/ledger.rs"]
mod ledger;
#[path = "tamper/moves.rs"]
mod moves;
#[path = "common/pty.rs"]
mod pty;
#[path = "tamper/recipients.rs"]
mod recipients;
#[path = "tamper/rich.rs"]
mod rich;
#[path = "common/scene.rs"]
mod scene;
#[path = "tamper/signatures.rs"]
mod signatures;
#[path = "common/soft.rs"]
mod soft;
#[path = "tamper/world.rs"]
mod world;

/// Whether the long form is asked for.
fn long() -> bool {
    std::env::var_os("BREAKGLASS_LONG").is_some_and(|value| value == "1")
}

/// Says how many cases a test went through; docs/threat-model.md quotes it.
fn counted(what: &str, cases: usize) {
    assert!(cases > 0, "{what}: nothing was tried");
    let form = if long() { "long" } else { "short" };
    println!("counted ({form} form): {what}: {cases} cases");
}
