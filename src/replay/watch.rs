//! What others can see of a run while it runs: how far it is, and whether a call is stuck.
//!
//! Written with relaxed stores on every record, read by the progress bar and the watchdog, which decide nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The progress of a run.
#[derive(Debug, Default)]
pub struct Watch {
    bytes: AtomicU64,
    record: AtomicU64,
    in_filter: AtomicBool,
}

impl Watch {
    /// A record goes to the filters.
    #[inline]
    pub(super) fn start(&self, record: u64) {
        self.record.store(record, Ordering::Relaxed);
        self.in_filter.store(true, Ordering::Relaxed);
    }

    /// The filters have seen it.
    #[inline]
    pub(super) fn end(&self) {
        self.in_filter.store(false, Ordering::Relaxed);
    }

    /// So many bytes of the inputs have been read.
    #[inline]
    pub(super) fn read(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes of the inputs read so far, compressed ones as they are in the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records given to the filters so far.
    pub fn records(&self) -> u64 {
        self.record.load(Ordering::Relaxed)
    }

    /// The record the filters are working on, if they are.
    pub fn record_in_filter(&self) -> Option<u64> {
        self.in_filter.load(Ordering::Relaxed).then(|| self.records())
    }
}
