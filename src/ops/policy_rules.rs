//! The policy of a vault, changed: what it asks of tokens, and its times.

use crate::format::Certificate;
use crate::manifest::{ChangeRefused, Draft};
use crate::model::{Digest, Firmware};
use crate::policy::Period;

/// What is to be different; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyRules {
    /// The oldest firmware.
    pub min_firmware: Option<Firmware>,
    /// Whether the PIN once a session is enough.
    pub pin_once: Option<bool>,
    /// Roots of attestation that are trusted from then on, and authorities below them.
    pub add_roots: Vec<Certificate>,
    /// Those that are trusted no more, by the SHA-256 of their DER.
    pub remove_roots: Vec<Digest>,
    /// Times, in their units.
    pub times: Vec<(Period, u32)>,
}

impl PolicyRules {
    /// As the ledger and the PIN prompts have it.
    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(firmware) = self.min_firmware {
            parts.push(format!("ask for firmware {firmware}"));
        }
        match self.pin_once {
            Some(true) => parts.push("take the PIN once a session".to_owned()),
            Some(false) => parts.push("ask for the PIN at each use".to_owned()),
            None => {}
        }
        for root in &self.add_roots {
            let digest = crate::format::digest(&root.0);
            parts.push(format!("trust the attestation root {}", digest.short()));
        }
        for root in &self.remove_roots {
            parts.push(format!("drop the attestation root {}", root.short()));
        }
        for (period, time) in &self.times {
            let what = match period {
                Period::Rotation => "rotate after",
                Period::Lease => "let a lease last at most",
                Period::Grace => "keep replaced keys for",
                Period::Proved => "keep proved keys for",
            };
            parts.push(format!("{what} {time} {}", period.unit()));
        }
        parts.join(", ")
    }

    pub(super) fn draw_up(&self, draft: &mut Draft) -> Result<(), ChangeRefused> {
        let policy = draft.policy();
        policy.min_firmware = self.min_firmware.unwrap_or(policy.min_firmware);
        policy.allow_pin_once = self.pin_once.unwrap_or(policy.allow_pin_once);
        for (period, time) in &self.times {
            period.set(policy, *time);
        }
        for root in &self.remove_roots {
            draft.remove_root(root)?;
        }
        for root in &self.add_roots {
            draft.add_root(root.clone())?;
        }
        Ok(())
    }
}
