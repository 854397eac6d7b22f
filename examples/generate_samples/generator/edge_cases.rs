//! Messages that are whole and legal, yet not what a filter expects: no headers, repeated fields, arrays, bytes,
//! numbers at the ends of their ranges, control characters, and log lines and pings without what makes them one.
//!
//! Nothing here is damaged; a reader that loses one of these records has a bug.

use cepshim::message::FieldValues;

use super::{SECOND, Set, message::Message, random::Random};

/// 2026-03-01T00:00:00Z; the records are a minute apart.
const START: i64 = 1_772_323_200;

/// The set.
pub fn set() -> Set {
    let mut random = Random::stream(3);
    let mut messages = headers();
    messages.extend(fields());
    messages.extend(payloads());
    messages.extend(access_lines());
    messages.extend(pings());
    let records = messages.into_iter().enumerate().map(|(i, mut message)| {
        message.uuid = random.uuid();
        if message.timestamp == 0 {
            message.timestamp = (START + 60 * i as i64) * SECOND;
        }
        message.record()
    });
    Set {
        name: "edge_cases",
        file: "edge_cases.hpb",
        is_compressed: false,
        about: "whole, legal and odd messages: missing headers, repeated fields, arrays, bytes, extreme numbers",
        parameters: "",
        records: records.collect(),
    }
}

fn of(type_: &'static str) -> Message {
    Message { type_: Some(type_), hostname: Some("edge.example.com".into()), ..Message::default() }
}

fn with(type_: &'static str, name: &'static str, value: FieldValues) -> Message {
    let mut res = of(type_);
    res.field(name, None, value);
    res
}

fn headers() -> Vec<Message> {
    let all = Message {
        logger: Some("edge"),
        severity: Some(0),
        payload: Some(b"all headers".to_vec()),
        env_version: Some("0.8"),
        pid: Some(1),
        ..of("edge.headers.all")
    };
    let empty = Message {
        type_: Some(""),
        logger: Some(""),
        payload: Some(Vec::new()),
        env_version: Some(""),
        hostname: Some(String::new()),
        ..Message::default()
    };
    vec![
        // Uuid and Timestamp are all a message needs.
        Message::default(),
        all,
        empty,
        Message { severity: Some(-1), pid: Some(-1), ..of("edge.headers.negative") },
        Message { severity: Some(i32::MAX), pid: Some(i32::MAX), ..of("edge.headers.large") },
        Message { timestamp: 1, ..of("edge.headers.1970") },
        Message { timestamp: -SECOND, ..of("edge.headers.before_1970") },
    ]
}

fn fields() -> Vec<Message> {
    let texts = |it: &[&str]| FieldValues::String(it.iter().map(|&it| it.into()).collect());
    let mut repeated = with("edge.fields.repeated", "tag", texts(&["first"]));
    repeated.field("tag", None, texts(&["second", "third"]));
    repeated.field("tag", None, FieldValues::Integer(vec![4]));
    let mut typed = of("edge.fields.all_types");
    typed.field("string", Some("a representation"), texts(&["text"]));
    typed.field("bytes", None, FieldValues::Bytes(vec![vec![0, 127, 128, 255]]));
    typed.field("integer", Some("ms"), FieldValues::Integer(vec![-1]));
    typed.field("double", Some(""), FieldValues::Double(vec![0.1]));
    typed.field("bool", None, FieldValues::Bool(vec![true]));
    let mut arrays = of("edge.fields.arrays");
    arrays.field("strings", None, texts(&["a", "", "c"]));
    arrays.field("bytes", None, FieldValues::Bytes(vec![vec![], (0..=255).collect()]));
    arrays.field("integers", None, FieldValues::Integer(vec![1, -2, 300]));
    arrays.field("doubles", None, FieldValues::Double(vec![1.5, -2.5]));
    arrays.field("bools", None, FieldValues::Bool(vec![true, false, true]));
    let mut numbers = of("edge.fields.numbers");
    // 2^53 + 1 is the first whole number that Lua cannot hold.
    numbers.field(
        "integers",
        None,
        FieldValues::Integer(vec![i64::MIN, i64::MAX, (1 << 53) + 1, -2_147_483_648]),
    );
    let doubles =
        vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 2.0, 1e300, 5e-9];
    numbers.field("doubles", None, FieldValues::Double(doubles));
    let mut many = of("edge.fields.many");
    for i in 0..300 {
        many.field("n", None, FieldValues::Integer(vec![i]));
    }
    let mut names = with("edge.fields.names", "", texts(&["a field without a name"]));
    names.text("with space", "1");
    names.text("with]bracket", "2");
    names.text("größe", "3");
    vec![
        repeated,
        typed,
        arrays,
        numbers,
        many,
        names,
        with("edge.fields.no_value", "nothing", FieldValues::String(vec![])),
    ]
}

fn payloads() -> Vec<Message> {
    let of = |payload: &[u8]| Message { payload: Some(payload.to_vec()), ..of("edge.payload") };
    // A whole frame inside a message: a reader that loses its place would find it.
    let mut inner = Message { timestamp: SECOND, ..Message::default() };
    inner.type_ = Some("edge.inner");
    vec![
        of(b"not UTF-8: \xff\xfe \xe9"),
        of(b"a NUL \0 inside"),
        of(b"\x1b[31mred\x1b[0m \x1b]0;a title\x07 \r overwritten"),
        of(b"separators: \x1e\x02\x08\x00\x1f and \x1e\xff"),
        of(b"two\nlines\n"),
        of("right to left: \u{202e}txt.exe".as_bytes()),
        of(&inner.record().bytes),
    ]
}

fn access_lines() -> Vec<Message> {
    let line = |status: FieldValues, time: FieldValues| {
        let mut res = with("nginx.access", "status", status);
        res.field("request_time", None, time);
        res.number("body_bytes_sent", 0.0, Some("B"));
        res
    };
    let one = |it: f64| FieldValues::Double(vec![it]);
    vec![
        // Neither status nor time.
        of("nginx.access"),
        line(FieldValues::String(vec!["200".into()]), FieldValues::String(vec!["0.010".into()])),
        line(FieldValues::Integer(vec![204]), FieldValues::Integer(vec![1])),
        line(one(f64::NAN), one(f64::NAN)),
        line(one(0.0), one(-0.001)),
        line(one(200.5), one(1e9)),
    ]
}

fn pings() -> Vec<Message> {
    let ping = |doc_type: &str, document_id: &str, payload: &str| {
        let mut res = Message { payload: Some(payload.as_bytes().to_vec()), ..of("telemetry") };
        res.text("docType", doc_type);
        res.text("documentId", document_id);
        res.text("normalizedChannel", "release");
        res.text("submissionDate", "20260301");
        res
    };
    let mut channel =
        ping("main", "00000000-0000-4000-8000-000000000002", r#"{"payload":{"keyedHistograms":[]}}"#);
    channel.text("normalizedChannel", "beta");
    vec![
        // No fields, no payload.
        of("telemetry"),
        ping("", "", "{}"),
        ping("main\twith tab\nand line", "00000000-0000-4000-8000-000000000001", "[]"),
        // Fields of one name: the first counts.
        channel,
        ping(
            "main",
            "00000000-0000-4000-8000-000000000003",
            r#"{"payload":{"keyedHistograms":{"SEARCH_COUNTS":{"google.urlbar":{"sum":"7"},"nodot":{"sum":-1},"bing.":{}}}}}"#,
        ),
        ping("main", "00000000-0000-4000-8000-000000000004", "\"a string\""),
        ping("main", "00000000-0000-4000-8000-000000000005", "null"),
    ]
}
