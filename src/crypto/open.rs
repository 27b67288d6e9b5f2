//! Opening: a token's answer becomes a share, a quorum's shares become a role secret, both roles'
//! secrets become a key that is compared with its commitment before anything is decrypted.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::credential::{self, Derived, PADDED_LEN};
use super::seal::{SHARE_INFO, SharePlace};
use super::{CryptoError, SoftwareSigner, aead, sealbox, shamir};
use crate::format::{CustodianShare, GenerationHeader, Record, RoleShares, TokenSeal};
use crate::model::{Digest, Name, Role, SealKey};
use crate::secret::{AccessKeySecret, CredentialSecret, RoleSecret, Share, SharedSecret};

/// Where a token's sealed share stands in a header.
pub struct SealedPlace<'a> {
    header: &'a GenerationHeader,
    role: &'a RoleShares,
    share: &'a CustodianShare,
    seal: &'a TokenSeal,
}

/// Finds the share that is sealed to a token.
pub fn find<'a>(header: &'a GenerationHeader, token: &Digest) -> Option<SealedPlace<'a>> {
    for role in &header.roles {
        for share in &role.shares {
            if let Some(seal) = share.tokens.iter().find(|seal| seal.token == *token) {
                return Some(SealedPlace {
                    header,
                    role,
                    share,
                    seal,
                });
            }
        }
    }
    None
}

impl SealedPlace<'_> {
    /// What the token must do: an agreement or a decapsulation, checked before it is sent.
    ///
    /// # Errors
    /// [`CryptoError`] where the encapsulated key is none.
    pub fn operation(&self, key: &SealKey) -> Result<sealbox::Operation, CryptoError> {
        sealbox::key_request(key, &self.seal.encapsulated)
    }

    /// Opens the share with the token's answer, and compares it with its digest.
    ///
    /// # Errors
    /// [`CryptoError`]; the share is then somebody else's, or damaged.
    pub fn open(&self, key: &SealKey, answer: &SharedSecret) -> Result<Share, CryptoError> {
        let place = SharePlace {
            vault: self.header.vault,
            manifest: self.header.manifest,
            compartment: &self.header.compartment,
            generation: self.header.generation,
            role: self.role.role,
            custodian: &self.share.custodian,
            index: self.share.index,
        };
        let aad = place.aad(&self.seal.token);
        let (enc, ct) = (&self.seal.encapsulated, &self.seal.ciphertext);
        let share = sealbox::open_share(key, answer, enc, SHARE_INFO, &aad, ct)?;
        let same = place.share_digest(&share).0.ct_eq(&self.share.digest.0);
        if bool::from(same) {
            Ok(share)
        } else {
            Err(CryptoError::ShareDigest)
        }
    }

    /// The role that the share belongs to.
    pub fn role(&self) -> Role {
        self.role.role
    }

    /// Whose share it is.
    pub fn custodian(&self) -> &Name {
        &self.share.custodian
    }

    /// The share's index.
    pub fn index(&self) -> u8 {
        self.share.index
    }
}

/// Combines the shares of a quorum. `shares` must be as many as the threshold.
///
/// # Errors
/// [`CryptoError`] where they do not make a quorum.
pub fn combine(role: &RoleShares, shares: &[(u8, &Share)]) -> Result<RoleSecret, CryptoError> {
    if shares.len() < usize::from(role.threshold) {
        return Err(CryptoError::Quorum);
    }
    shamir::combine(role.threshold, &shares[..usize::from(role.threshold)])
}

/// A credential whose key is known to be the right one, and nothing of which has been decrypted yet. It
/// can sign that it was opened.
pub struct Unlocked {
    record: Record,
    derived: Derived,
}

/// Derives a credential's key from both roles' secrets and compares it with the commitment, in constant
/// time.
///
/// # Errors
/// [`CryptoError::Commitment`] where a role secret is not the one that the record was sealed with.
pub fn unlock(
    ic: &CredentialSecret,
    bgo: &CredentialSecret,
    record: Record,
) -> Result<Unlocked, CryptoError> {
    let derived = credential::derive(ic, bgo, &record.about)?;
    let committed = derived.commitment.as_slice().ct_eq(&record.commitment);
    let witnessed = derived.witness.public().as_slice().ct_eq(&record.witness);
    if bool::from(committed & witnessed) {
        Ok(Unlocked { record, derived })
    } else {
        Err(CryptoError::Commitment)
    }
}

impl Unlocked {
    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The witness: its signature says that both roles took part.
    pub fn witness(&self) -> &SoftwareSigner {
        &self.derived.witness
    }

    /// Decrypts the secret access key. Only [`crate::ceremony::Opening::release`] calls this, with the
    /// proof that the opening is recorded; from outside the crate there is no other way to it.
    ///
    /// # Errors
    /// [`CryptoError`] where the record was changed.
    pub(crate) fn decrypt(self) -> Result<AccessKeySecret, CryptoError> {
        credential::unpad(&*self.padded()?)
    }

    /// Whether the secret access key can be decrypted: all of it is done, and what comes of it is wiped here.
    ///
    /// # Errors
    /// [`CryptoError`] where the record was changed.
    pub fn verify(&self) -> Result<(), CryptoError> {
        credential::unpad(&*self.padded()?).map(drop)
    }

    fn padded(&self) -> Result<Zeroizing<[u8; PADDED_LEN]>, CryptoError> {
        let (body, tag) = self
            .record
            .ciphertext
            .split_at_checked(PADDED_LEN)
            .ok_or(length(self.record.ciphertext.len()))?;
        let tag: [u8; 16] = tag
            .try_into()
            .map_err(|_| length(self.record.ciphertext.len()))?;
        let mut padded = Zeroizing::new([0_u8; PADDED_LEN]);
        padded.copy_from_slice(body);
        let witness = self.derived.witness.public();
        let aad = credential::aad(&self.record.about, &self.derived.commitment, &witness);
        aead::open(
            &self.derived.key,
            &credential::NONCE,
            &aad,
            padded.as_mut_slice(),
            &tag,
        )?;
        Ok(padded)
    }
}

fn length(found: usize) -> CryptoError {
    CryptoError::CiphertextLength {
        wanted: PADDED_LEN + aead::TAG,
        found,
    }
}
