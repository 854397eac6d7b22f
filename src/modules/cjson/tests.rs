//! `cjson` against texts recorded from production (`tests/data/cjson`: `NAME.lua` behind `prelude.lua` gave
//! `NAME.txt`), against itself, and against bad luck.

use proptest::prelude::*;

use crate::{
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, CreateError, NativeModules, Sink},
    vm::{Doom, Place},
};

/// The Payload and nothing else: what `inject_payload` sent.
#[derive(Default)]
struct Injected(Vec<u8>);

impl Sink for Injected {
    fn injected(&mut self, message: &[u8], _: Place) {
        self.0.extend_from_slice(payload(message).unwrap_or_default());
    }

    fn log(&mut self, _: u8, _: &[u8], _: &[u8]) {}
}

/// The Payload, field 6, of an encoded message. In front of it are bytes and varints only.
fn payload(mut message: &[u8]) -> Option<&[u8]> {
    loop {
        let key = varint(&mut message)?;
        let number = varint(&mut message)?;
        if key & 7 == 2 {
            let value;
            (value, message) = message.split_at_checked(number)?;
            if key >> 3 == 6 {
                return Some(value);
            }
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut res = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        res |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(res);
        }
    }
    None
}

/// A plugin whose script is called `NAME.lua` in error texts.
fn create(name: &str, script: &str, config: &str) -> Result<AnalysisPlugin, CreateError> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join(name);
    std::fs::write(&file, script).expect("the script is written");
    let config = format!("path = 'modules/?.lua' cpath = 'modules/?.so' {config}");
    let options = AnalysisOptions {
        lua_file: file.to_str().expect("a path in UTF-8"),
        config: config.as_bytes(),
        state: None,
        hostname: "",
        seed: 1,
        c_steps: 1_000_000_000,
        modules: modules::BUILTIN,
        native_modules: &NativeModules::BuiltIn,
        first_slot: 0,
        start_ns: 0,
    };
    AnalysisPlugin::create(&options, &mut ())
}

/// What the script's `timer_event` injects; panics when it fails.
fn run(script: &str, config: &str) -> Vec<u8> {
    let mut plugin = create("script.lua", script, config)
        .unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error.text())));
    let mut sink = Injected::default();
    let is_alive = plugin.timer_event(0, true, 100, &mut sink);
    assert!(is_alive, "{}", String::from_utf8_lossy(plugin.error()));
    sink.0
}

#[track_caller]
fn check_recorded(name: &str, config: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cjson");
    let read = |file: String| std::fs::read(folder.join(file)).expect("a recorded case");
    let text = |file: String| String::from_utf8(read(file)).expect("a script in UTF-8");
    let script = text("prelude.lua".to_owned()) + &text(format!("{name}.lua"));
    let expected = read(format!("{name}.txt"));
    let got = run(&script, &format!("instruction_limit = 100000000 memory_limit = 64*1024*1024 {config}"));
    let got = without_folder(&got, name);
    for (got, expected) in got.split(|&it| it == b'\n').zip(expected.split(|&it| it == b'\n')) {
        assert_eq!(String::from_utf8_lossy(got), String::from_utf8_lossy(expected), "{name}");
    }
    assert_eq!(got.len(), expected.len(), "{name}");
}

/// Positions in error texts name the script as production's recorder called it.
fn without_folder(text: &[u8], name: &str) -> Vec<u8> {
    let mut res = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"script.lua:") {
        let start = rest[..at].iter().rposition(|&it| it == b'"').map_or(0, |it| it + 1);
        res.extend_from_slice(&rest[..start]);
        res.extend_from_slice(name.as_bytes());
        res.extend_from_slice(b".lua:");
        rest = &rest[at + b"script.lua:".len()..];
    }
    res.extend_from_slice(rest);
    res
}

#[test]
fn texts_are_read_as_in_production() {
    check_recorded("forms", "output_limit = 1000000");
}

#[test]
fn values_are_written_as_in_production() {
    check_recorded("encode", "output_limit = 1000000");
}

#[test]
fn settings_behave_as_in_production() {
    check_recorded("settings", "output_limit = 1000000");
}

#[test]
fn room_is_asked_for_as_in_production() {
    check_recorded("limit", "output_limit = 1000");
}

#[test]
fn more_digits_than_production_formats_end_the_callback() {
    for precision in [15, 16, 17] {
        let script = format!(
            r#"require "cjson"
            function process_message() return 0 end
            function timer_event()
                assert(cjson.encode_number_precision({precision}) == {precision})
                assert(cjson.encode("no number") == '"no number"')
                while true do pcall(cjson.encode, {{1}}) end
            end"#
        );
        let mut plugin = create("script.lua", &script, "").expect("a plugin");
        assert!(!plugin.timer_event(0, true, 0, &mut ()));
        assert!(matches!(plugin.doom(), Some(Doom::Assertion(_))), "precision {precision}");
        let text = String::from_utf8_lossy(plugin.error()).into_owned();
        assert!(text.starts_with("production would crash here: cjson.encode"), "{text}");
    }
}

#[test]
fn no_limit_is_no_limit() {
    let script = r#"require "cjson" require "string"
        function process_message() return 0 end
        function timer_event() inject_payload("txt", "x", #cjson.encode(("x"):rep(3000000))) end"#;
    assert_eq!(run(script, "output_limit = 0 memory_limit = 0"), b"3000002");
}

/// The settings are in the VM: going back in time takes them back.
#[test]
fn snapshots_hold_the_settings() {
    let script = r#"require "cjson"
        function process_message() return 0 end
        function timer_event(ns)
            if ns > 0 then cjson.decode_null(true) end
            inject_payload("txt", "x", #cjson.decode("[null, null]"), " ")
        end"#;
    let mut plugin = create("script.lua", script, "").expect("a plugin");
    let before = plugin.snapshot().expect("nothing pins it");
    let mut sink = Injected::default();
    for seconds in [0, 1, 0] {
        plugin.timer_event(seconds, false, 100, &mut sink);
    }
    plugin.restore(&before);
    plugin.timer_event(0, false, 100, &mut sink);
    assert_eq!(String::from_utf8_lossy(&sink.0), "0 2 2 0 ");
}

/// Every allocation fails once: the script sees Lua's own words, or is told the value all the same.
#[test]
fn out_of_memory_is_an_error_and_nothing_else() {
    let script = r#"require "cjson"
        local text = '{"a":[1,2.5,-3e2,{"b":"x\\ny\\u00e9"},[],{},null,true],"c":"plain","0x":0x10,"long":"' ..
            'abcdefghijklmnopqrstuvwxyz", "d":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}'
        local value = cjson.decode(text)
        local bad = '{"a":[1,2,"\\q'
        function process_message() return 0 end
        function timer_event(ns)
            local ok, v
            if ns == 0 then ok, v = pcall(cjson.decode, text) end
            if ns == 1e9 then ok, v = pcall(cjson.encode, value) end
            if ns == 2e9 then ok, v = pcall(cjson.decode, bad) end
            if ns == 3e9 then ok, v = pcall(cjson.encode, {1, 2, print}) end
            status = ok and type(v) or v
        end
        report = function() inject_payload("txt", "x", status) end"#;
    let report = script
        .replace("function timer_event(ns)", "function timer_event(ns)\n if ns < 0 then return report() end");
    let mut plugin = create("script.lua", &report, "memory_limit = 1024*1024").expect("a plugin");
    let fresh = plugin.snapshot().expect("nothing pins it");
    let good =
        ["table", "string", "Expected value but found invalid escape code", "Cannot serialise function"];
    for (seconds, good) in (0..).zip(good) {
        let mut failures = 0;
        for allocations in 0.. {
            plugin.restore(&fresh);
            plugin.fail_after(allocations);
            let is_alive = plugin.timer_event(seconds, false, 0, &mut ());
            plugin.fail_after(u64::MAX);
            if !is_alive {
                // Out of memory outside the protected call.
                let text = String::from_utf8_lossy(plugin.error()).into_owned();
                assert!(text.ends_with("not enough memory"), "{text}");
                continue;
            }
            let mut sink = Injected::default();
            assert!(plugin.timer_event(-1, false, 1, &mut sink));
            let status = String::from_utf8_lossy(&sink.0).into_owned();
            if status.starts_with(good) {
                break;
            }
            assert_eq!(status, "not enough memory", "case {seconds}, {allocations} allocations");
            failures += 1;
            assert!(allocations < 10_000, "case {seconds} never succeeds");
        }
        assert!(failures > 0, "case {seconds} allocates");
    }
}

/// Lua source of a string of any bytes.
fn quoted(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|it| format!("\\{it:03}")).collect();
    format!("\"{}\"", digits.concat())
}

/// Lua source of a value JSON can hold, and for comparison its normal form.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        (-1_000_000_000_i64..1_000_000_000).prop_map(|it| it.to_string()),
        (-1_000_000_i64..1_000_000, 0..12_i32).prop_map(|(it, scale)| format!("{it}e-{scale}")),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|it| quoted(&it)),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = proptest::collection::vec(any::<u8>(), 0..12);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..8).prop_map(|it| format!("{{{}}}", it.join(","))),
            proptest::collection::vec((key, inner), 0..8).prop_map(|it| {
                let members: Vec<String> =
                    it.iter().map(|(key, value)| format!("[{}]={value}", quoted(key))).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

const EQUAL: &str = r#"
    local function equal(a, b)
        if type(a) ~= "table" or type(b) ~= "table" then return a == b end
        for k, v in pairs(a) do if not equal(v, b[k]) then return false end end
        for k in pairs(b) do if a[k] == nil then return false end end
        return true
    end
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let script = format!(
            r#"require "cjson" {EQUAL}
            function process_message() return 0 end
            function timer_event()
                local value = {value}
                local text = cjson.encode(value)
                local back = cjson.decode(text)
                inject_payload("txt", "x", tostring(equal(value, back)), tostring(equal(back, cjson.decode(" " .. text .. " "))))
            end"#
        );
        let got = run(&script, "output_limit = 1000000");
        prop_assert_eq!(String::from_utf8_lossy(&got), "truetrue");
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(texts in proptest::collection::vec(noise(), 1..40)) {
        let texts: Vec<String> = texts.iter().map(|it| quoted(it)).collect();
        let script = format!(
            r#"require "cjson" require "string"
            function process_message() return 0 end
            function timer_event()
                for _, strict in ipairs({{true, false}}) do
                    cjson.decode_invalid_numbers(not strict)
                    for _, text in ipairs({{{}}}) do
                        local ok, v = pcall(cjson.decode, text)
                        if not ok then assert(v:find("^Expected .+ but found .+ at character %d+$") or v:find("UTF-16", 1, true), v) end
                    end
                end
                inject_payload("txt", "x", "done")
            end"#,
            texts.join(",")
        );
        let got = run(&script, "");
        prop_assert_eq!(String::from_utf8_lossy(&got), "done");
    }

    #[test]
    fn numbers_are_those_of_strtod(texts in proptest::collection::vec(number_text(), 1..40)) {
        let list = texts.join(",");
        let script = format!(
            r#"require "cjson" require "string"
            function process_message() return 0 end
            function timer_event()
                for _, it in ipairs(cjson.decode("[{list}]")) do add_to_payload(string.format("%.17g ", it)) end
                inject_payload("txt", "x")
            end"#
        );
        let expected = texts.iter().map(|it| c_number(it)).collect::<Vec<String>>().join(" ") + " ";
        let got = run(&script, "");
        prop_assert_eq!(String::from_utf8_lossy(&got), expected);
    }
}

/// Text that is nearly JSON.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|it| vec![it]),
        proptest::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\n", "1", "-", "+", ".",
            "e5", "0x1", "p3", "nan", "(1)", "inf", "Infinity", "true", "false", "null", "\"a\"", "\"a\":",
            " ", "\n", "\0", "abcdefgh", "[1]", "{}",
        ])
        .prop_map(|it| it.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..16).prop_map(|it| it.concat())
}

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,25}",
        "-?[0-9]{1,20}\\.[0-9]{0,20}",
        "-?[0-9]{0,3}\\.[0-9]{1,30}([eE][-+]?[0-9]{1,3})?".prop_map(|it| it.replace("..", ".")),
        "-?[0-9]{1,17}[eE][-+]?[0-9]{1,3}",
        "-?0[xX][0-9a-fA-F]{1,20}(\\.[0-9a-f]{0,8})?([pP][-+]?[0-9]{1,4})?",
        any::<f64>().prop_filter("finite", |it| it.is_finite()).prop_map(|it| format!("{it:e}")),
    ]
    // A leading point is no number of the decoder's: it takes a digit or a sign.
    .prop_map(|it| if it.starts_with('.') { format!("0{it}") } else { it })
}

/// The number C reads, as C writes it with all its digits.
#[allow(unsafe_code)]
fn c_number(text: &str) -> String {
    let text = std::ffi::CString::new(text).expect("no NUL");
    let mut res = [0_u8; 64];
    // SAFETY: a C string goes in; the format takes one double, and the length given is the buffer's.
    let len = unsafe {
        let value = libc::strtod(text.as_ptr(), std::ptr::null_mut());
        libc::snprintf(res.as_mut_ptr().cast(), res.len(), c"%.17g".as_ptr(), value)
    };
    String::from_utf8_lossy(&res[..len as usize]).into_owned()
}
