//! Sealing a generation (design, section 3): role secrets to the tokens, access keys under both roles'
//! secrets. It takes public keys alone, so it runs unattended.

use zeroize::Zeroizing;

use super::credential::{self, PADDED_LEN};
use super::{CryptoError, Entropy, SoftwareSigner, sealbox, shamir};
use crate::format::dsse::{Envelope, EnvelopeSignature};
use crate::format::{
    CustodianShare, GenerationHeader, Manifest, Record, RecordAbout, RoleShares, TokenSeal, digest,
};
use crate::model::{AccessKeyId, AccountId, Digest, Name, Role, Timestamp, UserName};
use crate::secret::{AccessKeySecret, RoleSecret, Share};

/// A generation while its access keys are being sealed: the role secrets live as long as this does.
pub struct Sealing {
    header: GenerationHeader,
    header_digest: Digest,
    ic: RoleSecret,
    bgo: RoleSecret,
}

/// What a generation is for.
pub struct Plan<'a> {
    /// The vault's fingerprint.
    pub vault: Digest,
    /// The manifest in force.
    pub manifest: &'a Manifest,
    /// Its digest.
    pub manifest_digest: Digest,
    /// The compartment.
    pub compartment: &'a Name,
    /// The generation's number.
    pub generation: u64,
    /// Now.
    pub now: Timestamp,
}

/// Draws the role secrets of a generation and seals their shares to every token of the manifest.
///
/// # Errors
/// [`CryptoError`] where there is no randomness, or a token's key is none.
pub fn begin(plan: &Plan<'_>, entropy: &dyn Entropy) -> Result<Sealing, CryptoError> {
    let ic = draw(entropy)?;
    let bgo = draw(entropy)?;
    let header = GenerationHeader {
        vault: plan.vault,
        manifest: plan.manifest_digest,
        manifest_version: plan.manifest.version,
        compartment: plan.compartment.clone(),
        generation: plan.generation,
        created: plan.now,
        roles: vec![
            role_shares(plan, Role::Ic, &ic, entropy)?,
            role_shares(plan, Role::Bgo, &bgo, entropy)?,
        ],
    };
    let payload = Envelope::of(&header)
        .map_err(|_| CryptoError::Document)?
        .payload;
    Ok(Sealing {
        header_digest: digest(&payload),
        header,
        ic,
        bgo,
    })
}

fn draw(entropy: &dyn Entropy) -> Result<RoleSecret, CryptoError> {
    Ok(RoleSecret::try_filled(|buffer| entropy.fill(buffer))?)
}

fn role_shares(
    plan: &Plan<'_>,
    role: Role,
    secret: &RoleSecret,
    entropy: &dyn Entropy,
) -> Result<RoleShares, CryptoError> {
    let holders: Vec<_> = plan.manifest.holders(role).collect();
    let threshold = plan.manifest.thresholds.of(role);
    let count = u8::try_from(holders.len()).map_err(|_| CryptoError::Document)?;
    let parts = shamir::split(secret, threshold, count, entropy)?;
    let mut shares = Vec::with_capacity(parts.len());
    for ((index, custodian), (_, share)) in holders.into_iter().zip(&parts) {
        let place = SharePlace {
            vault: plan.vault,
            manifest: plan.manifest_digest,
            compartment: plan.compartment,
            generation: plan.generation,
            role,
            custodian: &custodian.name,
            index,
        };
        let mut tokens = Vec::with_capacity(custodian.tokens.len());
        for token in &custodian.tokens {
            let aad = place.aad(&token.id());
            let sealed =
                sealbox::seal_to(&token.keys.seal, SHARE_INFO, &aad, share.expose(), entropy)?;
            tokens.push(TokenSeal {
                token: token.id(),
                encapsulated: sealed.encapsulated,
                ciphertext: sealed.ciphertext,
            });
        }
        shares.push(CustodianShare {
            index,
            custodian: custodian.name.clone(),
            digest: place.share_digest(share),
            tokens,
        });
    }
    Ok(RoleShares {
        role,
        threshold,
        shares,
    })
}

/// `info` of every sealed share: the purpose and the version.
pub(super) const SHARE_INFO: &[u8] = b"breakglass/v1/share";

/// Where a share belongs; all of it is bound into its sealing.
pub(super) struct SharePlace<'a> {
    pub vault: Digest,
    pub manifest: Digest,
    pub compartment: &'a Name,
    pub generation: u64,
    pub role: Role,
    pub custodian: &'a Name,
    pub index: u8,
}

impl SharePlace<'_> {
    fn fields(&self, label: &str) -> crate::format::Fields {
        crate::format::Fields::new(label)
            .of(&self.vault)
            .of(&self.manifest)
            .text(self.compartment.as_str())
            .number(self.generation)
            .text(self.role.label())
            .text(self.custodian.as_str())
            .number(u64::from(self.index))
    }

    /// The AAD of the share sealed to one token.
    pub fn aad(&self, token: &Digest) -> Vec<u8> {
        self.fields("breakglass/v1/share")
            .of(token)
            .as_bytes()
            .to_vec()
    }

    /// The digest that stands in the header. The share is 32 bytes of full entropy, so it gives nothing
    /// away.
    pub fn share_digest(&self, share: &Share) -> Digest {
        let fields = Zeroizing::new(
            self.fields("breakglass/v1/share-digest")
                .bytes(share.expose())
                .into_bytes(),
        );
        digest(&fields)
    }
}

/// An access key that is to be sealed.
pub struct ToSeal<'a> {
    /// The credential.
    pub credential: &'a Name,
    /// Its account.
    pub account: &'a AccountId,
    /// Its user.
    pub user: &'a UserName,
    /// The access key's id.
    pub access_key: &'a AccessKeyId,
    /// The secret access key.
    pub secret: &'a AccessKeySecret,
    /// Now.
    pub now: Timestamp,
}

impl Sealing {
    /// The header.
    pub fn header(&self) -> &GenerationHeader {
        &self.header
    }

    /// The digest of its payload.
    pub fn header_digest(&self) -> Digest {
        self.header_digest
    }

    /// The header, signed.
    ///
    /// # Errors
    /// [`CryptoError::Document`].
    pub fn signed_header(&self, signer: &SoftwareSigner) -> Result<Envelope, CryptoError> {
        let envelope = Envelope::of(&self.header).map_err(|_| CryptoError::Document)?;
        Ok(sign(envelope, signer))
    }

    /// Seals one access key and signs the record.
    ///
    /// # Errors
    /// [`CryptoError`].
    pub fn seal(&self, key: &ToSeal<'_>, signer: &SoftwareSigner) -> Result<Envelope, CryptoError> {
        let about = RecordAbout {
            vault: self.header.vault,
            manifest: self.header.manifest,
            header: self.header_digest,
            compartment: self.header.compartment.clone(),
            generation: self.header.generation,
            credential: key.credential.clone(),
            account: key.account.clone(),
            user: key.user.clone(),
            access_key: key.access_key.clone(),
            created: key.now,
        };
        let ic = credential::narrow(&self.ic, &about.credential)?;
        let bgo = credential::narrow(&self.bgo, &about.credential)?;
        let derived = credential::derive(&ic, &bgo, &about)?;
        let aad = credential::aad(&about, &derived.commitment, &derived.witness.public());
        let mut padded = Zeroizing::new([0_u8; PADDED_LEN]);
        credential::pad(key.secret, &mut padded);
        let tag = super::aead::seal(
            &derived.key,
            &credential::NONCE,
            &aad,
            padded.as_mut_slice(),
        )?;
        let mut ciphertext = padded.to_vec();
        ciphertext.extend_from_slice(&tag);
        let record = Record {
            about,
            commitment: derived.commitment.to_vec(),
            witness: derived.witness.public().to_vec(),
            ciphertext,
        };
        let envelope = Envelope::of(&record).map_err(|_| CryptoError::Document)?;
        Ok(sign(envelope, signer))
    }
}

/// Adds a software key's signature to an envelope.
pub fn sign(mut envelope: Envelope, signer: &SoftwareSigner) -> Envelope {
    let sig = signer.sign(&envelope.signed_bytes()).to_vec();
    envelope.signatures.push(EnvelopeSignature {
        keyid: signer.key_id(),
        sig,
    });
    envelope
}
