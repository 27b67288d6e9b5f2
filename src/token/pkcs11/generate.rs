//! Making the two keys on a token.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;

use crate::model::TokenKeys;
use crate::ports::TokenError;

use super::errors::{device, told};
use super::keys::{Objects, P256_OID, Which};
use super::profile::PublicHalf;
use super::token::Pkcs11Token;

/// The modulus that is asked for first, and the one where the module does not do that, in bits.
const RSA_BITS: [u32; 2] = [3072, 2048];

/// The public exponent 65537, big endian.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// What sort of keys is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    P256,
    Rsa,
}

/// A key pair that was made just now.
type Pair = (ObjectHandle, ObjectHandle);

impl Pkcs11Token {
    /// P-256 where the token can agree with it, else RSA.
    pub(super) fn kind_to_generate(&self) -> Result<Kind, TokenError> {
        let listed = self.listed()?;
        let all = |wanted: &[MechanismType]| wanted.iter().all(|one| listed.contains(one));
        let can = self.mechanisms();
        let (ec, rsa) = (
            [
                MechanismType::ECC_KEY_PAIR_GEN,
                MechanismType::ECDH1_DERIVE,
                MechanismType::ECDSA,
            ],
            [
                MechanismType::RSA_PKCS_KEY_PAIR_GEN,
                MechanismType::RSA_PKCS_OAEP,
                MechanismType::RSA_PKCS,
            ],
        );
        if can.ec && all(&ec) {
            Ok(Kind::P256)
        } else if can.rsa_oaep_sha256 && all(&rsa) {
            Ok(Kind::Rsa)
        } else {
            Err(device(
                self.name(),
                "it can neither agree with P-256 keys nor decrypt RSA-OAEP with SHA-256",
            ))
        }
    }

    /// Makes both keys, or leaves the token as it was.
    pub(super) fn generate_both(
        &self,
        objects: &Objects<'_>,
        kind: Kind,
    ) -> Result<TokenKeys, TokenError> {
        self.refuse_to_overwrite(objects)?;
        let mut made = Vec::new();
        let keys = Which::BOTH
            .into_iter()
            .try_for_each(|which| {
                made.push(self.generate_one(objects, kind, which)?);
                Ok(())
            })
            .and_then(|()| objects.token_keys());
        keys.map_err(|error| self.remove(objects, &made, error))
    }

    fn refuse_to_overwrite(&self, objects: &Objects<'_>) -> Result<(), TokenError> {
        for which in Which::BOTH {
            for class in [ObjectClass::PUBLIC_KEY, ObjectClass::PRIVATE_KEY] {
                if !objects.all(class, which)?.is_empty() {
                    let (token, which) = (self.name().to_owned(), which.name());
                    return Err(TokenError::KeyExists { token, which });
                }
            }
        }
        Ok(())
    }

    fn generate_one(
        &self,
        objects: &Objects<'_>,
        kind: Kind,
        which: Which,
    ) -> Result<Pair, TokenError> {
        let habits = self.key_habits();
        let mut id = vec![0; habits.id_length];
        getrandom::fill(&mut id).map_err(|_| {
            device(
                self.name(),
                "the system gives no random number for the key's id",
            )
        })?;
        let private = private_template(kind, which, &id);
        let generate = |mechanism: &Mechanism<'_>, public: &[Attribute]| {
            objects
                .session
                .generate_key_pair(mechanism, public, &private)
        };
        let made = match kind {
            Kind::P256 => {
                let mut public = public_template(which, &id, habits.public);
                public.push(Attribute::EcParams(P256_OID.to_vec()));
                generate(&Mechanism::EccKeyPairGen, &public)
            }
            Kind::Rsa => self.generate_rsa(|bits| {
                let mut public = public_template(which, &id, habits.public);
                public.push(Attribute::ModulusBits(Ulong::new(bits.into())));
                public.push(Attribute::PublicExponent(RSA_EXPONENT.to_vec()));
                generate(&Mechanism::RsaPkcsKeyPairGen, &public)
            }),
        };
        made.map_err(|e| told(self.name(), &format!("making the {}", which.name()), &e))
    }

    fn generate_rsa(&self, make: impl Fn(u32) -> Result<Pair, Error>) -> Result<Pair, Error> {
        let [long, short] = RSA_BITS;
        if self.longest_rsa().is_some_and(|most| most < long as usize) {
            return make(short);
        }
        match make(long) {
            Err(Error::Pkcs11(RvError::KeySizeRange | RvError::AttributeValueInvalid, _)) => {
                make(short)
            }
            other => other,
        }
    }

    /// Takes back what was made; what is left then is the error that led here.
    fn remove(&self, objects: &Objects<'_>, made: &[Pair], error: TokenError) -> TokenError {
        let halves = made
            .iter()
            .flat_map(|(public, private)| [*private, *public]);
        let left: Vec<String> = halves
            .filter_map(|half| objects.session.destroy_object(half).err())
            .map(|e| super::errors::words(&e))
            .collect();
        if left.is_empty() {
            return error;
        }
        device(
            self.name(),
            format!(
                "{error}; and what was made could not be removed again ({}): remove the objects \
                 {} and {} by hand before the next try",
                left.join(", "),
                Which::Seal.label(),
                Which::Sign.label()
            ),
        )
    }
}

/// No use is asked for: we use this half ourselves, outside the token, and the TPM contradicts what it is
/// asked for there.
fn public_template(which: Which, id: &[u8], public: PublicHalf) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        // Readable without a PIN where the module allows that: looking a token up needs no person then.
        Attribute::Private(public == PublicHalf::Login),
        Attribute::Label(which.label().as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
    ]
}

/// One use for each key; the others are refused in so many words, because modules differ in what they
/// allow by default.
fn private_template(kind: Kind, which: Which, id: &[u8]) -> Vec<Attribute> {
    let seal = which == Which::Seal;
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(which.label().as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
        Attribute::Sign(!seal),
        Attribute::Derive(seal && kind == Kind::P256),
        Attribute::Decrypt(seal && kind == Kind::Rsa),
        Attribute::Unwrap(false),
    ]
}
