//! Objects whose contents production takes from `malloc`, so that they do not count for the memory limit.
//!
//! Such a userdata is a pointer and a finalizer. Here the pointer is the distance from the userdata to its contents, both
//! in the arena: the same at every base, and copied by every image. The contents are a head and cells behind it, as in
//! [`object`](crate::modules::object).
//!
//! A script can call a finalizer by hand and go on using the object. Production then reads freed memory; here the
//! filter ends with words about it.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    marker::PhantomData,
    mem::size_of,
    ptr::NonNull,
    slice,
};

use bytemuck::Pod;

use crate::{
    modules::object::Class,
    vm::{Account, Doom, Lua},
};

/// In front of the head: the size of the whole, which freeing needs.
const PREFIX: usize = 16;

/// The contents of an object, borrowed for a host call: a head of type `H`, then cells.
pub struct Outside<'l, H> {
    head: NonNull<H>,
    tail: usize,
    life: PhantomData<&'l Cell<H>>,
}

impl<H> Clone for Outside<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Outside<'_, H> {}

/// The userdata's only word: how far its contents are away, 0 where there are none.
fn distance<'l>(place: *mut c_void) -> &'l Cell<isize> {
    // SAFETY: callers pass a userdata that `push_new` made: one word, initialised.
    unsafe { &*place.cast::<Cell<isize>>() }
}

impl<'l, H: Pod> Outside<'l, H> {
    const HEAD: usize = {
        assert!(size_of::<H>().is_multiple_of(8) && align_of::<H>() <= 8);
        PREFIX + size_of::<H>()
    };

    /// Pushes a fresh object of `class`: `head`, then `tail` bytes of zero. Raises `not enough memory` where not even
    /// the arena's reservation has room.
    pub fn push_new(lua: Lua<'l>, class: &Class, head: H, tail: usize) -> Outside<'l, H> {
        let place = lua.new_userdata(size_of::<usize>());
        // SAFETY: the block is one word, which nothing has seen yet.
        unsafe { place.cast::<isize>().write(0) };
        lua.metatable_named(class.name);
        lua.set_metatable(-2);
        let size = Self::HEAD + tail;
        let mut contents = Self::allocate(lua, size);
        if contents.is_null() {
            // Garbage of this kind is invisible to the collector's pace: it may be all that is in the way.
            lua.collect();
            contents = Self::allocate(lua, size);
        }
        if contents.is_null() {
            lua.raise_memory();
        }
        // SAFETY: the allocation has that size and is aligned to 16; all of it is written.
        let head = unsafe {
            contents.cast::<u8>().write_bytes(0, size);
            contents.cast::<usize>().write(size);
            let at = contents.byte_add(PREFIX).cast::<H>();
            at.write(head);
            NonNull::new_unchecked(at)
        };
        distance(place).set(contents as isize - place as isize);
        Outside { head, tail, life: PhantomData }
    }

    fn allocate(lua: Lua<'l>, size: usize) -> *mut c_void {
        // SAFETY: a fresh allocation.
        unsafe { lua.reallocate(std::ptr::null_mut(), 0, size, Account::None).cast() }
    }

    /// The object of `class` at argument `n`, or `bad argument #n ...`.
    ///
    /// `H` is the head that the class's objects are made with.
    pub fn check(lua: Lua<'l>, n: c_int, class: &Class) -> Outside<'l, H> {
        Self::at(lua, lua.check_userdata(n, class.name))
    }

    /// The object of `class` at `index`, if it is one.
    pub fn of_class(lua: Lua<'l>, index: c_int, class: &Class) -> Option<Outside<'l, H>> {
        let place = lua.to_userdata(index);
        if place.is_null() || !lua.get_metatable(index) {
            return None;
        }
        let own = lua.to_pointer(-1);
        lua.metatable_named(class.name);
        let expected = lua.to_pointer(-1);
        lua.pop(2);
        (own == expected).then(|| Self::at(lua, place))
    }

    fn at(lua: Lua<'l>, place: *mut c_void) -> Outside<'l, H> {
        let distance = distance(place).get();
        if distance == 0 {
            lua.context().meter.set_doom(Doom::Assertion("an object is used after its __gc was called"));
            lua.doom();
        }
        // SAFETY: `push_new` put the contents at that distance; they stay until `release`.
        unsafe {
            let contents = place.byte_offset(distance);
            let tail = *contents.cast::<usize>() - Self::HEAD;
            let head = NonNull::new_unchecked(contents.byte_add(PREFIX).cast());
            Outside { head, tail, life: PhantomData }
        }
    }

    /// Gives the contents of the object of `class` at argument `n` back: what `__gc` does.
    pub fn release(lua: Lua<'l>, n: c_int, class: &Class) {
        let place = lua.check_userdata(n, class.name);
        let distance = distance(place).replace(0);
        if distance != 0 {
            // SAFETY: the contents and their size are those that `push_new` allocated; no other borrow is in use,
            // because `n` is an argument of the running call.
            unsafe {
                let contents = place.byte_offset(distance);
                lua.reallocate(contents.cast(), *contents.cast::<usize>(), 0, Account::None);
            }
        }
    }

    /// The head. Reading one field of a copy costs what reading the field does.
    pub fn head(self) -> &'l Cell<H> {
        // SAFETY: `push_new` wrote a head there, any bytes are one, and all access is through cells.
        unsafe { self.head.cast::<Cell<H>>().as_ref() }
    }

    /// What stands behind the head, as cells of `T`; bytes that fill no whole cell are left out.
    pub fn cells<T: Pod>(self) -> &'l [Cell<T>] {
        const { assert!(align_of::<T>() <= 8) }
        // SAFETY: these bytes are initialised and aligned, any bytes are a `T`, and all access is through cells.
        unsafe {
            let start = self.head.add(1).cast::<Cell<T>>();
            slice::from_raw_parts(start.as_ptr(), self.tail / size_of::<T>())
        }
    }
}
