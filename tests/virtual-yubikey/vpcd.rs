//! The wire between a card and its reader: vpcd's protocol over TCP.
//!
//! A message is a length of two bytes, big-endian, and as many bytes. A message of one byte commands the
//! card's power; a longer one is a command APDU and wants an answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::linux::net::TcpStreamExt;

/// What a YubiKey 5 answers to a reset, over contacts (T=1, historical bytes `YubiKey`).
pub const ATR: [u8; 23] = [
    0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57, 0x59,
    0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40,
];

/// What the reader wants.
pub enum Message {
    /// The power went off or on, or the card is reset: what it held in memory is gone.
    Power,
    /// The reader asks for the ATR.
    Atr,
    /// A command APDU.
    Command(Vec<u8>),
}

/// One card's end of the wire.
pub struct Wire(TcpStream);

impl Wire {
    /// Puts a card into the slot that listens on this port of the loopback.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// A handle that can end the connection from another thread.
    pub fn handle(&self) -> io::Result<TcpStream> {
        self.0.try_clone()
    }

    /// Waits for the next message.
    pub fn receive(&mut self) -> io::Result<Message> {
        let mut length = [0; 2];
        self.read(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        self.read(&mut message)?;
        Ok(match *message {
            [0..=2] => Message::Power,
            [4] => Message::Atr,
            _ => Message::Command(message),
        })
    }

    /// Answers the last message.
    pub fn send(&mut self, answer: &[u8]) -> io::Result<()> {
        let length = u16::try_from(answer.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.0.write_all(&[&length.to_be_bytes(), answer].concat())
    }

    /// vpcd writes the length and the rest apart and with Nagle's algorithm: without an acknowledgement at
    /// once, each message takes 40 ms longer.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.0.set_quickack(true)?;
        self.0.read_exact(buffer)
    }
}
