//! A document's memory: a head in its userdata, a tree in the arena beside it.
//!
//! The script's references are addresses of values, and values stand where production's stand relative to each other:
//! the elements of an array in a row, the members of an object as rows of name and value. Removing moves them as
//! production moves them, so what an old reference then shows is the same. The head and the tree name places by
//! number, never by address: the bytes are alike at every base of the arena.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    mem::{offset_of, size_of},
    slice,
};

use bytemuck::{Pod, Zeroable};

use crate::{
    modules::object::{Class, Object},
    vm::{Account, Doom, Lua},
};

/// Documents, as error texts name them.
pub const CLASS: Class = Class { name: c"mozsvc.rjson" };

/// The low half of an address: arenas start at multiples of 4 GiB and are no larger.
const OFFSET: usize = 0xffff_ffff;
/// The script holds a reference to the value at this place.
const REFERENCED: u32 = 1 << 31;
/// Size of production's structure; functions tell a document from the module's other userdata by it.
const HEAD: usize = 56;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    False,
    True,
    Object,
    Array,
    String,
    /// An integer below zero.
    Negative,
    /// An integer from zero.
    Unsigned,
    Double,
}

/// A value. Strings and containers are a range of the document's text or of its values.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Slot {
    /// [`Kind`], and whether this place is referenced.
    tag: u32,
    /// Bytes, elements or members.
    pub len: u32,
    /// Where they start, or the number's bits.
    pub data: u64,
}

impl Slot {
    pub const NULL: Slot = Slot { tag: 0, len: 0, data: 0 };

    pub const fn new(kind: Kind, len: u32, data: u64) -> Slot {
        Slot { tag: kind as u32, len, data }
    }

    pub fn double(value: f64) -> Slot {
        Slot::new(Kind::Double, 0, value.to_bits())
    }

    #[inline]
    pub fn kind(self) -> Kind {
        match self.tag & 0xff {
            1 => Kind::False,
            2 => Kind::True,
            3 => Kind::Object,
            4 => Kind::Array,
            5 => Kind::String,
            6 => Kind::Negative,
            7 => Kind::Unsigned,
            8 => Kind::Double,
            _ => Kind::Null,
        }
    }

    /// A number's value; 0 for other kinds.
    pub fn number(self) -> f64 {
        match self.kind() {
            Kind::Negative => self.data as i64 as f64,
            Kind::Unsigned => self.data as f64,
            Kind::Double => f64::from_bits(self.data),
            _ => 0.0,
        }
    }
}

/// The values and strings of a document.
#[derive(Clone, Copy)]
pub struct Tree<'l> {
    slots: &'l [Cell<Slot>],
    text: &'l [u8],
}

impl<'l> Tree<'l> {
    /// A tree that was read outside the arena.
    pub fn of(draft: &'l mut Draft) -> Tree<'l> {
        Tree { slots: Cell::from_mut(&mut draft.slots[..]).as_slice_of_cells(), text: &draft.text }
    }

    /// The tree of a single string.
    pub fn of_text(text: &'l [u8]) -> Tree<'l> {
        Tree { slots: &[], text }
    }

    #[inline]
    pub fn get(self, index: usize) -> Slot {
        self.slots.get(index).map_or(Slot::NULL, Cell::get)
    }

    /// A string's bytes.
    #[inline]
    pub fn string(self, slot: Slot) -> &'l [u8] {
        let start = slot.data as usize;
        self.text.get(start..start + slot.len as usize).unwrap_or_default()
    }

    /// The place of the value of the first member called `name`, and how many names were compared.
    pub fn find_member(self, object: Slot, name: &[u8]) -> (Option<usize>, usize) {
        let first = object.data as usize;
        for n in 0..object.len as usize {
            let slot = self.get(first + 2 * n);
            if slot.len as usize == name.len() && self.string(slot) == name {
                return (Some(first + 2 * n + 1), n + 1);
            }
        }
        (None, object.len as usize)
    }

    /// Puts a value where another one was; whether the place is referenced stays.
    fn put(self, index: usize, slot: Slot) {
        if let Some(cell) = self.slots.get(index) {
            put(cell, slot);
        }
    }
}

fn put(cell: &Cell<Slot>, slot: Slot) {
    let referenced = cell.get().tag & REFERENCED;
    cell.set(Slot { tag: slot.tag & !REFERENCED | referenced, ..slot });
}

/// A tree under construction, outside the arena.
#[derive(Default)]
pub struct Draft {
    pub slots: Vec<Slot>,
    pub text: Vec<u8>,
}

impl Draft {
    /// Hands the tree over in `image`, for [`Document::store`].
    pub fn finish(self, root: Slot, image: &mut Vec<u8>) -> Stored {
        image.clear();
        image.extend_from_slice(bytemuck::cast_slice(&self.slots));
        image.extend_from_slice(&self.text);
        Stored { root, slots: self.slots.len() as u32 }
    }
}

/// What is known of a tree whose bytes are on their way into the arena.
#[derive(Clone, Copy)]
pub struct Stored {
    root: Slot,
    slots: u32,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Root,
    Tree(u32),
    /// Taken out by `remove_shallow`; its offset in the arena.
    Owned(u32),
}

/// The life of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Parsed.
    Document,
    /// Made by `remove`: production gives it no parser.
    Removed,
    /// Its finalizer has run.
    Finalized,
}

/// The userdata.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Head {
    /// Offset of the tree's block in the arena, 0 for none.
    block: u32,
    capacity: u32,
    /// At the same address for the document's whole life, as in production.
    root: Slot,
    slots: u32,
    text: u32,
    /// Offset of the newest chunk of values taken out.
    owned: u32,
    generation: u32,
    state: u32,
    unused: u32,
    padding: u64,
}

/// Head of a chunk of values taken out. Chunks double, so that a reference is looked up in few of them.
#[derive(Clone, Copy)]
#[repr(C)]
struct Chunk {
    next: u32,
    capacity: u32,
    used: u32,
    unused: u32,
}

const FIRST_CHUNK: u32 = 4;

/// A document during one host call. What is borrowed from its tree must not be kept across [`Document::store`] or
/// [`Document::clear`].
#[derive(Clone, Copy)]
pub struct Document<'l> {
    lua: Lua<'l>,
    address: usize,
    head: &'l Cell<Head>,
}

impl<'l> Document<'l> {
    /// Pushes an empty document.
    pub fn push_new(lua: Lua<'l>, state: State) -> Document<'l> {
        const { assert!(size_of::<Head>() == HEAD) }
        let head = Head { state: state as u32, ..Head::zeroed() };
        Object::push_new(lua, &CLASS, head, 0);
        Document::at(lua, -1)
    }

    /// The document at argument `n`, or `bad argument #n ...`.
    pub fn check(lua: Lua<'l>, n: c_int) -> Document<'l> {
        if lua.own_userdata(n).is_null() || lua.raw_len(n) != HEAD {
            lua.check_userdata(n, CLASS.name);
        }
        let document = Document::at(lua, n);
        if document.state() == State::Finalized {
            crash(lua, "a document is used after its finalizer was called");
        }
        document
    }

    /// The document at `index`, known to be one.
    pub fn at(lua: Lua<'l>, index: c_int) -> Document<'l> {
        match Object::of_protocol(lua, index) {
            Some(object) => Document { lua, address: lua.to_userdata(index) as usize, head: object.head() },
            None => lua.raise(format_args!("a document is missing")),
        }
    }

    pub fn state(self) -> State {
        match self.head.get().state {
            0 => State::Document,
            1 => State::Removed,
            _ => State::Finalized,
        }
    }

    /// Changes with every parse: what iterators remember belongs to one.
    pub fn generation(self) -> u32 {
        self.head.get().generation
    }

    #[inline]
    pub fn tree(self) -> Tree<'l> {
        let head = self.head.get();
        if head.block == 0 {
            return Tree { slots: &[], text: &[] };
        }
        let place = self.base() + head.block as usize;
        // SAFETY: `store` allocated and filled that many values and bytes there, aligned to 16; they are freed by
        // `clear` only, across which nobody keeps them. Values are changed through cells, bytes never.
        unsafe {
            let slots = slice::from_raw_parts(place as *const Cell<Slot>, head.slots as usize);
            let text = place + head.slots as usize * size_of::<Slot>();
            Tree { slots, text: slice::from_raw_parts(text as *const u8, head.text as usize) }
        }
    }

    #[inline]
    pub fn get(self, place: Place) -> Slot {
        self.cell(place).get()
    }

    #[inline]
    fn cell(self, place: Place) -> &'l Cell<Slot> {
        let address = match place {
            Place::Tree(index) => return &self.tree().slots[index as usize],
            Place::Root => self.address + offset_of!(Head, root),
            Place::Owned(offset) => self.base() + offset as usize,
        };
        // SAFETY: the head's root, or a value of a chunk that is alive as long as its reference is known.
        unsafe { &*(address as *const Cell<Slot>) }
    }

    /// A reference for the script: from now on the place is known to it.
    pub fn refer(self, place: Place) -> *mut c_void {
        let cell = self.cell(place);
        let slot = cell.get();
        cell.set(Slot { tag: slot.tag | REFERENCED, ..slot });
        self.address_of(place)
    }

    /// The reference to a place.
    pub fn address_of(self, place: Place) -> *mut c_void {
        self.cell(place).as_ptr().cast()
    }

    /// What a reference stands for, if this document gave it out and it still counts.
    pub fn resolve(self, reference: *const c_void) -> Option<Place> {
        let place = self.locate(reference as usize)?;
        (self.get(place).tag & REFERENCED != 0).then_some(place)
    }

    fn locate(self, address: usize) -> Option<Place> {
        if address == self.address + offset_of!(Head, root) {
            return Some(Place::Root);
        }
        if let Some(index) = index_in(address, self.tree().slots) {
            return Some(Place::Tree(index));
        }
        let mut offset = self.head.get().owned;
        while offset != 0 {
            let (chunk, values) = self.chunk(offset);
            if let Some(index) = index_in(address, values)
                && index < chunk.get().used
            {
                return Some(Place::Owned((address & OFFSET) as u32));
            }
            offset = chunk.get().next;
        }
        None
    }

    /// The reference to a place counts no longer.
    fn forget(self, place: Place) {
        let cell = self.cell(place);
        let slot = cell.get();
        cell.set(Slot { tag: slot.tag & !REFERENCED, ..slot });
    }

    /// Takes out element `index` of the array at `place`; the later ones move up.
    pub fn remove_element(self, place: Place, index: u32) -> Slot {
        let (tree, array) = (self.tree(), self.get(place));
        let first = array.data as u32;
        self.forget(Place::Tree(first + index));
        let res = tree.get((first + index) as usize);
        for n in first + index + 1..first + array.len {
            tree.put(n as usize - 1, tree.get(n as usize));
        }
        if index + 1 == array.len {
            tree.put((first + index) as usize, Slot::NULL);
        }
        put(self.cell(place), Slot { len: array.len - 1, ..array });
        res
    }

    /// Takes out the member of the object at `place` whose value is value `index` of the tree; the last member takes
    /// its place.
    pub fn remove_member(self, place: Place, index: usize) -> Slot {
        let (tree, object) = (self.tree(), self.get(place));
        self.forget(Place::Tree(index as u32));
        let res = tree.get(index);
        let last = object.data as usize + 2 * object.len as usize - 1;
        tree.put(index, tree.get(last));
        tree.put(last, Slot::NULL);
        if index != last {
            tree.put(index - 1, tree.get(last - 1));
            tree.put(last - 1, Slot::NULL);
        }
        put(self.cell(place), Slot { len: object.len - 1, ..object });
        res
    }

    /// Makes room for a value of its own, or raises.
    pub fn reserve_owned(self) -> Place {
        let head = self.head.get();
        let mut capacity = FIRST_CHUNK;
        if head.owned != 0 {
            let (chunk, values) = self.chunk(head.owned);
            let used = chunk.get();
            if used.used < used.capacity {
                return Place::Owned((values[used.used as usize].as_ptr() as usize & OFFSET) as u32);
            }
            capacity = used.capacity.saturating_mul(2);
        }
        let size = size_of::<Chunk>() + capacity as usize * size_of::<Slot>();
        // SAFETY: a fresh block; all of it is written before anybody sees it.
        let offset = unsafe {
            let block = self.lua.reallocate(std::ptr::null_mut(), 0, size, Account::None);
            if block.is_null() {
                self.lua.raise_memory();
            }
            block.write_bytes(0, size);
            let chunk: *mut c_void = block.cast();
            chunk.cast::<Chunk>().write(Chunk { next: head.owned, capacity, used: 0, unused: 0 });
            (block as usize & OFFSET) as u32
        };
        self.head.set(Head { owned: offset, ..head });
        Place::Owned(offset + size_of::<Chunk>() as u32)
    }

    /// Keeps `slot` in the room that [`Document::reserve_owned`] made just before.
    pub fn own(self, place: Place, slot: Slot) {
        let (chunk, _) = self.chunk(self.head.get().owned);
        let used = chunk.get();
        chunk.set(Chunk { used: used.used + 1, ..used });
        self.cell(place).set(Slot { tag: slot.tag & !REFERENCED, ..slot });
    }

    fn chunk(self, offset: u32) -> (&'l Cell<Chunk>, &'l [Cell<Slot>]) {
        let place = self.base() + offset as usize;
        // SAFETY: `reserve_owned` wrote the head and that many values there; `clear` frees them, after which no
        // offset leads there.
        unsafe {
            let chunk = &*(place as *const Cell<Chunk>);
            let values = (place + size_of::<Chunk>()) as *const Cell<Slot>;
            (chunk, slice::from_raw_parts(values, chunk.get().capacity as usize))
        }
    }

    /// Forgets everything: the document is null, and no reference counts. The tree's memory stays for the next one.
    pub fn clear(self) {
        let mut offset = self.head.get().owned;
        while offset != 0 {
            let chunk = self.chunk(offset).0.get();
            let size = size_of::<Chunk>() + chunk.capacity as usize * size_of::<Slot>();
            // SAFETY: the block came from `reserve_owned` with that size and nothing refers to it any more.
            unsafe { self.lua.reallocate(self.pointer(offset), size, 0, Account::None) };
            offset = chunk.next;
        }
        let head = self.head.get();
        let generation = head.generation.wrapping_add(1);
        self.head.set(Head { root: Slot::NULL, slots: 0, text: 0, owned: 0, generation, ..head });
    }

    /// Takes over the tree whose bytes are in the context's scratch buffer, or raises. The document has been cleared.
    pub fn store(self, stored: Stored) {
        let image = &self.lua.context().scratch;
        let (head, size) = (self.head.get(), image.len());
        let mut block = head.block;
        let mut capacity = head.capacity;
        // A block far too large is given back: one huge document would keep its room for ever.
        if size > capacity as usize || size < capacity as usize / 4 {
            // SAFETY: the block came from here with that capacity; nothing refers to it since `clear`.
            let place = unsafe {
                self.lua.reallocate(self.pointer(block), capacity as usize, 0, Account::None);
                self.head.set(Head { block: 0, capacity: 0, ..head });
                match size {
                    0 => std::ptr::null_mut(),
                    size => self.lua.reallocate(std::ptr::null_mut(), 0, size, Account::None),
                }
            };
            if place.is_null() && size > 0 {
                self.lua.raise_memory();
            }
            block = (place as usize & OFFSET) as u32;
            capacity = size as u32;
        }
        if size > 0 {
            // SAFETY: the block has room for that many bytes, and the image is outside the arena.
            unsafe { self.pointer(block).copy_from_nonoverlapping(image.as_ptr(), size) };
        }
        let text = (size - stored.slots as usize * size_of::<Slot>()) as u32;
        let head = self.head.get();
        self.head.set(Head { block, capacity, root: stored.root, slots: stored.slots, text, ..head });
    }

    /// Frees everything.
    pub fn finalize(self) {
        if self.state() == State::Finalized {
            return;
        }
        self.clear();
        let head = self.head.get();
        // SAFETY: the block came from `store` with that capacity; nothing refers to it since `clear`.
        unsafe { self.lua.reallocate(self.pointer(head.block), head.capacity as usize, 0, Account::None) };
        self.head.set(Head { block: 0, capacity: 0, state: State::Finalized as u32, ..head });
    }

    fn base(self) -> usize {
        self.address & !OFFSET
    }

    fn pointer(self, offset: u32) -> *mut u8 {
        if offset == 0 { std::ptr::null_mut() } else { (self.base() + offset as usize) as *mut u8 }
    }
}

/// Which of `cells` stands at `address`.
fn index_in(address: usize, cells: &[Cell<Slot>]) -> Option<u32> {
    let distance = address.checked_sub(cells.as_ptr() as usize)?;
    let index = distance / size_of::<Slot>();
    (distance % size_of::<Slot>() == 0 && index < cells.len()).then_some(index as u32)
}

/// Ends the callback where production's process would die.
#[cold]
pub fn crash(lua: Lua<'_>, why: &'static str) -> ! {
    lua.context().meter.set_doom(Doom::Assertion(why));
    lua.doom()
}

/// Takes `steps` from the call's budget of uncounted work, or ends the callback.
#[inline]
pub fn charge(lua: Lua<'_>, steps: usize) {
    let meter = &mut lua.context().meter;
    match meter.steps_left.checked_sub(steps as u64) {
        Some(left) => meter.steps_left = left,
        None => steps_exceeded(lua),
    }
}

/// Ends the callback whose budget of uncounted work is used up.
#[cold]
pub fn steps_exceeded(lua: Lua<'_>) -> ! {
    let meter = &mut lua.context().meter;
    meter.steps_left = 0;
    meter.set_doom(Doom::Steps);
    lua.doom()
}

/// The name of the class, for [`Lua::check_userdata`].
pub const NAME: &CStr = CLASS.name;
