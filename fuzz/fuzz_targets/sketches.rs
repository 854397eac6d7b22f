//! Operations on sketches with any keys, times and texts: they end, the same again from a snapshot, and what is preserved
//! at the end can be read back or an error says why not.
//!
//! Input: operations, each a byte that says which, a length and so many bytes.
#![no_main]

use std::sync::OnceLock;

use cepshim::{
    message::{Message, MessageIndex, OwnedMessage},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, CreateError, NativeModules, Preserved, Sink, StateFile},
    vm::Place,
};
use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = r#"
require "string" require "math" require "hyperloglog" require "bloom_filter" require "cuckoo_filter"
require "cuckoo_filter_expire" require "xxhash"
h = hyperloglog.new() g = hyperloglog.new()
b = bloom_filter.new(20, .1) none = bloom_filter.new(2, .9)
c = cuckoo_filter.new(8) d = cuckoo_filter.new(100)
e = cuckoo_filter_expire.new(512, 1)
local said = ""
local function number(bytes)
    local res = 0
    for i = 1, math.min(#bytes, 10) do res = res * 256 + bytes:byte(i) end
    return (#bytes % 2 == 0 and res or -res) * 2 ^ (#bytes - 8)
end
local function filled(bytes, size)
    return (bytes .. "\0"):rep(math.ceil(size / (#bytes + 1))):sub(1, size)
end
local function key(bytes) return #bytes % 3 == 0 and number(bytes) or bytes end
local operations = {
    function(it) return h:add(key(it)), g:add(it), g:add(number(it)) end,
    function(it) return b:add(key(it)), none:add(it), b:query(it .. "x") end,
    function(it) return c:add(key(it)) end,
    function(it) return d:add(key(it)), d:query(it .. "x") end,
    function(it) return d:delete(key(it)), d:count() end,
    function(it) return c:delete(key(it)), c:count() end,
    function(it) return e:add(it, number(it)) end,
    function(it) return e:add(it, 1e18 + number(it)) end,
    function(it) return e:query(it), e:delete(key(it)), e:count(), e:current_interval() end,
    function(it) h:fromstring("HYLL" .. filled(it, 1) .. "\0" .. filled(it, 12298)) end,
    function(it) h:fromstring("HYLL\0\0" .. filled(it, 12298)) end,
    function(it) h:fromstring(it) end,
    function(it) b:fromstring(number(it), filled(it, 12)) none:fromstring(filled(it, 1)) end,
    function(it) b:fromstring(it, it) end,
    function(it) c:fromstring(number(it), filled(it, 16), 1) end,
    function(it) d:fromstring(number(it), filled(it, 256), 1) end,
    function(it) d:fromstring(#it, it, it) end,
    function(it) e:fromstring(number(it), filled(it, 2560)) end,
    function(it) e:fromstring(it, it, it) end,
    function(it) return h:count(), g:count(), hyperloglog.count(h, g) end,
    function(it) h:merge(g) return xxhash.h64(tostring(h), #it) end,
    function(it) g:merge(h) return xxhash.h32(tostring(g), number(it)) end,
    function(it) return xxhash.h32(it, number(it)), xxhash.h64(it, number(it)) end,
    function(it) g:clear() b:clear() end,
    function(it) c:clear() d:clear() end,
    function(it) e:clear() end,
    function(it) math.randomseed(number(it)) b = bloom_filter.new(number(it), 1 / (1 + #it)) end,
    function(it) d = cuckoo_filter.new(number(it) % 1000) end,
    function(it) e = cuckoo_filter_expire.new(257 + #it * 4, number(it) % 2000) end,
}
function process_message()
    local bytes = read_message("Payload") or ""
    local at = 1
    while at + 1 <= #bytes do
        local what, length = bytes:byte(at, at + 1)
        local it = bytes:sub(at + 2, at + 1 + length)
        at = at + 2 + length
        local ok, x, y, z = pcall(operations[what % #operations + 1], it)
        local words = tostring(ok) .. tostring(x) .. tostring(y) .. tostring(z)
        said = string.format("%.17g", xxhash.h64(said .. what .. words))
    end
    inject_payload("txt", "said", said, h)
    return 0
end
function timer_event() end
"#;

fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-sketches-{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

#[derive(Default, PartialEq, Debug)]
struct Injected(Vec<u8>);

impl Sink for Injected {
    fn injected(&mut self, message: &[u8], _: Place) {
        // Behind the Uuid.
        self.0.extend_from_slice(&message[18..]);
    }

    fn log(&mut self, _: u8, _: &[u8], _: &[u8]) {}
}

fn create(state: Option<&[u8]>) -> Result<AnalysisPlugin, CreateError> {
    AnalysisPlugin::create(
        &AnalysisOptions {
            lua_file: script(),
            config: b"memory_limit = 2000000\noutput_limit = 100000\npath = ''\ncpath = 'modules/?.so'\n",
            state: Some(StateFile { name: "state.data", content: state }),
            hostname: "host",
            seed: 1,
            c_steps: 3_000_000,
            modules: modules::BUILTIN,
            native_modules: &NativeModules::BuiltIn,
            first_slot: 0,
            start_ns: 0,
        },
        &mut (),
    )
}

fn process(plugin: &mut AnalysisPlugin, raw: &[u8]) -> (i32, Injected) {
    let mut index = MessageIndex::default();
    index.decode(raw).expect("a message");
    let mut injected = Injected::default();
    let status = plugin.process_message(Message::new(raw, &index), 10, &mut injected);
    let error = String::from_utf8_lossy(plugin.error());
    assert!(!error.contains("internal error"), "{error}");
    (status, injected)
}

fuzz_target!(|data: &[u8]| {
    let mut raw = Vec::new();
    OwnedMessage { payload: Some(data.to_vec()), ..OwnedMessage::default() }.encode(&mut raw);
    let mut plugin =
        create(None).unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error.text())));
    let before = plugin.snapshot().expect("nothing pins it");
    let first = process(&mut plugin, &raw);
    let after = plugin.snapshot().expect("nothing pins it");
    plugin.restore(&before);
    assert_eq!(process(&mut plugin, &raw), first);
    assert_eq!(plugin.snapshot().expect("nothing pins it").difference(&after), None);
    let Some(Preserved::Written(state)) = plugin.destroy() else { return };
    match create(Some(&state)) {
        Ok(mut plugin) => drop(process(&mut plugin, &raw)),
        Err(error) => assert!(!error.text().is_empty()),
    }
});
