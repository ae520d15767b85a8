//! Programs as text for people: source lines, offsets, the variables of loads, and labels that say
//! the same in every listing of the same code.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bpfold::Object;
use bpfold::btf::Btf;
use bpfold::loads::loads;
use bpfold::passes::entity::{Block, Func, Inst};
use bpfold::passes::text::Annotate;
use bpfold::variables::Variables;

/// What is shown beside instructions.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// The source lines.
    pub source: bool,
    /// The slot of each instruction, counted from its function's start, as reports name them.
    pub offsets: bool,
    /// The variables that instructions load.
    pub variables: bool,
}

/// Comments for the instructions of an object.
pub struct Comments<'a> {
    object: &'a Object,
    btf: Option<&'a Btf>,
    shown: Shown,
    /// By function and slot.
    variables: BTreeMap<(Func, u32), String>,
    /// The source line that was shown last in this block.
    last: RefCell<String>,
}

impl<'a> Comments<'a> {
    pub fn new(object: &'a Object, shown: Shown) -> Self {
        let btf = object.btf();
        let mut comments =
            Self { object, btf, shown, variables: BTreeMap::new(), last: RefCell::default() };
        if shown.variables
            && let Ok(variables) = object.variables()
        {
            comments.variables = comments.loads(&variables);
        }
        comments
    }

    fn loads(&self, variables: &Variables<'_>) -> BTreeMap<(Func, u32), String> {
        let named = loads(self.object).into_iter().filter_map(|load| {
            let slot = load.instruction?;
            let name = match load.bytes {
                None => format!("{} at an index that is not known", load.section),
                Some(bytes) => {
                    let text = self.line_text(load.function, slot).unwrap_or_default();
                    let named = variables.named_in(load.section_at, bytes, &text);
                    let names: Vec<String> = named.into_iter().map(|(name, _)| name).collect();
                    names.join(", ")
                }
            };
            (!name.is_empty()).then_some(((load.function, slot), name))
        });
        named.collect()
    }

    /// The text of the source line of an instruction.
    fn line_text(&self, func: Func, slot: u32) -> Option<String> {
        let function = self.object.program().funcs.get(func)?;
        let mut insts = function.insts().map(|(_, inst)| function.inst(inst));
        let line = insts.find(|data| data.origin == Some(slot))?.line?;
        let record = &self.object.links().lines.get(line)?.record;
        Some(self.btf?.str(record.line_off).to_owned())
    }
}

impl Annotate for Comments<'_> {
    fn before_block(&self, _: Func, _: Block) -> Option<String> {
        self.last.borrow_mut().clear();
        None
    }

    fn before_inst(&self, func: Func, inst: Inst) -> Option<String> {
        if !self.shown.source {
            return None;
        }
        let data = self.object.program().funcs.get(func)?.inst(inst);
        let line = data.line.filter(|_| data.line_starts)?;
        let (record, btf) = (&self.object.links().lines.get(line)?.record, self.btf?);
        if record.line() == 0 {
            return None;
        }
        let file = btf.str(record.file_name_off);
        let file = file.rsplit('/').next().unwrap_or(file);
        let text = format!("{file}:{}: {}", record.line(), btf.str(record.line_off).trim());
        let last = self.last.replace(text.clone());
        (text != last).then_some(text)
    }

    fn after_inst(&self, func: Func, inst: Inst) -> Option<String> {
        let slot = self.object.program().funcs.get(func)?.inst(inst).origin?;
        let offset = self.shown.offsets.then(|| format!("+{slot}"));
        let name = self.variables.get(&(func, slot)).cloned();
        let parts: Vec<String> = [offset, name].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

/// What a function is, for a comment above it: its section, and the type of a program.
pub fn describe(object: &Object, func: Func) -> Option<String> {
    let link = object.links().funcs.get(func)?;
    let section = object.elf().section_id(link.section).name;
    if !object.links().is_program(object.program(), func) {
        return Some(format!("section {section}"));
    }
    Some(match program_type(&section) {
        Some(kind) => format!("section {section}, program type {kind}"),
        None => format!("section {section}, a program"),
    })
}

/// Names of sections, or what they begin with before a `/`, and the types that libbpf gives to
/// their programs (`section_defs` of libbpf.c).
const TYPES: [(&str, &str); 44] = [
    ("socket", "socket_filter"),
    ("sk_reuseport", "sk_reuseport"),
    ("kprobe", "kprobe"),
    ("kprobe.multi", "kprobe"),
    ("kretprobe", "kprobe"),
    ("kretprobe.multi", "kprobe"),
    ("uprobe", "kprobe"),
    ("uprobe.multi", "kprobe"),
    ("uretprobe", "kprobe"),
    ("uretprobe.multi", "kprobe"),
    ("ksyscall", "kprobe"),
    ("kretsyscall", "kprobe"),
    ("usdt", "kprobe"),
    ("tc", "sched_cls"),
    ("tcx", "sched_cls"),
    ("classifier", "sched_cls"),
    ("netkit", "sched_cls"),
    ("action", "sched_act"),
    ("tracepoint", "tracepoint"),
    ("tp", "tracepoint"),
    ("raw_tracepoint", "raw_tracepoint"),
    ("raw_tp", "raw_tracepoint"),
    ("raw_tracepoint.w", "raw_tracepoint_writable"),
    ("raw_tp.w", "raw_tracepoint_writable"),
    ("tp_btf", "tracing"),
    ("fentry", "tracing"),
    ("fmod_ret", "tracing"),
    ("fexit", "tracing"),
    ("iter", "tracing"),
    ("lsm", "lsm"),
    ("lsm_cgroup", "lsm"),
    ("freplace", "ext"),
    ("syscall", "syscall"),
    ("xdp", "xdp"),
    ("perf_event", "perf_event"),
    ("sockops", "sock_ops"),
    ("sk_skb", "sk_skb"),
    ("sk_msg", "sk_msg"),
    ("lirc_mode2", "lirc_mode2"),
    ("flow_dissector", "flow_dissector"),
    ("sk_lookup", "sk_lookup"),
    ("struct_ops", "struct_ops"),
    ("netfilter", "netfilter"),
    ("cgroup_skb", "cgroup_skb"),
];

fn program_type(section: &str) -> Option<&'static str> {
    let name = section.strip_prefix('?').unwrap_or(section);
    let first = name.split('/').next().unwrap_or(name);
    // Sleepable programs and those of XDP that read fragments: `fentry.s`, `xdp.frags`.
    let plain = first.strip_suffix(".s").or(first.strip_suffix(".frags")).unwrap_or(first);
    let found = TYPES.iter().find(|(known, _)| *known == first || *known == plain);
    found.map(|(_, kind)| *kind)
}

/// One line of a function's text, with the labels in it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A block begins.
    Label(String),
    /// An instruction, comment or brace, in pieces between labels.
    Line(Vec<String>, Vec<String>),
}

/// The lines of a function's text.
pub fn items(text: &str) -> Vec<Item> {
    text.lines().map(item).collect()
}

fn item(line: &str) -> Item {
    if let Some(label) = line.strip_suffix(':').filter(|label| is_label(label)) {
        return Item::Label(label.to_owned());
    }
    let (code, comment) = match line.find(" ; ") {
        Some(at) => line.split_at(at),
        None if line.trim_start().starts_with(';') => ("", line),
        None => (line, ""),
    };
    let words = code.trim_start();
    let has_labels = words.starts_with("goto ")
        || words.starts_with("next ")
        || words.starts_with("table ")
        || words.starts_with("may_goto ")
        || words.starts_with("if ");
    let (mut pieces, mut labels) = (vec![String::new()], Vec::new());
    if has_labels {
        for word in code.split_inclusive(' ') {
            let bare = word.trim_end();
            match is_label(bare) {
                true => {
                    labels.push(bare.to_owned());
                    pieces.push(word.get(bare.len()..).unwrap_or_default().to_owned());
                }
                false => {
                    if let Some(last) = pieces.last_mut() {
                        last.push_str(word);
                    }
                }
            }
        }
    } else if let Some(last) = pieces.last_mut() {
        last.push_str(code);
    }
    if let Some(last) = pieces.last_mut() {
        last.push_str(comment);
    }
    Item::Line(pieces, labels)
}

fn is_label(word: &str) -> bool {
    word.strip_prefix('L')
        .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// New names for the labels of a function, by the order of its blocks.
pub fn by_order(items: &[Item]) -> BTreeMap<String, String> {
    let labels = items.iter().filter_map(|item| match item {
        Item::Label(label) => Some(label),
        Item::Line(..) => None,
    });
    labels.enumerate().map(|(at, label)| (label.clone(), format!("L{at}"))).collect()
}

/// The text of lines, with other names for labels.
pub fn text(items: &[Item], names: &BTreeMap<String, String>) -> String {
    let name = |label: &String| names.get(label).unwrap_or(label).clone();
    let lines = items.iter().map(|item| match item {
        Item::Label(label) => format!("{}:\n", name(label)),
        Item::Line(pieces, labels) => {
            let mut line = String::new();
            for (at, piece) in pieces.iter().enumerate() {
                line.push_str(piece);
                line.extend(labels.get(at).map(name));
            }
            line.push('\n');
            line
        }
    });
    lines.collect()
}
