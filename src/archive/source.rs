//! INPUT arguments become sources: files, directories, patterns, `-`.
//!
//! Order is part of the result of a replay, so it never depends on the file system: directories and patterns give
//! their files in natural order of path, where `2.log` comes before `10.log`, because Hindsight's queues are numbered.
//! A name that exists is that file, even if it looks like a pattern.

use std::{
    cmp::Ordering,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use globset::GlobBuilder;
use walkdir::{DirEntry, WalkDir};

use crate::archive::{ArchiveError, Interrupt, patient::Patient};

/// Something to read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, or anything else that opens like one.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Source {
    /// The name in messages and damage entries: the path as given or found, or `-`.
    pub fn name(&self) -> Arc<str> {
        match self {
            Source::File(path) => path.to_string_lossy().into(),
            Source::Stdin => "-".into(),
        }
    }

    /// The size in bytes, when that can be known before reading.
    pub fn size(&self) -> Option<u64> {
        match self {
            Source::File(path) => fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|it| it.len()),
            Source::Stdin => None,
        }
    }

    /// Which file it is at this moment.
    pub(super) fn identity(&self) -> Option<Identity> {
        let Source::File(path) = self else { return None };
        let metadata = fs::metadata(path).ok()?;
        Some(Identity { file: (metadata.dev(), metadata.ino()), size: metadata.len() })
    }

    pub(super) fn open(&self, interrupt: &Interrupt) -> Result<Box<dyn Read + Send>, ArchiveError> {
        let failed = |source| ArchiveError::Open { file: self.name().to_string(), source };
        match self {
            Source::File(path) => {
                let file = File::open(path).map_err(failed)?;
                let metadata = file.metadata().map_err(failed)?;
                if metadata.is_dir() {
                    return Err(failed(io::ErrorKind::IsADirectory.into()));
                }
                if metadata.is_file() {
                    return Ok(Box::new(file));
                }
                Ok(Box::new(Patient::new(file, interrupt.clone())))
            }
            Source::Stdin => Ok(Box::new(Patient::stdin(interrupt.clone()).map_err(failed)?)),
        }
    }
}

/// What tells a file from the one that had its name before.
pub(super) struct Identity {
    /// Device and inode.
    pub(super) file: (u64, u64),
    pub(super) size: u64,
}

/// The sources that `inputs` stand for, in order.
///
/// # Errors
///
/// An input that does not exist, a pattern or directory that gives no file, `-` given twice.
pub fn resolve<S: AsRef<OsStr>>(inputs: &[S]) -> Result<Vec<Source>, ArchiveError> {
    let mut sources = Vec::new();
    for input in inputs {
        let input = input.as_ref();
        let path = Path::new(input);
        if input == "-" {
            if sources.contains(&Source::Stdin) {
                return Err(ArchiveError::StdinTwice);
            }
            sources.push(Source::Stdin);
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let files = walk(path, |_| true)?;
                if files.is_empty() {
                    return Err(ArchiveError::EmptyDirectory { path: path.to_string_lossy().into() });
                }
                sources.extend(files.into_iter().map(Source::File));
            }
            Ok(_) => sources.push(Source::File(path.to_owned())),
            Err(error) if is_pattern(input) && error.kind() != io::ErrorKind::PermissionDenied => {
                sources.extend(matching(&input.to_string_lossy())?.into_iter().map(Source::File));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ArchiveError::Missing { path: path.to_string_lossy().into() });
            }
            Err(source) => {
                return Err(ArchiveError::Open { file: path.to_string_lossy().into(), source });
            }
        }
    }
    Ok(sources)
}

fn is_pattern(input: &OsStr) -> bool {
    input.as_encoded_bytes().iter().any(|it| b"*?[{".contains(it))
}

/// The files a pattern stands for. A `*` stays within a folder, `**` does not.
fn matching(pattern: &str) -> Result<Vec<PathBuf>, ArchiveError> {
    let glob = GlobBuilder::new(pattern.strip_prefix("./").unwrap_or(pattern))
        .literal_separator(true)
        .build()
        .map_err(|error| ArchiveError::Pattern {
            pattern: pattern.to_owned(),
            reason: error.kind().to_string(),
        })?
        .compile_matcher();
    // Walk from the last folder that is named outright.
    let literal = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    let root = pattern[..literal].rfind('/').map_or("", |at| &pattern[..=at]);
    let start = if root.is_empty() { Path::new(".") } else { Path::new(root) };
    if !start.is_dir() {
        return Err(ArchiveError::NoMatch { pattern: pattern.to_owned() });
    }
    let files = walk(start, |path| glob.is_match(path.strip_prefix("./").unwrap_or(path)))?;
    if files.is_empty() {
        return Err(ArchiveError::NoMatch { pattern: pattern.to_owned() });
    }
    Ok(files.into_iter().map(|it| it.strip_prefix("./").map(Path::to_owned).unwrap_or(it)).collect())
}

/// The wanted files below `root` in natural order. Hidden ones are left out; links are followed, but not in circles.
fn walk(root: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, ArchiveError> {
    let is_visible =
        |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut files = Vec::new();
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(is_visible) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_wanted(entry.path()) => {
                files.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) => {
                let file = error.path().unwrap_or(root).to_string_lossy().into();
                let source = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
                return Err(ArchiveError::Open { file, source });
            }
        }
    }
    files.sort_by(|a, b| natural_order(a, b));
    Ok(files)
}

/// Compares paths folder by folder, with runs of digits by their value.
pub fn natural_order(a: &Path, b: &Path) -> Ordering {
    let mut parts = (a.components(), b.components());
    loop {
        match (parts.0.next(), parts.1.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let order = natural(a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes());
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number_a, rest_a) = split_number(a);
            let (number_b, rest_b) = split_number(b);
            let order = number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b));
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        } else if x == y {
            (a, b) = (&a[1..], &b[1..]);
        } else {
            return x.cmp(&y);
        }
    }
    a.len().cmp(&b.len())
}

/// The digits at the start, without leading zeros, and what follows them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|it| !it.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().take_while(|&&it| it == b'0').count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let check = |sorted: &[&str]| {
            let mut paths: Vec<PathBuf> = sorted.iter().rev().map(PathBuf::from).collect();
            paths.sort_by(|a, b| natural_order(a, b));
            assert_eq!(paths, sorted.iter().map(PathBuf::from).collect::<Vec<_>>());
        };
        check(&["1.log", "2.log", "10.log"]);
        check(&["002.log", "9.log", "010.log"]);
        check(&["a/10.log", "a1/2.log", "b"]);
        check(&["in/2", "in/2/1", "in/10"]);
        check(&["01", "1", "1a", "a"]);
        check(&["x99999999999999999999998", "x99999999999999999999999"]);
    }

    #[test]
    fn inputs_become_files_in_order() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let root = folder.path();
        fs::create_dir_all(root.join("q/sub")).expect("created");
        fs::create_dir(root.join("empty")).expect("created");
        for name in ["q/10.log", "q/2.log", "q/.hidden", "q/sub/1.log", "q/x.txt", "odd[1].log"] {
            fs::write(root.join(name), "").expect("written");
        }
        std::os::unix::fs::symlink("..", root.join("q/sub/loop")).expect("linked");
        let found = |inputs: &[&str]| -> Result<Vec<String>, String> {
            let inputs: Vec<PathBuf> =
                inputs.iter().map(|it| if *it == "-" { "-".into() } else { root.join(it) }).collect();
            let sources = resolve(&inputs).map_err(|it| it.to_string())?;
            let prefix = format!("{}/", root.display());
            Ok(sources.iter().map(|it| it.name().replace(&prefix, "")).collect())
        };
        let check = |inputs: &[&str], expected: &[&str]| {
            assert_eq!(found(inputs).expect("resolved"), expected, "{inputs:?}");
        };
        check(&["q"], &["q/2.log", "q/10.log", "q/sub/1.log", "q/x.txt"]);
        check(&["q/*.log"], &["q/2.log", "q/10.log"]);
        check(&["q/**/*.log"], &["q/2.log", "q/10.log", "q/sub/1.log"]);
        check(&["q/{x,10}.*", "-"], &["q/10.log", "q/x.txt", "-"]);
        check(&["odd[1].log"], &["odd[1].log"]);
        let refuse = |inputs: &[&str], expected: &str| {
            let error = found(inputs).expect_err("refused");
            assert!(error.ends_with(expected), "{error}");
        };
        refuse(&["nofile"], "nofile: no such file or directory");
        refuse(&["q/*.zst"], "q/*.zst: no file matches this pattern");
        refuse(&["nofolder/*"], "nofolder/*: no file matches this pattern");
        refuse(&["empty"], "empty: the directory holds no files (hidden ones are not read)");
        refuse(&["q/[z"], "q/[z: bad pattern: unclosed character class; missing ']'");
        refuse(&["-", "-"], "`-`: standard input can be read only once");
    }

    #[test]
    fn relative_patterns_are_found_from_here() {
        let found = matching("src/archive/sour*.rs").expect("found");
        assert_eq!(found, [PathBuf::from("src/archive/source.rs")]);
        let found = matching("Carg*.toml").expect("found");
        assert_eq!(found, [PathBuf::from("Cargo.toml")]);
    }
}
