//! Tokens of SQL: what a text is cut into (libinjection 3.9.2, `libinjection_sqli.c`).
//!
//! Tokens keep 31 bytes of their text, as the library's do, and everything behind works on those. NUL counts as a member of
//! every set of bytes, because the library looks bytes up with `strchr`.

use bytemuck::{Pod, Zeroable};

use super::words::lookup;

/// Kinds of tokens; the letters of fingerprints.
pub mod kind {
    pub const KEYWORD: u8 = b'k';
    pub const UNION: u8 = b'U';
    pub const GROUP: u8 = b'B';
    pub const EXPRESSION: u8 = b'E';
    pub const SQLTYPE: u8 = b't';
    pub const FUNCTION: u8 = b'f';
    pub const BAREWORD: u8 = b'n';
    pub const NUMBER: u8 = b'1';
    pub const VARIABLE: u8 = b'v';
    pub const STRING: u8 = b's';
    pub const OPERATOR: u8 = b'o';
    pub const LOGIC_OPERATOR: u8 = b'&';
    pub const COMMENT: u8 = b'c';
    pub const COLLATE: u8 = b'A';
    pub const LEFT_PARENS: u8 = b'(';
    pub const RIGHT_PARENS: u8 = b')';
    pub const LEFT_BRACE: u8 = b'{';
    pub const RIGHT_BRACE: u8 = b'}';
    pub const DOT: u8 = b'.';
    pub const COMMA: u8 = b',';
    pub const COLON: u8 = b':';
    pub const SEMICOLON: u8 = b';';
    pub const TSQL: u8 = b'T';
    pub const UNKNOWN: u8 = b'?';
    pub const EVIL: u8 = b'X';
    pub const FINGERPRINT: u8 = b'F';
    pub const BACKSLASH: u8 = b'\\';
}

/// The text is looked at as if a single quote stood in front of it.
pub const QUOTE_SINGLE: u32 = 2;
/// The same with a double quote.
pub const QUOTE_DOUBLE: u32 = 4;
/// `--` begins a comment wherever it stands.
pub const SQL_ANSI: u32 = 8;
/// `#` begins a comment.
pub const SQL_MYSQL: u32 = 16;

/// A token.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Token {
    /// Where it begins in the text.
    pub pos: u64,
    /// How much of it is kept.
    pub len: u64,
    /// Of variables: how many `@`.
    pub count: u32,
    /// What it is, 0 for nothing.
    pub kind: u8,
    /// The quote it opens with, 0 for none.
    pub open: u8,
    /// The quote it closes with, 0 for none.
    pub close: u8,
    unused: u8,
    text: [u8; Token::SIZE],
}

impl Token {
    /// Bytes of text a token has room for, a NUL included.
    pub const SIZE: usize = 32;

    /// The text that is kept.
    pub fn text(&self) -> &[u8] {
        &self.text[..self.len as usize]
    }

    /// Its byte at `i`; NUL behind the text.
    pub fn byte(&self, i: usize) -> u8 {
        self.text[i]
    }

    /// The text as a C string.
    pub fn c_text(&self) -> &[u8] {
        crate::vm::lua::until_nul(&self.text)
    }

    pub(super) fn assign(&mut self, kind: u8, pos: usize, text: &[u8]) {
        let len = text.len().min(Token::SIZE - 1);
        self.kind = kind;
        self.pos = pos as u64;
        self.len = len as u64;
        self.text[..len].copy_from_slice(&text[..len]);
        self.text[len] = 0;
    }

    /// Makes it say that the text cannot be SQL.
    pub(super) fn spoil(&mut self) {
        self.text = [0; Token::SIZE];
        self.text[0] = kind::EVIL;
        self.kind = kind::EVIL;
    }
}

/// Counters the verdict takes into account.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Stats {
    /// `--` that is a comment for some servers only.
    pub comment_ddx: u32,
    /// `#`, and those of them that were comments.
    pub comment_hash: u32,
    /// Tokens folded away.
    pub folds: u32,
    /// Tokens read.
    pub tokens: u32,
}

/// A position in a text, and what was found before it.
pub struct Scanner<'a> {
    /// The text.
    pub input: &'a [u8],
    /// How it is looked at.
    pub flags: u32,
    /// Where the next token begins.
    pub pos: usize,
    /// Counters.
    pub stats: Stats,
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0xa0 | 0)
}

/// Length of the prefix of bytes in `set`, or NUL.
fn span(text: &[u8], set: &[u8]) -> usize {
    text.iter().position(|it| *it != 0 && !set.contains(it)).unwrap_or(text.len())
}

/// Length of the prefix of bytes that are neither in `set` nor NUL.
fn span_until(text: &[u8], set: &[u8]) -> usize {
    text.iter().position(|it| *it == 0 || set.contains(it)).unwrap_or(text.len())
}

fn find(text: &[u8], byte: u8) -> Option<usize> {
    memchr::memchr(byte, text)
}

const WORD_END: &[u8] = b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0";
const VARIABLE_END: &[u8] = b" <>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r'`\"";
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const HEXADECIMAL: &[u8] = b"0123456789ABCDEFabcdef";

impl<'a> Scanner<'a> {
    /// The byte at `i`, NUL behind the end.
    fn at(&self, i: usize) -> u8 {
        self.input.get(i).copied().unwrap_or(0)
    }

    fn rest(&self, from: usize) -> &'a [u8] {
        self.input.get(from..).unwrap_or_default()
    }

    /// Reads the next token into `token`; whether there was one.
    pub fn next(&mut self, token: &mut Token) -> bool {
        if self.input.is_empty() {
            return false;
        }
        *token = Token::zeroed();
        let quote = match self.flags & (QUOTE_SINGLE | QUOTE_DOUBLE) {
            0 => 0,
            it if it & QUOTE_SINGLE != 0 => b'\'',
            _ => b'"',
        };
        if self.pos == 0 && quote != 0 {
            self.pos = self.quoted(token, 0, quote, 0);
            self.stats.tokens += 1;
            return true;
        }
        while self.pos < self.input.len() {
            self.pos = self.token_at(token, self.pos);
            if token.kind != 0 {
                self.stats.tokens += 1;
                return true;
            }
        }
        false
    }

    /// Reads what begins at `pos`; where the next begins.
    fn token_at(&mut self, token: &mut Token, pos: usize) -> usize {
        match self.at(pos) {
            0..=32 | 127 | 160 => pos + 1,
            b'"' | b'\'' => self.quoted(token, pos, self.at(pos), 1),
            b'#' => self.hash(token, pos),
            b'$' => self.money(token, pos),
            b'%' | b'+' | b'^' | b'~' => self.one(token, kind::OPERATOR, pos),
            b'!' | b'&' | b'*' | b':' | b'<' | b'=' | b'>' | b'|' => self.operator(token, pos),
            byte @ (b'(' | b')' | b',' | b';' | b'{' | b'}') => self.one(token, byte, pos),
            b'-' => self.dash(token, pos),
            b'.' | b'0'..=b'9' => self.number(token, pos),
            b'/' => self.slash(token, pos),
            b'?' | b']' => self.one(token, kind::UNKNOWN, pos),
            b'@' => self.variable(token, pos),
            b'B' | b'b' => self.digits_in_quotes(token, pos, b"01"),
            b'X' | b'x' => self.digits_in_quotes(token, pos, HEXADECIMAL),
            b'E' | b'e' => self.escaped_string(token, pos),
            b'N' | b'n' if pos + 2 < self.input.len() && self.at(pos + 1) == b'\'' => {
                self.escaped_string(token, pos)
            }
            b'N' | b'n' => self.oracle_string(token, pos, 1),
            b'Q' | b'q' => self.oracle_string(token, pos, 0),
            b'U' | b'u' => self.unicode_string(token, pos),
            b'[' => self.bracketed(token, pos),
            b'\\' => self.backslash(token, pos),
            b'`' => self.ticked(token, pos),
            _ => self.word(token, pos),
        }
    }

    /// A token of one byte.
    fn one(&self, token: &mut Token, kind: u8, pos: usize) -> usize {
        token.assign(kind, pos, &[self.at(pos)]);
        pos + 1
    }

    /// A token from `pos` to `end`.
    fn take(&self, token: &mut Token, kind: u8, pos: usize, end: usize) -> usize {
        token.assign(kind, pos, &self.input[pos..end]);
        end
    }

    fn line_comment(&self, token: &mut Token, pos: usize) -> usize {
        match find(self.rest(pos), b'\n') {
            None => self.take(token, kind::COMMENT, pos, self.input.len()),
            Some(len) => self.take(token, kind::COMMENT, pos, pos + len) + 1,
        }
    }

    fn hash(&mut self, token: &mut Token, pos: usize) -> usize {
        self.stats.comment_hash += 1;
        if self.flags & SQL_MYSQL == 0 {
            return self.one(token, kind::OPERATOR, pos);
        }
        self.stats.comment_hash += 1;
        self.line_comment(token, pos)
    }

    fn dash(&mut self, token: &mut Token, pos: usize) -> usize {
        if self.at(pos + 1) != b'-' {
            return self.one(token, kind::OPERATOR, pos);
        }
        if pos + 2 >= self.input.len() || is_white(self.at(pos + 2)) {
            return self.line_comment(token, pos);
        }
        if self.flags & SQL_ANSI == 0 {
            return self.one(token, kind::OPERATOR, pos);
        }
        self.stats.comment_ddx += 1;
        self.line_comment(token, pos)
    }

    fn slash(&self, token: &mut Token, pos: usize) -> usize {
        if self.at(pos + 1) != b'*' {
            return self.one(token, kind::OPERATOR, pos);
        }
        let inner = self.rest(pos + 2);
        let end = memchr::memmem::find(inner, b"*/");
        // Comments in comments, and those MySQL executes, are never innocent.
        let is_nested = end.is_some_and(|end| memchr::memmem::find(&inner[..=end], b"/*").is_some());
        let kind = if is_nested || self.at(pos + 2) == b'!' { kind::EVIL } else { kind::COMMENT };
        self.take(token, kind, pos, end.map_or(self.input.len(), |end| pos + 2 + end + 2))
    }

    fn backslash(&self, token: &mut Token, pos: usize) -> usize {
        // MySQL's name for NULL.
        if self.at(pos + 1) == b'N' {
            return self.take(token, kind::NUMBER, pos, pos + 2);
        }
        self.one(token, kind::BACKSLASH, pos)
    }

    fn operator(&self, token: &mut Token, pos: usize) -> usize {
        if pos + 1 >= self.input.len() {
            return self.one(token, kind::OPERATOR, pos);
        }
        if self.rest(pos).starts_with(b"<=>") {
            return self.take(token, kind::OPERATOR, pos, pos + 3);
        }
        let found = lookup(&self.input[pos..pos + 2]);
        if found != 0 {
            return self.take(token, found, pos, pos + 2);
        }
        let kind = if self.at(pos) == b':' { kind::COLON } else { kind::OPERATOR };
        self.one(token, kind, pos)
    }

    /// A string that ends with `quote`; its text begins `skipped` bytes behind `pos`, 0 for a quote that is only imagined.
    fn quoted(&self, token: &mut Token, pos: usize, quote: u8, skipped: usize) -> usize {
        let start = pos + skipped;
        token.open = if skipped > 0 { quote } else { 0 };
        let mut from = start;
        while let Some(found) = find(self.rest(from), quote) {
            let end = from + found;
            let backslashes = self.input[start..end].iter().rev().take_while(|it| **it == b'\\').count();
            if backslashes % 2 == 1 {
                from = end + 1;
            } else if end + 1 < self.input.len() && self.at(end + 1) == quote {
                from = end + 2;
            } else {
                token.close = quote;
                return self.take(token, kind::STRING, start, end) + 1;
            }
        }
        token.close = 0;
        self.take(token, kind::STRING, start, self.input.len())
    }

    /// `e'...'` and `n'...'`.
    fn escaped_string(&self, token: &mut Token, pos: usize) -> usize {
        if pos + 2 >= self.input.len() || self.at(pos + 1) != b'\'' {
            return self.word(token, pos);
        }
        self.quoted(token, pos, b'\'', 2)
    }

    /// `u&'...'`.
    fn unicode_string(&self, token: &mut Token, pos: usize) -> usize {
        if !self.rest(pos + 1).starts_with(b"&'") {
            return self.word(token, pos);
        }
        let end = self.quoted(token, pos + 2, b'\'', 1);
        token.open = b'u';
        if token.close == b'\'' {
            token.close = b'u';
        }
        end
    }

    /// `q'(...)'` and the like, the `q` standing `skipped` bytes behind `pos`.
    fn oracle_string(&self, token: &mut Token, pos: usize, skipped: usize) -> usize {
        let q = pos + skipped;
        let is_one = q + 2 < self.input.len()
            && self.at(q).eq_ignore_ascii_case(&b'q')
            && self.at(q + 1) == b'\''
            && (33..128).contains(&self.at(q + 2));
        if !is_one {
            return self.word(token, pos);
        }
        let close = match self.at(q + 2) {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            other => other,
        };
        self.until(token, q + 3, &[close, b'\''], b'q')
    }

    /// A string from `start` to the two bytes of `end`, quoted by `quote`.
    fn until(&self, token: &mut Token, start: usize, end: &[u8], quote: u8) -> usize {
        let found = memchr::memmem::find(self.rest(start), end);
        let (stop, next) =
            found.map_or((self.input.len(), self.input.len()), |at| (start + at, start + at + end.len()));
        self.take(token, kind::STRING, start, stop);
        token.open = quote;
        token.close = if found.is_some() { quote } else { 0 };
        next
    }

    /// `b'01'` and `x'0a'`.
    fn digits_in_quotes(&self, token: &mut Token, pos: usize, digits: &[u8]) -> usize {
        if pos + 2 >= self.input.len() || self.at(pos + 1) != b'\'' {
            return self.word(token, pos);
        }
        let end = pos + 2 + span(self.rest(pos + 2), digits);
        if end >= self.input.len() || self.at(end) != b'\'' {
            return self.word(token, pos);
        }
        self.take(token, kind::NUMBER, pos, end + 1)
    }

    fn bracketed(&self, token: &mut Token, pos: usize) -> usize {
        let end = find(self.rest(pos), b']').map_or(self.input.len(), |at| pos + at + 1);
        self.take(token, kind::BAREWORD, pos, end)
    }

    fn word(&self, token: &mut Token, pos: usize) -> usize {
        let len = span_until(self.rest(pos), WORD_END);
        token.assign(kind::BAREWORD, pos, &self.input[pos..pos + len]);
        // `SELECT.1` and ``SELECT`a` `` begin with a word.
        for i in 0..token.text().len() {
            if matches!(token.byte(i), b'.' | b'`') {
                let found = lookup(&token.text()[..i]);
                if found != 0 && found != kind::BAREWORD {
                    *token = Token::zeroed();
                    return self.take(token, found, pos, pos + i);
                }
            }
        }
        if len < Token::SIZE {
            let found = lookup(token.text());
            token.kind = if found == 0 { kind::BAREWORD } else { found };
        }
        pos + len
    }

    fn ticked(&self, token: &mut Token, pos: usize) -> usize {
        let end = self.quoted(token, pos, b'`', 1);
        let is_function = lookup(token.text()) == kind::FUNCTION;
        token.kind = if is_function { kind::FUNCTION } else { kind::BAREWORD };
        end
    }

    fn variable(&self, token: &mut Token, at: usize) -> usize {
        let is_double = self.at(at + 1) == b'@';
        token.count = 1 + u32::from(is_double);
        let pos = at + 1 + usize::from(is_double);
        match self.at(pos) {
            b'`' => {
                let end = self.ticked(token, pos);
                token.kind = kind::VARIABLE;
                end
            }
            quote @ (b'\'' | b'"') => {
                let end = self.quoted(token, pos, quote, 1);
                token.kind = kind::VARIABLE;
                end
            }
            _ => {
                let len = span_until(self.rest(pos), VARIABLE_END);
                self.take(token, kind::VARIABLE, pos, pos + len)
            }
        }
    }

    fn money(&self, token: &mut Token, pos: usize) -> usize {
        let behind = self.rest(pos + 1);
        if behind.is_empty() {
            return self.one(token, kind::BAREWORD, pos);
        }
        match span(behind, b"0123456789.,") {
            0 if behind[0] == b'$' => self.until(token, pos + 2, b"$$", b'$'),
            0 => self.dollar_string(token, pos),
            1 if behind[0] == b'.' => self.word(token, pos),
            len => self.take(token, kind::NUMBER, pos, pos + 1 + len),
        }
    }

    /// `$tag$...$tag$`. The library looks for the second tag from the wrong place, as if the first stood at the beginning.
    fn dollar_string(&self, token: &mut Token, pos: usize) -> usize {
        let letters = span(self.rest(pos + 1), LETTERS);
        let tag = letters + 2;
        if letters == 0 || pos + 1 + letters >= self.input.len() || self.at(pos + 1 + letters) != b'$' {
            return self.one(token, kind::BAREWORD, pos);
        }
        let start = pos + tag;
        let searched = &self.input[tag..][..self.input.len() - start];
        let found = memchr::memmem::find(searched, &self.input[pos..start]).map(|at| at + tag);
        token.open = b'$';
        match found.filter(|it| *it >= start) {
            None => {
                self.take(token, kind::STRING, start, self.input.len());
                token.close = 0;
                self.input.len()
            }
            Some(end) => {
                self.take(token, kind::STRING, start, end);
                token.close = b'$';
                end + tag
            }
        }
    }

    fn number(&self, token: &mut Token, start: usize) -> usize {
        let digits = match (self.at(start), self.at(start + 1)) {
            (b'0', b'x' | b'X') => HEXADECIMAL,
            (b'0', b'b' | b'B') => b"01",
            _ => return self.decimal(token, start),
        };
        let len = span(self.rest(start + 2), digits);
        let kind = if len == 0 { kind::BAREWORD } else { kind::NUMBER };
        self.take(token, kind, start, start + 2 + len)
    }

    fn decimal(&self, token: &mut Token, start: usize) -> usize {
        let skip_digits =
            |from: usize| from + self.rest(from).iter().take_while(|it| it.is_ascii_digit()).count();
        let mut pos = skip_digits(start);
        if self.at(pos) == b'.' {
            pos = skip_digits(pos + 1);
            if pos - start == 1 {
                return self.one(token, kind::DOT, start);
            }
        }
        let mut is_number = true;
        if matches!(self.at(pos), b'e' | b'E') {
            pos += 1;
            if matches!(self.at(pos), b'+' | b'-') {
                pos += 1;
            }
            let end = skip_digits(pos);
            is_number = end > pos;
            pos = end;
        }
        // Oracle's suffixes; `1fUNION` is two tokens too.
        if matches!(self.at(pos), b'd' | b'D' | b'f' | b'F')
            && (pos + 1 == self.input.len()
                || is_white(self.at(pos + 1))
                || matches!(self.at(pos + 1), b';' | b'u' | b'U'))
        {
            pos += 1;
        }
        self.take(token, if is_number { kind::NUMBER } else { kind::BAREWORD }, start, pos)
    }
}
