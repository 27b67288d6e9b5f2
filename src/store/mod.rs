//! Where the vault lies: adapters of the [`Store`](crate::ports::Store) port.

mod archive;
mod bucket;
mod dir;
mod file;
mod folder;
mod shelf;
mod split;
mod station;
pub mod textfile;

pub use bucket::{BucketAccess, BucketPlace, BucketStore, NotAPlace, Protection};
pub use dir::{DirLock, DirStore};
pub use shelf::Shelf;
pub use split::SplitStore;
pub use station::StationFolder;
