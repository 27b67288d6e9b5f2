//! How results and failures look.

use super::escape::Shown;
use super::output;
use crate::model::Failure;

/// Tells a failure: what failed, what state the world is in now, what to type next.
pub fn failure(failure: &Failure, json: bool) {
    if json {
        output::json(&serde_json::json!({ "error": document(failure) }));
        return;
    }
    let mut text = format!("error: {} [{}]\n", Shown(&failure.what), failure.code);
    if !failure.state.is_empty() {
        text.push_str(&format!("  now: {}\n", Shown(&failure.state)));
    }
    for hint in &failure.hints {
        text.push_str(&format!("hint: {}\n", Shown(hint)));
    }
    output::error(&text);
}

/// A failure for machines.
pub fn document(failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "code": failure.code,
        "exit": failure.class.exit_code(),
        "what": failure.what,
        "state": failure.state,
        "hints": failure.hints,
    })
}

/// Rows in columns as wide as their widest cell, two blanks between.
pub fn table(rows: &[Vec<String>]) -> String {
    let shown: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| Shown(cell).to_string()).collect())
        .collect();
    let columns = shown.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        shown
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &shown {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_raw_gets_through() {
        let rows = vec![
            vec!["a".to_owned(), "\u{1b}[31mred".to_owned()],
            vec!["longer".to_owned(), "b".to_owned()],
        ];
        let text = table(&rows);
        assert!(!text.contains('\u{1b}'), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("a       "), "{text}");
        assert_eq!(lines[1], "longer  b");
    }
}
