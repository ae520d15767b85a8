//! .BTF and .BTF.ext of real objects and of the kernel come back byte for byte.
//!
//! `BPFOLD_CORPUS` names a directory of objects to go through.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bpfold::btf::{Btf, BtfError, BtfExt, Kind, TypeSet};
use object::{Object, ObjectSection};

/// The .BTF and .BTF.ext of an ELF file.
fn sections(file: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let Ok(elf) = object::File::parse(file) else {
        return (None, None);
    };
    let data = |name| elf.section_by_name(name)?.data().ok().map(<[u8]>::to_vec);
    (data(".BTF"), data(".BTF.ext"))
}

fn objects_below(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            objects_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o") {
            found.push(path);
        }
    }
}

/// Reads and writes both sections, then once more with types that nothing needs removed and the
/// strings made anew: nothing that .BTF.ext says may change.
fn round_trip(btf_bytes: &[u8], ext_bytes: Option<&[u8]>) -> Result<(), BtfError> {
    let mut btf = Btf::parse(btf_bytes)?;
    assert!(btf.to_bytes()? == btf_bytes, ".BTF differs");
    let Some(ext_bytes) = ext_bytes else {
        return Ok(());
    };
    let mut ext = BtfExt::parse(ext_bytes, &btf)?;
    assert!(ext.to_bytes() == ext_bytes, ".BTF.ext differs");

    let before = told(&btf, &ext);
    let mut keep = TypeSet::new();
    for (id, ty) in btf.types() {
        if matches!(ty.kind, Kind::Func { .. } | Kind::DataSec(_)) {
            keep.insert(id);
        }
    }
    for relo in ext.core_relo.blocks.iter().flat_map(|block| &block.records) {
        keep.insert(relo.type_id);
    }
    let map = btf.retain(&keep);
    ext.renumber(&map);
    btf.rebuild_strings(Some(&mut ext));
    let btf = Btf::parse(&btf.to_bytes()?)?;
    let ext = BtfExt::parse(&ext.to_bytes(), &btf)?;
    assert_eq!(before, told(&btf, &ext));
    Ok(())
}

/// What .BTF.ext says, without ids and offsets of strings.
fn told(btf: &Btf, ext: &BtfExt) -> Vec<String> {
    let mut lines = Vec::new();
    for block in &ext.func_info.blocks {
        for record in &block.records {
            lines.push(format!(
                "{} {} {}",
                btf.str(block.section),
                record.insn_off,
                btf.name(record.type_id)
            ));
        }
    }
    for block in &ext.line_info.blocks {
        for record in &block.records {
            lines.push(format!(
                "{} {} {}:{}:{} {}",
                btf.str(block.section),
                record.insn_off,
                btf.str(record.file_name_off),
                record.line(),
                record.column(),
                btf.str_lossy(record.line_off)
            ));
        }
    }
    for block in &ext.core_relo.blocks {
        for record in &block.records {
            lines.push(format!(
                "{} {} {} {} {:?}",
                btf.str(block.section),
                record.insn_off,
                btf.name(record.type_id),
                btf.str(record.access_str_off),
                record.kind
            ));
        }
    }
    lines
}

#[test]
fn corpus_round_trips() {
    let Some(corpus) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let mut objects = Vec::new();
    objects_below(Path::new(&corpus), &mut objects);
    objects.sort();
    let (mut with_btf, mut with_ext, mut refused) = (0, 0, Vec::new());
    for path in &objects {
        let Ok(file) = std::fs::read(path) else {
            continue;
        };
        let (Some(btf), ext) = sections(&file) else {
            continue;
        };
        with_btf += 1;
        with_ext += usize::from(ext.is_some());
        if let Err(error) = round_trip(&btf, ext.as_deref()) {
            refused.push(format!("{}: {error}", path.display()));
        }
    }
    println!("{} objects, {with_btf} with .BTF, {with_ext} with .BTF.ext", objects.len());
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn kernel_btf_round_trips() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        return;
    };
    let start = std::time::Instant::now();
    let btf = Btf::parse(&bytes).unwrap();
    println!("{} types of {} bytes in {:?}", btf.end_id().0 - 1, bytes.len(), start.elapsed());
    assert!(btf.to_bytes().unwrap() == bytes);
    let task = btf.find("task_struct", |kind| matches!(kind, Kind::Struct(_))).unwrap();
    assert!(btf.size_of(task).unwrap() > 1000);
    assert!(btf.find_member(task, "pid").is_some());
    let _: Arc<Btf> = Arc::new(btf);
}
