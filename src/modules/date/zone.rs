//! Time zones, from the database in the program: the same everywhere, whatever the machine has.

use std::{fmt::Write as _, sync::LazyLock};

use jiff::{
    Timestamp,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};

use super::{calendar::SECOND, format};

/// The database in the program. It never changes; what it keeps is what it has unpacked.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone.
pub struct Zone(TimeZone);

/// What a zone has at one time.
pub struct Info {
    /// Seconds east of UTC.
    pub offset: i64,
    /// `CEST`, or digits where there is no name.
    pub abbreviation: String,
}

impl Zone {
    /// The zone of that name, in its own spelling; or production's words.
    pub fn find(name: &[u8]) -> Result<Zone, Vec<u8>> {
        let found = std::str::from_utf8(name).ok().and_then(|name| {
            let zone = DATABASE.get(name).ok()?;
            (zone.iana_name() == Some(name)).then_some(zone)
        });
        found.map(Zone).ok_or_else(|| [name, b" not found in timezone database"].concat())
    }

    /// What holds at a time, in nanoseconds since 1970.
    pub fn info(&self, ns: i64) -> Info {
        self.info_at(instant(ns.div_euclid(SECOND)))
    }

    fn info_at(&self, at: Timestamp) -> Info {
        let info = self.0.to_offset_info(at);
        Info { offset: info.offset().seconds().into(), abbreviation: info.abbreviation().to_owned() }
    }

    /// The local time of a time.
    pub fn local(&self, ns: i64) -> i64 {
        ns.wrapping_add(self.info(ns).offset * SECOND)
    }

    /// The time of a local time; in a gap or where the clock is turned back, production's words.
    pub fn time(&self, local: i64) -> Result<i64, Vec<u8>> {
        let seconds = local.div_euclid(SECOND);
        let civil = Offset::UTC.to_datetime(instant(seconds));
        let to_time = |offset: Offset| local.wrapping_sub(i64::from(offset.seconds()) * SECOND);
        match self.0.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => Ok(to_time(offset)),
            AmbiguousOffset::Fold { before, after } => {
                let mut words = String::new();
                let shown = format::time(local);
                let _ = write!(words, "{shown} is ambiguous.  It could be");
                for (offset, end) in [(before, " or"), (after, "")] {
                    let time = to_time(offset);
                    let (name, time) = (self.info(time).abbreviation, format::time(time));
                    let _ = write!(words, "\n{shown} {name} == {time} UTC{end}");
                }
                Err(words.into_bytes())
            }
            AmbiguousOffset::Gap { before, after } => {
                let inside = instant(seconds - i64::from(before.seconds()) + 1);
                let change = self.0.preceding(inside).next().map_or(inside, |it| it.timestamp());
                let [first, last] = [change.as_second() - 1, change.as_second()]
                    .map(|it| self.info_at(instant(it)).abbreviation);
                let at = |offset: i32| format::seconds(change.as_second() + i64::from(offset));
                Err(format!(
                    "{} is in a gap between\n{} {first} and\n{} {last} which are both equivalent to\n{} UTC",
                    format::time(local),
                    at(before.seconds()),
                    at(after.seconds()),
                    at(0),
                )
                .into_bytes())
            }
        }
    }
}

/// Seconds since 1970; nanoseconds of 64 bits are all in range.
fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}
