//! The anchor, as a public data object on the token (PKCS#11 2.40 base specification, section 4.5).

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::ports::TokenError;

use super::errors::told;

/// `CKA_LABEL` and `CKA_APPLICATION` of the object.
const LABEL: &str = "breakglass-anchor";
const APPLICATION: &str = "breakglass";
/// The longest anchor that is read.
const MAX: usize = 3_000;

fn objects(session: &Session) -> Result<Vec<ObjectHandle>, cryptoki::error::Error> {
    session.find_objects(&[
        Attribute::Class(ObjectClass::DATA),
        Attribute::Token(true),
        Attribute::Label(LABEL.into()),
    ])
}

/// The anchor on a token; nothing where there is none, or where the token does not show it.
pub(super) fn read(session: &Session, name: &str) -> Result<Option<Vec<u8>>, TokenError> {
    let found = objects(session).map_err(|e| told(name, "looking for its anchor", &e))?;
    let Some(object) = found.last() else {
        return Ok(None);
    };
    let value = session.get_attributes(*object, &[AttributeType::Value]);
    let value = value.map_err(|e| told(name, "reading its anchor", &e))?;
    Ok(value.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(bytes) if bytes.len() <= MAX => Some(bytes),
        _ => None,
    }))
}

/// Puts an anchor on the token; says no where the token takes no such object. The one before goes first: a reader
/// must never find two.
pub(super) fn write(session: &Session, anchor: &[u8]) -> bool {
    let Ok(old) = objects(session) else {
        return false;
    };
    if old
        .into_iter()
        .any(|object| session.destroy_object(object).is_err())
    {
        return false;
    }
    let made = session.create_object(&[
        Attribute::Class(ObjectClass::DATA),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Modifiable(true),
        Attribute::Label(LABEL.into()),
        Attribute::Application(APPLICATION.into()),
        Attribute::Value(anchor.to_vec()),
    ]);
    made.is_ok()
}
