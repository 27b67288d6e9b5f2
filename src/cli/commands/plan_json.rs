//! The same plan, for machines.

use serde_json::{Value, json};

use super::plan::{key, step, worse_words};
use super::policy::{access, exposure, held, losses, members, newcomers};
use crate::cli::words;
use crate::policy::{Difference, Losses, Next, Panel, Plan, RoleChange, Stale, Worse};

/// The plan as a document.
pub fn document(plan: &Plan) -> Value {
    json!({
        "vault": plan.vault,
        "from": plan.from,
        "to": plan.to,
        "differences": plan.differences.iter().map(difference).collect::<Vec<_>>(),
        "signers": plan.signers.iter().map(|signers| json!({
            "role": signers.panel.role,
            "needed": signers.panel.threshold,
            "custodians": members(&signers.panel),
        })).collect::<Vec<_>>(),
        "proofs": plan.proofs.iter().map(|proof| json!({
            "name": proof.name,
            "role": proof.role,
            "token": held(&proof.token),
        })).collect::<Vec<_>>(),
        "roles": plan.roles.iter().map(role).collect::<Vec<_>>(),
        "opening": both(plan.opening),
        "changing": both(plan.changing),
        "stale": plan.stale.iter().map(stale).collect::<Vec<_>>(),
        "exposed": plan.exposed.iter().map(exposure).collect::<Vec<_>>(),
        "worse": plan.worse.iter().map(worse).collect::<Vec<_>>(),
        "next": plan.next.iter().map(next).collect::<Vec<_>>(),
    })
}

fn difference(difference: &Difference) -> Value {
    match difference {
        Difference::PersonAdded(name, role) => {
            json!({ "kind": "person-added", "name": name, "role": role })
        }
        Difference::PersonRetired(name, role) => {
            json!({ "kind": "person-retired", "name": name, "role": role })
        }
        Difference::TokenAdded {
            name,
            role,
            token,
            spare,
        } => json!({
            "kind": "token-added", "name": name, "role": role, "token": held(token), "spare": spare,
        }),
        Difference::TokenRetired {
            name,
            role,
            token,
            lost,
        } => json!({
            "kind": "token-retired", "name": name, "role": role, "token": held(token), "lost": lost,
        }),
        Difference::Threshold { role, from, to } => {
            json!({ "kind": "threshold", "role": role, "from": from, "to": to })
        }
        Difference::Firmware { from, to } => {
            json!({ "kind": "min-firmware", "from": from, "to": to })
        }
        Difference::PinOnce(allowed) => json!({ "kind": "pin-once", "allowed": allowed }),
        Difference::Period { period, from, to } => {
            json!({ "kind": words::period_field(*period), "from": from, "to": to })
        }
        Difference::RootAdded(root) => json!({
            "kind": "root-added", "name": root.name, "fingerprint": root.fingerprint,
        }),
        Difference::RootRemoved(root) => json!({
            "kind": "root-removed", "name": root.name, "fingerprint": root.fingerprint,
        }),
        Difference::CompartmentAdded(name) => json!({ "kind": "compartment-added", "name": name }),
        Difference::RotatorAdded(rotator) => json!({
            "kind": "rotator-added", "name": rotator.name, "key": key(&rotator.public),
        }),
        Difference::RotatorRetired(rotator) => json!({
            "kind": "rotator-retired", "name": rotator.name, "key": key(&rotator.public),
        }),
    }
}

fn role(change: &RoleChange) -> Value {
    let of = |panel: &Panel| {
        json!({
            "threshold": panel.threshold,
            "custodians": panel.members.len(),
            "losses": losses(panel.losses()),
        })
    };
    json!({ "role": change.after.role, "before": of(&change.before), "after": of(&change.after) })
}

fn both((before, after): (Option<Losses>, Option<Losses>)) -> Value {
    json!({ "before": losses(before), "after": losses(after) })
}

fn stale(stale: &Stale) -> Value {
    json!({
        "compartment": stale.compartment,
        "generation": stale.generation,
        "access": access(&stale.access),
        "newcomers": newcomers(&stale.newcomers),
        "ends": stale.ends.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn worse(worse: &Worse) -> Value {
    let kind = match worse {
        Worse::NoneToLose { .. } => "none-to-lose",
        Worse::FewerNeeded { .. } => "fewer-needed",
        Worse::OlderFirmware { .. } => "older-firmware",
        Worse::PinOnce => "pin-once",
        Worse::Period { .. } => "period",
        Worse::RootTrusted(_) => "root-trusted",
        Worse::LessTouch => "less-touch",
        Worse::Locked { .. } => "locked",
    };
    json!({ "kind": kind, "what": worse_words(worse) })
}

fn next(next: &Next) -> Value {
    let (command, why) = step(next);
    json!({ "command": command, "why": why })
}
