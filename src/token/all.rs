//! All tokens, whatever their make: each locator goes to the adapter whose scheme it has.

use std::os::fd::AsFd;

use super::piv::PivProvider;
use super::pkcs11::Pkcs11Provider;
use crate::model::{TokenIdentity, TokenKind};
use crate::ports::{Finding, Present, Sought, Token, TokenError, TokenProvider};

/// YubiKeys, and the tokens behind PKCS#11 modules.
pub struct AllTokens {
    /// YubiKeys.
    pub piv: PivProvider,
    /// The others.
    pub pkcs11: Pkcs11Provider,
}

impl AllTokens {
    fn kinds(&self) -> [(TokenKind, &dyn TokenProvider); 2] {
        [
            (TokenKind::Pkcs11, &self.pkcs11),
            (TokenKind::Piv, &self.piv),
        ]
    }
}

impl TokenProvider for AllTokens {
    /// One make that cannot be reached does not hide the tokens of the others.
    fn list(&self) -> Result<Vec<TokenIdentity>, TokenError> {
        let (mut found, mut failure) = (Vec::new(), None);
        for (kind, provider) in self.kinds() {
            match provider.list() {
                Ok(listed) => found.extend(listed),
                // Without the service there are no YubiKeys, and a server has none.
                Err(TokenError::Service { .. }) if kind == TokenKind::Piv => {}
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            Some(failure) if found.is_empty() => Err(failure),
            _ => Ok(found),
        }
    }

    fn open(&self, locator: &str) -> Result<Box<dyn Token + '_>, TokenError> {
        if locator.starts_with("piv:") {
            self.piv.open(locator)
        } else if locator.starts_with("pkcs11:") {
            self.pkcs11.open(locator)
        } else {
            Err(TokenError::Locator {
                locator: locator.to_owned(),
                reason: "it begins neither with piv: nor with pkcs11:".to_owned(),
            })
        }
    }

    /// Each make is asked for its own alone: where nobody's token is a YubiKey, no reader is touched.
    fn seek(&self, sought: &[Sought<'_>]) -> Result<Finding<'_>, TokenError> {
        let (mut present, mut strangers, mut failure) = (Vec::new(), Vec::new(), None);
        for (kind, provider) in self.kinds() {
            let (places, own): (Vec<usize>, Vec<Sought<'_>>) = sought
                .iter()
                .enumerate()
                .filter(|(_, one)| one.identity.kind == kind)
                .map(|(at, one)| (at, *one))
                .unzip();
            if own.is_empty() {
                continue;
            }
            match provider.seek(&own) {
                Ok(finding) => {
                    let found = finding.present.into_iter();
                    present.extend(found.map(|Present { at, token }| Present {
                        at: places[at],
                        token,
                    }));
                    strangers.extend(finding.strangers);
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            Some(failure) if present.is_empty() => Err(failure),
            _ => Ok(Finding { present, strangers }),
        }
    }

    fn let_go(&self) {
        for (_, provider) in self.kinds() {
            provider.let_go();
        }
    }

    /// Readers tell; PKCS#11 modules do not.
    fn watch(&self, sought: &[Sought<'_>]) -> Result<Option<Box<dyn AsFd + '_>>, TokenError> {
        let wanted = sought.iter().any(|one| one.identity.kind == TokenKind::Piv);
        if !wanted {
            return Ok(None);
        }
        // Where the service matters, looking for a token says that it is not there.
        Ok(self.piv.watch(sought).unwrap_or_default())
    }
}
