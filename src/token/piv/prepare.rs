//! Preparing a YubiKey, through the `yubikey` crate: its PIN, PUK and management key, its keys, its objects.
//! The card is let go before, and every PIN that goes through here was found good a moment ago.

use std::ffi::CStr;

use getrandom::SysRng;
use yubikey::piv::{AlgorithmId, RetiredSlotId, SlotId, generate as make};
use yubikey::reader::Context;
use yubikey::{MgmKey, PinPolicy, Serial, TouchPolicy, YubiKey};

use super::errors::Device;
use super::slot::{Locator, Slot};
use crate::ports::{FactoryState, NewAccess, TokenError};
use crate::secret::Pin;

/// Where a card is, and which it must be.
pub(super) struct Place<'a> {
    pub reader: &'a CStr,
    pub locator: Locator,
}

/// The PIN and the PUK of a YubiKey as it leaves the factory (Yubico's technical manual, PIV).
const FACTORY_PIN: &[u8] = b"123456";
const FACTORY_PUK: &[u8] = b"12345678";

/// Puts own secrets in the place of the factory's. The management key comes first: it is drawn, and kept on the
/// card, readable with the PIN.
pub(super) fn secure(
    at: &Place<'_>,
    device: &Device,
    factory: FactoryState,
    access: &NewAccess<'_>,
) -> Result<(), TokenError> {
    if factory.pin && access.pin.expose() == FACTORY_PIN {
        return Err(device.factory("PIN"));
    }
    if factory.puk && access.puk.is_some_and(|puk| puk.expose() == FACTORY_PUK) {
        return Err(device.factory("PUK"));
    }
    if factory == FactoryState::default() {
        return Ok(());
    }
    let mut card = open(at, device)?;
    if factory.puk {
        let puk = access
            .puk
            .ok_or_else(|| device.odd("no new PUK was given"))?;
        let changed = card.change_puk(FACTORY_PUK, puk.expose());
        changed.map_err(|error| failed(device, "changing its PUK", &error))?;
    }
    if factory.pin {
        let changed = card.change_pin(FACTORY_PIN, access.pin.expose());
        changed.map_err(|error| failed(device, "changing its PIN", &error))?;
    }
    if factory.management {
        let old = MgmKey::get_default(&card);
        let old = old.map_err(|error| failed(device, "naming its management key", &error))?;
        verified(&mut card, device, access.pin)?;
        authenticated(&mut card, device, &old)?;
        let new = MgmKey::generate_for(&card, &mut SysRng);
        let new = new.map_err(|error| failed(device, "drawing a management key", &error))?;
        let kept = new.set_protected(&mut card);
        kept.map_err(|error| failed(device, "changing its management key", &error))?;
    }
    Ok(())
}

/// Makes both keys: P-256, PIN and touch for each use.
pub(super) fn generate(at: &Place<'_>, device: &Device, pin: &Pin) -> Result<(), TokenError> {
    let mut card = managed(at, device, pin)?;
    let seal = slot(at.locator.seal).ok_or_else(|| device.odd("there is no such slot"))?;
    for at in [seal, SlotId::Signature] {
        let made = make(
            &mut card,
            at,
            AlgorithmId::EccP256,
            PinPolicy::Always,
            TouchPolicy::Always,
        );
        made.map_err(|error| failed(device, "making a key", &error))?;
    }
    Ok(())
}

/// Writes a data object.
pub(super) fn write(
    at: &Place<'_>,
    device: &Device,
    pin: &Pin,
    id: [u8; 3],
    content: &[u8],
) -> Result<(), TokenError> {
    let mut card = managed(at, device, pin)?;
    let id = u32::from_be_bytes([0, id[0], id[1], id[2]]);
    let written = card.save_object(id, &mut content.to_vec());
    written.map_err(|error| failed(device, "writing an object", &error))
}

fn slot(slot: Slot) -> Option<SlotId> {
    if slot == Slot::KEY_MANAGEMENT {
        return Some(SlotId::KeyManagement);
    }
    let retired = RetiredSlotId::try_from(slot.reference()).ok()?;
    Some(SlotId::Retired(retired))
}

/// Opens the card in its reader and touches no other: others may be in our own hands.
fn open(at: &Place<'_>, device: &Device) -> Result<YubiKey, TokenError> {
    let taking = |error| failed(device, "taking it", &error);
    let mut context = Context::open().map_err(taking)?;
    let name = at.reader.to_string_lossy();
    let reader = context
        .iter()
        .map_err(taking)?
        .find(|one| one.name() == name);
    let card = reader
        .ok_or_else(|| device.gone())?
        .open()
        .map_err(taking)?;
    if card.serial() == Serial(at.locator.serial) {
        Ok(card)
    } else {
        Err(device.gone())
    }
}

/// Opens it with the management key that it keeps for whoever knows its PIN.
fn managed(at: &Place<'_>, device: &Device, pin: &Pin) -> Result<YubiKey, TokenError> {
    let mut card = open(at, device)?;
    verified(&mut card, device, pin)?;
    let key = MgmKey::get_protected(&mut card).map_err(|_| device.management_key())?;
    authenticated(&mut card, device, &key)?;
    Ok(card)
}

fn verified(card: &mut YubiKey, device: &Device, pin: &Pin) -> Result<(), TokenError> {
    let verified = card.verify_pin(pin.expose());
    verified.map_err(|error| failed(device, "taking the PIN", &error))
}

fn authenticated(card: &mut YubiKey, device: &Device, key: &MgmKey) -> Result<(), TokenError> {
    let taken = card.authenticate(key);
    taken.map_err(|_| device.management_key())
}

fn failed(device: &Device, what: &str, error: &yubikey::Error) -> TokenError {
    match error {
        yubikey::Error::PcscError { inner: Some(error) } => {
            device.broken(super::link::Broken::Pcsc(*error))
        }
        yubikey::Error::NotFound => device.gone(),
        other => device.odd(&format!("{what}: {other}")),
    }
}
