//! Objects of native modules: userdata blocks of plain data, with a head and cells behind it.
//!
//! A module keeps what it knows in Lua's own memory, so that an image of the arena holds all of it, limits count it as
//! production's do, and nothing is left to free. This file is where the bytes of such a block become typed; modules
//! built on it need no `unsafe`. Everything that changes is in cells, because a script may hand one object to a method
//! twice (`a:merge(a)`).
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    marker::PhantomData,
    mem::size_of,
    ptr::NonNull,
    slice,
};

use bytemuck::Pod;

use crate::{
    sandbox::native::{UserdataFns, add_functions},
    vm::{ENVIRONMENT, HostFn, Lua},
};

/// A kind of userdata, known by the name of its metatable, which error texts show.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// Key of the metatable in the registry.
    pub name: &'static CStr,
}

impl Class {
    /// Makes the metatable, with `methods` found through itself, and leaves it on the stack.
    ///
    /// Functions made from here on by the running host function have an environment of their own, which tells this
    /// class's objects from all others: register the constructors before the next class is defined.
    pub fn define(&self, lua: Lua<'_>, protocol: UserdataFns, methods: &[(&CStr, HostFn)]) {
        lua.new_table(0, 0);
        add_functions(lua, protocol);
        lua.replace(ENVIRONMENT);
        lua.new_metatable(self.name);
        lua.push_value(-1);
        lua.set_field(-2, c"__index");
        lua.register(None, methods);
    }
}

/// An object's block, borrowed for a host call: a head of type `H`, then cells.
pub struct Object<'l, H> {
    place: NonNull<c_void>,
    /// Bytes behind the head.
    tail: usize,
    life: PhantomData<&'l Cell<H>>,
}

impl<H> Clone for Object<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Object<'_, H> {}

impl<'l, H: Pod> Object<'l, H> {
    /// Heads come in words, so that what stands behind them is aligned.
    const HEAD: usize = {
        assert!(size_of::<H>().is_multiple_of(8) && align_of::<H>() <= 8);
        size_of::<H>()
    };

    /// Pushes a fresh object of `class`: `head`, then `tail` bytes of zero.
    pub fn push_new(lua: Lua<'l>, class: &Class, head: H, tail: usize) -> Object<'l, H> {
        let place = lua.new_userdata(Self::HEAD + tail);
        // SAFETY: the block has that size and is aligned to 8; nothing has seen it yet. All of it is written.
        let object = unsafe {
            place.cast::<H>().write(head);
            place.cast::<u8>().add(Self::HEAD).write_bytes(0, tail);
            Object { place: NonNull::new_unchecked(place), tail, life: PhantomData }
        };
        // Paid for only now, so that a size no VM has room for is refused for that reason.
        lua.spend(tail as u64 / 16);
        lua.metatable_named(class.name);
        lua.set_metatable(-2);
        object
    }

    /// The object of `class` at argument `n`, or `bad argument #n ...`.
    ///
    /// `H` is the head that the class's objects are made with.
    #[inline]
    pub fn check(lua: Lua<'l>, n: c_int, class: &Class) -> Object<'l, H> {
        let own = lua.own_userdata(n);
        let place = if own.is_null() { Self::check_name(lua, n, class) } else { own };
        Self::at(lua, n, place)
    }

    #[cold]
    fn check_name(lua: Lua<'l>, n: c_int, class: &Class) -> *mut c_void {
        lua.check_userdata(n, class.name)
    }

    /// The object at `index`, where the sandbox calls one of the class's userdata functions for it.
    pub fn of_protocol(lua: Lua<'l>, index: c_int) -> Option<Object<'l, H>> {
        let place = lua.to_userdata(index);
        (!place.is_null()).then(|| Self::at(lua, index, place))
    }

    #[inline]
    fn at(lua: Lua<'l>, index: c_int, place: *mut c_void) -> Object<'l, H> {
        let tail = lua.raw_len(index).saturating_sub(Self::HEAD);
        // SAFETY: callers have found a userdata there.
        Object { place: unsafe { NonNull::new_unchecked(place) }, tail, life: PhantomData }
    }

    /// Whether both are one object.
    #[inline]
    pub fn is(self, other: Object<'_, H>) -> bool {
        self.place == other.place
    }

    /// The head. Reading one field of a copy costs what reading the field does.
    #[inline]
    pub fn head(self) -> &'l Cell<H> {
        // SAFETY: `push_new` wrote a head there, any bytes are one, and all access is through cells.
        unsafe { self.place.cast::<Cell<H>>().as_ref() }
    }

    /// What stands behind the head, as cells of `T`; bytes that fill no whole cell are left out.
    #[inline]
    pub fn cells<T: Pod>(self) -> &'l [Cell<T>] {
        const { assert!(align_of::<T>() <= 8) }
        // SAFETY: these bytes are initialised and aligned, any bytes are a `T`, and all access is through cells.
        unsafe {
            let start = self.place.cast::<u8>().add(Self::HEAD).cast::<Cell<T>>();
            slice::from_raw_parts(start.as_ptr(), self.tail / size_of::<T>())
        }
    }

    /// The whole block, the head included, byte by byte.
    #[inline]
    pub fn bytes(self) -> &'l [Cell<u8>] {
        // SAFETY: all of the block is initialised, plain data, and all access is through cells.
        unsafe { slice::from_raw_parts(self.place.cast::<Cell<u8>>().as_ptr(), Self::HEAD + self.tail) }
    }
}

/// Overwrites as many cells as there are bytes, from the first on.
pub fn fill<'c>(cells: impl IntoIterator<Item = &'c Cell<u8>>, bytes: &[u8]) {
    for (cell, &byte) in cells.into_iter().zip(bytes) {
        cell.set(byte);
    }
}
