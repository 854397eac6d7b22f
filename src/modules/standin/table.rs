//! Stand-ins as data: what a module's functions take, what they record, what they answer.
//!
//! A function checks its arguments in order, as C modules do, and then does one of a few things ([`Does`]). Which entry
//! of which table a function is stands in its upvalue. Objects are userdata of eight bytes; where they send to stands in
//! their environment table, so everything is in the arena.

use std::ffi::{CStr, c_int};

use super::record;
use crate::{
    modules::object::{Class, Object},
    sandbox::native::UserdataFns,
    vm::{GLOBALS, HostFn, Lua, Type, host_call, upvalue},
};

/// A module.
pub struct Family {
    /// Its name, as in `require`.
    pub module: &'static CStr,
    /// Whether production's sets the global of that name.
    pub is_global: bool,
    /// What its `_VERSION` is, if it has one.
    pub constant: Option<&'static [u8]>,
    /// What `version()` returns, if there is such a function.
    pub version: Option<&'static [u8]>,
    /// Its functions.
    pub functions: &'static [Function],
    /// Its kinds of objects.
    pub objects: &'static [Kind],
}

/// A kind of objects.
pub struct Kind {
    /// Name of the metatable, which error texts show.
    pub class: Class,
    /// Its methods.
    pub methods: &'static [Function],
}

/// A function or method.
pub struct Function {
    /// Its name.
    pub name: &'static CStr,
    /// How it is told in records and texts: `publisher:publish`.
    pub action: &'static str,
    /// What it takes; a method's object is not among it.
    pub arguments: &'static [Argument],
    /// What it does once they are checked.
    pub does: Does,
}

/// One argument.
pub struct Argument {
    /// Its name in records.
    pub name: &'static str,
    /// What it may be.
    pub takes: Takes,
    /// What it is for.
    pub part: Part,
}

/// What an argument may be.
#[derive(Clone, Copy)]
pub enum Takes {
    /// A string or number.
    Text,
    /// A string, a number, nil or nothing.
    OptionalText,
    /// A number.
    Number,
    /// A number, nil or nothing.
    OptionalNumber,
    /// A table.
    Table,
    /// The opaque number of a message, a light userdata.
    Sequence,
    /// A string or a zero-copy userdata; nil is the message of the running call.
    BytesOrMessage,
    /// The message of the running call; takes no argument.
    Message,
    /// An object of that class.
    Object(Class),
    /// Anything.
    Any,
}

/// What an argument is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Where it goes; several are joined by `/`, behind the object's own destination.
    Destination,
    /// As `Destination`, joined by `:`.
    Port,
    /// What is sent.
    Bytes,
    /// Recorded beside it.
    Parameter,
    /// Checked only.
    Unused,
}

/// A value handed back.
#[derive(Clone, Copy)]
pub enum Answer {
    /// nil
    Nil,
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(&'static [u8]),
}

/// What a function does.
pub enum Does {
    /// Makes an object of the family's kind of that number, which sends to the arguments' destination.
    Makes(usize),
    /// Lets the object send to the arguments' destination from now on.
    Aims(&'static [Answer]),
    /// Records, and answers as if it had worked.
    Sends(&'static [Answer]),
    /// As `Sends`; the call's [`Takes::Sequence`] waits for [`Does::Polls`].
    Queues(&'static [Answer]),
    /// Tells the plugin's `update_checkpoint`, if it has one, that everything queued has arrived.
    Polls,
    /// Answers.
    Answers(&'static [Answer]),
    /// Raises that it would need an answer.
    Fails,
    /// Returns nil and the text, then these.
    Refuses(&'static [Answer]),
    /// Something of its own; the function's other fields are for the documentation.
    Own(HostFn),
}

/// Head of an object: the number of its kind.
type Head = u64;

/// Leaves the module's table on the stack. `number` is the family's in [`super::families::FAMILIES`].
pub fn open(lua: Lua<'_>, number: usize) -> c_int {
    let family = &super::families::FAMILIES[number];
    for (kind_number, kind) in family.objects.iter().enumerate() {
        kind.class.define(lua, UserdataFns::default(), &[]);
        add(lua, kind.methods, number, kind_number + 1);
        lua.pop(1);
    }
    if family.is_global {
        lua.register(Some(family.module), &[]);
    } else {
        lua.new_table(0, 0);
    }
    add(lua, family.functions, number, 0);
    if let Some(text) = family.constant {
        lua.push_bytes(text);
        lua.set_field(-2, c"_VERSION");
    }
    if family.version.is_some() {
        push_function(lua, version, number, 0, 0);
        lua.set_field(-2, c"version");
    }
    1
}

/// Adds functions to the table on top; one called `a.b` becomes `b` of the table `a` in it.
fn add(lua: Lua<'_>, functions: &[Function], family: usize, kind: usize) {
    let table = lua.top();
    for (number, function) in functions.iter().enumerate() {
        lua.push_value(table);
        let mut name = function.name.to_bytes();
        while let Some(dot) = memchr::memchr(b'.', name) {
            enter(lua, &name[..dot]);
            name = &name[dot + 1..];
        }
        lua.push_bytes(name);
        match function.does {
            Does::Own(own) => lua.push_fn(own),
            _ => push_function(lua, call, family, kind, number),
        }
        lua.set_table(-3);
        lua.set_top(table);
    }
}

/// Replaces the table on top by its table called `name`, made now if there is none.
fn enter(lua: Lua<'_>, name: &[u8]) {
    lua.push_bytes(name);
    lua.get_table(-2);
    if lua.type_at(-1) == Type::Nil {
        lua.pop(1);
        lua.new_table(0, 0);
        lua.push_bytes(name);
        lua.push_value(-2);
        lua.set_table(-4);
    }
    lua.remove(-2);
}

fn push_function(lua: Lua<'_>, function: HostFn, family: usize, kind: usize, number: usize) {
    lua.push_number((family << 16 | kind << 8 | number) as f64);
    lua.push_closure(function, 1);
}

/// The numbers in the running function's upvalue.
fn own_numbers(lua: Lua<'_>) -> (usize, usize, usize) {
    let all = lua.to_integer(upvalue(1)) as usize;
    (all >> 16, all >> 8 & 0xff, all & 0xff)
}

host_call! {
    fn version(lua) {
        let family = &super::families::FAMILIES[own_numbers(lua).0];
        lua.push_bytes(family.version.unwrap_or_default());
        1
    }
}

host_call! {
    fn call(lua) {
        let (family, kind, number) = own_numbers(lua);
        let family = &super::families::FAMILIES[family];
        let (functions, own) = match kind.checked_sub(1) {
            None => (family.functions, None),
            Some(kind) => (family.objects[kind].methods, Some(&family.objects[kind])),
        };
        run(lua, family, own, &functions[number])
    }
}

fn run(
    lua: Lua<'_>,
    family: &'static Family,
    own: Option<&'static Kind>,
    function: &'static Function,
) -> c_int {
    let first = if let Some(own) = own {
        Object::<Head>::check(lua, 1, &own.class);
        2
    } else {
        1
    };
    let count = function.arguments.len() as c_int;
    for (n, argument) in (first..).zip(function.arguments) {
        check(lua, n, argument.takes);
    }
    lua.set_top(first + count - 1);
    lua.check_stack(count + 8, c"a stand-in");
    let module = family.module.to_str().unwrap_or_default();
    let module = module.strip_suffix(".core").unwrap_or(module);
    match function.does {
        Does::Makes(kind) => {
            push_object(lua, &family.objects[kind].class);
            let object = lua.top();
            push_destination(lua, None, first, function.arguments);
            set_destination(lua, object);
            1
        }
        Does::Aims(answers) => {
            push_destination(lua, None, first, function.arguments);
            set_destination(lua, 1);
            push_answers(lua, answers)
        }
        Does::Sends(answers) => {
            send(lua, module, own.is_some(), first, function);
            push_answers(lua, answers)
        }
        Does::Queues(answers) => {
            send(lua, module, own.is_some(), first, function);
            let sequence = function.arguments.iter().position(|it| matches!(it.takes, Takes::Sequence));
            if let Some(at) = sequence {
                queue(lua, first + at as c_int);
            }
            push_answers(lua, answers)
        }
        Does::Polls => {
            poll(lua);
            0
        }
        Does::Answers(answers) => push_answers(lua, answers),
        Does::Fails => record::raise_no_answer(lua, module, function.action),
        Does::Refuses(answers) => {
            lua.push_nil();
            record::push_no_answer(lua, module, function.action);
            2 + push_answers(lua, answers)
        }
        Does::Own(own) => lua.call_in_frame(own),
    }
}

fn check(lua: Lua<'_>, n: c_int, takes: Takes) {
    match takes {
        Takes::Text => {
            lua.check_bytes(n);
        }
        Takes::OptionalText if !lua.is_none_or_nil(n) => {
            lua.check_bytes(n);
        }
        Takes::Number => {
            lua.check_number(n);
        }
        Takes::OptionalNumber => {
            lua.opt_number(n, 0.0);
        }
        Takes::Table => lua.check_type(n, Type::Table),
        Takes::Sequence => lua.check_type(n, Type::LightUserdata),
        Takes::BytesOrMessage => match lua.type_at(n) {
            Type::String | Type::Userdata | Type::Nil | Type::None => {}
            _ => lua.type_error(n, c"string, userdata or nil"),
        },
        Takes::Object(class) => {
            lua.check_userdata(n, class.name);
        }
        Takes::OptionalText | Takes::Message | Takes::Any => {}
    }
}

/// Pushes a fresh object of `class`, which sends nowhere yet.
pub fn push_object(lua: Lua<'_>, class: &Class) {
    Object::<Head>::push_new(lua, class, 0, 0);
    lua.new_table(0, 1);
    lua.set_environment(-2);
}

/// Takes the string on top as the destination of the object at `object`.
pub fn set_destination(lua: Lua<'_>, object: c_int) {
    lua.get_environment(object);
    lua.insert(-2);
    lua.set_field(-2, record::DESTINATION);
    lua.pop(1);
}

/// Pushes where the call goes: the object's own destination and that of the arguments.
fn push_destination(lua: Lua<'_>, object: Option<c_int>, first: c_int, arguments: &[Argument]) {
    match object {
        Some(object) => record::push_destination(lua, object),
        None => lua.push_bytes(b""),
    }
    for (n, argument) in (first..).zip(arguments) {
        let separator: &[u8] = match argument.part {
            Part::Destination if lua.raw_len(-1) == 0 => b"",
            Part::Destination => b"/",
            Part::Port => b":",
            _ => continue,
        };
        if lua.is_none_or_nil(n) {
            continue;
        }
        lua.push_bytes(separator);
        record::push_text(lua, n);
        lua.concat(3);
    }
}

fn send(lua: Lua<'_>, module: &'static str, is_method: bool, first: c_int, function: &'static Function) {
    push_destination(lua, is_method.then_some(1), first, function.arguments);
    let destination = lua.top();
    let mut parameters = [("", 0); 12];
    let mut count = 0;
    for (n, argument) in (first..).zip(function.arguments) {
        if argument.part == Part::Parameter && !lua.is_none_or_nil(n) && count < parameters.len() {
            record::push_text(lua, n);
            parameters[count] = (argument.name, lua.top());
            count += 1;
        }
    }
    record::start(lua);
    for (n, argument) in (first..).zip(function.arguments) {
        if argument.part != Part::Bytes {
            continue;
        }
        let is_message = match argument.takes {
            Takes::Message => true,
            Takes::BytesOrMessage => lua.is_none_or_nil(n),
            _ => false,
        };
        if is_message {
            if !record::add_message(lua) {
                lua.raise(format_args!("{}() no active message", function.action));
            }
        } else if lua.type_at(n) == Type::Userdata {
            record::add_zero_copy(lua, n);
        } else {
            record::add_value(lua, n);
        }
    }
    record::send_scratch(lua, module, function.action, destination, &parameters[..count]);
}

/// The field of an object's environment that holds what waits for [`Does::Polls`].
const QUEUED: &CStr = c"queued";

/// Remembers the light userdata at `index` as the last message queued of the object at 1.
pub fn queue(lua: Lua<'_>, index: c_int) {
    lua.get_environment(1);
    lua.push_value(index);
    lua.set_field(-2, QUEUED);
    lua.pop(1);
}

/// Acknowledges what is queued. Production's modules insist on `update_checkpoint`, which only output plugins have; a
/// filter that sends is one in the making, so it goes on here.
fn poll(lua: Lua<'_>) {
    lua.get_environment(1);
    lua.get_field(-1, QUEUED);
    if lua.type_at(-1) == Type::LightUserdata {
        lua.push_nil();
        lua.set_field(-3, QUEUED);
        lua.get_field(GLOBALS, c"update_checkpoint");
        if lua.type_at(-1) == Type::Function {
            lua.push_value(-2);
            lua.push_number(0.0);
            lua.call(2, 0);
        }
    }
}

fn push_answers(lua: Lua<'_>, answers: &[Answer]) -> c_int {
    for answer in answers {
        match *answer {
            Answer::Nil => lua.push_nil(),
            Answer::Boolean(value) => lua.push_boolean(value),
            Answer::Number(value) => lua.push_number(value),
            Answer::Text(text) => lua.push_bytes(text),
        }
    }
    answers.len() as c_int
}
