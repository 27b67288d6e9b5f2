//! JSON of one meaning: what serde reads generously is refused.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_slice, to_value, to_writer};

/// Reads a document. Beyond what the type refuses, refused is what does not say the same once it is
/// written again: a list in the place of an object, a field that is left out where null is meant, another
/// form of a variant. The order of fields and the blanks are free.
///
/// # Errors
/// What is wrong, for people.
pub fn read<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let read: T = from_slice(bytes).map_err(|error| error.to_string())?;
    // What we wrote ourselves is in this order and without blanks: the usual case.
    if is_written_so(&read, bytes) {
        return Ok(read);
    }
    let there: Value = from_slice(bytes).map_err(|error| error.to_string())?;
    match to_value(&read) {
        Ok(meant) if meant == there => Ok(read),
        _ => Err("it is written in another way than it must be".into()),
    }
}

/// Whether these bytes are what the document is written as. They are compared while it is written, so that
/// nothing is kept of it: a ledger has a million of them.
fn is_written_so(document: &impl Serialize, bytes: &[u8]) -> bool {
    let mut rest = Rest(bytes);
    to_writer(&mut rest, document).is_ok() && rest.0.is_empty()
}

/// What is still to be written; anything else is an error.
struct Rest<'b>(&'b [u8]);

impl Write for Rest<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .strip_prefix(bytes)
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Delivery;

    #[derive(serde::Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        a: u8,
        b: Option<u8>,
    }

    #[test]
    fn an_object_is_no_list_and_null_is_written() {
        for good in [r#"{"a":1,"b":null}"#, "{ \"b\": 2,\n \"a\": 1 }\n"] {
            assert!(read::<Small>(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [r#"[1,2]"#, r#"{"a":1}"#, r#"{"a":1,"a":1,"b":2}"#] {
            assert!(read::<Small>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read::<Delivery>(br#""credential-process""#).is_ok());
        assert!(read::<Delivery>(br#"{"credential-process":null}"#).is_err());
    }
}
