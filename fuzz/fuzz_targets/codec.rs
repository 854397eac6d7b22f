//! Any bytes as a file of the raw store, plain or compressed: read to the end, every byte accounted for.
#![no_main]

use std::{path::PathBuf, sync::OnceLock};

use cepshim::archive::{Options, Reader, Source};
use libfuzzer_sys::fuzz_target;

const MAX_DECOMPRESSED: u64 = 1 << 20;

fn file() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = PathBuf::from("/dev/shm");
        let folder = if folder.is_dir() { folder } else { std::env::temp_dir() };
        folder.join(format!("cepshim-fuzz-{}.bin", std::process::id()))
    })
}

fuzz_target!(|data: &[u8]| {
    std::fs::write(file(), data).expect("the folder is writable");
    let options =
        Options { max_message_size: 4096, max_decompressed: Some(MAX_DECOMPRESSED), ..Options::default() };
    let mut reader = Reader::open(vec![Source::File(file().clone())], options).expect("opened");
    let mut records = 0;
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                assert!(!record.bytes.is_empty());
                records += 1;
            }
            Ok(None) => break,
            // Decompresses to more than is allowed.
            Err(error) => {
                let _ = error.to_string();
                return;
            }
        }
    }
    let tally = reader.tally();
    assert_eq!(tally.records, records);
    assert_eq!(tally.bytes, tally.record_bytes + tally.skipped_bytes + tally.pending_bytes);
    let progress = reader.progress();
    assert_eq!(progress.read, data.len() as u64);
});
