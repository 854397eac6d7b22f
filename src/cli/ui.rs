//! The terminal: colour, words on standard error, the progress bar.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{ColorChoice, Global};
use crate::report::Style;

/// What is known of the terminal and of how much the user wants to hear.
pub struct Ui {
    /// How words are marked.
    pub style: Style,
    /// Whether only errors are said.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    bar: ProgressBar,
}

impl Ui {
    /// Looks at the terminal and the options.
    pub fn new(global: &Global) -> Ui {
        let wants_color = std::io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
            && std::env::var_os("TERM").is_none_or(|it| it != "dumb");
        let color = match global.color {
            ColorChoice::Auto => wants_color,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Ui {
            style: Style { color },
            quiet: global.quiet,
            verbose: global.verbose,
            bar: ProgressBar::hidden(),
        }
    }

    /// The same terminal for a bar of its own.
    pub fn again(&self) -> Ui {
        Ui { style: self.style, quiet: self.quiet, verbose: self.verbose, bar: ProgressBar::hidden() }
    }

    /// A bar over `total` bytes, on a terminal only, and only where nothing else is written to it.
    pub fn start_bar(&mut self, total: Option<u64>) {
        let is_shown = !self.quiet && std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        if !is_shown {
            return;
        }
        self.bar = match total {
            Some(total) => ProgressBar::new(total)
                .with_style(style("{bar:30} {bytes}/{total_bytes} {msg} {bytes_per_sec} {eta}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes} {msg} {bytes_per_sec}")),
        };
    }

    /// The bar, for the thread that moves it.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Takes the bar away.
    pub fn end_bar(&self) {
        self.bar.finish_and_clear();
    }

    /// Says something that is not an error.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.write(text);
        }
    }

    /// Says what went wrong.
    pub fn error(&self, text: &str) {
        let heading = if self.style.color { "\x1b[1;31merror\x1b[0m" } else { "error" };
        self.write(&format!("{heading}: {text}"));
    }

    /// Says what should be known.
    pub fn warning(&self, text: &str) {
        if !self.quiet {
            let heading = if self.style.color { "\x1b[1;33mwarning\x1b[0m" } else { "warning" };
            self.write(&format!("{heading}: {text}"));
        }
    }

    /// Writes a text to standard error, above the bar.
    pub fn write(&self, text: &str) {
        self.bar.suspend(|| {
            let mut stderr = std::io::stderr().lock();
            // Nobody is left to tell.
            let _ = stderr.write_all(text.as_bytes());
            if !text.ends_with('\n') {
                let _ = stderr.write_all(b"\n");
            }
        });
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
