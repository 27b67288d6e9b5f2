//! Where the vault lies: adapters of the [`Store`](crate::ports::Store) port.

mod archive;
mod dir;
mod file;
mod folder;

mod station;

pub use dir::{DirLock, DirStore};
pub use station::StationFolder;
