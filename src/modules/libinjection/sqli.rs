//! From tokens to a verdict: folding, the fingerprint, and what is innocent in spite of it.
//!
//! Folding keeps a window of tokens: `left` of them are settled, up to `filled` are read. A rule about the next two or three
//! unsettled tokens drops some and looks again, mostly from the start; the verdict depends on the order of the rules and on
//! which of them start over, so both are the library's.

use bytemuck::{Pod, Zeroable};

use super::{
    token::{QUOTE_DOUBLE, QUOTE_SINGLE, SQL_ANSI, SQL_MYSQL, Scanner, Stats, Token, kind as k},
    words::{is, lookup},
};

/// Tokens in a fingerprint.
const MOST: usize = 5;
/// The text is looked at as it is.
const QUOTE_NONE: u32 = 1;

/// What is known of a text. Plain data, without the text.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct State {
    /// Where reading stands.
    pub pos: u64,
    /// How the text is looked at.
    pub flags: u32,
    /// Line of the library's source that decided, as far as it notes it.
    pub reason: u32,
    /// The token read last, by its place.
    pub current: u32,
    unused: u32,
    /// Counters.
    pub stats: Stats,
    /// The kinds of the first tokens, a C string.
    pub fingerprint: [u8; 8],
    /// Tokens.
    pub tokens: [Token; 8],
}

/// Functions `MySQL` and SQL Server take for variables too.
const VARIABLES: [&[u8]; 11] = [
    b"USER_ID",
    b"USER_NAME",
    b"DATABASE",
    b"PASSWORD",
    b"USER",
    b"CURRENT_USER",
    b"CURRENT_DATE",
    b"CURRENT_TIME",
    b"CURRENT_TIMESTAMP",
    b"LOCALTIME",
    b"LOCALTIMESTAMP",
];

fn is_unary(token: &Token) -> bool {
    token.kind == k::OPERATOR
        && match token.text() {
            [b'+' | b'-' | b'!' | b'~'] | [b'!', b'!'] => true,
            text => text.len() == 3 && is(b"NOT", text),
        }
}

fn is_arithmetic(token: &Token) -> bool {
    token.kind == k::OPERATOR && matches!(token.text(), [b'*' | b'/' | b'-' | b'+' | b'%'])
}

/// What to do after a rule.
enum Rule {
    /// Look again; the window has changed.
    Again,
    /// Nothing to do: another token is needed, or the leftmost is settled.
    None,
    /// Stop, with so many tokens.
    Stop(usize),
}

/// The window over a text's tokens.
struct Folding<'s, 'a> {
    scanner: Scanner<'a>,
    tokens: &'s mut [Token; 8],
    left: usize,
    filled: usize,
    more: bool,
    current: usize,
    /// The last comment, if nothing came behind it.
    comment: Option<Token>,
}

impl Folding<'_, '_> {
    fn kind(&self, i: usize) -> u8 {
        self.tokens[self.left + i].kind
    }

    /// Drops `count` tokens from the end and looks again from the start.
    fn drop_and_restart(&mut self, count: usize, folds: u32) -> Rule {
        self.filled -= count;
        self.scanner.stats.folds += folds;
        self.left = 0;
        Rule::Again
    }

    /// Drops the last token and looks again one token before.
    fn drop_and_step_back(&mut self) -> Rule {
        self.filled -= 1;
        self.scanner.stats.folds += 1;
        self.left = self.left.saturating_sub(1);
        Rule::Again
    }

    /// Puts the token behind over the one at `i`.
    fn close_gap(&mut self, i: usize) {
        self.tokens[self.left + i] = self.tokens[self.left + i + 1];
    }

    /// Reads until `wanted` tokens are unsettled.
    fn fill(&mut self, wanted: usize) {
        while self.more && self.filled <= MOST && self.filled - self.left < wanted {
            self.current = self.filled;
            self.more = self.scanner.next(&mut self.tokens[self.filled]);
            if self.more {
                let token = self.tokens[self.filled];
                if token.kind == k::COMMENT {
                    self.comment = Some(token);
                } else {
                    self.comment = None;
                    self.filled += 1;
                }
            }
        }
    }

    /// Five tokens that say nothing: makes room behind the first.
    fn compact(&mut self) {
        let kinds = [0, 1, 2, 3, 4].map(|i| self.tokens[i].kind);
        let is_idle = matches!(
            kinds,
            [k::NUMBER, k::OPERATOR | k::COMMA, k::LEFT_PARENS, k::NUMBER, k::RIGHT_PARENS]
                | [k::BAREWORD, k::OPERATOR, k::LEFT_PARENS, k::BAREWORD | k::NUMBER, k::RIGHT_PARENS]
                | [k::NUMBER, k::RIGHT_PARENS, k::COMMA, k::LEFT_PARENS, k::NUMBER]
                | [k::BAREWORD, k::RIGHT_PARENS, k::OPERATOR, k::LEFT_PARENS, k::BAREWORD]
        );
        if is_idle {
            if self.filled > MOST {
                self.tokens[1] = self.tokens[MOST];
                self.filled = 2;
            } else {
                self.filled = 1;
            }
            self.left = 0;
        }
    }

    /// Makes one word of two where the table knows it: `UNION ALL`.
    fn merge(&mut self) -> bool {
        const WORDS: &[u8] = &[
            k::KEYWORD,
            k::BAREWORD,
            k::OPERATOR,
            k::UNION,
            k::FUNCTION,
            k::EXPRESSION,
            k::TSQL,
            k::SQLTYPE,
        ];
        let [a, b] = [self.tokens[self.left], self.tokens[self.left + 1]];
        let is_pair = WORDS.contains(&a.kind) && (WORDS.contains(&b.kind) || b.kind == k::LOGIC_OPERATOR);
        let len = a.text().len() + 1 + b.text().len();
        if !is_pair || len >= Token::SIZE {
            return false;
        }
        let mut text = [b' '; Token::SIZE];
        text[..a.text().len()].copy_from_slice(a.text());
        text[a.text().len() + 1..len].copy_from_slice(b.text());
        let found = lookup(&text[..len]);
        if found != 0 {
            self.tokens[self.left].assign(found, a.pos as usize, &text[..len]);
        }
        found != 0
    }

    /// The rules about two tokens.
    fn fold_two(&mut self) -> Rule {
        let (a, b) = (self.kind(0), self.kind(1));
        let [first, second] = [self.tokens[self.left], self.tokens[self.left + 1]];
        let is_word = |words: &[&[u8]]| words.iter().any(|it| is(it, first.text()));
        match (a, b) {
            (k::STRING, k::STRING) | (k::SEMICOLON, k::SEMICOLON) => {
                self.filled -= 1;
                self.scanner.stats.folds += 1;
                return Rule::Again;
            }
            (k::OPERATOR | k::LOGIC_OPERATOR, _) if is_unary(&second) || b == k::SQLTYPE => {
                return self.drop_and_restart(1, 1);
            }
            (k::LEFT_PARENS, _) if is_unary(&second) => return self.drop_and_step_back(),
            _ if self.merge() => return self.drop_and_step_back(),
            _ => {}
        }
        let token = &mut self.tokens[self.left];
        match (a, b) {
            (k::SEMICOLON, k::FUNCTION)
                if second.byte(0).eq_ignore_ascii_case(&b'i')
                    && second.byte(1).eq_ignore_ascii_case(&b'f') =>
            {
                self.tokens[self.left + 1].kind = k::TSQL;
                Rule::Again
            }
            (k::BAREWORD | k::VARIABLE, k::LEFT_PARENS) if is_word(&VARIABLES) => {
                token.kind = k::FUNCTION;
                Rule::Again
            }
            (k::KEYWORD, _) if is_word(&[b"IN", b"NOT IN"]) => {
                token.kind = if b == k::LEFT_PARENS { k::OPERATOR } else { k::BAREWORD };
                Rule::Again
            }
            (k::OPERATOR, _) if is_word(&[b"LIKE", b"NOT LIKE"]) => {
                if b == k::LEFT_PARENS {
                    token.kind = k::FUNCTION;
                }
                Rule::None
            }
            (k::COLLATE, k::BAREWORD) => {
                if second.c_text().contains(&b'_') {
                    self.tokens[self.left + 1].kind = k::SQLTYPE;
                    self.left = 0;
                }
                Rule::None
            }
            (k::BACKSLASH, _) if is_arithmetic(&second) => {
                token.kind = k::NUMBER;
                self.left = 0;
                Rule::Again
            }
            (k::BACKSLASH, _)
            | (
                k::SQLTYPE,
                k::BAREWORD | k::NUMBER | k::SQLTYPE | k::LEFT_PARENS | k::FUNCTION | k::VARIABLE | k::STRING,
            ) => {
                self.close_gap(0);
                self.drop_and_restart(1, 1)
            }
            (k::LEFT_PARENS, k::LEFT_PARENS) | (k::RIGHT_PARENS, k::RIGHT_PARENS) => {
                self.drop_and_restart(1, 1)
            }
            (k::LEFT_BRACE, k::BAREWORD) if second.text().is_empty() => {
                self.tokens[self.left + 1].kind = k::EVIL;
                Rule::Stop(self.left + 2)
            }
            (k::LEFT_BRACE, k::BAREWORD) => self.drop_and_restart(2, 2),
            (_, k::RIGHT_BRACE) => self.drop_and_restart(1, 1),
            _ => Rule::None,
        }
    }

    /// The rules about three tokens.
    fn fold_three(&mut self) -> Rule {
        let [a, b, c] = [0, 1, 2].map(|i| self.kind(i));
        let [first, second] = [self.tokens[self.left], self.tokens[self.left + 1]];
        let is_value = |it: u8| matches!(it, k::NUMBER | k::BAREWORD | k::VARIABLE | k::STRING);
        match (a, b, c) {
            (k::NUMBER, k::OPERATOR, k::NUMBER)
            | (k::LOGIC_OPERATOR, _, k::LOGIC_OPERATOR)
            | (k::VARIABLE, k::OPERATOR, k::VARIABLE | k::NUMBER | k::BAREWORD)
            | (k::BAREWORD | k::NUMBER, k::OPERATOR, k::NUMBER | k::BAREWORD)
            | (k::BAREWORD, k::DOT, k::BAREWORD) => self.drop_and_restart(2, 0),
            (k::OPERATOR, _, k::OPERATOR) if b != k::LEFT_PARENS => self.drop_and_restart(2, 0),
            (_, k::OPERATOR, k::SQLTYPE) if is_value(a) && second.c_text() == b"::" => {
                self.drop_and_restart(2, 2)
            }
            (_, k::COMMA, _) if is_value(a) && is_value(c) => self.drop_and_restart(2, 0),
            (k::EXPRESSION | k::GROUP | k::COMMA, _, k::LEFT_PARENS) if is_unary(&second) => {
                self.close_gap(1);
                self.drop_and_restart(1, 0)
            }
            (k::KEYWORD | k::EXPRESSION | k::GROUP, _, _)
                if is_unary(&second) && (is_value(c) || c == k::FUNCTION) =>
            {
                self.close_gap(1);
                self.drop_and_restart(1, 0)
            }
            (k::COMMA, _, _) if is_unary(&second) && is_value(c) => {
                self.close_gap(1);
                self.drop_and_restart(3, 0)
            }
            (k::COMMA, _, k::FUNCTION) if is_unary(&second) => {
                self.close_gap(1);
                self.drop_and_restart(1, 0)
            }
            (k::EXPRESSION, k::DOT, k::BAREWORD) => {
                self.close_gap(1);
                self.drop_and_restart(1, 0)
            }
            (k::FUNCTION, k::LEFT_PARENS, _) if c != k::RIGHT_PARENS => {
                if is(b"USER", first.text()) {
                    self.tokens[self.left].kind = k::BAREWORD;
                }
                Rule::None
            }
            _ => Rule::None,
        }
    }

    /// Runs to the end; how many tokens the fingerprint has.
    fn run(&mut self) -> usize {
        // What stands in front of everything else says nothing.
        while self.more {
            self.more = self.scanner.next(&mut self.tokens[0]);
            let token = &self.tokens[0];
            let is_skipped =
                matches!(token.kind, k::COMMENT | k::LEFT_PARENS | k::SQLTYPE) || is_unary(token);
            if !is_skipped {
                break;
            }
        }
        if !self.more {
            return 0;
        }
        self.filled = 1;
        loop {
            if self.filled >= MOST {
                self.compact();
            }
            if !self.more || self.left >= MOST {
                self.left = self.filled;
                break;
            }
            self.fill(2);
            if self.filled - self.left < 2 {
                self.left = self.filled;
                continue;
            }
            match self.fold_two() {
                Rule::Again => continue,
                Rule::Stop(count) => return count,
                Rule::None => {}
            }
            self.fill(3);
            if self.filled - self.left < 3 {
                self.left = self.filled;
                continue;
            }
            if let Rule::None = self.fold_three() {
                self.left += 1;
            }
        }
        if let Some(comment) = self.comment.filter(|_| self.left < MOST) {
            self.tokens[self.left] = comment;
            self.left += 1;
        }
        self.left.min(MOST)
    }
}

impl State {
    /// Nothing read yet.
    pub fn new(flags: u32) -> State {
        let flags = if flags == 0 { QUOTE_NONE | SQL_ANSI } else { flags };
        State { flags, ..State::zeroed() }
    }

    fn scanner<'a>(&self, input: &'a [u8]) -> Scanner<'a> {
        Scanner { input, flags: self.flags, pos: self.pos as usize, stats: self.stats }
    }

    fn note(&mut self, scanner: &Scanner<'_>) {
        self.pos = scanner.pos as u64;
        self.stats = scanner.stats;
    }

    /// Reads one token into the current place; whether there was one.
    pub fn tokenize(&mut self, input: &[u8]) -> bool {
        let mut scanner = self.scanner(input);
        let found = scanner.next(&mut self.tokens[self.current as usize]);
        self.note(&scanner);
        found
    }

    /// Reads and folds; how many tokens the fingerprint has.
    pub fn fold(&mut self, input: &[u8]) -> usize {
        let mut tokens = self.tokens;
        let mut folding = Folding {
            scanner: self.scanner(input),
            tokens: &mut tokens,
            left: 0,
            filled: 0,
            more: true,
            current: 0,
            comment: None,
        };
        let count = folding.run();
        self.current = folding.current as u32;
        let scanner = folding.scanner;
        self.tokens = tokens;
        self.note(&scanner);
        count
    }

    /// Starts over and makes the fingerprint.
    pub fn make_fingerprint(&mut self, input: &[u8], flags: u32) {
        *self = State::new(flags);
        let count = self.fold(input);
        if let Some(last) = self.tokens[..count].last_mut().filter(|_| count > 2) {
            // PHP's comment: an open backquote at the end.
            if last.kind == k::BAREWORD && last.open == b'`' && last.text().is_empty() && last.close == 0 {
                last.kind = k::COMMENT;
            }
        }
        for (letter, token) in self.fingerprint.iter_mut().zip(&self.tokens[..count]) {
            *letter = token.kind;
        }
        if self.fingerprint.contains(&k::EVIL) {
            self.fingerprint = [0; 8];
            self.fingerprint[0] = k::EVIL;
            self.tokens[0].spoil();
            self.tokens[1].kind = 0;
        }
    }

    /// The fingerprint's letters.
    pub fn letters(&self) -> &[u8] {
        crate::vm::lua::until_nul(&self.fingerprint)
    }

    /// Whether the table has the fingerprint.
    pub fn is_known(&mut self) -> bool {
        let letters = self.letters();
        if letters.is_empty() {
            self.reason = 1989;
            return false;
        }
        let mut text = [0; 9];
        text[0] = b'0';
        for (to, from) in text[1..].iter_mut().zip(letters) {
            *to = from.to_ascii_uppercase();
        }
        let is_known = lookup(&text[..=letters.len()]) == k::FINGERPRINT;
        if !is_known {
            self.reason = 2019;
        }
        is_known
    }

    /// Whether nothing speaks for a text with a known fingerprint.
    pub fn is_guilty(&mut self, input: &[u8]) -> bool {
        let fingerprint = self.fingerprint;
        let letters = crate::vm::lua::until_nul(&fingerprint);
        if letters.len() > 1
            && letters.last() == Some(&k::COMMENT)
            && memchr::memmem::find(input, b"sp_password").is_some()
        {
            self.reason = 2049;
            return true;
        }
        let verdict = match letters.len() {
            2 => self.judge_two(input),
            3 => self.judge_three(letters),
            _ => None,
        };
        let Some((is_guilty, reason)) = verdict else { return true };
        if reason != 0 {
            self.reason = reason;
        }
        is_guilty
    }

    fn judge_two(&self, input: &[u8]) -> Option<(bool, u32)> {
        let [first, second] = [&self.tokens[0], &self.tokens[1]];
        let at = |i: u64| input.get(i as usize).copied().unwrap_or(0);
        if self.fingerprint[1] == k::UNION {
            return Some(if self.stats.tokens == 2 { (false, 2071) } else { (true, 2074) });
        }
        if second.byte(0) == b'#' {
            return Some((false, 2082));
        }
        if second.kind == k::COMMENT {
            if first.kind == k::BAREWORD && second.byte(0) != b'/' {
                return Some((false, 2093));
            }
            if first.kind == k::NUMBER {
                if second.byte(0) == b'/' {
                    return Some((true, 0));
                }
                if self.stats.tokens > 2 {
                    return Some((true, 2122));
                }
                // What stands right behind the number.
                let next = at(first.len);
                let is_comment = matches!((next, at(first.len + 1)), (b'/', b'*') | (b'-', b'-'));
                return Some(if (next as i8) <= 32 || is_comment { (true, 0) } else { (false, 2144) });
            }
        }
        (second.len > 2 && second.byte(0) == b'-').then_some((false, 2154))
    }

    fn judge_three(&self, letters: &[u8]) -> Option<(bool, u32)> {
        let [first, second, third] = [&self.tokens[0], &self.tokens[1], &self.tokens[2]];
        match letters {
            b"sos" | b"s&s" => {
                let is_injected = first.open == 0 && third.close == 0 && first.close == third.open;
                Some(if is_injected {
                    (true, 2176)
                } else {
                    (false, if self.stats.tokens == 3 { 2180 } else { 2187 })
                })
            }
            b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s" => (self.stats.tokens == 3).then_some((false, 2198)),
            _ => {
                let is_harmless =
                    second.kind == k::KEYWORD && (second.len < 5 || !is(b"INTO", &second.text()[..4]));
                is_harmless.then_some((false, 2207))
            }
        }
    }

    /// Makes the fingerprint with these flags; whether it speaks against the text.
    fn check(&mut self, input: &[u8], flags: u32) -> bool {
        self.make_fingerprint(input, flags);
        self.is_known() && self.is_guilty(input)
    }

    fn may_be_mysql(&self) -> bool {
        self.stats.comment_ddx > 0 || self.stats.comment_hash > 0
    }

    /// Whether the text is an attack, looked at in every way that makes sense.
    pub fn is_sqli(&mut self, input: &[u8]) -> bool {
        if input.is_empty() {
            return false;
        }
        let mut looks_bad = |quote: u32| {
            self.check(input, quote | SQL_ANSI) || self.may_be_mysql() && self.check(input, quote | SQL_MYSQL)
        };
        looks_bad(QUOTE_NONE)
            || input.contains(&b'\'') && looks_bad(QUOTE_SINGLE)
            || input.contains(&b'"') && self.check(input, QUOTE_DOUBLE | SQL_MYSQL)
    }
}
