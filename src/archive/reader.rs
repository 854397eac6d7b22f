//! One stream of records out of many sources.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt,
    io::{self, Read},
    sync::Arc,
};

use crate::{
    archive::{ArchiveError, FrameReader, Source, Tally, frame::Extent},
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
        Options { max_message_size: 64 << 20, order: Order::Files }
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
    spare: Option<FrameReader<Input>>,
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

type Input = Box<dyn Read + Send>;

/// One open source.
enum Stream {
    Frames(FrameReader<Input>),
}

impl Reader {
    /// A reader over `sources`. Each is opened when its turn comes; merging by time looks into all of them first.
    ///
    /// # Errors
    ///
    /// None for now; options that contradict each other will be.
    pub fn open(sources: Vec<Source>, options: Options) -> Result<Self, ArchiveError> {
        Ok(Reader {
            names: sources.iter().map(Source::name).collect(),
            done: vec![None; sources.len()],
            sources,
            options,
            current: None,
            at: 0,
            merge: None,
            spare: None,
        })
    }

    /// The next record, or `None` when all sources are read.
    ///
    /// # Errors
    ///
    /// A source that cannot be opened or read. Damage is in the [`tally`](Self::tally).
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, ArchiveError> {
        let found = match self.options.order {
            Order::Files => self.advance_in_order()?,
            Order::Time => self.advance_in_time()?,
        };
        let Some(extent) = found else { return Ok(None) };
        let stream = match &self.merge {
            None => self.current.as_ref(),
            Some(merge) => match &merge.slots[self.at] {
                Slot::Open(stream, _) => Some(&**stream),
                Slot::Closed | Slot::Done => None,
            },
        };
        Ok(stream.map(|stream| stream.record(extent, &self.names[self.at], self.at)))
    }

    /// The accounts so far, over all sources. What is still in a buffer is not in them until a source is read to its end.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for (index, done) in self.done.iter().enumerate() {
            if let Some(tally) = done {
                sum.add(tally);
            } else if let Some(stream) = self.live(index) {
                sum.add(&stream.tally());
            }
        }
        sum
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
                    Ok(None) => self.close_current(),
                    Err(error) => return Err(stream.failed(&self.names[self.at], error)),
                }
            }
            if self.at == self.sources.len() {
                return Ok(None);
            }
            self.current = Some(self.open_stream(self.at)?);
        }
    }

    fn close_current(&mut self) {
        if let Some(mut stream) = self.current.take() {
            self.done[self.at] = Some(stream.finish());
            let Stream::Frames(frames) = stream;
            self.spare = Some(frames);
        }
        self.at += 1;
    }

    fn open_stream(&mut self, index: usize) -> Result<Stream, ArchiveError> {
        let input = self.sources[index].open()?;
        let name = self.names[index].clone();
        let frames = match self.spare.take() {
            Some(mut spare) => {
                spare.restart(input, name);
                spare
            }
            None => FrameReader::new(input, name, self.options.max_message_size),
        };
        Ok(Stream::Frames(frames))
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
        if let Some(&Reverse((_, index))) = merge.heads.peek() {
            self.at = index;
            if matches!(merge.slots[index], Slot::Closed) {
                self.reopen(&mut merge, index)?;
            }
            if let Slot::Open(_, extent) = merge.slots[index] {
                found = Some(extent);
            }
        }
        self.merge = Some(merge);
        Ok(found)
    }

    /// Moves on in the source the last record came from.
    fn step_last(&mut self, merge: &mut Merge) -> Result<(), ArchiveError> {
        let Slot::Open(stream, head) = &mut merge.slots[self.at] else { return Ok(()) };
        let name = &self.names[self.at];
        match stream.advance().map_err(|error| stream.failed(name, error))? {
            Some(extent) => {
                *head = extent;
                let timestamp = stream.record(extent, name, self.at).message.timestamp();
                if let Some(mut top) = merge.heads.peek_mut() {
                    *top = Reverse((timestamp, self.at));
                }
            }
            None => {
                self.done[self.at] = Some(stream.finish());
                merge.slots[self.at] = Slot::Done;
                merge.heads.pop();
            }
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
            let slot = match stream.advance().map_err(|error| stream.failed(name, error))? {
                Some(extent) => {
                    let timestamp = stream.record(extent, name, index).message.timestamp();
                    merge.heads.push(Reverse((timestamp, index)));
                    if self.sources.len() > MAX_OPEN && self.sources[index] != Source::Stdin {
                        let Stream::Frames(frames) = stream;
                        self.spare = Some(frames);
                        Slot::Closed
                    } else {
                        Slot::Open(Box::new(stream), extent)
                    }
                }
                None => {
                    self.done[index] = Some(stream.finish());
                    Slot::Done
                }
            };
            merge.slots.push(slot);
        }
        Ok(merge)
    }

    fn reopen(&mut self, merge: &mut Merge, index: usize) -> Result<(), ArchiveError> {
        let mut stream = self.open_stream(index)?;
        let name = &self.names[index];
        merge.slots[index] = match stream.advance().map_err(|error| stream.failed(name, error))? {
            Some(extent) => Slot::Open(Box::new(stream), extent),
            None => Slot::Done,
        };
        Ok(())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("sources", &self.sources).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Stream {
    #[inline]
    fn advance(&mut self) -> io::Result<Option<Extent>> {
        match self {
            Stream::Frames(frames) => frames.advance(),
        }
    }

    #[inline]
    fn record<'a>(&'a self, extent: Extent, file: &'a Arc<str>, file_index: usize) -> Record<'a> {
        match self {
            Stream::Frames(frames) => {
                let frame = frames.frame(extent);
                Record { message: frame.message, bytes: frame.bytes, file, file_index, offset: frame.offset }
            }
        }
    }

    fn tally(&self) -> Tally {
        match self {
            Stream::Frames(frames) => frames.tally(),
        }
    }

    fn finish(&mut self) -> Tally {
        match self {
            Stream::Frames(frames) => frames.finish(),
        }
        self.tally()
    }

    fn failed(&self, file: &Arc<str>, source: io::Error) -> ArchiveError {
        let offset = match self {
            Stream::Frames(frames) => frames.offset() + frames.pending_bytes(),
        };
        ArchiveError::Read { file: file.to_string(), offset, source }
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
