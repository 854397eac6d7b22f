//! `rjson` 1.1.4: JSON documents read by `RapidJSON`, and validated against schemas, as production's module does it.
//!
//! * [`document`]: a document's memory and what a script's references are.
//! * [`parse`], [`write`], [`copy`]: text to tree, tree to text, tree to tree; none of them recurses.
//! * [`message`]: documents out of the current message, compressed ones included.
//! * [`schema`]: schemas compiled and documents validated.
//!
//! This file has the functions scripts call. The tree stands in the arena outside the memory limit, as production
//! takes it from `malloc`; a compiled schema never changes and stands among the sandbox's constants, named by number.
//! The three kinds of userdata share one environment, as in production, and have the sizes of production's, by which
//! they are told apart.

mod copy;
mod document;
mod message;
mod parse;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::ffi::{CStr, c_int};

use bytemuck::{Pod, Zeroable};

use self::{
    document::{Document, Kind, Place, Slot, State, Stored, charge, crash},
    parse::{ParseFailure, Source},
    write::{Sink, Written},
};
use crate::{
    modules::object::{Class, Object},
    sandbox::{
        self, NativeModule,
        host::{host, of_context},
        native::{UserdataFns, add_functions},
        output::OutputBuffer,
    },
    vm::{ENVIRONMENT, HostFn, Lua, Type, host_call, lua::until_nul, upvalue},
};

/// The module for [`crate::modules::BUILTIN`].
pub const MODULE: NativeModule =
    NativeModule { name: "rjson", open, io_only: true, version: VERSION, kind: sandbox::Kind::BuiltIn };

const VERSION: &str = "1.1.4";

const ITERATOR: Class = Class { name: c"mozsvc.rjson_object_iter" };

/// Where an iterator over an object stands.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Iterator {
    /// The next member's name among the document's values.
    next: u32,
    end: u32,
    /// The document's generation when it was made.
    generation: u32,
    unused: u32,
}

host_call! {
    /// Leaves the module's table on the stack and in the global `rjson`.
    fn open(lua) {
        lua.new_table(0, 0);
        add_functions(lua, UserdataFns { output: Some(output), ..UserdataFns::default() });
        lua.replace(ENVIRONMENT);
        define(lua, schema::CLASS.name, &[(c"__gc", schema::schema_gc)]);
        lua.pop(1);
        define(lua, ITERATOR.name, &[(c"__gc", iterator_gc)]);
        lua.pop(1);
        let methods: &[(&CStr, HostFn)] = &[
            (c"parse", reparse),
            (c"validate", schema::validate),
            (c"type", type_of),
            (c"find", find),
            (c"value", value),
            (c"iter", iter),
            (c"size", size),
            (c"remove", remove),
            (c"remove_shallow", remove_shallow),
            (c"__gc", document_gc),
        ];
        define(lua, document::NAME, methods);
        let functions: &[(&CStr, HostFn)] =
            &[(c"parse_schema", schema::parse_schema), (c"parse", parse), (c"version", version)];
        lua.register(Some(c"rjson"), functions);
        lua.push_fn(make_field);
        lua.set_field(-3, c"make_field");
        message::register(lua);
        1
    }
}

/// Makes a metatable that finds its methods through itself, and leaves it on the stack.
fn define(lua: Lua<'_>, name: &CStr, methods: &[(&CStr, HostFn)]) {
    lua.new_metatable(name);
    lua.push_value(-1);
    lua.set_field(-2, c"__index");
    lua.register(None, methods);
}

/// A script's number as an index, converted as gcc does on x86-64: through 64 bits, of which the low half counts.
fn index(number: f64) -> u32 {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if (-TWO_63..TWO_63).contains(&number) { number as i64 as u32 } else { 0 }
}

// ── parsing ──

/// Reads `source` into a cleared document, or raises.
fn read_into(lua: Lua<'_>, document: Document<'_>, source: Source<'_>) {
    charge(lua, source.text.len() / 16);
    let outcome = lua.work(|context| read(source, &mut context.scratch));
    finish_reading(lua, document, outcome);
}

/// Reads a document; its tree is left in `image`.
fn read(source: Source<'_>, image: &mut Vec<u8>) -> Result<Stored, ParseFailure> {
    parse::parse(source).map(|(root, draft)| draft.finish(root, image))
}

/// Takes over what was read, or raises why it was not.
fn finish_reading(lua: Lua<'_>, document: Document<'_>, outcome: Result<Stored, ParseFailure>) {
    match outcome {
        Ok(stored) => {
            document.store(stored);
            document.refer(Place::Root);
            give_back_scratch(lua);
        }
        Err(failure) => raise_failure(lua, failure),
    }
}

/// A large scratch buffer is not kept.
fn give_back_scratch(lua: Lua<'_>) {
    const KEPT: usize = 1 << 20;
    if lua.context().scratch.capacity() > KEPT {
        lua.work(|context| context.scratch = Vec::new());
    }
}

#[cold]
fn raise_failure(lua: Lua<'_>, failure: ParseFailure) -> ! {
    match failure {
        ParseFailure::Text(text, offset) => {
            lua.push_bytes(b"failed to parse offset:");
            lua.push_number(offset as f64);
            lua.push_format(format_args!(" {text}"));
            lua.concat(3);
            lua.throw();
        }
        ParseFailure::Depth => crash(lua, "JSON is nested so deep that the parser overflows the C stack"),
    }
}

/// The text at argument `n` and the switch behind it.
fn source_argument(lua: Lua<'_>, n: c_int) -> Source<'_> {
    let text = until_nul(lua.check_bytes(n));
    Source { text, behind: 0, validate: lua.to_boolean(n + 1), first_value_only: false }
}

host_call! {
    /// `rjson.parse(json [, validate_encoding])`
    fn parse(lua) {
        let source = source_argument(lua, 1);
        let document = Document::push_new(lua, State::Document);
        read_into(lua, document, source);
        1
    }
}

/// The document argument, emptied for another text.
fn check_parser(lua: Lua<'_>) -> Document<'_> {
    let document = Document::check(lua, 1);
    document.clear();
    if document.state() == State::Removed {
        crash(lua, "a document made by remove() has no parser");
    }
    document
}

host_call! {
    /// `document:parse(json [, validate_encoding])`
    fn reparse(lua) {
        let document = check_parser(lua);
        let source = source_argument(lua, 2);
        read_into(lua, document, source);
        lua.push_value(1);
        1
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(VERSION.as_bytes());
        1
    }
}

// ── looking ──

/// The document and the value that a method is about; no value for nil.
fn check_value(lua: Lua<'_>) -> (Document<'_>, Option<Place>) {
    if !(1..=2).contains(&lua.top()) {
        lua.arg_error(0, c"invalid number of arguments");
    }
    let document = Document::check(lua, 1);
    let reference = lua.to_userdata(2);
    if !reference.is_null() {
        return (document, Some(resolve(lua, document, reference)));
    }
    match lua.type_at(2) {
        Type::None => (document, Some(Place::Root)),
        Type::Nil => (document, None),
        _ => {
            lua.check_type(2, Type::LightUserdata);
            (document, None)
        }
    }
}

fn resolve(lua: Lua<'_>, document: Document<'_>, reference: *const std::ffi::c_void) -> Place {
    match document.resolve(reference) {
        Some(place) => place,
        None => lua.raise(format_args!("invalid value")),
    }
}

/// What a step along a path finds.
#[derive(Clone, Copy)]
enum Step {
    /// Element of an array.
    Element(u32),
    /// Place of a member's value among the document's values.
    Member(usize),
    /// Nothing of that name or index.
    Missing,
    /// Neither a string nor a number.
    NoKey,
}

/// Goes from `slot` along the key at argument `n`.
fn step(lua: Lua<'_>, document: Document<'_>, slot: Slot, n: c_int) -> Step {
    match lua.type_at(n) {
        Type::String if slot.kind() == Kind::Object => {
            let name = until_nul(lua.check_bytes(n));
            let (found, compared) = document.tree().find_member(slot, name);
            charge(lua, compared / 8);
            found.map_or(Step::Missing, Step::Member)
        }
        Type::Number if slot.kind() == Kind::Array => {
            let index = index(lua.to_number(n));
            if index < slot.len { Step::Element(index) } else { Step::Missing }
        }
        Type::String | Type::Number => Step::Missing,
        _ => Step::NoKey,
    }
}

/// Where to start and which argument is the first key: a reference may stand in front of the keys.
fn start(lua: Lua<'_>, document: Document<'_>) -> (Place, c_int) {
    let reference = lua.to_userdata(2);
    if reference.is_null() { (Place::Root, 2) } else { (resolve(lua, document, reference), 3) }
}

host_call! {
    /// `document:find([value,] key...)`
    fn find(lua) {
        let document = Document::check(lua, 1);
        let (mut place, first) = start(lua, document);
        for n in first..=lua.top() {
            let slot = document.get(place);
            place = match step(lua, document, slot, n) {
                Step::Element(index) => Place::Tree(slot.data as u32 + index),
                Step::Member(at) => Place::Tree(at as u32),
                Step::Missing | Step::NoKey => {
                    lua.push_nil();
                    return 1;
                }
            };
        }
        lua.push_light(document.refer(place));
        1
    }
}

host_call! {
    /// `document:type([value])`
    fn type_of(lua) {
        let (document, place) = check_value(lua);
        let Some(place) = place else {
            lua.push_nil();
            return 1;
        };
        lua.push_bytes(match document.get(place).kind() {
            Kind::String => b"string",
            Kind::Negative | Kind::Unsigned | Kind::Double => b"number",
            Kind::False | Kind::True => b"boolean",
            Kind::Object => b"object",
            Kind::Array => b"array",
            Kind::Null => b"null",
        });
        1
    }
}

host_call! {
    /// `document:size([value])`
    fn size(lua) {
        let (document, place) = check_value(lua);
        let Some(place) = place else {
            lua.push_nil();
            return 1;
        };
        let slot = document.get(place);
        let kind = match slot.kind() {
            Kind::String | Kind::Object | Kind::Array => {
                lua.push_number(f64::from(slot.len));
                return 1;
            }
            Kind::Negative | Kind::Unsigned | Kind::Double => "number",
            Kind::False | Kind::True => "boolean",
            Kind::Null => "NULL",
        };
        lua.raise(format_args!("attempt to get length of a {kind}"));
    }
}

host_call! {
    /// `document:value([value])`
    fn value(lua) {
        let (document, place) = check_value(lua);
        let Some(place) = place else {
            lua.push_nil();
            return 1;
        };
        let slot = document.get(place);
        match slot.kind() {
            Kind::String => lua.push_bytes(document.tree().string(slot)),
            Kind::Negative | Kind::Unsigned | Kind::Double => lua.push_number(slot.number()),
            Kind::False => lua.push_boolean(false),
            Kind::True => lua.push_boolean(true),
            Kind::Null => lua.push_nil(),
            Kind::Object => lua.raise(format_args!("value() not allowed on an object")),
            Kind::Array => lua.raise(format_args!("value() not allowed on an array")),
        }
        1
    }
}

// ── iterating ──

host_call! {
    /// `document:iter([value])`: an iterator for a generic `for`.
    fn iter(lua) {
        let (document, place) = check_value(lua);
        let Some(place) = place else {
            lua.push_nil();
            return 1;
        };
        let slot = document.get(place);
        let reference = document.address_of(place);
        match slot.kind() {
            Kind::Object => {
                let next = slot.data as u32;
                let end = next + 2 * slot.len;
                let iterator = Iterator { next, end, generation: document.generation(), unused: 0 };
                Object::push_new(lua, &ITERATOR, iterator, 0);
                lua.push_light(reference);
                lua.push_value(1);
                lua.push_closure(next_member, 3);
            }
            Kind::Array => {
                lua.push_number(0.0);
                lua.push_number(f64::from(slot.len));
                lua.push_light(reference);
                lua.push_value(1);
                lua.push_closure(next_element, 4);
            }
            _ => lua.raise(format_args!("iter() not allowed on a primitive type")),
        }
        1
    }
}

/// The document at upvalue `n + 1` and the place its reference at upvalue `n` stands for, if that still counts.
fn iterated(lua: Lua<'_>, n: c_int) -> (Document<'_>, Place) {
    let document = Document::at(lua, upvalue(n + 1));
    match document.resolve(lua.to_userdata(upvalue(n))) {
        Some(place) => (document, place),
        None => invalidated(lua),
    }
}

#[cold]
fn invalidated(lua: Lua<'_>) -> ! {
    lua.raise(format_args!("iterator has been invalidated"))
}

host_call! {
    fn next_member(lua) {
        let (document, _) = iterated(lua, 2);
        let Some(iterator) = Object::<Iterator>::of_protocol(lua, upvalue(1)) else { invalidated(lua) };
        let state = iterator.head().get();
        // Production goes on in memory that the parser has given back.
        if state.generation != document.generation() {
            invalidated(lua);
        }
        if state.next == state.end {
            lua.push_nil();
            lua.push_nil();
            return 2;
        }
        let tree = document.tree();
        let name = tree.get(state.next as usize);
        if name.kind() != Kind::String {
            crash(lua, "an iterator asserts that a member which was removed has a name");
        }
        iterator.head().set(Iterator { next: state.next + 2, ..state });
        let reference = document.refer(Place::Tree(state.next + 1));
        lua.push_bytes(tree.string(name));
        lua.push_light(reference);
        2
    }
}

host_call! {
    fn next_element(lua) {
        let (document, place) = iterated(lua, 3);
        let (at, end) = (lua.to_number(upvalue(1)) as u32, lua.to_number(upvalue(2)) as u32);
        if at == end {
            lua.push_nil();
            lua.push_nil();
            return 2;
        }
        let slot = document.get(place);
        if slot.kind() != Kind::Array || at >= slot.len {
            crash(lua, "an iterator asserts that its array has not shrunk");
        }
        lua.push_number(f64::from(at));
        lua.push_light(document.refer(Place::Tree(slot.data as u32 + at)));
        lua.push_number(f64::from(at + 1));
        lua.replace(upvalue(1));
        2
    }
}

host_call! {
    fn iterator_gc(_lua) {
        0
    }
}

host_call! {
    fn document_gc(lua) {
        if lua.own_userdata(1).is_null() || lua.raw_len(1) != size_of::<document::Head>() {
            lua.check_userdata(1, document::NAME);
        }
        Document::at(lua, 1).finalize();
        0
    }
}

// ── removing ──

/// Takes the value out that the keys lead to. `keep` makes the room for it before it is moved.
fn take_out(lua: Lua<'_>, keep: bool) -> Option<(Document<'_>, Slot, Option<Place>)> {
    let document = Document::check(lua, 1);
    let (mut place, first) = start(lua, document);
    let n = lua.top();
    if n == first - 1 {
        lua.raise(format_args!("cannot remove the root"));
    }
    for argument in first..=n {
        let slot = document.get(place);
        match step(lua, document, slot, argument) {
            // Such a key is passed over, unlike in find.
            Step::NoKey => {}
            Step::Missing => return None,
            Step::Element(index) if argument == n => {
                let room = keep.then(|| document.reserve_owned());
                charge(lua, (slot.len - index) as usize / 8);
                return Some((document, document.remove_element(place, index), room));
            }
            Step::Member(at) if argument == n => {
                let room = keep.then(|| document.reserve_owned());
                return Some((document, document.remove_member(place, at), room));
            }
            Step::Element(index) => place = Place::Tree(slot.data as u32 + index),
            Step::Member(at) => place = Place::Tree(at as u32),
        }
    }
    None
}

host_call! {
    /// `document:remove([value,] key...)`: a document of its own, or nil.
    fn remove(lua) {
        let Some((document, slot, _)) = take_out(lua, false) else {
            lua.push_nil();
            return 1;
        };
        let copy = Document::push_new(lua, State::Removed);
        let tree = document.tree();
        let stored = lua.work(|context| {
            copy::copy(tree, slot).map(|(root, draft)| draft.finish(root, &mut context.scratch))
        });
        let Some(stored) = stored else {
            crash(lua, "JSON is nested so deep that copying it overflows the C stack");
        };
        charge(lua, lua.context().scratch.len() / 16);
        copy.store(stored);
        copy.refer(Place::Root);
        give_back_scratch(lua);
        1
    }
}

host_call! {
    /// `document:remove_shallow([value,] key...)`: a reference of the same document, or nil.
    fn remove_shallow(lua) {
        let Some((document, slot, Some(room))) = take_out(lua, true) else {
            lua.push_nil();
            return 1;
        };
        document.own(room, slot);
        lua.push_light(document.refer(room));
        1
    }
}

// ── output ──

host_call! {
    /// `document:make_field([value])`: a field of a message whose value is the JSON text.
    fn make_field(lua) {
        let (document, place) = check_value(lua);
        let Some(place) = place else {
            lua.push_nil();
            return 1;
        };
        lua.new_table(0, 3);
        lua.push_light(document.address_of(place));
        lua.set_field(-2, c"value");
        lua.push_value(1);
        lua.set_field(-2, c"userdata");
        lua.push_bytes(b"json");
        lua.set_field(-2, c"representation");
        1
    }
}

/// The output buffer, filled as far as it goes.
struct Filling<'o> {
    output: &'o mut OutputBuffer,
    is_full: bool,
}

impl Sink for Filling<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if self.is_full || self.output.text(bytes).is_ok() {
            return;
        }
        self.is_full = bytes.iter().any(|&byte| self.output.byte(byte).is_err());
    }
}

host_call! {
    /// Appends a value as JSON: the reference below the userdata says which, else the whole document.
    fn output(lua) {
        if lua.to_userdata(-1).is_null() || lua.to_userdata(-2).is_null() {
            return 1;
        }
        if lua.raw_len(-2) != size_of::<document::Head>() {
            crash(lua, "a schema is written as if it were a document");
        }
        let document = Document::at(lua, -2);
        if document.state() == State::Finalized {
            crash(lua, "a document is used after its finalizer was called");
        }
        let reference = lua.to_userdata(-3);
        let place = if reference.is_null() { Some(Place::Root) } else { document.resolve(reference) };
        let Some(place) = place else { return 1 };
        let (tree, root) = (document.tree(), document.get(place));
        let start = host(lua).state.output.len();
        let (written, is_full, values) = lua.work(|context| {
            let mut to = Filling { output: &mut of_context(context).state.output, is_full: false };
            let mut values = 0;
            let written = write::write(tree, root, &mut to, &mut values);
            (written, to.is_full, values)
        });
        charge(lua, values / 8 + host(lua).state.output.len().saturating_sub(start) / 16);
        if written == Written::Depth {
            crash(lua, "JSON is nested so deep that writing it overflows the C stack");
        }
        c_int::from(is_full)
    }
}
