//! Making keys while the token's storage fails in between.

#[path = "common/bench.rs"]
mod bench;
#[path = "common/softhsm.rs"]
mod softhsm;
#[path = "common/token_rules.rs"]
mod token_rules;

use breakglass::ports::TokenProvider;
use softhsm::{PIN, with_tokens_under};
use token_rules::{error_of, pin};

/// Fails the opening of one file after another, one in each run, until a run lost the second key when it
/// had the first: whatever failed, all keys are there and fit, or none is and the next try makes them.
#[test]
fn a_failure_leaves_both_keys_or_none() {
    let test = "a_failure_leaves_both_keys_or_none";
    let seen = tempfile::NamedTempFile::new().unwrap();
    let note = seen.path().to_owned();
    let lost_the_second = || {
        std::fs::read_to_string(&note)
            .unwrap()
            .contains("making the sign key")
    };
    // In the child, the variable names the note of the parent, and there is one round.
    let child_note = std::env::var_os(NOTE);
    for nth in (30..700).step_by(17) {
        let fault = format!("inject=openat:error=ENOSPC:when={nth}");
        let set = format!("{NOTE}={}", note.display());
        let strace = [
            "env",
            &set,
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=openat",
            "-e",
            &fault,
        ];
        with_tokens_under(&strace, test, &["alice"], "", |softhsm| {
            let provider = softhsm.provider();
            let mut token = provider.open("pkcs11:token=alice").unwrap();
            if let Err(e) = token.generate(&pin(PIN)) {
                let note = child_note.as_ref().unwrap();
                std::fs::write(note, e.to_string()).unwrap();
                error_of(token.keys());
                token.generate(&pin(PIN)).unwrap();
            }
            token.check_keys(&pin(PIN)).unwrap();
        });
        if child_note.is_some() || lost_the_second() {
            return;
        }
    }
    panic!("no fault came between the two keys");
}

const NOTE: &str = "BREAKGLASS_TEST_NOTE";
