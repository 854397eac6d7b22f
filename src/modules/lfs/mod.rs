//! `lfs`: `LuaFileSystem` 1.6.3, which production packages as 1.6.9 (`src/lfs.c` at the pinned commit).
//!
//! * [`system`]: what the system is asked, without Lua.
//! * Here: the functions scripts call.
//!
//! A filter that finds this module may change files, as in production. What cannot go back in time, an open folder or a
//! folder's lock, is a held resource. Going to another folder moves only the filter: see
//! [`crate::modules::working_folder`]. Analysis plugins have no `io` library and therefore no open files of it, so the
//! functions on those refuse every argument.

mod system;

use std::ffi::{CStr, c_int};

use bytemuck::{Pod, Zeroable};

use self::system::{Errno, Folder, FolderLock, Information};
use super::{
    object::{Class, Object},
    working_folder,
};
use crate::{
    sandbox::{Kind, NativeModule, host::of_context},
    vm::{Doom, GLOBALS, HostFn, Lua, Type, cformat::c_int64, host_call, lua::until_nul},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "lfs", open, io_only: true, version: "1.6.9", kind: Kind::BuiltIn };

const FOLDER: Class = Class { name: c"directory metatable" };
const LOCK: Class = Class { name: c"lock metatable" };

/// The head of both kinds of userdata.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    /// One more than the number of what is held; 0 when that is given back.
    held: u64,
}

/// Production's block of an open folder has two words; that of a lock one.
const FOLDER_TAIL: usize = 8;

const FUNCTIONS: [(&CStr, HostFn); 13] = [
    (c"attributes", attributes),
    (c"chdir", chdir),
    (c"currentdir", currentdir),
    (c"dir", dir),
    (c"link", link),
    (c"lock", lock),
    (c"mkdir", mkdir),
    (c"rmdir", rmdir),
    (c"symlinkattributes", symlinkattributes),
    (c"setmode", setmode),
    (c"touch", touch),
    (c"unlock", unlock),
    (c"lock_dir", lock_dir),
];

host_call! {
    /// Leaves the module's table on the stack and in the global `lfs`.
    fn open(lua) {
        define(lua, &FOLDER, &[(c"next", next_entry), (c"close", close_folder)], close_folder);
        define(lua, &LOCK, &[(c"free", free_lock)], free_lock);
        lua.new_table(0, 0);
        lua.register(None, &FUNCTIONS);
        lua.push_value(-1);
        lua.set_field(GLOBALS, c"lfs");
        for (name, text) in [
            (c"_COPYRIGHT", "Copyright (C) 2003-2016 Kepler Project"),
            (
                c"_DESCRIPTION",
                "LuaFileSystem is a Lua library developed to complement the set of functions related to file systems \
                 offered by the standard Lua distribution",
            ),
            (c"_VERSION", "LuaFileSystem 1.6.3"),
        ] {
            lua.push_bytes(text.as_bytes());
            lua.set_field(-2, name);
        }
        1
    }
}

/// Leaves the metatable of a class on the stack.
fn define(lua: Lua<'_>, class: &Class, methods: &[(&CStr, HostFn)], collect: HostFn) {
    lua.new_metatable(class.name);
    lua.new_table(0, 0);
    for (name, method) in methods {
        lua.push_fn(*method);
        lua.set_field(-2, name);
    }
    lua.set_field(-2, c"__index");
    lua.push_fn(collect);
    lua.set_field(-2, c"__gc");
}

/// Pushes the C library's words for an error.
fn push_words(lua: Lua<'_>, error: Errno) {
    lua.work(|context| context.scratch = error.words());
    lua.push_scratch();
}

/// Pushes true, or nil and the words.
fn push_outcome(lua: Lua<'_>, outcome: Result<(), Errno>) -> c_int {
    match outcome {
        Ok(()) => {
            lua.push_boolean(true);
            1
        }
        Err(error) => {
            lua.push_nil();
            push_words(lua, error);
            2
        }
    }
}

/// Asks the system something about a file, by the name it has there.
fn ask<R: Copy>(lua: Lua<'_>, path: &CStr, ask: impl FnOnce(&CStr) -> R) -> R {
    let folder = working_folder::current(lua);
    lua.work(|_| ask(&working_folder::resolve(folder, path)))
}

host_call! {
    fn chdir(lua) {
        let path = lua.check_c_str(1);
        let folder = working_folder::current(lua);
        let outcome = lua.work(|context| {
            context.scratch = system::real_folder(&working_folder::resolve(folder, path))?;
            Ok::<(), Errno>(())
        });
        match outcome {
            Ok(()) => {
                lua.push_scratch();
                working_folder::change(lua);
                lua.push_boolean(true);
                1
            }
            Err(error) => {
                lua.push_nil();
                lua.push_bytes(b"Unable to change working directory to '");
                lua.push_bytes(path.to_bytes());
                lua.push_bytes(b"'\n");
                push_words(lua, error);
                lua.push_bytes(b"\n");
                lua.concat(5);
                2
            }
        }
    }
}

host_call! {
    fn currentdir(lua) {
        if let Some(folder) = working_folder::current(lua) {
            lua.push_bytes(folder);
            return 1;
        }
        let outcome = lua.work(|context| {
            context.scratch = system::process_folder()?;
            Ok(())
        });
        match outcome {
            Ok(()) => {
                lua.push_scratch();
                1
            }
            Err(error) => push_outcome(lua, Err(error)),
        }
    }
}

// ── files ──

/// What is told of a file, in the order in which it goes into a table.
const MEMBERS: [(&[u8], Reader); 14] = [
    (b"mode", |it| Member::Text(it.kind())),
    (b"dev", |it| Member::Number(it.device)),
    (b"ino", |it| Member::Number(it.inode)),
    (b"nlink", |it| Member::Number(it.links)),
    (b"uid", |it| Member::Number(it.user)),
    (b"gid", |it| Member::Number(it.group)),
    (b"rdev", |it| Member::Number(it.special_device)),
    (b"access", |it| Member::Number(it.accessed)),
    (b"modification", |it| Member::Number(it.modified)),
    (b"change", |it| Member::Number(it.changed)),
    (b"size", |it| Member::Number(it.size)),
    (b"permissions", |it| Member::Permissions(it.permissions())),
    (b"blocks", |it| Member::Number(it.blocks)),
    (b"blksize", |it| Member::Number(it.block_size)),
];

/// How one of them is found.
type Reader = fn(&Information) -> Member;

/// One of them.
enum Member {
    Text(&'static str),
    Number(i64),
    Permissions([u8; 9]),
}

impl Member {
    fn push(self, lua: Lua<'_>) {
        match self {
            Member::Text(text) => lua.push_bytes(text.as_bytes()),
            Member::Number(number) => lua.push_number(number as f64),
            Member::Permissions(letters) => lua.push_bytes(&letters),
        }
    }
}

/// Pushes what is asked for: one member, or a table of all of them. How many values.
fn push_information(lua: Lua<'_>, about: fn(&CStr) -> Result<Information, Errno>) -> c_int {
    let path = lua.check_c_str(1);
    let information = match ask(lua, path, about) {
        Ok(information) => information,
        Err(error) => {
            lua.push_nil();
            lua.push_bytes(b"cannot obtain information from file '");
            lua.push_bytes(path.to_bytes());
            lua.push_bytes(b"': ");
            push_words(lua, error);
            lua.concat(4);
            return 2;
        }
    };
    if lua.is_string(2) {
        let wanted = until_nul(lua.to_bytes(2).unwrap_or_default());
        let Some((_, member)) = MEMBERS.iter().find(|(name, _)| *name == wanted) else {
            lua.raise_parts(&[b"invalid attribute name '", wanted, b"'"]);
        };
        member(&information).push(lua);
        return 1;
    }
    lua.set_top(2);
    if lua.type_at(2) != Type::Table {
        lua.new_table(0, 0);
    }
    for (name, member) in MEMBERS {
        lua.push_bytes(name);
        member(&information).push(lua);
        lua.raw_set(-3);
    }
    1
}

host_call! {
    fn attributes(lua) { push_information(lua, system::information) }
}

/// Pushes what a link leads to.
fn push_link_target(lua: Lua<'_>) -> Result<(), Errno> {
    let path = lua.check_c_str(1);
    let folder = working_folder::current(lua);
    lua.work(|context| {
        context.scratch = system::link_target(&working_folder::resolve(folder, path))?;
        Ok::<(), Errno>(())
    })?;
    lua.push_scratch();
    Ok(())
}

/// Pushes nil, the words with `what` before them if there is one, and the error's number.
fn push_failure(lua: Lua<'_>, what: &[u8], error: Errno) -> c_int {
    lua.push_nil();
    if what.is_empty() {
        push_words(lua, error);
    } else {
        lua.push_bytes(what);
        lua.push_bytes(b": ");
        push_words(lua, error);
        lua.concat(3);
    }
    lua.push_number(f64::from(error.number()));
    3
}

host_call! {
    fn symlinkattributes(lua) {
        if lua.is_string(2) && until_nul(lua.to_bytes(2).unwrap_or_default()) == b"target" {
            return match push_link_target(lua) {
                Ok(()) => 1,
                Err(error) => push_failure(lua, b"could not obtain link target", error),
            };
        }
        let count = push_information(lua, system::link_information);
        if count == 1 && lua.type_at(-1) == Type::Table && push_link_target(lua).is_ok() {
            lua.set_field(-2, c"target");
        }
        count
    }
}

host_call! {
    fn link(lua) {
        let (old, new) = (lua.check_c_str(1), lua.check_c_str(2));
        let is_symbolic = lua.to_boolean(3);
        let folder = working_folder::current(lua);
        let outcome = lua.work(|_| {
            let new = working_folder::resolve(folder, new);
            if is_symbolic {
                system::link_symbolically(old, &new)
            } else {
                system::link(&working_folder::resolve(folder, old), &new)
            }
        });
        match outcome {
            Ok(()) => {
                lua.push_number(0.0);
                1
            }
            Err(error) => push_failure(lua, b"", error),
        }
    }
}

host_call! {
    fn mkdir(lua) {
        let path = lua.check_c_str(1);
        push_outcome(lua, ask(lua, path, system::make_folder))
    }
}

host_call! {
    fn rmdir(lua) {
        let path = lua.check_c_str(1);
        push_outcome(lua, ask(lua, path, system::remove_folder))
    }
}

host_call! {
    fn touch(lua) {
        let path = lua.check_c_str(1);
        let times = (lua.top() != 1).then(|| {
            let accessed = c_int64(lua.opt_number(2, 0.0));
            (accessed, lua.opt_integer(3, accessed))
        });
        push_outcome(lua, ask(lua, path, |path| system::set_times(path, times)))
    }
}

// ── files of the io library ──

/// Refuses the first argument, which cannot be an open file.
fn check_file(lua: Lua<'_>) -> c_int {
    lua.check_userdata(1, c"FILE*");
    0
}

host_call! {
    fn lock(lua) { check_file(lua) }
}

host_call! {
    fn unlock(lua) { check_file(lua) }
}

host_call! {
    fn setmode(lua) { check_file(lua) }
}

// ── folders ──

host_call! {
    /// The iterator and the open folder it takes.
    fn dir(lua) {
        let path = lua.check_c_str(1);
        lua.push_fn(next_entry);
        let object = Object::push_new(lua, &FOLDER, Head { held: 0 }, FOLDER_TAIL);
        let folder = working_folder::current(lua);
        let opened = lua.work(|context| {
            let opened = Folder::open(&working_folder::resolve(folder, path))?;
            Ok::<u32, Errno>(of_context(context).resources.hold(Folder::WHAT, opened))
        });
        match opened {
            Ok(number) => object.head().set(Head { held: u64::from(number) + 1 }),
            Err(error) => {
                lua.work(|context| context.scratch = error.words());
                lua.lend(
                    |context| &mut context.scratch,
                    |words| lua.raise_parts(&[b"cannot open ", path.to_bytes(), b": ", words]),
                );
            }
        }
        2
    }
}

/// The object at argument 1 if it is of the class, without raising.
fn object_of<'l>(lua: Lua<'l>, class: &Class) -> Option<Object<'l, Head>> {
    if lua.type_at(1) != Type::Userdata || !lua.get_metatable(1) {
        return None;
    }
    lua.metatable_named(class.name);
    let is_its = lua.to_pointer(-1) == lua.to_pointer(-2);
    lua.pop(2);
    if is_its { Object::of_protocol(lua, 1) } else { None }
}

host_call! {
    fn next_entry(lua) {
        lua.check_userdata(1, FOLDER.name);
        let Some(object) = Object::<Head>::of_protocol(lua, 1) else { return 0 };
        let Some(number) = object.head().get().held.checked_sub(1) else {
            lua.arg_error(1, c"closed directory");
        };
        let is_found = lua.work(|context| {
            let next = of_context(context).resources.held::<Folder>(number as u32).and_then(Folder::next_name);
            let is_found = next.is_some();
            context.scratch = next.unwrap_or_default();
            is_found
        });
        if is_found {
            lua.push_scratch();
            return 1;
        }
        give_back::<Folder>(lua, object);
        0
    }
}

fn give_back<T: 'static>(lua: Lua<'_>, object: Object<'_, Head>) {
    if let Some(number) = object.head().get().held.checked_sub(1) {
        object.head().set(Head { held: 0 });
        lua.work(|context| drop(of_context(context).resources.release::<T>(number as u32)));
    }
}

host_call! {
    fn close_folder(lua) {
        // Production does not look at what it is given.
        let Some(object) = object_of(lua, &FOLDER) else {
            lua.doom_for(Doom::Assertion("lfs: close of something that is no directory"));
        };
        give_back::<Folder>(lua, object);
        0
    }
}

host_call! {
    fn lock_dir(lua) {
        let path = lua.check_c_str(1);
        let object = Object::push_new(lua, &LOCK, Head { held: 0 }, 0);
        let folder = working_folder::current(lua);
        let locked = lua.work(|context| {
            let locked = FolderLock::take(&working_folder::resolve(folder, path))?;
            Ok::<u32, Errno>(of_context(context).resources.hold(FolderLock::WHAT, locked))
        });
        match locked {
            Ok(number) => {
                object.head().set(Head { held: u64::from(number) + 1 });
                1
            }
            Err(error) => push_outcome(lua, Err(error)),
        }
    }
}

host_call! {
    fn free_lock(lua) {
        lua.check_userdata(1, LOCK.name);
        if let Some(object) = Object::<Head>::of_protocol(lua, 1) {
            give_back::<FolderLock>(lua, object);
        }
        0
    }
}
