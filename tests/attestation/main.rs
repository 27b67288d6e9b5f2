//! Attestation of YubiKeys: a chain of our own making that holds, and the same with one fault; the roots that
//! are pinned, and an attestation of a real device.

mod algorithms;
mod bytes;
mod clock;
mod facts;
mod failures;
mod made;
mod meets;
mod path;
mod real;
mod roots;
