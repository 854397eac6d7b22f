//! `hindsight.cfg` and the plugins' `.cfg` files (hindsight `src/hs_config.c`): keys, defaults, checks, texts.

use std::path::Path;

use crate::sandbox::{
    ConfigError,
    config::{Key, Table, Value, evaluate},
};

/// Values a plugin can set and a defaults table can preset.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginDefaults {
    /// `output_limit` in bytes.
    pub output_limit: u32,
    /// `memory_limit` in bytes.
    pub memory_limit: u32,
    /// `instruction_limit` per call.
    pub instruction_limit: u32,
    /// `ticker_interval` in seconds, 0 for none.
    pub ticker_interval: u32,
    /// `preserve_data`
    pub preserve_data: bool,
    /// `restricted_headers`
    pub restricted_headers: bool,
    /// `shutdown_on_terminate`
    pub shutdown_on_terminate: bool,
    /// `process_message_inject_limit`
    pub process_message_inject_limit: u32,
    /// `timer_event_inject_limit`
    pub timer_event_inject_limit: u32,
    /// `remove_checkpoints_on_terminate`, output plugins.
    pub remove_checkpoints_on_terminate: bool,
    /// `read_queue`, output plugins.
    pub read_queue: ReadQueue,
}

/// Which queues an output plugin reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadQueue {
    /// Both.
    #[default]
    Both,
    /// What inputs inject.
    Input,
    /// What analysis plugins inject.
    Analysis,
}

impl PluginDefaults {
    fn new(restricted_headers: bool) -> PluginDefaults {
        PluginDefaults {
            output_limit: 64 * 1024,
            memory_limit: 8 * 1024 * 1024,
            instruction_limit: 1_000_000,
            ticker_interval: 0,
            preserve_data: false,
            restricted_headers,
            shutdown_on_terminate: false,
            process_message_inject_limit: 0,
            timer_event_inject_limit: 10,
            remove_checkpoints_on_terminate: false,
            read_queue: ReadQueue::Both,
        }
    }

    /// Defaults of analysis plugins.
    pub fn analysis() -> PluginDefaults {
        PluginDefaults::new(true)
    }

    /// Defaults of input and output plugins.
    pub fn io() -> PluginDefaults {
        PluginDefaults::new(false)
    }
}

/// Why a configuration is refused: production's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", String::from_utf8_lossy(.text))]
pub struct ConfigRefused {
    /// The text, without `loading ... failed: `.
    pub text: Vec<u8>,
}

impl From<String> for ConfigRefused {
    fn from(text: String) -> ConfigRefused {
        ConfigRefused { text: text.into_bytes() }
    }
}

impl From<ConfigError> for ConfigRefused {
    fn from(error: ConfigError) -> ConfigRefused {
        ConfigRefused { text: error.text() }
    }
}

type Refusal = Result<(), ConfigRefused>;

/// `hindsight.cfg`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostConfig {
    /// `output_path`: queues, checkpoints, state files.
    pub output_path: String,
    /// `output_size`: bytes at which a queue file rolls.
    pub output_size: u32,
    /// `sandbox_load_path`, empty when there is no dynamic loading.
    pub load_path: String,
    /// `sandbox_run_path`
    pub run_path: String,
    /// `sandbox_install_path`
    pub install_path: String,
    /// `analysis_threads`
    pub analysis_threads: u8,
    /// `analysis_utilization_limit`
    pub analysis_utilization_limit: u8,
    /// `analysis_lua_path`; `None` when no Hindsight configuration was given and nothing else sets it.
    pub analysis_lua_path: Option<String>,
    /// `analysis_lua_cpath`
    pub analysis_lua_cpath: Option<String>,
    /// `io_lua_path`
    pub io_lua_path: Option<String>,
    /// `io_lua_cpath`
    pub io_lua_cpath: Option<String>,
    /// `max_message_size` in bytes.
    pub max_message_size: u32,
    /// `hostname`, if set.
    pub hostname: Option<String>,
    /// `backpressure`: queue files.
    pub backpressure: u32,
    /// `backpressure_disk_free`, in units of `output_size`.
    pub backpressure_disk_free: u32,
    /// `input_defaults`
    pub input_defaults: PluginDefaults,
    /// `analysis_defaults`
    pub analysis_defaults: PluginDefaults,
    /// `output_defaults`
    pub output_defaults: PluginDefaults,
}

impl Default for HostConfig {
    /// What holds where there is no Hindsight configuration: production's defaults, but for messages of any size a
    /// raw archive has.
    fn default() -> HostConfig {
        HostConfig {
            output_path: "output".to_owned(),
            output_size: 64 * 1024 * 1024,
            load_path: String::new(),
            run_path: "run".to_owned(),
            install_path: "/usr/share/luasandbox/sandboxes/heka".to_owned(),
            analysis_threads: 1,
            analysis_utilization_limit: 95,
            analysis_lua_path: None,
            analysis_lua_cpath: None,
            io_lua_path: None,
            io_lua_cpath: None,
            max_message_size: 64 * 1024 * 1024,
            hostname: None,
            backpressure: 0,
            backpressure_disk_free: 4,
            input_defaults: PluginDefaults::io(),
            analysis_defaults: PluginDefaults::analysis(),
            output_defaults: PluginDefaults::io(),
        }
    }
}

/// The longest host name.
const MAX_HOSTNAME: usize = 64;

impl HostConfig {
    /// Reads and checks `hindsight.cfg`; the checks and their order are production's. Log lines of production (level,
    /// text) go to `log`.
    pub fn load(
        path: &Path,
        text: &[u8],
        log: &mut dyn FnMut(u8, String),
    ) -> Result<HostConfig, ConfigRefused> {
        let chunk_name =
            std::ffi::CString::new(format!("@{}", path.display()).replace('\0', "")).unwrap_or_default();
        let mut table = evaluate(text, Some(&chunk_name))?;
        let table = &mut table;
        let mut res = HostConfig { max_message_size: 64 * 1024, ..HostConfig::default() };
        number(table, "max_message_size", &mut res.max_message_size)?;
        if res.max_message_size < 1024 {
            return Err("max_message_size must be > 1023".to_owned().into());
        }
        res.output_path = string(table, "output_path", None)?;
        number(table, "output_size", &mut res.output_size)?;
        number(table, "backpressure", &mut res.backpressure)?;
        number(table, "backpressure_disk_free", &mut res.backpressure_disk_free)?;
        res.load_path = string(table, "sandbox_load_path", Some(""))?;
        small_number(table, "analysis_utilization_limit", &mut res.analysis_utilization_limit)?;
        if res.analysis_utilization_limit > 100 {
            return Err("analysis_utilization_limit must be 0-100".to_owned().into());
        }
        res.run_path = string(table, "sandbox_run_path", None)?;
        res.install_path = string(table, "sandbox_install_path", Some(&res.install_path))?;
        res.io_lua_path = Some(string(table, "io_lua_path", None)?);
        res.io_lua_cpath = Some(string(table, "io_lua_cpath", None)?);
        res.analysis_lua_path = Some(string(table, "analysis_lua_path", None)?);
        res.analysis_lua_cpath = Some(string(table, "analysis_lua_cpath", None)?);
        res.hostname = table.take("hostname").and_then(|it| it.as_text()).map(|it| text_of(&it));
        if let Some(name) = &mut res.hostname
            && name.len() > MAX_HOSTNAME
        {
            let mut end = MAX_HOSTNAME;
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            name.truncate(end);
            log(4, format!("the configured hostname was truncated to: {name}"));
        }
        small_number(table, "analysis_threads", &mut res.analysis_threads)?;
        if !(1..=64).contains(&res.analysis_threads) {
            return Err("analysis_threads must be 1-64".to_owned().into());
        }
        defaults(table, "input_defaults", &mut res.input_defaults)?;
        defaults(table, "analysis_defaults", &mut res.analysis_defaults)?;
        defaults(table, "output_defaults", &mut res.output_defaults)?;
        let largest = [&res.input_defaults, &res.analysis_defaults, &res.output_defaults]
            .map(|it| it.output_limit)
            .into_iter()
            .max();
        if Some(res.max_message_size) < largest {
            let text = "max_message_size must be greater than or equal to the sandbox output_limit";
            return Err(text.to_owned().into());
        }
        refuse_unknown(table, None)?;
        Ok(res)
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn string(table: &mut Table, name: &str, default: Option<&str>) -> Result<String, ConfigRefused> {
    match (table.take(name).and_then(|it| it.as_text()), default) {
        (Some(text), _) => Ok(text_of(&text)),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!("{name} must be set to a string").into()),
    }
}

fn number(table: &mut Table, name: &str, to: &mut u32) -> Refusal {
    match table.get(name) {
        None => return Ok(()),
        Some(Value::Number(number)) if (0.0..=f64::from(u32::MAX)).contains(number) || number.is_nan() => {
            // NaN passes production's two comparisons; the conversion to unsigned gives 0.
            *to = *number as u32;
        }
        Some(Value::Number(_)) => return Err(format!("{name} must be an unsigned int").into()),
        Some(_) => return Err(format!("{name} must be set to a number").into()),
    }
    table.take(name);
    Ok(())
}

fn small_number(table: &mut Table, name: &str, to: &mut u8) -> Refusal {
    match table.get(name) {
        None => return Ok(()),
        Some(Value::Number(number)) if (0.0..=255.0).contains(number) => *to = *number as u8,
        Some(Value::Number(_)) => return Err(format!("{name} must be a uint8_t").into()),
        Some(_) => return Err(format!("{name} must be set to a number").into()),
    }
    table.take(name);
    Ok(())
}

fn boolean(table: &mut Table, name: &str, to: &mut bool) -> Refusal {
    match table.take(name) {
        None => Ok(()),
        Some(Value::Boolean(value)) => {
            *to = value;
            Ok(())
        }
        // Production names this key whichever it was.
        Some(_) => Err("preserve_data must be set to a bool".to_owned().into()),
    }
}

fn read_queue(table: &mut Table, to: &mut ReadQueue) -> Refusal {
    *to = match table.take("read_queue") {
        None => return Ok(()),
        Some(Value::String(text)) => match crate::vm::lua::until_nul(&text) {
            b"both" => ReadQueue::Both,
            b"input" => ReadQueue::Input,
            b"analysis" => ReadQueue::Analysis,
            other => return Err(format!("read_queue invalid option {}", text_of(other)).into()),
        },
        Some(_) => return Err("read_queue must be set to a string".to_owned().into()),
    };
    Ok(())
}

fn limits(table: &mut Table, to: &mut PluginDefaults) -> Refusal {
    number(table, "output_limit", &mut to.output_limit)?;
    number(table, "memory_limit", &mut to.memory_limit)?;
    number(table, "instruction_limit", &mut to.instruction_limit)?;
    number(table, "ticker_interval", &mut to.ticker_interval)
}

fn switches(table: &mut Table, to: &mut PluginDefaults) -> Refusal {
    boolean(table, "preserve_data", &mut to.preserve_data)?;
    boolean(table, "restricted_headers", &mut to.restricted_headers)?;
    boolean(table, "shutdown_on_terminate", &mut to.shutdown_on_terminate)
}

fn defaults(table: &mut Table, name: &str, to: &mut PluginDefaults) -> Refusal {
    let Some(Value::Table(mut inner)) = table.take(name) else {
        return Err(format!("{name} must be a table").into());
    };
    limits(&mut inner, to)?;
    switches(&mut inner, to)?;
    if name == "analysis_defaults" {
        number(&mut inner, "process_message_inject_limit", &mut to.process_message_inject_limit)?;
        number(&mut inner, "timer_event_inject_limit", &mut to.timer_event_inject_limit)?;
    }
    if name == "output_defaults" {
        boolean(&mut inner, "remove_checkpoints_on_terminate", &mut to.remove_checkpoints_on_terminate)?;
        read_queue(&mut inner, &mut to.read_queue)?;
    }
    refuse_unknown(&inner, Some(name))
}

fn refuse_unknown(table: &Table, parent: Option<&str>) -> Refusal {
    let Some((key, _)) = table.entries.first() else { return Ok(()) };
    let text = match (key, parent) {
        (Ok(Key::String(name)), Some(parent)) => format!("invalid option: '{parent}.{}'", text_of(name)),
        (Ok(Key::String(name)), None) => format!("invalid option: '{}'", text_of(name)),
        _ => "non string key".to_owned(),
    };
    Err(text.into())
}

/// An analysis plugin's `.cfg`.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginConfig {
    /// `filename`: the script.
    pub filename: String,
    /// `message_matcher`
    pub message_matcher: Vec<u8>,
    /// `thread`, if set.
    pub thread: Option<u32>,
    /// Limits and switches, defaults applied.
    pub settings: PluginDefaults,
    /// The text itself: the sandbox evaluates it again.
    pub text: Vec<u8>,
}

impl PluginConfig {
    /// Reads and checks an analysis plugin's configuration.
    pub fn load(text: &[u8], defaults: &PluginDefaults) -> Result<PluginConfig, ConfigRefused> {
        let mut table = evaluate(text, None)?;
        let table = &mut table;
        let mut settings = defaults.clone();
        limits(table, &mut settings)?;
        let filename = string(table, "filename", None)?;
        if filename.contains(['/', '\\']) {
            return Err("filename must not contain a path component".to_owned().into());
        }
        if filename.len() <= 4 || filename.get(filename.len() - 4..) != Some(".lua") {
            // Production has the two words the wrong way round.
            return Err(".lua must have a filename extension".to_owned().into());
        }
        switches(table, &mut settings)?;
        let message_matcher = match table.take("message_matcher").and_then(|it| it.as_text()) {
            Some(text) => text,
            None => return Err("message_matcher must be set to a string".to_owned().into()),
        };
        let mut thread = u32::MAX;
        // Production overwrites the outcome of the first two checks with that of the third.
        let _ = number(table, "thread", &mut thread);
        let _ = number(table, "process_message_inject_limit", &mut settings.process_message_inject_limit);
        number(table, "timer_event_inject_limit", &mut settings.timer_event_inject_limit)?;
        Ok(PluginConfig {
            filename,
            message_matcher,
            thread: (thread != u32::MAX).then_some(thread),
            settings,
            text: crate::vm::lua::until_nul(text).to_vec(),
        })
    }

    /// What a bare `.lua` file runs with: it matches everything, under production's defaults.
    pub fn bare(filename: &str, defaults: &PluginDefaults) -> PluginConfig {
        PluginConfig {
            filename: filename.to_owned(),
            message_matcher: b"TRUE".to_vec(),
            thread: None,
            settings: defaults.clone(),
            text: Vec::new(),
        }
    }
}

/// What a sandbox is told beyond its plugin's own configuration.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOverrides<'a> {
    /// The plugin's name, which is its `Logger`.
    pub name: &'a str,
    /// `Hostname`
    pub hostname: &'a str,
    /// `Pid`
    pub pid: i32,
    /// `log_level`
    pub log_level: u8,
    /// `path`; absent only without a Hindsight configuration.
    pub path: Option<&'a str>,
    /// `cpath`
    pub cpath: Option<&'a str>,
}

impl PluginConfig {
    /// The configuration the sandbox evaluates: the plugin's text, then what overrides it (hindsight
    /// `src/hs_config.c:849`).
    pub fn runtime_text(&self, overrides: &RuntimeOverrides<'_>) -> Vec<u8> {
        use std::fmt::Write as _;

        let settings = &self.settings;
        let mut tail = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(tail, "\n-- Hindsight defaults and overrides");
        let _ = writeln!(tail, "Hostname = [[{}]]", overrides.hostname);
        let _ = writeln!(tail, "Pid = {}", overrides.pid);
        let _ = writeln!(tail, "log_level = {}", overrides.log_level);
        for (name, value) in [("path", overrides.path), ("cpath", overrides.cpath)] {
            match value {
                Some(value) => {
                    let _ = writeln!(tail, "{name} = [[{value}]]");
                }
                None => {
                    let _ = writeln!(tail, "{name} = nil");
                }
            }
        }
        let _ = writeln!(tail, "\n-- Sandbox defaults and overrides");
        let _ = writeln!(tail, "Logger = [[{}]]", overrides.name);
        let _ = writeln!(tail, "output_limit = {}", settings.output_limit);
        let _ = writeln!(tail, "memory_limit = {}", settings.memory_limit);
        let _ = writeln!(tail, "instruction_limit = {}", settings.instruction_limit);
        let _ = writeln!(tail, "ticker_interval = {}", settings.ticker_interval);
        let _ = writeln!(tail, "preserve_data = {}", settings.preserve_data);
        let _ = writeln!(tail, "restricted_headers = {}", settings.restricted_headers);
        let _ = writeln!(tail, "shutdown_on_terminate = {}", settings.shutdown_on_terminate);
        let _ = writeln!(tail, "thread = {}", self.thread.unwrap_or(0));
        let _ = writeln!(tail, "process_message_inject_limit = {}", settings.process_message_inject_limit);
        let _ = writeln!(tail, "timer_event_inject_limit = {}", settings.timer_event_inject_limit);
        let mut text = b"-- original configuration\n".to_vec();
        text.extend_from_slice(&self.text);
        text.extend_from_slice(tail.as_bytes());
        text
    }
}
