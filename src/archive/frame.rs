//! The stream scanner: finds framed messages and resynchronises exactly as production does.
//!
//! The rules are those of `lua_sandbox` `src/util/heka_message.c:337-432`: look for a record separator, trust the header
//! only if a unit separator and a legal length follow, decode; whatever fails moves the scan one byte past the
//! separator. What production does by recursion is a loop here, and what it forgets (which bytes were passed over, and
//! why) is kept.
//!
//! A frame that fails to decode is looked into again byte by byte. Frames nested in frames make that quadratic, so the
//! work that came to nothing has a budget in proportion to the bytes read. No file that was not made for the purpose
//! comes near it; beyond it false frames are skipped whole.

use std::{
    io::{self, Read},
    sync::Arc,
};

use crate::{
    archive::{
        buffer::ReadBuffer,
        damage::{Ledger, LogSink, Reason, Tally},
    },
    message::{
        DecodeError, MAX_HEADER_SIZE, Message, MessageIndex, RECORD_SEPARATOR, UNIT_SEPARATOR, read_varint,
    },
};

/// Framing bytes around a header: separator, length byte, separator.
const FRAMING_SIZE: usize = 3;
/// Futile work (bytes decoded in vain or moved) that any stream may cause.
const FUTILE_BASE: u64 = 1 << 30;
/// And per byte of the stream.
const FUTILE_PER_BYTE: u64 = 64;

/// A message where it was found.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The decoded message; its `raw` is part of `bytes`.
    pub message: Message<'a>,
    /// The message with its framing, as it is in the stream.
    pub bytes: &'a [u8],
    /// Offset of the record separator in the stream.
    pub offset: u64,
}

/// Reads framed messages from `R`. Lending: a frame is borrowed until the next call.
#[derive(Debug)]
pub struct FrameReader<R> {
    input: R,
    buffer: ReadBuffer,
    index: MessageIndex,
    max_message_size: usize,
    ledger: Ledger,
    futile: u64,
    finished: bool,
}

/// The frame just consumed: its length, and how much of that is header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) header: usize,
    pub(super) length: usize,
}

enum Step {
    Found(Extent),
    /// So many bytes must be in the window to go on.
    Wait(usize),
}

impl<R: Read> FrameReader<R> {
    /// Reads `input`, called `file` in damage entries, accepting messages of up to `max_message_size` bytes (framing
    /// not counted).
    pub fn new(input: R, file: Arc<str>, max_message_size: usize) -> Self {
        FrameReader {
            input,
            buffer: ReadBuffer::new(max_message_size.saturating_add(MAX_HEADER_SIZE)),
            index: MessageIndex::default(),
            max_message_size,
            ledger: Ledger::new(file),
            futile: 0,
            finished: false,
        }
    }

    /// Calls `log` wherever production's scanner would log a warning.
    #[must_use]
    pub fn with_log(mut self, log: LogSink) -> Self {
        self.ledger.set_log(Some(log));
        self
    }

    /// The next message, or `None` at the end of the input. Asked again after `None` it reads again: a file may have
    /// grown.
    ///
    /// # Errors
    ///
    /// Only those of reading; bad bytes are in the [`tally`](Self::tally).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        Ok(self.advance()?.map(|extent| self.frame(extent)))
    }

    /// As [`next`](Self::next), without borrowing the frame.
    #[inline]
    pub(super) fn advance(&mut self) -> io::Result<Option<Extent>> {
        loop {
            match self.step() {
                Step::Found(extent) => return Ok(Some(extent)),
                Step::Wait(need) => {
                    if !self.buffer.fill(&mut self.input, need)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The frame [`advance`](Self::advance) found, until it is called again.
    #[inline]
    pub(super) fn frame(&self, extent: Extent) -> Frame<'_> {
        let bytes = self.buffer.consumed(extent.length);
        Frame {
            message: Message::new(&bytes[extent.header..], &self.index),
            bytes,
            offset: self.buffer.offset() - extent.length as u64,
        }
    }

    /// Scans what is in the buffer.
    #[inline]
    fn step(&mut self) -> Step {
        loop {
            let window = self.buffer.window();
            let &[first, ref rest @ ..] = window else { return Step::Wait(1) };
            if first != RECORD_SEPARATOR {
                let skipped = memchr::memchr(RECORD_SEPARATOR, rest).map_or(window.len(), |at| at + 1);
                self.skip(skipped, Reason::Garbage);
                continue;
            }
            let &[header_length, ref rest @ ..] = rest else { return Step::Wait(2) };
            let header_end = usize::from(header_length) + FRAMING_SIZE;
            let Some((header, [unit, ..])) = rest.split_at_checked(usize::from(header_length)) else {
                return Step::Wait(header_end);
            };
            if *unit != UNIT_SEPARATOR {
                self.skip(1, Reason::HeaderLength { length: header_length });
                continue;
            }
            let length = match decode_header(header, self.max_message_size) {
                Ok(length) => length,
                Err(reason) => {
                    self.skip(1, reason);
                    continue;
                }
            };
            let frame_end = header_end + length;
            let Some(message) = window.get(header_end..frame_end) else { return Step::Wait(frame_end) };
            if let Err(error) = self.index.decode(message) {
                self.reject(frame_end, length, error);
                continue;
            }
            self.buffer.consume(frame_end);
            self.ledger.records += 1;
            self.ledger.record_bytes += frame_end as u64;
            return Step::Found(Extent { header: header_end, length: frame_end });
        }
    }

    #[cold]
    fn skip(&mut self, length: usize, reason: Reason) {
        self.ledger.skip(self.buffer.offset(), length as u64, reason);
        self.buffer.consume(length);
    }

    /// Passes over a frame that does not hold a message.
    #[cold]
    fn reject(&mut self, frame_end: usize, length: usize, error: DecodeError) {
        self.futile += match error {
            DecodeError::Item { position, .. } => position as u64,
            _ => length as u64,
        };
        let allowed = FUTILE_BASE.saturating_add(self.buffer.offset().saturating_mul(FUTILE_PER_BYTE));
        if self.futile.saturating_add(self.buffer.moved()) > allowed {
            self.skip(frame_end, Reason::RescanLimit(error));
        } else {
            self.skip(1, Reason::Decode(error));
        }
    }

    /// Gives up what is still in the buffer, because what follows in the input does not belong to it.
    pub(super) fn abandon(&mut self, damage: impl FnOnce(&mut Ledger)) {
        self.pend_tail();
        damage(&mut self.ledger);
    }

    fn pend_tail(&mut self) {
        let have = self.buffer.window().len();
        // The scan stopped here because it waits for more, and finds that out again.
        if have > 0
            && let Step::Wait(need) = self.step()
        {
            let reason = Reason::Truncated { have: have as u64, need: need as u64 };
            self.ledger.pend(self.buffer.offset(), have as u64, reason);
            self.buffer.consume(have);
        }
    }

    /// Closes the accounts: what is still in the buffer is the unread tail. Production leaves it unread, even when whole
    /// records lie inside a frame that only claims to be longer.
    pub fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.pend_tail();
        self.ledger.close(self.buffer.offset());
    }

    /// The accounts so far. Pending bytes are in it after [`finish`](Self::finish).
    pub fn tally(&self) -> Tally {
        self.ledger.tally()
    }

    /// Bytes received but not yet part of a record or skipped.
    pub fn pending_bytes(&self) -> u64 {
        self.buffer.window().len() as u64
    }

    /// Offset in the stream of the first byte that is neither record nor skipped.
    pub fn offset(&self) -> u64 {
        self.buffer.offset()
    }

    /// The input being read.
    pub fn get_ref(&self) -> &R {
        &self.input
    }

    /// The input being read.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.input
    }

    /// Starts over with another input, keeping the buffers.
    pub(super) fn restart(&mut self, input: R, file: Arc<str>) {
        let log = self.ledger.take_log();
        self.input = input;
        self.buffer.reset();
        self.ledger = Ledger::new(file);
        self.ledger.set_log(log);
        self.futile = 0;
        self.finished = false;
    }
}

/// The message length a frame's header holds (`heka_message.c:20-45`); what follows the length, such as a signature, is
/// not looked at.
#[inline]
fn decode_header(header: &[u8], max: usize) -> Result<usize, Reason> {
    if header.first() != Some(&0x08) {
        return Err(Reason::Header);
    }
    let Some((length, _)) = read_varint(header, 1) else { return Err(Reason::Header) };
    match usize::try_from(length) {
        Ok(size @ 1..) if size <= max => Ok(size),
        _ => Err(Reason::MessageSize { max, length }),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::{Path, PathBuf},
        sync::Mutex,
    };

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::message::write_frame_header;

    /// Gives out its bytes in pieces of the given sizes.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: Vec<usize>,
        turn: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes.get(self.turn % self.sizes.len().max(1)).copied().unwrap_or(usize::MAX);
            self.turn += 1;
            let size = size.max(1).min(out.len()).min(self.bytes.len());
            out[..size].copy_from_slice(&self.bytes[..size]);
            self.bytes = &self.bytes[size..];
            Ok(size)
        }
    }

    fn scan(bytes: &[u8], sizes: &[usize], max: usize) -> (Vec<Vec<u8>>, Tally, Vec<String>) {
        let logs = Arc::new(Mutex::new(Vec::new()));
        let sink = logs.clone();
        let input = Pieces { bytes, sizes: sizes.to_vec(), turn: 0 };
        let mut reader = FrameReader::new(input, "in".into(), max).with_log(Box::new(move |reason| {
            if let Some((component, text)) = reason.log() {
                sink.lock().expect("one thread").push(format!("[warning] {component} {text}"));
            }
        }));
        let mut found = Vec::new();
        while let Some(frame) = reader.next().expect("memory is readable") {
            let at = frame.offset as usize;
            assert_eq!(&bytes[at..at + frame.bytes.len()], frame.bytes);
            found.push(frame.message.raw().to_vec());
        }
        reader.finish();
        let logs = logs.lock().expect("one thread").clone();
        (found, reader.tally(), logs)
    }

    fn message(payload: &[u8]) -> Vec<u8> {
        let mut raw = b"\x0a\x100123456789abcdef\x10\x01".to_vec();
        raw.push(0x32);
        crate::message::write_varint(&mut raw, payload.len() as u64);
        raw.extend_from_slice(payload);
        raw
    }

    fn framed(raw: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_frame_header(&mut out, raw.len());
        out.extend_from_slice(raw);
        out
    }

    fn corpus() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance")
    }

    #[test]
    fn streams_recorded_from_production() {
        let mut seen = 0;
        let dir = std::fs::read_dir(corpus().join("stream")).expect("the corpus is there");
        for case in dir.map(|it| it.expect("readable").path()) {
            let read = |name: &str| std::fs::read(case.join(name)).expect(name);
            let about: Value = serde_json::from_slice(&read("case.json")).expect("JSON");
            let expected: Value = serde_json::from_slice(&read("expected.json")).expect("JSON");
            let max = about["max_message_size"].as_u64().expect("a number") as usize;
            let (found, tally, logs) = scan(&read("input.hpb"), &[], max);
            let got = serde_json::json!({
                "messages": found.len(),
                "discarded_bytes": tally.skipped_bytes,
                "pending_bytes": tally.pending_bytes,
                "logs": logs,
            });
            assert_eq!(got, expected, "{}", case.display());
            let (wanted, clean, _) = scan(&read("expected.hpb"), &[], usize::MAX >> 1);
            assert_eq!(found.len(), wanted.len(), "{}", case.display());
            assert_eq!(clean.damage, [], "{}", case.display());
            assert_eq!(tally.is_damaged(), tally.skipped_bytes + tally.pending_bytes > 0);
            seen += 1;
        }
        assert_eq!(seen, 29);
    }

    #[test]
    fn the_first_reason_names_the_damage() {
        let check = |bytes: &[u8], expected: &[(u64, u64, &str)]| {
            let (_, tally, _) = scan(bytes, &[], 1 << 20);
            let got: Vec<(u64, u64, String)> =
                tally.damage.iter().map(|it| (it.offset, it.length, it.reason.to_string())).collect();
            let expected: Vec<(u64, u64, String)> = expected
                .iter()
                .map(|&(offset, length, reason)| (offset, length, reason.to_owned()))
                .collect();
            assert_eq!(got, expected);
            assert_eq!(tally.damage_total, got.len() as u64);
        };
        let good = framed(&message(b"x"));
        let end = good.len() as u64;
        check(&good, &[]);
        check(&[b"abc", &good[..]].concat(), &[(0, 3, "garbage before a record")]);
        check(&[&good[..], b"abc"].concat(), &[(end, 3, "garbage after the last record")]);
        check(b"some text\n", &[(0, 10, "no Heka record in this input (`--as lines` reads text)")]);
        check(
            &[&good[..], b"\x1e\x02\x08\x09\x1fabcdefghi", &good].concat(),
            &[(end, 14, "tag:12 wiretype:1 position:0")],
        );
        check(
            &[&good[..], b"\x1e\x02\x08\x00\x1f", &good].concat(),
            &[(end, 5, "maximum (1048576) messages size exceeded: 0")],
        );
        check(
            &[b"\x1e\x01\x09\x1f", &good[..]].concat(),
            &[(0, 4, "the frame header holds no message_length")],
        );
        check(
            &[b"\x1e\x01\x09x", &good[..]].concat(),
            &[(0, 4, "no unit separator behind a header of 1 bytes")],
        );
        check(
            &[&good[..], &good[..10]].concat(),
            &[(end, 10, &format!("truncated record: 10 of {end} bytes at end of file"))],
        );
        check(&[&good[..], b"\x1e"].concat(), &[(end, 1, "truncated record: 1 of 2 bytes at end of file")]);
    }

    #[test]
    fn entries_are_capped_and_counted() {
        let good = framed(&message(b"x"));
        let bytes = [&b"?"[..], &good].concat().repeat(12_000);
        let (found, tally, _) = scan(&bytes, &[], 1 << 20);
        assert_eq!(found.len(), 12_000);
        assert_eq!((tally.damage.len(), tally.damage_total), (10_000, 12_000));
        assert_eq!(tally.skipped_bytes, 12_000);
    }

    #[test]
    fn separators_without_end_are_passed_in_one_go() {
        let bytes = vec![RECORD_SEPARATOR; 4 << 20];
        let (found, tally, _) = scan(&bytes, &[], 64 << 20);
        assert_eq!(found.len(), 0);
        assert_eq!(tally.skipped_bytes + tally.pending_bytes, 4 << 20);
        assert_eq!(tally.damage_total, 2);
    }

    #[test]
    fn frames_nested_without_end_are_given_up_on() {
        // Each frame is the text of an item of the frame before it, claims all the rest, and fails only at its very end.
        let mut bytes = Vec::new();
        let total = 2usize << 20;
        while bytes.len() + 9 < total {
            let left = (total - bytes.len() - 9) as u32;
            let length = [left as u8 | 0x80, (left >> 7) as u8 | 0x80, (left >> 14) as u8 & 0x7f];
            bytes.extend_from_slice(&[0x1a, 7, 0x1e, 4, 0x08, length[0], length[1], length[2], 0x1f]);
        }
        bytes.resize(total, 0);
        bytes.extend_from_slice(&framed(&message(b"behind")));
        let (found, tally, _) = scan(&bytes, &[], 64 << 20);
        assert_eq!(found, [message(b"behind")]);
        assert_eq!(tally.bytes, bytes.len() as u64);
        assert!(tally.damage.iter().any(|it| matches!(it.reason, Reason::RescanLimit(_))));
    }

    /// Mostly what resembles frames, because plain noise never gets past the header.
    fn stretch() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|it| framed(&message(&it))),
            1 => prop::collection::vec(any::<u8>(), 0..40),
            1 => prop::collection::vec(prop::sample::select(&b"\x1e\x1f\x02\x08\x03\x01\x05"[..]), 0..40),
            1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(|it| framed(&it)),
            1 => (prop::collection::vec(any::<u8>(), 0..40), 1..30usize).prop_map(|(it, cut)| {
                let whole = framed(&message(&it));
                whole[..whole.len() - cut.min(whole.len())].to_vec()
            }),
        ]
    }

    proptest! {
        #[test]
        fn every_byte_is_accounted_for(stretches in prop::collection::vec(stretch(), 0..12)) {
            let bytes = stretches.concat();
            let (found, tally, _) = scan(&bytes, &[], 1 << 20);
            prop_assert_eq!(found.len() as u64, tally.records);
            prop_assert_eq!(tally.bytes, bytes.len() as u64);
            prop_assert_eq!(tally.record_bytes + tally.skipped_bytes + tally.pending_bytes, tally.bytes);
            let damaged: u64 = tally.damage.iter().map(|it| it.length).sum();
            prop_assert_eq!(damaged, tally.skipped_bytes + tally.pending_bytes);
        }

        #[test]
        fn how_it_arrives_does_not_matter(
            stretches in prop::collection::vec(stretch(), 0..12),
            sizes in prop::collection::vec(1..60usize, 1..8),
            max in prop::sample::select(vec![24usize, 40, 1 << 20]),
        ) {
            let bytes = stretches.concat();
            prop_assert_eq!(scan(&bytes, &sizes, max), scan(&bytes, &[], max));
        }
    }
}
