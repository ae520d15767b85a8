//! Strings of the library.

use std::ffi::{CString, c_char};

use bpfold::Report;

use crate::guard;

/// The version of the library, such as `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn bpfold_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Frees a message that a function has put into `*error`. Null is nothing.
///
/// # Safety
/// `text` is null, or comes from this library and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_string_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller's promise; all strings that are given away are `CString`s.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// The lines of a report that a loader would log.
pub(crate) fn summary(report: &Report) -> String {
    let mut lines = vec![format!(
        "{} of {} instructions left, {} of {} bytes",
        report.instructions_after(),
        report.instructions_before(),
        report.size_after,
        report.size_before
    )];
    lines.extend(report.dead.iter().map(|dead| format!("dropped {dead}")));
    lines.extend(report.kept.iter().map(|kept| format!("kept {kept}")));
    if let Some(proof) = &report.proof {
        let less = proof.refused.iter();
        lines.extend(less.map(|refusal| {
            format!("{} is folded less, not proven: {}", refusal.function, refusal.reason)
        }));
    }
    lines.extend(
        report
            .notes
            .iter()
            .map(|note| format!("{}: {note}", if note.is_warning() { "warning" } else { "note" })),
    );
    lines.join("\n") + "\n"
}

/// A copy of a string that [`bpfold_string_free`] frees; null for what is not UTF-8.
///
/// # Safety
/// `text` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_string_new(text: *const c_char) -> *mut c_char {
    // SAFETY: the caller's promise.
    unsafe { guard::text(text, "text") }.map_or(std::ptr::null_mut(), guard::into_c)
}
