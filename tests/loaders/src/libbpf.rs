//! Loading with libbpf.

use std::cell::RefCell;

use libbpf_rs::{MapType, Object, ObjectBuilder, OpenObject, PrintLevel, ProgramType, set_print};

use crate::verdicts::Verdicts;

/// Where maps that ask for it are pinned while a test loads them.
const PINS: &str = "/sys/fs/bpf";

thread_local! {
    /// What libbpf printed since the last load began.
    static PRINTED: RefCell<String> = const { RefCell::new(String::new()) };
}

fn print(_: PrintLevel, text: String) {
    PRINTED.with_borrow_mut(|printed| printed.push_str(&text));
}

/// A directory for pins that goes with what is in it. An object without pinned maps makes none.
struct Pins(std::path::PathBuf);

impl Pins {
    fn new() -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
        Self(format!("{PINS}/bpfold-test-{}-{thread}", std::process::id()).into())
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(file: &[u8], pins: &Pins) -> Result<OpenObject, String> {
    set_print(Some((PrintLevel::Warn, print)));
    PRINTED.with_borrow_mut(String::clear);
    let mut builder = ObjectBuilder::default();
    // Without a name libbpf names sections' maps after the file's address in memory.
    builder.name("object").map_err(|error| error.to_string())?;
    builder.relaxed_maps(true);
    builder.pin_root_path(&pins.0).map_err(|error| error.to_string())?;
    builder.open_memory(file).map_err(|error| reason(&error))
}

/// The error with the line of libbpf's log that tells most.
fn reason(error: &libbpf_rs::Error) -> String {
    let is_frame = |line: &str| {
        line.trim().is_empty()
            || line.starts_with("processed ")
            || line.contains("PROG LOAD LOG")
            || line.contains("failed to load")
    };
    let line = PRINTED.with_borrow(|printed| {
        printed.lines().rev().find(|line| !is_frame(line)).unwrap_or_default().trim().to_owned()
    });
    format!("{error}: {line}")
}

/// Opens and loads an object as a whole.
///
/// # Errors
/// libbpf's, with what it printed.
pub fn load(file: &[u8]) -> Result<Object, String> {
    let pins = Pins::new();
    open(file, &pins)?.load().map_err(|error| reason(&error))
}

/// The verdict on each program. If the object does not load as a whole, each is loaded without
/// the others.
///
/// # Errors
/// The object cannot be opened.
pub fn verdicts(file: &[u8]) -> Result<Verdicts, String> {
    let pins = Pins::new();
    let names: Vec<String> = {
        let open = open(file, &pins)?;
        open.progs().map(|prog| prog.name().to_string_lossy().into_owned()).collect()
    };
    if let Ok(object) = load(file) {
        let autoloaded: Verdicts = object
            .progs()
            .filter(|prog| prog.autoload())
            .map(|prog| (prog.name().to_string_lossy().into_owned(), Ok(prog.insn_cnt())))
            .collect();
        if autoloaded.len() == names.len() {
            return Ok(autoloaded);
        }
    }
    let verdict = |chosen: &String| {
        let known = alone(file, chosen, None, &pins);
        // The section does not tell the type of what the object's own loader chooses a type for.
        let typeless = |error: &String| error.contains("missing BPF prog type");
        if !known.as_ref().is_err_and(typeless) {
            return known;
        }
        let guesses = [ProgramType::SchedCls, ProgramType::Xdp, ProgramType::SocketFilter];
        let mut tried = guesses.into_iter().map(|guess| alone(file, chosen, Some(guess), &pins));
        tried.find(Result::is_ok).unwrap_or(known)
    };
    Ok(names.iter().map(|name| (name.clone(), verdict(name))).collect())
}

/// Loads one program of an object; the number of instructions that the kernel gets.
fn alone(
    file: &[u8],
    chosen: &str,
    guess: Option<ProgramType>,
    pins: &Pins,
) -> Result<usize, String> {
    let mut open = open(file, pins)?;
    fill_in_sizes(&mut open);
    for mut prog in open.progs_mut() {
        let is_chosen = prog.name().to_string_lossy() == chosen;
        prog.set_autoload(is_chosen);
        if let Some(guess) = guess.filter(|_| is_chosen) {
            prog.set_prog_type(guess);
        }
    }
    let object = open.load().map_err(|error| reason(&error))?;
    let count = object
        .progs()
        .find(|prog| prog.name().to_string_lossy() == chosen)
        .map(|prog| prog.insn_cnt());
    count.ok_or_else(|| "not loaded".to_owned())
}

/// Gives sizes to maps that an object leaves to its own loader.
fn fill_in_sizes(open: &mut OpenObject) {
    /// Entries of a ring buffer in bytes: a page.
    const PAGE: u32 = 4096;
    /// A stack trace of 127 addresses (`PERF_MAX_STACK_DEPTH`) of 8 bytes.
    const STACK: u32 = 127 * 8;
    for mut map in open.maps_mut() {
        let (entries, value) = (map.max_entries(), map.value_size());
        let entries_of = match map.map_type() {
            MapType::RingBuf | MapType::UserRingBuf => PAGE,
            MapType::Hash
            | MapType::Array
            | MapType::ProgArray
            | MapType::PercpuHash
            | MapType::PercpuArray
            | MapType::StackTrace
            | MapType::CgroupArray
            | MapType::LruHash
            | MapType::LruPercpuHash
            | MapType::LpmTrie
            | MapType::ArrayOfMaps
            | MapType::HashOfMaps
            | MapType::Devmap
            | MapType::DevmapHash
            | MapType::Sockmap
            | MapType::Sockhash
            | MapType::Cpumap
            | MapType::Xskmap
            | MapType::Queue
            | MapType::Stack => 1,
            _ => continue,
        };
        // What cannot be set is refused by the load.
        if entries == 0 {
            let _ = map.set_max_entries(entries_of);
        }
        if map.map_type() == MapType::StackTrace {
            if map.key_size() == 0 {
                let _ = map.set_key_size(4);
            }
            if value == 0 {
                let _ = map.set_value_size(STACK);
            }
        } else if value == 0 && entries_of != PAGE {
            let _ = map.set_value_size(8);
        }
    }
}
