//! What was not a record, and why: the accounts of a stream.
//!
//! Every byte of a stream is part of a record, skipped, or an unread tail. Skipped bytes that touch become one entry
//! with the first reason, because resynchronisation moves byte by byte and the first reason is the cause. Hostile input
//! can make an entry for every other byte, so entries are kept up to a cap and counted beyond it.

use std::{fmt, sync::Arc};

use crate::message::DecodeError;

/// Entries kept for one stream and for one reader.
pub const MAX_ENTRIES: usize = 10_000;

/// A stretch of input that gave no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The input's name as the user knows it.
    pub file: Arc<str>,
    /// Offset in bytes in the decompressed stream; for [`Reason::Codec`] in the compressed file.
    pub offset: u64,
    /// Length in bytes; for [`Reason::Codec`] 0 when not known.
    pub length: u64,
    /// Why it is no record.
    pub reason: Reason,
}

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Bytes in front of a record separator.
    #[error("garbage before a record")]
    Garbage,
    /// Bytes behind the last record.
    #[error("garbage after the last record")]
    TrailingGarbage,
    /// A whole file without anything like a record.
    #[error("no Heka record in this input (`--as lines` reads text)")]
    NotAnArchive,
    /// The header length byte does not lead to a unit separator.
    #[error("no unit separator behind a header of {length} bytes")]
    HeaderLength {
        /// The header length byte.
        length: u8,
    },
    /// The header is not a `message_length`.
    #[error("the frame header holds no message_length")]
    Header,
    /// The length in the header is not one; production's text.
    #[error("maximum ({max}) messages size exceeded: {length}")]
    MessageSize {
        /// `max_message_size`.
        max: usize,
        /// What the header says.
        length: i64,
    },
    /// The framed bytes are not a message; production's texts.
    #[error("{0}")]
    Decode(DecodeError),
    /// The input ends inside a frame.
    #[error("truncated record: {have} of {need} bytes at end of file")]
    Truncated {
        /// Bytes that are there.
        have: u64,
        /// Bytes the frame, or as much of it as is known, should have.
        need: u64,
    },
    /// So many false frames lie inside each other that looking behind every one would take for ever; from here on a
    /// false frame is skipped as a whole. Production would go on for hours.
    #[error("too many false frames inside each other: this one is skipped as a whole ({0})")]
    RescanLimit(DecodeError),
    /// Compressed data that cannot be decompressed.
    #[error("{0}")]
    Codec(String),
    /// A line that is not a message.
    #[error("line {line}: {error}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        error: String,
    },
}

impl Reason {
    /// What production's logger gets for this: component and text, at level 4 (warning). Most damage it passes over
    /// silently.
    pub fn log(&self) -> Option<(&'static str, String)> {
        match self {
            Reason::MessageSize { .. } => Some(("decode_header", self.to_string())),
            Reason::Decode(error) | Reason::RescanLimit(error) => {
                Some(("lsb_decode_heka_message", error.to_string()))
            }
            _ => None,
        }
    }
}

/// The accounts of one stream or, added up, of many: `bytes = record_bytes + skipped_bytes + pending_bytes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records found.
    pub records: u64,
    /// Bytes of the (decompressed) input read and dealt with.
    pub bytes: u64,
    /// Bytes of records with their framing; of text inputs, lines with their line ends.
    pub record_bytes: u64,
    /// Bytes passed over as damage.
    pub skipped_bytes: u64,
    /// Bytes at the end of inputs that may have been the beginning of a record.
    pub pending_bytes: u64,
    /// The first [`MAX_ENTRIES`] entries, in order of input and offset.
    pub damage: Vec<Damage>,
    /// How many entries there would be.
    pub damage_total: u64,
}

impl Tally {
    /// Whether anything at all was damaged.
    pub fn is_damaged(&self) -> bool {
        self.damage_total > 0
    }

    /// Adds another stream's accounts.
    pub fn add(&mut self, other: &Tally) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.record_bytes += other.record_bytes;
        self.skipped_bytes += other.skipped_bytes;
        self.pending_bytes += other.pending_bytes;
        self.damage_total += other.damage_total;
        let room = MAX_ENTRIES.saturating_sub(self.damage.len());
        self.damage.extend(other.damage.iter().take(room).cloned());
    }
}

/// A tally being written, for one stream.
pub(super) struct Ledger {
    file: Arc<str>,
    pub(super) records: u64,
    pub(super) record_bytes: u64,
    skipped_bytes: u64,
    pending_bytes: u64,
    entries: Vec<Damage>,
    total: u64,
    /// Where the last entry ends, also when it was not kept.
    last_end: Option<u64>,
    last_is_limit: bool,
    log: Option<LogSink>,
}

/// Receives a reason for each place where production's scanner would log.
pub type LogSink = Box<dyn FnMut(&Reason) + Send>;

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("file", &self.file)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    pub(super) fn new(file: Arc<str>) -> Self {
        Ledger {
            file,
            records: 0,
            record_bytes: 0,
            skipped_bytes: 0,
            pending_bytes: 0,
            entries: Vec::new(),
            total: 0,
            last_end: None,
            last_is_limit: false,
            log: None,
        }
    }

    pub(super) fn set_log(&mut self, log: Option<LogSink>) {
        self.log = log;
    }

    pub(super) fn take_log(&mut self) -> Option<LogSink> {
        self.log.take()
    }

    /// `length` bytes at `offset` are no record.
    #[cold]
    pub(super) fn skip(&mut self, offset: u64, length: u64, reason: Reason) {
        let is_line = matches!(reason, Reason::Line { .. });
        self.skip_on(offset, length, reason, !is_line);
    }

    /// As [`skip`](Self::skip); `goes_on` says whether bytes that touch the last entry belong to it.
    #[cold]
    pub(super) fn skip_on(&mut self, offset: u64, length: u64, reason: Reason, goes_on: bool) {
        self.skipped_bytes += length;
        if let Some(log) = &mut self.log {
            log(&reason);
        }
        let is_limit = matches!(reason, Reason::RescanLimit(_));
        let goes_on = goes_on && self.last_end == Some(offset) && (self.last_is_limit || !is_limit);
        self.last_end = Some(offset + length);
        if !goes_on {
            self.last_is_limit = is_limit;
            self.enter(offset, length, reason);
        } else if self.total as usize == self.entries.len()
            && let Some(last) = self.entries.last_mut()
        {
            last.length += length;
        }
    }

    /// The unread tail at the end of the input.
    pub(super) fn pend(&mut self, offset: u64, length: u64, reason: Reason) {
        self.pending_bytes += length;
        self.enter(offset, length, reason);
    }

    /// Damage that is not bytes of the decompressed stream.
    pub(super) fn note(&mut self, offset: u64, length: u64, reason: Reason) {
        self.enter(offset, length, reason);
    }

    fn enter(&mut self, offset: u64, length: u64, reason: Reason) {
        self.total += 1;
        if self.entries.len() < MAX_ENTRIES {
            self.entries.push(Damage { file: self.file.clone(), offset, length, reason });
        }
    }

    /// Says of the last entry what only the end of the input shows: that no record followed it.
    pub(super) fn close(&mut self, end: u64) {
        if self.total as usize != self.entries.len() || self.last_end != Some(end) {
            return;
        }
        if let Some(last) = self.entries.last_mut()
            && last.reason == Reason::Garbage
        {
            last.reason = if last.offset == 0 { Reason::NotAnArchive } else { Reason::TrailingGarbage };
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            records: self.records,
            bytes: self.record_bytes + self.skipped_bytes + self.pending_bytes,
            record_bytes: self.record_bytes,
            skipped_bytes: self.skipped_bytes,
            pending_bytes: self.pending_bytes,
            damage: self.entries.clone(),
            damage_total: self.total,
        }
    }
}
