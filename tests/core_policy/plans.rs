//! What a change costs: each life of a manifest once.

use std::collections::BTreeSet;

use breakglass::attestation::RootName;
use breakglass::format::{Certificate, Rotator, digest};
use breakglass::ledger::Event;
use breakglass::manifest::Draft;
use breakglass::model::{Digest, Firmware, Name, Role};
use breakglass::policy::{
    CannotSign, Difference, Ending, Losses, Next, Period, Plan, Touch, Worse, differs,
};

use crate::book::{Book, declared, key_id};
use crate::soft::{self, Person, SoftToken, certificates, name, person, signer, with_tokens};

/// Two ICs, one with a spare, two BGOs, an SO.
fn people() -> Vec<Person> {
    vec![
        with_tokens(
            "alice",
            Role::Ic,
            vec![SoftToken::p256("alice"), SoftToken::p256("alice-spare")],
        ),
        person("carol", Role::Ic),
        person("bob", Role::Bgo),
        person("dan", Role::Bgo),
        person("sue", Role::So),
    ]
}

/// A vault with two credentials, sealed.
fn sealed(thresholds: [u8; 3]) -> Book {
    let book = Book::found(people(), thresholds);
    book.add("prod", &["deploy", "root"]);
    book.seal("prod", 1, &["deploy", "root"]);
    book
}

fn id(label: &str) -> Digest {
    SoftToken::p256(label).id()
}

fn weigh(book: &Book, lost: &[&str], change: impl FnOnce(&mut Draft)) -> Result<Plan, CannotSign> {
    let mut draft = Draft::after(&book.chain, soft::now());
    change(&mut draft);
    let lost: BTreeSet<Digest> = lost.iter().map(|label| id(label)).collect();
    let journal = book.journal();
    let before = book.chain.newest();
    Plan::of(before, draft.preview(), &lost, journal.state(), &book.chain)
}

fn plan(book: &Book, change: impl FnOnce(&mut Draft)) -> Plan {
    weigh(book, &[], change).unwrap()
}

/// Puts a change in force.
fn adopt(book: &mut Book, change: impl FnOnce(&mut Draft)) {
    let mut draft = Draft::after(&book.chain, soft::now());
    change(&mut draft);
    let next = draft.finish().unwrap();
    book.adopt(|manifest| *manifest = next);
}

fn losses(people: usize, tokens: usize) -> Option<Losses> {
    Some(Losses { people, tokens })
}

fn rotate(compartment: &str) -> Next {
    Next::Seal(Ending::Rotate(name(compartment)))
}

/// Who may sign for a role, with how many tokens.
fn signers(plan: &Plan, role: Role) -> Vec<(String, usize)> {
    let of_role = plan
        .signers
        .iter()
        .find(|signers| signers.panel.role == role);
    let members = of_role
        .into_iter()
        .flat_map(|signers| &signers.panel.members);
    members
        .map(|m| (m.name.to_string(), m.tokens.len()))
        .collect()
}

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|text| name(text)).collect()
}

#[test]
fn a_spare_costs_nothing_and_opens_after_the_next_rotation() {
    let book = sealed([1, 1, 1]);
    let spare = SoftToken::p256("carol-spare");
    let plan = plan(&book, |draft| {
        draft
            .enrol(&name("carol"), Role::Ic, spare.enrolled.clone())
            .unwrap();
    });
    assert!(matches!(
        plan.differences.as_slice(),
        [Difference::TokenAdded { spare: true, token, .. }] if token.id == spare.id()
    ));
    assert_eq!((plan.from, plan.to), (1, 2));
    assert_eq!(plan.proofs.len(), 1);
    assert_eq!(plan.proofs[0].token.id, spare.id());
    // The new token is not among those who sign for the role.
    assert_eq!(
        signers(&plan, Role::Ic),
        [("alice".into(), 2), ("carol".into(), 1)]
    );
    assert_eq!(plan.roles[0].before.losses(), losses(1, 2));
    assert_eq!(plan.roles[0].after.losses(), losses(1, 3));
    assert_eq!(plan.worse, []);
    assert_eq!(plan.exposed, []);
    let [stale] = plan.stale.as_slice() else {
        panic!("{:?}", plan.stale)
    };
    assert!(stale.access.is_possible());
    assert_eq!(stale.newcomers[0].1.label, "carol-spare");
    assert_eq!(plan.next, [rotate("prod")]);
}

#[test]
fn a_lost_token_signs_nothing_and_its_finder_still_opens_with_a_partner() {
    let book = sealed([1, 1, 1]);
    let plan = weigh(&book, &["alice"], |draft| {
        draft.retire_token(&id("alice")).unwrap()
    });
    let plan = plan.unwrap();
    assert!(matches!(
        plan.differences.as_slice(),
        [Difference::TokenRetired { lost: true, .. }]
    ));
    assert_eq!(
        signers(&plan, Role::Ic),
        [("alice".into(), 1), ("carol".into(), 1)]
    );
    let [exposed] = plan.exposed.as_slice() else {
        panic!("{:?}", plan.exposed)
    };
    assert_eq!((exposed.leaver.as_str(), exposed.stays), ("alice", true));
    assert_eq!(exposed.credentials, names(&["deploy", "root"]));
    assert_eq!(exposed.tokens.len(), 1);
    let [partners] = exposed.partners.as_slice() else {
        panic!("{exposed:?}")
    };
    assert_eq!((partners.role, partners.count), (Role::Bgo, 1));
    assert_eq!(partners.of, names(&["bob", "dan"]));
    assert_eq!(exposed.ends, [Ending::Rotate(name("prod"))]);
    assert_eq!(plan.next, [rotate("prod")]);
    assert_eq!(plan.worse, [], "one person of the role may still be lost");
}

#[test]
fn where_only_the_lost_tokens_could_sign_nothing_can_be_changed() {
    let book = sealed([2, 1, 1]);
    let both = ["alice", "alice-spare"];
    let refused = weigh(&book, &both, |draft| {
        draft.retire_custodian(&name("alice")).unwrap()
    });
    let wanted = CannotSign {
        role: Role::Ic,
        needed: 2,
        left: names(&["carol"]),
        opens: false,
    };
    assert_eq!(refused.unwrap_err(), wanted);
    // Without the only SO nothing can be changed, and everything still opens.
    let refused = weigh(&book, &["sue"], |draft| {
        draft.retire_custodian(&name("sue")).unwrap()
    });
    let refused = refused.unwrap_err();
    assert_eq!((refused.role, refused.opens), (Role::So, true));
    assert_eq!(
        refused.to_string(),
        "1 of so must sign, and without the lost tokens nobody could"
    );
    // With one of hers left alice signs.
    assert!(
        weigh(&book, &["alice"], |draft| draft
            .retire_token(&id("alice"))
            .unwrap())
        .is_ok()
    );
}

#[test]
fn who_is_retired_could_open_with_partners_of_both_roles() {
    let book = sealed([2, 1, 1]);
    let plan = plan(&book, |draft| {
        draft.threshold(Role::Ic, 1);
        draft.retire_custodian(&name("alice")).unwrap();
    });
    let kinds = plan.differences.iter().map(|difference| match difference {
        Difference::PersonRetired(name, Role::Ic) => format!("{name} goes"),
        Difference::TokenRetired {
            token, lost: false, ..
        } => token.identity.label.clone(),
        Difference::Threshold {
            role: Role::Ic,
            from: 2,
            to: 1,
        } => "threshold".to_owned(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["alice goes", "alice", "alice-spare", "threshold"]
    );
    let [exposed] = plan.exposed.as_slice() else {
        panic!("{:?}", plan.exposed)
    };
    assert!(!exposed.stays);
    assert_eq!(exposed.tokens.len(), 2);
    let with: Vec<(Role, usize, usize)> = exposed
        .partners
        .iter()
        .map(|partners| (partners.role, partners.count, partners.of.len()))
        .collect();
    assert_eq!(with, [(Role::Ic, 1, 1), (Role::Bgo, 1, 2)]);
    // What is sealed takes two, and there is one left to whom it is sealed.
    assert!(!plan.stale[0].access.is_possible());
    assert_eq!(
        plan.worse,
        [
            Worse::FewerNeeded {
                role: Role::Ic,
                from: 2,
                to: 1
            },
            Worse::Locked {
                compartment: name("prod"),
                generation: 1
            },
        ]
    );
    assert_eq!(
        (plan.opening.0, plan.opening.1),
        (losses(0, 0), losses(0, 0))
    );
}

#[test]
fn a_threshold_holds_for_what_is_sealed_next() {
    let book = sealed([1, 1, 1]);
    let plan = plan(&book, |draft| draft.threshold(Role::Ic, 2));
    assert_eq!(plan.stale[0].access.panels()[0].threshold, 1);
    assert_eq!(plan.roles[0].after.losses(), losses(0, 0));
    assert!(matches!(
        plan.worse.as_slice(),
        [Worse::NoneToLose { role: Role::Ic, .. }]
    ));
    assert_eq!(plan.next, [rotate("prod")]);
    assert_eq!(plan.exposed, [], "nobody leaves");
}

#[test]
fn a_security_officer_changes_nothing_about_what_is_sealed() {
    let book = sealed([1, 1, 1]);
    let more = SoftToken::p256("sam");
    let plan = plan(&book, |draft| {
        draft
            .enrol(&name("sam"), Role::So, more.enrolled.clone())
            .unwrap();
    });
    assert!(plan.stale.is_empty() && plan.next.is_empty(), "{plan:?}");
    assert_eq!(
        (plan.changing.0, plan.changing.1),
        (losses(0, 0), losses(1, 1))
    );
    assert!(!differs(book.chain.newest(), book.chain.newest()));
}

#[test]
fn a_rotator_is_replaced_in_one_change() {
    let book = sealed([1, 1, 1]);
    let other = Rotator {
        name: name("rotator"),
        public: signer("other").public().to_vec(),
    };
    let plan = plan(&book, |draft| {
        draft
            .replace_rotator(&name("rotator"), other.clone())
            .unwrap()
    });
    assert_eq!(
        plan.differences,
        [
            Difference::RotatorRetired(book.chain.newest().rotators[0].clone()),
            Difference::RotatorAdded(other),
        ]
    );
    assert_eq!(plan.worse, []);
    assert!(plan.stale.is_empty() && plan.exposed.is_empty());
    assert_eq!(
        plan.next,
        [
            Next::DropAwsRights(name("rotator")),
            Next::RunOn(name("rotator"))
        ]
    );
}

#[test]
fn a_compartment_is_empty_at_first() {
    let book = sealed([1, 1, 1]);
    let plan = plan(&book, |draft| draft.add_compartment(&name("more")).unwrap());
    assert_eq!(
        plan.differences,
        [Difference::CompartmentAdded(name("more"))]
    );
    assert_eq!(plan.next, [Next::AddCredential(name("more"))]);
    assert_eq!(plan.worse, []);
}

#[test]
fn an_earlier_leaver_is_no_cost_of_a_later_change_and_is_still_due() {
    let mut book = sealed([1, 1, 1]);
    adopt(&mut book, |draft| {
        draft.retire_custodian(&name("dan")).unwrap()
    });
    let plan = plan(&book, |draft| draft.add_compartment(&name("more")).unwrap());
    assert_eq!(plan.exposed, []);
    assert_eq!(
        plan.next,
        [rotate("prod"), Next::AddCredential(name("more"))]
    );
    // Sealed anew, it is over: the old keys are dead.
    book.seal("prod", 2, &["deploy", "root"]);
    let events = ["deploy", "root"].into_iter().flat_map(|credential| {
        let (credential, key) = (name(credential), key_id(credential, 1));
        dead(credential, key)
    });
    book.journal()
        .record_all(soft::now(), events.collect())
        .unwrap();
    let plan = plan_of_nothing(&book);
    assert!(plan.stale.is_empty() && plan.next.is_empty(), "{plan:?}");
}

fn plan_of_nothing(book: &Book) -> Plan {
    plan(book, |_| {})
}

fn dead(credential: Name, key: breakglass::model::AccessKeyId) -> Vec<Event> {
    use breakglass::ledger::{Retirement, RetirementCause};
    vec![
        Event::KeyRetiring {
            credential: credential.clone(),
            key: key.clone(),
            act: Retirement::Deactivate,
            cause: RetirementCause::Superseded,
        },
        Event::KeyDeactivated { credential, key },
    ]
}

#[test]
fn what_is_declared_and_not_opened_ends_with_a_rotation() {
    let book = sealed([1, 1, 1]);
    book.journal()
        .record(soft::now(), declared("i-1", &["deploy"]))
        .unwrap();
    let retired = |draft: &mut Draft| draft.retire_custodian(&name("dan")).unwrap();
    assert_eq!(plan(&book, retired).next, [rotate("prod")]);
}

#[test]
fn a_first_token_is_no_spare_and_neither_is_one_in_the_place_of_the_last() {
    let book = sealed([1, 1, 1]);
    let spare = |plan: &Plan| {
        let added = plan
            .differences
            .iter()
            .find_map(|difference| match difference {
                Difference::TokenAdded { spare, .. } => Some(*spare),
                _ => None,
            });
        added.unwrap()
    };
    let token = SoftToken::p256("new").enrolled;
    let enrol = |draft: &mut Draft, who| draft.enrol(&name(who), Role::Ic, token.clone()).unwrap();
    assert!(!spare(&plan(&book, |draft| enrol(draft, "erin"))));
    assert!(spare(&plan(&book, |draft| enrol(draft, "alice"))));
    let replaced = weigh(&book, &["carol"], |draft| {
        draft.retire_token(&id("carol")).unwrap();
        enrol(draft, "carol");
    });
    let replaced = replaced.unwrap();
    assert!(!spare(&replaced));
    assert_eq!(signers(&replaced, Role::Ic), [("alice".into(), 2)]);
}

#[test]
fn who_leaves_with_the_second_token_counts_with_both() {
    let mut book = sealed([1, 1, 1]);
    adopt(&mut book, |draft| draft.retire_token(&id("alice")).unwrap());
    let plan = plan(&book, |draft| {
        draft.retire_custodian(&name("alice")).unwrap()
    });
    let [exposed] = plan.exposed.as_slice() else {
        panic!("{:?}", plan.exposed)
    };
    assert_eq!((exposed.tokens.len(), exposed.stays), (2, false));
}

#[test]
fn what_nobody_opened_before_is_not_locked_by_the_next_change() {
    let mut book = sealed([2, 1, 1]);
    adopt(&mut book, |draft| {
        draft.threshold(Role::Ic, 1);
        draft.retire_custodian(&name("alice")).unwrap();
    });
    let plan = plan(&book, |draft| draft.add_compartment(&name("more")).unwrap());
    assert!(!plan.stale[0].access.is_possible());
    assert_eq!(plan.worse, []);
}

#[test]
fn weaker_rules_for_tokens_take_consent() {
    let book = Book::found(
        vec![person("alice", Role::Ic), person("bob", Role::Bgo)],
        [1, 1, 0],
    );
    let old = Firmware(5, 7, 0);
    let to = |to| plan(&book, move |draft| draft.policy().min_firmware = to);
    let lower = to(Firmware(5, 4, 3));
    let (from, to_lower) = (old, Firmware(5, 4, 3));
    let difference = Difference::Firmware { from, to: to_lower };
    assert_eq!(lower.differences, [difference]);
    let worse = Worse::OlderFirmware { from, to: to_lower };
    assert_eq!(lower.worse, [worse]);
    assert_eq!(to(Firmware(5, 7, 4)).worse, []);
    let once = plan(&book, |draft| draft.policy().allow_pin_once = true);
    assert_eq!(once.differences, [Difference::PinOnce(true)]);
    assert_eq!(once.worse, [Worse::PinOnce]);
    // Times, too, where more of them, or less, is worse.
    let leases = |to| plan(&book, move |draft| draft.policy().max_lease_minutes = to);
    let (period, from) = (Period::Lease, Period::Lease.of(&book.chain.newest().policy));
    let (to, less) = (from + 1, from - 1);
    assert_eq!(
        leases(to).differences,
        [Difference::Period { period, from, to }]
    );
    assert_eq!(leases(to).worse, [Worse::Period { period, from, to }]);
    assert_eq!(leases(less).worse, []);
    let kept = |to| {
        plan(&book, move |draft| {
            draft.policy().keep_proved_days = Some(to)
        })
    };
    assert_eq!(kept(91).worse, []);
    assert_eq!(kept(90).differences, []);
    assert_eq!(kept(0).worse.len(), 1);
    // A root more is trust more; one less is not worse.
    let more = certificates::authority("More", "More", "more", "more", 1).der();
    let name = RootName::of(&more);
    assert_eq!(name.name, "More");
    let added = plan(&book, |draft| {
        draft.add_root(Certificate(more.clone())).unwrap()
    });
    assert_eq!(added.differences, [Difference::RootAdded(name.clone())]);
    assert_eq!(added.worse, [Worse::RootTrusted(name)]);
    let root = soft::root();
    let gone = plan(&book, |draft| draft.remove_root(&digest(&root.0)).unwrap());
    let name = RootName::of(&root.0);
    assert_eq!(gone.differences, [Difference::RootRemoved(name)]);
    assert_eq!(gone.worse, []);
    // What is there already cannot be added, what is not cannot be taken away.
    let mut draft = Draft::after(&book.chain, soft::now());
    assert!(draft.add_root(root).is_err());
    assert!(draft.remove_root(&digest(&more)).is_err());
}

#[test]
fn less_touch_takes_consent() {
    let touched = |who: &str, role| with_tokens(who, role, vec![SoftToken::p256(who).touched()]);
    let people = vec![touched("alice", Role::Ic), touched("bob", Role::Bgo)];
    let book = Book::found(people, [1, 1, 0]);
    let add = |draft: &mut Draft, who: &str, role| {
        draft
            .enrol(&name(who), role, SoftToken::p256(who).enrolled)
            .unwrap();
    };
    // With an IC who needs no touch there is still the BGO's.
    assert_eq!(plan(&book, |draft| add(draft, "carol", Role::Ic)).worse, []);
    let both = plan(&book, |draft| {
        add(draft, "carol", Role::Ic);
        add(draft, "dan", Role::Bgo);
    });
    assert_eq!(both.worse, [Worse::LessTouch]);
    let opening = breakglass::policy::Access::opening(book.chain.newest());
    assert_eq!(opening.touch(), Touch::Always);
}
