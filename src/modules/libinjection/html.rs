//! HTML as browsers forgive it, cut into tokens (`libinjection_html5.c`).

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, or something that decides nothing.
    Other,
    /// `<!DOCTYPE`
    Doctype,
    /// The name of an element that opens.
    Tag,
    /// The name of an attribute.
    Name,
    /// The value of an attribute.
    Value,
    /// A comment, or what a browser takes for one.
    Comment,
}

/// Where in a document the text is taken to begin.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Between tags.
    Data,
    /// In a tag, where an attribute may begin.
    Attribute,
    /// In a value with that quote.
    Quoted(u8),
}

#[derive(Clone, Copy)]
enum At {
    Data,
    TagOpen,
    BeforeName,
    AfterName,
    BeforeValue,
    Quoted(u8),
    AfterQuoted,
    SelfClosing,
    TagClose,
    End,
}

/// Gives the tokens of a text.
pub struct Tokens<'a> {
    text: &'a [u8],
    pos: usize,
    at: At,
    is_close: bool,
}

type Found<'a> = Option<(Kind, &'a [u8])>;

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0)
}

impl<'a> Tokens<'a> {
    /// The tokens of `text`.
    pub fn new(text: &'a [u8], start: Start) -> Tokens<'a> {
        let at = match start {
            Start::Data => At::Data,
            Start::Attribute => At::BeforeName,
            Start::Quoted(quote) => At::Quoted(quote),
        };
        Tokens { text, pos: 0, at, is_close: false }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.pos..).unwrap_or_default()
    }

    /// A token of `len` bytes; reading goes on `skip` bytes behind it.
    #[allow(clippy::unnecessary_wraps, reason = "what every state of the reader returns")]
    fn token(&mut self, kind: Kind, len: usize, skip: usize, at: At) -> Found<'a> {
        let token = &self.rest()[..len];
        self.pos += len + skip;
        self.at = at;
        Some((kind, token))
    }

    /// All that is left.
    fn last(&mut self, kind: Kind) -> Found<'a> {
        self.token(kind, self.rest().len(), 0, At::End)
    }

    /// Skips white space; what stands there.
    fn skip_white(&mut self) -> Option<u8> {
        self.pos += self.rest().iter().take_while(|it| is_white(**it)).count();
        self.rest().first().copied()
    }

    fn data(&mut self) -> Found<'a> {
        match memchr::memchr(b'<', self.rest()) {
            None if self.rest().is_empty() => {
                self.at = At::End;
                None
            }
            None => self.last(Kind::Other),
            Some(0) => {
                self.pos += 1;
                self.tag_open()
            }
            Some(len) => self.token(Kind::Other, len, 1, At::TagOpen),
        }
    }

    fn tag_open(&mut self) -> Found<'a> {
        let byte = *self.rest().first()?;
        match byte {
            b'!' => {
                self.pos += 1;
                self.declaration()
            }
            b'/' => {
                self.pos += 1;
                self.is_close = true;
                self.end_tag()
            }
            b'?' => {
                self.pos += 1;
                self.bogus_comment()
            }
            b'%' => {
                self.pos += 1;
                self.percent_comment()
            }
            0 => self.tag_name(),
            _ if byte.is_ascii_alphabetic() => self.tag_name(),
            _ if self.pos == 0 => self.data(),
            // The `<` was text.
            _ => {
                self.at = At::Data;
                Some((Kind::Other, &self.text[self.pos - 1..self.pos]))
            }
        }
    }

    fn end_tag(&mut self) -> Found<'a> {
        let byte = *self.rest().first()?;
        if byte == b'>' {
            return self.data();
        }
        if byte.is_ascii_alphabetic() {
            return self.tag_name();
        }
        self.is_close = false;
        self.bogus_comment()
    }

    fn tag_name(&mut self) -> Found<'a> {
        let ends = |it: &u8| *it != 0 && is_white(*it) || matches!(it, b'/' | b'>');
        let Some(len) = self.rest().iter().position(ends) else {
            return self.last(Kind::Tag);
        };
        match self.rest()[len] {
            b'/' => self.token(Kind::Tag, len, 1, At::SelfClosing),
            b'>' if self.is_close => {
                self.is_close = false;
                self.token(Kind::Other, len, 1, At::Data)
            }
            b'>' => self.token(Kind::Tag, len, 0, At::TagClose),
            _ => self.token(Kind::Tag, len, 1, At::BeforeName),
        }
    }

    fn tag_close(&mut self) -> Found<'a> {
        self.is_close = false;
        let at = if self.pos + 1 < self.text.len() { At::Data } else { At::End };
        self.token(Kind::Other, 1, 0, at)
    }

    fn before_name(&mut self) -> Found<'a> {
        match self.skip_white()? {
            b'/' => {
                self.pos += 1;
                self.self_closing()
            }
            b'>' => self.token(Kind::Other, 1, 0, At::Data),
            _ => self.name(),
        }
    }

    /// The first byte belongs to the name, whatever it is.
    fn name(&mut self) -> Found<'a> {
        let ends = |it: &u8| is_white(*it) || matches!(it, b'/' | b'=' | b'>');
        let Some(len) = self.rest().iter().skip(1).position(ends).map(|it| it + 1) else {
            return self.last(Kind::Name);
        };
        match self.rest()[len] {
            b'/' => self.token(Kind::Name, len, 1, At::SelfClosing),
            b'=' => self.token(Kind::Name, len, 1, At::BeforeValue),
            b'>' => self.token(Kind::Name, len, 0, At::TagClose),
            _ => self.token(Kind::Name, len, 1, At::AfterName),
        }
    }

    fn after_name(&mut self) -> Found<'a> {
        match self.skip_white()? {
            b'/' => {
                self.pos += 1;
                self.self_closing()
            }
            b'=' => {
                self.pos += 1;
                self.before_value()
            }
            b'>' => self.tag_close(),
            _ => self.name(),
        }
    }

    fn before_value(&mut self) -> Found<'a> {
        let Some(byte) = self.skip_white() else {
            self.at = At::End;
            return None;
        };
        match byte {
            b'"' | b'\'' | b'`' => self.quoted(byte),
            _ => self.unquoted(),
        }
    }

    fn quoted(&mut self, quote: u8) -> Found<'a> {
        // At the very beginning the quote is before the text.
        if self.pos > 0 {
            self.pos += 1;
        }
        match memchr::memchr(quote, self.rest()) {
            None => self.last(Kind::Value),
            Some(len) => self.token(Kind::Value, len, 1, At::AfterQuoted),
        }
    }

    fn unquoted(&mut self) -> Found<'a> {
        let Some(len) = self.rest().iter().position(|it| is_white(*it) || *it == b'>') else {
            return self.last(Kind::Value);
        };
        if self.rest()[len] == b'>' {
            return self.token(Kind::Value, len, 0, At::TagClose);
        }
        self.token(Kind::Value, len, 1, At::BeforeName)
    }

    fn after_quoted(&mut self) -> Found<'a> {
        match *self.rest().first()? {
            b'/' => {
                self.pos += 1;
                self.self_closing()
            }
            b'>' => self.token(Kind::Other, 1, 0, At::Data),
            byte => {
                self.pos += usize::from(is_white(byte));
                self.before_name()
            }
        }
    }

    /// Slashes are many in a hostile text: no recursion.
    fn self_closing(&mut self) -> Found<'a> {
        loop {
            if *self.rest().first()? == b'>' {
                return self.token(Kind::Other, 1, 0, At::Data);
            }
            match self.skip_white()? {
                b'/' => self.pos += 1,
                b'>' => return self.token(Kind::Other, 1, 0, At::Data),
                _ => return self.name(),
            }
        }
    }

    /// A comment that ends with the first `>`.
    fn bogus_comment(&mut self) -> Found<'a> {
        match memchr::memchr(b'>', self.rest()) {
            None => self.last(Kind::Comment),
            Some(len) => self.token(Kind::Comment, len, 1, At::Data),
        }
    }

    fn percent_comment(&mut self) -> Found<'a> {
        match memchr::memmem::find(self.rest(), b"%>") {
            None => self.last(Kind::Comment),
            Some(len) => self.token(Kind::Comment, len, 2, At::Data),
        }
    }

    fn declaration(&mut self) -> Found<'a> {
        let rest = self.rest();
        if rest.len() >= 7 && rest[..7].eq_ignore_ascii_case(b"DOCTYPE") {
            return match memchr::memchr(b'>', rest) {
                None => self.last(Kind::Doctype),
                Some(len) => self.token(Kind::Doctype, len, 1, At::Data),
            };
        }
        if rest.starts_with(b"[CDATA[") {
            self.pos += 7;
            return match memchr::memmem::find(self.rest(), b"]]>") {
                None => self.last(Kind::Other),
                Some(len) => self.token(Kind::Other, len, 3, At::Data),
            };
        }
        if rest.starts_with(b"--") {
            self.pos += 2;
            return self.comment();
        }
        self.bogus_comment()
    }

    /// A comment ends with `-->` or `-!>`, NULs behind the first dash not counted. Its end is looked for up to three bytes
    /// before the text's.
    fn comment(&mut self) -> Found<'a> {
        let rest = self.rest();
        let mut from = 0;
        while let Some(dash) = memchr::memchr(b'-', &rest[from..]).map(|it| it + from) {
            if dash + 3 > rest.len() {
                break;
            }
            let nuls = rest[dash + 1..].iter().take_while(|it| **it == 0).count();
            let second = dash + 1 + nuls;
            match rest.get(second) {
                None => break,
                Some(b'-' | b'!') => match rest.get(second + 1) {
                    None => break,
                    Some(b'>') => {
                        return self.token(Kind::Comment, dash, second + 2 - dash, At::Data);
                    }
                    Some(_) => from = dash + 1,
                },
                Some(_) => from = dash + 1,
            }
        }
        self.last(Kind::Comment)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Kind, &'a [u8]);

    fn next(&mut self) -> Found<'a> {
        match self.at {
            At::Data => self.data(),
            At::TagOpen => self.tag_open(),
            At::BeforeName => self.before_name(),
            At::AfterName => self.after_name(),
            At::BeforeValue => self.before_value(),
            At::Quoted(quote) => self.quoted(quote),
            At::AfterQuoted => self.after_quoted(),
            At::SelfClosing => self.self_closing(),
            At::TagClose => self.tag_close(),
            At::End => None,
        }
    }
}
