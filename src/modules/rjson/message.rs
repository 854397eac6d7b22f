//! Documents out of the current message: `parse_message`, for the module and for a document.
//!
//! Production copies the field, and one byte more for an end it does not have; the parser stops after the first value.
//! Text that is cut off is read on into that byte, here too. It is not known where a field ends the message: most
//! often the next record's separator stands there. Compressed text is told by gzip's two first bytes.

use std::{ffi::c_int, io::Read as _};

use flate2::read::GzDecoder;

use super::{
    check_parser,
    document::{Document, State, charge},
    finish_reading,
    parse::Source,
    read,
};
use crate::{
    sandbox::native::{self, MessageText},
    vm::{Lua, host_call, upvalue},
};

/// What stands behind a message's last byte: the separator of the next record.
const NEXT_RECORD: u8 = 0x1e;

/// Adds the functions: the module's table is on top, the documents' metatable below it.
pub fn register(lua: Lua<'_>) {
    // Production keeps the configuration on the stack meanwhile.
    native::push_config(lua, c"max_message_size");
    lua.push_closure(parse_message, 1);
    lua.set_field(-2, c"parse_message");
    native::push_config(lua, c"max_message_size");
    lua.push_closure(reparse_message, 1);
    lua.set_field(-3, c"parse_message");
}

host_call! {
    /// `rjson.parse_message(name [, field_index [, array_index [, validate_encoding]]])`
    fn parse_message(lua) {
        check_call(lua, 1);
        let text = text_argument(lua, 1);
        let validate = lua.to_boolean(4);
        let document = Document::push_new(lua, State::Document);
        decode(lua, document, text, validate);
        1
    }
}

host_call! {
    /// `document:parse_message(name [, field_index [, array_index [, validate_encoding]]])`
    fn reparse_message(lua) {
        let document = check_parser(lua);
        check_call(lua, 2);
        let text = text_argument(lua, 2);
        let validate = lua.to_boolean(5);
        decode(lua, document, text, validate);
        lua.push_value(1);
        1
    }
}

/// Between one and four arguments from `first` on, and a message.
fn check_call(lua: Lua<'_>, first: c_int) {
    if !(first..first + 4).contains(&lua.top()) {
        lua.arg_error(0, c"invalid number of arguments");
    }
    if !native::has_message(lua) {
        lua.raise(format_args!("parse_message() no active message"));
    }
}

/// The text that the arguments from `first` on name.
fn text_argument(lua: Lua<'_>, first: c_int) -> MessageText<'_> {
    let name = lua.check_bytes(first);
    let field_index = lua.opt_int(first + 1, 0);
    if field_index < 0 {
        lua.arg_error(first + 1, c"field index must be >= 0");
    }
    let array_index = lua.opt_int(first + 2, 0);
    if array_index < 0 {
        lua.arg_error(first + 2, c"array index must be >= 0");
    }
    match native::message_text(lua, name, field_index as usize, array_index as usize) {
        Some(text) => text,
        None => lua.raise(format_args!("field not found")),
    }
}

fn decode(lua: Lua<'_>, document: Document<'_>, text: MessageText<'_>, validate: bool) {
    let bytes = text.bytes;
    let behind = text.behind.unwrap_or(NEXT_RECORD);
    let source = Source { text: bytes, behind, validate, first_value_only: true };
    let is_compressed = bytes.len() > 2 && bytes.starts_with(&[0x1f, 0x8b]);
    if !is_compressed {
        charge(lua, bytes.len() / 16);
        let outcome = lua.work(|context| read(source, &mut context.scratch));
        finish_reading(lua, document, outcome);
        return;
    }
    let limit = lua.to_integer(upvalue(1)) as usize;
    let inflated = lua.work(|context| {
        let inflated = gunzip(bytes, limit)?;
        let source = Source { text: &inflated, behind: 0, ..source };
        Some((read(source, &mut context.scratch), inflated.len()))
    });
    let Some((outcome, size)) = inflated else { lua.raise(format_args!("ungzip failed")) };
    charge(lua, size / 8);
    finish_reading(lua, document, outcome);
}

/// The first gzip member in `bytes`, if neither it nor its text is larger than `limit` (0 for none).
fn gunzip(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    let limit = if limit == 0 { usize::MAX - 1 } else { limit };
    if bytes.len() > limit {
        return None;
    }
    let mut res = Vec::new();
    GzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut res).ok()?;
    (res.len() <= limit).then_some(res)
}
