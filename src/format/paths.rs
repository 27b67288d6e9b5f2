//! Where each document lies in a vault.

use crate::model::Name;

/// The folder of the manifests.
pub const MANIFESTS: &str = "manifest";

/// The folder of the generations.
pub const GENERATIONS: &str = "generation";

/// `manifest/00000001.json`
pub fn manifest(version: u64) -> String {
    format!("{MANIFESTS}/{version:08}.json")
}

/// `generation/prod/00000001/header.json`
pub fn header(compartment: &Name, generation: u64) -> String {
    format!("{GENERATIONS}/{compartment}/{generation:08}/header.json")
}

/// `generation/prod/00000001/record/deploy.json`
pub fn record(compartment: &Name, generation: u64, credential: &Name) -> String {
    format!("{GENERATIONS}/{compartment}/{generation:08}/record/{credential}.json")
}
