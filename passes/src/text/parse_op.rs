//! Text to one instruction.

use super::cursor::{Parser, Result};
use super::error::ParseErrorKind;
use super::lex::Token;
use super::names;
use super::op::alu_symbol;

use crate::helpers::Helper;
use crate::isa::{AluOp, AtomicOp, Callee, Cond, Imm64, Op, Operand, Reg, Size, SwapOp, Width};

/// Reads what a jump names.
type Target<'a, T> = fn(&mut Parser<'a>) -> Result<T>;

const ANY_TYPE: &str = "u8, u16, u32, u64, s8, s16 or s32";

/// A memory operand: `*(u32 *)(r1 + 0x8)`.
struct Place {
    size: Size,
    signed: bool,
    base: Reg,
    off: i16,
}

impl<'a> Parser<'a> {
    pub(super) fn op<T>(&mut self, target: Target<'a, T>) -> Result<Op<T>> {
        if let Some((width, dst)) = self.register_here() {
            self.advance();
            return self.assignment(width, dst);
        }
        if self.eat("*") {
            let place = self.unsigned_place()?;
            return self.store(place);
        }
        match self.word("an instruction")? {
            "if" => self.branch(target),
            "goto" => Ok(Op::Goto { target: target(self)?, long: false }),
            "gotol" => Ok(Op::Goto { target: target(self)?, long: true }),
            "gotox" => Ok(Op::GotoX { dst: self.register(Width::W64)? }),
            "may_goto" => Ok(Op::MayGoto { target: target(self)? }),
            "call" => self.call(),
            "exit" => Ok(Op::Exit),
            "lock" => self.lock(),
            "store_release" => {
                self.symbol("(")?;
                let Place { size, base, off, .. } = self.unsigned_place()?;
                self.symbol(",")?;
                let src = self.value_register(size)?;
                self.symbol(")")?;
                Ok(Op::StoreRelease { size, base, off, src })
            }
            _ => Err(self.before().expected("an instruction")),
        }
    }

    /// What follows the first register: `+= r2`, `= …`.
    fn assignment<T>(&mut self, width: Width, dst: Reg) -> Result<Op<T>> {
        if self.eat("=") {
            return self.value(width, dst);
        }
        match self.alu_symbol() {
            Some(op) => Ok(Op::Alu { width, op, dst, src: self.operand(width)? }),
            None => Err(self.expected("`=` or an arithmetic assignment")),
        }
    }

    /// What follows `dst =`.
    fn value<T>(&mut self, width: Width, dst: Reg) -> Result<Op<T>> {
        if self.eat("*") {
            return self.load(width, dst);
        }
        if *self.peek() == Token::Symbol("(") {
            return self.sign_extension(width, dst);
        }
        if let Some((from, _)) = self.register_here() {
            if from != width {
                return Err(self.expected("a register of the same width"));
            }
            return Ok(Op::Mov { width, dst, src: self.operand(width)? });
        }
        if *self.peek() == Token::Symbol("-") && is_register(self.peek_at(1)) {
            self.advance();
            let src = self.register(width)?;
            self.same(src, dst)?;
            return Ok(Op::Neg { width, dst });
        }
        if let Token::Word(word) = *self.peek() {
            if let (Some((op, size)), true) = (swap(word), is_register(self.peek_at(1))) {
                self.advance();
                let src = self.register(width)?;
                self.same(src, dst)?;
                return Ok(Op::Swap { op, size, dst });
            }
            if let (true, Token::Symbol("(")) = (word != "pseudo", self.peek_at(1)) {
                self.advance();
                return self.function_form(word, width, dst);
            }
        }
        if self.is_number() {
            let ends = if *self.peek() == Token::Symbol("-") { 2 } else { 1 };
            if *self.peek_at(ends) != Token::Word("ll") {
                return Ok(Op::Mov { width, dst, src: self.operand(width)? });
            }
        }
        if width != Width::W64 {
            return Err(self.expected("a 32-bit value"));
        }
        let imm = self.imm64()?;
        self.keyword("ll", "`ll`")?;
        Ok(Op::LdImm64 { dst, imm })
    }

    /// What follows `dst = *`.
    fn load<T>(&mut self, width: Width, dst: Reg) -> Result<Op<T>> {
        if *self.peek_at(4) != Token::Word("skb") {
            let place = match width {
                Width::W32 => {
                    self.place("u8, u16 or u32", |size, signed| size != Size::DW && !signed)
                }
                Width::W64 => self.place(ANY_TYPE, |_, _| true),
            };
            let Place { size, signed, base, off } = place?;
            return Ok(Op::Load { size, signed, dst, base, off });
        }
        let (size, _) = self.cast("u8, u16 or u32", |size, signed| size != Size::DW && !signed)?;
        if dst != Reg::R0 {
            return Err(self.expected("an address, as only r0 receives packet bytes"));
        }
        self.advance();
        self.symbol("[")?;
        let op = if is_register(self.peek()) {
            let src = self.register(Width::W64)?;
            Op::LdInd { size, src, imm: self.displacement(i32::MIN, i32::MAX)? }
        } else {
            Op::LdAbs { size, imm: self.imm(Width::W64)? }
        };
        self.symbol("]")?;
        Ok(op)
    }

    /// What follows `dst =` where it begins with a bracket: `(s8)r2`.
    fn sign_extension<T>(&mut self, width: Width, dst: Reg) -> Result<Op<T>> {
        self.symbol("(")?;
        let from = match (self.word("s8, s16 or s32")?, width) {
            ("s8", _) => Size::B,
            ("s16", _) => Size::H,
            ("s32", Width::W64) => Size::W,
            _ => return Err(self.before().expected("a smaller signed type")),
        };
        self.symbol(")")?;
        Ok(Op::MovSx { width, from, dst, src: self.register(width)? })
    }

    /// What follows `dst = name`, where a `(` does.
    fn function_form<T>(&mut self, name: &str, width: Width, dst: Reg) -> Result<Op<T>> {
        if let Some(op) = name.strip_prefix("atomic_fetch_") {
            let op = match op {
                "add" => AtomicOp::Add { fetch: true },
                "or" => AtomicOp::Or { fetch: true },
                "and" => AtomicOp::And { fetch: true },
                "xor" => AtomicOp::Xor { fetch: true },
                _ => return Err(self.before().expected("an atomic operation")),
            };
            self.symbol("(")?;
            let Place { size, base, off, .. } = self.atomic_place()?;
            self.symbol(",")?;
            let src = self.value_register(size)?;
            self.same(src, dst)?;
            self.symbol(")")?;
            return Ok(Op::Atomic { size, op, base, off, src });
        }
        match name {
            "xchg_64" | "xchg32_32" | "cmpxchg_64" | "cmpxchg32_32" => {
                let size = if name.ends_with("64") { Size::DW } else { Size::W };
                let op = match name.starts_with("xchg") {
                    true => AtomicOp::Xchg,
                    false => AtomicOp::Cmpxchg,
                };
                let (base, off) = self.address()?;
                self.symbol(",")?;
                let mut src = self.value_register(size)?;
                self.same(src, dst)?;
                if op == AtomicOp::Cmpxchg {
                    self.same(dst, Reg::R0)?;
                    self.symbol(",")?;
                    src = self.value_register(size)?;
                }
                self.symbol(")")?;
                Ok(Op::Atomic { size, op, base, off, src })
            }
            "load_acquire" => {
                self.symbol("(")?;
                let Place { size, base, off, .. } = self.unsigned_place()?;
                self.symbol(")")?;
                Ok(Op::LoadAcquire { size, dst, base, off })
            }
            "addr_space_cast" if width == Width::W64 => {
                self.symbol("(")?;
                let src = self.register(Width::W64)?;
                let mut spaces = 0;
                for _ in 0..2 {
                    self.symbol(",")?;
                    let space = self.number_in("an address space", 0, u16::MAX.into())?;
                    spaces = spaces << 16 | space as u32;
                }
                self.symbol(")")?;
                Ok(Op::AddrSpaceCast { dst, src, spaces })
            }
            _ => Err(self.before().expected("a value")),
        }
    }

    fn imm64(&mut self) -> Result<Imm64> {
        if self.is_number() {
            let number = self.number_in("the value", i64::MIN.into(), u64::MAX.into())?;
            return Ok(Imm64::Const(number as u64));
        }
        if self.eat_word("pseudo") {
            self.symbol("(")?;
            let src = self.number_in("the source field", 1, 15)? as u8;
            self.symbol(",")?;
            let imm = self.imm(Width::W64)?;
            self.symbol(",")?;
            let next_imm = self.imm(Width::W64)?;
            self.symbol(")")?;
            return Ok(Imm64::Pseudo { src, imm, next_imm });
        }
        if self.eat_word("map") {
            return Ok(Imm64::Map(self.entity_named("map", |p| &p.maps, |m| &m.name)?));
        }
        if self.eat_word("func") {
            return Ok(Imm64::Func(self.entity_named("function", |p| &p.funcs, |f| &f.name)?));
        }
        if self.eat_word("extern") {
            return Ok(Imm64::Extern(self.entity_named("extern", |p| &p.externs, |e| &e.name)?));
        }
        let section = self.entity_named("section", |p| &p.sections, |s| &s.name)?;
        Ok(Imm64::Section { section, offset: self.displacement(i64::MIN, i64::MAX)? })
    }

    fn call<T>(&mut self) -> Result<Op<T>> {
        if self.is_number() {
            return Ok(Op::Call(Callee::Helper(self.imm(Width::W64)?)));
        }
        if self.eat_word("extern") {
            let ext = self.entity_named("extern", |p| &p.externs, |e| &e.name)?;
            return Ok(Op::Call(Callee::Extern(ext)));
        }
        if self.eat_word("pseudo") {
            self.symbol("(")?;
            let src = self.number_in("the source field", 1, 15)? as u8;
            self.symbol(",")?;
            let off = self.number_in("the offset", i16::MIN.into(), i16::MAX.into())? as i16;
            self.symbol(",")?;
            let imm = self.imm(Width::W64)?;
            self.symbol(")")?;
            return Ok(Op::Call(Callee::Pseudo { src, off, imm }));
        }
        match *self.peek() {
            Token::Word(name) if *self.peek_at(1) == Token::Symbol("#") => {
                self.advance();
                self.advance();
                let number = self.imm(Width::W64)?;
                match Helper::get(number) {
                    Some(helper) if helper.name == name => Ok(Op::Call(Callee::Helper(number))),
                    Some(Helper { name, .. }) => Err(self
                        .before()
                        .error(ParseErrorKind::HelperName { number: number.into(), name })),
                    None => Err(self.before().expected("the number of a helper")),
                }
            }
            Token::Word(name) if self.program.funcs.values().all(|f| f.name != name) => {
                let helper = Helper::by_name(name).ok_or_else(|| {
                    let name = name.to_owned();
                    self.error(ParseErrorKind::Unknown { what: "function or helper", name })
                })?;
                self.advance();
                Ok(Op::Call(Callee::Helper(helper.number)))
            }
            _ => {
                let func = self.entity_named("function", |p| &p.funcs, |f| &f.name)?;
                Ok(Op::Call(Callee::Func(func)))
            }
        }
    }

    fn branch<T>(&mut self, target: Target<'a, T>) -> Result<Op<T>> {
        let Some((width, dst)) = self.register_here() else {
            return Err(self.expected("a register"));
        };
        self.advance();
        let cond = self.cond_symbol().ok_or_else(|| self.expected("a condition"))?;
        let src = self.operand(width)?;
        self.keyword("goto", "`goto`")?;
        Ok(Op::Branch { width, cond, dst, src, target: target(self)? })
    }

    /// What follows the address of a store.
    fn store<T>(&mut self, place: Place) -> Result<Op<T>> {
        let Place { size, base, off, .. } = place;
        self.symbol("=")?;
        let src = if is_register(self.peek()) {
            Operand::Reg(self.value_register(size)?)
        } else {
            let width = if size == Size::DW { Width::W64 } else { Width::W32 };
            Operand::Imm(self.imm(width)?)
        };
        Ok(Op::Store { size, base, off, src })
    }

    /// What follows `lock`.
    fn lock<T>(&mut self) -> Result<Op<T>> {
        self.symbol("*")?;
        let Place { size, base, off, .. } = self.atomic_place()?;
        let op = match self.alu_symbol() {
            Some(AluOp::Add) => AtomicOp::Add { fetch: false },
            Some(AluOp::Or) => AtomicOp::Or { fetch: false },
            Some(AluOp::And) => AtomicOp::And { fetch: false },
            Some(AluOp::Xor) => AtomicOp::Xor { fetch: false },
            _ => return Err(self.expected("`+=`, `|=`, `&=` or `^=`")),
        };
        Ok(Op::Atomic { size, op, base, off, src: self.value_register(size)? })
    }

    /// The rest of a memory operand after its `*`: `(u32 *)(r1 + 0x8)`, with a type that
    /// `fits`.
    fn place(
        &mut self,
        expected: &'static str,
        fits: impl Fn(Size, bool) -> bool,
    ) -> Result<Place> {
        let (size, signed) = self.cast(expected, fits)?;
        let (base, off) = self.address()?;
        self.symbol(")")?;
        Ok(Place { size, signed, base, off })
    }

    fn unsigned_place(&mut self) -> Result<Place> {
        self.place("u8, u16, u32 or u64", |_, signed| !signed)
    }

    fn atomic_place(&mut self) -> Result<Place> {
        self.place("u32 or u64", |size, signed| matches!(size, Size::W | Size::DW) && !signed)
    }

    /// `(u32 *)`: the size, and whether the type is signed.
    fn cast(
        &mut self,
        expected: &'static str,
        fits: impl Fn(Size, bool) -> bool,
    ) -> Result<(Size, bool)> {
        self.symbol("(")?;
        let cast = match self.word(expected)? {
            "u8" => Some((Size::B, false)),
            "u16" => Some((Size::H, false)),
            "u32" => Some((Size::W, false)),
            "u64" => Some((Size::DW, false)),
            "s8" => Some((Size::B, true)),
            "s16" => Some((Size::H, true)),
            "s32" => Some((Size::W, true)),
            _ => None,
        };
        let Some(cast) = cast.filter(|(size, signed)| fits(*size, *signed)) else {
            return Err(self.before().expected(expected));
        };
        self.symbol("*")?;
        self.symbol(")")?;
        Ok(cast)
    }

    /// `(r1 + 0x8`: the caller reads what closes the bracket.
    fn address(&mut self) -> Result<(Reg, i16)> {
        self.symbol("(")?;
        let base = self.register(Width::W64)?;
        Ok((base, self.displacement(i16::MIN, i16::MAX)?))
    }

    /// `+ 0x8`, `- 0x8` or nothing.
    pub(super) fn displacement<N>(&mut self, min: N, max: N) -> Result<N>
    where
        N: Into<i128> + TryFrom<i128> + Default,
    {
        if self.eat("+") || *self.peek() == Token::Symbol("-") {
            let number = self.number_in("the displacement", min.into(), max.into())?;
            return Ok(N::try_from(number).unwrap_or_default());
        }
        Ok(N::default())
    }

    fn operand(&mut self, width: Width) -> Result<Operand> {
        if is_register(self.peek()) {
            self.register(width).map(Operand::Reg)
        } else {
            self.imm(width).map(Operand::Imm)
        }
    }

    /// A 32-bit immediate; for a 32-bit operation it can be unsigned too.
    fn imm(&mut self, width: Width) -> Result<i32> {
        let max = match width {
            Width::W32 => u32::MAX.into(),
            Width::W64 => i32::MAX.into(),
        };
        Ok(self.number_in("the immediate", i32::MIN.into(), max)? as i32)
    }

    fn register(&mut self, width: Width) -> Result<Reg> {
        match self.register_here() {
            Some((found, reg)) if found == width => {
                self.advance();
                Ok(reg)
            }
            _ => Err(self.expected(match width {
                Width::W32 => "a w register",
                Width::W64 => "an r register",
            })),
        }
    }

    /// A register that holds a value of `size`; `w` for up to 4 bytes only.
    fn value_register(&mut self, size: Size) -> Result<Reg> {
        match self.register_here() {
            Some((width, reg)) if width == Width::W64 || size != Size::DW => {
                self.advance();
                Ok(reg)
            }
            _ => Err(self.expected("a register of the value's size")),
        }
    }

    fn register_here(&self) -> Option<(Width, Reg)> {
        register(self.peek())
    }

    /// Checks that the register that was just read is the one that the encoding implies.
    fn same(&mut self, found: Reg, implied: Reg) -> Result<()> {
        if found == implied { Ok(()) } else { Err(self.before().expected("the same register")) }
    }

    fn is_number(&self) -> bool {
        match self.peek() {
            Token::Symbol("-") => true,
            Token::Word(word) => word.starts_with(|c: char| c.is_ascii_digit()),
            _ => false,
        }
    }

    fn alu_symbol(&mut self) -> Option<AluOp> {
        let found = AluOp::ALL.into_iter().find(|op| self.is_operator(alu_symbol(*op)))?;
        self.skip_operator();
        Some(found)
    }

    fn cond_symbol(&mut self) -> Option<Cond> {
        let found = Cond::ALL.into_iter().find(|cond| self.is_operator(cond.symbol()))?;
        self.skip_operator();
        Some(found)
    }

    /// Whether `operator`, whose `s` for signed is a token of its own, stands here.
    fn is_operator(&self, operator: &str) -> bool {
        let symbol = |token: &Token<'_>, symbol| matches!(token, Token::Symbol(s) if *s == symbol);
        match operator.strip_prefix('s') {
            Some(rest) => *self.peek() == Token::Word("s") && symbol(self.peek_at(1), rest),
            None => symbol(self.peek(), operator),
        }
    }

    fn skip_operator(&mut self) {
        self.eat_word("s");
        self.advance();
    }
}

fn register(token: &Token<'_>) -> Option<(Width, Reg)> {
    let Token::Word(word) = token else { return None };
    let (letter, number) = names::register(word)?;
    let width = if letter == 'w' { Width::W32 } else { Width::W64 };
    Some((width, Reg::new(number)?))
}

fn is_register(token: &Token<'_>) -> bool {
    register(token).is_some()
}

fn swap(word: &str) -> Option<(SwapOp, Size)> {
    let (op, bits) = match word {
        word if word.starts_with("le") => (SwapOp::ToLe, &word[2..]),
        word if word.starts_with("be") => (SwapOp::ToBe, &word[2..]),
        word => (SwapOp::Bswap, word.strip_prefix("bswap")?),
    };
    let size = match bits {
        "16" => Size::H,
        "32" => Size::W,
        "64" => Size::DW,
        _ => return None,
    };
    Some((op, size))
}
