//! Shows, counts and converts messages.

use std::{
    collections::VecDeque,
    io::{self, Write},
    thread,
    time::Duration,
};

use crate::{
    archive::{ArchiveError, Reader, Tally, Writer},
    matcher::Selection,
    message::{Message, MessageIndex, render, write_frame_header},
};

/// How often a followed file is looked at, as by `lsb_heka_cat`.
const POLL: Duration = Duration::from_secs(1);
/// Bytes of messages kept for the last ones.
const MAX_TAIL_BYTES: usize = 1 << 30;

/// What to show of the messages.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which messages.
    pub selection: Selection,
    /// Only say how many there are.
    pub count: bool,
    /// Only the last so many of the selected.
    pub tail: Option<usize>,
    /// How they are shown.
    pub format: Format,
}

/// How messages are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The layout of `lsb_heka_cat -t`, with everything that could harm a terminal escaped.
    #[default]
    Text,
    /// The layout and the very bytes of `lsb_heka_cat -t`.
    RawText,
    /// One JSON array.
    Json,
    /// JSON, a message a line.
    JsonLines,
    /// Framed Heka protobuf.
    Hpb,
}

/// Where messages go.
pub enum Output<'a> {
    /// To a stream, in the format of the options.
    Stream(&'a mut dyn Write),
    /// To a file, in the format of its name. It is finished when all is read.
    File(Writer),
}

/// What there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Messages read.
    pub processed: u64,
    /// Messages selected.
    pub matched: u64,
    /// The accounts of the inputs.
    pub tally: Tally,
}

impl Summary {
    /// The words of `lsb_heka_cat`.
    pub fn line(&self) -> String {
        format!("Processed: {}, matched: {} messages", self.processed, self.matched)
    }
}

/// Why viewing ended early.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// An input or the output file failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The stream for the output failed; a closed pipe is among it.
    #[error("writing the output failed: {0}")]
    Output(#[source] io::Error),
    /// The last messages are too many to keep.
    #[error("the last {messages} messages are more than {MAX_TAIL_BYTES} bytes")]
    Tail {
        /// Messages kept when it became too much.
        messages: usize,
    },
}

/// Goes through `reader` and shows what the options ask for. Between messages, and each second while a file is followed,
/// `is_stopped` is asked whether to end.
///
/// # Errors
///
/// See [`ViewError`].
pub fn cat(
    reader: &mut Reader,
    options: &Options,
    output: Output<'_>,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Summary, ViewError> {
    let mut shown = Shown { output, format: options.format, text: Vec::new(), messages: 0 };
    let mut tail = options.tail.map(Tail::new);
    let (mut processed, mut matched) = (0u64, 0u64);
    let limit = options.selection.limit.unwrap_or(u64::MAX);
    while matched < limit {
        if processed.is_multiple_of(256) && is_stopped() {
            break;
        }
        let Some(record) = reader.next()? else {
            if !reader.is_followed() {
                break;
            }
            if let Some(tail) = tail.take() {
                tail.show(&mut shown)?;
            }
            shown.flush()?;
            if is_stopped() {
                break;
            }
            thread::sleep(POLL);
            reader.refresh()?;
            continue;
        };
        processed += 1;
        if !options.selection.contains(record.message) {
            continue;
        }
        matched += 1;
        match &mut tail {
            _ if options.count => {}
            Some(tail) => tail.push(record.message)?,
            None => shown.show(record.message)?,
        }
    }
    if let Some(wanted) = options.tail
        && options.count
    {
        matched = matched.min(wanted as u64);
    }
    if let Some(tail) = tail {
        tail.show(&mut shown)?;
    }
    let summary = Summary { processed, matched, tally: reader.tally() };
    shown.finish(options.count.then_some(&summary))?;
    Ok(summary)
}

struct Shown<'a> {
    output: Output<'a>,
    format: Format,
    text: Vec<u8>,
    messages: u64,
}

impl Shown<'_> {
    fn show(&mut self, message: Message<'_>) -> Result<(), ViewError> {
        let stream = match &mut self.output {
            Output::File(writer) => return Ok(writer.write(message)?),
            Output::Stream(stream) => stream,
        };
        self.text.clear();
        match self.format {
            Format::Text => render::text_safe(message, &mut self.text),
            Format::RawText => render::text(message, &mut self.text),
            Format::Json => {
                self.text.extend_from_slice(if self.messages == 0 { b"[\n" } else { b",\n" });
                render::json(message, &mut self.text);
            }
            Format::JsonLines => {
                render::json(message, &mut self.text);
                self.text.push(b'\n');
            }
            Format::Hpb => {
                write_frame_header(&mut self.text, message.raw().len());
                self.text.extend_from_slice(message.raw());
            }
        }
        self.messages += 1;
        stream.write_all(&self.text).map_err(ViewError::Output)
    }

    fn flush(&mut self) -> Result<(), ViewError> {
        match &mut self.output {
            Output::File(writer) => Ok(writer.flush()?),
            Output::Stream(stream) => stream.flush().map_err(ViewError::Output),
        }
    }

    fn finish(self, count: Option<&Summary>) -> Result<(), ViewError> {
        match self.output {
            Output::File(writer) => Ok(writer.finish()?),
            Output::Stream(stream) => {
                let end = match (count, self.format, self.messages) {
                    (Some(summary), ..) => summary.line() + "\n",
                    (None, Format::Json, 0) => "[]\n".to_owned(),
                    (None, Format::Json, _) => "\n]\n".to_owned(),
                    _ => String::new(),
                };
                stream.write_all(end.as_bytes()).and_then(|()| stream.flush()).map_err(ViewError::Output)
            }
        }
    }
}

/// The last messages so far.
struct Tail {
    wanted: usize,
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Tail {
    fn new(wanted: usize) -> Self {
        Tail { wanted, messages: VecDeque::new(), bytes: 0 }
    }

    fn push(&mut self, message: Message<'_>) -> Result<(), ViewError> {
        if self.wanted == 0 {
            return Ok(());
        }
        let mut kept = Vec::new();
        if self.messages.len() == self.wanted {
            kept = self.messages.pop_front().unwrap_or_default();
            self.bytes -= kept.len();
        }
        self.bytes += message.raw().len();
        if self.bytes > MAX_TAIL_BYTES {
            return Err(ViewError::Tail { messages: self.messages.len() + 1 });
        }
        kept.clear();
        kept.extend_from_slice(message.raw());
        self.messages.push_back(kept);
        Ok(())
    }

    fn show(self, shown: &mut Shown<'_>) -> Result<(), ViewError> {
        let mut index = MessageIndex::default();
        for raw in &self.messages {
            if index.decode(raw).is_ok() {
                shown.show(Message::new(raw, &index))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::matcher::Matcher;
    use std::{cell::Cell, fs, path::Path};

    use super::*;
    use crate::archive::{self, Source};

    fn reader(name: &str, follow: bool) -> Reader {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance/inputs").join(name);
        let options = archive::Options { follow, ..archive::Options::default() };
        Reader::open(vec![Source::File(path)], options).expect("opened")
    }

    fn shown(name: &str, options: &Options) -> (Summary, String) {
        let mut out = Vec::new();
        let mut reader = reader(name, false);
        let summary = cat(&mut reader, options, Output::Stream(&mut out), &|| false).expect("shown");
        (summary, String::from_utf8_lossy(&out).into_owned())
    }

    fn selecting(expression: &str) -> Selection {
        let matcher = Matcher::compile(expression.as_bytes()).expect("compiled");
        Selection { matcher, ..Selection::default() }
    }

    /// The Pids of what is shown.
    fn pids(options: &Options) -> Vec<i64> {
        let (_, text) = shown("matcher.hpb", &Options { format: Format::JsonLines, ..options.clone() });
        let pid = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["Pid"].as_i64();
        text.lines().map(|it| pid(it).expect("a Pid")).collect()
    }

    #[test]
    fn selections_select() {
        let second = |it: i64| Some((1_496_275_200 + it) * 1_000_000_000);
        let check = |selection: Selection, tail: Option<usize>, expected: &[i64]| {
            assert_eq!(pids(&Options { selection, tail, ..Options::default() }), expected);
        };
        check(Selection::default(), None, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        check(selecting("Pid > 7"), None, &[8, 9, 10]);
        check(Selection { since: second(3), until: second(5), ..Selection::default() }, None, &[3, 4]);
        check(Selection { limit: Some(2), ..selecting("Pid > 7") }, None, &[8, 9]);
        check(selecting("Pid < 7"), Some(2), &[5, 6]);
        check(Selection::default(), Some(0), &[]);
        check(Selection::default(), Some(100), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn counts_and_formats() {
        let check = |format: Format, count: bool, expression: &str, start: &str, end: &str| {
            let options = Options { selection: selecting(expression), count, format, ..Options::default() };
            let (summary, text) = shown("matcher.hpb", &options);
            assert_eq!(summary.processed, 10);
            assert!(text.starts_with(start) && text.ends_with(end), "{text}");
        };
        let line = "Processed: 10, matched: 2 messages\n";
        check(Format::Text, true, "Pid > 8", line, line);
        check(
            Format::Text,
            false,
            "Pid == 1",
            ":Uuid: 0708090a-",
            "secure type: 4 representation: <nil> value: true\n\n",
        );
        check(Format::Json, false, "FALSE", "[]\n", "[]\n");
        check(Format::Json, false, "Pid > 8", "[\n{\"Uuid\":", "}\n]\n");
        check(Format::JsonLines, false, "Pid > 8", "{\"Uuid\":", "}\n");
        check(Format::Hpb, false, "Pid == 1", "\u{1e}\u{3}\u{8}", "");
    }

    #[test]
    fn a_file_is_converted_by_its_name() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("out.jsonl.zst");
        let output = Output::File(Writer::create(&path, false).expect("created"));
        cat(&mut reader("matcher.hpb", false), &Options::default(), output, &|| false).expect("converted");
        let text = zstd::decode_all(&fs::read(&path).expect("readable")[..]).expect("zstd");
        assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 10);
    }

    #[test]
    fn following_ends_when_asked() {
        let asked = Cell::new(0);
        let is_stopped = || {
            asked.set(asked.get() + 1);
            asked.get() > 1
        };
        let mut out = Vec::new();
        let options = Options { tail: Some(1), format: Format::JsonLines, ..Options::default() };
        let summary = cat(&mut reader("matcher.hpb", true), &options, Output::Stream(&mut out), &is_stopped)
            .expect("shown");
        assert_eq!((summary.processed, memchr::memchr_iter(b'\n', &out).count()), (10, 1));
    }
}
