//! URIs of PKCS#11 tokens (RFC 7512), as far as this tool has a use for them.
//!
//! Known are the path attributes `token`, `manufacturer`, `model`, `serial`, `slot-id`,
//! `slot-description`, `object`, `id`, `type` and the query attributes `module-path`, `module-name`.
//! Everything else is refused: an attribute that is skipped makes a URI match more than its writer
//! meant. `pin-value` and `pin-source` are refused with a reason of their own.

use std::fmt;

/// The longest URI that is read, in bytes.
pub const URI_MAX: usize = 1024;

/// What a URI says of a token, an object on it and the module that reaches it. What is absent matches
/// everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUri {
    /// `token`: the label (`CK_TOKEN_INFO.label`).
    pub token: Option<String>,
    /// `manufacturer`: the maker (`CK_TOKEN_INFO.manufacturerID`).
    pub manufacturer: Option<String>,
    /// `model`: the model (`CK_TOKEN_INFO.model`).
    pub model: Option<String>,
    /// `serial`: the serial number (`CK_TOKEN_INFO.serialNumber`).
    pub serial: Option<String>,
    /// `slot-id`: the slot's number, decimal.
    pub slot_id: Option<u64>,
    /// `slot-description`: the slot's description (`CK_SLOT_INFO.slotDescription`).
    pub slot_description: Option<String>,
    /// `object`: an object's label (`CKA_LABEL`).
    pub object: Option<String>,
    /// `id`: an object's id (`CKA_ID`), any bytes.
    pub id: Option<Vec<u8>>,
    /// `type`: an object's class.
    pub class: Option<ObjectType>,
    /// `module-path`: the path of the module's library.
    pub module_path: Option<String>,
    /// `module-name`: the file name of the module's library, without `lib` and suffix.
    pub module_name: Option<String>,
}

/// The classes of objects that a URI can name (RFC 7512, section 2.3, `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectType {
    /// A public key.
    Public,
    /// A private key.
    Private,
    /// A certificate.
    Certificate,
    /// A secret key.
    SecretKey,
    /// Data.
    Data,
}

const OBJECT_TYPES: [(&str, ObjectType); 5] = [
    ("public", ObjectType::Public),
    ("private", ObjectType::Private),
    ("cert", ObjectType::Certificate),
    ("secret-key", ObjectType::SecretKey),
    ("data", ObjectType::Data),
];

/// Why a text is not taken as a token's URI. Neither text quotes any value but what was understood: the
/// rest may hold a PIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct UriRefused {
    /// As much of the URI as was understood, for an error message; never a PIN.
    pub understood: String,
    /// What is wrong with the rest.
    pub reason: String,
}

/// The attributes that hold a PIN, or say where one is.
const PINS: [&str; 2] = ["pin-value", "pin-source"];

/// Where in a URI an attribute stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
}

impl TokenUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`UriRefused`]: another scheme, more than [`URI_MAX`] bytes, an attribute that is unknown, stands
    /// twice, stands in the wrong part, has no value, or whose value is not percent-encoded UTF-8.
    pub fn parse(text: &str) -> Result<Self, UriRefused> {
        let refused = |understood: usize, reason: String| UriRefused {
            understood: match &text[..understood] {
                whole if understood == text.len() => whole.to_owned(),
                part => format!("{part}…"),
            },
            reason,
        };
        if text.len() > URI_MAX {
            return Err(refused(0, format!("it is longer than {URI_MAX} bytes")));
        }
        let start = scheme_len(text)
            .ok_or_else(|| refused(0, "it does not begin with \"pkcs11:\"".to_owned()))?;
        let mut uri = Self::default();
        for (at, part, attribute) in attributes(text, start) {
            uri.take(part, attribute)
                .map_err(|reason| refused(at, reason))?;
        }
        Ok(uri)
    }

    /// Whether it names nothing at all of a token.
    pub fn names_no_token(&self) -> bool {
        self.token.is_none()
            && self.manufacturer.is_none()
            && self.model.is_none()
            && self.serial.is_none()
            && self.slot_id.is_none()
            && self.slot_description.is_none()
    }

    /// Whether it names an object on the token.
    pub fn names_object(&self) -> bool {
        self.object.is_some() || self.id.is_some() || self.class.is_some()
    }

    /// The URI without what holds on one machine only: no module and no slot. This is what documents hold.
    pub fn portable(&self) -> Self {
        Self {
            module_path: None,
            module_name: None,
            slot_id: None,
            slot_description: None,
            ..self.clone()
        }
    }

    fn take(&mut self, part: Part, attribute: &str) -> Result<(), String> {
        let Some((name, value)) = attribute.split_once('=') else {
            return Err("an attribute has no \"=\"".to_owned());
        };
        // Anywhere in it: behind a forgotten "?" the PIN would be a part of the value before it.
        if let Some(pin) = PINS.iter().find(|pin| attribute.contains(*pin)) {
            return Err(format!("{pin}: a PIN never stands in a URI"));
        }
        let wanted_part = match name {
            "module-path" | "module-name" => Part::Query,
            _ => Part::Path,
        };
        match name {
            "token" => once(&mut self.token, name, text_of(part, name, value)?)?,
            "manufacturer" => once(&mut self.manufacturer, name, text_of(part, name, value)?)?,
            "model" => once(&mut self.model, name, text_of(part, name, value)?)?,
            "serial" => once(&mut self.serial, name, text_of(part, name, value)?)?,
            "slot-id" => once(&mut self.slot_id, name, number_of(name, value)?)?,
            "slot-description" => {
                once(
                    &mut self.slot_description,
                    name,
                    text_of(part, name, value)?,
                )?;
            }
            "object" => once(&mut self.object, name, text_of(part, name, value)?)?,
            "id" => once(&mut self.id, name, bytes_of(part, name, value)?)?,
            "type" => once(&mut self.class, name, class_of(value)?)?,
            "module-path" => once(&mut self.module_path, name, text_of(part, name, value)?)?,
            "module-name" => once(&mut self.module_name, name, text_of(part, name, value)?)?,
            _ => return Err(unknown(name)),
        }
        match (part, wanted_part) {
            (Part::Path, Part::Query) => Err(format!("{name} belongs behind a \"?\"")),
            (Part::Query, Part::Path) => Err(format!("{name} belongs before the \"?\"")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TokenUri {
    /// Writes the URI, attributes in a fixed order, everything but letters, digits and `-._~`
    /// percent-encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot_id = self.slot_id.map(|id| id.to_string());
        let class = self.class.and_then(|class| {
            let found = OBJECT_TYPES.iter().find(|(_, known)| *known == class);
            found.map(|(name, _)| *name)
        });
        let path = [
            ("token", self.token.as_deref().map(str::as_bytes)),
            (
                "manufacturer",
                self.manufacturer.as_deref().map(str::as_bytes),
            ),
            ("model", self.model.as_deref().map(str::as_bytes)),
            ("serial", self.serial.as_deref().map(str::as_bytes)),
            ("slot-id", slot_id.as_deref().map(str::as_bytes)),
            (
                "slot-description",
                self.slot_description.as_deref().map(str::as_bytes),
            ),
            ("object", self.object.as_deref().map(str::as_bytes)),
            ("id", self.id.as_deref()),
            ("type", class.map(str::as_bytes)),
        ];
        let query = [
            (
                "module-path",
                self.module_path.as_deref().map(str::as_bytes),
            ),
            (
                "module-name",
                self.module_name.as_deref().map(str::as_bytes),
            ),
        ];
        f.write_str("pkcs11:")?;
        write_attributes(f, &path, "", ";")?;
        write_attributes(f, &query, "?", "&")
    }
}

/// The length of the scheme, which is matched without regard to case (RFC 3986, section 3.1).
fn scheme_len(text: &str) -> Option<usize> {
    const SCHEME: &str = "pkcs11:";
    let head = text.get(..SCHEME.len())?;
    head.eq_ignore_ascii_case(SCHEME).then_some(SCHEME.len())
}

/// The attributes behind the scheme, each with the part that it stands in and the offset of what was
/// understood before it (without the separator).
fn attributes(text: &str, start: usize) -> impl Iterator<Item = (usize, Part, &str)> {
    let body = &text[start..];
    let (path, query) = match body.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (body, None),
    };
    let path_items = split_at_offsets(path, start, ';').map(|(at, item)| (at, Part::Path, item));
    let query_items = query
        .into_iter()
        .flat_map(move |query| split_at_offsets(query, start + path.len() + 1, '&'))
        .map(|(at, item)| (at, Part::Query, item));
    // "pkcs11:" alone has no attribute; "pkcs11:;" has two empty ones.
    path_items
        .filter(move |_| !path.is_empty())
        .chain(query_items)
        .map(move |(at, part, item)| (if at > start { at - 1 } else { at }, part, item))
}

fn split_at_offsets(
    text: &str,
    base: usize,
    separator: char,
) -> impl Iterator<Item = (usize, &str)> {
    let mut at = base;
    text.split(separator).map(move |item| {
        let here = at;
        at += item.len() + separator.len_utf8();
        (here, item)
    })
}

/// Names the attribute that is not known, if its name can be shown: what stands there may be anything.
fn unknown(name: &str) -> String {
    let showable = name.len() <= 32
        && !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b"-_".contains(&b));
    if showable {
        format!("the attribute {name} is not known here")
    } else {
        "an attribute is not known here".to_owned()
    }
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} stands twice")),
    }
}

fn text_of(part: Part, name: &str, value: &str) -> Result<String, String> {
    let text = String::from_utf8(bytes_of(part, name, value)?)
        .map_err(|_| format!("the value of {name} is not UTF-8"))?;
    if text.is_empty() {
        return Err(format!("the value of {name} is empty"));
    }
    Ok(text)
}

fn number_of(name: &str, value: &str) -> Result<u64, String> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let number = if digits { value.parse().ok() } else { None };
    number.ok_or_else(|| format!("the value of {name} is not a decimal number"))
}

fn class_of(value: &str) -> Result<ObjectType, String> {
    let found = OBJECT_TYPES.iter().find(|(name, _)| *name == value);
    found.map(|(_, class)| *class).ok_or_else(|| {
        "the value of type is none of public, private, cert, secret-key, data".into()
    })
}

/// Decodes a value (RFC 7512, section 2.3: `pk11-pchar` in the path, `pk11-qchar` in the query).
fn bytes_of(part: Part, name: &str, value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_pair(rest.next(), rest.next())
                .ok_or_else(|| format!("the value of {name} has a \"%\" without two hex digits"))?,
            plain if is_plain(part, plain) => plain,
            _ => {
                return Err(format!(
                    "the value of {name} has a character that must be percent-encoded"
                ));
            }
        });
    }
    Ok(bytes)
}

fn is_plain(part: Part, byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || b"-._~:[]@!$'()*+,=".contains(&byte)
        || match part {
            Part::Path => byte == b'&',
            Part::Query => b"/?|".contains(&byte),
        }
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high?)? * 16 + digit(low?)?).ok()
}

fn write_attributes(
    f: &mut fmt::Formatter<'_>,
    attributes: &[(&str, Option<&[u8]>)],
    first: &str,
    between: &str,
) -> fmt::Result {
    let mut lead = first;
    for (name, value) in attributes {
        let Some(value) = value else { continue };
        write!(f, "{lead}{name}=")?;
        for &byte in *value {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        lead = between;
    }
    Ok(())
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
