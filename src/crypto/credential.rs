//! From two role secrets to the key of one credential (design, section 3, steps 3 to 5).

use zeroize::Zeroizing;

use super::{CryptoError, SoftwareSigner, kdf};
use crate::format::{Fields, RecordAbout};
use crate::model::Name;
use crate::secret::{
    ACCESS_KEY_SECRET_MAX, AccessKeySecret, CredentialKey, CredentialSecret, RoleSecret,
    SigningSeed,
};

/// The length of every sealed plaintext: two bytes of length (big endian), the secret access key, zeros.
pub const PADDED_LEN: usize = ACCESS_KEY_SECRET_MAX + 2;

/// The nonce of AES-256-GCM: zero, because each key seals one plaintext.
pub const NONCE: [u8; 12] = [0; 12];

/// What the secrets of both roles give for one credential.
pub struct Derived {
    /// `k_i`
    pub key: CredentialKey,
    /// `commit_i`
    pub commitment: [u8; 32],
    /// The key pair of `w_i`.
    pub witness: SoftwareSigner,
}

/// `s_R,i = HKDF-Expand(S_R, label || credential, 32)`.
///
/// # Errors
/// None in practice: 32 bytes are within what HKDF gives.
pub fn narrow(secret: &RoleSecret, credential: &Name) -> Result<CredentialSecret, CryptoError> {
    let info = Fields::new("breakglass/v1/credential-secret").text(credential.as_str());
    CredentialSecret::try_filled(|out| kdf::expand(secret.expose(), &[info.as_bytes()], out))
}

/// `k_i || commit_i || w_i = HKDF(s_IC,i || s_BGO,i, header)`: the salt is empty, `info` are the record's
/// public fields, the output is 96 bytes.
///
/// # Errors
/// None in practice: 96 bytes are within what HKDF gives.
pub fn derive(
    ic: &CredentialSecret,
    bgo: &CredentialSecret,
    about: &RecordAbout,
) -> Result<Derived, CryptoError> {
    let mut okm = Zeroizing::new([0_u8; 96]);
    let info = about.fields();
    kdf::derive(
        &[],
        &[ic.expose(), bgo.expose()],
        &[info.as_bytes()],
        okm.as_mut_slice(),
    )?;
    let mut commitment = [0; 32];
    commitment.copy_from_slice(&okm[32..64]);
    Ok(Derived {
        key: CredentialKey::filled(|out| out.copy_from_slice(&okm[..32])),
        commitment,
        witness: SoftwareSigner::new(SigningSeed::filled(|out| out.copy_from_slice(&okm[64..]))),
    })
}

/// The AAD: the record's public fields, then the commitment and the witness's public key.
pub fn aad(about: &RecordAbout, commitment: &[u8; 32], witness: &[u8; 32]) -> Vec<u8> {
    about.fields().bytes(commitment).bytes(witness).into_bytes()
}

/// Pads a secret access key.
pub fn pad(secret: &AccessKeySecret, out: &mut [u8; PADDED_LEN]) {
    let bytes = secret.expose().as_bytes();
    out.fill(0);
    out[..2].copy_from_slice(&(bytes.len() as u16).to_be_bytes());
    out[2..2 + bytes.len()].copy_from_slice(bytes);
}

/// Takes the padding off.
///
/// # Errors
/// [`CryptoError::Padding`] where the length is out of range or the rest is not zero.
pub fn unpad(padded: &[u8; PADDED_LEN]) -> Result<AccessKeySecret, CryptoError> {
    let length = usize::from(u16::from_be_bytes([padded[0], padded[1]]));
    if length > ACCESS_KEY_SECRET_MAX || padded[2 + length..].iter().any(|byte| *byte != 0) {
        return Err(CryptoError::Padding);
    }
    AccessKeySecret::new(&padded[2..2 + length]).map_err(|_| CryptoError::Padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(length: usize) -> [u8; PADDED_LEN] {
        let mut padded = [0; PADDED_LEN];
        let secret = AccessKeySecret::new(&vec![b'k'; length]).unwrap();
        pad(&secret, &mut padded);
        padded
    }

    #[test]
    fn a_secret_of_any_length_comes_back() {
        for length in [16, 40, ACCESS_KEY_SECRET_MAX] {
            let back = unpad(&padded(length)).unwrap();
            assert_eq!(back.expose(), "k".repeat(length));
        }
    }

    #[test]
    fn padding_is_written_in_one_way_only() {
        let refused = |change: &dyn Fn(&mut [u8; PADDED_LEN])| {
            let mut padded = padded(40);
            change(&mut padded);
            assert_eq!(unpad(&padded).err(), Some(CryptoError::Padding));
        };
        refused(&|bytes| bytes[42] = 1);
        refused(&|bytes| bytes[PADDED_LEN - 1] = 1);
        // One character more or less than there are.
        refused(&|bytes| bytes[1] = 39);
        refused(&|bytes| bytes[1] = 41);
        // Longer than any secret, as long as two bytes can say, and none.
        let longer = u16::try_from(ACCESS_KEY_SECRET_MAX + 1).unwrap();
        for length in [longer, u16::MAX, 0] {
            refused(&|bytes| bytes[..2].copy_from_slice(&length.to_be_bytes()));
        }
    }
}
