//! The sample sets: what is in them, as a program.
//!
//! Each set is a simulation with a story, not a table of random rows, because what a filter gets wrong is found in
//! structure: clients that come back, a host that fails for half an hour and whose users retry, a log shipper that
//! stalls and then delivers late, documents sent twice, payloads that are almost JSON.
//!
//! Two rules keep the records the same on every machine. Randomness comes from one `ChaCha` stream per set, keyed by
//! [`SEED`]. Arithmetic on floats is limited to what IEEE 754 defines exactly (no `ln`, `sin`, `powf`, which are the
//! C library's); see `random.rs`. The compressed bytes also depend on the zstd version and are therefore only
//! recorded in the manifest, not promised.
//!
//! `access.rs`, `telemetry.rs` and `edge_cases.rs` are the sets; `message.rs` writes records; `manifest.rs` measures
//! what was made and describes it.

use std::io;

pub mod access;
pub mod edge_cases;
pub mod manifest;
pub mod message;
pub mod random;
pub mod telemetry;

/// Written into the manifest. Another seed gives other clients and other numbers, but the same story.
pub const SEED: u64 = 20_260_302;

/// Plain bytes in one zstd frame, at least: large enough to compress well, small enough to spread over threads.
const FRAME_SIZE: usize = 1 << 20;

/// The slowest level that every decoder accepts without being given a larger window.
const ZSTD_LEVEL: i32 = 19;

const SECOND: i64 = 1_000_000_000;

/// One archive of the sample data.
pub struct Set {
    /// What the manifest calls it.
    pub name: &'static str,
    /// The file's name in the sample folder.
    pub file: &'static str,
    /// Whether the file is zstd.
    pub is_compressed: bool,
    /// A sentence on the content.
    pub about: &'static str,
    /// The parameters that shaped it, as lines of a TOML table.
    pub parameters: &'static str,
    /// The records in archive order.
    pub records: Vec<Record>,
}

/// A framed message and what the manifest counts of it.
pub struct Record {
    /// The frame.
    pub bytes: Vec<u8>,
    /// `Timestamp`, nanoseconds since the epoch.
    pub timestamp: i64,
    /// `Type`, empty when absent.
    pub type_: String,
    /// The field `docType`, if there is one.
    pub doc_type: Option<String>,
}

impl Set {
    /// All frames, one after the other.
    pub fn plain(&self) -> Vec<u8> {
        self.records.iter().flat_map(|it| &it.bytes).copied().collect()
    }
}

/// All sets, ordered by first Timestamp.
pub fn all() -> Vec<Set> {
    vec![edge_cases::set(), access::set(), telemetry::set()]
}

/// The set as zstd frames, each of whole records: a reader may start at any frame, and frames decode in parallel.
///
/// # Errors
///
/// What zstd reports.
pub fn compress(set: &Set) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    compressor.include_checksum(true)?;
    let mut res = Vec::new();
    let mut frame = Vec::new();
    for record in &set.records {
        frame.extend_from_slice(&record.bytes);
        if frame.len() >= FRAME_SIZE {
            res.extend_from_slice(&compressor.compress(&frame)?);
            frame.clear();
        }
    }
    if !frame.is_empty() {
        res.extend_from_slice(&compressor.compress(&frame)?);
    }
    Ok(res)
}
