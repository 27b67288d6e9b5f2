//! The profiles that are compiled in: the files of `hsm-config`.

use super::profile::{NotAProfile, Profile};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../hsm-config/", $name, ".toml")))),*]
    };
}

/// The name of the file without its suffix, and its text.
const BUILT_IN: [(&str, &str); 14] = built_in![
    "aws-cloudhsm",
    "google-kms",
    "kryoptic",
    "luna",
    "nitrokey-hsm",
    "nshield",
    "nss",
    "opencryptoki",
    "opensc-piv",
    "softhsm2",
    "tpm2",
    "utimaco",
    "ykcs11",
    "yubihsm2",
];

impl Profile {
    /// The names of all profiles that are compiled in, in the order of the alphabet.
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

    /// All that are compiled in.
    ///
    /// # Errors
    /// [`NotAProfile`], which the tests rule out.
    pub fn all_built_in() -> Result<Vec<Self>, NotAProfile> {
        BUILT_IN.iter().map(|(_, text)| Self::parse(text)).collect()
    }
}
