//! aya opens no object with variables in `.kconfig`; folded for a kernel it has none.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking and say what they leave out"
)]

use bpfold::{CoreMode, Fold, Kernel, Object};
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
