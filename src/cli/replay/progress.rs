//! How far a long run is: a bar on a terminal, and nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Runs shorter than this show no bar.
const LONG: u64 = 50;

/// A bar on stderr.
#[derive(Debug)]
pub(in crate::cli) struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many fixtures, so many times; hidden where nobody looks.
    pub(in crate::cli) fn new(fixtures: usize, rounds: u32, is_wanted: bool) -> Self {
        let total = u64::try_from(fixtures).unwrap_or(u64::MAX).saturating_mul(u64::from(rounds));
        let is_wanted = is_wanted && total >= LONG;
        let target =
            if is_wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{bar:40} {pos}/{len}  {per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One more is done.
    pub(in crate::cli) fn step(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub(in crate::cli) fn end(&self) {
        self.0.finish_and_clear();
    }
}
