//! Expressions.

use bpfold_passes::testing::Choices;

use super::config::{Config, MODES, TYPES, number};

/// What expressions are made of at a place.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Expressions that are numbers: local variables, arguments, fields of the context.
    pub values: Vec<String>,
    /// Local variables of 64 bits that can be assigned to.
    pub locals: Vec<String>,
    /// Conditions that were tested before.
    pub tested: Vec<String>,
}

const OPERATORS: [&str; 8] = ["+", "-", "*", "&", "|", "^", "+", "&"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", ">", "<=", ">="];

/// A number.
pub fn value(c: &mut Choices, config: &Config, names: &Names, depth: usize) -> String {
    if depth == 0 || c.chance(1, 4) {
        return leaf(c, config, names);
    }
    let inner = |c: &mut Choices| value(c, config, names, depth - 1);
    match c.below(12) {
        0..=3 => format!("({} {} {})", inner(c), c.pick(&OPERATORS), inner(c)),
        4 => format!("({} {} {})", inner(c), c.pick(&["<<", ">>"]), 1 + c.below(31)),
        5 => {
            // Instruction sets up to v3 have no signed division.
            let ty = c.pick(&["u64", "u32"]);
            format!("(({ty})({}) {} {}u)", inner(c), c.pick(&["/", "%"]), 1 + c.below(100))
        }
        6 => format!("({})({})", c.pick(&TYPES), inner(c)),
        7 => format!("({}({}))", c.pick(&["~", "-", "!"]), inner(c)),
        8 => {
            let condition = condition(c, config, names, 1);
            format!("({condition} ? {} : {})", inner(c), inner(c))
        }
        9 => format!("__builtin_bswap{}({})", c.pick(&["16", "32", "64"]), inner(c)),
        10 => format!("((u64)({}) {} (({}) & 31))", inner(c), c.pick(&["<<", ">>"]), inner(c)),
        _ => match config.tables.is_empty() {
            true => leaf(c, config, names),
            false => {
                let (table, mask) = &config.tables[c.below(config.tables.len())];
                format!("{table}[({}) & {mask}]", inner(c))
            }
        },
    }
}

fn leaf(c: &mut Choices, config: &Config, names: &Names) -> String {
    let of = |c: &mut Choices, from: &[String]| match from.is_empty() {
        true => c.below(16).to_string(),
        false => from[c.below(from.len())].clone(),
    };
    match c.below(8) {
        0 => number(c),
        1 => of(c, &config.numbers),
        2 => of(c, &config.bits),
        3 => match config.tables.is_empty() {
            true => of(c, &names.values),
            false => {
                let (table, mask) = &config.tables[c.below(config.tables.len())];
                format!("{table}[{}]", c.below(*mask as usize + 1))
            }
        },
        _ => of(c, &names.values),
    }
}

/// A condition, often decided by variables that userspace sets.
pub fn condition(c: &mut Choices, config: &Config, names: &Names, depth: usize) -> String {
    if depth > 0 && c.chance(1, 4) {
        let inner = |c: &mut Choices| condition(c, config, names, depth - 1);
        return format!("({} {} {})", inner(c), c.pick(&["&&", "||"]), inner(c));
    }
    if !names.tested.is_empty() && c.chance(1, 5) {
        return names.tested[c.below(names.tested.len())].clone();
    }
    match c.below(9) {
        0 | 1 if !config.flags.is_empty() => {
            let flag = &config.flags[c.below(config.flags.len())];
            format!("{}{flag}", c.pick(&["", "!"]))
        }
        2 if !config.modes.is_empty() => {
            let mode = &config.modes[c.below(config.modes.len())];
            format!("({mode} {} {})", c.pick(&["==", "!=", ">="]), c.pick(&MODES))
        }
        3 if !config.bits.is_empty() => {
            let bits = &config.bits[c.below(config.bits.len())];
            format!("({bits} & {:#x})", 1_u32 << c.below(8))
        }
        4 if !config.numbers.is_empty() => {
            let number = &config.numbers[c.below(config.numbers.len())];
            format!("({number} {} {})", c.pick(&COMPARISONS), c.below(10))
        }
        5 if !config.strings.is_empty() => {
            let (string, len) = &config.strings[c.below(config.strings.len())];
            format!("{string}[{}]", c.below(*len as usize))
        }
        6 => format!("({} & {})", leaf(c, config, names), 1 + c.below(63)),
        _ => {
            let (left, right) = (value(c, config, names, 1), leaf(c, config, names));
            format!("({left} {} {right})", c.pick(&COMPARISONS))
        }
    }
}
