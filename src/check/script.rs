//! The script: what it asks of the sandbox.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::{CStr, OsString},
    fs,
    ops::Range,
    os::unix::ffi::OsStringExt as _,
    path::PathBuf,
};

use super::{
    cfg,
    finding::{Finding, Severity, Source},
    lua, modules, scope,
    scope::{Argument, Initial, Script, Target, Use},
};
use crate::{
    pipeline::{HostConfig, hindsight_config::PluginConfig},
    sandbox::search::{Found, Missing},
    vm::{DEFAULT_C_STEPS, Meter, Vm, VmOptions},
};

/// Globals of an analysis sandbox before any `require`.
const GLOBALS: &[&str] = &[
    "_G",
    "_VERSION",
    "add_to_payload",
    "assert",
    "decode_message",
    "error",
    "gcinfo",
    "getfenv",
    "getmetatable",
    "inject_message",
    "inject_payload",
    "ipairs",
    "module",
    "next",
    "package",
    "pairs",
    "pcall",
    "print",
    "rawequal",
    "rawget",
    "rawset",
    "read_config",
    "read_message",
    "require",
    "select",
    "setfenv",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
];
/// Lua's globals that the sandbox takes away, and libraries it does not have.
const REMOVED: &[&str] =
    &["collectgarbage", "coroutine", "debug", "dofile", "io", "load", "loadfile", "loadstring", "newproxy"];
/// Functions of other types of plugins.
const OTHER_TYPES: &[&str] =
    &["create_message_matcher", "create_stream_reader", "encode_message", "is_running", "update_checkpoint"];
/// What the standard libraries have in an analysis sandbox.
const MEMBERS: &[(&str, &[&str])] = &[
    (
        "math",
        &[
            "abs",
            "acos",
            "asin",
            "atan",
            "atan2",
            "ceil",
            "cos",
            "cosh",
            "deg",
            "erf",
            "erfc",
            "exp",
            "floor",
            "fmod",
            "frexp",
            "huge",
            "ldexp",
            "log",
            "log10",
            "max",
            "min",
            "mod",
            "modf",
            "pi",
            "pow",
            "rad",
            "random",
            "randomseed",
            "sin",
            "sinh",
            "sqrt",
            "tan",
            "tanh",
        ],
    ),
    ("os", &["clock", "date", "difftime", "time"]),
    (
        "string",
        &[
            "byte", "char", "find", "format", "gfind", "gmatch", "gsub", "len", "lower", "match", "rep",
            "reverse", "sub", "upper",
        ],
    ),
    ("table", &["concat", "foreach", "foreachi", "getn", "insert", "maxn", "remove", "setn", "sort"]),
];
/// Methods that are most likely a string's; `format` is as likely a circular buffer's.
const STRING_METHODS: &[&str] = &["byte", "gmatch", "gsub", "lower", "rep", "reverse", "sub", "upper"];
/// Names `read_message` knows besides `Fields[name]`.
const MESSAGE_NAMES: &[&str] = &[
    "EnvVersion",
    "Hostname",
    "Logger",
    "Payload",
    "Pid",
    "Severity",
    "Timestamp",
    "Type",
    "Uuid",
    "framed",
    "raw",
    "size",
];
/// A module that requires this many others is not read further.
const MAX_MODULES: usize = 200;
const MEMORY_LIMIT: usize = 256 << 20;

/// The filter a script belongs to.
pub(super) struct About<'a> {
    pub(super) config: &'a PluginConfig,
    /// Its configuration file, unless the script is alone.
    pub(super) cfg: Option<(&'a Source<'a>, &'a cfg::Checked)>,
    pub(super) host: &'a HostConfig,
}

/// All rules about a script; returns the names it asks `read_config` for.
pub(super) fn check(source: &Source<'_>, about: &About<'_>, findings: &mut Vec<Finding>) -> Vec<String> {
    if let Some(found) = syntax(source) {
        findings.push(found);
        return Vec::new();
    }
    let script = scope::read(lua::tokens(source.text));
    let mut world = World::default();
    world.add(source, &script, about.host, findings);
    let mut rules = Rules { source, script: &script, about, world: &world, findings };
    rules.globals();
    rules.members();
    rules.string_methods();
    rules.entry_points();
    rules.read_message_names();
    rules.inject_limits();
    rules.print_clears_payload();
    rules.preservation();
    read_config_names(&script)
}

/// What `luaL_loadfile` says against a script.
fn syntax(source: &Source<'_>) -> Option<Finding> {
    const NAME: &CStr = c"@x";
    if source.text.first() == Some(&0x1b) {
        let message = "compiled Lua is never loaded".to_owned();
        let help = "bytecode can break out of any sandbox; use the script's source";
        return Some(source.whole("lua-bytecode", Severity::Error, message).with_help(help));
    }
    let options = VmOptions { memory_limit: MEMORY_LIMIT, first_slot: 0 };
    let Ok(mut vm) = Vm::new(options, Meter::new(0, DEFAULT_C_STEPS, 1)) else {
        let message = "no memory to compile it".to_owned();
        return Some(source.whole("lua-syntax", Severity::Error, message));
    };
    vm.load_script(source.text, NAME).err()?;
    let text = String::from_utf8_lossy(&vm.error_text().unwrap_or_default()).into_owned();
    let placed = text.strip_prefix("x:").and_then(|it| it.split_once(": "));
    Some(match placed.and_then(|(line, message)| Some((line.parse::<usize>().ok()?, message))) {
        Some((line, message)) => source.line(line, "lua-syntax", Severity::Error, message.to_owned()),
        None => source.whole("lua-syntax", Severity::Error, text),
    })
}

/// What the script finds around it: libraries and globals that modules bring.
#[derive(Default)]
struct World {
    /// Standard libraries that anything requires.
    libraries: BTreeSet<String>,
    /// Globals that the script or a module assigns, or that a module is.
    globals: HashSet<String>,
    /// Whether some module's name is computed, or globals are set in ways that names do not show.
    is_open: bool,
    seen: HashSet<PathBuf>,
}

impl World {
    /// Follows the modules of a script.
    fn add(&mut self, source: &Source<'_>, script: &Script, host: &HostConfig, findings: &mut Vec<Finding>) {
        self.is_open |= !script.is_complete;
        for it in &script.uses {
            let Some(name) = global_of(script, it) else { continue };
            if it.is_write && !it.is_indexed {
                self.globals.insert(name.to_owned());
            }
            if it.is_write && name == "_G" {
                match it.path.first() {
                    Some(field) => {
                        self.globals.insert(field.clone());
                    }
                    None => self.is_open = true,
                }
            }
            let sets_globals = matches!(name, "setfenv" | "module" | "rawset")
                || (name == "_G" && it.path.is_empty())
                || (name == "setmetatable" && it.call.is_none());
            self.is_open |= sets_globals;
            if name != "require" || !it.path.is_empty() {
                continue;
            }
            match it.call.as_deref() {
                Some([Argument::String(module), ..]) => {
                    let module = String::from_utf8_lossy(module).into_owned();
                    self.require(source, script, it, &module, host, findings);
                }
                // `local require = require` is followed through the local.
                None if is_alias(script, it) => {}
                _ => self.is_open = true,
            }
        }
    }

    fn require(
        &mut self,
        source: &Source<'_>,
        script: &Script,
        it: &Use,
        name: &str,
        host: &HostConfig,
        findings: &mut Vec<Finding>,
    ) {
        self.globals.insert(name.split('.').next().unwrap_or_default().to_owned());
        let refused =
            |rule, message| source.at(script.tokens[it.token].span.clone(), rule, Severity::Error, message);
        let search = modules::search(host);
        match search.find(name.as_bytes()) {
            Found::Standard(_) => {
                self.libraries.insert(name.to_owned());
            }
            Found::Native(_) | Found::Library(_) => {}
            Found::Nothing(missing) => {
                let rule = if missing == Missing::Disabled { "module-disabled" } else { "module-not-found" };
                let text = missing.text(name.as_bytes());
                let finding = refused(rule, String::from_utf8_lossy(&text).into_owned());
                findings.push(match search.advice(name.as_bytes()) {
                    Some(advice) => finding.with_help(advice.to_string()),
                    None => finding,
                });
            }
            Found::Lua(file) => {
                let file = PathBuf::from(OsString::from_vec(file));
                if self.seen.len() >= MAX_MODULES || !self.seen.insert(file.clone()) {
                    return;
                }
                let text = match fs::read(&file) {
                    Ok(text) => text,
                    Err(error) => {
                        let message = format!("{} cannot be read: {error}", file.display());
                        findings.push(refused("file-unreadable", message));
                        return;
                    }
                };
                let source = Source { path: &file, text: &text };
                if let Some(found) = syntax(&source) {
                    findings.push(found);
                    return;
                }
                // What a module does to its own environment is not the script's.
                let was_open = self.is_open;
                let script = scope::read(lua::tokens(&text));
                self.add(&source, &script, host, findings);
                self.is_open = was_open;
            }
        }
    }
}

/// The global a use is about, seen through `local name = global`.
fn global_of<'a>(script: &'a Script, it: &'a Use) -> Option<&'a str> {
    match &it.target {
        Target::Global(name) => Some(name),
        Target::Local(local) => match &script.locals[*local] {
            local if local.is_reassigned => None,
            scope::Local { initial: Initial::Global(name), .. } if !it.is_write || it.is_indexed => {
                Some(name)
            }
            _ => None,
        },
    }
}

/// Whether a use is the right side of `local name = global`.
fn is_alias(script: &Script, it: &Use) -> bool {
    let Target::Global(name) = &it.target else { return true };
    it.call.is_none()
        && !it.is_indexed
        && script.locals.iter().any(|local| {
            local.initial == Initial::Global(name.clone()) && !local.is_reassigned && local.token < it.token
        })
}

fn read_config_names(script: &Script) -> Vec<String> {
    let of_use = |it: &Use| match (global_of(script, it), it.call.as_deref()) {
        (Some("read_config"), Some([Argument::String(name), ..])) => {
            Some(String::from_utf8_lossy(name).into_owned())
        }
        _ => None,
    };
    script.uses.iter().filter_map(of_use).collect()
}

struct Rules<'a> {
    source: &'a Source<'a>,
    script: &'a Script,
    about: &'a About<'a>,
    world: &'a World,
    findings: &'a mut Vec<Finding>,
}

impl Rules<'_> {
    fn span(&self, token: usize) -> Range<usize> {
        self.script.tokens[token].span.clone()
    }

    fn add(&mut self, token: usize, rule: &'static str, severity: Severity, message: String, help: &str) {
        let found = self.source.at(self.span(token), rule, severity, message);
        self.findings.push(if help.is_empty() { found } else { found.with_help(help) });
    }

    /// Globals that are read and are not there; each is told once.
    fn globals(&mut self) {
        let script = self.script;
        let mut told = HashSet::new();
        for it in &script.uses {
            let Target::Global(name) = &it.target else { continue };
            let is_read = !it.is_write || it.is_indexed;
            let is_there = GLOBALS.contains(&name.as_str())
                || self.world.globals.contains(name) && !MEMBERS.iter().any(|member| member.0 == name)
                || self.world.libraries.contains(name)
                || self.is_assigned(name);
            if !is_read || is_there || name == "_PRESERVATION_VERSION" {
                continue;
            }
            let breaks = it.is_indexed || it.call.is_some();
            let severity = if breaks { Severity::Error } else { Severity::Warning };
            let is_library = MEMBERS.iter().any(|member| member.0 == name);
            let is_named = is_library
                || name == "output"
                || REMOVED.contains(&name.as_str())
                || OTHER_TYPES.contains(&name.as_str());
            if (self.world.is_open && !is_named) || !told.insert(name) {
                continue;
            }
            if name == "output" {
                let message = "output is nil in an analysis plugin".to_owned();
                let help = "add_to_payload does the same";
                self.add(it.token, "output-in-analysis", severity, message, help);
            } else if is_library {
                let message = format!("{name} is nil: the sandbox has it only after require \"{name}\"");
                self.add(it.token, "lua-missing-global", severity, message, "");
            } else if REMOVED.contains(&name.as_str()) {
                let message = format!("{name} is nil: an analysis sandbox does not have it");
                self.add(it.token, "lua-missing-global", severity, message, "");
            } else if OTHER_TYPES.contains(&name.as_str()) {
                let message = format!("{name} is nil: it belongs to another type of plugin");
                self.add(it.token, "lua-missing-global", severity, message, "");
            } else {
                let message = format!("{name} is nil: neither the sandbox nor this script gives it a value");
                self.add(it.token, "lua-unknown-global", severity, message, "");
            }
        }
    }

    fn is_assigned(&self, name: &str) -> bool {
        let is_write = |it: &Use| {
            it.is_write
                && it.path.is_empty()
                && !it.is_indexed
                && it.target == Target::Global(name.to_owned())
        };
        self.script.uses.iter().any(is_write)
    }

    /// The standard library a use is about.
    fn library(&self, it: &Use) -> Option<&'static (&'static str, &'static [&'static str])> {
        let name = match &it.target {
            Target::Local(local) => match &self.script.locals[*local] {
                local if local.is_reassigned => return None,
                scope::Local { initial: Initial::Module(name) | Initial::Global(name), .. } => name,
                _ => return None,
            },
            Target::Global(name) if !self.is_assigned(name) => name,
            Target::Global(_) => return None,
        };
        MEMBERS.iter().find(|member| member.0 == name)
    }

    /// Functions that the sandbox's libraries do not have.
    fn members(&mut self) {
        let script = self.script;
        let added: HashSet<(&str, &str)> = script
            .uses
            .iter()
            .filter(|it| it.is_write)
            .filter_map(|it| Some((self.library(it)?.0, it.path.first()?.as_str())))
            .collect();
        for it in script.uses.iter().filter(|it| !it.is_write) {
            let Some((library, members)) = self.library(it) else { continue };
            let (Some(member), Some(token)) = (it.path.first(), it.path_token) else { continue };
            if members.contains(&member.as_str()) || added.contains(&(*library, member.as_str())) {
                continue;
            }
            let breaks = it.call.is_some() || it.path.len() > 1;
            let severity = if breaks { Severity::Error } else { Severity::Warning };
            let message = format!("{library}.{member} is nil: the sandbox's {library} does not have it");
            self.add(token, "lua-missing-function", severity, message, "");
        }
    }

    /// Methods on strings, which only `string` brings.
    fn string_methods(&mut self) {
        if self.world.is_open || self.world.libraries.contains("string") {
            return;
        }
        let found = self.script.methods.iter().find(|it| STRING_METHODS.contains(&it.name.as_str()));
        if let Some(method) = found {
            let message = format!("strings have no method {} before require \"string\"", method.name);
            let help = "if this is not a string, nothing is wrong";
            self.add(method.token, "string-method", Severity::Warning, message, help);
        }
    }

    /// The functions production calls.
    fn entry_points(&mut self) {
        for (name, rule, severity, message) in [
            (
                "process_message",
                "process-message-missing",
                Severity::Error,
                "no process_message: the first message that matches ends the plugin",
            ),
            (
                "timer_event",
                "timer-event-missing",
                Severity::Warning,
                "no timer_event: production calls it at shutdown whatever the ticker_interval, and then ends the plugin \
                 as terminated",
            ),
        ] {
            if self.world.globals.contains(name) || self.world.is_open {
                continue;
            }
            let local = self.script.locals.iter().find(|it| it.name == name && it.function == 0);
            match local.map(|it| it.token) {
                Some(token) => {
                    self.add(token, rule, severity, message.to_owned(), "a local function is not found");
                }
                None => self.findings.push(self.source.whole(rule, severity, message.to_owned())),
            }
        }
        let script = self.script;
        for function in &script.functions {
            if function.bound == Some(Target::Global("process_message".to_owned())) && !function.returns_value
            {
                let message = "process_message never returns a status code".to_owned();
                let help = "without a number production ends the plugin: `process_message() must return a numeric \
                            status code`; return 0, or -1 and a text";
                self.add(function.token, "no-status-code", Severity::Error, message, help);
            }
        }
    }

    fn read_message_names(&mut self) {
        let script = self.script;
        for it in &script.uses {
            let (Some("read_message"), Some([Argument::String(name), ..])) =
                (global_of(script, it), it.call.as_deref())
            else {
                continue;
            };
            let name = String::from_utf8_lossy(name);
            let is_field = name.starts_with("Fields[") && name.ends_with(']');
            if is_field || MESSAGE_NAMES.contains(&&*name) {
                continue;
            }
            let message = format!("read_message knows no {name:?}");
            let near = MESSAGE_NAMES.iter().find(|it| it.eq_ignore_ascii_case(&name));
            let help = match near {
                Some(near) => format!("{near} is meant?"),
                None => format!("a field is read with \"Fields[{name}]\""),
            };
            self.add(it.token, "read-message-name", Severity::Error, message, &help);
        }
    }

    /// Functions that run when a global one is called.
    fn reachable(&self, entry: &str) -> BTreeSet<usize> {
        let functions = &self.script.functions;
        let bound_to = |target: &Target| {
            let target = target.clone();
            (1..functions.len()).filter(move |it| functions[*it].bound.as_ref() == Some(&target))
        };
        let mut todo: Vec<usize> = bound_to(&Target::Global(entry.to_owned())).collect();
        let mut res = BTreeSet::new();
        while let Some(function) = todo.pop() {
            if !res.insert(function) {
                continue;
            }
            // A function without a name is most likely handed to something that calls it.
            let inner = |it: &usize| functions[*it].parent == function && functions[*it].bound.is_none();
            todo.extend((1..functions.len()).filter(inner));
            for it in self.script.uses.iter().filter(|it| it.function == function && !it.is_write) {
                todo.extend(bound_to(&it.target));
            }
        }
        res
    }

    /// Injection where the budget is 0, and tickers without an interval.
    fn inject_limits(&mut self) {
        let script = self.script;
        let settings = &self.about.config.settings;
        let is_inject = |it: &&Use| {
            matches!(global_of(script, it), Some("inject_message" | "inject_payload")) && !it.is_write
        };
        for (entry, limit) in [
            ("process_message", settings.process_message_inject_limit),
            ("timer_event", settings.timer_event_inject_limit),
        ] {
            let reachable = self.reachable(entry);
            let uses = script.uses.iter().filter(is_inject).filter(|it| reachable.contains(&it.function));
            let uses: Vec<&Use> = uses.collect();
            if limit == 0 {
                for it in &uses {
                    let name = global_of(script, it).unwrap_or_default();
                    let message = format!("{name} runs in {entry} while {entry}_inject_limit is 0");
                    let help = format!(
                        "it fails with `injection limit exceeded`: inject elsewhere, or set {entry}_inject_limit in \
                         the cfg"
                    );
                    self.add(it.token, "inject-limit", Severity::Error, message, &help);
                }
            }
            if entry == "timer_event"
                && settings.ticker_interval == 0
                && self.about.cfg.is_some()
                && let Some(it) = uses.first()
            {
                let message = "timer_event injects, but ticker_interval is 0: it is called at shutdown only";
                let help = "set ticker_interval in the cfg";
                self.add(it.token, "ticker-interval-zero", Severity::Note, message.to_owned(), help);
            }
        }
    }

    /// `print` between `add_to_payload` and `inject_payload` in one function.
    fn print_clears_payload(&mut self) {
        let script = self.script;
        for function in 0..script.functions.len() {
            let (mut is_pending, mut print) = (false, None);
            let mut calls: Vec<&Use> =
                script.uses.iter().filter(|it| it.function == function && it.call.is_some()).collect();
            calls.sort_by_key(|it| it.token);
            for it in calls {
                match global_of(script, it) {
                    Some("add_to_payload") => is_pending = true,
                    Some("print") if is_pending => print = print.or(Some(it.token)),
                    Some("inject_payload") => {
                        if let Some(token) = print {
                            let message =
                                "print empties the payload that add_to_payload has gathered".to_owned();
                            let help =
                                "they share a buffer, also when nothing is printed: print before or after";
                            self.add(token, "print-clears-payload", Severity::Note, message, help);
                        }
                        (is_pending, print) = (false, None);
                    }
                    _ => {}
                }
            }
        }
    }

    /// What `preserve_data` asks for.
    fn preservation(&mut self) {
        if !self.about.config.settings.preserve_data {
            return;
        }
        let script = self.script;
        let has_state = script.uses.iter().any(|it| {
            it.is_write
                && !it.is_indexed
                && matches!(&it.target, Target::Global(name) if !self.is_function(name))
        });
        if has_state && !self.world.globals.contains("_PRESERVATION_VERSION") && !self.world.is_open {
            let message = "preserve_data without _PRESERVATION_VERSION".to_owned();
            let help =
                "after a change of what the globals mean, a new number keeps old state from being restored";
            let place =
                self.about.cfg.and_then(|(source, checked)| Some((source, checked.key("preserve_data")?)));
            let (rule, severity) = ("preservation-version", Severity::Note);
            let found = match place {
                Some((source, span)) => source.at(span, rule, severity, message),
                None => self.source.whole(rule, severity, message),
            };
            self.findings.push(found.with_help(help));
        }
        for (number, local) in script.locals.iter().enumerate() {
            let Initial::Global(global) = &local.initial else { continue };
            let is_used = script.uses.iter().any(|it| it.target == Target::Local(number) && it.function != 0);
            if local.function == 0 && is_used && !local.is_reassigned && script.table_globals.contains(global)
            {
                let message = format!(
                    "{} is the table {global} was while the script loaded: restoring state replaces that global",
                    local.name
                );
                let help = format!("use {global} itself, or take the local inside the functions");
                self.add(local.token, "stale-local", Severity::Warning, message, &help);
            }
        }
    }

    fn is_function(&self, name: &str) -> bool {
        let bound = Some(Target::Global(name.to_owned()));
        self.script.functions.iter().any(|it| it.bound == bound)
    }
}
