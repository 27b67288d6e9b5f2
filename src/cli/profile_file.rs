//! What a child gets as AWS profiles: a credentials file (AWS SDKs reference, "Shared config and credentials files")
//! that is memory, on no disk, and gone with the last process that has it open.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use zeroize::Zeroizing;

use crate::model::AccessKeyId;

/// One profile.
pub struct Profile<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The access key id.
    pub key: &'a AccessKeyId,
    /// The secret access key.
    pub secret: &'a str,
    /// The session token, of a session.
    pub token: Option<&'a str>,
}

/// The file; a child that is started while it is open has it, too.
pub struct ProfileFile(OwnedFd);

impl ProfileFile {
    /// Writes the profiles, and lets nobody change them.
    pub fn new(profiles: &[Profile<'_>]) -> io::Result<Self> {
        // Not closed on exec: that is how the child comes to it.
        let file = memfd_create("breakglass-profiles", MemfdFlags::ALLOW_SEALING)?;
        let text = text(profiles);
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
fn text(profiles: &[Profile<'_>]) -> Zeroizing<String> {
    let room = |one: &Profile<'_>| 512 + one.token.map_or(0, str::len);
    let mut text = Zeroizing::new(String::with_capacity(profiles.iter().map(room).sum()));
    for profile in profiles {
        for part in [
            "[",
            profile.name,
            "]\naws_access_key_id = ",
            profile.key.as_str(),
            "\naws_secret_access_key = ",
            profile.secret,
            "\n",
        ] {
            text.push_str(part);
        }
        if let Some(token) = profile.token {
            for part in ["aws_session_token = ", token, "\n"] {
                text.push_str(part);
            }
        }
    }
    text
}
