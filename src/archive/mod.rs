//! Records in and out: what an archive is on disk, and how its messages are found in it.
//!
//! A [`Reader`] goes through [`Source`]s (files, directories, patterns, standard input) and lends one [`Record`] at a
//! time. Below it, [`FrameReader`] is the scanner that finds framed messages in any byte stream and resynchronises after
//! damage exactly as production does. Content decides what a file is, never its name.
//!
//! The decision behind all of it: nothing is lost silently. Every byte of the input is part of a record, skipped, or an
//! unread tail, and a [`Tally`] holds the sums and a list of [`Damage`] with file, offset, length and reason. So bad
//! bytes are never errors; an [`ArchiveError`] is only what keeps a file from being read at all.
//!
//! Plain files are read through one reused buffer rather than mapped: as fast, less resident memory, and a file that
//! shrinks while being read cannot kill the process.

mod buffer;
mod codec;
mod damage;
mod error;
mod frame;
mod lines;
mod patient;
mod reader;
mod source;
mod writer;

pub use codec::{Codec, Content};
pub use damage::{Damage, LogSink, MAX_ENTRIES, Reason, Tally};
pub use error::ArchiveError;
pub use frame::{Frame, FrameReader};
pub use lines::Template;
pub use patient::Interrupt;
pub use reader::{Form, Options, Order, Progress, Reader, Record};
pub use source::{Source, natural_order, resolve};
pub use writer::{Format, Writer, format_of};
