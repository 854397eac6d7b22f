//! What replay prints and how it ends.

use crate::scratch::{COUNT, ECHO, Run, Scratch, matches, recorded};

const TRUE: &str = "message_matcher = 'TRUE'";
const ECHOES: &str = "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1";

/// A run whose words are a snapshot.
#[track_caller]
fn snapshot(name: &str, scratch: &Scratch, arguments: &[&str], status: i32) -> Run {
    let run = scratch.run(arguments).ends(status);
    matches(name, &run);
    run
}

#[test]
fn a_filter_that_ends_well() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, TRUE);
    snapshot("replay_ok", &scratch, &["replay", "count.cfg", "basic.hpb"], 0);
    let quiet = scratch.run(&["replay", "count.cfg", "basic.hpb", "-q"]).ends(0);
    assert!(quiet.stderr.is_empty() && !quiet.stdout.is_empty(), "{quiet}");
}

#[test]
fn a_bare_script_gets_the_default_configuration() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.write("count.lua", COUNT);
    let bare = scratch.run(&["replay", "count.lua", "basic.hpb"]).ends(0);
    scratch.filter("count", COUNT, TRUE);
    let configured = scratch.run(&["replay", "count.cfg", "basic.hpb"]).ends(0);
    assert_eq!(bare.out(), configured.out());
}

#[test]
fn errors_name_their_place() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = "local function parse(text)\n    return #text + nosuch.field\nend\n\nlocal function handle()\n    \
                  local length = parse(read_message(\"Payload\"))\n    return length\nend\n\nfunction process_message()\n\
                  \tif read_message(\"Pid\") == 102 then\n\t\thandle()\n\tend\n    return 0\nend\n\nfunction timer_event() end\n";
    scratch.filter("plugin", script, TRUE);
    snapshot("replay_error", &scratch, &["replay", "plugin.cfg", "basic.hpb"], 6);
    // In another folder, the script is named by the path beside the cfg.
    scratch.write("filters/plugin.lua", script).write("filters/plugin.cfg", scratch.read("plugin.cfg"));
    let run = scratch.run(&["replay", "filters/plugin.cfg", "basic.hpb"]).ends(6);
    assert!(run.err().contains("filters/plugin.lua:2: "), "{run}");
}

#[test]
fn limits_name_their_setting() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let loops = "function process_message()\n    while true do end\nend\nfunction timer_event() end\n";
    scratch.filter("loops", loops, "message_matcher = 'TRUE'\ninstruction_limit = 1000");
    snapshot("replay_instructions", &scratch, &["replay", "loops.cfg", "basic.hpb"], 6);
    let grows = "local t = {}\nfunction process_message()\n    while true do t[#t + 1] = {} end\nend\nfunction timer_event() end\n";
    scratch.filter("grows", grows, "message_matcher = 'TRUE'\nmemory_limit = 65536");
    snapshot("replay_memory", &scratch, &["replay", "grows.cfg", "basic.hpb"], 6);
    let talks = "function process_message()\n    inject_payload('txt', 'x', string.rep('x', 2000))\n    return 0\nend\nfunction timer_event() end\n";
    let script = format!("require 'string'\n{talks}");
    scratch.filter(
        "talks",
        &script,
        "message_matcher = 'TRUE'\noutput_limit = 1024\nprocess_message_inject_limit = 1",
    );
    snapshot("replay_output", &scratch, &["replay", "talks.cfg", "basic.hpb"], 6);
    scratch.filter("talks", &script, "message_matcher = 'TRUE'");
    snapshot("replay_inject_limit", &scratch, &["replay", "talks.cfg", "basic.hpb"], 6);
}

#[test]
fn filters_that_cannot_be_created() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("syntax", "function process_message(\n    return 0\nend\n", TRUE);
    snapshot("replay_syntax", &scratch, &["replay", "syntax.cfg", "basic.hpb"], 3);
    scratch.write("lost.cfg", "filename = 'nosuch.lua'\nmessage_matcher = 'TRUE'\n");
    snapshot("replay_script_missing", &scratch, &["replay", "lost.cfg", "basic.hpb"], 3);
    scratch.filter("matcher", COUNT, "message_matcher = \"Type == 'a' && Severity =~ 'b'\"");
    snapshot("replay_matcher", &scratch, &["replay", "matcher.cfg", "basic.hpb"], 3);
    scratch.write("broken.cfg", "filename = 'count.lua'\nmessage_matcher = \n");
    snapshot("replay_cfg_syntax", &scratch, &["replay", "broken.cfg", "basic.hpb"], 3);
    scratch.filter("typed", COUNT, "message_matcher = 'TRUE'\nticker_interval = 'often'");
    snapshot("replay_cfg_type", &scratch, &["replay", "typed.cfg", "basic.hpb"], 3);
    scratch.filter("module", &format!("require 'nosuch'\n{COUNT}"), TRUE);
    snapshot("replay_module", &scratch, &["replay", "module.cfg", "basic.hpb", "--lua-path", "m/?.lua"], 3);
}

#[test]
fn what_is_asked_for_is_missing() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, TRUE);
    snapshot("replay_no_filter", &scratch, &["replay", "nosuch.cfg", "basic.hpb"], 3);
    snapshot("replay_no_input", &scratch, &["replay", "count.cfg", "nosuch.hpb"], 7);
    snapshot("replay_no_pattern", &scratch, &["replay", "count.cfg", "*.zst"], 7);
    snapshot("replay_match_invalid", &scratch, &["replay", "count.cfg", "basic.hpb", "-m", "Type = 'x'"], 3);
    snapshot(
        "replay_no_state",
        &scratch,
        &["replay", "count.cfg", "basic.hpb", "--state-in", "nosuch.data"],
        7,
    );
    snapshot(
        "replay_no_hindsight",
        &scratch,
        &["replay", "count.cfg", "basic.hpb", "--hindsight-cfg", "hs.cfg"],
        3,
    );
}

#[test]
fn outputs_are_not_overwritten() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, "message_matcher = 'TRUE'\npreserve_data = true");
    for flag in ["--output", "--report", "--state-out"] {
        scratch.write("there", "precious");
        let run = scratch.run(&["replay", "count.cfg", "basic.hpb", flag, "there"]).ends(7);
        assert_eq!(scratch.read("there"), b"precious", "{flag}");
        assert_eq!(run.err(), "error: there: already exists (--force overwrites it)\n", "{flag}");
        assert!(run.stdout.is_empty(), "it has not run: {run}");
        scratch.run(&["replay", "count.cfg", "basic.hpb", flag, "there", "--force"]).ends(0);
        assert_ne!(scratch.read("there"), b"precious", "{flag}");
    }
    let run = scratch.run(&["replay", "count.cfg", "basic.hpb", "--output", "no/such/folder.hpb"]).ends(7);
    assert!(run.err().contains("no/such/folder.hpb"), "{run}");
    assert_eq!(
        scratch.files(),
        ["basic.hpb", "count.cfg", "count.lua", "there"],
        "no temporary file is left"
    );
}

#[test]
fn several_filters_over_one_read() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let bad = "function process_message()\n    error('no')\nend\nfunction timer_event() end\n";
    scratch.filter("a", ECHO, ECHOES).filter("b", bad, TRUE).filter("c", COUNT, TRUE);
    let run = snapshot(
        "replay_several",
        &scratch,
        &["replay", "-f", "c.cfg", "-f", "b.cfg", "-f", "a.cfg", "basic.hpb", "--format", "jsonl"],
        6,
    );
    let loggers: Vec<String> =
        run.lines().iter().map(|it| it["Logger"].as_str().unwrap_or_default().to_owned()).collect();
    let mut expected = vec!["analysis.a"; 6];
    expected.push("analysis.c");
    assert_eq!(loggers, expected, "by record, then shutdown");
    scratch.write("other/a.cfg", scratch.read("a.cfg")).write("other/a.lua", ECHO);
    snapshot("replay_one_name", &scratch, &["replay", "-f", "a.cfg", "-f", "other/a.cfg", "basic.hpb"], 3);
}

#[test]
fn standard_input() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("echo", ECHO, ECHOES);
    let from_file = scratch.run(&["replay", "echo.cfg", "basic.hpb"]).ends(0);
    let from_stdin = scratch.run_with(&["replay", "echo.cfg", "-"], &scratch.read("basic.hpb")).ends(0);
    assert_eq!(from_file.out(), from_stdin.out());
    let nothing = scratch.run(&["replay", "echo.cfg", "-"]).ends(4);
    assert!(nothing.stdout.is_empty(), "{nothing}");
    scratch.run(&["replay", "echo.cfg", "-", "-"]).ends(7);
}

#[test]
fn formats_say_the_same() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("echo", ECHO, ECHOES);
    let run = |format: &str| scratch.run(&["replay", "echo.cfg", "basic.hpb", "--format", format]).ends(0);
    let lines = run("jsonl").lines();
    assert_eq!(lines.len(), 6);
    let array: Vec<serde_json::Value> = serde_json::from_slice(&run("json").stdout).expect("one array");
    assert_eq!(array, lines);
    let framed = scratch.run_with(&["cat", "-", "--format", "jsonl"], &run("hpb").stdout).ends(0);
    assert_eq!(framed.lines(), lines);
    matches("replay_text", &run("text"));
    scratch.filter("silent", "function process_message() return 0 end\nfunction timer_event() end\n", TRUE);
    let nothing = scratch.run(&["replay", "silent.cfg", "basic.hpb", "--format", "json"]).ends(0);
    assert_eq!(nothing.out(), "[]\n");
}

#[test]
fn output_files_have_the_format_of_their_names() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("echo", ECHO, ECHOES);
    let expected = scratch.run(&["replay", "echo.cfg", "basic.hpb", "--format", "jsonl"]).ends(0).out();
    for (name, magic) in [
        ("out.hpb", &b"\x1e"[..]),
        ("out.jsonl", b"{\"Uuid\""),
        ("out.hpb.zst", b"\x28\xb5\x2f\xfd"),
        ("out.jsonl.gz", b"\x1f\x8b"),
        ("out.sz", b"\xff\x06\x00\x00sNaPpY"),
    ] {
        let run = scratch.run(&["replay", "echo.cfg", "basic.hpb", "--output", name]).ends(0);
        assert!(run.stdout.is_empty(), "{run}");
        assert!(scratch.read(name).starts_with(magic), "{name}");
        assert_eq!(scratch.run(&["cat", name, "--format", "jsonl"]).ends(0).out(), expected, "{name}");
    }
}

#[test]
fn two_runs_are_byte_identical() {
    let scratch = Scratch::with(&["access.hpb", "future.hpb"]);
    let script = "require 'math'\nrequire 'os'\nlocal t = {}\nfunction process_message()\n    t[tostring({})] = math.random()\n    \
                  inject_payload('txt', 'r', math.random(1, 1000), ' ', os.time(), ' ', os.clock(), ' ', tostring(t))\n    return 0\nend\n\
                  function timer_event(ns)\n    local s = {}\n    for k, v in pairs(t) do s[#s + 1] = k .. v end\n    inject_payload('txt', 'all', s[1], s[2])\nend\n";
    scratch.filter("random", script, "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1\nticker_interval = 1\npreserve_data = true");
    let run = |seed: &str, name: &str| {
        let out = |it: &str| format!("{name}.{it}");
        let (output, report, state) = (out("hpb"), out("json"), out("data"));
        scratch
            .run(&[
                "replay",
                "random.cfg",
                "access.hpb",
                "future.hpb",
                "--seed",
                seed,
                "--output",
                &output,
                "--report",
                &report,
                "--state-out",
                &state,
            ])
            .ends(0);
        [scratch.read(&output), scratch.read(&report), scratch.read(&state)]
    };
    let first = run("0", "first");
    assert!(first == run("0", "second"), "two runs differ");
    assert!(first[0] != run("7", "third")[0], "the seed decides");
}

#[test]
fn nothing_matched_shows_the_terms() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter(
        "count",
        COUNT,
        "message_matcher = \"Type == 't1' && (Severity < 1 || Payload =~ 'none')\"",
    );
    snapshot("replay_nothing", &scratch, &["replay", "count.cfg", "basic.hpb"], 4);
    let quiet = scratch.run(&["replay", "count.cfg", "basic.hpb", "-q"]).ends(4);
    assert!(quiet.stderr.is_empty(), "{quiet}");
    // From standard input there is nothing to count again.
    let piped = scratch.run_with(&["replay", "count.cfg", "-"], &scratch.read("basic.hpb")).ends(4);
    assert!(!piped.err().contains("how often"), "{piped}");
}

#[test]
fn statistics_have_productions_columns() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, TRUE);
    let run = scratch.run(&["replay", "count.cfg", "basic.hpb", "--stats"]).ends(0);
    let err = run.err();
    let header: Vec<&str> =
        err.lines().find(|it| it.starts_with("Plugin\t")).expect("a header").split('\t').collect();
    assert_eq!(header.len(), 15, "{header:?}");
    assert_eq!((header[1], header[14]), ("Inject Message Count", "Timer Event SD (ns)"));
    let row: Vec<&str> =
        err.lines().find(|it| it.starts_with("analysis.count\t")).expect("a row").split('\t').collect();
    assert_eq!((row[1], row[3], row[4], row.len()), ("1", "6", "0", 15), "{row:?}");
}

#[test]
fn print_is_heard_at_level_7() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = "function process_message()\n    print('seen', read_message('Pid'), '\\27[31m')\n    return 0\nend\nfunction timer_event() end\n";
    scratch.filter("prints", script, TRUE);
    let silent = scratch.run(&["replay", "prints.cfg", "basic.hpb"]).ends(0);
    assert!(!silent.err().contains("seen"), "{silent}");
    let level = scratch.run(&["replay", "prints.cfg", "basic.hpb", "--log-level", "7"]).ends(0);
    matches("replay_print", &level);
    let verbose = scratch.run(&["replay", "prints.cfg", "basic.hpb", "-v"]).ends(0);
    assert_eq!(level.err().matches("seen").count(), verbose.err().matches("seen").count());
    let below = scratch.run(&["replay", "prints.cfg", "basic.hpb", "-v", "--log-level", "6"]).ends(0);
    assert!(!below.err().contains("seen"), "the flag beats -v: {below}");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = "function process_message()\n    inject_message({Type = '\\27[2J', Payload = 'a\\rb\\0c', Fields = {['\\7'] = '\\155'}})\n    error('\\27[31m')\nend\nfunction timer_event() end\n";
    scratch.filter("rude", script, ECHOES);
    let run = scratch.run(&["replay", "rude.cfg", "basic.hpb"]).ends(6);
    let is_control = |it: &u8| *it < 0x20 && *it != b'\n' && *it != b'\t' || *it == 0x7f;
    assert!(!run.stdout.iter().chain(&run.stderr).any(is_control), "{run}");
}

#[test]
fn hindsight_configuration() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.write("mine/greeting.lua", "local M = {}\nM.text = 'hello'\nreturn M\n");
    scratch.write(
        "hindsight.cfg",
        "output_path = 'var/out'\nsandbox_load_path = 'load'\nsandbox_run_path = 'run'\nanalysis_lua_path = 'mine/?.lua'\n\
         analysis_lua_cpath = 'mine/?.so'\nio_lua_path = ''\nio_lua_cpath = ''\ninput_defaults = {}\noutput_defaults = {}\nhostname = 'host.example'\n\
         analysis_defaults = { memory_limit = 123456 }\n",
    );
    let script = "local greeting = require 'greeting'\nfunction process_message() return 0 end\nfunction timer_event()\n    \
                  inject_message({Type = greeting.text, Payload = read_config('Hostname') .. ' ' .. read_config('memory_limit')})\nend\n";
    scratch.filter("greets", script, TRUE);
    scratch.run(&["replay", "greets.cfg", "basic.hpb"]).ends(3);
    let run = scratch
        .run(&["replay", "greets.cfg", "basic.hpb", "--hindsight-cfg", "hindsight.cfg", "--format", "jsonl"])
        .ends(0);
    assert_eq!(run.payloads()[0], "host.example 123456", "{run}");
    let by_flag = scratch.run(&["replay", "greets.cfg", "basic.hpb", "--lua-path", "mine/?.lua"]).ends(0);
    assert!(by_flag.out().contains(":Type: hello"), "{by_flag}");
}

/// The first of 130, 2, 3, 7, 6, 5, 1, 4, 0.
#[test]
fn the_first_status_counts() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let garbage = recorded("stream/garbage_between/input.hpb");
    scratch.write("damaged.hpb", std::fs::read(garbage).expect("readable"));
    let fails = "function process_message() error('no') end\nfunction timer_event() end\n";
    let quiet = "function process_message() return 0 end\nfunction timer_event() end\n";
    scratch
        .filter("good", quiet, TRUE)
        .filter("none", quiet, "message_matcher = 'FALSE'")
        .filter("fails", fails, TRUE)
        .filter("broken", "function", TRUE);
    for (filters, input, status) in [
        (&["good"][..], "basic.hpb", 0),
        (&["none"], "basic.hpb", 4),
        (&["none", "good"], "basic.hpb", 0),
        (&["good"], "damaged.hpb", 5),
        (&["none"], "damaged.hpb", 5),
        (&["fails", "good"], "damaged.hpb", 6),
        (&["fails", "good"], "nosuch.hpb", 7),
        (&["good", "fails", "broken"], "damaged.hpb", 3),
    ] {
        let files: Vec<String> = filters.iter().map(|it| format!("{it}.cfg")).collect();
        let mut arguments = vec!["replay"];
        arguments.extend(files.iter().flat_map(|it| ["-f", it]));
        arguments.push(input);
        scratch.run(&arguments).ends(status);
    }
}
