//! An analysis plugin: a filter in its sandbox (`lua_sandbox` `src/heka/sandbox.c:537-660`, `1003-1075`).

use std::ffi::{CStr, CString, c_int};

use crate::{
    message::Message,
    sandbox::{
        api::{
            add_to_payload::add_to_payload, decode_message::decode_message, inject_message::inject_message,
            inject_payload::inject_payload, print::print, read_config, read_message::read_message,
        },
        config::{ConfigError, SandboxConfig, Table, Value},
        host::{Host, HostState, NativeModule, Sink, Stats, of_context},
        output::OutputBuffer,
        require,
        resource::Pinned,
        search::{Advice, DISABLED_MODULES, NativeModules},
        state,
        state::Preserved,
        uuid::UuidSource,
    },
    vm::{Doom, GLOBALS, Image, Lua, Meter, Place, REGISTRY, Type, Vm, VmError, VmOptions, host_call},
};

/// Names taken out of the libraries of analysis plugins.
const REMOVED_ENTRIES: &[(&str, &str)] = &[
    ("", "collectgarbage"),
    ("", "dofile"),
    ("", "load"),
    ("", "loadfile"),
    ("", "loadstring"),
    ("", "newproxy"),
    ("", "print"),
    ("os", "getenv"),
    ("os", "execute"),
    ("os", "exit"),
    ("os", "remove"),
    ("os", "rename"),
    ("os", "setlocale"),
    ("os", "tmpname"),
    ("string", "dump"),
];

/// Production's words for an error object that is no text.
const NO_TEXT: &[u8] = b"<nil error message>";

// The bottom of the Lua stack between calls.
const PROCESS_MESSAGE: c_int = 1;
const TIMER_EVENT: c_int = 2;
const HANDLER: c_int = 3;

/// What an analysis plugin is created from.
pub struct AnalysisOptions<'a> {
    /// The script's path as it is opened and as Lua names it in error texts.
    pub lua_file: &'a str,
    /// Configuration text: the plugin's cfg and the host's overrides.
    pub config: &'a [u8],
    /// The preserved state, for plugins with `preserve_data`.
    pub state: Option<StateFile<'a>>,
    /// Host name where the configuration has none.
    pub hostname: &'a str,
    /// Seed of Uuids and random numbers.
    pub seed: u64,
    /// Budget of pattern-matching steps per call.
    pub c_steps: u64,
    /// The native modules this build has.
    pub modules: &'static [NativeModule],
    /// Which others may be loaded from shared libraries.
    pub native_modules: &'a NativeModules,
    /// The first 4 GiB slot to try for the VM's memory.
    pub first_slot: usize,
    /// Where the virtual wall clock starts, in nanoseconds since the epoch.
    pub start_ns: i64,
}

/// A state file: its name in error texts, and what it holds if it exists.
#[derive(Clone, Copy, Debug)]
pub struct StateFile<'a> {
    /// As Lua names it.
    pub name: &'a str,
    /// `None` when there is no file.
    pub content: Option<&'a [u8]>,
}

/// Why a plugin could not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateError {
    /// The configuration is refused.
    Config(ConfigError),
    /// No memory or address space.
    Vm(String),
    /// The script, or restoring its state, failed; Lua's words cut at 255 bytes.
    Script {
        /// The text production logs.
        text: Vec<u8>,
        /// Where in Lua it happened, innermost first.
        trace: Vec<TraceFrame>,
        /// What to do about it where a `require` failed.
        advice: Option<Advice>,
    },
}

impl CreateError {
    /// The text production has for it.
    pub fn text(&self) -> Vec<u8> {
        match self {
            CreateError::Config(error) => error.text(),
            CreateError::Vm(text) => text.clone().into_bytes(),
            CreateError::Script { text, .. } => text.clone(),
        }
    }

    /// Where in Lua it happened, innermost first.
    pub fn trace(&self) -> &[TraceFrame] {
        match self {
            CreateError::Script { trace, .. } => trace,
            _ => &[],
        }
    }

    /// What to do about it where a `require` failed.
    pub fn advice(&self) -> Option<&Advice> {
        match self {
            CreateError::Script { advice, .. } => advice.as_ref(),
            _ => None,
        }
    }

    /// Whether the state file is to blame: production then removes it and tries once more without.
    pub fn is_bad_state(&self) -> bool {
        matches!(self, CreateError::Script { text, .. } if memchr::memmem::find(text, b"restore_global_data").is_some())
    }
}

/// One level of a traceback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFrame {
    /// The script as error texts name it, empty for host functions.
    pub chunk: Vec<u8>,
    /// Line, 0 when unknown.
    pub line: i32,
}

/// The limits in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, 0 for none.
    pub memory: usize,
    /// Instructions per call, 0 for none.
    pub instruction: usize,
    /// Bytes, 0 for none.
    pub output: usize,
}

/// What has been used at most so far, as production's statistics have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes allocated now.
    pub memory_now: usize,
    /// Most bytes allocated.
    pub memory: usize,
    /// Most instructions in one successful call.
    pub instruction: usize,
    /// Most bytes in the output buffer.
    pub output: usize,
}

/// The whole state of a sandbox between two calls.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    image: Image,
    meter: Meter,
    host: HostState,
    is_terminated: bool,
}

impl Snapshot {
    /// What differs from another moment of the same sandbox, in words; `None` when nothing does.
    pub fn difference(&self, other: &Snapshot) -> Option<String> {
        if let Some(at) = self.image.first_difference(&other.image) {
            return Some(format!("arena byte {at:#x} of {:#x}", self.image.len()));
        }
        if self.meter != other.meter {
            return Some(format!("meter: {:?} and {:?}", self.meter, other.meter));
        }
        if self.host != other.host {
            return Some(format!("host state: {:?} and {:?}", self.host, other.host));
        }
        (self.is_terminated != other.is_terminated).then(|| "termination".to_owned())
    }

    /// The VM's memory.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

/// A running filter.
pub struct AnalysisPlugin {
    vm: Vm,
    host: Box<Host>,
    limits: Limits,
    is_terminated: bool,
    has_state_file: bool,
    trace: Vec<TraceFrame>,
}

impl AnalysisPlugin {
    /// Creates the sandbox, runs the script body, restores its state. Production's log lines go to `sink`.
    pub fn create(options: &AnalysisOptions<'_>, sink: &mut dyn Sink) -> Result<AnalysisPlugin, CreateError> {
        let config = match SandboxConfig::load(options.config, sink) {
            Ok(config) => config,
            Err(error) => {
                let mut text = b"config error: ".to_vec();
                text.extend_from_slice(&error.text());
                sink.log(3, b"load_sandbox_config", &text);
                return Err(CreateError::Config(error));
            }
        };
        let mut plugin = Self::set_up(options, &config).map_err(|it| CreateError::Vm(it.to_string()))?;
        if let Err(text) = plugin.start(options, &config, sink) {
            plugin.host.set_error(&text);
            let text = plugin.host.state.error.clone();
            let name = plugin.host.name.clone().unwrap_or_default();
            sink.log(3, &name, &text);
            let advice = plugin.advice();
            return Err(CreateError::Script { text, trace: plugin.take_trace(), advice });
        }
        Ok(plugin)
    }

    fn set_up(options: &AnalysisOptions<'_>, config: &SandboxConfig) -> Result<AnalysisPlugin, VmError> {
        let text = |name| config.values.get(name).and_then(Value::as_text);
        let name = text("Logger");
        let uuids = UuidSource::new(options.seed, name.as_deref().unwrap_or_default(), b"");
        let mut meter = Meter::new(config.instruction_limit, options.c_steps, uuids.random_seed());
        meter.now_ns = options.start_ns;
        meter.start_ns = options.start_ns;
        let state = HostState {
            output: OutputBuffer::new(config.output_limit),
            error: Vec::new(),
            output_peak: 0,
            instruction_peak: 0,
            inject_budget: 0,
            stats: Stats::default(),
            uuids,
        };
        let mut host = Box::new(Host::new(state, options.lua_file.as_bytes().to_vec()));
        host.name = name;
        host.hostname = text("Hostname").unwrap_or_else(|| options.hostname.as_bytes().to_vec());
        host.pid = match config.values.get("Pid") {
            Some(Value::Number(number)) => *number as i64 as i32,
            _ => 0,
        };
        host.restricted_headers = match config.values.get("restricted_headers") {
            Some(Value::Boolean(value)) => *value,
            _ => true,
        };
        host.prints = config.log_level == 7;
        host.path = text("path");
        host.cpath = text("cpath");
        host.disabled_modules = DISABLED_MODULES;
        host.removed_entries = REMOVED_ENTRIES;
        host.modules = options.modules;
        host.native_modules = options.native_modules.clone();
        let vm_options = VmOptions { memory_limit: config.memory_limit, first_slot: options.first_slot };
        let mut vm = Vm::new(vm_options, meter)?;
        vm.context().user = (&raw mut *host).cast();
        let limits = Limits {
            memory: config.memory_limit,
            instruction: config.instruction_limit,
            output: config.output_limit,
        };
        Ok(AnalysisPlugin {
            vm,
            host,
            limits,
            is_terminated: false,
            has_state_file: options.state.is_some(),
            trace: Vec::new(),
        })
    }

    /// Sets up the environment, runs the script, restores the state; the error text on failure.
    fn start(
        &mut self,
        options: &AnalysisOptions<'_>,
        config: &SandboxConfig,
        sink: &mut dyn Sink,
    ) -> Result<(), Vec<u8>> {
        let mut table = config.values.clone();
        add_restrictions(&mut table);
        self.protected(open_environment, &mut table)?;
        let source = std::fs::read(options.lua_file)
            .map_err(|error| format!("cannot open {}: {}", options.lua_file, c_words(&error)).into_bytes())?;
        let chunk_name = chunk_name(options.lua_file);
        self.vm.set_memory_limit(self.limits.memory);
        self.vm.arm();
        if self.vm.load_script(&source, &chunk_name).is_err() {
            return Err(self.error_value());
        }
        self.vm.lua().push_fn(record_trace);
        self.vm.lua().insert(-2);
        let host: *mut Host = &raw mut *self.host;
        let vm = &mut self.vm;
        Host::lend(host, None, sink, || vm.call_handled(0, 0, 1)).map_err(|_| self.error_value())?;
        if let Some(doom) = self.doom_text() {
            return Err(doom);
        }
        self.vm.lua().set_top(0);
        self.vm.collect().map_err(|_| self.error_value())?;
        self.note_instructions();
        if let Some(StateFile { name, content: Some(content) }) = options.state {
            let vm = &mut self.vm;
            let chunk_name = self::chunk_name(name);
            Host::lend(host, None, sink, || state::restore(vm, content, &chunk_name)).map_err(|words| {
                let mut text = b"restore_global_data ".to_vec();
                text.extend_from_slice(&words);
                text
            })?;
        }
        self.protected(intern_bottom, &mut ())?;
        let lua = self.vm.lua();
        for slot in [PROCESS_MESSAGE, TIMER_EVENT, HANDLER] {
            lua.raw_get_i(REGISTRY, slot);
        }
        Ok(())
    }

    fn protected<T>(&mut self, function: crate::vm::HostFn, argument: &mut T) -> Result<(), Vec<u8>> {
        self.vm.protected(function, argument).map_err(|_| self.error_value())
    }

    fn error_value(&mut self) -> Vec<u8> {
        if let Some(doom) = self.doom_text() {
            return doom;
        }
        self.vm.error_text().unwrap_or_else(|| b"(null)".to_vec())
    }

    fn doom_text(&mut self) -> Option<Vec<u8>> {
        let meter = self.vm.meter();
        meter.doom.map(|_| meter.doom_text().to_vec())
    }

    // ── calls ──

    /// Calls `process_message` for one message. The status: zero or less as the script returned it, positive when the
    /// sandbox is terminated, with the reason in [`AnalysisPlugin::error`].
    pub fn process_message(
        &mut self,
        message: Message<'_>,
        inject_budget: u64,
        sink: &mut dyn Sink,
    ) -> c_int {
        self.host.state.inject_budget = inject_budget;
        if !self.push_function(PROCESS_MESSAGE) {
            return self.terminate(b"process_message() function was not found");
        }
        let host: *mut Host = &raw mut *self.host;
        let vm = &mut self.vm;
        if Host::lend(host, Some(message), sink, || vm.call_handled(0, 2, HANDLER)).is_err() {
            return self.terminate_raised(b"process_message() ");
        }
        let lua = self.vm.lua();
        if lua.type_at(-2) != Type::Number {
            return self.terminate(b"process_message() must return a numeric status code");
        }
        let status = lua.to_integer(-2) as c_int;
        match lua.type_at(-1) {
            Type::Nil => self.host.state.error.clear(),
            Type::String => {
                let text = lua.to_bytes(-1).unwrap_or_default();
                self.host.state.set_error(text);
            }
            _ => return self.terminate(b"process_message() must return a nil or string error message"),
        }
        lua.pop(2);
        self.vm.tidy();
        self.note_instructions();
        if status > 0 {
            return self.terminate(b"process_message() received a termination status code");
        }
        self.host.state.stats.processed += 1;
        if status == -1 {
            self.host.state.stats.failures += 1;
        }
        status
    }

    /// Calls `timer_event` with the time in whole seconds; false when the sandbox is terminated.
    pub fn timer_event(
        &mut self,
        seconds: i64,
        shutdown: bool,
        inject_budget: u64,
        sink: &mut dyn Sink,
    ) -> bool {
        self.host.state.inject_budget = inject_budget;
        if !self.push_function(TIMER_EVENT) {
            self.terminate(b"timer_event() function was not found");
            return false;
        }
        let lua = self.vm.lua();
        lua.push_number(seconds as f64 * 1e9);
        lua.push_boolean(shutdown);
        let host: *mut Host = &raw mut *self.host;
        let vm = &mut self.vm;
        if Host::lend(host, None, sink, || vm.call_handled(2, 0, HANDLER)).is_err() {
            self.terminate_raised(b"timer_event() ");
            return false;
        }
        self.note_instructions();
        if self.vm.collect().is_err() {
            self.terminate_raised(b"timer_event() ");
            return false;
        }
        self.vm.tidy();
        true
    }

    /// Arms the limits and pushes the global function whose name stands at `slot`; false when there is none.
    #[inline]
    fn push_function(&mut self, slot: c_int) -> bool {
        self.vm.arm();
        let lua = self.vm.lua();
        lua.push_value(slot);
        lua.raw_get(GLOBALS);
        if lua.type_at(-1) == Type::Function {
            return true;
        }
        self.push_inherited_function(slot)
    }

    /// Production looks globals up with metamethods, outside any protected call.
    #[cold]
    fn push_inherited_function(&mut self, slot: c_int) -> bool {
        let lua = self.vm.lua();
        lua.pop(1);
        lua.push_fn(get_global);
        lua.push_value(slot);
        self.vm.call(1, 1).is_ok() && self.vm.lua().type_at(-1) == Type::Function
    }

    fn note_instructions(&mut self) {
        let used = if self.limits.instruction == 0 { 0 } else { self.vm.instructions_used() };
        let state = &mut self.host.state;
        state.instruction_peak = state.instruction_peak.max(used);
    }

    #[cold]
    fn terminate_raised(&mut self, function: &[u8]) -> c_int {
        let text = match self.doom_text() {
            Some(doom) => doom,
            None => {
                let mut text = function.to_vec();
                text.extend_from_slice(self.vm.error_text().as_deref().unwrap_or(NO_TEXT));
                text
            }
        };
        self.trace = self.take_trace();
        self.terminate(&text)
    }

    /// Terminates the sandbox: no further calls, and its state is not preserved.
    #[cold]
    pub fn terminate(&mut self, text: &[u8]) -> c_int {
        self.host.set_error(text);
        self.is_terminated = true;
        1
    }

    fn take_trace(&mut self) -> Vec<TraceFrame> {
        std::mem::take(&mut self.host.trace)
            .into_iter()
            .map(|it| TraceFrame { chunk: it.chunk().to_vec(), line: it.line })
            .collect()
    }

    // ── what is known of it ──

    /// The sandbox's error text.
    pub fn error(&self) -> &[u8] {
        &self.host.state.error
    }

    /// What to do about the sandbox's error text, where a `require` that failed is in it.
    pub fn advice(&self) -> Option<Advice> {
        let (name, text) = self.host.failed_require.as_ref()?;
        // The error text is cut; the first line says which module it was.
        let first_line = text.split(|&it| it == b'\n').next()?;
        memchr::memmem::find(self.error(), first_line)?;
        self.host.search().advice(name)
    }

    /// Where in Lua the termination came from, innermost first.
    pub fn trace(&self) -> &[TraceFrame] {
        &self.trace
    }

    /// Whether the sandbox is terminated.
    pub fn is_terminated(&self) -> bool {
        self.is_terminated
    }

    /// The doom that ended the last call, if one did.
    pub fn doom(&self) -> Option<Doom> {
        self.vm.meter().doom
    }

    /// The plugin's counters.
    pub fn stats(&self) -> Stats {
        self.host.state.stats
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What has been used of them.
    pub fn usage(&self) -> Usage {
        Usage {
            memory_now: self.vm.memory_used(),
            memory: self.vm.memory_peak(),
            instruction: self.host.state.instruction_peak,
            output: self.host.state.output_peak,
        }
    }

    /// Sets the virtual wall clock, in nanoseconds since the epoch.
    #[inline]
    pub fn set_clock(&mut self, now_ns: i64) {
        self.vm.context().meter.now_ns = now_ns;
    }

    // ── time travel ──

    /// Everything this sandbox is, between two calls; refused while a module holds what cannot go back.
    pub fn snapshot(&self) -> Result<Snapshot, Pinned> {
        if let Some(pinned) = self.host.resources.pinned() {
            return Err(pinned);
        }
        Ok(Snapshot {
            image: self.vm.snapshot(),
            meter: self.vm.meter().clone(),
            host: self.host.state.clone(),
            is_terminated: self.is_terminated,
        })
    }

    /// Back to the moment of the snapshot.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        // Nothing was held then.
        self.host.resources.release_all();
        self.vm.restore(&snapshot.image);
        self.vm.context().meter = snapshot.meter.clone();
        self.host.state = snapshot.host.clone();
        self.is_terminated = snapshot.is_terminated;
        self.trace.clear();
    }

    /// A fingerprint of everything the script can reach.
    pub fn digest(&mut self) -> u64 {
        self.vm.digest()
    }

    /// For tests: fills memory that no snapshot covers.
    pub fn scribble_free_tail(&mut self, byte: u8) {
        self.vm.scribble_free_tail(byte);
    }

    /// For tests: lets `allocations` more succeed, then every one fails.
    pub fn fail_after(&mut self, allocations: u64) {
        self.vm.fail_after(allocations);
    }

    /// Ends the plugin. With a state file and not terminated, what is to become of the file.
    pub fn destroy(mut self) -> Option<Preserved> {
        if !self.has_state_file || self.is_terminated {
            return None;
        }
        Some(state::preserve(&mut self.vm))
    }
}

/// What `read_config` shows beyond the configuration: production keeps its restrictions in the same table.
fn add_restrictions(table: &mut Table) {
    use crate::sandbox::config::Key;

    let name = |text: &str| Ok(Key::String(text.as_bytes().to_vec()));
    let disabled = DISABLED_MODULES.iter().map(|it| (name(it), Value::Boolean(true))).collect();
    table.set("disable_modules", Value::Table(Table { entries: disabled }));
    let mut removed = Table::default();
    for library in ["", "os", "string"] {
        let names = REMOVED_ENTRIES.iter().filter(|(of, _)| *of == library);
        let entries = names
            .enumerate()
            .map(|(i, (_, it))| (Ok(Key::Number((i + 1) as f64)), Value::String(it.as_bytes().to_vec())))
            .collect();
        removed.entries.push((name(library), Value::Table(Table { entries })));
    }
    table.set("remove_entries", Value::Table(removed));
    if !matches!(table.get("max_message_size"), Some(Value::Number(size)) if *size as i64 > 0) {
        table.set("max_message_size", Value::Number(64.0 * 1024.0));
    }
}

/// The C library's words for an I/O error, without Rust's additions.
fn c_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn chunk_name(path: &str) -> CString {
    CString::new(format!("@{}", path.replace('\0', ""))).unwrap_or_default()
}

host_call! {
    /// Builds the sandbox's globals, in production's order: it decides the order of `pairs(_G)` and of state files.
    fn open_environment(lua) {
        read_config::push_table(lua, argument(lua));
        lua.set_field(REGISTRY, read_config::CONFIG_TABLE);
        for (name, function) in [
            (c"read_config", read_config::read_config as crate::vm::HostFn),
            (c"output", add_to_payload),
            (c"decode_message", decode_message),
            (c"read_message", read_message),
            (c"inject_message", inject_message),
            (c"inject_payload", inject_payload),
            (c"add_to_payload", add_to_payload),
        ] {
            set_global(lua, name, function);
        }
        lua.push_nil();
        lua.set_field(GLOBALS, c"output");
        lua.push_fn(require::open_package);
        lua.push_bytes(b"package");
        lua.call(1, 0);
        lua.get_field(GLOBALS, c"require");
        lua.push_bytes(b"");
        lua.call(1, 0);
        set_global(lua, c"print", print);
        0
    }
}

fn set_global(lua: Lua<'_>, name: &CStr, function: crate::vm::HostFn) {
    lua.push_fn(function);
    lua.set_field(GLOBALS, name);
}

#[allow(unsafe_code)]
fn argument(lua: Lua<'_>) -> &Table {
    // SAFETY: `start` passes its own table and keeps it alive during the call.
    unsafe { &*lua.to_userdata(1).cast::<Table>() }
}

host_call! {
    /// Makes what stands at the bottom of the stack between calls. A protected call's stack is its own, so the
    /// values are handed over through the registry; `start` pushes them, which allocates nothing.
    fn intern_bottom(lua) {
        lua.push_bytes(b"process_message");
        lua.raw_set_i(REGISTRY, PROCESS_MESSAGE);
        lua.push_bytes(b"timer_event");
        lua.raw_set_i(REGISTRY, TIMER_EVENT);
        lua.push_fn(record_trace);
        lua.raw_set_i(REGISTRY, HANDLER);
        0
    }
}

host_call! {
    fn get_global(lua) {
        lua.get_table(GLOBALS);
        1
    }
}

/// Deeper levels add nothing to a report.
const MAX_TRACE: usize = 50;

host_call! {
    /// The message handler: notes where the error came from and passes its value on unchanged.
    fn record_trace(lua) {
        let mut frames = [const { None }; MAX_TRACE];
        for (level, frame) in (1..).zip(&mut frames) {
            *frame = lua.level(level);
            if frame.is_none() {
                break;
            }
        }
        lua.work(|context| {
            of_context(context).trace = frames.into_iter().flatten().collect::<Vec<Place>>();
        });
        1
    }
}
