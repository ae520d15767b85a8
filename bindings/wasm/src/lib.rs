//! The C interface of bpfold as a WebAssembly module without imports.
//!
//! The module exports the functions of `bpfold.h`; pointers and sizes are 32-bit numbers in its
//! memory. A host puts bytes and strings there with [`bpfold_alloc`]. A panic traps, and
//! [`bpfold_panic`] then has the message; the instance must not be used for anything else any more.

use std::alloc::Layout;
use std::ffi::{CString, c_char, c_void};
use std::sync::Mutex;

pub use bpfold_capi::*;

/// Memory is aligned as `malloc` does.
const ALIGN: usize = 16;

/// The message of the panic that stopped the module.
static PANIC: Mutex<Option<CString>> = Mutex::new(None);

/// Gives `size` bytes of memory, or null if there is no more.
#[unsafe(no_mangle)]
pub extern "C" fn bpfold_alloc(size: usize) -> *mut c_void {
    let Ok(layout) = Layout::from_size_align(size.max(1), ALIGN) else {
        return std::ptr::null_mut();
    };
    // SAFETY: the size is not 0.
    unsafe { std::alloc::alloc(layout) }.cast()
}

/// Takes memory back.
///
/// # Safety
/// `memory` comes from [`bpfold_alloc`] with this `size` and was not taken back, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_dealloc(memory: *mut c_void, size: usize) {
    if let (false, Ok(layout)) = (memory.is_null(), Layout::from_size_align(size.max(1), ALIGN)) {
        // SAFETY: the caller's promise.
        unsafe { std::alloc::dealloc(memory.cast(), layout) };
    }
}

/// Keeps the message of a panic for [`bpfold_panic`]. The host calls this once, first.
#[unsafe(no_mangle)]
pub extern "C" fn bpfold_init() {
    std::panic::set_hook(Box::new(|panic| {
        if let (Ok(mut message), Ok(text)) = (PANIC.lock(), CString::new(panic.to_string())) {
            *message = Some(text);
        }
    }));
}

/// The message of the panic that stopped the module; null if there was none.
#[unsafe(no_mangle)]
pub extern "C" fn bpfold_panic() -> *const c_char {
    let message = PANIC.lock().ok();
    let text = message.and_then(|message| message.as_ref().map(|text| text.as_ptr()));
    text.unwrap_or(std::ptr::null())
}
