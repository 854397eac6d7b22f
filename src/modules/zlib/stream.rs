//! zlib's streams in the arena: the only place of this module that calls C.
//!
//! A stream's memory comes from the arena, outside the limit as what production takes from `malloc`, so an image of the
//! arena holds every stream and nothing is left to free. zlib keeps addresses in it, which are good wherever an image
//! is: it goes back to where it was taken. The userdata itself is compared between bases, so it names the stream by the
//! distance between the two.
//!
//! While zlib runs, the stream's `opaque` leads to the running call's [`Lua`], which is how memory is found; when it has
//! run, no address outside the arena stays behind. Memory is zeroed when it is handed out: zlib does not read what it
//! has not written, but snapshots compare it.
#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment, reason = "pieces are aligned to 16 bytes, userdata to 8")]

use std::{
    ffi::{CStr, c_int, c_void},
    ptr,
};

use libz_sys as z;

use crate::vm::{Account, Lua};

/// Size of production's userdata, a `z_stream`.
const USERDATA_SIZE: usize = size_of::<z::z_stream>();
/// Each piece of zlib's memory begins with its size.
const PIECE_HEAD: usize = 16;
/// More than a stream takes: compression's 256 KiB and what goes with them.
const MOST_MEMORY: usize = 512 << 10;
/// What production compresses with (`DEF_MEM_LEVEL`).
const MEMORY_LEVEL: c_int = 8;

/// Which way a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Compression.
    Deflate,
    /// Decompression.
    Inflate,
}

/// zlib's return codes that differ for a caller.
pub use z::{
    Z_BUF_ERROR, Z_DATA_ERROR, Z_FINISH, Z_FULL_FLUSH, Z_MEM_ERROR, Z_NEED_DICT, Z_NO_FLUSH, Z_OK,
    Z_STREAM_END, Z_STREAM_ERROR, Z_SYNC_FLUSH,
};

/// A stream, borrowed from its userdata for a host call.
#[derive(Clone, Copy)]
pub struct Stream<'l> {
    lua: Lua<'l>,
    place: *mut z::z_stream,
    direction: Direction,
}

/// What one call of zlib did.
#[derive(Clone, Copy)]
pub struct Step {
    /// zlib's return code.
    pub result: c_int,
    /// Bytes of the input that were used.
    pub consumed: usize,
    /// Bytes of the output that were written.
    pub produced: usize,
}

impl<'l> Stream<'l> {
    /// Pushes a userdata without a metatable and opens a stream for it; zlib's return code and words where it refuses.
    pub fn push_deflate(lua: Lua<'l>, level: c_int, window_bits: c_int) -> Result<(), Refusal> {
        let open = |stream: *mut z::z_stream| {
            // SAFETY: the stream is initialised as zlib asks for.
            unsafe {
                z::deflateInit2_(
                    stream,
                    level,
                    z::Z_DEFLATED,
                    window_bits,
                    MEMORY_LEVEL,
                    z::Z_DEFAULT_STRATEGY,
                    z::zlibVersion(),
                    USERDATA_SIZE as c_int,
                )
            }
        };
        Self::push_new(lua, Direction::Deflate, open)
    }

    /// As [`Stream::push_deflate`], for decompression.
    pub fn push_inflate(lua: Lua<'l>, window_bits: c_int) -> Result<(), Refusal> {
        // SAFETY: as above.
        let open = |stream: *mut z::z_stream| unsafe {
            z::inflateInit2_(stream, window_bits, z::zlibVersion(), USERDATA_SIZE as c_int)
        };
        Self::push_new(lua, Direction::Inflate, open)
    }

    fn push_new(
        lua: Lua<'l>,
        direction: Direction,
        open: impl Fn(*mut z::z_stream) -> c_int,
    ) -> Result<(), Refusal> {
        let userdata = lua.new_userdata(USERDATA_SIZE).cast::<u8>();
        // SAFETY: the block is that large, and on the stack.
        unsafe { userdata.write_bytes(0, USERDATA_SIZE) };
        // The collector does not see how much memory streams take, and production has more of it: dropped streams are
        // collected before they stand in the way.
        if lua.spare_memory() < MOST_MEMORY {
            lua.collect();
        }
        let mut refusal = Refusal { result: Z_MEM_ERROR, words: None };
        for _ in 0..2 {
            // SAFETY: a fresh piece of that size; all of it is written before zlib sees it.
            unsafe {
                let place = lua.reallocate(ptr::null_mut(), 0, USERDATA_SIZE, Account::None);
                let place = place.cast::<z::z_stream>();
                if !place.is_null() {
                    // Field by field: padding is memory that snapshots compare.
                    place.cast::<u8>().write_bytes(0, USERDATA_SIZE);
                    (&raw mut (*place).zalloc).write(allocate);
                    (&raw mut (*place).zfree).write(free);
                    let stream = Stream { lua, place, direction };
                    refusal.result = stream.run(&open);
                    if refusal.result == Z_OK {
                        let distance = place.cast::<u8>().offset_from(userdata) as i64;
                        userdata.cast::<i64>().write(distance);
                        return Ok(());
                    }
                    refusal.words = stream.words();
                    lua.reallocate(place.cast(), USERDATA_SIZE, 0, Account::None);
                }
            }
            if refusal.result != Z_MEM_ERROR {
                break;
            }
            lua.collect();
        }
        Err(refusal)
    }

    /// The stream of the userdata at `index`, unless it is closed.
    pub fn at(lua: Lua<'l>, index: c_int, direction: Direction) -> Option<Stream<'l>> {
        let userdata = lua.to_userdata(index).cast::<u8>();
        if userdata.is_null() {
            return None;
        }
        // SAFETY: scripts cannot put other userdata where this module looks, so the block is one of `push_new`; its first
        // word is 0 or leads to the stream, which lives as long.
        unsafe {
            let distance = userdata.cast::<i64>().read();
            let place = userdata.offset(distance as isize).cast::<z::z_stream>();
            (distance != 0).then_some(Stream { lua, place, direction })
        }
    }

    /// Lets zlib turn `input` into `output` as far as it goes. `None` for input is C's null.
    pub fn step(self, input: Option<&[u8]>, output: &mut [u8], flush: c_int) -> Step {
        let available = input.map_or(0, <[u8]>::len) as u32;
        let room = output.len() as u32;
        // SAFETY: the stream is open; both spans outlive the call, and no address of theirs stays.
        unsafe {
            let stream = &raw mut *self.place;
            (*stream).next_in = input.map_or(ptr::null_mut(), |it| it.as_ptr().cast_mut());
            (*stream).avail_in = available;
            (*stream).next_out = output.as_mut_ptr();
            (*stream).avail_out = room;
            let result = self.run(|stream| match self.direction {
                Direction::Deflate => z::deflate(stream, flush),
                Direction::Inflate => z::inflate(stream, flush),
            });
            let step = Step {
                result,
                consumed: (available - (*stream).avail_in) as usize,
                produced: (room - (*stream).avail_out) as usize,
            };
            (*stream).next_in = ptr::null_mut();
            (*stream).avail_in = 0;
            (*stream).next_out = ptr::null_mut();
            (*stream).avail_out = 0;
            step
        }
    }

    /// Bytes read and written so far.
    pub fn totals(self) -> (u64, u64) {
        // SAFETY: the stream is open.
        unsafe { ((*self.place).total_in, (*self.place).total_out) }
    }

    /// What zlib says about its last error.
    pub fn words(self) -> Option<&'static CStr> {
        // SAFETY: zlib's messages are constants.
        unsafe {
            let words = (*self.place).msg;
            (!words.is_null()).then(|| CStr::from_ptr(words))
        }
    }

    /// Gives all memory back; zlib's return code. The userdata at `index` must be the stream's.
    pub fn close(self, index: c_int) -> c_int {
        let result = self.run(|stream| match self.direction {
            // SAFETY: the stream is open.
            Direction::Deflate => unsafe { z::deflateEnd(stream) },
            // SAFETY: as above.
            Direction::Inflate => unsafe { z::inflateEnd(stream) },
        });
        let userdata = self.lua.to_userdata(index).cast::<i64>();
        // SAFETY: the block is `push_new`'s, and from now on leads nowhere; the piece was made with that size.
        unsafe {
            userdata.write(0);
            self.lua.reallocate(self.place.cast(), USERDATA_SIZE, 0, Account::None);
        }
        result
    }

    /// Calls zlib with the way to memory open.
    fn run(self, call: impl FnOnce(*mut z::z_stream) -> c_int) -> c_int {
        let mut lua = self.lua;
        // SAFETY: the stream is initialised; `lua` outlives the call, after which nothing leads to it.
        unsafe {
            (*self.place).opaque = (&raw mut lua).cast();
            let result = call(self.place);
            (*self.place).opaque = ptr::null_mut();
            result
        }
    }
}

/// Why there is no stream.
#[derive(Clone, Copy)]
pub struct Refusal {
    /// zlib's return code.
    pub result: c_int,
    /// zlib's words.
    pub words: Option<&'static CStr>,
}

/// zlib's `zalloc`: a piece of the arena, zeroed, or null.
unsafe extern "C" fn allocate(opaque: *mut c_void, items: u32, size: u32) -> *mut c_void {
    let Some(size) = (items as usize).checked_mul(size as usize).and_then(|it| it.checked_add(PIECE_HEAD))
    else {
        return ptr::null_mut();
    };
    // SAFETY: `run` has put the call's `Lua` there. The piece is as large as asked for.
    unsafe {
        let lua = *opaque.cast::<Lua<'_>>();
        let piece = lua.reallocate(ptr::null_mut(), 0, size, Account::None);
        if piece.is_null() {
            return ptr::null_mut();
        }
        piece.write_bytes(0, size);
        piece.cast::<usize>().write(size);
        piece.add(PIECE_HEAD).cast()
    }
}

/// zlib's `zfree`.
unsafe extern "C" fn free(opaque: *mut c_void, address: *mut c_void) {
    if address.is_null() {
        return;
    }
    // SAFETY: `run` has put the call's `Lua` there; zlib gives back what `allocate` gave it.
    unsafe {
        let lua = *opaque.cast::<Lua<'_>>();
        let piece = address.cast::<u8>().sub(PIECE_HEAD);
        let size = piece.cast::<usize>().read();
        lua.reallocate(piece, size, 0, Account::None);
    }
}

/// zlib's version as it says it.
pub fn version() -> &'static [u8] {
    // SAFETY: zlib returns a constant.
    unsafe { CStr::from_ptr(z::zlibVersion()).to_bytes() }
}

/// A checksum of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Adler-32.
    Adler,
    /// CRC-32.
    Crc,
}

impl Checksum {
    /// The checksum of nothing.
    pub fn start(self) -> u64 {
        match self {
            Checksum::Adler => 1,
            Checksum::Crc => 0,
        }
    }

    /// The checksum with `bytes` added to it.
    pub fn update(self, value: u64, bytes: &[u8]) -> u64 {
        let (from, len) = (bytes.as_ptr(), bytes.len() as u32);
        // SAFETY: the span is readable; strings are shorter than 4 GiB.
        unsafe {
            match self {
                Checksum::Adler => z::adler32(value, from, len),
                Checksum::Crc => z::crc32(value, from, len),
            }
        }
    }

    /// The checksum of two texts one after the other, of which the second has `len` bytes.
    pub fn combine(self, first: u64, second: u64, len: i64) -> u64 {
        // SAFETY: plain arithmetic.
        unsafe {
            match self {
                Checksum::Adler => z::adler32_combine(first, second, len),
                Checksum::Crc => z::crc32_combine(first, second, len),
            }
        }
    }
}
