//! What the system is asked about files, and the words for its answers.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use rustix::fs::{self as sys, Access, AtFlags, CWD, Dir, Mode, OFlags, Timespec, Timestamps};

/// An error of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(rustix::io::Errno);

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Errno {
        Errno(errno)
    }
}

impl Errno {
    /// Its number.
    pub fn number(self) -> i32 {
        self.0.raw_os_error()
    }

    /// The C library's words for it.
    pub fn words(self) -> Vec<u8> {
        let text = io::Error::from(self.0).to_string();
        text.split(" (os error").next().unwrap_or_default().into()
    }
}

/// What is known of a file.
#[derive(Clone, Copy)]
pub struct Information {
    mode: u32,
    pub device: i64,
    pub inode: i64,
    pub links: i64,
    pub user: i64,
    pub group: i64,
    pub special_device: i64,
    pub accessed: i64,
    pub modified: i64,
    pub changed: i64,
    pub size: i64,
    pub blocks: i64,
    pub block_size: i64,
}

impl Information {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "types differ from system to system"
    )]
    fn new(stat: &sys::Stat) -> Information {
        Information {
            mode: stat.st_mode as u32,
            device: stat.st_dev as i64,
            inode: stat.st_ino as i64,
            links: stat.st_nlink as i64,
            user: i64::from(stat.st_uid),
            group: i64::from(stat.st_gid),
            special_device: stat.st_rdev as i64,
            accessed: stat.st_atime as i64,
            modified: stat.st_mtime as i64,
            changed: stat.st_ctime as i64,
            size: stat.st_size as i64,
            blocks: stat.st_blocks as i64,
            block_size: stat.st_blksize as i64,
        }
    }

    /// What kind of file it is.
    pub fn kind(&self) -> &'static str {
        match sys::FileType::from_raw_mode(self.mode as _) {
            sys::FileType::RegularFile => "file",
            sys::FileType::Directory => "directory",
            sys::FileType::Symlink => "link",
            sys::FileType::Socket => "socket",
            sys::FileType::Fifo => "named pipe",
            sys::FileType::CharacterDevice => "char device",
            sys::FileType::BlockDevice => "block device",
            sys::FileType::Unknown => "other",
        }
    }

    /// Who may do what, as `ls` shows it without special bits.
    pub fn permissions(&self) -> [u8; 9] {
        let mut res = *b"rwxrwxrwx";
        for (n, letter) in res.iter_mut().enumerate() {
            if self.mode >> (8 - n) & 1 == 0 {
                *letter = b'-';
            }
        }
        res
    }
}

/// About a file, links followed.
pub fn information(path: &CStr) -> Result<Information, Errno> {
    Ok(Information::new(&sys::stat(path)?))
}

/// About a file or a link itself.
pub fn link_information(path: &CStr) -> Result<Information, Errno> {
    Ok(Information::new(&sys::lstat(path)?))
}

/// What a link leads to.
pub fn link_target(path: &CStr) -> Result<Vec<u8>, Errno> {
    Ok(sys::readlink(path, Vec::new())?.into_bytes())
}

/// Gives a file another name.
pub fn link(old: &CStr, new: &CStr) -> Result<(), Errno> {
    Ok(sys::link(old, new)?)
}

/// Makes a symbolic link.
pub fn link_symbolically(target: &CStr, new: &CStr) -> Result<(), Errno> {
    Ok(sys::symlink(target, new)?)
}

/// Makes a folder that others may read.
pub fn make_folder(path: &CStr) -> Result<(), Errno> {
    Ok(sys::mkdir(path, Mode::RWXU | Mode::RWXG | Mode::ROTH | Mode::XOTH)?)
}

/// Removes an empty folder.
pub fn remove_folder(path: &CStr) -> Result<(), Errno> {
    Ok(sys::rmdir(path)?)
}

/// Sets when a file was last read and changed, in seconds; now without times.
pub fn set_times(path: &CStr, times: Option<(i64, i64)>) -> Result<(), Errno> {
    let at = |tv_sec| Timespec { tv_sec, tv_nsec: 0 };
    let now = Timespec { tv_sec: 0, tv_nsec: sys::UTIME_NOW };
    let times = match times {
        Some((accessed, modified)) => {
            Timestamps { last_access: at(accessed), last_modification: at(modified) }
        }
        None => Timestamps { last_access: now, last_modification: now },
    };
    Ok(sys::utimensat(CWD, path, &times, AtFlags::empty())?)
}

/// The absolute name, without links, of a folder that may be entered.
pub fn real_folder(path: &CStr) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    sys::open(path, flags, Mode::empty())?;
    sys::access(path, Access::EXEC_OK)?;
    let real = std::fs::canonicalize(OsStr::from_bytes(path.to_bytes())).map_err(|it| of_std(&it))?;
    Ok(real.into_os_string().into_vec())
}

/// Where the process is.
pub fn process_folder() -> Result<Vec<u8>, Errno> {
    let folder = std::env::current_dir().map_err(|it| of_std(&it))?;
    Ok(folder.into_os_string().into_vec())
}

fn of_std(error: &io::Error) -> Errno {
    Errno(rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO))
}

/// An open folder.
pub struct Folder(Dir);

impl Folder {
    /// What is held, in words.
    pub const WHAT: &str = "an open folder";

    /// Opens it.
    pub fn open(path: &CStr) -> Result<Folder, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let folder = sys::open(path, flags, Mode::empty())?;
        Ok(Folder(Dir::new(folder)?))
    }

    /// The next name in it, `.` and `..` included, in the system's order.
    pub fn next_name(&mut self) -> Option<Vec<u8>> {
        let entry = self.0.read()?.ok()?;
        Some(entry.file_name().to_bytes().to_vec())
    }
}

/// A folder's lock: a link in it, removed when the lock is given back.
pub struct FolderLock(CString);

impl FolderLock {
    /// What is held, in words.
    pub const WHAT: &str = "a folder's lock";

    /// Locks a folder.
    pub fn take(folder: &CStr) -> Result<FolderLock, Errno> {
        let path = [folder.to_bytes(), b"/lockfile.lfs"].concat();
        let path = CString::new(path).map_err(|_| Errno(rustix::io::Errno::INVAL))?;
        sys::symlink(c"lock", &path)?;
        Ok(FolderLock(path))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        let _ = sys::unlink(&self.0);
    }
}
