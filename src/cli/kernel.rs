//! What the command line says of a kernel, with the running kernel's files for `host`.

use std::fs;
use std::path::{Path, PathBuf};

use bpfold::{Kernel, KernelError, KernelVersion};

use super::args::KernelArgs;
use super::error::CliError;
use super::files;

/// Where the kernel shows its types, a file a module.
const HOST_BTF: &str = "/sys/kernel/btf";

/// What is known of the kernel.
pub fn known(args: &KernelArgs) -> Result<Kernel, CliError> {
    let mut kernel = Kernel::new();
    if let Some(version) = &args.kernel {
        kernel = kernel.version(match version.as_str() {
            "host" => host_version()?,
            version => version.parse().map_err(CliError::KernelVersion)?,
        });
    }
    if let Some(path) = &args.kconfig {
        let (path, file) = if is_host(path) { host_kconfig()? } else { read(path)? };
        kernel = kernel.kconfig(&file).map_err(bad(path))?;
    }
    if let Some(path) = &args.kallsyms {
        let host = Path::new("/proc/kallsyms");
        let (path, file) = read(if is_host(path) { host } else { path })?;
        kernel = kernel.kallsyms(file).map_err(bad(path))?;
    }
    let mut files = Vec::new();
    for path in &args.btf {
        if is_host(path) {
            files.extend(host_btf()?);
        } else {
            files.push(path.clone());
        }
    }
    for (at, path) in files.iter().enumerate() {
        let (path, file) = read(path)?;
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        kernel = if at == 0 { kernel.btf(file) } else { kernel.module_btf(&name, file) };
    }
    Ok(kernel)
}

/// The error of a fold, about the file that is at fault: types of the kernel are read when they
/// are asked for.
pub fn at_fault<'a>(
    args: &'a KernelArgs,
    object: &'a Path,
) -> impl FnOnce(bpfold::Error) -> CliError + 'a {
    |error| {
        let (name, source) = match error {
            bpfold::Error::Kernel(
                ref source @ (KernelError::Btf { ref name, .. }
                | KernelError::NoBtf { ref name, .. }),
            ) => (name.clone(), source.clone()),
            error => return CliError::object(object)(error),
        };
        let of_module = args.btf.iter().skip(1).find(|path| {
            path.file_name().is_some_and(|file| file.to_string_lossy() == name.as_str())
        });
        let path = match args.btf.first().filter(|_| name == "vmlinux").or(of_module) {
            Some(path) if !is_host(path) => path.clone(),
            _ => Path::new(HOST_BTF).join(&name),
        };
        CliError::Kernel { path, source }
    }
}

fn is_host(path: &Path) -> bool {
    path.as_os_str() == "host"
}

fn read(path: &Path) -> Result<(PathBuf, Vec<u8>), CliError> {
    Ok((path.to_owned(), files::read(path)?))
}

fn bad(path: PathBuf) -> impl FnOnce(KernelError) -> CliError {
    |source| CliError::Kernel { path, source }
}

fn text(path: &str) -> Result<String, CliError> {
    Ok(String::from_utf8_lossy(&files::read(Path::new(path))?).trim().to_owned())
}

fn host_version() -> Result<KernelVersion, CliError> {
    // Ubuntu's release names no patch level either (libbpf's `get_ubuntu_kernel_version`):
    // `Ubuntu 5.4.0-12.15-generic 5.4.8`.
    if let Ok(signature) = fs::read_to_string("/proc/version_signature")
        && let Some(version) = signature.split_whitespace().nth(2)
    {
        return version.parse().map_err(CliError::KernelVersion);
    }
    let (release, version) =
        (text("/proc/sys/kernel/osrelease")?, text("/proc/sys/kernel/version")?);
    KernelVersion::of_host(&release, &version).map_err(CliError::KernelVersion)
}

/// The configuration where libbpf looks for it (`bpf_object__read_kconfig_file`).
fn host_kconfig() -> Result<(PathBuf, Vec<u8>), CliError> {
    let boot = PathBuf::from(format!("/boot/config-{}", text("/proc/sys/kernel/osrelease")?));
    read(if boot.exists() { &boot } else { Path::new("/proc/config.gz") })
}

/// The kernel's own types first, then those of its modules by name.
fn host_btf() -> Result<Vec<PathBuf>, CliError> {
    let dir = Path::new(HOST_BTF);
    let failed = |source| CliError::Read { path: dir.to_owned(), source };
    let mut modules = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() != "vmlinux" {
            modules.push(entry.path());
        }
    }
    modules.sort();
    modules.insert(0, dir.join("vmlinux"));
    Ok(modules)
}
