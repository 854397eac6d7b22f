//! `sax`: series of numbers as short words of letters (symtseries 0.5.0).
//!
//! A window keeps the newest n numbers and stands for a word of w letters; words can be made from tables and from text,
//! compared, and measured against each other.
//!
//! * [`word`]: the memory of both and the arithmetic. Production takes it from `malloc`, so it counts for no limit.
//! * [`breakpoints`]: what makes a number a letter.
//! * Here: the functions scripts call, with production's argument checks in production's order, payloads and state.

mod breakpoints;
mod word;

use std::{ffi::CStr, ffi::c_int, io::Write as _};

use self::{breakpoints::MAX_CARDINALITY, word::Series};
use crate::{
    modules::{object::Class, outside::Outside},
    sandbox::{
        Kind, NativeModule,
        host::of_context,
        native::{self, UserdataFns, add_functions},
        output::{Full, OutputBuffer},
    },
    vm::{ENVIRONMENT, GLOBALS, HostFn, Lua, Type, host_call, lua::until_nul},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "sax", open, io_only: false, version: "0.5.0", kind: Kind::BuiltIn };

const WINDOW: Class = Class { name: c"mozsvc.sax.window" };
const WORD: Class = Class { name: c"mozsvc.sax.word" };

const MAX_VALUES: c_int = 4096;
const MAX_SYMBOLS: c_int = 2048;
const WRONG_COUNT: &CStr = c"incorrect number of args";
const WRONG_ARGUMENT_COUNT: &CStr = c"incorrect number of arguments";
const NO_NUMBERS: &CStr = c"expected array of numbers as input";

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        lua.new_table(0, 0);
        let functions =
            UserdataFns { output: Some(output), serialize: Some(serialize), ..UserdataFns::default() };
        add_functions(lua, functions);
        lua.replace(ENVIRONMENT);
        // Lua compares objects of two classes only by a function that is the very same in both.
        lua.push_fn(equal);
        define(lua, &WINDOW, &[
            (c"add", add),
            (c"clear", clear),
            (c"__gc", release_window),
            (c"__tostring", to_string),
            (c"get_word", get_word),
        ]);
        define(lua, &WORD, &[(c"__gc", release_word), (c"__tostring", to_string)]);
        lua.new_table(0, 0);
        lua.register(None, &[(c"mindist", mindist), (c"version", version)]);
        for (name, function) in [(c"word", new_word as HostFn), (c"window", new_window)] {
            lua.new_table(0, 0);
            lua.push_fn(function);
            lua.set_field(-2, c"new");
            lua.set_field(-2, name);
        }
        lua.push_value(-1);
        lua.set_field(GLOBALS, c"sax");
        1
    }
}

/// Makes the metatable of a class; the comparison is on top of the stack and stays there.
fn define(lua: Lua<'_>, class: &Class, methods: &[(&CStr, HostFn)]) {
    lua.new_metatable(class.name);
    lua.push_value(-1);
    lua.set_field(-2, c"__index");
    lua.register(None, methods);
    lua.push_value(-2);
    lua.set_field(-2, c"__eq");
    lua.pop(1);
}

fn check_count(lua: Lua<'_>, count: c_int, text: &CStr) {
    if lua.top() != count {
        lua.arg_error(0, text);
    }
}

fn check_window(lua: Lua<'_>) -> Series<'_> {
    Series::new(Outside::check(lua, 1, &WINDOW))
}

/// The word or window at `index`.
fn check_series(lua: Lua<'_>, index: c_int) -> Series<'_> {
    let found = Outside::of_class(lua, index, &WORD).or_else(|| Outside::of_class(lua, index, &WINDOW));
    found.map_or_else(|| lua.type_error(index, c"sax.window or sax.word expected"), Series::new)
}

/// Sizes that production accepts; all texts are about argument `n`.
fn check_sizes(lua: Lua<'_>, values: c_int, symbols: c_int, cardinality: c_int, n: c_int) {
    if !(2..=MAX_VALUES).contains(&values) {
        lua.arg_error(n, c"n is out of range");
    }
    if !(2..=MAX_SYMBOLS).contains(&symbols) {
        lua.arg_error(n, c"w is out of range");
    }
    if values % symbols != 0 {
        lua.arg_error(n, c"n must be evenly divisible by w");
    }
    if !(2..=c_int::from(MAX_CARDINALITY)).contains(&cardinality) {
        lua.arg_error(n, c"cardinality is out of range");
    }
}

/// The number at `n` of the table at `index`.
fn check_element(lua: Lua<'_>, index: c_int, n: usize) -> f64 {
    lua.raw_get_i(index, n as c_int);
    if !lua.is_number(-1) {
        lua.arg_error(1, NO_NUMBERS);
    }
    let res = lua.to_number(-1);
    lua.pop(1);
    res
}

host_call! {
    fn new_window(lua) {
        check_count(lua, 3, WRONG_COUNT);
        let values = lua.check_int(1);
        let symbols = lua.check_int(2);
        let cardinality = lua.check_int(3);
        check_sizes(lua, values, symbols, cardinality, 1);
        Series::push_window(lua, &WINDOW, values as u32, symbols as u32, cardinality as u8);
        1
    }
}

host_call! {
    fn add(lua) {
        check_count(lua, 2, WRONG_COUNT);
        let window = check_window(lua);
        if lua.is_number(2) {
            lua.spend(u64::from(window.head().values));
            window.append(lua.to_number(2));
            window.update();
            return 0;
        }
        if lua.type_at(2) != Type::Table {
            lua.arg_error(2, c"number or array-like table expected");
        }
        let len = lua.raw_len(2);
        if len == 0 {
            return 0;
        }
        lua.spend(len as u64);
        for n in 1..=len {
            check_element(lua, 2, n);
        }
        // Numbers that would be pushed out again are never pushed in, not even into the mean.
        let kept = window.head().values as usize;
        lua.spend(kept as u64);
        for n in len.saturating_sub(kept) + 1..=len {
            window.append(check_element(lua, 2, n));
        }
        window.update();
        0
    }
}

host_call! {
    fn clear(lua) {
        check_count(lua, 1, WRONG_ARGUMENT_COUNT);
        check_window(lua).clear();
        0
    }
}

host_call! {
    fn get_word(lua) {
        check_count(lua, 1, WRONG_COUNT);
        let window = check_window(lua);
        let head = window.head();
        let word = Series::push_word(lua, &WORD, head.values, head.symbols, window.cardinality());
        for (to, from) in word.symbols().iter().zip(window.symbols()) {
            to.set(from.get());
        }
        1
    }
}

host_call! {
    fn new_word(lua) {
        match lua.top() {
            2 => word_from_text(lua),
            3 => word_from_table(lua),
            _ => lua.arg_error(0, WRONG_ARGUMENT_COUNT),
        }
    }
}

fn word_from_table(lua: Lua<'_>) -> c_int {
    let symbols = lua.check_int(2);
    let cardinality = lua.check_int(3);
    if lua.type_at(1) != Type::Table {
        lua.arg_error(1, c"array-like table expected");
    }
    let len = lua.raw_len(1);
    check_sizes(lua, len as c_int, symbols, cardinality, 2);
    for n in 1..=len {
        check_element(lua, 1, n);
    }
    lua.spend(len as u64);
    let word = Series::push_word(lua, &WORD, len as u32, symbols as u32, cardinality as u8);
    word.set_from((1..=len).map(|n| check_element(lua, 1, n)));
    1
}

fn word_from_text(lua: Lua<'_>) -> c_int {
    let text = lua.check_bytes(1);
    if text.len() < 2 {
        lua.arg_error(1, c"length of SAX string should be > 1");
    }
    let cardinality = lua.check_int(2) as u8;
    let letters = until_nul(text);
    lua.spend(letters.len() as u64);
    // Letters that would be beyond `A` plus the cardinality are not; `#` always is one.
    let is_word = (2..=MAX_CARDINALITY).contains(&cardinality)
        && !letters.is_empty()
        && letters.iter().all(|&it| it == b'#' || (b'A'..b'A' + cardinality).contains(&it));
    if !is_word {
        lua.arg_error(1, c"illegal symbols for given cardinality or bad cardinality itself");
    }
    let word = Series::push_word(lua, &WORD, 0, letters.len() as u32, cardinality);
    for (place, letter) in word.symbols().iter().zip(letters) {
        place.set(if *letter == b'#' { cardinality } else { cardinality - (letter - b'A') - 1 });
    }
    1
}

host_call! {
    fn mindist(lua) {
        check_count(lua, 2, WRONG_COUNT);
        let a = check_series(lua, 1);
        let b = check_series(lua, 2);
        lua.spend(u64::from(a.head().symbols));
        match a.distance(b) {
            Some(distances) => {
                for it in distances {
                    lua.push_number(it);
                }
                3
            }
            None => {
                lua.push_nil();
                1
            }
        }
    }
}

host_call! {
    fn equal(lua) {
        check_count(lua, 2, WRONG_COUNT);
        let a = check_series(lua, 1);
        let b = check_series(lua, 2);
        lua.spend(u64::from(a.head().symbols));
        lua.push_boolean(a.equals(b));
        1
    }
}

host_call! {
    fn to_string(lua) {
        check_count(lua, 1, WRONG_COUNT);
        let series = check_series(lua, 1);
        lua.spend(u64::from(series.head().symbols));
        let mut buffer = lua.buffer();
        for n in 0..series.symbols().len() {
            buffer.add(&[series.letter(n)]);
        }
        buffer.push();
        1
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(b"0.5.0");
        1
    }
}

host_call! {
    fn release_window(lua) {
        check_count(lua, 1, WRONG_ARGUMENT_COUNT);
        Outside::<word::Head>::release(lua, 1, &WINDOW);
        0
    }
}

host_call! {
    fn release_word(lua) {
        check_count(lua, 1, WRONG_ARGUMENT_COUNT);
        Outside::<word::Head>::release(lua, 1, &WORD);
        0
    }
}

host_call! {
    /// Appends the letters to the payload, as the sandbox asks.
    fn output(lua) {
        if lua.to_userdata(-1).is_null() {
            return 1;
        }
        let series = check_series(lua, -2);
        lua.spend(u64::from(series.head().symbols));
        let res = lua.work(|context| {
            let letters: Vec<u8> = (0..series.symbols().len()).map(|n| series.letter(n)).collect();
            of_context(context).state.output.text(&letters)
        });
        c_int::from(res.is_err())
    }
}

host_call! {
    /// Appends the object to the state file, as the sandbox asks.
    fn serialize(lua) {
        let key = native::serialize_key(lua);
        let series = check_series(lua, -3);
        if key.is_empty() {
            return 1;
        }
        c_int::from(lua.work(|context| write_source(series, key, &mut of_context(context).state.output)).is_err())
    }
}

fn write_source(series: Series<'_>, key: &[u8], output: &mut OutputBuffer) -> Result<(), Full> {
    let (head, cardinality) = (series.head(), series.cardinality());
    let mut numbers = series.numbers().peekable();
    let is_word = numbers.peek().is_none();
    output.formatted(|out| {
        out.extend_from_slice(b"if ");
        out.extend_from_slice(key);
        out.extend_from_slice(b" == nil then ");
        out.extend_from_slice(key);
        if is_word {
            out.extend_from_slice(b" = sax.word.new(\"");
            out.extend((0..series.symbols().len()).map(|n| series.letter(n)));
            let _ = writeln!(out, "\", {cardinality}) end");
        } else {
            let _ = writeln!(out, " = sax.window.new({}, {}, {cardinality}) end", head.values, head.symbols);
        }
    })?;
    if series.numbers().all(f64::is_nan) {
        return Ok(());
    }
    output.formatted(|out| {
        out.extend_from_slice(key);
        out.extend_from_slice(b":clear()\n");
        out.extend_from_slice(key);
        out.extend_from_slice(b":add({");
    })?;
    for (n, value) in numbers.enumerate() {
        if n != 0 {
            output.text(b",")?;
        }
        output.serialized_number(value)?;
    }
    output.text(b"})\n")
}
