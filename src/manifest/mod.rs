//! The rules of manifests: what makes one valid, and how the next one is drawn up. Pure.

mod chain;
mod change;
mod fit;
mod sealed;
mod sound;

pub use chain::{Chain, Pin, Untrusted};
pub use change::{ChangeRefused, Draft};
pub use fit::{Misfit, fits};
pub use sealed::{Misplaced, Place, read_header, read_record};
pub use sound::{Unsound, check};
