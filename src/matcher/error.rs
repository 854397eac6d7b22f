//! What is wrong with an expression, and where.

use std::ops::Range;

/// Why an expression is not a matcher, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct MatcherError {
    /// The expression, up to its first NUL.
    pub expression: Box<[u8]>,
    /// The bytes of `expression` the error is about; empty at the end of the expression or where something is missing.
    pub span: Range<usize>,
    /// What is wrong there.
    pub kind: MatcherErrorKind,
}

/// What is wrong at the place of a [`MatcherError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherErrorKind {
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(Expected),
    /// A string without its closing quote.
    #[error("string without a closing quote")]
    UnterminatedString,
    /// A string of more than 255 bytes.
    #[error("string of {0} bytes, at most 255 are allowed")]
    LongString(usize),
    /// The 128th `&&` or `||`.
    #[error("more than 127 operators")]
    TooManyOperators,
    /// A `)` that closes nothing.
    #[error("`)` without a `(`")]
    Unopened,
    /// A `(` that is not closed before the end.
    #[error("`(` is never closed")]
    Unclosed,
    /// A field name without its `]`.
    #[error("field name without a closing `]`")]
    UnterminatedName,
    /// An index production's grammar refuses.
    #[error("index must be 0 to 199 or 2 followed by two digits 0 to 5, without leading zeros or spaces")]
    Index,
    /// A time that is not of the accepted form.
    #[error("time must be YYYY-MM-DDThh:mm:ss, a fraction or none, then Z or +hhmm or -hhmm without a colon")]
    Time,
}

/// What should stand at the place of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Expected {
    /// The start of a test.
    #[error(
        "a test: Uuid, Timestamp, Type, Logger, Severity, Payload, EnvVersion, Pid, Hostname, Fields[name], TRUE, FALSE \
         or `(`"
    )]
    Test,
    /// Something behind a complete test.
    #[error("`&&`, `||`{} or the end", if *.inside { ", `)`" } else { "" })]
    Operator {
        /// Whether a parenthesis is open.
        inside: bool,
    },
    /// A comparison or match operator.
    #[error("`==`, `!=`, `>=`, `>`, `<=`, `<`, `=~` or `!~`")]
    Comparison,
    /// A comparison; this variable has no patterns.
    #[error("`==`, `!=`, `>=`, `>`, `<=` or `<`")]
    Relational,
    /// A string.
    #[error("a quoted string")]
    String,
    /// A string or NIL.
    #[error("a quoted string or NIL")]
    StringOrNil,
    /// A number.
    #[error("a number")]
    Number,
    /// A number or NIL.
    #[error("a number or NIL")]
    NumberOrNil,
    /// A number or a quoted time.
    #[error("a number of nanoseconds or a quoted time")]
    NumberOrTime,
    /// The value of a field ordering test.
    #[error("a quoted string or a number")]
    StringOrNumber,
    /// The value of a field equality test.
    #[error("a quoted string, a number, TRUE, FALSE or NIL")]
    AnyValue,
}

impl MatcherError {
    /// The line of the expression the error is in, its number from 1, and the number of columns before the place.
    /// What cannot be shown is replaced: tabs by one space, other control bytes and invalid UTF-8 by U+FFFD.
    fn place(&self) -> (String, usize, usize, usize) {
        let start =
            self.expression[..self.span.start].iter().rposition(|&it| it == b'\n').map_or(0, |it| it + 1);
        let end = self.expression[self.span.start..]
            .iter()
            .position(|&it| it == b'\n')
            .map_or(self.expression.len(), |it| self.span.start + it);
        let number = memchr::memchr_iter(b'\n', &self.expression[..start]).count() + 1;
        let before = printable(&self.expression[start..self.span.start]);
        let marked = printable(&self.expression[self.span.start..self.span.end.clamp(self.span.start, end)]);
        let after = printable(&self.expression[self.span.end.clamp(self.span.start, end)..end]);
        let (column, width) = (before.chars().count(), marked.chars().count());
        (before + &marked + &after, number, column, width)
    }

    /// Line and column of the place, both from 1; the column counts characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let (_, line, column, _) = self.place();
        (line, column + 1)
    }

    /// Two lines: the line of the expression, and `^` under the place. Long lines are cut around it.
    pub fn render(&self) -> String {
        const BEFORE: usize = 60;
        const AFTER: usize = 30;
        let (line, _, column, width) = self.place();
        let from = column.saturating_sub(BEFORE);
        let to = column + width.clamp(1, AFTER) + AFTER;
        let mut shown: String = line.chars().skip(from).take(to - from).collect();
        let mut indent = column - from;
        if from > 0 {
            shown.insert_str(0, "...");
            indent += 3;
        }
        if line.chars().count() > to {
            shown.push_str("...");
        }
        let carets = "^".repeat(width.clamp(1, AFTER));
        format!("{shown}\n{:indent$}{carets}", "")
    }
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|it| match it {
            '\t' => ' ',
            it if it.is_control() => char::REPLACEMENT_CHARACTER,
            it => it,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::matcher::Matcher;

    fn check(expression: &[u8], message: &str, rendered: &str) {
        let error = Matcher::compile(expression).expect_err("not a matcher");
        assert_eq!(error.to_string(), message);
        assert_eq!(error.render(), rendered, "{}", error.render());
    }

    #[test]
    fn the_caret_is_under_the_place() {
        check(b"Type = 'a'", "expected `==`, `!=`, `>=`, `>`, `<=`, `<`, `=~` or `!~`", "Type = 'a'\n     ^");
        check(b"Pid == '1'", "expected a number or NIL", "Pid == '1'\n       ^^^");
        check(b"Type == 'a' &&", MISSING_TEST, "Type == 'a' &&\n              ^");
        check(b"(TRUE", "`(` is never closed", "(TRUE\n^");
        check(b"TRUE)", "`)` without a `(`", "TRUE)\n    ^");
        check(
            b"Fields[a][206] == 1",
            "index must be 0 to 199 or 2 followed by two digits 0 to 5, without leading zeros or spaces",
            "Fields[a][206] == 1\n         ^^^^^",
        );
    }

    #[test]
    fn only_the_line_of_the_place_is_shown() {
        check(b"TRUE &&\n\t\xff\xc3\xa9 true\n|| FALSE", MISSING_TEST, " \u{fffd}\u{e9} true\n ^^");
        check(b"TRUE ||\n", MISSING_TEST, "\n^");
        let error = Matcher::compile(b"TRUE &&\n  wrong").expect_err("not a matcher");
        assert_eq!(error.line_and_column(), (2, 3));
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{} || x{}", ["TRUE"; 30].join(" || "), "y".repeat(100));
        let error = Matcher::compile(text.as_bytes()).expect_err("not a matcher");
        let rendered = error.render();
        let (line, carets) = rendered.split_once('\n').expect("two lines");
        assert!(line.starts_with("...") && line.ends_with("...") && line.len() < 160, "{rendered}");
        assert_eq!(&line[carets.find('^').expect("caret")..][..2], "xy", "{rendered}");
    }

    const MISSING_TEST: &str = "expected a test: Uuid, Timestamp, Type, Logger, Severity, Payload, EnvVersion, Pid, \
                                Hostname, Fields[name], TRUE, FALSE or `(`";
}
