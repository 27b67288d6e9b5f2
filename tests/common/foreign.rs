//! Somebody else who uses SoftHSM in the same process, past the adapter.

#![allow(dead_code)] // each test binary uses a part of it

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::types::AuthPin;

use crate::softhsm::{PIN, module};

/// Another user of the module in the same process, with a session on one token.
pub struct Foreign {
    pub session: Session,
    pub slot: u64,
    pub description: String,
}

impl Foreign {
    /// The module must be initialised by a provider.
    pub fn open(label: &str) -> Self {
        let context = Pkcs11::new(module().path).unwrap();
        let slots = context.get_slots_with_token().unwrap().into_iter();
        let mut of_label =
            slots.filter(|slot| context.get_token_info(*slot).unwrap().label() == label);
        let slot = of_label.next().unwrap();
        let description = context
            .get_slot_info(slot)
            .unwrap()
            .slot_description()
            .to_owned();
        let session = context.open_rw_session(slot).unwrap();
        Self {
            session,
            slot: slot.id(),
            description,
        }
    }

    pub fn log_in(&self) {
        self.session
            .login(UserType::User, Some(&AuthPin::new(PIN.into())))
            .unwrap();
    }

    pub fn is_logged_in(&self) -> bool {
        let state = self.session.get_session_info().unwrap().session_state();
        !matches!(state, SessionState::RoPublic | SessionState::RwPublic)
    }

    pub fn objects(&self, class: ObjectClass, label: &str) -> usize {
        let template = [
            Attribute::Class(class),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        self.session.find_objects(&template).unwrap().len()
    }

    /// Makes a key pair, with further attributes for the private half.
    pub fn make(&self, label: &str, private: &[Attribute]) {
        let curve = vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        self.make_on(label, curve, private);
    }

    pub fn make_on(&self, label: &str, curve: Vec<u8>, private: &[Attribute]) {
        let common = [
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(label.as_bytes().to_vec()),
        ];
        let public = [
            &common[..],
            &[Attribute::Private(false), Attribute::EcParams(curve)],
        ];
        let private = [&common[..], &[Attribute::Private(true)], private];
        let made = self.session.generate_key_pair(
            &Mechanism::EccKeyPairGen,
            &public.concat(),
            &private.concat(),
        );
        made.unwrap();
    }
}
