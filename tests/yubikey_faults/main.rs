//! What can go wrong with YubiKeys at the safe, enumerated: each fault at each exchange of the ceremony, for the
//! first and for the second person, behind a real pcscd. What comes of it stands in docs/ceremony.md, and is held
//! here.
//!
//! Always: the code and what is to be done are told, no try of a PIN is spent twice, the command ends, and the next
//! attempt opens without anything being cleaned up.

#[path = "../common/aws.rs"]
mod aws;
#[path = "../common/bench.rs"]
mod bench;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/rack.rs"]
mod rack;
#[path = "../yubikey_story/safe.rs"]
mod safe;
#[path = "../common/scene.rs"]
mod scene;
#[path = "../common/token_rules.rs"]
mod token_rules;

mod answers;
mod at_terminal;
mod document;
mod others;
mod pair;
mod pins;
mod pins_at_terminal;
mod pulled;
mod silent;
mod strangers;
mod typed;
