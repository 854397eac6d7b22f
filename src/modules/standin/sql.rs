//! `luasql`: statements that return rows fail, all others are recorded and succeed.

use std::ffi::c_int;

use super::{record, table};
use crate::{
    modules::object::{Class, Object},
    sandbox::host::{of_context, push_scratch},
    vm::{Lua, host_call},
};

/// A connection to `PostgreSQL`.
pub const POSTGRES: Class = Class { name: c"PostgreSQL connection" };
/// A connection to `MySQL`.
pub const MYSQL: Class = Class { name: c"MySQL connection" };

/// First words of statements whose result is rows.
const QUERIES: [&[u8]; 9] =
    [b"select", b"with", b"show", b"values", b"table", b"explain", b"fetch", b"describe", b"call"];
/// First words of statements that count the rows they change.
const CHANGES: [&[u8]; 5] = [b"insert", b"update", b"delete", b"replace", b"copy"];

/// `env:connect(source, user, password, host, port)`: a connection to the source, its password blotted out.
fn connect(lua: Lua<'_>, class: &Class) -> c_int {
    let source = lua.check_bytes(2);
    let server = if lua.is_none_or_nil(5) { &b""[..] } else { lua.check_bytes(5) };
    lua.work(|context| {
        let scratch = &mut of_context(context).scratch;
        scratch.clear();
        scratch.extend_from_slice(server);
        if !server.is_empty() {
            scratch.push(b'/');
        }
        without_password(source, scratch);
    });
    table::push_object(lua, class);
    let object = lua.top();
    push_scratch(lua);
    table::set_destination(lua, object);
    1
}

/// Appends `source` with `password=...` as `password=?`.
fn without_password(source: &[u8], out: &mut Vec<u8>) {
    const KEY: &[u8] = b"password=";
    let mut rest = source;
    while let Some(at) = memchr::memmem::find(rest, KEY) {
        out.extend_from_slice(&rest[..at + KEY.len()]);
        out.push(b'?');
        rest = &rest[at + KEY.len()..];
        let end = if rest.first() == Some(&b'\'') {
            memchr::memchr(b'\'', &rest[1..]).map_or(rest.len(), |at| at + 2)
        } else {
            rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len())
        };
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
}

host_call! {
    pub fn connect_postgres(lua) {
        connect(lua, &POSTGRES)
    }
}

host_call! {
    pub fn connect_mysql(lua) {
        connect(lua, &MYSQL)
    }
}

/// `conn:execute(statement)`: how many rows changed, or nil and a text where rows would have to come back.
fn execute(lua: Lua<'_>, class: &Class, module: &'static str) -> c_int {
    Object::<u64>::check(lua, 1, class);
    let statement = lua.check_bytes(2);
    record::push_destination(lua, 1);
    let destination = lua.top();
    record::start(lua);
    record::add(lua, statement);
    record::send_scratch(lua, module, "conn:execute", destination, &[]);
    let word = first_word(statement);
    let is_one_of = |words: &[&[u8]]| words.iter().any(|it| it.eq_ignore_ascii_case(word));
    if is_one_of(&QUERIES) {
        lua.push_nil();
        record::push_no_answer(lua, module, "conn:execute");
        return 2;
    }
    lua.push_number(if is_one_of(&CHANGES) { 1.0 } else { 0.0 });
    1
}

/// The first word of a statement, past space and comments.
fn first_word(statement: &[u8]) -> &[u8] {
    let mut rest = statement;
    loop {
        rest = rest.trim_ascii_start();
        let end = match rest {
            [b'-', b'-', ..] => memchr::memchr(b'\n', rest),
            [b'/', b'*', ..] => memchr::memmem::find(rest, b"*/").map(|at| at + 2),
            [b'(', ..] => Some(1),
            _ => break,
        };
        rest = end.map_or(&[], |at| &rest[at..]);
    }
    let len = rest.iter().position(|it| !it.is_ascii_alphabetic()).unwrap_or(rest.len());
    &rest[..len]
}

host_call! {
    pub fn execute_postgres(lua) {
        execute(lua, &POSTGRES, "luasql.postgres")
    }
}

host_call! {
    pub fn execute_mysql(lua) {
        execute(lua, &MYSQL, "luasql.mysql")
    }
}

/// `conn:escape(text)`, as the servers' own libraries do it for a connection with default settings.
fn escape(lua: Lua<'_>, class: &Class, escaped: fn(u8) -> Option<[u8; 2]>) -> c_int {
    Object::<u64>::check(lua, 1, class);
    let text = lua.check_bytes(2);
    lua.work(|context| {
        let scratch = &mut of_context(context).scratch;
        scratch.clear();
        for &byte in text {
            match escaped(byte) {
                Some(pair) => scratch.extend_from_slice(&pair),
                None => scratch.push(byte),
            }
        }
    });
    push_scratch(lua);
    1
}

host_call! {
    pub fn escape_postgres(lua) {
        escape(lua, &POSTGRES, |byte| (byte == b'\'').then_some(*b"''"))
    }
}

host_call! {
    pub fn escape_mysql(lua) {
        escape(lua, &MYSQL, |byte| match byte {
            0 => Some(*b"\\0"),
            b'\n' => Some(*b"\\n"),
            b'\r' => Some(*b"\\r"),
            0x1a => Some(*b"\\Z"),
            b'\'' | b'"' | b'\\' => Some([b'\\', byte]),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{first_word, without_password};

    #[test]
    fn the_first_word_decides() {
        for (statement, word) in [
            ("SELECT 1", "SELECT"),
            ("  -- a comment\n\tinsert into t", "insert"),
            ("/* two */ /**/(with x", "with"),
            ("-- nothing", ""),
            ("", ""),
        ] {
            assert_eq!(first_word(statement.as_bytes()), word.as_bytes(), "{statement}");
        }
    }

    #[test]
    fn passwords_are_blotted_out() {
        for (source, shown) in [
            ("dbname=a password=secret host=b", "dbname=a password=? host=b"),
            ("password='se cret'", "password=?"),
            ("password=", "password=?"),
            ("dbname", "dbname"),
        ] {
            let mut out = Vec::new();
            without_password(source.as_bytes(), &mut out);
            assert_eq!(out, shown.as_bytes());
        }
    }
}
