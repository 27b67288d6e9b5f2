//! The texts of a folder for the safe: the card to print, and what the laptop needs.

use crate::cli::escape::Shown;
use crate::model::{Digest, Presence, Role, Timestamp};
use crate::ops::Exported;

/// What the texts tell of.
pub struct About<'a> {
    /// The copy.
    pub exported: &'a Exported,
    /// When it was made.
    pub created: Timestamp,
    /// The SHA-256 of the program that made it.
    pub program: Digest,
}

/// The fingerprint in two lines of eight groups.
fn fingerprint(about: &About<'_>) -> String {
    let grouped = about.exported.pins.vault.grouped();
    let (first, second) = grouped.split_at(grouped.len() / 2);
    format!("    {}\n    {}\n", first.trim(), second.trim())
}

/// The card: what a person must have on paper, because a file beside the vault proves nothing.
pub fn card(about: &About<'_>) -> String {
    let Exported { manifest, pins, .. } = about.exported;
    let mut text = format!(
        "BREAK-GLASS CARD of the vault {}, {}\n\
         Print this, check it against the last card, and put it into the safe. On a screen it proves nothing:\n\
         whoever can change the vault can change this file.\n\n\
         FINGERPRINT, to be typed on a laptop that has never seen the vault\n\n{}\n\
         STAND    manifest {} {}\n         ledger   {} entries, {}\n\n",
        manifest.vault,
        about.created,
        fingerprint(about),
        pins.version,
        pins.manifest.short(),
        pins.ledger_size,
        pins.ledger_root.short(),
    );
    text.push_str("WHO OPENS IT\n\n");
    for role in Role::ALL {
        let needed = manifest.thresholds.of(role);
        for (index, (_, custodian)) in manifest.holders(role).enumerate() {
            if index == 0 {
                text.push_str(&format!("    {role}: {needed} of these\n"));
            }
            for token in &custodian.tokens {
                let presence = match token.keys.presence {
                    Presence::Touch => "PIN and touch",
                    Presence::None => "PIN alone",
                };
                text.push_str(&format!(
                    "        {:<16} {} ({presence})\n",
                    custodian.name.as_str(),
                    Shown(&token.identity.to_string()),
                ));
            }
        }
    }
    text.push_str("\nWHAT IT OPENS\n\n");
    for (definition, key) in &about.exported.credentials {
        let key = key.as_ref().map_or_else(
            || "NO SEALED KEY".to_owned(),
            std::string::ToString::to_string,
        );
        text.push_str(&format!(
            "    {:<16} account {}, user {}, {key}\n",
            definition.name.as_str(),
            definition.account,
            Shown(definition.user.as_str()),
        ));
    }
    text.push_str(NIGHT);
    text
}

const NIGHT: &str = "
TONIGHT, with this folder as FOLDER, and a folder on a medium that can be written as LEDGER

    FOLDER/breakglass --ledger LEDGER vault import FOLDER FINGERPRINT
    breakglass doctor
    breakglass unseal NAME --reason 'INC-…: what happened'
    (type each PIN when its owner's name and serial are shown; touch when it says so)

    You break nothing by stopping: Ctrl-C at any prompt. Exit code 7, or the words forged, damaged,
    cut off, another vault: stop, touch nothing, call the security officer.

AFTERWARDS, at the main vault, with LEDGER

    breakglass ledger join LEDGER
    breakglass close INCIDENT
    breakglass vault export FOLDER      and print the card again: the old keys are dead

IF BREAKGLASS DOES NOT START: scripts/recover opens the vault with the same people, tokens and PINs, and
this fingerprint (docs/recovery.md). What is opened so is not in the ledger: write down who, when and why.
";

/// What lies in the folder, and what the laptop needs.
pub fn readme(about: &About<'_>, with_program: bool) -> String {
    let program = if with_program {
        "breakglass    the program"
    } else {
        "(the program is not here: bring it)"
    };
    format!(
        "A copy of the vault {} for the safe, made {} by breakglass {}.\n\n\
         vault/        the copy: manifests, sealed keys, ledger. Nothing of it is secret without the tokens\n\
         pins.json     what it stands at: an import compares it\n\
         CARD.txt      to print. It bears the fingerprint, which is typed, never copied from here\n\
         {program}\n\n\
         The program that made this has the SHA-256\n    {}\n\n\
         THE LAPTOP NEEDS (Debian; install it while there is a network)\n\n\
         for YubiKeys           apt-get install pcscd libpcsclite1\n\
         for PKCS#11 tokens     the library of the token's maker (softhsm2, for SoftHSM)\n\
         no network, no AWS, no single sign-on; a clock that is right; a terminal\n\
         a medium that can be written, for the ledger, if this one is write-protected: --ledger DIR\n\n\
         Files must belong to the user who runs breakglass, or to root, and be written by nobody else:\n\
         chown -R root: FOLDER && chmod -R go= FOLDER, or copy the folder to the laptop.\n\n\
         This copy is good until the next rotation: then the keys in it are dead. Export again after each, into\n\
         the same folder. It was read back and verified before it was put here; to verify it again:\n\
         breakglass --vault FOLDER/vault ledger verify\n",
        about.exported.manifest.vault,
        about.created,
        env!("CARGO_PKG_VERSION"),
        about.program,
    )
}

/// What is said when it is done.
pub fn done(about: &About<'_>, place: &str) -> String {
    let pins = about.exported.pins;
    format!(
        "{} objects were copied to {} and read back: manifest {}, {} entries, whole and good.\n\n\
         Print CARD.txt and put it into the safe with the tokens. The copy is good until the next rotation:\n\
         run this again then.\n",
        about.exported.objects,
        Shown(place),
        pins.version,
        pins.ledger_size,
    )
}
