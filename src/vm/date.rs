//! `os.date`, `os.time` and their kin as pure functions of a time.
//!
//! Production runs with TZ=UTC in the C locale (glibc). Going through `strftime` here would let the process's own TZ
//! and locale in, and the lock glibc takes for them; the calendar is short enough to be written out. The conversions
//! are those of the POSIX variant of `loslib.c` (`lua_sandbox`'s `src/CMakeLists.txt` defines `LUA_USE_POSIX`).

use super::cformat::c_int64;

/// What `os.date` uses when it is given no format.
pub const DEFAULT_FORMAT: &[u8] = b"%c";

const SECONDS_PER_DAY: i64 = 86_400;
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
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

/// Conversions of one character, then those after `E` and `O`.
const PLAIN: &[u8] = b"aAbBcCdDeFgGhHIjklmMnprRSstTuUVwWxXyYzZ%";
const AFTER_E: &[u8] = b"cCxXyY";
const AFTER_O: &[u8] = b"deHImMSuUVwWy";

/// Why `os.date` or `os.time` raise an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// To be raised as an argument error (`luaL_argerror`) on argument 1.
    #[error("invalid conversion specifier '%{}'", String::from_utf8_lossy(.rest))]
    InvalidConversion {
        /// The format behind the `%`, to its end.
        rest: Vec<u8>,
    },
    /// A plain error.
    #[error("field '{field}' missing in date table")]
    MissingField {
        /// Its name.
        field: &'static str,
    },
}

impl DateError {
    /// The text a script sees, with bytes that are not UTF-8 intact.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::InvalidConversion { rest } => {
                [b"invalid conversion specifier '%", &rest[..], b"'"].concat()
            }
            Self::MissingField { .. } => self.to_string().into_bytes(),
        }
    }
}

/// C's `struct tm` of a UTC time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenTime {
    /// 0 to 59.
    pub sec: i32,
    /// 0 to 59.
    pub min: i32,
    /// 0 to 23.
    pub hour: i32,
    /// Day of the month, 1 to 31.
    pub mday: i32,
    /// Month, 0 to 11.
    pub mon: i32,
    /// Years since 1900.
    pub year: i32,
    /// Days since Sunday.
    pub wday: i32,
    /// Days since January 1.
    pub yday: i32,
}

impl BrokenTime {
    /// `gmtime_r`: `None` when the year does not fit.
    pub fn from_time(time: i64) -> Option<Self> {
        let days = time.div_euclid(SECONDS_PER_DAY);
        let second = time.rem_euclid(SECONDS_PER_DAY) as i32;
        let (year, mon, mday) = date_of_day(days);
        Some(Self {
            sec: second % 60,
            min: second / 60 % 60,
            hour: second / 3600,
            mday,
            mon,
            year: i32::try_from(year - 1900).ok()?,
            wday: (days + 4).rem_euclid(7) as i32,
            yday: (days - day_of_date(year, 0, 1)) as i32,
        })
    }

    /// The fields of the table `*t` makes, in the order production sets them; `isdst = false` follows.
    pub const fn fields(&self) -> [(&'static str, i32); 8] {
        [
            ("sec", self.sec),
            ("min", self.min),
            ("hour", self.hour),
            ("day", self.mday),
            ("month", self.mon + 1),
            ("year", self.full_year()),
            ("wday", self.wday + 1),
            ("yday", self.yday + 1),
        ]
    }

    /// Wraps where C's `int` does.
    const fn full_year(&self) -> i32 {
        self.year.wrapping_add(1900)
    }

    /// The hour on a dial, 1 to 12.
    const fn hour12(&self) -> i32 {
        (self.hour + 11) % 12 + 1
    }

    /// Week of the year when weeks start on `first` (0 Sunday, 1 Monday).
    const fn week(&self, first: i32) -> i32 {
        (self.yday + 7 - (self.wday - first + 7) % 7) / 7
    }

    /// ISO 8601 year and week.
    fn iso_week(&self) -> (i32, i32) {
        // Weeks start on Monday and belong to the year of their Thursday.
        let thursday = self.yday + 3 - (self.wday + 6) % 7;
        let year = self.full_year();
        let length = year_length(year);
        if thursday < 0 {
            let year = year.wrapping_sub(1);
            (year, (thursday + year_length(year)) / 7 + 1)
        } else if thursday >= length {
            (year.wrapping_add(1), (thursday - length) / 7 + 1)
        } else {
            (year, thursday / 7 + 1)
        }
    }
}

const fn year_length(year: i32) -> i32 {
    if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; `mon` from 0, `mday` may be out of range.
const fn day_of_date(year: i64, mon: i64, mday: i64) -> i64 {
    // Years that start in March have their leap day at the end.
    let year = if mon < 2 { year - 1 } else { year };
    let months = (mon + 10) % 12;
    let era = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let day = (153 * months + 2) / 5 + mday - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

/// Year, month from 0 and day of the month of a day counted from 1970-01-01.
const fn date_of_day(days: i64) -> (i64, i32, i32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let months = (5 * day + 2) / 153;
    let mday = day - (153 * months + 2) / 5 + 1;
    let mon = (months + 2) % 12;
    (era * 400 + year + (mon < 2) as i64, mon as i32, mday as i32)
}

/// What `os.date` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Date {
    /// The time has no date: `nil`.
    Nil,
    /// Format `*t`: see [`BrokenTime::fields`].
    Table(BrokenTime),
    /// Any other format.
    Text(Vec<u8>),
}

/// A Lua number as C's `time_t`: truncated; nan and numbers out of range have no date.
pub fn time_of_number(number: f64) -> i64 {
    c_int64(number)
}

/// `os.date(format, time)`. The format is a C string: a NUL ends it.
pub fn date(format: &[u8], time: i64) -> Result<Date, DateError> {
    let format = format.split(|&it| it == 0).next().unwrap_or_default();
    let (format, zone) = match format {
        [b'!', rest @ ..] => (rest, "GMT"),
        _ => (format, "UTC"),
    };
    let Some(broken) = BrokenTime::from_time(time) else { return Ok(Date::Nil) };
    if format == b"*t" {
        return Ok(Date::Table(broken));
    }
    let mut res = Vec::with_capacity(format.len() + 32);
    let mut rest = format;
    while let Some(percent) = memchr::memchr(b'%', rest) {
        res.extend_from_slice(&rest[..percent]);
        rest = &rest[percent + 1..];
        let (conversion, length) = match *rest {
            [it, ..] if PLAIN.contains(&it) => (it, 1),
            // In the C locale the modifiers change nothing.
            [b'E', it, ..] if AFTER_E.contains(&it) => (it, 2),
            [b'O', it, ..] if AFTER_O.contains(&it) => (it, 2),
            _ => return Err(DateError::InvalidConversion { rest: rest.to_vec() }),
        };
        convert(conversion, &broken, time, zone, &mut res);
        rest = &rest[length..];
    }
    res.extend_from_slice(rest);
    Ok(Date::Text(res))
}

/// Appends what `strftime` makes of one conversion.
fn convert(conversion: u8, it: &BrokenTime, time: i64, zone: &str, out: &mut Vec<u8>) {
    let year = it.full_year();
    let day_name = DAYS[it.wday as usize];
    let month_name = MONTHS[it.mon as usize];
    let (iso_year, iso_week) = it.iso_week();
    let mut several = |conversions: &str| {
        for byte in conversions.bytes() {
            if byte.is_ascii_alphabetic() {
                convert(byte, it, time, zone, out);
            } else {
                out.push(byte);
            }
        }
    };
    let text = match conversion {
        b'c' => return several("a b e T Y"),
        b'D' | b'x' => return several("m/d/y"),
        b'F' => return several("Y-m-d"),
        b'r' => return several("I:M:S p"),
        b'R' => return several("H:M"),
        b'T' | b'X' => return several("H:M:S"),
        b'a' => day_name[..3].to_owned(),
        b'A' => day_name.to_owned(),
        b'b' | b'h' => month_name[..3].to_owned(),
        b'B' => month_name.to_owned(),
        b'C' => year.div_euclid(100).to_string(),
        b'd' => format!("{:02}", it.mday),
        b'e' => format!("{:2}", it.mday),
        b'g' => format!("{:02}", iso_year.rem_euclid(100)),
        b'G' => iso_year.to_string(),
        b'H' => format!("{:02}", it.hour),
        b'I' => format!("{:02}", it.hour12()),
        b'j' => format!("{:03}", it.yday + 1),
        b'k' => format!("{:2}", it.hour),
        b'l' => format!("{:2}", it.hour12()),
        b'm' => format!("{:02}", it.mon + 1),
        b'M' => format!("{:02}", it.min),
        b'n' => "\n".to_owned(),
        b'p' => (if it.hour < 12 { "AM" } else { "PM" }).to_owned(),
        b'S' => format!("{:02}", it.sec),
        b's' => time.to_string(),
        b't' => "\t".to_owned(),
        b'u' => ((it.wday + 6) % 7 + 1).to_string(),
        b'U' => format!("{:02}", it.week(0)),
        b'V' => format!("{iso_week:02}"),
        b'w' => it.wday.to_string(),
        b'W' => format!("{:02}", it.week(1)),
        b'y' => format!("{:02}", it.year.rem_euclid(100)),
        b'Y' => year.to_string(),
        b'z' => "+0000".to_owned(),
        b'Z' => zone.to_owned(),
        _ => "%".to_owned(),
    };
    out.extend_from_slice(text.as_bytes());
}

/// The table `os.time` was given: fields that are numbers (or numeric strings), as C's `int`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateTable {
    /// 0 when missing.
    pub sec: Option<i32>,
    /// 0 when missing.
    pub min: Option<i32>,
    /// 12 when missing.
    pub hour: Option<i32>,
    /// Required; any number, 1 is the first.
    pub day: Option<i32>,
    /// Required; any number, 1 is January.
    pub month: Option<i32>,
    /// Required.
    pub year: Option<i32>,
    /// Whether it is summer time, by Lua's truth.
    pub isdst: Option<bool>,
}

/// `os.time(table)` in UTC; `Ok(None)` is `nil`: out of range, or one second before the epoch, C's error value.
pub fn time(table: &DateTable) -> Result<Option<f64>, DateError> {
    let required = |value: Option<i32>, field| value.ok_or(DateError::MissingField { field });
    let sec = i64::from(table.sec.unwrap_or(0));
    let min = i64::from(table.min.unwrap_or(0));
    let hour = i64::from(table.hour.unwrap_or(12));
    let day = i64::from(required(table.day, "day")?);
    let month = i64::from(required(table.month, "month")?.wrapping_sub(1));
    let year = i64::from(required(table.year, "year")?.wrapping_sub(1900)) + 1900;

    let days = day_of_date(year + month.div_euclid(12), month.rem_euclid(12), day);
    // UTC has no summer time; glibc then assumes one of an hour.
    let shift = if table.isdst == Some(true) { 3600 } else { 0 };
    let time = days * SECONDS_PER_DAY + hour * 3600 + min * 60 + sec - shift;
    Ok((time != -1 && BrokenTime::from_time(time).is_some()).then_some(time as f64))
}

/// `os.difftime(a, b)`: seconds between two numbers taken as `time_t`.
pub fn difftime(a: f64, b: f64) -> f64 {
    (i128::from(time_of_number(a)) - i128::from(time_of_number(b))) as f64
}

/// `os.clock()` for a process that used `nanoseconds` of CPU time: seconds in whole microseconds.
pub fn clock(nanoseconds: u64) -> f64 {
    (nanoseconds / 1000) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    // The reference is the C library.
    #![allow(unsafe_code)]

    use std::{ffi::CString, mem::MaybeUninit};

    use proptest::prelude::*;

    use super::*;

    /// A time of 2017-06-01, as in case `environment/os_date_time`.
    const JUNE: i64 = 1_496_275_200;

    #[track_caller]
    fn check(format: &str, time: i64, expected: &str) {
        assert_eq!(date(format.as_bytes(), time), Ok(Date::Text(expected.into())), "{format} of {time}");
    }

    #[track_caller]
    fn check_bad(format: &[u8], expected: &str) {
        let error = date(format, 0).expect_err("a bad format");
        assert_eq!(error.text(), expected.as_bytes());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn recorded_dates() {
        check("!%Y-%m-%d %H:%M:%S", 0, "1970-01-01 00:00:00");
        check("%Y-%m-%d %H:%M:%S", 0, "1970-01-01 00:00:00");
        check("%c", JUNE, "Thu Jun  1 00:00:00 2017");
        check(
            "%x %X %p %A %a %B %b %d %j %U %w %W %y %Z %%",
            JUNE,
            "06/01/17 00:00:00 AM Thursday Thu June Jun 01 152 22 4 22 17 UTC %",
        );
        check("%Y", -86_400, "1969");
        check("!%Z", 0, "GMT");
        check("%e|%D|%F|%T|%s|%n|%h|%G|%Ex", 0, " 1|01/01/70|1970-01-01|00:00:00|0|\n|Jan|1970|01/01/70");
        check("a\0%Q", 0, "a");
        check("", 0, "");
        check("!", 0, "");
    }

    #[test]
    fn recorded_refusals() {
        for format in ["%Q", "%E", "%", "%5", "%Es", "%OY", "%P", "%+"] {
            check_bad(format.as_bytes(), &format!("invalid conversion specifier '{format}'"));
        }
        check_bad(b"%Y %Q and more\0hidden", "invalid conversion specifier '%Q and more'");
        check_bad(b"!%Y %", "invalid conversion specifier '%'");
    }

    #[test]
    fn tables_and_times_without_a_date() {
        let Ok(Date::Table(table)) = date(b"*t", JUNE) else { panic!("no table") };
        let values = table.fields().map(|(_, value)| value);
        assert_eq!(values, [0, 0, 0, 1, 6, 2017, 5, 152]);
        assert!(matches!(date(b"!*t", JUNE), Ok(Date::Table(it)) if it == table));
        check("*t ", 0, "*t ");
        for number in [f64::NAN, f64::INFINITY, 1e300, -1e300, 67_768_036_191_676_800.0] {
            assert_eq!(date(b"%Q", time_of_number(number)), Ok(Date::Nil), "{number}");
        }
        assert_eq!(time_of_number(-1.9), -1);
    }

    #[test]
    fn recorded_times() {
        let day = DateTable { year: Some(2017), month: Some(6), day: Some(1), ..DateTable::default() };
        assert_eq!(time(&day), Ok(Some(1_496_318_400.0)));
        assert_eq!(time(&DateTable { hour: Some(0), ..day }), Ok(Some(1_496_275_200.0)));
        assert_eq!(time(&DateTable { isdst: Some(false), ..day }), Ok(Some(1_496_318_400.0)));
        assert_eq!(time(&DateTable { isdst: Some(true), ..day }), Ok(Some(1_496_314_800.0)));
        let far = DateTable {
            month: Some(14),
            day: Some(-3),
            hour: Some(30),
            min: Some(90),
            sec: Some(100),
            ..day
        };
        assert_eq!(time(&far), Ok(Some(1_517_211_100.0)));
        let missing = |table: &DateTable| time(table).map_err(|it| it.to_string());
        assert_eq!(missing(&DateTable { day: None, ..day }), Err("field 'day' missing in date table".into()));
        assert_eq!(
            missing(&DateTable { month: None, ..day }),
            Err("field 'month' missing in date table".into())
        );
        assert_eq!(
            missing(&DateTable { year: None, ..day }),
            Err("field 'year' missing in date table".into())
        );
        let before_epoch = DateTable {
            year: Some(1969),
            month: Some(12),
            day: Some(31),
            hour: Some(23),
            min: Some(59),
            sec: Some(59),
            isdst: None,
        };
        assert_eq!(time(&before_epoch), Ok(None));
    }

    #[test]
    fn differences_and_clock() {
        assert_eq!(difftime(10.0, 4.0).to_string(), "6");
        assert_eq!(difftime(-1.5, 4.9).to_string(), "-5");
        assert_eq!(clock(1_234_567_890).to_string(), "1.234567");
    }

    fn c_time(time: i64) -> Option<libc::tm> {
        let mut tm = MaybeUninit::zeroed();
        // SAFETY: both pointers are valid for the call, and zero is a valid `tm`.
        unsafe { (!libc::gmtime_r(&raw const time, tm.as_mut_ptr()).is_null()).then(|| tm.assume_init()) }
    }

    fn c_date(conversion: &str, tm: &libc::tm) -> String {
        let format = CString::new(format!("%{conversion}")).expect("no NUL");
        let mut text = [0_u8; 200];
        // SAFETY: the format ends with NUL, the length is the buffer's, and `tm` comes from `gmtime_r`.
        let length = unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), tm) };
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[track_caller]
    fn check_as_c(time: i64) {
        let Some(tm) = c_time(time) else {
            assert_eq!(BrokenTime::from_time(time), None, "{time}");
            return;
        };
        let ours = BrokenTime::from_time(time).expect("C has a date");
        assert_eq!(
            [ours.sec, ours.min, ours.hour, ours.mday, ours.mon, ours.year, ours.wday, ours.yday],
            [tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year, tm.tm_wday, tm.tm_yday],
            "{time}"
        );
        let plain = PLAIN.iter().map(|&it| char::from(it).to_string());
        let after_e = AFTER_E.iter().map(|&it| format!("E{}", char::from(it)));
        let after_o = AFTER_O.iter().map(|&it| format!("O{}", char::from(it)));
        for conversion in plain.chain(after_e).chain(after_o) {
            // `%s` of C asks for the time zone of the process.
            if conversion != "s" {
                check(&format!("!%{conversion}"), time, &c_date(&conversion, &tm));
            }
        }
    }

    #[test]
    fn edges_are_those_of_c() {
        let last = 67_768_036_191_676_799;
        let first = -67_768_040_609_740_800;
        let edges =
            [0, -1, 951_782_400, -62_135_596_801, -62_167_219_200, -62_167_219_201, i64::MIN, i64::MAX];
        let bounds = [last, last + 1, first, first - 1, last - 100 * 366 * 86_400, 67_767_976_233_532_799];
        edges.into_iter().chain(bounds).for_each(check_as_c);
        // Every day of enough years to see each kind of first week.
        (0..366 * 30).for_each(|day| check_as_c(day * SECONDS_PER_DAY + 12 * 3600));
    }

    proptest! {
        #[test]
        fn dates_of_our_time_are_those_of_c(time in -100_000_000_000_i64..100_000_000_000) {
            check_as_c(time);
        }

        #[test]
        fn any_dates_are_those_of_c(time in -68_000_000_000_000_000_i64..68_000_000_000_000_000) {
            check_as_c(time);
        }

        #[test]
        fn times_are_those_of_c(sec: i32, min: i32, hour: i32, day: i32, month: i32, year: i32, shift in 0..32_u32) {
            // SAFETY: zero is a valid `tm`.
            let mut tm: libc::tm = unsafe { MaybeUninit::zeroed().assume_init() };
            let scaled = [sec, min, hour, day, month, year].map(|it| it >> shift);
            [tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year] = scaled;
            // SAFETY: the pointer is valid for the call.
            let expected = unsafe { libc::timegm(&raw mut tm) };
            let [sec, min, hour, day, month, year] = scaled;
            let table = DateTable {
                sec: Some(sec),
                min: Some(min),
                hour: Some(hour),
                day: Some(day),
                month: Some(month.wrapping_add(1)),
                year: Some(year.wrapping_add(1900)),
                isdst: None,
            };
            prop_assert_eq!(time(&table), Ok((expected != -1).then_some(expected as f64)));
        }
    }
}
