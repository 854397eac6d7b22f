//! Reads an expression into tests and operators in postfix order.
//!
//! The grammar is production's PEG (`heka_message_matcher_parser.leg:274-383`); it is deterministic enough that one
//! look at the next bytes always decides, so this parser neither backtracks nor recurses. Order of evaluation comes
//! from production's shunting yard (`.leg:127-164`), whose open markers are never removed: `)` moves operators out
//! down to the nearest marker and leaves the marker, so an operator behind a group never releases operators from
//! before it. `FALSE && (TRUE) || TRUE` is therefore `FALSE && (TRUE || TRUE)`.

use std::ops::Range;

use super::{
    error::{Expected, MatcherError, MatcherErrorKind},
    program::{FieldTest, Order, StringHeader, StringTest, Test},
};

/// Operators an expression may have (`.leg:267-270`).
const MAX_OPERATORS: usize = 127;
/// Bytes a string may have.
const MAX_STRING: usize = u8::MAX as usize;

/// One element of the postfix form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Postfix {
    /// The next test.
    Test,
    And,
    Or,
}

/// A parsed expression: its tests in source order, and the order they are combined in.
pub(super) struct Parsed {
    pub(super) tests: Vec<(Test, Range<usize>)>,
    pub(super) postfix: Vec<Postfix>,
}

/// Parses `expression`, which holds no NUL.
pub(super) fn parse(expression: &[u8]) -> Result<Parsed, MatcherError> {
    let mut parser = Parser { text: expression, at: 0, left_out: [0, 0] };
    parser.expression().map_err(|(span, kind)| MatcherError { expression: expression.into(), span, kind })
}

type Failure = (Range<usize>, MatcherErrorKind);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Open,
    Or,
    And,
}

/// The shunting yard's operator stack.
#[derive(Default)]
struct Yard {
    stack: Vec<Operator>,
    postfix: Vec<Postfix>,
}

impl Yard {
    fn push(&mut self, operator: Operator) {
        match self.stack.last_mut() {
            // Only the top is released, whatever is below it.
            Some(top) if operator != Operator::Open && operator <= *top => {
                self.postfix.extend(top.postfix());
                *top = operator;
            }
            _ => self.stack.push(operator),
        }
    }

    fn close(&mut self) {
        while let Some(operator) = self.stack.pop_if(|it| *it != Operator::Open) {
            self.postfix.extend(operator.postfix());
        }
    }

    fn finish(mut self) -> Vec<Postfix> {
        while let Some(operator) = self.stack.pop() {
            self.postfix.extend(operator.postfix());
        }
        self.postfix
    }
}

impl Operator {
    fn postfix(self) -> Option<Postfix> {
        match self {
            Operator::Open => None,
            Operator::Or => Some(Postfix::Or),
            Operator::And => Some(Postfix::And),
        }
    }
}

/// A comparison or match operator.
#[derive(Clone, Copy)]
enum Comparison {
    Order(Order),
    Match { negated: bool },
}

/// The two operators that NIL and bools can be tested with: whether negated.
fn equality(order: Order) -> Option<bool> {
    match order {
        Order::Equal => Some(false),
        Order::NotEqual => Some(true),
        _ => None,
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// What an index that is left out is: production keeps the two numbers where it also keeps hours and minutes
    /// while it reads a time, and never resets them (`.leg:343`; the cases `message_matcher/index_leak_*`).
    left_out: [u8; 2],
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Parsed, Failure> {
        let mut tests = Vec::new();
        let mut yard = Yard::default();
        let mut open = Vec::new();
        let mut operators = 0;
        self.skip_space();
        loop {
            while self.eat(b"(") {
                open.push(self.at - 1);
                yard.push(Operator::Open);
                self.skip_space();
            }
            let start = self.at;
            let test = self.test()?;
            tests.push((test, start..self.at));
            yard.postfix.push(Postfix::Test);
            self.skip_space();
            while self.peek() == Some(b')') {
                if open.pop().is_none() {
                    return Err((self.at..self.at + 1, MatcherErrorKind::Unopened));
                }
                self.at += 1;
                yard.close();
                self.skip_space();
            }
            let start = self.at;
            let operator = if self.eat(b"&&") {
                Operator::And
            } else if self.eat(b"||") {
                Operator::Or
            } else {
                break;
            };
            operators += 1;
            if operators > MAX_OPERATORS {
                return Err((start..self.at, MatcherErrorKind::TooManyOperators));
            }
            yard.push(operator);
            self.skip_space();
        }
        if self.at < self.text.len() {
            return Err(self.expected(Expected::Operator { inside: !open.is_empty() }));
        }
        if let Some(at) = open.pop() {
            return Err((at..at + 1, MatcherErrorKind::Unclosed));
        }
        Ok(Parsed { tests, postfix: yard.finish() })
    }

    /// One test, without the space behind it.
    fn test(&mut self) -> Result<Test, Failure> {
        const STRING_HEADERS: [(&[u8], StringHeader); 5] = [
            (b"Type", StringHeader::Type),
            (b"Logger", StringHeader::Logger),
            (b"Hostname", StringHeader::Hostname),
            (b"EnvVersion", StringHeader::EnvVersion),
            (b"Payload", StringHeader::Payload),
        ];
        if self.eat(b"Uuid") {
            let test = match self.comparison()? {
                Comparison::Order(order) => StringTest::compare(order, self.string(Expected::String)?),
                Comparison::Match { negated } => self.string_match(negated)?,
            };
            return Ok(Test::String(StringHeader::Uuid, test));
        }
        if self.eat(b"Timestamp") {
            let order = self.relational()?;
            let value = match self.number() {
                Some(value) => value,
                None => self.time()?,
            };
            return Ok(Test::Timestamp(order, value));
        }
        for (name, header) in STRING_HEADERS {
            if self.eat(name) {
                return self.string_header(header);
            }
        }
        if self.eat(b"Severity") {
            let order = self.relational()?;
            let value = self.number().ok_or_else(|| self.expected(Expected::Number))?;
            return Ok(Test::Severity(order, value));
        }
        if self.eat(b"Pid") {
            let order = self.relational()?;
            if let Some(value) = self.number() {
                return Ok(Test::Pid(order, value));
            }
            return match equality(order) {
                Some(negated) if self.eat(b"NIL") => Ok(Test::PidIsNil { negated }),
                Some(_) => Err(self.expected(Expected::NumberOrNil)),
                None => Err(self.expected(Expected::Number)),
            };
        }
        if self.eat(b"Fields[") {
            return self.field();
        }
        if self.eat(b"TRUE") {
            return Ok(Test::Constant(true));
        }
        if self.eat(b"FALSE") {
            return Ok(Test::Constant(false));
        }
        Err(self.expected(Expected::Test))
    }

    fn string_header(&mut self, header: StringHeader) -> Result<Test, Failure> {
        let order = match self.comparison()? {
            Comparison::Order(order) => order,
            Comparison::Match { negated } => return Ok(Test::String(header, self.string_match(negated)?)),
        };
        match equality(order) {
            Some(negated) if self.eat(b"NIL") => Ok(Test::StringIsNil { header, negated }),
            Some(_) => {
                Ok(Test::String(header, StringTest::compare(order, self.string(Expected::StringOrNil)?)))
            }
            None => Ok(Test::String(header, StringTest::compare(order, self.string(Expected::String)?))),
        }
    }

    /// A field test behind its `Fields[`.
    fn field(&mut self) -> Result<Test, Failure> {
        let start = self.at;
        let Some(len) = self.text[start..].iter().position(|&it| it == b']') else {
            return Err((start - 1..start, MatcherErrorKind::UnterminatedName));
        };
        // The length is kept in one byte, and only so many bytes of the name are kept (`.leg:195-207`).
        let name = self.text[start..start + (len & 0xff)].into();
        self.at = start + len + 1;
        for place in 0..2 {
            if self.peek() == Some(b'[') {
                self.left_out[place] = self.index()?;
            }
        }
        let [field_index, array_index] = self.left_out;
        let test = match self.comparison()? {
            Comparison::Match { negated } => FieldTest::String(self.string_match(negated)?),
            Comparison::Order(order) => {
                let negated = equality(order);
                if let Some(value) = self.number() {
                    FieldTest::Number(order, value)
                } else if negated.is_some() && self.eat(b"NIL") {
                    FieldTest::IsNil { negated: order == Order::NotEqual }
                } else if negated.is_some() && self.eat(b"TRUE") {
                    FieldTest::Number01 { value: 1.0, negated: order == Order::NotEqual }
                } else if negated.is_some() && self.eat(b"FALSE") {
                    FieldTest::Number01 { value: 0.0, negated: order == Order::NotEqual }
                } else {
                    let expected =
                        if negated.is_some() { Expected::AnyValue } else { Expected::StringOrNumber };
                    FieldTest::String(StringTest::compare(order, self.string(expected)?))
                }
            }
        };
        Ok(Test::Field { name, field_index, array_index, test })
    }

    /// An index with its brackets. The alternatives are production's, in its order, which leaves out 206 to 209 and
    /// the like (`.leg:344-348`).
    fn index(&mut self) -> Result<u8, Failure> {
        let start = self.at;
        let (value, len) = match self.text[start + 1..] {
            [b'2', second @ b'0'..=b'5', third @ b'0'..=b'5', ..] => {
                (200 + 10 * (second - b'0') + (third - b'0'), 3)
            }
            [b'1', second @ b'0'..=b'9', third @ b'0'..=b'9', ..] => {
                (100 + 10 * (second - b'0') + (third - b'0'), 3)
            }
            [first @ b'1'..=b'9', second @ b'0'..=b'9', ..] => (10 * (first - b'0') + (second - b'0'), 2),
            [first @ b'0'..=b'9', ..] => (first - b'0', 1),
            _ => (0, 0),
        };
        if len == 0 || self.text.get(start + 1 + len) != Some(&b']') {
            let line = self.text[start..].split(|it| b"=!<>\n".contains(it)).next().unwrap_or_default();
            let end = line.iter().position(|&it| it == b']').map_or(1, |it| it + 1);
            return Err((start..start + end, MatcherErrorKind::Index));
        }
        self.at = start + len + 2;
        Ok(value)
    }

    /// Any operator, with the space around it.
    fn comparison(&mut self) -> Result<Comparison, Failure> {
        const OPERATORS: [(&[u8], Comparison); 8] = [
            (b"==", Comparison::Order(Order::Equal)),
            (b"!=", Comparison::Order(Order::NotEqual)),
            (b">=", Comparison::Order(Order::GreaterOrEqual)),
            (b">", Comparison::Order(Order::Greater)),
            (b"<=", Comparison::Order(Order::LessOrEqual)),
            (b"<", Comparison::Order(Order::Less)),
            (b"=~", Comparison::Match { negated: false }),
            (b"!~", Comparison::Match { negated: true }),
        ];
        self.skip_space();
        for (text, operator) in OPERATORS {
            if self.eat(text) {
                self.skip_space();
                return Ok(operator);
            }
        }
        Err(self.expected(Expected::Comparison))
    }

    fn relational(&mut self) -> Result<Order, Failure> {
        self.skip_space();
        let start = self.at;
        match self.comparison() {
            Ok(Comparison::Order(order)) => Ok(order),
            Ok(Comparison::Match { .. }) => {
                Err((start..start + 2, MatcherErrorKind::Expected(Expected::Relational)))
            }
            Err((span, _)) => Err((span, MatcherErrorKind::Expected(Expected::Relational))),
        }
    }

    /// The string of `=~` or `!~` and its `%`.
    fn string_match(&mut self, negated: bool) -> Result<StringTest, Failure> {
        let text = self.string(Expected::String)?;
        let plain = self.eat(b"%");
        Ok(StringTest::search(&text, plain, negated))
    }

    /// A quoted string, unescaped (`.leg:222-242, 322-324`): the own quote and the backslash can be escaped while
    /// looking for the end, but then both quotes lose a backslash before them.
    fn string(&mut self, expected: Expected) -> Result<Box<[u8]>, Failure> {
        let start = self.at;
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            return Err(self.expected(expected));
        };
        let mut end = start + 1;
        loop {
            match self.text[end..] {
                [b'\\', next, ..] if next == quote || next == b'\\' => end += 2,
                [byte, ..] if byte == quote => break,
                [_, ..] => end += 1,
                [] => return Err((start..start + 1, MatcherErrorKind::UnterminatedString)),
            }
        }
        let mut rest = &self.text[start + 1..end];
        let mut text = Vec::with_capacity(rest.len());
        while let [byte, behind @ ..] = rest {
            if let [b'\\', escaped @ (b'"' | b'\'' | b'\\'), behind @ ..] = rest {
                text.push(*escaped);
                rest = behind;
            } else {
                text.push(*byte);
                rest = behind;
            }
        }
        if text.len() > MAX_STRING {
            return Err((start..end + 1, MatcherErrorKind::LongString(text.len())));
        }
        self.at = end + 1;
        Ok(text.into())
    }

    /// A number, or nothing consumed. It ends where the grammar ends it: of `1.` and `01` only the first digit is
    /// taken, and the rest is an error for whoever looks next.
    fn number(&mut self) -> Option<f64> {
        let text = &self.text[self.at..];
        let digits = |at: usize| text[at..].iter().take_while(|it| it.is_ascii_digit()).count();
        let mut len = usize::from(matches!(text.first(), Some(b'+' | b'-')));
        len += match text.get(len)? {
            b'0' => 1,
            b'1'..=b'9' => digits(len),
            _ => return None,
        };
        if text.get(len) == Some(&b'.') && digits(len + 1) > 0 {
            len += 1 + digits(len + 1);
        }
        if matches!(text.get(len), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
            let exponent = text.get(len + 1 + sign..).map_or(0, |_| digits(len + 1 + sign));
            if exponent > 0 {
                len += 1 + sign + exponent;
            }
        }
        let value = str::from_utf8(&text[..len]).ok()?.parse().ok()?;
        self.at += len;
        Some(value)
    }

    /// A quoted time in nanoseconds (`.leg:167-212, 350-377`), in UTC as in every sandbox. The offset is added
    /// whatever its sign: production looks for the sign in the text of the minutes.
    fn time(&mut self) -> Result<f64, Failure> {
        let start = self.at;
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            return Err(self.expected(Expected::NumberOrTime));
        };
        let inside = &self.text[start + 1..];
        let line = inside.iter().position(|&it| it == quote || it == b'\n').unwrap_or(inside.len());
        let closed = usize::from(inside.get(line) == Some(&quote));
        let failure = (start..start + 1 + line + closed, MatcherErrorKind::Time);
        let mut time = Time { text: &inside[..line] };
        match time.nanoseconds() {
            Some((value, hour_and_minute)) if closed == 1 && time.text.is_empty() => {
                self.left_out = hour_and_minute;
                self.at = start + line + 2;
                Ok(value)
            }
            _ => Err(failure),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\r' | b'\n' | b'\t')) {
            self.at += 1;
        }
    }

    /// The error that `expected` should be here; its span is the word or the quoted string that is here instead.
    fn expected(&self, expected: Expected) -> Failure {
        let rest = &self.text[self.at..];
        let is_word = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.') || *it >= 0x80;
        let len = match rest.first() {
            None => 0,
            Some(quote @ (b'"' | b'\'')) => {
                let line = rest[1..].split(|&it| it == b'\n').next().unwrap_or_default();
                line.iter().position(|it| it == quote).map_or(1, |it| it + 2)
            }
            Some(first) if is_word(first) => rest.iter().take_while(|it| is_word(it)).count(),
            Some(_) => 1,
        };
        (self.at..self.at + len, MatcherErrorKind::Expected(expected))
    }
}

/// The text between the quotes of a time.
struct Time<'a> {
    text: &'a [u8],
}

impl Time<'_> {
    /// The value, and the last hour and minute that were read.
    fn nanoseconds(&mut self) -> Option<(f64, [u8; 2])> {
        let year = 100 * i64::from(self.two(0, 99)?) + i64::from(self.two(0, 99)?);
        self.byte(b'-')?;
        let month = self.two(1, 12)?;
        self.byte(b'-')?;
        let day = self.two(1, 31)?;
        self.byte(b'T')?;
        let mut last = [self.two(0, 23)?, 0];
        self.byte(b':')?;
        last[1] = self.two(0, 59)?;
        self.byte(b':')?;
        let second = self.two(0, 60)?;
        let clock = 3600 * i64::from(last[0]) + 60 * i64::from(last[1]) + i64::from(second);
        let mut value = self.fraction()?;
        match *self.text.split_off_first()? {
            b'Z' => {}
            b'+' | b'-' => {
                last = [self.two(0, 23)?, self.two(0, 59)?];
                value += f64::from(3600 * u32::from(last[0]) + 60 * u32::from(last[1]));
            }
            _ => return None,
        }
        value += (86_400 * days_from_epoch(year, month, day) + clock) as f64;
        value *= 1e9;
        Some((value, last))
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (*self.text.split_off_first()? == expected).then_some(())
    }

    fn two(&mut self, least: u8, most: u8) -> Option<u8> {
        let digits = self.text.split_off(..2)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = 10 * (digits[0] - b'0') + (digits[1] - b'0');
        (least..=most).contains(&value).then_some(value)
    }

    /// A fraction of a second, 0 when there is none; `None` for a point without digits.
    fn fraction(&mut self) -> Option<f64> {
        if self.text.first() != Some(&b'.') {
            return Some(0.0);
        }
        let digits = self.text[1..].iter().take_while(|it| it.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        str::from_utf8(self.text.split_off(..=digits)?).ok()?.parse().ok()
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Days past the end of a month go on into the next one,
/// as `mktime` has it.
fn days_from_epoch(year: i64, month: u8, day: u8) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let month = i64::from(month);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
