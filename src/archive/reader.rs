//! One stream of records out of many sources.

use std::{cmp::Reverse, collections::BinaryHeap, fmt, io, sync::Arc};

use crate::{
    archive::{
        ArchiveError, Content, FrameReader, Interrupt, LogSink, Reason, Source, Tally, Template,
        codec::{BombError, Gap, Input},
        frame::Extent,
        lines::{LineReader, Mode},
    },
    message::Message,
};

/// Merging by time keeps at most so many sources open that are not being read yet.
const MAX_OPEN: usize = 32;

/// What a reader is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The longest message accepted, in bytes, framing not counted.
    pub max_message_size: usize,
    /// How several sources become one stream.
    pub order: Order,
    /// What the sources hold.
    pub form: Form,
    /// The most bytes a compressed source may decompress to; without it 4 GiB, or a thousand times the compressed bytes
    /// if that is more.
    pub max_decompressed: Option<u64>,
    /// The last source, if it is a plain file, has no end: after `None` the reader can be asked again. Only in order of
    /// files.
    pub follow: bool,
    /// Ends waiting for pipes and terminals: they are then read to their end.
    pub interrupt: Interrupt,
}

/// What sources hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Whatever their content says: framed messages or Heka JSON lines.
    #[default]
    Sniff,
    /// Text, of which each line becomes the Payload of a message.
    Lines(Arc<Template>),
    /// Anything, of which each source becomes the Payload of a message.
    Payload(Arc<Template>),
}

/// How several sources become one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// One after the other, as given.
    #[default]
    Files,
    /// Merged by Timestamp: always the source whose next message is oldest, the first of them if several are. Within a
    /// source the order stays as it is.
    Time,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_message_size: 64 << 20,
            order: Order::Files,
            form: Form::Sniff,
            max_decompressed: None,
            follow: false,
            interrupt: Interrupt::default(),
        }
    }
}

/// A message and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The decoded message.
    pub message: Message<'a>,
    /// The record as it is in the input: the message with its framing, or the line.
    pub bytes: &'a [u8],
    /// The input's name.
    pub file: &'a Arc<str>,
    /// Index of the input among the sources.
    pub file_index: usize,
    /// Offset of `bytes` in the (decompressed) input.
    pub offset: u64,
}

/// Reads the records of many sources. Lending: a record is borrowed until the next call.
pub struct Reader {
    sources: Vec<Source>,
    names: Vec<Arc<str>>,
    options: Options,
    /// The accounts of the sources that are done.
    done: Vec<Option<Tally>>,
    /// The source being read when reading in order of files.
    current: Option<Stream>,
    /// Its index, or that of the source of the last record.
    at: usize,
    merge: Option<Merge>,
    /// A stream that is done with, for its buffers.
    spare: Option<Box<FrameReader<Input>>>,
    /// Messages made of text so far.
    number: u64,
    /// Bytes of sources that are done.
    read: u64,
    log: Option<SharedLog>,
    /// The device and inode of the file being followed.
    followed: Option<(u64, u64)>,
}

/// How far a reader is, in bytes of the sources as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Read so far.
    pub read: u64,
    /// The sum of the sources' sizes, when all are known.
    pub total: Option<u64>,
}

/// The state of merging by time.
struct Merge {
    slots: Vec<Slot>,
    /// The next message of each source that has one.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
}

enum Slot {
    /// To be opened when its turn comes.
    Closed,
    /// Open, and its next message found.
    Open(Box<Stream>, Extent),
    Done,
}

type SharedLog = Arc<std::sync::Mutex<LogSink>>;

/// One open source.
enum Stream {
    Frames(Box<FrameReader<Input>>),
    Lines(Box<LineReader<Input>>),
}

impl Reader {
    /// A reader over `sources`. Each is opened when its turn comes; merging by time looks into all of them first.
    ///
    /// # Errors
    ///
    /// None for now; options that contradict each other will be.
    pub fn open(sources: Vec<Source>, mut options: Options) -> Result<Self, ArchiveError> {
        if options.form != Form::Sniff {
            // Timestamps are given out in order of files, which is then the order of time.
            options.order = Order::Files;
        }
        Ok(Reader {
            names: sources.iter().map(Source::name).collect(),
            done: vec![None; sources.len()],
            sources,
            options,
            current: None,
            at: 0,
            merge: None,
            spare: None,
            number: 0,
            read: 0,
            log: None,
            followed: None,
        })
    }

    /// Calls `log` wherever production's scanner would log a warning.
    #[must_use]
    pub fn with_log(mut self, log: LogSink) -> Self {
        self.log = Some(Arc::new(std::sync::Mutex::new(log)));
        self
    }

    /// The next record, or `None` when all sources are read.
    ///
    /// # Errors
    ///
    /// A source that cannot be opened or read. Damage is in the [`tally`](Self::tally).
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, ArchiveError> {
        let Some(extent) = self.advance()? else { return Ok(None) };
        Ok(self.record(extent))
    }

    /// The next record whose message is `wanted`, or `None` when all sources are read.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    #[inline]
    pub fn next_where(
        &mut self,
        mut wanted: impl FnMut(Message<'_>) -> bool,
    ) -> Result<Option<Record<'_>>, ArchiveError> {
        loop {
            let Some(extent) = self.advance()? else { return Ok(None) };
            if self.record(extent).is_some_and(|it| wanted(it.message)) {
                return Ok(self.record(extent));
            }
        }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<Extent>, ArchiveError> {
        match self.options.order {
            Order::Files => self.advance_in_order(),
            Order::Time => self.advance_in_time(),
        }
    }

    /// The record that was found last.
    #[inline]
    fn record(&self, extent: Extent) -> Option<Record<'_>> {
        let stream = match &self.merge {
            None => self.current.as_ref(),
            Some(merge) => match &merge.slots[self.at] {
                Slot::Open(stream, _) => Some(&**stream),
                Slot::Closed | Slot::Done => None,
            },
        };
        stream.map(|stream| stream.record(extent, &self.names[self.at], self.at))
    }

    /// The accounts so far, over all sources. What is still in a buffer is not in them until a source is read to its end.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for (index, done) in self.done.iter().enumerate() {
            if let Some(tally) = done {
                sum.add(tally);
            }
            if let Some(stream) = self.live(index) {
                sum.add(&stream.tally());
            }
        }
        sum
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let mut read = self.read;
        for index in 0..self.sources.len() {
            read += self.live(index).map_or(0, |it| it.input().progress());
        }
        Progress { read, total: self.sources.iter().map(Source::size).sum() }
    }

    /// The sources, in the order of [`Record::file_index`].
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    fn live(&self, index: usize) -> Option<&Stream> {
        match &self.merge {
            None => self.current.as_ref().filter(|_| self.at == index),
            Some(merge) => match &merge.slots[index] {
                Slot::Open(stream, _) => Some(stream),
                Slot::Closed | Slot::Done => None,
            },
        }
    }

    #[inline]
    fn advance_in_order(&mut self) -> Result<Option<Extent>, ArchiveError> {
        loop {
            if let Some(stream) = &mut self.current {
                match stream.advance() {
                    Ok(Some(extent)) => return Ok(Some(extent)),
                    Ok(None) => {}
                    Err(error) => return Err(stream.failed(&self.names[self.at], error)),
                }
                if self.is_followed() {
                    return Ok(None);
                }
                self.close_current();
            }
            if self.at == self.sources.len() {
                return Ok(None);
            }
            self.current = Some(self.open_stream(self.at)?);
        }
    }

    /// Whether asking again after `None` may give more: the last source is a plain file and is followed.
    pub fn is_followed(&self) -> bool {
        self.options.follow
            && self.at + 1 == self.sources.len()
            && self.sources[self.at] != Source::Stdin
            && self.current.as_ref().is_some_and(|it| it.input().is_plain())
    }

    /// Looks whether the file being followed was cut off or replaced by another, and starts over with it if so. To be
    /// called between `None` and asking again.
    ///
    /// # Errors
    ///
    /// The new file cannot be opened.
    pub fn refresh(&mut self) -> Result<(), ArchiveError> {
        let (true, Some(stream)) = (self.is_followed(), &self.current) else { return Ok(()) };
        // Between its removal and its return there is no file: the next time, perhaps.
        let Some(now) = self.sources[self.at].identity() else { return Ok(()) };
        if Some(now.file) == self.followed && now.size >= stream.input().progress() {
            return Ok(());
        }
        let at = self.at;
        self.close_current();
        self.at = at;
        self.current = Some(self.open_stream(at)?);
        Ok(())
    }

    fn close_current(&mut self) {
        if let Some(stream) = self.current.take() {
            self.close(self.at, stream);
        }
        self.at += 1;
    }

    /// Takes over the accounts of a source that is read to its end, and its buffers.
    fn close(&mut self, index: usize, mut stream: Stream) {
        let mut tally = self.done[index].take().unwrap_or_default();
        tally.add(&stream.finish());
        self.done[index] = Some(tally);
        self.read += stream.input().progress();
        match stream {
            Stream::Frames(frames) => self.spare = Some(frames),
            Stream::Lines(lines) => self.number = self.number.max(lines.number()),
        }
    }

    fn open_stream(&mut self, index: usize) -> Result<Stream, ArchiveError> {
        let mut input =
            Input::open(&self.sources[index], self.options.max_decompressed, &self.options.interrupt)?;
        if self.options.follow {
            self.followed = self.sources[index].identity().map(|it| it.file);
        }
        let name = self.names[index].clone();
        let max = self.options.max_message_size;
        let mode = match &self.options.form {
            Form::Sniff => match input.content() {
                Ok(Content::Frames) => return Ok(Stream::Frames(self.frames(input, name))),
                Ok(Content::JsonLines) => Mode::Json,
                Err(error) => return Err(failed(&name, 0, error)),
            },
            Form::Lines(template) => Mode::Lines(template.clone()),
            Form::Payload(template) => Mode::Payload(template.clone()),
        };
        Ok(Stream::Lines(Box::new(LineReader::new(input, name, mode, max, self.number))))
    }

    fn frames(&mut self, input: Input, name: Arc<str>) -> Box<FrameReader<Input>> {
        if let Some(mut spare) = self.spare.take() {
            spare.restart(input, name);
            return spare;
        }
        let mut frames = FrameReader::new(input, name, self.options.max_message_size);
        if let Some(log) = self.log.clone() {
            frames = frames.with_log(Box::new(move |reason: &Reason| {
                if let Ok(mut log) = log.lock() {
                    log(reason);
                }
            }));
        }
        Box::new(frames)
    }

    fn advance_in_time(&mut self) -> Result<Option<Extent>, ArchiveError> {
        let mut merge = match self.merge.take() {
            Some(mut merge) => {
                self.step_last(&mut merge)?;
                merge
            }
            None => self.start_merge()?,
        };
        let mut found = None;
        while let Some(&Reverse((_, index))) = merge.heads.peek() {
            self.at = index;
            if matches!(merge.slots[index], Slot::Closed) {
                self.reopen(&mut merge, index)?;
            }
            if let Slot::Open(_, extent) = merge.slots[index] {
                found = Some(extent);
                break;
            }
            // It had a message when it was looked at first, and was changed since.
            merge.heads.pop();
        }
        self.merge = Some(merge);
        Ok(found)
    }

    /// Moves on in the source the last record came from.
    fn step_last(&mut self, merge: &mut Merge) -> Result<(), ArchiveError> {
        let Slot::Open(stream, head) = &mut merge.slots[self.at] else { return Ok(()) };
        let name = &self.names[self.at];
        let next = stream.advance().map_err(|error| stream.failed(name, error))?;
        let Some(extent) = next else {
            if let Slot::Open(stream, _) = std::mem::replace(&mut merge.slots[self.at], Slot::Done) {
                self.close(self.at, *stream);
            }
            merge.heads.pop();
            return Ok(());
        };
        *head = extent;
        let timestamp = stream.record(extent, name, self.at).message.timestamp();
        if let Some(mut top) = merge.heads.peek_mut() {
            *top = Reverse((timestamp, self.at));
        }
        Ok(())
    }

    /// Looks for the first message of every source. With many sources they are closed again until their turn comes, so
    /// that a directory of a thousand logs does not need a thousand open files and buffers.
    fn start_merge(&mut self) -> Result<Merge, ArchiveError> {
        let mut merge = Merge { slots: Vec::new(), heads: BinaryHeap::new() };
        for index in 0..self.sources.len() {
            let mut stream = self.open_stream(index)?;
            let name = &self.names[index];
            let first = stream.advance().map_err(|error| stream.failed(name, error))?;
            let Some(extent) = first else {
                self.close(index, stream);
                merge.slots.push(Slot::Done);
                continue;
            };
            let timestamp = stream.record(extent, name, index).message.timestamp();
            merge.heads.push(Reverse((timestamp, index)));
            let is_kept = self.sources.len() <= MAX_OPEN || self.sources[index] == Source::Stdin;
            if is_kept {
                merge.slots.push(Slot::Open(Box::new(stream), extent));
                continue;
            }
            merge.slots.push(Slot::Closed);
            if let Stream::Frames(frames) = stream {
                self.spare = Some(frames);
            }
        }
        Ok(merge)
    }

    fn reopen(&mut self, merge: &mut Merge, index: usize) -> Result<(), ArchiveError> {
        let mut stream = self.open_stream(index)?;
        let name = &self.names[index];
        let first = stream.advance().map_err(|error| stream.failed(name, error))?;
        if let Some(extent) = first {
            merge.slots[index] = Slot::Open(Box::new(stream), extent);
        } else {
            self.close(index, stream);
            merge.slots[index] = Slot::Done;
        }
        Ok(())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("sources", &self.sources).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Stream {
    /// The next message. Behind a gap in compressed data the old and the new bytes are kept apart.
    #[inline]
    fn advance(&mut self) -> io::Result<Option<Extent>> {
        loop {
            let found = match self {
                Stream::Frames(frames) => frames.advance()?,
                Stream::Lines(lines) => lines.advance()?,
            };
            if found.is_some() {
                return Ok(found);
            }
            let Some(Gap { offset, length, reason }) = self.input_mut().take_gap() else { return Ok(None) };
            let reason = Reason::Codec(reason);
            match self {
                Stream::Frames(frames) => frames.abandon(|ledger| ledger.note(offset, length, reason)),
                Stream::Lines(lines) => lines.note(offset, length, reason),
            }
        }
    }

    #[inline]
    fn record<'a>(&'a self, extent: Extent, file: &'a Arc<str>, file_index: usize) -> Record<'a> {
        let frame = match self {
            Stream::Frames(frames) => frames.frame(extent),
            Stream::Lines(lines) => lines.frame(extent),
        };
        Record { message: frame.message, bytes: frame.bytes, file, file_index, offset: frame.offset }
    }

    fn tally(&self) -> Tally {
        match self {
            Stream::Frames(frames) => frames.tally(),
            Stream::Lines(lines) => lines.tally(),
        }
    }

    fn finish(&mut self) -> Tally {
        if let Stream::Frames(frames) = self {
            frames.finish();
        }
        self.tally()
    }

    fn input(&self) -> &Input {
        match self {
            Stream::Frames(frames) => frames.get_ref(),
            Stream::Lines(lines) => lines.get_ref(),
        }
    }

    fn input_mut(&mut self) -> &mut Input {
        match self {
            Stream::Frames(frames) => frames.get_mut(),
            Stream::Lines(lines) => lines.get_mut(),
        }
    }

    fn failed(&self, file: &Arc<str>, source: io::Error) -> ArchiveError {
        failed(file, self.input().progress(), source)
    }
}

fn failed(file: &Arc<str>, offset: u64, source: io::Error) -> ArchiveError {
    let file = file.to_string();
    match source.get_ref().and_then(|it| it.downcast_ref::<BombError>()) {
        Some(&BombError { limit, offset }) => ArchiveError::Bomb { file, limit, offset },
        None => ArchiveError::Read { file, offset, source },
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::message::{write_frame_header, write_varint};

    fn framed(timestamp: i64) -> Vec<u8> {
        let mut raw = b"\x0a\x100123456789abcdef\x10".to_vec();
        write_varint(&mut raw, timestamp as u64);
        let mut out = Vec::new();
        write_frame_header(&mut out, raw.len());
        out.extend_from_slice(&raw);
        out
    }

    fn write(folder: &Path, files: &[&[i64]]) -> Vec<Source> {
        let write_one = |(index, times): (usize, &&[i64])| {
            let path = folder.join(format!("{index}.log"));
            fs::write(&path, times.iter().flat_map(|&it| framed(it)).collect::<Vec<u8>>()).expect("written");
            Source::File(path)
        };
        files.iter().enumerate().map(write_one).collect()
    }

    fn read(reader: &mut Reader) -> Vec<(usize, i64)> {
        let mut found = Vec::new();
        while let Some(record) = reader.next().expect("readable") {
            found.push((record.file_index, record.message.timestamp()));
        }
        found
    }

    #[test]
    fn order_is_by_file_or_by_time() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let check = |files: &[&[i64]], order: Order, expected: &[(usize, i64)]| {
            let mut reader =
                Reader::open(write(folder.path(), files), Options { order, ..Options::default() })
                    .expect("opened");
            assert_eq!(read(&mut reader), expected);
            let tally = reader.tally();
            assert_eq!(tally.records, expected.len() as u64);
            assert_eq!(tally.bytes, tally.record_bytes);
        };
        let files: &[&[i64]] = &[&[5, 1, 7], &[], &[2, 5], &[-3, 6]];
        check(files, Order::Files, &[(0, 5), (0, 1), (0, 7), (2, 2), (2, 5), (3, -3), (3, 6)]);
        check(files, Order::Time, &[(3, -3), (2, 2), (0, 5), (0, 1), (2, 5), (3, 6), (0, 7)]);
        check(&[], Order::Time, &[]);
    }

    #[test]
    fn many_files_are_merged_without_being_open_at_once() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let times: Vec<[i64; 2]> = (0..100).map(|it| [1000 - it * 10, 1005 - it * 10]).collect();
        let files: Vec<&[i64]> = times.iter().map(|it| &it[..]).collect();
        let options = Options { order: Order::Time, ..Options::default() };
        let mut reader = Reader::open(write(folder.path(), &files), options).expect("opened");
        let found: Vec<i64> = read(&mut reader).into_iter().map(|(_, it)| it).collect();
        let mut expected: Vec<i64> = times.concat();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!((reader.tally().records, reader.tally().damage_total), (200, 0));
    }

    #[test]
    fn damage_names_the_file() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let sources = write(folder.path(), &[&[1], &[2], &[3]]);
        fs::write(folder.path().join("1.log"), "no archive").expect("written");
        let mut reader = Reader::open(sources.clone(), Options::default()).expect("opened");
        assert_eq!(read(&mut reader), [(0, 1), (2, 3)]);
        let tally = reader.tally();
        assert_eq!(tally.damage.len(), 1);
        assert_eq!((&tally.damage[0].file, tally.damage[0].length), (&sources[1].name(), 10));
    }

    #[test]
    fn compressed_files_are_read_like_plain_ones() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let sources = write(folder.path(), &[&[1, 2], &[3]]);
        let Source::File(path) = &sources[0] else { panic!("a file") };
        let plain = fs::read(path).expect("readable");
        let one = zstd::encode_all(&plain[..], 3).expect("compressed");
        let check = |bytes: &[u8], expected: &[(usize, i64)], damage: &[&str]| {
            fs::write(path, bytes).expect("written");
            let mut reader = Reader::open(sources.clone(), Options::default()).expect("opened");
            assert_eq!(read(&mut reader), expected);
            let tally = reader.tally();
            let got: Vec<String> =
                tally.damage.iter().map(|it| format!("{} {} {}", it.offset, it.length, it.reason)).collect();
            assert_eq!(got, damage);
            assert_eq!(tally.bytes, tally.record_bytes + tally.skipped_bytes + tally.pending_bytes);
            let size = |it: &Source| it.size().expect("a file");
            let total = sources.iter().map(size).sum();
            assert_eq!(reader.progress(), Progress { read: total, total: Some(total) });
        };
        check(&one, &[(0, 1), (0, 2), (1, 3)], &[]);
        let both = [&one[..], &zstd::encode_all(&plain[3..], 3).expect("compressed")].concat();
        check(&both, &[(0, 1), (0, 2), (0, 2), (1, 3)], &["50 22 garbage before a record"]);
        // The frame's checksum is wrong: what it held is delivered, the record cut at its end is not joined to the next.
        let mut out = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
        out.include_checksum(true).expect("a checksum");
        std::io::Write::write_all(&mut out, &plain[..30]).expect("compressed");
        let mut bad = out.finish().expect("compressed");
        let size = bad.len();
        bad[size - 1] ^= 1;
        bad.extend_from_slice(&one);
        let gap = format!("{} 4 compressed data is damaged: Restored data doesn't match checksum", size - 4);
        check(
            &bad,
            &[(0, 1), (0, 1), (0, 2), (1, 3)],
            &["25 5 truncated record: 5 of 25 bytes at end of file", &gap],
        );
    }

    #[test]
    fn a_bomb_names_its_file() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let sources = write(folder.path(), &[&[]]);
        let Source::File(path) = &sources[0] else { panic!("a file") };
        fs::write(path, zstd::encode_all(&vec![0; 1 << 20][..], 3).expect("compressed")).expect("written");
        let options = Options { max_decompressed: Some(1000), ..Options::default() };
        let mut reader = Reader::open(sources.clone(), options).expect("opened");
        let error = reader.next().expect_err("stopped").to_string();
        let expected =
            format!("{}: decompresses to more than 1000 bytes by compressed offset", path.display());
        assert!(error.starts_with(&expected), "{error}");
    }

    #[test]
    fn text_is_numbered_over_all_files() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let sources: Vec<Source> = ["a\nb\n", "c\n"]
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let path = folder.path().join(index.to_string());
                fs::write(&path, text).expect("written");
                Source::File(path)
            })
            .collect();
        let check = |form: Form, expected: &[(usize, i64)]| {
            let mut reader =
                Reader::open(sources.clone(), Options { form, ..Options::default() }).expect("opened");
            assert_eq!(read(&mut reader), expected);
            assert_eq!(reader.tally().damage, []);
        };
        let template = Arc::new(Template { step: 7, ..Template::default() });
        check(Form::Lines(template.clone()), &[(0, 0), (0, 7), (1, 14)]);
        check(Form::Payload(template), &[(0, 0), (1, 7)]);
    }

    #[test]
    fn a_followed_file_grows_and_is_replaced() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let sources = write(folder.path(), &[&[1], &[]]);
        let Source::File(path) = &sources[1] else { panic!("a file") };
        let options = Options { follow: true, ..Options::default() };
        let mut reader = Reader::open(sources.clone(), options).expect("opened");
        let mut check = |expected: &[(usize, i64)]| {
            reader.refresh().expect("refreshed");
            assert_eq!(read(&mut reader), expected);
            assert!(reader.is_followed());
            reader.tally()
        };
        check(&[(0, 1)]);
        let append = |bytes: &[u8]| {
            let mut file = fs::OpenOptions::new().append(true).open(path).expect("opened");
            std::io::Write::write_all(&mut file, bytes).expect("written");
        };
        append(&[framed(2), framed(3)[..7].to_vec()].concat());
        check(&[(1, 2)]);
        append(&framed(3)[7..]);
        check(&[(1, 3)]);
        check(&[]);
        // Cut off and written anew.
        fs::write(path, framed(4)).expect("written");
        check(&[(1, 4)]);
        // Replaced by another of the same size.
        fs::write(folder.path().join("new"), framed(5)).expect("written");
        fs::rename(folder.path().join("new"), path).expect("renamed");
        let tally = check(&[(1, 5)]);
        assert_eq!((tally.records, tally.damage_total), (5, 0));
    }

    #[test]
    fn what_cannot_be_opened_is_an_error() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let check = |path: &Path, expected: &str| {
            let mut reader =
                Reader::open(vec![Source::File(path.to_owned())], Options::default()).expect("opened");
            let error = reader.next().expect_err("refused").to_string();
            assert_eq!(error, format!("{}: {expected}", path.display()));
        };
        check(folder.path(), "cannot be opened: is a directory");
        check(&folder.path().join("none"), "cannot be opened: No such file or directory (os error 2)");
    }
}
