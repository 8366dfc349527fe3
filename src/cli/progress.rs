//! A progress bar on standard error for whatever takes longer than a second at a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::{Clock as _, SystemClock};

/// How far a verb has come.
pub(super) struct Progress {
    clock: SystemClock,
    bar: ProgressBar,
    shown: bool,
    terminal: bool,
}

impl Progress {
    /// Starts at nothing of `total`; 0 stands for a total nobody knows.
    pub(super) fn of(total: u64) -> Self {
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), ProgressDrawTarget::hidden());
        let template = match total {
            0 => "{spinner} {human_pos} {per_sec}",
            _ => "{wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { clock: SystemClock::new(), bar, shown: false, terminal: std::io::stderr().is_terminal() }
    }

    /// Starts at no byte of a total that is told on the way.
    pub(super) fn of_unknown_bytes() -> Self {
        let progress = Self::of(0);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
            progress.bar.set_style(style);
        }
        progress
    }

    /// Notes that so much of so much is done.
    pub(super) fn of_total(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.at(done);
    }

    /// Notes that so much is done.
    pub(super) fn at(&mut self, done: u64) {
        if !self.shown && self.terminal && self.clock.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
        self.bar.set_position(done);
    }

    /// Does something at the terminal while the bar is out of the way.
    pub(super) fn aside<T>(&self, show: impl FnOnce() -> T) -> T {
        self.bar.suspend(show)
    }

    /// Takes the bar away and returns how long it took.
    pub(super) fn end(self) -> Duration {
        self.bar.finish_and_clear();
        self.clock.elapsed()
    }
}

/// Returns how many a second that is.
pub(super) fn rate(count: u64, took: Duration) -> u64 {
    let micros = took.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_per_second() {
        assert_eq!(rate(500, Duration::from_millis(250)), 2000);
        assert_eq!(rate(7, Duration::ZERO), 7_000_000);
    }
}
