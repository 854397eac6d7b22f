//! The matcher: its errors, and where its language does not mean what it seems to.

use std::ops::Range;

use super::finding::{Finding, Severity, Source, caret};
use crate::matcher::Matcher;

/// An expression and where it is written.
pub(super) struct Expression<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) text: &'a [u8],
    /// Its key in the file.
    pub(super) key: Option<Range<usize>>,
}

impl Expression<'_> {
    /// A finding about these bytes of the expression: in the file if it is written there as it is, else shown apart.
    fn at(&self, span: Range<usize>, rule: &'static str, severity: Severity, message: String) -> Finding {
        let Some(key) = self.key.clone() else { return self.source.whole(rule, severity, message) };
        let rest = &self.source.text[key.end..];
        if let Some(at) = memchr::memmem::find(rest, self.text).filter(|_| !self.text.is_empty()) {
            let base = key.end + at;
            return self.source.at(base + span.start..base + span.end, rule, severity, message);
        }
        let mut res = self.source.at(key, rule, severity, message);
        let start = self.text[..span.start].iter().rposition(|&it| it == b'\n').map_or(0, |it| it + 1);
        let end =
            memchr::memchr(b'\n', &self.text[span.start..]).map_or(self.text.len(), |it| span.start + it);
        let to = span.end.clamp(span.start, end);
        res.caret = Some(caret(&self.text[start..end], span.start - start, to - start));
        res
    }
}

/// One test of an expression, read again: variable, operator, value.
struct Test<'a> {
    /// `Pid`, `Fields[name]`.
    variable: &'a [u8],
    /// The indexes behind a field.
    indexes: Vec<u8>,
    operator: &'a [u8],
    /// As written.
    value: &'a [u8],
    value_span: Range<usize>,
    span: Range<usize>,
}

impl<'a> Test<'a> {
    /// A test as the parser found it, so it is well-formed; `None` for TRUE and FALSE.
    fn read(text: &'a [u8], span: Range<usize>) -> Option<Test<'a>> {
        let mut end = if text.starts_with(b"Fields[") {
            memchr::memchr(b']', text)? + 1
        } else {
            text.iter().take_while(|it| it.is_ascii_alphabetic()).count()
        };
        let variable = &text[..end];
        let mut indexes = Vec::new();
        while text.get(end) == Some(&b'[') {
            let close = end + memchr::memchr(b']', &text[end..])?;
            indexes.push(std::str::from_utf8(&text[end + 1..close]).ok()?.parse().ok()?);
            end = close + 1;
        }
        let blank = |from: usize| text[from..].iter().take_while(|it| it.is_ascii_whitespace()).count();
        let at = end + blank(end);
        let length = text[at..].iter().take_while(|it| b"=!<>~".contains(it)).count();
        if length == 0 {
            return None;
        }
        let value_at = at + length + blank(at + length);
        let value = text[value_at..].trim_ascii_end();
        let start = span.start + value_at;
        Some(Test {
            variable,
            indexes,
            operator: &text[at..at + length],
            value,
            value_span: start..start + value.len(),
            span,
        })
    }

    fn is_field(&self) -> bool {
        self.variable.starts_with(b"Fields[")
    }

    /// The string the value stands for, and whether the `%` of a plain search follows.
    fn string(&self) -> Option<(Vec<u8>, bool)> {
        let (inside, is_plain) = match self.value.strip_suffix(b"%") {
            Some(it) => (it, true),
            None => (self.value, false),
        };
        let quote = *inside.first().filter(|it| matches!(it, b'"' | b'\''))?;
        let inside = inside.get(1..)?.strip_suffix(&[quote])?;
        let mut value = Vec::new();
        let mut bytes = inside.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if byte == b'\\' && matches!(bytes.peek(), Some(b'"' | b'\'' | b'\\')) {
                value.extend(bytes.next());
            } else {
                value.push(byte);
            }
        }
        Some((value, is_plain))
    }

    fn is_pattern_operator(&self) -> bool {
        matches!(self.operator, b"=~" | b"!~")
    }
}

/// All rules about a matcher.
pub(super) fn check(expression: &Expression<'_>, findings: &mut Vec<Finding>) {
    let matcher = match Matcher::compile(expression.text) {
        Ok(matcher) => matcher,
        Err(error) => {
            let message = format!("invalid message_matcher: {}", error.kind);
            findings.push(expression.at(error.span.clone(), "matcher-syntax", Severity::Error, message));
            return;
        }
    };
    let terms: Vec<(&[u8], Range<usize>)> = matcher.terms().map(|it| (it.text, it.span)).collect();
    let tests: Vec<Test<'_>> =
        terms.iter().filter_map(|(text, span)| Test::read(text, span.clone())).collect();
    group(expression, &terms, findings);
    // What indexes that are left out stand for (`heka_message_matcher_parser.leg`: one variable for all tests).
    let mut left_out = [0, 0];
    for test in &tests {
        field_not_equal(expression, test, &tests, findings);
        missing_pid(expression, test, &tests, findings);
        uuid_text(expression, test, findings);
        pattern(expression, test, findings);
        index_leak(expression, test, &mut left_out, findings);
        time_offset(expression, test, findings);
    }
}

/// An expression's meaning; operands of one operator stand side by side.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Test(usize),
    Operation(bool, Vec<Tree>),
}

impl Tree {
    fn join(is_and: bool, left: Tree, right: Tree) -> Tree {
        let mut operands = Vec::new();
        for side in [left, right] {
            match side {
                Tree::Operation(it, inner) if it == is_and => operands.extend(inner),
                other => operands.push(other),
            }
        }
        Tree::Operation(is_and, operands)
    }

    fn show(&self, terms: &[(&[u8], Range<usize>)]) -> String {
        match self {
            Tree::Test(number) => super::finding::printable(terms[*number].0),
            Tree::Operation(is_and, operands) => {
                let shown: Vec<String> = operands
                    .iter()
                    .map(|it| match it {
                        Tree::Test(_) => it.show(terms),
                        Tree::Operation(..) => format!("({})", it.show(terms)),
                    })
                    .collect();
                shown.join(if *is_and { " && " } else { " || " })
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Test(usize),
    Operator { is_and: bool },
    Open,
    Close,
}

/// What the tokens mean, with production's shunting yard or with one that removes the markers of parentheses.
fn meaning(tokens: &[Token], removes_markers: bool) -> Option<Tree> {
    fn apply(operands: &mut Vec<Tree>, operator: Token) {
        if let Token::Operator { is_and } = operator
            && let (Some(right), Some(left)) = (operands.pop(), operands.pop())
        {
            operands.push(Tree::join(is_and, left, right));
        }
    }
    let (mut operands, mut stack) = (Vec::new(), Vec::new());
    for &token in tokens {
        match token {
            Token::Test(number) => operands.push(Tree::Test(number)),
            Token::Open => stack.push(token),
            Token::Close => {
                while let Some(operator) = stack.pop_if(|it| *it != Token::Open) {
                    apply(&mut operands, operator);
                }
                if removes_markers {
                    stack.pop();
                }
            }
            Token::Operator { is_and } => {
                while let Some(&top @ Token::Operator { is_and: top_is_and }) = stack.last() {
                    if is_and && !top_is_and {
                        break;
                    }
                    stack.pop();
                    apply(&mut operands, top);
                    if !removes_markers {
                        break;
                    }
                }
                stack.push(token);
            }
        }
    }
    while let Some(operator) = stack.pop() {
        apply(&mut operands, operator);
    }
    operands.pop()
}

fn group(expression: &Expression<'_>, terms: &[(&[u8], Range<usize>)], findings: &mut Vec<Finding>) {
    let mut tokens = Vec::new();
    let mut first_group_after = None;
    let mut at = 0;
    for number in 0..=terms.len() {
        let end = terms.get(number).map_or(expression.text.len(), |it| it.1.start);
        while at < end {
            match expression.text[at] {
                b'(' => {
                    if tokens.iter().any(|it| *it != Token::Open) {
                        first_group_after.get_or_insert(at);
                    }
                    tokens.push(Token::Open);
                }
                b')' => tokens.push(Token::Close),
                operator @ (b'&' | b'|') => {
                    tokens.push(Token::Operator { is_and: operator == b'&' });
                    at += 1;
                }
                _ => {}
            }
            at += 1;
        }
        if let Some((_, span)) = terms.get(number) {
            tokens.push(Token::Test(number));
            at = span.end;
        }
    }
    let (Some(actual), Some(conventional)) = (meaning(&tokens, false), meaning(&tokens, true)) else {
        return;
    };
    if actual != conventional {
        let place = first_group_after.unwrap_or(0);
        let message = "the group takes everything behind it as well: operators after `)` never release those before `(`";
        let found = expression.at(place..place + 1, "matcher-group", Severity::Warning, message.to_owned());
        let help =
            format!("it means {}; write groups first, or as expressions of their own", actual.show(terms));
        findings.push(found.with_help(help));
    }
}

/// Whether another test of the same variable has NIL, which means that its absence was thought of.
fn considers_nil(test: &Test<'_>, tests: &[Test<'_>]) -> bool {
    tests.iter().any(|it| it.variable == test.variable && it.value == b"NIL")
}

fn field_not_equal(
    expression: &Expression<'_>,
    test: &Test<'_>,
    tests: &[Test<'_>],
    findings: &mut Vec<Finding>,
) {
    if test.is_field() && matches!(test.operator, b"!=" | b"!~") && !considers_nil(test, tests) {
        let name = super::finding::printable(test.variable);
        let message =
            format!("this is false, not true, for messages without {name} or with a value of another type");
        let help = format!(
            "if they should match: {name} == NIL || ... (string headers differ: Type != 'x' is true)"
        );
        let found = expression.at(test.span.clone(), "matcher-field-not-equal", Severity::Note, message);
        findings.push(found.with_help(help));
    }
}

fn missing_pid(
    expression: &Expression<'_>,
    test: &Test<'_>,
    tests: &[Test<'_>],
    findings: &mut Vec<Finding>,
) {
    let is_true_without = matches!(test.operator, b"!=" | b"<" | b"<=") && test.value != b"NIL";
    if test.variable == b"Pid" && is_true_without && !considers_nil(test, tests) {
        let message = "this is true for messages without a Pid, which compare as -2147483648".to_owned();
        let found = expression.at(test.span.clone(), "matcher-missing-pid", Severity::Note, message);
        findings.push(found.with_help("add Pid != NIL if they should not match"));
    }
}

fn uuid_text(expression: &Expression<'_>, test: &Test<'_>, findings: &mut Vec<Finding>) {
    if test.variable != b"Uuid" {
        return;
    }
    let Some((value, _)) = test.string() else { return };
    let looks_textual = value.len() >= 8
        && value.iter().all(|it| it.is_ascii_hexdigit() || matches!(it, b'-' | b'%' | b'^' | b'$'));
    let is_impossible = matches!(test.operator, b"==" | b"!=") && value.len() != 16;
    if is_impossible || looks_textual {
        let message =
            "Uuid is compared as 16 raw bytes: text such as 8-4-4-4-12 digits never matches".to_owned();
        findings.push(expression.at(
            test.value_span.clone(),
            "matcher-uuid-text",
            Severity::Warning,
            message,
        ));
    }
}

fn pattern(expression: &Expression<'_>, test: &Test<'_>, findings: &mut Vec<Finding>) {
    if !test.is_pattern_operator() {
        return;
    }
    let Some((value, is_plain)) = test.string() else { return };
    if is_plain || !value.iter().any(|it| b"^$*+?.[%-".contains(it)) {
        return;
    }
    let mut at = 0;
    // Whether the item before is one plain letter or digit, which nobody repeats on purpose with `-`.
    let mut after_word = false;
    let mut has_dash = false;
    let mut problem = None;
    while at < value.len() {
        let rest = &value[at..];
        let is_word = rest[0].is_ascii_alphanumeric();
        at += match rest[0] {
            b'%' => match rest.get(1) {
                None => {
                    problem = Some("ends in `%`");
                    1
                }
                Some(b'b') if rest.len() < 4 => {
                    problem = Some("has `%b` without two characters");
                    rest.len()
                }
                Some(b'b') => 4,
                Some(b'f') if rest.get(2) != Some(&b'[') => {
                    problem = Some("has `%f` without a set");
                    2
                }
                Some(_) => 2,
            },
            b'[' => {
                let first = 1 + usize::from(rest.get(1) == Some(&b'^'));
                // A `]` in first place belongs to the set, and `%` takes its next character along.
                let mut end = first + 1;
                if rest.get(first) == Some(&b'%') {
                    end += 1;
                }
                while end < rest.len() && rest[end] != b']' {
                    end += 1 + usize::from(rest[end] == b'%');
                }
                if end >= rest.len() {
                    problem = Some("has `[` without `]`");
                }
                end + 1
            }
            b'-' => {
                has_dash |= after_word;
                1
            }
            _ => 1,
        };
        after_word = is_word;
    }
    if let Some(problem) = problem {
        let outcome = if test.operator == b"=~" { "false" } else { "true" };
        let message =
            format!("the pattern {problem}: that is no error in production, the test is just {outcome}");
        let found = expression.at(test.value_span.clone(), "matcher-bad-pattern", Severity::Warning, message);
        findings.push(found.with_help("for plain text put `%` behind the closing quote: 'text'%"));
    } else if has_dash {
        let message = "`-` makes this a pattern, in which it means as few repetitions as possible".to_owned();
        let found =
            expression.at(test.value_span.clone(), "matcher-pattern-dash", Severity::Warning, message);
        findings.push(found.with_help("for plain text put `%` behind the closing quote, or write `%-`"));
    }
}

fn index_leak(
    expression: &Expression<'_>,
    test: &Test<'_>,
    left_out: &mut [u8; 2],
    findings: &mut Vec<Finding>,
) {
    if test.variable == b"Timestamp" {
        if let Some((value, _)) = test.string()
            && let Some((_, clock)) = zone(&value)
        {
            *left_out = clock;
        }
        return;
    }
    if !test.is_field() {
        return;
    }
    for (place, index) in test.indexes.iter().enumerate() {
        left_out[place] = *index;
    }
    let leaked = &left_out[test.indexes.len().min(2)..];
    if leaked.iter().any(|it| *it != 0) {
        let name = super::finding::printable(test.variable);
        let given = in_brackets(&test.indexes);
        let means = in_brackets(leaked);
        let message = format!(
            "this means {name}{given}{means}: an index that is left out keeps the value of an earlier test"
        );
        let found = expression.at(test.span.clone(), "matcher-index-leak", Severity::Warning, message);
        let zeros = "[0]".repeat(leaked.len());
        findings.push(found.with_help(format!("write {name}{given}{zeros}")));
    }
}

fn in_brackets(indexes: &[u8]) -> String {
    indexes.iter().fold(String::new(), |res, it| res + &format!("[{it}]"))
}

/// Where the zone of a time literal starts, and the last hour and minute read: the zone's if it has them.
fn zone(literal: &[u8]) -> Option<(usize, [u8; 2])> {
    let two = |at: usize| Some(10 * (literal.get(at)? - b'0') + (literal.get(at + 1)? - b'0'));
    if literal.last() == Some(&b'Z') {
        return Some((literal.len() - 1, [two(11)?, two(14)?]));
    }
    let at = literal.len().checked_sub(5)?;
    Some((at, [two(at + 1)?, two(at + 3)?]))
}

fn time_offset(expression: &Expression<'_>, test: &Test<'_>, findings: &mut Vec<Finding>) {
    if test.variable != b"Timestamp" {
        return;
    }
    let Some((value, _)) = test.string() else { return };
    let Some((at, offset)) = zone(&value) else { return };
    if value[at] == b'+' && offset != [0, 0] {
        let message = "the offset is added whatever its sign: `+` means what `-` should".to_owned();
        let found = expression.at(test.value_span.clone(), "matcher-time-offset", Severity::Warning, message);
        findings.push(found.with_help("write the time in UTC, with Z"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn rules(expression: &str) -> Vec<&'static str> {
        let text = format!("message_matcher = [[{expression}]]");
        let source = Source { path: Path::new("a.cfg"), text: text.as_bytes() };
        let expression = Expression { source: &source, text: expression.as_bytes(), key: Some(0..15) };
        let mut findings = Vec::new();
        check(&expression, &mut findings);
        findings.iter().map(|it| it.rule).collect()
    }

    #[test]
    fn groups_that_mean_what_they_seem_to_are_left_alone() {
        for good in [
            "(TRUE && FALSE) || TRUE",
            "TRUE || (FALSE) && TRUE",
            "TRUE && FALSE || TRUE && FALSE",
            "TRUE && (FALSE || TRUE)",
            "TRUE && (FALSE || TRUE) && FALSE",
            "((TRUE)) || (FALSE || TRUE) || FALSE",
        ] {
            assert_eq!(rules(good), [""; 0], "{good}");
        }
        for bad in [
            "FALSE && (TRUE) || TRUE",
            "TRUE && (TRUE || TRUE) || TRUE && TRUE",
            "(TRUE && (TRUE) || TRUE) && TRUE",
        ] {
            assert_eq!(rules(bad), ["matcher-group"], "{bad}");
        }
    }

    #[test]
    fn strings_do_not_confuse_the_rules() {
        assert_eq!(rules("Type == ') || ('"), [""; 0]);
        assert_eq!(
            rules("Type =~ '[^]x-]y' && Type =~ '.-%-a-'% && Type =~ 'a%-b' && Type =~ '%d-x'"),
            [""; 0]
        );
        assert_eq!(rules("Type =~ 'unique-item'"), ["matcher-pattern-dash"]);
        assert_eq!(rules("Type =~ 'a['"), ["matcher-bad-pattern"]);
        assert_eq!(rules("Type !~ 'a%'"), ["matcher-bad-pattern"]);
    }

    #[test]
    fn indexes_leak_from_fields_and_times() {
        assert_eq!(rules("Fields[a] == 1 && Fields[b][0][0] == 1"), [""; 0]);
        assert_eq!(rules("Fields[a][1] == 1 && Fields[b] == 1"), ["matcher-index-leak"]);
        assert_eq!(rules("Timestamp > '2026-01-01T10:00:00Z' && Fields[b] == 1"), ["matcher-index-leak"]);
        assert_eq!(rules("Timestamp > '2026-01-01T10:00:00-0000' && Fields[b] == 1"), [""; 0]);
        assert_eq!(rules("Timestamp > '2026-01-01T10:00:00+0100'"), ["matcher-time-offset"]);
    }
}
