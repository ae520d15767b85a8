//! Reading and writing files; `-` stands for standard input or output.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;
use tempfile::Builder;

use super::error::CliError;

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

/// Writes all of a file or nothing of it: a file that was there stays as it was until all
/// bytes are on the disk, with its permissions and at the end of its symbolic links. Devices
/// and pipes are written to directly.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if is_stream(path) {
        let mut out = io::stdout().lock();
        return Ok(out.write_all(bytes).and_then(|()| out.flush())?);
    }
    let written = match fs::metadata(path) {
        Ok(known) if known.is_file() => {
            let target = fs::canonicalize(path);
            target.and_then(|target| replace(&target, bytes, Some(known.permissions())))
        }
        Ok(_) => File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, bytes, None),
        Err(error) => Err(error),
    };
    written.map_err(|source| CliError::Write { path: path.to_owned(), source })
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

/// A value as JSON with a newline at its end.
pub fn json(value: &impl Serialize) -> String {
    // Only maps with keys that are no strings could fail: there are none.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// What libbpf names data maps after: the file's name up to the first dot.
#[cfg(feature = "kernel")]
pub fn map_prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
