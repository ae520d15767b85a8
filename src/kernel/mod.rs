//! What is known of the kernel that an object is for: its version, its configuration, its
//! symbols and its types.
//!
//! Each fact can be given alone; what is not known stays unknown. The facts give the undefined
//! symbols of an object ([`ExternDecl`](crate::passes::ir::ExternDecl)) their values, by the
//! rules by which libbpf fills them in when it loads an object (`bpf_object__resolve_externs`).

mod btf;
pub mod core;
mod error;
mod externs;
mod kallsyms;
mod kconfig;
mod version;

use std::sync::Arc;

use crate::btf::Btf;
pub use error::KernelError;
pub(crate) use externs::{Resolved, is_declared, resolve};
pub use version::KernelVersion;

use btf::LazyBtf;
use kallsyms::Kallsyms;
use kconfig::Kconfig;

/// What is known of a kernel.
///
/// ```
/// # fn main() -> Result<(), bpfold::KernelError> {
/// let kernel = bpfold::Kernel::new()
///     .version("6.1.192".parse()?)
///     .kconfig(b"CONFIG_HZ=250\nCONFIG_BPF_LSM=y\n")?;
/// # let _ = kernel;
/// # Ok(())
/// # }
/// ```
///
/// Copies are cheap and share the types, which are read when they are first needed.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    version: Option<KernelVersion>,
    kconfig: Option<Arc<Kconfig>>,
    kallsyms: Option<Arc<Kallsyms>>,
    btf: Option<Arc<LazyBtf>>,
    modules: Vec<Arc<LazyBtf>>,
}

impl Kernel {
    /// A kernel of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its version.
    #[must_use]
    pub fn version(mut self, version: KernelVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Its configuration: the text of a `.config` file or of `/proc/config.gz`, as it is or
    /// compressed by gzip. What it does not set is not set.
    ///
    /// # Errors
    /// A line that is not right; bytes that are no gzip file although they begin like one.
    pub fn kconfig(mut self, file: &[u8]) -> Result<Self, KernelError> {
        self.kconfig = Some(Arc::new(Kconfig::parse(file)?));
        Ok(self)
    }

    /// All its symbols, those of modules included: the text of `/proc/kallsyms`.
    ///
    /// # Errors
    /// A line that is not right; no symbols at all.
    pub fn kallsyms(mut self, file: Vec<u8>) -> Result<Self, KernelError> {
        self.kallsyms = Some(Arc::new(Kallsyms::parse(file)?));
        Ok(self)
    }

    /// Its types: what `/sys/kernel/btf/vmlinux` holds, or an ELF file with a section .BTF.
    #[must_use]
    pub fn btf(mut self, file: Vec<u8>) -> Self {
        self.btf = Some(Arc::new(LazyBtf::new("vmlinux", file)));
        self
    }

    /// The types of a module: what the file of its name beside `vmlinux` holds. They continue
    /// those of [`Kernel::btf`].
    #[must_use]
    pub fn module_btf(mut self, name: &str, file: Vec<u8>) -> Self {
        self.modules.push(Arc::new(LazyBtf::new(name, file)));
        self
    }

    /// The version, if it is known.
    #[must_use]
    pub fn known_version(&self) -> Option<KernelVersion> {
        self.version
    }

    /// The types of the kernel itself, if they are known. The first call reads them.
    ///
    /// # Errors
    /// They are damaged.
    pub fn types(&self) -> Result<Option<Arc<Btf>>, KernelError> {
        self.btf.as_ref().map(|btf| btf.get(None)).transpose()
    }

    /// What tells its types from those of another kernel, if they are known.
    pub(crate) fn types_identity(&self) -> Result<Option<String>, KernelError> {
        self.btf.as_ref().map(|btf| btf.identity()).transpose()
    }

    /// The types of the modules, each with the kernel's as its base. The first call reads
    /// them; without the kernel's types there are none.
    ///
    /// # Errors
    /// They are damaged.
    pub fn module_types(&self) -> Result<Vec<Arc<Btf>>, KernelError> {
        let Some(base) = self.types()? else { return Ok(Vec::new()) };
        self.modules.iter().map(|module| module.get(Some(&base))).collect()
    }
}
