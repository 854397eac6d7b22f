//! The text of `lsb_heka_cat -t` (`lua_sandbox` `src/cli/lsb_heka_cat.c:76-193`), and the same for terminals.

use std::io::Write;

use super::write_double;
use crate::message::{
    Field, Message,
    value::{Packed, Strings},
};

/// Appends what `lsb_heka_cat -t` prints for `message`. Strings end at their first NUL and are not escaped; bytes are.
pub fn text(message: Message<'_>, out: &mut Vec<u8>) {
    let until_nul = |string: &[u8], out: &mut Vec<u8>| {
        out.extend_from_slice(string.split(|&it| it == 0).next().unwrap_or_default());
    };
    write_message(message, out, until_nul, until_nul);
}

/// Appends the same layout with every string passed through [`escape`], and none cut off at a NUL. A Payload of several
/// lines keeps them, indented so that none can be taken for part of the layout.
pub fn text_safe(message: Message<'_>, out: &mut Vec<u8>) {
    write_message(message, out, escape, write_lines);
}

/// Appends a text whose line ends and tabs stay, if it has line ends.
fn write_lines(text: &[u8], out: &mut Vec<u8>) {
    let Some(lines) = text.strip_suffix(b"\n").or(text.contains(&b'\n').then_some(text)) else {
        return escape(text, out);
    };
    for line in lines.split(|&it| it == b'\n') {
        out.extend_from_slice(b"\n    ");
        for (at, cell) in line.split(|&it| it == b'\t').enumerate() {
            if at > 0 {
                out.push(b'\t');
            }
            escape(cell, out);
        }
    }
}

/// Appends `text` so that it is harmless on a terminal: control characters become `\n`, `\r`, `\t`, `\xhh` or
/// `\u{hhhh}`, as do characters that reorder the text around them, and bytes that are not UTF-8 become `\xhh`.
/// Everything else stays as it is, also backslashes: this is for reading, not for reading back.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        let mut plain = 0;
        for (at, it) in chunk.valid().char_indices() {
            if is_harmless(it) {
                continue;
            }
            out.extend_from_slice(&chunk.valid().as_bytes()[plain..at]);
            plain = at + it.len_utf8();
            // Writing to a Vec cannot fail.
            let _ = match it {
                '\n' | '\r' | '\t' => write!(out, "{}", it.escape_default()),
                '\0'..='\x7f' => write!(out, "\\x{:02x}", it as u32),
                _ => write!(out, "{}", it.escape_unicode()),
            };
        }
        out.extend_from_slice(&chunk.valid().as_bytes()[plain..]);
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

fn is_harmless(it: char) -> bool {
    !it.is_control()
        && !matches!(it, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn write_message(
    message: Message<'_>,
    out: &mut Vec<u8>,
    write_string: impl Fn(&[u8], &mut Vec<u8>),
    write_payload: impl Fn(&[u8], &mut Vec<u8>),
) {
    let write_header = |out: &mut Vec<u8>, name: &str, value: Option<&[u8]>| {
        out.extend_from_slice(name.as_bytes());
        match value {
            Some(value) => write_string(value, out),
            None => out.extend_from_slice(b"<nil>"),
        }
    };
    out.extend_from_slice(b":Uuid: ");
    write_uuid(message.uuid(), out);
    out.extend_from_slice(b"\n:Timestamp: ");
    write_timestamp(message.timestamp(), out);
    write_header(out, "\n:Type: ", message.type_());
    write_header(out, "\n:Logger: ", message.logger());
    let _ = write!(out, "\n:Severity: {}", message.severity());
    out.extend_from_slice(b"\n:Payload: ");
    match message.payload() {
        Some(payload) => write_payload(payload, out),
        None => out.extend_from_slice(b"<nil>"),
    }
    write_header(out, "\n:EnvVersion: ", message.env_version());
    out.extend_from_slice(b"\n:Pid: ");
    match message.pid() {
        i32::MIN => out.extend_from_slice(b"<nil>"),
        pid => drop(write!(out, "{pid}")),
    }
    write_header(out, "\n:Hostname: ", message.hostname());
    out.extend_from_slice(b"\n:Fields:\n");
    for field in message.fields() {
        out.extend_from_slice(b"    | name: ");
        write_string(field.name(), out);
        let _ = write!(out, " type: {} ", field.value_type());
        write_header(out, "representation: ", field.representation());
        out.extend_from_slice(b" value: ");
        write_values(field, out, &write_string);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// A `|` follows every value that is not at the end, so that a list which ends malformed ends with one.
fn write_values(field: Field<'_>, out: &mut Vec<u8>, write_string: impl Fn(&[u8], &mut Vec<u8>)) {
    let separate = |out: &mut Vec<u8>, rest: &[u8]| {
        if !rest.is_empty() {
            out.push(b'|');
        }
    };
    let bytes = field.value_bytes();
    match field.value_type() {
        value_type @ (0 | 1) => {
            let mut values = Strings::new(bytes);
            while let Some(value) = values.next() {
                if value_type == 0 {
                    write_string(value, out);
                } else {
                    write_bytes(value, out);
                }
                separate(out, values.rest());
            }
        }
        value_type @ (2 | 4) => {
            let mut values = Packed::new(bytes);
            while let Some(value) = values.next() {
                let _ = if value_type == 2 { write!(out, "{value}") } else { write!(out, "{}", value != 0) };
                separate(out, values.rest());
            }
        }
        3 => {
            for (at, value) in bytes.chunks_exact(8).enumerate() {
                if at > 0 {
                    out.push(b'|');
                }
                write_double(out, f64::from_le_bytes(value.try_into().unwrap_or_default()));
            }
        }
        _ => {}
    }
}

fn write_bytes(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b' '..=b'~' => out.push(byte),
            _ => drop(write!(out, "\\x{byte:02x}")),
        }
    }
}

/// Appends a Uuid as 8-4-4-4-12 lower case hexadecimal digits.
pub(super) fn write_uuid(uuid: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, &byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// The seconds and the fraction are both computed in doubles, as in production, which costs the last digits.
fn write_timestamp(timestamp: i64, out: &mut Vec<u8>) {
    let seconds = (timestamp as f64 / 1e9).floor() as i64;
    let fraction = (timestamp as f64 - seconds as f64 * 1e9) as i64;
    let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years begin in March, so that the leap day is the last.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z");
}

#[cfg(test)]
mod tests {
    use super::{escape, text, text_safe};
    use crate::message::{Message, MessageIndex, read_varint};

    const HEAD: &[u8] = b"\x0a\x10\xff\x0123456789abcdef\x10\x95\xaa\x82\xb2\xdd\xbb\xec\xe8\x14";

    fn rendered(raw: &[u8], render: impl Fn(Message<'_>, &mut Vec<u8>)) -> String {
        let mut index = MessageIndex::default();
        index.decode(raw).expect("a message");
        let mut out = Vec::new();
        render(Message::new(raw, &index), &mut out);
        out.escape_ascii().to_string().replace("\\n", "\n").replace("\\\\", "\\")
    }

    /// The text of a stream of undamaged frames.
    fn check_recorded(mut stream: &[u8], expected: &[u8]) {
        let mut out = Vec::new();
        let mut index = MessageIndex::default();
        while let [0x1e, header_len, 0x08, ..] = stream {
            let (len, _) = read_varint(stream, 3).expect("a message length");
            let start = 3 + usize::from(*header_len);
            let raw = &stream[start..start + len as usize];
            index.decode(raw).expect("a message");
            text(Message::new(raw, &index), &mut out);
            stream = &stream[start + raw.len()..];
        }
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected));
        assert_eq!(out, expected);
    }

    #[test]
    fn text_is_what_production_printed() {
        check_recorded(
            include_bytes!("../../../tests/data/matcher/messages.hpb"),
            include_bytes!("../../../tests/data/message/text.txt"),
        );
        check_recorded(
            include_bytes!("../../../tests/data/message/negative_timestamp.hpb"),
            include_bytes!("../../../tests/data/message/negative_timestamp.txt"),
        );
    }

    #[test]
    fn values_of_every_type() {
        let check = |field: &[u8], expected: &str| {
            let raw = [HEAD, b"R", &[field.len() as u8], field].concat();
            let got = rendered(&raw, text);
            let line = got.lines().nth(10).expect("a field");
            assert_eq!(line, format!("    | name: {expected}"));
        };
        check(b"\x0a\x01a\x22\x01x\x22\x03y\0z", "a type: 0 representation: <nil> value: x|y");
        check(
            b"\x0a\x01a\x10\x01\x1a\x02ms\x2a\x04a\\\xff\n",
            "a type: 1 representation: ms value: a\\\\\\xff\\x0a",
        );
        check(b"\x0a\x01a\x10\x02\x32\x02\x01\x02", "a type: 2 representation: <nil> value: 1|2");
        check(b"\x0a\x01a\x10\x02\x32\x02\x01\x82", "a type: 2 representation: <nil> value: 1|");
        check(b"\x0a\x01a\x10\x03\x3a\x09\0\0\0\0\0\0\xf0\x3f\0", "a type: 3 representation: <nil> value: 1");
        check(
            b"\x0a\x01a\x10\x04\x42\x03\x02\x00\x01",
            "a type: 4 representation: <nil> value: true|false|true",
        );
        check(b"\x0a\x01a\x10\x09\x22\x01x", "a type: 9 representation: <nil> value: ");
        check(b"\x0a\x01a\x22\x01x\x22\x09y", "a type: 0 representation: <nil> value: x|");
    }

    #[test]
    fn strings_end_at_a_nul_but_not_for_terminals() {
        let raw = [HEAD, b"\x1a\x04a\0\x1bb"].concat();
        assert!(rendered(&raw, text).contains("\n:Type: a\n"));
        assert!(rendered(&raw, text_safe).contains("\n:Type: a\\x00\\x1bb\n"));
    }

    #[test]
    fn terminals_get_no_controls() {
        let check = |text: &[u8], expected: &str| {
            let mut out = Vec::new();
            escape(text, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check(b"a\tb\r\n\x1b[2J\x7f", "a\\tb\\r\\n\\x1b[2J\\x7f");
        check("\u{9b}31m \u{e9} \u{202e}".as_bytes(), "\\u{9b}31m \u{e9} \\u{202e}");
        check(b"C:\\x \xff\xc3", "C:\\x \\xff\\xc3");
    }
}
