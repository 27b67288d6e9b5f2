//! Talking to a card through PC/SC, in hexadecimal.

use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use pcsc::{Card, Context, Disposition, Error, Protocols, Scope, ShareMode};

pub const SELECT: &str = "00A4040005 A000000308";
/// VERIFY with the factory's PIN.
pub const VERIFY: &str = "0020008008 313233343536FFFF";
/// The factory's management key.
pub const MANAGED: &[u8; 24] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
];
/// The slots of the tests' keys.
pub const SEAL: u8 = 0x9D;
pub const SIGN: u8 = 0x9C;

/// A connection with a card.
pub struct Talk(Card);

/// A connection with pcscd.
pub fn context() -> Result<Context, Error> {
    Context::establish(Scope::User)
}

fn names(context: &Context) -> Vec<CString> {
    context.list_readers_owned().expect("readers")
}

/// The name of a reader, counted from 0.
pub fn reader_of(number: usize) -> String {
    let names = names(&context().expect("pcscd runs"));
    names[number].to_string_lossy().into_owned()
}

/// Opens the card in a reader.
pub fn open(reader: usize) -> Talk {
    let context = context().expect("pcscd runs");
    let name = &names(&context)[reader];
    let card = context.connect(name, ShareMode::Shared, Protocols::ANY);
    Talk(card.expect("a card"))
}

impl Talk {
    pub fn transmit(&self, command: &str) -> Result<Vec<u8>, Error> {
        let command = command.replace(' ', "");
        let command = HEXLOWER_PERMISSIVE.decode(command.as_bytes());
        let mut buffer = [0; 4096];
        let answer = self.0.transmit(&command.expect("hexadecimal"), &mut buffer);
        answer.map(<[u8]>::to_vec)
    }

    /// The data and the status word of an answer.
    pub fn answer(&self, command: &str) -> (Vec<u8>, u16) {
        let mut answer = self.transmit(command).expect("an answer");
        let status = answer.split_off(answer.len() - 2);
        (answer, u16::from_be_bytes([status[0], status[1]]))
    }

    #[track_caller]
    pub fn says(&self, command: &str, status: u16) {
        let found = self.answer(command).1;
        assert_eq!(format!("{found:04X}"), format!("{status:04X}"), "{command}");
    }

    /// The data of an answer that succeeds, in hexadecimal.
    #[track_caller]
    pub fn data(&self, command: &str) -> String {
        let (data, status) = self.answer(command);
        assert_eq!(format!("{status:04X}"), "9000", "{command}");
        HEXLOWER.encode(&data)
    }

    /// A card that is pulled out answers with an error or, here, with nothing.
    #[track_caller]
    pub fn is_gone(&self, command: &str) {
        let answer = self.transmit(command);
        let gone = answer.as_ref().is_err() || answer.as_ref().is_ok_and(Vec::is_empty);
        assert!(gone, "{command} was answered");
    }

    /// Resets the card, which is in the first reader.
    pub fn reset(self) -> Self {
        let reset = self.0.disconnect(Disposition::ResetCard);
        reset.map_err(|(_, error)| error).expect("a reset");
        open(0)
    }
}

/// GENERAL AUTHENTICATE with a peer's point (in hexadecimal, with its 04).
pub fn agree(slot: u8, point: &str) -> String {
    format!("008711{slot:02X}47 7C4582008541{point}").replace(' ', "")
}

/// Shows the factory's management key.
pub fn manage(card: &Talk) {
    authenticate(card, 0x0A, MANAGED);
}

/// Shows a management key, both sides proving that they have it.
#[track_caller]
pub fn authenticate(card: &Talk, algorithm: u8, key: &[u8]) {
    match algorithm {
        0x03 => with::<des::TdesEde3>(card, algorithm, key),
        0x08 => with::<aes::Aes128>(card, algorithm, key),
        0x0A => with::<aes::Aes192>(card, algorithm, key),
        _ => with::<aes::Aes256>(card, algorithm, key),
    }
}

#[track_caller]
fn with<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt>(
    card: &Talk,
    algorithm: u8,
    key: &[u8],
) {
    let cipher = C::new_from_slice(key).expect("a key");
    let (first, _) = card.answer(&format!("0087{algorithm:02X}9B04 7C028000"));
    let mut witness = Array::try_from(&first[4..]).expect("a block");
    cipher.decrypt_block(&mut witness);
    let length = witness.len();
    let asked: Vec<u8> = (1..).take(length).collect();
    let ask = format!(
        "0087{algorithm:02X}9B{:02X} 7C{:02X} 80{length:02X}{} 81{length:02X}{}",
        2 * length + 6,
        2 * length + 4,
        HEXLOWER.encode(&witness),
        HEXLOWER.encode(&asked)
    );
    let mut block = Array::try_from(&asked[..]).expect("a block");
    cipher.encrypt_block(&mut block);
    let proof = card.data(&ask);
    assert_eq!(proof[8..], HEXLOWER.encode(&block));
}

/// The processes that name a folder in their command line.
pub fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("UTF-8");
    let processes = std::fs::read_dir("/proc").expect("/proc");
    processes
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| line.contains(folder))
        .collect()
}

/// Waits until something holds, and fails where it never does.
#[track_caller]
pub fn retry(limit: Duration, holds: impl Fn() -> bool) {
    let end = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < end, "it never came to be");
        std::thread::sleep(Duration::from_millis(10));
    }
}
