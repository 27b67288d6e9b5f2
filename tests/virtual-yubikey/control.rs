//! What a rack can be told: lines of text over a unix socket, one line of answer each.
//!
//! The answer starts with `ok` or `error`.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::Fallible;
use crate::card::Unit;
use crate::faults::Fault;
use crate::pcscd;
use crate::rack::{Rack, asked, firmware};

/// How long `await-touch` waits where no time is named.
const AWAIT: Duration = Duration::from_secs(30);

/// The control socket of a rack.
pub fn socket(folder: &Path) -> PathBuf {
    folder.join("control")
}

/// Listens in a thread of its own.
pub fn listen(folder: &Path, rack: Arc<Rack>) -> io::Result<()> {
    let path = socket(folder);
    pcscd::remove(&path)?;
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let rack = Arc::clone(&rack);
            // A client that goes away in the middle is its own loss.
            thread::spawn(move || converse(&rack, stream));
        }
    });
    Ok(())
}

fn converse(rack: &Rack, mut stream: UnixStream) -> io::Result<()> {
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match obey(rack, &words) {
            Ok(answer) => format!("ok {answer}\n"),
            Err(error) => format!("error {error}\n"),
        };
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Tells a rack one command, from another process: its answer, or what it says against it.
pub fn tell(folder: &Path, words: &[String]) -> Fallible<String> {
    let path = socket(folder);
    let mut stream =
        UnixStream::connect(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    writeln!(stream, "{}", words.join(" "))?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.trim_end_matches('\n').split_once(' ') {
        Some(("ok", answer)) => Ok(answer.to_owned()),
        Some((_, error)) => Err(error.into()),
        None => Err("the rack ended".into()),
    }
}

type Said = Result<String, String>;

fn obey(rack: &Rack, words: &[&str]) -> Said {
    let done = |()| String::new();
    match *words {
        ["pcscd", what] => rack.pcscd(what).map(done),
        ["settle"] => rack.settle().map(done),
        ["cards"] => Ok(rack.list().to_string()),
        ["readers"] => pcscd::readers().map(|names| json!(names).to_string()),
        ["card", card] => {
            let made =
                asked(card).and_then(|asked| rack.add(&asked).map_err(|error| error.to_string()));
            made.map(done)
        }
        ["insert", serial] => rack.insert_slowly(serial, None).map(done),
        ["insert", serial, reader] => rack.insert_slowly(serial, Some(number(reader)?)).map(done),
        [command, serial, ref rest @ ..] => {
            let unit = rack.card(serial)?;
            from_outside(&unit, serial, command, rest)
                .unwrap_or_else(|| from_inside(&unit, command, rest))
        }
        _ => Err("say a command, and a card's serial number".into()),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// What can be done to a card while it works; `None` for anything else.
fn from_outside(unit: &Unit, serial: &str, command: &str, rest: &[&str]) -> Option<Said> {
    let panel = &unit.panel;
    let no_wait = || format!("card {serial} does not wait for a touch");
    let seconds =
        |text: &str| Duration::try_from_secs_f64(number(text)?).map_err(|error| error.to_string());
    let awaited = |limit| {
        if panel.await_touch(limit) {
            Ok(())
        } else {
            Err(no_wait())
        }
    };
    match (command, rest) {
        ("waiting", []) => return Some(Ok(panel.waiting().to_string())),
        ("counts", []) => return Some(Ok(json!(panel.counts()).to_string())),
        ("log", []) => return Some(Ok(json!(panel.log()).to_string())),
        ("clear", []) => panel.clear(),
        ("remove", []) => panel.remove(),
        ("auto-touch", ["on"]) => panel.set_auto_touch(true),
        ("auto-touch", ["off"]) => panel.set_auto_touch(false),
        _ => {
            let done: Result<(), String> = match (command, rest) {
                ("touch", []) if panel.touch() => Ok(()),
                ("touch", []) => Err(no_wait()),
                ("await-touch", []) => awaited(AWAIT),
                ("await-touch", [limit]) => seconds(limit).and_then(awaited),
                ("touch-limit", [limit]) => {
                    seconds(limit).map(|limit| panel.set_touch_limit(limit))
                }
                ("think", [time]) => {
                    number(time).map(|time| panel.set_think(Duration::from_millis(time)))
                }
                ("fault", fault) => Fault::read(fault).map(|fault| panel.add_fault(fault)),
                _ => return None,
            };
            return Some(done.map(|()| String::new()));
        }
    }
    Some(Ok(String::new()))
}

/// What changes the card itself, once it is idle.
fn from_inside(unit: &Unit, command: &str, rest: &[&str]) -> Said {
    let mut card = unit.card();
    match (command, rest) {
        ("firmware", [version]) => card.state.firmware = firmware(version)?,
        ("serial", [serial]) => card.state.says_serial = Some(number(serial)?),
        ("form-factor", [form]) => card.state.form_factor = number(form)?,
        ("tries", [pin, puk]) => {
            let (pin, puk) = (number(pin)?, number(puk)?);
            card.state.pin.give_tries(pin);
            card.state.puk.give_tries(puk);
        }
        ("regenerate", [slot]) => {
            let slot = u8::from_str_radix(slot, 16).map_err(|_| format!("{slot} is no slot"))?;
            card.regenerate(slot)?;
        }
        _ => return Err(format!("{command} {} is no command", rest.join(" "))),
    }
    card.keep();
    Ok(String::new())
}
