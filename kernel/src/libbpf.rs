//! libbpf's objects, behind an interface that is safe.

use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::size_of;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};

use libbpf_sys as sys;

use crate::log_buffer::LogBuffer;

/// What `getauxval`, `errno` and the like call an error: its number, positive.
pub type Errno = i32;

/// Log level with which the verifier writes statistics only (`BPF_LOG_STATS`).
pub const LOG_STATISTICS: u32 = 4;
/// Log level with which the verifier writes every instruction that it visits, and statistics.
pub const LOG_VISITED: u32 = 2 | 4;

/// The place of a program in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramIndex(pub usize);

/// An object that is open, and loaded or not.
pub struct Object {
    raw: NonNull<sys::bpf_object>,
    programs: Vec<*mut sys::bpf_program>,
    logs: Vec<LogBuffer>,
    // libbpf may read from them until it closes the object.
    _bytes: Vec<u8>,
    _name: CString,
}

/// An instruction as the kernel has it, in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawInstruction {
    /// Opcode.
    pub code: u8,
    /// Destination register.
    pub destination: u8,
    /// Source register, or what kind of call or constant it is.
    pub source: u8,
    /// Offset, for jumps in instructions from the next one.
    pub offset: i16,
    /// Immediate.
    pub immediate: i32,
}

/// What the kernel tells of a loaded program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Info {
    /// Instructions after rewriting.
    pub xlated: u32,
    /// Bytes of machine code.
    pub jited: u32,
    /// Instructions verified.
    pub verified: u32,
    /// Maps used.
    pub maps: u32,
}

impl Object {
    /// Opens an object. `name` is what libbpf makes the names of its data maps of.
    pub fn open(bytes: Vec<u8>, name: &str) -> Result<Object, Errno> {
        let name = CString::new(name.replace('\0', "")).map_err(|_| libc::EINVAL)?;
        let options = sys::bpf_object_open_opts {
            sz: size_of::<sys::bpf_object_open_opts>() as u64,
            object_name: name.as_ptr(),
            relaxed_maps: true,
            ..Default::default()
        };
        // SAFETY: bytes and options live through the call, bytes and name as long as the object.
        let raw = unsafe {
            sys::bpf_object__open_mem(bytes.as_ptr().cast(), bytes.len() as u64, &raw const options)
        };
        let raw = NonNull::new(raw).ok_or_else(last_error)?;
        let mut object =
            Object { raw, programs: Vec::new(), logs: Vec::new(), _bytes: bytes, _name: name };
        let mut program = ptr::null_mut();
        loop {
            // SAFETY: the object is open, and `program` null or one of its programs.
            program = unsafe { sys::bpf_object__next_program(raw.as_ptr(), program) };
            if program.is_null() {
                break;
            }
            object.programs.push(program);
        }
        for map in object.maps() {
            // SAFETY: a map of this object, which is not loaded; null says that it is not pinned.
            unsafe { sys::bpf_map__set_pin_path(map, ptr::null()) };
        }
        Ok(object)
    }

    /// Its programs.
    pub fn programs(&self) -> impl Iterator<Item = ProgramIndex> + use<> {
        (0..self.programs.len()).map(ProgramIndex)
    }

    fn program(&self, index: ProgramIndex) -> *mut sys::bpf_program {
        self.programs.get(index.0).copied().unwrap_or(ptr::null_mut())
    }

    /// Its maps, those that libbpf makes of data included.
    pub fn maps(&self) -> Vec<*mut sys::bpf_map> {
        let mut maps = Vec::new();
        let mut map = ptr::null_mut();
        loop {
            // SAFETY: the object is open, and `map` null or one of its maps.
            map = unsafe { sys::bpf_object__next_map(self.raw.as_ptr(), map) };
            if map.is_null() {
                return maps;
            }
            maps.push(map);
        }
    }

    /// A program's name.
    pub fn name(&self, index: ProgramIndex) -> String {
        // SAFETY: a program of this object; libbpf owns the text and does not change it.
        unsafe { text(sys::bpf_program__name(self.program(index))) }
    }

    /// A program's section.
    pub fn section(&self, index: ProgramIndex) -> String {
        // SAFETY: a program of this object; libbpf owns the text and does not change it.
        unsafe { text(sys::bpf_program__section_name(self.program(index))) }
    }

    /// A program's type, 0 if the section does not tell.
    pub fn program_type(&self, index: ProgramIndex) -> u32 {
        // SAFETY: a program of this object.
        unsafe { sys::bpf_program__type(self.program(index)) }
    }

    /// Sets a program's type before it is loaded.
    pub fn set_program_type(&mut self, index: ProgramIndex, ty: u32) {
        let program = self.program(index);
        // SAFETY: a program of this object. After loading libbpf refuses both.
        unsafe {
            sys::bpf_program__set_type(program, ty);
            if ty == sys::BPF_PROG_TYPE_CGROUP_SOCK_ADDR {
                let attach = sys::BPF_CGROUP_INET4_CONNECT;
                sys::bpf_program__set_expected_attach_type(program, attach);
            }
        }
    }

    /// Loads `index` only.
    pub fn select(&mut self, index: ProgramIndex) {
        for other in self.programs() {
            // SAFETY: a program of this object. After loading libbpf refuses.
            unsafe { sys::bpf_program__set_autoload(self.program(other), other == index) };
        }
    }

    /// Gives every program a log buffer of `size` bytes for loading.
    pub fn log(&mut self, level: u32, size: usize) {
        for index in self.programs() {
            let Some(log) = LogBuffer::new(size) else { return };
            let program = self.program(index);
            // SAFETY: a program of this object, and a buffer that lives as long as the object.
            unsafe {
                sys::bpf_program__set_log_level(program, level);
                sys::bpf_program__set_log_buf(program, log.as_ptr(), log.size() as u64);
            }
            self.logs.push(log);
        }
    }

    /// The log of a program, as far as it was asked for.
    pub fn log_of(&self, index: ProgramIndex) -> &[u8] {
        self.logs.get(index.0).map_or(&[], LogBuffer::text)
    }

    /// Loads the programs that are selected, by default all that libbpf would.
    pub fn load(&mut self) -> Result<(), Errno> {
        // SAFETY: the object is open; libbpf refuses a second time.
        let result = unsafe { sys::bpf_object__load(self.raw.as_ptr()) };
        if result == 0 { Ok(()) } else { Err(result.abs()) }
    }

    /// The file descriptor of a loaded program.
    pub fn fd(&self, index: ProgramIndex) -> Option<RawFd> {
        // SAFETY: a program of this object.
        let fd = unsafe { sys::bpf_program__fd(self.program(index)) };
        (fd >= 0).then_some(fd)
    }

    /// The instructions that were given to the kernel.
    pub fn instructions(&self, index: ProgramIndex) -> Vec<RawInstruction> {
        let program = self.program(index);
        // SAFETY: libbpf's array has as many instructions as it says and is not changed while
        // the object is borrowed.
        let raw = unsafe {
            let start = sys::bpf_program__insns(program);
            let count = sys::bpf_program__insn_cnt(program) as usize;
            if start.is_null() { &[] } else { std::slice::from_raw_parts(start, count) }
        };
        raw.iter()
            .map(|raw| RawInstruction {
                code: raw.code,
                destination: raw.dst_reg(),
                source: raw.src_reg(),
                offset: raw.off,
                immediate: raw.imm,
            })
            .collect()
    }

    /// What the kernel tells of a loaded program.
    pub fn info(&self, index: ProgramIndex) -> Option<Info> {
        let fd = self.fd(index)?;
        let mut info = sys::bpf_prog_info::default();
        let mut size = size_of::<sys::bpf_prog_info>() as u32;
        // SAFETY: the structure is zero but for its size, so the kernel writes into it only.
        let result = unsafe { sys::bpf_prog_get_info_by_fd(fd, &raw mut info, &raw mut size) };
        (result == 0).then_some(Info {
            xlated: info.xlated_prog_len / 8,
            jited: info.jited_prog_len,
            verified: info.verified_insns,
            maps: info.nr_map_ids,
        })
    }

    /// Maps that exist in the kernel.
    pub fn created_maps(&self) -> u32 {
        // SAFETY: maps of this object.
        let fds = self.maps().into_iter().map(|map| unsafe { sys::bpf_map__fd(map) });
        fds.filter(|fd| *fd >= 0).count() as u32
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the object is open and nothing borrows from it any more.
        unsafe { sys::bpf_object__close(self.raw.as_ptr()) };
    }
}

/// A text of libbpf's, empty for null.
///
/// # Safety
/// It is null or ends in a zero and stays as it is during the call.
pub unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The error number of the last call that set one.
pub fn last_error() -> Errno {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// A pointer to bytes for a structure of C; null for none.
pub fn bytes_ptr(bytes: &[u8]) -> *const c_void {
    if bytes.is_empty() { ptr::null() } else { bytes.as_ptr().cast() }
}
