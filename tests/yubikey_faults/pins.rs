//! Random sessions of people who type right, wrong, empty, long and pasted PINs and one-time passwords: a PIN that
//! can be one is sent once, nothing else is sent at all, and the last try is never spent without consent.

use std::cell::Cell;

use breakglass::ports::{
    Declined, KeyRequest, KeyUse, Notice, Operator, PinRequest, PinStatus, Sought, Token,
    TokenError, TokenProvider,
};
use breakglass::secret::Pin;
use breakglass::token::piv::PivProvider;

use crate::pair::{FIRST, PIN, Person, with_pair};
use crate::typed::{Chance, line};

const SESSIONS: usize = 1000;
/// How often a line may be no PIN, and a PIN wrong, before a command gives up.
const ASKINGS: usize = 3;

/// A person who types lines by chance, with the rules of the terminal between them and the token.
struct Scripted<'c> {
    chance: &'c Chance,
    /// Lines that were pasted and not read yet.
    pasted: Vec<String>,
    consents: bool,
    consented: bool,
}

impl Scripted<'_> {
    fn line(&mut self) -> String {
        if self.pasted.is_empty() {
            let pasted = line(self.chance, PIN);
            self.pasted = pasted.split('\n').rev().map(str::to_owned).collect();
        }
        self.pasted.pop().unwrap_or_default()
    }
}

impl Operator for Scripted<'_> {
    fn notice(&mut self, _: Notice) {}

    fn pin(&mut self, request: &PinRequest<'_>) -> Result<Pin, Declined> {
        self.consented = false;
        match request.status {
            PinStatus::Locked | PinStatus::Left(0) => return Err(Declined::Blocked),
            PinStatus::FinalTry | PinStatus::Left(1) if !self.consents => {
                return Err(Declined::LastTry);
            }
            PinStatus::FinalTry | PinStatus::Left(1) => self.consented = true,
            _ => {}
        }
        for _ in 0..ASKINGS {
            let typed = Pin::new(&self.line());
            if let Some(pin) = typed.ok().filter(|pin| request.rules.check(pin).is_ok()) {
                return Ok(pin);
            }
        }
        Err(Declined::Said)
    }

    fn choose(&mut self, _: &str, _: &[String]) -> Result<usize, Declined> {
        Err(Declined::Said)
    }

    fn confirm(&mut self, _: &str, _: &str) -> Result<(), Declined> {
        Err(Declined::Said)
    }
}

/// What a card must have counted, kept apart from it.
struct Model {
    left: u32,
    submissions: u64,
    wrong: u64,
}

impl Model {
    fn status(&self) -> PinStatus {
        match self.left {
            0 => PinStatus::Locked,
            1 => PinStatus::FinalTry,
            left => PinStatus::Left(left),
        }
    }

    fn submit(&mut self, pin: &Pin) -> bool {
        self.submissions += 1;
        let right = pin.expose() == PIN.as_bytes();
        self.left = if right { 3 } else { self.left - 1 };
        self.wrong += u64::from(!right);
        right
    }
}

/// One session with one token: up to three wrong PINs.
fn session(person: &Person, operator: &mut Scripted<'_>, model: &mut Model) {
    let provider = PivProvider::default();
    let sought = [Sought {
        identity: &person.identity,
        keys: &person.keys,
    }];
    let mut finding = provider.seek(&sought).expect("a finding");
    let mut token = finding.present.pop().expect("it is there").token;
    assert!(token.holds(&person.keys, KeyUse::Seal).expect("its keys"));
    for _ in 0..ASKINGS {
        let status = token.pin_status().expect("tries");
        assert_eq!(status, model.status());
        let Some(pin) = asked(token.as_ref(), status, operator) else {
            return;
        };
        assert!(model.left > 1 || operator.consented, "without consent");
        let point = crate::token_rules::some_point();
        let done = token.perform(&pin, &[KeyRequest::Agree(&point)]);
        let right = model.submit(&pin);
        match done {
            Ok(_) => {
                assert!(right, "it opened with a wrong PIN");
                return;
            }
            Err(TokenError::WrongPin { .. }) => assert!(!right && model.left > 0),
            Err(TokenError::PinLocked { .. }) => {
                assert!(!right && model.left == 0);
                return;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn asked(token: &dyn Token, status: PinStatus, operator: &mut Scripted<'_>) -> Option<Pin> {
    let request = PinRequest {
        custodian: None,
        role: None,
        token: token.identity(),
        status,
        rules: token.pin_rules(),
        purpose: "try",
    };
    operator.pin(&request).ok()
}

#[test]
fn a_thousand_sessions() {
    with_pair("pins::a_thousand_sessions", |pair| {
        let chance = Chance::new();
        let person = pair.first();
        pair.desk.tell("remove 33334444");
        pair.desk.tell("settle");
        pair.clear();
        let mut model = Model {
            left: 3,
            submissions: 0,
            wrong: 0,
        };
        let (blocked, withheld) = (Cell::new(0), Cell::new(0));
        for number in 0..SESSIONS {
            let mut operator = Scripted {
                chance: &chance,
                pasted: Vec::new(),
                consents: chance.below(2) == 0,
                consented: false,
            };
            let before = model.left;
            session(person, &mut operator, &mut model);
            let verifies = pair.desk.counts(FIRST)["verifies"].as_u64();
            assert_eq!(
                verifies,
                Some(model.submissions),
                "session {number}, {chance}"
            );
            if model.left == 0 {
                assert!(operator.consents, "session {number}, {chance}");
                blocked.set(blocked.get() + 1);
                pair.desk.tell(&format!("tries {FIRST} 3 3"));
                model.left = 3;
            } else if before == 1 && !operator.consents {
                withheld.set(withheld.get() + 1);
                assert_eq!(model.left, 1, "session {number}, {chance}");
            }
        }
        println!(
            "{} PINs, {} wrong, {chance}",
            model.submissions, model.wrong
        );
        assert!(
            model.wrong > 100 && model.submissions - model.wrong > 100,
            "{chance}"
        );
        assert!(blocked.get() > 0 && withheld.get() > 0, "{chance}");
    });
}
