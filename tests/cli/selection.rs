//! Which messages a filter sees, in which order, and what time it is then.

use crate::scratch::{COUNT, ECHO, Scratch};

/// Says which Timestamps it sees, and the clock at every tick; `ticker_interval` is 2.
const TICKS: &str = r#"require "os"
local seen = {}
function process_message()
    seen[#seen + 1] = read_message("Timestamp") / 1e9 - 1496275200
    return 0
end

function timer_event(ns, shutdown)
    local at = ns == 0 and "start" or tostring(ns / 1e9 - 1496275200)
    inject_payload("txt", "t", shutdown and "end" or at, ": ", table.concat(seen, " "), " now ", os.time() - 1496275200)
    seen = {}
end
"#;

fn ticks(inputs: &[&str]) -> Scratch {
    let scratch = Scratch::with(inputs);
    let script = format!("require \"table\"\n{TICKS}");
    scratch.filter("ticks", &script, "message_matcher = 'TRUE'\nticker_interval = 2");
    scratch
}

#[track_caller]
fn payloads(scratch: &Scratch, arguments: &[&str]) -> Vec<String> {
    scratch.run(&[&["replay", "ticks.cfg", "--format", "jsonl"], arguments].concat()).ends(0).payloads()
}

/// A record that is left out moves no clock and no ticker: the run is as one over an archive without it.
#[test]
fn an_excluded_record_is_as_if_absent() {
    let scratch = ticks(&["basic.hpb", "future.hpb"]);
    for selection in [
        &["--match", "Type == 't1'"][..],
        &["--since", "2017-06-01T00:00:02Z"],
        &["--until", "2017-06-01T00:00:04Z"],
        &["--since", "1496275201000000000", "--until", "1496275205000000000", "--match", "Severity != 2"],
        &["--limit", "3"],
        &["--match", "Type == 't0'", "--limit", "2"],
        &["--until", "2050-01-01"],
    ] {
        for input in ["basic.hpb", "future.hpb"] {
            let selected = [&["cat", input, "--output", "selected.hpb", "--force"], selection].concat();
            if scratch.run(&selected).status != 0 {
                continue;
            }
            let absent = payloads(&scratch, &["selected.hpb"]);
            assert_eq!(payloads(&scratch, &[&[input], selection].concat()), absent, "{input} {selection:?}");
            assert!(absent.len() >= 2);
        }
    }
}

/// since <= Timestamp < until; the limit counts what remains.
#[test]
fn bounds() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, "message_matcher = 'TRUE'");
    let read = |selection: &[&str]| {
        let arguments = ["replay", "count.cfg", "basic.hpb", "--report", "report.json", "--force"];
        scratch.run(&[&arguments, selection].concat());
        let report = scratch.report("report.json");
        (report["input"]["selected"].as_u64(), report["filters"][0]["messages_read"].as_u64())
    };
    for (selection, expected) in [
        (&[][..], 6),
        (&["--since", "2017-06-01T00:00:01Z"], 5),
        (&["--since", "1496275201000000001"], 4),
        (&["--until", "2017-06-01T00:00:01Z"], 1),
        (&["--until", "1496275201000000001"], 2),
        (&["--since", "2017-06-01T00:00:01Z", "--until", "2017-06-01T00:00:01Z"], 0),
        (&["--limit", "4"], 4),
        (&["--limit", "0"], 0),
        (&["--limit", "2", "--match", "Pid > 102"], 2),
    ] {
        assert_eq!(read(selection), (Some(expected), Some(expected)), "{selection:?}");
    }
}

/// The data clock never goes back, the ticker tests once a message and does not catch up.
#[test]
fn the_clock_is_the_datas() {
    let scratch = ticks(&["ticks.hpb", "future.hpb"]);
    let run = payloads(&scratch, &["future.hpb"]);
    insta_lines("selection_clock", &run);
    let wall =
        scratch.run(&["replay", "ticks.cfg", "future.hpb", "--clock", "wall", "--format", "jsonl"]).ends(0);
    assert_ne!(wall.payloads(), run);
}

fn insta_lines(name: &str, lines: &[String]) {
    crate::scratch::matches(name, &lines.join("\n"));
}

#[test]
fn order_of_files_and_of_time() {
    let scratch = ticks(&["basic.hpb"]);
    for (name, pid) in [
        ("log/10.log", "Pid == 100 || Pid == 103"),
        ("log/2.log", "Pid == 101 || Pid == 104"),
        ("log/sub/1.log", "Pid == 102 || Pid == 105"),
    ] {
        scratch.write(name, "");
        scratch.run(&["cat", "basic.hpb", "-m", pid, "-o", name, "--force"]).ends(0);
    }
    scratch.filter("echo", ECHO, "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1");
    let pids = |arguments: &[&str]| -> Vec<u64> {
        let run = scratch.run(&[&["replay", "echo.cfg", "--format", "jsonl"], arguments].concat()).ends(0);
        let pid = |it: &serde_json::Value| {
            it["Fields"].as_array()?.iter().find(|it| it["name"] == "pid")?["value"][0].as_f64()
        };
        run.lines().iter().map(|it| pid(it).expect("a pid") as u64).collect()
    };
    assert_eq!(pids(&["log"]), [101, 104, 100, 103, 102, 105], "natural order");
    assert_eq!(pids(&["log/10.log", "log/2.log"]), [100, 103, 101, 104], "the order given");
    assert_eq!(pids(&["log/*.log"]), [101, 104, 100, 103]);
    assert_eq!(pids(&["log/**/*.log", "--order", "time"]), [100, 101, 102, 103, 104, 105]);
    assert_eq!(payloads(&scratch, &["log", "--order", "time"]), payloads(&scratch, &["basic.hpb"]));
}

#[test]
fn text_becomes_messages() {
    let scratch = Scratch::new();
    let script = "function process_message()\n    inject_message({Type = read_message('Type'), Payload = read_message('Payload'), \
                  Logger = read_message('Logger'), Fields = {site = read_message('Fields[site]'), at = read_message('Timestamp')}})\n    return 0\nend\nfunction timer_event() end\n";
    scratch.filter("shows", script, "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1");
    scratch.write("a.log", "first line\nsecond \u{fc}\n\nlast without end").write("b.log", "other\n");
    let as_lines = [
        "replay",
        "shows.cfg",
        "a.log",
        "b.log",
        "--as",
        "lines",
        "--type",
        "line",
        "--logger",
        "web",
        "--field",
        "site=x=y",
        "--format",
        "jsonl",
    ];
    let run = scratch.run(&as_lines).ends(0);
    assert_eq!(run.payloads(), ["first line", "second \u{fc}", "", "last without end", "other"]);
    assert!(run.out().contains("\"Type\":\"line\"") && run.out().contains("\"x=y\""), "{run}");
    let whole = scratch
        .run(&["replay", "shows.cfg", "a.log", "b.log", "--as", "payload", "--format", "jsonl"])
        .ends(0);
    assert_eq!(whole.payloads(), ["first line\nsecond \u{fc}\n\nlast without end", "other\n"]);
    scratch.write("big.json", vec![b'x'; 33 << 20]);
    let sizes = "function process_message()\n    inject_payload('txt', 'size', #read_message('Payload'))\n    return 0\nend\nfunction timer_event() end\n";
    scratch.filter(
        "sizes",
        sizes,
        "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1\nmemory_limit = 0",
    );
    let big =
        scratch.run(&["replay", "sizes.cfg", "big.json", "--as", "payload", "--format", "jsonl"]).ends(0);
    assert_eq!(big.payloads(), [(33 << 20).to_string()]);
    let refused = scratch
        .run(&["replay", "sizes.cfg", "big.json", "--as", "payload", "--max-message-size", "1M"])
        .ends(5);
    assert!(refused.err().contains("longer than 1048576 bytes"), "{refused}");
}

#[test]
fn json_lines_are_messages() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("echo", ECHO, "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1");
    let expected = scratch.run(&["replay", "echo.cfg", "basic.hpb"]).ends(0).out();
    for name in ["basic.jsonl", "basic.jsonl.zst", "basic.hpb.gz"] {
        scratch.run(&["cat", "basic.hpb", "-o", name]).ends(0);
        assert_eq!(scratch.run(&["replay", "echo.cfg", name]).ends(0).out(), expected, "{name}");
    }
}
