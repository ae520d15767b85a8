//! `examples/portable.bpf.c` folded for several kernels has only that kernel's paths.
//!
//! `tests/kernels/VERSION` holds what is known of each kernel, as Debian builds it, cut to what
//! the example asks for: `cut_facts` makes them of whole ones. `tests/kernels/run.sh` boots the
//! kernels and compares what the objects return.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they leave out"
)]

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bpfold::btf::{Btf, Kind, TypeSet};
use bpfold::passes::ir::Op;
use bpfold::passes::isa::Callee;
use bpfold::passes::text::Printer;
use bpfold::report::Note;
use bpfold::{CoreMode, Fold, Folded, Kernel, KernelVersion, Object};

const KERNELS: [&str; 4] = ["5.10", "6.1", "6.12", "7.3"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn example() -> Object {
    Object::parse(&std::fs::read(root().join("examples/portable.bpf.o")).unwrap()).unwrap()
}

/// The facts in a directory.
struct Facts {
    version: KernelVersion,
    config: Vec<u8>,
    kallsyms: Vec<u8>,
    btf: Vec<u8>,
}

impl Facts {
    fn read(dir: &Path) -> Facts {
        let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
        let release = String::from_utf8(read("release")).unwrap();
        let (release, version) = release.trim().split_once('\n').unwrap();
        let kallsyms = match std::fs::File::open(dir.join("kallsyms.gz")) {
            Ok(file) => {
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(file).read_to_end(&mut text).unwrap();
                text
            }
            Err(_) => read("kallsyms"),
        };
        let version = KernelVersion::of_host(release, version).unwrap();
        Facts { version, config: read("config"), kallsyms, btf: read("btf") }
    }

    fn cut(version: &str) -> Facts {
        Facts::read(&root().join("tests/kernels").join(version))
    }

    fn kernel(&self) -> Kernel {
        let kernel = Kernel::new().version(self.version).kconfig(&self.config).unwrap();
        kernel.kallsyms(self.kallsyms.clone()).unwrap().btf(self.btf.clone())
    }

    /// What userspace says of the kernel.
    fn code(&self) -> String {
        format!("KERNEL_VERSION({},{},0)", self.version.major, self.version.minor)
    }

    fn fold(&self, object: &Object, core: CoreMode) -> Folded {
        let fold = Fold::new(object).unwrap().set("kernel_version", &self.code()).unwrap();
        let fold = fold.freeze_all().verify_each(true);
        fold.kernel(&self.kernel()).core(core).run().unwrap()
    }
}

/// The names of undefined symbols, and the numbers of helpers.
fn names(object: &Object) -> (BTreeSet<&str>, BTreeSet<i32>) {
    let program = object.program();
    let insts = program.funcs.values().flat_map(|f| f.insts().map(|(_, inst)| f.op(inst)));
    let helpers = insts.filter_map(|op| match op {
        Op::Call(Callee::Helper(helper)) => Some(*helper),
        _ => None,
    });
    (program.externs.values().map(|ext| ext.name.as_str()).collect(), helpers.collect())
}

#[test]
fn only_the_kernels_paths_are_left() {
    const UPDATE: i32 = 2;
    const BOOT: i32 = 125;
    const TAI: i32 = 208;
    let task = ["bpf_task_from_pid", "bpf_task_release"];
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (version, helper, functions) in [
        ("5.10", BOOT, &[][..]),
        ("6.1", TAI, &[]),
        ("6.12", TAI, &task),
        ("7.3", TAI, &["bpf_strlen", task[0], task[1]]),
    ] {
        let folded = Facts::cut(version).fold(&example(), CoreMode::All);
        let object = Object::parse(&folded.bytes).unwrap();
        let (symbols, helpers) = names(&object);
        assert_eq!(symbols, functions.iter().copied().collect(), "{version}");
        assert_eq!(helpers, [UPDATE, helper].into(), "{version}");
        assert_eq!(object.variables().unwrap().iter().count(), 0, "{version}");
        assert_eq!(folded.report.core_left, 0, "{version}");
        assert!(object.btf().unwrap().find_datasec(".kconfig").is_none(), "{version}");
        assert_eq!(folded.report.notes, [Note::NamesGone], "{version}");
        let text = Printer::new(object.program()).to_string();
        settings.bind(|| insta::assert_snapshot!(format!("portable_{version}"), text));
    }
}

/// Checks have the same answers as all records, and leave the offset of `pid` to the loader.
#[test]
fn checks_decide_the_same_branches() {
    for version in KERNELS {
        let facts = Facts::cut(version);
        let all = facts.fold(&example(), CoreMode::All).report;
        let checks = facts.fold(&example(), CoreMode::Checks).report;
        assert_eq!(all.branches.len(), checks.branches.len(), "{version}");
        assert_eq!(all.instructions_after(), checks.instructions_after(), "{version}");
        let has_task = ["6.12", "7.3"].contains(&version);
        assert_eq!(checks.core_left, usize::from(has_task), "{version}");
    }
}

#[test]
fn each_fact_alone_decides_its_own() {
    let object = example();
    let facts = Facts::cut("6.12");
    let decided = |kernel: Kernel| {
        let folded = Fold::new(&object).unwrap().kernel(&kernel).run().unwrap();
        let lines = folded.report.branches.iter().map(|branch| {
            let text = &branch.at.source.as_ref().unwrap().text;
            ["LINUX_", "CONFIG_", "bpf_core_", "bpf_"]
                .into_iter()
                .find(|kind| text.contains(kind))
                .unwrap_or("other")
        });
        lines.collect::<BTreeSet<_>>()
    };
    assert_eq!(decided(Kernel::new()), [].into());
    // A version also tells which types of maps there are (`bpf_core_enum_value_exists`).
    assert_eq!(decided(Kernel::new().version(facts.version)), ["LINUX_", "bpf_core_"].into());
    let kconfig = Kernel::new().kconfig(&facts.config).unwrap();
    assert_eq!(decided(kconfig), ["CONFIG_"].into());
    let btf = Kernel::new().btf(facts.btf.clone());
    // Also a branch on what the checks have added to the result.
    assert_eq!(decided(btf), ["bpf_", "bpf_core_", "other"].into());
    let kallsyms = Kernel::new().kallsyms(facts.kallsyms.clone()).unwrap();
    assert!(decided(kallsyms).contains("bpf_"));
}

/// A kernel that lacks what live code calls: a warning with the line.
#[test]
fn what_the_kernel_lacks_is_said() {
    let facts = Facts::cut("5.10");
    let object = example();
    let fold = Fold::new(&object).unwrap().set("kernel_version", "KERNEL_VERSION(6,1,0)").unwrap();
    let notes = fold.kernel(&facts.kernel()).run().unwrap().report.notes;
    let [Note::MissingHelper { helper, at, .. }, Note::NamesGone] = notes.as_slice() else {
        panic!("{notes:?}")
    };
    assert_eq!(helper, "bpf_ktime_get_tai_ns");
    assert!(at.source.as_ref().unwrap().text.contains("bpf_ktime_get_tai_ns"));
}

/// The running kernel's own facts, as far as it shows them.
#[test]
fn the_running_kernel() {
    let read = |path: &str| std::fs::read(path).ok();
    let text = |path: &str| Some(String::from_utf8_lossy(&read(path)?).trim().to_owned());
    let known = text("/proc/sys/kernel/osrelease").zip(text("/proc/sys/kernel/version"));
    let Some(((release, version), btf)) = known.zip(read("/sys/kernel/btf/vmlinux")) else {
        return eprintln!("left out: the running kernel does not show its types");
    };
    let version = KernelVersion::of_host(&release, &version).unwrap();
    let object = example();
    let code = format!("KERNEL_VERSION({},{},0)", version.major, version.minor);
    let fold = Fold::new(&object).unwrap().set("kernel_version", &code).unwrap();
    let kernel = Kernel::new().version(version).btf(btf);
    let folded = fold.kernel(&kernel).core(CoreMode::All).run().unwrap();
    assert_eq!(folded.report.core_left, 0);
    assert_eq!(folded.report.notes, [Note::NamesGone]);
    let types = kernel.types().unwrap().unwrap();
    // Shared by all copies: read once.
    assert!(Arc::ptr_eq(&types, &kernel.clone().types().unwrap().unwrap()));
}

/// `BPFOLD_KERNELS=DIR` has a directory for each kernel, as `tests/kernels/run.sh` leaves them.
#[test]
#[ignore = "makes the committed facts of whole ones"]
fn cut_facts() {
    let Some(kernels) = std::env::var_os("BPFOLD_KERNELS").map(PathBuf::from) else { return };
    let object = example();
    for version in KERNELS {
        let (from, to) = (kernels.join(version), root().join("tests/kernels").join(version));
        let whole = Facts::read(&from);
        std::fs::create_dir_all(&to).unwrap();
        std::fs::copy(from.join("release"), to.join("release")).unwrap();
        std::fs::write(to.join("config"), cut_config(&whole.config, &object)).unwrap();
        std::fs::write(to.join("kallsyms"), cut_kallsyms(&whole.kallsyms)).unwrap();
        std::fs::write(to.join("btf"), cut_btf(&whole.btf)).unwrap();
        let (whole, cut) = (whole.fold(&object, CoreMode::All), Facts::cut(version));
        assert!(whole.bytes == cut.fold(&object, CoreMode::All).bytes, "{version}");
    }
}

fn cut_config(config: &[u8], object: &Object) -> String {
    let options: Vec<&str> = object.program().externs.values().map(|e| e.name.as_str()).collect();
    let more = ["CONFIG_ARCH_HAS_SYSCALL_WRAPPER", "CONFIG_KPROBE_EVENTS"];
    let text = String::from_utf8_lossy(config);
    let lines = text.lines().filter(|line| {
        let words = line.split(['=', ' ']).filter(|word| !word.is_empty());
        words.into_iter().any(|word| options.contains(&word) || more.contains(&word))
    });
    lines.map(|line| format!("{line}\n")).collect()
}

const FUNCTIONS: [&str; 6] = [
    "bpf_mem_alloc_init",
    "bpf_strlen",
    "bpf_task_from_pid",
    "bpf_task_release",
    "perf_kprobe_init",
    "__x64_sys_bpf",
];

fn cut_kallsyms(kallsyms: &[u8]) -> String {
    let text = String::from_utf8_lossy(kallsyms);
    let known = |line: &&str| line.split(' ').nth(2).is_some_and(|name| FUNCTIONS.contains(&name));
    text.lines().filter(known).map(|line| format!("{line}\n")).collect()
}

/// Of structs only the members that are asked for.
fn cut_btf(bytes: &[u8]) -> Vec<u8> {
    const TYPES: [&str; 4] = ["task_struct", "bpf_dynptr_kern", "bpf_map_type", "long int"];
    const MEMBERS: [&str; 3] = ["pid", "state", "__state"];
    let mut btf = Btf::parse(bytes).unwrap();
    let ids: Vec<_> = btf.types().map(|(id, _)| id).collect();
    let mut keep = TypeSet::new();
    for id in ids {
        let ty = btf.ty(id).clone();
        let name = btf.str(ty.name).to_owned();
        let wanted: &[&str] = match ty.kind {
            Kind::Func { .. } => &FUNCTIONS,
            Kind::Struct(_) | Kind::Enum(_) | Kind::Enum64(_) | Kind::Int(_) => &TYPES,
            _ => continue,
        };
        if wanted.contains(&name.as_str()) {
            keep.insert(id);
        }
        if let Kind::Struct(of) | Kind::Union(of) = &ty.kind {
            let members = of.members.iter().map(|member| btf.str(member.name));
            let kept: Vec<bool> = members.map(|member| MEMBERS.contains(&member)).collect();
            let mut kept = kept.into_iter();
            let mut ty = ty.clone();
            if let Kind::Struct(of) | Kind::Union(of) = &mut ty.kind {
                of.members.retain(|_| kept.next().unwrap());
            }
            *btf.ty_mut(id).unwrap() = ty;
        }
    }
    btf.retain(&keep);
    btf.rebuild_strings(None);
    btf.to_bytes().unwrap()
}
