//! What plugins tried to send, one JSON object a line.

use std::io::Write as _;

use crate::{
    event::{Callback, RecordId, Sent, SourceLine},
    message::render::write_string,
};

/// Appends the line. Byte strings are JSON strings, or `{"base64":...}` where they are not UTF-8, as in messages.
pub fn sent_line(
    filter: &str,
    sent: &Sent<'_>,
    callback: Callback,
    record: RecordId,
    place: &SourceLine,
    out: &mut Vec<u8>,
) {
    let mut separator = b'{';
    let mut key = |name: &str, out: &mut Vec<u8>| {
        out.push(separator);
        separator = b',';
        write_string(name.as_bytes(), out);
        out.push(b':');
    };
    for (name, value) in [
        ("module", sent.module.as_bytes()),
        ("action", sent.action.as_bytes()),
        ("destination", sent.destination),
        ("filter", filter.as_bytes()),
        ("callback", callback.to_string().as_bytes()),
    ] {
        key(name, out);
        write_string(value, out);
    }
    key("record", out);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}", record.number);
    key("script", out);
    write_string(&place.chunk, out);
    key("line", out);
    let _ = write!(out, "{}", place.line);
    key("parameters", out);
    let mut separator = b'{';
    for (name, value) in sent.parameters {
        out.push(separator);
        separator = b',';
        write_string(name.as_bytes(), out);
        out.push(b':');
        write_string(value, out);
    }
    out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
    key("bytes", out);
    write_string(sent.bytes, out);
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_everything() {
        let sent = Sent {
            module: "kafka",
            action: "producer:send",
            destination: b"localhost:9092/topic",
            parameters: &[("partition", b"-1"), ("key", b"\xff")],
            bytes: b"a \"text\"\n",
        };
        let place = SourceLine { chunk: b"output.lua".to_vec(), line: 7 };
        let record = RecordId { number: 3, ..RecordId::default() };
        let mut out = Vec::new();
        sent_line("analysis.output", &sent, Callback::ProcessMessage, record, &place, &mut out);
        let expected = r#"{"module":"kafka","action":"producer:send","destination":"localhost:9092/topic","filter":"analysis.output","callback":"process_message","record":3,"script":"output.lua","line":7,"parameters":{"partition":"-1","key":{"base64":"/w=="}},"bytes":"a \"text\"\n"}"#;
        assert_eq!(String::from_utf8_lossy(&out), format!("{expected}\n"));
    }
}
