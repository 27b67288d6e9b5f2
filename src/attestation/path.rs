//! From the attestation to a pinned root.

use super::certificate::Certificate;
use super::roots::{Anchor, Roots};
use super::signature::PublicKey;
use super::{CHAIN_MAX, Unattested};

/// A chain that holds.
pub(super) struct Path<'a> {
    /// The device's certificate and all between it and the root, from there up.
    pub(super) certificates: Vec<&'a Certificate>,
    pub(super) root: &'a Anchor,
}

/// Checks that the attestation was made by the device's key.
pub(super) fn check_leaf(leaf: &Certificate, device: &Certificate) -> Result<(), Unattested> {
    if leaf.is_authority() {
        return Err(Unattested::KeyIsAuthority);
    }
    if let PublicKey::Other(what) = &device.key {
        let (part, what) = (device.part, what.clone());
        return Err(Unattested::Algorithm { part, what });
    }
    if !leaf.is_issued_in_the_name_of(device) {
        return Err(Unattested::OtherDevice {
            issuer: leaf.issuer(),
            device: device.subject(),
        });
    }
    if !leaf.is_signed_by(device) {
        return Err(bad_signature(leaf));
    }
    Ok(())
}

/// Finds the way from the device's certificate to a root, by what was given and what is built in. Several
/// authorities may bear one name; what counts is which of them signed.
pub(super) fn up_to_a_root<'a>(
    device: &'a Certificate,
    given: &'a [Certificate],
    roots: &'a Roots,
) -> Result<Path<'a>, Unattested> {
    let mut climb = Climb {
        given,
        roots,
        path: Vec::new(),
    };
    let root = climb.on(device)?;
    Ok(Path {
        certificates: climb.path,
        root,
    })
}

fn bad_signature(of: &Certificate) -> Unattested {
    Unattested::Signature {
        part: of.part,
        issuer: of.issuer(),
    }
}

struct Climb<'a> {
    given: &'a [Certificate],
    roots: &'a Roots,
    path: Vec<&'a Certificate>,
}

impl<'a> Climb<'a> {
    /// Steps on a certificate and goes on from there. The path keeps the certificate where that succeeds.
    fn on(&mut self, current: &'a Certificate) -> Result<&'a Anchor, Unattested> {
        current.check_authority(self.path.len())?;
        self.path.push(current);
        let found = self.above(current);
        if found.is_err() {
            self.path.pop();
        }
        found
    }

    /// Tries the roots that have the issuer's name, then the others. Where nothing leads to a root, the
    /// reason is that of the furthest step.
    fn above(&mut self, current: &'a Certificate) -> Result<&'a Anchor, Unattested> {
        let mut reason = None;
        for anchor in &self.roots.anchors {
            if !current.is_issued_in_the_name_of(&anchor.certificate) {
                continue;
            }
            if current.is_signed_by(&anchor.certificate) {
                return self.under(anchor).map(|()| anchor);
            }
            reason.get_or_insert_with(|| bad_signature(current));
        }
        let between = self.given.iter().chain(&self.roots.between);
        for next in between {
            if !current.is_issued_in_the_name_of(next) {
                continue;
            }
            if !current.is_signed_by(next) {
                reason.get_or_insert_with(|| bad_signature(current));
            } else if self.path.iter().any(|known| known.der == next.der) {
                reason.get_or_insert(Unattested::Circle);
            } else if self.path.len() + 3 > CHAIN_MAX {
                // the attestation, those up to here, the next, and a root
                reason = Some(Unattested::TooLong);
            } else {
                match self.on(next) {
                    Ok(root) => return Ok(root),
                    Err(why) => reason = Some(why),
                }
            }
        }
        Err(reason.unwrap_or_else(|| Unattested::UnknownRoot {
            part: current.part,
            issuer: current.issuer(),
        }))
    }

    /// Checks what the root itself allows.
    fn under(&self, anchor: &Anchor) -> Result<(), Unattested> {
        anchor.certificate.check_authority(self.path.len())?;
        let issuer = self.path.first().map_or_else(String::new, |it| it.issuer());
        match &anchor.through {
            Some(through) if !issuer.starts_with(through) => Err(Unattested::NotForPiv { issuer }),
            _ => Ok(()),
        }
    }
}
