//! Profiles: what has to be known of a module and cannot be asked of it. They lie in `hsm-config`, one
//! TOML file each, and are compiled in. `hsm-config/README.md` tells the fields to people.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ports::PinRules;
use crate::secret::PIN_MAX;

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, the file's without suffix.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Where the library may lie, absolute; the first one that exists is meant.
    pub library: Vec<PathBuf>,
    /// Where several profiles share a library: what the token's manufacturer begins with.
    pub maker: Option<String>,
    /// Whether the module is used wherever it is installed, without being named.
    pub automatic: bool,
    /// The documents that it was written from.
    pub documents: Vec<String>,
    /// The commands that initialise a token, for people to read; breakglass never runs them.
    pub prepare: Vec<String>,
    /// What to look at when the module cannot be used or shows no token.
    pub check: String,
    /// What people have to know before they rely on such a token; shown with it.
    pub caution: Option<String>,
    /// What it was tried with; absent where the profile was written from documents alone.
    pub tried: Option<Tried>,
    /// What the module can do.
    pub mechanisms: Mechanisms,
    /// Its PIN.
    pub pin: PinRules,
    /// Its keys.
    pub keys: KeyHabits,
    /// What it wants done differently.
    pub quirks: Quirks,
}

/// With what a profile was tried.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The module's version.
    pub version: String,
    /// The day, `YYYY-MM-DD`.
    pub on: String,
}

/// What a module can do beyond what its list of mechanisms says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mechanisms {
    /// P-256 keys and `CKM_ECDH1_DERIVE` with a result that can be read.
    pub ec: bool,
    /// `CKM_RSA_PKCS_OAEP` with SHA-256, MGF1 with SHA-256 and an empty label.
    pub rsa_oaep_sha256: bool,
}

/// The keys on a module's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHabits {
    /// Who makes them.
    pub made_by: MadeBy,
    /// Whether their public halves can be read before the PIN was given.
    pub public: PublicHalf,
    /// What they say of themselves.
    pub proof: Proof,
    /// How many bytes their `CKA_ID` has.
    pub id_length: usize,
    /// Where the module gives the keys their names: `CKA_ID` of the seal key, in hexadecimal.
    pub seal_id: Option<String>,
    /// And of the sign key.
    pub sign_id: Option<String>,
}

/// Who makes the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MadeBy {
    /// `token generate`.
    Breakglass,
    /// The maker's own tools; the commands stand in `prepare`.
    Maker,
}

/// When the public halves can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicHalf {
    /// At any time.
    Open,
    /// Only after the login.
    Login,
}

/// What the private keys must say of themselves. Each further step down proves less, and is told to people
/// whenever the token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// Made on the token and never out of it: also `CKA_LOCAL`.
    Local,
    /// Never out of it as far as it can tell: `CKA_ALWAYS_SENSITIVE` and `CKA_NEVER_EXTRACTABLE`.
    History,
    /// Cannot be taken out now: `CKA_SENSITIVE` and not `CKA_EXTRACTABLE`.
    Now,
}

/// What a module wants done differently.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirks {
    /// How the peer's point is handed to `CKM_ECDH1_DERIVE`.
    pub peer_point: PeerPoint,
    /// Which sessions are opened for what only reads.
    pub read_write_session: ReadWriteSession,
    /// Whether the token takes data objects, so that it can carry an anchor.
    pub data_objects: bool,
    /// The text for `pReserved` of `C_Initialize`, in which FOLDER stands for the folder that the
    /// configuration names.
    pub start: Option<String>,
}

/// The two forms of a point (PKCS#11 3.0 current mechanisms, section 2.3.7: a token must take the first
/// and may take the second).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerPoint {
    /// Uncompressed, 65 bytes.
    Raw,
    /// The same in a DER OCTET STRING, 67 bytes.
    Der,
}

/// Whether a read-only session is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadWriteSession {
    /// First read-only, and read-write where the module refuses that.
    Auto,
    /// Read-write at once.
    Always,
}

impl Default for Mechanisms {
    /// Where there is no profile, the module's own list of mechanisms is believed.
    fn default() -> Self {
        Self {
            ec: true,
            rsa_oaep_sha256: true,
        }
    }
}

impl Default for KeyHabits {
    /// What the standard allows to everybody, and the strongest proof.
    fn default() -> Self {
        Self {
            made_by: MadeBy::Breakglass,
            public: PublicHalf::Open,
            proof: Proof::Local,
            id_length: 16,
            seal_id: None,
            sign_id: None,
        }
    }
}

impl Default for Quirks {
    /// What the standard demands of every module.
    fn default() -> Self {
        Self {
            peer_point: PeerPoint::Raw,
            read_write_session: ReadWriteSession::Auto,
            data_objects: true,
            start: None,
        }
    }
}

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a profile of a module: {0}")]
pub struct NotAProfile(pub(super) String);

/// The longest `CKA_ID` that is made, in bytes.
const ID_MAX: usize = 32;

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`NotAProfile`] for what is no TOML, has unknown or missing fields, or says what cannot be.
    pub fn parse(text: &str) -> Result<Self, NotAProfile> {
        let profile: Self = toml::from_str(text).map_err(|e| NotAProfile(e.to_string()))?;
        match profile.impossible() {
            Some(why) => Err(NotAProfile(why)),
            None => Ok(profile),
        }
    }

    fn impossible(&self) -> Option<String> {
        if let Some(path) = self.library.iter().find(|path| !path.is_absolute()) {
            return Some(format!("{} is not absolute", path.display()));
        }
        if let Some(tried) = &self.tried
            && tried.on.parse::<jiff::civil::Date>().is_err()
        {
            return Some(format!("{} is not a day", tried.on));
        }
        if !(1..=self.pin.max).contains(&self.pin.min) || self.pin.max > PIN_MAX {
            return Some(format!("a PIN has 1 to {PIN_MAX} bytes"));
        }
        if !(1..=ID_MAX).contains(&self.keys.id_length) {
            return Some(format!("a CKA_ID has 1 to {ID_MAX} bytes"));
        }
        let ids = [&self.keys.seal_id, &self.keys.sign_id];
        let bad = |id: &&String| hex(id).is_none_or(|bytes| bytes.is_empty());
        if let Some(id) = ids.into_iter().flatten().find(bad) {
            return Some(format!("\"{id}\" is no CKA_ID in hexadecimal"));
        }
        if ids[0].is_some() != ids[1].is_some() || ids[0].is_some() && ids[0] == ids[1] {
            return Some("seal_id and sign_id go together, and differ".to_owned());
        }
        if ids[0].is_some() && self.keys.made_by == MadeBy::Breakglass {
            return Some("keys that have their names from the maker are made by the maker".into());
        }
        None
    }

    /// The first of the library's places where a file is.
    pub fn find_library(&self) -> Option<&Path> {
        let found = self.library.iter().find(|path| path.is_file());
        found.map(PathBuf::as_path)
    }

    /// Whether a library of this file name can be one of the profile's.
    pub fn is_of_library(&self, path: &Path) -> bool {
        let mut names = self.library.iter().map(|library| library.file_name());
        names.any(|name| name == path.file_name())
    }

    /// Whether the profile is for tokens of this manufacturer.
    pub(super) fn is_for(&self, manufacturer: &str) -> bool {
        let maker = self.maker.as_deref();
        maker.is_none_or(|maker| manufacturer.starts_with(maker))
    }

    /// What people have to know before they rely on a token under this profile.
    pub fn cautions(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.tried.is_none() {
            all.push(format!(
                "the profile {} was written from documents and has not been tried on such a token ({})",
                self.name,
                self.documents.join("; ")
            ));
        }
        match self.keys.proof {
            Proof::Local => {}
            Proof::History => all.push(
                "it does not say of its keys that they were made on it (CKA_LOCAL), only that they were \
                 always sensitive and never extractable"
                    .to_owned(),
            ),
            Proof::Now => all.push(
                "it does not say of its keys that they were made on it, nor that they never left it; only \
                 that they cannot be taken out now. Make them with breakglass, and with nothing else"
                    .to_owned(),
            ),
        }
        if !self.pin.checked {
            all.push(
                "it checks no PIN: whoever reaches it with this machine's credentials can use its keys"
                    .to_owned(),
            );
        }
        all.extend(self.caution.clone());
        all
    }
}

/// Bytes in hexadecimal, of either case.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    decoded.ok()
}
