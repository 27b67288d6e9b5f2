//! Why nothing can be believed of a key.

use std::fmt;

/// A certificate's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The attestation itself, of the key in the slot.
    Key,
    /// The certificate of slot F9, which signs attestations.
    Device,
    /// Between F9 and the root.
    Between,
    /// The root.
    Root,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the key's attestation",
            Self::Device => "the device's certificate (slot F9)",
            Self::Between => "a certificate between slot F9 and the root",
            Self::Root => "the root",
        })
    }
}

/// The chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unattested {
    /// More certificates than [`super::CHAIN_MAX`] were given.
    #[error("the chain has {0} certificates; no true one has more than {max}", max = super::CHAIN_MAX)]
    TooMany(usize),
    /// A certificate is longer than [`super::CERTIFICATE_MAX`].
    #[error("{part} has {bytes} bytes; no true one has more than {max}", max = super::CERTIFICATE_MAX)]
    TooLarge {
        /// Which.
        part: Part,
        /// How long it is.
        bytes: usize,
    },
    /// Not a certificate (X.509, version 3, DER).
    #[error("{part} is no well-formed certificate: {why}")]
    Malformed {
        /// Which.
        part: Part,
        /// What is wrong.
        why: String,
    },
    /// Neither RSA (2048 to 4096 bits) nor ECDSA on P-256 or P-384, with SHA-256, SHA-384 or SHA-512.
    #[error("{part} has a key or a signature of a kind that is not used for attestation: {what}")]
    Algorithm {
        /// Which.
        part: Part,
        /// The kind.
        what: String,
    },
    /// The attestation does not name the device's certificate as its issuer.
    #[error(
        "the attestation was made by \"{issuer}\", and the certificate in slot F9 is of \"{device}\""
    )]
    OtherDevice {
        /// Who made it.
        issuer: String,
        /// Whom slot F9 speaks of.
        device: String,
    },
    /// The signature is not of the key that should have made it.
    #[error("the signature of {part} is not of \"{issuer}\"")]
    Signature {
        /// What is signed.
        part: Part,
        /// Whose signature it should be.
        issuer: String,
    },
    /// The attestation is a certificate of an authority.
    #[error("the attestation is no attestation of a key: it makes its key an authority")]
    KeyIsAuthority,
    /// A certificate that may not sign others did so.
    #[error("{part} may not sign certificates: {why}")]
    NoAuthority {
        /// Which.
        part: Part,
        /// What it lacks.
        why: &'static str,
    },
    /// More authorities stand below a certificate than it allows.
    #[error("{part} allows {allowed} authorities below it, and there are {found}")]
    PathLength {
        /// Which.
        part: Part,
        /// As it says.
        allowed: u8,
        /// As it is.
        found: usize,
    },
    /// A critical extension that is not understood (RFC 5280, section 4.2: it must be refused).
    #[error("{part} has a critical extension that is not known: {oid}")]
    Critical {
        /// Which.
        part: Part,
        /// The extension.
        oid: String,
    },
    /// An extension stands there twice.
    #[error("{part} has the extension {oid} twice")]
    Twice {
        /// Which.
        part: Part,
        /// The extension.
        oid: String,
    },
    /// The attestation does not say, or not clearly, what it should.
    #[error("the attestation does not tell the {what}: {why}")]
    Fact {
        /// Firmware, serial, policies, form factor.
        what: &'static str,
        /// Missing, misshapen.
        why: &'static str,
    },
    /// No pinned root has signed it.
    #[error("no root that is trusted here stands above {part}: it was issued by \"{issuer}\"")]
    UnknownRoot {
        /// The last that is known.
        part: Part,
        /// Its issuer.
        issuer: String,
    },
    /// Certificates that were signed in a circle.
    #[error("the certificates lead in a circle, and to no root that is trusted here")]
    Circle,
    /// No root is reached within [`super::CHAIN_MAX`] certificates.
    #[error("no root is reached within {max} certificates", max = super::CHAIN_MAX)]
    TooLong,
    /// The root is good, the authority below it is not one for PIV.
    #[error("\"{issuer}\" is no authority for PIV attestation, though its root is trusted")]
    NotForPiv {
        /// Who issued the device's certificate.
        issuer: String,
    },
    /// The attestation holds, and the key is none that is used here (P-256 alone is).
    #[error("the key is {0}; breakglass uses keys on P-256 alone")]
    KeyKind(String),
}

/// The text is no root that can be pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARoot {
    /// It is not PEM.
    #[error("the root is not usable: {0}")]
    Pem(&'static str),
    /// A certificate in it is not sound.
    #[error("the root is not usable: {0}")]
    Unsound(#[from] Unattested),
    /// None of the certificates is signed by itself.
    #[error("the root is not usable: none of the certificates is signed by its own key")]
    NoRoot,
}
