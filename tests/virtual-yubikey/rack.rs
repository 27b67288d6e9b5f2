//! A rack: a pcscd with readers, and the cards that go in and out of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use signal_hook::consts::SIGTERM;

use crate::authority::Authority;
use crate::card::Unit;
use crate::control;
use crate::pcscd::{self, Pcscd};
use crate::vpcd::{ATR, Message, Wire};
use crate::{Fallible, Setup};

const RETRY: Duration = Duration::from_millis(10);
/// How long pcscd may take to look at all its readers once.
const LOOK: Duration = Duration::from_millis(600);

/// What the thread that pcscd hangs on is asked to do.
pub enum Order {
    /// `start`, `kill` or `restart` pcscd, and tell how that went.
    Pcscd(String, Sender<Result<(), String>>),
    /// End the rack.
    End,
}

/// A card as it is asked for: `SERIAL[:FIRMWARE][@READER]`; `@-` is out of any reader.
#[derive(Clone, Debug)]
pub struct Asked {
    serial: u32,
    firmware: [u8; 3],
    reader: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    FirstFree,
    In(usize),
    Out,
}

/// Reads `5.7.1`.
pub fn firmware(text: &str) -> Result<[u8; 3], String> {
    let parts: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
    parts
        .ok()
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| format!("{text} is no firmware version such as 5.7.1"))
}

/// Reads a card as it is asked for.
pub fn asked(text: &str) -> Result<Asked, String> {
    let (card, reader) = match text.split_once('@') {
        None => (text, Place::FirstFree),
        Some((card, "-")) => (card, Place::Out),
        Some((card, reader)) => {
            let reader = reader
                .parse()
                .map_err(|_| format!("{reader} is no reader's number"))?;
            (card, Place::In(reader))
        }
    };
    let (serial, version) = card.split_once(':').unwrap_or((card, "5.7.1"));
    Ok(Asked {
        serial: serial
            .parse()
            .map_err(|_| format!("{serial} is no serial number"))?,
        firmware: firmware(version)?,
        reader,
    })
}

/// What all threads of a rack share.
pub struct Rack {
    folder: PathBuf,
    readers: usize,
    authority: Authority,
    cards: Mutex<BTreeMap<u32, Arc<Unit>>>,
    orders: Sender<Order>,
}

impl Rack {
    fn cards(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Unit>>> {
        self.cards.lock().expect("no holder panics")
    }

    /// The card with this serial number.
    pub fn card(&self, serial: &str) -> Result<Arc<Unit>, String> {
        let number: u32 = serial
            .parse()
            .map_err(|_| format!("{serial} is no serial number"))?;
        let card = self.cards().get(&number).cloned();
        card.ok_or_else(|| format!("there is no card {serial}"))
    }

    /// Makes a card or takes it from its file, and puts it where it is wanted.
    pub fn add(&self, asked: &Asked) -> Fallible<()> {
        let serial = asked.serial;
        if self.cards().contains_key(&serial) {
            return Err(format!("card {serial} is there already").into());
        }
        let file = self.folder.join(format!("card-{serial}.json"));
        let unit = Arc::new(Unit::open(file, serial, asked.firmware, &self.authority)?);
        self.cards().insert(serial, Arc::clone(&unit));
        match asked.reader {
            Place::In(reader) => self.insert(&serial.to_string(), Some(reader))?,
            Place::FirstFree if self.free().is_some() => self.insert(&serial.to_string(), None)?,
            Place::FirstFree | Place::Out => {}
        }
        thread::spawn(move || live(&unit));
        Ok(())
    }

    fn free(&self) -> Option<usize> {
        let cards = self.cards();
        let taken: Vec<_> = cards
            .values()
            .filter_map(|unit| unit.panel.reader())
            .collect();
        (0..self.readers).find(|reader| !taken.contains(reader))
    }

    /// Puts a card into a reader, the first free one where none is named.
    pub fn insert(&self, serial: &str, reader: Option<usize>) -> Result<(), String> {
        let unit = self.card(serial)?;
        if unit.panel.reader().is_some() {
            return Err(format!("card {serial} is in a reader already"));
        }
        let reader = match reader {
            Some(reader) if reader >= self.readers => {
                return Err(format!("there is no reader {reader}"));
            }
            Some(reader) => {
                if let Some((other, _)) = self
                    .cards()
                    .iter()
                    .find(|(_, unit)| unit.panel.reader() == Some(reader))
                {
                    return Err(format!("card {other} is in reader {reader}"));
                }
                reader
            }
            None => self.free().ok_or("all readers are taken")?,
        };
        unit.panel.insert(reader);
        Ok(())
    }

    /// Waits until pcscd shows what is inserted.
    pub fn settle(&self) -> Result<(), String> {
        let cards = self.cards();
        let mut readers: Vec<_> = cards
            .values()
            .filter_map(|unit| unit.panel.reader())
            .collect();
        drop(cards);
        readers.sort_unstable();
        pcscd::await_cards(&readers)
    }

    /// Puts a card into a reader as a person does, who is slower than pcscd, which looks at its readers
    /// every 400 ms: what happened before has been seen.
    pub fn insert_slowly(&self, serial: &str, reader: Option<usize>) -> Result<(), String> {
        if pcscd::runs() {
            // Where a card was pulled out in the middle of a command pcscd shows it as gone before it has looked.
            let out = self.card(serial)?.panel.out_for();
            thread::sleep(out.map_or(Duration::ZERO, |out| LOOK.saturating_sub(out)));
            self.settle()?;
        }
        self.insert(serial, reader)
    }

    /// All cards and where they are.
    pub fn list(&self) -> Value {
        let card = |(serial, unit): (&u32, &Arc<Unit>)| json!({ "serial": serial, "reader": unit.panel.reader(), "waiting": unit.panel.waiting() });
        self.cards().iter().map(card).collect()
    }

    /// Has pcscd started, killed or restarted.
    pub fn pcscd(&self, what: &str) -> Result<(), String> {
        let (answer, answered) = channel();
        let gone = |_| "the rack ends".to_owned();
        let order = Order::Pcscd(what.to_owned(), answer);
        self.orders
            .send(order)
            .map_err(|_| "the rack ends".to_owned())?;
        answered.recv().map_err(gone)?
    }
}

/// A card's life: into the reader, answering, out again.
fn live(unit: &Unit) {
    loop {
        let (reader, removals) = unit.panel.inserted();
        let wire = Wire::connect(pcscd::port(reader));
        let Ok((wire, handle)) = wire.and_then(|wire| wire.handle().map(|handle| (wire, handle)))
        else {
            thread::sleep(RETRY);
            continue;
        };
        if unit.panel.wired(handle, removals) {
            unit.power();
            serve(unit, wire);
        }
    }
}

/// Answers until the wire is cut or the card is pulled out.
fn serve(unit: &Unit, mut wire: Wire) {
    while let Ok(message) = wire.receive() {
        let sent = match message {
            Message::Power => {
                unit.power();
                Ok(())
            }
            Message::Atr => wire.send(&ATR),
            Message::Command(bytes) => match unit.transmit(&bytes) {
                Some(answer) => wire.send(&answer),
                None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Runs a rack in this network namespace until it is told to end.
pub fn run(setup: &Setup) -> Fallible<()> {
    let (folder, readers) = (&setup.folder, setup.readers);
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    if !up.success() {
        return Err("ip link set lo up failed".into());
    }
    let (orders, ordered) = channel();
    let rack = Arc::new(Rack {
        folder: folder.to_owned(),
        readers,
        authority: Authority::open(folder, setup.attestation)?,
        cards: Mutex::default(),
        orders: orders.clone(),
    });
    watch(orders, setup.until_eof)?;
    let mut daemon = Pcscd::prepare(folder, readers)?;
    daemon.start()?;
    let outcome = show(&rack, &setup.cards).map(|()| obey(&rack, &ordered, &mut daemon));
    daemon.stop()?;
    pcscd::remove(&control::socket(folder))?;
    outcome
}

fn show(rack: &Arc<Rack>, cards: &[Asked]) -> Fallible<()> {
    for asked in cards {
        rack.add(asked)?;
    }
    control::listen(&rack.folder, Arc::clone(rack))?;
    rack.settle()?;
    println!("ready");
    Ok(())
}

fn obey(rack: &Rack, ordered: &Receiver<Order>, daemon: &mut Pcscd) {
    while let Ok(Order::Pcscd(what, answer)) = ordered.recv() {
        let done = match what.as_str() {
            "kill" => daemon.kill(),
            "start" => daemon.start(),
            "restart" => daemon.stop().and_then(|()| daemon.start()),
            _ => Err("pcscd can be killed, started and restarted".into()),
        };
        let done = done.map_err(|error| error.to_string());
        let settled = done.and_then(|()| {
            if what == "kill" {
                Ok(())
            } else {
                rack.settle()
            }
        });
        // Who asked may have gone.
        let _ = answer.send(settled);
    }
}

/// Has the rack end at SIGTERM and, if wanted, at the end of standard input.
fn watch(orders: Sender<Order>, until_eof: bool) -> Fallible<()> {
    let (mut told, tells) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, tells)?;
    let at_signal = orders.clone();
    thread::spawn(move || {
        let _ = told.read(&mut [0]);
        let _ = at_signal.send(Order::End);
    });
    if until_eof {
        thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = orders.send(Order::End);
        });
    }
    Ok(())
}
