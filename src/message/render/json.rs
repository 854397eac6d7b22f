//! A message as one JSON object that loses nothing; the format is docs/message-json.md.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::text::write_uuid;
use crate::message::{
    Field, Message,
    encode::reencode,
    value::{Packed, Strings},
};

/// The names of the value types 0 to 4.
pub(in crate::message) const VALUE_TYPES: [&str; 5] = ["string", "bytes", "integer", "double", "bool"];

/// Appends `message` as one JSON object on one line, without a line end.
///
/// A message whose bytes are not those [`crate::message::OwnedMessage::encode`] makes of its content also carries
/// them, as `raw`.
pub fn json(message: Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"Uuid\":\"");
    write_uuid(message.uuid(), out);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "\",\"Timestamp\":{}", message.timestamp());
    write_header(out, "Type", message.type_());
    write_header(out, "Logger", message.logger());
    if let Some(severity) = message.severity_on_wire() {
        let _ = write!(out, ",\"Severity\":{severity}");
    }
    write_header(out, "Payload", message.payload());
    write_header(out, "EnvVersion", message.env_version());
    if message.pid() != i32::MIN {
        let _ = write!(out, ",\"Pid\":{}", message.pid());
    }
    write_header(out, "Hostname", message.hostname());
    out.extend_from_slice(b",\"Fields\":[");
    for (at, field) in message.fields().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_field(field, out);
    }
    out.push(b']');
    let mut canonical = Vec::with_capacity(message.raw().len());
    reencode(message, &mut canonical);
    if canonical != message.raw() {
        out.extend_from_slice(b",\"raw\":");
        write_base64(message.raw(), out);
    }
    out.push(b'}');
}

fn write_header(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    if let Some(value) = value {
        let _ = write!(out, ",\"{name}\":");
        write_string(value, out);
    }
}

fn write_field(field: Field<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    write_string(field.name(), out);
    out.extend_from_slice(b",\"value_type\":");
    match usize::try_from(field.value_type()).ok().and_then(|it| VALUE_TYPES.get(it)) {
        Some(name) => drop(write!(out, "\"{name}\"")),
        None => drop(write!(out, "{}", field.value_type())),
    }
    if let Some(representation) = field.representation() {
        out.extend_from_slice(b",\"representation\":");
        write_string(representation, out);
    }
    out.extend_from_slice(b",\"value\":[");
    let bytes = field.value_bytes();
    match field.value_type() {
        0 | 1 => write_list(out, Strings::new(bytes), write_string),
        2 => write_list(out, Packed::new(bytes), |it, out| drop(write!(out, "{it}"))),
        3 => write_list(out, bytes.chunks_exact(8), |it, out| {
            write_double(f64::from_le_bytes(it.try_into().unwrap_or_default()), out);
        }),
        4 => write_list(out, Packed::new(bytes), |it, out| drop(write!(out, "{}", it != 0))),
        _ => {}
    }
    out.extend_from_slice(b"]}");
}

fn write_list<T>(out: &mut Vec<u8>, values: impl Iterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(value, out);
    }
}

/// A JSON string, or `{"base64":...}` when it is not UTF-8.
pub fn write_string(value: &[u8], out: &mut Vec<u8>) {
    if let Ok(text) = str::from_utf8(value) {
        // Neither writing to a Vec nor serializing a str can fail.
        drop(serde_json::to_writer(out, text));
    } else {
        out.extend_from_slice(b"{\"base64\":");
        write_base64(value, out);
        out.push(b'}');
    }
}

/// A number that reads back as the same double; what JSON has no number for is `{"double":"inf"}` and the like, a NaN
/// that is not the usual one its bits.
fn write_double(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        drop(serde_json::to_writer(out, &value));
    } else if value.to_bits() == f64::NAN.to_bits() {
        out.extend_from_slice(b"{\"double\":\"nan\"}");
    } else if value.is_nan() {
        let _ = write!(out, "{{\"double\":\"0x{:016x}\"}}", value.to_bits());
    } else {
        let _ = write!(out, "{{\"double\":\"{value}\"}}");
    }
}

fn write_base64(value: &[u8], out: &mut Vec<u8>) {
    let _ = write!(out, "\"{}\"", STANDARD.encode(value));
}
