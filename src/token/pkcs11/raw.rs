//! What the `cryptoki` crate does not do, asked of the module itself: the one place of this crate where
//! `unsafe` is allowed (the test `house` holds that).
//!
//! Two things. `C_GetTokenInfo` of a token whose clock cannot be read: the crate gives up on the whole
//! answer, and with it on the serial number and the state of the PIN, because sixteen characters are no
//! date (openCryptoki, for one). And `C_Initialize` with a parameter of the module's own, without which NSS
//! shows nothing.

use std::ffi::CStr;
use std::path::Path;
use std::ptr::{self, NonNull};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, Rv};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki_sys::{CK_FUNCTION_LIST, CK_TOKEN_INFO, CKF_CLOCK_ON_TOKEN};

/// `C_GetTokenInfo` (PKCS#11 2.40, section 5.5) without the clock. The library must be loaded and
/// initialised by a `Pkcs11` of the same path, which outlives the call.
pub(super) fn token_info_without_clock(path: &Path, slot: Slot) -> Result<TokenInfo, Error> {
    let mut info = CK_TOKEN_INFO::default();
    // SAFETY: the library is in the process already, so this takes one more reference to it and runs no
    // code of its own at loading or unloading. `C_GetFunctionList` gives a pointer to a static table
    // (section 5.4), which is read once it is known not to be null; the module is initialised, and `info`
    // is a whole `CK_TOKEN_INFO` that it fills.
    unsafe {
        let library = cryptoki_sys::Pkcs11::new(path).map_err(Error::LibraryLoading)?;
        if library.C_GetFunctionList.is_err() {
            return Err(Error::MissingSymbol("C_GetFunctionList"));
        }
        let mut list: *mut CK_FUNCTION_LIST = ptr::null_mut();
        Rv::from(library.C_GetFunctionList(&mut list)).into_result(Function::GetFunctionList)?;
        let list = list.as_ref().ok_or(Error::NullFunctionPointer)?;
        let ask = list.C_GetTokenInfo.ok_or(Error::NullFunctionPointer)?;
        Rv::from(ask(slot.id(), &mut info)).into_result(Function::GetTokenInfo)?;
    }
    info.flags &= !CKF_CLOCK_ON_TOKEN;
    TokenInfo::try_from(info)
}

/// `C_Initialize` with `pReserved` pointing to a text, which modules such as NSS read their settings from.
pub(super) fn initialise_with(
    context: &Pkcs11,
    flags: CInitializeFlags,
    parameters: &CStr,
) -> Result<(), Error> {
    let pointer = NonNull::from(parameters).cast();
    // SAFETY: the pointer leads to a text that ends with a zero and lives until the call is over; modules
    // that take a text there read it and keep no pointer to it.
    let arguments = unsafe { CInitializeArgs::new_with_reserved(flags, pointer) };
    context.initialize(arguments)
}
