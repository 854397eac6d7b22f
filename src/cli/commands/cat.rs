//! `cepshim cat`

use std::{
    io::{self, BufWriter, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Args, ValueEnum};

use super::inputs::{InputArgs, resolve};
use crate::{
    archive::{ArchiveError, Interrupt, Reader, Writer},
    cli::{exit::Status, ui::Ui},
    view::{self, Format, Options, Output, ViewError},
};

/// View, count, match, tail, follow and convert archives
///
/// Inputs are files, directories, patterns or `-`; what they hold is found out from their content: framed Heka
/// protobuf or Heka JSON lines, plain or compressed with zstd, gzip or snappy.
#[derive(Debug, Args)]
pub struct CatArgs {
    /// What to read: files, directories, patterns, `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Only say how many messages there are
    #[arg(short, long)]
    count: bool,
    /// Only the last N of the messages that match
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<usize>,
    /// Go on when the end is reached, for messages to come
    #[arg(short, long)]
    follow: bool,
    /// Write to this file, in the format of its name: .hpb, .jsonl, with .zst, .gz or .sz behind it compressed
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["count", "format"])]
    output: Option<PathBuf>,
    /// Replace the output if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// How messages are shown
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    format: FormatArg,
    /// Damaged input is reported, but does not change the exit status
    #[arg(long)]
    allow_damage: bool,
    #[command(flatten)]
    input: InputArgs,
}

/// How messages are shown
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// The layout of lsb_heka_cat, control characters escaped
    Text,
    /// One JSON array
    Json,
    /// JSON, a message a line
    Jsonl,
    /// Framed Heka protobuf
    Hpb,
}

impl FormatArg {
    /// What the tool calls it.
    pub fn format(self) -> Format {
        match self {
            FormatArg::Text => Format::Text,
            FormatArg::Json => Format::Json,
            FormatArg::Jsonl => Format::JsonLines,
            FormatArg::Hpb => Format::Hpb,
        }
    }
}

/// The largest message viewed where nothing else is said, as `lsb_heka_cat`.
const MAX_MESSAGE_SIZE: usize = 1 << 30;

/// Shows the messages.
pub fn run(args: &CatArgs, ui: &Ui) -> Status {
    show(args, ui).unwrap_or_else(|status| status)
}

fn show(args: &CatArgs, ui: &Ui) -> Result<Status, Status> {
    let refused = |(status, text): (Status, String)| {
        ui.error(&text);
        status
    };
    let selection = args.input.selection().map_err(refused)?;
    let sources = resolve(&args.inputs).map_err(refused)?;
    let mut reading = args.input.reading(MAX_MESSAGE_SIZE);
    reading.follow = args.follow;
    let stopped = Arc::new(AtomicBool::new(false));
    super::replay::on_interrupt(&stopped);
    reading.interrupt = Interrupt(Arc::clone(&stopped));
    let archive_failed = |error: ArchiveError| {
        ui.error(&error.to_string());
        Status::Io
    };
    let mut reader = Reader::open(sources, reading).map_err(archive_failed)?;
    let options = Options { selection, count: args.count, tail: args.tail, format: args.format.format() };
    let is_stopped = || stopped.load(Ordering::Relaxed);
    let mut stdout = BufWriter::new(io::stdout().lock());
    let output = match &args.output {
        Some(path) => Output::File(Writer::create(path, args.force).map_err(archive_failed)?),
        None => Output::Stream(&mut stdout),
    };
    let summary = match view::cat(&mut reader, &options, output, &is_stopped) {
        Ok(summary) => summary,
        // The reader of a pipe has seen enough.
        Err(ViewError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Status::Ok),
        Err(error) => {
            ui.error(&error.to_string());
            return Err(Status::Io);
        }
    };
    let _ = stdout.flush();
    if !args.count {
        ui.say(&summary.line());
    }
    let mut status = Status::Ok;
    if summary.tally.is_damaged() {
        ui.warning(&crate::report::damage(&summary.tally, ui.style));
        if !args.allow_damage {
            status = status.first(Status::Damaged);
        }
    }
    if summary.matched == 0 {
        status = status.first(Status::Nothing);
    }
    if is_stopped() && !args.follow {
        status = status.first(Status::Interrupted);
    }
    Ok(status)
}
