//! The ceremony from the sealing to the release: who is needed, who is taken, what a quorum opens, and
//! that nothing comes out before its entry is in the ledger.

#[path = "common/book.rs"]
mod book;
#[path = "common/soft.rs"]
mod soft;

use std::collections::BTreeSet;

use book::{Book, Sealed, declared, key_id, secret, statement};
use breakglass::ceremony::{Ceremony, Collecting, NotTaken, Opening, Quorate};
use breakglass::crypto::{self, CryptoError};
use breakglass::format::dsse::Envelope;
use breakglass::format::{GenerationHeader, OpenedStatement, Record};
use breakglass::ledger::{Impossible, Journal, JournalError, Recorded};
use breakglass::manifest::Misfit;
use breakglass::model::{Digest, Name, Presence, Role};
use breakglass::secret::SharedSecret;
use proptest::prelude::*;
use soft::{Person, SoftToken, name, person, with_tokens};

/// Three ICs, one of them with a spare and one with a token that only has RSA, two BGOs, an SO.
fn people() -> Vec<Person> {
    vec![
        with_tokens(
            "alice",
            Role::Ic,
            vec![SoftToken::p256("alice"), SoftToken::p256("alice-spare")],
        ),
        with_tokens("rita", Role::Ic, vec![SoftToken::rsa("rita")]),
        person("carl", Role::Ic),
        person("bob", Role::Bgo),
        person("bea", Role::Bgo),
        person("sue", Role::So),
    ]
}

/// A vault with these thresholds of ICs and BGOs, and one generation of two credentials.
fn scene(ic: u8, bgo: u8) -> (Book, Sealed) {
    let book = Book::found(people(), [ic, bgo, 1]);
    book.add("prod", &["deploy", "root"]);
    let sealed = book.seal("prod", 1, &["deploy", "root"]);
    (book, sealed)
}

fn ceremony(book: &Book, sealed: &[&Sealed]) -> Ceremony<Collecting> {
    let generation = |one: &&Sealed| (one.header.clone(), one.manifest.clone());
    Ceremony::new(
        book.chain.newest().clone(),
        sealed.iter().map(generation).collect(),
    )
    .unwrap()
}

/// A token's answers: one login, one operation for each generation.
fn answers(ceremony: &Ceremony<Collecting>, token: &mut SoftToken) -> Vec<SharedSecret> {
    let operations = ceremony.operations(&token.id()).unwrap();
    token.answers(&operations)
}

fn contribute(
    ceremony: &mut Ceremony<Collecting>,
    people: &mut [Person],
    label: &str,
) -> Result<(), NotTaken> {
    let token = soft::token(people, label);
    let answers = answers(ceremony, token);
    ceremony.contribute(&token.id(), &answers)
}

fn quorate(ceremony: Ceremony<Collecting>) -> Ceremony<Quorate> {
    let Ok(ceremony) = ceremony.quorate() else {
        panic!("no quorum");
    };
    ceremony
}

/// A ceremony to which these tokens contributed.
fn held(book: &mut Book, sealed: &[&Sealed], labels: &[&str]) -> Ceremony<Quorate> {
    let mut ceremony = ceremony(book, sealed);
    for label in labels {
        assert_eq!(contribute(&mut ceremony, &mut book.people, label), Ok(()));
    }
    quorate(ceremony)
}

/// Signs and records that these were opened.
fn record(
    journal: &mut Journal<'_>,
    ceremony: &Ceremony<Quorate>,
    openings: &[Opening],
) -> Vec<Recorded<OpenedStatement>> {
    let names: Vec<Name> = openings
        .iter()
        .map(|opening| opening.record().about.credential.clone())
        .collect();
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    let incident = format!("incident-{}", journal.head().size);
    let event = declared(&incident, &names);
    journal.record(soft::now(), event).unwrap();
    let statements: Vec<Envelope> = openings
        .iter()
        .map(|opening| {
            let people = ceremony.participants();
            let stated = statement(&opening.record().about, &incident, people, journal.head());
            crypto::sign(Envelope::of(&stated).unwrap(), opening.witness())
        })
        .collect();
    let head = journal.head();
    let recorded = journal.record_opened(&head, soft::at(1), &statements);
    recorded.unwrap().expect("nobody came in between")
}

/// Opens records, and gives what came out: the key and its secret.
fn release(book: &Book, ceremony: &Ceremony<Quorate>, records: &[Record]) -> Vec<(String, String)> {
    let openings = ceremony.unlock(records.to_vec()).unwrap();
    let mut journal = book.journal();
    let recorded = record(&mut journal, ceremony, &openings);
    let released = openings.into_iter().zip(recorded).map(|(one, recorded)| {
        let key = one.record().about.access_key.to_string();
        (key, one.release(recorded).unwrap().expose().to_owned())
    });
    released.collect()
}

/// What these credentials of a generation must give.
fn wanted(generation: u64, credentials: &[&str]) -> Vec<(String, String)> {
    let one = |text: &&str| {
        let key = key_id(text, generation).to_string();
        (key, secret(text, generation))
    };
    credentials.iter().map(one).collect()
}

#[test]
fn what_was_sealed_comes_out_for_every_way_to_a_quorum() {
    let ways: [(u8, u8, &[&str]); 8] = [
        (1, 1, &["alice", "bob"]),
        (1, 1, &["alice-spare", "bea"]),
        (1, 1, &["rita", "bob"]),
        (2, 1, &["alice", "rita", "bob"]),
        (2, 1, &["carl", "rita", "bea"]),
        (2, 2, &["carl", "alice-spare", "bea", "bob"]),
        (3, 2, &["rita", "alice", "carl", "bob", "bea"]),
        // In whatever order they come, and one more than it takes.
        (1, 1, &["bob", "bea", "carl", "alice"]),
    ];
    for (ic, bgo, labels) in ways {
        let (mut book, sealed) = scene(ic, bgo);
        let ceremony = held(&mut book, &[&sealed], labels);
        let released = release(&book, &ceremony, &sealed.records);
        assert_eq!(released, wanted(1, &["deploy", "root"]), "{labels:?}");
    }
}

#[test]
fn one_ic_and_one_bgo_are_enough_where_there_is_nobody_else() {
    let founders = vec![person("alice", Role::Ic), person("bob", Role::Bgo)];
    let mut book = Book::found(founders, [1, 1, 0]);
    book.add("prod", &["deploy"]);
    let sealed = book.seal("prod", 1, &["deploy"]);
    let ceremony = held(&mut book, &[&sealed], &["alice", "bob"]);
    let released = release(&book, &ceremony, &sealed.records);
    assert_eq!(released, wanted(1, &["deploy"]));
}

#[test]
fn several_generations_open_with_one_operation_each() {
    let (mut book, first) = scene(2, 1);
    let second = book.seal("prod", 2, &["deploy"]);
    book.add("test", &["stage"]);
    let third = book.seal("test", 1, &["stage"]);
    let labels = ["rita", "carl", "bob"];
    let ceremony = held(&mut book, &[&first, &second, &third], &labels);
    for label in labels {
        assert_eq!(soft::token(&mut book.people, label).uses, 3, "{label}");
    }
    assert_eq!(ceremony.participants().len(), 3);
    // In another order than that of the generations.
    let records = [&third.records[0], &first.records[1], &second.records[0]];
    let released = release(&book, &ceremony, &records.map(Clone::clone));
    let mut right = wanted(1, &["stage", "root"]);
    right.extend(wanted(2, &["deploy"]));
    assert_eq!(released, right);
}

#[test]
fn twenty_credentials_take_one_operation_a_person() {
    let names: Vec<String> = (10..30).map(|n| format!("c{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut book = Book::found(people(), [1, 1, 1]);
    book.add("prod", &names);
    let sealed = book.seal("prod", 1, &names);
    let ceremony = held(&mut book, &[&sealed], &["alice", "bob"]);
    assert_eq!(soft::token(&mut book.people, "alice").uses, 1);
    assert_eq!(
        release(&book, &ceremony, &sealed.records),
        wanted(1, &names)
    );
}

#[test]
fn the_ceremony_says_whom_it_wants() {
    let (mut book, sealed) = scene(2, 1);
    let mut ceremony = ceremony(&book, &[&sealed]);
    let mut ids = |labels: &[&str]| -> BTreeSet<Digest> {
        let id = |label: &&str| soft::token(&mut book.people, label).id();
        labels.iter().map(id).collect()
    };
    let ics = ids(&["alice", "alice-spare", "rita", "carl"]);
    let others = ids(&["rita", "carl"]);
    let bgos = ids(&["bob", "bea"]);
    let now = |ceremony: &Ceremony<Collecting>| -> BTreeSet<Digest> {
        ceremony.candidates().into_iter().collect()
    };
    assert_eq!(
        (ceremony.wanted(), now(&ceremony)),
        (Some((Role::Ic, 2)), ics)
    );
    contribute(&mut ceremony, &mut book.people, "alice").unwrap();
    // Her spare is hers, too.
    assert_eq!(
        (ceremony.wanted(), now(&ceremony)),
        (Some((Role::Ic, 1)), others)
    );
    contribute(&mut ceremony, &mut book.people, "rita").unwrap();
    assert_eq!(
        (ceremony.wanted(), now(&ceremony)),
        (Some((Role::Bgo, 1)), bgos)
    );
    let Err(mut ceremony) = ceremony.quorate() else {
        panic!("a quorum of one role");
    };
    contribute(&mut ceremony, &mut book.people, "bea").unwrap();
    assert_eq!(
        (ceremony.wanted(), ceremony.candidates()),
        (None, Vec::new())
    );
    let ceremony = quorate(ceremony);
    let took_part: Vec<(Role, &str)> = ceremony
        .participants()
        .iter()
        .map(|p| (p.role, p.custodian.as_str()))
        .collect();
    assert_eq!(
        took_part,
        [(Role::Ic, "alice"), (Role::Ic, "rita"), (Role::Bgo, "bea")]
    );
    assert!(!ceremony.has_touch());
}

#[test]
fn a_touch_is_told() {
    let touched = with_tokens("tom", Role::Bgo, vec![SoftToken::p256("tom").touched()]);
    let mut book = Book::found(vec![person("alice", Role::Ic), touched], [1, 1, 0]);
    book.add("prod", &["deploy"]);
    let sealed = book.seal("prod", 1, &["deploy"]);
    let ceremony = held(&mut book, &[&sealed], &["alice", "tom"]);
    assert!(ceremony.has_touch());
    assert_eq!(ceremony.participants()[0].presence, Presence::None);
    assert_eq!(ceremony.participants()[1].presence, Presence::Touch);
}

#[test]
fn nobody_counts_twice() {
    let (mut book, sealed) = scene(2, 1);
    let mut ceremony = ceremony(&book, &[&sealed]);
    contribute(&mut ceremony, &mut book.people, "alice").unwrap();
    for label in ["alice", "alice-spare"] {
        let refused = contribute(&mut ceremony, &mut book.people, label);
        assert_eq!(refused, Err(NotTaken::Twice(name("alice"))));
    }
    assert_eq!(ceremony.wanted(), Some((Role::Ic, 1)));
    assert_eq!(ceremony.participants().len(), 1);
}

#[test]
fn who_has_no_share_is_not_taken() {
    let (book, sealed) = scene(1, 1);
    let mut ceremony = ceremony(&book, &[&sealed]);
    let any = || SharedSecret::filled(|out| out.fill(1));
    let sue = book.people[5].tokens[0].id();
    for id in [sue, SoftToken::p256("mallory").id()] {
        assert_eq!(ceremony.operations(&id), Err(NotTaken::NotSealedTo));
        let refused = ceremony.contribute(&id, &[any()]);
        assert_eq!(refused, Err(NotTaken::NotSealedTo));
    }
    let alice = book.people[0].tokens[0].id();
    let refused = ceremony.contribute(&alice, &[any(), any()]);
    assert_eq!(refused, Err(NotTaken::Answers(2, 1)));
    let refused = ceremony.contribute(&alice, &[]);
    assert_eq!(refused, Err(NotTaken::Answers(0, 1)));
}

#[test]
fn a_wrong_answer_names_its_custodian_and_changes_nothing() {
    let (mut book, first) = scene(1, 1);
    let second = book.seal("prod", 2, &["deploy"]);
    let mut ceremony = ceremony(&book, &[&first, &second]);
    for label in ["alice", "rita"] {
        let token = soft::token(&mut book.people, label);
        let mut given = answers(&ceremony, token);
        // Each is right where the other belongs.
        given.reverse();
        let wrong = NotTaken::WrongShare(name(label), CryptoError::NotAuthentic);
        assert_eq!(ceremony.contribute(&token.id(), &given), Err(wrong));
        assert_eq!(ceremony.wanted(), Some((Role::Ic, 1)));
    }
    contribute(&mut ceremony, &mut book.people, "alice").unwrap();
    contribute(&mut ceremony, &mut book.people, "bob").unwrap();
    let ceremony = quorate(ceremony);
    let records = [first.records[1].clone(), second.records[0].clone()];
    assert_eq!(release(&book, &ceremony, &records).len(), 2);
}

#[test]
fn a_share_that_was_exchanged_names_its_custodian() {
    let (mut book, mut sealed) = scene(2, 1);
    // The rotator's key could sign such a header: the digest is of another share.
    sealed.header.roles[0].shares[1].digest = sealed.header.roles[0].shares[0].digest;
    let mut ceremony = ceremony(&book, &[&sealed]);
    let wrong = NotTaken::WrongShare(name("rita"), CryptoError::ShareDigest);
    let refused = contribute(&mut ceremony, &mut book.people, "rita");
    assert_eq!(refused, Err(wrong));
    // A share that is no share at all is found before the token is asked.
    sealed.header.roles[0].shares[0].tokens[0].encapsulated[64] ^= 1;
    let ceremony = self::ceremony(&book, &[&sealed]);
    let alice = soft::token(&mut book.people, "alice").id();
    let refused = ceremony.operations(&alice);
    assert!(
        matches!(&refused, Err(NotTaken::WrongShare(who, CryptoError::Encapsulated(_))) if *who == name("alice")),
        "{refused:?}"
    );
}

#[test]
fn a_retired_token_contributes_no_more() {
    let (mut book, sealed) = scene(1, 1);
    let spare = soft::token(&mut book.people, "alice-spare").id();
    book.adopt(|manifest| {
        manifest.custodians[0].tokens.pop();
        manifest.retired.push(spare);
    });
    let mut ceremony = ceremony(&book, &[&sealed]);
    assert!(!ceremony.candidates().contains(&spare));
    assert_eq!(ceremony.candidates().len(), 3);
    assert_eq!(ceremony.operations(&spare), Err(NotTaken::NotSealedTo));
    contribute(&mut ceremony, &mut book.people, "alice").unwrap();
    contribute(&mut ceremony, &mut book.people, "bob").unwrap();
    let released = release(&book, &quorate(ceremony), &sealed.records[..1]);
    assert_eq!(released, wanted(1, &["deploy"]));
}

/// No chain of manifests allows it; the ceremony does not rest on that.
#[test]
fn a_token_in_other_hands_contributes_nothing() {
    let (book, sealed) = scene(1, 1);
    let spare = book.people[0].tokens[1].id();
    for (hands, role) in [(2, Role::Ic), (3, Role::Bgo)] {
        let mut in_force = book.chain.newest().clone();
        let token = in_force.custodians[0].tokens.pop().unwrap();
        in_force.custodians[hands].tokens.push(token);
        let generations = vec![(sealed.header.clone(), sealed.manifest.clone())];
        let mut ceremony = Ceremony::new(in_force.clone(), generations).unwrap();
        assert_eq!(in_force.custodians[hands].role, role);
        assert!(!ceremony.candidates().contains(&spare));
        assert_eq!(ceremony.operations(&spare), Err(NotTaken::NotSealedTo));
        let any = SharedSecret::filled(|out| out.fill(1));
        let refused = ceremony.contribute(&spare, &[any]);
        assert_eq!(refused, Err(NotTaken::NotSealedTo));
    }
}

#[test]
fn a_token_that_was_enrolled_later_opens_what_was_sealed_later() {
    let (mut book, first) = scene(1, 1);
    book.people.push(person("dora", Role::Ic));
    let dora = soft::custodian(&book.people[6]);
    let id = dora.tokens[0].id();
    book.adopt(|manifest| manifest.custodians.push(dora));
    let second = book.seal("prod", 2, &["deploy"]);
    for (sealed, among) in [
        (vec![&first], false),
        (vec![&second], true),
        (vec![&first, &second], false),
        (vec![&second, &first], false),
    ] {
        let ceremony = ceremony(&book, &sealed);
        assert_eq!(ceremony.candidates().contains(&id), among);
        assert_eq!(ceremony.operations(&id).is_ok(), among);
    }
    let ceremony = held(&mut book, &[&second], &["dora", "bea"]);
    assert_eq!(
        release(&book, &ceremony, &second.records),
        wanted(2, &["deploy"])
    );
    // Two generations under two manifests, opened by those who are in both.
    let ceremony = held(&mut book, &[&second, &first], &["carl", "bob"]);
    let records = [first.records[1].clone(), second.records[0].clone()];
    assert_eq!(release(&book, &ceremony, &records).len(), 2);
}

#[test]
fn the_highest_threshold_of_all_generations_counts() {
    let (mut book, first) = scene(1, 1);
    book.adopt(|manifest| manifest.thresholds.ic = 2);
    let second = book.seal("prod", 2, &["deploy"]);
    for order in [[&first, &second], [&second, &first]] {
        let mut ceremony = ceremony(&book, &order);
        contribute(&mut ceremony, &mut book.people, "alice").unwrap();
        assert_eq!(ceremony.wanted(), Some((Role::Ic, 1)));
        contribute(&mut ceremony, &mut book.people, "rita").unwrap();
        contribute(&mut ceremony, &mut book.people, "bob").unwrap();
        let records = [first.records[1].clone(), second.records[0].clone()];
        assert_eq!(release(&book, &quorate(ceremony), &records).len(), 2);
    }
}

/// What the rotator's key can sign, and no rotation makes.
type Forgery = (&'static str, fn(&mut GenerationHeader));

#[test]
fn a_header_that_does_not_fit_its_manifest_is_refused_before_any_token_is_asked() {
    let (book, sealed) = scene(2, 1);
    let roles = "its roles are not ic and bgo, once each";
    let more = "it has more or fewer shares than there are custodians";
    let others = "a share is another custodian's";
    let tokens = "a share is sealed to other tokens";
    let forgeries: [Forgery; 15] = [
        (roles, |h| h.roles.swap(0, 1)),
        (roles, |h| h.roles.truncate(1)),
        (roles, |h| h.roles.push(h.roles[0].clone())),
        (roles, |h| h.roles[1] = h.roles[0].clone()),
        (roles, |h| h.roles[0].role = Role::So),
        ("a threshold is another", |h| h.roles[0].threshold = 1),
        ("a threshold is another", |h| h.roles[1].threshold = 0),
        (more, |h| drop(h.roles[0].shares.pop())),
        (more, |h| {
            let share = h.roles[0].shares[0].clone();
            h.roles[1].shares.push(share);
        }),
        (others, |h| h.roles[0].shares.swap(0, 1)),
        (others, |h| h.roles[0].shares[1].index = 1),
        (others, |h| h.roles[1].shares[0].custodian = name("alice")),
        (tokens, |h| drop(h.roles[0].shares[0].tokens.pop())),
        (tokens, |h| {
            let seal = h.roles[0].shares[1].tokens[0].clone();
            h.roles[0].shares[0].tokens.push(seal);
        }),
        ("it names another version", |h| h.manifest_version = 2),
    ];
    for (why, forge) in forgeries {
        let mut header = sealed.header.clone();
        forge(&mut header);
        let generations = vec![(header, sealed.manifest.clone())];
        let refused = Ceremony::new(sealed.manifest.clone(), generations).err();
        let misfit = Misfit {
            compartment: name("prod"),
            generation: 1,
            why,
        };
        assert_eq!(refused, Some(misfit));
    }
    let mut elsewhere = sealed.header.clone();
    elsewhere.compartment = name("nowhere");
    let generations = vec![(elsewhere, sealed.manifest.clone())];
    let refused = Ceremony::new(book.chain.newest().clone(), generations).err();
    assert_eq!(refused.map(|m| m.why), Some("there is no such compartment"));
}

#[test]
fn generations_that_do_not_belong_together_are_refused() {
    let (book, sealed) = scene(1, 1);
    let twice = |change: fn(&mut GenerationHeader)| {
        let mut other = sealed.header.clone();
        change(&mut other);
        let both = [sealed.header.clone(), other];
        let generations = both.map(|header| (header, sealed.manifest.clone()));
        Ceremony::new(book.chain.newest().clone(), generations.to_vec())
            .err()
            .map(|misfit| misfit.why)
    };
    assert_eq!(twice(|_| {}), Some("it is there twice"));
    assert_eq!(twice(|h| h.generation = 2), None);
    let elsewhere = twice(|h| h.vault.0[0] ^= 1);
    assert_eq!(elsewhere, Some("it is of another vault than the others"));
}

#[test]
fn a_record_of_another_place_does_not_unlock() {
    let (mut book, first) = scene(1, 1);
    let second = book.seal("prod", 2, &["deploy"]);
    let ceremony = held(&mut book, &[&first], &["alice", "bob"]);
    let record = &first.records[0];
    let unlock = |change: fn(&mut Record)| {
        let mut changed = record.clone();
        change(&mut changed);
        ceremony.unlock(vec![changed]).err()
    };
    assert_eq!(unlock(|_| {}), None);
    let elsewhere = Some(CryptoError::OtherGeneration);
    assert_eq!(ceremony.unlock(second.records.clone()).err(), elsewhere);
    assert_eq!(unlock(|r| r.about.vault.0[0] ^= 1), elsewhere);
    assert_eq!(unlock(|r| r.about.manifest.0[0] ^= 1), elsewhere);
    assert_eq!(unlock(|r| r.about.generation = 2), elsewhere);
    assert_eq!(unlock(|r| r.about.compartment = name("test")), elsewhere);
    let commitment = Some(CryptoError::Commitment);
    assert_eq!(unlock(|r| r.about.header.0[0] ^= 1), commitment);
    assert_eq!(unlock(|r| r.about.credential = name("root")), commitment);
    // The second generation's record under the first one's name.
    let mut moved = second.records[0].clone();
    moved.about.generation = 1;
    moved.about.header = record.about.header;
    assert_eq!(ceremony.unlock(vec![moved]).err(), commitment);
    // One bad record among good ones, and nothing is unlocked.
    let mut bad = first.records.clone();
    bad[1].commitment[0] ^= 1;
    assert_eq!(ceremony.unlock(bad).err(), commitment);
}

#[test]
fn a_ciphertext_that_was_changed_gives_nothing_and_its_opening_stands_in_the_ledger() {
    let (mut book, sealed) = scene(1, 1);
    let ceremony = held(&mut book, &[&sealed], &["alice", "bob"]);
    let length = |found| CryptoError::CiphertextLength { wanted: 144, found };
    type Change = fn(&mut Vec<u8>);
    let changes: [(Change, CryptoError); 5] = [
        (|bytes| bytes[0] ^= 1, CryptoError::NotAuthentic),
        (|bytes| bytes[143] ^= 1, CryptoError::NotAuthentic),
        (|bytes| bytes.truncate(143), length(143)),
        (|bytes| bytes.push(0), length(145)),
        (Vec::clear, length(0)),
    ];
    for (change, error) in changes {
        let mut record = sealed.records[0].clone();
        change(&mut record.ciphertext);
        let mut openings = ceremony.unlock(vec![record]).unwrap();
        let mut journal = book.journal();
        let recorded = self::record(&mut journal, &ceremony, &openings).remove(0);
        let refused = openings.remove(0).release(recorded);
        assert_eq!(refused.err(), Some(error));
    }
    let journal = book.journal();
    let opened = &journal.state().credentials[&name("deploy")].keys[0].opened_in;
    assert_eq!(opened.len(), 5);
}

#[test]
fn an_entry_releases_what_it_names_and_nothing_else() {
    let (mut book, sealed) = scene(1, 1);
    let ceremony = held(&mut book, &[&sealed], &["alice", "bob"]);
    let mut openings = ceremony.unlock(sealed.records.clone()).unwrap();
    let mut journal = book.journal();
    let mut recorded = record(&mut journal, &ceremony, &openings);
    let (root, deploy) = (openings.remove(1), openings.remove(0));
    let (of_root, of_deploy) = (recorded.remove(1), recorded.remove(0));
    assert_eq!(of_root.index(), of_deploy.index() + 1);
    let error = |opening: Opening, recorded| opening.release(recorded).err();
    assert_eq!(error(root, of_deploy), Some(CryptoError::Unrecorded));
    assert_eq!(error(deploy, of_root), Some(CryptoError::Unrecorded));

    // The same credential of another generation.
    let second = book.seal("prod", 2, &["deploy"]);
    let both = held(&mut book, &[&sealed, &second], &["alice", "bob"]);
    let records = vec![sealed.records[0].clone(), second.records[0].clone()];
    let mut openings = both.unlock(records).unwrap();
    let mut recorded = record(&mut book.journal(), &both, &openings);
    let refused = openings.remove(0).release(recorded.remove(1)).err();
    assert_eq!(refused, Some(CryptoError::Unrecorded));

    // And another vault, whose ledger says the very same words.
    let mut other = Book::found(people(), [1, 2, 1]);
    other.add("prod", &["deploy"]);
    let there = other.seal("prod", 1, &["deploy"]);
    let ceremony = held(&mut other, &[&there], &["alice", "bob", "bea"]);
    let elsewhere = ceremony.unlock(there.records.clone()).unwrap();
    let recorded = record(&mut other.journal(), &ceremony, &elsewhere).remove(0);
    let here = held(&mut book, &[&sealed], &["alice", "bob"]);
    let mut openings = here.unlock(sealed.records[..1].to_vec()).unwrap();
    let refused = openings.remove(0).release(recorded).err();
    assert_eq!(refused, Some(CryptoError::Unrecorded));
}

#[test]
fn what_the_ledger_does_not_take_is_not_released() {
    let (mut book, sealed) = scene(1, 1);
    let ceremony = held(&mut book, &[&sealed], &["alice", "bob"]);
    let openings = ceremony.unlock(sealed.records[..1].to_vec()).unwrap();
    let mut journal = book.journal();
    let before = journal.head();
    let people = ceremony.participants();
    let stated = statement(&openings[0].record().about, "nowhere", people, before);
    let signed = crypto::sign(Envelope::of(&stated).unwrap(), openings[0].witness());
    let head = journal.head();
    let refused = journal.record_opened(&head, soft::at(1), &[signed]).err();
    let contradiction = Impossible::Contradiction("there is no incident nowhere".into());
    assert_eq!(refused, Some(JournalError::Refused(contradiction)));
    assert_eq!(book.journal().head(), before);
}

/// The source without comments, as one text for each file.
fn source(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(source(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim().starts_with("//"));
            let text = code.collect::<Vec<_>>().join("\n");
            let file = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            // What stands in comments is not compiled.
            let code: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            found.push((file.display().to_string(), code.join("\n")));
        }
    }
    found
}

/// The types keep the outside from decrypting without an entry (the examples that must not compile stand
/// at `Opening` and `Recorded`); inside the crate, this does.
#[test]
fn inside_the_crate_one_place_decrypts_and_one_place_proves_entries() {
    let source = source(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let where_is = |text: &str| -> Vec<&str> {
        let has = source.iter().filter(|(_, code)| code.contains(text));
        has.map(|(file, _)| file.as_str()).collect()
    };
    assert_eq!(where_is("fn decrypt(self)"), ["src/crypto/open.rs"]);
    assert_eq!(where_is(".decrypt()"), ["src/ceremony.rs"]);
    assert_eq!(where_is("Recorded::new("), ["src/ledger/journal.rs"]);
    assert_eq!(where_is("Opening { unlocked"), ["src/ceremony.rs"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Whoever comes, in whatever order: there is a quorum exactly where both roles have enough people,
    /// and a quorum opens.
    #[test]
    fn any_quorum_opens_and_any_less_does_not(
        ic in 1..=3_u8,
        bgo in 1..=2_u8,
        order in Just(["alice", "alice-spare", "carl", "bob", "bea"]).prop_shuffle(),
        count in 0..=5_usize,
    ) {
        let mut founders = people();
        founders.remove(1);
        founders.push(person("dora", Role::Ic));
        let mut book = Book::found(founders, [ic, bgo, 1]);
        book.add("prod", &["deploy"]);
        let sealed = book.seal("prod", 1, &["deploy"]);
        let mut ceremony = ceremony(&book, &[&sealed]);
        let mut came = BTreeSet::new();
        for label in &order[..count] {
            let who = label.trim_end_matches("-spare");
            let taken = contribute(&mut ceremony, &mut book.people, label);
            prop_assert_eq!(taken.is_ok(), came.insert(who));
        }
        let of = |names: &[&str]| names.iter().filter(|name| came.contains(**name)).count();
        let enough = of(&["alice", "carl"]) >= usize::from(ic) && of(&["bob", "bea"]) >= usize::from(bgo);
        match ceremony.quorate() {
            Ok(ceremony) => {
                prop_assert!(enough);
                prop_assert_eq!(release(&book, &ceremony, &sealed.records), wanted(1, &["deploy"]));
            }
            Err(ceremony) => {
                prop_assert!(!enough && ceremony.wanted().is_some());
            }
        }
    }
}
