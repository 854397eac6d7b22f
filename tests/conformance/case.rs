//! One recorded case: reading it, running it, comparing.

use std::{
    fmt::Write as _,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use cepshim::{
    archive::{Options, Reader, Source},
    event::{Event, Flow, Observer, RecordId},
    message::{Message, MessageIndex},
    pipeline::{FilterContext, FilterReport, FilterSpec, Harness, HostConfig, NativeModules, Outcome},
    system::{Clock, System},
    vm::DEFAULT_C_STEPS,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    normalize::{self, Timestamps},
    skipped::{PRODUCTION_AREA, production_folders},
};

/// What a case pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A filter over an input.
    Analysis,
    /// Reading a stream; checked beside `archive`.
    Stream,
    /// The cat tool; checked beside `view`.
    Cat,
}

/// A recorded case.
pub struct Case {
    /// `area/name`
    pub name: String,
    /// The documented behaviour it pins.
    pub area: String,
    /// Where its files are.
    pub directory: PathBuf,
    /// What it pins.
    pub kind: Kind,
    description: Value,
    expected: Value,
    input: PathBuf,
}

/// What a run of a case gave.
pub struct Run {
    /// The injected messages, in order.
    pub messages: Vec<Vec<u8>>,
    /// The filter's own account.
    pub report: FilterReport,
}

/// Gathers injected messages.
#[derive(Default)]
struct Gathered(Vec<Vec<u8>>);

impl Observer for Gathered {
    fn event(&mut self, event: &Event<'_>) -> Flow {
        if let Event::Injected { message, .. } = event {
            self.0.push(message.to_vec());
        }
        Flow::Continue
    }
}

/// All cases, in order of their names.
pub fn all(root: &Path) -> Vec<Case> {
    let mut res = Vec::new();
    for area in children(root) {
        for directory in children(&area) {
            if directory.join("case.json").is_file() {
                res.push(Case::read(root, directory));
            }
        }
    }
    res
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the corpus is readable");
    let mut res: Vec<_> = entries.map(|it| it.expect("an entry").path()).filter(|it| it.is_dir()).collect();
    res.sort();
    res
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text with one code point per byte.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&it| char::from(it)).collect()
}

/// A JSON value as Lua source.
fn lua(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Object(entries) => {
            let mut res = "{".to_owned();
            for (key, value) in entries {
                let _ = write!(res, "{key} = {}, ", lua(value));
            }
            res + "}"
        }
        other => other.to_string(),
    }
}

impl Case {
    fn read(root: &Path, directory: PathBuf) -> Case {
        let description = json(&directory.join("case.json"));
        let area = description["area"].as_str().expect("a case has an area").to_owned();
        let input = description["input"].as_str().expect("a case has an input");
        let input = if directory.join(input).is_file() { directory.join(input) } else { root.join(input) };
        Case {
            name: format!("{area}/{}", directory.file_name().expect("a name").to_string_lossy()),
            kind: match description["kind"].as_str() {
                Some("analysis") => Kind::Analysis,
                Some("stream") => Kind::Stream,
                _ => Kind::Cat,
            },
            expected: json(&directory.join("expected.json")),
            area,
            directory,
            description,
            input,
        }
    }

    /// The recorder's base configuration with the case's changes.
    fn host(&self) -> HostConfig {
        let mut text = String::from(
            r#"
            output_path = "out"
            sandbox_run_path = "run"
            hostname = "test.example"
            max_message_size = 1048576
            output_size = 67108864
            analysis_lua_path = "modules/?.lua"
            analysis_lua_cpath = "modules/?.so"
            io_lua_path = "modules/?.lua;io_modules/?.lua"
            io_lua_cpath = "modules/?.so;io_modules/?.so"
            analysis_defaults = {}
            input_defaults = {}
            output_defaults = {}
            "#,
        );
        if let Some(changes) = self.description["hindsight_cfg"].as_object() {
            for (key, value) in changes {
                let _ = writeln!(text, "{key} = {}", lua(value));
            }
        }
        HostConfig::load(Path::new("hindsight.cfg"), text.as_bytes(), &mut |_, _| {})
            .expect("the recorder's configuration is valid")
    }

    /// Makes the folder the case runs in the current one: its own, or, where it uses production's modules, a scratch
    /// folder as the recorder's was, with links to its files and to production's folders, whose names error texts show.
    /// The scratch folder is gone when what is returned is dropped.
    pub fn enter(&self) -> io::Result<Option<TempDir>> {
        if self.area != PRODUCTION_AREA {
            std::env::set_current_dir(&self.directory)?;
            return Ok(None);
        }
        let scratch = tempfile::tempdir()?;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            symlink(entry.path(), scratch.path().join(entry.file_name()))?;
        }
        for (name, folder) in production_folders() {
            symlink(fs::canonicalize(folder)?, scratch.path().join(name))?;
        }
        std::env::set_current_dir(&scratch)?;
        Ok(Some(scratch))
    }

    /// Runs the case in the current directory, which [`Case::enter`] has made its own.
    pub fn run(&self, first_slot: usize, rehearse: bool) -> Run {
        let host = self.host();
        let log_level = self.description["log_level"].as_u64().unwrap_or(6) as u8;
        let state = self.description["initial_state"]
            .as_str()
            .map(|it| fs::read(self.directory.join(it)).expect("the state is readable"));
        let options = Options { max_message_size: host.max_message_size as usize, ..Options::default() };
        let open =
            || Reader::open(vec![Source::File(self.input.clone())], options.clone()).expect("a reader");
        let start_ns = open().next().expect("readable").map_or(0, |it| it.message.timestamp());
        // Recorded wall-clock time is normalised by its size: such a case needs the machine's clock.
        let clock = if self.normalization().1 == Timestamps::Auto { Clock::Wall } else { Clock::Data };
        let system = System { clock, ..System::fixed() };
        let context = FilterContext {
            host: &host,
            system: &system,
            log_level,
            c_steps: DEFAULT_C_STEPS,
            native_modules: &NativeModules::BuiltIn,
            start_ns,
            first_slot,
            rehearse,
        };
        let specs = [FilterSpec { path: PathBuf::from("plugin.cfg"), state }];
        let mut messages = Gathered::default();
        let mut harness = Harness::start(&specs, &context, &mut messages);
        let _ = harness.idle(&mut messages);
        let mut reader = open();
        let mut number = 0;
        while harness.is_alive() {
            let Some(record) = reader.next().expect("readable") else { break };
            number += 1;
            let id = RecordId { number, offset: record.offset, ..RecordId::default() };
            let _ = harness.process(record.message, id, &mut messages);
        }
        let mut reports = harness.finish(&mut messages);
        Run { messages: messages.0, report: reports.remove(0) }
    }

    /// The run's messages without what depends on the run.
    pub fn normalized(&self, run: &Run) -> Vec<Vec<u8>> {
        let (keep_uuid, timestamps) = self.normalization();
        run.messages.iter().map(|it| normalize::normalize(it, keep_uuid, timestamps)).collect()
    }

    /// Compares a run with what was recorded.
    pub fn compare(&self, run: &Run) -> Result<(), String> {
        let report = &run.report;
        let outcome = match report.outcome {
            Outcome::Ok => "ok",
            Outcome::Terminated => "terminated",
            Outcome::CreateFailed => "create_failed",
        };
        let logs: Vec<Value> = report
            .logs
            .iter()
            .flat_map(|line| {
                latin1(line).split('\n').map(|it| Value::String(it.to_owned())).collect::<Vec<_>>()
            })
            .collect();
        let text = |it: &Option<Vec<u8>>| it.as_ref().map_or(Value::Null, |it| Value::String(latin1(it)));
        let got = [
            ("outcome", Value::from(outcome)),
            ("error", text(&report.error)),
            ("injected", Value::from(run.messages.len())),
            ("messages_read", Value::from(report.messages_read)),
            ("messages_matched", Value::from(report.messages_matched)),
            ("process_message_count", Value::from(report.process_message_count)),
            ("process_message_failures", Value::from(report.process_message_failures)),
            ("timer_events", Value::from(report.timer_events)),
            ("logs", Value::Array(logs)),
            ("state", text(&report.state)),
        ];
        let mut problems = String::new();
        for (key, value) in got {
            if self.expected[key] != value {
                let _ =
                    writeln!(problems, "  {key}\n    expected {}\n    got      {value}", self.expected[key]);
            }
        }
        let expected = fs::read(self.directory.join("expected.hpb")).expect("expected.hpb is readable");
        if normalize::frame(self.normalized(run).into_iter()) != expected {
            let _ = write!(problems, "{}", self.show_messages(&expected, run));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn normalization(&self) -> (bool, Timestamps) {
        let normalize = &self.description["normalize"];
        let timestamps = match normalize["timestamp"].as_str() {
            Some("zero") => Timestamps::Zero,
            Some("keep") => Timestamps::Keep,
            _ => Timestamps::Auto,
        };
        (normalize["uuid"].as_str() == Some("keep"), timestamps)
    }

    /// Both streams as text, for a person to compare.
    fn show_messages(&self, expected: &[u8], run: &Run) -> String {
        let mut want = Vec::new();
        let mut reader = cepshim::archive::FrameReader::new(expected, "expected.hpb".into(), 1 << 30);
        while let Ok(Some(frame)) = reader.next() {
            want.push(frame.message.raw().to_vec());
        }
        let got = self.normalized(run);
        for i in 0..want.len().max(got.len()) {
            if want.get(i) != got.get(i) {
                let show = |it: Option<&Vec<u8>>| it.map_or_else(|| "nothing".to_owned(), |it| describe(it));
                return format!(
                    "  message {}\n--- expected\n{}\n--- got\n{}\n",
                    i + 1,
                    show(want.get(i)),
                    show(got.get(i))
                );
            }
        }
        "  framing differs\n".to_owned()
    }
}

fn describe(raw: &[u8]) -> String {
    let mut index = MessageIndex::default();
    if index.decode(raw).is_err() {
        return format!("undecodable {}", latin1(raw).escape_debug());
    }
    let message = Message::new(raw, &index);
    let mut res = format!(
        "Type {:?} Severity {} Pid {} bytes {}\n",
        message.type_().map(latin1),
        message.severity(),
        message.pid(),
        latin1(raw).escape_debug()
    );
    for field in message.fields() {
        let _ =
            writeln!(res, "field {} = {}", latin1(field.name()), latin1(field.value_bytes()).escape_debug());
    }
    res + &latin1(message.payload().unwrap_or_default())
}
