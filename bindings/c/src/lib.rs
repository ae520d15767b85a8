//! The C interface of bpfold.
//!
//! A [`Bpfold`] holds an object and what it is to be folded with; [`bpfold_run`] makes a
//! [`BpfoldResult`] of it. Functions that can fail give null, or a number below 0, and put a
//! message into `*error`, which the caller frees with [`bpfold_string_free`]; `error` itself may
//! be null. No panic crosses the boundary: it becomes an error that calls itself a bug of bpfold.
//!
//! Nothing is global: different threads can use different handles at the same time. One handle
//! must not be used by two threads at once.

mod guard;
mod options;
mod result;
mod stream;
mod text;

use std::ffi::{c_char, c_int, c_void};

use bpfold::{Fold, Object};
use self_cell::self_cell;

use guard::{Failure, Out, guarded};

pub use options::*;
pub use result::*;
pub use stream::*;
pub use text::*;

/// A wish that was not understood, or input that is damaged.
pub const BPFOLD_ERROR: c_int = -1;

self_cell!(
    struct Held {
        owner: Object,
        #[not_covariant]
        dependent: Building,
    }
);

/// What an object is to be folded with.
struct Building<'o> {
    fold: Fold<'o>,
    kernel: bpfold::Kernel,
}

/// An object, and what it is to be folded with.
pub struct Bpfold {
    held: Held,
}

impl Bpfold {
    fn open(bytes: &[u8]) -> Result<Self, Failure> {
        let object = Object::parse(bytes)?;
        let held = Held::try_new(object, |object| {
            Ok::<_, Failure>(Building { fold: Fold::new(object)?, kernel: bpfold::Kernel::new() })
        })?;
        Ok(Self { held })
    }

    /// Changes what is to be done; nothing is changed if that fails.
    fn change(
        &mut self,
        change: impl for<'o> FnOnce(Fold<'o>) -> Result<Fold<'o>, bpfold::Error>,
    ) -> Result<(), Failure> {
        self.held.with_dependent_mut(|_, building| {
            building.fold = change(building.fold.clone())?;
            Ok(())
        })
    }

    fn change_kernel(
        &mut self,
        change: impl FnOnce(bpfold::Kernel) -> Result<bpfold::Kernel, bpfold::KernelError>,
    ) -> Result<(), Failure> {
        self.held.with_dependent_mut(|_, building| {
            building.kernel = change(building.kernel.clone())?;
            building.fold = building.fold.clone().kernel(&building.kernel);
            Ok(())
        })
    }

    fn run(&self) -> Result<BpfoldResult, Failure> {
        self.held.with_dependent(|_, building| BpfoldResult::new(building.fold.clone().run()?))
    }
}

/// Opens a compiled BPF object (ELF) of `size` bytes. The bytes are copied.
///
/// The caller frees the result with `bpfold_free()`.
///
/// # Safety
/// `bytes` points to `size` bytes; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_open(
    bytes: *const c_void,
    size: usize,
    error: *mut *mut c_char,
) -> *mut Bpfold {
    // SAFETY: the caller's promise.
    let (bytes, error) = unsafe { (guard::bytes(bytes, size), Out::new(error)) };
    guarded(error, std::ptr::null_mut(), || Ok(Box::into_raw(Box::new(Bpfold::open(bytes?)?))))
}

/// Frees what `bpfold_open()` gave. Null is nothing.
///
/// # Safety
/// `fold` is null, or comes from `bpfold_open()` and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_free(fold: *mut Bpfold) {
    if !fold.is_null() {
        // SAFETY: the caller's promise.
        let fold = unsafe { Box::from_raw(fold) };
        guarded(Out::none(), (), || {
            drop(fold);
            Ok(())
        });
    }
}

/// Folds the object. It can be folded again, also with more options.
///
/// The caller frees the result with `bpfold_result_free()`.
///
/// # Safety
/// `fold` comes from `bpfold_open()`; `error` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bpfold_run(
    fold: *const Bpfold,
    error: *mut *mut c_char,
) -> *mut BpfoldResult {
    // SAFETY: the caller's promise.
    let (fold, error) = unsafe { (fold.as_ref(), Out::new(error)) };
    guarded(error, std::ptr::null_mut(), || {
        let fold = fold.ok_or(Failure::null("fold"))?;
        Ok(Box::into_raw(Box::new(fold.run()?)))
    })
}
