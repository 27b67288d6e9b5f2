//! Whether a token's private keys are what a vault may rely on, and belong to its public ones.

use std::convert::Infallible;

use cryptoki::object::{Attribute, AttributeType, KeyType};
use p256::ecdsa::signature::Verifier;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Oaep, RsaPublicKey};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ports::TokenError;
use crate::secret::SharedSecret;

use super::errors::device;
use super::keys::{Objects, Public, Which};
use super::profile::Proof;
use super::token::Pkcs11Token;

/// What a private key must say of itself (PKCS#11 2.40, sections 4.4 and 4.9), from what is demanded of
/// every module to what some cannot say.
const DEMANDS: [(AttributeType, bool); 5] = [
    (AttributeType::Sensitive, true),
    (AttributeType::Extractable, false),
    (AttributeType::AlwaysSensitive, true),
    (AttributeType::NeverExtractable, true),
    (AttributeType::Local, true),
];

/// So much of it is demanded.
fn demands(proof: Proof) -> &'static [(AttributeType, bool)] {
    match proof {
        Proof::Local => &DEMANDS,
        Proof::History => &DEMANDS[..4],
        Proof::Now => &DEMANDS[..2],
    }
}

impl Pkcs11Token {
    /// Checks both keys, in a session that is logged in: first what they do, then what they say.
    pub(super) fn check_both(&self, objects: &Objects<'_>) -> Result<(), TokenError> {
        let both = || Which::BOTH.into_iter();
        both().try_for_each(|which| self.check_use(objects, which))?;
        let demanded = demands(self.key_habits().proof);
        both().try_for_each(|which| check_claims(objects, which, demanded))
    }

    fn check_use(&self, objects: &Objects<'_>, which: Which) -> Result<(), TokenError> {
        let public = objects.public(which)?;
        let wanted = match public {
            Public::P256(_) => KeyType::EC,
            Public::Rsa(_) => KeyType::RSA,
        };
        if objects.key_type(which, objects.private(which)?)? != wanted {
            return Err(objects.unfit(which, "its halves are of different types".to_owned()));
        }
        let matches = self.proves(objects, which, &public);
        match matches {
            Ok(true) => Ok(()),
            Ok(false) => {
                let reason = "its private half does not belong to its public half".to_owned();
                Err(objects.unfit(which, reason))
            }
            // A key that cannot do its work is unfit, whatever the module calls that.
            Err(TokenError::Device { reason, .. }) => Err(objects.unfit(which, reason)),
            Err(other) => Err(other),
        }
    }

    /// Uses the private half, and sees whether the public one agrees with the result.
    fn proves(
        &self,
        objects: &Objects<'_>,
        which: Which,
        public: &Public,
    ) -> Result<bool, TokenError> {
        match (which, public) {
            (Which::Seal, Public::P256(point)) => self.agrees(objects, point),
            (Which::Seal, Public::Rsa(der)) => self.decapsulates(objects, der),
            (Which::Sign, public) => self.signs(objects, public),
        }
    }

    /// ECDH of the token with a key of ours, and of that key with the token's point: the same.
    fn agrees(&self, objects: &Objects<'_>, point: &[u8; 65]) -> Result<bool, TokenError> {
        let public = p256::PublicKey::from_sec1_bytes(point)
            .map_err(|_| device(self.name(), "its seal key is no point of P-256"))?;
        let ours = loop {
            // All but one in 2^32 draws are below the group's order.
            let draw = self.draw::<32>()?;
            if let Ok(key) = p256::SecretKey::from_slice(&*draw) {
                break key;
            }
        };
        let mut peer = [0; 65];
        peer.copy_from_slice(ours.public_key().to_sec1_point(false).as_bytes());
        let expected = ours.diffie_hellman(&public);
        let told = self.agree(objects, &peer)?;
        Ok(expected
            .raw_secret_bytes()
            .as_slice()
            .ct_eq(told.expose())
            .into())
    }

    /// A seed encrypted to the public half comes back out of the token.
    fn decapsulates(&self, objects: &Objects<'_>, der: &[u8]) -> Result<bool, TokenError> {
        let public = self.rsa_key(der)?;
        let drawn = self.draw::<32>()?;
        let seed = SharedSecret::filled(|seed| seed.copy_from_slice(&*drawn));
        let mut salt = OaepSeed {
            bytes: self.draw::<32>()?,
            used: 0,
        };
        let sealed = public.encrypt(&mut salt, Oaep::<Sha256>::new(), seed.expose());
        let sealed =
            sealed.map_err(|e| device(self.name(), format!("sealing to it failed: {e}")))?;
        if salt.used > salt.bytes.len() {
            return Err(device(
                self.name(),
                "sealing to it took more random bytes than it should",
            ));
        }
        let told = self.decapsulate(objects, &sealed)?;
        Ok(seed.expose().ct_eq(told.expose()).into())
    }

    /// A signature over a fresh challenge verifies.
    fn signs(&self, objects: &Objects<'_>, public: &Public) -> Result<bool, TokenError> {
        let mut challenge = b"breakglass/v1/check-key\0".to_vec();
        challenge.extend_from_slice(&*self.draw::<32>()?);
        let signature = self.sign(objects, &challenge)?;
        Ok(match public {
            Public::P256(point) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
                let signature = p256::ecdsa::Signature::from_slice(&signature);
                key.is_ok_and(|key| signature.is_ok_and(|s| key.verify(&challenge, &s).is_ok()))
            }
            Public::Rsa(der) => {
                let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::new(self.rsa_key(der)?);
                let signature = rsa::pkcs1v15::Signature::try_from(signature.as_slice());
                signature.is_ok_and(|s| key.verify(&challenge, &s).is_ok())
            }
        })
    }

    fn rsa_key(&self, der: &[u8]) -> Result<RsaPublicKey, TokenError> {
        RsaPublicKey::from_public_key_der(der)
            .map_err(|e| device(self.name(), format!("its key is no RSA key: {e}")))
    }

    fn draw<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, TokenError> {
        let mut bytes = Zeroizing::new([0; N]);
        getrandom::fill(&mut *bytes)
            .map_err(|_| device(self.name(), "the system gives no random numbers"))?;
        Ok(bytes)
    }
}

fn check_claims(
    objects: &Objects<'_>,
    which: Which,
    demands: &[(AttributeType, bool)],
) -> Result<(), TokenError> {
    let private = objects.private(which)?;
    for &(attribute, demanded) in demands {
        let told = bool_of(&objects.attribute(which, private, attribute)?);
        if told != Some(demanded) {
            return Err(objects.unfit(which, format!("its {attribute} is not {demanded}")));
        }
    }
    Ok(())
}

fn bool_of(attribute: &Attribute) -> Option<bool> {
    match attribute {
        Attribute::Sensitive(value)
        | Attribute::AlwaysSensitive(value)
        | Attribute::Extractable(value)
        | Attribute::NeverExtractable(value)
        | Attribute::Local(value) => Some(*value),
        _ => None,
    }
}

/// The one seed that an OAEP encryption draws (RFC 8017, section 7.1.1, step 2d), drawn beforehand:
/// the system's random numbers can fail, and the crate's trait cannot say so.
struct OaepSeed {
    bytes: Zeroizing<[u8; 32]>,
    /// How many bytes were asked for; more than there are is noticed afterwards.
    used: usize,
}

impl rand_core::TryRng for OaepSeed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        let left = self.bytes.get(self.used..).unwrap_or_default();
        for (to, from) in wanted.iter_mut().zip(left) {
            *to = *from;
        }
        self.used += wanted.len();
        Ok(())
    }
}

impl rand_core::TryCryptoRng for OaepSeed {}
