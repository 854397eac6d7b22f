//! `--state-in` and `--state-out`: what production's state file holds before and after.

use crate::scratch::Scratch;

const TOTAL: &str = "total = total or 0\nfunction process_message()\n    total = total + 1\n    return 0\nend\n\
                     function timer_event(ns, shutdown)\n    if shutdown then inject_payload('txt', 'total', total) end\nend\n";
const KEEPS: &str = "message_matcher = 'TRUE'\npreserve_data = true";

#[test]
fn a_state_goes_round() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("total", TOTAL, KEEPS);
    let first = scratch
        .run(&["replay", "total.cfg", "basic.hpb", "--format", "jsonl", "--state-out", "one.data"])
        .ends(0);
    assert_eq!(first.payloads(), ["6"]);
    assert!(String::from_utf8_lossy(&scratch.read("one.data")).contains("_G[\"total\"] = 6"));
    let second = scratch
        .run(&[
            "replay",
            "total.cfg",
            "basic.hpb",
            "--format",
            "jsonl",
            "--state-in",
            "one.data",
            "--state-out",
            "two.data",
        ])
        .ends(0);
    assert_eq!(second.payloads(), ["12"]);
    // The same name for both is an output that exists.
    scratch
        .run(&["replay", "total.cfg", "basic.hpb", "--state-in", "one.data", "--state-out", "one.data"])
        .ends(7);
    scratch
        .run(&[
            "replay",
            "total.cfg",
            "basic.hpb",
            "--state-in",
            "one.data",
            "--state-out",
            "one.data",
            "--force",
        ])
        .ends(0);
    assert_eq!(scratch.read("one.data"), scratch.read("two.data"));
}

#[test]
fn a_terminated_filter_keeps_the_state_it_began_with() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = format!(
        "{TOTAL}\nlocal count = process_message\nfunction process_message()\n    if total == 9 then error('nine') end\n    return count()\nend\n"
    );
    scratch.filter("total", &script, KEEPS);
    let state =
        "if _PRESERVATION_VERSION and _PRESERVATION_VERSION ~= 0 then return end\n_G[\"total\"] = 5\n";
    scratch.write("in.data", state);
    scratch
        .run(&["replay", "total.cfg", "basic.hpb", "--state-in", "in.data", "--state-out", "out.data"])
        .ends(6);
    assert_eq!(String::from_utf8_lossy(&scratch.read("out.data")), state);
    // Without a state before, there is none after.
    scratch.write("in.data", "_G[\"total\"] = 9\n");
    scratch.write("stale.data", "stale");
    scratch.filter(
        "total",
        "function process_message() error('no') end\nfunction timer_event() end\n",
        KEEPS,
    );
    scratch.run(&["replay", "total.cfg", "basic.hpb", "--state-out", "stale.data", "--force"]).ends(6);
    assert!(!scratch.path("stale.data").exists(), "production would have no file there");
}

#[test]
fn without_preserve_data_the_file_stays_as_it_is() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("total", TOTAL, "message_matcher = 'TRUE'");
    scratch.write("in.data", "_G[\"total\"] = 100\n");
    let run = scratch
        .run(&[
            "replay",
            "total.cfg",
            "basic.hpb",
            "--format",
            "jsonl",
            "--state-in",
            "in.data",
            "--state-out",
            "out.data",
        ])
        .ends(0);
    assert_eq!(run.payloads(), ["6"], "the state is not read");
    assert_eq!(scratch.read("out.data"), b"_G[\"total\"] = 100\n");
    scratch.run(&["replay", "total.cfg", "basic.hpb", "--state-out", "none.data"]).ends(0);
    assert!(!scratch.path("none.data").exists());
}

#[test]
fn several_filters_have_a_directory() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("a", TOTAL, KEEPS).filter("b", TOTAL, KEEPS).filter(
        "c",
        TOTAL,
        "message_matcher = 'TRUE'",
    );
    scratch.write("before/analysis.b.data", "_G[\"total\"] = 1000\n");
    let filters = ["replay", "-f", "a.cfg", "-f", "b.cfg", "-f", "c.cfg", "basic.hpb", "--format", "jsonl"];
    let run =
        scratch.run(&[&filters[..], &["--state-in", "before", "--state-out", "after/deep"]].concat()).ends(0);
    assert_eq!(run.payloads(), ["6", "1006", "6"]);
    let text = |name: &str| String::from_utf8_lossy(&scratch.read(name)).into_owned();
    assert!(text("after/deep/analysis.a.data").contains("_G[\"total\"] = 6"));
    assert!(text("after/deep/analysis.b.data").contains("_G[\"total\"] = 1006"));
    assert!(!scratch.path("after/deep/analysis.c.data").exists());
    let again = scratch.run(&[&filters[..], &["--state-out", "after/deep"]].concat()).ends(7);
    assert!(again.err().contains("after/deep/analysis.a.data: already exists"), "{again}");
}

#[test]
fn a_damaged_state_is_said_and_left_out() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("total", TOTAL, KEEPS);
    scratch.write("in.data", "_G[\"total\"] = = 5\n");
    let run = scratch
        .run(&["replay", "total.cfg", "basic.hpb", "--format", "jsonl", "--state-in", "in.data"])
        .ends(0);
    assert_eq!(run.payloads(), ["6"], "production starts over");
    assert!(run.err().contains("analysis.total.data"), "the text names production's file: {run}");
}
