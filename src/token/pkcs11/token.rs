//! One PKCS#11 token.

use std::sync::Arc;

use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki::types::Ulong;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::crypto::check_point;
use crate::model::{TokenIdentity, TokenKeys};
use crate::ports::{KeyReply, KeyRequest, OnTouch, PinRules, PinStatus, Token, TokenError};
use crate::secret::{Pin, SharedSecret};

use super::anchor;
use super::errors::{device, told};
use super::keys::{Objects, Which, der_point};
use super::module::{Module, Present};
use super::profile::{KeyHabits, MadeBy, Mechanisms, PeerPoint, Profile, PublicHalf};
use super::session::{Access, Place, pin_status};

/// The head of a `DigestInfo` of SHA-256 (RFC 8017, section 9.2, note 1).
const DIGEST_INFO_SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// What RSASSA-PKCS1-v1_5 pads: the digest and what it is one of, 51 bytes.
fn digest_info(message: &[u8]) -> Vec<u8> {
    [&DIGEST_INFO_SHA256[..], &Sha256::digest(message)].concat()
}

/// A token in a slot of a module. It keeps the module alive, and no session: each operation opens its own.
pub(super) struct Pkcs11Token {
    module: Arc<Module>,
    slot: Slot,
    identity: TokenIdentity,
    name: String,
}

impl Pkcs11Token {
    pub(super) fn new(module: Arc<Module>, present: Present) -> Self {
        let name = present.identity.to_string();
        Self {
            module,
            slot: present.slot,
            identity: present.identity,
            name,
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            module: &self.module,
            slot: self.slot,
            identity: &self.identity,
            name: &self.name,
            profile: self.profile(),
        }
    }

    fn objects<'s>(&'s self, session: &'s Session) -> Objects<'s> {
        Objects {
            session,
            name: &self.name,
            profile: self.profile(),
        }
    }

    pub(super) fn profile(&self) -> Option<&Profile> {
        self.module.profile_for(&self.identity.manufacturer)
    }

    pub(super) fn mechanisms(&self) -> Mechanisms {
        let own = self.profile().map(|profile| profile.mechanisms);
        own.unwrap_or_default()
    }

    pub(super) fn key_habits(&self) -> KeyHabits {
        let own = self.profile().map(|profile| profile.keys.clone());
        own.unwrap_or_default()
    }

    /// The mechanisms that the token lists.
    pub(super) fn listed(&self) -> Result<Vec<MechanismType>, TokenError> {
        let listed = self.module.context.get_mechanism_list(self.slot);
        listed.map_err(|e| told(&self.name, "reading its mechanisms", &e))
    }

    /// The longest RSA modulus that the token says it generates, in bits.
    pub(super) fn longest_rsa(&self) -> Option<usize> {
        let mechanism = MechanismType::RSA_PKCS_KEY_PAIR_GEN;
        let info = self.module.context.get_mechanism_info(self.slot, mechanism);
        info.ok().map(|info| info.max_key_size())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Token for Pkcs11Token {
    fn identity(&self) -> &TokenIdentity {
        &self.identity
    }

    fn pin_status(&mut self) -> Result<PinStatus, TokenError> {
        Ok(pin_status(&self.place().info()?))
    }

    fn pin_rules(&self) -> PinRules {
        let own = self.profile().map(|profile| profile.pin.clone());
        own.unwrap_or_default()
    }

    fn cautions(&self) -> Vec<String> {
        match self.profile() {
            Some(profile) => profile.cautions(),
            None => vec![
                "there is no profile for its module: the standard's rules and its own word are believed"
                    .to_owned(),
            ],
        }
    }

    fn keys(&mut self) -> Result<TokenKeys, TokenError> {
        let place = self.place();
        if self.key_habits().public == PublicHalf::Login {
            // Such a module shows nothing before the login, as if there were nothing.
            place.info()?;
            return Err(TokenError::KeysNeedPin {
                token: self.name.clone(),
            });
        }
        place.in_session(|session| self.objects(session).token_keys())
    }

    fn keys_with_pin(&mut self, pin: &Pin) -> Result<TokenKeys, TokenError> {
        self.place().logged_in(pin, Access::Read, |session| {
            self.objects(session).token_keys()
        })
    }

    fn generate(&mut self, pin: &Pin) -> Result<TokenKeys, TokenError> {
        if self.key_habits().made_by == MadeBy::Maker {
            let profile = self.profile().map(|profile| profile.name.clone());
            return Err(TokenError::MakersKeys {
                token: self.name.clone(),
                profile: profile.unwrap_or_default(),
            });
        }
        let kind = self.kind_to_generate()?;
        self.place().logged_in(pin, Access::Write, |session| {
            self.generate_both(&self.objects(session), kind)
        })
    }

    fn check_keys(&mut self, pin: &Pin) -> Result<(), TokenError> {
        self.place().logged_in(pin, Access::Read, |session| {
            self.check_both(&self.objects(session))
        })
    }

    fn carries_anchors(&self) -> bool {
        let quirks = self.profile().map(|profile| profile.quirks.data_objects);
        quirks.unwrap_or(true)
    }

    fn anchor(&mut self) -> Result<Option<Vec<u8>>, TokenError> {
        if !self.carries_anchors() {
            return Ok(None);
        }
        let name = self.name.clone();
        self.place()
            .in_session(|session| anchor::read(session, &name))
    }

    fn write_anchor(&mut self, pin: &Pin, bytes: &[u8]) -> Result<bool, TokenError> {
        if !self.carries_anchors() {
            return Ok(false);
        }
        self.place().logged_in(pin, Access::Write, |session| {
            Ok(anchor::write(session, bytes))
        })
    }

    fn perform_watched(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
        _on_touch: OnTouch<'_>,
    ) -> Result<Vec<KeyReply>, TokenError> {
        for request in requests {
            // Before the PIN is spent: what a module does with such a point is its own affair.
            if let KeyRequest::Agree(point) = request
                && check_point(*point).is_err()
            {
                return Err(device(
                    &self.name,
                    "what was to be agreed with is no point of P-256",
                ));
            }
        }
        self.place().logged_in(pin, Access::Read, |session| {
            let objects = self.objects(session);
            requests
                .iter()
                .map(|request| self.answer(&objects, request))
                .collect()
        })
    }
}

/// The uses of the private keys, in a session that is logged in.
impl Pkcs11Token {
    fn answer(
        &self,
        objects: &Objects<'_>,
        request: &KeyRequest<'_>,
    ) -> Result<KeyReply, TokenError> {
        match request {
            KeyRequest::Agree(point) => self.agree(objects, point).map(KeyReply::Secret),
            KeyRequest::Decapsulate(sealed) => {
                self.decapsulate(objects, sealed).map(KeyReply::Secret)
            }
            KeyRequest::Sign(message) => self.sign(objects, message).map(KeyReply::Signature),
        }
    }

    /// ECDH (PKCS#11 3.0 current mechanisms, section 2.3.7): `CKM_ECDH1_DERIVE` with `CKD_NULL`, then
    /// reading the derived key, which is the x-coordinate.
    pub(super) fn agree(
        &self,
        objects: &Objects<'_>,
        point: &[u8; 65],
    ) -> Result<SharedSecret, TokenError> {
        let key = self.private_of_type(objects, Which::Seal, KeyType::EC)?;
        let der = der_point(point);
        let form = self.profile().map(|profile| profile.quirks.peer_point);
        let peer: &[u8] = match form.unwrap_or(PeerPoint::Raw) {
            PeerPoint::Raw => point,
            PeerPoint::Der => &der,
        };
        let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), peer));
        // Nothing more than this: each further attribute is refused by some module.
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::ValueLen(Ulong::new(32)),
        ];
        let derived = objects.session.derive_key(&mechanism, key, &template);
        let derived = derived.map_err(|e| told(&self.name, "agreeing with the seal key", &e))?;
        let value = objects
            .session
            .get_attributes(derived, &[AttributeType::Value]);
        // The session's end would destroy it too; the sooner the better.
        let _ = objects.session.destroy_object(derived);
        let value = value.map_err(|e| told(&self.name, "reading what was agreed", &e))?;
        match value.into_iter().next() {
            Some(Attribute::Value(bytes)) => self.secret_of(bytes, "agreement"),
            _ => Err(device(
                &self.name,
                "it does not let the result of an agreement be read",
            )),
        }
    }

    /// RSA-OAEP (PKCS#11 3.0 current mechanisms, section 2.1.8) with SHA-256 throughout and no label.
    pub(super) fn decapsulate(
        &self,
        objects: &Objects<'_>,
        sealed: &[u8],
    ) -> Result<SharedSecret, TokenError> {
        let key = self.private_of_type(objects, Which::Seal, KeyType::RSA)?;
        let mechanism = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(
            MechanismType::SHA256,
            PkcsMgfType::MGF1_SHA256,
            PkcsOaepSource::empty(),
        ));
        let opened = objects.session.decrypt(&mechanism, key, sealed);
        let opened = opened.map_err(|e| told(&self.name, "decrypting with the seal key", &e))?;
        self.secret_of(opened, "decryption")
    }

    /// ECDSA over the digest that we make ourselves (`r || s`, 64 bytes; PKCS#11 3.0 current mechanisms,
    /// section 2.3.1), or RSASSA-PKCS1-v1_5 with SHA-256 (as long as the modulus). A
    /// module that does not hash for that pads our digest (`CKM_RSA_PKCS`; section 2.1.6); one that does may
    /// refuse the other (a TPM).
    pub(super) fn sign(
        &self,
        objects: &Objects<'_>,
        message: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let key = objects.private(Which::Sign)?;
        let session = objects.session;
        let signed = match objects.key_type(Which::Sign, key)? {
            KeyType::EC => session.sign(&Mechanism::Ecdsa, key, &Sha256::digest(message)),
            KeyType::RSA if self.listed()?.contains(&MechanismType::SHA256_RSA_PKCS) => {
                session.sign(&Mechanism::Sha256RsaPkcs, key, message)
            }
            KeyType::RSA => session.sign(&Mechanism::RsaPkcs, key, &digest_info(message)),
            other => return Err(objects.unfit(Which::Sign, format!("it is of type {other}"))),
        };
        signed.map_err(|e| told(&self.name, "signing", &e))
    }

    fn private_of_type(
        &self,
        objects: &Objects<'_>,
        which: Which,
        wanted: KeyType,
    ) -> Result<ObjectHandle, TokenError> {
        let key = objects.private(which)?;
        match objects.key_type(which, key)? {
            found if found == wanted => Ok(key),
            found => Err(objects.unfit(which, format!("it is of type {found}, not {wanted}"))),
        }
    }

    /// Takes over exactly 32 bytes and wipes where they came from.
    fn secret_of(&self, bytes: Vec<u8>, of: &str) -> Result<SharedSecret, TokenError> {
        let bytes = Zeroizing::new(bytes);
        SharedSecret::try_filled(|secret| {
            if bytes.len() != secret.len() {
                return Err(device(
                    &self.name,
                    format!("its {of} gave {} bytes instead of 32", bytes.len()),
                ));
            }
            secret.copy_from_slice(&bytes);
            Ok(())
        })
    }
}
