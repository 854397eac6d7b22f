//! The allocator of one VM: everything Lua allocates, and the allocator's own state, in one contiguous region.
//!
//! It exists for two properties that the C library's allocator lacks. All of its state stands in the region it manages,
//! so that copying the region's used prefix copies the VM. And it knows addresses only as offsets into the region, so
//! that the same calls give the same offsets, and the same bytes, at any base address.
//!
//! Blocks of up to 512 bytes ("small") have no header: Lua says their size when it frees them. They come from one free
//! list per 16-byte class and are carved out of chunks. Larger blocks, and the chunks, come from a two-level segregated
//! fit with boundary tags: neighbours that are free are always merged, and the last block of the region is never free,
//! it shrinks the used prefix instead. Free small blocks are merged only now and then, when they have become a large
//! part of the region; without this, a filter that fills its memory with one size after the other would need as many
//! times its memory limit as there are classes.
#![allow(unsafe_code)]
// Offsets are multiples of 4 where words are read, of 16 where blocks start; the region is 16-aligned.
#![allow(clippy::cast_ptr_alignment)]

use std::{
    ffi::c_void,
    ops::{Deref, DerefMut},
    ptr, slice,
};

/// Every block is aligned to this and, without its header, a multiple of it.
const GRANULE: usize = 16;
/// The largest size served from the classes.
const SMALL_MAX: usize = 512;
const CLASSES: usize = SMALL_MAX / GRANULE;
/// A block of the segregated fit starts with two words: the offset of the block before it (0: none), and its own size
/// in bytes, header included, with the flags in its low bits. It starts 8 bytes below a multiple of 16.
const HEADER: usize = 8;
/// The least size of a block: a header and the two links of a free block, and aligned.
const MIN_BLOCK: usize = 32;
const FREE: usize = 1;
const CHUNK: usize = 2;
const FLAGS: usize = 15;
/// Size classes of free blocks: the first row is linear up to 512 bytes, each further row one power of two.
const ROWS: usize = 24;
const COLUMNS: usize = 16;
const COLUMN_BITS: u32 = COLUMNS.trailing_zeros();
/// Chunks grow with the heap, so that a trivial filter touches few pages and a large one asks rarely.
const MIN_CHUNK: usize = 1 << 10;
const MAX_CHUNK: usize = 16 << 10;
/// The least number of bytes handed out before free small blocks are merged (again).
const MERGE_STEP: usize = 256 << 10;
/// The part of the region behind the blocks that holds one bit per granule while free small blocks are merged.
const SCRATCH_PART: usize = 8 * GRANULE + 1;

/// The allocator's own state. It stands at the start of the region it manages.
#[repr(C)]
pub struct Heap {
    /// For the host. The only absolute address in here.
    pub context: *mut c_void,
    /// The most bytes that may be in use at once; 0: no limit.
    pub limit: usize,
    /// Bytes in use, as Lua asked for them.
    pub used: usize,
    /// The highest value of `used` so far.
    pub peak: usize,
    /// For tests: how many more growths succeed before all fail; `u64::MAX`: all succeed.
    pub fail_after: u64,
    /// The free small blocks of each class, each the start of a list linked by the blocks' first words.
    small: [u32; CLASSES + 1],
    /// The chunk being carved into small blocks: its uncarved part.
    carve: usize,
    carve_end: usize,
    /// A list of merged free stretches of more than `SMALL_MAX` bytes inside chunks: next, size.
    runs: usize,
    /// The end of the last block: what is behind it means nothing.
    top: usize,
    /// The last block; 0: none.
    last: usize,
    /// The region's length.
    len: usize,
    /// Blocks end below this offset.
    block_end: usize,
    /// The sizes of the free blocks of the segregated fit, summed.
    free_bytes: usize,
    /// Bytes handed out as chunks or new large blocks since free small blocks were last merged.
    fresh: usize,
    rows: u32,
    columns: [u32; ROWS],
    free: [[u32; COLUMNS]; ROWS],
}

impl Heap {
    /// The least length of a region that is of any use.
    pub const MIN_LEN: usize = 64 << 10;

    /// Places a fresh heap at the start of `region` and returns its address, which is that of `region`.
    ///
    /// # Safety
    ///
    /// `region` is 16-aligned, and its `len` bytes, at least [`Heap::MIN_LEN`], are writable, zero and used through the
    /// heap only. Bytes beyond 4 GiB are not used.
    pub unsafe fn init(region: *mut u8, len: usize) -> *mut Heap {
        debug_assert!(region.addr().is_multiple_of(GRANULE) && len >= Heap::MIN_LEN);
        let len = len.min(1 << 32) & !(GRANULE - 1);
        let heap: *mut Heap = region.cast();
        let first = FIRST_BLOCK;
        // SAFETY: the caller gives the region to the heap.
        unsafe {
            heap.write(Heap {
                context: ptr::null_mut(),
                limit: 0,
                used: 0,
                peak: 0,
                fail_after: u64::MAX,
                small: [0; CLASSES + 1],
                carve: 0,
                carve_end: 0,
                runs: 0,
                top: first,
                last: 0,
                len,
                // The bits are used in words of eight bytes.
                block_end: (len - len.div_ceil(SCRATCH_PART) - 8) & !(GRANULE - 1),
                free_bytes: 0,
                fresh: 0,
                rows: 0,
                columns: [0; ROWS],
                free: [[0; COLUMNS]; ROWS],
            });
        }
        heap
    }

    /// How many bytes at the start of the region are in use. All others mean nothing.
    pub fn top(&self) -> usize {
        self.top
    }

    /// How many bytes are free, in however many pieces; free small blocks are not counted.
    pub fn free_len(&self) -> usize {
        self.block_end.saturating_sub(self.top) + self.free_bytes
    }

    /// The length of the region in bytes.
    pub fn region_len(&self) -> usize {
        self.len
    }

    /// The used prefix of the region: the state of everything in it.
    ///
    /// # Safety
    ///
    /// `heap` was placed by [`Heap::init`], and nothing writes to its region while the slice lives.
    pub unsafe fn image<'a>(heap: *const Heap) -> &'a [u8] {
        // SAFETY: the prefix belongs to the heap and has been written or was zero.
        unsafe { slice::from_raw_parts(heap.cast(), (*heap).top) }
    }

    /// Puts an image taken by [`Heap::image`] back.
    ///
    /// From then on everything is, byte for byte, as if nothing had happened since the image was taken.
    ///
    /// # Safety
    ///
    /// `heap` was placed by [`Heap::init`], `image` comes from it (or from a heap with the same base and length), and
    /// nobody uses what has been allocated since.
    pub unsafe fn restore(heap: *mut Heap, image: &[u8]) {
        // SAFETY: the image was a prefix of this region.
        unsafe { ptr::copy_nonoverlapping(image.as_ptr(), heap.cast::<u8>(), image.len()) }
    }

    /// Shrinks the used prefix, if most of it is free small blocks and it is worth the work; else nothing but a few
    /// comparisons. Meant to be called after each callback, so that images become small again after a peak.
    ///
    /// What it does depends on the heap's state alone; a run and its repetition must call it at the same points.
    ///
    /// # Safety
    ///
    /// `heap` was placed by [`Heap::init`], and nobody uses it meanwhile. Live blocks stay where they are.
    pub unsafe fn tidy(heap: *mut Heap) {
        // SAFETY: see above.
        let mut heap = unsafe { Region::new(heap) };
        if heap.idle() >= heap.top / 2 && heap.is_merging_due() {
            heap.merge_small();
        }
    }

    /// Allocates, resizes and frees, as Lua's `lua_Alloc`, with the accounting of production's allocator
    /// (`lua_sandbox`, `src/luasandbox.c:78-105`): the limit is compared with the new total of every call that does not
    /// free, also of one that shrinks.
    ///
    /// # Safety
    ///
    /// `ud` is a heap placed by [`Heap::init`]. `ptr` is null and `osize` 0, or `ptr` came from this function and
    /// `osize` is the size last asked for.
    pub unsafe extern "C" fn lua_alloc(
        ud: *mut c_void,
        ptr: *mut c_void,
        osize: usize,
        nsize: usize,
    ) -> *mut c_void {
        // SAFETY: see above; the blocks are used through `ptr` only, by the caller.
        let mut heap = unsafe { Region::new(ud.cast()) };
        // Nearly all calls are the two here. The others are in a function of their own, called last, so that these two
        // need no stack frame.
        if nsize == 0 {
            if osize.wrapping_sub(1) < SMALL_MAX {
                heap.used = heap.used.wrapping_sub(osize);
                heap.push_small(heap.offset_of(ptr), class_of(osize));
                return ptr::null_mut();
            }
        } else if osize == 0 && nsize <= SMALL_MAX {
            let used = heap.used.wrapping_add(nsize);
            let class = class_of(nsize);
            let at = heap.small[class] as usize;
            if at != 0 && heap.is_within_limit(used) && heap.fail_after == u64::MAX {
                heap.small[class] = heap.word(at) as u32;
                heap.used = used;
                heap.peak = heap.peak.max(used);
                return heap.address(at).cast();
            }
        }
        heap.alloc_slowly(ptr, osize, nsize)
    }

    /// Whether `used` bytes, not 0, may be in use. No limit, 0, becomes the highest number.
    #[inline]
    fn is_within_limit(&self, used: usize) -> bool {
        used.wrapping_sub(1) <= self.limit.wrapping_sub(1)
    }
}

/// The offset of the first block, such that its contents are aligned.
const FIRST_BLOCK: usize = size_of::<Heap>().next_multiple_of(GRANULE) + GRANULE - HEADER;

/// The class of a small size: the granules it takes.
#[inline]
fn class_of(size: usize) -> usize {
    size.div_ceil(GRANULE)
}

/// The size of the block that holds `size` bytes; saturating, so that an absurd size is larger than any region.
fn block_size(size: usize) -> usize {
    size.saturating_add(HEADER + GRANULE - 1) & !(GRANULE - 1)
}

/// The row and column that a free block of `size` bytes belongs to.
fn bin_of(size: usize) -> (usize, usize) {
    if size < SMALL_MAX {
        return (0, size / (SMALL_MAX / COLUMNS));
    }
    let log = size.ilog2();
    ((log - SMALL_MAX.ilog2() + 1) as usize, (size >> (log - COLUMN_BITS)) & (COLUMNS - 1))
}

/// The least row and column all of whose blocks have at least `size` bytes.
fn sufficient_bin(size: usize) -> (usize, usize) {
    let log = size.ilog2().max(SMALL_MAX.ilog2());
    let step = if size < SMALL_MAX { SMALL_MAX / COLUMNS } else { 1 << (log - COLUMN_BITS) };
    bin_of(size + step - 1)
}

/// A heap and the region behind it, as the allocator's own code sees them: words at offsets.
#[derive(Clone, Copy)]
struct Region(*mut Heap);

impl Deref for Region {
    type Target = Heap;

    #[inline]
    fn deref(&self) -> &Heap {
        // SAFETY: `Region::new` was promised a heap; references to it never outlive one expression here.
        unsafe { &*self.0 }
    }
}

impl DerefMut for Region {
    #[inline]
    fn deref_mut(&mut self) -> &mut Heap {
        // SAFETY: as above.
        unsafe { &mut *self.0 }
    }
}

impl Region {
    /// # Safety
    ///
    /// `heap` was placed by [`Heap::init`], its state is consistent and nobody else uses it now.
    #[inline]
    unsafe fn new(heap: *mut Heap) -> Region {
        Region(heap)
    }

    #[inline]
    fn address(self, offset: usize) -> *mut u8 {
        self.0.cast::<u8>().wrapping_add(offset)
    }

    #[inline]
    fn offset_of(self, ptr: *mut c_void) -> usize {
        ptr.addr().wrapping_sub(self.0.addr())
    }

    #[inline]
    fn word(self, offset: usize) -> usize {
        debug_assert!(offset >= size_of::<Heap>() && offset + 4 <= self.block_end);
        // SAFETY: all offsets come from the heap's own state, which is consistent: they are inside the region.
        unsafe { self.address(offset).cast::<u32>().read() as usize }
    }

    #[inline]
    fn set_word(self, offset: usize, value: usize) {
        debug_assert!(offset >= size_of::<Heap>() && offset + 4 <= self.block_end);
        // SAFETY: as above, and the word belongs to a header or to a free block.
        unsafe { self.address(offset).cast::<u32>().write(value as u32) }
    }

    fn zero(self, start: usize, end: usize) {
        debug_assert!(start >= size_of::<Heap>() && start <= end && end <= self.len);
        // SAFETY: the range is inside the region and no block is in it.
        unsafe { ptr::write_bytes(self.address(start), 0, end - start) }
    }

    fn copy(self, from: usize, to: usize, size: usize) {
        // SAFETY: both are blocks, or parts of blocks, of at least this size.
        unsafe { ptr::copy(self.address(from), self.address(to), size) }
    }

    /// All calls that are not the most frequent ones. The code of those is repeated here, for the case that they need
    /// more than a look at a list.
    #[inline(never)]
    fn alloc_slowly(mut self, ptr: *mut c_void, osize: usize, nsize: usize) -> *mut c_void {
        if nsize == 0 {
            if osize != 0 {
                self.used = self.used.wrapping_sub(osize);
                self.release(self.offset_of(ptr) - HEADER);
            }
            return ptr::null_mut();
        }
        let used = self.used.wrapping_add(nsize).wrapping_sub(osize);
        if !self.is_within_limit(used) || (self.fail_after != u64::MAX && !self.may_grow(osize, nsize)) {
            return ptr::null_mut();
        }
        let res = if osize != 0 {
            self.resize(self.offset_of(ptr), osize, nsize)
        } else if nsize <= SMALL_MAX {
            self.alloc_small(class_of(nsize))
        } else {
            self.alloc_large(nsize)
        };
        if res == 0 {
            return ptr::null_mut();
        }
        self.used = used;
        self.peak = self.peak.max(used);
        self.address(res).cast()
    }

    /// Counts a growth while a test lets them fail.
    #[cold]
    fn may_grow(&mut self, osize: usize, nsize: usize) -> bool {
        if nsize <= osize {
            return true;
        }
        let left = self.fail_after.checked_sub(1);
        self.fail_after = left.unwrap_or(0);
        left.is_some()
    }

    // Small blocks. All results are offsets of contents, 0 where there is no memory.

    #[inline]
    fn push_small(&mut self, at: usize, class: usize) {
        let next = self.small[class];
        self.set_word(at, next as usize);
        self.small[class] = at as u32;
    }

    #[inline]
    fn alloc_small(&mut self, class: usize) -> usize {
        let at = self.small[class] as usize;
        if at == 0 {
            return self.alloc_small_slowly(class);
        }
        self.small[class] = self.word(at) as u32;
        at
    }

    #[cold]
    #[inline(never)]
    fn alloc_small_slowly(&mut self, class: usize) -> usize {
        let size = class * GRANULE;
        if self.carve_end - self.carve >= size {
            self.carve += size;
            return self.carve - size;
        }
        let chunk = (self.top / 32).clamp(MIN_CHUNK, MAX_CHUNK) & !(GRANULE - 1);
        // A chunk loses its header, and as much again to alignment.
        let least = size + 2 * HEADER;
        let mut was_merged = false;
        loop {
            let mut found = self.reuse_stretch(least, chunk);
            if found.is_none() && !was_merged && self.is_merging_due() {
                was_merged = true;
                self.merge_small();
                if self.small[class] != 0 {
                    return self.alloc_small(class);
                }
                found = self.reuse_stretch(least, chunk);
            }
            if let Some((start, end)) = found.or_else(|| self.new_stretch(least, chunk)) {
                self.push_stretch(self.carve, self.carve_end);
                self.carve = start + size;
                self.carve_end = end;
                self.fresh += end - start;
                return start;
            }
            if was_merged {
                return self.split_small(class);
            }
            was_merged = true;
            self.merge_small();
            if self.small[class] != 0 {
                return self.alloc_small(class);
            }
        }
    }

    /// A stretch to carve small blocks from: a merged one, else a hole.
    fn reuse_stretch(&mut self, least: usize, chunk: usize) -> Option<(usize, usize)> {
        if self.runs != 0 {
            let run = self.runs;
            self.runs = self.word(run);
            return Some((run, run + self.word(run + 4)));
        }
        let block = self.take_hole(least, chunk);
        self.make_chunk(block)
    }

    /// A stretch to carve small blocks from: new memory.
    fn new_stretch(&mut self, least: usize, chunk: usize) -> Option<(usize, usize)> {
        let mut block = self.extend(chunk);
        if block == 0 {
            block = self.extend(least);
        }
        self.make_chunk(block)
    }

    fn make_chunk(&mut self, block: usize) -> Option<(usize, usize)> {
        if block == 0 {
            return None;
        }
        let size = self.size(block);
        self.set_size(block, size | CHUNK);
        Some((block + HEADER, block + size - HEADER))
    }

    /// The last resort: the front of a free block of a larger class.
    fn split_small(&mut self, class: usize) -> usize {
        let Some(larger) = (class + 1..=CLASSES).find(|&it| self.small[it] != 0) else {
            return 0;
        };
        let at = self.alloc_small(larger);
        self.push_small(at + class * GRANULE, larger - class);
        at
    }

    /// Makes the granules from `start` to `end`, inside a chunk, free.
    fn push_stretch(&mut self, start: usize, end: usize) {
        let size = end - start;
        if size > SMALL_MAX {
            self.set_word(start, self.runs);
            self.set_word(start + 4, size);
            self.runs = start;
        } else if size > 0 {
            self.push_small(start, class_of(size));
        }
    }

    /// What is neither in use nor in a free block of the segregated fit: free small blocks, and what is lost to headers
    /// and rounding. So no counter is needed where small blocks are freed.
    fn idle(self) -> usize {
        self.top.saturating_sub(self.free_bytes).saturating_sub(self.used)
    }

    /// Whether free small blocks should be merged before the region's used prefix grows: when they are a large part of
    /// it, and as much has been handed out since the last time that the work is small beside it.
    fn is_merging_due(self) -> bool {
        self.idle() >= self.top / 4 && self.fresh >= MERGE_STEP.max(self.top / 4)
    }

    /// Merges all free small blocks with their neighbours and frees the chunks without a used one.
    #[cold]
    fn merge_small(&mut self) {
        self.fresh = 0;
        let bits = Bits::clear(*self);
        for class in 1..=CLASSES {
            let mut at = self.small[class] as usize;
            self.small[class] = 0;
            while at != 0 {
                bits.set(at / GRANULE, class);
                at = self.word(at);
            }
        }
        while self.runs != 0 {
            bits.set(self.runs / GRANULE, self.word(self.runs + 4) / GRANULE);
            self.runs = self.word(self.runs);
        }
        bits.set(self.carve / GRANULE, (self.carve_end - self.carve) / GRANULE);
        (self.carve, self.carve_end) = (0, 0);

        let mut block = FIRST_BLOCK;
        while block < self.top {
            let size = self.size(block);
            if self.flags(block) & CHUNK != 0 {
                let start = (block + HEADER) / GRANULE;
                let end = (block + size - HEADER) / GRANULE;
                let mut from = bits.find(true, start, end);
                if from == start && bits.find(false, start, end) == end {
                    self.release(block);
                    from = end;
                }
                while from < end {
                    let to = bits.find(false, from, end);
                    self.push_stretch(from * GRANULE, to * GRANULE);
                    from = bits.find(true, to, end);
                }
            }
            // Also where the block has just been merged with the one behind it: that one's header stays readable.
            block += size;
        }
    }

    // The segregated fit. Offsets here are of blocks, that is of headers.

    fn size(self, block: usize) -> usize {
        self.word(block + 4) & !FLAGS
    }

    fn flags(self, block: usize) -> usize {
        self.word(block + 4) & FLAGS
    }

    fn set_size(self, block: usize, size_and_flags: usize) {
        self.set_word(block + 4, size_and_flags);
    }

    fn is_free(self, block: usize) -> bool {
        self.flags(block) & FREE != 0
    }

    /// Tells what follows a block of `size` bytes that it does.
    fn join(&mut self, block: usize, size: usize) {
        if block + size == self.top {
            self.last = block;
        } else {
            self.set_word(block + size, block);
        }
    }

    fn alloc_large(&mut self, size: usize) -> usize {
        let size = block_size(size);
        if size > self.block_end {
            return 0;
        }
        let mut block = self.take_hole(size, size);
        if block == 0 && self.is_merging_due() {
            self.merge_small();
            block = self.take_hole(size, size);
        }
        if block == 0 {
            self.fresh += size;
            block = self.extend(size);
        }
        if block == 0 {
            self.merge_small();
            block = self.take_hole(size, size);
        }
        if block == 0 {
            block = self.extend(size);
        }
        if block == 0 {
            block = self.take_tight_hole(size);
        }
        if block == 0 { 0 } else { block + HEADER }
    }

    /// Takes a free block of at least `least` bytes and gives back what is beyond `most`; 0: there is none.
    fn take_hole(&mut self, least: usize, most: usize) -> usize {
        let (mut row, column) = sufficient_bin(least);
        if row >= ROWS {
            return 0;
        }
        let mut columns = self.columns[row] & (u32::MAX << column);
        if columns == 0 {
            let rows = self.rows & (u32::MAX << (row + 1));
            if rows == 0 {
                return 0;
            }
            row = rows.trailing_zeros() as usize;
            columns = self.columns[row];
        }
        let block = self.free[row][columns.trailing_zeros() as usize] as usize;
        self.take(block, most)
    }

    /// As [`Region::take_hole`], for when there is no other memory: searches also the bin whose blocks may or may not
    /// suffice.
    #[cold]
    fn take_tight_hole(&mut self, size: usize) -> usize {
        let (row, column) = bin_of(size);
        let mut block = self.free[row][column] as usize;
        while block != 0 && self.size(block) < size {
            block = self.word(block + HEADER);
        }
        if block == 0 { 0 } else { self.take(block, size) }
    }

    /// Takes a free block and gives back what is beyond `most` bytes.
    fn take(&mut self, block: usize, most: usize) -> usize {
        self.remove(block);
        let size = self.size(block);
        self.set_size(block, size);
        self.trim(block, most);
        block
    }

    /// A new last block; 0: the region is full.
    fn extend(&mut self, size: usize) -> usize {
        let block = self.top;
        if size > self.block_end.saturating_sub(block) {
            return 0;
        }
        // What is behind the top may be anything. Bytes that nobody writes (padding) must not show it: images would
        // depend on what an earlier image replaced.
        self.zero(block, block + size);
        self.set_word(block, self.last);
        self.set_size(block, size);
        self.last = block;
        self.top += size;
        block
    }

    /// Gives back what a used block has beyond `size` bytes, if that makes a block.
    fn trim(&mut self, block: usize, size: usize) {
        let spare = self.size(block).saturating_sub(size);
        if spare < MIN_BLOCK {
            return;
        }
        let rest = block + size;
        self.set_size(block, size | self.flags(block));
        self.set_word(rest, block);
        self.set_size(rest, spare);
        self.join(rest, spare);
        self.release(rest);
    }

    /// Frees a block: merges it with its free neighbours, or shrinks the prefix in use if it is the last.
    fn release(&mut self, mut block: usize) {
        let mut size = self.size(block);
        let before = self.word(block);
        let after = block + size;
        if after < self.top && self.is_free(after) {
            self.remove(after);
            size += self.size(after);
        }
        if before != 0 && self.is_free(before) {
            self.remove(before);
            size += self.size(before);
            block = before;
        }
        if block + size == self.top {
            self.last = self.word(block);
            self.top = block;
        } else {
            self.set_word(block + size, block);
            self.insert(block, size);
        }
    }

    /// Enters a free block in its bin.
    fn insert(&mut self, block: usize, size: usize) {
        let (row, column) = bin_of(size);
        let next = self.free[row][column] as usize;
        self.set_size(block, size | FREE);
        self.set_word(block + HEADER, next);
        self.set_word(block + HEADER + 4, 0);
        if next != 0 {
            self.set_word(next + HEADER + 4, block);
        }
        self.free[row][column] = block as u32;
        self.columns[row] |= 1 << column;
        self.rows |= 1 << row;
        self.free_bytes += size;
    }

    /// Takes a free block out of its bin.
    fn remove(&mut self, block: usize) {
        let size = self.size(block);
        let (row, column) = bin_of(size);
        let next = self.word(block + HEADER);
        let before = self.word(block + HEADER + 4);
        if next != 0 {
            self.set_word(next + HEADER + 4, before);
        }
        if before != 0 {
            self.set_word(before + HEADER, next);
        } else {
            self.free[row][column] = next as u32;
            if next == 0 {
                self.columns[row] &= !(1 << column);
                if self.columns[row] == 0 {
                    self.rows &= !(1 << row);
                }
            }
        }
        self.free_bytes -= size;
    }

    // Resizing.

    fn resize(&mut self, at: usize, osize: usize, nsize: usize) -> usize {
        let moved = match (osize <= SMALL_MAX, nsize <= SMALL_MAX) {
            (true, true) => {
                let (old, new) = (class_of(osize), class_of(nsize));
                if new <= old {
                    if new < old {
                        self.push_small(at + new * GRANULE, old - new);
                    }
                    return at;
                }
                self.alloc_small(new)
            }
            (true, false) => self.alloc_large(nsize),
            (false, true) => match self.alloc_small(class_of(nsize)) {
                0 => return self.turn_into_chunk(at, class_of(nsize)),
                moved => moved,
            },
            (false, false) => {
                if self.resize_in_place(at - HEADER, block_size(nsize)) {
                    return at;
                }
                self.alloc_large(nsize)
            }
        };
        if moved == 0 {
            return 0;
        }
        self.copy(at, moved, osize.min(nsize));
        if osize <= SMALL_MAX {
            self.push_small(at, class_of(osize));
        } else {
            self.release(at - HEADER);
        }
        moved
    }

    fn resize_in_place(&mut self, block: usize, size: usize) -> bool {
        let old = self.size(block);
        let after = block + old;
        if size > old {
            if size > self.block_end - block {
                return false;
            }
            if after == self.top {
                self.zero(after, block + size);
                self.set_size(block, size);
                self.top = block + size;
                return true;
            }
            if !self.is_free(after) || old + self.size(after) < size {
                return false;
            }
            self.remove(after);
            let joined = old + self.size(after);
            self.set_size(block, joined);
            self.join(block, joined);
        }
        self.trim(block, size);
        true
    }

    /// Shrinks a large block to a small one where no small one is to be had: in place, as a chunk of its own.
    #[cold]
    fn turn_into_chunk(&mut self, at: usize, class: usize) -> usize {
        let block = at - HEADER;
        self.trim(block, class * GRANULE + 2 * HEADER);
        let size = self.size(block);
        self.set_size(block, size | CHUNK);
        self.push_stretch(at + class * GRANULE, block + size - HEADER);
        at
    }
}

/// One bit per granule, in the scratch part of the region.
#[derive(Clone, Copy)]
struct Bits(*mut u64);

impl Bits {
    fn clear(heap: Region) -> Bits {
        let granules = heap.top.div_ceil(GRANULE);
        heap.zero(heap.block_end, heap.block_end + granules.div_ceil(64) * 8);
        Bits(heap.address(heap.block_end).cast())
    }

    fn word(self, at: usize) -> *mut u64 {
        self.0.wrapping_add(at / 64)
    }

    fn set(self, start: usize, count: usize) {
        for at in start..start + count {
            // SAFETY: granules are below the top, for which there are bits.
            unsafe { *self.word(at) |= 1 << (at % 64) };
        }
    }

    /// The first granule from `start` on with the bit as wanted, else `end`.
    fn find(self, wanted: bool, start: usize, end: usize) -> usize {
        let mut at = start;
        while at < end {
            // SAFETY: as above.
            let word = unsafe { *self.word(at) };
            let rest = (if wanted { word } else { !word }) >> (at % 64);
            if rest != 0 {
                return end.min(at + rest.trailing_zeros() as usize);
            }
            at = (at / 64 + 1) * 64;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        iter,
    };

    use proptest::prelude::*;

    use super::*;

    /// A heap on plain memory, and what has been allocated in it: every block is filled, up to its size, with bytes
    /// that depend on its number, and checked before it is changed.
    struct Bench {
        memory: Vec<u128>,
        skip: usize,
        /// Number, offset and size of the live blocks.
        live: Vec<(u8, usize, usize)>,
        next: u8,
        expected_used: usize,
        expected_peak: usize,
    }

    impl Bench {
        /// The region starts `skip` times 16 bytes into its memory.
        fn new(len: usize, skip: usize) -> Bench {
            let memory = vec![0; len / 16 + skip];
            let mut res =
                Bench { memory, skip, live: Vec::new(), next: 0, expected_used: 0, expected_peak: 0 };
            // SAFETY: the region is aligned, zero and the test's own.
            unsafe { Heap::init(res.heap().cast(), len) };
            res
        }

        fn heap(&mut self) -> *mut Heap {
            self.memory[self.skip..].as_mut_ptr().cast()
        }

        fn region(&mut self) -> Region {
            // SAFETY: the heap is the test's own.
            unsafe { Region::new(self.heap()) }
        }

        fn call(&mut self, at: usize, osize: usize, nsize: usize) -> usize {
            let heap = self.heap();
            let ptr = if at == 0 { ptr::null_mut() } else { self.region().address(at).cast() };
            // SAFETY: `at` is a live block of `osize` bytes, or nothing.
            let res = unsafe { Heap::lua_alloc(heap.cast(), ptr, osize, nsize) };
            if res.is_null() {
                return 0;
            }
            assert_eq!(res.addr() % GRANULE, 0, "alignment of {nsize} bytes");
            res.addr() - heap.addr()
        }

        fn contents(&mut self, at: usize, size: usize) -> &mut [u8] {
            // SAFETY: a live block of this size.
            unsafe { slice::from_raw_parts_mut(self.region().address(at), size) }
        }

        fn count(&mut self, osize: usize, nsize: usize) {
            self.expected_used = self.expected_used + nsize - osize;
            self.expected_peak = self.expected_peak.max(self.expected_used);
            let heap = self.region();
            assert_eq!((heap.used, heap.peak), (self.expected_used, self.expected_peak));
        }

        /// The new block's place in `live`, unless there is no memory.
        fn alloc(&mut self, size: usize) -> Option<usize> {
            let at = self.call(0, 0, size);
            if at == 0 {
                return None;
            }
            self.next = self.next.wrapping_add(1);
            let number = self.next;
            self.contents(at, size).fill(number);
            self.live.push((number, at, size));
            self.count(0, size);
            Some(self.live.len() - 1)
        }

        fn free(&mut self, place: usize) {
            let (number, at, size) = self.live.swap_remove(place);
            assert!(self.contents(at, size).iter().all(|&it| it == number), "contents at {at}");
            assert_eq!(self.call(at, size, 0), 0);
            self.count(size, 0);
        }

        fn resize(&mut self, place: usize, nsize: usize) -> bool {
            let (number, at, size) = self.live[place];
            let moved = self.call(at, size, nsize);
            if moved == 0 {
                assert!(self.contents(at, size).iter().all(|&it| it == number), "contents at {at}");
                return false;
            }
            let kept = size.min(nsize);
            let bytes = self.contents(moved, nsize);
            assert!(bytes[..kept].iter().all(|&it| it == number), "contents of {at} at {moved}");
            bytes[kept..].fill(number);
            self.live[place] = (number, moved, nsize);
            self.count(size, nsize);
            true
        }

        fn free_all(&mut self) {
            while !self.live.is_empty() {
                self.free(self.live.len() - 1);
            }
        }

        fn image(&mut self) -> Vec<u8> {
            // SAFETY: nobody writes meanwhile.
            unsafe { Heap::image(self.heap()).to_vec() }
        }

        /// The whole structure: blocks, bins, lists; and that everything belongs to exactly one of them.
        fn check(&mut self) {
            let heap = self.region();
            assert!(heap.top <= heap.block_end && heap.block_end < heap.len);

            // Blocks, in order of address.
            let mut free = BTreeMap::new();
            let mut chunks = Vec::new();
            let mut large = BTreeMap::new();
            let (mut block, mut before, mut was_free) = (FIRST_BLOCK, 0, false);
            while block < heap.top {
                let (size, flags) = (heap.size(block), heap.flags(block));
                assert_eq!(heap.word(block), before, "tag of block {block}");
                assert!(size >= MIN_BLOCK && size % GRANULE == 0, "size of block {block}");
                match flags {
                    0 => drop(large.insert(block + HEADER, size - HEADER)),
                    FREE => drop(free.insert(block, size)),
                    CHUNK => chunks.push((block + HEADER, block + size - HEADER)),
                    _ => panic!("flags of block {block}: {flags}"),
                }
                assert!(!(was_free && flags == FREE), "free neighbours at {block}");
                was_free = flags == FREE;
                before = block;
                block += size;
            }
            assert_eq!((block, before), (heap.top, heap.last));
            assert!(!was_free, "the last block is free");
            assert_eq!(heap.free_bytes, free.values().sum::<usize>());

            // Bins hold exactly the free blocks.
            for row in 0..ROWS {
                assert_eq!(heap.rows >> row & 1 == 1, heap.columns[row] != 0, "row {row}");
                for column in 0..COLUMNS {
                    let head = heap.free[row][column] as usize;
                    assert_eq!(heap.columns[row] >> column & 1 == 1, head != 0, "bin {row} {column}");
                    let (mut block, mut before) = (head, 0);
                    while block != 0 {
                        let size = free.remove(&block).expect("a block of a bin is free");
                        assert_eq!(bin_of(size), (row, column), "size {size}");
                        assert_eq!(heap.word(block + HEADER + 4), before, "back link of {block}");
                        before = block;
                        block = heap.word(block + HEADER);
                    }
                }
            }
            assert!(free.is_empty(), "free blocks in no bin: {free:?}");

            // Small stretches: free and used, they tile the chunks.
            let mut small = BTreeMap::new();
            let mut add = |at: usize, size: usize| {
                assert!(size > 0 && small.insert(at, size).is_none(), "two small blocks at {at}");
            };
            for class in 1..=CLASSES {
                let mut at = heap.small[class] as usize;
                while at != 0 {
                    add(at, class * GRANULE);
                    at = heap.word(at);
                }
            }
            let mut run = heap.runs;
            while run != 0 {
                add(run, heap.word(run + 4));
                run = heap.word(run);
            }
            if heap.carve < heap.carve_end {
                add(heap.carve, heap.carve_end - heap.carve);
            }
            for &(_, at, size) in &self.live {
                if size <= SMALL_MAX {
                    add(at, class_of(size) * GRANULE);
                } else {
                    let room = large.remove(&at).expect("a large block of its own");
                    assert!(room >= size, "{size} bytes in {room}");
                }
            }
            assert!(large.is_empty(), "blocks nobody uses: {large:?}");
            let mut small = small.into_iter().peekable();
            for (start, end) in chunks {
                let mut at = start;
                while at < end {
                    let (next, size) = small.next().expect("chunks are tiled");
                    assert_eq!(next, at, "hole or overlap in a chunk");
                    at += size;
                }
                assert_eq!(at, end, "end of a chunk");
            }
            assert_eq!(small.peek(), None, "a small block outside the chunks");
        }
    }

    /// A reproducible stream of numbers (splitmix64).
    fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |below| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % below as u64) as usize
        }
    }

    /// `steps` calls as a busy filter makes them: mostly small blocks, some large, resized and freed in any order.
    fn churn(bench: &mut Bench, seed: u64, steps: usize) {
        let mut below = numbers(seed);
        for _ in 0..steps {
            let size = match below(16) {
                0 => 1 + below(20_000),
                1..4 => 1 + below(1500),
                _ => 1 + below(128),
            };
            let live = bench.live.len();
            match below(8) {
                _ if live == 0 => drop(bench.alloc(size)),
                0..3 if live < 600 => drop(bench.alloc(size)),
                0..5 => drop(bench.resize(below(live), size)),
                _ => bench.free(below(live)),
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Alloc(usize),
        Resize(usize, usize),
        Free(usize),
        Merge,
    }

    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![6 => 1..=64usize, 3 => 1..=600usize, 1 => 500..=540usize, 1 => 1..=40_000usize]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => size().prop_map(Step::Alloc),
            3 => (any::<usize>(), size()).prop_map(|(at, size)| Step::Resize(at, size)),
            4 => any::<usize>().prop_map(Step::Free),
            1 => Just(Step::Merge),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        /// A small region, so that running out of it and its last resorts are part of it.
        #[test]
        fn any_calls_keep_the_heap_whole(
            len in (64..160usize).prop_map(|it| it << 10),
            steps in prop::collection::vec(step(), 1..400),
        ) {
            let mut bench = Bench::new(len, 0);
            for step in steps {
                let live = bench.live.len();
                match step {
                    Step::Alloc(size) => drop(bench.alloc(size)),
                    Step::Merge => bench.region().merge_small(),
                    _ if live == 0 => {}
                    Step::Resize(at, size) => {
                        let at = at % live;
                        let is_shrink = size <= bench.live[at].2;
                        prop_assert!(bench.resize(at, size) || !is_shrink, "a shrink failed");
                    }
                    Step::Free(at) => bench.free(at % live),
                }
                bench.check();
            }
            bench.free_all();
            bench.region().merge_small();
            bench.check();
            prop_assert_eq!(bench.region().top, FIRST_BLOCK);
        }
    }

    #[test]
    fn a_long_run_keeps_the_heap_whole() {
        let mut bench = Bench::new(8 << 20, 0);
        for round in 0..40 {
            churn(&mut bench, round, 2000);
            bench.check();
        }
        bench.free_all();
        bench.check();
        bench.region().merge_small();
        assert_eq!((bench.region().top, bench.region().used), (FIRST_BLOCK, 0));
    }

    #[test]
    fn the_same_calls_give_the_same_bytes_at_any_address() {
        let mut benches = [Bench::new(4 << 20, 0), Bench::new(4 << 20, 12_345)];
        for round in 0..10 {
            for bench in &mut benches {
                churn(bench, round, 2000);
            }
            let [one, other] = &mut benches;
            assert_eq!(one.live, other.live, "offsets in round {round}");
            assert!(one.image() == other.image(), "images in round {round}");
        }
    }

    #[test]
    fn a_restored_image_continues_as_if_nothing_had_happened() {
        let [mut straight, mut travelled] = [0, 77].map(|skip| Bench::new(4 << 20, skip));
        for round in 0..20 {
            for bench in [&mut straight, &mut travelled] {
                churn(bench, round, 500);
            }
            let image = travelled.image();
            let live = travelled.live.clone();
            let counts = (travelled.next, travelled.expected_used, travelled.expected_peak);
            // Larger, or smaller, than the image.
            if round % 2 == 0 {
                churn(&mut travelled, 1000 + round, 1500);
            } else {
                travelled.free_all();
                travelled.region().merge_small();
            }
            // SAFETY: the image comes from this heap.
            unsafe { Heap::restore(travelled.heap(), &image) };
            travelled.live = live;
            (travelled.next, travelled.expected_used, travelled.expected_peak) = counts;
            travelled.check();
            assert!(straight.image() == travelled.image(), "images in round {round}");
        }
    }

    /// Fills a heap of production's default limit, 8 MiB, in the region the VM gives it, by `grow`, which returns
    /// whether it could; the limit must be what stops it.
    fn check_limit_comes_first(name: &str, mut grow: impl FnMut(&mut Bench, usize) -> bool) {
        const LIMIT: usize = 8 << 20;
        let mut bench = Bench::new(4 * LIMIT + (16 << 20), 0);
        // SAFETY: the heap is the test's own.
        unsafe { (*bench.heap()).limit = LIMIT };
        let mut refused = 0;
        for step in 0..2_000_000 {
            if !grow(&mut bench, step) {
                refused += 1;
                if refused == 40 {
                    break;
                }
            }
        }
        bench.check();
        let heap = bench.region();
        assert!(refused > 0, "{name}: the limit was never met");
        assert!(heap.peak > LIMIT / 2, "{name}: peak {} bytes", heap.peak);
        assert!(heap.top < LIMIT / 2 * 3, "{name}: {} bytes of the region for {}", heap.top, heap.peak);
    }

    /// Whether a failure was the limit's, and not the region's.
    fn is_at_limit(bench: &mut Bench, osize: usize, nsize: usize) -> bool {
        let heap = bench.region();
        heap.used + nsize - osize > heap.limit
    }

    #[test]
    fn tables_that_double_meet_the_limit_first() {
        // Several tables: new nodes, then the old ones freed; entries of 40 bytes, and a string for each.
        check_limit_comes_first("tables", |bench, step| {
            let which = step % 3;
            if step < 3 {
                bench.alloc(40);
                return true;
            }
            let (_, _, size) = bench.live[which];
            for _ in 0..size / 40 {
                if bench.alloc(17 + step % 40).is_none() {
                    assert!(is_at_limit(bench, 0, 17 + step % 40));
                    return false;
                }
            }
            let Some(place) = bench.alloc(2 * size) else {
                assert!(is_at_limit(bench, 0, 2 * size));
                return false;
            };
            bench.live.swap(which, place);
            bench.free(place);
            true
        });
    }

    #[test]
    fn strings_that_double_meet_the_limit_first() {
        // s = s .. s, collected now and then; the concatenation buffer is resized to each length.
        check_limit_comes_first("strings", |bench, step| {
            if step == 0 {
                bench.alloc(64);
                bench.alloc(32);
                return true;
            }
            let (_, _, size) = bench.live[1];
            let wanted = size * 2;
            let buffer = bench.live[0].2;
            if !bench.resize(0, wanted) {
                assert!(is_at_limit(bench, buffer, wanted));
                return false;
            }
            let Some(place) = bench.alloc(wanted) else {
                assert!(is_at_limit(bench, 0, wanted));
                return false;
            };
            bench.live.swap(1, place);
            if step % 3 == 0 {
                while bench.live.len() > 2 {
                    bench.free(2);
                }
            }
            true
        });
    }

    #[test]
    fn size_after_size_meets_the_limit_first() {
        // Fills the memory with one size, frees all but every hundredth, goes on with the next size.
        let sizes: Vec<usize> = (1..=CLASSES).chain(iter::once(50)).map(|it| it * GRANULE).collect();
        for is_rising in [true, false] {
            let mut phase = 0;
            check_limit_comes_first("sizes", |bench, _| {
                let at = if is_rising { phase } else { sizes.len() - 1 - phase.min(sizes.len() - 1) };
                let size = sizes[at.min(sizes.len() - 1)];
                if bench.alloc(size).is_some() {
                    return true;
                }
                assert!(is_at_limit(bench, 0, size), "{size} bytes refused");
                phase += 1;
                let live = std::mem::take(&mut bench.live);
                for (place, it) in live.into_iter().enumerate() {
                    bench.live.push(it);
                    if place % 100 != 0 {
                        bench.free(bench.live.len() - 1);
                    }
                }
                false
            });
        }
    }

    #[test]
    fn mixed_sizes_meet_the_limit_first() {
        let mut below = numbers(5);
        check_limit_comes_first("mixed", |bench, _| {
            let size = 1 << below(17);
            let size = size + below(size);
            if bench.alloc(size).is_some() {
                return true;
            }
            assert!(is_at_limit(bench, 0, size), "{size} bytes refused");
            for _ in 0..bench.live.len() * 2 / 3 {
                bench.free(below(bench.live.len()));
            }
            false
        });
    }

    #[test]
    fn accounting_is_that_of_production() {
        let mut bench = Bench::new(1 << 20, 0);
        let place = bench.alloc(1000).expect("memory");
        bench.alloc(24).expect("memory");
        // SAFETY: the heap is the test's own.
        unsafe { (*bench.heap()).limit = 1024 };
        assert_eq!(bench.alloc(1), None);
        assert!(!bench.resize(place, 1001));
        assert!(bench.resize(place, 1000));
        // Above the limit, shrinking fails too; freeing does not.
        // SAFETY: as above.
        unsafe { (*bench.heap()).limit = 500 };
        assert!(!bench.resize(place, 999));
        assert!(bench.resize(place, 476));
        bench.free(0);
        assert_eq!((bench.region().used, bench.region().peak), (24, 1024));
        assert_eq!(bench.call(0, 0, 0), 0);
        assert_eq!(bench.region().used, 24);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let mut bench = Bench::new(1 << 20, 0);
        let place = bench.alloc(700).expect("memory");
        for size in [1 << 20, 1 << 32, isize::MAX as usize, usize::MAX - 700, usize::MAX - 1_000_000] {
            assert_eq!(bench.alloc(size), None, "{size} bytes");
            assert!(!bench.resize(place, size), "{size} bytes");
        }
        bench.check();
    }

    #[test]
    fn growths_fail_from_the_given_one_on() {
        let mut bench = Bench::new(1 << 20, 0);
        // SAFETY: the heap is the test's own.
        unsafe { (*bench.heap()).fail_after = 2 };
        let place = bench.alloc(100).expect("the first growth");
        assert!(bench.resize(place, 50), "a shrink is not counted");
        assert!(bench.resize(place, 5000));
        assert_eq!(bench.alloc(1), None);
        assert!(!bench.resize(place, 5001));
        assert!(bench.resize(place, 10));
        bench.free(place);
        bench.check();
    }

    #[test]
    fn shrinks_need_no_memory() {
        for nsize in [1, 16, 100, 496, 511, 512] {
            let mut bench = Bench::new(Heap::MIN_LEN, 0);
            let places: Vec<usize> = iter::from_fn(|| bench.alloc(600)).collect();
            while bench.alloc(16).is_some() {}
            for place in places {
                assert!(bench.resize(place, nsize), "to {nsize} bytes");
                bench.check();
            }
        }
    }

    #[test]
    fn the_prefix_shrinks_when_memory_is_freed() {
        let mut bench = Bench::new(8 << 20, 0);
        let few = bench.alloc(100).expect("memory");
        let top = bench.region().top();
        let more = bench.alloc(4 << 20).expect("memory");
        assert!(bench.region().top() > 4 << 20);
        bench.free(more);
        assert_eq!(bench.region().top(), top);
        bench.free(few);
    }

    #[test]
    fn tidying_shrinks_the_prefix_after_a_peak() {
        let mut bench = Bench::new(16 << 20, 0);
        for _ in 0..50_000 {
            bench.alloc(100).expect("memory");
        }
        while bench.live.len() > 100 {
            bench.free(bench.live.len() - 1);
        }
        assert!(bench.region().top() > 5_000_000);
        // SAFETY: the heap is the test's own.
        unsafe { Heap::tidy(bench.heap()) };
        bench.check();
        assert!(bench.region().top() < 50_000, "top {}", bench.region().top());
        bench.free_all();
    }

    #[test]
    fn bins_are_ordered_and_sufficient() {
        let sizes = (MIN_BLOCK..1 << 16).chain((1 << 31)..(1 << 31) + 4096).step_by(GRANULE);
        let mut seen = BTreeSet::new();
        for size in sizes {
            let bin = bin_of(size);
            assert!(seen.last().is_none_or(|it| *it <= bin) && bin.0 < ROWS, "{size} bytes");
            seen.insert(bin);
            let sufficient = sufficient_bin(size);
            // The smallest size of a bin that suffices is not below the size wanted.
            assert!(sufficient > bin || bin_of(size - GRANULE) < bin, "{size} bytes");
            assert!(sufficient >= bin, "{size} bytes");
        }
    }
}
