//! A pcscd of our own: its readers, its socket, its life.
//!
//! Readers are slots of vpcd, two of them an entry of `reader.conf`; each entry wants a copy of the driver of
//! its own. vpcd listens on all addresses, so the rack lives in a network namespace of its own, where ports
//! are the same for every rack. They lie below 32768, so that a card that connects too early cannot be given
//! its own port and connect to itself.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, Scope, State};
use rustix::process::{Pid, Signal, kill_process};

use crate::Fallible;

/// What the clients of YubiKeys look for in a reader's name.
const NAME: &str = "Yubico YubiKey OTP+FIDO+CCID";
const PCSCD: &str = "/usr/sbin/pcscd";
const DRIVERS: &str = "/usr/lib/pcsc/drivers/serial";
const DRIVER: &str = "libifdvpcd.so";
const FIRST_PORT: u16 = 20_000;
/// Between the ports of two entries; the second slot has the port after the first one's.
const PORTS: u16 = 10;
const SLOTS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts pcscd with the socket as descriptor 3, as systemd would, and lets it end when its parent does.
const START: &str = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec setpriv --pdeathsig TERM \"$0\" -f -c \"$1\"";

/// The port of a reader, counted from 0.
pub fn port(reader: usize) -> u16 {
    let (entry, slot) = (reader / SLOTS, reader % SLOTS);
    let port = FIRST_PORT as usize + entry * PORTS as usize + slot;
    u16::try_from(port).expect("few readers")
}

/// The socket of a rack's pcscd.
pub fn socket(folder: &Path) -> PathBuf {
    folder.join("pcscd.comm")
}

/// A pcscd, running or not.
pub struct Pcscd {
    folder: PathBuf,
    child: Option<Child>,
}

impl Pcscd {
    /// Prepares the folder for so many readers; nothing runs yet.
    pub fn prepare(folder: &Path, readers: usize) -> Fallible<Self> {
        let (drivers, entries) = (folder.join("drivers"), folder.join("readers"));
        for made in [&drivers, &entries] {
            if made.exists() {
                fs::remove_dir_all(made)?;
            }
            fs::create_dir(made)?;
        }
        let driver = driver()?;
        for entry in 0..readers.div_ceil(SLOTS) {
            let copy = drivers.join(format!("vpcd-{entry}.so"));
            fs::copy(&driver, &copy)?;
            // pcscd tells entries apart by their names.
            let name = match entry {
                0 => NAME.to_owned(),
                _ => format!("{NAME} {entry}"),
            };
            let port = port(entry * SLOTS);
            let text = format!(
                "FRIENDLYNAME \"{name}\"\nDEVICENAME /dev/null:{port:#06X}\nLIBPATH {}\nCHANNELID {port:#06X}\n",
                copy.display()
            );
            fs::write(entries.join(format!("entry-{entry:02}")), text)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            child: None,
        })
    }

    /// Starts it on a fresh socket.
    pub fn start(&mut self) -> Fallible<()> {
        if self.child.is_some() {
            return Err("pcscd runs already".into());
        }
        let socket = socket(&self.folder);
        remove(&socket)?;
        let listener = UnixListener::bind(&socket)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("pcscd.log"))?;
        let child = Command::new("/bin/sh")
            .args(["-c", START, PCSCD])
            .arg(self.folder.join("readers"))
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is not meant for it.
            .process_group(0)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    /// Kills it on the spot.
    pub fn kill(&mut self) -> Fallible<()> {
        let mut child = self.child.take().ok_or("pcscd does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks it to end, and kills it where it does not.
    pub fn stop(&mut self) -> Fallible<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // Where it has ended by itself, there is nobody to ask.
        let _ = id.map(|id| kill_process(id, Signal::TERM));
        let end = Instant::now() + Duration::from_secs(3);
        while child.try_wait()?.is_none() {
            if Instant::now() > end {
                child.kill()?;
            }
            sleep(Duration::from_millis(10));
        }
        remove(&socket(&self.folder))?;
        Ok(())
    }
}

/// Waits until pcscd shows cards in these readers, in their order, and in no others.
pub fn await_cards(readers: &[usize]) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = present();
        if seen.as_deref() == Ok(readers) {
            return Ok(());
        }
        if Instant::now() > end {
            let seen = seen.map_or_else(
                |error| error.to_string(),
                |seen| format!("it shows {seen:?}"),
            );
            return Err(format!(
                "pcscd does not show cards in readers {readers:?}: {seen}"
            ));
        }
        sleep(Duration::from_millis(10));
    }
}

/// Whether a pcscd answers.
pub fn runs() -> bool {
    Context::establish(Scope::User).is_ok()
}

fn states() -> Result<Vec<ReaderState>, pcsc::Error> {
    let context = Context::establish(Scope::User)?;
    let mut states: Vec<_> = context
        .list_readers_owned()?
        .into_iter()
        .map(|name: CString| ReaderState::new(name, State::UNAWARE))
        .collect();
    if !states.is_empty() {
        context.get_status_change(Duration::ZERO, &mut states)?;
    }
    Ok(states)
}

/// The readers in which pcscd sees a card, counted from 0.
fn present() -> Result<Vec<usize>, pcsc::Error> {
    let shown = |state: &ReaderState| {
        state.event_state().contains(State::PRESENT) && !state.event_state().contains(State::MUTE)
    };
    let states = states()?;
    Ok((0..states.len()).filter(|&at| shown(&states[at])).collect())
}

/// The names of all readers, in pcscd's order.
pub fn readers() -> Result<Vec<String>, String> {
    let states = states().map_err(|error| error.to_string())?;
    let name = |state: &ReaderState| state.name().to_string_lossy().into_owned();
    Ok(states.iter().map(name).collect())
}

fn driver() -> Fallible<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(DRIVERS)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains(DRIVER))
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| format!("there is no {DRIVER} in {DRIVERS}: run scripts/setup").into())
}

/// Removes a file that may be there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
