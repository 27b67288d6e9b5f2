//! `--metrics`: what a command leaves for a monitor.

use std::path::Path;

use crate::cli::metrics::{self, Outcomes, Run};
use crate::cli::output;
use crate::model::{Class, Failure, Timestamp};
use crate::ops::{Outcome, Rotated, Status};
use crate::ports::Clock;
use crate::store::textfile;
use crate::system::SystemClock;

/// Whether the metrics go to standard output.
pub fn is_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes the metrics.
///
/// # Errors
/// [`Failure`] where the file cannot be written; the old one is as it was.
pub fn write(path: &Path, status: Option<&Status>, run: Option<&Run>) -> Result<(), Failure> {
    let text = metrics::text(SystemClock.now(), status, run);
    if is_output(path) {
        output::text(&text);
        return Ok(());
    }
    textfile::replace(path, &text).map_err(|error| {
        Failure::new(
            Class::Failed,
            "metrics-unwritable",
            format!(
                "the metrics cannot be written to {}: {error}",
                path.display()
            ),
            "the metrics are those of before",
        )
        .hint("its folder must be there, and this user must be able to write to it")
    })
}

/// A run that is under way.
pub struct Watched {
    began: Timestamp,
}

impl Watched {
    /// It begins.
    pub fn begin() -> Self {
        Self {
            began: SystemClock.now(),
        }
    }

    /// It has ended so.
    pub fn end(self, rotated: &Result<Rotated, Failure>) -> Run {
        let rotated = match rotated {
            Ok(rotated) => rotated,
            Err(failure) => return self.failed(failure),
        };
        let failure = rotated.failure();
        Run {
            outcomes: Some(outcomes(rotated)),
            ..self.ended(failure.as_ref())
        }
    }

    /// It has failed as a whole.
    pub fn failed(self, failure: &Failure) -> Run {
        self.ended(Some(failure))
    }

    fn ended(self, failure: Option<&Failure>) -> Run {
        Run {
            began: self.began,
            ended: SystemClock.now(),
            exit_code: failure.map_or(0, |failure| failure.class.exit_code()),
            failure: failure.map(|failure| failure.code),
            outcomes: None,
        }
    }
}

fn outcomes(rotated: &Rotated) -> Outcomes {
    let mut all = Outcomes::default();
    for (_, outcome) in &rotated.credentials {
        match outcome {
            Outcome::Fresh(_) => all.fresh += 1,
            Outcome::Skipped(_) => all.skipped += 1,
            Outcome::Failed(_) => all.failed += 1,
        }
    }
    all
}
