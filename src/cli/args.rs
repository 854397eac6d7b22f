//! What can be typed. The doc comments are the help texts.

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::commands::{cat, check, completions, config, doctor, man, replay};

/// Local debugging shim and replay tool for Lua filters (CEPs) of the Heka and Hindsight data pipeline
#[derive(Debug, Parser)]
#[command(
    name = "cepshim",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit status: 0 ok, 1 differences or findings, 2 usage, 3 configuration, 4 nothing matched, \
                  5 damaged input, 6 a filter was terminated, 7 I/O, 130 interrupted. The first of 130, 2, 3, 7, 6, \
                  5, 1, 4 that applies counts.\n\nData goes to standard output, words to standard error."
)]
pub struct Cli {
    /// Options of every command
    #[command(flatten)]
    pub global: Global,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command
#[derive(Debug, Args)]
pub struct Global {
    /// Mark words with colour
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Say errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; for replay: log level 7, so that what filters print is heard
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// When to use colour
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Command {
    /// Run filters over inputs, exactly as production would
    Replay(replay::ReplayArgs),
    /// View, count, match, tail, follow and convert archives
    Cat(cat::CatArgs),
    /// Validate filters without running them
    Check(check::CheckArgs),
    /// Show where settings come from
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look at this machine and project and say what is amiss
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    Man(man::ManArgs),
}

/// A number of bytes with an optional unit: `65536`, `64K`, `64M`, `1G` (powers of 1024).
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1u64 << 30,
        other => return Err(format!("unknown unit `{other}`; use K, M or G")),
    };
    let number: u64 =
        digits.parse().map_err(|_| "expected a number of bytes such as 65536 or 64M".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}

/// A moment as nanoseconds since the epoch: RFC 3339 with seconds or without (`2026-11-01T00:00Z`), a date, or
/// nanoseconds.
pub fn parse_time(text: &str) -> Result<i64, String> {
    const EXPECTED: &str = "expected a time such as 2026-11-01T00:00:00Z, 2026-11-01T00:00Z, 2026-11-01 \
                            (both UTC) or nanoseconds since the epoch";
    if let Ok(number) = text.parse::<i64>() {
        return Ok(number);
    }
    let out_of_range = || "the time does not fit nanoseconds since the epoch".to_owned();
    let nanoseconds = |it: jiff::Timestamp| i64::try_from(it.as_nanosecond()).map_err(|_| out_of_range());
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return nanoseconds(timestamp);
    }
    let utc = text.strip_suffix('Z').unwrap_or(text);
    let civil = utc
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| utc.parse::<jiff::civil::Date>().map(|it| it.at(0, 0, 0, 0)));
    let timestamp = jiff::tz::TimeZone::UTC.to_timestamp(civil.map_err(|_| EXPECTED.to_owned())?);
    nanoseconds(timestamp.map_err(|_| out_of_range())?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Cli, parse_size, parse_time};

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("65536"), Ok(65536));
        assert_eq!(parse_size("64K"), Ok(65536));
        assert_eq!(parse_size("1g"), Ok(1 << 30));
        assert!(parse_size("64X").is_err());
        assert!(parse_size("K").is_err());
        assert!(parse_size("99999999999G").is_err());
    }

    #[test]
    fn times() {
        let day = 1_793_491_200_000_000_000;
        for text in ["2026-11-01T00:00:00Z", "2026-11-01T00:00Z", "2026-11-01", "2026-11-01T01:00:00+01:00"] {
            assert_eq!(parse_time(text), Ok(day), "{text}");
        }
        assert_eq!(parse_time("1793491200000000000"), Ok(day));
        assert!(parse_time("yesterday").is_err());
    }
}
