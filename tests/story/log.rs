//! The ledger, as `ledger log --json` shows it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::scene::Scene;

/// The names of all entries, in their order.
pub fn events(scene: &Scene) -> Vec<String> {
    entries(scene).into_iter().map(|(name, _)| name).collect()
}

/// The entries of that name.
pub fn of(scene: &Scene, name: &str) -> Vec<Value> {
    let all = entries(scene).into_iter();
    all.filter(|(of, _)| of == name)
        .map(|(_, event)| event)
        .collect()
}

/// The codes of the refusals.
pub fn refusals(scene: &Scene) -> Vec<String> {
    let all = of(scene, "refused").into_iter();
    all.map(|event| event["code"].as_str().expect("a code").to_owned())
        .collect()
}

fn entries(scene: &Scene) -> Vec<(String, Value)> {
    let log = scene.log();
    let all = log["entries"].as_array().expect("entries").iter();
    all.map(|entry| {
        let event = entry["event"].as_object().expect("an event");
        let (name, event) = event.iter().next().expect("its name");
        (name.clone(), event.clone())
    })
    .collect()
}

/// Changes a text in every file under the vault's ledger.
pub fn tamper(folder: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let changed = change(folder, from.as_bytes(), to.as_bytes());
    assert!(
        changed > 0,
        "\"{from}\" stands nowhere under {}",
        folder.display()
    );
}

fn change(folder: &Path, from: &[u8], to: &[u8]) -> usize {
    let mut changed = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            changed += change(&path, from, to);
            continue;
        }
        let mut bytes = fs::read(&path).expect("a file");
        let place = bytes.windows(from.len()).position(|part| part == from);
        if let Some(at) = place {
            bytes[at..at + to.len()].copy_from_slice(to);
            fs::write(&path, bytes).expect("the copy is ours");
            changed += 1;
        }
    }
    changed
}
