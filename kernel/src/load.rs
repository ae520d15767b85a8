//! The order of loading: whole first, then program by program what did not load so.

use std::cell::Cell;

use crate::globalize::{REFUSAL, globalize};
use crate::inputs::Packets;
use crate::libbpf::{Errno, LOG_STATISTICS, LOG_VISITED, Object, ProgramIndex};
use crate::maps;
use crate::messages::{classify, collect, reached_verifier};
use crate::provenance::Composition;
use crate::run::{self, ProgramRun};
use crate::unvisited::Unvisited;
use crate::verdict::{Failure, FailureClass, Loaded, ObjectVerdict, Outcome, ProgramVerdict};

/// Address space for a log of statistics, in bytes.
const STATISTICS_SIZE: usize = 1 << 16;
/// Address space for a log of what was visited, in bytes: what the kernel allows
/// (kernel/bpf/log.c: `UINT_MAX >> 2`).
const VISITED_SIZE: usize = (u32::MAX >> 2) as usize;
/// Programs of an object for which such a log is kept at the same time.
const VISITED_AT_ONCE: usize = 64;

/// Types that are tried where the section does not tell one: SCHED_CLS, XDP, SOCKET_FILTER,
/// KPROBE, TRACEPOINT, CGROUP_SKB, SOCK_OPS, CGROUP_SOCK_ADDR, SK_SKB, SK_MSG, LWT_XMIT,
/// LWT_SEG6LOCAL and RAW_TRACEPOINT of `enum bpf_prog_type`.
const GUESSES: [u32; 13] = [3, 6, 1, 2, 5, 8, 13, 18, 14, 16, 12, 19, 17];
/// What is tried if "xdp" is in the names: XDP and SCHED_CLS.
const XDP_GUESSES: [u32; 2] = [6, 3];

/// Why nothing can be told about an object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process may not load programs.
    #[error(
        "this process may not load BPF programs: run as root, or with CAP_BPF, CAP_PERFMON \
             and CAP_NET_ADMIN"
    )]
    NotPermitted,
    /// The kernel has no BPF.
    #[error("this kernel does not load BPF programs: {0}")]
    Unsupported(std::io::Error),
}

/// What to find out besides the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Which instructions the verifier never visits. Verification takes longer with it.
    pub unvisited: bool,
    /// The packets to run each program with that can be run.
    pub run: Option<&'a Packets>,
    /// Loads each program without the others, with maps of its own.
    pub alone: bool,
}

/// Loads every program of an object, attaches nothing, and unloads. `name` is what libbpf
/// makes the names of data maps of: the file's name up to the first dot.
///
/// # Errors
/// The rights are missing, or the kernel has no BPF. What is wrong with the object is in the
/// verdict.
pub fn load(bytes: &[u8], name: &str, options: Options<'_>) -> Result<ObjectVerdict, Error> {
    check_rights()?;
    Ok(Loader { bytes, name, options, static_programs: Cell::new(false) }.load())
}

/// The release of the running kernel, as `uname -r` tells it; empty if it does not.
pub fn kernel_release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Loads a program that does nothing.
fn check_rights() -> Result<(), Error> {
    match run::load_nothing() {
        Ok(()) => Ok(()),
        Err(errno) if errno == libc::EPERM || errno == libc::EACCES => Err(Error::NotPermitted),
        Err(errno) => Err(Error::Unsupported(std::io::Error::from_raw_os_error(errno))),
    }
}

struct Loader<'a> {
    bytes: &'a [u8],
    name: &'a str,
    options: Options<'a>,
    /// The object has static programs.
    static_programs: Cell<bool>,
}

/// What one program gave.
type Given = (Loaded, Option<ProgramRun>);

impl Loader<'_> {
    fn load(&self) -> ObjectVerdict {
        let (object, messages) = collect(false, || self.open());
        let mut object = match object {
            Ok(object) => object,
            Err(errno) => {
                let failure = Failure { class: FailureClass::Open, ..classify(&messages, errno) };
                return ObjectVerdict {
                    whole: Some(failure),
                    maps: None,
                    programs: Vec::new(),
                    static_programs: false,
                };
            }
        };
        let (mut whole, mut maps) = (None, None);
        let mut given: Vec<Option<Given>> = object.programs().map(|_| None).collect();
        if !self.options.alone {
            self.prepare(&mut object);
            let (result, messages) = collect(self.options.unvisited, || object.load());
            whole = result.err().map(|errno| classify(&messages, errno));
            if whole.is_none() {
                maps = Some(object.created_maps());
                given = self.read(&object, &messages);
            }
        }
        let static_programs = self.static_programs.get();
        let programs = object.programs().map(|index| {
            let (name, section) = (object.name(index), object.section(index));
            let stored_type = object.program_type(index);
            let (program_type, outcome, run) = match given.get_mut(index.0).and_then(Option::take) {
                Some((loaded, run)) => (stored_type, Outcome::Loaded(loaded), run),
                None => self.load_alone(index, stored_type, &section),
            };
            let type_guessed = program_type != stored_type;
            ProgramVerdict { name, section, program_type, type_guessed, outcome, run }
        });
        ObjectVerdict { programs: programs.collect(), whole, maps, static_programs }
    }

    /// Opens the object; one with static programs as if they were global.
    fn open(&self) -> Result<Object, Errno> {
        let (opened, messages) = collect(false, || Object::open(self.bytes.to_vec(), self.name));
        match (opened, globalize(self.bytes)) {
            (Err(_), Some(bytes)) if messages.contains(REFUSAL) => {
                self.static_programs.set(true);
                Object::open(bytes, self.name)
            }
            (opened, _) => opened,
        }
    }

    fn prepare(&self, object: &mut Object) {
        if !self.options.unvisited {
            object.log(LOG_STATISTICS, STATISTICS_SIZE);
        } else if object.programs().count() <= VISITED_AT_ONCE {
            object.log(LOG_VISITED, VISITED_SIZE);
        }
    }

    /// What there is to tell of the programs of an object that is loaded.
    fn read(&self, object: &Object, messages: &str) -> Vec<Option<Given>> {
        let mut runs = match self.options.run {
            Some(packets) => run::run_programs(object, packets),
            None => object.programs().map(|_| None).collect(),
        };
        object
            .programs()
            .map(|index| {
                let loaded = self.loaded(object, index, messages)?;
                Some((loaded, runs.get_mut(index.0).and_then(Option::take)))
            })
            .collect()
    }

    fn loaded(&self, object: &Object, index: ProgramIndex, messages: &str) -> Option<Loaded> {
        let info = object.info(index)?;
        let program = object.instructions(index);
        let log = object.log_of(index);
        let unvisited = self.options.unvisited.then(|| {
            let composition = Composition::read(messages, &object.name(index));
            Unvisited::from_log(log, &program, &composition)
        });
        let statistics = log.get(log.len().saturating_sub(1024)..).unwrap_or_default();
        let statistics = String::from_utf8_lossy(statistics);
        Some(Loaded {
            instructions: program.len() as u32,
            xlated: info.xlated,
            jited: info.jited,
            verified: match info.verified {
                0 => number_after(&statistics, "processed ").unwrap_or(0) as u32,
                verified => verified,
            },
            peak_states: number_after(&statistics, "peak_states ").map(|states| states as u32),
            verification_us: number_after(&statistics, "verification time "),
            maps: info.maps,
            unvisited: unvisited.flatten(),
        })
    }

    /// Loads one program without the others, by guessed types if the section tells none.
    fn load_alone(
        &self,
        index: ProgramIndex,
        stored_type: u32,
        section: &str,
    ) -> (u32, Outcome, Option<ProgramRun>) {
        let guesses: &[u32] = match stored_type {
            0 if section.contains("xdp") || self.name.contains("xdp") => &XDP_GUESSES,
            0 => &GUESSES,
            _ => &[stored_type],
        };
        let mut first = None;
        for ty in guesses {
            match self.try_type(index, *ty, stored_type) {
                Ok((loaded, run)) => return (*ty, Outcome::Loaded(loaded), run),
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        let unknown =
            || Failure { class: FailureClass::ProgramType, errno: 0, message: String::new() };
        (stored_type, Outcome::Failed(first.unwrap_or_else(unknown)), None)
    }

    fn try_type(&self, index: ProgramIndex, ty: u32, stored_type: u32) -> Result<Given, Failure> {
        let mut object = None;
        let (mut result, mut messages) = self.attempt(index, ty, stored_type, true, &mut object);
        if result.is_err() && reached_verifier(&messages) {
            // libbpf shows the verifier's log only if it is libbpf's own.
            (result, messages) = self.attempt(index, ty, stored_type, false, &mut object);
        }
        let given = object
            .filter(|_| result.is_ok())
            .and_then(|object| self.read(&object, &messages).into_iter().nth(index.0).flatten());
        match (result, given) {
            (Ok(()), Some(given)) => Ok(given),
            (result, _) => Err(classify(&messages, result.err().unwrap_or(0))),
        }
    }

    /// Loads one program into `loaded`; gives libbpf's messages.
    fn attempt(
        &self,
        index: ProgramIndex,
        ty: u32,
        stored_type: u32,
        logged: bool,
        loaded: &mut Option<Object>,
    ) -> (Result<(), Errno>, String) {
        collect(logged && self.options.unvisited, || {
            let object = loaded.insert(self.open()?);
            maps::complete(object);
            object.select(index);
            if ty != stored_type {
                object.set_program_type(index, ty);
            }
            if logged && self.options.unvisited {
                object.log(LOG_VISITED, VISITED_SIZE);
            } else if logged {
                object.log(LOG_STATISTICS, STATISTICS_SIZE);
            }
            object.load()
        })
    }
}

/// The number that follows the last occurrence of a text.
fn number_after(log: &str, what: &str) -> Option<u64> {
    let (_, rest) = log.rsplit_once(what)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
