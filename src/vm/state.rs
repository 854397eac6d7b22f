//! One owned Lua state: creation, calls, limits, snapshots.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
    slice,
};

use mlua::ffi;

use super::{
    Doom, Meter,
    arena::{Arena, ArenaError, SLOT_SIZE},
    heap::Heap,
    layout,
    lua::{HostFn, Lua, Type},
    meter,
};

/// Room beyond four times the memory limit: the interpreter's own start and what fragmentation costs small limits.
const REGION_SLACK: usize = 16 << 20;
/// The smallest reservation worth trying when larger ones are refused.
const SMALLEST_REGION: usize = 32 << 20;
/// Reservation where there is no limit.
const UNLIMITED_REGION: usize = SLOT_SIZE;

/// The host's side of a VM, found from any of its states in one step.
#[derive(Debug)]
pub struct Context {
    /// Budgets, counters, clock and randomness.
    pub meter: Meter,
    /// What the layer above keeps: the sandbox's state. `vm` never looks behind it.
    pub user: *mut (),
    /// Text on its way between a host function's work and its frame.
    pub scratch: Vec<u8>,
    /// Texts on their way to Lua; see [`super::Lua::lend`].
    pub(super) in_flight: Vec<Vec<u8>>,
    /// Below this address a call uses more of the host's stack than production has; see
    /// [`super::lua::is_host_stack_low`].
    pub stack_floor: usize,
}

/// What a call may use of the host's stack: the usual 8 MiB less what stands above the call. The host's own stack must
/// be larger.
const HOST_STACK: usize = 7 << 20;

/// What a VM is made of.
#[derive(Clone, Copy, Debug)]
pub struct VmOptions {
    /// `memory_limit` in bytes, 0 for none: decides how much address space is reserved. The limit itself is set with
    /// [`Vm::set_memory_limit`].
    pub memory_limit: usize,
    /// The first 4 GiB slot to try; tests run the same filter at several.
    pub first_slot: usize,
}

/// Why a VM could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// No address space.
    #[error(transparent)]
    Arena(#[from] ArenaError),
    /// The region is too small for an empty state.
    #[error("no memory for a Lua state")]
    Memory,
}

/// The whole of a VM's memory at one moment. Good only in the process and for the VM it was taken from.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was in use, which never happens to a live VM.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Offset of the first byte that differs from `other`'s.
    pub fn first_difference(&self, other: &Image) -> Option<usize> {
        let common = self.bytes.iter().zip(&other.bytes).position(|(a, b)| a != b);
        common.or_else(|| (self.len() != other.len()).then(|| self.len().min(other.len())))
    }
}

/// How a protected call ended badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised;

/// A Lua state in an arena of its own.
pub struct Vm {
    state: *mut ffi::lua_State,
    heap: NonNull<Heap>,
    context: Box<Context>,
    // Dropped last: the others point into it.
    arena: Arena,
}

// SAFETY: a `Vm` owns everything its pointers lead to, and is used by one thread at a time.
unsafe impl Send for Vm {}

impl Vm {
    /// A state without libraries. Its memory is unlimited (within the reservation) until a limit is set.
    pub fn new(options: VmOptions, meter: Meter) -> Result<Vm, VmError> {
        layout::self_test();
        let len = match options.memory_limit {
            0 => UNLIMITED_REGION,
            limit => limit.saturating_mul(4).saturating_add(REGION_SLACK).min(UNLIMITED_REGION),
        };
        let arena = Arena::reserve(len, SMALLEST_REGION.min(len), options.first_slot)?;
        let mut context = Box::new(Context {
            meter,
            user: ptr::null_mut(),
            scratch: Vec::new(),
            in_flight: Vec::new(),
            stack_floor: 0,
        });
        // SAFETY: the arena is `len` writable bytes, and nothing else uses them.
        let heap = unsafe {
            let heap = NonNull::new_unchecked(Heap::init(arena.base(), arena.len()));
            (*heap.as_ptr()).context = (&raw mut *context).cast();
            heap
        };
        // SAFETY: the allocator keeps Lua's contract; its state outlives the Lua state.
        let state = unsafe { ffi::lua_newstate(Heap::lua_alloc, heap.as_ptr().cast()) };
        if state.is_null() {
            return Err(VmError::Memory);
        }
        // SAFETY: fresh state. A panic function that returns lets Lua exit the process, so ours never returns.
        unsafe { ffi::lua_atpanic(state, unprotected) };
        Ok(Vm { state, heap, context, arena })
    }

    /// The handle for host code between calls. Whatever can raise must go through [`Vm::protected`].
    #[inline]
    pub fn lua(&mut self) -> Lua<'_> {
        // SAFETY: the state is live as long as `self`.
        unsafe { Lua::from_raw(self.state) }
    }

    /// Budgets, counters and the layer above's pointer.
    #[inline]
    pub fn context(&mut self) -> &mut Context {
        &mut self.context
    }

    /// Shared view of the budgets and counters.
    pub fn meter(&self) -> &Meter {
        &self.context.meter
    }

    fn heap(&self) -> &Heap {
        // SAFETY: stands in the arena, which `self` owns.
        unsafe { self.heap.as_ref() }
    }

    fn heap_mut(&mut self) -> &mut Heap {
        // SAFETY: as above, and `&mut self` is exclusive.
        unsafe { self.heap.as_mut() }
    }

    /// Sets `memory_limit` in bytes, 0 for none; the one that was set before.
    pub fn set_memory_limit(&mut self, limit: usize) -> usize {
        std::mem::replace(&mut self.heap_mut().limit, limit)
    }

    /// Bytes Lua has allocated now, as production counts them.
    pub fn memory_used(&self) -> usize {
        self.heap().used
    }

    /// The most bytes Lua had allocated.
    pub fn memory_peak(&self) -> usize {
        self.heap().peak
    }

    /// Forgets the maximum, as production does after a restore.
    pub fn reset_memory_peak(&mut self) {
        let heap = self.heap_mut();
        heap.peak = heap.used;
    }

    /// For tests: lets `allocations` more succeed, then every one fails.
    pub fn fail_after(&mut self, allocations: u64) {
        self.heap_mut().fail_after = allocations;
    }

    // ── calls ──

    /// Notes where the host's stack stands when Lua is entered.
    #[inline]
    fn note_stack(&mut self) {
        let here = 0u8;
        self.context.stack_floor = (&raw const here).addr().saturating_sub(HOST_STACK);
    }

    /// Arms the limits for one call into the script.
    #[inline]
    pub fn arm(&mut self) {
        self.context.meter.start_call();
        self.context.in_flight.clear();
        meter::arm(self.state, self.context.meter.instruction_limit);
    }

    /// Takes the limits off.
    pub fn disarm(&mut self) {
        meter::disarm(self.state);
    }

    /// Instructions used since [`Vm::arm`], or since the limit last fired; 0 without a limit.
    pub fn instructions_used(&self) -> usize {
        // SAFETY: live state.
        let set = unsafe { ffi::lua_gethookcount(self.state) };
        (set - layout::hook_count(self.state)) as u32 as usize
    }

    /// Calls the function below its `arguments`. After an error its value is on top.
    #[inline]
    pub fn call(&mut self, arguments: c_int, results: c_int) -> Result<(), Raised> {
        self.note_stack();
        // SAFETY: function and arguments were pushed by the caller; a protected call does not raise.
        match unsafe { ffi::lua_pcall(self.state, arguments, results, 0) } {
            0 => Ok(()),
            _ => Err(Raised),
        }
    }

    /// As [`Vm::call`], with the host function at stack index `handler` run where an error is raised. A Rust panic
    /// that comes through Lua ends the VM: it counts as doom, and the VM must not be used again.
    #[inline]
    pub fn call_handled(&mut self, arguments: c_int, results: c_int, handler: c_int) -> Result<(), Raised> {
        self.note_stack();
        let state = self.state;
        // SAFETY: function and arguments were pushed by the caller; a protected call does not raise.
        let call = AssertUnwindSafe(|| unsafe { ffi::lua_pcall(state, arguments, results, handler) });
        match catch_unwind(call) {
            Ok(0) if self.context.meter.doom.is_none() => Ok(()),
            Ok(_) => Err(Raised),
            Err(panic) => {
                self.context.meter.note_panic(&*panic);
                Err(Raised)
            }
        }
    }

    /// Runs host code that may raise. `argument` is handed to it as light userdata at index 1; results are dropped.
    /// After an error its value is on top.
    pub fn protected<T>(&mut self, function: HostFn, argument: &mut T) -> Result<(), Raised> {
        self.note_stack();
        // SAFETY: `lua_cpcall` raises nothing; the argument outlives the call.
        match unsafe { ffi::lua_cpcall(self.state, function, ptr::from_mut(argument).cast()) } {
            0 => Ok(()),
            _ => Err(Raised),
        }
    }

    /// Compiles a script as `luaL_loadfile` does (a first line that starts with `#` is skipped) and leaves the
    /// function on top; after an error its text.
    pub fn load_script(&mut self, source: &[u8], chunk_name: &CStr) -> Result<(), Raised> {
        let mut pieces = Pieces { parts: [source, &[]], next: 0 };
        if source.first() == Some(&b'#') {
            let rest = memchr::memchr(b'\n', source).map_or(&[][..], |at| &source[at + 1..]);
            pieces.parts = [b"\n", rest];
        }
        if pieces.parts.iter().any(|it| it.first() == Some(&ffi::LUA_SIGNATURE[0])) {
            let mut name = chunk_name.to_bytes().get(1..).unwrap_or_default();
            let _ = self.protected(refuse_bytecode, &mut name);
            return Err(Raised);
        }
        // SAFETY: `lua_load` is protected; the reader hands out slices that outlive the call.
        let status =
            unsafe { ffi::lua_load(self.state, read_piece, (&raw mut pieces).cast(), chunk_name.as_ptr()) };
        if status == 0 { Ok(()) } else { Err(Raised) }
    }

    /// The value on top as error text, cut at its first NUL: `None` when it is neither string nor number.
    pub fn error_text(&mut self) -> Option<Vec<u8>> {
        let lua = self.lua();
        match lua.type_at(-1) {
            Type::String => lua.to_c_bytes(-1).map(<[u8]>::to_vec),
            // Converting a number in place allocates and could raise here, outside any call: render it without Lua.
            Type::Number => Some(super::cformat::g14(lua.to_number(-1)).to_vec()),
            _ => None,
        }
    }

    /// A full garbage collection, outside any call as in production: a finaliser that raises (a native module's, out of
    /// memory for one) ends production's process. Here it dooms this VM, which must not be used again.
    pub fn collect(&mut self) -> Result<(), Raised> {
        let lua = self.lua();
        // SAFETY of the unwinding: the VM is given up, and nothing else has been borrowed.
        if catch_unwind(AssertUnwindSafe(|| lua.collect())).is_err() {
            self.context
                .meter
                .set_doom(Doom::Assertion("a finalizer raised an error in a garbage collection"));
            return Err(Raised);
        }
        Ok(())
    }

    /// Lets the allocator shrink what is in use after a peak, so that images become small again. What it does depends
    /// on the heap alone; called at the same points, runs stay identical.
    #[inline]
    pub fn tidy(&mut self) {
        // SAFETY: between calls nothing but the Lua state refers to the heap, and live blocks stay where they are.
        unsafe { Heap::tidy(self.heap.as_ptr()) }
    }

    // ── time travel ──

    /// The arena's bytes in use: globals, locals, coroutines, the collector's phase, userdata, the allocator.
    ///
    /// Between calls, or inside a hook if restored there.
    pub fn snapshot(&self) -> Image {
        // SAFETY: the first `top` bytes are initialised memory of ours.
        let bytes = unsafe { slice::from_raw_parts(self.arena.base(), self.heap().top()) };
        Image { bytes: bytes.to_vec() }
    }

    /// Puts the VM back to the moment of `image`, which must be its own.
    pub fn restore(&mut self, image: &Image) {
        assert!(image.len() <= self.arena.len(), "the image is of another VM");
        // SAFETY: the image is a copy of this region's prefix; no reference into the region is alive.
        unsafe { ptr::copy_nonoverlapping(image.bytes.as_ptr(), self.arena.base(), image.len()) }
    }

    /// Overwrites what a snapshot does not cover, for tests of exactly that.
    pub fn scribble_free_tail(&mut self, byte: u8) {
        let top = self.heap().top();
        let len = (self.arena.len() - top).min(1 << 20);
        // SAFETY: beyond `top` nothing is in use.
        unsafe { ptr::write_bytes(self.arena.base().add(top), byte, len) }
    }
}

struct Pieces<'a> {
    parts: [&'a [u8]; 2],
    next: usize,
}

unsafe extern "C-unwind" fn read_piece(
    _: *mut ffi::lua_State,
    data: *mut c_void,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: `data` is the `Pieces` of the running `load_script`.
    unsafe {
        let pieces = &mut *data.cast::<Pieces<'_>>();
        while let Some(part) = pieces.parts.get(pieces.next) {
            pieces.next += 1;
            if !part.is_empty() {
                *size = part.len();
                return part.as_ptr().cast();
            }
        }
        *size = 0;
        ptr::null()
    }
}

super::lua::host_call! {
    fn refuse_bytecode(lua) {
        // SAFETY: the argument `load_script` passes.
        let name = unsafe { *lua.to_userdata(1).cast::<&[u8]>() };
        lua.push_bytes(name);
        lua.push_bytes(b": precompiled Lua code is never loaded; give the source text");
        lua.concat(2);
        lua.throw()
    }
}

/// Lua would `exit` the process after this. Nothing of ours raises outside a protected call; if it happens all the
/// same, an unwinding panic is the least harm: the sandbox catches it and gives up this VM alone.
unsafe extern "C-unwind" fn unprotected(_: *mut ffi::lua_State) -> c_int {
    panic!("a Lua error was raised outside a protected call");
}
