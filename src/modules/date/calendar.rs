//! The civil calendar with the widths production's library has: years of 16 bits, months and days of 8, days of 32.
//!
//! Dates that do not exist are converted as well; scripts count on day 32 being the next month's first.

/// Days, hours and so on in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;
/// A minute.
pub const MINUTE: i64 = 60 * SECOND;
/// An hour.
pub const HOUR: i64 = 60 * MINUTE;
/// A day.
pub const DAY: i64 = 24 * HOUR;

/// A date, which need not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The lowest stands for none.
    pub year: i16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

impl Date {
    /// A date of numbers of any size, cut to what fits.
    pub fn cut(year: i32, month: i32, day: i32) -> Date {
        Date { year: year as i16, month: month as u8, day: day as u8 }
    }

    /// Whether it is in the calendar.
    pub fn exists(self) -> bool {
        self.year != i16::MIN && (1..=last_day(self.year, self.month)).contains(&self.day)
    }

    /// Days since 1970.
    pub fn days(self) -> i32 {
        let year = i32::from(self.year) - i32::from(self.month <= 2);
        let month = u32::from(self.month);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400) as u32;
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = ((153 * from_march + 2) / 5).wrapping_add(u32::from(self.day)).wrapping_sub(1);
        let day_of_era = (year_of_era * 365 + year_of_era / 4 - year_of_era / 100).wrapping_add(day_of_year);
        (era * 146_097).wrapping_add(day_of_era as i32) - 719_468
    }

    /// The date that many days after 1970 began.
    pub fn from_days(days: i32) -> Date {
        let days = i64::from(days) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Date { year: year as i16, month: month as u8, day: day as u8 }
    }
}

/// The last day of a month, 0 where there is none.
fn last_day(year: i16, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// The weekday of a day since 1970, Sunday being 0.
pub fn weekday(days: i32) -> u8 {
    (i64::from(days) + 4).rem_euclid(7) as u8
}

/// How many days the first weekday is after the second. There may be more than seven of them.
pub fn weekday_distance(of: u8, from: u8) -> i32 {
    let difference = u32::from(of).wrapping_sub(from.into());
    if difference <= 6 { difference as i32 } else { difference.wrapping_add(7) as i32 }
}

/// The first such weekday of a year.
pub fn first_weekday(year: i16, day: u8) -> i32 {
    let start = Date { year, month: 1, day: 1 }.days();
    start.wrapping_add(weekday_distance(day, weekday(start)))
}

/// The last such weekday of a year.
pub fn last_weekday(year: i16, day: u8) -> i32 {
    let end = Date { year, month: 12, day: 31 }.days();
    end.wrapping_sub(weekday_distance(weekday(end), day))
}

/// The Monday that starts the year whose weeks belong to the year of their Thursday.
pub fn week_year_start(year: i16) -> i32 {
    last_weekday(year.wrapping_sub(1), 4).wrapping_add(4)
}

/// That year, of a day.
pub fn week_year(days: i32) -> i16 {
    let year = Date::from_days(days.wrapping_add(3)).year;
    if days < week_year_start(year) { year.wrapping_sub(1) } else { year }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for days in (-800_000..800_000).step_by(97) {
            let date = Date::from_days(days);
            assert!(date.exists(), "{date:?}");
            assert_eq!(date.days(), days, "{date:?}");
        }
        assert_eq!(Date::cut(2017, 9, 31).days(), Date::cut(2017, 10, 1).days());
        assert_eq!(Date::cut(2017, 3, 0).days(), Date::cut(2017, 2, 28).days());
        assert!(!Date::cut(2017, 2, 29).exists() && Date::cut(2016, 2, 29).exists());
    }

    #[test]
    fn weeks_belong_to_their_thursdays_year() {
        let year = |year, month, day| week_year(Date::cut(year, month, day).days());
        assert_eq!([year(2016, 1, 3), year(2016, 1, 4), year(2018, 12, 31)], [2015, 2016, 2019]);
    }
}
