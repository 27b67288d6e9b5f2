//! Bytes: cut off, changed, added, made up.

use breakglass::attestation::{Attested, Chain, Roots, Unattested, certificates, verify};
use proptest::prelude::*;

use crate::made::{self, Made, new, old, pem};
use crate::real;

fn verified(
    leaf: &[u8],
    device: &[u8],
    between: &[Vec<u8>],
    roots: &Roots,
) -> Result<Attested, Unattested> {
    let chain = Chain {
        leaf,
        device,
        intermediates: between,
    };
    verify(&chain, roots, None)
}

/// The chain as bytes, from the leaf up, without the root.
fn parts(made: &Made) -> Vec<Vec<u8>> {
    let mut parts = vec![made.leaf.der(), made.device.der()];
    parts.extend(made.between.iter().map(made::Draft::der));
    parts
}

fn of_parts(parts: &[Vec<u8>], roots: &Roots) -> Result<Attested, Unattested> {
    verified(&parts[0], &parts[1], &parts[2..], roots)
}

#[test]
fn what_is_cut_off_anywhere_is_malformed() {
    let made = new();
    let (whole, roots) = (parts(&made), made.roots());
    assert!(of_parts(&whole, &roots).is_ok());
    for at in 0..whole.len() {
        for length in 0..whole[at].len() {
            let mut cut = whole.clone();
            cut[at].truncate(length);
            let said = of_parts(&cut, &roots);
            assert!(
                matches!(said, Err(Unattested::Malformed { .. })),
                "{at} {length}: {said:?}"
            );
        }
    }
}

#[test]
fn what_follows_is_malformed() {
    let made = new();
    let (whole, roots) = (parts(&made), made.roots());
    for at in 0..whole.len() {
        for more in [&[0][..], &[0x30, 0], &whole[at].clone()] {
            let mut longer = whole.clone();
            longer[at].extend_from_slice(more);
            let said = of_parts(&longer, &roots);
            assert!(
                matches!(said, Err(Unattested::Malformed { .. })),
                "{said:?}"
            );
        }
    }
}

#[test]
fn every_byte_counts() {
    let made = old();
    let (whole, roots) = (parts(&made), made.roots());
    for at in 0..whole.len() {
        for byte in 0..whole[at].len() {
            for flip in [0x01, 0x20] {
                let mut changed = whole.clone();
                changed[at][byte] ^= flip;
                let said = of_parts(&changed, &roots);
                assert!(said.is_err(), "{at}, byte {byte} by {flip:02x}: {said:?}");
            }
        }
    }
}

#[test]
fn every_byte_of_the_real_one_counts() {
    let (leaf, device, roots) = (real::leaf(), real::device(), Roots::yubico());
    assert!(verified(&leaf, &device, &[], &roots).is_ok());
    for (of_leaf, length) in [(true, leaf.len()), (false, device.len())] {
        for byte in 0..length {
            let (mut leaf, mut device) = (leaf.clone(), device.clone());
            let changed = if of_leaf { &mut leaf } else { &mut device };
            changed[byte] ^= 1 << (byte % 8);
            let said = verified(&leaf, &device, &[], &roots);
            assert!(said.is_err(), "byte {byte}: {said:?}");
        }
    }
}

#[test]
fn parts_in_each_others_places_are_refused() {
    let made = new();
    let (whole, roots) = (parts(&made), made.roots());
    for one in 0..whole.len() {
        for other in 0..one {
            let mut swapped = whole.clone();
            swapped.swap(one, other);
            // Those between may stand in any order.
            let is_good = of_parts(&swapped, &roots).is_ok();
            assert_eq!(is_good, other >= 2, "{other} and {one}");
        }
    }
    for at in 0..2 {
        let mut twice = whole.clone();
        twice[at] = whole[1 - at].clone();
        assert!(of_parts(&twice, &roots).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_panics(
        leaf in proptest::collection::vec(any::<u8>(), 0..200),
        device in proptest::collection::vec(any::<u8>(), 0..200),
        more in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..6),
    ) {
        let roots = Roots::yubico();
        prop_assert!(verified(&leaf, &device, &more, &roots).is_err());
        prop_assert!(verified(&real::leaf(), &device, &more, &roots).is_err());
        prop_assert!(Roots::only(&leaf).is_err());
        prop_assert!(Roots::only(&pem(&leaf)).is_err());
        let _ = certificates(&leaf);
    }

    #[test]
    fn nothing_panics_near_the_truth(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        at in 0_usize..4,
    ) {
        let made = new();
        let whole = parts(&made);
        let mut changed = whole.clone();
        for (index, byte) in changes {
            let place = index.index(changed[at].len());
            changed[at][place] = byte;
        }
        let is_same = changed == whole;
        prop_assert_eq!(of_parts(&changed, &made.roots()).is_ok(), is_same);
        let _ = Roots::only(&pem(&changed[at]));
    }

    /// What a good key has signed, and is odd all the same, is read or refused.
    #[test]
    fn nothing_panics_behind_a_good_signature(
        content in proptest::collection::vec(any::<u8>(), 0..12),
        which in 0_usize..4,
        subject in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut made = old();
        made.leaf.extensions[which].content = content;
        made.leaf.subject = subject;
        let _ = made.verify();
    }
}
