//! A compiled expression and its evaluation.
//!
//! Operators leave no trace at run time: every test knows which test, or which outcome, follows when it is true and
//! when it is false. That is what short circuit means, and it makes evaluation a walk over one flat list.

use std::ops::Range;

use memchr::memmem;

use super::{
    error::MatcherError,
    parse::{Parsed, Postfix, parse},
    pattern::Pattern,
};
use crate::message::{Message, Value};

/// A compiled `message_matcher` expression.
#[derive(Clone, Debug)]
pub struct Matcher {
    expression: Box<[u8]>,
    steps: Box<[Step]>,
}

/// One test of an expression, for diagnostics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// Its bytes in the expression.
    pub text: &'a [u8],
    /// Where they are in the expression.
    pub span: Range<usize>,
}

#[derive(Clone, Debug)]
struct Step {
    test: Test,
    when_true: u16,
    when_false: u16,
    span: Range<usize>,
}

/// Step numbers that are outcomes. There are at most 128 steps.
const MATCHED: u16 = u16::MAX;
const NOT_MATCHED: u16 = u16::MAX - 1;

#[derive(Clone, Debug)]
pub(super) enum Test {
    Constant(bool),
    String(StringHeader, StringTest),
    StringIsNil { header: StringHeader, negated: bool },
    Timestamp(Order, f64),
    Severity(Order, f64),
    Pid(Order, f64),
    PidIsNil { negated: bool },
    Field { name: Box<[u8]>, field_index: u8, array_index: u8, test: FieldTest },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringHeader {
    Uuid,
    Type,
    Logger,
    Payload,
    EnvVersion,
    Hostname,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

#[derive(Clone, Debug)]
pub(super) enum StringTest {
    Equal(Box<[u8]>),
    Compare(Order, Box<[u8]>),
    Plain { needle: Box<memmem::Finder<'static>>, negated: bool },
    Pattern { pattern: Box<Pattern>, negated: bool },
}

#[derive(Clone, Debug)]
pub(super) enum FieldTest {
    String(StringTest),
    Number(Order, f64),
    /// TRUE and FALSE: bools and numbers alike are compared with 1 and 0.
    Number01 {
        value: f64,
        negated: bool,
    },
    IsNil {
        negated: bool,
    },
}

impl Matcher {
    /// Compiles `expression`, which ends at its first NUL if it has one: production takes a C string.
    ///
    /// # Errors
    ///
    /// Whatever production refuses, with the place.
    pub fn compile(expression: &[u8]) -> Result<Matcher, MatcherError> {
        let expression = expression.split(|&it| it == 0).next().unwrap_or_default();
        let parsed = parse(expression)?;
        Ok(Matcher { expression: expression.into(), steps: link(parsed) })
    }

    /// The matcher that every message matches.
    pub fn always() -> Matcher {
        let step =
            Step { test: Test::Constant(true), when_true: MATCHED, when_false: NOT_MATCHED, span: 0..4 };
        Matcher { expression: (*b"TRUE").into(), steps: [step].into() }
    }

    /// Whether every message matches without being looked at.
    pub fn is_always(&self) -> bool {
        matches!(&self.steps[..], [Step { test: Test::Constant(true), .. }])
    }

    /// The expression it was compiled from.
    pub fn expression(&self) -> &[u8] {
        &self.expression
    }

    /// Whether `message` matches.
    #[inline]
    pub fn matches(&self, message: Message<'_>) -> bool {
        let mut at = 0;
        while let Some(step) = self.steps.get(usize::from(at)) {
            at = if step.test.holds(message) { step.when_true } else { step.when_false };
        }
        at == MATCHED
    }

    /// The tests of the expression in the order they are written.
    pub fn terms(&self) -> impl ExactSizeIterator<Item = Term<'_>> {
        self.steps.iter().map(|it| Term { text: &self.expression[it.span.clone()], span: it.span.clone() })
    }

    /// Whether test `term` (as numbered by [`Matcher::terms`], from zero) alone is true for `message`; false for a
    /// number there is no test for.
    pub fn term_matches(&self, term: usize, message: Message<'_>) -> bool {
        self.steps.get(term).is_some_and(|it| it.test.holds(message))
    }
}

/// Turns postfix into targets. Walking it backwards is walking the tree from the root, right operand first: an
/// operator hands its own targets to its right operand, and to its left one the place where the right one begins.
fn link(parsed: Parsed) -> Box<[Step]> {
    struct Pending {
        when_true: u16,
        when_false: u16,
        /// The operator whose left operand this is; its other target is the first test of the right operand.
        left_of: Option<Postfix>,
    }
    let mut steps: Vec<_> = parsed
        .tests
        .into_iter()
        .map(|(test, span)| Step { test, when_true: MATCHED, when_false: NOT_MATCHED, span })
        .collect();
    // Operands appear in the postfix form in the order they are written, so the one found last is the leftmost so far.
    let mut next = steps.len();
    let mut pending = vec![Pending { when_true: MATCHED, when_false: NOT_MATCHED, left_of: None }];
    for element in parsed.postfix.iter().rev() {
        let Some(mut place) = pending.pop() else { break };
        match place.left_of {
            Some(Postfix::And) => place.when_true = next as u16,
            Some(Postfix::Or) => place.when_false = next as u16,
            _ => {}
        }
        let (when_true, when_false) = (place.when_true, place.when_false);
        if *element == Postfix::Test {
            next -= 1;
            steps[next].when_true = when_true;
            steps[next].when_false = when_false;
        } else {
            pending.push(Pending { when_true, when_false, left_of: Some(*element) });
            pending.push(Pending { when_true, when_false, left_of: None });
        }
    }
    steps.into()
}

impl Test {
    #[inline]
    fn holds(&self, message: Message<'_>) -> bool {
        match self {
            Test::String(StringHeader::Type, StringTest::Equal(literal)) => message.type_is(literal),
            Test::Constant(value) => *value,
            Test::Severity(order, value) => order.holds(f64::from(message.severity()), *value),
            _ => self.holds_slow(message),
        }
    }

    #[inline(never)]
    fn holds_slow(&self, message: Message<'_>) -> bool {
        match self {
            Test::Constant(value) => *value,
            Test::String(header, test) => match header.of(message) {
                Some(value) => test.holds(message, value),
                None => test.holds_when_absent(),
            },
            Test::StringIsNil { header, negated } => header.of(message).is_none() != *negated,
            Test::Timestamp(order, value) => order.holds(message.timestamp() as f64, *value),
            Test::Severity(order, value) => order.holds(f64::from(message.severity()), *value),
            // Absent is i32::MIN to every numeric test.
            Test::Pid(order, value) => order.holds(f64::from(message.pid()), *value),
            Test::PidIsNil { negated } => (message.pid() == i32::MIN) != *negated,
            Test::Field { name, field_index, array_index, test } => {
                let value = message.read(name, usize::from(*field_index), usize::from(*array_index));
                test.holds(message, value)
            }
        }
    }
}

impl StringHeader {
    fn of(self, message: Message<'_>) -> Option<&[u8]> {
        match self {
            StringHeader::Uuid => Some(message.uuid()),
            StringHeader::Type => message.type_(),
            StringHeader::Logger => message.logger(),
            StringHeader::Payload => message.payload(),
            StringHeader::EnvVersion => message.env_version(),
            StringHeader::Hostname => message.hostname(),
        }
    }
}

impl Order {
    #[inline]
    #[expect(clippy::float_cmp, reason = "production compares doubles exactly")]
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Order::Equal => left == right,
            Order::NotEqual => left != right,
            Order::GreaterOrEqual => left >= right,
            Order::Greater => left > right,
            Order::LessOrEqual => left <= right,
            Order::Less => left < right,
        }
    }
}

impl StringTest {
    pub(super) fn compare(order: Order, literal: Box<[u8]>) -> StringTest {
        match order {
            Order::Equal => StringTest::Equal(literal),
            _ => StringTest::Compare(order, literal),
        }
    }

    /// `=~`: a plain search where `%` asks for it or the text has no magic (`.leg:233-239`).
    pub(super) fn search(text: &[u8], plain: bool, negated: bool) -> StringTest {
        if plain || !text.iter().any(|it| b"^$*+?.[%-".contains(it)) {
            StringTest::Plain { needle: Box::new(memmem::Finder::new(text).into_owned()), negated }
        } else {
            StringTest::Pattern { pattern: Box::new(Pattern::compile(text)), negated }
        }
    }

    /// The rules of `heka_message_matcher.c:22-68`.
    fn holds(&self, message: Message<'_>, value: &[u8]) -> bool {
        match self {
            StringTest::Equal(literal) => value == &**literal,
            StringTest::Compare(Order::NotEqual, literal) => value != &**literal,
            StringTest::Compare(order, literal) => {
                let bytes = compare_c_strings(value, literal);
                match order {
                    // Without a look at the lengths, unlike the other three.
                    Order::LessOrEqual => bytes.is_le(),
                    Order::Less => bytes.then(value.len().cmp(&literal.len())).is_lt(),
                    Order::Greater => bytes.then(value.len().cmp(&literal.len())).is_gt(),
                    _ => bytes.then(value.len().cmp(&literal.len())).is_ge(),
                }
            }
            StringTest::Plain { needle, negated } => needle.find(value).is_some() != *negated,
            StringTest::Pattern { pattern, negated } => {
                let behind = if pattern.looks_behind_end() { byte_behind(message.raw(), value) } else { 0 };
                pattern.find(value, behind) != *negated
            }
        }
    }

    fn holds_when_absent(&self) -> bool {
        match self {
            StringTest::Equal(_) => false,
            StringTest::Compare(order, _) => {
                matches!(order, Order::NotEqual | Order::Less | Order::LessOrEqual)
            }
            StringTest::Plain { negated, .. } | StringTest::Pattern { negated, .. } => *negated,
        }
    }
}

impl FieldTest {
    #[expect(clippy::float_cmp, reason = "production compares doubles exactly")]
    fn holds(&self, message: Message<'_>, value: Option<Value<'_>>) -> bool {
        let Some(value) = value else { return matches!(self, FieldTest::IsNil { negated: false }) };
        match (self, value) {
            (FieldTest::String(test), Value::String(value)) => test.holds(message, value),
            (FieldTest::Number(order, number), Value::Number(value)) => order.holds(value, *number),
            (FieldTest::Number01 { value: number, negated }, Value::Number(value) | Value::Bool(value)) => {
                (value == *number) != *negated
            }
            (FieldTest::IsNil { negated }, _) => *negated,
            // Types that do not go together are false for every operator, `!=` and `!~` too.
            _ => false,
        }
    }
}

/// `strncmp` over the length of `value`, against a literal that ends with a NUL and has none inside.
fn compare_c_strings(value: &[u8], literal: &[u8]) -> std::cmp::Ordering {
    for (at, &byte) in value.iter().enumerate() {
        let other = literal.get(at).copied().unwrap_or(0);
        if byte != other || byte == 0 {
            return byte.cmp(&other);
        }
    }
    std::cmp::Ordering::Equal
}

/// The byte that follows `value` in the message it is a part of; NUL behind the last one, where production reads
/// whatever its buffer holds.
fn byte_behind(raw: &[u8], value: &[u8]) -> u8 {
    let behind = (value.as_ptr() as usize).checked_sub(raw.as_ptr() as usize);
    behind.and_then(|it| raw.get(it + value.len())).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Matcher;
    use crate::{
        matcher::unescape,
        message::{Message, MessageIndex, read_varint},
    };

    const MESSAGES: &[u8] = include_bytes!("../../tests/data/matcher/messages.hpb");
    const CASES: &str = include_str!("../../tests/data/matcher/cases.tsv");

    /// The messages of a stream of undamaged frames.
    fn messages() -> Vec<&'static [u8]> {
        let mut rest = MESSAGES;
        let mut messages = Vec::new();
        while let [0x1e, header_len, 0x08, ..] = rest {
            let (len, _) = read_varint(rest, 3).expect("a message length");
            let start = 3 + usize::from(*header_len);
            messages.push(&rest[start..start + len as usize]);
            rest = &rest[start + len as usize..];
        }
        messages
    }

    /// The Pids of the messages `expression` matches, or `invalid`.
    fn result(expression: &[u8]) -> String {
        let Ok(matcher) = Matcher::compile(expression) else { return "invalid".to_owned() };
        let mut index = MessageIndex::default();
        let mut pids = Vec::new();
        for raw in messages() {
            index.decode(raw).expect("a message");
            let message = Message::new(raw, &index);
            if matcher.matches(message) {
                pids.push(message.pid().to_string());
            }
        }
        pids.join(" ")
    }

    fn check(expression: &str, expected: &str) {
        assert_eq!(result(expression.as_bytes()), expected, "{expression}");
    }

    #[test]
    fn the_recorded_cases_give_what_production_gave() {
        let mut count = 0;
        for line in CASES.lines().filter(|it| !it.starts_with('#')) {
            let [name, expression, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("three columns: {line}")
            };
            let expression = unescape(expression.as_bytes()).expect("known escapes");
            assert_eq!(result(&expression), expected, "{name}");
            count += 1;
        }
        assert_eq!(count, 90);
    }

    #[test]
    fn an_operator_behind_a_group_takes_the_rest() {
        check("FALSE && (TRUE) || TRUE", "");
        check("TRUE && (FALSE || FALSE) || FALSE && TRUE", "");
        check("(Pid == 1 && (Pid == 2) || Pid == 1) && Pid == 1", "1");
        check("(FALSE && TRUE) || Pid == 1", "1");
        check("Pid == 1 || (Pid == 2) && FALSE", "1");
        check("FALSE && TRUE || Pid == 3 && TRUE", "3");
    }

    #[test]
    fn a_time_leaves_its_hour_and_minute_as_indices() {
        check("Timestamp > '2017-01-01T00:00:00Z' && Fields[level] == 'low'", "4");
        check("Timestamp > '2017-01-01T00:01:00Z' && Fields[level] == 'mid'", "4");
        check("Timestamp > '2017-01-01T05:00:00+0002' && Fields[level] == 'high'", "4");
        check("Timestamp > '2017-01-01T01:00:00Z' && Fields[n] == 4", "5");
        check("Fields[n][1] == 4 && Fields[n] == 4", "5");
        check("Fields[level][0][1] == 'mid' && Fields[level][0] == 'mid'", "4");
    }

    #[test]
    fn absent_values() {
        check("Type < ''", "6");
        check("Type <= ''", "6 7");
        check("Type !~ '.'", "6 7");
        check("Type >= '' && Type =~ ''", "1 2 3 4 5 7 8 9 10");
        check("Fields[nosuch] != 'x' || Fields[nosuch] !~ 'x' || Fields[nosuch] < 1", "");
        check("Fields[uri] != NIL && Fields[uri] < 1", "");
        check("Fields[secure] == 1", "");
        check("Fields[zi] == FALSE", "6");
    }

    #[test]
    fn names_and_expressions_end_as_in_c() {
        let long = "x".repeat(256);
        check(&format!("Fields[zi{}] == 0", &long[..254]), "");
        check(&format!("Fields[zi{long}] == 0"), "6");
        check("Pid == 1\0 nonsense", "1");
        assert_eq!(result(b"Type =~ '\xc3\xa9$'"), "10");
    }

    #[test]
    fn terms_are_the_tests_as_written() {
        let matcher = Matcher::compile(b" ( Pid==1 || Type=='a' ) &&Fields[x] == 1 ").expect("a matcher");
        let texts: Vec<_> = matcher.terms().map(|it| (it.text.to_vec(), it.span.start)).collect();
        assert_eq!(
            texts,
            [(b"Pid==1".to_vec(), 3), (b"Type=='a'".to_vec(), 13), (b"Fields[x] == 1".to_vec(), 27)]
        );
        let mut index = MessageIndex::default();
        let raw = messages()[0];
        index.decode(raw).expect("a message");
        let message = Message::new(raw, &index);
        assert_eq!([0, 1, 2, 3].map(|it| matcher.term_matches(it, message)), [true, false, false, false]);
    }

    #[test]
    fn deep_nesting_does_not_recurse() {
        let depth = 200_000;
        check(&format!("{}Pid == 1{}", "(".repeat(depth), ")".repeat(depth)), "1");
    }
}
