//! `os` as production has it, on the run's own clock and in UTC.
//!
//! `os.time`, `os.date` and `os.clock` see the virtual wall clock in [`crate::vm::Meter`]; the functions that touch
//! the machine are the vendored ones, which an analysis sandbox removes after loading.

use std::ffi::CStr;

use super::{HostFn, Lua, host_call, library, stock_functions};
use crate::vm::{
    Type,
    date::{self, Date, DateTable},
};

const NANOSECONDS: i64 = 1_000_000_000;

library! {
    pub fn open_os = c"os", functions()
}

fn functions() -> Vec<(&'static CStr, HostFn)> {
    let mut res = stock_functions(
        "os",
        &[
            c"clock",
            c"date",
            c"difftime",
            c"execute",
            c"exit",
            c"getenv",
            c"remove",
            c"rename",
            c"setlocale",
            c"time",
            c"tmpname",
        ],
    );
    for (name, ours) in [(c"clock", clock as HostFn), (c"date", os_date), (c"time", time)] {
        if let Some(entry) = res.iter_mut().find(|(it, _)| *it == name) {
            entry.1 = ours;
        }
    }
    res
}

/// The virtual wall clock in whole seconds.
fn now(lua: Lua<'_>) -> i64 {
    lua.context().meter.now_ns.div_euclid(NANOSECONDS)
}

host_call! {
    fn clock(lua) {
        let meter = &lua.context().meter;
        let elapsed = meter.now_ns.saturating_sub(meter.start_ns).max(0);
        lua.push_number(date::clock(elapsed as u64));
        1
    }
}

/// What `os.date` gives: plain data, as what leaves [`Lua::work`] must be. A text waits in the scratch buffer.
#[derive(Clone, Copy)]
enum Answer {
    Nil,
    Table(date::BrokenTime),
    Text,
    Error,
}

host_call! {
    fn os_date(lua) {
        let format = if lua.is_none_or_nil(1) { date::DEFAULT_FORMAT } else { lua.check_bytes(1) };
        let time = if lua.is_none_or_nil(2) {
            now(lua)
        } else {
            date::time_of_number(lua.check_number(2))
        };
        let answer = lua.work(|context| match date::date(format, time) {
            Ok(Date::Nil) => Answer::Nil,
            Ok(Date::Table(broken)) => Answer::Table(broken),
            Ok(Date::Text(text)) => {
                context.scratch = text;
                Answer::Text
            }
            Err(error) => {
                context.scratch = error.text();
                Answer::Error
            }
        });
        match answer {
            Answer::Nil => lua.push_nil(),
            Answer::Table(broken) => {
                lua.new_table(0, 9);
                for (name, value) in broken.fields() {
                    lua.push_bytes(name.as_bytes());
                    lua.push_number(f64::from(value));
                    lua.raw_set(-3);
                }
                lua.push_boolean(false);
                lua.set_field(-2, c"isdst");
            }
            Answer::Text => lua.push_scratch(),
            Answer::Error => {
                lua.push_scratch();
                lua.arg_error_on_top(1);
            }
        }
        1
    }
}

/// A field of the table at index 1 as C's int.
fn field(lua: Lua<'_>, name: &CStr) -> Option<i32> {
    lua.get_field(1, name);
    let res = lua.is_number(-1).then(|| lua.to_integer(-1) as i32);
    lua.pop(1);
    res
}

host_call! {
    fn time(lua) {
        if lua.is_none_or_nil(1) {
            lua.push_number(now(lua) as f64);
            return 1;
        }
        lua.check_type(1, Type::Table);
        lua.set_top(1);
        lua.get_field(1, c"isdst");
        let isdst = (lua.type_at(-1) != Type::Nil).then(|| lua.to_boolean(-1));
        lua.pop(1);
        let table = DateTable {
            sec: field(lua, c"sec"),
            min: field(lua, c"min"),
            hour: field(lua, c"hour"),
            day: field(lua, c"day"),
            month: field(lua, c"month"),
            year: field(lua, c"year"),
            isdst,
        };
        let (answer, is_error) = lua.work(|context| match date::time(&table) {
            Ok(answer) => (answer, false),
            Err(error) => {
                context.scratch = error.text();
                (None, true)
            }
        });
        if is_error {
            lua.lend(|context| &mut context.scratch, |text| lua.raise_parts(&[text]));
        }
        match answer {
            Some(seconds) => lua.push_number(seconds),
            None => lua.push_nil(),
        }
        1
    }
}
