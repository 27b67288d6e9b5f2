//! The objects of this tool on a token, and what can be read of them without a PIN.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use rsa::pkcs8::EncodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, RsaPublicKey};

use crate::crypto::check_point;
use crate::model::{Presence, SealKey, SealSuite, SignAlgorithm, SignKey, TokenKeys};
use crate::ports::TokenError;

use super::errors::told;
use super::profile::{Profile, hex};

/// `CKA_LABEL` of both halves of the seal key.
pub const SEAL_LABEL: &str = "breakglass-seal";
/// `CKA_LABEL` of both halves of the sign key.
pub const SIGN_LABEL: &str = "breakglass-sign";

/// The curve P-256, `CKA_EC_PARAMS`: the DER OBJECT IDENTIFIER 1.2.840.10045.3.1.7 (RFC 5480, section
/// 2.1.1.1).
pub(super) const P256_OID: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The head of a DER OCTET STRING of 65 bytes.
const OCTET_STRING_65: [u8; 2] = [0x04, 0x41];

/// The least RSA modulus that is taken, in bits.
pub(super) const RSA_BITS_MIN: u32 = 2048;

/// Which of the two keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Seal,
    Sign,
}

impl Which {
    pub(super) const BOTH: [Self; 2] = [Self::Seal, Self::Sign];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Seal => SEAL_LABEL,
            Self::Sign => SIGN_LABEL,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal key",
            Self::Sign => "sign key",
        }
    }
}

/// The public half of a key.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Public {
    /// An uncompressed point of P-256, on the curve.
    P256([u8; 65]),
    /// A `SubjectPublicKeyInfo`, DER.
    Rsa(Vec<u8>),
}

/// A session, and the token's name in errors.
pub(super) struct Objects<'a> {
    pub(super) session: &'a Session,
    pub(super) name: &'a str,
    pub(super) profile: Option<&'a Profile>,
}

impl Objects<'_> {
    /// All objects of that class with the key's label.
    pub(super) fn all(
        &self,
        class: ObjectClass,
        which: Which,
    ) -> Result<Vec<ObjectHandle>, TokenError> {
        let template = [Attribute::Class(class), self.naming(which)];
        let found = self.session.find_objects(&template);
        found.map_err(|e| told(self.name, "looking for keys", &e))
    }

    /// What a key is found by: our label, or the `CKA_ID` that the module gives it.
    fn naming(&self, which: Which) -> Attribute {
        match self.maker_id(which).and_then(hex) {
            Some(id) => Attribute::Id(id),
            None => Attribute::Label(which.label().as_bytes().to_vec()),
        }
    }

    fn name_of(&self, which: Which) -> String {
        match self.maker_id(which) {
            Some(id) => format!("CKA_ID {id}"),
            None => format!("label {}", which.label()),
        }
    }

    fn maker_id(&self, which: Which) -> Option<&str> {
        let keys = &self.profile?.keys;
        match which {
            Which::Seal => keys.seal_id.as_deref(),
            Which::Sign => keys.sign_id.as_deref(),
        }
    }

    /// The one object of that class with the key's label.
    pub(super) fn one(&self, class: ObjectClass, which: Which) -> Result<ObjectHandle, TokenError> {
        match self.all(class, which)?.as_slice() {
            [] => Err(TokenError::NoKey {
                token: self.name.to_owned(),
                which: which.name(),
            }),
            [one] => Ok(*one),
            several => Err(self.unfit(
                which,
                format!("{} objects have the {}", several.len(), self.name_of(which)),
            )),
        }
    }

    /// The one private key.
    pub(super) fn private(&self, which: Which) -> Result<ObjectHandle, TokenError> {
        self.one(ObjectClass::PRIVATE_KEY, which)
    }

    /// Both public keys, in the form that documents hold.
    pub(super) fn token_keys(&self) -> Result<TokenKeys, TokenError> {
        let seal = self.public(Which::Seal)?;
        let sign = self.public(Which::Sign)?;
        if seal == sign {
            return Err(self.unfit(Which::Sign, "it is the seal key too".to_owned()));
        }
        let seal = match seal {
            Public::P256(point) => SealKey {
                suite: SealSuite::P256,
                public: point.to_vec(),
            },
            Public::Rsa(der) => SealKey {
                suite: SealSuite::RsaOaepSha256,
                public: der,
            },
        };
        let sign = match sign {
            Public::P256(point) => SignKey {
                algorithm: SignAlgorithm::EcdsaP256Sha256,
                public: point.to_vec(),
            },
            Public::Rsa(der) => SignKey {
                algorithm: SignAlgorithm::RsaPkcs1Sha256,
                public: der,
            },
        };
        Ok(TokenKeys {
            seal,
            sign,
            presence: Presence::None,
        })
    }

    /// The public half of the key, checked.
    pub(super) fn public(&self, which: Which) -> Result<Public, TokenError> {
        let handle = self.one(ObjectClass::PUBLIC_KEY, which)?;
        match self.key_type(which, handle)? {
            KeyType::EC => self.ec_public(which, handle).map(Public::P256),
            KeyType::RSA => self.rsa_public(which, handle).map(Public::Rsa),
            other => Err(self.unfit(which, format!("it is of type {other}"))),
        }
    }

    pub(super) fn key_type(
        &self,
        which: Which,
        handle: ObjectHandle,
    ) -> Result<KeyType, TokenError> {
        match self.attribute(which, handle, AttributeType::KeyType)? {
            Attribute::KeyType(key_type) => Ok(key_type),
            _ => Err(self.untold(which, AttributeType::KeyType)),
        }
    }

    fn ec_public(&self, which: Which, handle: ObjectHandle) -> Result<[u8; 65], TokenError> {
        match self.attribute(which, handle, AttributeType::EcParams)? {
            Attribute::EcParams(params) if params == P256_OID => {}
            _ => return Err(self.unfit(which, "it is on another curve than P-256".to_owned())),
        }
        let Attribute::EcPoint(bytes) = self.attribute(which, handle, AttributeType::EcPoint)?
        else {
            return Err(self.untold(which, AttributeType::EcPoint));
        };
        point_of(&bytes)
            .ok_or_else(|| self.unfit(which, "its CKA_EC_POINT is no point of P-256".to_owned()))
    }

    fn rsa_public(&self, which: Which, handle: ObjectHandle) -> Result<Vec<u8>, TokenError> {
        let (Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)) = (
            self.attribute(which, handle, AttributeType::Modulus)?,
            self.attribute(which, handle, AttributeType::PublicExponent)?,
        ) else {
            return Err(self.untold(which, AttributeType::Modulus));
        };
        spki_of(&modulus, &exponent).map_err(|reason| self.unfit(which, reason))
    }

    /// One attribute. The crate leaves out what the module does not tell, so they are asked for singly.
    pub(super) fn attribute(
        &self,
        which: Which,
        handle: ObjectHandle,
        wanted: AttributeType,
    ) -> Result<Attribute, TokenError> {
        let doing = format!("reading {wanted} of the {}", which.name());
        let told = self
            .session
            .get_attributes(handle, &[wanted])
            .map_err(|e| told(self.name, &doing, &e))?;
        told.into_iter()
            .next()
            .ok_or_else(|| self.untold(which, wanted))
    }

    fn untold(&self, which: Which, attribute: AttributeType) -> TokenError {
        self.unfit(which, format!("the module does not tell its {attribute}"))
    }

    pub(super) fn unfit(&self, which: Which, reason: String) -> TokenError {
        TokenError::UnfitKey {
            token: self.name.to_owned(),
            which: which.name(),
            reason,
        }
    }
}

/// The point in a `CKA_EC_POINT`: the standard's DER OCTET STRING, or the bare 65 bytes that several
/// modules give.
fn point_of(bytes: &[u8]) -> Option<[u8; 65]> {
    let bare = match bytes.len() {
        65 => bytes,
        67 => bytes.strip_prefix(&OCTET_STRING_65)?,
        _ => return None,
    };
    let point: [u8; 65] = bare.try_into().ok()?;
    check_point(&point).is_ok().then_some(point)
}

/// The point as a DER OCTET STRING.
pub(super) fn der_point(point: &[u8; 65]) -> [u8; 67] {
    let mut der = [0; 67];
    der[..2].copy_from_slice(&OCTET_STRING_65);
    der[2..].copy_from_slice(point);
    der
}

fn spki_of(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, String> {
    let (n, e) = (
        BoxedUint::from_be_slice_vartime(modulus),
        BoxedUint::from_be_slice_vartime(exponent),
    );
    let key =
        RsaPublicKey::new(n, e).map_err(|e| format!("its modulus or exponent is bad: {e}"))?;
    let bits = key.n().bit_width();
    if bits < RSA_BITS_MIN {
        return Err(format!(
            "its modulus has {bits} bits, {RSA_BITS_MIN} are the least"
        ));
    }
    let der = key
        .to_public_key_der()
        .map_err(|e| format!("it cannot be written as DER: {e}"))?;
    Ok(der.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator of P-256 (SEC 2, section 2.4.2).
    const GENERATOR: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                             4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn generator() -> [u8; 65] {
        let bytes = data_encoding::HEXLOWER
            .decode(GENERATOR.as_bytes())
            .unwrap();
        bytes.try_into().unwrap()
    }

    #[test]
    fn a_point_is_read_bare_and_in_der() {
        let point = generator();
        assert_eq!(point_of(&point), Some(point));
        assert_eq!(point_of(&der_point(&point)), Some(point));
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let good = generator();
        let changed = |at: usize, value: u8| {
            let mut bad = good;
            bad[at] = value;
            bad
        };
        assert_eq!(point_of(&changed(64, 0xf4)), None, "not on the curve");
        assert_eq!(point_of(&changed(0, 0x06)), None, "hybrid");
        assert_eq!(point_of(&changed(0, 0x07)), None, "hybrid");
        assert_eq!(point_of(&[0]), None, "infinity");
        assert_eq!(point_of(&[0; 65]), None);
        assert_eq!(point_of(&good[..33]), None);
        let mut der = der_point(&good);
        der[1] = 0x42;
        assert_eq!(point_of(&der), None);
    }

    #[test]
    fn a_small_or_even_modulus_is_refused() {
        let e = [1, 0, 1];
        let mut modulus = vec![0xff; 256];
        assert!(spki_of(&modulus, &e).is_ok());
        modulus.insert(0, 0);
        assert!(
            spki_of(&modulus, &e).is_ok(),
            "a leading zero is no part of the number"
        );
        assert!(spki_of(&[0xff; 128], &e).is_err());
        modulus[256] = 0xfe;
        assert!(spki_of(&modulus, &e).is_err());
        assert!(spki_of(&[], &[]).is_err());
    }
}
