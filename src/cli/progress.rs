//! How far a long work has come: a bar with an estimate at a terminal, now and then a line elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use crate::ports::Progress;

/// What has fewer parts than this is over before anybody wonders.
const FEWEST: usize = 20;

/// Between two lines, where no bar is shown.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// What is shown of the work that is going on.
#[derive(Default)]
pub struct Shown {
    what: &'static str,
    bar: Option<ProgressBar>,
    said: Option<Instant>,
    /// The last whole tenth that was said.
    tenth: usize,
}

impl Shown {
    /// Shows how far it has come.
    pub fn show(&mut self, progress: &Progress) {
        if progress.of < FEWEST {
            return;
        }
        if self.what != progress.what || progress.done <= 1 {
            self.begin(progress);
        }
        match &self.bar {
            Some(bar) => bar.set_position(progress.done as u64),
            None => self.say(progress),
        }
        if progress.done >= progress.of {
            self.end();
        }
    }

    /// Does something to standard error that the bar must not stand in the way of.
    pub fn aside(&self, deed: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(deed),
            None => deed(),
        }
    }

    fn begin(&mut self, progress: &Progress) {
        self.end();
        self.what = progress.what;
        self.said = Some(Instant::now());
        self.tenth = 0;
        if io::stderr().is_terminal() {
            let bar = ProgressBar::new(progress.of as u64);
            let style = "{msg} {wide_bar} {pos} of {len}, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style.progress_chars("#> "));
            }
            bar.set_message(progress.what);
            self.bar = Some(bar);
        }
    }

    /// A line for every tenth, and no more than one in ten seconds.
    fn say(&mut self, progress: &Progress) {
        let tenth = progress.done * 10 / progress.of.max(1);
        let waited = self.said.is_none_or(|said| said.elapsed() >= BETWEEN_LINES);
        if tenth > self.tenth && waited && progress.done < progress.of {
            self.tenth = tenth;
            self.said = Some(Instant::now());
            let Progress { what, done, of } = progress;
            output::error(&format!("breakglass: {what}: {done} of {of}\n"));
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.what = "";
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end();
    }
}
