//! Cards and readers that come and go, as something that becomes readable.

use std::ffi::CString;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use pcsc::{Context, PNP_NOTIFICATION, ReaderState, Scope};

use super::readers;

/// Readable from the first change on. The service tells of it; nothing is polled.
pub(super) struct Watch {
    context: Context,
    told: UnixStream,
}

impl Watch {
    /// Watches from now on: what is there now is no change.
    pub(super) fn begin() -> Result<Self, pcsc::Error> {
        let context = Context::establish(Scope::User)?;
        let mut states = now(&context)?;
        let (told, mut teller) = UnixStream::pair().map_err(|_| pcsc::Error::NoMemory)?;
        let waiting = context.clone();
        thread::spawn(move || {
            // It returns for a change, when it is cancelled, and when the service stops: all are news.
            let _ = waiting.get_status_change(None, &mut states);
            let _ = teller.write_all(&[1]);
        });
        Ok(Self { context, told })
    }
}

/// The readers and their cards as they are.
fn now(context: &Context) -> Result<Vec<ReaderState>, pcsc::Error> {
    let mut names = readers::names(context)?;
    names.push(CString::from(PNP_NOTIFICATION()));
    let mut states = readers::unaware(names);
    match context.get_status_change(std::time::Duration::ZERO, &mut states) {
        Ok(()) | Err(pcsc::Error::Timeout) => {}
        Err(other) => return Err(other),
    }
    for state in &mut states {
        state.sync_current_state();
    }
    Ok(states)
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.context.cancel();
    }
}
