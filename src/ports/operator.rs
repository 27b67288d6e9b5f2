//! The people at the terminal.

use std::os::fd::BorrowedFd;

use crate::model::{Name, Role, TokenIdentity};
use crate::ports::{Patience, PinRules, PinStatus, TouchWait};
use crate::secret::Pin;

/// Whose PIN is asked for, for what, and what the token says of it.
#[derive(Debug, Clone)]
pub struct PinRequest<'a> {
    /// The custodian, if the token is enrolled or about to be.
    pub custodian: Option<&'a Name>,
    /// In which role.
    pub role: Option<Role>,
    /// The token.
    pub token: &'a TokenIdentity,
    /// What the token said of its PIN just now.
    pub status: PinStatus,
    /// What is known of it beforehand. A PIN that does not fit is asked for again.
    pub rules: PinRules,
    /// What the PIN is for, such as "open 3 credentials of prod".
    pub purpose: &'a str,
}

/// Whose turn it is, and with what.
#[derive(Debug, Clone)]
pub struct Turn<'a> {
    /// The role.
    pub role: Role,
    /// How many people of it are still needed.
    pub missing: usize,
    /// What they are to do, such as "open 3 credentials".
    pub purpose: &'a str,
    /// The tokens that may be used, spares included, with whose they are.
    pub candidates: Vec<(&'a Name, &'a TokenIdentity)>,
}

/// A token that waits, or is about to wait, to be touched.
#[derive(Debug, Clone, Copy)]
pub struct TouchRequest<'a> {
    /// Whose it is.
    pub custodian: &'a Name,
    /// The token.
    pub token: &'a TokenIdentity,
    /// What the touch is for.
    pub purpose: &'a str,
}

/// The person did not go along: what was about to happen does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// There is no terminal to ask at.
    #[error("there is no terminal to ask at")]
    NoTerminal,
    /// They said no, or left.
    #[error("declined at the terminal")]
    Said,
    /// The last try of a PIN was not consented to.
    #[error("the last try of the PIN was withheld")]
    LastTry,
    /// The PIN is blocked; nobody was asked for it.
    #[error("the PIN is blocked")]
    Blocked,
}

/// Something that the people should see, while it happens. Texts from outside are raw: the roof
/// escapes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Plain progress: one line.
    Step(String),
    /// Something is not as it should be, and the work goes on.
    Warning(String),
}

/// How far one kind of work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is done, such as "listing keys".
    pub what: &'static str,
    /// How much of it is done.
    pub done: usize,
    /// Of how much.
    pub of: usize,
}

impl Progress {
    /// Nothing is done yet.
    pub fn new(what: &'static str, of: usize) -> Self {
        Self { what, done: 0, of }
    }

    /// One more is done.
    pub fn step(&mut self) -> &Self {
        self.done = (self.done + 1).min(self.of);
        self
    }
}

/// The human as a port.
pub trait Operator {
    /// Shows something.
    fn notice(&mut self, notice: Notice);

    /// Is called whenever a long work has come further: often.
    fn progress(&mut self, _progress: &Progress) {}

    /// Asks for a PIN without echo, naming the custodian and the token. Where one try is left, typed
    /// consent that names the serial comes first.
    ///
    /// # Errors
    /// [`Declined`].
    fn pin(&mut self, request: &PinRequest<'_>) -> Result<Pin, Declined>;

    /// Says whose turn it is.
    fn turn(&mut self, _turn: &Turn<'_>) {}

    /// Waits until a token may have been inserted: until `changes` becomes readable, or the Enter key is
    /// pressed. `strangers` are tokens that are there and are not wanted.
    ///
    /// # Errors
    /// [`Declined`].
    fn await_token(
        &mut self,
        _turn: &Turn<'_>,
        _strangers: &[String],
        _changes: Option<BorrowedFd<'_>>,
    ) -> Result<(), Declined> {
        Err(Declined::NoTerminal)
    }

    /// Is called about every fifth of a second while a token waits to be touched, and first right before it
    /// begins to.
    fn touch(&mut self, _request: &TouchRequest<'_>, _wait: TouchWait) -> Patience {
        Patience::Wait
    }

    /// The token waits no more.
    fn touch_over(&mut self) {}

    /// Asks for a secret that a token is to have from now on, twice, without echo.
    ///
    /// # Errors
    /// [`Declined`].
    fn new_pin(
        &mut self,
        _what: &str,
        _token: &TokenIdentity,
        _rules: &PinRules,
    ) -> Result<Pin, Declined> {
        Err(Declined::NoTerminal)
    }

    /// Lets the people choose one of several; never called with fewer than two.
    ///
    /// # Errors
    /// [`Declined`].
    fn choose(&mut self, question: &str, options: &[String]) -> Result<usize, Declined>;

    /// Asks a question that only the typed `answer` says yes to; an empty one is the Enter key alone.
    ///
    /// # Errors
    /// [`Declined`].
    fn confirm(&mut self, question: &str, answer: &str) -> Result<(), Declined>;
}
