//! The people as a port: PINs and confirmations at the controlling terminal, notices on standard error.

use std::os::fd::BorrowedFd;

use crate::cli::escape::Shown;
use crate::cli::output;
use crate::cli::progress;
use crate::cli::touch::TouchShown;
use crate::cli::tty::{Echo, Tty};
use crate::model::TokenIdentity;
use crate::ports::{
    Declined, Notice, Operator, Patience, PinRequest, PinRules, PinStatus, Progress, TouchRequest,
    TouchWait, Turn,
};
use crate::secret::{Pin, PinRefused};

/// How often a PIN is asked for when what was typed cannot be one. The token is not asked meanwhile.
const ASKINGS: usize = 3;

/// The person at `/dev/tty`.
#[derive(Default)]
pub struct Terminal {
    touch: Option<TouchShown>,
    progress: progress::Shown,
    /// What was said last of whom is waited for, so that it is not said again at every change.
    awaited: Option<String>,
}

impl Terminal {
    /// Shows a text, ours and in lines, at the terminal at which the questions about it are asked. Where there
    /// is none, whatever takes a person is refused in a moment, and this shows nothing.
    pub fn show(&self, text: &str) {
        if let Ok(mut tty) = Tty::take(Echo::On) {
            let _ = tty.show(text);
        }
    }
}

impl Operator for Terminal {
    fn notice(&mut self, notice: Notice) {
        let line = match &notice {
            Notice::Step(text) => format!("breakglass: {}\n", Shown(text)),
            Notice::Warning(text) => format!("warning: {}\n", Shown(text)),
        };
        self.progress.aside(|| output::error(&line));
    }

    fn progress(&mut self, progress: &Progress) {
        self.progress.show(progress);
    }

    fn pin(&mut self, request: &PinRequest<'_>) -> Result<Pin, Declined> {
        match request.status {
            PinStatus::Locked | PinStatus::Left(0) => return Err(Declined::Blocked),
            PinStatus::FinalTry | PinStatus::Left(1) => consent_to_last_try(request)?,
            PinStatus::Untold | PinStatus::CountLow | PinStatus::Left(_) => {}
        }
        let mut tty = Tty::take(Echo::Off)?;
        tty.show(&introduction(request))?;
        for _ in 0..ASKINGS {
            let line = tty.ask(&prompt(request))?;
            match as_pin(line.text(), &request.rules) {
                Ok(pin) => return Ok(pin),
                Err(why) => tty.show(&format!("Not sent to the token: {why}.\n"))?,
            }
        }
        Err(Declined::Said)
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        self.awaited = None;
        output::error(&whose_turn(turn));
    }

    fn await_token(
        &mut self,
        turn: &Turn<'_>,
        strangers: &[String],
        changes: Option<BorrowedFd<'_>>,
    ) -> Result<(), Declined> {
        let mut tty = Tty::take(Echo::On)?;
        let text = awaited(turn, strangers, changes.is_some());
        if changes.is_none() || self.awaited.as_ref() != Some(&text) {
            tty.show(&text)?;
            self.awaited = Some(text);
        }
        tty.wait(changes)
    }

    fn touch(&mut self, request: &TouchRequest<'_>, wait: TouchWait) -> Patience {
        if self.touch.is_none() {
            self.touch = TouchShown::begin();
        }
        match &mut self.touch {
            Some(shown) => shown.show(request, wait),
            None => Patience::Wait,
        }
    }

    fn touch_over(&mut self) {
        self.touch = None;
    }

    fn new_pin(
        &mut self,
        what: &str,
        token: &TokenIdentity,
        rules: &PinRules,
    ) -> Result<Pin, Declined> {
        let mut tty = Tty::take(Echo::Off)?;
        let of = format!("for token serial {}", Shown(&token.serial));
        for _ in 0..ASKINGS {
            let first = tty.ask(&format!("New {what} {of} (not shown): "))?;
            let refused = match as_pin(first.text(), rules) {
                Err(why) => why,
                Ok(pin) => {
                    let again = tty.ask(&format!("The same {what} once more: "))?;
                    if again.text() == first.text() {
                        return Ok(pin);
                    }
                    "the two are not the same".to_owned()
                }
            };
            tty.show(&format!("Not taken: {refused}.\n"))?;
        }
        Err(Declined::Said)
    }

    fn choose(&mut self, question: &str, options: &[String]) -> Result<usize, Declined> {
        let mut tty = Tty::take(Echo::On)?;
        tty.show(&format!("{}\n", Shown(question)))?;
        for (number, option) in (1..).zip(options) {
            tty.show(&format!("  {number}  {}\n", Shown(option)))?;
        }
        let prompt = format!("Type its number, 1 to {}: ", options.len());
        for _ in 0..ASKINGS {
            let line = tty.ask(&prompt)?;
            let typed = line
                .text()
                .and_then(|text| text.trim().parse::<usize>().ok());
            if let Some(number) = typed.filter(|number| (1..=options.len()).contains(number)) {
                return Ok(number - 1);
            }
        }
        Err(Declined::Said)
    }

    fn confirm(&mut self, question: &str, answer: &str) -> Result<(), Declined> {
        let mut tty = Tty::take(Echo::On)?;
        tty.show(&format!("{}\n", Shown(question)))?;
        let prompt = if answer.is_empty() {
            "Press Enter to go on, Ctrl-C to stop: ".to_owned()
        } else {
            format!(
                "Type \"{}\" to go on, anything else to stop: ",
                Shown(answer)
            )
        };
        if typed(&mut tty, &prompt, answer)? {
            Ok(())
        } else {
            Err(Declined::Said)
        }
    }
}

/// Whose turn it is, and with which of their tokens.
fn whose_turn(turn: &Turn<'_>) -> String {
    let people = match turn.missing {
        1 => String::new(),
        missing => format!(" ({missing} people)"),
    };
    let mut text = format!(
        "breakglass: the turn of the {}{people}: {}, with one of\n",
        turn.role.title(),
        Shown(turn.purpose)
    );
    for (name, token) in &turn.candidates {
        text.push_str(&format!(
            "  {name}  {}, serial {}\n",
            Shown(&token.label),
            Shown(&token.serial)
        ));
    }
    text
}

/// What is waited for.
fn awaited(turn: &Turn<'_>, strangers: &[String], told: bool) -> String {
    let mut text = String::new();
    for stranger in strangers {
        text.push_str(&format!(
            "{} is there and is none of these.\n",
            Shown(stranger)
        ));
    }
    let role = turn.role.title();
    text.push_str(&match told {
        true => format!("Insert a token of the {role}. Waiting for it; Ctrl-C to stop.\n"),
        false => format!(
            "None of these tokens is there. Insert a token of the {role}.\n\
             Press Enter to go on, Ctrl-C to stop: "
        ),
    });
    text
}

/// Who is asked, for what, with which token, and how many tries there are.
fn introduction(request: &PinRequest<'_>) -> String {
    let who = match (request.custodian, request.role) {
        (Some(name), Some(role)) => format!("{name} ({})", role.title()),
        (Some(name), None) => name.to_string(),
        (None, Some(role)) => role.title().to_owned(),
        (None, None) => "whoever holds the token".to_owned(),
    };
    let form = match request.rules.form.as_str() {
        "" => String::new(),
        form => format!("  PIN    {}\n", Shown(form)),
    };
    format!(
        "A PIN is needed to {}\n  from   {who}\n  token  {}, serial {}\n{form}  tries  {}\n",
        Shown(request.purpose),
        Shown(&request.token.label),
        Shown(&request.token.serial),
        tries(request.status, &request.rules),
    )
}

fn tries(status: PinStatus, rules: &PinRules) -> String {
    let known = match rules.locks_after {
        None => String::new(),
        Some(0) => "; wrong ones never block it".to_owned(),
        Some(count) if rules.warns => {
            format!("; {count} wrong ones in a row block it, and it warns before the last")
        }
        Some(count) => format!("; {count} wrong ones in a row block it, and it warns of nothing"),
    };
    match status {
        PinStatus::Untold => format!("the token does not say how many are left{known}"),
        PinStatus::CountLow => format!(
            "a wrong PIN was entered before; the token does not say how many are left{known}"
        ),
        PinStatus::FinalTry | PinStatus::Left(1) => "this is the last one".to_owned(),
        PinStatus::Locked | PinStatus::Left(0) => "none, the PIN is blocked".to_owned(),
        PinStatus::Left(count) => format!("{count} left, then the PIN is blocked"),
    }
}

fn prompt(request: &PinRequest<'_>) -> String {
    let of = request
        .custodian
        .map_or_else(String::new, |name| format!(" of {name}"));
    format!(
        "PIN{of} for token serial {} (not shown): ",
        Shown(&request.token.serial)
    )
}

/// What was typed as a PIN that the token may be given, or why it is none.
fn as_pin(typed: Option<&str>, rules: &PinRules) -> Result<Pin, String> {
    let pin = typed.map_or(Err(PinRefused::Control), Pin::new);
    let pin = pin.map_err(|why| why.to_string())?;
    rules.check(&pin).map_err(|misfit| misfit.to_string())?;
    Ok(pin)
}

/// The last try of a PIN is spent only by someone who has looked at the token and typed its serial (or its
/// label, where the token has no serial).
fn consent_to_last_try(request: &PinRequest<'_>) -> Result<(), Declined> {
    let token = request.token;
    let (kind, wanted) = if token.serial.is_empty() {
        ("label", &token.label)
    } else {
        ("serial number", &token.serial)
    };
    if wanted.trim().is_empty() {
        return Err(Declined::LastTry);
    }
    let mut tty = Tty::take(Echo::On)?;
    tty.show(&format!(
        "LAST TRY: one more wrong PIN blocks the token {}, serial {}.\n",
        Shown(&token.label),
        Shown(&token.serial),
    ))?;
    let prompt = format!("Type its {kind} to use the last try, anything else to keep it: ");
    if typed(&mut tty, &prompt, wanted)? {
        Ok(())
    } else {
        Err(Declined::LastTry)
    }
}

/// Whether the wanted text is typed, blanks around it aside; it may be typed in the form in which it is
/// shown.
fn typed(tty: &mut Tty, prompt: &str, wanted: &str) -> Result<bool, Declined> {
    let line = tty.ask(prompt)?;
    let said = line.text().unwrap_or_default().trim();
    Ok(said == wanted.trim() || said == Shown(wanted.trim()).to_string())
}
