//! A YubiKey for tests and the demo, behind a real pcscd.

fn main() {}
