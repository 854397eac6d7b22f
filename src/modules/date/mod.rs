//! `date`: times as text and back, in any time zone (`lua_date` 0.0.1 over Howard Hinnant's date library of 2017).
//!
//! Times are nanoseconds since 1970 in 64 bits, and wrap around where production's do.
//!
//! * [`calendar`]: days and dates. [`zone`]: time zones. [`format`]: text from times.
//! * [`parse`]: times from text, over [`scan`], which reads as C++'s streams do.
//! * Here: the functions scripts call, with production's argument checks in production's order.
//!
//! Production reads its zones from the folder that `IANA_TZDATA` names; here they are in the program, so that a replay is the
//! same on every machine. Locales are those of a machine, too: only `C` and `POSIX` exist.

mod calendar;
mod format;
mod parse;
mod scan;
mod zone;

use std::ffi::{CStr, c_int};

use self::{
    calendar::{DAY, Date, HOUR, MINUTE, SECOND},
    format::Parts,
    zone::Zone,
};
use crate::{
    sandbox::{Kind, NativeModule},
    vm::{Lua, Type, cformat, host_call, lua::until_nul},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "date", open, io_only: false, version: "0.0.1", kind: Kind::BuiltIn };

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        lua.register(Some(c"date"), &[(c"floor", floor), (c"format", format_time), (c"get", get), (c"time", time)]);
        1
    }
}

/// The text at argument `n`, or the default for nothing and nil.
fn opt_text<'l>(lua: Lua<'l>, n: c_int, default: &'static [u8]) -> &'l [u8] {
    if lua.is_none_or_nil(n) { default } else { until_nul(lua.check_bytes(n)) }
}

/// The time at argument 1.
fn check_time(lua: Lua<'_>) -> i64 {
    cformat::c_int64(lua.check_number(1))
}

/// Runs what may fail in words, which are raised without a position.
fn run<R: Copy>(lua: Lua<'_>, what: impl FnOnce(&mut Vec<u8>) -> Result<R, Vec<u8>>) -> R {
    let res = lua.work(|context| {
        context.scratch.clear();
        what(&mut context.scratch).map_err(|words| context.scratch = words).ok()
    });
    match res {
        Some(res) => res,
        None => {
            lua.push_scratch();
            lua.throw();
        }
    }
}

/// The zone of that name; its name was an argument.
fn check_zone(lua: Lua<'_>, name: &[u8]) {
    run(lua, |_| Zone::find(name).map(|_| ()));
}

fn check_locale(lua: Lua<'_>, name: &[u8]) {
    run(lua, |_| match name {
        b"" | b"C" | b"POSIX" => Ok(()),
        _ => Err(b"locale::facet::_S_create_c_locale name not valid".to_vec()),
    });
}

host_call! {
    fn time(lua) {
        let kind = lua.type_at(1);
        let n = match kind {
            Type::String => {
                lua.check_type(2, Type::String);
                3
            }
            Type::Table | Type::None => 2,
            _ => lua.type_error(1, c"string, table, none"),
        };
        if !matches!(lua.type_at(n), Type::None | Type::Nil | Type::String) {
            lua.type_error(n, c"none, nil, string");
        }
        let name = opt_text(lua, n, b"UTC");
        check_zone(lua, name);
        check_locale(lua, opt_text(lua, n + 1, b"C"));
        let local = match kind {
            Type::String => {
                let text = until_nul(lua.check_bytes(1));
                let format = until_nul(lua.check_bytes(2));
                lua.spend((text.len() + format.len()) as u64);
                run(lua, |_| parse::parse(text, format).ok_or_else(|| b"parse failed".to_vec()))
            }
            Type::Table => time_of_table(lua),
            _ => {
                lua.push_number(lua.context().meter.now_ns as f64);
                return 1;
            }
        };
        let time = run(lua, |_| Zone::find(name)?.time(local));
        lua.push_number(time as f64);
        1
    }
}

/// The local time of the fields of the table at argument 1.
fn time_of_table(lua: Lua<'_>) -> i64 {
    let field = |name: &CStr| {
        lua.get_field(1, name);
        let (whole, number) = (lua.to_integer(-1) as i32, lua.to_number(-1));
        lua.pop(1);
        (whole, number)
    };
    let whole = |name: &CStr| field(name).0;
    let (year, month, day) = (whole(c"year"), whole(c"month"), whole(c"day"));
    let days = i64::from(Date::cut(year, month, day).days());
    let seconds = [(c"hour", 3600), (c"min", 60), (c"sec", 1)]
        .into_iter()
        .fold(days.wrapping_mul(86400), |sum, (name, unit)| sum.wrapping_add(i64::from(whole(name)) * unit));
    let fraction = cformat::c_int64(field(c"sec_frac").1 * 1e9);
    seconds.wrapping_mul(SECOND).wrapping_add(fraction)
}

host_call! {
    fn format_time(lua) {
        let ns = check_time(lua);
        let format = until_nul(lua.check_bytes(2));
        let name = opt_text(lua, 3, b"UTC");
        let locale = opt_text(lua, 4, b"C");
        check_zone(lua, name);
        check_locale(lua, locale);
        lua.spend(format.len() as u64);
        run(lua, |out| {
            format::write(format, &Zone::find(name)?, ns, out);
            Ok(())
        });
        lua.push_scratch();
        1
    }
}

host_call! {
    fn floor(lua) {
        let ns = check_time(lua);
        let unit = lua.check_option(2, Some(c"day"), &[c"day", c"hour", c"minute", c"second"]);
        let unit = [DAY, HOUR, MINUTE, SECOND][unit];
        let name = opt_text(lua, 3, b"UTC");
        let time = run(lua, |_| {
            let zone = Zone::find(name)?;
            zone.time(format::floor(zone.local(ns), unit))
        });
        lua.push_number(time as f64);
        1
    }
}

const COMPONENTS: [&CStr; 8] = [c"year", c"month", c"day", c"hour", c"min", c"sec", c"sec_frac", c"wday"];

host_call! {
    fn get(lua) {
        let ns = check_time(lua);
        let component = match lua.type_at(2) {
            Type::Table => None,
            Type::String => Some(lua.check_option(2, None, &COMPONENTS)),
            _ => lua.type_error(2, c"table, string"),
        };
        let name = opt_text(lua, 3, b"UTC");
        let parts = run(lua, |_| Ok(Parts::new(Zone::find(name)?.local(ns))));
        let value = |component: usize| match component {
            0 => f64::from(parts.date.year),
            1 => f64::from(parts.date.month),
            2 => f64::from(parts.date.day),
            3 => parts.hour as f64,
            4 => parts.minute as f64,
            5 => parts.second as f64,
            6 => parts.nanosecond as f64 / 1e9,
            _ => f64::from(format::lua_weekday(&parts)),
        };
        // The fraction is the difference to the whole second's time, which a turned-back clock makes ambiguous.
        let check_fraction = || {
            run(lua, |_| {
                let zone = Zone::find(name)?;
                zone.time(format::floor(zone.local(ns), SECOND))
            });
        };
        if let Some(component) = component {
            if component == 6 {
                check_fraction();
            }
            lua.push_number(value(component));
            return 1;
        }
        lua.push_value(2);
        for component in [7, 0, 1, 2, 3, 4, 5, 6] {
            if component == 6 {
                check_fraction();
            }
            lua.push_number(value(component));
            lua.set_field(-2, COMPONENTS[component]);
        }
        1
    }
}
