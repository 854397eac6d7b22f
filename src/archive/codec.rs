//! What a file is, by its first bytes, and getting the plain bytes out of it.
//!
//! Compressed inputs are decompressed on a thread of their own, ahead of the consumer by a few reused buffers. What was
//! decompressed before a damaged place is always delivered; then the gap is reported with its offset in the compressed
//! file, and a zstd file goes on with its next frame. The consumer learns of the gap as an end of input with
//! [`Input::take_gap`], so that it does not take the two sides of a gap for one record.
//!
//! Memory is bounded by the buffers and zstd's window (128 MiB at most). What would never end is bounded too: output may
//! not exceed a fixed size and a multiple of the compressed input.

use std::{
    error::Error,
    fmt,
    io::{self, BufRead, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use flate2::bufread::MultiGzDecoder;
use snap::read::FrameDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::{
    archive::{ArchiveError, Interrupt, Source, buffer::READ_SIZE},
    message::RECORD_SEPARATOR,
};

/// Any input may decompress to this, whatever its size.
const FREE_OUTPUT: u64 = 4 << 30;
/// Beyond that, to this multiple of the compressed bytes. Real archives are below a hundred.
const MAX_RATIO: u64 = 1000;
/// zstd frames that need a larger window are refused, as the `zstd` tool does.
const WINDOW_LOG_MAX: u32 = 27;
/// Buffers on their way between the two threads.
const BUFFERS: usize = 4;
/// The longest magic number looked at.
const MAGIC_SIZE: usize = 10;
/// How far the first line is looked at.
const PEEK_SIZE: usize = 4096;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Plain,
    /// zstd: any number of frames, skippable ones included.
    Zstd,
    /// gzip: any number of members.
    Gzip,
    /// snappy's framing format.
    Snappy,
}

/// What the plain bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Framed Heka protobuf.
    Frames,
    /// Heka JSON, a message a line.
    JsonLines,
}

impl Codec {
    /// The codec of a file that begins with `start`.
    pub fn sniff(start: &[u8]) -> Codec {
        match start {
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Codec::Zstd,
            [0x1f, 0x8b, 0x08, ..] => Codec::Gzip,
            [0xff, 0x06, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..] => Codec::Snappy,
            _ => Codec::Plain,
        }
    }
}

/// Compressed bytes that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Offset in the compressed file.
    pub offset: u64,
    /// Compressed bytes passed over.
    pub length: u64,
    /// What is wrong with them.
    pub reason: String,
}

/// The plain bytes of a source.
pub struct Input {
    /// Bytes looked at already, and how many of them were given out.
    peeked: Vec<u8>,
    given: usize,
    bytes: Bytes,
    read: Arc<AtomicU64>,
}

enum Bytes {
    Plain(Box<dyn Read + Send>),
    Decompressed(Ahead),
}

impl Input {
    /// Opens `source` and finds out what it is.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or its first bytes cannot be read.
    pub fn open(
        source: &Source,
        max_decompressed: Option<u64>,
        interrupt: &Interrupt,
    ) -> Result<Input, ArchiveError> {
        let opened = source.open(interrupt)?;
        Input::new(opened, max_decompressed).map_err(|error| ArchiveError::Read {
            file: source.name().to_string(),
            offset: 0,
            source: error,
        })
    }

    /// An input over `bytes`; `max_decompressed` replaces the built-in limits.
    ///
    /// # Errors
    ///
    /// Reading its first bytes failed.
    pub fn new(bytes: Box<dyn Read + Send>, max_decompressed: Option<u64>) -> io::Result<Input> {
        let read = Arc::new(AtomicU64::new(0));
        let mut input = Input { peeked: Vec::new(), given: 0, bytes: Bytes::Plain(bytes), read };
        input.peek(MAGIC_SIZE)?;
        let codec = Codec::sniff(&input.peeked);
        if codec == Codec::Plain {
            return Ok(input);
        }
        let Bytes::Plain(rest) = input.bytes else { return Ok(input) };
        let start = io::Cursor::new(input.peeked);
        input.read.store(0, Ordering::Relaxed);
        let ahead = Ahead::start(Box::new(start.chain(rest)), codec, max_decompressed, input.read.clone())?;
        Ok(Input { peeked: Vec::new(), given: 0, bytes: Bytes::Decompressed(ahead), read: input.read })
    }

    /// What the plain bytes are. JSON lines are recognised by their first brace; a record separator in the same line
    /// cannot be JSON and makes it a damaged stream of frames.
    ///
    /// # Errors
    ///
    /// Reading the first bytes failed.
    pub fn content(&mut self) -> io::Result<Content> {
        loop {
            let text = self.peeked.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.peeked).trim_ascii_start();
            let line = text.split(|&it| it == b'\n').next().unwrap_or_default();
            if text.first().is_some_and(|&it| it != b'{') || line.contains(&RECORD_SEPARATOR) {
                return Ok(Content::Frames);
            }
            let is_whole = line.len() < text.len();
            let so_far = if line.is_empty() { Content::Frames } else { Content::JsonLines };
            if is_whole || self.peeked.len() >= PEEK_SIZE || !self.peek(self.peeked.len() + 1)? {
                return Ok(so_far);
            }
        }
    }

    /// Whether the bytes are those of the source.
    pub fn is_plain(&self) -> bool {
        matches!(self.bytes, Bytes::Plain(_))
    }

    /// Bytes of the source read so far.
    pub fn progress(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// After an end of input: the damage that was met there. More bytes may follow it.
    pub fn take_gap(&mut self) -> Option<Gap> {
        match &mut self.bytes {
            Bytes::Plain(_) => None,
            Bytes::Decompressed(ahead) => ahead.gap.take(),
        }
    }

    /// Reads until at least `size` bytes were looked at; false when there are fewer.
    fn peek(&mut self, size: usize) -> io::Result<bool> {
        let mut piece = [0; PEEK_SIZE];
        while self.peeked.len() < size {
            match self.read_on(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(read) => self.peeked.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn read_on(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Plain(file) => {
                let read = file.read(out)?;
                self.read.fetch_add(read as u64, Ordering::Relaxed);
                Ok(read)
            }
            Bytes::Decompressed(ahead) => ahead.read(out),
        }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.peeked.len() {
            return self.read_on(out);
        }
        let read = (&self.peeked[self.given..]).read(out)?;
        self.given += read;
        Ok(read)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("is_plain", &self.is_plain()).finish_non_exhaustive()
    }
}

/// The error inside an [`io::Error`] when decompression was stopped.
#[derive(Clone, Copy, Debug)]
pub struct BombError {
    /// The limit in bytes of output.
    pub limit: u64,
    /// Compressed bytes read when it was reached.
    pub offset: u64,
}

impl fmt::Display for BombError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decompresses to more than {} bytes by compressed offset {}", self.limit, self.offset)
    }
}

impl Error for BombError {}

/// The consumer's end of a decompressing thread.
struct Ahead {
    pieces: Receiver<Piece>,
    used: Sender<Vec<u8>>,
    current: Vec<u8>,
    given: usize,
    gap: Option<Gap>,
    is_over: bool,
}

enum Piece {
    Bytes(Vec<u8>),
    Gap(Gap),
    Failed(io::Error),
}

impl Ahead {
    fn start(
        bytes: Box<dyn Read + Send>,
        codec: Codec,
        max_decompressed: Option<u64>,
        read: Arc<AtomicU64>,
    ) -> io::Result<Ahead> {
        let (to_consumer, pieces) = sync_channel(BUFFERS);
        let (used, free) = channel();
        for _ in 0..BUFFERS {
            // The receiver is right here.
            let _ = used.send(Vec::new());
        }
        let counted = Counted { bytes: BufReader::with_capacity(READ_SIZE, bytes), read, failed: false };
        let worker = Worker { to_consumer, free, limit: max_decompressed, written: 0 };
        thread::Builder::new().name("decompress".to_owned()).spawn(move || match codec {
            Codec::Zstd => worker.run(&mut ZstdReader::new(counted)),
            Codec::Gzip => worker.run(&mut Gzip(MultiGzDecoder::new(counted))),
            Codec::Snappy | Codec::Plain => worker.run(&mut Snappy(FrameDecoder::new(counted))),
        })?;
        Ok(Ahead { pieces, used, current: Vec::new(), given: 0, gap: None, is_over: false })
    }
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.current.len() {
            if self.gap.is_some() || self.is_over {
                return Ok(0);
            }
            // The thread ends by dropping its side.
            match self.pieces.recv() {
                Ok(Piece::Bytes(bytes)) => {
                    let _ = self.used.send(std::mem::replace(&mut self.current, bytes));
                    self.given = 0;
                }
                Ok(Piece::Gap(gap)) => self.gap = Some(gap),
                Ok(Piece::Failed(error)) => {
                    self.is_over = true;
                    return Err(error);
                }
                Err(_) => self.is_over = true,
            }
        }
        let read = (&self.current[self.given..]).read(out)?;
        self.given += read;
        Ok(read)
    }
}

/// The producer's end.
struct Worker {
    to_consumer: SyncSender<Piece>,
    free: Receiver<Vec<u8>>,
    limit: Option<u64>,
    written: u64,
}

/// A reader of plain bytes that knows where it is in the compressed ones.
trait Decompress: Read {
    fn source(&mut self) -> &mut Counted;

    /// After damage: goes to the next place where reading can start again. False when there is none.
    fn resume(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

impl Worker {
    /// Decompresses to the end, or until the consumer is gone.
    fn run(mut self, from: &mut impl Decompress) {
        while let Ok(mut buffer) = self.free.recv() {
            buffer.resize(READ_SIZE, 0);
            let mut filled = 0;
            let outcome = loop {
                match from.read(&mut buffer[filled..]) {
                    Ok(0) => break Ok(false),
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Err(error),
                }
                if filled >= READ_SIZE / 2 {
                    break Ok(true);
                }
            };
            buffer.truncate(filled);
            self.written += filled as u64;
            if filled > 0 && self.to_consumer.send(Piece::Bytes(buffer)).is_err() {
                return;
            }
            let offset = from.source().offset();
            let limit = self.limit.unwrap_or_else(|| FREE_OUTPUT.max(offset.saturating_mul(MAX_RATIO)));
            if self.written > limit {
                let error = io::Error::other(BombError { limit, offset });
                let _ = self.to_consumer.send(Piece::Failed(error));
                return;
            }
            match outcome {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    if !self.pass_over(from, error) {
                        return;
                    }
                }
            }
        }
    }

    /// Reports what cannot be decompressed; whether there is more behind it.
    fn pass_over(&self, from: &mut impl Decompress, error: io::Error) -> bool {
        if from.source().failed {
            let _ = self.to_consumer.send(Piece::Failed(error));
            return false;
        }
        let offset = from.source().offset();
        let resumed = from.resume();
        // The magic number that was found is read, but not passed over.
        let found = if matches!(resumed, Ok(true)) { ZSTD_MAGIC.len() as u64 } else { 0 };
        let gap = Gap {
            offset,
            length: from.source().offset() - offset - found,
            reason: format!("compressed data is damaged: {error}"),
        };
        if self.to_consumer.send(Piece::Gap(gap)).is_err() {
            return false;
        }
        match resumed {
            Ok(goes_on) => goes_on,
            Err(error) => {
                let _ = self.to_consumer.send(Piece::Failed(error));
                false
            }
        }
    }
}

/// Compressed bytes, counted as they are used.
struct Counted {
    bytes: BufReader<Box<dyn Read + Send>>,
    read: Arc<AtomicU64>,
    /// Reading failed, as opposed to what was read being bad.
    failed: bool,
}

impl Counted {
    fn offset(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Goes to the next zstd frame, or to the end.
    fn find(&mut self, magic: [u8; 4]) -> io::Result<bool> {
        let mut last = [0; 4];
        let mut passed = 0u64;
        loop {
            let bytes = self.fill_buf()?;
            if bytes.is_empty() {
                return Ok(false);
            }
            // One byte at a time over the last four: a magic number may lie across two reads.
            for (at, &byte) in bytes.iter().enumerate() {
                if passed >= 4 && last == magic {
                    self.consume(at);
                    return Ok(true);
                }
                last.rotate_left(1);
                last[3] = byte;
                passed += 1;
            }
            let length = bytes.len();
            self.consume(length);
        }
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let res = self.bytes.fill_buf();
        self.failed |= res.as_ref().is_err_and(|it| it.kind() != io::ErrorKind::Interrupted);
        res
    }

    fn consume(&mut self, length: usize) {
        self.bytes.consume(length);
        self.read.fetch_add(length as u64, Ordering::Relaxed);
    }
}

struct Gzip(MultiGzDecoder<Counted>);

impl Read for Gzip {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Decompress for Gzip {
    fn source(&mut self) -> &mut Counted {
        self.0.get_mut()
    }
}

struct Snappy(FrameDecoder<Counted>);

impl Read for Snappy {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Decompress for Snappy {
    fn source(&mut self) -> &mut Counted {
        self.0.get_mut()
    }
}

/// zstd, block by block. The library's own reader decodes several blocks in one call and loses the good ones in front
/// of a bad one; fed exactly what it asks for, it cannot.
struct ZstdReader {
    source: Counted,
    decoder: io::Result<Decoder<'static>>,
    /// Bytes the decoder wants next.
    hint: usize,
    /// A frame has begun and not ended.
    in_frame: bool,
    /// The magic number of a frame that was searched for and is already read.
    found: Option<[u8; 4]>,
}

/// What a frame's first call is given (`ZSTD_startingInputLength`).
const ZSTD_START: usize = 5;

impl ZstdReader {
    fn new(source: Counted) -> Self {
        let decoder = Decoder::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
            Ok(decoder)
        });
        ZstdReader { source, decoder, hint: ZSTD_START, in_frame: false, found: None }
    }
}

impl Read for ZstdReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let decoder = match &mut self.decoder {
            Ok(decoder) => decoder,
            Err(error) => return Err(io::Error::new(error.kind(), error.to_string())),
        };
        let mut out = OutBuffer::around(out);
        if let Some(magic) = self.found.take() {
            self.hint = decoder.run(&mut InBuffer::around(&magic), &mut out)?;
            self.in_frame = true;
        }
        loop {
            let bytes = self.source.fill_buf()?;
            let at_end = bytes.is_empty();
            if at_end && !self.in_frame {
                return Ok(0);
            }
            let mut given = InBuffer::around(&bytes[..bytes.len().min(self.hint.max(1))]);
            let result = decoder.run(&mut given, &mut out);
            let used = given.pos();
            self.source.consume(used);
            self.hint = result?;
            self.in_frame = self.hint != 0;
            if !self.in_frame {
                decoder.reinit()?;
                self.hint = ZSTD_START;
            }
            if out.pos() > 0 {
                return Ok(out.pos());
            }
            if at_end && self.in_frame {
                self.in_frame = false;
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file ends inside a zstd frame",
                ));
            }
        }
    }
}

impl Decompress for ZstdReader {
    fn source(&mut self) -> &mut Counted {
        &mut self.source
    }

    fn resume(&mut self) -> io::Result<bool> {
        let Ok(decoder) = &mut self.decoder else { return Ok(false) };
        decoder.reinit()?;
        self.in_frame = false;
        self.hint = ZSTD_START;
        let goes_on = self.source.find(ZSTD_MAGIC)?;
        self.found = goes_on.then_some(ZSTD_MAGIC);
        Ok(goes_on)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("compressed")
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(bytes).expect("compressed");
        out.finish().expect("compressed")
    }

    fn snappy(bytes: &[u8]) -> Vec<u8> {
        let mut out = snap::write::FrameEncoder::new(Vec::new());
        out.write_all(bytes).expect("compressed");
        out.into_inner().expect("compressed")
    }

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 58) as u8
        };
        (0..size).map(|_| next()).collect()
    }

    /// The plain bytes and the gaps, each with the plain offset it lies at.
    type Pieces = (Vec<u8>, Vec<(usize, Gap)>);

    fn read(bytes: &[u8], limit: Option<u64>) -> io::Result<Pieces> {
        let mut input = Input::new(Box::new(io::Cursor::new(bytes.to_vec())), limit)?;
        let (mut plain, mut gaps) = (Vec::new(), Vec::new());
        loop {
            input.read_to_end(&mut plain)?;
            match input.take_gap() {
                Some(gap) => gaps.push((plain.len(), gap)),
                None => return Ok((plain, gaps)),
            }
        }
    }

    #[test]
    fn what_is_compressed_is_decompressed() {
        let check = |compressed: &[u8], plain: &[u8]| {
            let (got, gaps) = read(compressed, None).expect("readable");
            assert!(got == plain, "{} bytes, expected {}", got.len(), plain.len());
            assert_eq!(gaps, []);
        };
        let long = noise(3 << 20);
        for plain in [&b""[..], b"x", b"{}", &long] {
            check(plain, plain);
            check(&zstd(plain), plain);
            check(&gzip(plain), plain);
            check(&snappy(plain), plain);
        }
        let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        check(
            &[&zstd(b"one"), &skippable[..], &zstd(b"two"), &zstd(&long)].concat(),
            &[b"onetwo", &long[..]].concat(),
        );
        check(&[&skippable[..], &zstd(b"one")].concat(), b"one");
        check(&[gzip(b"one"), gzip(&long)].concat(), &[b"one", &long[..]].concat());
        check(&[snappy(b"one"), snappy(b"two")].concat(), b"onetwo");
    }

    #[test]
    fn content_is_what_the_first_line_says() {
        let check = |bytes: &[u8], expected: Content| {
            let mut input = Input::new(Box::new(io::Cursor::new(bytes.to_vec())), None).expect("readable");
            assert_eq!(input.content().expect("readable"), expected, "{bytes:?}");
            let mut all = Vec::new();
            input.read_to_end(&mut all).expect("readable");
            let codec = Codec::sniff(bytes);
            assert!(codec != Codec::Plain || all == bytes);
        };
        check(b"", Content::Frames);
        check(b"\x1e\x02\x08\x05\x1f{}", Content::Frames);
        check(b"{\"Timestamp\":1}", Content::JsonLines);
        check(b"\xef\xbb\xbf \r\n\t{\n", Content::JsonLines);
        check(&zstd(b"{}\n{}\n"), Content::JsonLines);
        check(b"{ noise \x1e\x02\x08\x05\x1f", Content::Frames);
        check(b"{}\n\x1e\x02\x08\x05\x1f", Content::JsonLines);
        check(b"plain text\n", Content::Frames);
        check(&b" ".repeat(10_000), Content::Frames);
    }

    #[test]
    fn what_comes_before_a_truncation_is_delivered() {
        let plain = noise(1 << 20);
        let check = |compressed: &[u8], least: usize, reason: &str| {
            let (got, gaps) = read(&compressed[..compressed.len() - 1000], None).expect("readable");
            assert!(got.len() >= least && plain.starts_with(&got), "{} of {least}", got.len());
            assert_eq!(gaps.len(), 1);
            let (at, gap) = &gaps[0];
            assert_eq!(*at, got.len());
            assert!(gap.offset <= (compressed.len() - 1000) as u64);
            assert!(gap.reason.contains(reason), "{}", gap.reason);
        };
        check(&zstd(&plain), plain.len() - (128 << 10), "the file ends inside a zstd frame");
        check(&gzip(&plain), plain.len() - (64 << 10), "damaged");
        check(&snappy(&plain), plain.len() - (64 << 10), "damaged");
    }

    #[test]
    fn a_damaged_zstd_frame_costs_only_its_rest() {
        let first = noise(600 << 10);
        let mut out = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
        out.include_checksum(true).expect("a checksum");
        out.write_all(&first).expect("compressed");
        let mut bytes = out.finish().expect("compressed");
        let at = bytes.len() - 2000;
        bytes[at..at + 8].fill(0xff);
        bytes.extend_from_slice(&zstd(b"behind"));
        let (got, gaps) = read(&bytes, None).expect("readable");
        assert!(got.len() >= first.len() - (128 << 10));
        assert!(got.ends_with(b"behind"));
        let (at, gap) = &gaps[0];
        assert_eq!(gaps.len(), 1);
        assert_eq!(*at, got.len() - 6);
        assert!(gap.offset + gap.length < bytes.len() as u64);
    }

    #[test]
    fn trailing_garbage_is_reported() {
        for compressed in [zstd(b"abc"), gzip(b"abc"), snappy(b"abc")] {
            let (got, gaps) =
                read(&[&compressed[..], b"garbage, long enough"].concat(), None).expect("readable");
            assert_eq!((&got[..], gaps.len()), (&b"abc"[..], 1), "{gaps:?}");
        }
    }

    #[test]
    fn a_bomb_is_an_error_with_a_number() {
        let zeros = vec![0; 8 << 20];
        for compressed in [zstd(&zeros), gzip(&zeros), snappy(&zeros)] {
            let error = read(&compressed, Some(1 << 20)).expect_err("stopped");
            let bomb = error.get_ref().and_then(|it| it.downcast_ref::<BombError>()).expect("a bomb");
            assert_eq!(bomb.limit, 1 << 20);
            assert!(bomb.offset <= compressed.len() as u64);
            assert!(read(&compressed, Some(8 << 20)).is_ok());
        }
    }

    #[test]
    fn a_window_beyond_the_limit_is_refused() {
        let mut out = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        out.long_distance_matching(true).and_then(|()| out.window_log(28)).expect("a long window");
        out.write_all(&vec![0; 1 << 20]).expect("compressed");
        let bytes = out.finish().expect("compressed");
        let (got, gaps) = read(&bytes, None).expect("readable");
        assert_eq!((got.len(), gaps.len()), (0, 1));
        assert!(gaps[0].1.reason.contains("memory"), "{}", gaps[0].1.reason);
    }
}
