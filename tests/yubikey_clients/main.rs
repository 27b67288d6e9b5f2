//! Clients that we did not write manage virtual YubiKeys through a real pcscd: what they say, and what openssl
//! says of what they made, is the proof that the cards are what they seem.
//!
//! `scripts/setup` installs them.

#[path = "../common/bench.rs"]
mod bench;
#[path = "../common/rack.rs"]
mod rack;

mod desk;
mod piv_tool;
mod pkcs11_tool;
mod ykman;
mod yubikey_crate;
