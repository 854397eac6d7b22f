//! The handle through which host functions talk to Lua, and the one macro that makes them.
//!
//! Lua raises errors with `longjmp`, straight over the Rust frames between the raise and the nearest protected call.
//! That is sound only over *plain old frames*: no pending destructor, no `catch_unwind`. So there are two kinds of
//! code in a host function, and [`host_call!`] keeps them apart:
//!
//! * The **frame**: the body itself. It may call any method of [`Lua`], and every one of those may raise (whatever
//!   allocates can run out of memory). It therefore holds only `Copy` values: numbers, spans, references.
//! * The **work**: a closure given to [`Lua::work`]. It may own vectors, panic and take its time, but it has no
//!   `Lua` and cannot raise; it runs inside `catch_unwind` and hands back a `Copy` result. Its destructors have run
//!   before the frame goes on.
//!
//! The promise is stated here once instead of at each call, and `tests/vm` proves it the hard way: every host call is
//! run with an out-of-memory at each of its allocations.
#![allow(unsafe_code)]
// One promise covers every block of `impl Lua`: the state is live by `from_raw`'s contract, and indices are valid or
// acceptable as the C API defines them. Blocks that rely on more say so.
#![allow(clippy::undocumented_unsafe_blocks)]
#![allow(clippy::not_unsafe_ptr_arg_deref, reason = "addresses are handed to Lua, which keeps them")]

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    fmt::{self, Write as _},
    marker::PhantomData,
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
};

use mlua::ffi;

use super::{Context, heap::Heap};

/// The raw state a host function receives; opaque outside `vm`.
pub type RawState = ffi::lua_State;
/// A function Lua can call. Made by [`host_call!`].
pub type HostFn = ffi::lua_CFunction;

/// Index of the registry, where Lua code cannot reach.
pub const REGISTRY: c_int = ffi::LUA_REGISTRYINDEX;
/// Index of the table of globals.
pub const GLOBALS: c_int = ffi::LUA_GLOBALSINDEX;
/// Index of the running host function's environment.
pub const ENVIRONMENT: c_int = ffi::LUA_ENVIRONINDEX;

/// Index of the `n`-th upvalue of the running host function, from 1.
pub const fn upvalue(n: c_int) -> c_int {
    ffi::lua_upvalueindex(n)
}

/// The type of a Lua value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// No value at that index.
    None,
    /// `nil`
    Nil,
    /// `true` or `false`
    Boolean,
    /// An address without a type.
    LightUserdata,
    /// A double.
    Number,
    /// Bytes.
    String,
    /// A table.
    Table,
    /// A Lua or host function.
    Function,
    /// A block of memory with a metatable.
    Userdata,
    /// A coroutine.
    Thread,
}

impl Type {
    fn from_raw(raw: c_int) -> Type {
        match raw {
            ffi::LUA_TNIL => Type::Nil,
            ffi::LUA_TBOOLEAN => Type::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Type::LightUserdata,
            ffi::LUA_TNUMBER => Type::Number,
            ffi::LUA_TSTRING => Type::String,
            ffi::LUA_TTABLE => Type::Table,
            ffi::LUA_TFUNCTION => Type::Function,
            ffi::LUA_TUSERDATA => Type::Userdata,
            ffi::LUA_TTHREAD => Type::Thread,
            _ => Type::None,
        }
    }

    /// The name Lua gives the type in error texts.
    pub const fn name(self) -> &'static str {
        match self {
            Type::None => "no value",
            Type::Nil => "nil",
            Type::Boolean => "boolean",
            Type::LightUserdata | Type::Userdata => "userdata",
            Type::Number => "number",
            Type::String => "string",
            Type::Table => "table",
            Type::Function => "function",
            Type::Thread => "thread",
        }
    }

    const fn raw(self) -> c_int {
        match self {
            Type::None => ffi::LUA_TNONE,
            Type::Nil => ffi::LUA_TNIL,
            Type::Boolean => ffi::LUA_TBOOLEAN,
            Type::LightUserdata => ffi::LUA_TLIGHTUSERDATA,
            Type::Number => ffi::LUA_TNUMBER,
            Type::String => ffi::LUA_TSTRING,
            Type::Table => ffi::LUA_TTABLE,
            Type::Function => ffi::LUA_TFUNCTION,
            Type::Userdata => ffi::LUA_TUSERDATA,
            Type::Thread => ffi::LUA_TTHREAD,
        }
    }
}

/// What production's `lua_tabletype` tells of a table (`src/lua/ltable.c` of `lua_sandbox`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableType {
    /// Neither part allocated.
    Empty,
    /// Only an array part.
    Array,
    /// Only a node part.
    Hash,
    /// Both.
    Mixed,
}

/// Whether memory counts for the memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// It does, as all that production allocates through Lua's allocator.
    Limit,
    /// It does not, as what production's modules take from `malloc`; only the arena's reservation bounds it.
    None,
}

/// A Lua state during one host call. Copied freely; lives as long as the call.
///
/// Methods take indices as Lua's C API does: positive from the call's first argument, negative from the top.
#[derive(Clone, Copy)]
pub struct Lua<'l> {
    state: *mut ffi::lua_State,
    life: PhantomData<&'l ()>,
}

/// Declares a function Lua can call. The body gets a [`Lua`] and returns how many results it left on the stack; it
/// obeys the rules in [`crate::vm::lua`].
macro_rules! host_call {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($lua:ident) $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code, clippy::missing_safety_doc, reason = "only Lua calls it, with its own live state")]
        $vis unsafe extern "C-unwind" fn $name(state: *mut $crate::vm::RawState) -> std::ffi::c_int {
            // SAFETY: Lua calls host functions with its own live state, which belongs to an arena of ours.
            let $lua = unsafe { $crate::vm::Lua::from_raw(state) };
            let body = |$lua: $crate::vm::Lua<'_>| -> std::ffi::c_int { $body };
            body($lua)
        }
    };
}
pub(crate) use host_call;

/// A buffer on the stack: an error text must not own memory while Lua raises.
struct StackText {
    bytes: [u8; StackText::SIZE],
    len: usize,
}

impl StackText {
    const SIZE: usize = 1024;

    fn new(text: fmt::Arguments<'_>) -> StackText {
        let mut res = StackText { bytes: [0; StackText::SIZE], len: 0 };
        // Fails only by running full, which cuts the text.
        let _ = res.write_fmt(text);
        res
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Write for StackText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let len = text.len().min(StackText::SIZE - 1 - self.len);
        self.bytes[self.len..self.len + len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        if len == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl<'l> Lua<'l> {
    /// Wraps the state of a running host call.
    ///
    /// # Safety
    ///
    /// `state` is a live state (or coroutine) of a [`super::Vm`], and the caller keeps the rules of this module.
    #[inline]
    pub unsafe fn from_raw(state: *mut RawState) -> Lua<'l> {
        Lua { state, life: PhantomData }
    }

    /// The raw state.
    #[inline]
    pub(super) fn raw(self) -> *mut RawState {
        self.state
    }

    /// The allocator's header: it stands at the start of the arena, and arenas are aligned to their maximum size.
    #[inline]
    fn heap(self) -> *mut Heap {
        (self.state as usize & !(super::arena::SLOT_SIZE - 1)) as *mut Heap
    }

    /// The host's side of this VM. The reference must not be kept across a call that can run Lua code.
    #[inline]
    pub fn context(self) -> &'l mut Context {
        // SAFETY: `Vm` stores its boxed context there before the first call and outlives every call. Host calls of
        // one VM never run at the same time.
        unsafe { &mut *((*self.heap()).context.cast::<Context>()) }
    }

    /// Whether `bytes` more would break the memory limit: to refuse a large result before building it.
    pub fn would_exceed_memory(self, bytes: usize) -> bool {
        // SAFETY: the header outlives the state.
        let heap = unsafe { &*self.heap() };
        let limit = if heap.limit == 0 { super::arena::SLOT_SIZE } else { heap.limit };
        bytes > limit.saturating_sub(heap.used)
    }

    /// Bytes of the arena that nothing uses and that the memory limit leaves to what does not count for it.
    pub fn spare_memory(self) -> usize {
        // SAFETY: the header outlives the state.
        let heap = unsafe { &*self.heap() };
        heap.free_len().saturating_sub(heap.limit.saturating_sub(heap.used))
    }

    /// Allocates (`block` null), resizes or frees (`new` 0) memory of the arena outside the collector's care, as C modules
    /// do through `lua_getallocf` ([`Account::Limit`]) or through `malloc` ([`Account::None`]). Aligned to 16 bytes; null
    /// where there is none. It travels with snapshots.
    ///
    /// # Safety
    ///
    /// `block` is null and `old` 0, or `block` came from this function with that size and account.
    pub unsafe fn reallocate(self, block: *mut u8, old: usize, new: usize, account: Account) -> *mut u8 {
        let heap = self.heap();
        // SAFETY: the caller's promise is the allocator's; the header outlives the state.
        unsafe {
            if account == Account::Limit {
                return Heap::lua_alloc(heap.cast(), block.cast(), old, new).cast();
            }
            let (limit, used, peak) = ((*heap).limit, (*heap).used, (*heap).peak);
            (*heap).limit = 0;
            (*heap).used = old;
            let res = Heap::lua_alloc(heap.cast(), block.cast(), old, new);
            ((*heap).limit, (*heap).used, (*heap).peak) = (limit, used, peak);
            res.cast()
        }
    }

    /// Ends the callback where recursion has used more of the host's stack than production has.
    #[inline]
    pub fn check_host_stack(self) {
        if is_host_stack_low(self.context().stack_floor) {
            self.context().meter.set_doom(super::Doom::Depth);
            self.doom();
        }
    }

    /// Runs `work` where it may own things and panic. A panic becomes a Lua error and dooms the callback.
    #[inline]
    pub fn work<R: Copy>(self, work: impl FnOnce(&mut Context) -> R) -> R {
        let context = self.context();
        match catch_unwind(AssertUnwindSafe(|| work(context))) {
            Ok(res) => res,
            Err(panic) => {
                let doomed = self.context();
                doomed.meter.note_panic(&*panic);
                drop(panic);
                self.doom()
            }
        }
    }

    /// Raises the error that ends the callback whatever the script does to catch it; see [`super::Meter`].
    #[cold]
    pub fn doom(self) -> ! {
        super::meter::arm_doom(self);
        let text = self.context().meter.doom_text();
        self.push_bytes(text);
        self.throw()
    }

    /// Takes `steps` from the budget of work that the instruction limit cannot see; without them the callback is
    /// doomed. To be called before the work, by native loops over what a script chose the size of.
    #[inline]
    pub fn spend(self, steps: u64) {
        let meter = &mut self.context().meter;
        match meter.steps_left.checked_sub(steps) {
            Some(left) => meter.steps_left = left,
            None => self.run_out_of_steps(),
        }
    }

    #[cold]
    fn run_out_of_steps(self) -> ! {
        let meter = &mut self.context().meter;
        meter.steps_left = 0;
        meter.set_doom(super::Doom::Steps);
        self.doom()
    }

    // ── stack ──

    // SAFETY (here and below): the state is live by `from_raw`'s contract, and indices are valid or acceptable as the
    // C API defines them.

    /// Number of values on this call's stack.
    #[inline]
    pub fn top(self) -> c_int {
        super::layout::top(self.state)
    }

    /// Grows or cuts the stack to `top` values.
    #[inline]
    pub fn set_top(self, top: c_int) {
        unsafe { ffi::lua_settop(self.state, top) }
    }

    /// Drops `n` values.
    #[inline]
    pub fn pop(self, n: c_int) {
        unsafe { ffi::lua_settop(self.state, -n - 1) }
    }

    /// Pushes a copy of the value at `index`.
    #[inline]
    pub fn push_value(self, index: c_int) {
        unsafe { ffi::lua_pushvalue(self.state, index) }
    }

    /// Moves the top value to `index`, shifting up.
    pub fn insert(self, index: c_int) {
        unsafe { ffi::lua_insert(self.state, index) }
    }

    /// Removes the value at `index`.
    pub fn remove(self, index: c_int) {
        unsafe { ffi::lua_remove(self.state, index) }
    }

    /// Moves the top value into `index`.
    pub fn replace(self, index: c_int) {
        unsafe { ffi::lua_replace(self.state, index) }
    }

    /// Makes room for `n` more values or raises `stack overflow (...)`.
    pub fn check_stack(self, n: c_int, what: &CStr) {
        unsafe { ffi::luaL_checkstack_(self.state, n, what.as_ptr()) }
    }

    /// Makes room for `n` more values; whether there is room.
    pub fn try_stack(self, n: c_int) -> bool {
        unsafe { ffi::lua_checkstack(self.state, n) != 0 }
    }

    // ── reading ──

    /// The type at `index`.
    #[inline]
    pub fn type_at(self, index: c_int) -> Type {
        if index > 0 {
            return super::layout::argument_type(self.state, index).map_or(Type::None, Type::from_raw);
        }
        Type::from_raw(unsafe { ffi::lua_type(self.state, index) })
    }

    /// The number at `index`, converting numeric strings; 0 otherwise.
    #[inline]
    pub fn to_number(self, index: c_int) -> f64 {
        unsafe { ffi::lua_tonumber(self.state, index) }
    }

    /// The number at `index` cut to an integer as C does; 0 otherwise.
    #[inline]
    pub fn to_integer(self, index: c_int) -> i64 {
        unsafe { ffi::lua_tointeger_(self.state, index) }
    }

    /// Lua's notion of truth.
    #[inline]
    pub fn to_boolean(self, index: c_int) -> bool {
        unsafe { ffi::lua_toboolean(self.state, index) != 0 }
    }

    /// Whether the value is a number or a numeric string.
    pub fn is_number(self, index: c_int) -> bool {
        unsafe { ffi::lua_isnumber(self.state, index) != 0 }
    }

    /// Whether the value is a string or a number.
    pub fn is_string(self, index: c_int) -> bool {
        unsafe { ffi::lua_isstring(self.state, index) != 0 }
    }

    /// Whether nothing or nil is at `index`.
    pub fn is_none_or_nil(self, index: c_int) -> bool {
        unsafe { ffi::lua_type(self.state, index) <= ffi::LUA_TNIL }
    }

    /// The string at `index`; a number is converted in place, as in C. Valid while the value is on the stack.
    #[inline]
    pub fn to_bytes(self, index: c_int) -> Option<&'l [u8]> {
        let mut len = 0;
        // SAFETY: Lua returns `len` readable bytes or null.
        unsafe {
            let text = ffi::lua_tolstring(self.state, index, &raw mut len);
            if text.is_null() { None } else { Some(slice::from_raw_parts(text.cast(), len)) }
        }
    }

    /// As [`Lua::to_bytes`], cut at the first NUL: what C code sees that takes the value for a C string.
    pub fn to_c_bytes(self, index: c_int) -> Option<&'l [u8]> {
        self.to_bytes(index).map(until_nul)
    }

    /// As [`Lua::to_bytes`] with the NUL that Lua keeps behind every string; empty when there is no string.
    pub fn to_bytes_with_nul(self, index: c_int) -> &'l [u8] {
        let bytes = self.to_bytes(index).unwrap_or_default();
        if bytes.is_empty() {
            return &[0];
        }
        // SAFETY: Lua allocates a string with one byte more than its length, a NUL.
        unsafe { slice::from_raw_parts(bytes.as_ptr(), bytes.len() + 1) }
    }

    /// Length of a string, border of a table, size of a userdata.
    pub fn raw_len(self, index: c_int) -> usize {
        unsafe { ffi::lua_objlen(self.state, index) }
    }

    /// The userdata block or light userdata at `index`, null for other types.
    #[inline]
    pub fn to_userdata(self, index: c_int) -> *mut c_void {
        unsafe { ffi::lua_touserdata(self.state, index) }
    }

    /// An address that identifies a table, function, thread or userdata.
    pub fn to_pointer(self, index: c_int) -> *const c_void {
        unsafe { ffi::lua_topointer(self.state, index) }
    }

    /// The host function at `index`, if it is one.
    pub fn to_host_fn(self, index: c_int) -> Option<HostFn> {
        unsafe { ffi::lua_tocfunction(self.state, index) }
    }

    /// Which parts of the table at `index` are allocated.
    pub fn table_type(self, index: c_int) -> TableType {
        super::layout::table_type(self.to_pointer(index))
    }

    // ── pushing ──

    /// Pushes nil.
    #[inline]
    pub fn push_nil(self) {
        unsafe { ffi::lua_pushnil(self.state) }
    }

    /// Pushes a number.
    #[inline]
    pub fn push_number(self, number: f64) {
        unsafe { ffi::lua_pushnumber(self.state, number) }
    }

    /// Pushes a boolean.
    #[inline]
    pub fn push_boolean(self, value: bool) {
        unsafe { ffi::lua_pushboolean(self.state, c_int::from(value)) }
    }

    /// Pushes a string.
    #[inline]
    pub fn push_bytes(self, bytes: &[u8]) {
        unsafe { ffi::lua_pushlstring_(self.state, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes a copy of memory that may change while it is made: pushing can run finalizers, which are the script's.
    pub fn push_cells(self, bytes: &[Cell<u8>]) {
        unsafe { ffi::lua_pushlstring_(self.state, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes the context's scratch text; see [`Lua::lend`].
    pub fn push_scratch(self) {
        self.lend(|context| &mut context.scratch, |text| self.push_bytes(text));
    }

    /// Lends a text of the host's to Lua.
    ///
    /// What copies it may first run finalizers. They are the script's, and may call what uses the same place: the text is
    /// set aside meanwhile, where a raised error leaves it until the next call starts.
    pub fn lend(self, place: fn(&mut Context) -> &mut Vec<u8>, copy: impl FnOnce(&[u8])) {
        let context = self.context();
        let text = std::mem::take(place(context));
        let (start, len) = (text.as_ptr(), text.len());
        context.in_flight.push(text);
        // SAFETY: the text's memory stays where it is: what is in flight is dropped between calls, or taken back here.
        copy(unsafe { slice::from_raw_parts(start, len) });
        let context = self.context();
        if let Some(text) = context.in_flight.pop() {
            *place(context) = text;
        }
    }

    /// Pushes a formatted text of at most a thousand bytes.
    pub fn push_format(self, text: fmt::Arguments<'_>) {
        let text = StackText::new(text);
        self.push_bytes(text.as_bytes());
    }

    /// Pushes a host function.
    pub fn push_fn(self, function: HostFn) {
        unsafe { ffi::lua_pushcclosure(self.state, function, 0) }
    }

    /// Pushes a host function with the `n` values on top as its upvalues.
    pub fn push_closure(self, function: HostFn, n: c_int) {
        unsafe { ffi::lua_pushcclosure(self.state, function, n) }
    }

    /// Pushes an address without a type.
    pub fn push_light(self, address: *mut c_void) {
        unsafe { ffi::lua_pushlightuserdata(self.state, address) }
    }

    /// Pushes a fresh block of `size` bytes and returns it, aligned to 16... at least 8 bytes.
    pub fn new_userdata(self, size: usize) -> *mut c_void {
        unsafe { ffi::lua_newuserdata(self.state, size) }
    }

    /// Pushes a fresh table with room for `array` and `hash` entries.
    #[inline]
    pub fn new_table(self, array: c_int, hash: c_int) {
        unsafe { ffi::lua_createtable(self.state, array, hash) }
    }

    /// Joins the `n` values on top into one string.
    pub fn concat(self, n: c_int) {
        unsafe { ffi::lua_concat(self.state, n) }
    }

    // ── tables ──

    /// Pushes `t[key]`, metamethods included.
    pub fn get_field(self, index: c_int, key: &CStr) {
        unsafe { ffi::lua_getfield_(self.state, index, key.as_ptr()) }
    }

    /// `t[key] = ` the top value, which is dropped; metamethods included.
    pub fn set_field(self, index: c_int, key: &CStr) {
        unsafe { ffi::lua_setfield(self.state, index, key.as_ptr()) }
    }

    /// Replaces the key on top by `t[key]`, metamethods included.
    pub fn get_table(self, index: c_int) {
        unsafe { ffi::lua_gettable_(self.state, index) }
    }

    /// `t[key] = value` with both on top, metamethods included.
    pub fn set_table(self, index: c_int) {
        unsafe { ffi::lua_settable(self.state, index) }
    }

    /// Replaces the key on top by `t[key]`.
    #[inline]
    pub fn raw_get(self, index: c_int) {
        unsafe { ffi::lua_rawget_(self.state, index) }
    }

    /// `t[key] = value` with both on top.
    #[inline]
    pub fn raw_set(self, index: c_int) {
        unsafe { ffi::lua_rawset(self.state, index) }
    }

    /// Pushes `t[n]`.
    #[inline]
    pub fn raw_get_i(self, index: c_int, n: c_int) {
        unsafe { ffi::lua_rawgeti_(self.state, index, n) }
    }

    /// `t[n] = ` the top value.
    #[inline]
    pub fn raw_set_i(self, index: c_int, n: c_int) {
        unsafe { ffi::lua_rawseti_(self.state, index, n) }
    }

    /// Keeps the value on top, which is dropped, in the table at `index` under a number of its own (`luaL_ref`).
    pub fn reference(self, index: c_int) -> c_int {
        unsafe { ffi::luaL_ref(self.state, index) }
    }

    /// Gives back what [`Lua::reference`] kept in the table at `index`; `number` may be used again.
    pub fn unreference(self, index: c_int, number: c_int) {
        unsafe { ffi::luaL_unref(self.state, index, number) }
    }

    /// Replaces the key on top by the next key and value; false and no push at the end.
    pub fn next(self, index: c_int) -> bool {
        unsafe { ffi::lua_next(self.state, index) != 0 }
    }

    /// Whether two values are equal as scripts see it, metamethods included.
    pub fn equal(self, a: c_int, b: c_int) -> bool {
        unsafe { ffi::lua_equal(self.state, a, b) != 0 }
    }

    /// Pushes the metatable of the value; false and no push when it has none.
    pub fn get_metatable(self, index: c_int) -> bool {
        unsafe { ffi::lua_getmetatable(self.state, index) != 0 }
    }

    /// Sets the table on top as metatable.
    pub fn set_metatable(self, index: c_int) {
        unsafe {
            ffi::lua_setmetatable(self.state, index);
        }
    }

    /// Pushes the environment of the function, thread or userdata.
    pub fn get_environment(self, index: c_int) {
        unsafe { ffi::lua_getfenv(self.state, index) }
    }

    /// Sets the table on top as environment.
    pub fn set_environment(self, index: c_int) {
        unsafe {
            ffi::lua_setfenv(self.state, index);
        }
    }

    /// Pushes the registry's metatable called `name`; true when it had to be created.
    pub fn new_metatable(self, name: &CStr) -> bool {
        unsafe { ffi::luaL_newmetatable_(self.state, name.as_ptr()) != 0 }
    }

    /// Pushes the registry's metatable called `name`, or nil.
    pub fn metatable_named(self, name: &CStr) {
        unsafe { ffi::lua_getfield_(self.state, REGISTRY, name.as_ptr()) }
    }

    /// As `luaL_findtable` with the path being the string on top, which stays below the table.
    pub fn find_table_named_on_top(self, index: c_int, hint: c_int) -> bool {
        // SAFETY: the string stays on the stack, and Lua's strings end in a NUL.
        unsafe {
            let path = ffi::lua_tostring(self.state, -1);
            ffi::luaL_findtable(self.state, index, path, hint).is_null()
        }
    }

    /// Adds `functions` to a table as `luaL_register` does: with a name the table is a library (found or created as
    /// loaded module and global), without one it is the table on top.
    pub fn register(self, library: Option<&CStr>, functions: &[(&CStr, HostFn)]) {
        // `luaL_register` sizes a new library's table by the number of functions; adding one by one keeps `pairs`
        // order, because the order of insertion and the size are the same.
        unsafe {
            if let Some(name) = library {
                ffi::luaL_findtable(self.state, REGISTRY, c"_LOADED".as_ptr(), 1);
                ffi::lua_getfield_(self.state, -1, name.as_ptr());
                if ffi::lua_type(self.state, -1) != ffi::LUA_TTABLE {
                    ffi::lua_settop(self.state, -2);
                    if !ffi::luaL_findtable(self.state, GLOBALS, name.as_ptr(), functions.len() as c_int)
                        .is_null()
                    {
                        ffi::luaL_error(self.state, c"name conflict for module '%s'".as_ptr(), name.as_ptr());
                    }
                    ffi::lua_pushvalue(self.state, -1);
                    ffi::lua_setfield(self.state, -3, name.as_ptr());
                }
                ffi::lua_remove(self.state, -2);
            }
            for (name, function) in functions {
                ffi::lua_pushcclosure(self.state, *function, 0);
                ffi::lua_setfield(self.state, -2, name.as_ptr());
            }
        }
    }

    // ── arguments ──

    /// The string or number argument `n`, or `bad argument #n ... (string expected, got ...)`.
    #[inline]
    pub fn check_bytes(self, n: c_int) -> &'l [u8] {
        match super::layout::string_argument(self.state, n) {
            Some(bytes) => bytes,
            None => self.convert_bytes(n),
        }
    }

    #[cold]
    fn convert_bytes(self, n: c_int) -> &'l [u8] {
        let mut len = 0;
        // SAFETY: raises or returns `len` readable bytes.
        unsafe { slice::from_raw_parts(ffi::luaL_checklstring(self.state, n, &raw mut len).cast(), len) }
    }

    /// As [`Lua::check_bytes`] for code that takes the value for a C string.
    pub fn check_c_str(self, n: c_int) -> &'l CStr {
        // SAFETY: raises or returns the string's bytes, behind which Lua keeps a NUL.
        unsafe { CStr::from_ptr(ffi::luaL_checklstring(self.state, n, std::ptr::null_mut())) }
    }

    /// The numeric argument `n`.
    #[inline]
    pub fn check_number(self, n: c_int) -> f64 {
        match super::layout::number_argument(self.state, n) {
            Some(number) => number,
            None => self.convert_number(n),
        }
    }

    #[cold]
    fn convert_number(self, n: c_int) -> f64 {
        unsafe { ffi::luaL_checknumber(self.state, n) }
    }

    /// The numeric argument `n` cut to C's `int`, as `luaL_checkint` does.
    #[inline]
    pub fn check_int(self, n: c_int) -> c_int {
        match super::layout::number_argument(self.state, n) {
            Some(number) => super::cformat::c_int(number),
            None => self.convert_int(n),
        }
    }

    #[cold]
    fn convert_int(self, n: c_int) -> c_int {
        unsafe { ffi::luaL_checkinteger(self.state, n) as c_int }
    }

    /// As [`Lua::check_int`] with a default for nothing or nil.
    pub fn opt_int(self, n: c_int, default: c_int) -> c_int {
        unsafe { ffi::luaL_optinteger(self.state, n, default.into()) as c_int }
    }

    /// The numeric argument `n` cut to a 64-bit integer, with a default.
    pub fn opt_integer(self, n: c_int, default: i64) -> i64 {
        unsafe { ffi::luaL_optinteger(self.state, n, default) }
    }

    /// The numeric argument `n` cut to a 64-bit integer.
    pub fn check_integer(self, n: c_int) -> i64 {
        unsafe { ffi::luaL_checkinteger(self.state, n) }
    }

    /// The number at `n` or the default for nothing or nil.
    pub fn opt_number(self, n: c_int, default: f64) -> f64 {
        unsafe { ffi::luaL_optnumber(self.state, n, default) }
    }

    /// Argument `n` has this type or `bad argument #n ...`.
    pub fn check_type(self, n: c_int, expected: Type) {
        unsafe { ffi::luaL_checktype(self.state, n, expected.raw()) }
    }

    /// Argument `n` exists or `bad argument #n to ... (value expected)`.
    pub fn check_any(self, n: c_int) {
        unsafe { ffi::luaL_checkany(self.state, n) }
    }

    /// Argument `n` is a userdata with the metatable called `name`.
    pub fn check_userdata(self, n: c_int, name: &CStr) -> *mut c_void {
        unsafe { ffi::luaL_checkudata(self.state, n, name.as_ptr()) }
    }

    /// The userdata argument `n` if a function with the running host function's environment made it, else null.
    ///
    /// Scripts cannot change an environment of host functions or userdata, so a module that gives its functions one
    /// of their own knows its objects by it: a comparison, where [`Lua::check_userdata`] looks a name up.
    #[inline]
    pub fn own_userdata(self, n: c_int) -> *mut c_void {
        super::layout::own_userdata(self.state, n)
    }

    /// The userdata argument `n` and its size if the running host function's environment is its metatable.
    ///
    /// For modules whose objects have environments with a meaning: their functions take the metatable as environment.
    #[inline]
    pub fn class_userdata(self, n: c_int) -> Option<(*mut c_void, usize)> {
        super::layout::class_userdata(self.state, n)
    }

    /// Argument `n` is one of the NUL-terminated `options`; its position, or `invalid option '...'`.
    pub fn check_option<const N: usize>(
        self,
        n: c_int,
        default: Option<&CStr>,
        options: &[&CStr; N],
    ) -> usize {
        let mut text = [0u8; 64];
        let name = match (default, self.type_at(n)) {
            (Some(default), Type::None | Type::Nil) => default.to_bytes(),
            _ => until_nul(self.check_bytes(n)),
        };
        if let Some(at) = options.iter().position(|it| it.to_bytes() == name) {
            return at;
        }
        // The name is the script's and has no bound: `lua_pushfstring` builds the text in Lua's memory.
        text[..name.len().min(63)].copy_from_slice(&name[..name.len().min(63)]);
        unsafe {
            self.push_bytes(b"invalid option '");
            self.push_bytes(name);
            self.push_bytes(b"'");
            ffi::lua_concat(self.state, 3);
            ffi::luaL_argerror(self.state, n, ffi::lua_tostring(self.state, -1));
        }
        unreachable!("luaL_argerror raises")
    }

    // ── raising ──

    /// Raises the value on top.
    pub fn throw(self) -> ! {
        unsafe { ffi::lua_error(self.state) }
    }

    /// Raises a text with the caller's position in front, as `luaL_error` does.
    #[cold]
    pub fn raise(self, text: fmt::Arguments<'_>) -> ! {
        let text = StackText::new(text);
        self.raise_parts(&[text.as_bytes()])
    }

    /// As [`Lua::raise`] for texts with bytes of the script's in them, which need not be UTF-8 nor short.
    #[cold]
    pub fn raise_parts(self, parts: &[&[u8]]) -> ! {
        unsafe { ffi::luaL_where(self.state, 1) };
        self.check_stack(parts.len() as c_int, c"error text");
        for part in parts {
            self.push_bytes(part);
        }
        self.concat(parts.len() as c_int + 1);
        self.throw()
    }

    /// Ends the callback for a reason; the first one stays.
    #[cold]
    pub fn doom_for(self, reason: super::Doom) -> ! {
        self.context().meter.set_doom(reason);
        self.doom()
    }

    /// Raises `not enough memory`, which carries no position.
    #[cold]
    pub fn raise_memory(self) -> ! {
        // Asking for more than the arena's reservation fails in the allocator, and Lua raises its preallocated text.
        unsafe {
            ffi::lua_newuserdata(self.state, super::arena::SLOT_SIZE);
        }
        unreachable!("an arena never has room for its own alignment")
    }

    /// Raises `bad argument #n to 'f' (text)`.
    #[cold]
    pub fn arg_error(self, n: c_int, text: &CStr) -> ! {
        unsafe {
            ffi::luaL_argerror(self.state, n, text.as_ptr());
        }
        unreachable!("luaL_argerror raises")
    }

    /// As [`Lua::arg_error`] with the text on top of the stack.
    #[cold]
    pub fn arg_error_on_top(self, n: c_int) -> ! {
        unsafe {
            ffi::luaL_argerror(self.state, n, ffi::lua_tostring(self.state, -1));
        }
        unreachable!("luaL_argerror raises")
    }

    /// Raises `bad argument #n to 'f' (expected, got ...)`.
    #[cold]
    pub fn type_error(self, n: c_int, expected: &CStr) -> ! {
        unsafe {
            ffi::luaL_typerror(self.state, n, expected.as_ptr());
        }
        unreachable!("luaL_typerror raises")
    }

    // ── running ──

    /// Calls the function below its `arguments`; errors pass through.
    pub fn call(self, arguments: c_int, results: c_int) {
        unsafe { ffi::lua_call(self.state, arguments, results) }
    }

    /// Calls the function below its `arguments`; false with the error on top when it raised.
    pub fn protected_call(self, arguments: c_int, results: c_int) -> bool {
        unsafe { ffi::lua_pcall(self.state, arguments, results, 0) == 0 }
    }

    /// Compiles source text; the function on top, or false with the error on top. Bytecode is refused.
    pub fn load(self, source: &[u8], chunk_name: &CStr) -> bool {
        if source.first() == Some(&ffi::LUA_SIGNATURE[0]) {
            self.push_bytes(chunk_name.to_bytes().get(1..).unwrap_or_default());
            self.push_bytes(b": precompiled Lua code is never loaded; give the source text");
            self.concat(2);
            return false;
        }
        unsafe {
            ffi::luaL_loadbuffer(self.state, source.as_ptr().cast(), source.len(), chunk_name.as_ptr()) == 0
        }
    }

    /// Whether function `level` (0: the running one) exists and is a Lua function whose environment can be set;
    /// pushes the function.
    pub fn push_caller(self, level: c_int) -> bool {
        // SAFETY: `ar` is filled by `lua_getstack` before `lua_getinfo` reads it.
        unsafe {
            let mut ar: ffi::lua_Debug = std::mem::zeroed();
            ffi::lua_getstack(self.state, level, &raw mut ar) != 0
                && ffi::lua_getinfo(self.state, c"f".as_ptr(), &raw mut ar) != 0
        }
    }

    /// Where function `level` is in its source (0: the running host function, 1: its caller).
    pub fn place(self, level: c_int) -> Place {
        let mut res = Place { chunk: [0; Place::CHUNK], chunk_len: 0, line: 0 };
        // SAFETY: `ar` is filled by `lua_getstack` before `lua_getinfo` reads it; `short_src` is NUL-terminated.
        unsafe {
            let mut ar: ffi::lua_Debug = std::mem::zeroed();
            if ffi::lua_getstack(self.state, level, &raw mut ar) != 0
                && ffi::lua_getinfo(self.state, c"Sl".as_ptr(), &raw mut ar) != 0
                && ar.currentline > 0
            {
                let chunk = CStr::from_ptr(ar.short_src.as_ptr()).to_bytes();
                res.chunk[..chunk.len()].copy_from_slice(chunk);
                res.chunk_len = chunk.len();
                res.line = ar.currentline;
            }
        }
        res
    }

    /// As [`Lua::place`], `None` where there is no such level; a host function has line 0.
    pub fn level(self, level: c_int) -> Option<Place> {
        // SAFETY: `lua_getstack` fills the structure.
        let exists = unsafe {
            let mut ar: ffi::lua_Debug = std::mem::zeroed();
            ffi::lua_getstack(self.state, level, &raw mut ar) != 0
        };
        exists.then(|| self.place(level))
    }

    /// Calls a host function in this very frame, as C code calls a function pointer: it sees this frame's stack.
    pub fn call_in_frame(self, function: HostFn) -> c_int {
        unsafe { function(self.state) }
    }

    /// A full garbage collection.
    pub fn collect(self) {
        unsafe {
            ffi::lua_gc(self.state, ffi::LUA_GCCOLLECT, 0);
        }
    }

    /// Appends to a string under construction; see [`Buffer`].
    #[inline]
    pub fn buffer(self) -> Buffer<'l> {
        // As an expression the compiler fills all of the buffer's eight KiB with zeros first.
        let mut buffer = MaybeUninit::<Buffer<'l>>::uninit();
        let place = buffer.as_mut_ptr();
        // SAFETY: both fields that are not allowed to be uninitialised are written.
        unsafe {
            (&raw mut (*place).lua).write(self);
            (&raw mut (*place).started).write(false);
            buffer.assume_init()
        }
    }
}

/// Whether the running function stands below `floor`, an address ([`Context::stack_floor`]). Recursion over a script's
/// data asks this at each level: production dies where its stack ends, and ours is larger.
#[inline]
pub fn is_host_stack_low(floor: usize) -> bool {
    let here = 0u8;
    (&raw const here).addr() < floor
}

/// A line of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    chunk: [u8; Place::CHUNK],
    chunk_len: usize,
    /// The line, from 1; 0 when unknown.
    pub line: i32,
}

impl Place {
    /// `LUA_IDSIZE`: Lua shortens longer names.
    const CHUNK: usize = 60;

    /// The script as error texts name it.
    pub fn chunk(&self) -> &[u8] {
        &self.chunk[..self.chunk_len]
    }
}

/// Bytes before the first NUL.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).map_or(bytes, |at| &bytes[..at])
}

/// Lua's own string builder (`luaL_Buffer`): its memory is the VM's, so limits hold while a result grows.
///
/// Must not be moved once it holds something: Lua keeps a pointer into it. Pieces live on the Lua stack above what
/// was there, as the C API prescribes.
pub struct Buffer<'l> {
    lua: Lua<'l>,
    raw: MaybeUninit<ffi::luaL_Buffer>,
    started: bool,
}

impl Buffer<'_> {
    /// `LUAL_BUFFERSIZE`: pieces of this size are put on the Lua stack.
    pub const ROOM: usize = ffi::LUAL_BUFFERSIZE;

    fn raw(&mut self) -> *mut ffi::luaL_Buffer {
        if !self.started {
            self.started = true;
            // SAFETY: `luaL_buffinit` fills in what the other functions read; not moved afterwards by this type's
            // contract.
            unsafe { ffi::luaL_buffinit(self.lua.state, self.raw.as_mut_ptr()) }
        }
        self.raw.as_mut_ptr()
    }

    /// Appends bytes.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        unsafe { ffi::luaL_addlstring(self.raw(), bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Makes room for [`Buffer::ROOM`] bytes at once, as C code does that writes into the buffer itself; `write` says how
    /// many of them it wrote.
    pub fn add_written(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        let raw = self.raw();
        // SAFETY: `luaL_prepbuffer` leaves room for a whole buffer at `p`. What is there has no value yet, so it is zeroed.
        unsafe {
            let place = ffi::luaL_prepbuffer(raw).cast::<u8>();
            place.write_bytes(0, Self::ROOM);
            let written = write(slice::from_raw_parts_mut(place, Self::ROOM)).min(Self::ROOM);
            ffi::luaL_addsize(raw, written);
        }
    }

    /// Appends the context's scratch text; see [`Lua::lend`].
    pub fn add_scratch(&mut self) {
        self.lua.lend(|context| &mut context.scratch, |text| self.add(text));
    }

    /// Appends the string or number on top of the stack and drops it.
    pub fn add_value(&mut self) {
        unsafe { ffi::luaL_addvalue(self.raw()) }
    }

    /// Leaves the finished string on the stack.
    pub fn push(&mut self) {
        unsafe { ffi::luaL_pushresult(self.raw()) }
    }
}
