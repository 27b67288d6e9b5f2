//! The line to one card: a thread that holds it in one transaction from the first look to the reset, so that
//! no wait is without a limit and nobody comes between two commands.
//!
//! PC/SC's calls cannot be given a limit and cannot be broken off. A thread that is stuck in one is left
//! behind; when it comes out, it lets go of the card.

use std::ffi::{CStr, CString};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use pcsc::{Card, Context, Disposition, Protocols, Scope, ShareMode};
use zeroize::Zeroizing;

use super::apdu::ANSWER_MAX;
use crate::ports::{OnTouch, Patience, TouchWait};

/// How long another program may hold a card before we say so.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a card may take for a command that waits for no touch. Making a key takes it some seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a YubiKey waits for a touch, and how much longer we wait for it to say so.
pub(super) const TOUCH_LIMIT: Duration = Duration::from_secs(15);
const TOUCH_GRACE: Duration = Duration::from_secs(10);
/// How often the person is asked meanwhile.
const TICK: Duration = Duration::from_millis(200);
/// How many resets by others are borne before a transaction begins.
const RESETS: u32 = 5;
/// How long the reset of a card is waited for.
const END_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// PC/SC said so.
    Pcsc(pcsc::Error),
    /// Another program holds the card.
    Held,
    /// No answer within so many seconds.
    Silent(u64),
    /// The person left.
    Left,
}

/// A touch that a command takes, and who is asked meanwhile.
pub(super) struct Touching<'a> {
    pub number: usize,
    pub of: usize,
    pub on_touch: OnTouch<'a>,
}

type Bytes = Zeroizing<Vec<u8>>;

/// A card in our transaction.
pub(super) struct Link {
    commands: Sender<Bytes>,
    answers: Receiver<Result<Bytes, pcsc::Error>>,
    /// The thread is in a call that did not come back.
    stuck: bool,
}

impl Link {
    /// Connects to the card in a reader, and begins the transaction.
    pub(super) fn open(reader: &CStr) -> Result<Self, Broken> {
        let (commands, asked) = channel();
        let (told, answers) = channel();
        let reader = reader.to_owned();
        thread::spawn(move || serve(&reader, &asked, &told));
        match answers.recv_timeout(CONNECT_LIMIT) {
            Ok(Ok(_)) => Ok(Self {
                commands,
                answers,
                stuck: false,
            }),
            Ok(Err(pcsc::Error::SharingViolation)) | Err(RecvTimeoutError::Timeout) => {
                Err(Broken::Held)
            }
            Ok(Err(error)) => Err(Broken::Pcsc(error)),
            Err(RecvTimeoutError::Disconnected) => Err(Broken::Pcsc(pcsc::Error::InternalError)),
        }
    }

    /// One exchange.
    pub(super) fn transmit(&mut self, command: Bytes) -> Result<Bytes, Broken> {
        self.send(command)?;
        let answer = self.answers.recv_timeout(ANSWER_LIMIT);
        self.take(answer, ANSWER_LIMIT)
    }

    /// One exchange for which the card waits to be touched; the person is asked meanwhile.
    pub(super) fn transmit_touched(
        &mut self,
        command: Bytes,
        touch: Touching<'_>,
    ) -> Result<Bytes, Broken> {
        let Touching {
            number,
            of,
            on_touch,
        } = touch;
        self.send(command)?;
        let begun = Instant::now();
        loop {
            let waited = begun.elapsed();
            let wait = TouchWait {
                waited,
                limit: TOUCH_LIMIT,
                number,
                of,
            };
            if on_touch(wait) == Patience::Leave {
                self.stuck = true;
                return Err(Broken::Left);
            }
            let answer = self.answers.recv_timeout(TICK);
            let late = waited > TOUCH_LIMIT + TOUCH_GRACE;
            if late || !matches!(answer, Err(RecvTimeoutError::Timeout)) {
                return self.take(answer, TOUCH_LIMIT + TOUCH_GRACE);
            }
        }
    }

    fn send(&self, command: Bytes) -> Result<(), Broken> {
        let sent = self.commands.send(command);
        sent.map_err(|_| Broken::Pcsc(pcsc::Error::InternalError))
    }

    fn take(
        &mut self,
        answer: Result<Result<Bytes, pcsc::Error>, RecvTimeoutError>,
        limit: Duration,
    ) -> Result<Bytes, Broken> {
        match answer {
            Ok(answer) => answer.map_err(Broken::Pcsc),
            Err(RecvTimeoutError::Timeout) => {
                self.stuck = true;
                Err(Broken::Silent(limit.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Broken::Pcsc(pcsc::Error::InternalError)),
        }
    }
}

impl Drop for Link {
    /// Resets the card: no PIN and no touch is left on it. The reset is waited for, so that whoever comes
    /// next finds the card free.
    fn drop(&mut self) {
        let (nobody, _) = channel();
        // Without a sender the thread's loop ends, and the card is let go.
        self.commands = nobody;
        if !self.stuck {
            let _ = self.answers.recv_timeout(END_LIMIT);
        }
    }
}

fn serve(reader: &CString, asked: &Receiver<Bytes>, told: &Sender<Result<Bytes, pcsc::Error>>) {
    let card = match hold(reader) {
        Ok(card) => card,
        Err(error) => {
            let _ = told.send(Err(error));
            return;
        }
    };
    if told.send(Ok(Bytes::default())).is_ok() {
        for command in asked {
            if told.send(exchange(&card, &command)).is_err() {
                break;
            }
        }
    }
    let _ = card.disconnect(Disposition::ResetCard);
}

/// Connects, and holds the transaction for as long as the connection lasts: disconnecting ends both.
fn hold(reader: &CStr) -> Result<Card, pcsc::Error> {
    let context = Context::establish(Scope::User)?;
    let mut card = context.connect(reader, ShareMode::Shared, Protocols::ANY)?;
    // Whoever held it before us resets it at their end, and we are told. Nothing of ours was on it yet.
    let mut begun = card.transaction().map(std::mem::forget);
    for _ in 0..RESETS {
        let Err(pcsc::Error::ResetCard) = begun else {
            break;
        };
        card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard)?;
        begun = card.transaction().map(std::mem::forget);
    }
    begun.map(|()| card)
}

fn exchange(card: &Card, command: &[u8]) -> Result<Bytes, pcsc::Error> {
    let mut buffer = Bytes::new(vec![0; ANSWER_MAX]);
    let length = card.transmit(command, &mut buffer)?.len();
    buffer.truncate(length);
    Ok(buffer)
}
