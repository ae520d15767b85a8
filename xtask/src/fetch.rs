//! `cargo xtask fetch`: real objects, and kernels to load them into, from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::carve::carve;
use crate::debian::Suite;

/// Suites and packages with objects, embedded ones included.
const PACKAGES: &[(&str, &[&str])] = &[
    ("bookworm", TOOLS),
    ("bookworm-backports", &["golang-github-cilium-ebpf-dev", "suricata"]),
    ("trixie", TOOLS),
    ("sid", TOOLS),
];
const TOOLS: &[&str] = &[
    "libbpf-tools",
    "libxdp1",
    "xdp-tools",
    "xdp-tests",
    "ir-keytable",
    "udev-hid-bpf",
    "libsystemd-shared",
    "suricata",
    "golang-github-cilium-ebpf-dev",
];
/// Suites and packages with the kernel's source.
const SOURCES: &[(&str, &str)] =
    &[("bookworm", "linux-source-6.1"), ("bookworm-security", "linux-source-6.12")];
/// Compilers and cpu levels that the kernel's selftests are built with; those that are not
/// installed are left out.
const BUILDS: &[(&str, &str)] =
    &[("clang-14", "v3"), ("clang-19", "v3"), ("clang-19", "v4"), ("clang-22", "v4")];
/// Suites and the beginnings of the names of kernels, of which the last version is taken.
const KERNELS: &[(&str, &str)] = &[
    ("bullseye-security", "linux-image-5.10."),
    ("bookworm-security", "linux-image-6.1."),
    ("bookworm-security", "linux-image-6.12."),
    ("trixie-backports", "linux-image-6.18."),
    ("trixie-backports", "linux-binary-7."),
];
/// How a kernel's name ends that starts without modules.
const KERNEL_END: &str = "-cloud-amd64";

/// Fetch objects and kernels from Debian, and build the kernel's selftests
///
/// All of it goes to the cache, where `corpus` looks by default. What is there stays. The
/// machine's own lists of packages are not touched.
#[derive(Debug, clap::Args)]
pub struct FetchArguments {
    /// Leave out what packages contain
    #[arg(long)]
    pub no_packages: bool,
    /// Leave out the kernel's selftests, which take minutes to compile
    #[arg(long)]
    pub no_selftests: bool,
    /// Fetch kernels too, for `kernels`
    #[arg(long)]
    pub kernels: bool,
    /// Where it goes
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// Runs the command; true, since what cannot be had is left out.
pub fn run(arguments: &FetchArguments) -> Result<bool> {
    let cache = arguments.cache.clone().unwrap_or_else(crate::cache::dir);
    if !arguments.no_packages {
        for (suite, packages) in PACKAGES {
            match Suite::new(suite, &cache) {
                Ok(found) => packages.iter().for_each(|package| {
                    tell(package, suite, objects(&found, package, &cache.join("objects")));
                }),
                Err(error) => tell("all", suite, Err(error)),
            }
        }
    }
    if !arguments.no_selftests {
        for (suite, package) in SOURCES {
            let found = Suite::new(suite, &cache);
            tell(package, suite, found.and_then(|found| selftests(&found, package, &cache)));
        }
    }
    if arguments.kernels {
        for (suite, start) in KERNELS {
            let found = Suite::new(suite, &cache);
            let to = cache.join("kernels");
            tell(start, suite, found.and_then(|found| kernel(&found, start, &to)));
        }
    }
    Ok(true)
}

/// A line of what came of a package.
fn tell(package: &str, suite: &str, result: Result<String>) {
    match result {
        Ok(what) => println!("{package} ({suite}): {what}"),
        Err(error) => println!("{package} ({suite}): left out: {error:#}"),
    }
}

fn objects(suite: &Suite, package: &str, to: &Path) -> Result<String> {
    let to = to.join(format!("{package}-{}", suite.name()));
    if to.exists() {
        return Ok("there already".to_owned());
    }
    let dir = suite.unpack(package)?;
    Ok(format!("{} objects", carve(dir.path(), &to)?))
}

/// The last version of a kernel, with its configuration.
fn kernel(suite: &Suite, start: &str, to: &Path) -> Result<String> {
    let package = suite.last_package(start, KERNEL_END)?;
    let to = to.join(&package);
    if to.exists() {
        return Ok("there already".to_owned());
    }
    let dir = suite.unpack(&package)?;
    let find = |start: &str| {
        let files = WalkDir::new(dir.path()).into_iter().filter_map(Result::ok);
        let mut files = files.filter(|file| file.file_type().is_file());
        files.find(|file| file.file_name().to_string_lossy().starts_with(start))
    };
    let image = find("vmlinuz").context("no image in it")?;
    fs::create_dir_all(&to)?;
    fs::copy(image.path(), to.join("vmlinuz"))?;
    if let Some(configuration) = find("config-") {
        fs::copy(configuration.path(), to.join("config"))?;
    }
    Ok(package)
}

/// Compiles the selftests of a kernel's source with each compiler that is there.
fn selftests(suite: &Suite, package: &str, cache: &Path) -> Result<String> {
    let objects = cache.join("objects");
    let builds: Vec<_> = BUILDS
        .iter()
        .map(|(clang, cpu)| {
            (clang, cpu, objects.join(format!("selftests-{package}-{clang}-{cpu}")))
        })
        .filter(|(clang, _, to)| !to.exists() && command_exists(clang))
        .collect();
    if builds.is_empty() {
        return Ok("there already, or no clang".to_owned());
    }
    let dir = suite.unpack(package)?;
    let archive = dir.path().join(format!("usr/src/{package}.tar.xz"));
    let tree = dir.path().join(package);
    fs::create_dir(&tree)?;
    let status = Command::new("tar")
        .args(["-x", "--strip-components=1", "--wildcards", "-f"])
        .arg(&archive)
        .arg("-C")
        .arg(&tree)
        .args(["*/tools", "*/scripts"])
        .status()?;
    anyhow::ensure!(status.success(), "{}: cannot be unpacked", archive.display());
    let vmlinux = fs::File::create(tree.join("vmlinux.h"))?;
    let status = Command::new("bpftool")
        .args(["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"])
        .stdout(vmlinux)
        .status()
        .context("bpftool cannot be started")?;
    anyhow::ensure!(status.success(), "the running kernel's types cannot be had");
    let mut told = Vec::new();
    for (clang, cpu, to) in builds {
        fs::create_dir_all(&to)?;
        let (done, all) = compile(&tree, clang, cpu, &to)?;
        told.push(format!("{done} of {all} with {clang} for {cpu}"));
    }
    Ok(told.join(", "))
}

fn command_exists(name: &str) -> bool {
    let null = || Stdio::null();
    Command::new(name).arg("--version").stdout(null()).stderr(null()).status().is_ok()
}

/// How many of how many sources compile: each kernel's tests need newer headers than some
/// machines have.
fn compile(tree: &Path, clang: &str, cpu: &str, to: &Path) -> Result<(usize, usize)> {
    let tests = tree.join("tools/testing/selftests/bpf");
    let sources = WalkDir::new(tests.join("progs")).max_depth(1).sort_by_file_name();
    let sources: Vec<PathBuf> = sources
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let chunks = sources.chunks(sources.len().div_ceil(jobs).max(1));
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = chunks
            .map(|chunk| {
                scope.spawn(|| {
                    let compiles = |source: &&PathBuf| one(tree, &tests, clang, cpu, source, to);
                    chunk.iter().filter(compiles).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    Ok((done, sources.len()))
}

fn one(tree: &Path, tests: &Path, clang: &str, cpu: &str, source: &Path, to: &Path) -> bool {
    let name = source.file_stem().unwrap_or_default().to_string_lossy();
    let include = |dir: PathBuf| ["-I".to_owned(), dir.display().to_string()];
    let status = Command::new(clang)
        .args(["-O2", "-g", "-target", "bpf", "-mlittle-endian", "-std=gnu11", "-w"])
        .args(["-fno-strict-aliasing", "-fms-extensions", "-D__TARGET_ARCH_x86"])
        .arg(format!("-mcpu={cpu}"))
        .args(include(tree.to_owned()))
        .args(include(tests.join("progs")))
        .args(include(tests.to_owned()))
        .args(include(tree.join("tools/include/uapi")))
        .args(include(tree.join("tools/include")))
        .args(["-idirafter", "/usr/include/x86_64-linux-gnu", "-c"])
        .arg(source)
        .arg("-o")
        .arg(to.join(format!("{name}.bpf.o")))
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
