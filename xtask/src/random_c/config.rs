//! The variables that userspace sets.

use std::fmt::Write as _;

use bpfold_passes::testing::Choices;

/// Ways to read a source's read-only variables.
#[derive(Debug, Default)]
pub struct Config {
    /// Their definitions.
    pub definitions: String,
    /// Numbers.
    pub numbers: Vec<String>,
    /// Truth values.
    pub flags: Vec<String>,
    /// Values of `enum mode`.
    pub modes: Vec<String>,
    /// Numbers of which single bits are asked.
    pub bits: Vec<String>,
    /// Arrays of numbers, with how many elements there are less one.
    pub tables: Vec<(String, u32)>,
    /// Strings, with their lengths in bytes.
    pub strings: Vec<(String, u32)>,
}

/// Types of numbers.
pub const TYPES: [&str; 8] = ["u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64"];
/// The constants of `enum mode`.
pub const MODES: [&str; 5] = ["MODE_OFF", "MODE_A", "MODE_B", "MODE_C", "MODE_LAST"];
/// Words in strings.
pub const WORDS: [&str; 5] = ["", "eth0", "lo", "sshd", "bpfold-tests"];

impl Config {
    /// Some variables with values.
    pub fn choose(c: &mut Choices) -> Config {
        let mut config = Config::default();
        config.line("enum mode { MODE_OFF, MODE_A, MODE_B, MODE_C = 7, MODE_LAST };");
        config.structure(c);
        for at in 0..1 + c.below(4) {
            let name = format!("number{at}");
            let (ty, value) = (c.pick(&TYPES), number(c));
            config.line(&format!("const volatile {ty} {name} = {value};"));
            config.numbers.push(name);
        }
        for at in 0..1 + c.below(3) {
            let name = format!("flag{at}");
            config.line(&format!("const volatile bool {name} = {};", c.below(2)));
            config.flags.push(name);
        }
        if c.chance(1, 2) {
            config.line(&format!("const volatile enum mode mode = {};", c.pick(&MODES)));
            config.modes.push("mode".to_owned());
        }
        if c.chance(2, 3) {
            config.line(&format!("const volatile u32 features = {};", c.below(256)));
            config.bits.push("features".to_owned());
        }
        if c.chance(2, 3) {
            let (ty, values) = (c.pick(&TYPES), values(c, 8));
            config.line(&format!("const volatile {ty} table[8] = {{{values}}};"));
            config.tables.push(("table".to_owned(), 7));
        }
        if c.chance(1, 2) {
            let values = values(c, 16);
            config.line(&format!("static const {} fixed[16] = {{{values}}};", c.pick(&TYPES)));
            config.tables.push(("fixed".to_owned(), 15));
        }
        if c.chance(1, 2) {
            config.line(&format!("const volatile char name[16] = \"{}\";", c.pick(&WORDS)));
            config.strings.push(("name".to_owned(), 16));
        }
        config
    }

    fn structure(&mut self, c: &mut Choices) {
        let (mut members, mut values) = (String::new(), String::new());
        for at in 0..2 + c.below(8) {
            let name = format!("m{at}");
            let place = format!("config.{name}");
            let (member, value) = match c.below(8) {
                0 | 1 => {
                    self.flags.push(place);
                    (format!("bool {name}"), c.below(2).to_string())
                }
                2 => {
                    self.modes.push(place);
                    (format!("enum mode {name}"), c.pick(&MODES).to_owned())
                }
                3 => {
                    self.flags.push(place);
                    (format!("u32 {name} : 1"), c.below(2).to_string())
                }
                4 => {
                    self.tables.push((place, 3));
                    (format!("{} {name}[4]", c.pick(&TYPES)), format!("{{{}}}", values_of(c)))
                }
                5 => {
                    self.bits.push(place);
                    (format!("{} {name}", c.pick(&["u8", "u32", "u64"])), c.below(128).to_string())
                }
                _ => {
                    self.numbers.push(place);
                    (format!("{} {name}", c.pick(&TYPES)), number(c))
                }
            };
            let _ = write!(members, " {member};");
            let _ = write!(values, " {value},");
        }
        self.line(&format!("struct config {{{members} }};"));
        self.line(&format!("const volatile struct config config = {{{values} }};"));
    }

    fn line(&mut self, text: &str) {
        self.definitions.push_str(text);
        self.definitions.push('\n');
    }
}

fn values_of(c: &mut Choices) -> String {
    values(c, 4)
}

fn values(c: &mut Choices, count: usize) -> String {
    (0..count).map(|_| number(c)).collect::<Vec<_>>().join(", ")
}

/// A number that C takes for every type.
pub fn number(c: &mut Choices) -> String {
    match c.below(3) {
        0 => c.below(10).to_string(),
        1 => format!("-{}", 1 + c.below(20)),
        _ => format!("{:#x}ull", c.number()),
    }
}
