//! The rules of tokens against every module that can be installed on a Debian machine, and what each can
//! and cannot do: the table in `hsm-config/README.md` is held to what is found here.
//!
//! `scripts/hsm-modules` installs them. Without it the tests of the modules that are not there are skipped,
//! and say so.

#[path = "../common/bench.rs"]
mod bench;
#[path = "../common/rack.rs"]
mod rack;
#[path = "../common/softhsm.rs"]
mod softhsm;
#[path = "../common/token_rules.rs"]
mod token_rules;

mod cards;
mod contract;
mod findings;
// The stories of HSMs use the rest of it.
#[allow(dead_code)]
mod make;
