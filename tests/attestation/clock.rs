//! Dates: found, told, and refused for last.

use breakglass::attestation::{Attested, Chain};
use breakglass::attestation::{Dates, Expected, Part, Requirements, Unmet, verify};
use breakglass::model::Timestamp;

use crate::made::{self, DEVICE, Made, NOW, new};

fn at(made: &Made, now: Option<Timestamp>) -> Attested {
    let between: Vec<Vec<u8>> = made.between.iter().map(made::Draft::der).collect();
    let chain = Chain {
        leaf: &made.leaf.der(),
        device: &made.device.der(),
        intermediates: &between,
    };
    verify(&chain, &made.roots(), now).expect("dates make no chain untrue")
}

fn meets(attested: &Attested, dates: bool) -> Result<(), Unmet> {
    let requirements = Requirements {
        dates,
        ..Requirements::default()
    };
    let expected = Expected {
        serial: DEVICE,
        public_key: &made::point("leaf"),
        slot: 0x9d,
    };
    attested.meets(&requirements, &expected)
}

#[test]
fn each_certificate_that_is_out_of_force_is_found() {
    let now = Timestamp::from_unix(NOW);
    for (part, pick) in [
        (Part::Key, 0),
        (Part::Device, 1),
        (Part::Between, 2),
        (Part::Root, 3),
    ] {
        let mut late = new();
        let mut early = new();
        for (made, is_late) in [(&mut late, true), (&mut early, false)] {
            let draft = match pick {
                0 => &mut made.leaf,
                1 => &mut made.device,
                2 => &mut made.between[1],
                _ => &mut made.root,
            };
            if is_late {
                draft.until = "20261124025959Z";
            } else {
                draft.from = "20261124030001Z";
            }
        }
        let until = Timestamp::from_unix(NOW - 1);
        let found = at(&late, Some(now));
        assert_eq!(found.dates, Dates::Late { part, until, now });
        assert_eq!(meets(&found, true), Err(Unmet::Late { part, until, now }));
        assert_eq!(meets(&found, false), Ok(()));
        let from = Timestamp::from_unix(NOW + 1);
        let found = at(&early, Some(now));
        assert_eq!(found.dates, Dates::Early { part, from, now });
        assert_eq!(meets(&found, true), Err(Unmet::Early { part, from, now }));
        assert_eq!(meets(&found, false), Ok(()));
        for (made, good) in [(&late, NOW - 1), (&early, NOW + 1)] {
            let found = at(made, Some(Timestamp::from_unix(good)));
            assert_eq!(found.dates, Dates::InForce);
        }
    }
}

#[test]
fn without_a_clock_nothing_is_said_of_dates() {
    let mut made = new();
    made.leaf.until = "20170101000000Z";
    let found = at(&made, None);
    assert_eq!(found.dates, Dates::NotAsked);
    assert_eq!(meets(&found, true), Ok(()));
}

#[test]
fn a_clock_that_has_forgotten_everything_is_told_apart_from_a_forgery() {
    let found = at(&new(), Some(Timestamp::from_unix(0)));
    assert!(matches!(found.dates, Dates::Early { .. }));
    assert!(matches!(meets(&found, true), Err(Unmet::Early { .. })));
    // And so is one at the other end, where the newer authorities end.
    let end = Timestamp::from_unix(253_402_300_799);
    assert_eq!(at(&new(), Some(end)).dates, Dates::InForce);
}

#[test]
fn dates_come_last() {
    let mut made = new();
    made.leaf.until = "20170101000000Z";
    *made.leaf.content(made::POLICIES) = vec![3, 1];
    let found = at(&made, Some(Timestamp::from_unix(NOW)));
    assert!(matches!(meets(&found, true), Err(Unmet::Touch { .. })));
}
