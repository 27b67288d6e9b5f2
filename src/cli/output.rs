//! Standard output is data, standard error is talk. A reader that has gone away is no failure of the
//! deed.

use std::io::{self, IsTerminal, Write};

use zeroize::Zeroizing;

use super::{escape, fold};
use crate::model::{Class, Failure};

/// Writes text to standard output.
pub fn text(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Writes a JSON document to standard output.
pub fn json(document: &serde_json::Value) {
    text(&format!("{}\n", escape::json(&format!("{document:#}"))));
}

/// Writes text to standard error, folded where that is a terminal.
pub fn error(text: &str) {
    let text = fold::for_terminal(text, io::stderr());
    // A closed standard error must not stop a deed half way.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Refuses to write a secret to a terminal that nobody asked to see it on.
pub fn check_secret_target(even_a_terminal: bool) -> Result<(), Failure> {
    if even_a_terminal || !io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::new(
        Class::Usage,
        "secret-to-terminal",
        "standard output is a terminal, and what is asked for is a secret",
        "nothing was opened",
    )
    .hint("send it into a pipe, or say that you mean it: -o -"))
}

/// Writes a secret to standard output, past the buffer of the standard library, which is never wiped.
pub fn secret(text: &Zeroizing<String>) -> io::Result<()> {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let written = rustix::io::write(rustix::stdio::stdout(), rest)?;
        rest = &rest[written..];
    }
    Ok(())
}
