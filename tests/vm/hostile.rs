//! Filters that misbehave on purpose: what is said of each, and that the filter beside it does not notice.

use std::{fs, path::Path};

use cepshim::{
    event::{Event, Flow, Observer, RecordId},
    message::{Message, MessageIndex},
    pipeline::{FilterContext, FilterReport, FilterSpec, Harness, HostConfig, NativeModules, Outcome},
    system::System,
};

use crate::support::{full_message, on_deep_stack, text};

const MESSAGES: u64 = 5;

/// Counts the messages each filter injects.
#[derive(Default)]
struct Injected([u64; 2]);

impl Observer for Injected {
    fn event(&mut self, event: &Event<'_>) -> Flow {
        if let Event::Injected { filter, .. } = event {
            self.0[*filter] += 1;
        }
        Flow::Continue
    }
}

/// Runs `script` and a well-behaved filter over a few messages; the report of the first.
#[track_caller]
fn run(script: &str, config: &str, c_steps: u64) -> FilterReport {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let spec = |name: &str, script: &str, config: &str| {
        let path = folder.path().join(format!("{name}.cfg"));
        let config =
            format!("filename = '{name}.lua'\nmessage_matcher = 'TRUE'\nticker_interval = 1\n{config}");
        fs::write(&path, config).expect("the folder is writable");
        fs::write(folder.path().join(format!("{name}.lua")), script).expect("the folder is writable");
        FilterSpec { path, state: None }
    };
    let specs = [
        spec("hostile", script, config),
        spec(
            "neighbour",
            "require 'string' count = 0
            function process_message()
                count = count + 1
                return 0
            end
            function timer_event(_, is_shutdown)
                if is_shutdown then inject_payload('txt', 'count', string.format('%d', count)) end
            end",
            "preserve_data = true",
        ),
    ];
    let host = "output_path = 'out' sandbox_run_path = 'run' analysis_lua_path = 'modules/?.lua'
        analysis_lua_cpath = 'modules/?.so' io_lua_path = 'm/?.lua' io_lua_cpath = 'm/?.so'
        input_defaults = {} analysis_defaults = {} output_defaults = {}";
    let host = HostConfig::load(Path::new("hindsight.cfg"), host.as_bytes(), &mut |_, _| {}).expect("valid");
    let system = System::fixed();
    let context = FilterContext {
        host: &host,
        system: &system,
        log_level: 6,
        c_steps,
        native_modules: &NativeModules::BuiltIn,
        start_ns: 0,
        first_slot: 3000,
        rehearse: false,
    };
    let mut injected = Injected::default();
    let mut harness = Harness::start(&specs, &context, &mut injected);
    let _ = harness.idle(&mut injected);
    let raw = full_message();
    let mut index = MessageIndex::default();
    index.decode(&raw).expect("a message");
    for number in 1..=MESSAGES {
        let record = RecordId { number, ..RecordId::default() };
        let _ = harness.process(Message::new(&raw, &index), record, &mut injected);
    }
    let mut reports = harness.finish(&mut injected);
    let neighbour = reports.pop().expect("two reports");
    assert_eq!(neighbour.outcome, Outcome::Ok, "{:?}", neighbour.error.as_deref().map(text));
    assert_eq!((neighbour.messages_matched, neighbour.process_message_count), (MESSAGES, MESSAGES));
    assert_eq!((neighbour.injected, injected.0[1]), (1, 1));
    assert!(text(neighbour.state.as_deref().unwrap_or_default()).contains("_G[\"count\"] = 5"));
    let report = reports.pop().expect("two reports");
    assert_eq!(report.injected, injected.0[0]);
    report
}

/// `process_message` with this body ends the filter with this text.
#[track_caller]
fn check(body: &str, expected: &str) {
    check_with(body, "", 20_000_000, expected);
}

#[track_caller]
fn check_with(body: &str, config: &str, c_steps: u64, expected: &str) {
    let script = format!(
        "require 'string' require 'table' require 'math'
function process_message() {body} end function timer_event() end"
    );
    on_deep_stack(|| {
        let report = run(&script, config, c_steps);
        let error = report.error.as_deref().map(text);
        assert_eq!(report.outcome, Outcome::Terminated, "{body}: {error:?}");
        let error = error.unwrap_or_default();
        // The script's folder is in front of some texts.
        let shown = match error.find("/hostile.lua:") {
            Some(at) => format!(
                "{}{}",
                error.split('/').next().unwrap_or_default(),
                &error[at + "/hostile.lua:".len()..]
            ),
            None => error,
        };
        assert_eq!(shown, expected, "{body}");
        assert_eq!(report.ended.map(|it| it.1.number), Some(1));
    });
}

#[test]
fn endless_loops_end_at_the_instruction_limit() {
    check("while true do end", "process_message() instruction_limit exceeded");
    check("local function f() return f() end return f()", "process_message() instruction_limit exceeded");
    check("for i = 1, math.huge do local a = {i} end", "process_message() instruction_limit exceeded");
}

#[test]
fn loops_that_swallow_the_limit_are_told_apart() {
    let words =
        "production would hang here: instruction_limit exceeded and caught by pcall 1000 times in one call";
    let config = "instruction_limit = 1000";
    let check = |body: &str| check_with(body, config, 20_000_000, words);
    check("while true do pcall(function() while true do end end) end");
    check("local function f() pcall(f) return f() end return f()");
    // A handler runs inside the hook that raises, where Lua itself lets no further hook fire.
    check("while true do xpcall(function() while true do end end, function() while true do end end) end");
    // As a metamethod, a comparator, a replacement.
    check(
        "local o = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() return o.x end) end",
    );
    check("while true do pcall(table.sort, {1, 2, 3}, function() while true do end end) end");
    check("while true do pcall(string.gsub, 'aaa', 'a', function() while true do end end) end");
}

#[test]
fn growth_ends_at_the_memory_limit() {
    for body in [
        "local t = {} while true do t[#t + 1] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "local s = 'x' while true do s = string.format('%s%s', s, s) end",
        "local t = {} while true do t[{}] = function() return t end end",
        "local s = ('x'):rep(1e9)",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 1000 do t[i] = s end return #table.concat(t)",
        "local s = ('x'):rep(1e5) return #s:gsub('x', s)",
        "local s = ('x'):rep(3e6) return #string.format('%s', s .. s) + #string.format('%q', s)",
        "local s = ('x'):rep(3e6) return #s:gsub('', 'yyyyyyyy')",
        "local a = {} for i = 1, 1e6 do a[i] = i .. '' end",
        "local t = {} t[2^24] = 1 for i = 1, 2^20 do t[i] = i end",
    ] {
        check_with(
            body,
            "memory_limit = 8000000 instruction_limit = 0",
            1 << 40,
            "process_message() not enough memory",
        );
    }
}

#[test]
fn recursion_ends_in_lua_words() {
    check("local function f() return 1 + f() end return f()", "process_message() 2: stack overflow");
    check(
        "local o = setmetatable({}, {}) getmetatable(o).__index = function(t, k) return t[k] end return o.x",
        "process_message() 2: C stack overflow",
    );
    check(
        "local function f() return (('x'):gsub('x', f)) end return f()",
        "process_message() C stack overflow",
    );
    check(
        "local function f() return select(2, pcall(f)) end return f() + 1",
        "process_message() 2: attempt to perform arithmetic on a string value",
    );
    check("local o = {} setmetatable(o, {__index = o}) return o.x", "process_message() 2: loop in gettable");
}

#[test]
fn patterns_that_never_end_are_told() {
    let words =
        "production would hang here: native code took more than 1000000 steps in one call (--c-steps)";
    for body in [
        "return #('a'):rep(50):match('.-.-.-.-.-.-.-.-x')",
        "return ('a'):rep(10000):find('.-.-.-b')",
        "return ('a'):rep(100000):gsub('a*b', '')",
        "for i = 1, 1e9 do ('a'):rep(1000):find('b') pcall(string.find, ('a'):rep(100000), 'a*b') end",
        "return ('('):rep(100000):gsub('%b()', '')",
        "for a in ('a'):rep(10000):gmatch('.-.-.-b') do return 1 end",
        "while true do pcall(string.rep, 'x', 100000) pcall(string.find, ('a'):rep(10000), '.-.-.-b') end",
    ] {
        check_with(body, "instruction_limit = 0", 1_000_000, words);
    }
}

#[test]
fn sketches_that_read_what_is_not_theirs_are_told() {
    check(
        r"require 'string' require 'hyperloglog' local h = hyperloglog.new()
        h:fromstring('HYLL\255' .. ('\0'):rep(10) .. '\128' .. ('x'):rep(12288))
        while true do pcall(h.count, h) end",
        "what production does here is undefined: a hyperloglog with encoding 255 is counted from memory behind it",
    );
    for method in ["add", "query", "delete"] {
        check(
            &format!(
                "require 'cuckoo_filter' local c = cuckoo_filter.new(7) while true do pcall(c.{method}, c, 'x') end"
            ),
            "production would crash here: a cuckoo_filter for less than 8 items reads far outside its memory",
        );
    }
}

/// Every one of these loops over all of a filter.
#[test]
fn sketches_that_never_end_are_told() {
    let words =
        "production would hang here: native code took more than 1000000 steps in one call (--c-steps)";
    for body in [
        "require 'cuckoo_filter_expire' local c = cuckoo_filter_expire.new(1000, 1) c:add('x', 1e18)
        for i = 1, 1e9 do c:add('x', 1e18 + i * 60e9) end",
        "require 'string' require 'cuckoo_filter_expire' local c = cuckoo_filter_expire.new(1000, 1)
        c:fromstring(1e9, ('x'):rep(5120)) while true do c:add('x', 0) end",
        "require 'cuckoo_filter_expire' local c = cuckoo_filter_expire.new(1000, 1) while true do c:clear() end",
        "require 'cuckoo_filter' local c = cuckoo_filter.new(1000) while true do pcall(c.clear, c) end",
        "require 'bloom_filter' local b = bloom_filter.new(1000, .1) while true do b:clear() end",
        "require 'hyperloglog' local h = hyperloglog.new() while true do h:clear() h:count() end",
        "require 'hyperloglog' local h, g = hyperloglog.new(), hyperloglog.new() while true do h:merge(g) end",
        "require 'hyperloglog' local h = hyperloglog.new() while true do hyperloglog.count(h, h) end",
    ] {
        check_with(body, "instruction_limit = 0", 1_000_000, words);
    }
}

#[test]
fn patterns_too_deep_for_production_are_told() {
    let words = "production would crash here: pattern too complex, C stack overflow";
    check_with(
        "local n = 300000 return ('a'):rep(n):find(('a?'):rep(n) .. ('a'):rep(n))",
        "instruction_limit = 0 memory_limit = 0",
        1 << 40,
        words,
    );
}

#[test]
fn errors_in_strange_places_are_reported() {
    check(
        "return ('x'):gsub('x', function() error('from the callback') end)",
        "process_message() 2: from the callback",
    );
    check(
        "return ('x'):gsub('x', function() return {} end)",
        "process_message() 2: invalid replacement value (a table)",
    );
    check("error(nil)", "process_message() <nil error message>");
    check("error({})", "process_message() <nil error message>");
    check(
        "error(setmetatable({}, {__tostring = function() error('again') end}))",
        "process_message() <nil error message>",
    );
    check(
        "local f f = function() error(f) end local a, b = xpcall(f, f) error(b)",
        "process_message() 2: error in error handling",
    );
    check("error('a\\0b')", "process_message() 2: a");
    check(
        "return table.concat({1, {}, 3})",
        "process_message() 2: invalid value (table) at index 2 in table for 'concat'",
    );
    check("return table.concat({}, 'x', 1, 2^31)", "process_message() must return a numeric status code");
    check(
        "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() return true end)",
        "process_message() 2: invalid order function for sorting",
    );
    check("table.sort({3, 1, 'x'})", "process_message() attempt to compare string with number");
    check("return unpack({}, 1, 1e8)", "process_message() 2: too many results to unpack");
    check("return unpack({}, -2^31, 2^31)", "process_message() must return a numeric status code");
    check("return string.char(-1)", "process_message() 2: bad argument #1 to 'char' (invalid value)");
    check(
        "return ('%99999d'):format(1)",
        "process_message() 2: invalid format (width or precision too long)",
    );
    check("return string.format('%y')", "process_message() 2: bad argument #2 to 'format' (no value)");
    // A repetition of 2^31 is none: it is cut to C's int.
    check("return ('x'):rep(2^31)", "process_message() must return a numeric status code");
    check("return nil", "process_message() must return a numeric status code");
    check("return 0, {}", "process_message() must return a nil or string error message");
    check(
        "process_message = nil require = nil _G = nil return 1",
        "process_message() received a termination status code",
    );
    check("setfenv(0, {}) return x.y", "process_message() 2: attempt to index global 'x' (a nil value)");
    check(
        "setmetatable(_G, {__index = function(_, k) error(k) end}) process_message = nil timer_event = nil return nothing",
        "process_message() 2: nothing",
    );
    check("debug.sethook()", "process_message() 2: attempt to index global 'debug' (a nil value)");
}

#[test]
fn texts_under_way_survive_finalizers() {
    check(
        "require 'circular_buffer' require 'sax'
        local other, piece = string.rep('y', 100000), string.rep('x', 500)
        for _, class in ipairs{circular_buffer.new(2, 1, 1), sax.window.new(2, 2, 2)} do
            getmetatable(class).__gc = function() string.rep(other, 1) string.gsub('yy', 'y', ('y'):rep(50)) end
        end
        local is_same = true
        for i = 1, 300 do
            local object = circular_buffer.new(2, 1, 1)
            local text = string.rep(piece, 2 + i % 7 * 20)
            local replaced = string.gsub(string.rep('a', 300), 'a', ('x'):rep(20))
            is_same = is_same and not string.find(text .. replaced, '[^x]')
        end
        error(is_same and 'the same' or 'not the same', 0)",
        "process_message() the same",
    );
}

#[test]
fn streams_that_production_would_die_of_are_told() {
    let crash = |words: &str| format!("production would crash here: {words}");
    let check = |body: &str, expected: &str| {
        check(
            &format!(
                "for _, it in ipairs{{'sax', 'streaming_algorithms.cm_sketch', 'streaming_algorithms.time_series',
                'streaming_algorithms.p2', 'streaming_algorithms.matrix'}} do require(it) end
            local new = streaming_algorithms.time_series.new
            for i = 1, 3 do pcall(function() {body} end) end"
            ),
            expected,
        );
    };
    let division = crash("integer division by zero");
    for body in [
        "new(2, 0.5):add(0, 1)",
        "new(2, 0.5):get(0)",
        "new(2, 0.5):get_range(nil, 1)",
        "new(2, 0.5):get_range(0, 1)",
        "new(16, 0.5):matrix_profile(nil, 16, 4, 100)",
        "new(2, 0.5):merge(new(2, 0.5))",
        "streaming_algorithms.cm_sketch.new(2.718281828459045 / 2^63, 0.5):update('x')",
    ] {
        check(body, &division);
    }
    let outside = "what production does here is undefined: a time_series row beyond 2^63";
    check(
        "local s = new(10, 1) s:add(2^63 - 2048, 1) s:get(2^63) s:get(2^63 + 2048) s:get(2^64 - 2048)",
        outside,
    );
    let freed = crash("an object is used after its __gc was called");
    for (object, release, using) in [
        ("sax.window.new(8, 4, 6)", "getmetatable(it).__gc(it)", "it:add(1)"),
        ("sax.window.new(8, 4, 6)", "getmetatable(it).__gc(it)", "tostring(it)"),
        (
            "sax.word.new('AB', 6)",
            "getmetatable(it).__gc(it) getmetatable(it).__gc(it)",
            "add_to_payload(it)",
        ),
    ] {
        check(&format!("local it = {object} {release} {using}"), &freed);
    }
    check(
        "local s = new(100000, 1) for i = 0, 99999 do s:set(i, i * i % 1013) end s:matrix_profile(nil, 100000, 4, 100)",
        "production would hang here: native code took more than 20000000 steps in one call (--c-steps)",
    );
}

#[test]
fn streams_too_large_are_refused() {
    let check = |body: &str| check(body, "process_message() not enough memory");
    check("require 'streaming_algorithms.matrix' streaming_algorithms.matrix.new(2147483647, 2147483647)");
    check("require 'streaming_algorithms.matrix' streaming_algorithms.matrix.new(65536, 65536, 'float')");
    check("require 'streaming_algorithms.cm_sketch' streaming_algorithms.cm_sketch.new(1e-12, 0.1)");
    check("require 'streaming_algorithms.time_series' streaming_algorithms.time_series.new(2147483647, 1)");
    check("require 'sax' local all = {} for i = 1, math.huge do all[i] = sax.window.new(4096, 2, 2) end");
}

#[test]
fn long_texts_are_cut() {
    on_deep_stack(|| {
        let script = "require 'string' function process_message() error(('x'):rep(1e6)) end
            function timer_event() end";
        let report = run(script, "", 1_000_000);
        let error = text(&report.error.expect("terminated"));
        assert!(error.starts_with("process_message() ") && error.ends_with("xxx"), "{error}");
        assert_eq!(error.len(), 255);
    });
}

/// Production says so and leaves the state file as it was (`luasandbox_serialize.c`, `preserve_global_data`).
#[test]
fn without_require_strings_cannot_be_preserved() {
    on_deep_stack(|| {
        let script = "x = 'text' require = function() end
            function process_message() return 0 end function timer_event() end";
        let report = run(script, "preserve_data = true", 1_000_000);
        assert_eq!(report.outcome, Outcome::Ok);
        assert_eq!(report.state, None);
        let logs: Vec<String> = report.logs.iter().map(|it| text(it)).collect();
        let expected = "[error] analysis.hostile lsb_heka_destroy_sandbox failed: preserve_global_data 'require' \
                        function not found";
        assert_eq!(logs, [expected]);
    });
}

#[test]
fn tables_that_cannot_be_injected_are_refused() {
    check(
        "local t = {} for i = 1, 10000 do t = {t} end inject_message({Fields = t})",
        "process_message() 2: inject_message() failed: field name must be a string",
    );
    check(
        "local t = {} for i = 1, 10000 do t = {value = t} end inject_message({Fields = {a = t}})",
        "process_message() 2: stack overflow (too many nested field values)",
    );
    check(
        "local t = {} t.Fields = t inject_message(t)",
        "process_message() 2: inject_message() failed: unsupported type: nil",
    );
    check(
        "local t = {} t.a = t inject_message({Fields = t})",
        "process_message() 2: inject_message() failed: unsupported type: nil",
    );
    check("inject_message({Payload = ('x'):rep(1e6)})", "process_message() 2: inject_message() failed: ");
    check(
        "while true do inject_message({Payload = 'x'}) end",
        "process_message() 2: inject_message() failed: injection limit exceeded",
    );
    check("while true do add_to_payload('x') end", "process_message() 2: output_limit exceeded");
}

/// A filter that is fine until its state is written.
#[track_caller]
fn check_state(setup: &str, expected: Option<&str>) {
    let script = format!(
        "require 'string' {setup} function process_message() return 0 end function timer_event() end"
    );
    on_deep_stack(|| {
        let report = run(&script, "preserve_data = true", 20_000_000);
        assert_eq!(report.outcome, Outcome::Ok, "{setup}");
        let state = report.state.as_deref().map(text);
        assert_eq!(
            state.is_some(),
            expected.is_some(),
            "{setup}: {:?}",
            report.logs.iter().map(|it| text(it)).collect::<Vec<_>>()
        );
        if let (Some(state), Some(expected)) = (state, expected) {
            assert!(state.contains(expected), "{setup}: {state}");
        }
    });
}

#[test]
fn states_that_cannot_be_written_hurt_nobody() {
    check_state("t = {} t.t = t t[1] = t", Some("_G[\"t\"][\"t\"] = _G[\"t\"]"));
    check_state("g = _G", Some("PRESERVATION"));
    check_state("t = {} local last = t for i = 1, 10000 do last[1] = {} last = last[1] end", None);
    check_state("t = {} t[{}] = 1", None);
    check_state("string.format = function() while true do error('no') end end t = {x = 'y'}", None);
}
