//! Whether a text would run scripts in a page (`libinjection_xss.c`).

use super::html::{Kind, Start, Tokens};

/// What an attribute's name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Harmless,
    /// Its presence is enough.
    Banned,
    /// Its value is a URL.
    Url,
    /// Its value is the name of another.
    Indirect,
}

const TAGS: [&[u8]; 20] = [
    b"APPLET",
    b"BASE",
    b"COMMENT",
    b"EMBED",
    b"FRAME",
    b"FRAMESET",
    b"HANDLER",
    b"IFRAME",
    b"IMPORT",
    b"ISINDEX",
    b"LINK",
    b"LISTENER",
    b"META",
    b"NOSCRIPT",
    b"OBJECT",
    b"SCRIPT",
    b"STYLE",
    b"VMLFRAME",
    b"XML",
    b"XSS",
];

const ATTRIBUTES: [(&[u8], Attribute); 20] = [
    (b"ACTION", Attribute::Url),
    (b"ATTRIBUTENAME", Attribute::Indirect),
    (b"BY", Attribute::Url),
    (b"BACKGROUND", Attribute::Url),
    (b"DATAFORMATAS", Attribute::Banned),
    (b"DATASRC", Attribute::Banned),
    (b"DYNSRC", Attribute::Url),
    (b"FILTER", Attribute::Banned),
    (b"FORMACTION", Attribute::Url),
    (b"FOLDER", Attribute::Url),
    (b"FROM", Attribute::Url),
    (b"HANDLER", Attribute::Url),
    (b"HREF", Attribute::Url),
    (b"LOWSRC", Attribute::Url),
    (b"POSTER", Attribute::Url),
    (b"SRC", Attribute::Url),
    (b"STYLE", Attribute::Banned),
    (b"TO", Attribute::Url),
    (b"VALUES", Attribute::Url),
    (b"XLINK:HREF", Attribute::Url),
];

const SCHEMES: [&[u8]; 4] = [b"DATA", b"VIEW-SOURCE", b"JAVA", b"VBSCRIPT"];

/// Whether the text without its NULs is the word, whatever its case.
fn is(word: &[u8], text: &[u8]) -> bool {
    text.iter().filter(|it| **it != 0).map(u8::to_ascii_uppercase).eq(word.iter().copied())
}

fn is_banned_tag(name: &[u8]) -> bool {
    name.len() >= 3
        && (TAGS.iter().any(|it| is(it, name))
            || name[..3].eq_ignore_ascii_case(b"svg")
            || name[..3].eq_ignore_ascii_case(b"xsl"))
}

fn attribute(name: &[u8]) -> Attribute {
    if name.len() < 2 {
        return Attribute::Harmless;
    }
    if name.len() >= 5
        && (name[..2].eq_ignore_ascii_case(b"on") || is(b"XMLNS", &name[..5]) || is(b"XLINK", &name[..5]))
    {
        return Attribute::Banned;
    }
    ATTRIBUTES.iter().find(|(it, _)| is(it, name)).map_or(Attribute::Harmless, |(_, what)| *what)
}

/// A value with what stands behind it in the page, which the library looks at too, and how much of it is the value.
#[derive(Clone, Copy)]
struct Value<'a> {
    text: &'a [u8],
    len: usize,
}

impl Value<'_> {
    /// The byte at `i`, NUL behind the end.
    fn at(self, i: usize) -> u8 {
        self.text.get(i).copied().unwrap_or(0)
    }

    /// The first character, entities of numbers decoded, and how many bytes it takes: more than the value has, if that ends
    /// within an entity.
    fn first(self) -> (i32, usize) {
        const TOO_LARGE: i32 = 0x10_00ff;
        let plain = (i32::from(self.at(0)), 1);
        if self.at(0) != b'&' || self.len < 2 || self.at(1) != b'#' {
            return plain;
        }
        let (radix, start) = if matches!(self.at(2), b'x' | b'X') { (16, 3) } else { (10, 2) };
        let digit = |i: usize| char::from(self.at(i)).to_digit(radix).map(|it| it as i32);
        let Some(mut value) = digit(start) else { return plain };
        let mut i = start + 1;
        while i < self.len {
            if self.at(i) == b';' {
                return (value, i + 1);
            }
            let Some(digit) = digit(i) else { break };
            value = value * radix as i32 + digit;
            if value > TOO_LARGE {
                return plain;
            }
            i += 1;
        }
        (value, i)
    }

    /// Without its first `len` bytes. The library's count of what is left goes below zero, which is a lot.
    fn skip(self, len: usize) -> Self {
        Value { text: self.text.get(len..).unwrap_or_default(), len: self.len.wrapping_sub(len) }
    }

    /// Whether it begins with the scheme, past whatever browsers ignore.
    fn begins_with(mut self, scheme: &[u8]) -> bool {
        let mut left = scheme;
        let mut is_first = true;
        while self.len > 0 {
            let Some((expected, rest)) = left.split_first() else { return true };
            if self.text.is_empty() {
                return false;
            }
            let (character, len) = self.first();
            self = self.skip(len);
            if is_first && character <= 32 {
                continue;
            }
            is_first = false;
            if character == 0 || character == 10 {
                continue;
            }
            let is_lower = (i32::from(b'a')..=i32::from(b'z')).contains(&character);
            let upper = if is_lower { character - 0x20 } else { character };
            if *expected != upper as u8 {
                return false;
            }
            left = rest;
        }
        left.is_empty()
    }
}

fn is_banned_url(value: Value<'_>) -> bool {
    let is_skipped = |it: &&u8| **it <= 32 || **it >= 127;
    let skipped = value.text[..value.len].iter().take_while(is_skipped).count();
    SCHEMES.iter().any(|it| value.skip(skipped).begins_with(it))
}

fn is_banned_comment(text: &[u8]) -> bool {
    text.contains(&b'`')
        || text.len() > 3
            && (text[0] == b'[' && text[1..3].eq_ignore_ascii_case(b"if")
                || text[..3].eq_ignore_ascii_case(b"xml"))
        || text.len() > 5 && (is(b"IMPORT", &text[..6]) || is(b"ENTITY", &text[..6]))
}

fn is_xss_from(text: &[u8], start: Start) -> bool {
    let mut last = Attribute::Harmless;
    for (kind, token) in Tokens::new(text, start) {
        let attribute_before = std::mem::replace(&mut last, Attribute::Harmless);
        let is_bad = match kind {
            Kind::Doctype => true,
            Kind::Tag => is_banned_tag(token),
            Kind::Name => {
                last = attribute(token);
                false
            }
            Kind::Value => {
                let start = token.as_ptr() as usize - text.as_ptr() as usize;
                let value = Value { text: &text[start..], len: token.len() };
                match attribute_before {
                    Attribute::Harmless => false,
                    Attribute::Banned => true,
                    Attribute::Url => is_banned_url(value),
                    Attribute::Indirect => attribute(token) != Attribute::Harmless,
                }
            }
            Kind::Comment => is_banned_comment(token),
            Kind::Other => false,
        };
        if is_bad {
            return true;
        }
    }
    false
}

/// Whether the text is an attack, wherever in a page it may be put.
pub fn is_xss(text: &[u8]) -> bool {
    [Start::Data, Start::Attribute, Start::Quoted(b'\''), Start::Quoted(b'"'), Start::Quoted(b'`')]
        .into_iter()
        .any(|start| is_xss_from(text, start))
}
