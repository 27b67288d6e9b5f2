//! Tests of [`super`].

use std::cell::RefCell;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::crypto::NoEntropy;

/// Gives these 32-byte pieces, one a call, and then no more.
struct Scripted(RefCell<Vec<[u8; 32]>>);

impl Scripted {
    fn new(pieces: &[[u8; 32]]) -> Self {
        Self(RefCell::new(pieces.iter().rev().copied().collect()))
    }
}

impl Entropy for Scripted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        let piece = self.0.borrow_mut().pop().ok_or(NoEntropy)?;
        buffer.copy_from_slice(&piece);
        Ok(())
    }
}

fn secret(bytes: &[u8; 32]) -> RoleSecret {
    RoleSecret::filled(|out| *out = *bytes)
}

fn share(bytes: &[u8; 32]) -> Share {
    Share::filled(|out| *out = *bytes)
}

/// Multiplication as the textbook has it: the product of the polynomials, then the long division.
fn textbook(a: u8, b: u8) -> u8 {
    let mut product = 0_u16;
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            product ^= u16::from(a) << bit;
        }
    }
    for bit in (8..16).rev() {
        if product >> bit & 1 == 1 {
            product ^= 0x11b << (bit - 8);
        }
    }
    u8::try_from(product).unwrap()
}

#[test]
fn multiplication_is_the_textbooks() {
    // FIPS 197, section 4.2.
    assert_eq!(multiply(0x57, 0x83), 0xc1);
    assert_eq!(multiply(0x57, 0x13), 0xfe);
    for a in 0..=255 {
        for b in 0..=255 {
            assert_eq!(multiply(a, b), textbook(a, b), "{a} {b}");
        }
    }
}

#[test]
fn every_element_but_zero_has_its_inverse() {
    for a in 1..=255 {
        assert_eq!(textbook(a, inverse(a)), 1, "{a}");
    }
}

/// Secret 00 01 .. 1f, coefficients SHA-256(01) and SHA-256(02); shares computed apart, in another
/// language.
#[test]
fn shares_are_those_of_another_implementation() {
    let bytes: [u8; 32] = std::array::from_fn(|i| i as u8);
    let chance = Scripted::new(&[[1], [2]].map(|seed| Sha256::digest(seed).into()));
    let shares = split(&secret(&bytes), 3, 255, &chance).unwrap();
    assert_eq!(shares.len(), 255);
    for (index, wanted) in [
        (
            1,
            "9035a4e530bfb64f648c791546e7bdede4874575dbe8b7fb84a312bf0fcf8203",
        ),
        (
            2,
            "d7d9c0546c5e139439d939c43a526bd63d246952a37097799a594035794bdd1e",
        ),
        (
            5,
            "b868597de0d93f7e8f1e6671942f175cebe5caf56604e3a5299f950cd2eab2e5",
        ),
        (
            255,
            "75b2fcc76ee7f477ee1d153c84be570e55840eaa305a47a96110f03865a8c066",
        ),
    ] {
        let (found, share) = &shares[usize::from(index) - 1];
        assert_eq!(*found, index);
        let hex = data_encoding::HEXLOWER.encode(share.expose());
        assert_eq!(hex, wanted, "{index}");
    }
}

#[test]
fn with_a_threshold_of_one_nothing_is_split() {
    // Not even chance is needed.
    let shares = split(&secret(&[9; 32]), 1, 3, &Scripted::new(&[])).unwrap();
    for (index, share) in &shares {
        assert_eq!(share.expose(), &[9; 32]);
        let combined = combine(1, &[(*index, share)]).unwrap();
        assert_eq!(combined.expose(), &[9; 32]);
    }
}

#[test]
fn impossible_thresholds_are_refused() {
    for (threshold, count) in [(0, 0), (0, 3), (4, 3), (1, 0), (255, 254)] {
        let result = split(&secret(&[9; 32]), threshold, count, &Scripted::new(&[]));
        let count = usize::from(count);
        assert_eq!(
            result.err(),
            Some(CryptoError::Threshold { threshold, count })
        );
    }
}

#[test]
fn nothing_is_split_without_chance() {
    let result = split(&secret(&[9; 32]), 3, 3, &Scripted::new(&[[1; 32]]));
    assert_eq!(result.err(), Some(CryptoError::NoEntropy(NoEntropy)));
}

#[test]
fn wrong_sets_of_shares_are_refused() {
    let (one, two) = (share(&[1; 32]), share(&[2; 32]));
    let refused = |threshold, shares: &[(u8, &Share)]| combine(threshold, shares).err();
    let count = |threshold, count| Some(CryptoError::Threshold { threshold, count });
    assert_eq!(refused(0, &[]), count(0, 0));
    assert_eq!(refused(2, &[(1, &one)]), count(2, 1));
    assert_eq!(refused(1, &[(1, &one), (2, &two)]), count(1, 2));
    assert_eq!(
        refused(2, &[(1, &one), (0, &two)]),
        Some(CryptoError::ShareIndex)
    );
    assert_eq!(
        refused(2, &[(7, &one), (7, &two)]),
        Some(CryptoError::RepeatedShare(7))
    );
}

/// Secrecy, exhaustively, for a threshold of two: over all 256 values of the one coefficient, a share
/// takes every value exactly once, whatever the secret is.
#[test]
fn one_share_of_two_is_uniform_for_every_secret() {
    for byte in 0..=255 {
        for index in [0, 1, 254] {
            let mut seen = [false; 256];
            for coefficient in 0..=255 {
                let mut out = [0; 32];
                evaluate(&[byte; 32], &[[coefficient; 32]], index as u8 + 1, &mut out);
                assert!(!std::mem::replace(&mut seen[usize::from(out[0])], true));
            }
        }
    }
}

/// A threshold, a count, and which of the shares are at hand, in what order.
fn sharing() -> impl Strategy<Value = (u8, u8, Vec<u8>)> {
    (1_u8..=6)
        .prop_flat_map(|threshold| (Just(threshold), threshold..=20))
        .prop_flat_map(|(threshold, count)| {
            let all: Vec<u8> = (1..=count).collect();
            let chosen = prop::sample::subsequence(all, usize::from(threshold)).prop_shuffle();
            (Just(threshold), Just(count), chosen)
        })
}

proptest! {
    #[test]
    fn any_threshold_of_shares_gives_the_secret(
        bytes: [u8; 32],
        (threshold, count, chosen) in sharing(),
        coefficients: [[u8; 32]; 5],
    ) {
        let shares = split(&secret(&bytes), threshold, count, &Scripted::new(&coefficients)).unwrap();
        prop_assert_eq!(shares.len(), usize::from(count));
        let at_hand: Vec<(u8, &Share)> =
            chosen.iter().map(|x| (*x, &shares[usize::from(*x) - 1].1)).collect();
        let combined = combine(threshold, &at_hand).unwrap();
        prop_assert_eq!(combined.expose(), &bytes);
    }

    /// Secrecy, algebraically: with one share too few, every other secret is possible too. There is a
    /// last share that makes exactly that secret out of the shares at hand.
    #[test]
    fn fewer_shares_exclude_no_secret(
        bytes: [u8; 32],
        other: [u8; 32],
        (threshold, count, chosen) in sharing(),
        coefficients: [[u8; 32]; 5],
    ) {
        prop_assume!(threshold > 1);
        let shares = split(&secret(&bytes), threshold, count, &Scripted::new(&coefficients)).unwrap();
        let (missing, known) = chosen.split_last().unwrap();
        let mut points: Vec<(u8, &[u8; 32])> =
            known.iter().map(|x| (*x, shares[usize::from(*x) - 1].1.expose())).collect();
        points.push((0, &other));
        let mut forged = [0; 32];
        interpolate(&points, *missing, &mut forged);

        let forged = share(&forged);
        let mut at_hand: Vec<(u8, &Share)> =
            known.iter().map(|x| (*x, &shares[usize::from(*x) - 1].1)).collect();
        at_hand.push((*missing, &forged));
        let combined = combine(threshold, &at_hand).unwrap();
        prop_assert_eq!(combined.expose(), &other);
    }

    #[test]
    fn a_changed_share_changes_the_secret(
        bytes: [u8; 32],
        (threshold, count, chosen) in sharing(),
        coefficients: [[u8; 32]; 5],
        at in 0_usize..32,
        change in 1_u8..,
    ) {
        let shares = split(&secret(&bytes), threshold, count, &Scripted::new(&coefficients)).unwrap();
        let mut changed = *shares[usize::from(chosen[0]) - 1].1.expose();
        changed[at] ^= change;
        let changed = share(&changed);
        let at_hand: Vec<(u8, &Share)> = chosen
            .iter()
            .enumerate()
            .map(|(i, x)| (*x, if i == 0 { &changed } else { &shares[usize::from(*x) - 1].1 }))
            .collect();
        let combined = combine(threshold, &at_hand).unwrap();
        prop_assert_ne!(combined.expose()[at], bytes[at]);
    }
}
