//! Buffers for the verifier's log: address space that costs memory only where it is written.

use std::ffi::c_char;
use std::ptr::NonNull;

/// A buffer that the kernel writes a text to.
pub struct LogBuffer {
    start: NonNull<c_char>,
    size: usize,
}

impl LogBuffer {
    /// A buffer of `size` bytes; none if there is no room.
    pub fn new(size: usize) -> Option<LogBuffer> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory
        // that is in use.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        Some(LogBuffer { start: NonNull::new(start.cast())?, size })
    }

    /// Where it starts.
    pub fn as_ptr(&self) -> *mut c_char {
        self.start.as_ptr()
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The text that is in it, up to the first zero.
    pub fn text(&self) -> &[u8] {
        // SAFETY: the mapping lives as long as `self` and has `size` bytes, of which those that
        // were never written to are zero; the kernel writes only during calls that are over.
        let (text, size) = unsafe {
            let size = libc::strnlen(self.start.as_ptr(), self.size);
            (std::slice::from_raw_parts(self.start.as_ptr().cast::<u8>(), size), size)
        };
        debug_assert!(size <= self.size);
        text
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` and nothing borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}
