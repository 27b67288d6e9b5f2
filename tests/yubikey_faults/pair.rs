//! Two people with prepared cards, and an opening as it is seen at the port of tokens: the same calls in the same
//! order as in an unseal.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use breakglass::model::{Failure, TokenIdentity, TokenKeys};
use breakglass::ports::{
    KeyRequest, KeyUse, NewAccess, OnTouch, Patience, PinStatus, Sought, TokenError, TokenProvider,
};
use breakglass::token::piv::PivProvider;

use crate::document::differences;
use crate::rack::{Desk, with_cards_and};
use crate::token_rules::{agreed, pin, scalar, secret, some_point};

pub const FIRST: u32 = 11_112_222;
pub const SECOND: u32 = 33_334_444;
pub const BOTH: [u32; 2] = [FIRST, SECOND];
pub const PIN: &str = "84193775";
const PUK: &str = "66049182";

/// The exchanges of the ceremony with one card: what each is for, its instruction, and the how manieth of these it
/// is.
pub const EXCHANGES: [(&str, &str, u32); 6] = [
    ("SELECT", "A4", 1),
    ("seal key", "F7", 1),
    ("anchor", "CB", 1),
    ("tries", "F7", 2),
    ("PIN", "20", 1),
    ("agreement", "87", 1),
];

/// How an attempt ended.
#[derive(Debug)]
pub enum Ended {
    /// It opens.
    Opened,
    /// No token of the person is seen: the ceremony waits for one.
    Waits,
    /// Its keys are not those that were enrolled; the PIN was not asked for.
    NotEnrolled,
    /// It gave a secret that opens nothing.
    WrongShare,
    /// Anything else.
    Failed(Failure),
}

impl Ended {
    /// The stable name of it: a code, or `opens`, or `waits`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Opened => "opens",
            Self::Waits => "waits",
            Self::NotEnrolled => "token-not-enrolled",
            Self::WrongShare => "wrong-share",
            Self::Failed(failure) => failure.code,
        }
    }
}

impl From<TokenError> for Ended {
    fn from(error: TokenError) -> Self {
        Self::Failed(error.into())
    }
}

/// Somebody with a prepared card.
pub struct Person {
    pub identity: TokenIdentity,
    pub keys: TokenKeys,
    /// How often its PIN was handed to the token since the counts were cleared.
    given: AtomicU64,
}

/// The two of them.
pub struct Pair<'d> {
    pub desk: &'d Desk,
    people: Vec<Person>,
}

/// Runs `body` with both in their readers, touched whenever they wait.
pub fn with_pair(test: &str, body: impl FnOnce(&Pair<'_>)) {
    with_pair_and(test, &[], body);
}

/// The same with further variables for the child.
pub fn with_pair_and(
    test: &str,
    variables: &[(&'static str, String)],
    body: impl FnOnce(&Pair<'_>),
) {
    let options = format!("--readers 4 --card {FIRST} --card {SECOND}");
    with_cards_and(test, &options, variables, |desk| {
        let people = BOTH.map(|serial| prepare(desk, serial));
        let people = Vec::from(people);
        body(&Pair { desk, people });
    });
}

fn prepare(desk: &Desk, serial: u32) -> Person {
    desk.tell(&format!("auto-touch {serial} on"));
    let provider = PivProvider::default();
    let mut token = provider
        .open(&format!("piv:{serial}"))
        .expect("it is there");
    let access = NewAccess {
        pin: &pin(PIN),
        puk: Some(&pin(PUK)),
    };
    token.prepare(&access).expect("own secrets");
    let keys = token.generate(&pin(PIN)).expect("keys");
    token
        .write_anchor(&pin(PIN), &[0x61; 200])
        .expect("an anchor");
    let identity = token.identity().clone();
    Person {
        identity,
        keys,
        given: AtomicU64::new(0),
    }
}

impl Person {
    /// One person's turn.
    fn contribute(&self, provider: &PivProvider, on_touch: OnTouch<'_>) -> Result<(), Ended> {
        let sought = [Sought {
            identity: &self.identity,
            keys: &self.keys,
        }];
        let mut finding = provider.seek(&sought)?;
        let mut token = finding.present.pop().ok_or(Ended::Waits)?.token;
        if !token.holds(&self.keys, KeyUse::Seal)? {
            return Err(Ended::NotEnrolled);
        }
        token.anchor()?;
        if token.pin_status()? == PinStatus::Locked {
            let token = self.identity.to_string();
            return Err(TokenError::PinLocked { token }.into());
        }
        self.given.fetch_add(1, SeqCst);
        let point = some_point();
        let requests = [KeyRequest::Agree(&point)];
        let replies = token.perform_watched(&pin(PIN), &requests, on_touch)?;
        let enrolled = p256::PublicKey::from_sec1_bytes(&self.keys.seal.public).expect("a point");
        let wanted = agreed(&scalar(11), &enrolled);
        match replies.as_slice() {
            [reply] if *secret(reply) == wanted => Ok(()),
            _ => Err(Ended::WrongShare),
        }
    }
}

impl Pair<'_> {
    /// Whose turn comes first.
    pub fn first(&self) -> &Person {
        &self.people[0]
    }

    /// One opening, from nothing known to both contributions.
    pub fn attempt(&self) -> Ended {
        self.attempt_with(&mut |_| {}, &mut |_| Patience::Wait)
    }

    /// The same; `done` is called with how many have contributed, `on_touch` while a card waits.
    pub fn attempt_with(&self, done: &mut dyn FnMut(usize), on_touch: OnTouch<'_>) -> Ended {
        let provider = PivProvider::default();
        for (number, person) in (1..).zip(&self.people) {
            if let Err(ended) = person.contribute(&provider, &mut *on_touch) {
                return ended;
            }
            done(number);
        }
        Ended::Opened
    }

    /// Forgets counts and faults.
    pub fn clear(&self) {
        for (serial, person) in BOTH.iter().zip(&self.people) {
            self.desk.tell(&format!("clear {serial}"));
            person.given.store(0, SeqCst);
        }
    }

    /// A fault at one exchange with one card.
    pub fn arm(&self, serial: u32, exchange: usize, kind: &str) {
        let (_, ins, nth) = EXCHANGES[exchange];
        self.desk
            .tell(&format!("fault {serial} {ins} {nth} {kind}"));
    }

    /// Waits until an exchange with a card has begun.
    pub fn await_exchange(&self, serial: u32, exchange: usize) {
        let (_, ins, nth) = EXCHANGES[exchange];
        let begun = || self.desk.counts(serial)["by_instruction"][ins].as_u64() >= Some(nth.into());
        while !begun() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Each PIN that was handed over went to the card once, or not at all where the fault came before it.
    pub fn spent_once(&self, what: &str) {
        for (serial, person) in BOTH.iter().zip(&self.people) {
            let verifies = self.desk.counts(*serial)["verifies"].as_u64();
            let given = person.given.load(SeqCst);
            assert_eq!(verifies, Some(given), "{what}: VERIFYs of {serial}");
            assert!(given <= 1, "{what}: {given} PINs were asked for");
        }
    }

    /// Has a fault happen at each exchange with each card, and compares what came of it with the document.
    ///
    /// # Panics
    /// With the rows that were seen, where they are others.
    pub fn at_each_exchange(&self, faults: &[&str], attempt: impl Fn(u32, usize, &str) -> Ended) {
        let mut differ = String::new();
        for fault in faults {
            let seen = BOTH.map(|serial| {
                let each = 0..EXCHANGES.len();
                each.map(|exchange| {
                    let what = format!("{fault} at the {} of {serial}", EXCHANGES[exchange].0);
                    self.clear();
                    let ended = attempt(serial, exchange, fault);
                    if let Ended::Failed(failure) = &ended {
                        println!("{what}: {failure}");
                    }
                    self.recovers(&what, &ended);
                    ended.code()
                })
                .collect()
            });
            differ += &differences(fault, seen);
        }
        assert!(
            differ.is_empty(),
            "docs/ceremony.md says otherwise:\n{differ}"
        );
    }

    /// What holds after every fault: what was told is good to go on with, and the next attempt opens.
    pub fn recovers(&self, what: &str, ended: &Ended) {
        if let Ended::Failed(failure) = ended {
            assert!(!failure.hints.is_empty(), "{what}: nothing to type");
            assert!([5, 6].contains(&failure.class.exit_code()), "{what}");
            assert_eq!(failure.class.exit_code() == 6, failure.code == "pin-locked");
        }
        self.spent_once(what);
        self.clear();
        let next = self.attempt();
        assert!(matches!(next, Ended::Opened), "after {what}: {next:?}");
        self.spent_once(what);
    }
}
