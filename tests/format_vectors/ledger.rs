//! Commits, and what may stand in them.

use std::cell::OnceCell;
use std::sync::Arc;

use breakglass::crypto::SoftwareSigner;
use breakglass::ledger::{self, Head, Journal, Ledger, LedgerSigner};
use breakglass::model::{Digest, Name};
use breakglass::secret::SigningSeed;
use serde_json::{Value, json};

use crate::class::Class;
use crate::documents::shared_chain;
use crate::memory::Memory;
use crate::{Verdict, all, blob, hex, hex32, text};

fn gives(head: &Head) -> Value {
    json!({"size": head.size, "root": head.root.to_string()})
}

#[test]
fn commits() {
    all("commits", 70, |shared, case| {
        let vault: Digest = text(shared, "vault").parse().expect("a digest");
        let store = Memory::default();
        let commits = case["commits"].as_array().expect("commits");
        for (number, commit) in (1..).zip(commits) {
            store.put(&format!("ledger/commit/{number:012}"), blob(commit));
        }
        let verified = ledger::verify(&store, &vault, &[]).map_err(Class::from)?;
        assert_eq!(verified.commits, commits.len() as u64);
        Ok(gives(&verified.head))
    });
}

fn seed(shared: &Value, writer: &str) -> SigningSeed {
    let writer = &shared["writers"][writer];
    let seed = hex32(text(writer, "seed"));
    let seed = SigningSeed::filled(|out| out.copy_from_slice(&seed));
    let signer = SoftwareSigner::new(seed);
    assert_eq!(hex(&signer.public()), text(writer, "public"));
    SigningSeed::filled(|out| out.copy_from_slice(signer.seed().expose()))
}

/// Writes commits as they are wanted: this asks nothing of what the entries say.
fn write(store: &Memory, vault: Digest, shared: &Value, steps: &[&Value]) {
    let mut ledger = Ledger::open(store, vault).expect("an empty ledger");
    for step in steps {
        let writer = text(step, "by");
        let entries = step["entries"].as_array().expect("entries").iter();
        let entries: Vec<Vec<u8>> = entries
            .map(|entry| entry.as_str().expect("a text").as_bytes().to_vec())
            .collect();
        let seed = seed(shared, writer);
        let name: Name = writer.parse().expect("a name");
        let signer = LedgerSigner::new(name, &seed);
        ledger.append(&entries, &signer).expect("it is written");
    }
}

#[test]
fn history() {
    let known = OnceCell::new();
    all("history", 153, |shared, case| -> Verdict {
        let chain = Arc::clone(shared_chain(&known, shared));
        let story = shared["story"].as_array().expect("a story").iter();
        let after = case["after"].as_u64().expect("a number");
        let then = case["then"].as_array().expect("steps").iter();
        let steps: Vec<&Value> = story
            .take(usize::try_from(after).expect("small"))
            .chain(then)
            .collect();
        let store = Memory::default();
        write(&store, chain.vault(), shared, &steps);
        let reader = SoftwareSigner::new(SigningSeed::filled(|seed| seed.fill(1)));
        let name: Name = "reader".parse().expect("a name");
        let journal = Journal::open(&store, chain, None, &name, &reader)?;
        Ok(gives(&journal.head()))
    });
}
