//! A document and a schema, split at the first NUL, through `rjson`: within the limits, twice the same.
//!
//! Both are fields of a message. What is written must parse again and be written the same but for the last digits of
//! doubles, unless an infinite number ended it.
#![no_main]

use std::sync::OnceLock;

use cepshim::{
    message::{Message, MessageIndex, Value, write_varint},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules, Sink},
    vm::Place,
};
use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = r#"
require "string" require "rjson"
local function walk(d, v, depth)
    local t = d:type(v)
    if t == "object" or t == "array" then
        if depth > 20 then return end
        for k, w in d:iter(v) do
            assert(d:find(v, k) ~= nil)
            walk(d, w, depth + 1)
        end
    else
        d:value(v)
    end
end
function process_message()
    local ok, d = pcall(rjson.parse_message, "Fields[d]", 0, 0)
    pcall(rjson.parse, read_message("Fields[d]"), true)
    if ok then
        walk(d, d:find(), 0)
        inject_message({Type = "whole", Payload = "", Fields = {json = d:make_field()}})
    end
    local parsed, s = pcall(rjson.parse_schema, read_message("Fields[s]") or "")
    if ok and parsed then
        local valid, where, report = d:validate(s)
        if not valid then pcall(rjson.parse, report) end
    end
    if ok and (d:type() == "array" or d:type() == "object") and d:size() > 0 then
        local key
        for k in d:iter() do key = k break end
        local taken = d:remove(key)
        d:remove_shallow(key)
        inject_message({Type = "rest", Fields = {json = d:make_field(), taken = taken and taken:make_field()}})
    end
    return 0
end
function timer_event() end
"#;

fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-rjson-{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

/// What the script wrote of the whole document.
#[derive(Default)]
struct Written(Vec<u8>);

impl Sink for Written {
    fn injected(&mut self, message: &[u8], _: Place) {
        let mut index = MessageIndex::default();
        index.decode(message).expect("what is injected is a message");
        let message = Message::new(message, &index);
        if message.type_is(b"whole")
            && let Some(Value::String(text)) = message.read(b"json", 0, 0)
        {
            self.0 = text.to_vec();
        }
    }

    fn log(&mut self, _: u8, _: &[u8], _: &[u8]) {}
}

fn field(name: u8, value: &[u8], to: &mut Vec<u8>) {
    let mut inner = vec![0x0a, 1, name, 0x22];
    write_varint(&mut inner, value.len() as u64);
    inner.extend_from_slice(value);
    to.push(0x52);
    write_varint(to, inner.len() as u64);
    to.extend_from_slice(&inner);
}

fn message(document: &[u8], schema: &[u8]) -> Vec<u8> {
    let mut res = vec![0x0a, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1];
    field(b'd', document, &mut res);
    field(b's', schema, &mut res);
    res
}

/// Runs the script over both, twice, and says what it wrote of the document.
fn run(document: &[u8], schema: &[u8]) -> Vec<u8> {
    let raw = message(document, schema);
    let mut index = MessageIndex::default();
    if index.decode(&raw).is_err() {
        return Vec::new();
    }
    let options = AnalysisOptions {
        lua_file: script(),
        config: b"memory_limit = 8000000\noutput_limit = 4000000\npath = ''\ncpath = 'io_modules/?.so'\n",
        state: None,
        hostname: "host",
        seed: 1,
        c_steps: 10_000_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    let mut plugin = AnalysisPlugin::create(&options, &mut ()).expect("the script loads");
    let before = plugin.snapshot().expect("nothing pins it");
    let mut written = Written::default();
    let status = plugin.process_message(Message::new(&raw, &index), 10, &mut written);
    let error = String::from_utf8_lossy(plugin.error()).into_owned();
    assert!(!error.contains("assertion failed") && !error.contains("internal error"), "{error}");
    let after = plugin.snapshot().expect("nothing pins it");
    plugin.restore(&before);
    assert_eq!(plugin.process_message(Message::new(&raw, &index), 10, &mut ()), status);
    assert_eq!(plugin.snapshot().expect("nothing pins it").difference(&after), None);
    written.0
}

fuzz_target!(|bytes: &[u8]| {
    let (document, schema) = match bytes.iter().position(|&it| it == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[..0]),
    };
    let written = run(document, schema);
    if matches!(written.last(), Some(b'}' | b']' | b'"' | b'0'..=b'9' | b'e' | b'l')) {
        let again = run(&written, b"{}");
        // An infinite number ends the text anywhere; then it does not parse. A double's digits can be read as a
        // neighbour of the double they were written for, so what numbers are made of is left out.
        let shape = |text: &[u8]| {
            let is_number = |it: &u8| it.is_ascii_digit() || b".e-".contains(it);
            text.iter().copied().filter(|it| !is_number(it)).collect::<Vec<u8>>()
        };
        let is_same = again.is_empty() || shape(&again) == shape(&written);
        assert!(is_same, "{:?}", String::from_utf8_lossy(&written));
    }
});
