//! Patterns as Lua values: userdata blocks with the tree inside and the code, once there is some, beside them.
//!
//! The block is production's in size: a head of 16 bytes, then nodes. The code is allocated where production allocates
//! it, outside the collector's care, found by its offset in the arena and freed by the finalizer. The Lua values that a
//! tree speaks of are in the userdata's environment, a list; a pattern without any has the metatable as environment,
//! whose list is empty.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    marker::PhantomData,
    ptr::NonNull,
    slice,
};

use super::{
    set::Set,
    tree::{Kind, Node, SET_NODES, Tree},
};
use crate::vm::{Account, ENVIRONMENT, Lua};

/// Name of the metatable in the registry, which error texts show.
pub const METATABLE: &CStr = c"lpeg-pattern";

/// What stands in front of the nodes.
#[derive(Clone, Copy)]
#[repr(C)]
struct Head {
    /// Offset of the code in the arena, 0 for none: arenas are aligned to 4 GiB.
    code: u32,
    /// Words of code.
    code_len: u32,
    _reserved: u64,
}

const OFFSET_MASK: usize = u32::MAX as usize;

/// A pattern's block.
#[derive(Clone, Copy)]
pub struct Pattern<'l> {
    head: NonNull<Head>,
    len: usize,
    life: PhantomData<&'l Cell<Head>>,
}

impl<'l> Pattern<'l> {
    fn at(place: *mut c_void, size: usize) -> Pattern<'l> {
        let len = size.saturating_sub(size_of::<Head>()) / size_of::<Node>();
        // SAFETY: callers have found a userdata there.
        Pattern { head: unsafe { NonNull::new_unchecked(place.cast()) }, len, life: PhantomData }
    }

    /// Pushes a fresh pattern of `len` nodes, to be written.
    pub fn push_new(lua: Lua<'l>, len: usize) -> Pattern<'l> {
        let size = len.checked_mul(size_of::<Node>()).and_then(|it| it.checked_add(size_of::<Head>()));
        let Some(size) = size else { lua.raise_memory() };
        let place = lua.new_userdata(size);
        // SAFETY: the block has that size; nothing has seen it yet. All of it is written, because images of memory are
        // compared.
        unsafe { place.cast::<u8>().write_bytes(0, size) };
        lua.push_value(ENVIRONMENT);
        lua.set_metatable(-2);
        Pattern::at(place, size)
    }

    /// As [`Pattern::push_new`] for a size computed as C's `int`: one that has run over is refused.
    pub fn push_sized(lua: Lua<'l>, len: i64) -> Pattern<'l> {
        match i32::try_from(len) {
            Ok(len @ 1..) => Pattern::push_new(lua, len as usize),
            _ => lua.raise_memory(),
        }
    }

    /// Pushes a pattern of one node.
    pub fn push_leaf(lua: Lua<'l>, node: Node) -> Pattern<'l> {
        let res = Pattern::push_new(lua, 1);
        res.tree().set(0, node);
        res
    }

    /// Pushes a pattern for a byte of `set`.
    pub fn push_set(lua: Lua<'l>, set: Set) -> Pattern<'l> {
        let res = Pattern::push_new(lua, 1 + SET_NODES);
        res.tree().put_set(0, set);
        res
    }

    /// The pattern at stack index `n`, from 1, if one is there.
    #[inline]
    pub fn test(lua: Lua<'l>, n: c_int) -> Option<Pattern<'l>> {
        let (place, size) = lua.class_userdata(n)?;
        Some(Pattern::at(place, size))
    }

    /// The pattern that is argument `n`, or `bad argument #n ...`.
    #[inline]
    pub fn check(lua: Lua<'l>, n: c_int) -> Pattern<'l> {
        match Pattern::test(lua, n) {
            Some(pattern) => pattern,
            None => Pattern::at(lua.check_userdata(n, METATABLE), lua.raw_len(n)),
        }
    }

    /// Its tree.
    pub fn tree(self) -> Tree<'l> {
        // SAFETY: the nodes stand behind the head, initialised when the block was made; all access is through cells.
        let nodes =
            unsafe { slice::from_raw_parts(self.head.as_ptr().add(1).cast::<Cell<Node>>(), self.len) };
        Tree::new(nodes)
    }

    /// What the root is.
    pub fn kind(self) -> Kind {
        self.tree().get(0).kind()
    }

    fn head(self) -> &'l Cell<Head> {
        // SAFETY: a head stands there, and all access is through cells.
        unsafe { self.head.cast::<Cell<Head>>().as_ref() }
    }

    /// The code, if it is compiled. Valid until [`Pattern::drop_code`].
    #[inline]
    pub fn code(self) -> Option<&'l [u32]> {
        let Head { code, code_len, .. } = self.head().get();
        if code == 0 {
            return None;
        }
        let place = (self.head.as_ptr().addr() & !OFFSET_MASK | code as usize) as *const u32;
        // SAFETY: `set_code` wrote so many words there; they are never changed and freed by `drop_code` only.
        Some(unsafe { slice::from_raw_parts(place, code_len as usize) })
    }

    /// Keeps the code, whole words of it, in memory that counts as production's does: it grows by doubling and is then cut.
    pub fn set_code(self, lua: Lua<'_>, code: &[u8]) {
        self.drop_code(lua);
        let size = code.len();
        let words = size / size_of::<u32>();
        let room = words.next_power_of_two().max(2) * size_of::<u32>();
        // SAFETY: a fresh block, then that block with its size.
        let place = unsafe {
            let place = lua.reallocate(std::ptr::null_mut(), 0, room, Account::Limit);
            if place.is_null() || size == room {
                place
            } else {
                lua.reallocate(place, room, size, Account::Limit)
            }
        };
        if place.is_null() {
            lua.raise(format_args!("not enough memory"));
        }
        // SAFETY: the block has that size and is aligned to 16 bytes.
        unsafe { place.copy_from_nonoverlapping(code.as_ptr(), size) };
        self.head().set(Head {
            code: (place.addr() & OFFSET_MASK) as u32,
            code_len: words as u32,
            _reserved: 0,
        });
    }

    /// Frees the code. No match may be using it.
    pub fn drop_code(self, lua: Lua<'_>) {
        let Some(code) = self.code() else { return };
        self.head().set(Head { code: 0, code_len: 0, _reserved: 0 });
        // SAFETY: `set_code` allocated it with that size.
        unsafe {
            lua.reallocate(code.as_ptr().cast_mut().cast(), size_of_val(code), 0, Account::Limit);
        }
    }
}
