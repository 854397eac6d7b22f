//! Any bytes as a grammar and a subject: the match ends within its limits, and does the same from a snapshot.
//!
//! The input is a program for a stack of patterns: a byte chooses a constructor or operator, the next ones its operands;
//! behind a zero byte stands the subject.
#![no_main]

use std::{cell::RefCell, sync::OnceLock};

use cepshim::{
    message::{Message, MessageIndex, OwnedMessage},
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules, Snapshot},
};
use libfuzzer_sys::fuzz_target;

/// The interpreter of such programs. What they do is in the global `said`, which the snapshots' images hold.
const SCRIPT: &str = r##"
require "string" require "table" require "lpeg"
local l = lpeg
said = ""
local function note(s, i, ...) if i % 3 == 0 then return false end return i, ... end
local function quiet(s, i) return i end
local function join(a, b) return tostring(a) .. tostring(b) end
local makers = {
  function(pop, arg) return l.P(string.char(arg)) end,
  function(pop, arg) return l.P(string.char(arg, arg + 1 < 256 and arg + 1 or 0)) end,
  function(pop, arg) return l.P(arg % 7 - 3) end,
  function(pop, arg) return l.S(string.char(arg, (arg * 7) % 256, 97)) end,
  function(pop, arg) return l.R(string.char(arg % 128, 127 + arg % 129)) end,
  function(pop, arg) return l.V(arg % 4 + 1) end,
  function(pop, arg) return pop() * pop() end,
  function(pop, arg) return pop() * pop() end,
  function(pop, arg) return pop() + pop() end,
  function(pop, arg) return pop() - pop() end,
  function(pop, arg) return -pop() end,
  function(pop, arg) return #pop() end,
  function(pop, arg) return pop() ^ (arg % 9 - 4) end,
  function(pop, arg) return pop() ^ 0 end,
  function(pop, arg) return l.B(pop()) end,
  function(pop, arg) return l.C(pop()) end,
  function(pop, arg) return l.Ct(pop()) end,
  function(pop, arg) return l.Cs(pop()) end,
  function(pop, arg) return l.Cg(pop()) end,
  function(pop, arg) return l.Cg(pop(), arg % 3) end,
  function(pop, arg) return l.Cb(arg % 3) end,
  function(pop, arg) return l.Cc(arg, nil, "x") end,
  function(pop, arg) return l.Cp() end,
  function(pop, arg) return l.Carg(arg % 3 + 1) end,
  function(pop, arg) return l.Cf(pop(), join) end,
  function(pop, arg) return l.Cmt(pop(), note) end,
  function(pop, arg) return l.Cmt(pop(), quiet) end,
  function(pop, arg) return pop() / "%0%1%2" end,
  function(pop, arg) return pop() / (arg % 4) end,
  function(pop, arg) return pop() / {a = 1, b = false} end,
  function(pop, arg) return pop() / note end,
  function(pop, arg) return l.P{pop(), pop()} end,
  function(pop, arg) return l.P{pop() + "", pop() * "b", pop(), l.V(1) + "c"} end,
}
local function build(program)
  local stack = {}
  local function pop()
    local n = #stack
    if n == 0 then return l.P"a" end
    local p = stack[n]
    stack[n] = nil
    return p
  end
  for i = 1, #program - 1, 2 do
    stack[#stack + 1] = makers[program:byte(i) % #makers + 1](pop, program:byte(i + 1))
  end
  return pop()
end
function process_message()
  local input = read_message("Payload")
  local zero = input:find("\0", 1, true) or #input
  local ok, p = pcall(build, input:sub(1, zero - 1))
  if not ok then said = p return 0 end
  local out = {}
  local function keep(...) for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))):gsub("0x%x+", "") end end
  keep(pcall(l.match, p, input:sub(zero + 1), 1, "first", 2))
  said = table.concat(out, " "):sub(1, 1000)
  return 0
end
function timer_event() end
"##;

fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("cepshim-fuzz-lpeg-{}.lua", std::process::id()));
        std::fs::write(&path, SCRIPT).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    })
}

/// A plugin and the state it starts each input from.
fn create() -> (AnalysisPlugin, Snapshot) {
    let options = AnalysisOptions {
        lua_file: script(),
        config: b"memory_limit = 8000000 instruction_limit = 100000 output_limit = 100000\n\
            path = '' cpath = 'modules/?.so'",
        state: None,
        hostname: "host",
        seed: 1,
        c_steps: 300_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    let plugin = AnalysisPlugin::create(&options, &mut ()).unwrap_or_else(|_| panic!("the script is good"));
    let start = plugin.snapshot().expect("nothing pins it");
    (plugin, start)
}

thread_local! {
    static SANDBOX: RefCell<Option<(AnalysisPlugin, Snapshot)>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let mut raw = Vec::new();
    OwnedMessage { payload: Some(data.to_vec()), ..OwnedMessage::default() }.encode(&mut raw);
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message of ours");
    SANDBOX.with_borrow_mut(|sandbox| {
        let (plugin, start) = sandbox.get_or_insert_with(create);
        let run = |plugin: &mut AnalysisPlugin| {
            plugin.restore(start);
            let status = plugin.process_message(Message::new(&raw, &index), 10, &mut ());
            let error = String::from_utf8_lossy(plugin.error()).into_owned();
            assert!(!error.contains("internal error"), "{error}");
            (status, error, plugin.snapshot().expect("nothing pins it"))
        };
        let (first, second) = (run(plugin), run(plugin));
        assert_eq!((first.0, &first.1), (second.0, &second.1));
        assert_eq!(second.2.difference(&first.2), None);
    });
});
