//! Interruptions and closed pipes.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Stdio},
    time::{Duration, Instant},
};

use crate::scratch::{COUNT, ECHO, Scratch};

/// Nothing here takes as long, on any machine.
const PATIENCE: Duration = Duration::from_mins(1);

const ECHOES: &str = "message_matcher = 'TRUE'\nprocess_message_inject_limit = 1";

fn spawn(scratch: &Scratch, arguments: &[&str]) -> (Child, ChildStdin) {
    let mut child = scratch
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdin = child.stdin.take().expect("a pipe");
    (child, stdin)
}

fn interrupt(child: &Child) {
    let id = i32::try_from(child.id()).expect("a process id");
    #[allow(unsafe_code, reason = "std cannot send signals")]
    // SAFETY: kill has no preconditions; the process is our own child and has not been waited for.
    let sent = unsafe { libc::kill(id, libc::SIGINT) };
    assert_eq!(sent, 0);
}

/// Waits for the end, for a minute at most.
fn status(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        if started.elapsed() > PATIENCE {
            child.kill().expect("killed");
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The input is open and gives nothing more: the first interruption ends the run cleanly.
#[test]
fn an_interrupted_replay_is_complete_up_to_there() {
    let scratch = Scratch::with(&["basic.hpb"]);
    let script = format!(
        "{COUNT}\nlocal count = process_message\nfunction process_message()\n    inject_payload('txt', 'seen')\n    return count()\nend\n"
    );
    scratch.filter("count", &script, &format!("{ECHOES}\npreserve_data = true"));
    let arguments = [
        "replay",
        "count.cfg",
        "-",
        "--output",
        "out.jsonl",
        "--report",
        "report.json",
        "--state-out",
        "out.data",
        "-v",
    ];
    let (mut child, mut stdin) = spawn(&scratch, &arguments);
    stdin.write_all(&scratch.read("basic.hpb")).expect("fed");
    stdin.flush().expect("fed");
    // Outputs get their name at the end; until then the temporary file grows only when its buffer is full. So wait
    // until the program has taken what there is and waits for more.
    wait_for("the input is not read", || is_drained(&stdin));
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    assert_eq!(status(&mut child), Some(130));
    let report = scratch.report("report.json");
    assert_eq!(report["input"]["stopped"]["reason"], "interrupted");
    assert_eq!(report["input"]["records"], 6);
    let shown = scratch.run(&["cat", "out.jsonl", "--format", "jsonl"]).ends(0).payloads();
    assert_eq!(report["filters"][0]["injected"].as_u64(), Some(shown.len() as u64));
    assert!(shown.last().is_some_and(|it| it.starts_with("6 at") && it.ends_with("shutdown")), "{shown:?}");
    assert!(scratch.path("out.data").exists());
    let mut words = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut words).expect("text");
    assert!(words.contains("interrupted behind message 6"), "{words}");
    drop(stdin);
}

/// Whether everything written to the pipe has been read from it.
fn is_drained(pipe: &ChildStdin) -> bool {
    use std::os::fd::AsRawFd as _;
    let mut waiting: libc::c_int = -1;
    #[allow(unsafe_code, reason = "std cannot ask")]
    // SAFETY: FIONREAD writes one int through the pointer, which is valid for the call.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
    asked == 0 && waiting == 0
}

/// A long run is interrupted between two messages.
#[test]
fn a_busy_replay_ends_at_once() {
    let scratch = Scratch::with(&["access.hpb"]);
    let slow = "function process_message()\n    for i = 1, 3000000 do end\n    return 0\nend\nfunction timer_event() end\n";
    scratch.filter("slow", slow, "message_matcher = 'TRUE'\ninstruction_limit = 0");
    let inputs = ["access.hpb"; 40];
    let arguments = [&["replay", "slow.cfg", "--report", "report.json"][..], &inputs].concat();
    let (mut child, stdin) = spawn(&scratch, &arguments);
    drop(stdin);
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    assert_eq!(status(&mut child), Some(130));
    let report = scratch.report("report.json");
    assert!(report["filters"][0]["messages_read"].as_u64().is_some_and(|it| it < 2400), "{report}");
    assert_eq!(report["filters"][0]["outcome"], "ok");
}

#[test]
fn a_second_interruption_ends_the_process() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter(
        "hangs",
        "function process_message()\n    while true do end\nend\nfunction timer_event() end\n",
        "message_matcher = 'TRUE'\ninstruction_limit = 0",
    );
    let (mut child, stdin) = spawn(&scratch, &["replay", "hangs.cfg", "basic.hpb", "--output", "out.hpb"]);
    drop(stdin);
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("a child").is_none(), "the message is not finished");
    interrupt(&child);
    assert_eq!(status(&mut child), Some(130));
    assert!(!scratch.path("out.hpb").exists(), "half an output has no name");
}

/// `| head -1`: no panic, no words about it, exit status 0.
#[test]
fn a_closed_pipe_is_nobodys_problem() {
    let scratch = Scratch::with(&["access.hpb"]);
    scratch.filter("echo", ECHO, ECHOES);
    let inputs = ["access.hpb"; 200];
    for command in [&["replay", "echo.cfg", "-q"][..], &["cat", "-q"], &["cat", "--format", "json", "-q"]] {
        let (mut child, stdin) = spawn(&scratch, &[command, &inputs].concat());
        drop(stdin);
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        drop(out);
        assert_eq!(status(&mut child), Some(0), "{command:?}");
        let mut words = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut words).expect("text");
        assert_eq!(words, "", "{command:?}");
    }
    for command in [&["man"][..], &["completions", "bash"], &["doctor"], &["--help"]] {
        let (mut child, stdin) = spawn(&scratch, command);
        drop((stdin, child.stdout.take()));
        assert_eq!(status(&mut child), Some(0), "{command:?}");
    }
}
