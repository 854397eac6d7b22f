//! Lua 5.1's tokens, with their places: all that the rules need to know of the language's spelling.
//!
//! Scripts are compiled by the real Lua before they get here, so this lexer need not find errors; what it does not
//! understand ends the list.

use std::ops::Range;

/// A token and the bytes it stands at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name that is no keyword.
    Name(String),
    Keyword(&'static str),
    /// A string's value.
    String(Vec<u8>),
    /// A number's value, 0 for one this lexer cannot read.
    Number(f64),
    Symbol(&'static str),
}

const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// Longer ones first.
const SYMBOLS: &[&str] = &[
    "...", "..", "==", "~=", "<=", ">=", "+", "-", "*", "/", "%", "^", "#", "<", ">", "=", "(", ")", "{",
    "}", "[", "]", ";", ":", ",", ".",
];

/// The tokens of `text` up to its end or the first byte that cannot start one.
pub(super) fn tokens(text: &[u8]) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0 };
    if text.first() == Some(&b'#') {
        lexer.skip_line();
    }
    let mut res = Vec::new();
    while let Some(token) = lexer.next() {
        res.push(token);
    }
    res
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_line(&mut self) {
        self.at = memchr::memchr(b'\n', &self.text[self.at..]).map_or(self.text.len(), |it| self.at + it + 1);
    }

    fn skip_blank(&mut self) {
        loop {
            if self.peek(0).is_ascii_whitespace() || self.peek(0) == 0x0b {
                self.at += 1;
            } else if self.text[self.at.min(self.text.len())..].starts_with(b"--") {
                self.at += 2;
                if self.long_bracket().is_none() {
                    self.skip_line();
                }
            } else {
                return;
            }
        }
    }

    fn next(&mut self) -> Option<Token> {
        self.skip_blank();
        let start = self.at;
        let first = *self.text.get(start)?;
        let kind = if first.is_ascii_alphabetic() || first == b'_' {
            let length =
                self.text[start..].iter().take_while(|it| it.is_ascii_alphanumeric() || **it == b'_');
            self.at += length.count();
            let name = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
            match KEYWORDS.iter().find(|it| **it == name) {
                Some(keyword) => Kind::Keyword(keyword),
                None => Kind::Name(name),
            }
        } else if first.is_ascii_digit() || (first == b'.' && self.peek(1).is_ascii_digit()) {
            self.number()
        } else if first == b'"' || first == b'\'' {
            Kind::String(self.quoted(first)?)
        } else if let Some(value) = (first == b'[').then(|| self.long_bracket()).flatten() {
            Kind::String(value)
        } else {
            let symbol = SYMBOLS.iter().find(|it| self.text[start..].starts_with(it.as_bytes()))?;
            self.at += symbol.len();
            Kind::Symbol(symbol)
        };
        Some(Token { kind, span: start..self.at })
    }

    fn number(&mut self) -> Kind {
        let start = self.at;
        while self.peek(0).is_ascii_alphanumeric() || matches!(self.peek(0), b'.' | b'_') {
            let is_exponent = matches!(self.peek(0), b'e' | b'E') && !self.text[start..].starts_with(b"0x");
            self.at += 1;
            if is_exponent && matches!(self.peek(0), b'+' | b'-') {
                self.at += 1;
            }
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        Kind::Number(match hex {
            Some(digits) => u64::from_str_radix(digits, 16).unwrap_or(0) as f64,
            None => text.parse().unwrap_or(0.0),
        })
    }

    /// The inside of `[[...]]` or `[=[...]=]` at this place, which is then behind us.
    fn long_bracket(&mut self) -> Option<Vec<u8>> {
        let rest = self.text.get(self.at..)?.strip_prefix(b"[")?;
        let level = rest.iter().take_while(|&&it| it == b'=').count();
        let inside = rest[level..].strip_prefix(b"[")?;
        let close = [b"]".as_slice(), &vec![b'='; level], b"]"].concat();
        let end = memchr::memmem::find(inside, &close)?;
        self.at = self.text.len() - inside.len() + end + close.len();
        let value = &inside[..end];
        Some(value.strip_prefix(b"\r\n").or_else(|| value.strip_prefix(b"\n")).unwrap_or(value).to_vec())
    }

    fn quoted(&mut self, quote: u8) -> Option<Vec<u8>> {
        self.at += 1;
        let mut value = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            if byte == quote {
                return Some(value);
            }
            if byte != b'\\' {
                value.push(byte);
                continue;
            }
            let escaped = *self.text.get(self.at)?;
            self.at += 1;
            match escaped {
                b'a' => value.push(7),
                b'b' => value.push(8),
                b'f' => value.push(12),
                b'n' => value.push(b'\n'),
                b'r' => value.push(b'\r'),
                b't' => value.push(b'\t'),
                b'v' => value.push(11),
                b'0'..=b'9' => {
                    let mut code = u32::from(escaped - b'0');
                    for _ in 0..2 {
                        if self.peek(0).is_ascii_digit() {
                            code = code * 10 + u32::from(self.peek(0) - b'0');
                            self.at += 1;
                        }
                    }
                    value.push(code as u8);
                }
                other => value.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_values_and_places() {
        let text = b"#!lua\nlocal s = \"a\\065\\n'\" --[[ x\n]] .. [=[\n]]]=] --c\nx=0x10+1.5e-3~=.5";
        let all = tokens(text);
        let kinds: Vec<Kind> = all.iter().map(|it| it.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                Kind::Keyword("local"),
                Kind::Name("s".to_owned()),
                Kind::Symbol("="),
                Kind::String(b"aA\n'".to_vec()),
                Kind::Symbol(".."),
                Kind::String(b"]]".to_vec()),
                Kind::Name("x".to_owned()),
                Kind::Symbol("="),
                Kind::Number(16.0),
                Kind::Symbol("+"),
                Kind::Number(0.0015),
                Kind::Symbol("~="),
                Kind::Number(0.5),
            ]
        );
        assert_eq!(all[1].span, 12..13);
        assert_eq!(&text[all[3].span.clone()], b"\"a\\065\\n'\"");
    }
}
