//! Records out: framed Heka or JSON lines, compressed or not, as the name of the output says.
//!
//! An output appears under its name only when it is complete: it is written under a temporary name beside it and renamed
//! by [`Writer::finish`]; a writer that is dropped before leaves nothing behind. An output that exists is refused, unless
//! overwriting was asked for.
//!
//! Compressed output is a sequence of independent frames (members, for gzip) that each begin with a record, so that
//! an archive can be cut, joined and repaired at them. They hold a mebibyte of records each: beyond that zstd gains little.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use zstd::{bulk::Compressor, zstd_safe::CParameter};

use crate::{
    archive::{ArchiveError, Codec},
    message::{Message, render, write_frame_header},
};

/// Plain bytes in a compressed frame, give or take a record.
const FRAME_SIZE: usize = 1 << 20;
/// Plain output is written in pieces of this size.
const PIECE_SIZE: usize = 256 << 10;
const ZSTD_LEVEL: i32 = 3;

/// What an output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Framed Heka protobuf.
    Hpb,
    /// Heka JSON, a message a line.
    JsonLines,
}

/// What the name of an output says about its content: `.zst`, `.gz` or `.sz` at the end is the compression, `.jsonl` or
/// `.json` before it is JSON lines; anything else is framed Heka.
pub fn format_of(path: &Path) -> (Format, Codec) {
    let extension = |path: &Path| path.extension().map(|it| it.to_string_lossy().to_ascii_lowercase());
    let codec = match extension(path).as_deref() {
        Some("zst" | "zstd") => Codec::Zstd,
        Some("gz") => Codec::Gzip,
        Some("sz") => Codec::Snappy,
        _ => Codec::Plain,
    };
    let stem = path.with_extension("");
    let inner = if codec == Codec::Plain { path } else { &stem };
    let format = match extension(inner).as_deref() {
        Some("jsonl" | "json" | "ndjson") => Format::JsonLines,
        _ => Format::Hpb,
    };
    (format, codec)
}

/// Writes messages.
pub struct Writer {
    out: Box<dyn Write + Send>,
    path: PathBuf,
    target: Option<Target>,
    format: Format,
    codec: Codec,
    compressor: Option<Compressor<'static>>,
    plain: Vec<u8>,
    packed: Vec<u8>,
    records: u64,
}

/// A file under its temporary name.
struct Target {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl Writer {
    /// A writer to the file `path`, in the format its name says. What is not a regular file, such as a pipe or
    /// `/dev/null`, is written to directly.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Exists`] without `force`, [`ArchiveError::Write`].
    pub fn create(path: &Path, force: bool) -> Result<Writer, ArchiveError> {
        let failed = |source| ArchiveError::Write { path: path.to_owned(), source };
        let (format, codec) = format_of(path);
        let mut real = path.to_owned();
        if let Ok(metadata) = fs::metadata(path) {
            if !metadata.is_file() {
                let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                return Writer::new(Box::new(file), path, format, codec).map_err(failed);
            }
            if !force {
                return Err(ArchiveError::Exists { path: path.to_owned() });
            }
            // The file that a link leads to is replaced, not the link.
            real = fs::canonicalize(path).map_err(failed)?;
        }
        let target = Target::create(real).map_err(failed)?;
        let file = target.file.try_clone().map_err(failed)?;
        let mut writer = Writer::new(Box::new(file), path, format, codec).map_err(failed)?;
        writer.target = Some(target);
        Ok(writer)
    }

    /// A writer to `out`, called `name` in errors.
    ///
    /// # Errors
    ///
    /// The compressor cannot be set up.
    pub fn new(out: Box<dyn Write + Send>, name: &Path, format: Format, codec: Codec) -> io::Result<Writer> {
        let compressor = match codec {
            Codec::Zstd => {
                let mut compressor = Compressor::new(ZSTD_LEVEL)?;
                compressor.set_parameter(CParameter::ChecksumFlag(true))?;
                Some(compressor)
            }
            Codec::Plain | Codec::Gzip | Codec::Snappy => None,
        };
        Ok(Writer {
            out,
            path: name.to_owned(),
            target: None,
            format,
            codec,
            compressor,
            plain: Vec::new(),
            packed: Vec::new(),
            records: 0,
        })
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Write`].
    pub fn write(&mut self, message: Message<'_>) -> Result<(), ArchiveError> {
        match self.format {
            Format::Hpb => {
                write_frame_header(&mut self.plain, message.raw().len());
                self.plain.extend_from_slice(message.raw());
            }
            Format::JsonLines => {
                render::json(message, &mut self.plain);
                self.plain.push(b'\n');
            }
        }
        self.end_record()
    }

    /// Appends a line that is no message, its end included.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Write`].
    pub fn write_line(&mut self, line: &[u8]) -> Result<(), ArchiveError> {
        self.plain.extend_from_slice(line);
        self.end_record()
    }

    fn end_record(&mut self) -> Result<(), ArchiveError> {
        self.records += 1;
        let enough = if self.codec == Codec::Plain { PIECE_SIZE } else { FRAME_SIZE };
        if self.plain.len() >= enough { self.flush() } else { Ok(()) }
    }

    /// Messages written so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Hands over what is buffered, ending the compressed frame.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Write`].
    pub fn flush(&mut self) -> Result<(), ArchiveError> {
        self.hand_over().map_err(|source| ArchiveError::Write { path: self.path.clone(), source })
    }

    /// Completes the output and gives it its name.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Write`]; the output is then not there.
    pub fn finish(mut self) -> Result<(), ArchiveError> {
        if self.records == 0 && self.codec != Codec::Plain {
            // An empty frame, so that the file is what its name says.
            self.pack().map_err(|source| ArchiveError::Write { path: self.path.clone(), source })?;
        }
        self.flush()?;
        match self.target.take() {
            Some(target) => {
                target.finish().map_err(|source| ArchiveError::Write { path: self.path.clone(), source })
            }
            None => Ok(()),
        }
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if !self.plain.is_empty() {
            if self.codec == Codec::Plain {
                self.out.write_all(&self.plain)?;
            } else {
                self.pack()?;
            }
            self.plain.clear();
        }
        self.out.flush()
    }

    fn pack(&mut self) -> io::Result<()> {
        self.packed.clear();
        match (self.codec, &mut self.compressor) {
            (Codec::Zstd, Some(compressor)) => {
                self.packed.resize(zstd::zstd_safe::compress_bound(self.plain.len()), 0);
                let size = compressor.compress_to_buffer(&self.plain, &mut self.packed[..])?;
                self.packed.truncate(size);
            }
            (Codec::Gzip, _) => {
                let level = flate2::Compression::default();
                let mut member = flate2::write::GzEncoder::new(&mut self.packed, level);
                member.write_all(&self.plain)?;
                member.finish()?;
            }
            (Codec::Snappy, _) => {
                let mut chunks = snap::write::FrameEncoder::new(&mut self.packed);
                chunks.write_all(&self.plain)?;
                chunks.flush()?;
            }
            (Codec::Zstd | Codec::Plain, _) => self.packed.extend_from_slice(&self.plain),
        }
        self.out.write_all(&self.packed)
    }
}

impl Target {
    fn create(path: PathBuf) -> io::Result<Target> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
        let mut attempt = 0;
        loop {
            let temporary = path.with_file_name(format!(".{name}.{}-{attempt}.tmp", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(Target { file, temporary, path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // After a rename there is nothing of this name, and that is as it should be.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Writer");
        f.field("path", &self.path).field("format", &self.format).field("codec", &self.codec);
        f.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Options, Reader, Source};

    fn inputs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance/inputs")
    }

    fn messages(path: &Path) -> Vec<Vec<u8>> {
        let source = Source::File(path.to_owned());
        let mut reader = Reader::open(vec![source], Options::default()).expect("opened");
        let mut found = Vec::new();
        while let Some(record) = reader.next().expect("readable") {
            found.push(record.message.raw().to_vec());
        }
        assert_eq!(reader.tally().damage, [], "{}", path.display());
        found
    }

    fn copy(from: &Path, to: &Path) {
        let mut reader =
            Reader::open(vec![Source::File(from.to_owned())], Options::default()).expect("opened");
        let mut writer = Writer::create(to, false).expect("created");
        while let Some(record) = reader.next().expect("readable") {
            writer.write(record.message).expect("written");
        }
        assert!(!to.exists());
        writer.finish().expect("finished");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for input in ["access", "empty", "fields", "json", "matcher", "one"] {
            let from = inputs().join(input).with_extension("hpb");
            let expected = messages(&from);
            for extension in ["hpb", "log", "jsonl"] {
                for codec in ["", ".zst", ".gz", ".sz"] {
                    let to = folder.path().join(format!("{input}.{extension}{codec}"));
                    copy(&from, &to);
                    assert_eq!(messages(&to), expected, "{}", to.display());
                }
            }
        }
        let left = fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(left, 6 * 12);
    }

    #[test]
    fn the_name_says_the_format() {
        let check = |name: &str, format: Format, codec: Codec| {
            assert_eq!(format_of(Path::new(name)), (format, codec), "{name}");
        };
        check("a.hpb", Format::Hpb, Codec::Plain);
        check("a.log.zst", Format::Hpb, Codec::Zstd);
        check("a.zst", Format::Hpb, Codec::Zstd);
        check("a.b.JSONL.GZ", Format::JsonLines, Codec::Gzip);
        check("jsonl", Format::Hpb, Codec::Plain);
        check("a.jsonl.sz", Format::JsonLines, Codec::Snappy);
    }

    #[test]
    fn frames_begin_with_records() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let from = inputs().join("access.hpb");
        let to = folder.path().join("out.zst");
        let mut writer = Writer::create(&to, false).expect("created");
        for _ in 0..100 {
            let mut reader =
                Reader::open(vec![Source::File(from.clone())], Options::default()).expect("opened");
            while let Some(record) = reader.next().expect("readable") {
                writer.write(record.message).expect("written");
            }
        }
        writer.finish().expect("finished");
        let bytes = fs::read(&to).expect("readable");
        let mut rest = &bytes[..];
        let mut frames = 0;
        while !rest.is_empty() {
            let size = zstd::zstd_safe::find_frame_compressed_size(rest).expect("a frame");
            let plain = zstd::decode_all(&rest[..size]).expect("a frame");
            assert_eq!(plain[0], crate::message::RECORD_SEPARATOR);
            rest = &rest[size..];
            frames += 1;
        }
        assert_eq!(frames, 3);
    }

    #[test]
    fn outputs_are_whole_or_absent() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("out.hpb");
        let left = || fs::read_dir(folder.path()).expect("readable").count();
        drop(Writer::create(&path, false).expect("created"));
        assert_eq!(left(), 0);
        fs::write(&path, "old").expect("written");
        let error = Writer::create(&path, false).expect_err("refused").to_string();
        assert_eq!(error, format!("{}: already exists (--force overwrites it)", path.display()));
        let writer = Writer::create(&path, true).expect("created");
        assert_eq!(fs::read(&path).expect("readable"), b"old");
        writer.finish().expect("finished");
        assert_eq!((fs::read(&path).expect("readable"), left()), (Vec::new(), 1));
        Writer::create(Path::new("/dev/null"), false).and_then(Writer::finish).expect("written");
        assert!(Writer::create(&folder.path().join("none/out.hpb"), false).is_err());
    }
}
