//! The maintained sample data is what its generator and its manifest say it is.
//!
//! Compressed bytes are compared with the manifest as they are committed, not with a new compression: another zstd
//! may write other bytes for the same records, and that is no reason to change the archives.

use std::{fs, path::PathBuf};

use cepshim::message::{Message, MessageIndex, Value, read_varint};
use generator::{Set, manifest::sha256};

#[expect(dead_code, reason = "the test does not compress or write the manifest")]
#[path = "../examples/generate_samples/generator/mod.rs"]
mod generator;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sample_data")
}

fn manifest() -> toml::Table {
    let text = fs::read_to_string(folder().join("manifest.toml")).expect("the manifest is readable");
    text.parse().expect("the manifest is TOML")
}

fn entry<'a>(manifest: &'a toml::Table, set: &Set) -> &'a toml::Table {
    let sets = manifest["set"].as_array().expect("`set` is an array");
    let entry = sets.iter().find(|it| it["name"].as_str() == Some(set.name));
    entry.expect("every set is in the manifest").as_table().expect("`set` holds tables")
}

fn number(table: &toml::Table, key: &str) -> usize {
    usize::try_from(table[key].as_integer().expect("a whole number")).expect("a count")
}

#[test]
fn archives_generator_and_manifest_agree() {
    let manifest = manifest();
    assert_eq!(manifest["version"].as_integer(), Some(1));
    for set in generator::all() {
        let entry = entry(&manifest, &set);
        let stored = fs::read(folder().join(set.file)).expect("the archive is readable");
        let regenerate = "run `cargo run --release --example generate_samples -- sample_data`";
        assert_eq!(entry["sha256"].as_str(), Some(&*sha256(&stored)), "{}: {regenerate}", set.file);
        assert_eq!(number(entry, "bytes"), stored.len());

        let plain = if set.is_compressed { zstd::decode_all(&*stored).expect("zstd") } else { stored };
        assert_eq!(entry["plain_sha256"].as_str(), Some(&*sha256(&plain)), "{}: {regenerate}", set.file);
        assert_eq!(number(entry, "plain_bytes"), plain.len());
        assert!(plain == set.plain(), "{}: the generator makes other records; {regenerate}", set.file);
    }
}

#[test]
fn every_record_is_a_message_and_counted() {
    let manifest = manifest();
    for set in generator::all() {
        let entry = entry(&manifest, &set);
        assert_eq!(number(entry, "records"), set.records.len());
        let types = entry["types"].as_table().expect("`types` is a table");
        let counted: usize = types.keys().map(|it| number(types, it)).sum();
        assert_eq!(counted, set.records.len());
        let mut index = MessageIndex::default();
        for record in &set.records {
            let header = record.bytes[1] as usize;
            let (length, _) = read_varint(&record.bytes, 3).expect("a message length");
            let message = &record.bytes[header + 3..];
            assert_eq!(length, message.len() as i64);
            index.decode(message).expect("a whole message");
            let message = Message::new(message, &index);
            assert_eq!(message.timestamp(), record.timestamp);
            assert_eq!(message.type_().unwrap_or_default(), record.type_.as_bytes());
            let doc_type = message.read(b"docType", 0, 0);
            assert_eq!(doc_type, record.doc_type.as_ref().map(|it| Value::String(it.as_bytes())));
        }
    }
}

/// A reader may start at any frame, so each must begin with a record.
#[test]
fn zstd_frames_begin_with_records() {
    for set in generator::all().iter().filter(|it| it.is_compressed) {
        let stored = fs::read(folder().join(set.file)).expect("the archive is readable");
        let mut frames = 0;
        let mut rest = &*stored;
        while !rest.is_empty() {
            let size = zstd::zstd_safe::find_frame_compressed_size(rest).expect("a whole frame");
            let plain = zstd::decode_all(&rest[..size]).expect("zstd");
            assert_eq!(plain[..1], [cepshim::message::RECORD_SEPARATOR]);
            frames += 1;
            rest = &rest[size..];
        }
        assert!(frames > 1, "{}: one frame cannot be decoded in parallel", set.file);
    }
}

/// No address or host of the real world.
#[test]
fn names_are_reserved_for_examples() {
    let networks: [&[u8]; 3] = [b"192.0.2.", b"198.51.100.", b"203.0.113."];
    let mut index = MessageIndex::default();
    for record in generator::all().iter().flat_map(|it| &it.records) {
        let message = &record.bytes[record.bytes[1] as usize + 3..];
        index.decode(message).expect("a whole message");
        let message = Message::new(message, &index);
        let host = message.hostname().unwrap_or_default();
        assert!(host.is_empty() || host.ends_with(b".example.com"), "{host:?}");
        if let Some(Value::String(address)) = message.read(b"remote_addr", 0, 0) {
            assert!(networks.iter().any(|it| address.starts_with(it)), "{address:?}");
        }
    }
}
