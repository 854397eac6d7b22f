//! Any bytes as a stream of frames: every byte is accounted for, and how the bytes arrive makes no difference.
//!
//! Input: one byte for the chunk sizes, one for `max_message_size`, then the stream.
#![no_main]

use std::io::{self, Read};

use cepshim::archive::{FrameReader, Tally};
use libfuzzer_sys::fuzz_target;

/// Gives out its bytes in chunks of 1 to `largest` bytes, in a fixed irregular order.
struct Chunks<'a> {
    bytes: &'a [u8],
    largest: usize,
    turn: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.turn = self.turn.wrapping_mul(7).wrapping_add(3);
        let size = (self.turn % self.largest + 1).min(out.len()).min(self.bytes.len());
        out[..size].copy_from_slice(&self.bytes[..size]);
        self.bytes = &self.bytes[size..];
        Ok(size)
    }
}

fn scan(stream: &[u8], input: impl Read, max: usize) -> (Vec<(u64, usize)>, Tally) {
    let mut reader = FrameReader::new(input, "in".into(), max);
    let mut found = Vec::new();
    let mut end = 0;
    while let Some(frame) = reader.next().expect("memory is readable") {
        assert!(frame.offset >= end, "frames do not overlap");
        end = frame.offset + frame.bytes.len() as u64;
        assert_eq!(frame.bytes, &stream[frame.offset as usize..end as usize]);
        assert!(frame.message.raw().len() <= max);
        assert!(frame.bytes.ends_with(frame.message.raw()));
        found.push((frame.offset, frame.bytes.len()));
    }
    reader.finish();
    let tally = reader.tally();
    assert_eq!(tally.bytes, stream.len() as u64);
    assert_eq!(tally.bytes, tally.record_bytes + tally.skipped_bytes + tally.pending_bytes);
    assert_eq!(tally.records, found.len() as u64);
    assert_eq!(tally.record_bytes, found.iter().map(|it| it.1 as u64).sum::<u64>());
    assert_eq!(tally.damage_total as usize, tally.damage.len());
    let lost: u64 = tally.damage.iter().map(|it| it.length).sum();
    assert_eq!(tally.skipped_bytes + tally.pending_bytes, lost);
    (found, tally)
}

fuzz_target!(|data: &[u8]| {
    let [chunk, max, stream @ ..] = data else { return };
    let max = usize::from(*max).saturating_mul(4).max(1);
    let largest = usize::from(*chunk) + 1;
    let whole = scan(stream, stream, max);
    let pieces = scan(stream, Chunks { bytes: stream, largest, turn: 0 }, max);
    assert_eq!(whole.0, pieces.0);
    assert_eq!(whole.1.damage, pieces.1.damage);
});
