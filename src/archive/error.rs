//! Why an archive cannot be read or written at all. Bad bytes are not among it: they are damage.

use std::{io, path::PathBuf};

/// An input or output that failed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Nothing of this name.
    #[error("{path}: no such file or directory")]
    Missing {
        /// As given.
        path: String,
    },
    /// A pattern without a match.
    #[error("{pattern}: no file matches this pattern")]
    NoMatch {
        /// As given.
        pattern: String,
    },
    /// A pattern that is none.
    #[error("{pattern}: bad pattern: {reason}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory without a file in it.
    #[error("{path}: the directory holds no files (hidden ones are not read)")]
    EmptyDirectory {
        /// As given.
        path: String,
    },
    /// Standard input was asked for twice.
    #[error("`-`: standard input can be read only once")]
    StdinTwice,
    /// Opening failed.
    #[error("{file}: cannot be opened: {source}")]
    Open {
        /// The input's name.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// Reading failed.
    #[error("{file}: reading failed at offset {offset}: {source}")]
    Read {
        /// The input's name.
        file: String,
        /// Bytes read of it before.
        offset: u64,
        /// What the system says.
        source: io::Error,
    },
    /// Compressed data that grows beyond all proportion.
    #[error(
        "{file}: decompresses to more than {limit} bytes by compressed offset {offset}: a decompression bomb? \
         (a higher limit must be asked for)"
    )]
    Bomb {
        /// The input's name.
        file: String,
        /// The limit in bytes of decompressed data.
        limit: u64,
        /// Compressed bytes read when it was reached.
        offset: u64,
    },
    /// An output that is there already.
    #[error("{path}: already exists (--force overwrites it)")]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("{path}: writing failed: {source}")]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
