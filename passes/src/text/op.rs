//! One instruction as text.

use std::fmt::{self, Display};

use super::names::Names;
use crate::helpers::Helper;
use crate::isa::{AluOp, AtomicOp, Callee, Imm64, Op, Operand, Reg, Size, SwapOp, Width};

/// Writes `op` without indentation; `target` writes what a jump names.
pub(super) fn write_op<T>(
    f: &mut dyn fmt::Write,
    names: &Names,
    op: &Op<T>,
    target: impl Fn(&T) -> String,
) -> fmt::Result {
    match op {
        Op::Alu { width, op, dst, src } => {
            write!(f, "{} {} {}", at(*width, *dst), alu_symbol(*op), operand(*width, *src))
        }
        Op::Neg { width, dst } => write!(f, "{0} = -{0}", at(*width, *dst)),
        Op::Mov { width, dst, src } => {
            write!(f, "{} = {}", at(*width, *dst), operand(*width, *src))
        }
        Op::MovSx { width, from, dst, src } => {
            write!(f, "{} = (s{}){}", at(*width, *dst), from.bits(), at(*width, *src))
        }
        Op::AddrSpaceCast { dst, src, spaces } => {
            let (to, from) = (spaces >> 16, spaces & 0xffff);
            write!(f, "{dst:?} = addr_space_cast({src:?}, {to:#x}, {from:#x})")
        }
        Op::Swap { op, size, dst } => {
            write!(f, "{dst:?} = {}{} {dst:?}", swap_name(*op), size.bits())
        }
        Op::Load { size, signed: true, dst, base, off } => {
            write!(f, "{dst:?} = *(s{} *)({base:?} {})", size.bits(), plus(*off))
        }
        Op::Load { size, signed: false, dst, base, off } => {
            write!(f, "{} = *(u{} *)({base:?} {})", of(*size, *dst), size.bits(), plus(*off))
        }
        Op::Store { size, base, off, src } => {
            write!(f, "*(u{} *)({base:?} {}) = ", size.bits(), plus(*off))?;
            match src {
                Operand::Reg(src) => write!(f, "{}", of(*size, *src)),
                Operand::Imm(imm) => write!(f, "{}", hex(*imm)),
            }
        }
        Op::Atomic { size, op, base, off, src } => write_atomic(f, *size, *op, *base, *off, *src),
        Op::LoadAcquire { size, dst, base, off } => {
            let (dst, bits, off) = (of(*size, *dst), size.bits(), plus(*off));
            write!(f, "{dst} = load_acquire((u{bits} *)({base:?} {off}))")
        }
        Op::StoreRelease { size, base, off, src } => {
            let (src, bits, off) = (of(*size, *src), size.bits(), plus(*off));
            write!(f, "store_release((u{bits} *)({base:?} {off}), {src})")
        }
        Op::LdImm64 { dst, imm } => {
            write!(f, "{dst:?} = ")?;
            write_imm64(f, names, *imm)?;
            f.write_str(" ll")
        }
        Op::LdAbs { size, imm } => write!(f, "r0 = *(u{} *)skb[{}]", size.bits(), hex(*imm)),
        Op::LdInd { size, src, imm: 0 } => write!(f, "r0 = *(u{} *)skb[{src:?}]", size.bits()),
        Op::LdInd { size, src, imm } => {
            write!(f, "r0 = *(u{} *)skb[{src:?} {}]", size.bits(), plus(*imm))
        }
        Op::Call(callee) => {
            f.write_str("call ")?;
            write_callee(f, names, *callee)
        }
        Op::Exit => f.write_str("exit"),
        Op::Goto { target: to, long } => {
            write!(f, "goto{} {}", if *long { "l" } else { "" }, target(to))
        }
        Op::Branch { width, cond, dst, src, target: to } => {
            let (dst, src) = (at(*width, *dst), operand(*width, *src));
            write!(f, "if {dst} {} {src} goto {}", cond.symbol(), target(to))
        }
        Op::MayGoto { target: to } => write!(f, "may_goto {}", target(to)),
        Op::GotoX { dst } => write!(f, "gotox {dst:?}"),
    }
}

fn write_atomic(
    f: &mut dyn fmt::Write,
    size: Size,
    op: AtomicOp,
    base: Reg,
    off: i16,
    src: Reg,
) -> fmt::Result {
    let (src, off) = (of(size, src), plus(off));
    let place = format!("(u{} *)({base:?} {off})", size.bits());
    let (symbol, name, fetch) = match op {
        AtomicOp::Add { fetch } => ("+=", "add", fetch),
        AtomicOp::Or { fetch } => ("|=", "or", fetch),
        AtomicOp::And { fetch } => ("&=", "and", fetch),
        AtomicOp::Xor { fetch } => ("^=", "xor", fetch),
        AtomicOp::Xchg => {
            return write!(f, "{src} = xchg{}({base:?} {off}, {src})", exchange_suffix(size));
        }
        AtomicOp::Cmpxchg => {
            let (suffix, old) = (exchange_suffix(size), of(size, Reg::R0));
            return write!(f, "{old} = cmpxchg{suffix}({base:?} {off}, {old}, {src})");
        }
    };
    if fetch {
        write!(f, "{src} = atomic_fetch_{name}({place}, {src})")
    } else {
        write!(f, "lock *{place} {symbol} {src}")
    }
}

fn exchange_suffix(size: Size) -> String {
    match size {
        Size::DW => "_64".to_owned(),
        size => format!("32_{}", size.bits()),
    }
}

fn write_imm64(f: &mut dyn fmt::Write, names: &Names, imm: Imm64) -> fmt::Result {
    match imm {
        Imm64::Const(value) => write!(f, "{}", hex(value as i64)),
        Imm64::Section { section, offset: 0 } => write!(f, "{}", names.section(section)),
        Imm64::Section { section, offset } => {
            write!(f, "{} {}", names.section(section), plus(offset))
        }
        Imm64::Map(map) => write!(f, "map {}", names.map(map)),
        Imm64::Func(func) => write!(f, "func {}", names.func(func)),
        Imm64::Extern(ext) => write!(f, "extern {}", names.ext(ext)),
        Imm64::Pseudo { src, imm, next_imm } => {
            write!(f, "pseudo({src}, {}, {})", hex(imm), hex(next_imm))
        }
    }
}

fn write_callee(f: &mut dyn fmt::Write, names: &Names, callee: Callee) -> fmt::Result {
    match callee {
        Callee::Helper(number) => match Helper::get(number) {
            Some(helper) => write!(f, "{}#{number}", helper.name),
            None => write!(f, "{}", hex(number)),
        },
        Callee::Func(func) => write!(f, "{}", names.func(func)),
        Callee::Extern(ext) => write!(f, "extern {}", names.ext(ext)),
        Callee::Pseudo { src, off, imm } => write!(f, "pseudo({src}, {}, {})", hex(off), hex(imm)),
    }
}

/// A register under the name that `width` gives it.
fn at(width: Width, reg: Reg) -> String {
    match width {
        Width::W32 => format!("w{}", reg.number()),
        Width::W64 => format!("r{}", reg.number()),
    }
}

/// A register that holds a value of `size`.
fn of(size: Size, reg: Reg) -> String {
    at(if size == Size::DW { Width::W64 } else { Width::W32 }, reg)
}

fn operand(width: Width, operand: Operand) -> String {
    match operand {
        Operand::Reg(reg) => at(width, reg),
        Operand::Imm(imm) => hex(imm).to_string(),
    }
}

/// A number as sign and hexadecimal magnitude.
pub(super) fn hex(number: impl Into<i64>) -> impl Display {
    let number = number.into();
    format!("{}{:#x}", if number < 0 { "-" } else { "" }, number.unsigned_abs())
}

/// A number that is added: `+ 0x8`, `- 0x8`.
pub(super) fn plus(number: impl Into<i64>) -> impl Display {
    let number = number.into();
    format!("{} {:#x}", if number < 0 { "-" } else { "+" }, number.unsigned_abs())
}

pub(super) fn alu_symbol(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::SDiv => "s/=",
        AluOp::Mod => "%=",
        AluOp::SMod => "s%=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Xor => "^=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Arsh => "s>>=",
    }
}

fn swap_name(op: SwapOp) -> &'static str {
    match op {
        SwapOp::ToLe => "le",
        SwapOp::ToBe => "be",
        SwapOp::Bswap => "bswap",
    }
}
