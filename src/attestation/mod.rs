//! What a YubiKey says of a key that was made inside it: the PIV attestation, verified up to a pinned root.
//!
//! A YubiKey answers `ATTEST` (INS F9) for a slot with a certificate of the slot's key. The key of slot F9
//! signs it, and a Yubico authority has signed F9's certificate when the device was made. The chain:
//!
//! | generation | chain |
//! | --- | --- |
//! | to firmware 5.7.3 | attestation, F9, Yubico PIV Root CA Serial 263751 |
//! | from firmware 5.7.4 | attestation, F9, Yubico PIV Attestation A 1 (B 1, B2 1), Yubico Attestation Intermediate A 1 (B 1), Yubico Attestation Root 1 |
//! | a company's own | attestation, F9 (written over by its owner), up to [`Roots::with_own`] |
//!
//! The device signs for no key that was brought in from outside, so a chain that holds proves that the key was
//! made on the device. Anybody can write over slot F9: what counts is the root alone, which is pinned by its
//! key and its name. Sources: RFC 5280, sections 4 and 6.1; Yubico's *PIV Attestation OID Arc* and *PIV
//! attestation*.
//!
//! # The clock
//! Dates do not make a chain untrue. The device copies them from F9's certificate into each attestation, so
//! they say nothing of the key, and the newer authorities end in the year 9999; the clock of a laptop that
//! lay in a safe may well be wrong. [`verify`] therefore never refuses for a date: it tells what it found in
//! [`Attested::dates`]. [`Attested::meets`] refuses for it, last of all and under a name of its own, unless
//! [`Requirements::dates`] says otherwise.

mod certificate;
mod error;
mod facts;
mod path;
mod pem;
mod requirements;
mod roots;
mod signature;

use certificate::Certificate;
pub use error::{NotARoot, Part, Unattested};
pub use facts::{Attested, Dates, FormFactor, Shape, firmware_told};
pub use pem::certificates;
pub use requirements::{Expected, Requirements, Unmet};
pub use roots::{RootName, Roots};

use crate::model::Timestamp;
pub use crate::model::{Firmware, NotAFirmware, PinPolicy, TouchPolicy};

/// The longest certificate that is looked at, in bytes of DER. Real ones have 600 to 900.
pub const CERTIFICATE_MAX: usize = 8 * 1024;

/// The longest chain, the attestation and the root counted. Yubico's has five.
pub const CHAIN_MAX: usize = 6;

/// What was read from the device, nothing of it trusted.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a> {
    /// The answer to `ATTEST` for the slot: a certificate, DER.
    pub leaf: &'a [u8],
    /// The certificate of slot F9 (object 5FFF01, without its wrapping): DER.
    pub device: &'a [u8],
    /// Certificates that may stand between F9 and the root, DER, in any order; what is not needed does no
    /// harm. Yubico's are built in, so this is empty but for authorities that are younger than this program
    /// and for a company's own. At most four.
    pub intermediates: &'a [Vec<u8>],
}

/// Verifies a chain up to a pinned root: shape, signatures, names, authority, path lengths, extensions; and
/// reads what the attestation says. Whether that suffices is for [`Attested::meets`] to say.
///
/// `now` is what the dates are compared with; see [the clock](self#the-clock).
///
/// # Errors
/// [`Unattested`]: nothing can be believed of the key.
pub fn verify(
    chain: &Chain<'_>,
    roots: &Roots,
    now: Option<Timestamp>,
) -> Result<Attested, Unattested> {
    let count = 2 + chain.intermediates.len();
    if count > CHAIN_MAX {
        return Err(Unattested::TooMany(count));
    }
    let leaf = Certificate::parse(chain.leaf, Part::Key)?;
    let device = Certificate::parse(chain.device, Part::Device)?;
    let between = chain
        .intermediates
        .iter()
        .map(|der| Certificate::parse(der, Part::Between))
        .collect::<Result<Vec<_>, _>>()?;
    path::check_leaf(&leaf, &device)?;
    let path = path::up_to_a_root(&device, &between, roots)?;
    let dates = facts::dates(&leaf, &path, now);
    facts::read(&leaf, &device, path.root.name(), dates)
}
