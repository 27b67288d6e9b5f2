//! Cryptography: pure and device-free. Private keys of tokens never come here; what a token answered
//! does.
//!
//! What the crates beneath keep on the stack for the length of one call (hash states, round keys, curve
//! scalars) is wiped only where they do it themselves; every buffer of ours is.

pub mod aead;
mod credential;
mod entropy;
mod error;
pub mod hpke;
pub mod kdf;
pub mod oaep;
mod open;
mod p256_key;
mod rsa_key;
mod schedule;
mod seal;
pub mod sealbox;
pub mod shamir;
pub mod sign;

pub use credential::narrow;
pub use entropy::{Entropy, NoEntropy};
pub use error::CryptoError;
pub use open::{SealedPlace, Unlocked, combine, find as find_share, unlock};
pub use p256_key::{EphemeralKey, P256Public, check_point};
pub use rsa_key::RsaPublic;
pub use seal::{Plan, Sealing, ToSeal, begin, sign};
pub use sealbox::{Operation, SealedShare, check_seal_key, key_request, open_share, seal_to};
pub use sign::{SoftwareSigner, check_sign_key, verify};
