//! One certificate, read strictly (RFC 5280, section 4; DER).

use x509_cert::certificate::Version;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::name::Name;

use super::signature::{Algorithm, PublicKey};
use super::{CERTIFICATE_MAX, Part, Unattested};

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A certificate whose form is sound. Nothing is verified by reading it.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) part: Part,
    pub(super) der: Vec<u8>,
    pub(super) key: PublicKey,
    /// Seconds since 1970 in which it begins and ends, both included.
    pub(super) valid: (i64, i64),
    /// What the signature is over, as it stands in `der`: nothing is encoded anew.
    signed: Vec<u8>,
    algorithm: Algorithm,
    signature: Vec<u8>,
    subject: Name,
    issuer: Name,
    extensions: Vec<Extension>,
    constraints: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
}

impl Certificate {
    /// Reads one certificate, and nothing after it: version 3, both names of the signature's algorithm the
    /// same, no extension twice, no critical one that is not understood.
    pub(super) fn parse(der: &[u8], part: Part) -> Result<Self, Unattested> {
        if der.len() > CERTIFICATE_MAX {
            let bytes = der.len();
            return Err(Unattested::TooLarge { part, bytes });
        }
        let malformed = |why: &str| Unattested::Malformed {
            part,
            why: why.to_owned(),
        };
        let broken = |error: x509_cert::der::Error| malformed(&error.to_string());
        let read = x509_cert::Certificate::from_der(der).map_err(broken)?;
        let tbs = read.tbs_certificate();
        if tbs.version() != Version::V3 {
            return Err(malformed("it is not of version 3"));
        }
        let algorithm = algorithm(&read, part)?;
        let signature = read.signature().as_bytes();
        let validity = tbs.validity();
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let valid = (seconds(validity.not_before), seconds(validity.not_after));
        if valid.0 > valid.1 {
            return Err(malformed("it ends before it begins"));
        }
        let extensions = tbs.extensions().cloned().unwrap_or_default();
        check_extensions(&extensions, part)?;
        Ok(Self {
            part,
            der: der.to_vec(),
            key: PublicKey::read(tbs.subject_public_key_info()).map_err(malformed)?,
            valid,
            signed: signed_part(der).map_err(broken)?,
            algorithm,
            signature: signature
                .ok_or_else(|| malformed("its signature does not end with a whole byte"))?
                .to_vec(),
            subject: tbs.subject().clone(),
            issuer: tbs.issuer().clone(),
            constraints: decoded(&extensions, BASIC_CONSTRAINTS).map_err(broken)?,
            usage: decoded(&extensions, KEY_USAGE).map_err(broken)?,
            extensions,
        })
    }

    /// Whether this one's issuer has the other's name.
    pub(super) fn is_issued_in_the_name_of(&self, other: &Self) -> bool {
        !self.issuer.is_empty() && same_name(&self.issuer, &other.subject)
    }

    /// Whether the other's key signed this one.
    pub(super) fn is_signed_by(&self, other: &Self) -> bool {
        other
            .key
            .signed(self.algorithm, &self.signed, &self.signature)
    }

    /// Whether it is signed by its own key, in its own name.
    pub(super) fn is_its_own_issuer(&self) -> bool {
        self.is_issued_in_the_name_of(self) && self.is_signed_by(self)
    }

    /// Whether it makes its key an authority (basicConstraints, cA).
    pub(super) fn is_authority(&self) -> bool {
        self.constraints.as_ref().is_some_and(|limits| limits.ca)
    }

    /// Checks that it may have signed a certificate with so many authorities from there down, itself not
    /// counted (RFC 5280, section 6.1.4, k to n; one that is its own issuer counts as any other).
    pub(super) fn check_authority(&self, below: usize) -> Result<(), Unattested> {
        let part = self.part;
        if !self.is_authority() {
            let why = "it is not marked as an authority";
            return Err(Unattested::NoAuthority { part, why });
        }
        if self.usage.is_some_and(|usage| !usage.key_cert_sign()) {
            let why = "its key is for other uses";
            return Err(Unattested::NoAuthority { part, why });
        }
        let limits = self.constraints.as_ref();
        match limits.and_then(|limits| limits.path_len_constraint) {
            Some(allowed) if below > usize::from(allowed) => Err(Unattested::PathLength {
                part,
                allowed,
                found: below,
            }),
            _ => Ok(()),
        }
    }

    /// An extension's content. There is one of each at most.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        content(&self.extensions, oid)
    }

    /// The subject's common name, or the whole name where it has none.
    pub(super) fn subject(&self) -> String {
        shown(&self.subject)
    }

    /// The issuer's common name, or the whole name where it has none.
    pub(super) fn issuer(&self) -> String {
        shown(&self.issuer)
    }
}

/// The algorithm of the signature, which stands in a certificate twice.
fn algorithm(read: &x509_cert::Certificate, part: Part) -> Result<Algorithm, Unattested> {
    let outside = read.signature_algorithm();
    let inside = read.tbs_certificate().signature();
    match (Algorithm::read(outside), Algorithm::read(inside)) {
        (Some(outside), Some(inside)) if outside == inside => Ok(outside),
        (Some(_), Some(_)) => Err(Unattested::Malformed {
            part,
            why: "it names two algorithms for its one signature".to_owned(),
        }),
        _ => Err(Unattested::Algorithm {
            part,
            what: outside.oid.to_string(),
        }),
    }
}

/// The first element of the outermost sequence, header and all.
fn signed_part(der: &[u8]) -> Result<Vec<u8>, x509_cert::der::Error> {
    let content = AnyRef::from_der(der)?.value();
    let (_, rest) = AnyRef::from_der_partial(content)?;
    let length = content.len().saturating_sub(rest.len());
    Ok(content.get(..length).unwrap_or_default().to_vec())
}

fn check_extensions(extensions: &[Extension], part: Part) -> Result<(), Unattested> {
    for (at, extension) in extensions.iter().enumerate() {
        let oid = extension.extn_id;
        if extensions.iter().take(at).any(|one| one.extn_id == oid) {
            let oid = oid.to_string();
            return Err(Unattested::Twice { part, oid });
        }
        let is_known = oid == BASIC_CONSTRAINTS || oid == KEY_USAGE || is_fact(oid, part);
        if extension.critical && !is_known {
            let oid = oid.to_string();
            return Err(Unattested::Critical { part, oid });
        }
    }
    Ok(())
}

/// Whether the extension is one that is read from an attestation.
fn is_fact(oid: ObjectIdentifier, part: Part) -> bool {
    part == Part::Key && super::facts::EXTENSIONS.contains(&oid)
}

fn content(extensions: &[Extension], oid: ObjectIdentifier) -> Option<&[u8]> {
    let found = extensions.iter().find(|one| one.extn_id == oid)?;
    Some(found.extn_value.as_bytes())
}

fn decoded<'a, T: Decode<'a, Error = x509_cert::der::Error>>(
    extensions: &'a [Extension],
    oid: ObjectIdentifier,
) -> Result<Option<T>, x509_cert::der::Error> {
    content(extensions, oid).map(T::from_der).transpose()
}

/// Whether two names are the same: the same attributes with the same text in the same order, whichever of
/// the types of string it is written in. (The key is what counts: names only lead to it.)
fn same_name(one: &Name, other: &Name) -> bool {
    let one: Vec<_> = one.iter().collect();
    let other: Vec<_> = other.iter().collect();
    one.len() == other.len()
        && one.iter().zip(&other).all(|(one, other)| {
            let alike = one.value.tag() == other.value.tag()
                || is_text(one.value.tag()) && is_text(other.value.tag());
            one.oid == other.oid && alike && one.value.value() == other.value.value()
        })
}

fn is_text(tag: Tag) -> bool {
    matches!(tag, Tag::PrintableString | Tag::Utf8String)
}

fn shown(name: &Name) -> String {
    let common = name.iter().find(|one| one.oid == COMMON_NAME);
    let text = common.and_then(|one| std::str::from_utf8(one.value.value()).ok());
    text.map_or_else(|| name.to_string(), str::to_owned)
}
