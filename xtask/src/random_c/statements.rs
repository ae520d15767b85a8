//! Statements.

use bpfold_passes::testing::Choices;

use super::config::{Config, MODES, WORDS};
use super::expressions::{Names, condition, value};
use super::pointers;
use super::source::{Callable, Kind};

/// A function body that is being written.
pub struct Body<'a> {
    /// Where the choices come from.
    pub c: &'a mut Choices,
    /// What userspace sets.
    pub config: &'a Config,
    /// The functions that can be called.
    pub callables: &'a [Callable],
    /// What expressions are made of here.
    pub names: Names,
    /// The program's kind; none in a function that several can call.
    pub kind: Option<Kind>,
    /// Pointers that can be null: their names and the structures that they point to.
    pub pointers: Vec<(String, &'static str)>,
    text: String,
    indent: usize,
    /// Statements that may still be written.
    budget: usize,
    /// Loops around this place.
    loops: usize,
    /// Numbers for names.
    count: usize,
    /// There is a label `out` at the function's end.
    has_out: bool,
    /// What a function does that ends here.
    leave: String,
}

impl<'a> Body<'a> {
    /// An empty body of a function that returns by `leave`.
    pub fn new(
        c: &'a mut Choices,
        config: &'a Config,
        callables: &'a [Callable],
        kind: Option<Kind>,
        leave: &str,
    ) -> Body<'a> {
        Body {
            c,
            config,
            callables,
            names: Names::default(),
            kind,
            pointers: Vec::new(),
            text: String::new(),
            indent: 1,
            budget: 0,
            loops: 0,
            count: 0,
            has_out: false,
            leave: leave.to_owned(),
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    /// A line.
    pub fn line(&mut self, text: &str) {
        self.text.push_str(&"\t".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A name that is not there yet.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{}", self.count)
    }

    /// A number.
    pub fn value(&mut self, depth: usize) -> String {
        value(self.c, self.config, &self.names, depth)
    }

    /// A condition.
    pub fn condition(&mut self, depth: usize) -> String {
        condition(self.c, self.config, &self.names, depth)
    }

    /// Local variables.
    pub fn locals(&mut self) {
        for name in ["a", "b", "x", "y"].into_iter().take(2 + self.c.below(3)) {
            let value = match self.c.chance(1, 3) {
                true => self.c.below(2).to_string(),
                false => self.value(1),
            };
            self.line(&format!("u64 {name} = {value};"));
            self.names.values.push(name.to_owned());
            self.names.locals.push(name.to_owned());
        }
    }

    /// The statements of a function, with a label `out` before what comes last.
    pub fn statements(&mut self, budget: usize) {
        self.budget = budget;
        self.has_out = self.c.chance(1, 2);
        while self.budget > 0 {
            self.statement();
        }
        if self.has_out {
            self.line("out:;");
        }
    }

    /// Braces with statements between them. Names that they make are gone afterwards.
    pub fn block(&mut self, limit: usize) {
        let (values, tested, pointers) =
            (self.names.values.len(), self.names.tested.len(), self.pointers.len());
        self.indent += 1;
        for _ in 0..1 + self.c.below(limit) {
            self.statement();
        }
        self.indent -= 1;
        self.names.values.truncate(values);
        self.names.tested.truncate(tested);
        self.pointers.truncate(pointers);
    }

    /// A local variable.
    pub fn local(&mut self) -> String {
        let locals = &self.names.locals;
        locals[self.c.below(locals.len())].clone()
    }

    /// Lines in one more level.
    pub fn inside(&mut self, write: impl FnOnce(&mut Self)) {
        self.indent += 1;
        write(self);
        self.indent -= 1;
    }

    /// Ends the function here, or the loop.
    pub fn leave(&mut self) -> String {
        match self.c.below(3) {
            0 if self.loops > 0 => self.c.pick(&["break;", "continue;"]).to_owned(),
            1 if self.has_out => "goto out;".to_owned(),
            _ => self.leave.clone(),
        }
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        if !self.pointers.is_empty() && self.c.chance(1, 2) {
            return pointers::statement(self);
        }
        let is_deep = self.indent > 4 || self.budget == 0;
        match self.c.below(20) {
            0..=2 => self.assignment(),
            3..=6 if !is_deep => self.branch(),
            7 if !is_deep => self.switch(),
            8 if !is_deep && self.loops == 0 => self.bounded_loop(),
            9 | 10 => self.lookup(),
            11 | 12 => self.update(),
            13 => self.buffer(),
            14 | 15 => self.call(),
            16 => self.callback(),
            17 => self.early_exit(),
            18 => self.compare_string(),
            _ => self.helper(),
        }
    }

    fn assignment(&mut self) {
        let (local, value) = (self.local(), self.value(3));
        match self.c.below(5) {
            0 => {
                let index = self.value(1);
                self.line(&format!("counters[({index}) & 7] += {value};"));
            }
            1 => self.line(&format!("state = {value};")),
            2 => self.line(&format!("{local} = {value};")),
            _ => {
                let operator = self.c.pick(&["+", "^", "|", "-"]);
                self.line(&format!("{local} {operator}= {value};"));
            }
        }
    }

    fn branch(&mut self) {
        let condition = self.condition(2);
        self.line(&format!("if ({condition}) {{"));
        self.block(3);
        match self.c.below(3) {
            0 => self.line("}"),
            1 => {
                self.line("} else {");
                self.block(3);
                self.line("}");
            }
            _ => {
                let other = self.condition(1);
                self.line(&format!("}} else if ({other}) {{"));
                self.block(2);
                self.line("}");
            }
        }
        self.names.tested.push(condition);
    }

    fn switch(&mut self) {
        let modes = &self.config.modes;
        let by_mode = !modes.is_empty() && self.c.chance(2, 3);
        let (subject, mask) = match by_mode {
            true => (modes[self.c.below(modes.len())].clone(), ""),
            false => (self.value(1), " & 7"),
        };
        self.line(&format!("switch (({subject}){mask}) {{"));
        for case in 0..2 + self.c.below(4) {
            match by_mode {
                true => self.line(&format!("case {}: {{", MODES[case % MODES.len()])),
                false => self.line(&format!("case {case}: {{")),
            }
            self.case(2);
            self.line("}");
            if self.c.chance(3, 4) {
                self.inside(|body| body.line("break;"));
            }
        }
        if self.c.chance(1, 2) {
            self.line("default: {");
            self.case(1);
            self.line("}");
        }
        self.line("}");
    }

    /// Statements in a switch, in which a `break` would mean the switch.
    fn case(&mut self, limit: usize) {
        let loops = std::mem::take(&mut self.loops);
        self.block(limit);
        self.loops = loops;
    }

    fn bounded_loop(&mut self) {
        let (index, count) = (self.fresh("i"), 1 + self.c.below(4));
        let bound = match self.c.chance(1, 3) && !self.config.numbers.is_empty() {
            true => {
                let number = &self.config.numbers[self.c.below(self.config.numbers.len())];
                format!(" && {index} < (u32){number}")
            }
            false => String::new(),
        };
        if self.c.chance(1, 2) {
            self.line("#pragma clang loop unroll(disable)");
        }
        self.line(&format!("for (u32 {index} = 0; {index} < {count}{bound}; {index}++) {{"));
        let values = self.names.values.len();
        self.names.values.push(index);
        self.loops += 1;
        self.block(3);
        self.loops -= 1;
        self.names.values.truncate(values);
        self.line("}");
    }

    fn key(&mut self) -> String {
        let (key, value) = (self.fresh("key"), self.value(1));
        self.line(&format!("u32 {key} = ({value}) & 7;"));
        key
    }

    fn map(&mut self) -> &'static str {
        self.c.pick(&["array", "hash"])
    }

    fn lookup(&mut self) {
        self.line("{");
        self.indent += 1;
        let (key, map, value) = (self.key(), self.map(), self.fresh("value"));
        self.line(&format!("u64 *{value} = lookup(&{map}, &{key});"));
        let local = self.local();
        match self.c.below(4) {
            0 => {
                let leave = self.leave();
                self.line(&format!("if (!{value})"));
                self.inside(|body| body.line(&leave));
                self.line(&format!("{local} += *{value};"));
            }
            1 => {
                let (set, condition) = (self.value(2), self.condition(1));
                self.line(&format!("if ({value} && {condition})"));
                self.inside(|body| body.line(&format!("*{value} = {set};")));
            }
            2 => {
                let other = self.value(1);
                self.line(&format!("{local} = {value} ? *{value} : {other};"));
            }
            _ => {
                self.line(&format!("if ({value}) {{"));
                self.block(2);
                self.inside(|body| body.line(&format!("__sync_fetch_and_add({value}, 1);")));
                self.line("} else {");
                self.block(2);
                self.line("}");
            }
        }
        self.indent -= 1;
        self.line("}");
    }

    fn update(&mut self) {
        self.line("{");
        self.indent += 1;
        let (key, map, value) = (self.key(), self.map(), self.value(2));
        let (number, flags) = (self.fresh("new"), self.c.pick(&["0", "0", "1", "2"]));
        self.line(&format!("u64 {number} = {value};"));
        let call = match self.c.chance(1, 5) {
            true => format!("delete(&hash, &{key})"),
            false => format!("update(&{map}, &{key}, &{number}, {flags})"),
        };
        let leave = self.leave();
        match self.c.below(4) {
            0 => {
                self.line(&format!("if ({call})"));
                self.inside(|body| body.line(&leave));
            }
            1 => {
                // A condition that is tested twice, with something between that can be dead.
                let (error, condition) = (self.fresh("error"), self.condition(1));
                self.line(&format!("long {error} = {call};"));
                self.line(&format!("if ({error} != -17 && {condition}) {{"));
                self.block(2);
                self.line("}");
                self.line(&format!("if ({error} == -17) {{"));
                self.block(2);
                self.line("} else {");
                self.inside(|body| body.line(&leave));
                self.line("}");
            }
            2 => {
                let (error, local) = (self.fresh("error"), self.local());
                self.line(&format!("s32 {error} = {call};"));
                self.line(&format!("if ({error} < 0) {{"));
                self.inside(|body| {
                    body.line(&format!("{local} = {error};"));
                    body.line(&leave);
                });
                self.line("}");
            }
            _ => self.line(&format!("{call};")),
        }
        self.indent -= 1;
        self.line("}");
    }

    fn buffer(&mut self) {
        let (buffer, word) = (self.fresh("buffer"), self.c.pick(&WORDS));
        self.line("{");
        self.indent += 1;
        self.line(&format!("char {buffer}[16] = \"{word}\";"));
        for _ in 0..self.c.below(3) {
            let (index, value) = (self.value(1), self.value(2));
            match self.c.below(3) {
                0 => {
                    let at = self.c.below(16);
                    self.line(&format!("{buffer}[{at}] = {value};"));
                }
                1 => {
                    let condition = self.condition(1);
                    self.line(&format!("if ({condition})"));
                    let at = 4 * self.c.below(4);
                    self.inside(|body| {
                        body.line(&format!("__builtin_memset({buffer} + {at}, 1, 4);"));
                    });
                }
                _ => self.line(&format!("{buffer}[({index}) & 15] = {value};")),
            }
        }
        if let Some((string, len)) = self.config.strings.first()
            && self.c.chance(1, 2)
        {
            let at = self.c.below(*len as usize);
            self.line(&format!("for (u32 i = 0; i < 16 && i < {at}; i++)"));
            self.inside(|body| body.line(&format!("{buffer}[i] = {string}[i];")));
        }
        match self.c.below(3) {
            0 => {
                let local = self.local();
                self.line(&format!("{local} += *(u64 *){buffer};"));
            }
            1 => {
                let local = self.local();
                let key = self.key();
                self.line(&format!("{local} += update(&wide, &{key}, {buffer}, 0);"));
            }
            _ => {
                let local = self.local();
                let at = self.value(1);
                self.line(&format!("{local} ^= {buffer}[({at}) & 15];"));
            }
        }
        self.indent -= 1;
        self.line("}");
    }

    fn call(&mut self) {
        if self.callables.is_empty() {
            return self.assignment();
        }
        let at = self.c.below(self.callables.len());
        let callable = &self.callables[at];
        let (name, count, local) = (callable.name.clone(), callable.arguments, self.local());
        let arguments: Vec<String> = (0..count).map(|_| self.value(2)).collect();
        let call = format!("{name}({})", arguments.join(", "));
        match self.c.below(4) {
            0 => self.line(&format!("{call};")),
            1 => {
                let leave = self.leave();
                self.line(&format!("if ({call})"));
                self.inside(|body| body.line(&leave));
            }
            2 => {
                let condition = self.condition(1);
                self.line(&format!("if ({condition})"));
                self.inside(|body| body.line(&format!("{local} = {call};")));
            }
            _ => self.line(&format!("{local} += {call};")),
        }
    }

    fn callback(&mut self) {
        if self.kind.is_none() {
            return self.lookup();
        }
        self.line("{");
        self.indent += 1;
        let state = self.fresh("state");
        let (value, local) = (self.value(1), self.local());
        self.line(&format!("struct state {state} = {{ {value}, 0 }};"));
        let condition = self.condition(1);
        match self.c.below(4) {
            0 => {
                let count = self.c.below(6);
                self.line(&format!("if ({condition})"));
                self.inside(|body| body.line(&format!("loop({count}, first, &{state}, 0);")));
                self.line("else");
                self.inside(|body| body.line(&format!("loop(3, second, &{state}, 0);")));
            }
            1 => self.line(&format!("loop(4, {condition} ? first : second, &{state}, 0);")),
            2 => self.line(&format!("for_each(&array, {condition} ? each : other, &{state}, 0);")),
            _ => {
                self.line(&format!("if ({condition})"));
                self.inside(|body| body.line(&format!("for_each(&hash, each, &{state}, 0);")));
            }
        }
        self.line(&format!("{local} += {state}.sum;"));
        self.indent -= 1;
        self.line("}");
    }

    fn early_exit(&mut self) {
        let condition = self.condition(2);
        let leave = self.leave();
        self.line(&format!("if ({condition})"));
        self.inside(|body| body.line(&leave));
    }

    fn compare_string(&mut self) {
        let Some((string, len)) = self.config.strings.first().cloned() else {
            return self.assignment();
        };
        let (word, local) = (self.c.pick(&WORDS), self.local());
        let (same, index) = (self.fresh("same"), self.fresh("i"));
        self.line("{");
        self.indent += 1;
        self.line(&format!("const char word[] = \"{word}\";"));
        self.line(&format!("bool {same} = 1;"));
        self.line(&format!("for (u32 {index} = 0; {index} < sizeof(word); {index}++)"));
        self.inside(|body| {
            body.line(&format!("if ({index} >= {len} || word[{index}] != {string}[{index}]) {{"));
            body.inside(|body| {
                body.line(&format!("{same} = 0;"));
                body.line("break;");
            });
            body.line("}");
        });
        self.line(&format!("if ({same})"));
        self.inside(|body| body.line(&format!("{local} += 1;")));
        self.indent -= 1;
        self.line("}");
    }

    fn helper(&mut self) {
        let local = self.local();
        match self.c.below(5) {
            0 => self.line(&format!("{local} += cpu() & 1;")),
            1 => self.line(&format!("{local} += ktime() != 0;")),
            2 => {
                let condition = self.condition(1);
                self.line(&format!("if ({condition}) {{"));
                self.inside(|body| {
                    body.line("static const char format[] = \"%d\";");
                    body.line(&format!("trace_printk(format, sizeof(format), (int){local});"));
                });
                self.line("}");
            }
            3 if self.kind.is_some_and(Kind::has_packet) => self.packet(),
            4 if self.kind.is_some_and(|kind| kind == Kind::Classifier || kind == Kind::Socket) => {
                let buffer = self.fresh("bytes");
                self.line("{");
                self.indent += 1;
                let (offset, leave) = (self.c.below(20), self.leave());
                self.line(&format!("u32 {buffer} = 0;"));
                self.line(&format!("if (load_bytes(context, {offset}, &{buffer}, 4))"));
                self.inside(|body| body.line(&leave));
                self.line(&format!("{local} += {buffer};"));
                self.indent -= 1;
                self.line("}");
            }
            _ => {
                let index = self.value(1);
                let condition = self.condition(1);
                self.line(&format!("if ({condition})"));
                match self.kind {
                    Some(kind) if kind != Kind::Iterator => self.inside(|body| {
                        body.line(&format!("tail_call(context, &programs, {index});"));
                    }),
                    _ => self.inside(|body| body.line(&format!("{local} += {index};"))),
                }
            }
        }
    }

    /// Bytes of the packet.
    fn packet(&mut self) {
        let (data, end) = (self.fresh("data"), self.fresh("end"));
        let (size, local) = (4 + self.c.below(30), self.local());
        self.line("{");
        self.indent += 1;
        self.line(&format!("u8 *{data} = (void *)(long)context->data;"));
        self.line(&format!("u8 *{end} = (void *)(long)context->data_end;"));
        let leave = self.leave();
        self.line(&format!("if ({data} + {size} > {end})"));
        self.inside(|body| body.line(&leave));
        for _ in 0..1 + self.c.below(3) {
            let at = self.c.below(size);
            match self.c.below(3) {
                0 => self.line(&format!("{local} += {data}[{at}];")),
                1 => {
                    let condition = self.condition(1);
                    self.line(&format!("if ({data}[{at}] == {} && {condition})", 4 + at));
                    self.inside(|body| body.line(&format!("{local} |= 1;")));
                }
                _ => {
                    let name = format!("{data}[{at}]");
                    self.names.values.push(name);
                }
            }
        }
        self.block(2);
        self.names.values.retain(|name| !name.starts_with(&format!("{data}[")));
        self.names.tested.retain(|condition| !condition.contains(&data));
        self.indent -= 1;
        self.line("}");
    }
}
