//! What one call of a native module costs: a thousand of them in a loop of a script, so that calling into Lua drops out.
//!
//! The loop itself is measured, too. Instructions beside production's are in docs/benchmarks.md.

use cepshim::{
    message::{Message, MessageIndex, OwnedMessage},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const CALLS: u64 = 1000;

const COMMON_LOG_FORMAT: &str = r#"
require "lpeg"
local l = lpeg
local match = l.match
local space, digits = l.P" ", l.R"09"^1
local word = (1 - space)^1
local time = "[" * l.Cg((1 - l.P"]")^1, "time") * "]"
local request = '"' * l.Cg((1 - l.P'"')^0, "request") * '"'
local grammar = l.Ct(l.Cg(word, "remote_addr") * space * word * space * word * space * time * space * request
    * space * l.Cg(digits, "status") * space * l.Cg(digits + "-", "bytes"))
local line = '192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /index.html HTTP/1.0" 200 2326'
"#;

/// A plugin whose `process_message` runs `call` that often, with a counter `n` that goes on.
fn plugin(setup: &str, call: &str) -> AnalysisPlugin {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("filter.lua");
    let script = format!(
        "{setup}
        local n = 0
        function process_message()
            for _ = 1, {CALLS} do
                n = n + 1
                {call}
            end
            return 0
        end"
    );
    std::fs::write(&file, script).expect("the folder is writable");
    let options = AnalysisOptions {
        lua_file: file.to_str().expect("a UTF-8 path"),
        config: b"path = '' cpath = 'modules/?.so' memory_limit = 0 instruction_limit = 0",
        state: None,
        hostname: "host",
        seed: 1,
        c_steps: u64::MAX,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    let plugin = AnalysisPlugin::create(&options, &mut ());
    plugin.unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error.text())))
}

fn calls(c: &mut Criterion) {
    let mut raw = Vec::new();
    OwnedMessage::default().encode(&mut raw);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message");
    let mut group = c.benchmark_group("calls");
    group.throughput(Throughput::Elements(CALLS));
    for (name, setup, call) in [
        ("the loop", "", ""),
        ("hyperloglog add", "require 'hyperloglog' local it = hyperloglog.new()", "it:add(n)"),
        ("bloom_filter add", "require 'bloom_filter' local it = bloom_filter.new(1e6, .01)", "it:add(n)"),
        // Half full at most: keys come again.
        (
            "cuckoo_filter add",
            "require 'cuckoo_filter' local it = cuckoo_filter.new(1e6)",
            "it:add(n % 500000)",
        ),
        (
            "cuckoo_filter_expire add",
            "require 'cuckoo_filter_expire' local it = cuckoo_filter_expire.new(1e6, 1)",
            "it:add(n % 500000, 1e18)",
        ),
        (
            "circular_buffer add",
            "require 'circular_buffer' local it = circular_buffer.new(1440, 3, 60)",
            "it:add(1e18, 1, 1)",
        ),
        // Five named captures.
        ("lpeg match", COMMON_LOG_FORMAT, "match(grammar, line)"),
        ("xxhash h64", "require 'xxhash' local h64 = xxhash.h64", "h64(n)"),
    ] {
        let mut plugin = plugin(setup, call);
        group.bench_function(name, |b| {
            b.iter(|| plugin.process_message(Message::new(&raw, &index), 0, &mut ()));
        });
        assert!(!plugin.is_terminated(), "{name}: {}", String::from_utf8_lossy(plugin.error()));
    }
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
