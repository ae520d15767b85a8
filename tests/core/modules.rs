//! Types of a real module, in BTF that continues the kernel's.

use std::collections::BTreeSet;
use std::sync::Arc;

use bpfold::btf::{Btf, Kind, TypeId, TypeSet};
use bpfold::{CoreMode, Fold};

use super::*;

/// Each record has libbpf's value, which `relocate OBJECT BTF MODULE` printed.
#[test]
fn types_of_a_module() {
    let object = read_object(&test_object("core-module.o"));
    let vmlinux = target("core-module.btf");
    let veth = std::fs::read(test_object("core-module-veth.btf")).unwrap();
    let kernel = vmlinux.clone().module_btf("veth", veth.clone());
    let log = std::fs::read_to_string(test_object("core-module.libbpf")).unwrap();
    let libbpf = libbpf_outcomes(&log);
    assert_eq!(compare(&object, &outcomes(&object, &kernel), &libbpf), (9, Vec::new()));
    // The kernel itself lacks them, and the module says nothing of its own.
    let without = outcomes(&object, &vmlinux);
    let lacking = without.values().filter(|outcome| outcome.starts_with("none"));
    assert_eq!(lacking.count(), 4, "{without:?}");
    assert!(Btf::parse(&veth).is_err());
    // Another fold needs the module again.
    let fold = |object: &Object, kernel: &Kernel| {
        Ok::<_, bpfold::Error>(
            Fold::new(object)?.kernel(kernel).core(CoreMode::Checks).run()?.bytes,
        )
    };
    let folded = Object::parse(&fold(&object, &kernel).unwrap()).unwrap();
    assert!(fold(&folded, &kernel).unwrap() == folded.elf().write().unwrap());
    assert!(matches!(fold(&folded, &vmlinux), Err(bpfold::Error::OtherKernel { .. })));
}

/// Makes the committed types of whole ones: `BPFOLD_MODULE=BTF:MODULE` names those of Debian's
/// 6.1.192 and the module file veth.ko, or its section .BTF.
#[test]
#[ignore = "makes the committed types of whole ones"]
fn cut_module() {
    let Ok(paths) = std::env::var("BPFOLD_MODULE") else { return };
    let (base, module) = paths.split_once(':').unwrap();
    let kernel = kernel(Path::new(base)).module_btf("veth", std::fs::read(module).unwrap());
    let base = kernel.types().unwrap().unwrap();
    let module = kernel.module_types().unwrap().remove(0);
    let (base, module) = cut(&base, &module);
    std::fs::write(test_object("core-module.btf"), base).unwrap();
    std::fs::write(test_object("core-module-veth.btf"), module).unwrap();
}

/// `struct veth_priv` of the module with what it needs of both, of structs only the members that
/// are asked for, and `struct net_device` of the kernel.
fn cut(base: &Btf, module: &Btf) -> (Vec<u8>, Vec<u8>) {
    const MEMBERS: [&str; 5] = ["peer", "dropped", "rq", "requested_headroom", "ifindex"];
    let kind = |btf: &Btf, id: TypeId| {
        let mut kind = btf.ty(id).kind.clone();
        if let Kind::Struct(of) | Kind::Union(of) = &mut kind {
            of.members.retain(|member| MEMBERS.contains(&btf.str(member.name)));
        }
        // What pointers of the kernel point to would be most of the kernel.
        match kind {
            Kind::Ptr(_) if id < base.end_id() => Kind::Ptr(TypeId::VOID),
            kind => kind,
        }
    };
    let is_struct = |kind: &Kind| matches!(kind, Kind::Struct(_));
    let mut reached = BTreeSet::new();
    let mut work = vec![module.find("veth_priv", is_struct).unwrap()];
    work.extend(base.find("net_device", is_struct));
    work.extend(base.find("long int", |kind| matches!(kind, Kind::Int(_))));
    while let Some(id) = work.pop() {
        if id != TypeId::VOID && reached.insert(id) {
            kind(module, id).for_each_ref(|to| work.push(to));
        }
    }
    let (of_base, own): (Vec<_>, Vec<_>) = reached.iter().partition(|id| **id < base.end_id());
    let mut keep = TypeSet::new();
    let mut small = base.clone();
    for id in of_base {
        small.ty_mut(id).unwrap().kind = kind(base, id);
        keep.insert(id);
    }
    let map = small.retain(&keep);
    small.rebuild_strings(None);
    let small = Arc::new(small);
    let header = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    let empty = [&header[..], &[0; 8], &[0; 4], &[1, 0, 0, 0], &[0]].concat();
    let mut split = Btf::parse_split(&empty, small.clone()).unwrap();
    let place = |id: TypeId| match own.iter().position(|own| *own == id) {
        Some(at) => TypeId(small.end_id().0 + at as u32),
        None => map.get(id).unwrap_or(TypeId::VOID),
    };
    for &id in &own {
        let mut ty = module.ty(id).clone();
        ty.kind = kind(module, id);
        ty.kind.for_each_ref_mut(|to| *to = place(*to));
        ty.name = split.add_string(module.str(ty.name));
        ty.kind.for_each_str_mut(|name| *name = split.add_string(module.str(*name)));
        split.add_type(ty);
    }
    (small.to_bytes().unwrap(), split.to_bytes().unwrap())
}
