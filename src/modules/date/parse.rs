//! Text as times: the flags of C's `strftime`, read (Hinnant's `date.h`, `from_stream`).
//!
//! A zone's offset or name in the text is read and does not matter. White space in the format is any white space in the
//! text; a number between `%` and its flag is the most characters it may take.

use super::{
    calendar::{DAY, Date, first_weekday, last_weekday, week_year_start, weekday, weekday_distance},
    scan::{Digits, Stream, Time, is_space},
};

/// What the flags have said, before it is put together. What is missing has a value of its own, as in production.
struct Fields {
    year: i32,
    century: i32,
    short_year: i32,
    month: i32,
    day: i32,
    day_of_year: i32,
    weekday: i32,
    twelve: i32,
    hour: i32,
    minute: i32,
    nanoseconds: i64,
    short_week_year: i32,
    week_year: i32,
    week: i32,
    sunday_week: i32,
    monday_week: i32,
}

const NO_YEAR: i32 = i16::MIN as i32;
const NO_CENTURY: i32 = NO_YEAR / 100;
const NO_SHORT_YEAR: i32 = 100;
const NO_WEEKDAY: i32 = 7;
const NO_WEEK: i32 = 100;

/// The local time that `text` is in `format`, in nanoseconds since 1970.
pub fn parse(text: &[u8], format: &[u8]) -> Option<i64> {
    let mut fields = Fields {
        year: NO_YEAR,
        century: NO_CENTURY,
        short_year: NO_SHORT_YEAR,
        month: 0,
        day: 0,
        day_of_year: 0,
        weekday: NO_WEEKDAY,
        twelve: 0,
        hour: 0,
        minute: 0,
        nanoseconds: 0,
        short_week_year: NO_SHORT_YEAR,
        week_year: NO_YEAR,
        week: NO_WEEK,
        sunday_week: NO_WEEK,
        monday_week: NO_WEEK,
    };
    fields.read(&mut Stream::new(text), format)?;
    fields.time()
}

/// A flag under way.
#[derive(Clone, Copy, Default)]
struct Command {
    width: Option<i32>,
    modifier: Option<u8>,
    has_started: bool,
}

impl Command {
    /// At most as many digits as the width says.
    fn digits(self, most: u32) -> Digits {
        Digits(1, self.width.map_or(most, |it| it as u32))
    }

    /// What must stand in the text where the flag is none: all that stands in the format.
    fn literal(self, stream: &mut Stream<'_>, flag: Option<u8>) {
        stream.byte(b'%');
        if let Some(width) = self.width.filter(|&it| it != -1) {
            stream.bytes((width as u32).to_string().into_bytes());
        }
        stream.bytes(self.modifier.into_iter().chain(flag));
    }
}

impl Fields {
    /// Reads what the format asks for.
    fn read(&mut self, stream: &mut Stream<'_>, format: &[u8]) -> Option<()> {
        let mut time = Time::default();
        let mut abbreviation_len = 0;
        let mut command = Command::default();
        let mut at = 0;
        while stream.is_good()
            && let Some(&flag) = format.get(at)
        {
            at += 1;
            if !command.has_started {
                match flag {
                    b'%' => command.has_started = true,
                    it if is_space(it) => stream.spaces(),
                    _ => stream.byte(flag),
                }
                continue;
            }
            match (flag, command.modifier) {
                (b'E' | b'O', None) => {
                    command.modifier = Some(flag);
                    continue;
                }
                (b'0'..=b'9', None) if command.width.is_none() => {
                    let mut width = i32::from(flag - b'0');
                    while let Some(digit @ b'0'..=b'9') = format.get(at) {
                        width = width.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'));
                        at += 1;
                    }
                    // The number that stands for none.
                    command.width = (width != -1).then_some(width);
                    continue;
                }
                (b'n' | b't', _) => match stream.peek() {
                    Some(it) if is_space(it) => stream.skip(),
                    Some(_) if flag == b't' => {}
                    // At the end the flag stays under way, which makes no difference any more.
                    None if flag == b't' => continue,
                    _ => stream.fail(),
                },
                (b'Z', None) => {
                    if abbreviation_len != 0 {
                        stream.fail();
                    }
                    while stream.is_good() {
                        match stream.ahead() {
                            None => stream.end(),
                            Some(it) if it.is_ascii_alphanumeric() || b"_/-+".contains(&it) => {
                                stream.skip();
                                abbreviation_len += 1;
                            }
                            Some(_) => break,
                        }
                    }
                    if abbreviation_len == 0 {
                        stream.fail();
                    }
                }
                (b'%', None) => stream.byte(b'%'),
                _ => self.read_flag(stream, flag, command, &mut time)?,
            }
            command = Command::default();
        }
        if stream.is_good() && command.has_started {
            command.literal(stream, None);
        }
        if !stream.is_good() && at < format.len() {
            stream.fail();
        }
        (!stream.has_failed()).then_some(())
    }

    /// Reads what a flag stands for. `None` ends it all; else the stream knows whether it has failed.
    fn read_flag(
        &mut self,
        stream: &mut Stream<'_>,
        flag: u8,
        command: Command,
        time: &mut Time,
    ) -> Option<()> {
        let uses_facet = match (flag, command.modifier) {
            (b'a' | b'A' | b'b' | b'B' | b'h' | b'c' | b'x' | b'X' | b'r', _)
            | (b'C' | b'y', Some(_))
            | (b'd' | b'e' | b'H' | b'M' | b'm' | b'S' | b'u' | b'w', Some(b'O'))
            | (b'Y', Some(b'E')) => true,
            (b'p', None) => {
                if self.twelve == 0 {
                    return None;
                }
                *time = Time { hour: self.twelve, ..Time::default() };
                true
            }
            _ => false,
        };
        if uses_facet {
            // Its formats have no widths.
            let conversion = if command.width.is_some() { 0 } else { flag };
            let had_failed = stream.has_failed();
            stream.facet(time, conversion);
            if stream.has_failed() && !had_failed {
                return (flag != b'p').then_some(());
            }
            self.take(flag, *time);
            return Some(());
        }
        if command.modifier.is_some() && flag != b'z' {
            command.literal(stream, Some(flag));
            return Some(());
        }
        let set = |field: &mut i32, value: Option<i32>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        match flag {
            b'C' => set(&mut self.century, stream.signed(command.digits(2))),
            b'D' => {
                set(&mut self.month, stream.unsigned(Digits(1, 2)));
                self.then(stream, b'/', |it, stream| set(&mut it.day, stream.unsigned(Digits(1, 2))));
                self.then(stream, b'/', |it, stream| set(&mut it.short_year, stream.signed(Digits(1, 2))));
            }
            b'F' => {
                set(&mut self.year, stream.signed(command.digits(4)));
                self.then(stream, b'-', |it, stream| set(&mut it.month, stream.unsigned(Digits(1, 2))));
                self.then(stream, b'-', |it, stream| set(&mut it.day, stream.unsigned(Digits(1, 2))));
            }
            b'd' | b'e' => set(&mut self.day, stream.signed(command.digits(2))),
            b'H' => set(&mut self.hour, stream.unsigned(command.digits(2))),
            b'I' => {
                set(&mut self.twelve, stream.signed(command.digits(2)));
                if self.twelve != 0 && !(1..=12).contains(&self.twelve) {
                    return None;
                }
            }
            b'j' => set(&mut self.day_of_year, stream.unsigned(command.digits(3))),
            b'M' => set(&mut self.minute, stream.unsigned(command.digits(2))),
            b'm' => set(&mut self.month, stream.signed(command.digits(2))),
            b'R' | b'T' => {
                let hour = stream.unsigned(Digits(1, 2));
                let mut minute = None;
                self.then(stream, b':', |_, stream| minute = stream.unsigned(Digits(1, 2)));
                let mut seconds = None;
                if flag == b'T' {
                    self.then(stream, b':', |_, stream| seconds = stream.seconds(Digits(1, 12)));
                }
                if let (Some(hour), Some(minute)) = (hour, minute)
                    && !stream.has_failed()
                {
                    (self.hour, self.minute) = (hour, minute);
                    self.nanoseconds = seconds.unwrap_or(self.nanoseconds);
                }
            }
            b'S' => {
                if let Some(seconds) = stream.seconds(command.digits(12)) {
                    self.nanoseconds = seconds;
                }
            }
            b'Y' => set(&mut self.year, stream.signed(command.digits(4))),
            b'y' => set(&mut self.short_year, stream.unsigned(command.digits(2))),
            b'g' => set(&mut self.short_week_year, stream.unsigned(command.digits(2))),
            b'G' => set(&mut self.week_year, stream.signed(command.digits(4))),
            b'U' => set(&mut self.sunday_week, stream.unsigned(command.digits(2))),
            b'V' => set(&mut self.week, stream.unsigned(command.digits(2))),
            b'W' => set(&mut self.monday_week, stream.unsigned(command.digits(2))),
            b'u' | b'w' => {
                set(&mut self.weekday, stream.unsigned(command.digits(1)));
                if !stream.has_failed() && flag == b'u' && self.weekday == 7 {
                    self.weekday = 0;
                }
            }
            b'z' => {
                let has_colon = command.modifier.is_some();
                stream.signed(Digits(if has_colon { 1 } else { 2 }, 2));
                if has_colon && !stream.has_failed() {
                    stream.byte(b':');
                }
                stream.unsigned(Digits(2, 2));
            }
            _ => command.literal(stream, Some(flag)),
        }
        Some(())
    }

    /// A separator and what follows it, unless something has failed.
    fn then(
        &mut self,
        stream: &mut Stream<'_>,
        separator: u8,
        read: impl FnOnce(&mut Self, &mut Stream<'_>),
    ) {
        if stream.has_failed() {
            return;
        }
        stream.byte(separator);
        if !stream.has_failed() {
            read(self, stream);
        }
    }

    /// Takes over what the facet has read for a flag.
    fn take(&mut self, flag: u8, time: Time) {
        let year = time.year + 1900;
        if matches!(flag, b'c' | b'x') {
            (self.year, self.month, self.day) = (year, time.month + 1, time.day);
        }
        if matches!(flag, b'c' | b'X' | b'r') {
            (self.hour, self.minute) = (time.hour, time.minute);
            self.nanoseconds = i64::from(time.second) * 1_000_000_000;
        }
        match flag {
            b'a' | b'A' | b'u' | b'w' => self.weekday = time.weekday,
            b'b' | b'B' | b'h' | b'm' => self.month = time.month + 1,
            b'C' => self.century = (if year >= 0 { year } else { year - 99 }) / 100,
            b'd' | b'e' => self.day = time.day,
            b'H' => self.hour = time.hour,
            b'M' => self.minute = time.minute,
            b'p' => {
                self.hour = time.hour;
                self.twelve = 0;
            }
            b'S' => self.nanoseconds = i64::from(time.second) * 1_000_000_000,
            b'y' | b'Y' => self.year = year,
            _ => {}
        }
    }

    /// Puts the fields together; `None` where they contradict each other or are no time.
    fn time(mut self) -> Option<i64> {
        if self.short_year != NO_SHORT_YEAR {
            self.year = self.whole_year(self.short_year, self.year)?;
        }
        if self.short_week_year != NO_SHORT_YEAR {
            self.week_year = self.whole_year(self.short_week_year, self.week_year)?;
        }
        if self.week_year != NO_YEAR {
            if self.week == NO_WEEK || self.weekday == NO_WEEKDAY {
                return None;
            }
            let days = week_year_start(self.week_year as i16)
                .wrapping_add(self.week.wrapping_sub(1).wrapping_mul(7))
                .wrapping_add(weekday_distance(self.weekday as u8, 1));
            let date = Date::from_days(days);
            if self.year == NO_YEAR {
                self.year = date.year.into();
            }
            self.agree(date)?;
        }
        if self.year != NO_YEAR {
            let year = self.year as i16;
            if self.day_of_year != 0 {
                let start = Date { year, month: 1, day: 1 }.days();
                let date = Date::from_days(start.wrapping_add(self.day_of_year.wrapping_sub(1)));
                // The year may be another one.
                self.agree(Date { year, ..date })?;
            }
            for (week, first) in [(self.sunday_week, 0), (self.monday_week, 1)] {
                if week == NO_WEEK {
                    continue;
                }
                if self.weekday == NO_WEEKDAY {
                    return None;
                }
                let weekday = self.weekday as u8;
                let days = if week == 0 {
                    last_weekday(self.year.wrapping_sub(1) as i16, weekday)
                } else {
                    first_weekday(year, first)
                        .wrapping_add(week.wrapping_sub(1).wrapping_mul(7))
                        .wrapping_add(weekday_distance(weekday, first))
                };
                self.agree(Date::from_days(days))?;
            }
        }
        let date = Date::cut(self.year, self.month, self.day);
        if !date.exists() || (self.weekday != NO_WEEKDAY && self.weekday as u8 != weekday(date.days())) {
            return None;
        }
        // Wraps around as production's multiplications do.
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        let time = minutes.wrapping_mul(60_000_000_000);
        let is_time = (0..DAY).contains(&time) && self.nanoseconds < 60_000_000_000;
        let days = i64::from(date.days()).wrapping_mul(DAY);
        is_time.then(|| days.wrapping_add(time).wrapping_add(self.nanoseconds))
    }

    /// A year of two digits, of the century that is given or that the whole year, if given, is in; the two must agree.
    fn whole_year(&mut self, short: i32, whole: i32) -> Option<i32> {
        if !(0..=99).contains(&short) {
            return None;
        }
        if self.century == NO_CENTURY {
            self.century = match whole {
                NO_YEAR => 20 - i32::from(short >= 69),
                0.. => whole / 100,
                _ => (whole - 100) / 100,
            };
        }
        let year = if self.century >= 0 {
            self.century.wrapping_mul(100).wrapping_add(short)
        } else {
            let below = if short == 0 { 100 } else { short };
            self.century.wrapping_add(1).wrapping_mul(100).wrapping_sub(below)
        };
        (whole == NO_YEAR || whole == year).then_some(year)
    }

    /// Fills in month and day, or checks that they agree.
    fn agree(&mut self, date: Date) -> Option<()> {
        if self.year as i16 != date.year {
            return None;
        }
        if self.month == 0 {
            self.month = date.month.into();
        }
        if self.day == 0 {
            self.day = date.day.into();
        }
        (self.month as u8 == date.month && self.day as u8 == date.day).then_some(())
    }
}
