//! The roots that are trusted.

use super::certificate::Certificate;
use super::pem::certificates;
use super::{NotARoot, Part, Unattested};
use crate::format::digest;
use crate::model::Digest;

/// Yubico's roots, as Yubico's developer site publishes them; behind each the SHA-256 of its DER, and the
/// beginning of the name of the authorities that may have issued a device's certificate.
const YUBICO_ROOTS: [(&str, Option<&str>); 2] = [
    // 63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546; PIV only
    (include_str!("roots/yubico-piv-root-263751.pem"), None),
    // 62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8; of FIDO, OpenPGP and others, too
    (
        include_str!("roots/yubico-attestation-root-1.pem"),
        Some("Yubico PIV Attestation "),
    ),
];

/// The authorities between Yubico Attestation Root 1 and the devices, which the devices do not hold
/// themselves. They are not trusted for being here: each is verified up to the root, every time.
const YUBICO_BETWEEN: [&str; 5] = [
    include_str!("roots/yubico-attestation-intermediate-a-1.pem"),
    include_str!("roots/yubico-attestation-intermediate-b-1.pem"),
    include_str!("roots/yubico-piv-attestation-a-1.pem"),
    include_str!("roots/yubico-piv-attestation-b-1.pem"),
    include_str!("roots/yubico-piv-attestation-b2-1.pem"),
];

/// A root as it is told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootName {
    /// The subject's common name, as it stands there: of a company's own root this is text from outside.
    pub name: String,
    /// SHA-256 of the certificate's DER.
    pub fingerprint: Digest,
    /// Whether it is a company's own, and not one of Yubico's.
    pub is_own: bool,
}

/// A root that is pinned, by its key and its name.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) certificate: Certificate,
    pub(super) through: Option<String>,
    is_own: bool,
}

impl Anchor {
    pub(super) fn name(&self) -> RootName {
        RootName {
            name: self.certificate.subject(),
            fingerprint: digest(&self.certificate.der),
            is_own: self.is_own,
        }
    }
}

/// The roots that are trusted, and the authorities below them that are known.
#[derive(Debug, Clone)]
pub struct Roots {
    pub(super) anchors: Vec<Anchor>,
    pub(super) between: Vec<Certificate>,
}

impl Roots {
    /// Yubico's. One that could not be read would be left out, and what it signed refused; the tests see
    /// that all are there.
    pub fn yubico() -> Self {
        let mut roots = Self::none();
        for (pem, through) in YUBICO_ROOTS {
            let certificate = single(pem, Part::Root);
            roots.anchors.extend(certificate.map(|certificate| Anchor {
                certificate,
                through: through.map(str::to_owned),
                is_own: false,
            }));
        }
        let between = YUBICO_BETWEEN.into_iter();
        roots
            .between
            .extend(between.filter_map(|pem| single(pem, Part::Between)));
        roots
    }

    /// A company's own alone: see [`Self::with_own`].
    ///
    /// # Errors
    /// [`NotARoot`].
    pub fn only(pem: &[u8]) -> Result<Self, NotARoot> {
        Self::none().with_own(pem)
    }

    /// These and a company's own, for YubiKeys whose slot F9 the company has written over. The PEM text may
    /// hold several certificates: those that are signed by their own key become roots, the others are
    /// authorities that may stand below them.
    ///
    /// # Errors
    /// [`NotARoot`]: not PEM, a certificate that is not sound or no authority, no root among them.
    pub fn with_own(self, pem: &[u8]) -> Result<Self, NotARoot> {
        self.with(pem, None)
    }

    /// As [`Self::with_own`], for a root that has other uses, too: a device's certificate must have been
    /// issued by an authority whose common name begins so.
    ///
    /// # Errors
    /// [`NotARoot`].
    pub fn with_own_through(self, pem: &[u8], authority: &str) -> Result<Self, NotARoot> {
        self.with(pem, Some(authority.to_owned()))
    }

    /// All roots, in the order in which they are tried.
    pub fn names(&self) -> impl Iterator<Item = RootName> + '_ {
        self.anchors.iter().map(Anchor::name)
    }

    fn none() -> Self {
        Self {
            anchors: Vec::new(),
            between: Vec::new(),
        }
    }

    fn with(mut self, pem: &[u8], through: Option<String>) -> Result<Self, NotARoot> {
        let before = self.anchors.len();
        for der in certificates(pem).map_err(NotARoot::Pem)? {
            let mut certificate = Certificate::parse(&der, Part::Between)?;
            if !certificate.is_its_own_issuer() {
                certificate.check_authority(0)?;
                self.between.push(certificate);
                continue;
            }
            certificate.part = Part::Root;
            certificate.check_authority(0)?;
            self.anchors.push(Anchor {
                certificate,
                through: through.clone(),
                is_own: true,
            });
        }
        if self.anchors.len() == before {
            return Err(NotARoot::NoRoot);
        }
        Ok(self)
    }
}

/// The one certificate of a text that is built in.
fn single(pem: &str, part: Part) -> Option<Certificate> {
    let read = certificates(pem.as_bytes()).ok()?;
    let read: Result<Certificate, Unattested> = Certificate::parse(read.first()?, part);
    read.ok()
}

#[cfg(test)]
mod tests {
    use super::super::path::up_to_a_root;
    use super::*;

    /// The path from an authority to a root, by the subjects; or why there is none.
    fn way(roots: &Roots, from: &str) -> Result<Vec<String>, Unattested> {
        let from = roots.between.iter().find(|one| one.subject() == from);
        let path = up_to_a_root(from.expect("built in"), &[], roots)?;
        let between = path.certificates.iter().map(|one| one.subject());
        Ok(between.chain([path.root.name().name]).collect())
    }

    #[test]
    fn all_that_is_built_in_is_sound() {
        let roots = Roots::yubico();
        assert_eq!(roots.anchors.len(), YUBICO_ROOTS.len());
        assert_eq!(roots.between.len(), YUBICO_BETWEEN.len());
        for anchor in &roots.anchors {
            assert!(anchor.certificate.is_its_own_issuer());
            assert!(anchor.certificate.check_authority(1).is_ok());
        }
    }

    #[test]
    fn yubicos_authorities_lead_to_yubicos_root() {
        let mut roots = Roots::yubico();
        for anchor in &mut roots.anchors {
            anchor.through = None;
        }
        for (letter, middle) in [("A", "A"), ("B", "B"), ("B2", "B")] {
            let piv = format!("Yubico PIV Attestation {letter} 1");
            let expected = [
                piv.clone(),
                format!("Yubico Attestation Intermediate {middle} 1"),
                "Yubico Attestation Root 1".to_owned(),
            ];
            assert_eq!(way(&roots, &piv), Ok(expected.to_vec()));
        }
    }

    #[test]
    fn under_the_root_of_all_of_yubicos_uses_only_piv_authorities_count() {
        let roots = Roots::yubico();
        // As if a device's certificate were issued by the intermediate, past the authority for PIV.
        let issuer = "Yubico Attestation Intermediate B 1".to_owned();
        assert_eq!(
            way(&roots, "Yubico PIV Attestation B 1"),
            Err(Unattested::NotForPiv { issuer })
        );
    }
}
