//! Faults that a card is told to meet.

use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The card is pulled out instead of answering; the command has not been carried out.
    Pull,
    /// The card is pulled out after the command has been carried out, before the answer.
    PullAfter,
    /// The answer is this status word; the command has not been carried out.
    Status(u16),
    /// The command is carried out, and then the answer is this status word.
    Lie(u16),
    /// So many bytes of the answer are left, its status word included; half of the data and the status word
    /// where no number is given.
    Truncate(Option<usize>),
    /// So many bytes too many stand before the status word.
    Oversize(usize),
    /// Each byte of the data is wrong.
    Garbage,
    /// The answer comes so much later.
    Hang(Duration),
    /// The card loses its power before the command, and nobody is told: PIN and applet are forgotten.
    Reset,
}

/// A fault that waits for its command.
pub struct Fault {
    /// The instruction that is counted, or any.
    ins: Option<u8>,
    /// How many are still to come.
    left: u32,
    pub kind: Kind,
}

impl Fault {
    /// `INS N KIND [VALUE]`: INS is two hexadecimal digits or `*`, N counts from 1.
    pub fn read(words: &[&str]) -> Result<Self, String> {
        let [ins, left, kind, value @ ..] = words else {
            return Err("INS N KIND are wanted".into());
        };
        let ins = match *ins {
            "*" => None,
            digits => Some(
                u8::from_str_radix(digits, 16)
                    .map_err(|_| format!("{digits} is no instruction"))?,
            ),
        };
        let left = left.parse().map_err(|_| format!("{left} is no number"))?;
        if left == 0 {
            return Err("N counts from 1".into());
        }
        Ok(Self {
            ins,
            left,
            kind: kind_of(kind, value)?,
        })
    }

    /// Counts a command: whether it is the one.
    pub fn counts_down(&mut self, ins: u8) -> bool {
        let counts = self.ins.is_none_or(|counted| counted == ins);
        self.left = self.left.saturating_sub(u32::from(counts));
        counts && self.left == 0
    }
}

fn kind_of(kind: &str, value: &[&str]) -> Result<Kind, String> {
    let number = |text: &str| {
        text.parse::<usize>()
            .map_err(|_| format!("{text} is no number"))
    };
    let status =
        |text: &str| u16::from_str_radix(text, 16).map_err(|_| format!("{text} is no status word"));
    Ok(match (kind, value) {
        ("pull", []) => Kind::Pull,
        ("pull-after", []) => Kind::PullAfter,
        ("status", [word]) => Kind::Status(status(word)?),
        ("lie", [word]) => Kind::Lie(status(word)?),
        ("truncate", []) => Kind::Truncate(None),
        ("truncate", [left]) => Kind::Truncate(Some(number(left)?)),
        ("oversize", []) => Kind::Oversize(300),
        ("oversize", [more]) => Kind::Oversize(number(more)?),
        ("garbage", []) => Kind::Garbage,
        ("hang", [time]) => Kind::Hang(Duration::from_millis(number(time)? as u64)),
        ("reset", []) => Kind::Reset,
        _ => return Err(format!("{kind} {} is no fault", value.join(" "))),
    })
}

/// What becomes of an answer (data and status word).
pub fn spoil(kind: Kind, mut answer: Vec<u8>) -> Vec<u8> {
    let data = answer.len() - 2;
    match kind {
        Kind::Lie(status) => status.to_be_bytes().to_vec(),
        Kind::Truncate(Some(left)) => {
            answer.truncate(left);
            answer
        }
        Kind::Truncate(None) => {
            answer.drain(data / 2..data);
            answer
        }
        Kind::Oversize(more) => {
            answer.splice(data..data, vec![0x5A; more]);
            answer
        }
        Kind::Garbage => {
            answer[..data].iter_mut().for_each(|byte| *byte ^= 0xA5);
            answer
        }
        _ => answer,
    }
}
