//! Configuration text: Lua source, run in a bare state without any library; the globals it leaves are the values.
//!
//! Both layers that read it use the same evaluation: the sandbox (`lua_sandbox` `src/luasandbox.c:218-420`) and
//! Hindsight's own loader. The values come out as plain data in `next` order, because the tables a script gets from
//! `read_config` are rebuilt in that order.

use std::ffi::{CStr, CString};

use super::host::Sink;
use crate::vm::{DEFAULT_C_STEPS, GLOBALS, Lua, Meter, Type, Vm, VmOptions, host_call};

/// Configuration is a few assignments; a loop in it must end all the same.
const INSTRUCTION_LIMIT: usize = 100_000_000;
const MEMORY_LIMIT: usize = 256 << 20;
/// Deeper tables can only be cyclic: production recurses until its stack is gone.
const MAX_DEPTH: usize = 190;

/// A key of a configuration table.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// A name.
    String(Vec<u8>),
    /// A position, possibly fractional.
    Number(f64),
}

/// A configuration value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    String(Vec<u8>),
    /// A number.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A table, in `next` order.
    Table(Table),
    /// Something that cannot be configuration; its type's name.
    Other(&'static str),
}

/// A configuration table, in `next` order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Keys and values. A key that is neither string nor number is `Err` with its type's name.
    pub entries: Vec<(Result<Key, &'static str>, Value)>,
}

/// Why configuration text is not configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Lua's own words: a syntax or run-time error.
    #[error("{}", String::from_utf8_lossy(.0))]
    Lua(Vec<u8>),
    /// A value of the wrong type or out of range; production's words.
    #[error("{0}")]
    Value(String),
    /// No memory or address space for a state.
    #[error("lua_State creation failed: {0}")]
    State(String),
}

impl ConfigError {
    /// The text production logs.
    pub fn text(&self) -> Vec<u8> {
        match self {
            ConfigError::Lua(text) => text.clone(),
            other => other.to_string().into_bytes(),
        }
    }
}

impl Table {
    /// The value called `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries
            .iter()
            .find(|(key, _)| matches!(key, Ok(Key::String(it)) if it == name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Removes and returns the value called `name`.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self
            .entries
            .iter()
            .position(|(key, _)| matches!(key, Ok(Key::String(it)) if it == name.as_bytes()))?;
        Some(self.entries.remove(at).1)
    }

    /// Sets `name`, replacing what it was.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(entry) = self
            .entries
            .iter_mut()
            .find(|(key, _)| matches!(key, Ok(Key::String(it)) if it == name.as_bytes()))
        {
            entry.1 = value;
        } else {
            self.entries.push((Ok(Key::String(name.as_bytes().to_vec())), value));
        }
    }
}

impl Value {
    /// The value as a C string: text cut at its first NUL, or a number as Lua prints it.
    pub fn as_text(&self) -> Option<Vec<u8>> {
        match self {
            Value::String(bytes) => Some(crate::vm::lua::until_nul(bytes).to_vec()),
            Value::Number(number) => Some(crate::vm::cformat::g14(*number).as_bytes().to_vec()),
            _ => None,
        }
    }

    /// Name of the value's Lua type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Boolean(_) => "boolean",
            Value::Table(_) => "table",
            Value::Other(name) => name,
        }
    }
}

/// Runs configuration text and returns the globals it leaves.
///
/// `chunk_name` is Lua's: `None` names the chunk after its text, as C's `luaL_dostring` does.
pub fn evaluate(text: &[u8], chunk_name: Option<&CStr>) -> Result<Table, ConfigError> {
    let text = crate::vm::lua::until_nul(text);
    let own_name = CString::new(text).unwrap_or_default();
    let options = VmOptions { memory_limit: MEMORY_LIMIT, first_slot: 0 };
    let mut vm = Vm::new(options, Meter::new(INSTRUCTION_LIMIT, DEFAULT_C_STEPS, 1))
        .map_err(|it| ConfigError::State(it.to_string()))?;
    vm.set_memory_limit(MEMORY_LIMIT);
    vm.arm();
    let outcome = vm.load_script(text, chunk_name.unwrap_or(&own_name)).and_then(|()| vm.call(0, 0));
    if outcome.is_err() {
        return Err(ConfigError::Lua(vm.error_text().unwrap_or_default()));
    }
    vm.disarm();
    let mut export = Export { table: Table::default(), too_deep: false };
    if vm.protected(export_globals, &mut export).is_err() {
        return Err(ConfigError::Lua(vm.error_text().unwrap_or_default()));
    }
    if export.too_deep {
        return Err(ConfigError::Value(
            "production would crash here: a configuration table contains itself".to_owned(),
        ));
    }
    Ok(export.table)
}

struct Export {
    table: Table,
    too_deep: bool,
}

host_call! {
    fn export_globals(lua) {
        let export = argument(lua);
        lua.push_value(GLOBALS);
        // Reading a table neither allocates from Lua nor raises, but for stack growth, which `table` asks for first:
        // owning values here is sound.
        match table(lua, 0) {
            Some(res) => export.table = res,
            None => export.too_deep = true,
        }
        0
    }
}

#[allow(unsafe_code)]
fn argument(lua: Lua<'_>) -> &mut Export {
    // SAFETY: `evaluate` passes its own `Export` and keeps it alive during the call.
    unsafe { &mut *lua.to_userdata(1).cast::<Export>() }
}

/// The table on top, in `next` order; it is dropped.
fn table(lua: Lua<'_>, depth: usize) -> Option<Table> {
    if depth > MAX_DEPTH || !lua.try_stack(4) {
        return None;
    }
    let mut res = Table::default();
    lua.push_nil();
    while lua.next(-2) {
        let key = match lua.type_at(-2) {
            Type::String => Ok(Key::String(lua.to_bytes(-2).unwrap_or_default().to_vec())),
            Type::Number => Ok(Key::Number(lua.to_number(-2))),
            other => Err(other.name()),
        };
        let value = match lua.type_at(-1) {
            Type::String => Value::String(lua.to_bytes(-1).unwrap_or_default().to_vec()),
            Type::Number => Value::Number(lua.to_number(-1)),
            Type::Boolean => Value::Boolean(lua.to_boolean(-1)),
            Type::Table if key.is_ok() => {
                lua.push_value(-1);
                Value::Table(table(lua, depth + 1)?)
            }
            other => Value::Other(other.name()),
        };
        res.entries.push((key, value));
        lua.pop(1);
    }
    lua.pop(1);
    Some(res)
}

/// A sandbox's configuration: checked limits, and everything `read_config` can see.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// `output_limit` in bytes, 0 for none.
    pub output_limit: usize,
    /// `memory_limit` in bytes, 0 for none.
    pub memory_limit: usize,
    /// `instruction_limit` per call, 0 for none.
    pub instruction_limit: usize,
    /// Only 7 lets `print` be heard.
    pub log_level: usize,
    /// All values, defaults added.
    pub values: Table,
}

impl SandboxConfig {
    /// Evaluates and checks a sandbox configuration; skipped values are logged to `sink`.
    pub fn load(text: &[u8], sink: &mut dyn Sink) -> Result<SandboxConfig, ConfigError> {
        let mut values = evaluate(text, None)?;
        check_number(&mut values, "input_limit", 64.0 * 1024.0, SIZE)?;
        let output_limit = check_number(&mut values, "output_limit", 64.0 * 1024.0, SIZE)?;
        let memory_limit = check_number(&mut values, "memory_limit", 8.0 * 1024.0 * 1024.0, SIZE)?;
        let instruction_limit = check_number(&mut values, "instruction_limit", 1_000_000.0, SIZE)?;
        let log_level = check_number(&mut values, "log_level", 3.0, UNSIGNED)?;
        for name in ["path", "cpath"] {
            if !matches!(values.get(name), None | Some(Value::String(_))) {
                return Err(ConfigError::Value(format!("{name} must be set to a string")));
            }
        }
        skip_unusable(&mut values, sink);
        Ok(SandboxConfig { output_limit, memory_limit, instruction_limit, log_level, values })
    }
}

/// A range with production's name for it.
#[derive(Clone, Copy)]
struct Range {
    maximum: f64,
    name: &'static str,
}

const SIZE: Range = Range { maximum: u64::MAX as f64, name: "a size_t" };
const UNSIGNED: Range = Range { maximum: u32::MAX as f64, name: "an unsigned int" };

fn check_number(values: &mut Table, name: &str, default: f64, range: Range) -> Result<usize, ConfigError> {
    match values.get(name) {
        Some(Value::Number(number)) if *number < 0.0 || *number > range.maximum => {
            Err(ConfigError::Value(format!("{name} must be {}", range.name)))
        }
        Some(Value::Number(number)) => Ok(*number as usize),
        Some(_) => Err(ConfigError::Value(format!("{name} must be set to a number"))),
        None => {
            values.set(name, Value::Number(default));
            Ok(default as usize)
        }
    }
}

/// Drops what cannot be copied into the sandbox, with production's log lines.
fn skip_unusable(table: &mut Table, sink: &mut dyn Sink) {
    table.entries.retain_mut(|(key, value)| {
        let skipped = match (&key, &mut *value) {
            (Err(name), _) => Some(("key", *name)),
            (Ok(_), Value::Other(name)) => Some(("value", *name)),
            (Ok(_), Value::Table(inner)) => {
                skip_unusable(inner, sink);
                None
            }
            _ => None,
        };
        if let Some((what, name)) = skipped {
            sink.log(4, b"copy_table", format!("skipping config {what} type: {name}").as_bytes());
        }
        skipped.is_none()
    });
}
