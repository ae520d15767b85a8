//! Raw instruction streams.

use std::ffi::{c_char, c_void};

use bpfold::passes::isa::{Endian, RawInsn};
use bpfold::passes::stream::{Contents, FoldedStream, MapRef, Records, Stream};

use crate::guard::{self, Failure, Out, guarded};

/// The machine's byte order: streams are for the kernel that runs.
const ENDIAN: Endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };

/// `func_info` or `line_info` as `bpf(BPF_PROG_LOAD)` takes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BpfoldRecords {
    /// The records.
    pub records: *const c_void,
    /// How many there are.
    pub count: u32,
    /// Bytes of one.
    pub size: u32,
}

/// The value of a map that is read-only for programs and frozen, or will be: all of it is final.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BpfoldMap {
    /// The map's file descriptor or, with `by_index`, its place in the array of file descriptors.
    pub map: i32,
    /// Whether instructions name the map by its place (`BPF_PSEUDO_MAP_IDX_VALUE`).
    pub by_index: bool,
    /// The bytes of its only value.
    pub bytes: *const c_void,
    /// How many these are.
    pub size: usize,
}

/// A program that is folded.
pub struct BpfoldStream {
    insns: Vec<u8>,
    func_info: Vec<u8>,
    line_info: Vec<u8>,
    sizes: (usize, usize),
    slots: Vec<u32>,
    proven: usize,
    less: usize,
}

impl BpfoldStream {
    fn new(folded: FoldedStream) -> Self {
        let size = |records: &Option<Records>| {
            records.as_ref().map_or(1, |records| (records.size as usize).max(1))
        };
        let sizes = (size(&folded.func_info), size(&folded.line_info));
        let bytes = |records: Option<Records>| records.map(|r| r.bytes).unwrap_or_default();
        Self {
            insns: folded.insns.iter().flat_map(|insn| insn.to_bytes(ENDIAN)).collect(),
            slots: folded.slots.iter().map(|slot| slot.unwrap_or(u32::MAX)).collect(),
            proven: folded.proven,
            less: folded.less.len(),
            func_info: bytes(folded.func_info),
            line_info: bytes(folded.line_info),
            sizes,
        }
    }
}

/// # Safety
/// `records` is null, or points to a description of records that are there.
unsafe fn records(records: *const BpfoldRecords) -> Result<Option<Records>, Failure> {
    // SAFETY: the caller's promise.
    let Some(records) = (unsafe { records.as_ref() }).filter(|records| records.count != 0) else {
        return Ok(None);
    };
    let len = (records.count as usize).checked_mul(records.size as usize);
    let len = len.ok_or_else(|| Failure::new("more records than there can be"))?;
    // SAFETY: the caller's promise.
    let bytes = unsafe { guard::bytes(records.records, len)? };
    Ok(Some(Records { bytes: bytes.to_vec(), size: records.size }))
}

/// # Safety
/// `items` is null, or points to `count` items that nobody changes for `'i`.
unsafe fn items<'i, T>(items: *const T, count: usize) -> Result<&'i [T], Failure> {
    match (items.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::null("a list")),
        (false, count) if count > isize::MAX as usize / size_of::<T>().max(1) => {
            Err(Failure::new("a list that is longer than there can be"))
        }
        // SAFETY: the caller's promise.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(items, count) }),
    }
}

/// Folds the `count` instructions of a program as `bpf(BPF_PROG_LOAD)` takes them.
///
/// `maps` says what is final in which maps. `func_info` and `line_info` are those of the program, or
/// null. `statics` are the slots at which subprograms start whose BTF type is static: with
/// `func_info` all others count as global, and nothing is assumed of their arguments. What is not
/// understood is an error, and the program can be loaded as it is.
///
/// The caller frees the result with `bpfold_stream_free()`.
///
/// # Safety
/// `insns` points to `count` times 8 bytes, `maps` to `maps_count` maps whose bytes are there,
/// `statics` to `statics_count` numbers; `func_info` and `line_info` are null or point to records
/// that are there; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "what a program is loaded with")]
pub unsafe extern "C" fn bpfold_stream_fold(
    insns: *const c_void,
    count: usize,
    maps: *const BpfoldMap,
    maps_count: usize,
    func_info: *const BpfoldRecords,
    line_info: *const BpfoldRecords,
    statics: *const u32,
    statics_count: usize,
    error: *mut *mut c_char,
) -> *mut BpfoldStream {
    // SAFETY: the caller's promise.
    let error = unsafe { Out::new(error) };
    guarded(error, std::ptr::null_mut(), || {
        let len = count.checked_mul(RawInsn::SIZE);
        let len = len.ok_or_else(|| Failure::new("more instructions than there can be"))?;
        // SAFETY: the caller's promise.
        let (code, maps, statics) = unsafe {
            (guard::bytes(insns, len)?, items(maps, maps_count)?, items(statics, statics_count)?)
        };
        let mut stream = Stream::new(RawInsn::slots(code, ENDIAN), ENDIAN);
        for map in maps {
            // SAFETY: the caller's promise.
            let bytes = unsafe { guard::bytes(map.bytes, map.size)? };
            let name = if map.by_index { MapRef::Index(map.map) } else { MapRef::Fd(map.map) };
            stream.sections.insert(name, Contents::all_final(bytes.to_vec()));
        }
        // SAFETY: the caller's promise.
        (stream.func_info, stream.line_info) =
            unsafe { (records(func_info)?, records(line_info)?) };
        stream.statics = statics.iter().copied().collect();
        Ok(Box::into_raw(Box::new(BpfoldStream::new(stream.fold()?))))
    })
}

/// Frees what `bpfold_stream_fold()` gave. Null is nothing.
///
/// # Safety
/// `stream` is null, or comes from `bpfold_stream_fold()` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_free(stream: *mut BpfoldStream) {
    if !stream.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(stream) });
    }
}

/// Gives the start of what `pick` picks, and its length in `unit`s.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
unsafe fn part(
    stream: *const BpfoldStream,
    count: *mut usize,
    pick: impl for<'s> Fn(&'s BpfoldStream) -> (&'s [u8], usize),
) -> *const c_void {
    // SAFETY: the caller's promise.
    let (stream, count) = unsafe { (stream.as_ref(), count.as_mut()) };
    let (bytes, unit) = stream.map_or((&[][..], 1), pick);
    if let Some(count) = count {
        *count = bytes.len() / unit;
    }
    bytes.as_ptr().cast()
}

/// The instructions, and in `*count` how many. They live as long as the result.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_insns(
    stream: *const BpfoldStream,
    count: *mut usize,
) -> *const c_void {
    // SAFETY: the caller's promise.
    unsafe { part(stream, count, |stream| (stream.insns.as_slice(), RawInsn::SIZE)) }
}

/// The `func_info` for the instructions, and in `*count` how many records. They have the size that
/// they had, and live as long as the result.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_func_info(
    stream: *const BpfoldStream,
    count: *mut usize,
) -> *const c_void {
    // SAFETY: the caller's promise.
    unsafe { part(stream, count, |stream| (stream.func_info.as_slice(), stream.sizes.0)) }
}

/// The `line_info` for the instructions, and in `*count` how many records. They have the size that
/// they had, and live as long as the result.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_line_info(
    stream: *const BpfoldStream,
    count: *mut usize,
) -> *const c_void {
    // SAFETY: the caller's promise.
    unsafe { part(stream, count, |stream| (stream.line_info.as_slice(), stream.sizes.1)) }
}

/// For each slot that the program had the slot that now does what it did, `UINT32_MAX` where the
/// function is gone; in `*count` how many. They live as long as the result.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`; `count` points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_slots(
    stream: *const BpfoldStream,
    count: *mut usize,
) -> *const u32 {
    // SAFETY: the caller's promise.
    let (stream, count) = unsafe { (stream.as_ref(), count.as_mut()) };
    let slots = stream.map_or(&[][..], |stream| stream.slots.as_slice());
    if let Some(count) = count {
        *count = slots.len();
    }
    slots.as_ptr()
}

/// How many functions were changed and are proven to do what they did.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_proven(stream: *const BpfoldStream) -> usize {
    // SAFETY: the caller's promise.
    unsafe { stream.as_ref() }.map_or(0, |stream| stream.proven)
}

/// How many functions are folded less than they could be, since not everything was proven.
///
/// # Safety
/// `stream` comes from `bpfold_stream_fold()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_stream_less(stream: *const BpfoldStream) -> usize {
    // SAFETY: the caller's promise.
    unsafe { stream.as_ref() }.map_or(0, |stream| stream.less)
}
