//! Writing messages as production writes them (`lua_sandbox` `src/heka/message.c:262-699, 903-952`).
//!
//! The order is fixed: headers as in [`OwnedMessage`], then fields; inside a field name, `value_type`,
//! `representation`, values. Strings carry no `value_type`; more than one number or bool is packed, more than one
//! string repeats its key. Every length is minimal.

use super::{
    Message, OwnedMessage, UUID_SIZE,
    owned::{FieldValues, OwnedField},
    value::{Packed, Strings},
    write_varint,
};

const LENGTH: u8 = 2;
const FIXED64: u8 = 1;
const VARINT: u8 = 0;

impl OwnedMessage {
    /// Appends the message, without framing: the bytes `inject_message` makes of the same content.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_headers(
            out,
            &self.uuid,
            self.timestamp,
            [&self.type_, &self.logger, &self.payload, &self.env_version, &self.hostname]
                .map(|it| it.as_deref()),
            self.severity,
            self.pid,
        );
        for field in &self.fields {
            write_field(out, field);
        }
    }
}

/// Appends the canonical bytes of `message`'s content. They differ from its own bytes where those say the same in
/// another way or hold what cannot be read.
pub(super) fn reencode(message: Message<'_>, out: &mut Vec<u8>) {
    write_headers(
        out,
        message.uuid(),
        message.timestamp(),
        [message.type_(), message.logger(), message.payload(), message.env_version(), message.hostname()],
        message.severity_on_wire(),
        (message.pid() != i32::MIN).then(|| message.pid()),
    );
    for field in message.fields() {
        write_frame(out, 10, |out| {
            write_string(out, 1, field.name());
            let value_type = field.value_type();
            // Another type has no values that could be written, so its number is not written either.
            let known = if (0..=4).contains(&value_type) { value_type } else { 0 };
            write_field_head(out, known, field.representation());
            let bytes = field.value_bytes();
            match value_type {
                0 | 1 => Strings::new(bytes).for_each(|it| write_string(out, 4 + value_type as u8, it)),
                2 => {
                    let values = Packed::new(bytes);
                    write_repeated(out, 6, VARINT, values.clone().count(), |out| {
                        values.for_each(|it| write_varint(out, it as u64));
                    });
                }
                3 => {
                    let values = bytes.chunks_exact(8);
                    write_repeated(out, 7, FIXED64, values.len(), |out| {
                        values.for_each(|it| out.extend_from_slice(it));
                    });
                }
                4 => {
                    let values = Packed::new(bytes);
                    write_repeated(out, 8, VARINT, values.clone().count(), |out| {
                        values.for_each(|it| out.push(u8::from(it != 0)));
                    });
                }
                _ => {}
            }
        });
    }
}

fn write_headers(
    out: &mut Vec<u8>,
    uuid: &[u8],
    timestamp: i64,
    [type_, logger, payload, env_version, hostname]: [Option<&[u8]>; 5],
    severity: Option<i32>,
    pid: Option<i32>,
) {
    debug_assert_eq!(uuid.len(), UUID_SIZE);
    write_string(out, 1, uuid);
    write_integer(out, 2, timestamp);
    let write_optional = |out: &mut Vec<u8>, tag, value: Option<&[u8]>| {
        if let Some(value) = value {
            write_string(out, tag, value);
        }
    };
    write_optional(out, 3, type_);
    write_optional(out, 4, logger);
    if let Some(severity) = severity {
        write_integer(out, 5, i64::from(severity));
    }
    write_optional(out, 6, payload);
    write_optional(out, 7, env_version);
    if let Some(pid) = pid {
        write_integer(out, 8, i64::from(pid));
    }
    write_optional(out, 9, hostname);
}

fn write_field(out: &mut Vec<u8>, field: &OwnedField) {
    write_frame(out, 10, |out| {
        write_string(out, 1, &field.name);
        write_field_head(out, field.value.value_type(), field.representation.as_deref());
        match &field.value {
            FieldValues::String(values) => write_strings(out, 4, values),
            FieldValues::Bytes(values) => write_strings(out, 5, values),
            FieldValues::Integer(values) => write_repeated(out, 6, VARINT, values.len(), |out| {
                for &it in values {
                    write_varint(out, it as u64);
                }
            }),
            FieldValues::Double(values) => write_repeated(out, 7, FIXED64, values.len(), |out| {
                for it in values {
                    out.extend_from_slice(&it.to_le_bytes());
                }
            }),
            FieldValues::Bool(values) => write_repeated(out, 8, VARINT, values.len(), |out| {
                for &it in values {
                    out.push(u8::from(it));
                }
            }),
        }
    });
}

fn write_field_head(out: &mut Vec<u8>, value_type: i32, representation: Option<&[u8]>) {
    if value_type != 0 {
        write_integer(out, 2, i64::from(value_type));
    }
    if let Some(representation) = representation {
        write_string(out, 3, representation);
    }
}

/// One value under its own wire type, several packed, none not at all.
fn write_repeated(out: &mut Vec<u8>, tag: u8, single: u8, count: usize, write: impl FnOnce(&mut Vec<u8>)) {
    match count {
        0 => {}
        1 => {
            out.push(tag << 3 | single);
            write(out);
        }
        _ => write_frame(out, tag, write),
    }
}

/// Writes what `write` writes behind a key and its length.
fn write_frame(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[tag << 3 | LENGTH, 0]);
    let start = out.len();
    write(out);
    let len = out.len() - start;
    if len < 0x80 {
        out[start - 1] = len as u8;
    } else {
        let mut varint = Vec::with_capacity(4);
        write_varint(&mut varint, len as u64);
        out.splice(start - 1..start, varint);
    }
}

fn write_string(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag << 3 | LENGTH);
    write_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn write_strings(out: &mut Vec<u8>, tag: u8, values: &[Vec<u8>]) {
    for it in values {
        write_string(out, tag, it);
    }
}

fn write_integer(out: &mut Vec<u8>, tag: u8, value: i64) {
    out.push(tag << 3 | VARINT);
    write_varint(out, value as u64);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::message::{FieldValues, Message, MessageIndex, OwnedField, OwnedMessage, arbitrary};

    fn encoded(message: &OwnedMessage) -> Vec<u8> {
        let mut out = Vec::new();
        message.encode(&mut out);
        out
    }

    fn field(name: &str, representation: Option<&str>, value: FieldValues) -> OwnedField {
        OwnedField {
            name: name.into(),
            representation: representation.map(|it| it.as_bytes().to_vec()),
            value,
        }
    }

    #[test]
    fn headers_are_in_production_order() {
        let message = OwnedMessage {
            uuid: *b"0123456789abcdef",
            timestamp: -1,
            type_: Some(b"t".to_vec()),
            logger: Some(b"l".to_vec()),
            severity: Some(-1),
            payload: Some(b"".to_vec()),
            env_version: Some(b"e".to_vec()),
            pid: Some(300),
            hostname: Some(b"h".to_vec()),
            fields: Vec::new(),
        };
        let mut expected =
            b"\x0a\x100123456789abcdef\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x01t\x22\x01l"
                .to_vec();
        expected.extend_from_slice(
            b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x32\x00\x3a\x01e\x40\xac\x02\x4a\x01h",
        );
        assert_eq!(encoded(&message), expected);
    }

    #[test]
    fn fields_are_written_as_recorded() {
        let check = |field: OwnedField, expected: &[u8]| {
            let out = encoded(&OwnedMessage { fields: vec![field], ..OwnedMessage::default() });
            assert_eq!(out[20..].escape_ascii().to_string(), expected.escape_ascii().to_string());
        };
        let strings = |it: &[&str]| it.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>();
        check(
            field("s", Some("u"), FieldValues::String(strings(&["x", "y"]))),
            b"R\x0c\x0a\x01s\x1a\x01u\x22\x01x\x22\x01y",
        );
        check(field("b", None, FieldValues::Bytes(strings(&["x"]))), b"R\x08\x0a\x01b\x10\x01\x2a\x01x");
        check(field("i", None, FieldValues::Integer(vec![300])), b"R\x08\x0a\x01i\x10\x02\x30\xac\x02");
        check(
            field("i", None, FieldValues::Integer(vec![0, 300])),
            b"R\x0a\x0a\x01i\x10\x02\x32\x03\x00\xac\x02",
        );
        check(
            field("d", Some("m"), FieldValues::Double(vec![1.0])),
            b"R\x11\x0a\x01d\x10\x03\x1a\x01m\x39\0\0\0\0\0\0\xf0\x3f",
        );
        check(
            field("t", None, FieldValues::Bool(vec![true, false])),
            b"R\x09\x0a\x01t\x10\x04\x42\x02\x01\x00",
        );
        check(field("t", None, FieldValues::Bool(vec![true])), b"R\x07\x0a\x01t\x10\x04\x40\x01");
        let long = encoded(&OwnedMessage {
            fields: vec![field("i", None, FieldValues::Integer(vec![0; 128]))],
            ..OwnedMessage::default()
        });
        assert_eq!(&long[20..31], b"R\x88\x01\x0a\x01i\x10\x02\x32\x80\x01");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(message in arbitrary::message()) {
            let bytes = encoded(&message);
            let mut index = MessageIndex::default();
            index.decode(&bytes).unwrap();
            let read = OwnedMessage::from(Message::new(&bytes, &index));
            prop_assert_eq!(encoded(&read), bytes.clone());
            // NaN is not equal to itself; the bytes above have compared it.
            if !format!("{message:?}").contains("NaN") {
                prop_assert_eq!(&read, &message);
            }
            let mut again = Vec::new();
            super::reencode(Message::new(&bytes, &index), &mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}
