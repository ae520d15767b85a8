//! What calls do to a state: helpers by their signature, anything else as it can reach.

use crate::analysis::frame::FRAME_SIZE;
use crate::analysis::kind::Kind;
use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::helpers::{Access, Arg, Extent, Helper, Indirect, Ret};
use crate::isa::{Reg, RegSet};

pub(super) fn clobber_caller_saved(state: &mut State) {
    for reg in Reg::caller_saved() {
        state.set_number(reg, Value::NUMBER);
    }
}

/// A callee of which nothing is known but the arguments: it may write, and keep for its
/// result, whatever it can reach.
pub(super) fn call_unknown(state: &mut State, args: RegSet) {
    let passed = Reg::arguments().filter(|reg| args.contains(*reg));
    let args: Vec<Value> = passed.map(|r| state.reg(r)).collect();
    let reaches_frame = args.iter().any(Value::may_be_frame);
    for arg in args {
        write_through(state, arg, i64::MAX, true);
    }
    clobber_caller_saved(state);
    let result = if reaches_frame { Value::ANY } else { Value::NUMBER };
    state.set(Reg::R0, result, Kind::Unknown);
}

/// A function of the program of which nothing is known but the arguments. Whoever loads it decides
/// whether it is verified on its own or with its callers: only libbpf makes hidden functions static
/// (`bpf_object__add_programs`), aya makes some global ones static, and without types all are. What
/// is verified with its callers may access a caller's frame on both sides of an address that it
/// gets, put that address there, and return it, or the context.
pub(super) fn call_function(state: &mut State) {
    let args = || Reg::arguments().map(|reg| state.reg(reg));
    let frame = args().any(|arg| arg.may_be_frame());
    let ctx = frame || args().any(|arg| arg.may_be_ctx());
    if frame {
        state.clobber_all();
    }
    clobber_caller_saved(state);
    let result = if ctx { Value::Opaque { frame, ctx } } else { Value::NUMBER };
    state.set(Reg::R0, result, Kind::Unknown);
}

/// Something writes up to `len` bytes at an address and, if `deep`, through the addresses
/// that it finds there. The verifier takes what is there afterwards for numbers.
fn write_through(state: &mut State, address: Value, len: i64, deep: bool) {
    let content = (Value::NUMBER, Kind::Number);
    match address {
        _ if address.may_be_frame() && deep && state.holds_frame_address() => state.clobber_all(),
        Value::Frame { depth, offset: Some(offset) } => {
            state.clobber(depth, offset, len, content);
        }
        Value::FrameWithin { depth, low, high } => {
            let len = len.saturating_add(i64::from(high) - i64::from(low));
            state.clobber(depth, low.into(), len, content);
        }
        Value::Frame { depth, offset: None } => {
            state.clobber(depth, -FRAME_SIZE, i64::MAX, content);
        }
        Value::Frames { depths, low, high } => {
            let len = len.saturating_add(i64::from(high) - i64::from(low));
            for depth in (0..8).filter(|depth| depths & (1 << depth) != 0) {
                state.clobber(depth, low.into(), len, content);
            }
        }
        Value::Opaque { frame: true, .. } => state.clobber_all(),
        _ => {}
    }
}

/// Whether a helper that is called now runs none of the program's code and returns 0.
pub(crate) fn runs_nothing(state: &State, helper: &Helper) -> bool {
    helper.runs_nothing(|reg| state.reg(reg).as_constant().filter(|_| state.kind(reg).is_number()))
}

pub(super) fn call_helper(state: &mut State, helper: &Helper) {
    let args = || Reg::arguments().zip(helper.args);
    let length = |number: u8| {
        Reg::new(number)
            .map_or(Value::NUMBER, |reg| Value::Number(Number::length(&state.reg(reg).number())))
    };
    let (result, kind) = match helper.ret {
        Ret::Length(number) => (length(number), Kind::Number),
        Ret::Integer | Ret::Void => (Value::NUMBER, Kind::Number),
        Ret::Ptr => (Value::NUMBER, Kind::Unknown),
        Ret::PtrOrNull => (Value::NUMBER, Kind::OrNull),
    };
    let reaches_frame = args().any(|(reg, _)| state.reg(reg).may_be_frame());
    let through_memory = helper.indirect == Indirect::ReadsWrites || helper.takes_callback();
    if through_memory && reaches_frame {
        state.clobber_all();
    }
    for (reg, arg) in args() {
        let address = state.reg(reg);
        match arg {
            Arg::Memory { access: Access::Retain, .. } if address.may_be_frame() => {
                state.clobber_all();
            }
            Arg::Memory { access, extent } if access.writes() => {
                let len = match extent {
                    Extent::Bytes(len) => i64::from(*len),
                    Extent::Arg(number) => match Reg::new(*number) {
                        Some(reg) => {
                            i64::try_from(state.reg(reg).number().umax).unwrap_or(i64::MAX)
                        }
                        None => i64::MAX,
                    },
                    Extent::MapKey | Extent::MapValue | Extent::String => i64::MAX,
                };
                write_through(state, address, len, false);
            }
            Arg::Memory { .. }
            | Arg::Scalar
            | Arg::Ctx
            | Arg::Map
            | Arg::Object
            | Arg::Callback
            | Arg::CallbackCtx
            | Arg::Variadic => {}
        }
    }
    clobber_caller_saved(state);
    state.set(Reg::R0, result, kind);
}
