//! Who can open what, and what a change of the manifest costs. Pure: it reads manifests and what the ledger
//! adds up to, and says what the ceremony and the chain of manifests would take.

mod access;
mod explain;
mod panel;
mod plan;
mod sealed;
mod times;

pub use access::{Access, Quorum, Touch};
pub use explain::{Explained, SetAccess, explain};
pub use panel::{Held, Losses, Member, Panel, firmware};
pub use plan::{CannotSign, Difference, Next, Plan, Proof, RoleChange, Signers, Stale, Worse};
pub use sealed::{
    Ending, Exposure, Partners, SealedKey, SealedSet, differs, newcomers, sealed_sets,
};
pub use times::Period;
