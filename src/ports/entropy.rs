//! Chance. The trait itself lies on the ground floor, because sealing needs it there.

pub use crate::crypto::{Entropy, NoEntropy};
