//! What a person is told when something fails: what failed, what state the world is in now, and what to
//! type next.

use std::fmt;

/// The class of a failure; its number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Failed; nothing was changed.
    Failed = 1,
    /// The command line or the configuration cannot be understood.
    Usage = 2,
    /// A person is needed, and none is there.
    PersonNeeded = 3,
    /// Refused by the policy or by the state of the vault.
    Refused = 4,
    /// Token, PIN or touch.
    Token = 5,
    /// The PIN is blocked, or its last try was withheld.
    PinBlocked = 6,
    /// Something is forged, damaged, substituted or rolled back: stop and call someone.
    Integrity = 7,
    /// AWS refused or cannot be reached.
    Cloud = 8,
    /// Half done: run it again.
    HalfDone = 9,
    /// `status`: something is overdue or open.
    Attention = 10,
    /// A sealed key was used, and no opening explains it: somebody has what nobody should have.
    Alarm = 11,
    /// A bug of ours.
    Bug = 70,
}

impl Class {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// A failure on its way to the person. What it quotes from outside is still raw: the roof escapes it.
#[derive(Debug)]
pub struct Failure {
    /// The class, and with it the exit code.
    pub class: Class,
    /// A stable name in kebab case, for scripts.
    pub code: &'static str,
    /// What failed.
    pub what: String,
    /// What state the world is in now.
    pub state: String,
    /// What to type next, one suggestion each.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    pub fn new(
        class: Class,
        code: &'static str,
        what: impl Into<String>,
        state: impl Into<String>,
    ) -> Self {
        Self {
            class,
            code,
            what: what.into(),
            state: state.into(),
            hints: Vec::new(),
        }
    }

    /// The same with one more thing to type or do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same, with the state of the world told anew by someone who knows more of it.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = state.into();
        self
    }

    /// The same once more, where it is told in two places.
    #[must_use]
    pub fn again(&self) -> Self {
        let mut again = Self::new(self.class, self.code, self.what.clone(), self.state.clone());
        again.hints.clone_from(&self.hints);
        again
    }

    /// The same in another class: what was a plain failure below can be a half-done deed above.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.what, self.code)
    }
}

impl std::error::Error for Failure {}
