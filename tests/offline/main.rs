//! The night at the safe: a copy of the vault that nothing is written to, no network, the ledger on another
//! medium, and what comes of it at home.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/bench.rs"]
mod bench;
#[path = "../common/cut_off.rs"]
mod cut_off;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/rack.rs"]
mod rack;
#[path = "../common/scene.rs"]
mod scene;
#[path = "../common/strace.rs"]
mod strace;

mod cards;
mod copies;
mod doctor;
mod joining;
mod killed;
mod night;
mod opening;
