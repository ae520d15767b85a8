//! Reading and writing files; `-` stands for standard input or output.

use std::fs::{self, File, Permissions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use bpfold::Object;
use serde::Serialize;
use tempfile::Builder;

use super::error::CliError;
use super::sniff;

/// Whether a path stands for standard input or output.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let bytes = if is_stream(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    bytes.map_err(|source| CliError::Read { path: path.to_owned(), source })
}

/// The bytes of an object. What is none is refused by its first bytes, and what is too large
/// before it is read.
pub fn read_object(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    if is_stream(path) {
        return checked(path, &mut io::stdin().lock());
    }
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > sniff::MAX_SIZE {
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(sniff::HEAD as u64).read_to_end(&mut head).map_err(failed)?;
        let path = path.to_owned();
        return match sniff::mistaken(&head) {
            Some(what) => Err(CliError::Mistaken { path, what }),
            None if !sniff::is_elf(&head) => Ok(head),
            None => Err(CliError::Huge { path, size }),
        };
    }
    checked(path, &mut file)
}

/// Reads what begins like an object.
fn checked(path: &Path, file: &mut impl Read) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    file.by_ref().take(sniff::HEAD as u64).read_to_end(&mut bytes).map_err(failed)?;
    if let Some(what) = sniff::mistaken(&bytes) {
        return Err(CliError::Mistaken { path: path.to_owned(), what });
    }
    // What is no ELF file is refused by its start, whatever follows.
    if !sniff::is_elf(&bytes) {
        return Ok(bytes);
    }
    let rest = sniff::MAX_SIZE - bytes.len() as u64;
    file.by_ref().take(rest + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 {
        size if size > sniff::MAX_SIZE => Err(CliError::Huge { path: path.to_owned(), size }),
        _ => Ok(bytes),
    }
}

/// An object with source paths as people see them.
pub fn object(path: &Path, source_root: Option<&Path>) -> Result<Object, CliError> {
    object_of(path, &read_object(path)?, source_root)
}

/// The object in the bytes of a file.
pub fn object_of(
    path: &Path,
    bytes: &[u8],
    source_root: Option<&Path>,
) -> Result<Object, CliError> {
    let object = Object::parse(bytes).map_err(CliError::object(path))?;
    let root = match source_root {
        Some(root) => root.to_owned(),
        // Without it, paths stay as they are.
        None => std::env::current_dir().unwrap_or_default(),
    };
    Ok(object.with_source_root(&root.to_string_lossy()))
}

/// Writes all of a file or nothing of it: a file that was there stays as it was until all
/// bytes are on the disk, with its permissions and at the end of its symbolic links. Devices
/// and pipes are written to directly.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if is_stream(path) {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            return Err(CliError::Terminal);
        }
        return Ok(out.write_all(bytes).and_then(|()| out.flush())?);
    }
    let written = match fs::metadata(path) {
        Ok(known) if known.is_file() => {
            let target = fs::canonicalize(path);
            target.and_then(|target| replace(&target, bytes, Some(known.permissions())))
        }
        Ok(_) => File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            end_of_links(path).and_then(|path| replace(&path, bytes, None))
        }
        Err(error) => Err(error),
    };
    written.map_err(|source| CliError::Write { path: path.to_owned(), source })
}

/// How many symbolic links may follow each other, as in path_resolution(7).
const MAX_LINKS: usize = 40;

/// Where a path leads whose last part is a symbolic link to a file that is not there.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(known) if known.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Puts a new file in the place of `path`, with the permissions of the file that is there or,
/// without them, those that any new file gets.
fn replace(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::metadata(dir)?;
    let mut builder = Builder::new();
    builder.prefix(".bpfold-");
    // Without this a temporary file is its owner's only. The umask applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // Its errors name the temporary file, which helps nobody.
    let mut file = builder.tempfile_in(dir).map_err(|error| io::Error::from(error.kind()))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The version of the JSON forms. It counts up when a field goes or changes its meaning.
pub const JSON_VERSION: u32 = 1;

/// A value with the version of its form.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Versioned<'v, T> {
    /// 1; it counts up when a field goes or changes its meaning.
    version: u32,
    #[serde(flatten)]
    value: &'v T,
}

/// A value as JSON, with the version of its form and a newline at its end.
pub fn json(value: &impl Serialize) -> String {
    let value = Versioned { version: JSON_VERSION, value };
    // Only maps with keys that are no strings could fail: there are none.
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// What libbpf names data maps after: the file's name up to the first dot.
#[cfg(feature = "kernel")]
pub fn map_prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
