//! A company's own roots of attestation, from files; and what is asked of a token where there is no vault.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::attestation::{CERTIFICATE_MAX, NotARoot, certificates};
use crate::format::{Certificate, Policy};
use crate::manifest::{self, ROOTS_MAX};
use crate::model::{Class, Failure, Firmware};

/// Reads PEM files. Each certificate counts once, however often it is given.
pub fn read(files: &[PathBuf]) -> Result<Vec<Certificate>, Failure> {
    let mut found: Vec<Certificate> = Vec::new();
    for file in files {
        let unusable = |error: NotARoot| {
            let failure = Failure::from(error);
            let what = format!("{}: {}", file.display(), failure.what);
            Failure { what, ..failure }
        };
        let ders = certificates(&bytes(file)?).map_err(|why| unusable(NotARoot::Pem(why)))?;
        for one in ders.into_iter().map(Certificate) {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    manifest::roots(&usual(found.clone()))?;
    Ok(found)
}

fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    let most = 4 * ROOTS_MAX * CERTIFICATE_MAX;
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(most as u64).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::new(
                Class::Usage,
                "attestation-root-unreadable",
                format!("{}: {error}", file.display()),
                "nothing was changed",
            )
        })?;
    Ok(bytes)
}

/// What `init` asks of tokens where nothing else is said.
pub fn usual(attestation_roots: Vec<Certificate>) -> Policy {
    Policy {
        allow_no_touch: false,
        rotate_days: 30,
        max_lease_minutes: 240,
        grace_minutes: 0,
        keep_proved_days: None,
        min_firmware: Firmware(5, 7, 0),
        allow_pin_once: false,
        attestation_roots,
    }
}
