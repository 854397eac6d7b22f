//! A file read through zlib's `gz` functions: the only place of this module that calls C.
//!
//! What these functions make of plain files, members one after the other, files that are cut short and files that grow is
//! theirs; filters see all of it. The file and zlib's buffers are outside the arena: they have a position and cannot go
//! back in time.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_uint};

use libz_sys as z;

/// The largest buffer that is worth having: results do not depend on it, memory outside the limits does.
const MAX_BUFFER: c_uint = 1 << 20;

unsafe extern "C" {
    // The binding leaves this one out.
    fn gzbuffer(file: z::gzFile, size: c_uint) -> c_int;
}

/// An open file.
pub struct GzFile {
    /// Never null.
    raw: z::gzFile,
    /// The start of a line whose end was not there yet.
    pub partial: Vec<u8>,
}

// SAFETY: a file is used by one thread at a time and knows nothing of threads.
unsafe impl Send for GzFile {}

impl GzFile {
    /// What is held, in words.
    pub const WHAT: &str = "an open gzip file";

    /// Opens a file with C's and zlib's letters for the mode.
    pub fn open(path: &CStr, mode: &CStr, buffer: c_int) -> Option<GzFile> {
        // SAFETY: C strings; the buffer's size is set before anything is read.
        unsafe {
            let raw = z::gzopen(path.as_ptr(), mode.as_ptr());
            if raw.is_null() {
                return None;
            }
            gzbuffer(raw, buffer.unsigned_abs().min(MAX_BUFFER));
            Some(GzFile { raw, partial: Vec::new() })
        }
    }

    /// Reads at most a line into `to` and puts a NUL behind it; false at the end and after an error.
    pub fn read_line(&mut self, to: &mut [u8]) -> bool {
        // SAFETY: open, and zlib writes at most that many bytes.
        unsafe { !z::gzgets(self.raw, to.as_mut_ptr().cast::<c_char>(), to.len() as c_int).is_null() }
    }

    /// Reads bytes; how many, negative after an error.
    pub fn read(&mut self, to: &mut [u8]) -> c_int {
        // SAFETY: as above.
        unsafe { z::gzread(self.raw, to.as_mut_ptr().cast(), to.len() as c_uint) }
    }

    /// Whether a read has met the end.
    pub fn is_at_end(&mut self) -> bool {
        // SAFETY: open.
        unsafe { z::gzeof(self.raw) != 0 }
    }

    /// Forgets the end, so that what is appended to the file is read.
    pub fn clear_error(&mut self) {
        // SAFETY: open.
        unsafe { z::gzclearerr(self.raw) }
    }

    /// The last error in zlib's words, empty where there was none.
    pub fn error(&mut self) -> Vec<u8> {
        // SAFETY: open; the text is copied before another call may change it.
        unsafe {
            let text = z::gzerror(self.raw, std::ptr::null_mut());
            if text.is_null() { Vec::new() } else { CStr::from_ptr(text).to_bytes().to_vec() }
        }
    }

    /// Moves to a position in the uncompressed data; -1 where that is not possible.
    pub fn seek(&mut self, offset: i64, is_relative: bool) -> i64 {
        let whence = if is_relative { libc::SEEK_CUR } else { libc::SEEK_SET };
        // SAFETY: open.
        unsafe { z::gzseek(self.raw, offset, whence) }
    }

    /// Closes the file; whether all was well with it.
    pub fn close(self) -> bool {
        let mut file = std::mem::ManuallyDrop::new(self);
        drop(std::mem::take(&mut file.partial));
        // SAFETY: open, and not used any more.
        unsafe { z::gzclose(file.raw) == z::Z_OK }
    }
}

impl Drop for GzFile {
    fn drop(&mut self) {
        // SAFETY: open, and not used any more.
        unsafe {
            z::gzclose(self.raw);
        }
    }
}
