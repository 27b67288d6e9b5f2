//! Profiles: what has to be known of a module and cannot be asked of it. They lie in `hsm-config`, one
//! TOML file each, and are compiled in.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The profiles that are compiled in: the name of the file without its suffix, and its text.
const BUILT_IN: [(&str, &str); 1] = [(
    "softhsm2",
    include_str!("../../../hsm-config/softhsm2.toml"),
)];

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
    /// The commands that initialise a token, for people to read; breakglass never runs them.
    pub prepare: Vec<String>,
    /// What to look at when the module cannot be used or shows no token.
    pub check: String,
    /// What it was tried with; absent where the profile was written from documents alone.
    pub tried: Option<Tried>,
    /// What the module can do.
    pub mechanisms: Mechanisms,
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

/// What a module wants done differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirks {
    /// How the peer's point is handed to `CKM_ECDH1_DERIVE`.
    pub peer_point: PeerPoint,
    /// Which sessions are opened for what only reads.
    pub read_write_session: ReadWriteSession,
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

impl Default for Quirks {
    /// What the standard demands of every module.
    fn default() -> Self {
        Self {
            peer_point: PeerPoint::Raw,
            read_write_session: ReadWriteSession::Auto,
        }
    }
}

/// Why a text is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a profile of a module: {0}")]
pub struct NotAProfile(String);

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`NotAProfile`] for what is no TOML, has unknown or missing fields, names a library by a relative
    /// path, or was tried on no day of the calendar.
    pub fn parse(text: &str) -> Result<Self, NotAProfile> {
        let profile: Self = toml::from_str(text).map_err(|e| NotAProfile(e.to_string()))?;
        if let Some(path) = profile.library.iter().find(|path| !path.is_absolute()) {
            return Err(NotAProfile(format!("{} is not absolute", path.display())));
        }
        if let Some(tried) = &profile.tried
            && tried.on.parse::<jiff::civil::Date>().is_err()
        {
            return Err(NotAProfile(format!("{} is not a day", tried.on)));
        }
        Ok(profile)
    }

    /// The names of all profiles that are compiled in.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The profile of this name that is compiled in.
    ///
    /// # Errors
    /// [`NotAProfile`] where there is none of the name.
    pub fn built_in(name: &str) -> Result<Self, NotAProfile> {
        let known = BUILT_IN.iter().find(|(known, _)| *known == name);
        match known {
            Some((_, text)) => Self::parse(text),
            None => {
                let names: Vec<_> = Self::built_in_names().collect();
                Err(NotAProfile(format!(
                    "none is called \"{name}\"; there is {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// The first of the library's places where a file is.
    pub fn find_library(&self) -> Option<&Path> {
        let found = self.library.iter().find(|path| path.is_file());
        found.map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_that_is_compiled_in_can_be_read() {
        for name in Profile::built_in_names() {
            let profile = Profile::built_in(name).unwrap();
            assert_eq!(profile.name, name);
            assert!(!profile.library.is_empty() && !profile.prepare.is_empty());
            assert!(profile.mechanisms.ec || profile.mechanisms.rsa_oaep_sha256);
        }
        assert!(Profile::built_in("nosuch").is_err());
    }

    #[test]
    fn every_file_in_hsm_config_is_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hsm-config");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|suffix| suffix == "toml"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let mut names: Vec<_> = Profile::built_in_names().collect();
        names.sort_unstable();
        assert_eq!(files, names);
    }

    #[test]
    fn a_profile_with_anything_else_in_it_is_refused() {
        let (_, good) = BUILT_IN[0];
        assert!(Profile::parse(good).is_ok());
        for (from, to) in [
            ("name =", "nickname = \"x\"\nname ="),
            ("ec = true", "ec = 1"),
            ("ec = true", ""),
            ("peer_point = \"raw\"", "peer_point = \"hybrid\""),
            ("session = \"auto\"", "session = \"never\""),
            ("\"/usr/lib/softhsm", "\"softhsm"),
            ("on = \"2026-11-24\"", "on = \"2026-02-30\""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            assert!(Profile::parse(&bad).is_err(), "{to}");
        }
    }
}
