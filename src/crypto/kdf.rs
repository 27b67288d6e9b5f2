//! HKDF with SHA-256 (RFC 5869), into buffers of the caller's.

use hkdf::{Hkdf, HkdfExtract};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::CryptoError;

/// HKDF-Extract over the concatenation of `ikm`, into `prk`. An empty salt is the salt of 32 zeros
/// (RFC 5869, section 2.2).
pub fn extract(salt: &[u8], ikm: &[&[u8]], prk: &mut [u8; 32]) {
    let mut state = HkdfExtract::<Sha256>::new(Some(salt));
    for part in ikm {
        state.input_ikm(part);
    }
    let (mut output, _) = state.finalize();
    prk.copy_from_slice(&output);
    output.as_mut_slice().zeroize();
}

/// HKDF-Expand with the concatenation of `info`, filling all of `out`. `prk` must be a key: 32 bytes from
/// [`extract`], or 32 uniformly random bytes.
///
/// # Errors
/// [`CryptoError::DerivationLength`] above 8,160 bytes (255 blocks).
pub fn expand(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) -> Result<(), CryptoError> {
    Hkdf::<Sha256>::from_prk(prk)
        .map_err(|_| CryptoError::DerivationLength)?
        .expand_multi_info(info, out)
        .map_err(|_| CryptoError::DerivationLength)
}

/// [`extract`], then [`expand`]; the key between them is wiped.
///
/// # Errors
/// [`CryptoError::DerivationLength`].
pub fn derive(
    salt: &[u8],
    ikm: &[&[u8]],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let mut prk = Zeroizing::new([0; 32]);
    extract(salt, ikm, &mut prk);
    expand(&prk, info, out)
}
