//! Times as text: the flags of C's `strftime` in the C locale, with fractions of seconds where there are seconds (Hinnant's
//! `date.h`, `to_stream`).

use std::io::Write as _;

use super::{
    calendar::{self, DAY, Date, HOUR, MINUTE, SECOND, first_weekday, week_year, week_year_start, weekday},
    zone::Zone,
};

/// Full names, of which the first three letters are the short ones.
pub const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// Likewise.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A local time in parts.
#[derive(Clone, Copy)]
pub struct Parts {
    /// Days since 1970.
    pub days: i32,
    /// The date of that day.
    pub date: Date,
    /// From 0.
    pub hour: i64,
    /// From 0.
    pub minute: i64,
    /// From 0.
    pub second: i64,
    /// Of the second.
    pub nanosecond: i64,
}

impl Parts {
    /// Of nanoseconds since 1970.
    pub fn new(local: i64) -> Parts {
        let (days, rest) = (local.div_euclid(DAY) as i32, local.rem_euclid(DAY));
        Parts {
            days,
            date: Date::from_days(days),
            hour: rest / HOUR,
            minute: rest % HOUR / MINUTE,
            second: rest % MINUTE / SECOND,
            nanosecond: rest % SECOND,
        }
    }
}

/// A local time as error texts show it.
pub fn time(local: i64) -> String {
    format!("{}.{:09}", seconds(local.div_euclid(SECOND)), local.rem_euclid(SECOND))
}

/// Seconds since 1970 as error texts show them.
pub fn seconds(local: i64) -> String {
    let (days, rest) = (local.div_euclid(86400) as i32, local.rem_euclid(86400));
    let Date { year, month, day } = Date::from_days(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Appends a time, in nanoseconds since 1970, as `format` asks.
pub fn write(format: &[u8], zone: &Zone, ns: i64, out: &mut Vec<u8>) {
    let info = zone.info(ns);
    let parts = Parts::new(ns.wrapping_add(info.offset * SECOND));
    let mut is_command = false;
    let mut modifier = None;
    for &flag in format {
        if !is_command {
            if flag == b'%' {
                is_command = true;
            } else {
                out.push(flag);
            }
            continue;
        }
        if matches!(flag, b'E' | b'O') && modifier.is_none() {
            modifier = Some(flag);
            continue;
        }
        let start = out.len();
        if !write_flag(flag, modifier, &parts, out) {
            out.truncate(start);
            match (flag, modifier) {
                (b'z', _) => write_offset(info.offset, modifier.is_some(), out),
                (b'Z', None) => out.extend_from_slice(info.abbreviation.as_bytes()),
                (b'%', None) => out.push(b'%'),
                _ => {
                    out.push(b'%');
                    out.extend(modifier);
                    out.push(flag);
                }
            }
        }
        is_command = false;
        modifier = None;
    }
    if is_command {
        out.push(b'%');
    }
    out.extend(modifier);
}

fn write_offset(offset: i64, has_colon: bool, out: &mut Vec<u8>) {
    let minutes = offset / 60;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let minutes = minutes.abs();
    let colon = if has_colon { ":" } else { "" };
    let _ = write!(out, "{:02}{colon}{:02}", minutes / 60, minutes % 60);
}

/// Writes what a flag stands for; false for those that are no flags, alone or with that modifier. In the C locale a
/// modifier changes nothing but fractions.
fn write_flag(flag: u8, modifier: Option<u8>, parts: &Parts, out: &mut Vec<u8>) -> bool {
    let Date { year, month, day } = parts.date;
    let Parts { days, hour, minute, second, nanosecond, .. } = *parts;
    let day_of_year = days - Date { year, month: 1, day: 1 }.days();
    let wday = weekday(days);
    let month_name = MONTHS[usize::from(month) - 1];
    let weekday_name = WEEKDAYS[usize::from(wday)];
    let twelve = (hour + 11) % 12 + 1;
    let half = if hour < 12 { "AM" } else { "PM" };
    let week_from = |first: i32| if days < first { 0 } else { (days - first) / 7 + 1 };
    let _ = match (flag, modifier) {
        (b'a', None) => write!(out, "{}", &weekday_name[..3]),
        (b'A', None) => write!(out, "{weekday_name}"),
        (b'b' | b'h', None) => write!(out, "{}", &month_name[..3]),
        (b'B', None) => write!(out, "{month_name}"),
        (b'c', None | Some(b'E')) => write!(
            out,
            "{} {} {day:2} {hour:02}:{minute:02}:{second:02} {year}",
            &weekday_name[..3],
            &month_name[..3]
        ),
        (b'x', None | Some(b'E')) | (b'D', None) => write!(out, "{month:02}/{day:02}/{:02}", year % 100),
        (b'X', None | Some(b'E')) => write!(out, "{hour:02}:{minute:02}:{second:02}"),
        (b'C', None | Some(b'E')) => write!(out, "{:02}", year / 100),
        (b'd', None | Some(b'O')) => write!(out, "{day:02}"),
        (b'e', None | Some(b'O')) => write!(out, "{day:2}"),
        (b'F', None) => write!(out, "{year:04}-{month:02}-{day:02}"),
        (b'g', None) => write!(out, "{:02}", week_year(days) % 100),
        (b'G', None) => write!(out, "{:04}", week_year(days)),
        (b'H', None | Some(b'O')) => write!(out, "{hour:02}"),
        (b'I', None | Some(b'O')) => write!(out, "{twelve:02}"),
        (b'j', None) => write!(out, "{:03}", day_of_year + 1),
        (b'm', None | Some(b'O')) => write!(out, "{month:02}"),
        (b'M', None | Some(b'O')) => write!(out, "{minute:02}"),
        (b'n', None) => writeln!(out),
        (b'p', None) => write!(out, "{half}"),
        (b'r', None) => write!(out, "{twelve:02}:{minute:02}:{second:02} {half}"),
        (b'R', None) => write!(out, "{hour:02}:{minute:02}"),
        (b'S', None) => write!(out, "{second:02}.{nanosecond:09}"),
        (b'S', Some(b'O')) => write!(out, "{second:02}"),
        (b't', None) => write!(out, "\t"),
        (b'T', None) => write!(out, "{hour:02}:{minute:02}:{second:02}.{nanosecond:09}"),
        (b'u', None | Some(b'O')) => write!(out, "{}", if wday == 0 { 7 } else { wday }),
        (b'U', None | Some(b'O')) => write!(out, "{:02}", week_from(first_weekday(year, 0))),
        (b'V', None | Some(b'O')) => {
            write!(out, "{:02}", (days - week_year_start(week_year(days))) / 7 + 1)
        }
        (b'w', None | Some(b'O')) => write!(out, "{wday}"),
        (b'W', None | Some(b'O')) => write!(out, "{:02}", week_from(first_weekday(year, 1))),
        (b'y', _) => write!(out, "{:02}", year % 100),
        (b'Y', None) => write!(out, "{year:04}"),
        (b'Y', Some(b'E')) => write!(out, "{year}"),
        _ => return false,
    };
    true
}

/// The first instant of the hour, minute and so on that a local time is in.
pub fn floor(local: i64, unit: i64) -> i64 {
    local.wrapping_sub(local.rem_euclid(unit))
}

/// The weekday of a local time, Sunday being 1.
pub fn lua_weekday(parts: &Parts) -> u8 {
    calendar::weekday(parts.days) + 1
}
