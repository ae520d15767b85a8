//! What stands between C and Rust: pointers that are checked, errors as strings, no panics.

use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn null(argument: &str) -> Self {
        Self(format!("{argument} is NULL"))
    }

    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // Errors that show their source already say it once.
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Self(text)
    }
}

/// Where an error goes.
pub(crate) struct Out(*mut *mut c_char);

impl Out {
    /// # Safety
    /// `error` is null, or points to a pointer until the call returns.
    pub(crate) unsafe fn new(error: *mut *mut c_char) -> Self {
        if !error.is_null() {
            // SAFETY: the caller's promise.
            unsafe { error.write(std::ptr::null_mut()) };
        }
        Self(error)
    }

    pub(crate) fn none() -> Self {
        Self(std::ptr::null_mut())
    }

    fn put(self, text: &str) {
        if !self.0.is_null() {
            // SAFETY: `new` was promised a place for a pointer.
            unsafe { self.0.write(into_c(text)) };
        }
    }
}

/// A string for C, which its owner frees with `bpfold_string_free()`. A zero byte ends it.
pub(crate) fn into_c(text: &str) -> *mut c_char {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).map_or(std::ptr::null_mut(), CString::into_raw)
}

/// Runs what may fail or panic; `failed` is what C gets then.
pub(crate) fn guarded<T>(error: Out, failed: T, run: impl FnOnce() -> Result<T, Failure>) -> T {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => done,
        Ok(Err(Failure(text))) => {
            error.put(&text);
            failed
        }
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            error.put(&format!("a bug of bpfold: {}", text.unwrap_or_default()));
            failed
        }
    }
}

/// The bytes that C names.
///
/// # Safety
/// `bytes` is null, or points to `size` bytes that nobody changes for `'b`.
pub(crate) unsafe fn bytes<'b>(bytes: *const c_void, size: usize) -> Result<&'b [u8], Failure> {
    match (bytes.is_null(), size) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::null("bytes")),
        (false, size) if isize::try_from(size).is_err() => {
            Err(Failure::new(format!("{size} bytes are more than there can be")))
        }
        // SAFETY: the caller's promise.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(bytes.cast(), size) }),
    }
}

/// The text that C names.
///
/// # Safety
/// `text` is null, or points to a string that ends with a zero byte and that nobody changes for
/// `'t`.
pub(crate) unsafe fn text<'t>(text: *const c_char, argument: &str) -> Result<&'t str, Failure> {
    if text.is_null() {
        return Err(Failure::null(argument));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Failure::new(format!("{argument} is not UTF-8")))
}
