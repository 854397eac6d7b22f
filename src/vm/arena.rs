//! The address space of one VM: a reserved mapping at a multiple of 4 GiB.
//!
//! Lua 5.1 hashes pointers by their low 32 bits, so the order of `pairs` over pointer keys depends on them. A base that
//! is a multiple of 4 GiB makes these bits the offset into the arena: the same in every run, whichever base was free.
#![allow(unsafe_code)]

use std::{io, ptr, ptr::NonNull};

/// The alignment of every arena, and its largest length: 4 GiB.
pub const SLOT_SIZE: usize = 1 << 32;
/// The address of slot 0. Nothing else is usually mapped here on 64-bit Linux and macOS.
const FIRST_SLOT: usize = 0x5000_0000_0000;
/// How many slots are tried before any aligned address will do.
const SLOT_TRIES: usize = 4096;
/// The size of a transparent huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Why no arena could be reserved.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The length is zero or above [`SLOT_SIZE`].
    #[error("arena of {len} bytes, must be between 1 byte and 4 GiB")]
    Length {
        /// The length asked for, in bytes.
        len: usize,
    },
    /// The operating system refused every length down to the least useful one.
    #[error("cannot reserve {len} bytes of address space")]
    Refused {
        /// The last length tried, in bytes.
        len: usize,
        /// The answer of `mmap`.
        source: io::Error,
    },
}

/// One reserved, 4 GiB-aligned mapping. All of one VM's memory lives in it.
///
/// Its pages are readable, writable, zero and not backed by memory until they are touched.
#[derive(Debug)]
pub struct Arena {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and is not tied to the thread that made it.
unsafe impl Send for Arena {}

impl Arena {
    /// Reserves `len` bytes, rounded up to pages, at most 4 GiB.
    ///
    /// The first free one of the addresses `0x5000_0000_0000 + n * 4 GiB` with `n >= first_slot` is taken, else any
    /// multiple of 4 GiB. A length that is refused (valgrind and `ulimit -v` refuse large ones) is halved, down to
    /// `min_len`; see [`Arena::len`] for what it came to.
    pub fn reserve(len: usize, min_len: usize, first_slot: usize) -> Result<Arena, ArenaError> {
        if len == 0 || len > SLOT_SIZE {
            return Err(ArenaError::Length { len });
        }
        let page = page_size();
        let min_len = min_len.clamp(1, len).next_multiple_of(page);
        let mut len = len.next_multiple_of(page);
        loop {
            match reserve_slot(len, first_slot).or_else(|_| reserve_aligned(len)) {
                Ok(base) => {
                    avoid_huge_page(base, len);
                    return Ok(Arena { base, len });
                }
                Err(source) if len == min_len => return Err(ArenaError::Refused { len, source }),
                Err(_) => len = (len / 2).next_multiple_of(page).max(min_len),
            }
        }
    }

    /// The first byte, at a multiple of [`SLOT_SIZE`].
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// The length in bytes, a multiple of the page size; never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        unmap(self.base.as_ptr(), self.len);
    }
}

/// Maps `len` bytes at the first slot that is free.
///
/// The address is only a hint to the kernel, which never replaces a mapping for it: where the slot is taken, it
/// answers with another address, which is given back.
fn reserve_slot(len: usize, first_slot: usize) -> io::Result<NonNull<u8>> {
    for slot in first_slot..first_slot.saturating_add(SLOT_TRIES) {
        let Some(hint) = slot.checked_mul(SLOT_SIZE).and_then(|it| it.checked_add(FIRST_SLOT)) else {
            break;
        };
        let base = map(hint, len)?;
        if base.as_ptr().addr() == hint {
            return Ok(base);
        }
        unmap(base.as_ptr(), len);
    }
    Err(io::Error::from_raw_os_error(libc::EEXIST))
}

/// Maps `len` bytes at any multiple of 4 GiB, by mapping more and giving back both ends.
fn reserve_aligned(len: usize) -> io::Result<NonNull<u8>> {
    let wide = len + SLOT_SIZE;
    let start = map(0, wide)?.as_ptr();
    let before = start.addr().next_multiple_of(SLOT_SIZE) - start.addr();
    let base = start.wrapping_add(before);
    unmap(start, before);
    unmap(base.wrapping_add(len), wide - before - len);
    NonNull::new(base).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
}

fn map(hint: usize, len: usize) -> io::Result<NonNull<u8>> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: without MAP_FIXED, the kernel maps only what was free; the address is a hint.
    let res = unsafe { libc::mmap(ptr::without_provenance_mut(hint), len, prot, flags, -1, 0) };
    if res == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(res.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
}

fn unmap(start: *mut u8, len: usize) {
    if len > 0 {
        // SAFETY: every caller passes (a part of) a mapping of its own that nothing points into any more.
        unsafe { libc::munmap(start.cast(), len) };
    }
}

/// Keeps the first 2 MiB out of transparent huge pages, so that a small filter costs kilobytes of memory and not the
/// zeroing of 2 MiB. Only advice: a refusal changes nothing but speed.
fn avoid_huge_page(base: NonNull<u8>, len: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the range is mapped, and the advice does not change its contents.
    unsafe {
        libc::madvise(base.as_ptr().cast(), len.min(HUGE_PAGE), libc::MADV_NOHUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (base, len, HUGE_PAGE);
}

fn page_size() -> usize {
    // SAFETY: asks for a constant.
    let res = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(res).ok().filter(|it| it.is_power_of_two()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserve(len: usize, first_slot: usize) -> Arena {
        Arena::reserve(len, 1 << 16, first_slot).expect("address space for an arena")
    }

    #[test]
    fn arenas_are_aligned_and_writable() {
        for len in [1, 4096, 5000, 1 << 20, 64 << 20] {
            let arena = reserve(len, 64);
            assert_eq!(arena.base().addr() % SLOT_SIZE, 0, "len {len}");
            assert_eq!(arena.len() % page_size(), 0, "len {len}");
            assert!(arena.len() >= len.min(1 << 16), "len {len}");
            // SAFETY: both bytes are inside the mapping.
            unsafe {
                let last = arena.base().add(arena.len() - 1);
                assert_eq!((*arena.base(), *last), (0, 0));
                *arena.base() = 1;
                *last = 2;
            }
        }
    }

    #[test]
    fn taken_slots_are_left_alone() {
        let arenas: Vec<Arena> = (0..8).map(|_| reserve(1 << 16, 128)).collect();
        let mut bases: Vec<usize> = arenas.iter().map(|it| it.base().addr()).collect();
        assert!(bases.iter().all(|it| it % SLOT_SIZE == 0));
        bases.dedup();
        assert_eq!(bases.len(), arenas.len());
    }

    #[test]
    fn an_arena_outside_the_slots_is_aligned_too() {
        let base = reserve_aligned(1 << 16).expect("address space for an arena");
        assert_eq!(base.as_ptr().addr() % SLOT_SIZE, 0);
        drop(Arena { base, len: 1 << 16 });
        assert_eq!(reserve(1 << 16, usize::MAX).base().addr() % SLOT_SIZE, 0);
    }

    #[test]
    fn lengths_beyond_a_slot_are_refused() {
        for len in [0, SLOT_SIZE + 1, usize::MAX] {
            assert!(matches!(Arena::reserve(len, 1, 0), Err(ArenaError::Length { .. })), "len {len}");
        }
    }
}
