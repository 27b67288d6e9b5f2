//! The sessions that a child gets as AWS profiles: a credentials file (AWS SDKs reference, "Shared config and
//! credentials files") that is memory, on no disk, and gone with the last process that has it open.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use zeroize::Zeroizing;

use crate::ops::Session;

/// The file; a child that is started while it is open has it, too.
pub struct SessionFile(OwnedFd);

impl SessionFile {
    /// Writes the profiles, and lets nobody change them.
    pub fn new(sessions: &[Session]) -> io::Result<Self> {
        // Not closed on exec: that is how the child comes to it.
        let file = memfd_create("breakglass-profiles", MemfdFlags::ALLOW_SEALING)?;
        let text = text(sessions);
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = rustix::io::write(&file, rest)?;
            rest = &rest[written..];
        }
        fcntl_add_seals(
            &file,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )?;
        Ok(Self(file))
    }

    /// Its path, for the child and whatever that starts.
    pub fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}

/// Names, keys and tokens are of alphabets without line breaks, so nothing can break out of its line.
fn text(sessions: &[Session]) -> Zeroizing<String> {
    let room = |one: &Session| 512 + one.made.token.expose().len();
    let mut text = Zeroizing::new(String::with_capacity(sessions.iter().map(room).sum()));
    for Session { role, made } in sessions {
        for part in [
            "[",
            role.profile.as_str(),
            "]\naws_access_key_id = ",
            made.key.as_str(),
            "\naws_secret_access_key = ",
            made.secret.expose(),
            "\naws_session_token = ",
            made.token.expose(),
            "\n",
        ] {
            text.push_str(part);
        }
    }
    text
}
