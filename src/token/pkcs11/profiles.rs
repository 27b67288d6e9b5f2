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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_profile_that_is_compiled_in_can_be_read() {
        for name in Profile::built_in_names() {
            let profile = Profile::built_in(name).unwrap();
            assert_eq!(profile.name, name);
            assert!(
                !profile.library.is_empty() && !profile.prepare.is_empty(),
                "{name}"
            );
            assert!(!profile.documents.is_empty(), "{name}");
            assert!(
                profile.mechanisms.ec || profile.mechanisms.rsa_oaep_sha256,
                "{name}"
            );
            // What was not tried says so, whenever it is used.
            let told = profile
                .cautions()
                .iter()
                .any(|one| one.contains("has not been tried"));
            assert_eq!(told, profile.tried.is_none(), "{name}");
        }
        assert_eq!(Profile::all_built_in().unwrap().len(), BUILT_IN.len());
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
        let names: Vec<_> = Profile::built_in_names().collect();
        assert_eq!(files, names);
    }
}
