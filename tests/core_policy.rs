//! Who can open what, and who can change the manifest: what the rules say of it, against the ceremony and
//! the chain of manifests themselves, over all subsets of the tokens; and what a change costs.

#[path = "common/book.rs"]
mod book;
#[path = "core_policy/plans.rs"]
mod plans;
#[path = "common/soft.rs"]
mod soft;

use std::collections::{BTreeMap, BTreeSet};

use book::{Book, Sealed};
use breakglass::ceremony::{Ceremony, Collecting};
use breakglass::format::dsse::Envelope;
use breakglass::format::{Manifest, Thresholds};
use breakglass::manifest::check;
use breakglass::model::{Digest, Name, Role};
use breakglass::policy::{Access, Touch, explain, sealed_sets};
use breakglass::secret::SharedSecret;
use proptest::prelude::*;
use soft::{Person, SoftToken, name, with_tokens};

/// A person as a test draws them: the role, and for each token whether it proves a touch.
#[derive(Debug, Clone)]
struct Drawn {
    role: Role,
    touches: Vec<bool>,
}

/// A vault in two manifests: sealed under the first, the second in force.
#[derive(Debug, Clone)]
struct Lives {
    founders: Vec<Drawn>,
    thresholds: [u8; 3],
    /// For each founder's each token in turn, whether it is retired by the second manifest.
    retired: Vec<bool>,
    newcomer: Option<Drawn>,
    later: [u8; 3],
}

fn drawn(role: Role) -> impl Strategy<Value = Drawn> {
    prop::collection::vec(any::<bool>(), 1..=2).prop_map(move |touches| Drawn { role, touches })
}

fn lives() -> impl Strategy<Value = Lives> {
    let people = (
        prop::collection::vec(drawn(Role::Ic), 1..=3),
        prop::collection::vec(drawn(Role::Bgo), 1..=2),
        prop::collection::vec(drawn(Role::So), 0..=1),
    );
    let newcomer = prop::option::of(prop_oneof![drawn(Role::Ic), drawn(Role::Bgo)]);
    let retired = prop::collection::vec(prop::bool::weighted(0.25), 12);
    (people, thresholds(), retired, newcomer, thresholds())
        .prop_map(
            |((ics, bgos, sos), thresholds, retired, newcomer, later)| Lives {
                founders: [ics, bgos, sos].concat(),
                thresholds,
                retired,
                newcomer,
                later,
            },
        )
        .prop_filter("too many subsets", |lives| lives.tokens() <= TOKENS)
}

fn thresholds() -> impl Strategy<Value = [u8; 3]> {
    (1_u8..=2, 1_u8..=2, 0_u8..=1).prop_map(|(ic, bgo, so)| [ic, bgo, so])
}

fn people(founders: &[Drawn], called: &str) -> Vec<Person> {
    let person = |(n, drawn): (usize, &Drawn)| {
        let who = format!("{called}{n}");
        let tokens = (0..).zip(&drawn.touches).map(|(t, touch)| {
            let token = SoftToken::p256(&format!("{who}-{t}"));
            if *touch { token.touched() } else { token }
        });
        with_tokens(&who, drawn.role, tokens.collect())
    };
    founders.iter().enumerate().map(person).collect()
}

/// No role's threshold above its people, and none where there is nobody.
fn fitting(manifest: &Manifest, [ic, bgo, so]: [u8; 3]) -> Thresholds {
    let of = |role, wanted: u8| {
        let holders = u8::try_from(manifest.holders(role).count()).unwrap();
        wanted.min(holders).max(holders.min(1))
    };
    Thresholds {
        ic: of(Role::Ic, ic),
        bgo: of(Role::Bgo, bgo),
        so: of(Role::So, so),
    }
}

/// The most tokens of a case: each more doubles the subsets.
const TOKENS: usize = 7;

/// So many cases; more with `BREAKGLASS_LONG=1`, by `cargo test`: nextest ends a test after five minutes.
fn cases() -> u32 {
    let long = std::env::var_os("BREAKGLASS_LONG").is_some_and(|value| value == "1");
    if long { 300 } else { 12 }
}

impl Lives {
    fn tokens(&self) -> usize {
        let all = self.founders.iter().chain(&self.newcomer);
        all.map(|drawn| drawn.touches.len()).sum()
    }

    /// The vault, and what is sealed in it; nothing where the second manifest would be unsound.
    fn lead(&self) -> Option<(Book, Sealed)> {
        let founders = people(&self.founders, "f");
        let first = fitting(&soft::manifest(&founders, [1, 1, 0]), self.thresholds);
        let mut book = Book::found(founders, [first.ic, first.bgo, first.so]);
        book.add("prod", &["deploy"]);
        let sealed = book.seal("prod", 1, &["deploy"]);
        let newcomers = people(self.newcomer.as_slice(), "n");
        let mut second = book.chain.newest().clone();
        let all: Vec<Digest> = second.tokens().map(|(_, token)| token.id()).collect();
        let retired: Vec<Digest> = all
            .iter()
            .zip(&self.retired)
            .filter(|(_, retired)| **retired)
            .map(|(id, _)| *id)
            .collect();
        for custodian in &mut second.custodians {
            custodian
                .tokens
                .retain(|token| !retired.contains(&token.id()));
        }
        second
            .custodians
            .retain(|custodian| !custodian.tokens.is_empty());
        second.retired.extend(retired);
        second
            .custodians
            .extend(newcomers.iter().map(soft::custodian));
        second.thresholds = fitting(&second, self.later);
        check(&second).ok()?;
        book.people.extend(newcomers);
        book.adopt(|manifest| {
            manifest.custodians = second.custodians.clone();
            manifest.retired = second.retired.clone();
            manifest.thresholds = second.thresholds;
        });
        Some((book, sealed))
    }
}

/// Which subsets of some tokens suffice for something, as bits, and the touch that each proves.
struct Oracle {
    tokens: Vec<(Name, Digest)>,
    suffices: Vec<bool>,
    touch: Vec<bool>,
}

impl Oracle {
    fn subset(&self, bits: usize) -> BTreeSet<Digest> {
        let chosen = self.tokens.iter().enumerate();
        chosen
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, (_, id))| *id)
            .collect()
    }

    fn all(&self) -> usize {
        (1 << self.tokens.len()) - 1
    }

    /// The subsets that suffice, and no part of which does.
    fn minimal(&self) -> Vec<usize> {
        let parts = |bits: usize| (0..self.tokens.len()).map(move |at| bits & !(1 << at));
        (0..=self.all())
            .filter(|&bits| self.suffices[bits])
            .filter(|&bits| !parts(bits).any(|part| part != bits && self.suffices[part]))
            .collect()
    }

    fn people(&self, bits: usize) -> BTreeSet<Name> {
        let chosen = self.tokens.iter().enumerate();
        chosen
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, (name, _))| name.clone())
            .collect()
    }

    /// How many of these sets of tokens may be lost, whichever they are.
    fn bears(&self, lost: &[usize]) -> Option<usize> {
        let all = self.all();
        if !self.suffices[all] {
            return None;
        }
        // Every choice of so many of them, by bits.
        let still = |count: u32| {
            (0..1_usize << lost.len())
                .filter(|choice| choice.count_ones() == count)
                .all(|choice| {
                    let gone = lost.iter().enumerate();
                    let gone = gone.filter(|(at, _)| choice >> at & 1 == 1);
                    self.suffices[all & !gone.fold(0, |bits, (_, set)| bits | set)]
                })
        };
        (0..=u32::try_from(lost.len()).unwrap())
            .take_while(|&count| still(count))
            .last()
            .map(|count| count as usize)
    }

    /// Compares everything that the rules say.
    fn agrees(&self, access: &Access) {
        assert_eq!(
            access.is_possible(),
            self.suffices[self.all()],
            "{access:?}"
        );
        let quorums = access.quorums(usize::MAX);
        assert_eq!(access.count(), Some(quorums.len() as u64));
        let wanted: Vec<BTreeSet<&Name>> = quorums
            .iter()
            .map(|quorum| quorum.people.iter().map(|(_, name)| name).collect())
            .collect();
        // With which tokens.
        let members = access.panels().iter().flat_map(|panel| &panel.members);
        let whose: BTreeMap<Digest, &Name> = members
            .flat_map(|member| member.tokens.iter().map(move |t| (t.id, &member.name)))
            .collect();
        for bits in 0..=self.all() {
            let chosen = self.subset(bits);
            let there: BTreeSet<&Name> = chosen
                .iter()
                .filter_map(|id| whose.get(id).copied())
                .collect();
            let said = wanted.iter().any(|people| people.is_subset(&there));
            assert_eq!(said, self.suffices[bits], "{bits:b} of {access:?}");
        }
        // Every combination is one, and none has anybody too many.
        let minimal: BTreeSet<BTreeSet<Name>> = self
            .minimal()
            .into_iter()
            .map(|bits| self.people(bits))
            .collect();
        let listed: BTreeSet<BTreeSet<Name>> = wanted
            .iter()
            .map(|people| people.iter().map(|name| (*name).clone()).collect())
            .collect();
        assert_eq!(listed, minimal);
        assert_eq!(listed.len(), quorums.len());
        self.agrees_on_the_fewest(access);
        self.agrees_on_losses(access);
        self.agrees_on_touch(access);
    }

    /// Nobody does it alone, and the fewest who do are as many as the rules say.
    fn agrees_on_the_fewest(&self, access: &Access) {
        let minimal = self.minimal().into_iter();
        let fewest = minimal.map(|bits| self.people(bits).len()).min();
        if let Some(fewest) = fewest {
            assert_eq!(access.least_people(), fewest, "{access:?}");
            assert!(fewest > 1, "{access:?}");
        }
    }

    fn agrees_on_losses(&self, access: &Access) {
        let each: Vec<usize> = (0..self.tokens.len()).map(|at| 1 << at).collect();
        assert_eq!(
            access.losses().map(|l| l.tokens),
            self.bears(&each),
            "{access:?}"
        );
        let mut people: BTreeMap<&Name, usize> = BTreeMap::new();
        for (at, (name, _)) in self.tokens.iter().enumerate() {
            *people.entry(name).or_default() |= 1 << at;
        }
        let persons: Vec<usize> = people.values().copied().collect();
        assert_eq!(
            access.losses().map(|l| l.people),
            self.bears(&persons),
            "{access:?}"
        );
        if !access.is_possible() {
            return;
        }
        let all = self.all();
        let fatal: BTreeSet<Digest> = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.suffices[all & !(1 << at)])
            .map(|(_, (_, id))| *id)
            .collect();
        let said: BTreeSet<Digest> = access.fatal_tokens().iter().map(|(_, t)| t.id).collect();
        assert_eq!(said, fatal, "{access:?}");
        let fatal: BTreeSet<&Name> = people
            .iter()
            .filter(|(_, bits)| !self.suffices[all & !**bits])
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(
            access.fatal_people().into_iter().collect::<BTreeSet<_>>(),
            fatal
        );
    }

    fn agrees_on_touch(&self, access: &Access) {
        let of = |sets: &[usize]| {
            let touched = sets.iter().filter(|&&bits| self.touch[bits]).count();
            match touched {
                0 => Touch::Never,
                some if some == sets.len() => Touch::Always,
                _ => Touch::Sometimes,
            }
        };
        let minimal = self.minimal();
        if !minimal.is_empty() {
            assert_eq!(access.touch(), of(&minimal), "{access:?}");
        }
        for quorum in access.quorums(usize::MAX) {
            let people: BTreeSet<Name> = quorum.people.iter().map(|(_, n)| n.clone()).collect();
            let its: Vec<usize> = minimal
                .iter()
                .copied()
                .filter(|&bits| self.people(bits) == people)
                .collect();
            assert_eq!(quorum.touch, of(&its), "{quorum:?}");
        }
    }
}

fn ceremony(sealed: &Sealed, in_force: &Manifest) -> Ceremony<Collecting> {
    let generation = (sealed.header.clone(), sealed.manifest.clone());
    Ceremony::new(in_force.clone(), vec![generation]).unwrap()
}

/// What each token answers to the ceremony, if that asks it for anything.
fn answers(
    sealed: &Sealed,
    in_force: &Manifest,
    people: &mut [Person],
) -> BTreeMap<Digest, Vec<SharedSecret>> {
    let ceremony = ceremony(sealed, in_force);
    let tokens = people.iter_mut().flat_map(|person| &mut person.tokens);
    let mut all = BTreeMap::new();
    for token in tokens {
        let Ok(operations) = ceremony.operations(&token.id()) else {
            continue;
        };
        all.insert(token.id(), token.answers(&operations));
    }
    all
}

/// Holds the ceremony with every subset of the tokens.
fn by_ceremony(sealed: &Sealed, in_force: &Manifest, people: &mut [Person]) -> Oracle {
    let answers = answers(sealed, in_force, people);
    let mut oracle = Oracle {
        tokens: owners(people, |role| role != Role::So),
        suffices: Vec::new(),
        touch: Vec::new(),
    };
    for bits in 0..=oracle.all() {
        let chosen = oracle.subset(bits);
        let mut ceremony = ceremony(sealed, in_force);
        while let Some(id) = ceremony
            .candidates()
            .into_iter()
            .find(|id| chosen.contains(id))
        {
            ceremony.contribute(&id, &answers[&id]).unwrap();
        }
        oracle.touch.push(ceremony.has_touch());
        oracle.suffices.push(ceremony.quorate().is_ok());
    }
    oracle
}

fn owners(people: &[Person], roles: impl Fn(Role) -> bool) -> Vec<(Name, Digest)> {
    let of_role = people.iter().filter(|person| roles(person.role));
    of_role
        .flat_map(|person| person.tokens.iter().map(|t| (person.name.clone(), t.id())))
        .collect()
}

/// Has the next manifest signed by every subset of the tokens in force.
fn by_chain(book: &Book) -> Oracle {
    let mut next = book.chain.newest().clone();
    next.version += 1;
    next.previous = Some(book.chain.newest_digest());
    next.compartments.push(name("more"));
    let signed: Vec<_> = soft::tokens(&book.people)
        .filter(|token| book.chain.newest().token(&token.id()).is_some())
        .map(|token| soft::signed_by(&next, [token]).signatures.remove(0))
        .collect();
    let known: BTreeSet<Digest> = signed.iter().map(|signature| signature.keyid).collect();
    let mut oracle = Oracle {
        tokens: owners(&book.people, |_| true),
        suffices: Vec::new(),
        touch: Vec::new(),
    };
    oracle.tokens.retain(|(_, id)| known.contains(id));
    for bits in 0..=oracle.all() {
        let chosen = oracle.subset(bits);
        let mut envelope = Envelope::of(&next).unwrap();
        let by = signed
            .iter()
            .filter(|signature| chosen.contains(&signature.keyid));
        envelope.signatures.extend(by.cloned());
        let mut chain = (*book.chain).clone();
        oracle.suffices.push(chain.extend(&envelope).is_ok());
    }
    oracle
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases())
    })]

    #[test]
    fn what_is_said_is_what_the_ceremony_takes(lives in lives()) {
        let Some((mut book, sealed)) = lives.lead() else {
            return Err(TestCaseError::reject("the second manifest would be unsound"));
        };
        let now = book.chain.newest().clone();
        let mut people = std::mem::take(&mut book.people);
        let oracle = by_ceremony(&sealed, &now, &mut people);
        oracle.agrees(&Access::ceremony(&sealed.manifest, &now));

        // Whoever holds the tokens of then needs no breakglass of today.
        let then = by_ceremony(&sealed, &sealed.manifest, &mut people);
        then.agrees(&Access::opening(&sealed.manifest));
        leavers_open_with_partners(&book, &then);
    }

    #[test]
    fn what_is_said_is_what_the_chain_takes(lives in lives()) {
        let Some((book, _)) = lives.lead() else {
            return Err(TestCaseError::reject("the second manifest would be unsound"));
        };
        let access = Access::changing(book.chain.newest());
        let oracle = by_chain(&book);
        let touchless = Oracle { touch: vec![false; oracle.suffices.len()], ..oracle };
        assert_eq!(access.is_possible(), touchless.suffices[touchless.all()]);
        touchless.agrees_on_the_fewest(&access);
        touchless.agrees_on_losses(&access);
        let listed: BTreeSet<BTreeSet<Name>> = access
            .quorums(usize::MAX)
            .into_iter()
            .map(|quorum| quorum.people.into_iter().map(|(_, name)| name).collect())
            .collect();
        let minimal: BTreeSet<BTreeSet<Name>> =
            touchless.minimal().into_iter().map(|bits| touchless.people(bits)).collect();
        assert_eq!(listed, minimal);
    }
}

/// Each leaver opens with the partners that the rules name, and not with one fewer.
fn leavers_open_with_partners(book: &Book, then: &Oracle) {
    let journal = book.journal();
    let sets = sealed_sets(journal.state(), &book.chain, &name("prod"));
    let [set] = sets.as_slice() else {
        panic!("one generation is sealed: {sets:?}");
    };
    let now = book.chain.newest();
    let gone: BTreeSet<Digest> = set
        .manifest
        .tokens()
        .filter(|(owner, token)| owner.role != Role::So && now.token(&token.id()).is_none())
        .map(|(_, token)| token.id())
        .collect();
    let exposures = set.exposures(now);
    let told: BTreeSet<Digest> = exposures
        .iter()
        .flat_map(|exposure| exposure.tokens.iter().map(|token| token.id))
        .collect();
    assert_eq!(told, gone);
    let bit_of = |wanted: &dyn Fn(&Name, &Digest) -> bool| {
        let at = then.tokens.iter().position(|(name, id)| wanted(name, id));
        1_usize << at.unwrap()
    };
    for exposure in &exposures {
        for token in &exposure.tokens {
            let own = bit_of(&|_, id| *id == token.id);
            let chosen = exposure
                .partners
                .iter()
                .flat_map(|p| p.of.iter().take(p.count));
            let partners: Vec<usize> = chosen
                .map(|partner| bit_of(&|name, _| name == partner))
                .collect();
            let all = partners.iter().fold(own, |bits, one| bits | one);
            assert!(then.suffices[all], "{exposure:?}");
            for one in &partners {
                assert!(!then.suffices[all & !one], "{exposure:?}");
            }
            assert!(!then.suffices[own], "nobody opens anything alone");
        }
    }
    let explained = explain(&book.chain, journal.state(), &[name("prod")]);
    assert_eq!(explained.compartments[0].1[0].exposures, exposures);
}
