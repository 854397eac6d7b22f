//! A folder to run the program in, and what came of a run.

use std::{
    fmt,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// Counts messages and says how many at every `timer_event`.
pub const COUNT: &str = r#"local n = 0
function process_message()
    n = n + 1
    return 0
end

function timer_event(ns, shutdown)
    inject_payload("txt", "count", n, " at ", ns / 1e9, shutdown and " shutdown" or "")
end
"#;

/// Injects a message for every message.
pub const ECHO: &str = r#"function process_message()
    inject_message({
        Type    = "echo",
        Payload = read_message("Type") .. " " .. (read_message("Payload") or ""),
        Fields  = {pid = read_message("Pid"), now = os and os.time and os.time() or 0},
    })
    return 0
end

function timer_event(ns, shutdown) end
"#;

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A recorded input, for example `inputs/basic.hpb`.
pub fn recorded(name: &str) -> PathBuf {
    repository().join("tests/data/conformance").join(name)
}

/// A command whose environment does not depend on who runs the tests.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cepshim"));
    command.current_dir(folder).env_remove("NO_COLOR").env("TERM", "dumb").env("COLUMNS", "100");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CEPSHIM") {
            command.env_remove(name);
        }
    }
    command
}

/// A folder that is gone when the test is over.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// An empty folder.
    pub fn new() -> Scratch {
        Scratch { folder: tempfile::tempdir().expect("a scratch folder") }
    }

    /// A folder with recorded inputs under their own names.
    pub fn with(inputs: &[&str]) -> Scratch {
        let res = Scratch::new();
        for input in inputs {
            let from = recorded("inputs").join(input);
            std::fs::copy(&from, res.path(input))
                .unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
        res
    }

    /// Where a file of the folder is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Scratch {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("written");
        self
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Reads a report.
    pub fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).expect("JSON")
    }

    /// Writes NAME.lua and a NAME.cfg with these settings besides `filename`.
    pub fn filter(&self, name: &str, script: &str, settings: &str) -> &Scratch {
        self.write(&format!("{name}.lua"), script);
        self.write(&format!("{name}.cfg"), format!("filename = \"{name}.lua\"\n{settings}\n"))
    }

    /// The files in the folder, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("readable");
        let name = |it: std::io::Result<std::fs::DirEntry>| it.expect("an entry").file_name();
        let mut names: Vec<String> = entries.map(|it| name(it).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A command in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs the program without input.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    /// Runs the program with this standard input.
    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        let stdin = stdin.to_vec();
        // A program that does not read all of it is no failure of the test.
        let feeder = thread::spawn(move || drop(pipe.write_all(&stdin)));
        let output = child.wait_with_output().expect("the program ends");
        feeder.join().expect("fed");
        Run::new(arguments, output)
    }
}

/// What came of a run.
pub struct Run {
    command: String,
    /// The exit status; -1 when a signal ended it.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Run {
    pub fn new(arguments: &[&str], output: Output) -> Run {
        let quoted = arguments
            .iter()
            .map(|it| if it.contains([' ', '\'']) { format!("{it:?}") } else { (*it).to_owned() });
        Run {
            command: quoted.collect::<Vec<_>>().join(" "),
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }

    /// Requires an exit status.
    #[track_caller]
    pub fn ends(self, status: i32) -> Run {
        assert_eq!(self.status, status, "{self}");
        self
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let out = self.out();
        out.lines()
            .map(|it| serde_json::from_str(it).unwrap_or_else(|error| panic!("{it}: {error}")))
            .collect()
    }

    /// The Payloads on standard output, which holds JSON lines.
    #[track_caller]
    pub fn payloads(&self) -> Vec<String> {
        self.lines().iter().map(|it| it["Payload"].as_str().unwrap_or("<none>").to_owned()).collect()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ cepshim {}\nexit status {}", self.command, self.status)?;
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !bytes.is_empty() {
                write!(f, "--- {name}\n{}", String::from_utf8_lossy(bytes))?;
                f.write_str(if bytes.ends_with(b"\n") { "" } else { "<no line end>\n" })?;
            }
        }
        Ok(())
    }
}

/// Compares with the snapshot of this name.
#[track_caller]
pub fn matches(name: &str, text: &dyn fmt::Display) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Wall-clock time, and memory, which belongs to the allocator and not to the words.
    settings.add_filter(r" in \d+ ms", " in TIME");
    settings.add_filter(r" in \d+\.\d+ s\b", " in TIME");
    settings.add_filter(r"[\d,]+ messages/s", "RATE messages/s");
    settings.add_filter(r"memory [\d,]+ of ([\d,]+) \(\d+ %\)", "memory USED of $1");
    settings.add_filter(r"[\d,]+ bytes used by an empty state", "USED bytes used by an empty state");
    settings.add_filter(r"(linux|macos) on \w+", "SYSTEM on MACHINE");
    settings.bind(|| insta::assert_snapshot!(name, text.to_string()));
}
