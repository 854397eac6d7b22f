//! `cat`, and the tool whose name the program can bear.

use std::{
    fs::OpenOptions,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use crate::scratch::{Run, Scratch, matches, recorded};

#[test]
fn count_match_tail() {
    let scratch = Scratch::with(&["basic.hpb", "one.hpb"]);
    let count = |arguments: &[&str]| scratch.run(&[&["cat", "-c"], arguments].concat()).ends(0).out();
    assert_eq!(count(&["basic.hpb"]), "Processed: 6, matched: 6 messages\n");
    assert_eq!(count(&["basic.hpb", "one.hpb", "-m", "Type == 't1'"]), "Processed: 7, matched: 3 messages\n");
    let pids = |arguments: &[&str]| -> Vec<i64> {
        let run = scratch.run(&[&["cat", "--format", "jsonl"], arguments].concat()).ends(0);
        run.lines().iter().map(|it| it["Pid"].as_i64().expect("a Pid")).collect()
    };
    assert_eq!(pids(&["-n", "2", "basic.hpb"]), [104, 105]);
    assert_eq!(pids(&["-n", "2", "-m", "Type == 't0'", "basic.hpb"]), [102, 104]);
    assert_eq!(pids(&["--limit", "1", "--since", "2017-06-01T00:00:03Z", "basic.hpb"]), [103]);
    matches("cat_text", &scratch.run(&["cat", "one.hpb"]).ends(0));
    matches("cat_nothing", &scratch.run(&["cat", "one.hpb", "-m", "Type == 'none'"]).ends(4));
    matches("cat_match_invalid", &scratch.run(&["cat", "one.hpb", "-m", "Type = 'none'"]).ends(3));
    matches("cat_no_input", &scratch.run(&["cat", "nosuch.hpb"]).ends(7));
}

#[test]
fn conversion_by_extension() {
    let scratch = Scratch::with(&["basic.hpb", "fields.hpb", "matcher.hpb"]);
    for input in ["basic.hpb", "fields.hpb", "matcher.hpb"] {
        let original = scratch.run(&["cat", input, "--format", "jsonl"]).ends(0).out();
        for name in ["o.jsonl", "o.hpb", "o.zst", "o.jsonl.zst", "o.hpb.gz", "o.sz"] {
            let run = scratch.run(&["cat", input, "-o", name, "--force"]).ends(0);
            assert!(run.stdout.is_empty(), "{run}");
            assert_eq!(scratch.run(&["cat", name, "--format", "jsonl"]).ends(0).out(), original, "{name}");
        }
        scratch.run(&["cat", "o.jsonl.zst", "-o", "back.hpb", "--force"]).ends(0);
        assert_eq!(scratch.read("back.hpb"), scratch.read(input), "{input} there and back");
    }
    let refused = scratch.run(&["cat", "basic.hpb", "-o", "o.hpb"]).ends(7);
    assert_eq!(refused.err(), "error: o.hpb: already exists (--force overwrites it)\n");
}

#[test]
fn following_a_file() {
    let scratch = Scratch::with(&["basic.hpb", "one.hpb"]);
    scratch.write("grows.hpb", scratch.read("basic.hpb"));
    let mut child = scratch
        .command(&["cat", "-f", "-n", "1", "--format", "jsonl", "grows.hpb"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().contains("\"Pid\":105"));
    let mut file = OpenOptions::new().append(true).open(scratch.path("grows.hpb")).expect("opened");
    file.write_all(&scratch.read("one.hpb")).expect("appended");
    assert!(next().contains("app.request"));
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// A link of that name is that tool: its arguments, its words. The recorded cases are run elsewhere; here it is the link.
#[test]
fn lsb_heka_cat() {
    let scratch = Scratch::new();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cepshim"), scratch.path("lsb_heka_cat")).expect("linked");
    let mut cases = 0;
    for case in std::fs::read_dir(recorded("cat")).expect("recorded cases") {
        let folder = case.expect("an entry").path();
        let read = |name: &str| std::fs::read(folder.join(name)).expect("readable");
        let case: serde_json::Value = serde_json::from_slice(&read("case.json")).expect("JSON");
        let expected: serde_json::Value = serde_json::from_slice(&read("expected.json")).expect("JSON");
        let own = folder.join("input.hpb");
        let input =
            if own.exists() { own } else { recorded(case["input"].as_str().unwrap_or("inputs/basic.hpb")) };
        scratch.write("input.hpb", std::fs::read(input).expect("readable"));
        let arguments: Vec<&str> =
            case["args"].as_array().expect("args").iter().filter_map(|it| it.as_str()).collect();
        let mut command = Command::new("./lsb_heka_cat");
        command.current_dir(scratch.path("")).args(&arguments);
        if case["stdin"] == true {
            command.stdin(std::fs::File::open(scratch.path("input.hpb")).expect("opened"));
        } else {
            command.stdin(Stdio::null());
        }
        let run = Run::new(&arguments, command.output().expect("the link runs"));
        let latin1 = |bytes: &[u8]| bytes.iter().map(|&it| char::from(it)).collect::<String>();
        assert_eq!(expected["exit"], run.status, "{}: {run}", folder.display());
        assert_eq!(expected["stdout"], latin1(&run.stdout), "{}", folder.display());
        let stderr = expected["stderr"].as_str().expect("text");
        assert_eq!(
            stderr,
            latin1(&run.stderr).replace("./lsb_heka_cat", "lsb_heka_cat"),
            "{}",
            folder.display()
        );
        cases += 1;
    }
    assert_eq!(cases, 16);
}
