//! `gzfile` 0.0.3: reading compressed files by line (`lua_sandbox_extensions` `gzfile/gzfile.c`).
//!
//! [`file`] is the file as zlib sees it. Here are the functions scripts call, and how lines are made: zlib hands them over
//! in pieces that production takes for C strings, so a NUL hides the rest of its piece, the line's end included.
//!
//! An open file is a held resource: while there is one, the sandbox cannot be snapshot. Its number stands in the userdata,
//! which has production's size, because production has a buffer in it.

mod file;

use std::ffi::{CStr, CString, c_int};

use bytemuck::{Pod, Zeroable};

use self::file::GzFile;
use super::{
    object::{Class, Object},
    working_folder,
};
use crate::{
    sandbox::{
        Kind, NativeModule,
        host::{host, of_context},
    },
    vm::{Lua, cformat::c_int64, host_call, lua::Buffer, lua::until_nul, upvalue},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "gzfile", open: open_module, io_only: true, version: "0.0.3", kind: Kind::BuiltIn };

const CLASS: Class = Class { name: c"mozsvc.gzfile" };
/// Size of production's userdata: three words and a `luaL_Buffer`.
const USERDATA_SIZE: usize = 3 * 8 + 24 + Buffer::ROOM;

const DEFAULT_BUFFER: c_int = 8 * 1024;
const DEFAULT_MAX_BYTES: c_int = 1024 * 1024;
const WRONG_COUNT: &CStr = c"incorrect number of arguments";
/// What reading a byte costs, in steps.
const BYTE_STEPS: u64 = 2;

/// The head of a userdata.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    /// One more than the number of the held file; 0 when it is closed.
    file: u64,
}

host_call! {
    /// Leaves the module's table on the stack, which is the global `gzfile` too.
    fn open_module(lua) {
        lua.new_metatable(CLASS.name);
        lua.push_value(-1);
        lua.set_field(-2, c"__index");
        lua.register(None, &[
            (c"close", close),
            (c"lines", lines),
            (c"lines_tail", lines_tail),
            (c"seek", seek),
            (c"__gc", close),
        ]);
        lua.register(Some(c"gzfile"), &[(c"open", open), (c"string", string), (c"version", version)]);
        1
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(MODULE.version.as_bytes());
        1
    }
}

/// The object a method is called on, with at most `count` arguments.
fn check_object(lua: Lua<'_>, count: c_int) -> Object<'_, Head> {
    lua.check_userdata(1, CLASS.name);
    let Some(object) = Object::of_protocol(lua, 1) else { lua.type_error(1, CLASS.name) };
    if lua.top() > count {
        lua.arg_error(0, WRONG_COUNT);
    }
    object
}

/// The open file of an object.
fn file_of<'l>(lua: Lua<'l>, object: Object<'l, Head>) -> Option<&'l mut GzFile> {
    let number = object.head().get().file.checked_sub(1)?;
    host(lua).resources.held(number as u32)
}

/// What `open` and `string` begin with: name, mode and the size of the buffer.
#[derive(Clone, Copy)]
struct Opening<'l> {
    name: &'l CStr,
    mode: &'l CStr,
    buffer: c_int,
    folder: Option<&'l [u8]>,
}

impl<'l> Opening<'l> {
    fn check(lua: Lua<'l>) -> Opening<'l> {
        let name = lua.check_c_str(1);
        let mode = if lua.is_none_or_nil(2) { c"rb" } else { lua.check_c_str(2) };
        let buffer = lua.opt_int(3, DEFAULT_BUFFER);
        Opening { name, mode, buffer, folder: working_folder::current(lua) }
    }

    fn open(self) -> Option<GzFile> {
        GzFile::open(&working_folder::resolve(self.folder, self.name), self.mode, self.buffer)
    }
}

fn check_positive(lua: Lua<'_>, n: c_int, value: c_int, text: &CStr) {
    if value <= 0 {
        lua.arg_error(n, text);
    }
}

host_call! {
    fn open(lua) {
        if lua.top() > 3 {
            lua.arg_error(0, WRONG_COUNT);
        }
        let opening = Opening::check(lua);
        check_positive(lua, 3, opening.buffer, c"buffer_size must be > 0");
        let object = Object::push_new(lua, &CLASS, Head { file: 0 }, USERDATA_SIZE - size_of::<Head>());
        let number = lua.work(|context| {
            let file = opening.open()?;
            Some(of_context(context).resources.hold(GzFile::WHAT, file))
        });
        match number {
            Some(number) => {
                object.head().set(Head { file: u64::from(number) + 1 });
                1
            }
            None => {
                lua.push_nil();
                lua.push_bytes(b"open failed");
                2
            }
        }
    }
}

host_call! {
    fn close(lua) {
        let object = check_object(lua, 1);
        if let Some(number) = object.head().get().file.checked_sub(1) {
            object.head().set(Head { file: 0 });
            lua.work(|context| drop(of_context(context).resources.release::<GzFile>(number as u32)));
        }
        0
    }
}

host_call! {
    fn lines(lua) {
        check_object(lua, 2);
        let max_bytes = lua.opt_int(2, DEFAULT_MAX_BYTES);
        check_positive(lua, 2, max_bytes, c"max_bytes must be > 0");
        lua.push_value(1);
        lua.push_number(f64::from(max_bytes));
        lua.push_closure(next_line, 2);
        1
    }
}

host_call! {
    fn lines_tail(lua) {
        check_object(lua, 2);
        let strips = lua.to_boolean(2);
        lua.push_value(1);
        lua.push_number(if strips { 1.0 } else { 0.0 });
        lua.push_closure(next_whole_line, 2);
        1
    }
}

/// Lets `keep` decide how much of the next piece of a line is added; the piece as a C string, `None` at the end.
fn add_piece(
    lua: Lua<'_>,
    object: Object<'_, Head>,
    line: &mut Buffer<'_>,
    mut keep: impl FnMut(usize, bool) -> usize,
) -> Option<Piece> {
    let mut piece = None;
    line.add_written(|to| {
        if !file_of(lua, object).is_some_and(|it| it.read_line(to)) {
            return 0;
        }
        let len = until_nul(to).len();
        let is_end = len > 0 && to[len - 1] == b'\n';
        piece = Some(Piece { len, is_end });
        keep(len, is_end)
    });
    if let Some(piece) = piece {
        lua.spend(piece.len as u64 * BYTE_STEPS + 1);
    }
    piece
}

/// A piece of a line.
#[derive(Clone, Copy)]
struct Piece {
    len: usize,
    is_end: bool,
}

host_call! {
    /// The iterator of `lines`: a line, of which at most so many bytes are kept.
    fn next_line(lua) {
        let Some(object) = Object::of_protocol(lua, upvalue(1)) else { return 0 };
        if file_of(lua, object).is_none() {
            return 0;
        }
        let max_bytes = lua.to_integer(upvalue(2)) as usize;
        let mut bytes = 0;
        let mut line = lua.buffer();
        while let Some(piece) = add_piece(lua, object, &mut line, |len, _| len.min(max_bytes - bytes)) {
            bytes += piece.len.min(max_bytes - bytes);
            if piece.is_end {
                line.push();
                return 1;
            }
        }
        line.push();
        c_int::from(bytes > 0)
    }
}

host_call! {
    /// The iterator of `lines_tail`: a line with its end; without one, the line is kept until its end has been written.
    fn next_whole_line(lua) {
        let Some(object) = Object::of_protocol(lua, upvalue(1)) else { return 0 };
        let Some(file) = file_of(lua, object) else { return 0 };
        let strips = lua.to_integer(upvalue(2)) != 0;
        let mut line = lua.buffer();
        if !file.partial.is_empty() {
            line.add(&file.partial);
            lua.work(|_| drop(std::mem::take(&mut file.partial)));
        }
        let keep = |len: usize, is_end: bool| if is_end && strips { len - 1 } else { len };
        while let Some(piece) = add_piece(lua, object, &mut line, keep) {
            if piece.is_end {
                line.push();
                return 1;
            }
        }
        let Some(file) = file_of(lua, object) else { return 0 };
        if !file.is_at_end() {
            lua.work(|context| context.scratch = file.error());
            lua.lend(|context| &mut context.scratch, |words| lua.raise_parts(&[b"gzfile error: ", words]));
        }
        file.clear_error();
        line.push();
        let rest = lua.to_bytes(-1).unwrap_or_default();
        lua.work(|_| file.partial = rest.to_vec());
        0
    }
}

host_call! {
    fn seek(lua) {
        let object = check_object(lua, 3);
        let is_relative = lua.check_option(2, Some(c"set"), &[c"set", c"cur"]) == 1;
        let offset = c_int64(lua.opt_number(3, 0.0));
        let file = file_of(lua, object);
        let is_closed = file.is_none();
        let position = lua.work(|context| {
            let file = file?;
            let position = file.seek(offset, is_relative);
            context.scratch = file.error();
            (position != -1).then_some(position)
        });
        match position {
            Some(position) => {
                lua.push_number(position as f64);
                1
            }
            None => {
                lua.push_nil();
                if is_closed { lua.push_nil() } else { lua.push_scratch() }
                2
            }
        }
    }
}

/// How reading a whole file ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    OpenFailed,
    /// The last read was not a full one, or zlib says that there is no more.
    Read,
    TooLong,
    /// The text is the scratch name.
    Failed,
    CloseFailed,
}

host_call! {
    /// A whole file. It is read before Lua may raise, so that it is closed in any case.
    fn string(lua) {
        if lua.top() > 4 {
            lua.arg_error(0, WRONG_COUNT);
        }
        let opening = Opening::check(lua);
        let max_bytes = lua.opt_int(4, DEFAULT_MAX_BYTES);
        check_positive(lua, 3, opening.buffer, c"buffer_size must be > 0");
        check_positive(lua, 4, max_bytes, c"max_bytes must be > 0");
        let most = spare_bytes(lua, max_bytes as usize);
        let outcome = lua.work(|context| {
            let (mut text, mut error) = (std::mem::take(&mut context.scratch), CString::default());
            text.clear();
            let outcome = read_whole(opening, max_bytes as usize, most, &mut text, &mut error);
            context.scratch = text;
            of_context(context).scratch_name = error.into_bytes();
            outcome
        });
        if outcome == Outcome::OpenFailed {
            lua.raise(format_args!("open failed"));
        }
        lua.spend(lua.context().scratch.len() as u64 * BYTE_STEPS);
        // The pieces of production's loop: a result made of full ones only is not put together there, and the last of
        // them is taken for it.
        let mut result = lua.buffer();
        let len = lua.context().scratch.len();
        lua.lend(
            |context| &mut context.scratch,
            |text| {
                for piece in text.chunks(Buffer::ROOM) {
                    result.add_written(|to| {
                        to[..piece.len()].copy_from_slice(piece);
                        piece.len()
                    });
                }
            },
        );
        if len.is_multiple_of(Buffer::ROOM) {
            // The buffer that was made ready for a read of nothing.
            result.add_written(|_| 0);
        }
        if outcome == Outcome::TooLong || len == 0 || !len.is_multiple_of(Buffer::ROOM) {
            result.push();
        }
        match outcome {
            Outcome::TooLong => lua.push_bytes(b"max_bytes exceeded"),
            Outcome::Failed => {
                lua.lend(|context| &mut of_context(context).scratch_name, |words| lua.push_bytes(words));
            }
            Outcome::CloseFailed => lua.push_bytes(b"close failed"),
            Outcome::Read | Outcome::OpenFailed => return 1,
        }
        lua.throw()
    }
}

/// How many bytes are worth reading: more than Lua has memory for are as good as all.
fn spare_bytes(lua: Lua<'_>, wanted: usize) -> usize {
    let mut most = wanted;
    while most > Buffer::ROOM && lua.would_exceed_memory(most) {
        most /= 2;
    }
    most.saturating_mul(2)
}

fn read_whole(
    opening: Opening<'_>,
    max_bytes: usize,
    most: usize,
    text: &mut Vec<u8>,
    error: &mut CString,
) -> Outcome {
    let Some(mut file) = opening.open() else { return Outcome::OpenFailed };
    let mut outcome = Outcome::Read;
    loop {
        let start = text.len();
        text.resize(start + Buffer::ROOM, 0);
        let read = file.read(&mut text[start..]);
        text.truncate(start + usize::try_from(read).unwrap_or(0));
        if read < 0 && !file.is_at_end() {
            outcome = Outcome::Failed;
            *error = CString::new(file.error()).unwrap_or_default();
        }
        if text.len() > max_bytes {
            outcome = Outcome::TooLong;
        }
        if read < Buffer::ROOM as c_int || text.len() > max_bytes || text.len() > most {
            break;
        }
    }
    if !file.close() && outcome == Outcome::Read { Outcome::CloseFailed } else { outcome }
}
