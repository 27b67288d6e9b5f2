//! A card: takes commands, chains and answers; what they mean is up to its applets.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use crate::Fallible;
use crate::apdu::{Answer, Apdu, Refused, demand, sw};
use crate::authority::Authority;
use crate::faults::{self, Kind};
use crate::keys::Key;
use crate::management;
use crate::panel::Panel;
use crate::piv;
use crate::session::{Applet, Chain, Session};
use crate::state::{File, State};

/// The longest command that may be chained together.
const CHAIN_MAX: usize = 4096;
const SELECT: u8 = 0xA4;
const GET_RESPONSE: u8 = 0xC0;
const CHAINED: u8 = 0x10;

const PIV_AID: [u8; 11] = [0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0];
const MANAGEMENT_AID: [u8; 8] = [0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17];
const OTP_AID: [u8; 8] = [0xA0, 0, 0, 5, 0x27, 0x20, 0x01, 0x01];

/// A card and its outside. The outside can be reached while the card works.
pub struct Unit {
    pub panel: Panel,
    card: Mutex<Card>,
}

/// The inside.
pub struct Card {
    pub state: State,
    pub session: Session,
    file: File,
}

impl Unit {
    /// The card in this file, made with this serial and firmware where there is no file.
    pub fn open(
        path: PathBuf,
        serial: u32,
        firmware: [u8; 3],
        authority: &Authority,
    ) -> Fallible<Self> {
        let (mut file, found) = File::open(path)?;
        let state = match found {
            Some(state) => state,
            None => {
                let mut state = State::factory(serial, firmware);
                authority.equip(&mut state)?;
                state
            }
        };
        file.write(&state)?;
        Ok(Self {
            panel: Panel::default(),
            card: Mutex::new(Card {
                state,
                session: Session::default(),
                file,
            }),
        })
    }

    /// The inside, once the card does nothing else.
    pub fn card(&self) -> MutexGuard<'_, Card> {
        self.card.lock().expect("no holder panics")
    }

    /// Forgets what is forgotten without power.
    pub fn power(&self) {
        self.card().session = Session::default();
    }

    /// Carries out a command. `None`: the card was pulled out.
    pub fn transmit(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let start = Instant::now();
        let Some(apdu) = Apdu::read(bytes) else {
            return Some(sw::WRONG_LENGTH.to_be_bytes().to_vec());
        };
        let asks_pin = apdu.ins == 0x20 && !apdu.data.is_empty();
        self.panel.count(apdu.ins, asks_pin);
        let answer = self.meet(&apdu).ok();
        let status = match answer.as_deref() {
            Some([.., high, low]) => format!("{high:02X}{low:02X}"),
            Some(_) => "cut".into(),
            None => "gone".into(),
        };
        let Apdu {
            cla, ins, p1, p2, ..
        } = apdu;
        let line = format!("{cla:02X} {ins:02X} {p1:02X} {p2:02X} -> {status}");
        self.panel.note(line, start);
        answer
    }

    /// The fault that waits for this command, and the command itself.
    fn meet(&self, apdu: &Apdu) -> Answer {
        self.panel.think()?;
        let fault = self.panel.fault(apdu.ins);
        match fault {
            Some(Kind::Pull) => {
                self.panel.remove();
                return Err(Refused::Gone);
            }
            Some(Kind::Status(status)) => return Ok(status.to_be_bytes().to_vec()),
            Some(Kind::Hang(time)) => self.panel.sleep(time)?,
            Some(Kind::Reset) => self.power(),
            _ => {}
        }
        let answer = self.card().carry_out(&self.panel, apdu)?;
        if fault == Some(Kind::PullAfter) {
            self.panel.remove();
            return Err(Refused::Gone);
        }
        Ok(fault.map_or_else(
            || answer.clone(),
            |kind| faults::spoil(kind, answer.clone()),
        ))
    }
}

impl Card {
    /// Carries out a command and keeps what it changed before it is answered. The answer has its status
    /// word at the end.
    fn carry_out(&mut self, panel: &Panel, apdu: &Apdu) -> Answer {
        let outcome = self.command(panel, apdu);
        self.keep();
        match outcome {
            Ok(data) => {
                self.session.pending = data;
                Ok(self.portion(apdu.le))
            }
            Err(Refused::Status(status)) => Ok(status.to_be_bytes().to_vec()),
            Err(Refused::Gone) => Err(Refused::Gone),
        }
    }

    /// Writes the state to its file.
    pub fn keep(&mut self) {
        if let Err(error) = self.file.write(&self.state) {
            // A card that forgets would make tests lie.
            eprintln!("virtual-yubikey: the card's state cannot be kept: {error}");
            std::process::abort();
        }
    }

    /// Puts another key into a slot, with its policies.
    pub fn regenerate(&mut self, number: u8) -> Result<(), String> {
        let slot = self
            .state
            .slots
            .get_mut(&number)
            .ok_or("the slot is empty")?;
        slot.key = Key::generate(slot.key.algorithm()).ok_or("no key")?;
        self.keep();
        Ok(())
    }

    /// The next part of an answer, and whether there is more.
    fn portion(&mut self, le: usize) -> Vec<u8> {
        let pending = &mut self.session.pending;
        let rest = pending.split_off(le.min(pending.len()));
        let mut answer = std::mem::replace(pending, rest);
        let status = match self.session.pending.len() {
            0 => sw::OK,
            left @ 1..=0xFF => sw::MORE | left as u16,
            _ => sw::MORE,
        };
        answer.extend(status.to_be_bytes());
        answer
    }

    fn command(&mut self, panel: &Panel, apdu: &Apdu) -> Answer {
        demand(apdu.cla & !CHAINED == 0, sw::UNKNOWN_CLA)?;
        if apdu.ins == GET_RESPONSE {
            demand(!self.session.pending.is_empty(), sw::CONDITIONS)?;
            return Ok(std::mem::take(&mut self.session.pending));
        }
        let Some(apdu) = self.unchained(apdu)? else {
            return Ok(Vec::new());
        };
        if apdu.ins == SELECT {
            return self.select(&apdu);
        }
        match self.session.applet {
            Applet::None => Err(sw::UNKNOWN_INS.into()),
            Applet::Piv => piv::Piv::new(&mut self.state, &mut self.session, panel).command(&apdu),
            Applet::Management => management::management(&self.state, &apdu),
            Applet::Otp => management::otp(&self.state, &apdu),
        }
    }

    /// The whole command, or nothing while more of its chain is to come.
    fn unchained(&mut self, apdu: &Apdu) -> Result<Option<Apdu>, Refused> {
        let header = [apdu.ins, apdu.p1, apdu.p2];
        let mut data = match self.session.chain.take() {
            Some(chain) if chain.header == header => chain.data,
            _ => Vec::new(),
        };
        data.extend(&apdu.data);
        demand(data.len() <= CHAIN_MAX, sw::WRONG_LENGTH)?;
        if apdu.cla & CHAINED == 0 {
            return Ok(Some(Apdu {
                data,
                ..apdu.clone()
            }));
        }
        self.session.chain = Some(Chain { header, data });
        Ok(None)
    }

    fn select(&mut self, apdu: &Apdu) -> Answer {
        let names = |aid: &[u8]| apdu.data.len() >= 5 && aid.starts_with(&apdu.data);
        demand(apdu.p1 == 0x04, sw::NOT_FOUND)?;
        let (applet, answer) = if names(&PIV_AID) {
            (Applet::Piv, piv::SELECTED.to_vec())
        } else if names(&MANAGEMENT_AID) {
            (Applet::Management, management::selected(&self.state))
        } else if names(&OTP_AID) {
            (Applet::Otp, management::otp_status(&self.state))
        } else {
            return Err(sw::NOT_FOUND.into());
        };
        self.session.select(applet);
        Ok(answer)
    }
}
