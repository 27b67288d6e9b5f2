//! The rules of manifests: what makes one valid, and how the next one is drawn up. Pure.

mod chain;
mod change;
mod evidence;
mod fit;
mod sealed;
mod sound;

pub use chain::{Chain, Pin, Untrusted};
pub use change::{ChangeRefused, Draft};
pub use evidence::{Evidence, ROOTS_MAX, Unproved, prove, read_both, requirements, roots};
pub use fit::{Misfit, fits};
pub use sealed::{Misplaced, Place, read_header, read_record};
pub use sound::{Unsound, check};
