//! REPORT.json, the contract with scripts.

use serde_json::{Value, json};

use crate::scratch::{COUNT, Run, Scratch, recorded};

/// Every key there is, with its type.
#[track_caller]
fn check_shape(report: &Value) {
    assert_eq!(report["version"], 1);
    for filter in report["filters"].as_array().expect("filters") {
        for key in [
            "injected",
            "sent",
            "sent_bytes",
            "messages_read",
            "messages_matched",
            "process_message_count",
            "process_message_failures",
            "timer_events",
        ] {
            assert!(filter[key].is_u64(), "{key}: {filter}");
        }
        assert!(filter["name"].as_str().is_some_and(|it| it.starts_with("analysis.")), "{filter}");
        assert!(
            ["ok", "terminated", "create_failed"].map(Value::from).contains(&filter["outcome"]),
            "{filter}"
        );
        assert_eq!(filter["error"].is_null(), filter["outcome"] == "ok", "{filter}");
        for log in filter["logs"].as_array().expect("logs") {
            assert!(log.as_str().is_some_and(|it| it.starts_with('[') && it.contains("] ")), "{log}");
        }
        for limit in ["memory", "instruction", "output"] {
            let limit = &filter["limits"][limit];
            assert!(limit["limit"].is_u64() && limit["max"].is_u64() && limit["at"].is_u64(), "{filter}");
        }
    }
    let input = &report["input"];
    let number = |key: &str| input[key].as_u64().unwrap_or_else(|| panic!("{key}: {input}"));
    assert_eq!(
        number("bytes"),
        number("record_bytes") + number("skipped_bytes") + number("pending_bytes"),
        "{input}"
    );
    let damage = input["damage"].as_array().expect("damage");
    assert_eq!(number("damage_total"), damage.len() as u64);
    let lengths: u64 = damage.iter().map(|it| it["length"].as_u64().expect("a length")).sum();
    assert_eq!(lengths, number("skipped_bytes") + number("pending_bytes"), "{input}");
    for entry in damage {
        assert!(
            entry["file"].is_string() && entry["offset"].is_u64() && entry["reason"].is_string(),
            "{entry}"
        );
    }
}

fn replay(scratch: &Scratch, arguments: &[&str]) -> (Run, Value) {
    let run = scratch.run(&[&["replay", "--report", "report.json", "--force"], arguments].concat());
    let report = scratch.report("report.json");
    check_shape(&report);
    (run, report)
}

#[test]
fn a_clean_run() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter(
        "count",
        COUNT,
        "message_matcher = \"Type == 't1'\"\nmemory_limit = 100000\ninstruction_limit = 0",
    );
    let (run, report) = replay(&scratch, &["count.cfg", "basic.hpb"]);
    assert_eq!(run.status, 0);
    let mut filter = report["filters"][0].clone();
    let limits = filter["limits"].take();
    assert_eq!(
        filter,
        json!({"name": "analysis.count", "outcome": "ok", "error": null, "injected": 1, "sent": 0, "sent_bytes": 0, "messages_read": 6,
               "messages_matched": 3, "process_message_count": 3, "process_message_failures": 0,
               "timer_events": 1, "logs": [], "limits": null})
    );
    assert_eq!(limits["memory"]["limit"], 100_000);
    assert_eq!(limits["instruction"]["limit"], 0);
    assert!(limits["memory"]["max"].as_u64().is_some_and(|it| it > 10_000 && it < 100_000), "{limits}");
    let input = json!({"records": 6, "selected": 6, "bytes": 504, "record_bytes": 504, "skipped_bytes": 0,
                       "pending_bytes": 0, "damage": [], "damage_total": 0});
    assert_eq!(report["input"], input);
}

#[test]
fn damage_is_accounted_for() {
    let scratch = Scratch::new();
    scratch.filter("count", COUNT, "message_matcher = 'TRUE'");
    for case in std::fs::read_dir(recorded("stream")).expect("recorded streams") {
        let path = case.expect("an entry").path().join("input.hpb");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        scratch.write("input.hpb", &bytes);
        let (run, report) = replay(&scratch, &["count.cfg", "input.hpb"]);
        let input = &report["input"];
        assert_eq!(input["bytes"].as_u64(), Some(bytes.len() as u64), "{}", path.display());
        let is_damaged = input["damage_total"] != 0;
        let expected = if is_damaged {
            5
        } else if input["records"] == 0 {
            4
        } else {
            0
        };
        assert_eq!(run.status, expected, "{}: {run}", path.display());
    }
}

#[test]
fn a_terminated_filter_and_where_reading_stopped() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = "function process_message()\n    if read_message('Pid') == 102 then error('b\\228d') end\n    return -1, 'odd'\nend\nfunction timer_event() end\n";
    scratch.filter("plugin", script, "message_matcher = 'TRUE'");
    let (run, report) = replay(&scratch, &["plugin.cfg", "basic.hpb"]);
    assert_eq!(run.status, 6);
    let filter = &report["filters"][0];
    assert_eq!(filter["outcome"], "terminated");
    assert_eq!(filter["error"], "process_message() plugin.lua:2: b\u{e4}d", "one code point per byte");
    assert_eq!(
        (filter["messages_read"].as_u64(), filter["process_message_failures"].as_u64()),
        (Some(3), Some(2))
    );
    let stopped =
        json!({"reason": "every filter has ended", "record": 3, "file": "basic.hpb", "offset": 168});
    assert_eq!(report["input"]["stopped"], stopped);
    let (_, limited) = replay(&scratch, &["plugin.cfg", "basic.hpb", "--limit", "2"]);
    assert_eq!(limited["input"]["stopped"]["reason"], "limit");
}

#[test]
fn refusals_are_reported_too() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch
        .filter("matcher", COUNT, "message_matcher = \"Type = 'a'\"")
        .filter("good", COUNT, "message_matcher = 'TRUE'")
        .write("broken.cfg", "filename = \n")
        .write("hindsight.cfg", "output_path = \n");
    for (arguments, status, error) in [
        (&["matcher.cfg", "basic.hpb"][..], 3, "invalid message_matcher: Type = 'a'"),
        (&["broken.cfg", "basic.hpb"], 3, "loading broken.cfg failed: "),
        (&["nosuch.cfg", "basic.hpb"], 3, "nosuch.cfg: cannot be read: "),
        (&["good.cfg", "basic.hpb", "--match", "Type = 'a'"], 3, "--match: "),
        (&["good.cfg", "basic.hpb", "--hindsight-cfg", "hindsight.cfg"], 3, "loading hindsight.cfg failed: "),
        (&["good.cfg", "nosuch.hpb"], 7, "nosuch.hpb: no such file or directory"),
        (&["-f", "good.cfg", "-f", "good.cfg", "basic.hpb"], 3, "two filters are called analysis.good"),
    ] {
        let (run, report) = replay(&scratch, arguments);
        assert_eq!(run.status, status, "{run}");
        let filter = &report["filters"][0];
        assert_eq!(filter["outcome"], "create_failed", "{run}");
        assert!(filter["error"].as_str().is_some_and(|it| it.starts_with(error)), "{error}: {filter}");
    }
}

#[test]
fn an_input_that_fails_on_the_way() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, "message_matcher = 'TRUE'");
    let bomb = zstd::encode_all(&vec![0u8; 64 << 20][..], 1).expect("compressed");
    scratch.write("bomb.zst", bomb);
    let (run, report) = replay(&scratch, &["count.cfg", "basic.hpb", "bomb.zst", "--max-decompressed", "1M"]);
    assert_eq!(run.status, 7, "{run}");
    assert!(report["input"]["failure"].as_str().is_some_and(|it| it.contains("bomb.zst")), "{report}");
    assert_eq!(report["filters"][0]["messages_read"], 6, "what was read before is kept");
    assert!(run.out().contains("6 at 0 shutdown") || run.out().contains("shutdown"), "{run}");
}
