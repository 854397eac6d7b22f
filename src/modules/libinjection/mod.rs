//! `libinjection`: whether a text is an SQL injection or a cross-site script (libinjection 3.9.2).
//!
//! * [`token`], [`sqli`]: SQL, cut into tokens, folded and judged. [`words`]: the table of words and fingerprints, which is
//!   the `libinjectionrs` crate's. That crate's own analysis misses what the library finds (`INTO OUTFILE`, handlers with
//!   odd names), so only its data is used.
//! * [`html`], [`xss`]: pages.
//! * Here: the binding. Production's is made by SWIG: texts of errors are raised as they are, without a position, and a nil
//!   is a null pointer, over which production's process dies where it is followed.
//!
//! A state is a block of plain data; the text it looks at stands in its environment table.

mod html;
mod sqli;
#[cfg(test)]
mod tests;
mod token;
mod words;
mod xss;

use std::ffi::{CStr, c_int};

use self::{sqli::State, token::Token};
use crate::{
    modules::object::{Class, Object},
    sandbox::{Kind, NativeModule},
    vm::{Doom, HostFn, Lua, Type, cformat, host_call, lua::until_nul},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "libinjection", open, io_only: false, version: "3.9.2", kind: Kind::BuiltIn };

const STATE: Class = Class { name: c"libinjection.sqli_state" };
const TOKEN: Class = Class { name: c"libinjection.sqli_token" };
const STATE_TYPE: &str = "sfilter *|struct libinjection_sqli_state *|libinjection_sqli_state *";
const TOKEN_TYPE: &str = "stoken_t *|struct libinjection_sqli_token *|libinjection_sqli_token *";
/// The field of a state's environment that holds its text.
const TEXT: &CStr = c"text";
/// A text is looked at in so many ways.
const PASSES: u64 = 10;

const FUNCTIONS: [(&CStr, HostFn); 17] = [
    (c"version", version),
    (c"sqli", sqli_call),
    (c"xss", xss_call),
    (c"sqli_get_token", get_token),
    (c"sqli_init", init),
    (c"is_sqli", is_sqli),
    (c"sqli_callback", callback),
    (c"sqli_reset", reset),
    (c"sqli_fingerprint", fingerprint),
    (c"sqli_lookup_word", lookup_word),
    (c"sqli_tokenize", tokenize),
    (c"sqli_fold", fold),
    (c"sqli_check_fingerprint", check_fingerprint),
    (c"sqli_blacklist", blacklist),
    (c"sqli_not_whitelist", not_whitelist),
    (c"sqli_state", new_state),
    (c"sqli_token", new_token),
];

const CONSTANTS: [(&CStr, u32); 10] = [
    (c"FLAG_NONE", 0),
    (c"FLAG_QUOTE_NONE", 1),
    (c"FLAG_QUOTE_SINGLE", token::QUOTE_SINGLE),
    (c"FLAG_QUOTE_DOUBLE", token::QUOTE_DOUBLE),
    (c"FLAG_SQL_ANSI", token::SQL_ANSI),
    (c"FLAG_SQL_MYSQL", token::SQL_MYSQL),
    (c"LOOKUP_WORD", 1),
    (c"LOOKUP_TYPE", 2),
    (c"LOOKUP_OPERATOR", 3),
    (c"LOOKUP_FINGERPRINT", LOOKUP_FINGERPRINT as u32),
];
const LOOKUP_FINGERPRINT: c_int = 4;

host_call! {
    fn open(lua) {
        for (class, get) in [(&STATE, state_field as HostFn), (&TOKEN, token_field)] {
            lua.new_metatable(class.name);
            lua.register(None, &[(c"__index", get), (c"__newindex", set_field)]);
            lua.pop(1);
        }
        lua.register(Some(c"libinjection"), &FUNCTIONS);
        for (name, value) in CONSTANTS {
            lua.push_number(value.into());
            lua.set_field(-2, name);
        }
        1
    }
}

/// Raises a text as it is.
fn raise(lua: Lua<'_>, text: std::fmt::Arguments<'_>) -> ! {
    lua.push_format(text);
    lua.throw()
}

/// Ends the filter where production follows a null pointer.
fn die(lua: Lua<'_>) -> ! {
    lua.context().meter.set_doom(Doom::Assertion("libinjection is given nil"));
    lua.doom()
}

fn check_count(lua: Lua<'_>, function: &str, count: c_int) {
    let got = lua.top();
    if got != count {
        raise(lua, format_args!("Error in {function} expected {count}..{count} args, got {got}"));
    }
}

/// What SWIG calls the type of an argument.
fn type_name(lua: Lua<'_>, n: c_int) -> &'static str {
    if is_object(lua, n, &STATE) {
        STATE_TYPE
    } else if is_object(lua, n, &TOKEN) {
        TOKEN_TYPE
    } else {
        lua.type_at(n).name()
    }
}

fn raise_argument(lua: Lua<'_>, function: &str, n: c_int, expected: &str) -> ! {
    let got = type_name(lua, n);
    raise(lua, format_args!("Error in {function} (arg {n}), expected '{expected}' got '{got}'"))
}

fn is_object(lua: Lua<'_>, n: c_int, class: &Class) -> bool {
    if lua.type_at(n) != Type::Userdata || !lua.get_metatable(n) {
        return false;
    }
    lua.metatable_named(class.name);
    let is_one = lua.to_pointer(-1) == lua.to_pointer(-2);
    lua.pop(2);
    is_one
}

/// A string or number; `None` for nil.
fn check_text<'l>(lua: Lua<'l>, function: &str, n: c_int, expected: &str) -> Option<&'l [u8]> {
    if lua.type_at(n) == Type::Nil {
        return None;
    }
    if !lua.is_string(n) {
        raise_argument(lua, function, n, expected);
    }
    lua.to_bytes(n)
}

fn check_int(lua: Lua<'_>, function: &str, n: c_int) -> c_int {
    if !lua.is_number(n) {
        raise_argument(lua, function, n, "int");
    }
    cformat::c_int(lua.to_number(n))
}

fn check_is_size(lua: Lua<'_>, function: &str, n: c_int) {
    if !lua.is_number(n) {
        raise_argument(lua, function, n, "size_t");
    }
}

/// A length; SWIG looks at its sign after all types.
fn size(lua: Lua<'_>, n: c_int) -> usize {
    let number = lua.to_number(n);
    // NaN is refused with the negative ones.
    if number >= 0.0 { number as usize } else { raise(lua, format_args!("number must not be negative")) }
}

/// The first `len` bytes of a text. Production reads whatever stands behind a text that is shorter.
fn cut<'l>(lua: Lua<'l>, text: Option<&'l [u8]>, len: usize) -> &'l [u8] {
    match text {
        Some(text) => &text[..len.min(text.len())],
        None if len == 0 => b"",
        None => die(lua),
    }
}

/// Counts the work on a text, which Lua's hook does not see.
fn charge(lua: Lua<'_>, text: &[u8]) {
    let meter = &mut lua.context().meter;
    match meter.steps_left.checked_sub(text.len() as u64 * PASSES) {
        Some(left) => meter.steps_left = left,
        None => {
            meter.set_doom(Doom::Steps);
            lua.doom();
        }
    }
}

/// The state at argument 1, checked as SWIG does.
fn check_state<'l>(lua: Lua<'l>, function: &str, short: &str) -> Object<'l, State> {
    match lua.type_at(1) {
        Type::Nil => die(lua),
        Type::Userdata if is_object(lua, 1, &STATE) => Object::check(lua, 1, &STATE),
        Type::Userdata | Type::LightUserdata => raise_argument(lua, short, 1, STATE_TYPE),
        _ => raise_argument(lua, function, 1, "struct libinjection_sqli_state *"),
    }
}

/// The text of the state at argument 1, which stays on the stack; charged for.
fn state_text(lua: Lua<'_>) -> &[u8] {
    lua.get_environment(1);
    lua.get_field(-1, TEXT);
    let text = lua.to_bytes(-1).unwrap_or_default();
    charge(lua, text);
    text
}

/// Runs `change` on the state at argument 1, which is its only argument.
fn with_state<R: Copy>(
    lua: Lua<'_>,
    function: &str,
    short: &str,
    change: impl FnOnce(&mut State, &[u8]) -> R,
) -> R {
    check_count(lua, function, 1);
    let state = check_state(lua, function, short);
    change_state(lua, state, change)
}

fn change_state<R: Copy>(
    lua: Lua<'_>,
    state: Object<'_, State>,
    change: impl FnOnce(&mut State, &[u8]) -> R,
) -> R {
    let text = state_text(lua);
    let mut now = state.head().get();
    let res = lua.work(|_| change(&mut now, text));
    state.head().set(now);
    res
}

fn push_flag(lua: Lua<'_>, value: bool) {
    lua.push_number(f64::from(u8::from(value)));
}

/// Pushes a letter as `%c` does: nothing for none.
fn push_letter(lua: Lua<'_>, letter: u8) {
    lua.push_bytes(until_nul(&[letter]));
}

host_call! {
    fn version(lua) {
        check_count(lua, "libinjection_version", 0);
        lua.push_bytes(b"3.9.2");
        1
    }
}

host_call! {
    /// `sqli(text, length, fingerprint)`: 1 or 0. Production also writes the fingerprint over the string it is given.
    fn sqli_call(lua) {
        const NAME: &str = "libinjection_sqli";
        check_count(lua, NAME, 3);
        let text = check_text(lua, NAME, 1, "char const *");
        check_is_size(lua, NAME, 2);
        let fingerprint = check_text(lua, NAME, 3, "char []");
        let text = cut(lua, text, size(lua, 2));
        charge(lua, text);
        if fingerprint.is_none() {
            die(lua);
        }
        let found = lua.work(|_| State::new(0).is_sqli(text));
        push_flag(lua, found);
        1
    }
}

host_call! {
    fn xss_call(lua) {
        const NAME: &str = "libinjection_xss";
        check_count(lua, NAME, 2);
        let text = check_text(lua, NAME, 1, "char const *");
        check_is_size(lua, NAME, 2);
        let text = cut(lua, text, size(lua, 2));
        charge(lua, text);
        let found = lua.work(|_| xss::is_xss(text));
        push_flag(lua, found);
        1
    }
}

host_call! {
    fn new_state(lua) {
        check_count(lua, "libinjection_sqli_state::libinjection_sqli_state", 0);
        let state: State = bytemuck::Zeroable::zeroed();
        Object::push_new(lua, &STATE, state, 0);
        lua.new_table(0, 1);
        lua.push_bytes(b"");
        lua.set_field(-2, TEXT);
        lua.set_environment(-2);
        1
    }
}

host_call! {
    fn new_token(lua) {
        check_count(lua, "libinjection_sqli_token::libinjection_sqli_token", 0);
        push_token(lua, bytemuck::Zeroable::zeroed());
        1
    }
}

fn push_token(lua: Lua<'_>, token: Token) {
    Object::push_new(lua, &TOKEN, token, 0);
    lua.new_table(0, 0);
    lua.set_environment(-2);
}

host_call! {
    fn init(lua) {
        const NAME: &str = "libinjection_sqli_init";
        check_count(lua, NAME, 4);
        if !matches!(lua.type_at(1), Type::Userdata | Type::Nil) {
            raise_argument(lua, NAME, 1, "struct libinjection_sqli_state *");
        }
        let text = check_text(lua, NAME, 2, "char const *");
        check_is_size(lua, NAME, 3);
        let flags = check_int(lua, NAME, 4);
        let state = check_state(lua, NAME, "sqli_init");
        let text = cut(lua, text, size(lua, 3));
        lua.get_environment(1);
        lua.push_bytes(text);
        lua.set_field(-2, TEXT);
        state.head().set(State::new(flags as u32));
        0
    }
}

host_call! {
    fn is_sqli(lua) {
        let found = with_state(lua, "libinjection_is_sqli", "is_sqli", State::is_sqli);
        push_flag(lua, found);
        1
    }
}

host_call! {
    /// Production asks a Lua function about words in the middle of C code.
    fn callback(lua) {
        lua.raise(format_args!("libinjection.sqli_callback: words cannot be looked up by a script here"))
    }
}

host_call! {
    fn reset(lua) {
        const NAME: &str = "libinjection_sqli_reset";
        check_count(lua, NAME, 2);
        if lua.type_at(1) != Type::Userdata {
            check_state(lua, NAME, "sqli_reset");
        }
        let flags = check_int(lua, NAME, 2);
        check_state(lua, NAME, "sqli_reset").head().set(State::new(flags as u32));
        0
    }
}

host_call! {
    fn fingerprint(lua) {
        const NAME: &str = "libinjection_sqli_fingerprint";
        check_count(lua, NAME, 2);
        if lua.type_at(1) != Type::Userdata {
            check_state(lua, NAME, "sqli_fingerprint");
        }
        let flags = check_int(lua, NAME, 2);
        let state = check_state(lua, NAME, "sqli_fingerprint");
        change_state(lua, state, |state, text| state.make_fingerprint(text, flags as u32));
        lua.push_bytes(state.head().get().letters());
        1
    }
}

host_call! {
    fn lookup_word(lua) {
        const NAME: &str = "libinjection_sqli_lookup_word";
        check_count(lua, NAME, 4);
        if lua.type_at(1) != Type::Userdata {
            check_state(lua, NAME, "sqli_lookup_word");
        }
        let what = check_int(lua, NAME, 2);
        let text = check_text(lua, NAME, 3, "char const *");
        check_is_size(lua, NAME, 4);
        let state = check_state(lua, NAME, "sqli_lookup_word");
        let text = cut(lua, text, size(lua, 4));
        let letter = if what == LOOKUP_FINGERPRINT {
            let is_bad = change_state(lua, state, |state, input| state.is_known() && state.is_guilty(input));
            if is_bad { b'X' } else { 0 }
        } else {
            words::lookup(text)
        };
        push_letter(lua, letter);
        1
    }
}

host_call! {
    fn tokenize(lua) {
        let found = with_state(lua, "libinjection_sqli_tokenize", "sqli_tokenize", State::tokenize);
        push_flag(lua, found);
        1
    }
}

host_call! {
    fn fold(lua) {
        let count = with_state(lua, "libinjection_sqli_fold", "sqli_fold", State::fold);
        lua.push_number(count as f64);
        1
    }
}

host_call! {
    fn check_fingerprint(lua) {
        let is_bad = with_state(
            lua,
            "libinjection_sqli_check_fingerprint",
            "sqli_check_fingerprint",
            |state, text| state.is_known() && state.is_guilty(text),
        );
        push_flag(lua, is_bad);
        1
    }
}

host_call! {
    fn blacklist(lua) {
        let is_known =
            with_state(lua, "libinjection_sqli_blacklist", "sqli_blacklist", |state, _| state.is_known());
        push_flag(lua, is_known);
        1
    }
}

host_call! {
    fn not_whitelist(lua) {
        let is_guilty =
            with_state(lua, "libinjection_sqli_not_whitelist", "sqli_not_whitelist", State::is_guilty);
        push_flag(lua, is_guilty);
        1
    }
}

host_call! {
    /// A token as it is now; production's follows the state.
    fn get_token(lua) {
        const NAME: &str = "libinjection_sqli_get_token";
        check_count(lua, NAME, 2);
        if lua.type_at(1) != Type::Userdata {
            check_state(lua, NAME, "sqli_get_token");
        }
        let n = check_int(lua, NAME, 2);
        let state = check_state(lua, NAME, "sqli_get_token");
        if (0..=5).contains(&n) {
            push_token(lua, state.head().get().tokens[n as usize]);
        } else {
            lua.push_nil();
        }
        1
    }
}

host_call! {
    fn state_field(lua) {
        let object = Object::<State>::check(lua, 1, &STATE);
        let state = object.head().get();
        let number = match lua.to_bytes(2).unwrap_or_default() {
            b"s" => {
                lua.get_environment(1);
                lua.get_field(-1, TEXT);
                let text = lua.to_c_bytes(-1).unwrap_or_default();
                lua.push_bytes(text);
                return 1;
            }
            b"slen" => {
                lua.get_environment(1);
                lua.get_field(-1, TEXT);
                lua.raw_len(-1) as f64
            }
            b"fingerprint" => {
                lua.push_bytes(state.letters());
                return 1;
            }
            b"current" => {
                push_token(lua, state.tokens[state.current as usize & 7]);
                return 1;
            }
            b"flags" => state.flags.into(),
            b"pos" => state.pos as f64,
            b"reason" => state.reason.into(),
            b"stats_comment_ddw" | b"stats_comment_c" => 0.0,
            b"stats_comment_ddx" => state.stats.comment_ddx.into(),
            b"stats_comment_hash" => state.stats.comment_hash.into(),
            b"stats_folds" => state.stats.folds.into(),
            b"stats_tokens" => state.stats.tokens.into(),
            _ => {
                lua.push_nil();
                return 1;
            }
        };
        lua.push_number(number);
        1
    }
}

host_call! {
    fn token_field(lua) {
        let token = Object::<Token>::check(lua, 1, &TOKEN).head().get();
        match lua.to_bytes(2).unwrap_or_default() {
            b"pos" => lua.push_number(token.pos as f64),
            b"len" => lua.push_number(token.len as f64),
            b"count" => lua.push_number(token.count.into()),
            b"type" => push_letter(lua, token.kind),
            b"str_open" => push_letter(lua, token.open),
            b"str_close" => push_letter(lua, token.close),
            b"val" => lua.push_bytes(token.c_text()),
            _ => lua.push_nil(),
        }
        1
    }
}

/// The attributes of both classes.
const FIELDS: [&[u8]; 22] = [
    b"s",
    b"slen",
    b"lookup",
    b"userdata",
    b"flags",
    b"pos",
    b"current",
    b"fingerprint",
    b"reason",
    b"stats_comment_ddw",
    b"stats_comment_ddx",
    b"stats_comment_c",
    b"stats_comment_hash",
    b"stats_folds",
    b"stats_tokens",
    b"len",
    b"count",
    b"type",
    b"str_open",
    b"str_close",
    b"val",
    b"pos",
];

host_call! {
    fn set_field(lua) {
        if FIELDS.contains(&lua.to_bytes(2).unwrap_or_default()) {
            raise(lua, format_args!("This variable is immutable"));
        }
        0
    }
}
