//! Time.

use std::time::Duration;

use crate::model::Timestamp;

/// What time it is, and waiting.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits that long.
    fn pause(&self, span: Duration);
}
