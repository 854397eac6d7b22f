//! Any bytes as a message: whatever decodes can be read, shown and written as JSON that reads back to the same bytes.
#![no_main]

use cepshim::message::{Message, MessageIndex, OwnedMessage, json, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let mut index = MessageIndex::default();
    let outcome = index.decode(raw);
    // An index that held something else gives the same answer.
    assert_eq!(index.decode(raw), outcome);
    if let Err(error) = outcome {
        let _ = error.to_string();
        return;
    }
    let message = Message::new(raw, &index);
    read_all(message);

    let (mut text, mut safe, mut line) = (Vec::new(), Vec::new(), Vec::new());
    render::text(message, &mut text);
    render::text_safe(message, &mut safe);
    let is_control = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    let safe = std::str::from_utf8(&safe).expect("safe text is UTF-8");
    assert!(!safe.contains(is_control), "safe text has no controls");

    render::json(message, &mut line);
    assert!(!line.contains(&b'\n'));
    let parsed = json::parse(&line, None).expect("our own JSON is read");
    let mut again = Vec::new();
    parsed.encode(&mut again);
    assert_eq!(again, raw, "{}", String::from_utf8_lossy(&line));

    let owned = OwnedMessage::from(message);
    let mut canonical = Vec::new();
    owned.encode(&mut canonical);
    let mut other = MessageIndex::default();
    other.decode(&canonical).expect("what is encoded decodes");
    let (mut left, mut right) = (Vec::new(), Vec::new());
    owned.encode(&mut left);
    OwnedMessage::from(Message::new(&canonical, &other)).encode(&mut right);
    assert_eq!(left, right, "encoding is canonical");
});

fn read_all(message: Message<'_>) {
    assert_eq!(message.uuid().len(), 16);
    let _ = (message.type_(), message.logger(), message.payload(), message.env_version(), message.hostname());
    let _ = (message.timestamp(), message.severity(), message.pid());
    for field in message.fields() {
        let first = message.read(field.name(), 0, 0);
        let _ = (message.read(field.name(), 1, 0), message.read(field.name(), 0, usize::MAX));
        let own = field.value(0);
        assert!(own.is_none() || first.is_some() || message.fields().len() > 1);
        let mut values = 0;
        while values < 64 && field.value(values).is_some() {
            values += 1;
        }
        let _ = (field.representation(), field.value_type(), field.value_bytes());
    }
}
