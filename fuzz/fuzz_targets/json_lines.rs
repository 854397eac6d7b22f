//! Any text as a Heka JSON line: refused with a place in the line, or a message that survives JSON again.
#![no_main]

use cepshim::message::{Message, MessageIndex, json, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let parsed = match json::parse(line, Some(1)) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.position <= line.len());
            let _ = error.to_string();
            return;
        }
    };
    let mut raw = Vec::new();
    parsed.encode(&mut raw);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message of JSON decodes");
    let mut shown = Vec::new();
    render::json(Message::new(&raw, &index), &mut shown);
    let mut again = Vec::new();
    json::parse(&shown, None).expect("our own JSON is read").encode(&mut again);
    assert_eq!(raw, again, "{}", String::from_utf8_lossy(&shown));
});
