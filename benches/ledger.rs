//! How fast a ledger verifies (hashes, signatures, tiles, and the meaning of every entry), against `openssl dgst
//! -sha256` over the same bytes, and whether appending slows down as it grows. Figures are ratios within one run.
//!
//! `cargo bench --bench ledger [-- ENTRIES]`, 1,000,000 unless said otherwise.

#[path = "../tests/common/book.rs"]
mod book;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/fleet.rs"]
mod fleet;
#[path = "../tests/common/soft.rs"]
mod soft;

use std::alloc::System as SystemAlloc;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use breakglass::ledger::{self, Ledger};

use book::Book;
use figures::{Figures, best_of, millis};
use fleet::Fleet;
use soft::System;
use zeroizing_alloc::ZeroAlloc;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<SystemAlloc> = ZeroAlloc(SystemAlloc);

fn main() {
    let figures = Figures::titled("ledger");
    let entries = figures::argument().unwrap_or(1_000_000);
    let book = fleet::found();
    let mut fleet = Fleet::of(&book);
    let small = appends(&book, &mut fleet, 500);
    fleet.grow_to(entries);
    let large = appends(&book, &mut fleet, 500);
    let head = Ledger::open(&book.store, book.chain.vault())
        .expect("a ledger")
        .head();
    figures.say("entries", head.size);
    figures.say("commits", head.commit);

    let vault = book.chain.vault();
    let anchors = [head.into()];
    let (hashes, verified) = best_of(3, || {
        ledger::verify(&book.store, &vault, &anchors).expect("intact")
    });
    assert_eq!(verified.entries, head.size);
    assert!(verified.derived.is_ok());
    let (whole, again) = best_of(3, || book.verify(&anchors).expect("a good ledger"));
    assert_eq!(again, verified);
    let (meaning, journal) = best_of(3, || book.journal());
    assert_eq!(journal.head(), head);
    let (openssl, ()) = best_of(3, || openssl(&book));
    let (direct, ()) = best_of(3, || openssl_alone(&book));
    figures.say("ledger verify, all of it, ms", millis(whole));
    figures.say("hashes, signatures and tiles of it, ms", millis(hashes));
    figures.say("opening (no tiles), ms", millis(meaning));
    figures.say("openssl dgst -sha256, ms", millis(openssl));
    figures.say("openssl dgst -sha256 of each file, ms", millis(direct));
    figures.ratio(
        "hashes and signatures / openssl",
        hashes,
        openssl,
        "at most 3",
    );
    figures.ratio(
        "all of ledger verify / openssl",
        whole,
        openssl,
        "at most 3",
    );
    figures.ratio("all of it / openssl of each file", whole, direct, "");
    figures.ratio("append, large / small", large, small, "about 1");
    let _ = System;
}

/// The time of `count` appends of one entry each.
fn appends(book: &Book, fleet: &mut Fleet<'_>, count: usize) -> std::time::Duration {
    let _ = book;
    let begun = std::time::Instant::now();
    (0..count).for_each(|_| fleet.append_one());
    begun.elapsed()
}

/// All commits as one text through one openssl.
fn openssl(book: &Book) {
    let done = Command::new("sh")
        .args(["-c", "cat -- *| openssl dgst -sha256"])
        .current_dir(commits(book))
        .stdout(Stdio::null())
        .status()
        .expect("openssl");
    assert!(done.success());
}

/// Each commit by itself through one openssl, which reads them without a pipe.
fn openssl_alone(book: &Book) {
    let files = std::fs::read_dir(commits(book)).expect("a folder");
    let done = Command::new("openssl")
        .args(["dgst", "-sha256"])
        .args(files.map(|file| file.expect("a file").path()))
        .stdout(Stdio::null())
        .status()
        .expect("openssl");
    assert!(done.success());
}

fn commits(book: &Book) -> PathBuf {
    book.path().join("ledger/commit")
}
