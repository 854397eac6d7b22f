//! Any bytes as the dump of each object of `streaming_algorithms` and as a word of `sax`, then every method; any format and
//! text for `date`. All ends, in results or in words, and a call repeated from a snapshot is the same.
//!
//! Input: a byte that says how long the first text is, then two texts.
#![no_main]

use std::sync::OnceLock;

use cepshim::{
    message::{Message, MessageIndex, OwnedMessage},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules},
};
use libfuzzer_sys::fuzz_target;

const SCRIPT: &str = r#"
require "string" require "sax" require "date"
for _, name in ipairs{"p2", "running_stats", "cm_sketch", "matrix", "time_series"} do require("streaming_algorithms." .. name) end
local sa = streaming_algorithms
local makers = {
    function() return sa.p2.quantile(0.5) end, function() return sa.p2.histogram(4) end, sa.running_stats.new,
    function() return sa.cm_sketch.new(0.3, 0.2) end, function() return sa.matrix.new(2, 3) end,
    function() return sa.matrix.new(2, 2, "float") end, function() return sa.time_series.new(16, 1) end,
}
local function each(object, first)
    local out = {}
    for name, method in pairs(getmetatable(object)) do
        if type(method) == "function" and name ~= "fromstring" and name ~= "__gc" and name ~= "clear" and name ~= "clear_row" then
            for _, arguments in ipairs{{}, {1}, {2, 1}, {1, 1, first}, {first}, {nil, 16, "avg"}, {0, 16, "sd", true}, {object}, {object, "set"}, {first, first},
                {nil, 16, 4, 100}, {0, 16, 4, 50, "mp"}} do
                local _, result = pcall(method, object, unpack(arguments, 1, 5))
                out[#out + 1] = tostring(result)
            end
        end
    end
    return out
end
function process_message()
    local first, second = read_message("Type"), read_message("Payload")
    for _, make in ipairs(makers) do
        -- As long as its own dump, whatever the input's length is.
        local object = make()
        local dump = tostring(object)
        local text = second .. dump:sub(#second + 1)
        pcall(object.fromstring, object, text:sub(1, #dump))
        each(object, tonumber(first) or #first)
        pcall(object.fromstring, object, tostring(object))
        pcall(object.fromstring, object, first)
        each(object, second)
    end
    local numbers = {first:byte(1, 64)}
    local window = sax.window.new(8, 4, 2 + #first % 15)
    pcall(window.add, window, numbers)
    local ok, word = pcall(sax.word.new, second, 2 + #first % 15)
    if ok then each(word, window) end
    each(window, word)
    local zone = ({"UTC", "Europe/Paris", "America/Los_Angeles", "Australia/Lord_Howe"})[1 + #first % 4]
    local ok, time = pcall(date.time, second, first, zone)
    if ok then date.get(time, {}, "UTC") pcall(date.get, time, {}, zone) pcall(date.floor, time, "hour", zone) end
    date.format(ok and time or #second * 1e15, first, zone)
    pcall(date.format, 1.5e18, second, first)
    return 0
end
function timer_event() end
"#;

fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-streams-{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

fuzz_target!(|data: &[u8]| {
    let [length, rest @ ..] = data else { return };
    let (first, second) = rest.split_at(usize::from(*length).min(rest.len()));
    let mut raw = Vec::new();
    OwnedMessage { type_: Some(first.to_vec()), payload: Some(second.to_vec()), ..OwnedMessage::default() }
        .encode(&mut raw);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message");
    let options = AnalysisOptions {
        lua_file: script(),
        config: b"memory_limit = 4000000\noutput_limit = 100000\ninstruction_limit = 1000000\npath = ''\ncpath = 'modules/?.so'\n",
        state: None,
        hostname: "host",
        seed: 1,
        c_steps: 10_000_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    let mut plugin = AnalysisPlugin::create(&options, &mut ()).expect("the script is fine");
    let before = plugin.snapshot().expect("nothing pins it");
    let status = plugin.process_message(Message::new(&raw, &index), 0, &mut ());
    let error = plugin.error().to_vec();
    let after = plugin.snapshot().expect("nothing pins it");
    plugin.restore(&before);
    assert_eq!(plugin.process_message(Message::new(&raw, &index), 0, &mut ()), status);
    assert_eq!(plugin.error(), error);
    assert_eq!(plugin.snapshot().expect("nothing pins it").difference(&after), None);
    // Only what production would die of ends the filter.
    assert!(
        status <= 0 || error.windows(10).any(|it| it == b"production"),
        "{}",
        String::from_utf8_lossy(&error)
    );
});
