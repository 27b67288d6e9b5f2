//! One session for one operation: opened, logged in, logged out and closed, whatever happens between.

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;

use crate::model::TokenIdentity;
use crate::ports::{PinStatus, TokenError};
use crate::secret::Pin;

use super::errors::{device, silent, told};
use super::module::{Module, identity_of};
use super::profile::{Profile, ReadWriteSession};

/// What a session is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A token's place, and its name in errors.
pub(super) struct Place<'a> {
    pub(super) module: &'a Module,
    pub(super) slot: Slot,
    pub(super) identity: &'a TokenIdentity,
    pub(super) name: &'a str,
    pub(super) profile: Option<&'a Profile>,
}

/// Logs out when it goes; the session closes behind it. Of a token that checks no PIN there is no login.
struct Login<'a>(Option<&'a Session>);

impl Drop for Login<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.0 {
            // The session is closed next, which ends the login too.
            let _ = session.logout();
        }
    }
}

impl Place<'_> {
    /// Reads what the token says of itself, and makes sure that it is still the same one: slots are
    /// numbers, and another token may sit in this one by now.
    pub(super) fn info(&self) -> Result<TokenInfo, TokenError> {
        let info = self.module.token_info(self.slot);
        let info = info.map_err(|e| silent(self.name, &e))?;
        if info.token_initialized() && identity_of(&info) == *self.identity {
            Ok(info)
        } else {
            Err(TokenError::Gone {
                token: self.name.to_owned(),
            })
        }
    }

    /// Runs `act` in a session without login.
    pub(super) fn in_session<T>(
        &self,
        act: impl FnOnce(&Session) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let session = self.open(Access::Read)?;
        self.info()?;
        act(&session).map_err(|e| self.gone_or(e))
    }

    /// Runs `act` in a session of its own, logged in. The PIN is sent once, to the token that this place
    /// was made for, and not at all to one that says it is blocked.
    pub(super) fn logged_in<T>(
        &self,
        pin: &Pin,
        access: Access,
        act: impl FnOnce(&Session) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let rules = self.profile.map(|profile| profile.pin.clone());
        let rules = rules.unwrap_or_default();
        if rules.checked {
            rules.check(pin).map_err(|misfit| TokenError::PinMisfit {
                token: self.name.to_owned(),
                misfit,
            })?;
        }
        let session = self.open(access)?;
        let info = self.info()?;
        let login = if rules.checked {
            self.must_ask(&info)?;
            self.login(&session, pin).map_err(|e| self.gone_or(e))?
        } else {
            Login(None)
        };
        let done = act(&session);
        drop(login);
        done.map_err(|e| self.gone_or(e))
    }

    /// A PIN is sent only where it is not blocked and proves something.
    fn must_ask(&self, info: &TokenInfo) -> Result<(), TokenError> {
        if info.user_pin_locked() {
            return Err(TokenError::PinLocked {
                token: self.name.to_owned(),
            });
        }
        if info.login_required() {
            return Ok(());
        }
        let reason = "it asks for no PIN, so a PIN would prove nothing";
        Err(device(self.name, reason))
    }

    fn open(&self, access: Access) -> Result<Session, TokenError> {
        let sessions = self
            .profile
            .map(|profile| profile.quirks.read_write_session);
        let sessions = sessions.unwrap_or(ReadWriteSession::Auto);
        let context = &self.module.context;
        let opened = if access == Access::Write || sessions == ReadWriteSession::Always {
            context.open_rw_session(self.slot)
        } else {
            // Some modules have no read-only sessions.
            let read_only = context.open_ro_session(self.slot);
            read_only.or_else(|_| context.open_rw_session(self.slot))
        };
        opened.map_err(|e| self.gone_or(told(self.name, "opening a session", &e)))
    }

    fn login<'s>(&self, session: &'s Session, pin: &Pin) -> Result<Login<'s>, TokenError> {
        if is_logged_in(session) {
            // Left over by somebody else in this process. A login on top of it checks no PIN.
            session
                .logout()
                .map_err(|e| told(self.name, "ending another login", &e))?;
        }
        let pin = RawAuthPin::new(Box::new(pin.expose().to_vec()));
        let answer = session.login_with_raw(UserType::User, &pin);
        drop(pin);
        let Err(error) = answer else {
            return Ok(Login(Some(session)));
        };
        let Error::Pkcs11(code, _) = error else {
            return Err(told(self.name, "logging in", &error));
        };
        Err(match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                TokenError::WrongPin {
                    token: self.name.to_owned(),
                    left: self.left(),
                }
            }
            RvError::UserAlreadyLoggedIn | RvError::UserAnotherAlreadyLoggedIn => device(
                self.name,
                "somebody else in this process is logged in to it, so the PIN was not checked",
            ),
            RvError::UserPinNotInitialized => {
                device(self.name, "it has no user PIN yet; initialise it first")
            }
            RvError::PinExpired => device(self.name, "its PIN has expired and must be changed"),
            _ => told(self.name, "logging in", &error),
        })
    }

    /// What is left after a wrong PIN. That it cannot be read any more does not make the PIN less wrong.
    fn left(&self) -> PinStatus {
        self.info()
            .map_or(PinStatus::Untold, |info| pin_status(&info))
    }

    /// Many modules answer something unspecific when the token was pulled: look whether it is there.
    fn gone_or(&self, error: TokenError) -> TokenError {
        match error {
            TokenError::Device { .. } | TokenError::UnfitKey { .. } => match self.info() {
                Err(gone @ TokenError::Gone { .. }) => gone,
                _ => error,
            },
            other => other,
        }
    }
}

fn is_logged_in(session: &Session) -> bool {
    session.get_session_info().is_ok_and(|info| {
        !matches!(
            info.session_state(),
            SessionState::RoPublic | SessionState::RwPublic
        )
    })
}

/// The flags of `CK_TOKEN_INFO` (PKCS#11 2.40, section 3.2), the gravest first.
pub(super) fn pin_status(info: &TokenInfo) -> PinStatus {
    if info.user_pin_locked() {
        PinStatus::Locked
    } else if info.user_pin_final_try() {
        PinStatus::FinalTry
    } else if info.user_pin_count_low() {
        PinStatus::CountLow
    } else {
        PinStatus::Untold
    }
}
