//! Any text as a matcher, evaluated for a message made from the rest of the input.
//!
//! Input: one byte for the length of the expression, the expression, then a message or the text of one.
#![no_main]

use cepshim::{
    matcher::{Matcher, unescape},
    message::{FieldValues, Message, MessageIndex, OwnedField, OwnedMessage},
};
use libfuzzer_sys::fuzz_target;

fn message_of(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if MessageIndex::default().decode(bytes).is_ok() {
        return bytes.to_vec();
    }
    let some = |it: &[u8]| Some(it.to_vec());
    let first = bytes.first().copied().unwrap_or_default();
    let field = |value| OwnedField { name: b"a".to_vec(), representation: None, value };
    OwnedMessage {
        uuid: [first; 16],
        timestamp: i64::from(first) * 1_000_000_000,
        type_: some(bytes),
        payload: some(bytes),
        severity: Some(i32::from(first)),
        fields: vec![
            field(FieldValues::String(vec![bytes.to_vec(), b"b".to_vec()])),
            field(FieldValues::Integer(vec![i64::from(first), -1])),
            field(FieldValues::Double(vec![f64::from(first) / 2.0])),
            field(FieldValues::Bool(vec![first & 1 == 1, true])),
        ],
        ..OwnedMessage::default()
    }
    .encode(&mut out);
    out
}

fuzz_target!(|data: &[u8]| {
    let [length, rest @ ..] = data else { return };
    let (expression, rest) = rest.split_at(usize::from(*length).min(rest.len()));
    if let Some(plain) = unescape(expression) {
        assert!(plain.len() <= expression.len());
        let _ = Matcher::compile(&plain);
    }
    let matcher = match Matcher::compile(expression) {
        Ok(matcher) => matcher,
        Err(error) => {
            let shown = error.render();
            assert!(shown.contains('^'), "{shown}");
            assert!(error.line_and_column() >= (1, 1));
            let _ = error.to_string();
            return;
        }
    };
    let raw = message_of(rest);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message");
    let message = Message::new(&raw, &index);
    let answer = matcher.matches(message);
    assert_eq!(answer, matcher.matches(message));
    let again = Matcher::compile(matcher.expression()).expect("it compiled before");
    assert_eq!(answer, again.matches(message));
    let mut terms: Vec<bool> = Vec::new();
    for (at, term) in matcher.terms().enumerate() {
        assert_eq!(term.text, &matcher.expression()[term.span]);
        terms.push(matcher.term_matches(at, message));
    }
    // Without operators that could turn them round: all true is true, all false is false.
    assert!(!terms.is_empty());
    if terms.iter().all(|&it| it) {
        assert!(answer);
    }
    if terms.iter().all(|&it| !it) {
        assert!(!answer);
    }
});
