//! Any bytes through `cjson.decode`, and what comes out through `cjson.encode`: within the limits, twice the same.
//!
//! The bytes are the Payload of a message. What encodes must decode again, to a value that encodes to the same text
//! where no order of keys is involved: that of a table with one key at most.
#![no_main]

use std::sync::OnceLock;

use cepshim::{
    message::{Message, MessageIndex, write_varint},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules},
};
use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = r#"
require "cjson"
local function single(v)
    if type(v) ~= "table" then return true end
    local k = next(v)
    return k == nil or next(v, k) == nil and single(v[k])
end
function process_message()
    local ok, value = pcall(cjson.decode, read_message("Payload"))
    if not ok then add_to_payload(value) return 0 end
    local ok, text = pcall(cjson.encode, value)
    if not ok then add_to_payload(text) return 0 end
    local again = cjson.decode(text)
    if single(value) then assert(cjson.encode(again) == text, text) end
    add_to_payload(text)
    return 0
end
function timer_event() end
"#;

fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-cjson-{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

/// A message with this Payload.
fn message(payload: &[u8]) -> Vec<u8> {
    let mut res = vec![0x0a, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0x32];
    write_varint(&mut res, payload.len() as u64);
    res.extend_from_slice(payload);
    res
}

fuzz_target!(|text: &[u8]| {
    let raw = message(text);
    let mut index = MessageIndex::default();
    if index.decode(&raw).is_err() {
        return;
    }
    let options = AnalysisOptions {
        lua_file: script(),
        config: b"memory_limit = 8000000\noutput_limit = 1000000\npath = ''\ncpath = 'modules/?.so'\n",
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
    let status = plugin.process_message(Message::new(&raw, &index), 10, &mut ());
    let error = String::from_utf8_lossy(plugin.error()).into_owned();
    assert!(!error.contains("assertion") && !error.contains("internal error"), "{error}");
    let after = plugin.snapshot().expect("nothing pins it");
    plugin.restore(&before);
    assert_eq!(plugin.process_message(Message::new(&raw, &index), 10, &mut ()), status);
    assert_eq!(plugin.snapshot().expect("nothing pins it").difference(&after), None);
});
