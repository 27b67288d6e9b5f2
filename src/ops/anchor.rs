//! Anchors on tokens: what a token remembers of the vault from the last time that it signed for it. A machine
//! that has never seen the vault notices an older or another one by it.

use super::open_vault::OpenVault;
use crate::format::dsse::{Envelope, EnvelopeSignature};
use crate::format::{Anchor, EnrolledToken};
use crate::ledger::Head;
use crate::manifest::{Chain, Pin};
use crate::model::{Class, Digest, Failure, Timestamp, TokenKeys};
use crate::ports::{Notice, Operator, Token, TokenError};
use crate::secret;

/// Draws up the anchor of a vault as far as it has come.
pub(super) fn draw_up(chain: &Chain, head: &Head, now: Timestamp) -> Result<Envelope, Failure> {
    Ok(Envelope::of(&Anchor {
        vault: chain.vault(),
        version: chain.newest().version,
        manifest: chain.newest_digest(),
        ledger_size: head.size,
        ledger_root: head.root,
        written: now,
    })?)
}

/// Puts an anchor that the token just signed on it, and returns whether it took it. The deed goes on where it
/// did not: an opening warns of a token that carries none.
pub(super) fn write(
    token: &mut dyn Token,
    pin: &secret::Pin,
    mut envelope: Envelope,
    id: Digest,
    sig: Vec<u8>,
) -> Result<bool, TokenError> {
    envelope.signatures = vec![EnvelopeSignature { keyid: id, sig }];
    let bytes = envelope.to_bytes().map_err(|error| TokenError::Device {
        token: token.identity().to_string(),
        reason: error.to_string(),
    })?;
    token.write_anchor(pin, &bytes)
}

/// Compares the vault with what the token remembers, before its PIN is asked for.
///
/// # Errors
/// [`Class::Integrity`] where the token has seen another vault, a newer manifest, or entries of the ledger that
/// are not there.
pub(super) fn check(
    vault: &OpenVault<'_>,
    enrolled: &EnrolledToken,
    token: &mut dyn Token,
    operator: &mut dyn Operator,
) -> Result<(), Failure> {
    let Some(bytes) = token.anchor()? else {
        if token.carries_anchors() {
            operator.notice(Notice::Warning(format!(
                "{} carries no anchor: whether this vault is an older one, it cannot tell",
                enrolled.identity
            )));
        }
        return Ok(());
    };
    let anchor = read(&bytes, enrolled).map_err(|why| {
        Failure::new(
            Class::Integrity,
            "token-anchor-damaged",
            format!(
                "the anchor on {} is not what it must be: {why}",
                enrolled.identity
            ),
            "its PIN was not asked for; nothing was opened",
        )
        .hint("use a spare token, and tell the security officer")
        .hint("the next change of the manifest that this token signs writes it anew")
    })?;
    vault.chain.compare(&Pin {
        vault: anchor.vault,
        version: anchor.version,
        manifest: anchor.manifest,
    })?;
    vault.reaches(anchor.ledger_size, anchor.ledger_root)
}

/// A token that is to serve this vault from now on forgets another one that it served, and whoever holds it says
/// so.
///
/// # Errors
/// [`Failure`] where they do not.
pub(super) fn forget_another(
    token: &mut dyn Token,
    keys: &TokenKeys,
    vault: &Envelope,
    operator: &mut dyn Operator,
) -> Result<(), Failure> {
    let identity = token.identity().clone();
    let Some(bytes) = token.anchor()? else {
        return Ok(());
    };
    let enrolled = EnrolledToken {
        identity: identity.clone(),
        keys: keys.clone(),
        attestation: None,
    };
    // What cannot be read, or was signed by keys that are gone, is nobody's any more.
    let Ok(old) = read(&bytes, &enrolled) else {
        return Ok(());
    };
    if old.vault == vault.document::<Anchor>()?.vault {
        return Ok(());
    }
    let question = format!(
        "{identity} remembers another vault, with the fingerprint {}, since {}. A token serves one vault: from now \
         on it would refuse that one",
        old.vault, old.written
    );
    Ok(operator.confirm(&question, &identity.serial)?)
}

fn read(bytes: &[u8], enrolled: &EnrolledToken) -> Result<Anchor, String> {
    let envelope = Envelope::read::<Anchor>(bytes).map_err(|e| e.to_string())?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err("it has not one signature".to_owned());
    };
    if signature.keyid != enrolled.id() {
        return Err("another token signed it".to_owned());
    }
    crate::crypto::verify(
        &enrolled.keys.sign,
        &envelope.signed_bytes(),
        &signature.sig,
    )
    .map_err(|_| "its signature does not verify".to_owned())?;
    envelope.document().map_err(|e| e.to_string())
}
