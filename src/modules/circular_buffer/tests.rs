//! Scripts from `tests/data/modules/circular_buffer`, whose texts were recorded from production's module, and running
//! out of memory in every call.

use std::{fs, path::Path};

use crate::{
    modules::BUILTIN,
    sandbox::{AnalysisOptions, AnalysisPlugin, CreateError, NativeModules, Preserved, Sink, StateFile},
    vm::Place,
};

/// Gathers the payloads that are injected.
#[derive(Default)]
struct Payloads {
    bytes: Vec<u8>,
}

impl Sink for Payloads {
    fn injected(&mut self, message: &[u8], _: Place) {
        self.bytes.extend_from_slice(payload(message).unwrap_or_default());
    }

    fn log(&mut self, _: u8, _: &[u8], _: &[u8]) {}
}

/// The payload in an encoded message: field 6, among fields that are varints, doubles or bytes.
fn payload(mut message: &[u8]) -> Option<&[u8]> {
    loop {
        let (key, rest) = varint(message)?;
        let (len, rest) = if key & 7 == 2 { varint(rest)? } else { (0, rest) };
        let value = rest.get(..len)?;
        if key >> 3 == 6 {
            return Some(value);
        }
        message = match key & 7 {
            0 => varint(rest)?.1,
            _ => &rest[len..],
        };
    }
}

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let len = bytes.iter().position(|it| it & 0x80 == 0)? + 1;
    let value = bytes[..len].iter().rev().fold(0, |value, it| value << 7 | usize::from(it & 0x7f));
    Some((value, &bytes[len..]))
}

fn create(lua_file: &Path, config: &str, state: Option<&[u8]>) -> Result<AnalysisPlugin, CreateError> {
    let config = format!("path = ''\ncpath = 'modules/?.so'\ninstruction_limit = 0\n{config}");
    let options = AnalysisOptions {
        lua_file: lua_file.to_str().expect("a UTF-8 path"),
        config: config.as_bytes(),
        state: Some(StateFile { name: "state", content: state }),
        hostname: "test.example",
        seed: 0,
        start_ns: 0,
        c_steps: u64::MAX,
        modules: BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 1000,
    };
    AnalysisPlugin::create(&options, &mut ())
}

/// Runs the script's shutdown and compares its payloads with those recorded from production.
#[track_caller]
fn check_recorded(name: &str, config: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modules/circular_buffer");
    let mut plugin = create(&data.join(format!("{name}.lua")), config, None).expect("a plugin");
    let mut payloads = Payloads::default();
    let is_ok = plugin.timer_event(0, true, 100_000, &mut payloads);
    assert!(is_ok, "{}", String::from_utf8_lossy(plugin.error()));
    let expected = fs::read(data.join(format!("{name}.txt"))).expect("the recorded text");
    let (got, expected) = (payloads.bytes, expected);
    for (n, (got, expected)) in
        got.split(|&it| it == b'\n').zip(expected.split(|&it| it == b'\n')).enumerate()
    {
        assert_eq!(String::from_utf8_lossy(got), String::from_utf8_lossy(expected), "line {}", n + 1);
    }
    assert_eq!(got.len(), expected.len());
}

#[test]
fn times_at_the_edges_are_cut_as_in_c() {
    check_recorded("clock_edges", "output_limit = 4000000");
}

#[test]
fn wrong_arguments_are_refused_in_production_words() {
    check_recorded("errors", "output_limit = 4000000");
}

#[test]
fn annotations_are_tables_of_the_module() {
    check_recorded("module_tables", "output_limit = 4000000");
}

#[test]
fn any_sequence_of_operations_ends_in_the_same_cells() {
    check_recorded("operations", "output_limit = 4000000");
}

#[test]
fn text_restores_to_the_same_cells() {
    check_recorded("restored_text", "output_limit = 4000000");
}

#[test]
fn a_full_payload_ends_at_the_same_byte() {
    check_recorded("full_output", "output_limit = 2048");
}

/// A plugin with this setup, whose timer event runs `body`.
fn inline(setup: &str, body: &str, config: &str, state: Option<&[u8]>) -> AnalysisPlugin {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("inline.lua");
    let script = format!(
        "require 'circular_buffer' require 'string'\nfunction process_message() return 0 end\n{setup}\nfunction timer_event()\n{body}\nend\n"
    );
    fs::write(&file, script).expect("a script");
    create(&file, config, state).expect("a plugin")
}

const SETUP: &str = "c = circular_buffer.new(5, 2, 60)
    c:add(0, 1, 1) c:annotate(0, 1, 'info', 'first') c:annotate(60e9, 2, 'alert', 'second')
    text = '240 4' .. (' 1'):rep(10)";

#[test]
fn a_preserved_buffer_is_restored() {
    let mut plugin = inline(
        "c = circular_buffer.new(3, 2, 60)",
        "c:add(0, 1, 1) c:set_header(2, 'two', 'B', 'max') c:annotate(120e9, 2, 'info', 'a/b')
         c:set(300e9, 2, 1/3) c:annotate(300e9, 2, 'alert', 'x', false)",
        "preserve_data = true",
        None,
    );
    assert!(plugin.timer_event(0, true, 1, &mut ()));
    let Some(Preserved::Written(state)) = plugin.destroy() else { panic!("no state") };
    let expected = "if _G[\"c\"] == nil then _G[\"c\"] = circular_buffer.new(3, 2, 60) end\n\
        _G[\"c\"]:set_header(1, \"Column_1\", \"count\", \"sum\")\n\
        _G[\"c\"]:set_header(2, \"two\", \"B\", \"max\")\n\
        _G[\"c\"]:fromstring(\"300 2 nan nan nan nan nan 0.33333333 300 nan 0.33333333\")\n\
        _G[\"c\"]:annotate(3e+11, 2, \"alert\", \"x\", false)\n";
    let got = String::from_utf8_lossy(&state);
    assert!(got.contains(expected), "{got}");

    let mut restored = inline("", "add_to_payload(c) inject_payload()", "preserve_data = true", Some(&state));
    let mut payloads = Payloads::default();
    assert!(restored.timer_event(0, true, 1, &mut payloads));
    let expected = "{\"time\":180,\"rows\":3,\"columns\":2,\"seconds_per_row\":60,\"column_info\":[\
        {\"name\":\"Column_1\",\"unit\":\"count\",\"aggregation\":\"sum\"},\
        {\"name\":\"two\",\"unit\":\"B\",\"aggregation\":\"max\"}],\"annotations\":[\
        {\"x\":300000,\"col\":2,\"shortText\":\"a\",\"text\":\"x\"}]}\nnan\tnan\nnan\tnan\nnan\t0.33333333\n";
    assert_eq!(String::from_utf8_lossy(&payloads.bytes), expected);
}

/// Lets the body's first, second, ... allocation and all after it fail: each time the sandbox ends with Lua's words
/// and nothing else, until there are no more to fail.
#[track_caller]
fn check_out_of_memory(body: &str) {
    let mut plugin = inline(SETUP, body, "output_limit = 100000", None);
    let before = plugin.snapshot().expect("nothing pins it");
    for allocations in 0..200 {
        plugin.fail_after(allocations);
        let is_ok = plugin.timer_event(0, true, 100, &mut ());
        let error = String::from_utf8_lossy(plugin.error()).into_owned();
        plugin.fail_after(u64::MAX);
        if is_ok {
            return;
        }
        // A collected buffer gives its annotations back, which takes memory too; production exits there.
        let is_expected = error == "timer_event() not enough memory"
            || error == "production would crash here: a finalizer raised an error in a garbage collection";
        assert!(is_expected, "after {allocations} allocations: {error}");
        plugin.restore(&before);
        assert!(plugin.timer_event(0, true, 100, &mut ()), "{}", String::from_utf8_lossy(plugin.error()));
        plugin.restore(&before);
    }
    panic!("the body never gets enough memory");
}

#[test]
fn every_call_survives_running_out_of_memory() {
    for body in [
        "circular_buffer.new(100, 3, 1)",
        "for i = 1, 9 do circular_buffer.new(2, 1, 1):annotate(0, 1, 'info', 'x') end",
        "c:add(300e9, 1, 1)",
        "c:set(300e9, 2, 1)",
        "c:get('0', '1')",
        "c:get_range(1)",
        "c:get_range_delta(1)",
        "c:set_header(2, 'name' .. 7, 8, 'max')",
        "c:get_header(1)",
        "c:annotate(120e9, 2, 'alert', ('long \"text\" '):rep(200), false)",
        "c:format('cbufd')",
        "add_to_payload(c)",
        "add_to_payload(c:format('cbufd'))",
        "inject_payload('cbuf', 'name', c)",
        "inject_message({Fields = {a = {value = c}}})",
        "c:fromstring(text)",
        "c.__gc(c)",
        "pcall(c.add, {}, 1, 1, 1)",
        "pcall(c.add, c, 1, 3, 1)",
        "pcall(c.format, c, ('x'):rep(2000))",
        "pcall(c.fromstring, c, 'x')",
        "package = nil require 'circular_buffer'",
    ] {
        check_out_of_memory(body);
    }
}

#[test]
fn opening_survives_running_out_of_memory() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("inline.lua");
    fs::write(
        &file,
        "function process_message() return 0 end\nfunction timer_event() require 'circular_buffer' end\n",
    )
    .expect("a script");
    let mut plugin = create(&file, "", None).expect("a plugin");
    let before = plugin.snapshot().expect("nothing pins it");
    let mut failures = 0;
    loop {
        plugin.fail_after(failures);
        let is_ok = plugin.timer_event(0, true, 100, &mut ());
        if is_ok {
            break;
        }
        assert_eq!(plugin.error(), b"timer_event() not enough memory", "after {failures} allocations");
        plugin.restore(&before);
        failures += 1;
    }
    assert!(failures > 20, "opening allocates");
}

#[test]
fn a_buffer_that_empties_the_message_it_is_in_fails_the_message() {
    let mut plugin = inline(
        "",
        "local c = circular_buffer.new(2, 1, 1):format('cbufd')
         local ok, text = pcall(inject_message, {Fields = {a = {value = c}}})
         add_to_payload(tostring(ok), ' ', text)
         inject_payload()",
        "",
        None,
    );
    let mut payloads = Payloads::default();
    assert!(plugin.timer_event(0, true, 1, &mut payloads));
    assert_eq!(payloads.bytes, b"false inject_message() failed: ");
}

#[test]
fn a_finalizer_that_raises_between_calls_ends_the_sandbox() {
    let body =
        "setmetatable(_G, {__index = function(_, name) error(name) end}) circular_buffer = nil c = nil";
    let mut plugin = inline(SETUP, body, "", None);
    assert!(!plugin.timer_event(0, true, 1, &mut ()));
    let expected = "production would crash here: a finalizer raised an error in a garbage collection";
    assert_eq!(String::from_utf8_lossy(plugin.error()), expected);
}

#[test]
fn a_snapshot_holds_a_buffer() {
    let mut plugin = inline(SETUP, "add_to_payload(c:add(0, 1, 1)) inject_payload()", "", None);
    let before = plugin.snapshot().expect("nothing pins it");
    let mut payloads = Payloads::default();
    for _ in 0..2 {
        assert!(plugin.timer_event(0, true, 1, &mut payloads));
    }
    plugin.restore(&before);
    plugin.scribble_free_tail(0xaa);
    assert!(plugin.timer_event(0, true, 1, &mut payloads));
    assert_eq!(payloads.bytes, b"232");
}
