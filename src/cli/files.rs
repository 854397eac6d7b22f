//! Small files written as a whole: under a temporary name first, never over an existing file without leave.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is there and may not be replaced.
    #[error("{}: already exists (--force overwrites it)", .0.display())]
    Exists(PathBuf),
    /// The system refuses.
    #[error("{}: cannot be written: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Whether `path` may be written.
pub fn check_absent(path: &Path, force: bool) -> Result<(), FileError> {
    if !force && fs::metadata(path).is_ok_and(|it| it.is_file()) {
        return Err(FileError::Exists(path.to_owned()));
    }
    Ok(())
}

/// Writes a whole file, or nothing.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        // A pipe or a device has no name to change.
        return fs::write(path, bytes).map_err(failed);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(failed)
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError::Read { path: path.to_owned(), source })
}
