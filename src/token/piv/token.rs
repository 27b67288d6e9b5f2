//! One YubiKey.

use sha2::{Digest, Sha256};

use super::card::{Card, KeyInfo, PIN_LENGTH};
use super::errors::Device;
use super::link::Touching;
use super::prepare;
use super::readers::Occupied;
use super::slot::{Locator, Slot};
use crate::crypto::check_point;
use crate::model::{
    Attestation, PinPolicy, Presence, SealKey, SealSuite, SignAlgorithm, SignKey, TokenIdentity,
    TokenKeys, TouchPolicy,
};
use crate::ports::{
    FactoryState, KeyReply, KeyRequest, KeyUse, NewAccess, OnTouch, PinRules, PinShape, PinStatus,
    Token, TokenError,
};
use crate::secret::Pin;

/// The data object that carries the anchor: one of those that Yubico leaves to whoever wants them.
pub(super) const ANCHOR: [u8; 3] = [0x5f, 0x42, 0x47];
/// The certificate of the attestation key (slot F9).
const DEVICE_CERTIFICATE: [u8; 3] = [0x5f, 0xff, 0x01];
/// The fewest characters of a PIN of PIV.
const PIN_MIN: usize = 6;

/// A P-256 key as it was seen.
#[derive(Clone, Copy)]
struct Key {
    point: [u8; 65],
    info: KeyInfo,
}

impl Key {
    /// Nothing where the key is of another kind.
    fn of(info: KeyInfo) -> Option<Self> {
        let point = info.point?;
        Some(Self { point, info })
    }
}

/// A YubiKey in a reader. It holds the card from when it was found until something was done with it, or this
/// is dropped; then the card is reset, and taken anew when it is needed again.
pub(super) struct PivToken {
    place: Occupied,
    locator: Locator,
    identity: TokenIdentity,
    name: String,
    card: Option<Card>,
    seal: Option<Key>,
    sign: Option<Key>,
}

impl PivToken {
    pub(super) fn held(
        place: Occupied,
        locator: Locator,
        identity: TokenIdentity,
        card: Card,
    ) -> Self {
        Self {
            place,
            locator,
            name: identity.to_string(),
            identity,
            card: Some(card),
            seal: None,
            sign: None,
        }
    }

    pub(super) fn place(&self) -> String {
        format!("{} in {}", self.name, self.place.reader.to_string_lossy())
    }

    /// The seal key was read already.
    pub(super) fn knows_seal(&mut self, info: KeyInfo) {
        self.seal = Key::of(info);
    }

    fn device(&self) -> Device {
        Device::new(&self.name)
    }

    fn reader(&self) -> prepare::Place<'_> {
        prepare::Place {
            reader: &self.place.reader,
            locator: self.locator,
        }
    }

    fn slot(&self, which: KeyUse) -> Slot {
        match which {
            KeyUse::Seal => self.locator.seal,
            KeyUse::Sign => Slot::SIGNATURE,
        }
    }

    /// The card, held; taken anew where it was let go. Then it must be the one that it was.
    fn card(&mut self) -> Result<&mut Card, TokenError> {
        let card = match self.card.take() {
            Some(card) => card,
            None => self.take()?,
        };
        Ok(self.card.insert(card))
    }

    fn take(&mut self) -> Result<Card, TokenError> {
        let device = self.device();
        let card = Card::select(&self.place.reader, &self.name)?;
        let mut card = card.ok_or_else(|| device.gone())?;
        if card.serial()?.map(|serial| serial.to_string()) != Some(self.identity.serial.clone()) {
            return Err(device.gone());
        }
        for (which, known) in [(KeyUse::Seal, self.seal), (KeyUse::Sign, self.sign)] {
            let Some(known) = known else { continue };
            let info = card.key(self.slot(which))?;
            if info.and_then(|info| info.point) != Some(known.point) {
                return Err(device.odd("the key on it is not the one of a moment ago"));
            }
        }
        Ok(card)
    }

    /// Lets the card go, which resets it.
    fn let_go(&mut self) {
        self.card = None;
    }

    /// A key, looked at now.
    fn look(&mut self, which: KeyUse) -> Result<Key, TokenError> {
        let (slot, device) = (self.slot(which), self.device());
        let info = self.card()?.key(slot)?;
        let info = info.ok_or_else(|| device.no_key(called(which)))?;
        let key = Key::of(info);
        let key = key.ok_or_else(|| device.unfit(called(which), "it is no P-256 key"))?;
        *self.seen(which) = Some(key);
        Ok(key)
    }

    /// Where a key is kept that was looked at.
    fn seen(&mut self, which: KeyUse) -> &mut Option<Key> {
        match which {
            KeyUse::Seal => &mut self.seal,
            KeyUse::Sign => &mut self.sign,
        }
    }

    /// A key that was looked at, or is now.
    fn known(&mut self, which: KeyUse) -> Result<Key, TokenError> {
        match *self.seen(which) {
            Some(seen) => Ok(seen),
            None => self.look(which),
        }
    }

    fn check(&mut self, which: KeyUse) -> Result<(), TokenError> {
        let Key { info, .. } = self.look(which)?;
        let unfit = |reason| Err(self.device().unfit(called(which), reason));
        if !info.made_here {
            unfit("it was imported, so somebody else may have it")
        } else if info.touch != TouchPolicy::Always {
            unfit("it can be used without a touch of its own for each use")
        } else if info.pin != PinPolicy::Always {
            unfit("it can be used without the PIN for each use")
        } else {
            Ok(())
        }
    }

    fn answer(
        &mut self,
        pin: &Pin,
        request: &KeyRequest<'_>,
        touch: Touching<'_>,
    ) -> Result<KeyReply, TokenError> {
        let which = used(request);
        let known = self.known(which)?;
        let slot = self.slot(which);
        let touch = match known.info.touch {
            TouchPolicy::Never => None,
            TouchPolicy::Always | TouchPolicy::Cached => Some(touch),
        };
        let device = self.device();
        let card = self.card()?;
        card.verify(pin)?;
        match request {
            KeyRequest::Agree(point) => card.agree(slot, point, touch).map(KeyReply::Secret),
            KeyRequest::Sign(message) => {
                let digest: [u8; 32] = Sha256::digest(message).into();
                card.sign(slot, &digest, touch).map(KeyReply::Signature)
            }
            KeyRequest::Decapsulate(_) => Err(device.odd("it has no RSA key of ours")),
        }
    }

    /// Everything that can be refused is refused before the PIN is spent.
    fn look_before(&mut self, requests: &[KeyRequest<'_>]) -> Result<(), TokenError> {
        for request in requests {
            match request {
                KeyRequest::Agree(point) if check_point(*point).is_err() => {
                    return Err(self
                        .device()
                        .odd("what was to be agreed with is no point of P-256"));
                }
                KeyRequest::Decapsulate(_) => {
                    return Err(self.device().odd("it has no RSA key of ours"));
                }
                other => self.known(used(other))?,
            };
        }
        Ok(())
    }

    fn perform_all(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
        on_touch: OnTouch<'_>,
    ) -> Result<Vec<KeyReply>, TokenError> {
        self.look_before(requests)?;
        if requests.is_empty() {
            self.card()?.verify(pin)?;
        }
        let numbered = (1..).zip(requests);
        numbered
            .map(|(number, request)| {
                let touch = Touching {
                    number,
                    of: requests.len(),
                    on_touch: &mut *on_touch,
                };
                self.answer(pin, request, touch)
            })
            .collect()
    }

    /// Checks the PIN by itself, so that what follows never sends a wrong one.
    fn check_pin(&mut self, pin: &Pin) -> Result<(), TokenError> {
        let checked = self.card().and_then(|card| card.verify(pin));
        self.let_go();
        checked
    }
}

fn called(which: KeyUse) -> &'static str {
    match which {
        KeyUse::Seal => "seal key",
        KeyUse::Sign => "sign key",
    }
}

fn used(request: &KeyRequest<'_>) -> KeyUse {
    match request {
        KeyRequest::Agree(_) | KeyRequest::Decapsulate(_) => KeyUse::Seal,
        KeyRequest::Sign(_) => KeyUse::Sign,
    }
}

impl Token for PivToken {
    fn identity(&self) -> &TokenIdentity {
        &self.identity
    }

    fn pin_status(&mut self) -> Result<PinStatus, TokenError> {
        Ok(match self.card()?.pin()?.tries {
            0 => PinStatus::Locked,
            1 => PinStatus::FinalTry,
            tries => PinStatus::Left(u32::from(tries)),
        })
    }

    fn pin_rules(&self) -> PinRules {
        PinRules {
            form: "6 to 8 characters, the PIV PIN of the YubiKey".to_owned(),
            shape: PinShape::Plain,
            min: PIN_MIN,
            max: PIN_LENGTH,
            locks_after: None,
            warns: true,
            checked: true,
        }
    }

    fn keys(&mut self) -> Result<TokenKeys, TokenError> {
        let (seal, sign) = (self.look(KeyUse::Seal)?, self.look(KeyUse::Sign)?);
        let touch = [seal, sign].map(|key| key.info.touch == TouchPolicy::Always);
        Ok(TokenKeys {
            seal: SealKey {
                suite: SealSuite::P256,
                public: seal.point.to_vec(),
            },
            sign: SignKey {
                algorithm: SignAlgorithm::EcdsaP256Sha256,
                public: sign.point.to_vec(),
            },
            presence: if touch == [true, true] {
                Presence::Touch
            } else {
                Presence::None
            },
        })
    }

    fn has_key(&mut self, key: KeyUse) -> Result<bool, TokenError> {
        let slot = self.slot(key);
        Ok(self.card()?.key(slot)?.is_some())
    }

    fn generate(&mut self, pin: &Pin) -> Result<TokenKeys, TokenError> {
        for which in [KeyUse::Seal, KeyUse::Sign] {
            if self.has_key(which)? {
                return Err(TokenError::KeyExists {
                    token: self.name.clone(),
                    which: called(which),
                });
            }
        }
        self.regenerate(pin)
    }

    fn regenerate(&mut self, pin: &Pin) -> Result<TokenKeys, TokenError> {
        let factory = self.factory()?;
        if let Some(what) = factory.names().first() {
            return Err(self.device().factory(what));
        }
        self.check_pin(pin)?;
        (self.seal, self.sign) = (None, None);
        prepare::generate(&self.reader(), &self.device(), pin)?;
        self.keys()
    }

    fn check_keys(&mut self, pin: &Pin) -> Result<(), TokenError> {
        self.check(KeyUse::Seal)?;
        self.check(KeyUse::Sign)?;
        self.check_pin(pin)
    }

    fn perform_watched(
        &mut self,
        pin: &Pin,
        requests: &[KeyRequest<'_>],
        on_touch: OnTouch<'_>,
    ) -> Result<Vec<KeyReply>, TokenError> {
        let performed = self.perform_all(pin, requests, on_touch);
        self.let_go();
        performed
    }

    fn holds(&mut self, enrolled: &TokenKeys, used: KeyUse) -> Result<bool, TokenError> {
        let known = self.known(used)?;
        let point = match used {
            KeyUse::Seal => &enrolled.seal.public,
            KeyUse::Sign => &enrolled.sign.public,
        };
        if known.point[..] != point[..] {
            return Ok(false);
        }
        if enrolled.presence == Presence::Touch && known.info.touch != TouchPolicy::Always {
            let reason =
                "it was enrolled as one that takes a touch for each use, and says otherwise";
            return Err(self.device().unfit(called(used), reason));
        }
        Ok(true)
    }

    fn attestation(&mut self) -> Result<Option<Attestation>, TokenError> {
        let (seal, sign) = (self.slot(KeyUse::Seal), self.slot(KeyUse::Sign));
        let device = self.device();
        let card = self.card()?;
        let certificate = card.object(DEVICE_CERTIFICATE)?;
        let certificate = certificate
            .and_then(|object| super::apdu::value_of(0x70, &object).map(Vec::from))
            .ok_or_else(|| device.odd("the certificate of its attestation key is missing"))?;
        Ok(Some(Attestation {
            seal: card.attest(seal)?,
            sign: card.attest(sign)?,
            device: certificate,
        }))
    }

    fn factory(&mut self) -> Result<FactoryState, TokenError> {
        let card = self.card()?;
        Ok(FactoryState {
            pin: card.pin()?.factory,
            puk: card.puk()?.factory,
            management: card.factory_management_key()?,
        })
    }

    fn prepare(&mut self, access: &NewAccess<'_>) -> Result<(), TokenError> {
        let factory = self.factory()?;
        if !factory.pin {
            self.check_pin(access.pin)?;
        }
        self.let_go();
        prepare::secure(&self.reader(), &self.device(), factory, access)
    }

    fn carries_anchors(&self) -> bool {
        true
    }

    fn anchor(&mut self) -> Result<Option<Vec<u8>>, TokenError> {
        self.card()?.object(ANCHOR)
    }

    fn write_anchor(&mut self, pin: &Pin, anchor: &[u8]) -> Result<bool, TokenError> {
        self.check_pin(pin)?;
        prepare::write(&self.reader(), &self.device(), pin, ANCHOR, anchor)?;
        Ok(true)
    }
}
