//! Reading a message from JSON: what [`crate::message::render::json`] writes, and what people write by hand.
//!
//! The first is read back to the same bytes. The second is the "Heka JSON" of production's JSON decoder: any object
//! that would be a legal table for `inject_message`, so numbers are doubles unless `value_type` says otherwise, and
//! `Fields` may be a hash. Where production quietly makes something up or leaves something out, this is an error with
//! its place. Only the Uuid may be missing: it is then made from the line itself, so that the same line is always the
//! same message.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};
use siphasher::sip128::SipHasher13;

use super::{
    DecodeError, FieldValues, MessageIndex, OwnedField, OwnedMessage, UUID_SIZE, render::VALUE_TYPES,
};

/// A message read from JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// Its content.
    Message(OwnedMessage),
    /// Its bytes, which say the content in a way of their own. They decode.
    Raw(Vec<u8>),
}

impl Parsed {
    /// Appends the message's bytes, without framing.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Parsed::Message(message) => message.encode(out),
            Parsed::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// Why a line is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JsonError {
    /// The offset in bytes from the start of the line.
    pub position: usize,
    /// What is wrong there.
    pub reason: JsonReason,
}

/// What is wrong at the place of a [`JsonError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonReason {
    /// Not JSON.
    #[error("{0}")]
    Syntax(String),
    /// JSON, but not of the right kind.
    #[error("{} must be {expected}", if path.is_empty() { "a message" } else { path })]
    Expected {
        /// Where, as in `Fields[2].value[0]`.
        path: String,
        /// What should be there.
        expected: &'static str,
    },
    /// No `Timestamp` and no default for it.
    #[error("Timestamp is missing")]
    MissingTimestamp,
    /// The bytes in `raw` are no message.
    #[error("raw is not a message: {0}")]
    Raw(DecodeError),
}

/// Reads the message in `line`. `default_timestamp` (nanoseconds since the epoch) stands in for a missing
/// `Timestamp`.
///
/// # Errors
///
/// See [`JsonReason`].
pub fn parse(line: &[u8], default_timestamp: Option<i64>) -> Result<Parsed, JsonError> {
    let json = serde_json::from_slice(line).map_err(|error| JsonError {
        position: offset(line, error.line(), error.column()),
        reason: JsonReason::Syntax(without_place(&error)),
    })?;
    read(&json, line, default_timestamp).map_err(|failure| {
        let Failure { steps, reason } = failure;
        JsonError { position: locate(line, &steps), reason }
    })
}

/// The place is in [`JsonError::position`].
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(&*text, |at| &text[..at]).to_owned()
}

fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let line_start = match line.checked_sub(2) {
        None => 0,
        Some(before) => memchr::memchr_iter(b'\n', text).nth(before).map_or(0, |it| it + 1),
    };
    (line_start + column.saturating_sub(1)).min(text.len())
}

/// One step from the root to a place in a JSON text.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

struct Failure {
    steps: Vec<Step>,
    reason: JsonReason,
}

type Read<T> = Result<T, Failure>;

/// A place in the JSON, linked to the place that holds it.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn fail(&self, reason: JsonReason) -> Failure {
        let mut steps = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Place::Root => break,
                Place::Key(parent, key) => {
                    steps.push(Step::Key((*key).to_owned()));
                    parent
                }
                Place::Index(parent, index) => {
                    steps.push(Step::Index(*index));
                    parent
                }
            };
        }
        steps.reverse();
        Failure { steps, reason }
    }

    fn expected(&self, expected: &'static str) -> Failure {
        self.fail(JsonReason::Expected { path: self.to_string(), expected })
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Key(Place::Root, key) => f.write_str(key),
            Place::Key(parent, key) => write!(f, "{parent}.{key}"),
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn read(json: &Json, line: &[u8], default_timestamp: Option<i64>) -> Read<Parsed> {
    let root = Place::Root;
    let object = json.as_object().ok_or_else(|| root.expected("a JSON object"))?;
    if let Some(raw) = present(object, "raw") {
        let place = Place::Key(&root, "raw");
        let bytes = raw.as_str().and_then(|it| STANDARD.decode(it).ok());
        let bytes = bytes.ok_or_else(|| place.expected("a string of base64"))?;
        MessageIndex::default().decode(&bytes).map_err(|error| place.fail(JsonReason::Raw(error)))?;
        return Ok(Parsed::Raw(bytes));
    }
    let string = |key| match present(object, key) {
        Some(json) => string(json, &Place::Key(&root, key)).map(Some),
        None => Ok(None),
    };
    let small = |key| match present(object, key) {
        Some(json) => integer(json)
            .and_then(|it| i32::try_from(it).ok())
            .map(Some)
            .ok_or_else(|| Place::Key(&root, key).expected("an integer of 32 bits")),
        None => Ok(None),
    };
    Ok(Parsed::Message(OwnedMessage {
        uuid: match present(object, "Uuid") {
            Some(json) => uuid(json).ok_or_else(|| {
                Place::Key(&root, "Uuid")
                    .expected("32 hexadecimal digits (8-4-4-4-12 or without dashes) or 16 bytes")
            })?,
            None => made_uuid(line),
        },
        timestamp: match present(object, "Timestamp") {
            Some(json) => timestamp(json).ok_or_else(|| {
                Place::Key(&root, "Timestamp").expected("nanoseconds since 1970 or a time as in RFC 3339")
            })?,
            None => default_timestamp.ok_or_else(|| root.fail(JsonReason::MissingTimestamp))?,
        },
        type_: string("Type")?,
        logger: string("Logger")?,
        severity: small("Severity")?,
        payload: string("Payload")?,
        env_version: string("EnvVersion")?,
        pid: small("Pid")?,
        hostname: string("Hostname")?,
        fields: match present(object, "Fields") {
            Some(json) => fields(json, &Place::Key(&root, "Fields"))?,
            None => Vec::new(),
        },
    }))
}

/// What `key` holds; nothing for `null`.
fn present<'a>(object: &'a Map<String, Json>, key: &str) -> Option<&'a Json> {
    object.get(key).filter(|it| !it.is_null())
}

/// A string, or bytes as `{"base64":...}`.
fn string(json: &Json, place: &Place<'_>) -> Read<Vec<u8>> {
    string_or_base64(json).ok_or_else(|| place.expected("a string or {\"base64\":...}"))
}

fn string_or_base64(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) => Some(text.clone().into_bytes()),
        Json::Object(object) if object.len() == 1 => STANDARD.decode(object.get("base64")?.as_str()?).ok(),
        _ => None,
    }
}

/// A number, truncated toward zero.
fn integer(json: &Json) -> Option<i64> {
    let number = json.as_number()?;
    if let Some(value) = number.as_i64() {
        return Some(value);
    }
    let value = number.as_f64()?;
    // The largest doubles that fit: 2^63 itself does not.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value).then_some(value as i64)
}

/// A number that must be representable as a double: an integer, a decimal, or `{"double":...}`.
fn double(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::Object(object) if object.len() == 1 => match object.get("double")?.as_str()? {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            bits => u64::from_str_radix(bits.strip_prefix("0x")?, 16).ok().map(f64::from_bits),
        },
        _ => None,
    }
}

fn uuid(json: &Json) -> Option<[u8; UUID_SIZE]> {
    let text = string_or_base64(json)?;
    if let Ok(raw) = <[u8; UUID_SIZE]>::try_from(&*text) {
        return Some(raw);
    }
    let digits: Vec<u8> = match text.len() {
        32 => text,
        36 if [8, 13, 18, 23].iter().all(|&it| text[it] == b'-') => {
            text.into_iter().filter(|&it| it != b'-').collect()
        }
        _ => return None,
    };
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let value = u128::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?;
    Some(value.to_be_bytes())
}

/// A random-looking Uuid that depends on nothing but the line, with the version and variant production writes
/// (`heka_message.c:570-575`).
fn made_uuid(line: &[u8]) -> [u8; UUID_SIZE] {
    let mut uuid = SipHasher13::new().hash(line).as_bytes();
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x0f | 0xa0;
    uuid
}

fn timestamp(json: &Json) -> Option<i64> {
    let Some(text) = json.as_str() else { return integer(json) };
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn fields(json: &Json, place: &Place<'_>) -> Read<Vec<OwnedField>> {
    match json {
        Json::Object(object) => {
            let field = |(name, json): (&String, &Json)| {
                let place = Place::Key(place, name);
                let (value, representation) = match json {
                    Json::Object(object) if !is_special(object) => {
                        (field_value(object, &place)?, object.get("representation"))
                    }
                    _ => (values(json, None, &place)?, None),
                };
                let representation = match representation {
                    Some(json) if !json.is_null() => {
                        Some(string(json, &Place::Key(&place, "representation"))?)
                    }
                    _ => None,
                };
                Ok(OwnedField { name: name.clone().into_bytes(), representation, value })
            };
            object.iter().map(field).collect()
        }
        Json::Array(array) => {
            let field = |(at, json): (usize, &Json)| {
                let place = Place::Index(place, at);
                let object =
                    json.as_object().ok_or_else(|| place.expected("an object with a name and a value"))?;
                let name = object.get("name").ok_or_else(|| place.expected("an object with a name"))?;
                let representation = match present(object, "representation") {
                    Some(json) => Some(string(json, &Place::Key(&place, "representation"))?),
                    None => None,
                };
                Ok(OwnedField {
                    name: string(name, &Place::Key(&place, "name"))?,
                    representation,
                    value: field_value(object, &place)?,
                })
            };
            array.iter().enumerate().map(field).collect()
        }
        _ => Err(place.expected("an object or an array")),
    }
}

/// `{"base64":...}` and `{"double":...}` are values.
fn is_special(object: &Map<String, Json>) -> bool {
    object.len() == 1 && (object.contains_key("base64") || object.contains_key("double"))
}

/// The `value` of an object, by its `value_type`.
fn field_value(object: &Map<String, Json>, place: &Place<'_>) -> Read<FieldValues> {
    let value_type = match present(object, "value_type") {
        None => None,
        Some(json) => {
            let number = match json {
                Json::String(name) => VALUE_TYPES.iter().position(|it| it == name),
                _ => json.as_u64().and_then(|it| usize::try_from(it).ok()),
            };
            Some(number.filter(|&it| it < VALUE_TYPES.len()).ok_or_else(|| {
                Place::Key(place, "value_type").expected("string, bytes, integer, double, bool or 0 to 4")
            })?)
        }
    };
    let value = object.get("value").ok_or_else(|| place.expected("an object with a value"))?;
    values(value, value_type, &Place::Key(place, "value"))
}

/// One value or an array of values. Without a `value_type` the first value decides.
fn values(json: &Json, value_type: Option<usize>, place: &Place<'_>) -> Read<FieldValues> {
    fn all<T>(
        json: &Json,
        place: &Place<'_>,
        expected: &'static str,
        read: impl Fn(&Json) -> Option<T>,
    ) -> Read<Vec<T>> {
        match json {
            Json::Array(array) => {
                let one = |(at, json)| read(json).ok_or_else(|| Place::Index(place, at).expected(expected));
                array.iter().enumerate().map(one).collect()
            }
            _ => Ok(vec![read(json).ok_or_else(|| place.expected(expected))?]),
        }
    }
    let first = match json {
        Json::Array(array) => array.first(),
        _ => Some(json),
    };
    let value_type = match (value_type, first) {
        (Some(value_type), _) => value_type,
        (None, Some(Json::Number(_))) => 3,
        (None, Some(Json::Object(object))) if object.contains_key("double") => 3,
        (None, Some(Json::Bool(_))) => 4,
        (None, Some(Json::String(_) | Json::Object(_))) => 0,
        (None, _) => return Err(place.expected("a string, a number, a bool or an array of one of them")),
    };
    Ok(match value_type {
        0 => FieldValues::String(all(json, place, "a string or {\"base64\":...}", string_or_base64)?),
        1 => FieldValues::Bytes(all(json, place, "a string or {\"base64\":...}", string_or_base64)?),
        2 => FieldValues::Integer(all(json, place, "an integer of 64 bits", integer)?),
        3 => FieldValues::Double(all(json, place, "a number", double)?),
        _ => FieldValues::Bool(all(json, place, "a bool", Json::as_bool)?),
    })
}

/// The offset of the value that `steps` lead to in `text`, which is JSON. Of keys that occur twice the last counts.
fn locate(text: &[u8], steps: &[Step]) -> usize {
    let mut at = skip_space(text, 0);
    for step in steps {
        let mut inside = skip_space(text, at + 1);
        let mut found = None;
        let mut index = 0;
        while !matches!(text.get(inside), None | Some(b']' | b'}')) {
            let is_it = match step {
                Step::Index(wanted) => index == *wanted,
                Step::Key(wanted) => {
                    let end = skip_value(text, inside);
                    let key = serde_json::from_slice::<String>(text.get(inside..end).unwrap_or_default());
                    inside = skip_space(text, skip_space(text, end) + 1);
                    key.is_ok_and(|it| it == *wanted)
                }
            };
            if is_it {
                found = Some(inside);
            }
            index += 1;
            inside = skip_space(text, skip_value(text, inside));
            if text.get(inside) == Some(&b',') {
                inside = skip_space(text, inside + 1);
            }
        }
        match found {
            Some(found) => at = found,
            None => break,
        }
    }
    at
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn skip_value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    loop {
        match text.get(at) {
            None => return at,
            Some(b'"') => {
                at += 1;
                while !matches!(text.get(at), None | Some(b'"')) {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            Some(b'[' | b'{') => {
                depth += 1;
                at += 1;
            }
            Some(b']' | b'}') => {
                depth -= 1;
                at += 1;
            }
            Some(_) if depth > 0 => {
                at += 1;
                continue;
            }
            Some(_) => {
                while !matches!(text.get(at), None | Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
                {
                    at += 1;
                }
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;
    use crate::message::{Message, MessageIndex, arbitrary, render};

    fn rendered(raw: &[u8]) -> String {
        let mut index = MessageIndex::default();
        index.decode(raw).expect("a message");
        let mut out = Vec::new();
        render::json(Message::new(raw, &index), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    /// The message in `line`, rendered.
    fn read(line: &str) -> String {
        let mut out = Vec::new();
        parse(line.as_bytes(), Some(5)).expect("a message").encode(&mut out);
        rendered(&out)
    }

    fn check_error(line: &str, position: usize, reason: &str) {
        let error = parse(line.as_bytes(), None).expect_err("no message");
        assert_eq!((error.position, error.to_string().as_str()), (position, reason), "{line}");
    }

    const UUID: &str = "\"Uuid\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\"";

    #[test]
    fn hand_written_fields() {
        let check = |fields: &str, expected: &str| {
            let line = format!("{{{UUID},\"Fields\":{fields}}}");
            assert_eq!(read(&line), format!("{{{UUID},\"Timestamp\":5,\"Fields\":{expected}}}"));
        };
        check(
            r#"{"b":"x","a":1}"#,
            r#"[{"name":"b","value_type":"string","value":["x"]},{"name":"a","value_type":"double","value":[1.0]}]"#,
        );
        check(
            r#"{"b":{"value":1.9,"value_type":2,"representation":"ms"}}"#,
            r#"[{"name":"b","value_type":"integer","representation":"ms","value":[1]}]"#,
        );
        check(
            r#"[{"name":"b","value":[true,false]}]"#,
            r#"[{"name":"b","value_type":"bool","value":[true,false]}]"#,
        );
        check(
            r#"{"b":{"base64":"/w=="}}"#,
            r#"[{"name":"b","value_type":"string","value":[{"base64":"/w=="}]}]"#,
        );
        check(
            r#"[{"name":"i","value_type":"integer","value":[9007199254740993,-9223372036854775808]}]"#,
            r#"[{"name":"i","value_type":"integer","value":[9007199254740993,-9223372036854775808]}]"#,
        );
        check(
            r#"{"d":[{"double":"-inf"},{"double":"nan"},-0.0]}"#,
            r#"[{"name":"d","value_type":"double","value":[{"double":"-inf"},{"double":"nan"},-0.0]}]"#,
        );
    }

    #[test]
    fn hand_written_headers() {
        let line = r#"{"Timestamp":"2017-07-14T02:40:00.123456789Z","Pid":null,"Severity":3,"Uuid":"000102030405060708090A0B0C0D0E0F","Type":"t","other":[]}"#;
        let expected =
            format!(r#"{{{UUID},"Timestamp":1500000000123456789,"Type":"t","Severity":3,"Fields":[]}}"#);
        assert_eq!(read(line), expected);
        let made = read("{}");
        assert_eq!(made, read("{}"));
        assert_ne!(made, read("{ }"));
        assert_eq!((&made[23..24], &made[28..29]), ("4", "a"), "{made}");
    }

    #[test]
    fn errors_have_a_place() {
        check_error("{\"Type\":}", 8, "expected value");
        check_error("[1]", 0, "a message must be a JSON object");
        check_error("{}", 0, "Timestamp is missing");
        check_error(
            " {\"Timestamp\": 1e19}",
            15,
            "Timestamp must be nanoseconds since 1970 or a time as in RFC 3339",
        );
        check_error("{\"Timestamp\":1,\"Pid\":4294967296}", 21, "Pid must be an integer of 32 bits");
        check_error(
            "{\"Timestamp\":1,\"Fields\":[{\"name\":\"a]\\\"\",\"value\":1}, {\"name\":\"b\", \"value\":[1, \"x\"]}]}",
            77,
            "Fields[1].value[1] must be a number",
        );
        check_error(
            "{\"Timestamp\":1,\"Fields\":{\"a\":null}}",
            29,
            "Fields.a must be a string, a number, a bool or an array of one of them",
        );
        check_error("{\"raw\":\"AAAA\"}", 7, "raw is not a message: tag:0 wiretype:0 position:0");
        check_error(&"[".repeat(100_000), 127, "recursion limit exceeded");
    }

    #[test]
    fn a_message_with_bytes_of_its_own_carries_them() {
        let head = b"\x0a\x100123456789abcdef\x10\x01";
        for odd in [
            &b"\x18\x00"[..],
            b"\x1a\x80\x00",
            b"\x28\x87\x00",
            b"R\x05\x0a\x01a\x22\x05",
            b"R\x07\x0a\x01a\x10\x04\x40\x02",
            b"R\x05\x0a\x01a\x10\x09",
        ] {
            let raw = [head, odd].concat();
            let mut index = MessageIndex::default();
            if index.decode(&raw).is_err() {
                continue;
            }
            let json = rendered(&raw);
            assert!(json.contains("\"raw\":"), "{json}");
            let mut again = Vec::new();
            parse(json.as_bytes(), None).expect("a message").encode(&mut again);
            assert_eq!(again, raw);
        }
    }

    proptest! {
        #[test]
        fn json_loses_nothing(message in arbitrary::message(), cut in 0..4usize, change: u8) {
            let mut raw = Vec::new();
            message.encode(&mut raw);
            let canonical = rendered(&raw);
            prop_assert!(!canonical.contains("\"raw\":"), "{}", canonical);
            let mut again = Vec::new();
            parse(canonical.as_bytes(), None).unwrap().encode(&mut again);
            prop_assert_eq!(&again, &raw);
            // Whatever else decodes comes back too.
            let at = raw.len() - 1 - cut;
            raw[at] = change;
            if MessageIndex::default().decode(&raw).is_ok() {
                let mut again = Vec::new();
                parse(rendered(&raw).as_bytes(), None).unwrap().encode(&mut again);
                prop_assert_eq!(again, raw);
            }
        }

        #[test]
        fn any_line_is_read_or_refused(line in "\\PC*|[\\[{}\\]\":,a0.e\\-]{0,30}") {
            if let Err(error) = parse(line.as_bytes(), Some(0)) {
                prop_assert!(error.position <= line.len());
            }
        }
    }
}
