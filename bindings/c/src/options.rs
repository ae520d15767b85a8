//! What an object is to be folded with.

use std::ffi::{c_char, c_int, c_void};

use bpfold::{CoreMode, Fold};

use crate::guard::{self, Failure, Out, guarded};
use crate::{BPFOLD_ERROR, Bpfold};

/// Runs a change of a handle.
///
/// # Safety
/// `fold` is null or comes from `bpfold_open()`; `error` is null or points to a pointer.
unsafe fn change(
    fold: *mut Bpfold,
    error: *mut *mut c_char,
    change: impl FnOnce(&mut Bpfold) -> Result<(), Failure>,
) -> c_int {
    // SAFETY: the caller's promise.
    let (fold, error) = unsafe { (fold.as_mut(), Out::new(error)) };
    guarded(error, BPFOLD_ERROR, || {
        change(fold.ok_or(Failure::null("fold"))?)?;
        Ok(0)
    })
}

/// Runs a change by a name or pattern.
///
/// # Safety
/// As [`change`]; `name` is null or a string.
unsafe fn by_name(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
    by: impl for<'o> FnOnce(Fold<'o>, &str) -> Result<Fold<'o>, bpfold::Error>,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let name = guard::text(name, "name")?;
            fold.change(|fold| by(fold, name))
        })
    }
}

/// Takes variables as they are stored: a name, member, or pattern with `*` and `?`.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_freeze(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { by_name(fold, name, error, |fold, name| fold.freeze(name)) }
}

/// Names programs that are attached, by name or pattern: all others go.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_entry(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { by_name(fold, name, error, |fold, name| fold.entry(name)) }
}

/// Drops programs that are neither attached nor called.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_drop(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { by_name(fold, name, error, |fold, name| fold.drop_program(name)) }
}

/// Keeps maps, or sections of data, also when no program uses them any more.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_keep_map(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { by_name(fold, name, error, |fold, name| fold.keep_map(name)) }
}

/// Keeps programs and functions also when nothing enters them any more.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_keep_function(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { by_name(fold, name, error, |fold, name| fold.keep_function(name)) }
}

/// Keeps variables declared also when they are folded.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_keep_variable(
    fold: *mut Bpfold,
    name: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { by_name(fold, name, error, |fold, name| fold.keep_variable(name)) }
}

/// Takes all read-only data as it is stored, except what is set.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_freeze_all(fold: *mut Bpfold, error: *mut *mut c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { change(fold, error, |fold| fold.change(|fold| Ok(fold.freeze_all()))) }
}

/// Keeps every map, program and variable that bindings of the original object name.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_keep_interface(
    fold: *mut Bpfold,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { change(fold, error, |fold| fold.change(|fold| Ok(fold.keep_interface()))) }
}

/// Drops maps also when no program has used them in the first place, or when they are pinned.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_prune_maps(fold: *mut Bpfold, error: *mut *mut c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { change(fold, error, |fold| fold.change(|fold| Ok(fold.prune_maps()))) }
}

/// Fails if the result needs global data, which kernels before 5.2 do not have.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_require_no_globals(
    fold: *mut Bpfold,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { change(fold, error, |fold| fold.change(|fold| Ok(fold.require_no_globals()))) }
}

/// Gives a variable, member or element a value, as text: `cfg.mode` and `MODE_ALLOW`.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `name` and `value` are strings; `error` is null or points
/// to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_set(
    fold: *mut Bpfold,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let (name, value) = (guard::text(name, "name")?, guard::text(value, "value")?);
            fold.change(|fold| fold.set(name, value))
        })
    }
}

/// Gives all of a read-only section (`.rodata`) the contents that a loader holds for it, as of
/// `bpf_map__initial_value()`, and takes them as they are.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `section` is a string, `image` points to `size` bytes;
/// `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_section(
    fold: *mut Bpfold,
    section: *const c_char,
    image: *const c_void,
    size: usize,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let section = guard::text(section, "section")?;
            let image = guard::bytes(image, size)?;
            fold.change(|fold| fold.section_bytes(section, image))
        })
    }
}

/// Names a prog array that the loader fills: `MAP`, `MAP=SECTION` or `MAP=NAME|GLOB`.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `map` is a string; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_tail_map(
    fold: *mut Bpfold,
    map: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let map = guard::text(map, "map")?
                .parse()
                .map_err(|problem: String| Failure::new(problem))?;
            fold.change(|fold| fold.tail_map(map))
        })
    }
}

/// Whether it is proven that the changed functions do what they did (it is, unless this turns it
/// off).
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_check(
    fold: *mut Bpfold,
    check: bool,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { change(fold, error, |fold| fold.change(|fold| Ok(fold.check(check)))) }
}

/// The version of the kernel that the object is for, such as `6.1.192`.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `version` is a string; `error` is null or points to a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_kernel_version(
    fold: *mut Bpfold,
    version: *const c_char,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let version = guard::text(version, "version")?.parse()?;
            fold.change_kernel(|kernel| Ok(kernel.version(version)))
        })
    }
}

/// The configuration of the kernel that the object is for, plain or compressed by gzip.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `bytes` points to `size` bytes; `error` is null or points to
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_kernel_config(
    fold: *mut Bpfold,
    bytes: *const c_void,
    size: usize,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let bytes = guard::bytes(bytes, size)?;
            fold.change_kernel(|kernel| kernel.kconfig(bytes))
        })
    }
}

/// The symbols of the kernel that the object is for, as `/proc/kallsyms` lists them.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `bytes` points to `size` bytes; `error` is null or points to
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_kernel_symbols(
    fold: *mut Bpfold,
    bytes: *const c_void,
    size: usize,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let bytes = guard::bytes(bytes, size)?;
            fold.change_kernel(|kernel| kernel.kallsyms(bytes.to_vec()))
        })
    }
}

/// The types of the kernel that the object is for: BTF as in `/sys/kernel/btf/vmlinux`, and with
/// `module` those of that module, after the kernel's own.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`, `module` is null or a string, `bytes` points to `size` bytes;
/// `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_kernel_btf(
    fold: *mut Bpfold,
    module: *const c_char,
    bytes: *const c_void,
    size: usize,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let bytes = guard::bytes(bytes, size)?.to_vec();
            let module = match module.is_null() {
                true => None,
                false => Some(guard::text(module, "module")?),
            };
            fold.change_kernel(|kernel| {
                Ok(match module {
                    None => kernel.btf(bytes),
                    Some(module) => kernel.module_btf(module, bytes),
                })
            })
        })
    }
}

/// Which CO-RE relocations are resolved by the kernel's types.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BpfoldCore {
    /// None.
    None = 0,
    /// What decides branches: existence, sizes and signs, values of enums.
    Checks = 1,
    /// All: the object is then for this one kernel.
    All = 2,
}

/// Says which CO-RE relocations are resolved: a `bpfold_core`. Those that decide branches, if
/// nothing is said.
///
/// Gives 0, or a number below 0 with a message in `*error`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_core(
    fold: *mut Bpfold,
    mode: c_int,
    error: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        change(fold, error, |fold| {
            let mode = match mode {
                0 => CoreMode::None,
                1 => CoreMode::Checks,
                2 => CoreMode::All,
                mode => return Err(Failure::new(format!("there is no CO-RE mode {mode}"))),
            };
            fold.change(|fold: Fold<'_>| Ok(fold.core(mode)))
        })
    }
}
