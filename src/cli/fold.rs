//! Long lines, folded at blanks where a terminal would cut words.

use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// Fewer columns than these are no terminal that anybody reads.
const COLUMNS_MIN: usize = 40;

/// Folds lines at the width of this terminal; what is no terminal gets them as they are.
pub fn for_terminal(text: &str, terminal: impl AsFd) -> String {
    match columns(terminal) {
        Some(columns) => fold(text, columns),
        None => text.to_owned(),
    }
}

/// How many columns a terminal has, if it is one that says so.
pub fn columns(terminal: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= COLUMNS_MIN)
}

/// Folds each line at its last blank within `columns`; what follows is indented by two more than the line. A word
/// that is longer stays whole, and so do hints: they are copied.
fn fold(text: &str, columns: usize) -> String {
    let mut folded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        if line.starts_with("hint: ") {
            folded.push_str(line);
        } else {
            fold_line(line, columns, &mut folded);
        }
        folded.push_str(end);
    }
    folded
}

fn fold_line(line: &str, columns: usize, folded: &mut String) {
    let blanks = line.len() - line.trim_start_matches(' ').len();
    let indent = " ".repeat(blanks + 2);
    let (mut rest, mut first) = (line, true);
    loop {
        let room = columns - if first { 0 } else { indent.len() };
        let Some(at) = cut(rest, room, if first { blanks } else { 0 }) else {
            folded.push_str(rest);
            return;
        };
        folded.push_str(rest[..at].trim_end_matches(' '));
        folded.push('\n');
        folded.push_str(&indent);
        rest = rest[at..].trim_start_matches(' ');
        first = false;
    }
}

/// Where a line that is too long is cut: at a blank behind its indentation, the last that leaves it short enough, or
/// else the first.
fn cut(line: &str, room: usize, indented: usize) -> Option<usize> {
    if line.chars().count() <= room {
        return None;
    }
    let blanks = line.match_indices(' ').map(|(at, _)| at);
    let mut blanks: Vec<usize> = blanks.filter(|at| *at > indented).collect();
    // A blank at the very end cuts nothing off.
    blanks.retain(|at| !line[*at..].trim_start_matches(' ').is_empty());
    let fitting = blanks
        .iter()
        .rev()
        .find(|at| line[..**at].chars().count() <= room);
    fitting.or(blanks.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_at_blanks_and_indented() {
        let text = "one two three four\n  five six seven\nshort\n";
        let folded = "one two\n  three\n  four\n  five six\n    seven\nshort\n";
        assert_eq!(fold(text, 10), folded);
    }

    #[test]
    fn a_long_word_and_a_hint_stay_whole() {
        assert_eq!(fold("abcdefghijklm nop", 5), "abcdefghijklm\n  nop");
        assert_eq!(fold("hint: a b c d e f g\n", 5), "hint: a b c d e f g\n");
        assert_eq!(fold("", 5), "");
        assert_eq!(fold("PIN of alice: ", 12), "PIN of\n  alice: ");
    }
}
