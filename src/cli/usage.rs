//! What the parser says of a command line that cannot be understood, in the form of every other failure:
//! it quotes what was typed, which may hold anything.

use std::ffi::OsString;

use crate::model::{Class, Failure};

/// The failure for a command line that was not understood.
pub fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut paragraphs = text.trim().split("\n\n").map(in_one_line);
    let first = paragraphs.next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    let failure = Failure::new(Class::Usage, "usage", what, "nothing was done");
    paragraphs.fold(failure, Failure::hint)
}

fn in_one_line(paragraph: &str) -> String {
    let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
    let line = lines.join(" ");
    line.strip_prefix("tip: ")
        .map(str::to_owned)
        .unwrap_or(line)
}

/// Whether the answer is to be JSON, on a command line that was not understood.
pub fn wants_json(args: impl Iterator<Item = OsString>) -> bool {
    args.take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_child_asks_for_nothing() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(
            args(&["breakglass", "status", "--json"]).into_iter()
        ));
        assert!(!wants_json(
            args(&["breakglass", "unseal", "--", "--json"]).into_iter()
        ));
    }
}
