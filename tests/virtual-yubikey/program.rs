//! A YubiKey for tests and the demo, behind a real pcscd. README.md says what it is faithful to.

mod apdu;
mod authority;
mod card;
mod control;
mod faults;
mod hold;
mod keys;
mod management;
mod panel;
mod pcscd;
mod piv;
mod rack;
mod session;
mod state;
mod tlv;
mod vpcd;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, Parser, Subcommand};

use authority::Generation;
use rack::{Asked, asked};

/// What fails here ends in a message to the person who writes tests.
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// A YubiKey for tests and the demo, behind a real pcscd.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Wanted,
}

#[derive(Subcommand)]
enum Wanted {
    /// Runs a pcscd with readers and cards, for clients with PCSCLITE_CSOCK_NAME=FOLDER/pcscd.comm. Says
    /// `ready` and goes on until SIGTERM.
    Rack(Setup),
    /// The same, in a network namespace that is there already.
    #[command(hide = true)]
    Inside(Setup),
    /// Tells a rack something.
    Tell {
        /// The rack's folder
        folder: PathBuf,
        /// The command, and what belongs to it
        #[arg(required = true)]
        words: Vec<String>,
    },
    /// Is another program that uses a card, for clients with the same PCSCLITE_CSOCK_NAME: says `held`, holds
    /// it until the end of standard input, and resets it.
    Hold {
        /// The reader, counted from 0
        reader: usize,
        /// `exclusive`, or `transaction`
        how: String,
    },
}

/// What a rack is made from.
#[derive(Args)]
pub struct Setup {
    /// Where the sockets and the cards lie; made where it is missing
    folder: PathBuf,
    /// How many readers
    #[arg(long, default_value_t = 2)]
    readers: usize,
    /// A card: SERIAL[:FIRMWARE][@READER], @- for out of any reader
    #[arg(long = "card", value_parser = asked)]
    cards: Vec<Asked>,
    /// Who attests the cards' keys
    #[arg(long, value_enum, default_value_t = Generation::Short)]
    attestation: Generation,
    /// Ends at the end of standard input too
    #[arg(long)]
    until_eof: bool,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Wanted::Rack(setup) => enter(&setup),
        Wanted::Inside(setup) => rack::run(&setup),
        Wanted::Hold { reader, how } => hold::hold(reader, &how),
        Wanted::Tell { folder, words } => control::tell(&folder, &words).map(|answer| {
            if !answer.is_empty() {
                println!("{answer}");
            }
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-yubikey: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Becomes the same program in a network namespace of its own, with the folder's full path.
fn enter(setup: &Setup) -> Fallible<()> {
    std::fs::create_dir_all(&setup.folder)?;
    let folder = setup.folder.canonicalize()?;
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let words: Vec<_> = std::env::args_os().skip(2).collect();
    // The folder is the one word that names it; options and their values stay as they are.
    let words = words.into_iter().map(|word| {
        if Path::new(&word) == setup.folder {
            folder.clone().into_os_string()
        } else {
            word
        }
    });
    command
        .args(["--net", "--"])
        .arg(std::env::current_exe()?)
        .arg("inside")
        .args(words)
        .env("PCSCLITE_CSOCK_NAME", pcscd::socket(&folder));
    Err(command.exec().into())
}
