//! A whole source.

use std::fmt::Write as _;

use bpfold_passes::testing::Choices;

use super::config::Config;
use super::pointers;
use super::statements::Body;

/// What a source begins with: types, helpers.
const PRELUDE: &str = include_str!("prelude.h");
/// Structures of the kernel.
const KERNEL: &str = include_str!("kernel.h");

const MAPS: &str = "
struct { __uint(type, MAP_ARRAY); __type(key, u32); __type(value, u64); __uint(max_entries, 8); } array SEC(\".maps\");
struct { __uint(type, MAP_HASH); __type(key, u32); __type(value, u64); __uint(max_entries, 4); } hash SEC(\".maps\");
struct { __uint(type, MAP_ARRAY); __type(key, u32); __uint(value_size, 16); __uint(max_entries, 8); } wide SEC(\".maps\");
struct { __uint(type, MAP_PROGRAMS); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 2); } programs SEC(\".maps\");
u64 counters[8];
u64 state = 5;
struct state { u64 value, sum; };
";

/// What a program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A traffic classifier.
    Classifier,
    /// An XDP program.
    Xdp,
    /// A socket filter.
    Socket,
    /// A filter of a control group.
    CgroupSkb,
    /// A raw tracepoint.
    RawTracepoint,
    /// A tracepoint with typed arguments.
    TypedTracepoint,
    /// An iterator over tasks.
    Iterator,
    /// The entry of a kernel function.
    Entry,
    /// The end of a kernel function.
    Exit,
    /// A security hook.
    Lsm,
}

/// Kinds without pointers to kernel structures.
const PLAIN: &[Kind] = &[
    Kind::Classifier,
    Kind::Classifier,
    Kind::Xdp,
    Kind::Socket,
    Kind::CgroupSkb,
    Kind::RawTracepoint,
];
/// Kinds with them that any kernel takes.
const POINTERS: &[Kind] = &[
    Kind::CgroupSkb,
    Kind::CgroupSkb,
    Kind::RawTracepoint,
    Kind::RawTracepoint,
    Kind::TypedTracepoint,
    Kind::Iterator,
];
/// Kinds that policies can forbid.
const ATTACHED: &[Kind] = &[Kind::Entry, Kind::Exit, Kind::Lsm, Kind::TypedTracepoint];

impl Kind {
    fn section(self) -> &'static str {
        match self {
            Kind::Classifier => "tc",
            Kind::Xdp => "xdp",
            Kind::Socket => "socket",
            Kind::CgroupSkb => "cgroup_skb/egress",
            Kind::RawTracepoint => "raw_tp",
            Kind::TypedTracepoint => "tp_btf/task_newtask",
            Kind::Iterator => "iter/task",
            Kind::Entry => "fentry/wake_up_new_task",
            Kind::Exit => "fexit/wake_up_new_task",
            Kind::Lsm => "lsm/task_alloc",
        }
    }

    fn context(self) -> &'static str {
        match self {
            Kind::Classifier | Kind::Socket | Kind::CgroupSkb => "struct __sk_buff *context",
            Kind::Xdp => "struct xdp_md *context",
            Kind::Iterator => "struct bpf_iter__task *context",
            Kind::RawTracepoint | Kind::TypedTracepoint | Kind::Entry | Kind::Exit | Kind::Lsm => {
                "u64 *context"
            }
        }
    }

    /// Numbers in the context.
    fn values(self) -> &'static [&'static str] {
        match self {
            Kind::Classifier | Kind::Socket | Kind::CgroupSkb => {
                &["context->len", "context->protocol", "context->mark", "context->ifindex"]
            }
            Kind::Xdp => &["(context->data_end - context->data)", "context->rx_queue_index"],
            Kind::RawTracepoint => &["context[0]", "context[1]"],
            Kind::TypedTracepoint | Kind::Iterator | Kind::Entry | Kind::Exit | Kind::Lsm => &[],
        }
    }

    /// What it can return.
    fn result(self) -> &'static str {
        match self {
            Kind::Classifier | Kind::Socket => "result",
            Kind::Xdp => "result & 3",
            Kind::CgroupSkb | Kind::Iterator => "result & 1",
            Kind::RawTracepoint => "result",
            Kind::TypedTracepoint | Kind::Entry | Kind::Exit => "0",
            Kind::Lsm => "result ? -1 : 0",
        }
    }

    /// It sees bytes of a packet.
    pub fn has_packet(self) -> bool {
        matches!(self, Kind::Classifier | Kind::Xdp | Kind::CgroupSkb)
    }
}

/// A function that programs and other functions call.
#[derive(Clone, Debug)]
pub struct Callable {
    /// Its name.
    pub name: String,
    /// How many numbers it takes.
    pub arguments: usize,
}

/// What a source is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Topic {
    /// Numbers, maps and packets.
    Plain,
    /// Pointers to kernel structures and null checks, in kinds that any kernel takes.
    Pointers,
    /// The same in kinds that policies can forbid: fentry, fexit, LSM.
    Attached,
}

/// A source and how to compile it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The text.
    pub text: String,
    /// How many programs there are.
    pub programs: usize,
}

impl Source {
    /// The source that choices lead to.
    pub fn choose(c: &mut Choices, topic: Topic) -> Source {
        let config = Config::choose(c);
        let mut text = PRELUDE.to_owned();
        if topic != Topic::Plain {
            text.push_str(KERNEL);
        }
        text.push_str(MAPS);
        text.push_str(&config.definitions);
        let mut callables = Vec::new();
        for at in 0..c.below(4) {
            let (function, callable) = function(c, &config, &callables, at);
            text.push_str(&function);
            callables.push(callable);
        }
        text.push_str(&callbacks(c, &config));
        if topic != Topic::Plain {
            text.push_str(&readers(c, &config));
        }
        // Few large programs, or many small ones.
        let is_large = c.chance(1, 8);
        let count = if is_large { 1 + c.below(2) } else { 8 };
        let kinds = match topic {
            Topic::Plain => PLAIN,
            Topic::Pointers => POINTERS,
            Topic::Attached => ATTACHED,
        };
        for at in 0..count {
            let budget = if is_large { 40 + c.below(40) } else { 4 + c.below(16) };
            let kind = c.pick(kinds);
            text.push_str(&program(c, &config, &callables, (at, kind), (budget, topic)));
        }
        Source { text, programs: count }
    }
}

fn function(
    c: &mut Choices,
    config: &Config,
    callables: &[Callable],
    at: usize,
) -> (String, Callable) {
    let arguments = 1 + c.below(3);
    let ty = c.pick(&["u64", "u32", "s32"]);
    let names: Vec<String> = (0..arguments).map(|at| format!("arg{at}")).collect();
    let list = names.iter().map(|name| format!("{ty} {name}")).collect::<Vec<_>>().join(", ");
    let (linkage, name) = match c.below(3) {
        0 => ("noinline int", format!("global{at}")),
        1 => ("static noinline u64", format!("static{at}")),
        _ => ("inlined u64", format!("inline{at}")),
    };
    let mut body = Body::new(c, config, callables, None, "return 0;");
    body.names.values = names;
    body.locals();
    let budget = 1 + body.c.below(10);
    body.statements(budget);
    let result = body.value(2);
    body.line(&format!("return {result};"));
    let text = body.finish();
    (format!("\n{linkage} {name}({list})\n{{\n{text}}}\n"), Callable { name, arguments })
}

fn callbacks(c: &mut Choices, config: &Config) -> String {
    let mut text = String::new();
    let by_index = "u32 index, struct state *of";
    let by_value = "void *map, u32 *key, u64 *value, struct state *of";
    // Conditions on what is summed up would keep the verifier from the end of the calls.
    for (name, arguments, values) in [
        ("first", by_index, ["index", "of->value"]),
        ("second", by_index, ["of->value", "of->value"]),
        ("each", by_value, ["*value", "of->value"]),
        ("other", by_value, ["*key", "*value"]),
    ] {
        let mut body = Body::new(c, config, &[], None, "return 1;");
        body.names.values = values.iter().map(|value| (*value).to_owned()).collect();
        body.locals();
        let budget = 1 + body.c.below(4);
        body.statements(budget);
        let result = body.value(2);
        body.line(&format!("of->sum += {result};"));
        body.line("return 0;");
        let _ = write!(text, "\nstatic long {name}({arguments})\n{{\n{}}}\n", body.finish());
    }
    text
}

/// Functions that are told what was found, and such that check a pointer themselves.
fn readers(c: &mut Choices, config: &Config) -> String {
    let mut text = String::new();
    for (linkage, name) in
        ["noinline int", "static noinline int", "inlined int"].into_iter().zip(pointers::REPORTS)
    {
        let check = match config.flags.first() {
            Some(flag) if c.chance(1, 3) => format!("\tif ({flag})\n\t\treturn 0;\n"),
            _ => String::new(),
        };
        let value = c.pick(&["u64", "u64", "s32", "u32"]);
        let _ = write!(
            text,
            "\n{linkage} {name}({value} value, u32 code)\n{{\n{check}\
             \tcounters[code & 7] += value;\n\treturn code == 3;\n}}\n"
        );
    }
    let linkage = c.pick(&["noinline int", "static noinline int"]);
    let _ = write!(
        text,
        "\n{linkage} report_two(u64 value, u64 other, u32 code)\n{{\n\
         \tcounters[code & 7] += value ^ (other << 1);\n\treturn 0;\n}}\n"
    );
    let function = c.pick(&pointers::REPORTS);
    let _ = write!(
        text,
        "\nstatic noinline u64 read_mm(struct mm_struct *mm, u32 code)\n{{\n\
         \tif (!mm)\n\t\treturn {function}(0, code);\n\treturn {function}(mm->task_size, code);\n}}\n\
         \nstatic noinline u64 read_task(struct task_struct *task, u32 code)\n{{\n\
         \tstruct mm_struct *mm = task->mm;\n\n\
         \tif (mm)\n\t\t{function}(mm->task_size, code);\n\telse\n\t\t{function}(0, code + 1);\n\
         \treturn task->static_prio;\n}}\n"
    );
    text
}

fn program(
    c: &mut Choices,
    config: &Config,
    callables: &[Callable],
    (at, kind): (usize, Kind),
    (budget, topic): (usize, Topic),
) -> String {
    let result = kind.result();
    let leave = match topic {
        Topic::Plain => c.pick(&["return 0;", "return 0;", "return 1;"]),
        Topic::Pointers | Topic::Attached => "return 0;",
    };
    let mut body = Body::new(c, config, callables, Some(kind), leave);
    body.line("u64 result = 0;");
    body.names.values = kind.values().iter().map(|value| (*value).to_owned()).collect();
    body.names.values.push("state".to_owned());
    if topic != Topic::Plain {
        match kind {
            Kind::Iterator => {
                body.line("struct task_struct *task = context->task;");
                body.line("if (!task)");
                body.inside(|body| body.line("return 0;"));
            }
            Kind::TypedTracepoint | Kind::Entry | Kind::Exit | Kind::Lsm if body.c.chance(1, 2) => {
                body.line("struct task_struct *task = (void *)context[0];");
            }
            _ => body.line("struct task_struct *task = current_task();"),
        }
        body.pointers.push(("task".to_owned(), "task_struct"));
        if kind == Kind::CgroupSkb && body.c.chance(1, 2) {
            body.line("struct bpf_sock *sk = context->sk;");
            body.line("if (sk)");
            body.inside(|body| body.line("sk = fullsock(sk);"));
            body.line("if (sk)");
            body.inside(|body| body.line("report(sk->family, 1);"));
            body.line("else");
            body.inside(|body| body.line("report(0, 2);"));
        }
    }
    body.locals();
    body.statements(budget);
    let locals = body.names.locals.join(" ^ ");
    body.line(&format!("result = {locals};"));
    body.line("counters[0] += result;");
    body.line(&format!("return {result};"));
    let text = body.finish();
    let (section, context) = (kind.section(), kind.context());
    format!("\nSEC(\"{section}\")\nint program{at}({context})\n{{\n{text}}}\n")
}
