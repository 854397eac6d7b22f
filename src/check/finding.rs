//! A finding: what is wrong, where, by which rule.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Production refuses it, or it fails when it is reached.
    Error,
    /// Probably not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// The part of a source line a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caret {
    /// The line, without control characters.
    pub text: String,
    /// Characters before the place.
    pub before: usize,
    /// Characters of the place, at least 1.
    pub width: usize,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file it is in.
    pub file: PathBuf,
    /// Line from 1, if it is about one.
    pub line: Option<usize>,
    /// Column in characters from 1, if it is about one.
    pub column: Option<usize>,
    /// The rule's name, as in docs/check.md.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it, or why it is so.
    pub help: Option<String>,
    /// The place in its line.
    pub caret: Option<Caret>,
}

/// Every rule, in alphabetical order.
pub const RULES: &[&str] = &[
    "cfg-ignored-value",
    "cfg-invalid",
    "cfg-misspelled-key",
    "cfg-overridden",
    "cfg-wrong-plugin-type",
    "file-unreadable",
    "inject-limit",
    "limit-too-low",
    "lua-bytecode",
    "lua-missing-function",
    "lua-missing-global",
    "lua-syntax",
    "lua-unknown-global",
    "matcher-bad-pattern",
    "matcher-field-not-equal",
    "matcher-group",
    "matcher-index-leak",
    "matcher-missing-pid",
    "matcher-pattern-dash",
    "matcher-syntax",
    "matcher-time-offset",
    "matcher-uuid-text",
    "module-disabled",
    "module-not-found",
    "no-status-code",
    "output-in-analysis",
    "preservation-version",
    "print-clears-payload",
    "process-message-missing",
    "read-message-name",
    "script-missing",
    "stale-local",
    "string-method",
    "ticker-interval-zero",
    "timer-event-missing",
];

/// A file's text, for places in it.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a [u8],
}

impl Source<'_> {
    /// A finding about the file as a whole.
    pub(super) fn whole(&self, rule: &'static str, severity: Severity, message: String) -> Finding {
        debug_assert!(RULES.contains(&rule), "{rule}");
        let file = self.path.to_path_buf();
        Finding { file, line: None, column: None, rule, severity, message, help: None, caret: None }
    }

    /// A finding about these bytes.
    pub(super) fn at(
        &self,
        span: Range<usize>,
        rule: &'static str,
        severity: Severity,
        message: String,
    ) -> Finding {
        let mut res = self.whole(rule, severity, message);
        let start = self.text[..span.start].iter().rposition(|&it| it == b'\n').map_or(0, |it| it + 1);
        let end =
            memchr::memchr(b'\n', &self.text[span.start..]).map_or(self.text.len(), |it| span.start + it);
        let caret =
            caret(&self.text[start..end], span.start - start, span.end.clamp(span.start, end) - start);
        res.line = Some(memchr::memchr_iter(b'\n', &self.text[..start]).count() + 1);
        res.column = Some(caret.before + 1);
        res.caret = Some(caret);
        res
    }

    /// A finding about a line, counted from 1.
    pub(super) fn line(
        &self,
        line: usize,
        rule: &'static str,
        severity: Severity,
        message: String,
    ) -> Finding {
        let mut res = self.whole(rule, severity, message);
        res.line = Some(line);
        if let Some(text) = self.text.split(|&it| it == b'\n').nth(line - 1) {
            let indent = text.iter().take_while(|it| it.is_ascii_whitespace()).count();
            res.caret = Some(caret(text, indent, text.trim_ascii_end().len().max(indent)));
        }
        res
    }
}

impl Finding {
    pub(super) fn with_help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }
}

/// The bytes `from..to` of a line, marked.
pub(super) fn caret(line: &[u8], from: usize, to: usize) -> Caret {
    let before = printable(&line[..from]);
    let marked = printable(&line[from..to]);
    let after = printable(&line[to..]);
    Caret {
        before: before.chars().count(),
        width: marked.chars().count().max(1),
        text: (before + &marked + &after).trim_end().to_owned(),
    }
}

/// Bytes as text one column wide a character: tabs are spaces, what cannot be shown is U+FFFD.
pub(super) fn printable(bytes: &[u8]) -> String {
    let show = |it: char| match it {
        '\t' | '\r' => ' ',
        it if it.is_control() => char::REPLACEMENT_CHARACTER,
        it => it,
    };
    String::from_utf8_lossy(bytes).chars().map(show).collect()
}
