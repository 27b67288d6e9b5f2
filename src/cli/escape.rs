//! Text from outside, made safe to show: reader names, labels, AWS messages and reasons can hold what
//! moves the cursor, reverses a line or hides a letter.

use std::fmt::{self, Write};

/// The most characters that are shown of one text. A reason (at most 1,000) is always shown whole.
pub const SHOWN_MAX: usize = 1_024;

/// Shows a text so that it stays on its line and every character of it can be seen: what cannot is
/// written as `\u{…}` with its hexadecimal code point, and so is a backslash that would look like one.
/// Beyond [`SHOWN_MAX`] characters it says how many are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a>(
    /// The text as it came.
    pub &'a str,
);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for _ in 0..SHOWN_MAX {
            let Some(c) = rest.chars().next() else {
                return Ok(());
            };
            if is_unseen(c) || rest.starts_with(r"\u{") {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
            rest = &rest[c.len_utf8()..];
        }
        match rest.chars().count() {
            0 => Ok(()),
            more => write!(f, "… ({more} more characters)"),
        }
    }
}

/// The same for a JSON document, which stays the same document: what cannot be seen is written as JSON's
/// own `\uXXXX` (RFC 8259, section 7). Outside its strings a document has nothing of the kind but line
/// ends and blanks.
pub fn json(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for c in document.chars() {
        if c == '\n' || !is_unseen(c) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// Whether a character does anything else than to show itself: control characters (Unicode category
/// Cc), all blanks but the usual one, and what Unicode calls `Default_Ignorable_Code_Point` or
/// `Bidi_Control`: text direction, joiners, fillers, variation selectors, tags.
fn is_unseen(c: char) -> bool {
    if c == ' ' {
        return false;
    }
    c.is_control()
        || c.is_whitespace()
        || IGNORABLE.iter().any(|&(from, to)| (from..=to).contains(&c))
}

/// `DerivedCoreProperties.txt`, `Default_Ignorable_Code_Point`, with the interlinear annotation marks
/// and the blank Braille pattern added; in ranges, both ends included.
const IGNORABLE: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    ('\u{10fffe}', '\u{10ffff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Shown(text).to_string()
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "",
            "Störung: DNS (INC-7), 100% down",
            "日本語 ñ ß 😀",
            r"C:\users\alice",
            "a\\",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn what_moves_the_cursor_is_written_out() {
        assert_eq!(shown("\u{1b}[2Jgone"), r"\u{1b}[2Jgone");
        assert_eq!(
            shown("a\r\nb\tc\u{8}\u{7f}"),
            r"a\u{d}\u{a}b\u{9}c\u{8}\u{7f}"
        );
        assert_eq!(shown("\u{9b}2J\u{85}\u{0}"), r"\u{9b}2J\u{85}\u{0}");
        assert_eq!(shown("a\u{2028}b\u{2029}c"), r"a\u{2028}b\u{2029}c");
    }

    #[test]
    fn what_reverses_or_hides_is_written_out() {
        for c in [
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{feff}',
            '\u{ad}',
            '\u{a0}',
            '\u{3000}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{e0041}',
            '\u{e0fff}',
        ] {
            assert_eq!(
                shown(&format!("a{c}b")),
                format!("a\\u{{{:x}}}b", u32::from(c))
            );
        }
    }

    #[test]
    fn a_text_cannot_pretend_to_be_an_escape() {
        assert_eq!(shown(r"\u{1b}"), r"\u{5c}u{1b}");
        assert_ne!(shown(r"\u{1b}"), shown("\u{1b}"));
    }

    #[test]
    fn a_json_document_stays_the_same_and_shows_everything() {
        let text = "a\u{1b}[2J \u{9b}2J\u{7f} b\u{202e}c\u{200b}\u{e0041}\u{2028}d \\u{1b} ñ 😀\n";
        let document = serde_json::json!({ "what": text });
        let shown = json(&format!("{document:#}"));
        let read: serde_json::Value = serde_json::from_str(&shown).expect("it is still JSON");
        assert_eq!(read, document);
        assert!(!shown.chars().any(|c| c != '\n' && is_unseen(c)), "{shown}");
        assert!(shown.contains('ñ'), "{shown}");
    }

    #[test]
    fn a_long_text_says_how_much_is_left_out() {
        let whole = "ä".repeat(SHOWN_MAX);
        assert_eq!(shown(&whole), whole);
        assert_eq!(
            shown(&format!("{whole}bc")),
            format!("{whole}… (2 more characters)")
        );
    }
}
