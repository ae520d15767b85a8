//! aya opens no object with variables in `.kconfig`; folded for a kernel it has none.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::path::Path;

use bpfold::{CoreMode, Fold, Kernel, KernelVersion, Object};
use bpfold_loaders::{aya, cases, libbpf, may_load};
use libbpf_rs::ProgramInput;

/// The facts that the tests of the example use, with what userspace says of the kernel.
fn known(version: &str) -> (Kernel, String) {
    let dir = cases::root().join("tests/kernels").join(version);
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let kernel = Kernel::new().version(version.parse().unwrap());
    let kernel = kernel.kconfig(&read("config")).unwrap().kallsyms(read("kallsyms")).unwrap();
    let code = format!("KERNEL_VERSION({},0)", version.replace('.', ","));
    (kernel.btf(read("btf")), code)
}

#[test]
fn aya_loads_objects_without_kconfig() {
    if !may_load("loading with aya") {
        return;
    }
    let file = std::fs::read(cases::root().join("examples/portable.bpf.o")).unwrap();
    let refused = aya::verdicts(&file).unwrap_err();
    assert!(refused.contains(".kconfig"), "{refused}");
    let object = Object::parse(&file).unwrap();
    // What these kernels have, later ones have too. The results are those of the unfolded
    // object in these kernels (`tests/kernels/run.sh`).
    for (version, result) in [("5.10", 0x11c5), ("6.1", 0x125ea)] {
        let (kernel, code) = known(version);
        let fold = Fold::new(&object).unwrap().set("kernel_version", &code).unwrap();
        let fold = fold.freeze_all().kernel(&kernel).core(CoreMode::All);
        let folded = fold.run().unwrap().bytes;
        let verdicts = aya::verdicts(&folded).unwrap();
        assert!(verdicts["portable"].is_ok(), "{version}: {verdicts:?}");
        let loaded = libbpf::load(&folded).unwrap();
        let program = loaded.progs_mut().next().unwrap();
        let packet = [0; 64];
        let input = ProgramInput { data_in: Some(&packet), ..ProgramInput::default() };
        assert_eq!(program.test_run(input).unwrap().return_value, result, "{version}");
    }
}

/// What the running kernel shows of itself.
fn host() -> Option<Kernel> {
    let read = |path: &str| std::fs::read(path).ok();
    let text = |path: &str| Some(String::from_utf8_lossy(&read(path)?).trim().to_owned());
    let release = text("/proc/sys/kernel/osrelease")?;
    let version = KernelVersion::of_host(&release, &text("/proc/sys/kernel/version")?).ok()?;
    let config = read(&format!("/boot/config-{release}")).or_else(|| read("/proc/config.gz"))?;
    let kernel = Kernel::new().version(version).kconfig(&config).ok()?;
    Some(kernel.btf(read("/sys/kernel/btf/vmlinux")?))
}

/// The objects below `BPFOLD_CORPUS` that aya refuses because of `.kconfig`.
#[test]
fn corpus_of_kconfig_opens_with_aya() {
    let Ok(dirs) = std::env::var("BPFOLD_CORPUS") else { return };
    let Some(kernel) = host().filter(|_| may_load("loading the corpus with aya")) else { return };
    let (mut objects, mut opened, mut loaded) = (0, 0, 0);
    let mut wrong = Vec::new();
    for path in dirs.split(':').flat_map(|dir| cases::objects_in(Path::new(dir))) {
        let file = std::fs::read(&path).unwrap();
        let Ok(object) = Object::parse(&file) else { continue };
        let has_options = object.btf().is_some_and(|btf| btf.find_datasec(".kconfig").is_some());
        if file.get(5) != Some(&1) || !has_options {
            continue;
        }
        if !aya::verdicts(&file).is_err_and(|error| error.contains(".kconfig")) {
            continue;
        }
        let fold = Fold::new(&object).unwrap().freeze_all().kernel(&kernel);
        let folded = match fold.run() {
            Ok(folded) => folded.bytes,
            Err(error) => {
                eprintln!("{}: not folded: {error}", path.display());
                continue;
            }
        };
        objects += 1;
        match aya::verdicts(&folded) {
            Ok(verdicts) => {
                opened += 1;
                loaded += verdicts.values().filter(|verdict| verdict.is_ok()).count();
            }
            Err(error) if error.contains(".kconfig") => {
                wrong.push(format!("{}: {error}", path.display()));
            }
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    eprintln!("{objects} objects with .kconfig: {opened} open, {loaded} programs load");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
