//! `lsb_heka_cat`, word for word (`lua_sandbox` `src/cli/lsb_heka_cat.c`).
//!
//! Existing scripts parse what that tool prints, so this one takes its arguments as `getopt` does, prints its texts and
//! has its defects: `-n` searches backwards for what looks like a header, what cannot be read is the end of the file,
//! damage does not change the exit status.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::{
    archive::FrameReader,
    matcher::{Matcher, unescape},
    message::{Message, render, write_frame_header},
};

/// The largest message the tool takes.
const MAX_MESSAGE_SIZE: usize = 1 << 30;
/// glibc's `BUFSIZ`: the blocks of the search for the last messages.
const BLOCK_SIZE: usize = 8192;

/// Where the tool runs.
pub struct Streams<'a> {
    /// What file names are relative to; empty for the current directory.
    pub folder: &'a Path,
    /// Standard input.
    pub stdin: Box<dyn Read + Send>,
    /// Standard output.
    pub stdout: &'a mut dyn Write,
    /// Standard error.
    pub stderr: Box<dyn Write + Send>,
    /// Asked between two looks at a file that is followed.
    pub is_stopped: &'a dyn Fn() -> bool,
}

/// Runs the tool with `args`, which begin with its own name; its exit status.
pub fn run(args: &[OsString], streams: Streams<'_>) -> i32 {
    let stderr = Arc::new(Mutex::new(streams.stderr));
    let log = |text: &[u8]| {
        if let Ok(mut stderr) = stderr.lock() {
            // Nobody is left to tell.
            let _ = stderr.write_all(text).and_then(|()| stderr.write_all(b"\n"));
        }
    };
    let name = args.first().map_or(&b"lsb_heka_cat"[..], |it| it.as_bytes());
    let arguments = parse(args, |text| log(&[name, b": ", text.as_bytes()].concat()));
    let Some(arguments) = arguments else {
        log(&usage(name));
        return 1;
    };
    let expression = arguments.matcher.as_bytes();
    let matcher = unescape(expression).and_then(|it| Matcher::compile(&it).ok());
    let Some(matcher) = matcher else {
        log(&[b"invalid message matcher: ", expression].concat());
        return 1;
    };
    let is_stdin = arguments.file == "-";
    let input: Box<dyn Read + Send> = if is_stdin {
        streams.stdin
    } else {
        let Ok(mut file) = File::open(streams.folder.join(&arguments.file)) else {
            log(&[b"error opening: ", arguments.file.as_bytes()].concat());
            return 1;
        };
        if let Some(number) = arguments.number {
            for problem in move_to_last(&mut file, number) {
                log(problem.as_bytes());
            }
        }
        Box::new(file)
    };
    let sink = stderr.clone();
    let mut reader =
        FrameReader::new(EndOnError(input), "".into(), MAX_MESSAGE_SIZE).with_log(Box::new(move |reason| {
            if let (Some((_, text)), Ok(mut stderr)) = (reason.log(), sink.lock()) {
                let _ = writeln!(stderr, "{text}");
            }
        }));
    let (mut processed, mut matched) = (0u64, 0u64);
    let mut text = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(frame)) => {
                processed += 1;
                if matcher.matches(frame.message) {
                    matched += 1;
                    if let Err(failure) = arguments.show.write(frame.message, &mut text, streams.stdout) {
                        log(failure.as_bytes());
                        return 1;
                    }
                }
            }
            Ok(None) | Err(_) if arguments.follow => {
                let _ = streams.stdout.flush();
                if (streams.is_stopped)() {
                    break;
                }
                thread::sleep(Duration::from_secs(1));
            }
            Ok(None) | Err(_) => break,
        }
    }
    let summary = format!("Processed: {processed}, matched: {matched} messages\n");
    if arguments.show == Show::Count {
        let _ = streams.stdout.write_all(summary.as_bytes());
    }
    let _ = streams.stdout.flush();
    if arguments.show != Show::Count {
        log(summary.as_bytes());
    }
    0
}

/// What is printed of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Text,
    Count,
    Heka,
}

impl Show {
    fn write(
        self,
        message: Message<'_>,
        text: &mut Vec<u8>,
        out: &mut dyn Write,
    ) -> Result<(), &'static str> {
        text.clear();
        match self {
            Show::Count => return Ok(()),
            Show::Text => render::text(message, text),
            Show::Heka => {
                write_frame_header(text, message.raw().len());
                text.extend_from_slice(message.raw());
            }
        }
        out.write_all(text).map_err(|_| "error outputting message")
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    show: Show,
    follow: bool,
    number: Option<i64>,
    matcher: OsString,
    file: OsString,
}

/// `getopt(argc, argv, "tchfn:m:")`: options may stand behind the file name, and together behind one dash.
fn parse(args: &[OsString], complain: impl Fn(&str)) -> Option<Arguments> {
    let mut arguments = Arguments {
        show: Show::Text,
        follow: false,
        number: None,
        matcher: OsString::from("TRUE"),
        file: OsString::new(),
    };
    let mut is_good = true;
    let mut files = Vec::new();
    let mut rest = args.iter().skip(1);
    while let Some(arg) = rest.next() {
        let bytes = arg.as_bytes();
        if bytes == b"--" {
            files.extend(rest.by_ref());
            break;
        }
        let [b'-', letters @ ..] = bytes else {
            files.push(arg);
            continue;
        };
        if letters.is_empty() {
            files.push(arg);
            continue;
        }
        for (at, letter) in letters.iter().enumerate() {
            match letter {
                b't' => arguments.show = Show::Text,
                b'c' => arguments.show = Show::Count,
                b'h' => arguments.show = Show::Heka,
                b'f' => arguments.follow = true,
                b'n' | b'm' => {
                    let attached = &letters[at + 1..];
                    let value = if attached.is_empty() {
                        rest.next().map(OsString::as_os_str)
                    } else {
                        Some(OsStr::from_bytes(attached))
                    };
                    let Some(value) = value else {
                        complain(&format!("option requires an argument -- '{}'", char::from(*letter)));
                        is_good = false;
                        break;
                    };
                    if *letter == b'm' {
                        value.clone_into(&mut arguments.matcher);
                    } else {
                        let number = strtol(value.as_bytes());
                        is_good &= number >= 0;
                        arguments.number = Some(number);
                    }
                    break;
                }
                other => {
                    complain(&format!("invalid option -- '{}'", char::from(*other)));
                    is_good = false;
                }
            }
        }
    }
    let [file] = files[..] else { return None };
    arguments.file.clone_from(file);
    is_good.then_some(arguments)
}

/// The number at the start of `text`, 0 if there is none, as C reads it.
fn strtol(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut number = 0i64;
    for digit in digits.iter().take_while(|it| it.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    if is_negative { -number } else { number }
}

fn usage(name: &[u8]) -> Vec<u8> {
    [
        &b"usage: "[..],
        name,
        b" [-t|-c|-h] [-m message_matcher] [-f] [-n #] <FILE>\n\
        description:\n  \
          -t output the messages in text format (default)\n  \
          -c only output the message count\n  \
          -h output the messages as a Heka protobuf stream\n  \
          -f output appended data as the file grows\n  \
          -n output the last # of messages (simple header check so not 100% accurate)\n  \
          -m message_matcher expression (default \"TRUE\")\n  \
          FILE name of the file to cat or '-' for stdin\n\
        notes:\n  \
          All output is written to stdout and all log/error messages are written to stderr.\n",
    ]
    .concat()
}

/// Positions `file` at what looks like the header of the `number`-th message from its end, or at its start
/// (`lsb_heka_cat.c:239-334`). What the tool would complain about is returned.
fn move_to_last(file: &mut File, number: i64) -> Vec<&'static str> {
    // An `int` in the original.
    let number = number as i32;
    let Ok(size) = file.seek(SeekFrom::End(0)) else { return vec!["ftell failed", "fseek failed (reading)"] };
    let mut problems = Vec::new();
    let mut current = [0; BLOCK_SIZE];
    let mut following = [0; BLOCK_SIZE];
    let mut length = (size as usize).min(BLOCK_SIZE);
    let mut position = size as usize - length;
    let mut seen = 0;
    while length > 0 {
        let block = &mut current[..length];
        if file.seek(SeekFrom::Start(position as u64)).is_err() {
            problems.push("fseek failed (reading)");
            break;
        }
        if file.read_exact(block).is_err() {
            problems.push("fread failed");
            break;
        }
        if let Some(at) = find_header(block, &following, number, &mut seen) {
            if file.seek(SeekFrom::Start((position + at) as u64)).is_err() {
                problems.push("fseek failed (find position)");
            }
            return problems;
        }
        if position >= length {
            position -= length;
        } else {
            length = position;
            position = 0;
        }
        std::mem::swap(&mut current, &mut following);
    }
    // Where seeking fails it has failed before.
    let _ = file.seek(SeekFrom::Start(0));
    problems
}

/// Counts headers from the end of a block; the place of the `number`-th.
fn find_header(block: &[u8], following: &[u8], number: i32, seen: &mut i32) -> Option<usize> {
    let byte = |at: usize| if at < block.len() { block[at] } else { following[at - block.len()] };
    (0..block.len()).rev().find(|&at| {
        let is_header =
            block[at] == 0x1e && byte(at + 2) == 0x08 && byte(at + 2 + usize::from(byte(at + 1))) == 0x1f;
        *seen += i32::from(is_header);
        is_header && *seen == number
    })
}

/// What cannot be read is the end of the file.
struct EndOnError<R>(R);

impl<R: Read> Read for EndOnError<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Ok(0),
            res => res,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The tool's exit status, standard output and standard error, a code point a byte.
    fn cat(args: &[&str], folder: &Path, stdin: Vec<u8>) -> (i32, String, String) {
        let args: Vec<OsString> = [&["lsb_heka_cat"], args].concat().iter().map(OsString::from).collect();
        let latin1 = |bytes: &[u8]| bytes.iter().map(|&it| char::from(it)).collect::<String>();
        let mut stdout = Vec::new();
        let stderr = Shared::default();
        let exit = run(
            &args,
            Streams {
                folder,
                stdin: Box::new(io::Cursor::new(stdin)),
                stdout: &mut stdout,
                stderr: Box::new(stderr.clone()),
                is_stopped: &|| true,
            },
        );
        let errors = latin1(&stderr.0.lock().expect("one thread"));
        (exit, latin1(&stdout), errors)
    }

    #[test]
    fn runs_recorded_from_production() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance");
        let json = |path: &Path| -> Value {
            serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON")
        };
        let mut seen = 0;
        for case in fs::read_dir(corpus.join("cat")).expect("the corpus is there") {
            let case = case.expect("readable").path();
            let (about, expected) = (json(&case.join("case.json")), json(&case.join("expected.json")));
            let input = about["input"].as_str().expect("a path");
            let input = if input.starts_with("inputs/") { corpus.join(input) } else { case.join(input) };
            let folder = tempfile::tempdir().expect("a scratch folder");
            fs::copy(&input, folder.path().join("input.hpb")).expect("copied");
            let stdin = if about["stdin"] == true { fs::read(&input).expect("readable") } else { Vec::new() };
            let args: Vec<&str> =
                about["args"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            let (exit, stdout, stderr) = cat(&args, folder.path(), stdin);
            let got = serde_json::json!({"exit": exit, "stdout": stdout, "stderr": stderr});
            assert_eq!(got, expected, "{}", case.display());
            seen += 1;
        }
        assert_eq!(seen, 16);
    }

    #[test]
    fn arguments_are_taken_as_by_getopt() {
        let check = |args: &[&str], expected: Option<(Show, bool, Option<i64>, &str, &str)>| {
            let args: Vec<OsString> = [&["x"], args].concat().iter().map(OsString::from).collect();
            let expected = expected.map(|(show, follow, number, matcher, file)| Arguments {
                show,
                follow,
                number,
                matcher: matcher.into(),
                file: file.into(),
            });
            assert_eq!(parse(&args, |_| {}), expected, "{args:?}");
        };
        check(&["f"], Some((Show::Text, false, None, "TRUE", "f")));
        check(&["f", "-cf", "-n3"], Some((Show::Count, true, Some(3), "TRUE", "f")));
        check(&["-hm", "Pid == 1", "--", "-f"], Some((Show::Heka, false, None, "Pid == 1", "-f")));
        check(&["-c", "-t", "-"], Some((Show::Text, false, None, "TRUE", "-")));
        check(&["-n", "x", "f"], Some((Show::Text, false, Some(0), "TRUE", "f")));
        check(&["-n", "-1", "f"], None);
        check(&["f", "g"], None);
        check(&["f", "-n"], None);
        check(&["-x", "f"], None);
        check(&[], None);
    }

    #[test]
    fn bad_options_are_named_before_the_usage() {
        let (exit, stdout, stderr) = cat(&["-z", "f"], Path::new(""), Vec::new());
        assert_eq!((exit, stdout.as_str()), (1, ""));
        assert!(stderr.starts_with("lsb_heka_cat: invalid option -- 'z'\nusage: lsb_heka_cat "), "{stderr}");
        let (_, _, stderr) = cat(&["f", "-m"], Path::new(""), Vec::new());
        assert!(stderr.starts_with("lsb_heka_cat: option requires an argument -- 'm'\nusage: "), "{stderr}");
    }

    #[test]
    fn a_directory_is_an_empty_file() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (exit, stdout, stderr) = cat(&["-c", "."], folder.path(), Vec::new());
        assert_eq!((exit, stdout.as_str(), stderr.as_str()), (0, "Processed: 0, matched: 0 messages\n", ""));
    }
}
