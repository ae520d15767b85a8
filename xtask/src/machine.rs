//! A kernel in a virtual machine without hardware support, and what runs in it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bpfold::{Kernel, KernelVersion};
use flate2::bufread::GzDecoder;

use crate::initramfs::Initramfs;

/// What the machine does: it runs the loader on each directory of objects, and sends what it
/// prints through the second serial port, compressed since that is slow.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
mount -t bpf b /sys/fs/bpf; mount -t tracefs t /sys/kernel/tracing
ip link set lo up; ulimit -l unlimited
stty -F /dev/ttyS1 raw -echo
cd /objects
for objects in *; do timeout LIMIT /bin/loader OPTIONS $objects/*/*; done | gzip -1 > /dev/ttyS1
sync; sleep 0.2; poweroff -f
";
/// Seconds that the loader may take for the objects of one directory.
const LIMIT: u32 = 120;
/// Packets that each program is run with.
const PACKETS: u32 = 8;

/// How a machine is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Memory in MiB.
    pub memory: u32,
    /// A machine that takes longer is stopped.
    pub limit: Duration,
    /// Programs are run, too.
    pub runs: bool,
}

/// A kernel that can be started.
pub struct Machine {
    /// What the image says of itself: release, builder, version.
    pub release: String,
    /// What bpfold is told of the kernel.
    pub facts: Kernel,
    image: PathBuf,
}

impl Machine {
    /// A kernel by its image; beside it there can be its configuration in `config` and
    /// its types in `btf`.
    pub fn new(image: &Path) -> Result<Machine> {
        let bytes = fs::read(image).with_context(|| format!("{}: cannot read", image.display()))?;
        let banner = banner(&bytes)
            .with_context(|| format!("{}: not a kernel image for x86", image.display()))?;
        let (release, version) = banner.split_once(' ').unwrap_or((&banner, ""));
        let version = version.split_once('#').map_or("", |(_, version)| version);
        let mut facts = Kernel::new().version(KernelVersion::of_host(release, version)?);
        if let Ok(configuration) = fs::read(image.with_file_name("config")) {
            facts = facts.kconfig(&configuration)?;
        }
        if let Ok(types) = fs::read(image.with_file_name("btf")) {
            facts = facts.btf(types);
        }
        Ok(Machine { release: release.to_owned(), facts, image: image.to_owned() })
    }

    /// Starts the kernel with files below `/objects`, each in a directory in a directory of
    /// its own, and gives the lines that the loader prints.
    pub fn run(
        &self,
        loader: &Path,
        objects: &[(String, Vec<u8>)],
        settings: Settings,
    ) -> Result<Vec<String>> {
        let work = tempfile::tempdir()?;
        let archive = work.path().join("initramfs");
        fs::write(&archive, root(loader, objects, settings.runs)?)?;
        let (console, results) = (work.path().join("console"), work.path().join("results"));
        let serial = |path: &Path| format!("file:{}", path.display());
        let mut machine = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg", "-cpu", "max", "-smp", "1", "-nodefaults", "-no-reboot"])
            .args(["-display", "none", "-m", &settings.memory.to_string()])
            .args(["-append", "console=ttyS0 panic=-1 quiet"])
            .arg("-kernel")
            .arg(&self.image)
            .arg("-initrd")
            .arg(&archive)
            .args(["-serial", &serial(&console), "-serial", &serial(&results)])
            .stdin(Stdio::null())
            .spawn()
            .context("qemu-system-x86_64 cannot be started: on Debian install qemu-system-x86")?;
        let status = wait(&mut machine, settings.limit)?;
        let lines = BufReader::new(GzDecoder::new(BufReader::new(File::open(&results)?))).lines();
        // The machine may have been stopped or have died: what has come counts.
        let lines: Vec<String> = lines.map_while(Result::ok).collect();
        if lines.is_empty() && !objects.is_empty() {
            let said = fs::read_to_string(&console).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            anyhow::bail!("{}: nothing came ({status:?}); it said {last:?}", self.release);
        }
        Ok(lines)
    }
}

/// The banner in an image's setup header (Documentation/arch/x86/boot.rst, `kernel_version`).
fn banner(image: &[u8]) -> Option<String> {
    image.get(0x202..0x206).filter(|magic| magic == b"HdrS")?;
    let place = u16::from_le_bytes(image.get(0x20e..0x210)?.try_into().ok()?);
    let text = image.get(usize::from(place) + 0x200..)?;
    let end = text.iter().take(512).position(|byte| *byte == 0)?;
    String::from_utf8(text.get(..end)?.to_vec()).ok()
}

fn root(loader: &Path, objects: &[(String, Vec<u8>)], runs: bool) -> Result<Vec<u8>> {
    let mut archive = Initramfs::default();
    for directory in ["bin", "dev", "proc", "sys", "tmp", "objects"] {
        archive.directory(directory);
    }
    let busybox = fs::read("/bin/busybox").context("/bin/busybox: install busybox-static")?;
    archive.file("bin/busybox", &busybox);
    archive.file("bin/loader", &fs::read(loader)?);
    let options = if runs { format!("--run {PACKETS}") } else { String::new() };
    let init = INIT.replace("LIMIT", &LIMIT.to_string()).replace("OPTIONS", &options);
    archive.file("init", init.as_bytes());
    let mut known: Vec<String> = Vec::new();
    for (path, bytes) in objects {
        let path = format!("objects/{path}");
        for (at, _) in path.match_indices('/').skip(1) {
            if !known.iter().any(|directory| directory == &path[..at]) {
                archive.directory(&path[..at]);
                known.push(path[..at].to_owned());
            }
        }
        archive.file(&path, bytes);
    }
    Ok(archive.finish())
}

/// None if it was stopped.
fn wait(child: &mut std::process::Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
