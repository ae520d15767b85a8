//! Numbers as C's constant expressions: operators, names of enums' values, `KERNEL_VERSION`,
//! `htons` and its like.
//!
//! Operators and their order are those of C. Numbers have a sign and 127 bits while they are
//! computed; only the result must fit the type. What `~` gives is meant by its low bits, as C
//! converts it.

use object::Endianness;

use super::VariableError;
use super::bits;
use super::encode::Encoder;
use super::error::nearest;
use super::lex::Token;
use super::number::{Number, Range};
use super::path::place_type_name;
use crate::btf::{Enumeration, Kind, TypeId};

/// How deep parentheses and unary operators may nest.
const MAX_NESTING: u32 = 64;

/// A number for an enum that is none of its enumerators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OddEnum {
    /// The enum as C writes it.
    pub type_name: String,
    /// The number.
    pub value: String,
    /// The enumerators.
    pub known: Vec<String>,
}

/// What an expression is read for.
struct Context<'c> {
    ty: TypeId,
    enumeration: Option<&'c Enumeration>,
    expected: &'static str,
    depth: u32,
    /// Whether `|` was among the operators, as in flags that are put together.
    combined: bool,
}

/// The operators with two operands, those that bind least first.
const LEVELS: u8 = 6;

impl Encoder<'_> {
    /// A number for a `bool`, with the cure for the words that other languages have.
    pub(super) fn bool(&mut self, ty: TypeId, range: &Range) -> Result<u128, VariableError> {
        let word = self.word_text().to_lowercase();
        let meant = match word.as_str() {
            "yes" | "y" | "on" | "enable" | "enabled" | "t" => Some("true"),
            "no" | "n" | "off" | "disable" | "disabled" | "f" => Some("false"),
            "true" if self.word_text() != "true" => Some("true"),
            "false" if self.word_text() != "false" => Some("false"),
            _ => None,
        };
        match meant {
            Some(meant) => Err(self.wrong_type(
                self.type_name(ty),
                &format!("`true` or `false`: `{}` is `{meant}`", self.word_text()),
            )),
            None => self.number(ty, range, None),
        }
    }

    /// An integer in any of its forms, as bits of the range's width.
    pub(super) fn number(
        &mut self,
        ty: TypeId,
        range: &Range,
        enumeration: Option<&Enumeration>,
    ) -> Result<u128, VariableError> {
        let at = self.next;
        let expected = match enumeration {
            Some(_) => "the name of one of its values or an integer",
            None => "an integer",
        };
        let mut context = Context { ty, enumeration, expected, depth: 0, combined: false };
        let number = self.binary(&mut context, 0)?;
        let number = Number { negative: number.negative && number.magnitude != 0, ..number };
        if range.holds(number) {
            let bits = number.bits() & bits::ones(range.bits);
            if let Some(enumeration) = enumeration.filter(|_| !context.combined) {
                self.check_enumerator(ty, enumeration, number, (bits, range.bits));
            }
            return Ok(bits);
        }
        self.next = at;
        let (least, most) = range.ends();
        Err(VariableError::OutOfRange {
            path: self.path.to_owned(),
            type_name: self.btf.map_or_else(
                || format!("{} bytes", range.bits / 8),
                |btf| place_type_name(btf, ty, range.bits),
            ),
            value: number.text(),
            range: format!(
                "{} to {most}",
                Number { negative: least != 0, ..Number::of(least) }.text()
            ),
        })
    }

    /// Notes a number that no enumerator has.
    fn check_enumerator(
        &mut self,
        ty: TypeId,
        enumeration: &Enumeration,
        number: Number,
        (bits, width): (u128, u64),
    ) {
        let Some(btf) = self.btf else { return };
        let has = |value: i64| i128::from(value).cast_unsigned() & bits::ones(width) == bits;
        let known = &enumeration.values;
        // An enum without enumerators is a declaration.
        if known.is_empty() || known.iter().any(|known| has(known.value)) {
            return;
        }
        let odd = OddEnum {
            type_name: btf.type_name(ty),
            value: number.text(),
            known: known.iter().map(|known| btf.str(known.name).to_owned()).collect(),
        };
        self.odd.push(odd);
    }

    /// An expression of operators that bind at least as much as `level`.
    fn binary(&mut self, context: &mut Context<'_>, level: u8) -> Result<Number, VariableError> {
        if level == LEVELS {
            return self.unary(context);
        }
        let mut left = self.binary(context, level + 1)?;
        while let Some(operator) = self.operator(level) {
            context.combined |= operator == '|';
            self.next += 1;
            let right = self.binary(context, level + 1)?;
            left = self.combine(operator, left, right)?;
        }
        Ok(left)
    }

    /// The operator of a level that is next; shifts are `<` and `>`.
    fn operator(&self, level: u8) -> Option<char> {
        let operator = match self.peek()? {
            Token::Sign(sign) => *sign,
            Token::ShiftLeft => '<',
            Token::ShiftRight => '>',
            _ => return None,
        };
        let own = match operator {
            '|' => 0,
            '^' => 1,
            '&' => 2,
            '<' | '>' => 3,
            '+' | '-' => 4,
            '*' | '/' | '%' => 5,
            _ => return None,
        };
        (own == level).then_some(operator)
    }

    fn combine(
        &self,
        operator: char,
        left: Number,
        right: Number,
    ) -> Result<Number, VariableError> {
        let wraps = left.wraps || right.wraps;
        let too_large = || self.syntax("a result of at most 127 bits");
        let (a, b) = left.signed().zip(right.signed()).ok_or_else(too_large)?;
        let shift = || u32::try_from(b).ok().filter(|by| *by < 127);
        let result = match operator {
            '|' => Some(a | b),
            '^' => Some(a ^ b),
            '&' => Some(a & b),
            '<' => shift().and_then(|by| a.checked_mul(1_i128.checked_shl(by)?)),
            '>' => shift().map(|by| a >> by),
            '+' => a.checked_add(b),
            '-' => a.checked_sub(b),
            '*' => a.checked_mul(b),
            _ if b == 0 => return Err(self.syntax("a divisor that is not 0 before this")),
            '/' => a.checked_div(b),
            _ => a.checked_rem(b),
        };
        result.map(|value| Number { wraps, ..Number::from_signed(value) }).ok_or_else(too_large)
    }

    fn unary(&mut self, context: &mut Context<'_>) -> Result<Number, VariableError> {
        if context.depth == MAX_NESTING {
            return Err(self.syntax("less parentheses and signs"));
        }
        context.depth += 1;
        let number = match self.peek() {
            Some(Token::Sign('-')) => {
                self.next += 1;
                let number = self.unary(context)?;
                Number { negative: !number.negative && number.magnitude != 0, ..number }
            }
            Some(Token::Sign('+')) => {
                self.next += 1;
                self.unary(context)?
            }
            Some(Token::Sign('~')) => {
                self.next += 1;
                let number = self.unary(context)?;
                let value = number.signed().map(|value| !value);
                let value = value.ok_or_else(|| self.syntax("a number of at most 127 bits"))?;
                Number { wraps: true, ..Number::from_signed(value) }
            }
            Some(Token::Sign('(')) => {
                self.next += 1;
                let number = self.binary(context, 0)?;
                self.expect(')')?;
                number
            }
            _ => self.primary(context)?,
        };
        context.depth -= 1;
        Ok(number)
    }

    fn primary(&mut self, context: &mut Context<'_>) -> Result<Number, VariableError> {
        let number = match self.peek().cloned() {
            Some(Token::Number(magnitude) | Token::Version(magnitude)) => Number::of(magnitude),
            Some(Token::Char(byte)) => Number::of(byte.into()),
            Some(Token::Name(name)) => return self.named(&name, context),
            Some(Token::Float) => return Err(self.float()),
            _ => return Err(self.wrong_type(self.type_name(context.ty), context.expected)),
        };
        self.next += 1;
        Ok(number)
    }

    /// The number that a name stands for.
    fn named(&mut self, name: &str, context: &mut Context<'_>) -> Result<Number, VariableError> {
        let (ty, enumeration) = (context.ty, context.enumeration);
        match name {
            "KERNEL_VERSION" => return self.kernel_version(),
            _ if network_width(name).is_some() => return self.network(name, context),
            _ => {}
        }
        let number = match name {
            "true" => Number::of(1),
            "false" | "NULL" => Number::of(0),
            _ => {
                let Some(btf) = self.btf else {
                    let expected = "an integer: no BTF tells names";
                    return Err(self.wrong_type(self.type_name(ty), expected));
                };
                let all = btf.types().filter_map(|(_, ty)| match &ty.kind {
                    Kind::Enum(enumeration) | Kind::Enum64(enumeration) => Some(enumeration),
                    _ => None,
                });
                // As in C, an integer takes the values of any enum.
                let own: Vec<&Enumeration> = match enumeration {
                    Some(own) => vec![own],
                    None => all.collect(),
                };
                let found = own.iter().find_map(|enumeration| {
                    enumeration.values.iter().find(|value| btf.str(value.name) == name)
                });
                match (found, enumeration) {
                    (Some(known), _) => Number::from_i64(known.value),
                    (None, Some(enumeration)) => {
                        let names = enumeration.values.iter().map(|known| btf.str(known.name));
                        return Err(VariableError::UnknownEnumValue {
                            path: self.path.to_owned(),
                            type_name: btf.type_name(ty),
                            name: name.to_owned(),
                            nearest: nearest(name, names),
                        });
                    }
                    (None, None) => {
                        let expected = "an integer or the name of an enum's value";
                        return Err(self.wrong_type(btf.type_name(ty), expected));
                    }
                }
            }
        };
        self.next += 1;
        Ok(number)
    }

    /// `KERNEL_VERSION(a, b, c)` of `linux/version.h`, which caps the last part at 255.
    fn kernel_version(&mut self) -> Result<Number, VariableError> {
        self.next += 1;
        self.expect('(')?;
        let mut parts = [0; 3];
        for (at, part) in parts.iter_mut().enumerate() {
            if at != 0 {
                self.expect(',')?;
            }
            *part = match self.peek() {
                Some(Token::Number(number)) if *number <= 0xffff => *number,
                _ => return Err(self.syntax("a part of the version up to 65535")),
            };
            self.next += 1;
        }
        self.expect(')')?;
        let [major, minor, patch] = parts;
        Ok(Number::of((major << 16) + (minor << 8) + patch.min(255)))
    }

    /// `htons(80)`: the number whose bytes in the object's memory are in network order.
    fn network(&mut self, name: &str, context: &mut Context<'_>) -> Result<Number, VariableError> {
        let width = network_width(name).unwrap_or(16);
        self.next += 1;
        self.expect('(')?;
        let number = self.binary(context, 0)?;
        let range = Range { signed: false, either: false, bits: width };
        if !range.holds(number) {
            return Err(VariableError::OutOfRange {
                path: self.path.to_owned(),
                type_name: name.to_owned(),
                value: number.text(),
                range: format!("0 to {}", bits::ones(width)),
            });
        }
        self.expect(')')?;
        let bits = number.bits() & bits::ones(width);
        Ok(Number::of(match self.order {
            Endianness::Little => bits.swap_bytes() >> (128 - width),
            Endianness::Big => bits,
        }))
    }
}

/// The bits of a number that a function of this name puts into network order, or back.
fn network_width(name: &str) -> Option<u64> {
    let name = name.strip_prefix("__").unwrap_or(name);
    let name = name.strip_prefix("bpf_").or(name.strip_prefix("constant_")).unwrap_or(name);
    match name {
        "htons" | "ntohs" | "cpu_to_be16" | "be16_to_cpu" => Some(16),
        "htonl" | "ntohl" | "cpu_to_be32" | "be32_to_cpu" => Some(32),
        "htonll" | "ntohll" | "cpu_to_be64" | "be64_to_cpu" => Some(64),
        _ => None,
    }
}
