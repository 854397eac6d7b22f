//! `cepshim replay`

use std::{
    fs,
    io::{self, BufWriter, IsTerminal as _, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};

use super::{
    cat::FormatArg,
    inputs::{InputArgs, resolve},
    settings::{self, SettingsArgs},
};
use crate::{
    archive::{Interrupt, Source, Writer},
    cli::{
        exit::Status,
        files::{self, FileError},
        ui::Ui,
    },
    event::{Event, Flow, Observer, level_name},
    matcher::Matcher,
    message::{Message, MessageIndex, render, write_frame_header},
    pipeline::{FilterReport, FilterSpec, NativeModules, Outcome, plugin_name},
    project::Flags,
    replay::{self, Options, Replay, Stop, TermCount, Watch},
    report,
    system::System,
};

/// Run filters over inputs, exactly as production would
///
/// A FILTER is a Hindsight plugin .cfg, or a bare .lua, which matches every message under production's default limits.
/// Injected messages go to standard output, or to a file with --output; a summary goes to standard error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    cepshim replay filters/analysis/http_status.cfg sample_data/access.hpb.zst\n  \
    cepshim replay http_status.lua access.log.hpb.zst\n  \
    cepshim replay -f a.cfg -f b.cfg archive/\n  \
    zstdcat x.zst | cepshim replay a.cfg -\n  \
    cepshim replay a.cfg archive/ --match 'Type == \"telemetry\"' --since 2026-11-01T00:00Z --limit 1000\n  \
    cepshim replay a.cfg archive/ --output out.hpb --report report.json --state-out after.data")]
pub struct ReplayArgs {
    /// The filter, unless --filter names filters, and what to read: files, directories, patterns, `-`. Without any
    /// input, the project's sample sets
    #[arg(value_name = "FILTER] [INPUT")]
    paths: Vec<PathBuf>,
    /// A filter; may be given several times, for one read of the data
    #[arg(short = 'f', long = "filter", value_name = "FILTER")]
    filters: Vec<PathBuf>,
    /// How injected messages are shown on standard output
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    format: FormatArg,
    /// Write injected messages to this file, in the format of its name: .hpb, .jsonl, with .zst, .gz or .sz compressed
    #[arg(short, long, value_name = "FILE", conflicts_with = "format")]
    output: Option<PathBuf>,
    /// Write what filters tried to send to the outside to this file, as JSON lines; .zst, .gz or .sz compresses
    #[arg(long, value_name = "FILE")]
    sent: Option<PathBuf>,
    /// Write what happened to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Start from this preserved state; with several filters a directory of NAME.data
    #[arg(long, value_name = "FILE")]
    state_in: Option<PathBuf>,
    /// Write what production's state file would hold; with several filters a directory
    #[arg(long, value_name = "FILE")]
    state_out: Option<PathBuf>,
    /// Log lines up to this level, 0 to 7; 7 lets print be heard [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=7))]
    log_level: Option<u8>,
    /// Which clock filters see: the highest Timestamp so far, or the machine's
    #[arg(long, value_enum, default_value_t = ClockArg::Data)]
    clock: ClockArg,
    /// Seed of Uuids and random numbers [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Steps of pattern matching one call may take [default: 2000000000]
    #[arg(long, value_name = "N")]
    c_steps: Option<u64>,
    /// Load C modules for Lua 5.1 from shared libraries on lua_cpath: all that are not built in, or exactly those named,
    /// also in the place of one that is built in. What they do is outside of limits, snapshots and determinism
    #[arg(long, value_name = "NAME", num_args = 0.., require_equals = true, value_delimiter = ',',
        value_parser = module_name)]
    allow_native_modules: Option<Vec<String>>,
    /// Print production's statistics per filter (plugins.tsv), with wall-clock times, to standard error
    #[arg(long)]
    stats: bool,
    /// Damaged input is reported, but does not change the exit status
    #[arg(long)]
    allow_damage: bool,
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    input: InputArgs,
}

/// A name as `require` takes it.
fn module_name(text: &str) -> Result<String, String> {
    let is_name =
        !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.'));
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("a module's name is letters, digits, `_` and `.`".to_owned())
    }
}

/// Which clock filters see
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClockArg {
    /// The highest Timestamp so far
    Data,
    /// The machine's
    Wall,
}

/// A callback running for longer than this is named.
const SLOW: Duration = Duration::from_secs(5);
/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// Replays, and says how it went.
pub fn run(args: &ReplayArgs, ui: &Ui) -> Status {
    let (filters, inputs) = match args.split() {
        Ok(split) => split,
        Err(text) => {
            ui.error(&text);
            return Status::Usage;
        }
    };
    let prepared = prepare(args, filters, inputs, ui);
    match prepared {
        Ok(options) => replay(args, &options, ui),
        Err(refusal) => {
            ui.error(&refusal.text);
            // Scripts find out from the report too, unless it is the report that cannot be written.
            let is_wanted =
                |it: &&Path| refusal.status != Status::Usage && files::check_absent(it, args.force).is_ok();
            if let Some(path) = args.report.as_deref().filter(is_wanted) {
                let report = refused(filters, &refusal);
                if let Err(error) = files::write(path, report::json(&report).as_bytes()) {
                    ui.error(&error.to_string());
                }
            }
            refusal.status
        }
    }
}

/// Why nothing was run.
struct Refusal {
    status: Status,
    /// What to say.
    text: String,
}

impl Refusal {
    fn new(status: Status, text: impl Into<String>) -> Refusal {
        Refusal { status, text: text.into() }
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Refusal {
        Refusal::new(Status::Io, error.to_string())
    }
}

/// The report of a run that did not happen.
fn refused(filters: &[PathBuf], refusal: &Refusal) -> Replay {
    let filters = filters
        .iter()
        .map(|path| {
            let error = refusal.text.clone().into_bytes();
            FilterReport::not_created(plugin_name(path), error)
        })
        .collect();
    Replay {
        filters,
        tally: crate::archive::Tally::default(),
        selected: 0,
        stop: None,
        failure: None,
        elapsed: Duration::ZERO,
    }
}

impl ReplayArgs {
    /// Which of the paths are filters and which inputs.
    fn split(&self) -> Result<(&[PathBuf], &[PathBuf]), String> {
        if !self.filters.is_empty() {
            return Ok((&self.filters, &self.paths));
        }
        match self.paths.split_first() {
            Some((_, inputs)) => Ok((&self.paths[..1], inputs)),
            None => {
                Err("no filter given: cepshim replay FILTER [INPUT]... (see cepshim replay --help)"
                    .to_owned())
            }
        }
    }
}

/// Turns what was typed into what is meant; nothing is written before all of it is known to be possible.
fn prepare(args: &ReplayArgs, filters: &[PathBuf], inputs: &[PathBuf], ui: &Ui) -> Result<Options, Refusal> {
    let refused = |(status, text)| Refusal::new(status, text);
    let flags = Flags {
        log_level: settings::log_level(args.log_level, ui),
        c_steps: args.c_steps,
        seed: args.seed,
        ..Flags::default()
    };
    let (_, settings) = args.settings.resolve(flags).map_err(refused)?;
    let host = settings::host_config(&settings, ui).map_err(refused)?;
    let mut names: Vec<String> = filters.iter().map(|it| plugin_name(it)).collect();
    names.sort();
    if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
        let text = format!("two filters are called {name}: outputs and states could not be told apart");
        return Err(Refusal::new(Status::Configuration, text));
    }
    for path in filters {
        let is_known = path.extension().is_some_and(|it| it == "cfg" || it == "lua");
        if !is_known {
            let text = format!("{}: a filter is a .cfg or a .lua file", path.display());
            return Err(Refusal::new(Status::Usage, text));
        }
        fs::metadata(path).map_err(|error| {
            Refusal::new(Status::Configuration, format!("{}: cannot be read: {error}", path.display()))
        })?;
    }
    let selection = args.input.selection().map_err(refused)?;
    let sources = if inputs.is_empty() {
        settings::sample_sources(&settings).map_err(refused)?
    } else {
        resolve(inputs).map_err(refused)?
    };
    for path in [&args.output, &args.sent, &args.report].into_iter().flatten() {
        files::check_absent(path, args.force)?;
    }
    let specs = filters
        .iter()
        .map(|path| {
            if let Some(out) = state_path(args.state_out.as_deref(), path, filters.len()) {
                files::check_absent(&out, args.force)?;
            }
            let state = match state_path(args.state_in.as_deref(), path, filters.len()) {
                Some(file) if filters.len() > 1 && !file.exists() => None,
                Some(file) => Some(files::read(&file)?),
                None => None,
            };
            Ok(FilterSpec { path: path.clone(), state })
        })
        .collect::<Result<Vec<FilterSpec>, FileError>>()?;
    let system = match args.clock {
        ClockArg::Data => System { seed: settings.seed.value, ..System::fixed() },
        ClockArg::Wall => System { seed: settings.seed.value, ..System::real() },
    };
    let native_modules = match &args.allow_native_modules {
        None => NativeModules::BuiltIn,
        Some(names) if names.is_empty() => NativeModules::Load,
        Some(names) => NativeModules::LoadNamed(names.clone()),
    };
    if native_modules != NativeModules::BuiltIn {
        ui.warning(
            "native modules may be loaded: their memory and time count for no limit, snapshots do not hold what they \
             keep, and two runs need not be the same",
        );
    }
    let interrupt = Arc::new(AtomicBool::new(false));
    let mut reading = args.input.reading(host.max_message_size as usize);
    reading.interrupt = Interrupt(Arc::clone(&interrupt));
    Ok(Options {
        filters: specs,
        sources,
        reading,
        selection,
        host,
        system,
        log_level: settings.log_level.value.0,
        c_steps: settings.c_steps.value,
        native_modules,
        measure: args.stats,
        interrupt,
        watch: Arc::new(Watch::default()),
    })
}

/// Where a filter's state is: the file given, or its own file in the directory given.
fn state_path(given: Option<&Path>, filter: &Path, filters: usize) -> Option<PathBuf> {
    let given = given?;
    if filters == 1 {
        return Some(given.to_owned());
    }
    Some(given.join(format!("{}.data", plugin_name(filter))))
}

/// Sets the flag at the first interruption and ends the process at the second.
pub fn on_interrupt(flag: &Arc<AtomicBool>) {
    let flag = Arc::clone(flag);
    // Without a handler the system's default holds, which ends the process at once.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            process::exit(Status::Interrupted.code().into());
        }
    });
}

fn replay(args: &ReplayArgs, options: &Options, ui: &Ui) -> Status {
    let mut ui = ui.again();
    let mut output = match Injected::open(args) {
        Ok(output) => output,
        Err(error) => {
            ui.error(&error);
            return Status::Io;
        }
    };
    let mut sent = match &args.sent {
        None => None,
        Some(path) => match Writer::create(path, args.force) {
            Ok(writer) => Some(writer),
            Err(error) => {
                ui.error(&error.to_string());
                return Status::Io;
            }
        },
    };
    on_interrupt(&options.interrupt);
    ui.start_bar(options.sources.iter().map(Source::size).sum());
    let watcher = watch(options, &ui);
    let outcome = {
        let names = options.filters.iter().map(|it| plugin_name(&it.path)).collect();
        let mut listener =
            Listener { output: &mut output, sent: sent.as_mut(), names, ui: &ui, problem: None };
        let outcome = replay::run(options, &mut listener);
        (outcome, listener.problem)
    };
    watcher.end();
    ui.end_bar();
    let (replay, problem) = match outcome {
        (Ok(replay), problem) => (replay, problem),
        (Err(error), _) => {
            ui.error(&error.to_string());
            return Status::Io;
        }
    };
    let mut status = status_of(&replay, args);
    if let Some(problem) = problem {
        ui.error(&problem);
        status = status.first(Status::Io);
    }
    for problem in finish(args, options, &replay, output, sent) {
        ui.error(&problem);
        status = status.first(Status::Io);
    }
    say(args, options, &replay, &ui);
    status
}

/// What the outcome means for the exit status.
fn status_of(replay: &Replay, args: &ReplayArgs) -> Status {
    let mut status = Status::Ok;
    let mut add = |applies: bool, other: Status| {
        if applies {
            status = status.first(other);
        }
    };
    add(matches!(replay.stop, Some(Stop::Interrupted(_))), Status::Interrupted);
    add(replay.filters.iter().any(|it| it.outcome == Outcome::CreateFailed), Status::Configuration);
    add(replay.failure.is_some(), Status::Io);
    add(replay.filters.iter().any(|it| it.outcome == Outcome::Terminated), Status::Terminated);
    add(replay.tally.is_damaged() && !args.allow_damage, Status::Damaged);
    add(replay.filters.iter().all(|it| it.messages_matched == 0), Status::Nothing);
    status
}

/// Writes what is written at the end; what went wrong.
fn finish(
    args: &ReplayArgs,
    options: &Options,
    replay: &Replay,
    output: Injected,
    sent: Option<Writer>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = output.finish() {
        problems.push(error);
    }
    if let Some(Err(error)) = sent.map(Writer::finish) {
        problems.push(error.to_string());
    }
    if let Some(path) = &args.report
        && let Err(error) = files::write(path, report::json(replay).as_bytes())
    {
        problems.push(error.to_string());
    }
    for (spec, filter) in options.filters.iter().zip(&replay.filters) {
        let Some(path) = state_path(args.state_out.as_deref(), &spec.path, options.filters.len()) else {
            continue;
        };
        if let Some(parent) = path.parent().filter(|_| options.filters.len() > 1) {
            // Failing shows when the file is written.
            let _ = fs::create_dir_all(parent);
        }
        match &filter.state {
            Some(state) => {
                if let Err(error) = files::write(&path, state) {
                    problems.push(error.to_string());
                }
            }
            // Production would have no file there.
            None if path.is_file() => {
                if let Err(error) = fs::remove_file(&path) {
                    problems.push(format!("{}: cannot be removed: {error}", path.display()));
                }
            }
            None => {}
        }
    }
    problems
}

/// The words at the end.
fn say(args: &ReplayArgs, options: &Options, replay: &Replay, ui: &Ui) {
    let inputs: Vec<String> = options.sources.iter().map(|it| it.name().to_string()).collect();
    let script = |path: &Path| fs::read_to_string(path).ok();
    for filter in replay.filters.iter().filter(|it| it.outcome != Outcome::Ok) {
        if let Some(text) = report::termination(filter, &inputs, ui.style, &script) {
            ui.write(&text);
        }
    }
    if args.stats {
        ui.write(&report::plugins_tsv(&replay.filters));
    }
    if !ui.quiet {
        let terms = if replay.selected > 0 { unmatched_terms(options, replay) } else { Vec::new() };
        ui.write(&report::summary(replay, &terms, ui.style));
    }
}

/// For filters that matched nothing: how often each test of their matchers was true.
fn unmatched_terms(options: &Options, replay: &Replay) -> Vec<(usize, Vec<TermCount>, u64)> {
    let unmatched: Vec<(usize, Matcher)> = replay
        .filters
        .iter()
        .enumerate()
        .filter(|(_, it)| it.messages_read > 0 && it.messages_matched == 0)
        .filter_map(|(i, it)| Some((i, Matcher::compile(&it.message_matcher).ok()?)))
        .collect();
    if unmatched.is_empty() {
        return Vec::new();
    }
    let (indices, matchers): (Vec<usize>, Vec<Matcher>) = unmatched.into_iter().unzip();
    match replay::count_terms(&options.sources, &options.reading, &options.selection, &matchers) {
        Ok((counts, records)) if records > 0 => {
            indices.into_iter().zip(counts).map(|(i, counts)| (i, counts, records)).collect()
        }
        _ => Vec::new(),
    }
}

/// Moves the progress bar and names calls that run for long.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watcher {
    fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics only if standard error is gone.
            let _ = thread.join();
        }
    }
}

fn watch(options: &Options, ui: &Ui) -> Watcher {
    let (watch, bar) = (Arc::clone(&options.watch), ui.bar());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let run = move || {
        let (mut since, mut last, mut said) = (Instant::now(), None, None);
        while !stopped.load(Ordering::Relaxed) {
            thread::park_timeout(TICK);
            bar.set_position(watch.bytes());
            bar.set_message(format!("{} messages", watch.records()));
            let now = watch.record_in_filter();
            if now != last {
                (since, last) = (Instant::now(), now);
            } else if let Some(record) = now
                && since.elapsed() > SLOW
                && said != now
            {
                said = now;
                bar.suspend(|| {
                    eprintln!("still in the filters with message {record} after {} s", SLOW.as_secs());
                });
            }
        }
    };
    let thread = thread::Builder::new().name("watch".to_owned()).spawn(run).ok();
    Watcher { stop, thread }
}

/// Where injected messages go.
enum Injected {
    File(Writer),
    Stream { out: BufWriter<io::Stdout>, format: FormatArg, flushes: bool, count: u64, buffer: Vec<u8> },
}

impl Injected {
    fn open(args: &ReplayArgs) -> Result<Injected, String> {
        if let Some(path) = &args.output {
            return Writer::create(path, args.force).map(Injected::File).map_err(|it| it.to_string());
        }
        let stdout = io::stdout();
        let flushes = stdout.is_terminal();
        Ok(Injected::Stream {
            out: BufWriter::with_capacity(64 << 10, stdout),
            format: args.format,
            flushes,
            count: 0,
            buffer: Vec::new(),
        })
    }

    fn write(&mut self, message: Message<'_>) -> Result<(), WriteError> {
        match self {
            Injected::File(writer) => writer.write(message).map_err(|it| WriteError::Other(it.to_string())),
            Injected::Stream { out, format, flushes, count, buffer } => {
                buffer.clear();
                match format {
                    FormatArg::Text => render::text_safe(message, buffer),
                    FormatArg::Jsonl => {
                        render::json(message, buffer);
                        buffer.push(b'\n');
                    }
                    FormatArg::Json => {
                        buffer.extend_from_slice(if *count == 0 { b"[\n" } else { b",\n" });
                        render::json(message, buffer);
                    }
                    FormatArg::Hpb => {
                        write_frame_header(buffer, message.raw().len());
                        buffer.extend_from_slice(message.raw());
                    }
                }
                *count += 1;
                out.write_all(buffer)?;
                if *flushes {
                    out.flush()?;
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), String> {
        match self {
            Injected::File(writer) => writer.finish().map_err(|it| it.to_string()),
            Injected::Stream { mut out, format, count, .. } => {
                let end: &[u8] = match (format, count) {
                    (FormatArg::Json, 0) => b"[]\n",
                    (FormatArg::Json, _) => b"\n]\n",
                    _ => b"",
                };
                match out.write_all(end).and_then(|()| out.flush()) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        Err(format!("standard output cannot be written: {error}"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

enum WriteError {
    /// Whoever reads the pipe has seen enough.
    Closed,
    Other(String),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return WriteError::Closed;
        }
        WriteError::Other(format!("standard output cannot be written: {error}"))
    }
}

/// Writes what is injected and sent, and says what is logged.
struct Listener<'a> {
    output: &'a mut Injected,
    sent: Option<&'a mut Writer>,
    /// The filters' names.
    names: Vec<String>,
    ui: &'a Ui,
    problem: Option<String>,
}

impl Observer for Listener<'_> {
    fn event(&mut self, event: &Event<'_>) -> Flow {
        match event {
            Event::Injected { message, .. } => {
                let mut index = MessageIndex::default();
                // What a script injects is written whether or not a decoder accepts it.
                let _ = index.decode(message);
                match self.output.write(Message::new(message, &index)) {
                    Ok(()) => Flow::Continue,
                    Err(WriteError::Closed) => Flow::Abandon,
                    Err(WriteError::Other(text)) => {
                        self.problem.get_or_insert(text);
                        Flow::Abandon
                    }
                }
            }
            Event::Sent { filter, sent, callback, record, place } => {
                let Some(writer) = &mut self.sent else { return Flow::Continue };
                let name = self.names.get(*filter).map_or("", String::as_str);
                let mut line = Vec::new();
                report::sent_line(name, sent, *callback, *record, place, &mut line);
                match writer.write_line(&line) {
                    Ok(()) => Flow::Continue,
                    Err(error) => {
                        self.problem.get_or_insert(error.to_string());
                        Flow::Abandon
                    }
                }
            }
            // What ends a filter is told at the end, with everything known about it.
            Event::Log { level: 3, text, .. } if text.starts_with(b"terminated: ") => Flow::Continue,
            Event::Log { level, component, text } => {
                if !self.ui.quiet {
                    let mut line = format!("[{}] ", level_name(*level)).into_bytes();
                    render::escape(component, &mut line);
                    line.push(b' ');
                    render::escape(text, &mut line);
                    self.ui.write(&String::from_utf8_lossy(&line));
                }
                Flow::Continue
            }
            _ => Flow::Continue,
        }
    }
}
