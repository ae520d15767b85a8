//! The undefined symbols of an object and what a kernel makes of them: variables of
//! `.kconfig`, variables and functions of `.ksyms`.

use bpfold_passes::entity::Extern;
use bpfold_passes::helpers::Helper;
use bpfold_passes::ir::{ExternValue, InstData, Program};
use bpfold_passes::isa::{Callee, Imm64, Op};

use super::core::{Fuel, essential, types_are_compatible};
use super::kconfig::KconfigType;
use super::{Kernel, KernelError};
use crate::Object;
use crate::btf::{Btf, Kind, TypeId};
use crate::elf::{SymbolBind, SymbolIndex};
use crate::lines::Lines;
use crate::passes::opt::fold::{Event, LoadSource};
use crate::passes::pass::FoldLog;
use crate::report::{FoldedWith, Note};
use crate::variables::Endianness;

/// Section of the kernel's options in BTF.
const KCONFIG: &str = ".kconfig";
/// Section of the kernel's variables and functions in BTF.
const KSYMS: &str = ".ksyms";

/// The first version with `bpf_get_attach_cookie`, which LINUX_HAS_BPF_COOKIE tells of
/// (libbpf's `probe_kern_bpf_cookie`).
const COOKIE_SINCE: (u16, u16) = (5, 15);

/// What a kernel says of one undefined symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its value.
    Value(ExternValue),
    /// It is not weak, and the kernel does not have it.
    Missing,
}

/// An undefined symbol of which the kernel says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedExtern {
    pub ext: Extern,
    pub name: String,
    /// It is a variable of `.kconfig`.
    pub is_option: bool,
    pub outcome: Outcome,
    /// Its value for people.
    pub text: String,
}

/// What a kernel says of the undefined symbols of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub externs: Vec<ResolvedExtern>,
}

/// An undefined symbol as BTF declares it.
struct Declared<'o> {
    name: &'o str,
    weak: bool,
    btf: &'o Btf,
    /// Its VAR or FUNC.
    decl: TypeId,
    section: &'static str,
}

/// An option of a kernel.
enum Fact {
    Unknown,
    Unset,
    Text(String),
    Number(u64),
}

/// What the kernel says of the object's undefined symbols.
pub(crate) fn resolve(object: &Object, kernel: &Kernel) -> Result<Resolved, KernelError> {
    let mut resolved = Resolved::default();
    for (ext, decl) in object.program().externs.iter() {
        let Some(declared) = declared(object, ext, &decl.name) else { continue };
        let is_option = declared.section == KCONFIG;
        let found = if is_option {
            option(kernel, &declared, object.elf().endian.into())?
        } else {
            symbol(kernel, &declared)?
        };
        if let Some((outcome, text)) = found {
            let name = decl.name.clone();
            resolved.externs.push(ResolvedExtern { ext, name, is_option, outcome, text });
        }
    }
    Ok(resolved)
}

/// Whether BTF declares an undefined symbol, as an option, variable or function of the kernel.
pub(crate) fn is_declared(object: &Object, ext: Extern, name: &str) -> bool {
    declared(object, ext, name).is_some()
}

fn declared<'o>(object: &'o Object, ext: Extern, name: &'o str) -> Option<Declared<'o>> {
    let btf = object.btf()?;
    let symbol = object.elf().symbols.get(object.links().externs.get(ext)?.symbol)?;
    [KCONFIG, KSYMS].into_iter().find_map(|section| {
        let (_, datasec) = btf.find_datasec(section)?;
        let decl = datasec.vars.iter().find(|var| btf.name(var.var) == name)?.var;
        let weak = symbol.bind == SymbolBind::Weak;
        Some(Declared { name, weak, btf, decl, section })
    })
}

impl Kernel {
    /// What the kernel says of a `.kconfig` variable.
    fn fact(&self, name: &str) -> Fact {
        let known = |number: Option<u64>| number.map_or(Fact::Unknown, Fact::Number);
        match name {
            "LINUX_KERNEL_VERSION" => known(self.version.map(|version| version.code().into())),
            "LINUX_HAS_BPF_COOKIE" => {
                known(self.version.map(|version| version.has(COOKIE_SINCE).into()))
            }
            "LINUX_HAS_SYSCALL_WRAPPER" => known(self.has_syscall_wrapper().map(u64::from)),
            _ if name.starts_with("CONFIG_") => match &self.kconfig {
                Some(kconfig) => {
                    kconfig.get(name).map_or(Fact::Unset, |value| Fact::Text(value.to_owned()))
                }
                None => Fact::Unknown,
            },
            // Names that libbpf does not know are as options that are not set.
            _ if name.starts_with("LINUX_") && self.kconfig.is_some() => Fact::Unset,
            _ => Fact::Unknown,
        }
    }

    /// The value of a `.kconfig` variable for people, if it is known.
    pub(crate) fn option_text(&self, name: &str) -> Option<String> {
        match self.fact(name) {
            Fact::Unknown => None,
            Fact::Unset => Some("not set".to_owned()),
            Fact::Text(text) => Some(text),
            Fact::Number(number) => Some(number.to_string()),
        }
    }

    /// Whether a kprobe can be put on a system call by the name `__ARCH_sys_NAME` (libbpf's
    /// `probe_kern_syscall_wrapper` tries): there are such functions, and kprobes. PowerPC has
    /// wrappers without such names.
    fn has_syscall_wrapper(&self) -> Option<bool> {
        let set = |name| self.kconfig.as_ref().map(|kconfig| kconfig.get(name) == Some("y"));
        if set("CONFIG_KPROBE_EVENTS") == Some(false) {
            return Some(false);
        }
        if let Some(kallsyms) = &self.kallsyms {
            let archs = ["x64", "arm64", "s390x", "riscv", "ia32", "arm", "mips"];
            let wrapped = archs.iter().any(|arch| kallsyms.contains(&format!("__{arch}_sys_bpf")));
            // There with CONFIG_KPROBE_EVENTS (kernel/trace/trace_event_perf.c).
            return Some(wrapped && kallsyms.contains("perf_kprobe_init"));
        }
        Some(set("CONFIG_ARCH_HAS_SYSCALL_WRAPPER")? && !set("CONFIG_PPC")?)
    }
}

fn option(
    kernel: &Kernel,
    declared: &Declared<'_>,
    order: Endianness,
) -> Result<Option<(Outcome, String)>, KernelError> {
    let fact = kernel.fact(declared.name);
    let Kind::Var { ty, .. } = declared.btf.ty(declared.decl).kind else { return Ok(None) };
    let Some(text) = kernel.option_text(declared.name) else { return Ok(None) };
    let known = KconfigType::new(declared.btf, ty).ok_or_else(|| KernelError::ExternType {
        name: declared.name.to_owned(),
        type_name: declared.btf.type_name(ty),
    })?;
    let bytes = match fact {
        Fact::Unknown => return Ok(None),
        Fact::Unset if !declared.weak => return Ok(Some((Outcome::Missing, text))),
        Fact::Unset => known.zero(),
        Fact::Text(value) => known.encode(declared.name, &value, order)?,
        Fact::Number(number) => known.encode_number(declared.name, number, order)?,
    };
    Ok(Some((Outcome::Value(ExternValue::Contents(bytes)), text)))
}

/// Whether the kernel has a variable or function. What has a type is looked up in the types of
/// the kernel and its modules, as libbpf does; the list of symbols can only say that there is
/// no such thing.
fn symbol(
    kernel: &Kernel,
    declared: &Declared<'_>,
) -> Result<Option<(Outcome, String)>, KernelError> {
    let Declared { name, weak, btf, decl, .. } = *declared;
    let in_kallsyms = |name: &str| kernel.kallsyms.as_ref().map(|known| known.contains(name));
    let present = match btf.ty(decl).kind {
        Kind::Var { ty, .. } if matches!(btf.resolve(ty).1.kind, Kind::Void) => in_kallsyms(name),
        Kind::Var { ty, .. } => match find(kernel, name, |kind| match kind {
            Kind::Var { ty, .. } => Some(*ty),
            _ => None,
        })? {
            // Loaders refuse another type.
            Some(Some((types, id))) => are_compatible((btf, ty), (&types, id)).filter(|fits| *fits),
            Some(None) => Some(false),
            None => in_kallsyms(name).filter(|present| !present),
        },
        Kind::Func { proto, .. } => {
            let name = std::str::from_utf8(essential(name.as_bytes())).unwrap_or(name);
            match find(kernel, name, |kind| match kind {
                Kind::Func { proto, .. } => Some(*proto),
                _ => None,
            })? {
                // A weak one of another type counts as absent.
                Some(Some((types, id))) => match are_compatible((btf, proto), (&types, id)) {
                    Some(true) => Some(true),
                    Some(false) | None => weak.then_some(false),
                },
                Some(None) => Some(false),
                None => in_kallsyms(name).filter(|present| !present),
            }
        }
        _ => None,
    };
    Ok(present.map(|present| match (present, weak) {
        (true, _) => (Outcome::Value(ExternValue::Present), "present".to_owned()),
        (false, true) => (Outcome::Value(ExternValue::Absent), "absent".to_owned()),
        (false, false) => (Outcome::Missing, "absent".to_owned()),
    }))
}

type Found = (std::sync::Arc<Btf>, TypeId);

/// A type of this name that `accept` takes, in the types of the kernel or of a module; none
/// without types.
fn find(
    kernel: &Kernel,
    name: &str,
    accept: impl Fn(&Kind) -> Option<TypeId>,
) -> Result<Option<Option<Found>>, KernelError> {
    let Some(types) = kernel.types()? else { return Ok(None) };
    let search = |btf: &std::sync::Arc<Btf>| {
        let mut own = btf.own_types();
        let found = own.find_map(|(_, ty)| {
            let id = accept(&ty.kind)?;
            (btf.bytes(ty.name) == name.as_bytes()).then_some(id)
        });
        found.map(|id| (btf.clone(), id))
    };
    if let Some(found) = search(&types) {
        return Ok(Some(Some(found)));
    }
    Ok(Some(kernel.module_types()?.iter().find_map(search)))
}

/// Whether a declaration of the object fits a type of the kernel; none if they nest too deep to
/// tell.
fn are_compatible(local: (&Btf, TypeId), target: (&Btf, TypeId)) -> Option<bool> {
    let (ours, theirs) = (local.0.resolve(local.1).0, target.0.resolve(target.1).0);
    types_are_compatible(local.0, ours, target.0, theirs, &mut Fuel::default()).ok()
}

impl Resolved {
    /// Gives the program's externs their values.
    pub fn apply(&self, program: &mut Program) {
        for known in &self.externs {
            if let (Outcome::Value(value), Some(decl)) =
                (&known.outcome, program.externs.get_mut(known.ext))
            {
                decl.value = Some(value.clone());
            }
        }
    }

    /// What the code that is left wants of the kernel and the kernel does not have.
    ///
    /// # Errors
    /// An option that is not set, as loaders refuse it.
    pub fn check(
        &self,
        object: &Object,
        program: &Program,
        kernel: &Kernel,
    ) -> Result<Vec<Note>, KernelError> {
        let mut lines = Lines::new(object);
        let mut notes = Vec::new();
        for (func, function) in program.funcs.iter() {
            let blocks = function.layout().iter();
            let insts = blocks.flat_map(|&block| &function.block(block).insts);
            for data in insts.map(|&inst| function.inst(inst)) {
                if let (Op::Call(Callee::Helper(number)), Some(version)) =
                    (data.op, kernel.known_version())
                    && let Some(helper) = Helper::get(number)
                    && !version.has(helper.since)
                {
                    let (major, minor) = helper.since;
                    notes.push(Note::MissingHelper {
                        at: lines.location(func, data.origin),
                        helper: helper.name.to_owned(),
                        since: format!("{major}.{minor}"),
                        kernel: version.to_string(),
                    });
                }
                let Some(known) = self.missing(data) else { continue };
                let at = lines.location(func, data.origin);
                if known.is_option {
                    return Err(KernelError::NotSet { name: known.name.clone(), at: Box::new(at) });
                }
                notes.push(Note::MissingSymbol { at, symbol: known.name.clone() });
            }
        }
        Ok(notes)
    }

    /// What the object was folded with for good: externs whose symbols are `gone`, and those
    /// that loads were folded of.
    pub fn folded(&self, object: &Object, gone: &[SymbolIndex], log: &FoldLog) -> Vec<FoldedWith> {
        let is_gone = |ext: Extern| {
            object.links().externs.get(ext).is_some_and(|link| gone.contains(&link.symbol))
        };
        let is_loaded = |ext: Extern| {
            log.events.iter().any(|event| match event {
                Event::LoadFolded { source: LoadSource::Extern { ext: loaded, .. }, .. } => {
                    *loaded == ext
                }
                Event::LoadFolded { .. }
                | Event::BranchDecided { .. }
                | Event::JumpDecided { .. } => false,
            })
        };
        let known = self.externs.iter().filter(|known| {
            let value = matches!(known.outcome, Outcome::Value(_));
            value && (is_gone(known.ext) || is_loaded(known.ext))
        });
        let folded = known.map(|known| FoldedWith {
            name: known.name.clone(),
            value: known.text.clone(),
            frozen: false,
            sealed: true,
            kernel: true,
        });
        folded.collect()
    }

    /// The extern that an instruction names, if the kernel does not have it.
    fn missing(&self, data: &InstData) -> Option<&ResolvedExtern> {
        let (ext, is_call) = match data.op {
            Op::Call(Callee::Extern(ext)) => (ext, true),
            Op::LdImm64 { imm: Imm64::Extern(ext), .. } => (ext, false),
            _ => return None,
        };
        let known = self.externs.iter().find(|known| known.ext == ext)?;
        match &known.outcome {
            Outcome::Missing => Some(known),
            Outcome::Value(ExternValue::Absent) if is_call => Some(known),
            Outcome::Value(_) => None,
        }
    }
}
