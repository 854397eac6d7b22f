//! Findings as text for people and as JSON for tools.

use std::fmt::Write as _;

use serde::Serialize;

use super::finding::{Finding, Severity};

/// Longest part of a source line that is shown.
const MAX_SHOWN: usize = 120;

/// `file:line:column: severity: message [rule]`, the source line with a caret, and what to do about it, for each
/// finding; `color` adds ANSI escapes.
pub fn render_text(findings: &[Finding], color: bool) -> String {
    let mut res = String::new();
    for finding in findings {
        let paint = |style: &str, text: &str| {
            if color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
        };
        let style = match finding.severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Note => "1;36",
        };
        let mut place = super::finding::printable(finding.file.as_os_str().as_encoded_bytes());
        for number in [finding.line, finding.column].into_iter().flatten() {
            // Writing to a String does not fail.
            let _ = write!(place, ":{number}");
        }
        let word = paint(style, finding.severity.name());
        let message = finding.message.lines().collect::<Vec<&str>>().join("\n    ");
        let _ = writeln!(res, "{}: {word}: {message} [{}]", paint("1", &place), finding.rule);
        if let Some(caret) = &finding.caret {
            let from = caret.before.saturating_sub(MAX_SHOWN / 2);
            let width = caret.width.min(MAX_SHOWN / 2);
            let shown: String = caret.text.chars().skip(from).take(MAX_SHOWN).collect();
            let lead = if from > 0 { "..." } else { "" };
            let indent = caret.before - from + lead.len();
            let _ = writeln!(res, "  | {lead}{shown}");
            let _ = writeln!(res, "  | {:indent$}{}", "", paint(style, &"^".repeat(width)));
        }
        if let Some(help) = &finding.help {
            let _ = writeln!(res, "  = {help}");
        }
    }
    res
}

/// The JSON document's own shape, so that the type inside can change.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    findings: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    rule: &'a str,
    severity: &'a str,
    message: &'a str,
    help: Option<&'a str>,
}

/// `{"version": 1, "findings": [{"file", "line", "column", "rule", "severity", "message", "help"}]}` and a line end.
pub fn render_json(findings: &[Finding]) -> String {
    let findings = findings
        .iter()
        .map(|it| Entry {
            file: it.file.to_string_lossy().into_owned(),
            line: it.line,
            column: it.column,
            rule: it.rule,
            severity: it.severity.name(),
            message: &it.message,
            help: it.help.as_deref(),
        })
        .collect();
    let mut res = serde_json::to_string_pretty(&Document { version: 1, findings }).unwrap_or_default();
    res.push('\n');
    res
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::check::finding::Source;

    #[test]
    fn a_finding_as_text_and_json() {
        let source = Source { path: Path::new("a.lua"), text: b"x = 1\n\ty = \xc3\xa9 .. z()\n" };
        let found = source.at(17..18, "lua-unknown-global", Severity::Warning, "`z` is nil".to_owned());
        let found = [found.with_help("assign it")];
        let plain = "a.lua:2:11: warning: `z` is nil [lua-unknown-global]\n  |  y = \u{e9} .. z()\n  |           ^\n  = assign it\n";
        assert_eq!(render_text(&found, false), plain);
        let colored = render_text(&found, true);
        assert!(colored.starts_with("\x1b[1ma.lua:2:11\x1b[0m: \x1b[1;33mwarning\x1b[0m: "), "{colored:?}");
        let json: serde_json::Value = serde_json::from_str(&render_json(&found)).expect("JSON");
        assert_eq!(json["findings"][0]["column"], 11);
        assert_eq!(json["findings"][0]["rule"], "lua-unknown-global");
        assert_eq!(json["version"], 1);
    }
}
