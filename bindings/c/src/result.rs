//! A folded object and what was done to it.

use std::ffi::{CString, c_char, c_void};

use bpfold::Folded;
use bpfold::report::{KeepReason, PartKind};

use crate::guard::{Failure, Out, guarded};
use crate::text::summary;

/// A folded object and what was done to it.
pub struct BpfoldResult {
    bytes: Vec<u8>,
    text: CString,
    json: CString,
    lists: [Vec<CString>; 4],
    before: u64,
    after: u64,
}

/// A list of names in a result.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BpfoldList {
    /// Maps that are no longer in the object.
    DroppedMaps = 0,
    /// Programs and functions that are no longer in the object.
    DroppedFunctions = 1,
    /// Maps that stay for bindings alone: a loader need not create them.
    UnneededMaps = 2,
    /// Programs that stay for bindings alone and only return: a loader need not load them.
    UnneededPrograms = 3,
}

impl BpfoldResult {
    pub(crate) fn new(folded: Folded) -> Result<Self, Failure> {
        let Folded { bytes, report } = folded;
        let kept = |kind| {
            let kept = report.kept.iter();
            kept.filter(move |kept| kept.kind == kind && kept.reason == KeepReason::Interface)
                .map(|kept| kept.name.clone())
                .collect::<Vec<String>>()
        };
        let lists = [
            report.dropped.maps.clone(),
            report.dropped.functions.clone(),
            kept(PartKind::Map),
            kept(PartKind::Program),
        ];
        Ok(Self {
            bytes,
            text: string(&summary(&report)),
            json: string(&serde_json::to_string(&report)?),
            lists: lists.map(|list| list.iter().map(|name| string(name)).collect()),
            before: report.instructions_before(),
            after: report.instructions_after(),
        })
    }
}

/// A zero byte, which no name in an ELF file has, would end it.
fn string(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}

/// Frees what `bpfold_run()` gave. Null is nothing.
///
/// # Safety
/// `result` is null, or comes from `bpfold_run()` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_free(result: *mut BpfoldResult) {
    if !result.is_null() {
        // SAFETY: the caller's promise.
        let result = unsafe { Box::from_raw(result) };
        guarded(Out::none(), (), || {
            drop(result);
            Ok(())
        });
    }
}

/// The folded object file, and in `*size` its bytes. They live as long as the result.
///
/// # Safety
/// `result` comes from `bpfold_run()`; `size` points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_bytes(
    result: *const BpfoldResult,
    size: *mut usize,
) -> *const c_void {
    // SAFETY: the caller's promise.
    let (result, size) = unsafe { (result.as_ref(), size.as_mut()) };
    let bytes = result.map_or(&[][..], |result| result.bytes.as_slice());
    if let Some(size) = size {
        *size = bytes.len();
    }
    bytes.as_ptr().cast()
}

/// What was done, for people. The string lives as long as the result.
///
/// # Safety
/// `result` comes from `bpfold_run()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_text(result: *const BpfoldResult) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { result.as_ref() }.map_or(c"".as_ptr(), |result| result.text.as_ptr())
}

/// What was done, as JSON of the form of `bpfold fold --format json`. The string lives as long as
/// the result.
///
/// # Safety
/// `result` comes from `bpfold_run()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_json(result: *const BpfoldResult) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { result.as_ref() }.map_or(c"{}".as_ptr(), |result| result.json.as_ptr())
}

/// The name at place `index`, from 0, of a `bpfold_list`; null behind the last one, or if there
/// is no such list. The string lives as long as the result.
///
/// # Safety
/// `result` comes from `bpfold_run()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_name(
    result: *const BpfoldResult,
    list: std::ffi::c_int,
    index: usize,
) -> *const c_char {
    // SAFETY: the caller's promise.
    let result = unsafe { result.as_ref() };
    let list = usize::try_from(list).ok();
    let names = result.zip(list).and_then(|(result, list)| result.lists.get(list));
    names.and_then(|names| names.get(index)).map_or(std::ptr::null(), |name| name.as_ptr())
}

/// How many instructions all functions had, as the kernel counts them.
///
/// # Safety
/// `result` comes from `bpfold_run()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_instructions_before(result: *const BpfoldResult) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { result.as_ref() }.map_or(0, |result| result.before)
}

/// How many instructions all functions have now, as the kernel counts them.
///
/// # Safety
/// `result` comes from `bpfold_run()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_result_instructions_after(result: *const BpfoldResult) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { result.as_ref() }.map_or(0, |result| result.after)
}
