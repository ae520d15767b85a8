//! Which objects there are to fold.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Objects that are left out, by a part of their file's name, and why. The kernel that runs
/// here can be harmed by the first four: they trip its warnings.
const LEFT_OUT: &[(&str, &str)] = &[
    ("verifier_bounds", "trips a warning in the verifier of 6.18"),
    ("tailcall_callback", "trips a warning in the verifier of 6.18"),
    ("verifier_ld_ind", "trips a warning in the verifier of 6.18"),
    ("verifier_subprog_precision", "trips a warning in the verifier of 6.18"),
    ("loop3", "takes the verifier minutes"),
    ("strobemeta_bpf_loop", "takes the verifier minutes"),
    ("verifier_liveness_exp", "takes the verifier minutes"),
    ("verifier_search_pruning", "takes the verifier minutes"),
];

/// `EM_BPF` of `e_machine`, in both byte orders, behind `e_type`.
const ELF_MAGIC: &[u8] = b"\x7fELF";
const MACHINE_OFFSET: usize = 18;
const EM_BPF: u16 = 247;

/// The BPF objects below directories, in the order of their paths; directories whose names
/// begin with a dot or end in `.skip` are not entered.
pub fn find(dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in dirs {
        let walk = WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !(name.starts_with('.') || name.ends_with(".skip"))
        });
        let files = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
        found.extend(files.map(walkdir::DirEntry::into_path).filter(|path| is_object(path)));
    }
    found.retain(|path| left_out(path).is_none());
    found
}

/// Why an object is left out, if it is.
pub fn left_out(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy();
    LEFT_OUT.iter().find(|(part, _)| name.contains(part)).map(|(_, why)| *why)
}

fn is_object(path: &Path) -> bool {
    let mut header = [0_u8; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let machine = [header[MACHINE_OFFSET], header[MACHINE_OFFSET + 1]];
    let is_bpf = u16::from_le_bytes(machine) == EM_BPF || u16::from_be_bytes(machine) == EM_BPF;
    read.is_ok() && header.starts_with(ELF_MAGIC) && is_bpf
}

/// What libbpf names data maps after: the file's name up to the first dot.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
