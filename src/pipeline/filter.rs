//! One analysis plugin as the host sees it: configuration, matcher, ticker, counters around its sandbox.
//!
//! What it does for a message is hindsight's `analyze_message` (`src/hs_analysis_plugins.c:379-440`) for one plugin:
//! match, `process_message`, then the ticker's test, which is made for messages that do not match as well.

use std::path::{Path, PathBuf};

use super::{
    hindsight_config::{HostConfig, PluginConfig, RuntimeOverrides},
    limits::LimitReport,
    rehearse::Rehearsal,
};
use crate::{
    event::{Callback, Event, Flow, Observer, RecordId, Sent, SourceLine},
    matcher::Matcher,
    message::Message,
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules, Preserved, Sink, StateFile, TraceFrame},
    system::System,
    vm::Place,
};

/// The component production's host speaks as where analysis plugins are concerned.
const HOST_COMPONENT: &[u8] = b"analysis_plugins";

/// A filter as the user names it.
#[derive(Clone, Debug)]
pub struct FilterSpec {
    /// A plugin `.cfg`, or a bare `.lua`.
    pub path: PathBuf,
    /// The preserved state to start from: what the state file holds, if there is one.
    pub state: Option<Vec<u8>>,
}

/// What all filters of a run share.
pub struct FilterContext<'a> {
    /// `hindsight.cfg` or its stand-in.
    pub host: &'a HostConfig,
    /// The world.
    pub system: &'a System,
    /// Only lines at or below this level are logged; 7 lets `print` be heard.
    pub log_level: u8,
    /// Budget of pattern-matching steps per call.
    pub c_steps: u64,
    /// Which modules may be loaded from shared libraries.
    pub native_modules: &'a NativeModules,
    /// The clock before the first record, in nanoseconds: its Timestamp.
    pub start_ns: i64,
    /// The first 4 GiB slot to try for a VM's memory.
    pub first_slot: usize,
    /// Runs each call twice and compares; for tests of time travel.
    pub rehearse: bool,
}

/// How a filter ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Running, or destroyed after a clean shutdown.
    Ok,
    /// Ended early.
    Terminated,
    /// Never ran.
    CreateFailed,
}

/// Why a filter could not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateFailure {
    /// Its `.cfg` is unreadable or refused: production logs that and goes on, its exit status unchanged.
    Config,
    /// Its matcher is invalid.
    Matcher {
        /// The error with the place marked.
        explanation: String,
    },
    /// Its script is missing.
    ScriptMissing,
    /// Its script or state failed.
    Script,
}

/// What is told of a filter when it has ended.
#[derive(Clone, Debug)]
pub struct FilterReport {
    /// `analysis.` and the stem of its file.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it could not be created.
    pub failure: Option<CreateFailure>,
    /// Production's text for a termination or failed creation.
    pub error: Option<Vec<u8>>,
    /// Where in Lua the error came from, innermost first.
    pub trace: Vec<SourceLine>,
    /// What to do about it, where a `require` failed.
    pub advice: Option<String>,
    /// The call and record that ended it.
    pub ended: Option<(Callback, RecordId)>,
    /// Records it was shown.
    pub messages_read: u64,
    /// Records its matcher accepted.
    pub messages_matched: u64,
    /// `process_message` calls with a status of zero or less.
    pub process_message_count: u64,
    /// Those with -1.
    pub process_message_failures: u64,
    /// `timer_event` calls, the idle one and the one at shutdown included.
    pub timer_events: u64,
    /// Messages injected.
    pub injected: u64,
    /// Their bytes, without framing.
    pub injected_bytes: u64,
    /// What it tried to send to the outside.
    pub sent: SentCount,
    /// Log lines.
    pub logs: Vec<Vec<u8>>,
    /// Limits and what was used of them.
    pub limits: [LimitReport; 3],
    /// Bytes allocated when it ended.
    pub memory_now: usize,
    /// What the state file holds afterwards, `None` for no file.
    pub state: Option<Vec<u8>>,
    /// The state file as texts name it.
    pub state_name: String,
    /// Its `message_matcher`.
    pub message_matcher: Vec<u8>,
    /// Fingerprint of the state the script could reach when it ended; only of rehearsed filters.
    pub digest: u64,
    /// How many calls were rehearsed, and what differed.
    pub rehearsed: u64,
    /// What differed between the two runs of rehearsed calls.
    pub rehearsal_differences: Vec<String>,
    /// Wall-clock cost of its calls, when measured.
    pub timing: Timing,
}

/// How much went to stand-ins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentCount {
    /// How many times something was sent.
    pub count: u64,
    /// The bytes of it.
    pub bytes: u64,
}

/// Running statistics in nanoseconds, as production keeps them (Welford).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    count: f64,
    mean: f64,
    sum: f64,
}

impl Running {
    /// Adds one sample.
    pub fn add(&mut self, sample: f64) {
        self.count += 1.0;
        let delta = sample - self.mean;
        self.mean += delta / self.count;
        self.sum += delta * (sample - self.mean);
    }

    /// Their mean.
    pub fn average(&self) -> f64 {
        self.mean
    }

    /// Their standard deviation, 0 for fewer than two.
    pub fn deviation(&self) -> f64 {
        if self.count < 2.0 { 0.0 } else { (self.sum / (self.count - 1.0)).sqrt() }
    }
}

/// Wall-clock cost of a filter's parts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Evaluating the matcher.
    pub matcher: Running,
    /// `process_message`.
    pub process_message: Running,
    /// `timer_event`.
    pub timer_event: Running,
}

/// A filter in a run.
pub struct Filter {
    index: usize,
    matcher: Matcher,
    plugin: Option<AnalysisPlugin>,
    config: PluginConfig,
    log_level: u8,
    initial_state: Option<Vec<u8>>,
    bad_state: bool,
    ticker_expires: i64,
    measures: bool,
    rehearsal: Option<Rehearsal>,
    report: FilterReport,
}

/// The name of a filter's plugin: production's rule for `.cfg` files, used for bare scripts too.
pub fn plugin_name(path: &Path) -> String {
    let stem = path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    format!("analysis.{stem}")
}

/// Passes what a sandbox says on to the observer.
struct Speaker<'a> {
    observer: &'a mut dyn Observer,
    logs: &'a mut Vec<Vec<u8>>,
    sent: &'a mut SentCount,
    log_level: u8,
    filter: usize,
    callback: Callback,
    record: RecordId,
    flow: Flow,
}

impl Speaker<'_> {
    fn send(&mut self, event: &Event<'_>) {
        if self.observer.event(event) == Flow::Abandon {
            self.flow = Flow::Abandon;
        }
    }
}

impl Sink for Speaker<'_> {
    fn injected(&mut self, message: &[u8], place: Place) {
        let place = SourceLine { chunk: place.chunk().to_vec(), line: place.line };
        let (filter, callback, record) = (self.filter, self.callback, self.record);
        self.send(&Event::Injected { filter, message, callback, record, place });
    }

    fn sent(&mut self, sent: Sent<'_>, place: Place) {
        self.sent.count += 1;
        self.sent.bytes += sent.bytes.len() as u64;
        let place = SourceLine { chunk: place.chunk().to_vec(), line: place.line };
        let (filter, callback, record) = (self.filter, self.callback, self.record);
        self.send(&Event::Sent { filter, sent, callback, record, place });
    }

    fn log(&mut self, level: u8, component: &[u8], text: &[u8]) {
        if level > self.log_level {
            return;
        }
        let mut line = format!("[{}] ", crate::event::level_name(level)).into_bytes();
        line.extend_from_slice(component);
        line.push(b' ');
        line.extend_from_slice(text);
        self.logs.push(line);
        self.send(&Event::Log { level, component, text });
    }
}

impl Filter {
    /// Creates the filter: reads its configuration, compiles its matcher, runs its script. A filter that cannot be
    /// created is still there, so that it can be reported; it is just never called.
    pub fn create(
        index: usize,
        spec: &FilterSpec,
        context: &FilterContext<'_>,
        observer: &mut dyn Observer,
    ) -> Filter {
        let name = plugin_name(&spec.path);
        let state_name = format!("{}/{name}.data", context.host.output_path);
        let mut filter = Filter {
            index,
            matcher: Matcher::always(),
            plugin: None,
            config: PluginConfig::bare("", &context.host.analysis_defaults),
            log_level: context.log_level,
            initial_state: spec.state.clone(),
            bad_state: false,
            ticker_expires: 0,
            measures: false,
            rehearsal: context.rehearse.then(Rehearsal::default),
            report: FilterReport::new(name, state_name),
        };
        if let Err((failure, error)) = filter.start(spec, context, observer) {
            filter.report.outcome = Outcome::CreateFailed;
            filter.report.failure = Some(failure);
            filter.report.error = Some(error);
            filter.report.state = if filter.bad_state { None } else { spec.state.clone() };
        }
        filter
    }

    fn start(
        &mut self,
        spec: &FilterSpec,
        context: &FilterContext<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), (CreateFailure, Vec<u8>)> {
        let file = spec.path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        self.config = match load_config(&spec.path, context.host) {
            Ok(config) => config,
            Err(text) => {
                let mut error = format!("loading {file} failed: ").into_bytes();
                error.extend_from_slice(&text);
                self.log(observer, 3, b"config_parser", &error);
                return Err((CreateFailure::Config, error));
            }
        };
        self.report.message_matcher.clone_from(&self.config.message_matcher);
        let name = self.report.name.clone();
        let script = match find_script(&spec.path, &self.config.filename, context.host) {
            Some(script) => script,
            None => {
                let error = format!("failed to find the specified lua filename: {}", self.config.filename);
                self.log(observer, 3, HOST_COMPONENT, format!("{name} {error}").as_bytes());
                return Err((CreateFailure::ScriptMissing, error.into_bytes()));
            }
        };
        self.matcher = match Matcher::compile(&self.config.message_matcher) {
            Ok(matcher) => matcher,
            Err(error) => {
                let mut text = b"invalid message_matcher: ".to_vec();
                text.extend_from_slice(&self.config.message_matcher);
                let line = [name.as_bytes(), b" ", &text].concat();
                self.log(observer, 3, HOST_COMPONENT, &line);
                let explanation = format!("{error}\n{}", error.render());
                return Err((CreateFailure::Matcher { explanation }, text));
            }
        };
        let runtime = self.config.runtime_text(&RuntimeOverrides {
            name: &name,
            hostname: context.host.hostname.as_deref().unwrap_or(&context.system.hostname),
            pid: context.system.pid,
            log_level: context.log_level,
            path: context.host.analysis_lua_path.as_deref(),
            cpath: context.host.analysis_lua_cpath.as_deref(),
        });
        let state_name = self.report.state_name.clone();
        let state = self
            .config
            .settings
            .preserve_data
            .then_some(StateFile { name: &state_name, content: self.initial_state.as_deref() });
        let mut options = AnalysisOptions {
            lua_file: &script,
            config: &runtime,
            state,
            hostname: &context.system.hostname,
            seed: context.system.seed,
            c_steps: context.c_steps,
            modules: modules::BUILTIN,
            native_modules: context.native_modules,
            first_slot: context.first_slot,
            start_ns: context.start_ns,
        };
        let mut speaker =
            self.report.speaker(self.index, self.log_level, Callback::Load, RecordId::default(), observer);
        let mut created = AnalysisPlugin::create(&options, &mut speaker);
        // Production blames the state file for a failed restore: it is removed, and creation is tried once more.
        if created.as_ref().is_err_and(crate::sandbox::CreateError::is_bad_state)
            && let Some(StateFile { name, content: Some(_) }) = state
        {
            self.bad_state = true;
            options.state = Some(StateFile { name, content: None });
            created = AnalysisPlugin::create(&options, &mut speaker);
        }
        match created {
            Ok(plugin) => {
                self.plugin = Some(plugin);
                Ok(())
            }
            Err(error) => {
                self.report.trace = error.trace().iter().map(source_line).collect();
                self.report.advice = error.advice().map(ToString::to_string);
                self.log(
                    observer,
                    3,
                    HOST_COMPONENT,
                    format!("{name} lsb_heka_create_analysis failed").as_bytes(),
                );
                Err((CreateFailure::Script, error.text()))
            }
        }
    }

    fn log(&mut self, observer: &mut dyn Observer, level: u8, component: &[u8], text: &[u8]) {
        self.report
            .speaker(self.index, self.log_level, Callback::Load, RecordId::default(), observer)
            .log(level, component, text);
    }

    /// Turns wall-clock measurement of its calls on.
    pub fn measure(&mut self) {
        self.measures = true;
    }

    /// Whether it is still being called.
    #[inline]
    pub fn is_alive(&self) -> bool {
        self.plugin.is_some()
    }

    /// The sandbox, while it lives.
    pub fn plugin(&mut self) -> Option<&mut AnalysisPlugin> {
        self.plugin.as_mut()
    }

    /// The filter's name.
    pub fn name(&self) -> &str {
        &self.report.name
    }

    /// Counters so far.
    pub fn report(&self) -> &FilterReport {
        &self.report
    }

    /// Shows the filter one record. `seconds` is the ticker's clock, `now_ns` the virtual wall clock.
    #[inline]
    pub fn process(
        &mut self,
        message: Message<'_>,
        record: RecordId,
        seconds: i64,
        now_ns: i64,
        observer: &mut dyn Observer,
    ) -> Flow {
        let Some(plugin) = &mut self.plugin else { return Flow::Continue };
        self.report.messages_read += 1;
        let mut flow = Flow::Continue;
        let matched = if self.measures {
            let start = crate::system::wall_ns();
            let matched = self.matcher.matches(message);
            self.report.timing.matcher.add((crate::system::wall_ns() - start) as f64);
            matched
        } else {
            self.matcher.matches(message)
        };
        if matched {
            self.report.messages_matched += 1;
            plugin.set_clock(now_ns);
            flow = self.process_matched(message, record, observer);
        }
        if self.config.settings.ticker_interval > 0 && seconds >= self.ticker_expires && self.is_alive() {
            let ticked = self.tick(record, seconds, now_ns, false, observer);
            if ticked == Flow::Abandon {
                flow = ticked;
            }
        }
        flow
    }

    fn process_matched(
        &mut self,
        message: Message<'_>,
        record: RecordId,
        observer: &mut dyn Observer,
    ) -> Flow {
        let Some(plugin) = &mut self.plugin else { return Flow::Continue };
        let budget = u64::from(self.config.settings.process_message_inject_limit);
        let callback = Callback::ProcessMessage;
        let mut speaker = self.report.speaker(self.index, self.log_level, callback, record, observer);
        let start = if self.measures { crate::system::wall_ns() } else { 0 };
        let status = match &mut self.rehearsal {
            None => plugin.process_message(message, budget, &mut speaker),
            Some(it) => {
                it.run(plugin, &mut speaker, |plugin, sink| plugin.process_message(message, budget, sink))
            }
        };
        let mut flow = speaker.flow;
        if self.measures {
            self.report.timing.process_message.add((crate::system::wall_ns() - start) as f64);
        }
        if status < 0 && !plugin.error().is_empty() {
            let mut text = format!("received: {status} msg: ").into_bytes();
            text.extend_from_slice(plugin.error());
            let name = self.report_name();
            let mut speaker = self.report.speaker(self.index, self.log_level, callback, record, observer);
            speaker.log(4, name.as_bytes(), &text);
        }
        self.note_use(record);
        if status > 0 {
            flow = self.end(callback, record, observer);
        }
        flow
    }

    /// A copy of the filter's name, for log lines while its report is borrowed.
    fn report_name(&self) -> String {
        self.report.name.clone()
    }

    /// Notes new maxima of the limits and the record they belong to.
    #[inline]
    fn note_use(&mut self, record: RecordId) {
        let Some(plugin) = &self.plugin else { return };
        let usage = plugin.usage();
        let [memory, instruction, output] = &mut self.report.limits;
        memory.note(usage.memory, record.number);
        instruction.note(usage.instruction, record.number);
        output.note(usage.output, record.number);
    }

    /// The ticker's test without a message: an idle pass.
    pub fn idle(&mut self, record: RecordId, seconds: i64, now_ns: i64, observer: &mut dyn Observer) -> Flow {
        if self.config.settings.ticker_interval > 0 && seconds >= self.ticker_expires && self.is_alive() {
            return self.tick(record, seconds, now_ns, false, observer);
        }
        Flow::Continue
    }

    fn tick(
        &mut self,
        record: RecordId,
        seconds: i64,
        now_ns: i64,
        shutdown: bool,
        observer: &mut dyn Observer,
    ) -> Flow {
        let Some(plugin) = &mut self.plugin else { return Flow::Continue };
        self.report.timer_events += 1;
        plugin.set_clock(now_ns);
        let budget = u64::from(self.config.settings.timer_event_inject_limit);
        let callback = Callback::TimerEvent { shutdown };
        let mut speaker = self.report.speaker(self.index, self.log_level, callback, record, observer);
        let start = if self.measures { crate::system::wall_ns() } else { 0 };
        let lives = match &mut self.rehearsal {
            None => plugin.timer_event(seconds, shutdown, budget, &mut speaker),
            Some(it) => it.run(plugin, &mut speaker, |plugin, sink| {
                plugin.timer_event(seconds, shutdown, budget, sink)
            }),
        };
        let mut flow = speaker.flow;
        if self.measures {
            self.report.timing.timer_event.add((crate::system::wall_ns() - start) as f64);
        }
        self.ticker_expires = seconds + i64::from(self.config.settings.ticker_interval);
        self.note_use(record);
        if !lives {
            flow = self.end(callback, record, observer);
        }
        flow
    }

    /// The last `timer_event`, which every live filter gets, ticker or not.
    pub fn shut_down(
        &mut self,
        record: RecordId,
        seconds: i64,
        now_ns: i64,
        observer: &mut dyn Observer,
    ) -> Flow {
        self.tick(record, seconds, now_ns, true, observer)
    }

    /// Reports a termination and destroys the sandbox; its state file stays as it was.
    #[cold]
    fn end(&mut self, callback: Callback, record: RecordId, observer: &mut dyn Observer) -> Flow {
        let Some(mut plugin) = self.plugin.take() else { return Flow::Continue };
        if self.rehearsal.is_some() {
            self.report.digest = plugin.digest();
        }
        let error = plugin.error().to_vec();
        self.report.outcome = Outcome::Terminated;
        self.report.ended = Some((callback, record));
        self.report.trace = plugin.trace().iter().map(source_line).collect();
        self.report.advice = plugin.advice().map(|it| it.to_string());
        self.gather(&plugin);
        self.report.state = if self.bad_state { None } else { self.initial_state.clone() };
        let text = [b"terminated: ", &error[..]].concat();
        let name = self.report_name();
        let mut speaker = self.report.speaker(self.index, self.log_level, callback, record, observer);
        speaker.log(3, name.as_bytes(), &text);
        let mut flow = speaker.flow;
        let event = Event::Terminated {
            filter: self.index,
            callback,
            record,
            text: &error,
            trace: &self.report.trace,
        };
        if observer.event(&event) == Flow::Abandon {
            flow = Flow::Abandon;
        }
        self.report.error = Some(error);
        flow
    }

    fn gather(&mut self, plugin: &AnalysisPlugin) {
        let stats = plugin.stats();
        self.report.process_message_count = stats.processed;
        self.report.process_message_failures = stats.failures;
        self.report.injected = stats.injected;
        self.report.injected_bytes = stats.injected_bytes;
        let (limits, usage) = (plugin.limits(), plugin.usage());
        self.report.memory_now = usage.memory_now;
        for (report, limit) in
            self.report.limits.iter_mut().zip([limits.memory, limits.instruction, limits.output])
        {
            report.limit = limit;
        }
    }

    /// Destroys the sandbox, preserving its state, and returns what is known of the filter.
    pub fn finish(mut self, observer: &mut dyn Observer) -> FilterReport {
        if let Some(rehearsal) = &self.rehearsal {
            self.report.rehearsed = rehearsal.calls();
            self.report.rehearsal_differences = rehearsal.differences().to_vec();
        }
        if let Some(mut plugin) = self.plugin.take() {
            self.gather(&plugin);
            if self.rehearsal.is_some() {
                self.report.digest = plugin.digest();
            }
            let kept = if self.bad_state { None } else { self.initial_state.take() };
            let (state, problem) = match plugin.destroy() {
                None => (kept, None),
                Some(Preserved::Written(state)) => (Some(state), None),
                Some(Preserved::Removed(text)) => (None, Some(text)),
                Some(Preserved::Kept(text)) => (kept, Some(text)),
            };
            self.report.state = state;
            if let Some(problem) = problem {
                let text = [b"lsb_heka_destroy_sandbox failed: ", &problem[..]].concat();
                let name = self.report_name();
                self.log(observer, 3, name.as_bytes(), &text);
            }
        }
        self.report
    }
}

impl FilterReport {
    /// The report of a filter that nobody tried to create.
    pub fn not_created(name: String, error: Vec<u8>) -> FilterReport {
        FilterReport {
            outcome: Outcome::CreateFailed,
            failure: Some(CreateFailure::Config),
            error: Some(error),
            ..FilterReport::new(name, String::new())
        }
    }

    fn new(name: String, state_name: String) -> FilterReport {
        FilterReport {
            name,
            outcome: Outcome::Ok,
            failure: None,
            error: None,
            trace: Vec::new(),
            advice: None,
            ended: None,
            messages_read: 0,
            messages_matched: 0,
            process_message_count: 0,
            process_message_failures: 0,
            timer_events: 0,
            injected: 0,
            injected_bytes: 0,
            sent: SentCount::default(),
            logs: Vec::new(),
            limits: LimitReport::all(),
            memory_now: 0,
            state: None,
            state_name,
            message_matcher: Vec::new(),
            digest: 0,
            rehearsed: 0,
            rehearsal_differences: Vec::new(),
            timing: Timing::default(),
        }
    }

    fn speaker<'a>(
        &'a mut self,
        filter: usize,
        log_level: u8,
        callback: Callback,
        record: RecordId,
        observer: &'a mut dyn Observer,
    ) -> Speaker<'a> {
        let FilterReport { logs, sent, .. } = self;
        Speaker { observer, logs, sent, log_level, filter, callback, record, flow: Flow::Continue }
    }
}

fn source_line(frame: &TraceFrame) -> SourceLine {
    SourceLine { chunk: frame.chunk.clone(), line: frame.line }
}

/// Loads a `.cfg`, or makes up the configuration of a bare script; the error is production's text or the system's.
fn load_config(path: &Path, host: &HostConfig) -> Result<PluginConfig, Vec<u8>> {
    if path.extension().is_some_and(|it| it == "lua") {
        let file = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(PluginConfig::bare(&file, &host.analysis_defaults));
    }
    let text = std::fs::read(path).map_err(|error| error.to_string().into_bytes())?;
    PluginConfig::load(&text, &host.analysis_defaults).map_err(|refused| refused.text)
}

/// The script beside the configuration, or where Hindsight installs scripts (hindsight `src/hs_util.c:41`).
fn find_script(config: &Path, filename: &str, host: &HostConfig) -> Option<String> {
    let beside = config.with_file_name(filename);
    let installed = Path::new(&host.install_path).join("analysis").join(filename);
    [beside, installed].into_iter().find(|it| it.is_file()).map(|it| it.to_string_lossy().into_owned())
}
