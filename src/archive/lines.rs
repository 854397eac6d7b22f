//! Text in: Heka JSON lines, and any other text made into messages (`--as lines`, `--as payload`).
//!
//! A line that is not a message is damage like a frame that is none, and reading goes on behind it. Every message is
//! encoded and decoded again, so that the rest of the program sees the same kind of record whatever the input was.
//!
//! Text that is no message has no Timestamp and no Uuid, and the file's own times would make a replay depend on when the
//! file was copied. So the n-th message of a run has the Timestamp `start + n * step` and a Uuid hashed from n.

use std::{
    io::{self, Read},
    sync::Arc,
};

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::{
    archive::{
        buffer::ReadBuffer,
        damage::{Ledger, Reason, Tally},
        frame::{Extent, Frame},
    },
    message::{Message, MessageIndex, json, write_varint},
};

/// JSON text is at most so many times longer than the message it stands for (`\u00xx` for a byte).
const JSON_GROWTH: usize = 6;
/// And so many bytes more.
const JSON_FRAME: usize = 64 << 10;

/// What messages made of text have besides their Payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// `Type`, if any.
    pub type_: Option<String>,
    /// `Logger`, if any.
    pub logger: Option<String>,
    /// Fields with string values, in this order.
    pub fields: Vec<(String, String)>,
    /// Timestamp of the first message, in ns since the epoch.
    pub start: i64,
    /// What each further Timestamp adds, in ns.
    pub step: i64,
}

impl Default for Template {
    fn default() -> Self {
        Template { type_: None, logger: None, fields: Vec::new(), start: 0, step: 1_000_000_000 }
    }
}

impl Template {
    /// Appends message `number` (from 0) with this Payload to `out`.
    fn encode(&self, number: u64, payload: &[u8], out: &mut Vec<u8>) {
        let mut hasher = SipHasher13::new_with_keys(0x6365_7073_6869_6d00, 0x7061_796c_6f61_6473);
        std::hash::Hasher::write_u64(&mut hasher, number);
        let mut uuid = hasher.finish128().as_bytes();
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x0f | 0xa0;
        write_string(out, 1, &uuid);
        out.push(2 << 3);
        let timestamp = self.start.wrapping_add(self.step.wrapping_mul(number as i64));
        write_varint(out, timestamp as u64);
        if let Some(type_) = &self.type_ {
            write_string(out, 3, type_.as_bytes());
        }
        if let Some(logger) = &self.logger {
            write_string(out, 4, logger.as_bytes());
        }
        write_string(out, 6, payload);
        let mut field = Vec::new();
        for (name, value) in &self.fields {
            field.clear();
            write_string(&mut field, 1, name.as_bytes());
            write_string(&mut field, 4, value.as_bytes());
            write_string(out, 10, &field);
        }
    }
}

fn write_string(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How text becomes messages.
#[derive(Clone, Debug)]
pub(super) enum Mode {
    /// A line is Heka JSON.
    Json,
    /// A line is a Payload, without its line end.
    Lines(Arc<Template>),
    /// The whole input is a Payload.
    Payload(Arc<Template>),
}

/// Reads messages from text.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    input: R,
    mode: Mode,
    buffer: ReadBuffer,
    max_message_size: usize,
    max_line: usize,
    /// How much of the window is known to hold no line end.
    searched: usize,
    line: u64,
    /// The number of the next message made from a template.
    number: u64,
    raw: Vec<u8>,
    index: MessageIndex,
    ledger: Ledger,
    is_skipping: bool,
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(input: R, file: Arc<str>, mode: Mode, max_message_size: usize, number: u64) -> Self {
        let max_line = match &mode {
            Mode::Json => max_message_size.saturating_mul(JSON_GROWTH).saturating_add(JSON_FRAME),
            Mode::Lines(_) | Mode::Payload(_) => max_message_size,
        };
        LineReader {
            input,
            mode,
            // One byte more shows that there is more, another may be the line end.
            buffer: ReadBuffer::new(max_line.saturating_add(2)),
            max_message_size,
            max_line,
            searched: 0,
            line: 0,
            number,
            raw: Vec::new(),
            index: MessageIndex::default(),
            ledger: Ledger::new(file),
            is_skipping: false,
        }
    }

    /// Finds the next message; `None` at the end of the input.
    pub(super) fn advance(&mut self) -> io::Result<Option<Extent>> {
        while let Some(length) = self.find_end()? {
            let extent = Extent { header: 0, length };
            let is_message = self.take(length);
            self.buffer.consume(length);
            self.searched = 0;
            if is_message {
                self.ledger.records += 1;
                return Ok(Some(extent));
            }
        }
        Ok(None)
    }

    pub(super) fn frame(&self, extent: Extent) -> Frame<'_> {
        Frame {
            message: Message::new(&self.raw, &self.index),
            bytes: self.buffer.consumed(extent.length),
            offset: self.buffer.offset() - extent.length as u64,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.ledger.tally()
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.input
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.input
    }

    /// The number the next message made from a template would have.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The two sides of a gap in the input are two lines.
    pub(super) fn note(&mut self, offset: u64, length: u64, reason: Reason) {
        self.ledger.note(offset, length, reason);
    }

    /// The length of the next piece with its line end; pieces of too long lines are passed over here.
    fn find_end(&mut self) -> io::Result<Option<usize>> {
        loop {
            let window = self.buffer.window();
            let is_whole = matches!(self.mode, Mode::Payload(_));
            let end = if is_whole { None } else { memchr::memchr(b'\n', &window[self.searched..]) };
            let end = end.map(|at| self.searched + at + 1);
            let length = end.unwrap_or(window.len());
            if (self.is_skipping && length > 0) || length > self.max_line + 1 {
                self.pass(length, end.is_some());
                continue;
            }
            if end.is_some() {
                return Ok(end);
            }
            self.searched = length;
            if !self.buffer.fill(&mut self.input, length + 1)? {
                let is_end = length == 0 && !(is_whole && self.line == 0 && !self.is_skipping);
                return Ok((!is_end).then_some(length));
            }
        }
    }

    /// Passes over a piece of a line that is too long.
    fn pass(&mut self, length: usize, is_end: bool) {
        if !self.is_skipping {
            self.line += 1;
        }
        let error = format!("longer than {} bytes", self.max_line);
        let reason = Reason::Line { line: self.line, error };
        self.ledger.skip_on(self.buffer.offset(), length as u64, reason, self.is_skipping);
        self.buffer.consume(length);
        self.searched = 0;
        self.is_skipping = !is_end;
    }

    /// Makes a message of the first `length` bytes; false when there is none in them.
    fn take(&mut self, length: usize) -> bool {
        self.line += 1;
        let bytes = &self.buffer.window()[..length];
        let mut text = bytes;
        if !matches!(self.mode, Mode::Payload(_)) {
            text = text.strip_suffix(b"\n").unwrap_or(text);
            text = text.strip_suffix(b"\r").unwrap_or(text);
        }
        self.raw.clear();
        let made = match &self.mode {
            Mode::Json => {
                if self.line == 1 {
                    text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
                }
                if text.trim_ascii().is_empty() {
                    self.ledger.record_bytes += length as u64;
                    return false;
                }
                encode_json(text, &mut self.raw)
            }
            Mode::Lines(template) | Mode::Payload(template) => {
                template.encode(self.number, text, &mut self.raw);
                Ok(())
            }
        };
        let made = made.and_then(|()| {
            if self.raw.len() > self.max_message_size {
                let (max, length) = (self.max_message_size, self.raw.len() as i64);
                return Err(Reason::MessageSize { max, length }.to_string());
            }
            self.index.decode(&self.raw).map_err(|error| error.to_string())
        });
        match made {
            Ok(()) => {
                self.number += 1;
                self.ledger.record_bytes += length as u64;
                true
            }
            Err(error) => {
                let reason = Reason::Line { line: self.line, error };
                self.ledger.skip(self.buffer.offset(), length as u64, reason);
                false
            }
        }
    }
}

/// Encodes one line of Heka JSON.
fn encode_json(text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    json::parse(text, None)
        .map(|message| message.encode(out))
        .map_err(|error| format!("column {}: {error}", error.position + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], mode: Mode, max: usize) -> (Vec<(u64, String, i64)>, Tally) {
        let mut reader = LineReader::new(text, "in".into(), mode, max, 0);
        let mut found = Vec::new();
        while let Some(extent) = reader.advance().expect("memory is readable") {
            let frame = reader.frame(extent);
            assert!(text[frame.offset as usize..].starts_with(frame.bytes));
            let payload = String::from_utf8_lossy(frame.message.payload().unwrap_or_default()).into_owned();
            found.push((frame.offset, payload, frame.message.timestamp()));
        }
        let tally = reader.tally();
        assert_eq!(tally.bytes, text.len() as u64);
        (found, tally)
    }

    #[test]
    fn lines_become_payloads() {
        let template = Arc::new(Template { start: 5, step: 10, ..Template::default() });
        let check = |text: &[u8], expected: &[(u64, &str, i64)]| {
            let (found, tally) = read(text, Mode::Lines(template.clone()), 1 << 20);
            let found: Vec<(u64, &str, i64)> =
                found.iter().map(|(at, text, ts)| (*at, text.as_str(), *ts)).collect();
            assert_eq!(found, expected);
            assert_eq!(tally.damage, []);
        };
        check(b"", &[]);
        check(b"a\nb\r\n\nlast", &[(0, "a", 5), (2, "b", 15), (5, "", 25), (6, "last", 35)]);
        check(b"\n", &[(0, "", 5)]);
    }

    #[test]
    fn a_file_becomes_a_payload() {
        let check = |text: &[u8]| {
            let (found, tally) = read(text, Mode::Payload(Arc::default()), 1 << 20);
            assert_eq!(found, [(0, String::from_utf8_lossy(text).into_owned(), 0)]);
            assert_eq!(tally.damage, []);
        };
        check(b"");
        check(b"two\nlines\n");
        check(&b"x".repeat(600 << 10));
    }

    #[test]
    fn json_lines_become_messages() {
        let line = |payload: &str| {
            let mut raw = Vec::new();
            Template::default().encode(3, payload.as_bytes(), &mut raw);
            let mut index = MessageIndex::default();
            index.decode(&raw).expect("a message");
            let mut out = Vec::new();
            crate::message::render::json(Message::new(&raw, &index), &mut out);
            String::from_utf8(out).expect("JSON is UTF-8").trim_end().to_owned()
        };
        let text = format!("{}\n\n{{\n  \r\n{}\r\n[]\n{}", line("a"), line("b"), line("last"));
        let (found, tally) = read(text.as_bytes(), Mode::Json, 1 << 20);
        assert_eq!(found.iter().map(|it| it.1.as_str()).collect::<Vec<_>>(), ["a", "b", "last"]);
        let lines: Vec<String> =
            tally.damage.iter().map(|it| it.reason.to_string()[..7].to_owned()).collect();
        assert_eq!((lines, tally.skipped_bytes), (vec!["line 3:".to_owned(), "line 6:".to_owned()], 5));
    }

    #[test]
    fn too_long_is_damage() {
        let long = b"x".repeat(1000);
        let text = [&b"a\n"[..], &long, b"\nb\n"].concat();
        let (found, tally) = read(&text, Mode::Lines(Arc::default()), 100);
        assert_eq!(found.iter().map(|it| it.1.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let damage: Vec<String> =
            tally.damage.iter().map(|it| format!("{} {} {}", it.offset, it.length, it.reason)).collect();
        assert_eq!(damage, ["2 1001 line 2: longer than 100 bytes"]);
        let (found, tally) = read(&long, Mode::Payload(Arc::default()), 100);
        assert_eq!((found.len(), tally.skipped_bytes, tally.damage_total), (0, 1000, 1));
        // The text fits, the message around it does not.
        let (found, tally) = read(&long, Mode::Payload(Arc::default()), 1000);
        assert_eq!((found.len(), tally.skipped_bytes, tally.damage_total), (0, 1000, 1));
    }

    #[test]
    fn templates_fill_in_the_rest() {
        let template = Template {
            type_: Some("log".to_owned()),
            logger: Some("desk".to_owned()),
            fields: vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())],
            ..Template::default()
        };
        let mut reader =
            LineReader::new(&b"x\ny\n"[..], "in".into(), Mode::Lines(Arc::new(template)), 1 << 20, 0);
        let mut uuids = Vec::new();
        while let Some(extent) = reader.advance().expect("readable") {
            let message = reader.frame(extent).message;
            assert_eq!((message.type_(), message.logger()), (Some(&b"log"[..]), Some(&b"desk"[..])));
            let names: Vec<&[u8]> = message.fields().map(|it| it.name()).collect();
            assert_eq!(names, [b"a", b"b"]);
            uuids.push(message.uuid().to_vec());
        }
        assert_eq!(uuids.len(), 2);
        assert_ne!(uuids[0], uuids[1]);
    }
}
