//! Shamir's secret sharing, byte by byte over GF(2^8) with the polynomial of AES
//! (x^8 + x^4 + x^3 + x + 1).
//!
//! Nothing branches on, or indexes by, a byte of a secret, a share or a coefficient; the indices of the
//! shares are public. Shares carry no check of their own: the digest of each stands in the generation's
//! header, where a bad one is found before it is combined.

use std::hint::black_box;

use zeroize::Zeroizing;

use super::{CryptoError, Entropy};
use crate::secret::{RoleSecret, Share};

/// Splits a secret into `count` shares, with the indices 1 to `count`, of which `threshold` give it back
/// and fewer say nothing about it. With a threshold of one every share is the secret.
///
/// # Errors
/// [`CryptoError::Threshold`] where the threshold is zero or above the count,
/// [`CryptoError::NoEntropy`].
pub fn split(
    secret: &RoleSecret,
    threshold: u8,
    count: u8,
    entropy: &dyn Entropy,
) -> Result<Vec<(u8, Share)>, CryptoError> {
    if threshold == 0 || threshold > count {
        return Err(CryptoError::Threshold {
            threshold,
            count: usize::from(count),
        });
    }
    // One polynomial a byte: the secret is the constant, the rest is chance (zero is as likely as any
    // other value, in the highest coefficient too: fewer shares must not exclude anything).
    let mut coefficients = Zeroizing::new(vec![[0; 32]; usize::from(threshold) - 1]);
    for coefficient in coefficients.iter_mut() {
        entropy.fill(coefficient)?;
    }
    let share = |index| Share::filled(|out| evaluate(secret.expose(), &coefficients, index, out));
    Ok((1..=count).map(|index| (index, share(index))).collect())
}

/// Combines exactly `threshold` shares, each with its index.
///
/// Any shares combine to something: whether it is the secret is known only from their digests.
///
/// # Errors
/// [`CryptoError::Threshold`] where there are more or fewer shares than the threshold, or none;
/// [`CryptoError::ShareIndex`]; [`CryptoError::RepeatedShare`].
pub fn combine(threshold: u8, shares: &[(u8, &Share)]) -> Result<RoleSecret, CryptoError> {
    if threshold == 0 || shares.len() != usize::from(threshold) {
        return Err(CryptoError::Threshold {
            threshold,
            count: shares.len(),
        });
    }
    check_indices(shares)?;
    let points: Vec<(u8, &[u8; 32])> = shares.iter().map(|(x, y)| (*x, y.expose())).collect();
    Ok(RoleSecret::filled(|out| interpolate(&points, 0, out)))
}

fn check_indices(shares: &[(u8, &Share)]) -> Result<(), CryptoError> {
    for (position, (index, _)) in shares.iter().enumerate() {
        if *index == 0 {
            return Err(CryptoError::ShareIndex);
        }
        if shares[..position].iter().any(|(other, _)| other == index) {
            return Err(CryptoError::RepeatedShare(*index));
        }
    }
    Ok(())
}

/// The polynomials at `x` (Horner's rule); `out` begins as zeros.
fn evaluate(constant: &[u8; 32], coefficients: &[[u8; 32]], x: u8, out: &mut [u8; 32]) {
    for coefficient in coefficients.iter().rev().chain([constant]) {
        for (byte, term) in out.iter_mut().zip(coefficient) {
            *byte = multiply(*byte, x) ^ term;
        }
    }
}

/// The polynomials through `points` at `x` (Lagrange); the points' own x differ; `out` begins as zeros.
fn interpolate(points: &[(u8, &[u8; 32])], x: u8, out: &mut [u8; 32]) {
    for (i, y) in points {
        let others = points.iter().map(|(j, _)| *j).filter(|j| j != i);
        let weight = others.fold(1, |product, j| {
            multiply(product, multiply(x ^ j, inverse(i ^ j)))
        });
        for (byte, value) in out.iter_mut().zip(*y) {
            *byte ^= multiply(*value, weight);
        }
    }
}

/// The product in GF(2^8). Always eight steps of masks; `black_box` keeps the compiler from turning a
/// mask back into a branch.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut shifted, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= shifted & mask(b >> bit);
        shifted = (shifted << 1) ^ (0x1b & mask(shifted >> 7));
    }
    product
}

/// 0xff where the lowest bit is set, else zero.
fn mask(bit: u8) -> u8 {
    black_box(bit & 1).wrapping_neg()
}

/// The inverse of a non-zero element: a^254.
fn inverse(a: u8) -> u8 {
    // 254 = 2 + 4 + 8 + 16 + 32 + 64 + 128
    let (mut power, mut product) = (a, 1);
    for _ in 0..7 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

#[cfg(test)]
#[path = "shamir_tests.rs"]
mod tests;
