//! Where the vault lies: adapters of the [`Store`](crate::ports::Store) port.

mod dir;
mod file;
mod folder;

pub use dir::{DirLock, DirStore};
