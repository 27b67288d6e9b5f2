//! The tables in docs/ceremony.md.

use std::fs;
use std::path::Path;

use crate::pair::{BOTH, FIRST};

/// What the document says of a fault at each exchange, for the first or the second person: the codes of the row
/// that is called so.
pub fn row(serial: u32, fault: &str) -> Vec<String> {
    let title = if serial == FIRST {
        "| the first person's card |"
    } else {
        "| the second person's card |"
    };
    let text = document();
    let table = text.split_once(title).expect("the table").1;
    let name = format!("| {fault} |");
    let row = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .find_map(|line| line.strip_prefix(&name));
    let cells = row.unwrap_or_default().trim_end_matches('|').split('|');
    cells.map(|cell| cell.trim().to_owned()).collect()
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ceremony.md");
    fs::read_to_string(path).expect("docs/ceremony.md")
}

/// What was seen and is not in the document, as rows to look at.
pub fn differences(fault: &str, seen: [Vec<&'static str>; 2]) -> String {
    let mut differs = String::new();
    for (serial, seen) in BOTH.into_iter().zip(seen) {
        if row(serial, fault) != seen {
            differs += &format!("{serial}\n| {fault} | {} |\n", seen.join(" | "));
        }
    }
    differs
}

/// Each code of the tables is explained, with its exit code, in the one above them.
#[test]
fn every_code_is_explained() {
    let text = document();
    let (explained, tables) = text
        .split_once("Two things are no failures")
        .expect("the codes");
    let cells = tables.lines().filter(|line| line.starts_with("| "));
    let cells = cells.flat_map(|line| line.split('|').skip(2));
    let cells = cells.map(|cell| cell.trim().trim_matches('`'));
    let is_code = |cell: &&str| cell.contains('-') && !cell.contains(' ') && !cell.starts_with('-');
    let mut codes: Vec<&str> = cells.filter(is_code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 9, "{codes:?}");
    for code in codes {
        assert!(explained.contains(&format!("| `{code}` |")), "{code}");
    }
}
